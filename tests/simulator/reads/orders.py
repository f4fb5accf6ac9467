"""Resolvers of orders: by id, by custom id, lists with search and sort; 60 days without read_all_orders (row 6)."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.documents.call import Call
from tests.simulator.edits.session import why_not_editable
from tests.simulator.events.catalogue.metafields import find_by_custom_id
from tests.simulator.payments.pay import can_be_paid
from tests.simulator.reads.order_parts import (
    LineView,
    address_of,
    amount,
    attributes,
    bag_of,
    list_page,
    protected,
    shipping_of,
    tax_of,
)
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.searching.keys import search_for
from tests.simulator.reads.shop import attribute, count_rows, id_key, identity, instant, number_of, shown_order
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid
from tests.simulator.state.order_money import (
    current_grand_total,
    current_shipping,
    current_subtotal,
    current_tax_lines,
    current_tax_total,
    discounts_total,
    duties_total,
    financial_status,
    fulfillment_status,
    grand_total,
    merged_taxes,
    received,
    refunded,
    shipping_total,
    shown_outstanding,
    subtotal,
    tax_total,
    tips_total,
    total_of,
)
from tests.simulator.state.orders import Order, Transaction
from tests.simulator.wire.problems import FieldError


def order_by_id(root, call: Call, arguments: dict) -> Order | None:
    return shown_order(call.shop.orders.get(number_of(arguments["id"], "Order")), call)


def order_by_identifier(root, call: Call, arguments: dict) -> Order | None:
    """By custom id at once, without the search index (shopify.md 7.3). Raises FieldError without a definition."""
    identifier = arguments["identifier"]
    if identifier.get("id"):
        return shown_order(call.shop.orders.get(number_of(identifier["id"], "Order")), call)
    if not identifier.get("customId"):
        raise FieldError("OrderIdentifierInput requires exactly one argument", "INVALID_FIELD_ARGUMENTS")
    return shown_order(find_by_custom_id(call.shop, "Order", identifier["customId"]), call)


SORTS: dict[str, Callable[[Order], object]] = {
    "PROCESSED_AT": lambda row: row.processed_at,
    "CREATED_AT": lambda row: row.created_at,
    "UPDATED_AT": lambda row: row.updated_at,
    "ORDER_NUMBER": lambda row: row.number,
    "TOTAL_PRICE": lambda row: float(grand_total(row).shop),
    "CURRENT_TOTAL_PRICE": lambda row: float(current_grand_total(row).shop),
    "FINANCIAL_STATUS": lambda order: financial_status(order) or "",
    "FULFILLMENT_STATUS": fulfillment_status,
    "PO_NUMBER": lambda row: row.po_number or "",
}


def orders(root, call: Call, arguments: dict) -> Page:
    accept = search_for(call, "orders", arguments.get("query"))
    return sorted_orders(call, arguments, list(call.shop.orders.values()), accept)


def sorted_orders(call: Call, arguments: dict, rows: list[Order], accept) -> Page:
    rows = [row for row in rows if shown_order(row, call) is not None]
    value = SORTS.get(arguments["sortKey"])
    key = id_key if value is None else lambda row: (value(row), row.id)
    return page_of(call, arguments, sorted(rows, key=key), key, accept)


def count_orders(root, call: Call, arguments: dict) -> dict:
    accept = search_for(call, "orders", arguments.get("query"))
    rows = (row for row in call.shop.orders.values() if shown_order(row, call))
    return count_rows(rows, accept, arguments.get("limit"))


def line_views(order: Order, call: Call, arguments: dict) -> Page:
    return list_page(call, arguments, [LineView(order, line) for line in order.lines])


def app_of(client_id: str | None) -> dict:
    """OrderApp. 580111 is Shopify's number of the online store."""
    if client_id is None:
        return {"id": gid("App", 580111), "name": "Online Store"}
    return {"id": gid("App", 4242), "name": client_id.capitalize()}


def transactions(order: Order, call: Call, arguments: dict) -> list[dict]:
    rows = [transaction_of(order, row) for row in order.transactions]
    return rows[: arguments["first"]] if arguments.get("first") is not None else rows


def transaction_of(order: Order, row: Transaction) -> dict:
    parent = next((one for one in order.transactions if one.id == row.parent_id), None) if row.parent_id else None
    return {
        "id": gid("OrderTransaction", row.id),
        "amountSet": bag_of(order, row.amount),
        "authorizationCode": row.authorization,
        "createdAt": iso_utc(row.created_at),
        "processedAt": iso_utc(row.processed_at),
        "errorCode": None,
        "gateway": row.gateway,
        "formattedGateway": row.gateway.capitalize(),
        "kind": row.kind,
        "status": row.status,
        "test": row.test,
        "manualPaymentGateway": row.manual or row.gateway == "manual",
        "order": order,
        "parentTransaction": None if parent is None else transaction_of(order, parent),
        "paymentId": f"{order.name}.1",
        "receiptJson": {},
    }


def customer_of(order: Order, call: Call, arguments: dict) -> object | None:
    return call.shop.customers.get(order.customer_id) if call.shop.knobs.protected_data else None


def net_payment(order: Order):
    return received(order) - refunded(order)


def shipping_lines(order: Order, call: Call, arguments: dict) -> Page:
    return list_page(call, arguments, [shipping_of(order, line) for line in order.shipping_lines])


def shipping_line(order: Order, call: Call, arguments: dict) -> dict | None:
    return shipping_of(order, order.shipping_lines[0]) if order.shipping_lines else None


def duties(order: Order, call: Call, arguments: dict) -> dict | None:
    found = duties_total(order)
    return bag_of(order, found) if found else None


def refunds(order: Order, call: Call, arguments: dict) -> list:
    return order.refunds[: arguments["first"]] if arguments.get("first") is not None else order.refunds


def _codes(order: Order) -> list[str]:
    return [one.title for one in order.discounts if one.kind == "code"]


def _units(order: Order) -> int:
    return sum(line.quantity for line in order.lines)


MONEY = {
    "totalPriceSet": grand_total,
    "originalTotalPriceSet": grand_total,
    "subtotalPriceSet": subtotal,
    "totalTaxSet": tax_total,
    "totalDiscountsSet": discounts_total,
    "totalShippingPriceSet": shipping_total,
    "totalTipReceivedSet": tips_total,
    "currentTotalPriceSet": current_grand_total,
    "currentSubtotalPriceSet": current_subtotal,
    "currentTotalTaxSet": current_tax_total,
    "currentTotalDiscountsSet": discounts_total,
    "currentShippingPriceSet": current_shipping,
    "totalOutstandingSet": shown_outstanding,
    "totalReceivedSet": received,
    "totalRefundedSet": refunded,
    "netPaymentSet": net_payment,
    "totalRefundedShippingSet": lambda order: total_of(row.shipping for row in order.refunds),
}
RESOLVERS = {
    "QueryRoot.order": order_by_id,
    "QueryRoot.orders": orders,
    "QueryRoot.ordersCount": count_orders,
    "QueryRoot.orderByIdentifier": order_by_identifier,
    **identity("Order"),
    **{f"Order.{name}": amount(of) for name, of in MONEY.items()},
    "Order.app": lambda order, call, arguments: app_of(order.client_id),
    "Order.name": attribute("name"),
    "Order.number": attribute("number"),
    "Order.processedAt": instant("processed_at"),
    "Order.cancelledAt": instant("cancelled_at"),
    "Order.closedAt": instant("closed_at"),
    "Order.cancelReason": attribute("cancel_reason"),
    "Order.cancellation": lambda order, call, arguments: (
        None if order.cancelled_at is None else {"staffNote": order.staff_note}
    ),
    "Order.closed": lambda order, call, arguments: order.closed_at is not None,
    "Order.confirmed": lambda order, call, arguments: True,
    "Order.edited": lambda order, call, arguments: bool(order.edits),
    "Order.test": attribute("test"),
    "Order.note": attribute("note"),
    "Order.email": protected("email"),
    "Order.phone": protected("phone"),
    "Order.customer": customer_of,
    "Order.customerLocale": lambda order, call, arguments: "en",
    "Order.billingAddress": lambda order, call, arguments: address_of(order.billing_address, call),
    "Order.shippingAddress": lambda order, call, arguments: address_of(order.shipping_address, call),
    "Order.billingAddressMatchesShippingAddress": lambda order, call, arguments: (
        order.billing_address == order.shipping_address
    ),
    "Order.tags": lambda order, call, arguments: sorted(order.tags),
    "Order.customAttributes": lambda order, call, arguments: attributes(order.note_attributes),
    "Order.poNumber": attribute("po_number"),
    "Order.sourceName": attribute("source_name"),
    "Order.sourceIdentifier": attribute("source_identifier"),
    "Order.registeredSourceUrl": attribute("source_url"),
    "Order.statusPageUrl": lambda order, call, arguments: (
        f"https://{call.shop.domain}/{call.shop.id}/orders/{order.id:x}/authenticate?key=simulated"
    ),
    "Order.currencyCode": attribute("currency"),
    "Order.presentmentCurrencyCode": attribute("presentment_currency"),
    "Order.taxesIncluded": attribute("taxes_included"),
    "Order.taxExempt": lambda order, call, arguments: False,
    "Order.dutiesIncluded": lambda order, call, arguments: False,
    "Order.currentTotalDutiesSet": duties,
    "Order.originalTotalDutiesSet": duties,
    "Order.taxLines": lambda order, call, arguments: [tax_of(order, tax) for tax in merged_taxes(order)],
    "Order.currentTaxLines": lambda order, call, arguments: [tax_of(order, tax) for tax in current_tax_lines(order)],
    "Order.retailLocation": lambda order, call, arguments: call.shop.locations.get(order.counter_id),
    "Order.merchantEditable": lambda order, call, arguments: not why_not_editable(order),
    "Order.merchantEditableErrors": lambda order, call, arguments: why_not_editable(order),
    "Order.discountCode": lambda order, call, arguments: next(iter(_codes(order)), None),
    "Order.discountCodes": lambda order, call, arguments: _codes(order),
    "Order.discountApplications": lambda order, call, arguments: list_page(call, arguments, order.discounts),
    "Order.lineItems": line_views,
    "Order.nonFulfillableLineItems": lambda order, call, arguments: list_page(
        call, arguments, [LineView(order, line) for line in order.lines if not line.needs_fulfilment]
    ),
    "Order.shippingLine": shipping_line,
    "Order.shippingLines": shipping_lines,
    "Order.requiresShipping": lambda order, call, arguments: any(line.requires_shipping for line in order.lines),
    "Order.subtotalLineItemsQuantity": lambda order, call, arguments: _units(order),
    "Order.currentSubtotalLineItemsQuantity": lambda order, call, arguments: sum(
        line.current_quantity for line in order.lines
    ),
    "Order.totalWeight": lambda order, call, arguments: str(sum(line.grams * line.quantity for line in order.lines)),
    "Order.displayFinancialStatus": lambda order, call, arguments: financial_status(order),
    "Order.displayFulfillmentStatus": lambda order, call, arguments: fulfillment_status(order),
    "Order.fullyPaid": lambda order, call, arguments: financial_status(order) in ("PAID", "REFUNDED"),
    "Order.unpaid": lambda order, call, arguments: not received(order),
    "Order.canMarkAsPaid": lambda order, call, arguments: can_be_paid(order),
    "Order.paymentGatewayNames": lambda order, call, arguments: sorted({row.gateway for row in order.transactions}),
    "Order.transactions": transactions,
    "Order.fulfillments": lambda order, call, arguments: (
        order.fulfillments[: arguments["first"]] if arguments.get("first") is not None else order.fulfillments
    ),
    "Order.fulfillmentOrders": lambda order, call, arguments: list_page(call, arguments, order.fulfillment_orders),
    "Order.refunds": refunds,
}  # fmt: skip
