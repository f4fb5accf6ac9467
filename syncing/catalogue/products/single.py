"""One product after its webhook: carried, or let go of; what would remove too much at once waits in a held run."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from stores import selecting
from stores.clients import OpenClient
from stores.linking.linking import MatchProduct
from stores.models import Connection, ProductLink
from stores.shopify.client import Client
from stores.shopify.products import product_records
from stores.shopify.products.product_records import ProductRecord
from stores.variants import number_read, save_facts
from syncing.catalogue.exclusive import Busy
from syncing.catalogue.outcome import Outcome, outcome_of
from syncing.catalogue.products import succession, unlinking
from syncing.catalogue.products.follower import ProductFollower
from syncing.models import CatalogueRun, CatalogueRunItem
from syncing.stock import wiring

UnlinkReason = ProductLink.UnlinkReason
Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome


@dataclass
class Synced:
    """What became of a product. `is_wired`: its stock may have to be carried. `awaits_images`: look again soon.

    `must_read`: it is gone, and whether it was made again under another id is only known once the source was read.
    """

    outcome: Outcome | None = None
    is_wired: bool = False
    awaits_images: bool = field(default=False)
    must_read: bool = False


def sync_product(connection: Connection, open_client: OpenClient, product_gid: str, match: MatchProduct) -> Synced:
    """Carry one product of the source, or let go of it. Raises Busy, GidError, ShopifyError. Safe to repeat.

    `match` is for products that are not matched yet as they are now.
    """
    return _Sync(connection, open_client, match).sync(product_gid)


class _Sync:
    """One product on its way, or that which was made again in its place."""

    def __init__(self, connection: Connection, open_client: OpenClient, match: MatchProduct) -> None:
        self.connection, self.open_client, self.match = connection, open_client, match
        self.source = open_client(connection.source)

    def sync(self, product_gid: str) -> Synced:
        number, record = number_read(), product_records.read_whole_product(self.source, product_gid)
        if record is not None:
            facts = (record.gid, record.tags, record.vendor, record.product_type)
            save_facts(self.connection.source, [facts], number)
        if record is None:
            record = self._find_successor(product_gid)
            if record is None and self._must_read(product_gid):
                return Synced(must_read=True)
        else:
            self._meet(record)
        return self._carry(record.gid if record else product_gid, record)

    def _carry(self, product_gid: str, record: ProductRecord | None) -> Synced:
        connection = self.connection
        departure, why = unlinking_of(choosing(connection, self.source), record)
        if departure or record is None:
            title = record.title if record else ""
            return let_go(connection, self.open_client, self.match, product_gid, departure, why, title)
        follower = ProductFollower(connection, self.open_client, match=self.match)
        outcomes = list(follower.follow([record]))
        if follower.busy:
            raise Busy(f"Another worker is at {product_gid} of {connection}.")
        if follower.to_wire:
            wiring.wire_connection(connection, *follower.to_wire)
        if outcomes[0].outcome == Result.HELD and not unlinking.find_held(connection, record.gid):
            hold(connection, connection.product_links.get(source_gid=record.gid), outcomes[0])
        return Synced(outcomes[0], bool(follower.to_wire), bool(follower.awaiting))

    def _meet(self, record: ProductRecord) -> None:
        """Before it is made: it may be what was deleted, or is being deleted, under another id."""
        if succession.find_behind(self.connection.source, [record]):
            self.match(self.connection.source, record.gid)
        others = [*succession.rivals(self.connection, record), *succession.namesakes(self.connection, record)]
        for rival in others:
            if product_records.read_whole_product(self.source, rival.source_gid) is None:
                self.match(self.connection.source, rival.source_gid)
        succession.hand_over(self.connection, self.source, [record])

    def _link(self, product_gid: str) -> ProductLink | None:
        """Of what is gone from the source, and has something to lose in the destination."""
        link = self.connection.product_links.filter(source_gid=product_gid, excluded_by="").first()
        if link is None or not unlinking.has_to_go(link):
            return None
        if unlinking.unlinking_action(self.connection.catalogue, link) == Action.SKIP:
            return None
        return link

    def _find_successor(self, product_gid: str) -> ProductRecord | None:
        link = self._link(product_gid)
        return succession.find_successor(self.connection, self.source, link, self.match) if link else None

    def _must_read(self, product_gid: str) -> bool:
        link = self._link(product_gid)
        return link is not None and not succession.is_surely_gone(self.connection, link)


def choosing(connection: Connection, source: Client) -> selecting.Chooser:
    """Who decides about its products; collections that were never read are read. Raises ShopifyError."""
    selecting.know_chosen(connection)
    wanted, share = selecting.selection_of(connection), selecting.share_of(connection.source)
    selecting.ensure_collections(connection.source, source, selecting.named_collections(wanted, share))
    return selecting.chooser(connection)


def unlinking_of(chooser: selecting.Chooser, record: ProductRecord | None) -> tuple[str, str]:
    """Why a product does not follow, as ProductLink.UnlinkReason and in words; two '' if it does. None: deleted."""
    if record is None:
        return UnlinkReason.DELETED, "It was deleted in the source."
    decision = chooser.decide(record.gid, record.tags, record.vendor, record.product_type)
    return decision.departure, decision.reason


def let_go(
    connection: Connection,
    open_client: OpenClient,
    match: MatchProduct,
    product_gid: str,
    departure: str,
    why: str,
    title: str = "",
) -> Synced:
    """One product that no longer follows, or never did: see `unlinking`. Raises Busy, ShopifyError."""
    link = connection.product_links.filter(source_gid=product_gid).first()
    if link is None or not unlinking.has_to_go(link):
        changed = unlinking.leave_out(connection, {product_gid: (departure, why, title)})
        return _wired(connection, changed, None)
    held = unlinking.find_held(connection, product_gid)
    if held and departure != UnlinkReason.EXCLUDED:
        return Synced(outcome_of(link, held.action, Result.HELD, held.reason))
    action, _ = unlinking.planned_action(connection.catalogue, link, why)
    is_decided = departure == UnlinkReason.EXCLUDED  # by an operator, about this very product
    if action != Action.SKIP and not is_decided and (reason := unlinking.hold_reason_for_one(connection)):
        return Synced(hold(connection, link, outcome_of(link, action, Result.HELD, f"{why} {reason}")))
    outcome = unlinking.let_go(connection, open_client(connection.destination), link, match, departure, why)
    return _wired(connection, {product_gid}, outcome)


def _wired(connection: Connection, product_gids: set[str], outcome: Outcome | None) -> Synced:
    if product_gids:
        wiring.wire_connection(connection, *product_gids)
    return Synced(outcome, bool(product_gids))


def hold(connection: Connection, link: ProductLink, outcome: Outcome) -> Outcome:
    """Have it wait for an operator, in the run that is under way or in one of its own."""
    with transaction.atomic():
        # One at a time for a connection: two would both open a run.
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        under_way = connection.catalogue_runs.filter(state__in=CatalogueRun.UNDER_WAY, is_preview=False)
        run = under_way.exclude(kind=CatalogueRun.Kind.CONTENT).select_for_update(of=("self",)).first()
        if run is None:
            run = CatalogueRun(connection=connection, kind=CatalogueRun.Kind.UNLINK, state=CatalogueRun.State.HELD)
        run.hold_reason = outcome.reason
        run.save()
        row: dict[str, Any] = {
            "title": link.title,
            "action": outcome.action,
            "outcome": Result.HELD,
            "reason": outcome.reason,
        }
        row |= {"differences": list(outcome.differences), "finished_at": None}
        CatalogueRunItem.objects.update_or_create(
            run=run, source_gid=link.source_gid, defaults=row | {"destination_gid": link.destination_gid}
        )
        run.total = run.items.count()
        run.save(update_fields=["total"])
    return outcome


def describe(outcome: Outcome | None) -> str | None:
    """An outcome in one line for people; None where nothing was done."""
    if outcome is None or (outcome.action == Action.EQUAL and outcome.outcome == Result.DONE):
        return None
    action, result = Action(outcome.action).label, Result(outcome.outcome).label.lower()
    return f"“{outcome.title}”: {action.lower()}, {result}. {outcome.reason}".strip()
