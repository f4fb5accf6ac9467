"""One product after its webhook: carried, or let go of; what would remove too much at once waits in a held run."""

from dataclasses import dataclass, field

from django.db import transaction

from stores.clients import OpenClient
from stores.models import Connection, ProductLink
from stores.shopify.products import product_records
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.exclusive import Busy
from syncing.catalogue.outcome import Outcome, outcome_of
from syncing.catalogue.policy import selection_of, share_of
from syncing.catalogue.products import unlinking
from syncing.catalogue.products.exclusion import excluded_by
from syncing.catalogue.products.follower import ProductFollower
from syncing.catalogue.rules.selection import wants
from syncing.models import CatalogueRun, CatalogueRunItem
from syncing.stock import wiring

UnlinkReason = ProductLink.UnlinkReason
Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome


@dataclass
class Synced:
    """What became of a product. `is_wired`: its stock may have to be carried. `awaits_images`: look again soon."""

    outcome: Outcome | None = None
    is_wired: bool = False
    awaits_images: bool = field(default=False)


def sync_product(connection: Connection, open_client: OpenClient, product_gid: str) -> Synced:
    """Carry one product of the source, or let go of it. Raises Busy, NoRate, GidError, ShopifyError. Safe to repeat."""
    record = product_records.read_whole_product(open_client(connection.source), product_gid)
    departure, why = unlinking_of(connection, record, excluded_by(connection, product_gid))
    if departure or record is None:
        title = record.title if record else ""
        return let_go(connection, open_client, product_gid, departure, why, title)
    follower = ProductFollower(connection, open_client)
    outcomes = list(follower.follow([record]))
    if follower.busy:
        raise Busy(f"Another worker is at {product_gid} of {connection}.")
    if follower.to_wire:
        wiring.wire_connection(connection, *follower.to_wire)
    return Synced(outcomes[0], bool(follower.to_wire), bool(follower.awaiting))


def unlinking_of(connection: Connection, record: ProductRecord | None, excluded: str = "") -> tuple[str, str]:
    """Why a product does not follow, as ProductLink.UnlinkReason and in words; two '' if it does. None: it is deleted.

    `excluded` is who left it out.
    """
    if record is None:
        return UnlinkReason.DELETED, "It was deleted in the source."
    decision = wants(record.tags, selection_of(connection.catalogue), share_of(connection.source), excluded)
    return decision.departure, decision.reason


def let_go(
    connection: Connection, open_client: OpenClient, product_gid: str, departure: str, why: str, title: str = ""
) -> Synced:
    """One product that no longer follows, or never did: see `unlinking`. Raises Busy, ShopifyError."""
    link = connection.product_links.filter(source_gid=product_gid).first()
    if link is None or not link.destination_gid or link.state not in unlinking.FOLLOWING:
        changed = unlinking.leave_out(connection, {product_gid: (departure, why, title)})
        return _wired(connection, changed, None)
    held = unlinking.find_held(connection, product_gid)
    if held and departure != UnlinkReason.EXCLUDED:
        return Synced(outcome_of(link, held.action, Result.HELD, held.reason))
    action = unlinking.unlinking_action(connection.catalogue, link)
    is_decided = departure == UnlinkReason.EXCLUDED  # by an operator, about this very product
    if action != Action.SKIP and not is_decided and (reason := unlinking.hold_reason_for_one(connection)):
        return Synced(hold(connection, link, action, f"{why} {reason}"))
    outcome = unlinking.let_go(connection, open_client(connection.destination), link, departure, why)
    return _wired(connection, {product_gid}, outcome)


def _wired(connection: Connection, product_gids: set[str], outcome: Outcome | None) -> Synced:
    if product_gids:
        wiring.wire_connection(connection, *product_gids)
    return Synced(outcome, bool(product_gids))


def hold(connection: Connection, link: ProductLink, action: str, reason: str) -> Outcome:
    """Have it wait for an operator, in the run that is under way or in one of its own."""
    with transaction.atomic():
        # One at a time for a connection: two would both open a run.
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        under_way = connection.catalogue_runs.filter(state__in=CatalogueRun.UNDER_WAY, is_preview=False)
        run = under_way.exclude(kind=CatalogueRun.Kind.CONTENT).select_for_update(of=("self",)).first()
        if run is None:
            run = CatalogueRun(connection=connection, kind=CatalogueRun.Kind.UNLINK, state=CatalogueRun.State.HELD)
        run.hold_reason = reason
        run.save()
        row = {"title": link.title, "action": action, "outcome": Result.HELD, "reason": reason, "finished_at": None}
        CatalogueRunItem.objects.update_or_create(
            run=run, source_gid=link.source_gid, defaults=row | {"destination_gid": link.destination_gid}
        )
        run.total = run.items.count()
        run.save(update_fields=["total"])
    return outcome_of(link, action, Result.HELD, reason)


def describe(outcome: Outcome | None) -> str | None:
    """An outcome in one line for people; None where nothing was done."""
    if outcome is None or (outcome.action == Action.EQUAL and outcome.outcome == Result.DONE):
        return None
    action, result = Action(outcome.action).label, Result(outcome.outcome).label.lower()
    return f"“{outcome.title}”: {action.lower()}, {result}. {outcome.reason}".strip()
