"""Units of an order ship from another location: fulfillment orders split, merge and move, and stock with them."""

from __future__ import annotations

from tests.simulator.events.order_moves import begin, finish
from tests.simulator.events.order_stock import claim, open_entries
from tests.simulator.events.stock import StockAction
from tests.simulator.reads.fulfillments import status_of
from tests.simulator.state.clock import Clock
from tests.simulator.state.orders import FulfillmentOrder, FulfillmentOrderLine, LineItem, Order
from tests.simulator.state.shop import Shop

CANNOT = "Cannot change location."
NO_LOCATION = "Location not found."
NOT_STOCKED = "The destination location doesn't stock the requested inventory item."
NO_LINE = "Fulfillment order line item does not exist."
TOO_MANY = "Invalid fulfillment order line item quantity requested."


class MoveError(ValueError):
    """A refusal with the field it is about."""

    def __init__(self, message: str, field: list[str] | None = None):
        super().__init__(message)
        self.field = field


def move(
    shop: Shop,
    clock: Clock,
    row: FulfillmentOrder,
    location_id: int,
    wanted: dict[int, int] | None = None,
    *,
    cause: str = "move",
) -> FulfillmentOrder:
    """{entry id: units} of a fulfillment order, None for all that is open; the one that holds them afterwards.

    Committed units move with them: available there falls, here it rises. Raises MoveError.
    """
    with shop.lock:
        order = shop.orders[row.order_id]
        units = _checked(shop, order, row, location_id, wanted)
        action = begin(shop, clock, order, cause)
        for entry in row.lines:
            if units.get(entry.id) and entry.claimed:
                line = order.line(entry.line_id)
                claim(action, line, units=-units[entry.id], location_id=row.location_id)
                claim(action, line, units=units[entry.id], location_id=location_id)
        before = row.location_id
        whole = all(units.get(entry.id) == entry.remaining and not entry.shipped for entry in row.lines)
        moved = row if whole else _split(shop, action, order, row, location_id, units)
        moved.location_id, moved.updated_at, row.updated_at = location_id, int(action.at), int(action.at)
        for line in order.lines:
            places = {one.location_id for one, _ in open_entries(order, line)}
            if line.location_id == before and places and before not in places:
                line.location_id = location_id
        action.tell("FULFILLMENT_ORDERS_MOVED", (row.id, moved.id, before))
        if shop.knobs.moves_touch_orders:
            finish(action, order)
        else:
            action.close()
        return moved


def _checked(
    shop: Shop, order: Order, row: FulfillmentOrder, location_id: int, wanted: dict[int, int] | None
) -> dict[int, int]:
    """The units of each entry that move."""
    if status_of(row) not in ("OPEN", "IN_PROGRESS"):
        raise MoveError(CANNOT)
    place = shop.locations.get(location_id)
    if place is None or not place.is_active:
        raise MoveError(NO_LOCATION, ["id"])
    if location_id == row.location_id:
        raise MoveError(CANNOT)
    entries = {entry.id: entry for entry in row.lines}
    units = {entry.id: entry.remaining for entry in row.lines if entry.remaining} if wanted is None else wanted
    for entry_id, count in units.items():
        if entry_id not in entries:
            raise MoveError(NO_LINE, ["fulfillmentOrderLineItems"])
        if not 0 < count <= entries[entry_id].remaining:
            raise MoveError(TOO_MANY, ["fulfillmentOrderLineItems"])
        if problem := why_not_there(shop, order.line(entries[entry_id].line_id), location_id, count):
            raise MoveError(problem, ["newLocationId"])
    return units


def why_not_there(shop: Shop, line: LineItem, location_id: int, units: int) -> str:
    """Why units of a line cannot ship from a location; '' where they can."""
    item = shop.items.get(line.item_id) if line.item_id else None
    if item is None or not item.tracked:
        return ""
    level = shop.levels.get((item.id, location_id))
    if level is None or not level.is_active:
        return NOT_STOCKED
    is_short = level.available < units and shop.knobs.moves_need_stock
    return "There isn't enough of the item at the destination location." if is_short else ""


def _split(
    shop: Shop, action: StockAction, order: Order, row: FulfillmentOrder, location_id: int, units: dict[int, int]
) -> FulfillmentOrder:
    """Another one for what moves. One that is open there already is closed, and its lines are made anew in it ([S])."""
    now = int(action.at)
    made = FulfillmentOrder(shop.next_id(), order.id, location_id, now, now)
    there = [
        one for one in order.fulfillment_orders
        if one.location_id == location_id and status_of(one) in ("OPEN", "IN_PROGRESS")
    ]  # fmt: skip
    for entry in list(row.lines):
        if count := units.get(entry.id):
            entry.remaining -= count
            _add(shop, made, entry, count)
            if not entry.total:
                row.lines.remove(entry)
    for one in there:
        for entry in one.lines:
            if entry.remaining:
                _add(shop, made, entry, entry.remaining)
                entry.remaining = 0
        one.is_closed, one.updated_at = True, now
    order.fulfillment_orders.append(made)
    shop.fulfillment_orders[made.id] = made
    return made


def _add(shop: Shop, made: FulfillmentOrder, entry: FulfillmentOrderLine, units: int) -> None:
    known = next((one for one in made.lines if (one.line_id, one.claimed) == (entry.line_id, entry.claimed)), None)
    if known is not None:
        known.remaining += units
    else:
        made.lines.append(FulfillmentOrderLine(shop.next_id(), entry.line_id, units, claimed=entry.claimed))


# Staff


def move_order(
    shop: Shop, clock: Clock, order: Order, location_id: int, quantities: dict[int, int] | None = None
) -> list[FulfillmentOrder]:
    """Staff change where an order ships from: {line id: units}, None for all that is open. Raises ValueError."""
    with shop.lock:
        left = None if quantities is None else dict(quantities)
        found = []
        for row in [one for one in order.fulfillment_orders if one.location_id != location_id]:
            wanted = {}
            for entry in row.lines:
                part = entry.remaining if left is None else min(left.get(entry.line_id, 0), entry.remaining)
                if part and not row.is_closed:
                    wanted[entry.id] = part
                    if left is not None:
                        left[entry.line_id] -= part
            if wanted:
                found.append(move(shop, clock, row, location_id, wanted))
        if not found or left and any(left.values()):
            raise MoveError("that many open units do not ship from elsewhere")
        return found
