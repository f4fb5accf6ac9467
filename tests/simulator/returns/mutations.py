"""returnCreate, returnProcess, returnClose (row 70); the refusals are those that were recorded in 2026.

https://shopify.dev/docs/apps/build/orders-fulfillment/returns-apps
"""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.mutations.orders.input import only
from tests.simulator.reads.shop import find_node, number_of
from tests.simulator.returns.moves import Back, ReturnError, close, open_return, process, returnable
from tests.simulator.returns.state import ExchangeLine, Return, ReturnLine
from tests.simulator.state.money import Bag, read_amount
from tests.simulator.state.order_money import exchange_of, received, refunded
from tests.simulator.state.orders import Order
from tests.simulator.wire.problems import user_error

CREATE = ("exchangeLineItems", "orderId", "requestedAt", "returnLineItems")
LINE = ("fulfillmentLineItemId", "quantity", "returnReason", "returnReasonNote")
PROCESS = ("exchangeLineItems", "financialTransfer", "note", "notifyCustomer", "returnId", "returnLineItems")
NOT_VALID = "Return line item has an invalid quantity."


def _answer(act):
    """A payload with the return, or with what is refused."""

    def resolve(root, call: Call, arguments: dict) -> dict:
        try:
            return {"return": act(call, arguments), "userErrors": []}
        except ReturnError as problem:
            return {"return": None, "userErrors": [user_error(problem.field, str(problem), problem.code)]}

    return resolve


def _create(call: Call, arguments: dict) -> Return:
    given = arguments["returnInput"]
    only(given, CREATE, "ReturnInput")
    order = call.shop.orders.get(number_of(given["orderId"], "Order"))
    if order is None:
        raise ReturnError("Order not found.", ["returnInput", "orderId"], "NOT_FOUND")
    rows, taken = [], {}
    for index, row in enumerate(given["returnLineItems"]):
        only(row, LINE, "ReturnLineItemInput")
        path = ["returnInput", "returnLineItems", index]
        rows.append(_line(call, order, row, path, taken))
    if not rows:
        raise ReturnError("Return must have at least one line item.", ["returnInput", "returnLineItems"], "BLANK")
    extra = [_exchange(call, row, index) for index, row in enumerate(given.get("exchangeLineItems") or ())]
    return open_return(call.shop, call.simulator.clock, order, rows, extra)


def _line(call: Call, order: Order, row: dict, path: list, taken: dict[int, int]) -> ReturnLine:
    number = number_of(row["fulfillmentLineItemId"], "FulfillmentLineItem")
    found = next(
        ((made.id, line_id) for made in order.fulfillments for line_id, one in made.line_ids.items() if one == number),
        None,
    )
    if found is None:
        raise ReturnError("Fulfillment Line Item was not found.", [*path, "fulfillmentLineItemId"], "NOT_FOUND")
    taken[number] = taken.get(number, 0) + row["quantity"]
    if row["quantity"] <= 0 or taken[number] > returnable(order, *found):
        raise ReturnError(NOT_VALID, [*path, "quantity"])
    reason, note = row.get("returnReason") or "UNKNOWN", row.get("returnReasonNote") or ""
    return ReturnLine(call.shop.next_id(), *found, row["quantity"], reason=reason, note=note)


def _exchange(call: Call, row: dict, index: int) -> ExchangeLine:
    only(row, ("quantity", "variantId"), "ExchangeLineItemInput")
    path = ["returnInput", "exchangeLineItems", index]
    variant_id = number_of(row["variantId"], "ProductVariant") if row.get("variantId") else None
    if variant_id not in call.shop.variants:
        raise ReturnError("Variant not found.", [*path, "variantId"], "NOT_FOUND")
    if row["quantity"] <= 0:
        raise ReturnError("Quantity must be greater than 0", [*path, "quantity"], "GREATER_THAN")
    return ExchangeLine(call.shop.next_id(), variant_id, row["quantity"])


def _known(call: Call, text: str, field: list[str]) -> tuple[Order, Return]:
    number_of(text, "Return")
    row = find_node(call, text)
    if row is None:
        raise ReturnError("Return not found.", field, "NOT_FOUND")
    return call.shop.orders[row.order_id], row


def _process(call: Call, arguments: dict) -> Return:
    given = arguments["input"]
    only(given, PROCESS, "ReturnProcessInput")
    order, row = _known(call, given["returnId"], ["input", "returnId"])
    if row.status != "OPEN":
        raise ReturnError("Return status is invalid.", ["input", "returnId"], "INVALID_STATE")
    back = [
        Back(*_units(row.lines, one, "ReturnLineItem", "returnLineItems", index))
        for index, one in enumerate(given.get("returnLineItems") or ())
    ]
    out = [
        _units(row.exchange_lines, one, "ExchangeLineItem", "exchangeLineItems", index)
        for index, one in enumerate(given.get("exchangeLineItems") or ())
    ]
    money, parent_id = _money(order, given.get("financialTransfer"))
    cause = f"api:{call.app.client_id}"
    process(call.shop, call.simulator.clock, order, row, back, out, money=money, parent_id=parent_id, cause=cause)
    return row


def _units(rows: list, given: dict, kind: str, name: str, index: int) -> tuple:
    only(given, ("id", "quantity"), f"ReturnProcess{kind}Input")
    path = ["input", name, index]
    wanted = number_of(given["id"], kind)
    row = next((one for one in rows if one.id == wanted), None)
    if row is None:
        raise ReturnError("Return line item was not found.", [*path, "id"], "NOT_FOUND")
    if not 0 < given["quantity"] <= row.quantity - row.processed:
        raise ReturnError(NOT_VALID, [*path, "quantity"])
    return row, given["quantity"]


def _money(order: Order, given: dict | None) -> tuple[Bag | None, int | None]:
    """(what goes back, the payment that it was)."""
    if not given:
        return None, None
    only(given["issueRefund"], ("allowOverRefunding", "orderTransactions"), "ReturnProcessRefundInput")
    path, paid, whole = ["input", "financialTransfer"], received(order), Bag()
    parent_id = None
    for row in given["issueRefund"]["orderTransactions"]:
        parent_id = number_of(row["parentId"], "OrderTransaction")
        amount = read_amount(row["transactionAmount"]["amount"])
        if parent_id not in {one.id for one in order.transactions}:
            raise ReturnError("Parent transaction was not found.", path, "NOT_FOUND")
        if amount is None or amount <= 0 or row["transactionAmount"]["currencyCode"] != order.presentment_currency:
            raise ReturnError("Transaction amount is invalid.", path)
        whole += exchange_of(order).share(paid, amount, paid.presentment)
    if (whole + refunded(order)).shop > paid.shop and not given["issueRefund"].get("allowOverRefunding"):
        raise ReturnError("Refund amount cannot be greater than the amount that was paid", path)
    return whole, parent_id


def _close(call: Call, arguments: dict) -> Return:
    order, row = _known(call, arguments["id"], ["id"])
    close(call.shop, call.simulator.clock, order, row)
    return row


RESOLVERS = {
    "Mutation.returnCreate": _answer(_create),
    "Mutation.returnProcess": _answer(_process),
    "Mutation.returnClose": _answer(_close),
}
