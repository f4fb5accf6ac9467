"""What a run has to do: one item for each product, so that it can be resumed anywhere."""

from collections.abc import Callable, Container, Iterable, Iterator

from django.db.models import QuerySet

from stores import selecting
from stores.models import CatalogueSettings, ProductLink, SyncMode
from stores.selection import Decision
from stores.shopify.client import Client
from stores.shopify.products.product_heads import ProductHead
from syncing.catalogue import referred_files
from syncing.catalogue.policy import policy_of_today, pricing_digest, settings_digest
from syncing.catalogue.portions import portions
from syncing.catalogue.products import succession, unlinking
from syncing.catalogue.runs import edits_there, lists
from syncing.catalogue.runs.lists import list_products
from syncing.models import CatalogueRun, CatalogueRunItem

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
Kind, State = CatalogueRun.Kind, CatalogueRun.State
UnlinkReason = ProductLink.UnlinkReason

PLANNED = "planned"  # CatalogueRun.cursor once the plan is complete
WITHOUT_RATE = "There is no currency rate: prices are left as they are, and nothing new is made until there is one."


def plan(run: CatalogueRun, source: Client, destination: Client, must_end: Callable[[], bool]) -> set[str]:
    """Write the run's items, and hold those that would remove too much. `source` and `destination` are the clients.

    Returns products whose stock must be wired again, because they are not wanted. Raises NotYet where `must_end` asks
    for an end while a bulk query is waited for, and ShopifyError. Safe to repeat: what was planned before a crash is
    planned once.
    """
    settings = run.connection.catalogue
    ends = bool(run.begun_with.get("ends"))
    policy = policy_of_today(settings)
    run.begun_with |= {"prices": pricing_digest(policy), "settings": settings_digest(settings, policy)}
    left_out: set[str] = set()
    if run.kind == Kind.RETRY:
        _plan_retry(run)
    elif ends:
        _plan_unlinking(run, settings, _following(run).iterator(), UnlinkReason.DISCONNECTED.label)
    elif run.kind != Kind.UNLINK:
        left_out = _plan_all(run, settings, source, must_end)
        run.message = WITHOUT_RATE if policy.lacks_rate else ""
        if settings.product_mode != SyncMode.OFF:
            listing = list_products(run, run.connection.destination, destination, must_end)
            edits_there.find_edits(run.connection, listing.heads)
            if not run.is_preview:
                referred_files.forget_deleted(run.connection, destination)
    run.total, run.cursor = run.items.count(), PLANNED
    lists.forget(run)
    run.save(update_fields=["total", "cursor", "begun_with", "hold_reason", "message"])
    return left_out


def _following(run: CatalogueRun) -> QuerySet[ProductLink]:
    return run.connection.product_links.filter(state__in=unlinking.FOLLOWING).exclude(destination_gid="")


def _plan_retry(run: CatalogueRun) -> None:
    failed = run.retried.items.filter(outcome=Result.FAILED) if run.retried else CatalogueRunItem.objects.none()
    _add(run, (CatalogueRunItem(source_gid=row.source_gid, title=row.title, action=Action.UPDATE) for row in failed))


def _plan_all(run: CatalogueRun, settings: CatalogueSettings, source: Client, must_end: Callable[[], bool]) -> set[str]:
    listing = list_products(run, run.connection.source, source, must_end)
    by = selecting.chooser(run.connection)
    selecting.read_collections(run.connection.source, source, selecting.named_collections(by.selection, by.share))
    selecting.know_chosen(run.connection)
    by = selecting.chooser(run.connection)
    columns = ("connection", "source_gid", "destination_gid", "state", "is_created", "title", "handle")
    linked = {link.source_gid: link for link in _following(run).only(*columns)}
    # Where only stock follows, there is something to do for those alone that come back.
    back = run.connection.product_links.filter(state=ProductLink.State.UNLINKED).values_list("source_gid", flat=True)
    to_carry = set(back) if settings.product_mode == SyncMode.OFF else None
    departing: dict[str, tuple[ProductLink, str]] = {
        gid: (link, UnlinkReason.DELETED.label)
        for gid, link in linked.items()
        if listing.newest_link is None or link.pk <= listing.newest_link
    }
    left_out: set[str] = set()
    for portion in portions(listing.heads):
        heads = selecting.note_heads(run.connection.source, portion, listing.number)
        decided = [(head, by.decide(head.gid, head.tags, head.vendor, head.product_type)) for head in heads]
        for head, decision in decided:
            if decision.is_wanted:
                departing.pop(head.gid, None)
            elif head.gid in linked:
                departing[head.gid] = (linked[head.gid], decision.reason)
        staying = [(head, decision) for head, decision in decided if head.gid not in departing]
        _add(run, (_item(head, decision, head.gid in linked, to_carry) for head, decision in staying))
        if not run.is_preview:
            left_out |= _leave_out(run, decided)
    missing = [link for link, reason in departing.values() if reason == UnlinkReason.DELETED.label]
    if missing:
        moved = succession.settle_missing(run.connection, source, missing)
        departing = {gid: why for gid, why in departing.items() if gid not in moved}
        left_out |= set(moved.values())
    _hold_or_plan(run, settings, departing)
    return left_out


def _leave_out(run: CatalogueRun, decided: Iterable[tuple[ProductHead, Decision]]) -> set[str]:
    unwanted = {head.gid: (no.departure, no.reason, head.title) for head, no in decided if not no.is_wanted}
    return unlinking.leave_out(run.connection, unwanted) if unwanted else set()


def _item(head: ProductHead, decision: Decision, is_linked: bool, to_carry: set[str] | None) -> CatalogueRunItem:
    if decision.is_wanted and (to_carry is None or head.gid in to_carry):
        action = Action.UPDATE if is_linked else Action.CREATE
        return CatalogueRunItem(source_gid=head.gid, title=head.title[:512], action=action)
    item = CatalogueRunItem(source_gid=head.gid, title=head.title[:512], action=Action.SKIP, reason=decision.reason)
    item.outcome = Result.SKIPPED
    return item


def _hold_or_plan(
    run: CatalogueRun, settings: CatalogueSettings, departing: dict[str, tuple[ProductLink, str]]
) -> None:
    planned = {gid: unlinking.planned_action(settings, link, why) for gid, (link, why) in departing.items()}
    count = sum(action != Action.SKIP for action, _ in planned.values())
    run.hold_reason = (
        "" if run.is_released else unlinking.hold_reason(run.connection, count) or _held_before(run, departing)
    )
    _add(run, (_unlinking(run, departing[gid][0], *planned[gid]) for gid in planned))


def _held_before(run: CatalogueRun, departing: Container[str]) -> str:
    """Why an operator had been asked about some of these already, in the run whose place this one took: in words."""
    before = CatalogueRun.objects.filter(pk=run.begun_with.get("supersedes")).first()
    if before is None:
        return ""
    held = before.items.filter(outcome=Result.HELD).values_list("source_gid", flat=True)
    return before.hold_reason if any(gid in departing for gid in held) else ""


def _plan_unlinking(run: CatalogueRun, settings: CatalogueSettings, links: Iterable[ProductLink], why: str) -> None:
    _add(run, (_unlinking(run, link, *unlinking.planned_action(settings, link, why)) for link in links))


def _unlinking(run: CatalogueRun, link: ProductLink, action: str, why: str) -> CatalogueRunItem:
    is_held = bool(run.hold_reason) and action != Action.SKIP and not run.is_preview
    return CatalogueRunItem(
        source_gid=link.source_gid,
        destination_gid=link.destination_gid,
        title=link.title,
        action=action,
        reason=why,
        outcome=Result.HELD if is_held else Result.PLANNED,
    )


def _add(run: CatalogueRun, items: Iterator[CatalogueRunItem]) -> None:
    for portion in portions(items):
        for item in portion:
            item.run = run
        CatalogueRunItem.objects.bulk_create(portion, ignore_conflicts=True)
