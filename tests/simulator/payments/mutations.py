"""orderMarkAsPaid and orderCreateManualPayment (row 68). No idempotency: a part that is sent twice is paid twice.

https://shopify.dev/docs/api/admin-graphql/latest/mutations/orderCreateManualPayment
"""

from __future__ import annotations

from decimal import Decimal

from tests.simulator.documents.call import Call
from tests.simulator.mutations.orders.input import seconds_of
from tests.simulator.payments.pay import NOT_PAYABLE, can_be_paid, pay
from tests.simulator.reads.shop import number_of
from tests.simulator.state.money import Bag, read_amount
from tests.simulator.state.order_money import exchange_of, outstanding
from tests.simulator.state.orders import Order
from tests.simulator.wire.problems import FieldError, user_error

GONE = "Order does not exist"
ONLY_PLUS = (
    "Access denied for orderCreateManualPayment field. Required access: `write_orders` access scope. Also: The user "
    "must have mark_orders_as_paid permission. The API client must be installed on a Shopify Plus store to use the "
    "amount field."
)


def mark_as_paid(root, call: Call, arguments: dict) -> dict:
    """What was recorded: refused for a paid order, which the answer shows all the same."""
    order = call.shop.orders.get(number_of(arguments["input"]["id"], "Order"))
    if order is None:
        return {"order": None, "userErrors": [user_error(["id"], GONE)]}
    if not can_be_paid(order):
        return {"order": order, "userErrors": [user_error(["id"], NOT_PAYABLE)]}
    pay(call.shop, call.simulator.clock, order, "manual", manual=True)
    return {"order": order, "userErrors": []}


def create_payment(root, call: Call, arguments: dict) -> dict:
    """A part only in a store on Plus: elsewhere `amount` is refused as a field without access (recorded in 2026)."""
    if arguments.get("amount") is not None and call.shop.knobs.plan != "PLUS":
        raise FieldError(ONLY_PLUS, "ACCESS_DENIED", documentation="https://shopify.dev/api/usage/access-scopes")
    order = call.shop.orders.get(number_of(arguments["id"], "Order"))
    if order is None:
        return {"order": None, "userErrors": [user_error(["id"], GONE, "ORDER_NOT_FOUND")]}
    amount, problem = _read(call, order, arguments)
    if problem is not None:
        return {"order": None, "userErrors": [problem]}
    at = seconds_of(arguments["processedAt"]) if arguments.get("processedAt") else None
    name = arguments.get("paymentMethodName") or "manual"
    pay(call.shop, call.simulator.clock, order, name, amount=amount, at=at, manual=True)
    return {"order": order, "userErrors": []}


def _read(call: Call, order: Order, arguments: dict) -> tuple[Bag | None, dict | None]:
    """(the part that is paid, None for all; what is wrong)."""
    name, known = arguments.get("paymentMethodName"), call.shop.knobs.payment_methods
    if name and known is not None and name not in known.split(","):
        return None, user_error(["paymentMethodName"], "Payment gateway is not found.", "GATEWAY_NOT_FOUND")
    if arguments.get("processedAt") and seconds_of(arguments["processedAt"]) > call.now:
        return None, user_error(["processedAt"], "Processed at cannot be in the future.", "PROCESSED_AT_INVALID")
    if not can_be_paid(order):
        return None, user_error(["id"], NOT_PAYABLE)
    given, owed = arguments.get("amount"), outstanding(order)
    if given is None:
        return None, None
    if given["currencyCode"] != order.presentment_currency:
        message = "The currency of the amount doesn't match the presentment currency of the order."
        return None, user_error(["amount", "currencyCode"], message, "CURRENCY_MISMATCH")
    amount = read_amount(given["amount"]) or Decimal(0)
    if amount <= 0:
        return None, user_error(["amount"], "Amount must be positive.", "AMOUNT_NOT_POSITIVE")
    if amount > owed.presentment:
        return None, user_error(["amount"], "Amount exceeds the remaining balance.", "AMOUNT_EXCEEDS_BALANCE")
    return owed if amount == owed.presentment else exchange_of(order).share(owed, amount, owed.presentment), None


RESOLVERS = {
    "Mutation.orderMarkAsPaid": mark_as_paid,
    "Mutation.orderCreateManualPayment": create_payment,
}
