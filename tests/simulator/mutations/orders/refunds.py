"""refundCreate: @idempotent, restock types, no more than was paid and ordered (shopify.md 7.5)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events import order_moves
from tests.simulator.mutations.idempotency import Attempt, run_once
from tests.simulator.mutations.orders.input import only
from tests.simulator.reads.shop import number_of
from tests.simulator.state.money import Bag, read_amount
from tests.simulator.state.order_money import current_shipping, exchange_of, received, refunded, total_of
from tests.simulator.state.orders import Order
from tests.simulator.wire.problems import user_error

KNOWN = ("allowOverRefunding", "currency", "note", "notify", "orderId", "refundLineItems", "shipping", "transactions")
GONE = "Order does not exist"


def create_refund(root, call: Call, arguments: dict) -> dict:
    given = arguments["input"]
    only(given, KNOWN, "RefundInput")
    payload = run_once(call, lambda: _evaluate(call, given), "refund", coded=False)
    return {"order": None, **payload}


def _evaluate(call: Call, given: dict) -> Attempt:
    order = call.shop.orders.get(number_of(given["orderId"], "Order"))
    if order is None:
        return _refused(["orderId"], GONE)
    reader = _Reader(call, order, given)
    rows, shipping, money = reader.rows(), reader.shipping(), reader.transactions()
    if not reader.errors and not rows and not money and not shipping:
        reader.refuse(["input"], "Refund must have at least one line item, shipping or transaction")
    if reader.errors:
        return Attempt(refusal={"refund": None, "order": None, "userErrors": reader.errors})
    return Attempt(commit=lambda: _commit(call, order, given, rows, shipping, money))


def _refused(path: list, message: str) -> Attempt:
    return Attempt(refusal={"refund": None, "order": None, "userErrors": [user_error(path, message)]})


def _commit(call: Call, order: Order, given: dict, rows: list[dict], shipping: Bag | None, money: list) -> dict:
    made = order_moves.refund(
        call.shop,
        call.simulator.clock,
        order,
        rows,
        shipping=shipping,
        note=given.get("note") or "",
        transactions=money,
    )
    if given.get("notify") and order.email:
        call.shop.mails.append({"kind": "refund", "to": order.email, "order": order.name, "at": call.now})
    return {"refund": made, "order": order, "userErrors": []}


class _Reader:
    """What an input says of one order; changes nothing."""

    def __init__(self, call: Call, order: Order, given: dict):
        self.call = call
        self.order = order
        self.given = given
        self.errors: list[dict] = []

    def refuse(self, path: list, message: str) -> None:
        self.errors.append(user_error(path, message))

    def rows(self) -> list[dict]:
        rows, left = [], {line.id: line.current_quantity for line in self.order.lines}
        for index, row in enumerate(self.given.get("refundLineItems") or ()):
            path = ["refundLineItems", index]
            line_id = number_of(row["lineItemId"], "LineItem")
            kind = row.get("restockType") or "NO_RESTOCK"
            place = number_of(row["locationId"], "Location") if row.get("locationId") else None
            if line_id not in left:
                self.refuse([*path, "lineItemId"], "Refund line items line item does not exist")
            elif not 0 < row["quantity"] <= left[line_id]:
                message = "Refund line items quantity cannot refund more items than were purchased"
                self.refuse([*path, "quantity"], message)
            elif kind == "LEGACY_RESTOCK":
                self.refuse([*path, "restockType"], "Refund line items restock type is invalid")
            elif kind != "NO_RESTOCK" and not self._fits(line_id, kind, row["quantity"]):
                message = f"Refund line items restock type {kind} does not fit what was fulfilled"
                self.refuse([*path, "restockType"], message)
            elif kind == "RETURN" and place is None:
                self.refuse([*path, "locationId"], "Refund line items location must be specified to restock")
            elif place is not None and place not in self.call.shop.locations:
                self.refuse([*path, "locationId"], "Refund line items location does not exist")
            else:
                left[line_id] -= row["quantity"]
                rows.append({"line_item_id": line_id, "quantity": row["quantity"], "restock_type": kind,
                             "location_id": place})  # fmt: skip
        return rows

    def _fits(self, line_id: int, kind: str, quantity: int) -> bool:
        line = self.order.line(line_id)
        return quantity <= (line.fulfilled if kind == "RETURN" else line.unfulfilled)

    def shipping(self) -> Bag | None:
        given = self.given.get("shipping")
        if not given:
            return None
        left = current_shipping(self.order)
        if given.get("fullRefund"):
            return left
        amount = read_amount(given.get("amount") or 0)
        if amount is None or amount < 0 or amount > left.presentment:
            self.refuse(["shipping", "amount"], "Shipping amount cannot be greater than the remaining shipping")
            return None
        return exchange_of(self.order).share(left, amount, left.presentment)

    def transactions(self) -> list[tuple[str, Bag, int | None]]:
        """(gateway, amount, parent id). Amounts are presentment money where the two currencies differ (row 63)."""
        paid = received(self.order)
        shown, asked = self.order.presentment_currency, self.given.get("currency")
        if shown != self.order.currency and self.given.get("transactions") and asked is None:
            self.refuse(["currency"], "Currency must be specified for orders in several currencies")
        elif asked is not None and asked != shown:
            self.refuse(["currency"], f"Currency must be the presentment currency: {shown}")
        found: list[tuple[str, Bag, int | None]] = []
        for index, row in enumerate(self.given.get("transactions") or ()):
            path = ["transactions", index]
            parent_id = number_of(row["parentId"], "OrderTransaction") if row.get("parentId") else None
            amount = read_amount(row["amount"])
            if row["orderId"] != self.given["orderId"]:
                self.refuse([*path, "orderId"], "Transactions order does not match")
            elif row["kind"] != "REFUND":
                self.refuse([*path, "kind"], "Transactions kind must be refund")
            elif amount is None or amount <= 0:
                self.refuse([*path, "amount"], "Transactions amount must be greater than 0")
            elif parent_id is not None and parent_id not in {one.id for one in self.order.transactions}:
                self.refuse([*path, "parentId"], "Transactions parent does not exist")
            else:
                share = exchange_of(self.order).share(paid, amount, paid.presentment) if paid else Bag(amount, amount)
                found.append((row["gateway"], share, parent_id))
        back = total_of(amount for _, amount, _ in found) + refunded(self.order)
        if found and back.shop > paid.shop and not self.given.get("allowOverRefunding"):
            self.refuse(["transactions"], "Refund amount cannot be greater than the amount that was paid")
        return found


RESOLVERS = {"Mutation.refundCreate": create_refund}
