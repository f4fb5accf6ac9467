"""What becomes of an order: shipped, cancelled, refunded. Each tells the webhooks and moves stock."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.simulator.events.order_stock import (
    commit,
    default_location,
    open_entries,
    open_fulfillment_order,
    restock,
    take_open_units,
)
from tests.simulator.events.stock import StockAction
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Bag, Exchange
from tests.simulator.state.order_money import fulfillment_status, outstanding, received
from tests.simulator.state.orders import Fulfillment, FulfillmentOrder, LineItem, Order, Refund, Transaction
from tests.simulator.state.shop import Shop

RESTOCK_TYPES = ("CANCEL", "RETURN", "NO_RESTOCK")


def begin(shop: Shop, clock: Clock, order: Order, cause: str) -> StockAction:
    """An action on this order; hold the shop's lock and end it with `finish`."""
    return StockAction(shop, clock.seconds(), cause, f"order:{order.id}")


def finish(action: StockAction, order: Order, *events: tuple[str, tuple]) -> None:
    """Moves updatedAt and publishes: what happened, then orders/updated."""
    order.updated_at = int(action.at)
    for topic, subject in events:
        action.tell(topic, subject)
    action.tell("ORDERS_UPDATED", (order.id,))
    action.close()


# Shipping


def fulfil(
    shop: Shop,
    clock: Clock,
    order: Order,
    quantities: dict[int, int] | None = None,
    *,
    number: str | None = None,
    company: str | None = None,
    url: str | None = None,
) -> list[Fulfillment]:
    """Ships units: committed and on_hand down; one fulfilment per location.

    `quantities` is {line id: units}; None: everything that is left. Raises ValueError for more than that.
    """
    with shop.lock:
        by_place: dict[int, dict[int, int]] = {}
        for line in order.lines:
            left = _wanted(line, quantities)
            for row, entry in open_entries(order, line) if left else ():
                part = min(left, entry.remaining)
                if part:
                    here = by_place.setdefault(row.location_id, {})
                    here[line.id] = here.get(line.id, 0) + part
                left -= part
            if left:
                by_place.setdefault(line.location_id or default_location(shop) or 0, {})[line.id] = left
        tracking = {"company": company, "numbers": [number] if number else [], "urls": [url] if url else []}
        return [ship(shop, clock, order, place, lines, **tracking) for place, lines in by_place.items()]


def _wanted(line: LineItem, quantities: dict[int, int] | None) -> int:
    quantity = line.unfulfilled if quantities is None else quantities.get(line.id, 0)
    if quantity > line.unfulfilled:
        raise ValueError("more than the order still has to ship")
    return 0 if line.tip else quantity


def ship(
    shop: Shop,
    clock: Clock,
    order: Order,
    location_id: int,
    lines: dict[int, int],
    *,
    company: str | None = None,
    numbers: list[str] | None = None,
    urls: list[str] | None = None,
    among: Iterable[int] | None = None,
) -> Fulfillment:
    """One fulfilment of {line id: units} from one location. `among`: fulfillment orders. Hold the shop's lock."""
    action = begin(shop, clock, order, "fulfil")
    now = int(action.at)
    made = Fulfillment(shop.next_id(), order.id, location_id, len(order.fulfillments) + 1, now, now, dict(lines))
    made.line_ids = {line_id: shop.next_id() for line_id in lines}
    made.company, made.numbers, made.urls = company, list(numbers or []), list(urls or [])
    rows = [row for row in order.fulfillment_orders if among is None or row.id in among]
    before = {row.id: sum(entry.remaining for entry in row.lines) for row in rows}
    for line_id, quantity in lines.items():
        line = order.line(line_id)
        entries = [pair for pair in open_entries(order, line) if pair[0].id in before]
        entries.sort(key=lambda pair: pair[0].location_id != location_id)
        take_open_units(action, order, line, quantity, entries, shipped=True)
        line.fulfilled += quantity
    made.fulfillment_order_ids = [row.id for row in rows if sum(one.remaining for one in row.lines) < before[row.id]]
    order.fulfillments.append(made)
    shop.fulfillments[made.id] = made
    whole = fulfillment_status(order) == "FULFILLED"
    state = "ORDERS_FULFILLED" if whole else "ORDERS_PARTIALLY_FULFILLED"
    finish(action, order, ("FULFILLMENTS_CREATE", (made.id,)), (state, (order.id,)))
    return made


def change_tracking(
    shop: Shop, clock: Clock, fulfillment: Fulfillment, company: str | None, numbers: list[str], urls: list[str]
) -> None:
    with shop.lock:
        fulfillment.company, fulfillment.numbers, fulfillment.urls = company, list(numbers), list(urls)
        fulfillment.updated_at = clock.whole_seconds()
        fulfillment.is_in_transit = shop.knobs.tracking_shows_transit
        order = shop.orders[fulfillment.order_id]
        finish(begin(shop, clock, order, "tracking"), order, ("FULFILLMENTS_UPDATE", (fulfillment.id,)))


def cancel_fulfilment(shop: Shop, clock: Clock, fulfillment: Fulfillment) -> None:
    """Its units are to be shipped again: committed and on_hand up. Raises ValueError the second time.

    A fulfilment order that was wholly shipped stays closed and another one takes over ([S] fulfillmentCancel). That
    units which came back cannot be unshipped is likely, but was not captured live.
    """
    with shop.lock:
        order = shop.orders[fulfillment.order_id]
        if fulfillment.status == "CANCELLED":
            raise ValueError("The fulfillment has already been cancelled.")
        lines = [(order.line(line_id), units) for line_id, units in fulfillment.lines.items()]
        if any(units > line.fulfilled for line, units in lines):
            raise ValueError("The fulfillment can't be cancelled: items of it were returned or refunded.")
        action = begin(shop, clock, order, "cancel_fulfilment")
        left = dict(fulfillment.lines)
        for line, units in lines:
            line.fulfilled -= units
        for row in [one for one in order.fulfillment_orders if one.id in fulfillment.fulfillment_order_ids]:
            _reopen(shop, action, order, row, left)
        for line, _ in lines:
            commit(action, line, left[line.id])
        fulfillment.status, fulfillment.updated_at = "CANCELLED", int(action.at)
        finish(action, order, ("FULFILLMENTS_UPDATE", (fulfillment.id,)))


def _reopen(shop: Shop, action: StockAction, order: Order, row: FulfillmentOrder, left: dict[int, int]) -> None:
    """Units of a cancelled fulfilment, {line id: units left}, are to be shipped from here again."""
    is_whole = not any(entry.remaining for entry in row.lines)
    back: list[tuple[LineItem, int]] = []
    claimed: list[bool] = []
    for entry in row.lines:
        part = min(left.get(entry.line_id, 0), entry.shipped)
        if not part:
            continue
        left[entry.line_id] -= part
        line = order.line(entry.line_id)
        back.append((line, part))
        claimed.append(entry.claimed)
        if entry.claimed:
            commit(action, line, part, row.location_id)
        if not is_whole:
            entry.shipped, entry.remaining = entry.shipped - part, entry.remaining + part
    row.updated_at = int(action.at)
    if is_whole and back:
        row.is_closed = True
        made = open_fulfillment_order(shop, order, row.location_id, back, int(action.at))
        for entry, is_claimed in zip(made.lines, claimed, strict=True):
            entry.claimed = is_claimed


# Taking back


def cancel(
    shop: Shop,
    clock: Clock,
    order: Order,
    *,
    restock: bool = True,
    reason: str = "CUSTOMER",
    refund_money: bool = False,
    staff_note: str | None = None,
) -> Refund | None:
    """What is not shipped goes back, or is written off without `restock`. Raises ValueError when it cannot be.

    An order of which something is shipped is cancelled where nothing was paid, and by [S] its shipped units go back on
    sale, too; with a payment it is refused (recorded: 17 of 17, 6 of 6). The lines that were taken off stand in a
    refund, as at Shopify, whether money goes back or not.
    """
    with shop.lock:
        if problem := why_not_cancelled(order):
            raise ValueError(problem)
        action = begin(shop, clock, order, "cancel")
        kind = "CANCEL" if restock else "NO_RESTOCK"
        rows = [refund_row(line, line.unfulfilled, kind) for line in order.lines if line.unfulfilled]
        if restock and shop.knobs.cancel_restocks_shipped:
            rows += [refund_row(line, line.fulfilled, "RETURN") for line in order.lines if line.fulfilled]
        made = take_back(shop, action, order, rows) if rows else None
        if made is not None and refund_money:
            give_money(shop, action, order, made, -outstanding(order))
        for row in order.transactions:
            if row.status == "PENDING":
                row.status = "FAILURE"
        order.cancelled_at = order.closed_at = int(action.at)
        order.cancel_reason, order.staff_note, order.financial_status = reason, staff_note, None
        events = [("REFUNDS_CREATE", (made.id,))] if made is not None else []
        finish(action, order, *events, ("ORDERS_CANCELLED", (order.id,)))
        return made


def why_not_cancelled(order: Order) -> str:
    """Why Shopify cannot cancel an order as it is; '' where it can."""
    if order.cancelled_at is not None:
        return "Cannot cancel an order that has already been canceled"
    if received(order).shop > 0 and any(line.fulfilled for line in order.lines):
        return "Cannot cancel an order that has outstanding fulfillments"
    return ""


def refund_row(line: LineItem, quantity: int, kind: str) -> dict:
    return {"line_item_id": line.id, "quantity": quantity, "restock_type": kind}


def refund(
    shop: Shop,
    clock: Clock,
    order: Order,
    lines: Iterable[dict],
    *,
    money: object = None,
    shipping: object = None,
    note: str = "",
    transactions: Iterable[tuple[str, Bag, int | None]] = (),
) -> Refund:
    """Refunds [{line_item_id, quantity, restock_type, location_id?}].

    CANCEL: not shipped, back to available. RETURN: was shipped, back to available at the chosen location. NO_RESTOCK:
    unshipped units are written off (shopify.md 10.9: not settled), shipped ones change nothing. `money`: an amount in
    the shop's currency that goes back; `shipping` is the part of it that was for shipping. Raises ValueError.
    """
    with shop.lock:
        known = {line.id: line for line in order.lines}
        rows = [{**row, "restock_type": row.get("restock_type", "NO_RESTOCK")} for row in lines]
        for row in rows:
            check_refund(known, row)
        action = begin(shop, clock, order, "refund")
        made = take_back(shop, action, order, rows)
        made.note = note
        if shipping is not None:
            made.shipping = shipping if isinstance(shipping, Bag) else _bag(order, shipping)
        if money is not None:
            give_money(shop, action, order, made, _bag(order, money))
        for gateway, amount, parent_id in transactions:
            give_money(shop, action, order, made, amount, gateway, parent_id)
        order.financial_status = None
        finish(action, order, ("REFUNDS_CREATE", (made.id,)))
        return made


def _bag(order: Order, amount: object) -> Bag:
    """An amount in the shop's currency, with the rate that the order was sold at."""
    paid = next((row.amount for row in order.transactions if row.amount.shop), None)
    rate = paid.presentment / paid.shop if paid else Decimal(1)
    return Exchange(order.currency, order.presentment_currency, rate).from_shop(Decimal(str(amount)))


def take_back(shop: Shop, action: StockAction, order: Order, rows: list[dict]) -> Refund:
    rows = [{"id": shop.next_id(), "location_id": None, **row} for row in rows]
    made = Refund(shop.next_id(), order.id, int(action.at), lines=rows)
    for row in rows:
        _take_line_back(action, order, order.line(row["line_item_id"]), row)
    order.refunds.append(made)
    shop.refunds[made.id] = made
    return made


def give_money(shop, action, order, made: Refund, amount: Bag, gateway: str = "bogus", parent: int | None = None):
    if amount.shop > 0:
        now = int(action.at)
        row = Transaction(shop.next_id(), order.id, "REFUND", "SUCCESS", gateway, amount, now, now, order.test, parent)
        order.transactions.append(row)
        made.transactions.append(row)


def check_refund(known: dict[int, LineItem], row: dict) -> None:
    line = known.get(row["line_item_id"])
    if line is None:
        raise ValueError("the order has no such line")
    if row["restock_type"] not in RESTOCK_TYPES:
        raise ValueError(f"restock_type is one of {', '.join(RESTOCK_TYPES)}")
    shipped = row["restock_type"] == "RETURN"
    limits = {"CANCEL": line.unfulfilled, "RETURN": line.fulfilled}
    limit = limits.get(row["restock_type"], line.quantity - line.removed)
    if not 0 < row["quantity"] <= limit:
        raise ValueError(f"at most {limit} {'shipped' if shipped else 'open'} units can be refunded this way")


def _take_line_back(action: StockAction, order: Order, line: LineItem, row: dict) -> None:
    quantity, kind = row["quantity"], row["restock_type"]
    if kind == "RETURN":
        line.fulfilled -= quantity
        line.removed += quantity
        row["location_id"] = row.get("location_id") or line.location_id
        restock(action, line, quantity, row["location_id"])
        return
    open_units = min(quantity, line.unfulfilled)
    place = take_off(
        action, order, line, open_units, back_to_stock=kind == "CANCEL", location_id=row.get("location_id")
    )
    row["location_id"] = place if kind == "CANCEL" else row.get("location_id")
    line.removed += quantity - open_units
    line.fulfilled -= quantity - open_units


def take_off(
    action: StockAction,
    order: Order,
    line: LineItem,
    units: int,
    *,
    back_to_stock: bool,
    location_id: int | None = None,
) -> int | None:
    """Open units leave the order, the latest fulfillment order first; to stock where they stood, or where it is said.

    The location they went back to; None without `back_to_stock`.
    """
    taken = take_open_units(action, order, line, units, open_entries(order, line)[::-1])
    line.removed += units
    if not back_to_stock:
        return None
    if location_id is not None or not taken:
        restock(action, line, units, location_id)
        return location_id or line.location_id
    for place, part in taken:
        restock(action, line, part, place)
    return taken[0][0]
