"""Decisions of people about matches are remembered with what was before, and can be taken back for a while.

An undo takes exactly those matches back that nobody and nothing changed since, under the lock of all writes of links to
the destination; of the others it says why they are left alone. What becomes of quantities that a link brought on sale
is asked by whoever calls, as wherever links end: nothing of it is decided here.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from stores.linking import rows as link_rows
from stores.linking import suggestions
from stores.models import Connection, DecidedMatch, MatchDecision, Variant, VariantLink

UNDO_WITHIN = timedelta(days=1)
CHANGED = "It was changed since."
GONE = "It was deleted since."
State = VariantLink.State


@dataclass
class Recorder:
    """Within `recorded`: what was decided is noted by `done`; `decision` is the row of it afterwards, if any."""

    before: dict[int, DecidedMatch]
    decided: list[VariantLink] = field(default_factory=list)
    decision: MatchDecision | None = None

    def done(self, link: VariantLink) -> None:
        """This one was decided; the row has what it became."""
        self.decided.append(link)


@contextmanager
def recorded(kind: str, by: AbstractBaseUser, links: Iterable[VariantLink]) -> Iterator[Recorder]:
    """Within the block some of these links are decided: they are remembered as one decision, that can be undone.

    Also when the block fails midway: what it had decided by then stands.
    """
    recorder = Recorder(_before(list(links)))
    try:
        yield recorder
    finally:
        if recorder.decided:
            recorder.decision = _save(kind, by, recorder)


def _before(links: Collection[VariantLink]) -> dict[int, DecidedMatch]:
    pks = [link.pk for link in links]
    candidates: dict[int, list[int]] = {}
    through = VariantLink.candidates.through.objects.filter(variantlink__in=pks)
    for link_pk, variant_pk in through.values_list("variantlink", "variant"):
        candidates.setdefault(link_pk, []).append(variant_pk)
    return {
        row.pk: DecidedMatch(
            link_id=row.pk,
            before_state=row.state,
            before_partner_id=row.destination_variant_id,
            before_reason=row.reason,
            before_is_manual=row.is_manual,
            before_candidates=candidates.get(row.pk, []),
        )
        for row in VariantLink.objects.filter(pk__in=pks)
    }


def _save(kind: str, by: AbstractBaseUser, recorder: Recorder) -> MatchDecision:
    rows = []
    for link in recorder.decided:
        row = recorder.before[link.pk]
        row.after_state, row.after_partner_id = link.state, link.destination_variant_id
        row.after_reason = link.reason
        rows.append(row)
    with transaction.atomic():
        decision = MatchDecision.objects.create(kind=kind, made_by_id=by.pk)
        for row in rows:
            row.decision = decision
        DecidedMatch.objects.bulk_create(rows)
    return decision


@dataclass
class Undone:
    """The links that an undo took back, and those it left alone, each with the reason."""

    links: list[VariantLink] = field(default_factory=list)
    left: list[tuple[VariantLink, str]] = field(default_factory=list)


def can_be_undone(decision: MatchDecision) -> bool:
    """Whether it is young enough, and was not taken back."""
    return decision.undone_at is None and decision.made_at > timezone.now() - UNDO_WITHIN


def unchanged(rows: QuerySet[DecidedMatch]) -> tuple[list[DecidedMatch], list[tuple[DecidedMatch, str]]]:
    """Those that an undo would take back now, and those it would leave alone with the reason."""
    related = ("link__connection__source", "link__connection__destination", "link__source_variant__store")
    found = list(rows.select_related(*related, "before_partner").order_by("pk"))
    later = DecidedMatch.objects.filter(link__in=[row.link_id for row in found], undone_at=None)
    newest: dict[int, int] = {}
    for link_pk, pk in later.values_list("link", "pk"):
        newest[link_pk] = max(pk, newest.get(link_pk, 0))
    wanted = [row.before_partner_id for row in found if row.before_state == State.LINKED]
    claims = link_rows.load_claims([pk for pk in wanted if pk])
    good, left = [], []
    for row in found:
        if reason := _why_left(row, newest, claims):
            left.append((row, reason))
        else:
            good.append(row)
    return good, left


def _why_left(row: DecidedMatch, newest: dict[int, int], claims: dict[int, str]) -> str:
    link = row.link
    now = (link.state, link.destination_variant_id, link.reason, link.is_manual)
    if newest.get(link.pk, 0) > row.pk or now != (row.after_state, row.after_partner_id, row.after_reason, True):
        return CHANGED
    if link_rows.is_over(link.connection):
        return f"{link.connection} is disconnected."
    if row.before_state != State.LINKED:
        return ""
    if row.before_partner is None or row.before_partner.gone_at or link.source_variant.gone_at:
        return GONE
    claim = claims.get(row.before_partner.pk)
    return f"{row.before_partner} is linked to {claim} now." if claim else ""


def undo(decision: MatchDecision, rows: QuerySet[DecidedMatch], by: AbstractBaseUser) -> Undone:
    """Take these matches of a decision back, as far as they were not changed since. Safe to repeat: once."""
    result = Undone()
    with transaction.atomic():
        locked = MatchDecision.objects.select_for_update().get(pk=decision.pk)
        open_rows = rows.filter(decision=locked, undone_at=None, left_reason="")
        for destination in sorted(set(open_rows.values_list("link__connection__destination", flat=True))):
            link_rows.lock(destination)
        list(VariantLink.objects.filter(pk__in=open_rows.values("link")).order_by("pk").select_for_update(of=("self",)))
        good, left = unchanged(open_rows)
        _restore(good)
        for row, reason in left:
            row.left_reason = reason[:255]
        DecidedMatch.objects.bulk_update([row for row, _ in left], ["left_reason"])
        locked.undone_at, locked.undone_by_id = timezone.now(), by.pk
        locked.save(update_fields=["undone_at", "undone_by"])
        result.links, result.left = [row.link for row in good], [(row.link, reason) for row, reason in left]
    decision.refresh_from_db()
    return result


def _restore(rows: Collection[DecidedMatch]) -> None:
    now = timezone.now()
    by_connection: dict[Connection, list[int]] = {}
    alive = set(
        Variant.objects.filter(pk__in={pk for row in rows for pk in row.before_candidates}, gone_at=None).values_list(
            "pk", flat=True
        )
    )
    for row in rows:  # first let go of everything: two of these may have swapped their partners
        VariantLink.objects.filter(pk=row.link_id).update(state=State.UNMATCHED, destination_variant=None)
    for row in rows:
        link, row.undone_at = row.link, now
        link.state, link.destination_variant, link.reason = row.before_state, row.before_partner, row.before_reason
        link.is_manual = row.before_is_manual
        link.save(update_fields=["state", "destination_variant", "reason", "is_manual", "changed_at"])
        link.candidates.set([pk for pk in row.before_candidates if pk in alive])
        by_connection.setdefault(link.connection, []).append(link.source_variant_id)
    DecidedMatch.objects.bulk_update(rows, ["undone_at"])
    for connection, variants in by_connection.items():
        suggestions.refresh(connection, variants)
