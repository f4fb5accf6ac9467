"""What orders do to stock (shopify.md 3.7, row 26): units taken, committed, reserved, shipped, given back."""

from __future__ import annotations

from tests.simulator.events.stock import StockAction
from tests.simulator.reads.inventory import primary_location
from tests.simulator.state.orders import FulfillmentOrder, FulfillmentOrderLine, LineItem, Order
from tests.simulator.state.shop import InventoryItem, Level, Shop, Variant


class OutOfStockError(ValueError):
    """The storefront refuses: tracked, policy DENY, and not enough at any location."""


class Router:
    """Chooses locations for the lines of one order; what earlier lines take is no longer there for later ones."""

    def __init__(self, shop: Shop, *, location_id: int | None = None, force: bool = False):
        self.shop = shop
        self.location_id = location_id
        self.force = force
        self._taken: dict[tuple[int, int], int] = {}

    def choose(self, variant: Variant, quantity: int) -> int | None:
        """The location to take from; None for an untracked item. Raises OutOfStockError."""
        item: InventoryItem = self.shop.items[variant.item_id]
        if not item.tracked:
            return None
        place = self._place(variant, item, quantity)
        if place is not None:
            self._taken[item.id, place] = self._taken.get((item.id, place), 0) + quantity
        return place

    def _place(self, variant: Variant, item: InventoryItem, quantity: int) -> int | None:
        """Live: the location that HAD stock, not the default one (shopify.md 3.7)."""
        default = default_location(self.shop)
        levels = self._levels(item, default)
        stocked = next((level for level in levels if self._left(level) >= quantity), None)
        if stocked is None:
            if not self.force and variant.inventory_policy != "CONTINUE":
                raise OutOfStockError(f"{self.shop.domain}: not enough of {item.sku or variant.id}")
            stocked = max(levels, key=self._left, default=None)
        return stocked.location_id if stocked is not None else self.location_id or default

    def _levels(self, item: InventoryItem, default: int | None) -> list[Level]:
        places = self.shop.locations
        found = [row for row in self.shop.levels_of(item.id) if row.is_active and places[row.location_id].is_active]
        if self.location_id is not None:
            found = [row for row in found if row.location_id == self.location_id]
        found.sort(key=lambda row: row.location_id != default)
        return found[:1] if self.shop.knobs.routing == "default" else found

    def _left(self, level: Level) -> int:
        return level.available - self._taken.get((level.item_id, level.location_id), 0)


def default_location(shop: Shop) -> int | None:
    primary = primary_location(shop)
    return primary.id if primary else None


def claim(
    action: StockAction,
    line: LineItem,
    *,
    units: int | None = None,
    location_id: int | None = None,
    taken_from: str = "available",
    into: str = "committed",
) -> None:
    """Takes a line's units for an order or a draft; nothing for a line without a location."""
    place, wanted = location_id or line.location_id, line.quantity if units is None else units
    if place is not None and line.item_id in action.shop.items:
        level = action.level(line.item_id, place)
        action.move(level, into, wanted)
        action.move(level, taken_from, -wanted)


def commit(action: StockAction, line: LineItem, delta: int, location_id: int | None = None) -> None:
    """Changes what is committed for a line, while its item still exists."""
    place = location_id or line.location_id
    if place is not None and line.item_id in action.shop.items and delta:
        action.move(action.level(line.item_id, place), "committed", delta)


def restock(action: StockAction, line: LineItem, quantity: int, location_id: int | None = None) -> None:
    place = location_id or line.location_id
    if place is not None and line.item_id in action.shop.items:
        action.move(action.level(line.item_id, place), "available", quantity)


# Fulfillment orders


def open_fulfillment_orders(shop: Shop, order: Order, lines: list[LineItem], now: int) -> None:
    """One fulfillment order per location for lines that need one; an unclaimed line ships from the default one."""
    default = default_location(shop)
    by_place: dict[int, list[tuple[LineItem, int]]] = {}
    for line in lines:
        place = line.location_id or default
        if ships(shop, line) and place is not None:
            by_place.setdefault(place, []).append((line, line.quantity))
    for place, rows in by_place.items():
        open_fulfillment_order(shop, order, place, rows, now)


def ships(shop: Shop, line: LineItem) -> bool:
    return line.needs_fulfilment or shop.knobs.ships_everything and not line.tip


def open_fulfillment_order(
    shop: Shop, order: Order, location_id: int, rows: list[tuple[LineItem, int]], now: int
) -> FulfillmentOrder:
    """A new one for (line, units) from a location."""
    made = FulfillmentOrder(shop.next_id(), order.id, location_id, now, now)
    made.lines = [
        FulfillmentOrderLine(shop.next_id(), line.id, units, claimed=line.location_id is not None)
        for line, units in rows
    ]
    order.fulfillment_orders.append(made)
    shop.fulfillment_orders[made.id] = made
    return made


def open_entries(order: Order, line: LineItem) -> list[tuple[FulfillmentOrder, FulfillmentOrderLine]]:
    """Where the open units of a line are to ship from, the oldest first."""
    return [
        (row, entry)
        for row in order.fulfillment_orders
        if not row.is_closed
        for entry in row.lines
        if entry.line_id == line.id and entry.remaining
    ]


def take_open_units(
    action: StockAction,
    order: Order,
    line: LineItem,
    units: int,
    entries: list[tuple[FulfillmentOrder, FulfillmentOrderLine]],
    *,
    shipped: bool = False,
) -> list[tuple[int, int]]:
    """Takes open units of a line off these fulfillment orders: they ship, or go. [(location id, claimed units)]."""
    left, taken = units, []
    for row, entry in entries:
        part = min(left, entry.remaining)
        if not part:
            continue
        entry.remaining -= part
        entry.shipped += part if shipped else 0
        row.updated_at = int(action.at)
        if entry.claimed:
            commit(action, line, -part, row.location_id)
            taken.append((row.location_id, part))
        left -= part
    if left and line.location_id is not None and not open_entries(order, line):
        commit(action, line, -left)
        taken.append((line.location_id, left))
    return taken
