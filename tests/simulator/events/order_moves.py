"""What becomes of an order: paid, shipped, cancelled, refunded, edited. Each tells the webhooks and moves stock."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.simulator.events.order_build import variant_line
from tests.simulator.events.order_stock import Router, claim, commit, default_location, open_fulfillment_orders, restock
from tests.simulator.events.stock import StockAction
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Bag, Exchange
from tests.simulator.state.order_money import fulfillment_status, outstanding, received
from tests.simulator.state.orders import Fulfillment, LineItem, Order, OrderEdit, Refund, Transaction
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


def pay(shop: Shop, clock: Clock, order: Order, gateway: str = "bogus") -> None:
    """The buyer (or the merchant) pays what is owed. Raises ValueError when nothing is."""
    with shop.lock:
        owed = outstanding(order)
        if order.cancelled_at is not None or owed.shop <= 0:
            raise ValueError("Order cannot be marked as paid.")
        now = clock.whole_seconds()
        pending = next((row for row in order.transactions if row.status == "PENDING"), None)
        if pending is not None:
            pending.status, pending.processed_at, pending.amount = "SUCCESS", now, owed
        else:
            row = Transaction(shop.next_id(), order.id, "SALE", "SUCCESS", gateway, owed, now, now, order.test)
            order.transactions.append(row)
        order.financial_status = None
        finish(begin(shop, clock, order, "pay"), order, ("ORDERS_PAID", (order.id,)))


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
        chosen = [(line, _wanted(line, quantities)) for line in order.lines]
        by_place: dict[int, dict[int, int]] = {}
        for line, quantity in chosen:
            if quantity:
                by_place.setdefault(line.location_id or default_location(shop) or 0, {})[line.id] = quantity
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
) -> Fulfillment:
    """One fulfilment of {line id: units} from one location. Hold the shop's lock."""
    action = begin(shop, clock, order, "fulfil")
    now = int(action.at)
    made = Fulfillment(shop.next_id(), order.id, location_id, len(order.fulfillments) + 1, now, now, dict(lines))
    made.line_ids = {line_id: shop.next_id() for line_id in lines}
    made.company, made.numbers, made.urls = company, list(numbers or []), list(urls or [])
    made.fulfillment_order_ids = [
        row.id
        for row in order.fulfillment_orders
        if not row.is_closed and any(entry.line_id in lines for entry in row.lines)
    ]
    for line_id, quantity in lines.items():
        line = order.line(line_id)
        line.fulfilled += quantity
        commit(action, line, -quantity)
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
        whole = [row for row in order.fulfillment_orders
                 if row.id in fulfillment.fulfillment_order_ids and not row.is_closed
                 and not any(order.line(entry.line_id).unfulfilled for entry in row.lines)]  # fmt: skip
        for line, units in lines:
            line.fulfilled -= units
            commit(action, line, units)
        for row in whole:
            row.is_closed, row.updated_at = True, int(action.at)
            held = {entry.line_id for entry in row.lines}
            open_fulfillment_orders(shop, order, [line for line, _ in lines if line.id in held], int(action.at))
        fulfillment.status, fulfillment.updated_at = "CANCELLED", int(action.at)
        finish(action, order, ("FULFILLMENTS_UPDATE", (fulfillment.id,)))


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
        rows = [_row(line, line.unfulfilled, kind) for line in order.lines if line.unfulfilled]
        if restock and shop.knobs.cancel_restocks_shipped:
            rows += [_row(line, line.fulfilled, "RETURN") for line in order.lines if line.fulfilled]
        made = _take_back(shop, action, order, rows) if rows else None
        if made is not None and refund_money:
            _give_money(shop, action, order, made, -outstanding(order))
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


def _row(line: LineItem, quantity: int, kind: str) -> dict:
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
            _check_refund(known, row)
        action = begin(shop, clock, order, "refund")
        made = _take_back(shop, action, order, rows)
        made.note = note
        if shipping is not None:
            made.shipping = shipping if isinstance(shipping, Bag) else _bag(order, shipping)
        if money is not None:
            _give_money(shop, action, order, made, _bag(order, money))
        for gateway, amount, parent_id in transactions:
            _give_money(shop, action, order, made, amount, gateway, parent_id)
        order.financial_status = None
        finish(action, order, ("REFUNDS_CREATE", (made.id,)))
        return made


def _bag(order: Order, amount: object) -> Bag:
    """An amount in the shop's currency, with the rate that the order was sold at."""
    paid = next((row.amount for row in order.transactions if row.amount.shop), None)
    rate = paid.presentment / paid.shop if paid else Decimal(1)
    return Exchange(order.currency, order.presentment_currency, rate).from_shop(Decimal(str(amount)))


def _take_back(shop: Shop, action: StockAction, order: Order, rows: list[dict]) -> Refund:
    rows = [{"id": shop.next_id(), "location_id": None, **row} for row in rows]
    made = Refund(shop.next_id(), order.id, int(action.at), lines=rows)
    for row in rows:
        _take_line_back(action, order.line(row["line_item_id"]), row)
    order.refunds.append(made)
    shop.refunds[made.id] = made
    return made


def _give_money(shop, action, order, made: Refund, amount: Bag, gateway: str = "bogus", parent: int | None = None):
    if amount.shop > 0:
        now = int(action.at)
        row = Transaction(shop.next_id(), order.id, "REFUND", "SUCCESS", gateway, amount, now, now, order.test, parent)
        order.transactions.append(row)
        made.transactions.append(row)


def _check_refund(known: dict[int, LineItem], row: dict) -> None:
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


def _take_line_back(action: StockAction, line: LineItem, row: dict) -> None:
    quantity, kind = row["quantity"], row["restock_type"]
    if kind == "RETURN":
        line.fulfilled -= quantity
        line.removed += quantity
        row["location_id"] = row.get("location_id") or line.location_id
        restock(action, line, quantity, row["location_id"])
        return
    open_units = min(quantity, line.unfulfilled)
    line.removed += quantity
    if quantity > open_units:
        line.fulfilled -= quantity - open_units
    commit(action, line, -open_units)
    if kind == "CANCEL":
        row["location_id"] = row.get("location_id") or line.location_id
        restock(action, line, open_units, row["location_id"])


def exchange(shop: Shop, clock: Clock, order: Order, back: dict[int, int], add: tuple[int, int]) -> LineItem:
    """Shipped units ({line id: units}) come back, and (variant id, units) go out by a new line of the same order.

    Row 64: orders/updated tells of it; whether orders/edited does is not known, a knob. Raises ValueError.
    """
    with shop.lock:
        rows = [_row(order.line(line_id), units, "RETURN") for line_id, units in back.items()]
        for row in rows:
            _check_refund({line.id: line for line in order.lines}, row)
        line = _added_line(shop, order, *add)
        action = begin(shop, clock, order, "exchange")
        made = _take_back(shop, action, order, rows)
        order.lines.append(line)
        claim(action, line)
        open_fulfillment_orders(shop, order, [line], int(action.at))
        events = [("REFUNDS_CREATE", (made.id,))]
        if shop.knobs.exchanges_are_edits:
            edit = OrderEdit(shop.next_id(), int(action.at), [(line.id, line.quantity)], [], "Exchange")
            order.edits.append(edit)
            events.append(("ORDERS_EDITED", (order.id, edit.id)))
        order.financial_status = None
        finish(action, order, *events)
        return line


# Editing


def edit_order(
    shop: Shop,
    clock: Clock,
    order: Order,
    *,
    quantities: dict[int, int] | None = None,
    add: Iterable[tuple[int, int]] = (),
    back_to_stock: bool = True,
    note: str = "",
) -> OrderEdit:
    """The merchant edits an order: {line id: current quantity wanted} (only fewer), and new [(variant id, units)].

    A line keeps its `quantity`; its current quantity falls. Raises ValueError for a cancelled order, for more units
    than a line has left to ship, KeyError for an unknown variant.
    """
    with shop.lock:
        if order.cancelled_at is not None:
            raise ValueError("the order is cancelled")
        fewer = _fewer(order, quantities or {})
        made = [_added_line(shop, order, variant_id, quantity) for variant_id, quantity in add]
        action = begin(shop, clock, order, "edit")
        for line, units in fewer:
            line.removed += units
            commit(action, line, -units)
            if back_to_stock:
                restock(action, line, units)
        for line in made:
            order.lines.append(line)
            claim(action, line)
        open_fulfillment_orders(shop, order, made, int(action.at))
        edit = OrderEdit(shop.next_id(), int(action.at), [(line.id, line.quantity) for line in made],
                         [(line.id, units) for line, units in fewer], note)  # fmt: skip
        order.edits.append(edit)
        order.financial_status = None
        finish(action, order, ("ORDERS_EDITED", (order.id, edit.id)))
        return edit


def _fewer(order: Order, quantities: dict[int, int]) -> list[tuple[LineItem, int]]:
    found = []
    for line_id, wanted in quantities.items():
        line = order.line(line_id)
        units = line.current_quantity - wanted
        if not 0 <= units <= line.unfulfilled:
            raise ValueError("an edit only lowers what is not shipped; further units are a new line")
        if units:
            found.append((line, units))
    return found


def _added_line(shop: Shop, order: Order, variant_id: int, quantity: int) -> LineItem:
    paid = next((line.price for line in order.lines if line.price.shop), None)
    rate = paid.presentment / paid.shop if paid else Decimal(1)
    line = variant_line(shop, variant_id, quantity, Exchange(order.currency, order.presentment_currency, rate))
    line.location_id = Router(shop, force=True).choose(shop.variants[variant_id], quantity)
    return line
