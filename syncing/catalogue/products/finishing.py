"""What is remembered of a product once all of it was written: at once, or when a bulk operation has told so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from stores.models import Connection, ProductLink
from stores.shopify.instants import instant_or_none
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue import referred_files
from syncing.catalogue.claims import claim, claim_each
from syncing.catalogue.outcome import Action, Blocked, Outcome, outcome_of
from syncing.catalogue.products.cases import Case, Written
from syncing.catalogue.products.remarks import remarks_of, rows_of
from syncing.catalogue.products.writes.own_variants import is_settled, remember, with_hold
from syncing.catalogue.rules.desired import awaited
from syncing.catalogue.rules.fields import Policy
from syncing.catalogue.rules.parts.made import Desired, Verdict
from syncing.models import CatalogueRunItem

Ending = dict[str, Any]
STUCK = (ProductLink.State.CONFLICT, ProductLink.State.FAILED, ProductLink.State.WAITING)


def ending_of(row: Written) -> Ending:
    """All that is to be remembered, for a JSON column."""
    case, desired = row.case, row.verdict.desired
    is_open = desired.awaits_images or row.retry_at or not is_settled(case.link, row.verdict)
    return {
        "written": desired.written,
        "reason": remarks_of(desired),
        "awaits": list(desired.awaits),
        "title": case.record.title[:512],
        "handle": case.record.handle[:255],
        "source_updated_at": _text(case.record.updated_at),
        "equal_at": _text(row.equal_at),
        "retry_at": _text(row.retry_at),
        "publish_at": desired.due_at,
        "mark": "" if is_open else case.mark,
        "action": row.action,
        "differences": list(rows_of(desired)),
    }


def _text(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def finish(connection: Connection, link: ProductLink, ending: Ending, verdict: Verdict, at: datetime | None) -> Outcome:
    """Remember it. `at` is the destination's own instant of the last write. Raises Blocked."""
    _note(connection, link, ending, verdict, at)
    claim(link, link.destination_gid, ProductLink.State.LINKED, ending["mark"])
    return _outcome(link, ending)


def finish_row(connection: Connection, row: Written, at: datetime | None) -> Outcome:
    """As `finish`, of what was written just now."""
    return with_hold(finish(connection, row.case.link, ending_of(row), row.verdict, at), row.verdict)


def awaiting_images(rows: Sequence[Written]) -> set[str]:
    """Those of these products, by their source gids, whose images are not ready."""
    return {row.case.record.gid for row in rows if row.verdict.desired.awaits_images}


@dataclass(frozen=True)
class Ended:
    """A product all of whose calls were made, as `finish` takes it."""

    link: ProductLink
    ending: Ending
    verdict: Verdict
    at: datetime | None


def finish_each(
    connection: Connection, rows: Sequence[Written], at: datetime | None
) -> tuple[list[Outcome], dict[int, Blocked]]:
    """As `finish_row` of each of these, at once: what came of them, and, by their links, which are Blocked."""
    return end_each(connection, [Ended(row.case.link, ending_of(row), row.verdict, at) for row in rows])


def end_each(connection: Connection, ended: Sequence[Ended]) -> tuple[list[Outcome], dict[int, Blocked]]:
    """As `finish` of each of these, with what waits for an operator."""
    for one in ended:
        _note(connection, one.link, one.ending, one.verdict, one.at)
        one.link.fingerprint = one.ending["mark"]
    blocked = claim_each([one.link for one in ended], ProductLink.State.LINKED)
    done = [one for one in ended if one.link.pk not in blocked]
    return [with_hold(_outcome(one.link, one.ending), one.verdict) for one in done], blocked


def _note(connection: Connection, link: ProductLink, ending: Ending, verdict: Verdict, at: datetime | None) -> None:
    link.written, link.reason, link.awaits = ending["written"], ending["reason"], ending["awaits"]
    if ending["action"] != Action.EQUAL or link.synced_at is None:
        link.synced_at = at or timezone.now()  # compared with the store's own instants
    referred_files.want(connection, link.awaits)
    note_return(link)
    link.title, link.handle = ending["title"], ending["handle"]
    link.source_updated_at = instant_or_none(ending["source_updated_at"])
    link.note_destination(instant_or_none(ending["equal_at"]))
    link.retry_at, link.publish_at = instant_or_none(ending["retry_at"]), instant_or_none(ending["publish_at"])
    remember(link, verdict)


def _outcome(link: ProductLink, ending: Ending) -> Outcome:
    outcome = outcome_of(link, ending["action"], CatalogueRunItem.Outcome.DONE, link.reason, title=ending["title"])
    return replace(outcome, differences=tuple(ending["differences"]))


def leave(case: Case, state: str, reason: str, due_at: datetime | None, *, is_failure: bool) -> None:
    """Remember that nothing more is done about a product, and why."""
    link = case.link
    link.state, link.reason = state, reason
    link.fingerprint = "" if is_failure else case.mark
    if state == ProductLink.State.UNMATCHED:
        link.destination_gid, link.is_created, link.written = "", False, {}
    link.note_source(case.record)
    note_return(link)
    link.retry_at = due_at
    link.save()


def spare(case: Case, partner: ProductRecord, reason: str) -> None:
    """Link what was there already, and is not touched. Raises Blocked."""
    case.link.reason = reason
    case.link.note_source(case.record)
    note_return(case.link)
    case.link.note_destination(partner.updated_at)
    claim(case.link, partner.gid, ProductLink.State.LINKED, case.mark)


def note_unchanged(link: ProductLink, record: ProductRecord, policy: Policy) -> None:
    """Remember of a product whose partner needs nothing what it still waits for, and its names."""
    if link.awaits:
        ProductLink.objects.filter(pk=link.pk).update(awaits=awaited(record, policy, link.awaits))
    if link.source_updated_at != record.updated_at:
        link.note_source(record)
        link.save(update_fields=["title", "handle", "source_updated_at", "changed_at"])


def note_return(link: ProductLink) -> None:
    """It follows, whatever had become of it before. Saves nothing.

    The channels that it was taken from stay known until it could be put back on them.
    """
    link.departure, link.unlink_done, link.unlinked_at, link.retry_at = "", "", None, None
    if link.state not in STUCK:
        link.unpublished_from = []


def verdict_of(is_hidden: bool) -> Verdict:
    """What of a verdict is remembered of a product that lost nothing."""
    return Verdict(Desired(is_new=False, is_hidden=is_hidden))
