"""Several sources, several destinations, each connected with each; and the books that must be right in the end.

Everything here is counted from what the stores hold, but for what the product says that it holds back or has told.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from orders.copies.rules.copy_input import ORIGINAL_ID
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from stores.models import Connection, VariantLink
from stores.shopify import gids
from syncing import sweep
from syncing.models import Alert, SyncJob
from syncing.queue import enqueue, heartbeats
from syncing.stock import wiring
from syncing.stock.merge import Rule, offer
from tests.simulator.state.order_money import current_grand_total, financial_status, grand_total, received
from tests.simulator.state.orders import Draft, Order
from tests.support.places import Place, is_our_write
from tests.support.world import World
from tiposync.console.orders.filters import condition_of

SOURCES, DESTINATIONS = ("alpha", "beta", "gamma"), ("north", "south", "west")
ITEMS, STOCK = 2, 40
CARRYING = (Connection.Strategy.ORDER, Connection.Strategy.DRAFT_ORDER)
TOLD = (OrderUpdate.State.NEEDS_SHOP, OrderUpdate.State.FAILED)
Units = Counter[int]  # by the destinations' numbers of items


@dataclass
class Market:
    """A destination's items 0 and 1 are the first source's, 2 and 3 the second's …; the last one is its own."""

    world: World
    sources: list[Place]
    destinations: list[Place]
    starts: dict[tuple[int, int], int] = field(default_factory=dict)  # (source, its item) -> units
    by_hand: set[int] = field(default_factory=set)  # copies and drafts that staff changed
    deleted: list[tuple[Place, Draft]] = field(default_factory=list)
    unwatched: set[tuple[str, int]] = field(default_factory=set)  # (domain, order) from around a change of strategy
    # Read anew by each check: the rows of the product by connection and order, and the copies by source and original.
    _rows: dict[tuple[int, str], OrderImport] = field(default_factory=dict, init=False)
    _copies: dict[tuple[str, str], list[Order | Draft]] = field(default_factory=dict, init=False)

    @classmethod
    def open(
        cls, world: World, sources: int, destinations: int, strategies: Sequence[str], stock: int = STOCK, **choices
    ) -> "Market":
        """All in step. The strategies are those of the first source's connections, then the second's …"""
        ours = [world.add_store(name, "source", ITEMS, stock) for name in SOURCES[:sources]]
        kinds = sources * ITEMS + 1
        others = [world.add_store(name, "destination", kinds, stock) for name in DESTINATIONS[:destinations]]
        market = cls(world, ours, others)
        for number, (source, place) in enumerate(market.pairs()):
            market._connect(number, source, place, strategies[number % len(strategies)], choices)
        world.work()
        world.mark()
        market.starts = {
            (number, item): source.available(item) for number, source in enumerate(ours) for item in range(ITEMS)
        }
        return market

    def pairs(self) -> Iterator[tuple[Place, Place]]:
        return ((source, place) for source in self.sources for place in self.destinations)

    def _connect(self, number: int, source: Place, place: Place, strategy: str, choices: dict) -> None:
        at = self.world.sim.clock.now() - timedelta(minutes=60 - number)
        fields = {"started_at": at, "carries_orders_since": at if strategy in CARRYING else None}
        self.world.prepare_orders(source, place)
        made = self.world.connect(source, place, strategy, state="ready", aligned_strategy=strategy, **fields)
        theirs = list(place.store.variants.order_by("pk"))[self.sources.index(source) * ITEMS :]
        VariantLink.objects.bulk_create(
            VariantLink(connection=made, source_variant=mine, destination_variant=other, state="linked")
            for mine, other in zip(source.store.variants.order_by("pk"), theirs[:ITEMS], strict=True)
        )
        OrderSettings.objects.create(connection=made, **choices)
        made.state = Connection.State.RUNNING
        made.save()
        wiring.wire_connection(made)
        enqueue.carry_stock(made)

    # Looking

    @property
    def sim(self):
        return self.world.sim

    def connection(self, source: Place, place: Place) -> Connection:
        """As it was when the last check began."""
        (found,) = [
            each
            for each in self.world.connections
            if (each.source_id, each.destination_id) == (source.store.pk, place.store.pk)
        ]
        return found

    def originals(self, *, open_only: bool = True) -> list[tuple[Place, Order]]:
        return [
            (place, order)
            for place in self.destinations
            for order in list(place.shop.orders.values())
            if not (open_only and order.cancelled_at)
        ]

    def copies(self, *, open_only: bool = True) -> list[tuple[Place, Order]]:
        return [
            (source, order)
            for source in self.sources
            for order in list(source.shop.orders.values())
            if order.source_identifier and not (open_only and order.cancelled_at)
        ]

    def drafts(self) -> list[tuple[Place, Draft]]:
        return [
            (source, draft)
            for source in self.sources
            for draft in list(source.shop.drafts.values())
            if draft.status != "COMPLETED"
        ]

    def units(self, place: Place, order: Order | Draft | None, first: int = 0) -> Units:
        """What is left in an order; a source's items are counted from `first` on."""
        numbers = {variant.id: first + number for number, variant in enumerate(place.variants)}
        found: Units = Counter()
        for line in order.lines if order else ():
            if line.variant_id in numbers:
                found[numbers[line.variant_id]] += line.current_quantity
        return found

    def shipped(self, place: Place, order: Order, first: int = 0) -> Units:
        numbers = {variant.id: first + number for number, variant in enumerate(place.variants)}
        lines = {line.id: numbers.get(line.variant_id) for line in order.lines}
        found: Units = Counter()
        for made in order.fulfillments:
            for line_id, units in made.lines.items() if made.status == "success" else ():
                if (number := lines[line_id]) is not None:
                    found[number] += units
        return found

    def first(self, source: Place) -> int:
        return self.sources.index(source) * ITEMS

    # The books

    def check(self) -> None:
        """All is settled: what both sides hold, cost, show and were told fits."""
        self._read()
        for source, place in self.pairs():
            self._check_stock(source, place)
            for order in place.shop.orders.values():
                if (place.domain, order.id) not in self.unwatched:
                    self._check_order(source, place, order)
        for place, order in self.originals():
            if (place.domain, order.id) not in self.unwatched:
                self._check_money(place, order)
        self._check_told()
        bug = SyncJob.objects.filter(failure=SyncJob.Failure.BUG).first()
        assert bug is None, bug.traceback

    def _read(self) -> None:
        for connection in self.world.connections:
            connection.refresh_from_db()
        rows = OrderImport.objects.filter(connection__in=self.world.connections).select_related("connection")
        rows = rows.prefetch_related("updates", "lines__source_variant")
        self._rows = {(row.connection_id, row.order_gid): row for row in rows}
        self._copies = {}
        for source in self.sources:
            made = [(copy.source_identifier, copy) for copy in list(source.shop.orders.values())]
            drafts = [*list(source.shop.drafts.values()), *(draft for where, draft in self.deleted if where is source)]
            made += [(dict(draft.note_attributes).get(ORIGINAL_ID), draft) for draft in drafts]
            for name, copy in made:
                self._copies.setdefault((source.domain, name or ""), []).append(copy)

    def _check_stock(self, source: Place, place: Place) -> None:
        connection, first = self.connection(source, place), self.first(source)
        for item in range(ITEMS):
            has = source.available(item)
            assert has == self._expected(source, item), f"item {item} of {source.store}"
            if connection.is_two_way:
                wanted = has - self._owed(source, item, connection)
            else:
                wanted = offer(has - self._owed(source, item), Rule())
            assert place.available(first + item) == wanted, f"item {item} of {source.store} in {place.store}"

    def _expected(self, source: Place, item: int) -> int:
        two_way = [place for place in self.destinations if self.connection(source, place).is_two_way]
        seen = [
            *source.changes(item),
            *(each for place in two_way for each in place.changes(self.first(source) + item)),
        ]
        return self.starts[self.sources.index(source), item] + sum(
            change.delta for change in seen if not is_our_write(change)
        )

    def _owed(self, source: Place, item: int, by: Connection | None = None) -> int:
        gid = gids.gid("ProductVariant", source.variants[item].id)
        lines = OrderImportLine.objects.filter(source_variant__gid=gid, source_variant__store=source.store)
        lines = lines.filter(order_import__connection=by) if by else lines
        return sum(line.owed_quantity + (line.quantity if line.is_pending else 0) for line in lines)

    def _copies_of(self, source: Place, place: Place, order: Order) -> list[Order | Draft]:
        return self._copies.get((source.domain, f"{place.domain}/{order.id}"), [])

    def _check_order(self, source: Place, place: Place, order: Order) -> None:
        connection, found = self.connection(source, place), self._copies_of(source, place, order)
        named = f"{order.name} of {place.store} in {source.store}"
        assert len(found) <= 1, f"{named}: {len(found)} copies"
        row = self.row(connection, order)
        first = self.first(source)
        ours = range(first, first + ITEMS)
        wanted = {number: units for number, units in self.units(place, order).items() if number in ours and units}
        if connection.strategy not in CARRYING or row is None and not wanted:
            return
        assert row is not None, f"{named}: never seen"
        if row.state != OrderImport.State.CONFIRMED:
            assert order.cancelled_at or not wanted, f"{named}: {row.state} {row.reason}"
            return
        if row.draft_status == OrderImport.DraftStatus.DELETED:
            return  # what was in it is the staff's affair
        self._check_units(row, source, place, order, Counter(wanted))

    def row(self, connection: Connection, order: Order) -> OrderImport | None:
        return self._rows.get((connection.pk, gids.gid("Order", order.id)))

    def copy_of(self, row: OrderImport, source: Place) -> Order | Draft | None:
        if row.copy_order_gid:
            return source.shop.orders.get(gids.number(row.copy_order_gid))
        return source.shop.drafts.get(gids.number(row.copy_gid)) if row.copy_gid else None

    def _check_units(self, row: OrderImport, source: Place, place: Place, order: Order, wanted: Units) -> None:
        copy, first = self.copy_of(row, source), self.first(source)
        held = self.units(source, copy, first)
        owed: Units = Counter()
        numbers = {gids.gid("ProductVariant", each.id): first + n for n, each in enumerate(source.variants)}
        for line in row.lines.all():
            if line.source_variant:
                owed[numbers[line.source_variant.gid]] += line.owed_quantity
        is_told = any(update.state in TOLD for update in row.updates.all())
        words = f"{row} in {source.store}: wanted {wanted}, held {held}, owed {owed}; {updates_of(row)}"
        if order.cancelled_at:
            is_open = isinstance(copy, Order) and any(line.unfulfilled > 0 for line in copy.lines)
            assert is_told or not is_open, words
            assert not any(owed.values()), words
            return
        for number in range(first, first + ITEMS):
            missing = wanted[number] - held[number]
            assert owed[number] <= max(missing, 0), words
            assert is_told or not missing, words
            if missing > 0:
                assert owed[number] == missing or self._is_shipped(place, order, number), words
        if isinstance(copy, Order):
            self._check_effects(row, source, place, order, copy, is_told)

    def _has_lost_units(self, source: Place, place: Place, order: Order) -> bool:
        """Whether units were taken off the original that are of a source, or of none and in its copy by their name."""
        first = self.first(source)
        ours = {variant.id for variant in place.variants[first : first + ITEMS]}
        theirs = {variant.id for variant in place.variants[: len(self.sources) * ITEMS]} - ours
        return any(line.current_quantity < line.quantity for line in order.lines if line.variant_id not in theirs)

    def _is_shipped(self, place: Place, order: Order, number: int) -> bool:
        """Whether a line of the original owes nothing any more: all of it was shipped."""
        variant = place.variants[number].id
        return any(line.variant_id == variant and not line.unfulfilled for line in order.lines)

    def _check_effects(
        self, row: OrderImport, source: Place, place: Place, order: Order, copy: Order, is_told: bool
    ) -> None:
        """Each shipment and each payment arrived, and none twice."""
        went, arrived = self.shipped(source, copy, self.first(source)), self.shipped(place, order)
        for number in range(self.first(source), self.first(source) + ITEMS):
            words = f"{row}: item {number} shipped {went[number]}, arrived {arrived[number]}; {updates_of(row)}"
            assert arrived[number] <= went[number], words
            assert is_told or copy.id in self.by_hand or arrived[number] == went[number], words
        money = [(received(each).shop, current_grand_total(each).shop) for each in (order, copy)]
        # It was paid, and lost units of this source since: so was its copy, also when the original gained others later,
        # of this source or of the other. A draft is paid by whoever completes it.
        is_overpaid = self._has_lost_units(source, place, order) or row.is_draft
        is_right = money[1][0] <= money[1][1] or is_overpaid or order.refunds or copy.id in self.by_hand
        assert is_right, f"{row}: received of total, original and copy: {money}; {updates_of(row)}"
        if not row.is_draft and not is_told and copy.id not in self.by_hand and not order.refunds:
            paid = [financial_status(each) for each in (order, copy)]
            is_right = paid[0] != "PAID" or paid[1] == "PAID" or not money[1][1]  # nobody pays what costs nothing
            assert is_right, f"{row}: {paid}; {updates_of(row)}"

    def _check_money(self, place: Place, order: Order) -> None:
        """To the cent, together; but for what was told, and what staff changed themselves."""
        connections = [self.connection(source, place) for source in self.sources]
        rows = [row for connection in connections if (row := self.row(connection, order))]
        found: list[Order | Draft] = []
        for row in rows:
            if not any(line.is_carried for line in row.lines.all()):
                continue  # all of it is another source's
            source = next(each for each in self.sources if each.store.pk == row.connection.source_id)
            copy = self.copy_of(row, source)
            is_whole = row.state == OrderImport.State.CONFIRMED and not row.is_partial and copy is not None
            is_told = any(update.state in TOLD for update in row.updates.all())
            left_out = any(line.state == OrderImportLine.State.LEFT_OUT for line in row.lines.all())
            if not is_whole or is_told or left_out or {copy.id, row_draft(row)} & self.by_hand:
                return
            if row.draft_status == OrderImport.DraftStatus.DELETED:
                return
            found.append(copy)
        if found and not (order.refunds or order.edits) or found and self.is_simple(order):
            totals = [money_of(each) for each in (order, *found)]
            assert totals[0] == sum(totals[1:]), f"{order.name} of {place.store}: {totals}"

    @staticmethod
    def is_simple(order: Order) -> bool:
        """Without taxes and discounts of the whole, whose remainders fall on one unit or another."""
        return not any(line.tax_lines or line.discounts for line in order.lines)

    def _check_told(self) -> None:
        """Whatever was told has an open alert, and stands in the list of what needs the shop, or has failed."""
        kinds = {
            OrderUpdate.State.NEEDS_SHOP: (Alert.Kind.ORDER_NEEDS_SHOP, "shop"),
            OrderUpdate.State.FAILED: (Alert.Kind.ORDER_FAILED, "changes"),
        }
        told = list(OrderUpdate.objects.filter(state__in=TOLD))
        if told:
            sweep.DUTIES[heartbeats.ALERTS]()
        for update in told:
            kind, choice = kinds[OrderUpdate.State(update.state)]
            alerts = Alert.objects.filter(kind=kind, subject=f"update {update.pk}", resolved_at=None)
            assert alerts.exists(), f"{update}: nobody is told"
            listed = OrderImport.objects.filter(condition_of(choice), pk=update.order_import_id)
            assert listed.exists(), f"{update}: not in the list of {choice}"


def updates_of(row: OrderImport) -> list[tuple]:
    """What happened to an order since, in words."""
    return [(each.kind, each.state, each.reason, each.origin_gid, each.body) for each in row.updates.all()]


def row_draft(row: OrderImport) -> int:
    """The number of an import's draft; 0 without one."""
    return gids.number(row.copy_gid) if row.is_draft and row.copy_gid else 0


def money_of(order: Order | Draft) -> Decimal:
    """What an order costs as it is now."""
    return (current_grand_total if isinstance(order, Order) else grand_total)(order).shop
