"""What orders do to stock (facts 3.7, row 26): buy, fulfil, cancel, refund."""

from __future__ import annotations

from collections.abc import Iterable

from .clock import Clock
from .reads_inventory import primary_location
from .state import InventoryItem, Level, LineItem, Order, Refund, Shop, Variant
from .stock import StockAction

RESTOCK_TYPES = ("CANCEL", "RETURN", "NO_RESTOCK")


class OutOfStockError(ValueError):
    """The storefront refuses: tracked, policy DENY, and not enough at any location."""


def buy(
    shop: Shop,
    clock: Clock,
    lines: Iterable[tuple[int, int]],
    *,
    location_id: int | None = None,
    force: bool = False,
    bypass: bool = False,
    cause: str = "buy",
) -> Order:
    """An order over [(variant id, quantity)]: available down, committed up, at the location that has the stock.

    `force` oversells whatever the policy says (point of sale, a race); `bypass` claims nothing. Raises OutOfStockError,
    KeyError for an unknown variant, ValueError for a quantity below 1. All lines or none.
    """
    with shop.lock:
        wanted = [(shop.variants[variant_id], quantity) for variant_id, quantity in lines]
        taken: dict[tuple[int, int], int] = {}
        places = []
        for variant, quantity in wanted:
            if quantity < 1:
                raise ValueError("a line has at least one unit")
            place = None if bypass else _route(shop, variant, quantity, location_id, force, taken)
            if place is not None:
                taken[variant.item_id, place] = taken.get((variant.item_id, place), 0) + quantity
            places.append(place)
        order = _new_order(shop, clock)
        action = StockAction(shop, clock.seconds(), cause, f"order:{order.id}")
        for (variant, quantity), place in zip(wanted, places, strict=True):
            order.lines.append(_line(shop, variant, quantity, place))
            if place is not None:
                level = action.level(variant.item_id, place)
                action.move(level, "committed", quantity)
                action.move(level, "available", -quantity)
        action.close()
        return order


def _route(shop: Shop, variant: Variant, quantity: int, wanted: int | None, force: bool, taken: dict) -> int | None:
    """The location to take from; None for an untracked item. Live: the one that HAD stock, not the default one."""
    item: InventoryItem = shop.items[variant.item_id]
    if not item.tracked:
        return None

    def left(level: Level) -> int:
        return level.available - taken.get((item.id, level.location_id), 0)

    primary = primary_location(shop)
    default = primary.id if primary else None
    levels = [
        level for level in shop.levels_of(item.id) if level.is_active and shop.locations[level.location_id].is_active
    ]
    if wanted is not None:
        levels = [level for level in levels if level.location_id == wanted]
    levels.sort(key=lambda level: level.location_id != default)
    if shop.knobs.routing == "default":
        levels = levels[:1]
    stocked = next((level for level in levels if left(level) >= quantity), None)
    if stocked is None:
        if not force and variant.inventory_policy != "CONTINUE":
            raise OutOfStockError(f"{shop.domain}: not enough of {item.sku or variant.id}")
        stocked = max(levels, key=left, default=None)
    if stocked is not None:
        return stocked.location_id
    return wanted or default


def _new_order(shop: Shop, clock: Clock) -> Order:
    now = clock.whole_seconds()
    order = Order(shop.next_id(), 1001 + len(shop.orders), now, now, now)
    shop.orders[order.id] = order
    return order


def _line(shop: Shop, variant: Variant, quantity: int, place: int | None) -> LineItem:
    product, item = shop.products[variant.product_id], shop.items[variant.item_id]
    return LineItem(
        shop.next_id(), variant.id, item.id, product.id, place, product.title, item.sku, variant.price, quantity
    )


def fulfil(shop: Shop, clock: Clock, order: Order, quantities: dict[int, int] | None = None) -> None:
    """Ships units: committed and on_hand down. `quantities` is {line id: units}; None: everything that is left."""
    with shop.lock:
        action = StockAction(shop, clock.seconds(), "fulfil", f"order:{order.id}")
        for line in order.lines:
            quantity = line.unfulfilled if quantities is None else quantities.get(line.id, 0)
            if quantity > line.unfulfilled:
                raise ValueError("more than the order still has to ship")
            line.fulfilled += quantity
            _claim(action, line, -quantity)
        order.updated_at = int(action.at)
        action.close()


def _claim(action: StockAction, line: LineItem, delta: int) -> None:
    """Changes what is committed for a line, while its item still exists."""
    if line.location_id is not None and line.item_id in action.shop.items and delta:
        action.move(action.level(line.item_id, line.location_id), "committed", delta)


def _restock(action: StockAction, line: LineItem, quantity: int, location_id: int | None = None) -> None:
    place = location_id or line.location_id
    if place is not None and line.item_id in action.shop.items:
        action.move(action.level(line.item_id, place), "available", quantity)


def cancel(shop: Shop, clock: Clock, order: Order, *, restock: bool = True, reason: str = "CUSTOMER") -> None:
    """What is not shipped goes back, or is written off without `restock`. Raises ValueError when cancelled already."""
    with shop.lock:
        if order.cancelled_at is not None:
            raise ValueError("the order is cancelled already")
        action = StockAction(shop, clock.seconds(), "cancel", f"order:{order.id}")
        for line in order.lines:
            quantity = line.unfulfilled
            line.removed += quantity
            _claim(action, line, -quantity)
            if restock and quantity:
                _restock(action, line, quantity)
        order.cancelled_at = order.updated_at = int(action.at)
        order.cancel_reason = reason
        action.close()


def refund(shop: Shop, clock: Clock, order: Order, lines: Iterable[dict]) -> Refund:
    """Refunds [{line_item_id, quantity, restock_type, location_id?}].

    CANCEL: not shipped, back to available. RETURN: was shipped, back to available at the chosen location. NO_RESTOCK:
    unshipped units are written off (facts 10.9: not captured live), shipped ones change nothing. Raises ValueError.
    """
    with shop.lock:
        known = {line.id: line for line in order.lines}
        rows = [{**row, "restock_type": row.get("restock_type", "NO_RESTOCK")} for row in lines]
        for row in rows:
            _check_refund(known, row)
        made = Refund(shop.next_id(), order.id, clock.whole_seconds(), lines=rows)
        action = StockAction(shop, clock.seconds(), "refund", f"order:{order.id}")
        for row in rows:
            _refund_line(action, known[row["line_item_id"]], row)
        order.refunds.append(made)
        order.updated_at = int(action.at)
        action.close()
        return made


def _check_refund(known: dict[int, LineItem], row: dict) -> None:
    line = known.get(row["line_item_id"])
    if line is None:
        raise ValueError("the order has no such line")
    if row["restock_type"] not in RESTOCK_TYPES:
        raise ValueError(f"restock_type is one of {', '.join(RESTOCK_TYPES)}")
    shipped = row["restock_type"] == "RETURN"
    limit = {"CANCEL": line.unfulfilled, "RETURN": line.fulfilled}.get(
        row["restock_type"], line.quantity - line.removed
    )
    if not 0 < row["quantity"] <= limit:
        raise ValueError(f"at most {limit} {'shipped' if shipped else 'open'} units can be refunded this way")


def _refund_line(action: StockAction, line: LineItem, row: dict) -> None:
    quantity, kind = row["quantity"], row["restock_type"]
    if kind == "RETURN":
        line.fulfilled -= quantity
        line.removed += quantity
        _restock(action, line, quantity, row.get("location_id"))
        return
    open_units = min(quantity, line.unfulfilled)
    line.removed += quantity
    if quantity > open_units:
        line.fulfilled -= quantity - open_units
    _claim(action, line, -open_units)
    if kind == "CANCEL":
        _restock(action, line, open_units, row.get("location_id"))
