"""orderEditBegin to orderEditCommit (row 67). None of them is idempotent: a session that was committed is gone.

https://shopify.dev/docs/apps/build/orders-fulfillment/order-management-apps/edit-orders
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.simulator.documents.call import Call
from tests.simulator.edits import staging
from tests.simulator.edits.commit import commit
from tests.simulator.edits.reads import CalculatedLine, LineDiscountAdded
from tests.simulator.edits.session import EditSession, living_session, rate_of
from tests.simulator.edits.staging import NO_LINE, EditError
from tests.simulator.reads.shop import number_of
from tests.simulator.state.gids import parse_gid
from tests.simulator.state.money import Bag, read_amount
from tests.simulator.state.orders import LineItem, Order
from tests.simulator.wire.problems import FieldError, user_error

NO_ORDER = "The order does not exist."
NO_SESSION = "The calculated order does not exist."
SESSIONS = ("CalculatedOrder", "OrderEditSession")


def begin_edit(root, call: Call, arguments: dict) -> dict:
    order = call.shop.orders.get(number_of(arguments["id"], "Order"))
    try:
        if order is None:
            raise EditError(NO_ORDER, ["id"])
        session = staging.begin(call.shop, order, call.simulator.clock.seconds(), call.app.client_id)
    except EditError as problem:
        return {"calculatedOrder": None, "orderEditSession": None, "userErrors": [refusal(problem)]}
    return {"calculatedOrder": session, "orderEditSession": session, "userErrors": []}


def refusal(problem: EditError) -> dict:
    return user_error(problem.field, str(problem), "INVALID")


def edit(act: Callable[[Call, EditSession, Order, dict], dict], *nothing: str):
    """A resolver of one step of a session: `act` answers what it adds to the payload, or raises EditError."""

    def resolve(root, call: Call, arguments: dict) -> dict:
        blank = dict.fromkeys(["calculatedOrder", "orderEditSession", *nothing])
        try:
            session = _session(call, arguments["id"])
            found = act(call, session, call.shop.orders[session.order_id], arguments)
        except EditError as problem:
            return {**blank, "userErrors": [refusal(problem)]}
        return {**blank, "calculatedOrder": session, "orderEditSession": session, **found, "userErrors": []}

    return resolve


def _session(call: Call, text: str) -> EditSession:
    """By the id of the calculated order or of the session. Raises EditError."""
    kind, number, _ = parse_gid(text)
    if kind not in SESSIONS:
        raise FieldError(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    found = living_session(call.shop, number, call.simulator.clock.seconds())
    if found is None or found.client_id != call.app.client_id:
        raise EditError(NO_SESSION, ["id"])
    return found


def _line(session: EditSession, order: Order, text: str, field: str) -> LineItem:
    """By the id of a CalculatedLineItem. Raises EditError."""
    kind, _, name = text.removeprefix("gid://shopify/").partition("/")
    if kind != "CalculatedLineItem":
        raise FieldError(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    lines = {row.uuid: row.line for row in session.added} | {str(line.id): line for line in order.lines}
    if name not in lines:
        raise EditError(NO_LINE, [field])
    return lines[name]


def _place(arguments: dict) -> int | None:
    return number_of(arguments["locationId"], "Location") if arguments.get("locationId") else None


def _amount(call: Call, order: Order, given: dict, path: list[str]) -> Bag:
    """A MoneyInput; whether it is in the shop's or the buyer's currency is not known. Raises EditError."""
    is_shop = call.shop.knobs.edit_currency == "shop"
    currency = order.currency if is_shop else order.presentment_currency
    if given["currencyCode"] != currency:
        raise EditError(f"Currency must be {currency}.", path)
    amount = read_amount(given["amount"])
    if amount is None:
        raise EditError("is not a number", path)
    return rate_of(order).from_shop(amount) if is_shop else rate_of(order).from_presentment(amount)


def _set_quantity(call: Call, session: EditSession, order: Order, arguments: dict) -> dict:
    line = _line(session, order, arguments["lineItemId"], "lineItemId")
    restock, place = bool(arguments.get("restock")), _place(arguments)
    staging.set_quantity(call.shop, order, session, line, arguments["quantity"], restock, place)
    return {"calculatedLineItem": CalculatedLine(session, line.id)}


def _add_variant(call: Call, session: EditSession, order: Order, arguments: dict) -> dict:
    made = staging.add_variant(
        call.shop,
        order,
        session,
        number_of(arguments["variantId"], "ProductVariant"),
        arguments["quantity"],
        location_id=_place(arguments),
        allow_duplicates=bool(arguments.get("allowDuplicates")),
    )
    return {"calculatedLineItem": CalculatedLine(session, made.line.id)}


def _add_custom_item(call: Call, session: EditSession, order: Order, arguments: dict) -> dict:
    made = staging.add_custom_item(
        call.shop,
        order,
        session,
        arguments["title"],
        arguments["quantity"],
        _amount(call, order, arguments["price"], ["price", "amount"]),
        requires_shipping=bool(arguments.get("requiresShipping")),
        taxable=arguments.get("taxable") is not False,
        location_id=_place(arguments),
    )
    return {"calculatedLineItem": CalculatedLine(session, made.line.id)}


def _add_discount(call: Call, session: EditSession, order: Order, arguments: dict) -> dict:
    line, given = _line(session, order, arguments["lineItemId"], "id"), arguments["discount"]
    fixed, percent = given.get("fixedValue"), given.get("percentValue")
    made = staging.add_discount(
        call.shop,
        session,
        line,
        given.get("description") or "",
        fixed=_amount(call, order, fixed, ["discount", "fixedValue", "amount"]) if fixed else None,
        percent=None if percent is None else Decimal(str(percent)),
    )
    return {
        "calculatedLineItem": CalculatedLine(session, line.id),
        "addedDiscountStagedChange": LineDiscountAdded(made),
    }


def _remove_discount(call: Call, session: EditSession, order: Order, arguments: dict) -> dict:
    wanted = arguments["discountApplicationId"].rpartition("/")[2]
    left = [row for row in session.discounts if row.uuid != wanted]
    if len(left) == len(session.discounts):
        raise EditError("The discount application does not exist on the order.", ["discountApplicationId"])
    session.discounts = left
    return {}


def commit_edit(root, call: Call, arguments: dict) -> dict:
    notify = arguments.get("notifyCustomer")
    try:
        session = _session(call, arguments["id"])
        _, words = commit(
            call.shop,
            call.simulator.clock,
            session,
            note=arguments.get("staffNote") or "",
            notify=call.shop.knobs.edits_notify if notify is None else notify,
            cause=f"api:{call.app.client_id}",
        )
    except EditError as problem:
        return {"order": None, "successMessages": None, "userErrors": [refusal(problem)]}
    return {"order": call.shop.orders[session.order_id], "successMessages": words, "userErrors": []}


RESOLVERS = {
    "Mutation.orderEditBegin": begin_edit,
    "Mutation.orderEditSetQuantity": edit(_set_quantity, "calculatedLineItem"),
    "Mutation.orderEditAddVariant": edit(_add_variant, "calculatedLineItem"),
    "Mutation.orderEditAddCustomItem": edit(_add_custom_item, "calculatedLineItem"),
    "Mutation.orderEditAddLineItemDiscount": edit(_add_discount, "calculatedLineItem", "addedDiscountStagedChange"),
    "Mutation.orderEditRemoveDiscount": edit(_remove_discount),
    "Mutation.orderEditCommit": commit_edit,
}
