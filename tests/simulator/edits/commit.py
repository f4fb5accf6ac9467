"""The end of an order edit: lines, money, stock, fulfillment orders and webhooks change in one step."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tests.simulator.edits import staging
from tests.simulator.edits.session import AddedLine, EditSession, apply_discount, grow, rate_of, why_not_editable
from tests.simulator.edits.staging import NOT_EDITABLE, EditError
from tests.simulator.events.order_moves import begin, finish, take_off
from tests.simulator.events.order_stock import Router, claim, default_location, open_fulfillment_order, ships
from tests.simulator.events.stock import StockAction
from tests.simulator.state.clock import Clock
from tests.simulator.state.order_money import outstanding
from tests.simulator.state.orders import LineItem, Order, OrderEdit
from tests.simulator.state.shop import Shop


def commit(
    shop: Shop, clock: Clock, session: EditSession, *, note: str = "", notify: bool = False, cause: str = "edit"
) -> tuple[OrderEdit, list[str]]:
    """The edit, and the words for whoever made it. Raises EditError; then the session stays as it is.

    What came off in between (shipped, refunded, cancelled) is looked at first: all of the edit happens, or nothing.
    """
    with shop.lock:
        order = shop.orders[session.order_id]
        _check(shop, order, session)
        action = begin(shop, clock, order, cause)
        edit = OrderEdit(shop.next_id(), int(action.at), [], [], note, session.client_id, notify)
        for change in session.quantities.values():
            line = order.line(change.line_id)
            if change.delta < 0:
                take_off(action, order, line, -change.delta, back_to_stock=change.restock,
                         location_id=change.location_id)  # fmt: skip
                edit.removed.append((line.id, -change.delta))
            elif change.delta:
                _add_units(shop, action, order, line, change.delta, edit)
        for row in session.added:
            _add_line(shop, action, order, row, edit)
        for discount in session.discounts:
            edit.discounts.append((discount.line_id, apply_discount(order, discount)))
        words = _words(shop, clock, order, notify)
        order.edits.append(edit)
        order.financial_status, order.closed_at = None, None
        shop.edit_sessions.pop(session.id, None)
        finish(action, order, ("ORDERS_EDITED", (order.id, edit.id)))
        return edit, words


def _check(shop: Shop, order: Order, session: EditSession) -> None:
    if why_not_editable(order):
        raise EditError(NOT_EDITABLE)
    if shop.knobs.edits_conflict and len(order.edits) != session.edits_before:
        raise EditError("The order has been edited since this edit began.", ["id"])
    if session.is_empty and not shop.knobs.empty_edits:
        raise EditError("There are no changes to save.", ["id"])
    for change in session.quantities.values():
        if -change.delta > order.line(change.line_id).unfulfilled:
            raise EditError(NOT_EDITABLE)


def _words(shop: Shop, clock: Clock, order: Order, notify: bool) -> list[str]:
    """OrderEditCommitPayload.successMessages; mails go to `shop.mails`."""
    words = ["Order updated"]
    if order.closed_at is not None:
        words.append("Order unarchived")
    if notify and order.email:
        kind = "invoice" if outstanding(order).presentment > 0 else "edit"
        shop.mails.append({"kind": kind, "to": order.email, "order": order.name, "at": clock.whole_seconds()})
        words.append("Invoice sent" if kind == "invoice" else "Notification sent")
    return words


def _add_units(shop: Shop, action: StockAction, order: Order, line: LineItem, units: int, edit: OrderEdit) -> None:
    """Further units of a line ship by a fulfillment order of their own, as recorded for a line that is added."""
    grown = grow(order, line, units, new_id=shop.next_id() if shop.knobs.edits_split_lines else None)
    place = line.location_id or _routed(shop, line, units)
    grown.location_id = place
    claim(action, grown, units=units, location_id=place)
    _open(shop, action, order, grown, units)
    edit.added.append((grown.id, units))


def _add_line(shop: Shop, action: StockAction, order: Order, row: AddedLine, edit: OrderEdit) -> None:
    line = row.line
    wanted = row.location_id if shop.knobs.edits_follow_location or edit.client_id is None else None
    line.location_id = _routed(shop, line, line.quantity, wanted)
    order.lines.append(line)
    claim(action, line)
    _open(shop, action, order, line, line.quantity)
    edit.added.append((line.id, line.quantity))


def _routed(shop: Shop, line: LineItem, units: int, location_id: int | None = None) -> int | None:
    """An edit may sell more than there is; None for what has no stock."""
    variant = shop.variants.get(line.variant_id) if line.variant_id else None
    return Router(shop, location_id=location_id, force=True).choose(variant, units) if variant else None


def _open(shop: Shop, action: StockAction, order: Order, line: LineItem, units: int) -> None:
    place = line.location_id or default_location(shop)
    if ships(shop, line) and place is not None:
        open_fulfillment_order(shop, order, place, [(line, units)], int(action.at))
    if line.item_id in shop.items:
        action.sell(line.item_id)


# Staff


def edit_order(
    shop: Shop,
    clock: Clock,
    order: Order,
    *,
    quantities: dict[int, int] | None = None,
    add: Iterable[tuple[int, int] | dict[str, Any]] = (),
    back_to_stock: bool = True,
    note: str = "",
    notify: bool = False,
    discounts: dict[int, object] | None = None,
) -> OrderEdit:
    """Staff edit an order: {line id: current quantity wanted}, new lines, {line id: amount off each unit}.

    A new line is (variant id, units) or {variant_id | title, quantity, price, discount, location_id,
    requires_shipping}: `price` is one of a custom item, `discount` an amount off each unit.
    Raises ValueError, also for a cancelled order and for more units than a line has left to ship; KeyError for an
    unknown variant.
    """
    with shop.lock:
        session = staging.begin(shop, order, clock.seconds())
        try:
            for line_id, wanted in (quantities or {}).items():
                line = order.line(line_id)
                staging.set_quantity(shop, order, session, line, wanted, back_to_stock, None)
            for row in add:
                _stage_line(shop, order, session, row if isinstance(row, dict) else {"variant_id": row[0],
                                                                                    "quantity": row[1]})  # fmt: skip
            for line_id, off in (discounts or {}).items():
                amount = rate_of(order).from_shop(Decimal(str(off)))
                staging.add_discount(shop, session, order.line(line_id), "Discount", fixed=amount)
            return commit(shop, clock, session, note=note, notify=notify)[0]
        finally:
            shop.edit_sessions.pop(session.id, None)


def _stage_line(shop: Shop, order: Order, session: EditSession, row: dict[str, Any]) -> None:
    exchange, units, place = rate_of(order), int(row.get("quantity", 1)), row.get("location_id")
    if row.get("variant_id") is not None:
        if row["variant_id"] not in shop.variants:
            raise KeyError(row["variant_id"])
        added = staging.add_variant(
            shop, order, session, row["variant_id"], units, location_id=place, allow_duplicates=True
        )
    else:
        price = exchange.from_shop(Decimal(str(row.get("price", 0))))
        added = staging.add_custom_item(
            shop, order, session, row["title"], units, price, requires_shipping=bool(row.get("requires_shipping"))
        )
    if row.get("discount"):
        off = exchange.from_shop(Decimal(str(row["discount"])))
        staging.add_discount(shop, session, added.line, row.get("discount_title") or "Discount", fixed=off)
