"""Returns: opened, processed (goods come back, others go out, money goes back), closed (row 70)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tests.simulator.edits.session import rate_of
from tests.simulator.events.order_moves import begin, finish, give_money, refund_row
from tests.simulator.events.order_stock import claim, open_fulfillment_orders, restock
from tests.simulator.events.stock import StockAction
from tests.simulator.returns.exchange import added_line
from tests.simulator.returns.state import ExchangeLine, Return, ReturnLine
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Bag
from tests.simulator.state.orders import Order, OrderEdit, Refund
from tests.simulator.state.shop import Shop

Event = tuple[str, tuple]


class ReturnError(ValueError):
    """A refusal with the field it is about and its code."""

    def __init__(self, message: str, field: list | None = None, code: str = "INVALID"):
        super().__init__(message)
        self.field = field
        self.code = code


@dataclass(slots=True)
class Back:
    """Units of a return line that are processed; they go on sale again with `restock`."""

    line: ReturnLine
    units: int
    restock: bool = False
    location_id: int | None = None


def returnable(order: Order, fulfillment_id: int, line_id: int) -> int:
    """Shipped units of a line in a fulfilment that are in no open return, and did not come back."""
    shipped = next((one.lines.get(line_id, 0) for one in order.fulfillments if one.id == fulfillment_id), 0)
    rows = [row for one in order.returns if one.status != "CANCELED" for row in one.lines if row.line_id == line_id]
    asked = sum(row.quantity for row in rows if row.fulfillment_id == fulfillment_id)
    waiting = sum(row.quantity - row.processed for row in rows)
    return max(0, min(shipped - asked, order.line(line_id).fulfilled - waiting))


def open_return(shop: Shop, clock: Clock, order: Order, rows: list[ReturnLine], exchange: list[ExchangeLine]) -> Return:
    """Nothing of the order's lines or stock moves yet. Told as approved: nobody asked for it before."""
    with shop.lock:
        action = begin(shop, clock, order, "return")
        made = Return(shop.next_id(), order.id, len(order.returns) + 1, int(action.at), rows, exchange)
        order.returns.append(made)
        order.closed_at = None
        finish(action, order, ("RETURNS_APPROVE", (order.id, made.id)))
        return made


def process(
    shop: Shop,
    clock: Clock,
    order: Order,
    row: Return,
    back: list[Back],
    out: list[tuple[ExchangeLine, int]],
    *,
    money: Bag | None = None,
    parent_id: int | None = None,
    cause: str = "return",
) -> None:
    """Goods are back, exchanged ones are added to the same order, money goes back where it is said."""
    with shop.lock:
        action = begin(shop, clock, order, cause)
        events: list[Event] = [("RETURNS_PROCESS", (order.id, row.id))]
        for one in back:
            one.line.processed += one.units
            if one.restock:
                restock(action, order.line(one.line.line_id), one.units, one.location_id)
        if back and (money is not None or shop.knobs.returns_lower == "process"):
            events += _refund(shop, action, order, row, back, money, parent_id)
        events += _send_out(shop, action, order, out)
        order.financial_status = None
        finish(action, order, *events)


def _refund(
    shop: Shop, action: StockAction, order: Order, row: Return, back: list[Back], money: Bag | None, parent_id
) -> list[Event]:
    """The units leave the order. Whether they do so with the goods or with the money is not known: a knob."""
    lines = []
    for one in back:
        line = order.line(one.line.line_id)
        line.fulfilled -= one.units
        line.removed += one.units
        kind, place = ("RETURN", one.location_id or line.location_id) if one.restock else ("NO_RESTOCK", None)
        lines.append({"id": shop.next_id(), "location_id": place, **refund_row(line, one.units, kind)})
    if money is None:
        return []
    made = Refund(shop.next_id(), order.id, int(action.at), lines=lines)
    give_money(shop, action, order, made, money, "bogus", parent_id)
    order.refunds.append(made)
    shop.refunds[made.id] = made
    row.refund_ids.append(made.id)
    for one in back:
        one.line.refunded += one.units
    return [("REFUNDS_CREATE", (made.id,))]


def _send_out(shop: Shop, action: StockAction, order: Order, out: list[tuple[ExchangeLine, int]]) -> list[Event]:
    added = []
    for entry, units in out:
        line = added_line(shop, order, entry.variant_id, units)
        entry.processed += units
        entry.line_ids.append(line.id)
        order.lines.append(line)
        claim(action, line)
        added.append(line)
    open_fulfillment_orders(shop, order, added, int(action.at))
    if not added or not shop.knobs.exchanges_are_edits:
        return []
    edit = OrderEdit(shop.next_id(), int(action.at), [(line.id, line.quantity) for line in added], [], "Exchange")
    order.edits.append(edit)
    return [("ORDERS_EDITED", (order.id, edit.id))]


def close(shop: Shop, clock: Clock, order: Order, row: Return) -> None:
    """Raises ReturnError for one that is not open."""
    with shop.lock:
        if row.status != "OPEN":
            raise ReturnError("Return status is invalid.", ["id"], "INVALID_STATE")
        action = begin(shop, clock, order, "return")
        row.status, row.closed_at = "CLOSED", int(action.at)
        finish(action, order, ("RETURNS_CLOSE", (order.id, row.id)))


# Staff


def return_goods(
    shop: Shop,
    clock: Clock,
    order: Order,
    back: dict[int, int],
    *,
    exchange: list[tuple[int, int]] = (),
    restock: bool = True,
    location_id: int | None = None,
    money: object = None,
    is_processed: bool = True,
) -> Return:
    """{line id: shipped units} come back, (variant id, units) go out; `money` in the order's currency goes back.

    `is_processed` False: the return is only opened. Raises ValueError for more units than were shipped.
    """
    with shop.lock:
        rows = [row for line_id, units in back.items() for row in _shipped_rows(shop, order, line_id, units)]
        extra = [ExchangeLine(shop.next_id(), variant_id, units) for variant_id, units in exchange]
        made = open_return(shop, clock, order, rows, extra)
        if is_processed:
            bag = None if money is None else rate_of(order).from_shop(Decimal(str(money)))
            given = [Back(row, row.quantity, restock, location_id) for row in rows]
            process(shop, clock, order, made, given, [(row, row.quantity) for row in extra], money=bag)
            close(shop, clock, order, made)
        return made


def _shipped_rows(shop: Shop, order: Order, line_id: int, units: int) -> list[ReturnLine]:
    rows, left = [], units
    for made in order.fulfillments:
        part = min(left, returnable(order, made.id, line_id)) if made.status != "CANCELLED" else 0
        if part:
            rows.append(ReturnLine(shop.next_id(), made.id, line_id, part))
            left -= part
    if left:
        raise ReturnError("that many shipped units are not there to come back")
    return rows
