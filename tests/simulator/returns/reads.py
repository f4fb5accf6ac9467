"""Resolvers of returns: their lines, what goes out for them, and how an order shows that it has some."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.documents.call import Call
from tests.simulator.reads.order_parts import LineView, bag_of, list_page
from tests.simulator.reads.paging import Page
from tests.simulator.reads.shop import find_node, instant, number_of
from tests.simulator.returns.state import ExchangeLine, Return, ReturnLine
from tests.simulator.state.gids import gid
from tests.simulator.state.order_money import discounted_total, exchange_of
from tests.simulator.state.orders import Order


@dataclass(slots=True)
class ReturnLineView:
    order: Order
    line: ReturnLine


@dataclass(slots=True)
class ExchangeLineView:
    order: Order
    line: ExchangeLine


def order_of(row: Return, call: Call) -> Order:
    return call.shop.orders[row.order_id]


def return_status(order: Order) -> str:
    """OrderReturnStatus: an open return wins over a closed one; a cancelled one counts for nothing (recorded)."""
    found = {row.status for row in order.returns}
    return "IN_PROGRESS" if "OPEN" in found else "RETURNED" if "CLOSED" in found else "NO_RETURN"


def _return_by_id(root, call: Call, arguments: dict) -> Return | None:
    number_of(arguments["id"], "Return")
    return find_node(call, arguments["id"])


def _lines(row: Return, call: Call, arguments: dict) -> Page:
    return list_page(call, arguments, [ReturnLineView(order_of(row, call), line) for line in row.lines])


def _exchange_lines(row: Return, call: Call, arguments: dict) -> Page:
    return list_page(call, arguments, [ExchangeLineView(order_of(row, call), line) for line in row.exchange_lines])


def _shipped(view: ReturnLineView, call: Call, arguments: dict) -> dict:
    """FulfillmentLineItem."""
    made, line = call.shop.fulfillments[view.line.fulfillment_id], view.order.line(view.line.line_id)
    units = made.lines[line.id]
    return {
        "id": gid("FulfillmentLineItem", made.line_ids[line.id]),
        "lineItem": LineView(view.order, line),
        "quantity": units,
        "originalTotalSet": bag_of(view.order, line.price * units),
        "discountedTotalSet": bag_of(
            view.order, exchange_of(view.order).share(discounted_total(line), units, line.quantity)
        ),
    }


def _sent_out(view: ExchangeLineView, call: Call, arguments: dict) -> list[LineView]:
    return [LineView(view.order, view.order.line(line_id)) for line_id in view.line.line_ids]


def _of(name: str):
    return lambda view, call, arguments: getattr(view.line, name)


def _left(view, call: Call, arguments: dict) -> int:
    return view.line.quantity - view.line.processed


RESOLVERS = {
    "QueryRoot.return": _return_by_id,
    "Order.returns": lambda order, call, arguments: list_page(call, arguments, order.returns),
    "Order.returnStatus": lambda order, call, arguments: return_status(order),
    "Return.id": lambda row, call, arguments: gid("Return", row.id),
    "Return.name": lambda row, call, arguments: f"{order_of(row, call).name}-R{row.number}",
    "Return.order": lambda row, call, arguments: order_of(row, call),
    "Return.status": lambda row, call, arguments: row.status,
    "Return.createdAt": instant("created_at"),
    "Return.closedAt": instant("closed_at"),
    "Return.totalQuantity": lambda row, call, arguments: sum(line.quantity for line in row.lines),
    "Return.returnLineItems": _lines,
    "Return.exchangeLineItems": _exchange_lines,
    "Return.refunds": lambda row, call, arguments: list_page(
        call, arguments, [call.shop.refunds[number] for number in row.refund_ids]
    ),
    "ReturnLineItem.id": lambda view, call, arguments: gid("ReturnLineItem", view.line.id),
    "ReturnLineItem.quantity": _of("quantity"),
    "ReturnLineItem.processedQuantity": _of("processed"),
    "ReturnLineItem.unprocessedQuantity": _left,
    "ReturnLineItem.processableQuantity": _left,
    "ReturnLineItem.refundedQuantity": _of("refunded"),
    "ReturnLineItem.refundableQuantity": lambda view, call, arguments: view.line.quantity - view.line.refunded,
    "ReturnLineItem.returnReason": _of("reason"),
    "ReturnLineItem.returnReasonNote": _of("note"),
    "ReturnLineItem.fulfillmentLineItem": _shipped,
    "ExchangeLineItem.id": lambda view, call, arguments: gid("ExchangeLineItem", view.line.id),
    "ExchangeLineItem.quantity": _of("quantity"),
    "ExchangeLineItem.processedQuantity": _of("processed"),
    "ExchangeLineItem.unprocessedQuantity": _left,
    "ExchangeLineItem.variantId": lambda view, call, arguments: gid("ProductVariant", view.line.variant_id),
    "ExchangeLineItem.lineItems": _sent_out,
    "ExchangeLineItem.lineItem": lambda view, call, arguments: next(iter(_sent_out(view, call, arguments)), None),
}
TYPE_NAMES = {Return: "Return", ReturnLineView: "ReturnLineItem", ExchangeLineView: "ExchangeLineItem"}
