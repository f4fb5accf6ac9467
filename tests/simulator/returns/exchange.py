"""An exchange: shipped units come back, and others go out by new lines of the same order (row 64)."""

from __future__ import annotations

from tests.simulator.edits.session import rate_of
from tests.simulator.events.order_build import variant_line
from tests.simulator.events.order_moves import begin, check_refund, finish, refund_row, take_back
from tests.simulator.events.order_stock import Router, claim, open_fulfillment_orders
from tests.simulator.state.clock import Clock
from tests.simulator.state.orders import LineItem, Order, OrderEdit
from tests.simulator.state.shop import Shop


def exchange(shop: Shop, clock: Clock, order: Order, back: dict[int, int], add: tuple[int, int]) -> LineItem:
    """Shipped units ({line id: units}) come back, and (variant id, units) go out by a new line of the same order.

    Row 64: orders/updated tells of it; whether orders/edited does is not known, a knob. Raises ValueError.
    """
    with shop.lock:
        rows = [refund_row(order.line(line_id), units, "RETURN") for line_id, units in back.items()]
        for row in rows:
            check_refund({line.id: line for line in order.lines}, row)
        line = added_line(shop, order, *add)
        action = begin(shop, clock, order, "exchange")
        made = take_back(shop, action, order, rows)
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


def added_line(shop: Shop, order: Order, variant_id: int, quantity: int) -> LineItem:
    line = variant_line(shop, variant_id, quantity, rate_of(order))
    line.location_id = Router(shop, force=True).choose(shop.variants[variant_id], quantity)
    return line
