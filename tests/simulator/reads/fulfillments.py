"""Resolvers of fulfillment orders, fulfilments and refunds."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.reads.order_parts import LineView, bag_of, list_page
from tests.simulator.reads.orders import transaction_of
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.shop import attribute, by_id, id_key, identity, instant, shown_order
from tests.simulator.state.gids import gid
from tests.simulator.state.money import Bag
from tests.simulator.state.order_money import discounted_total, exchange_of, taxes_of, total_of
from tests.simulator.state.orders import Fulfillment, FulfillmentOrder, FulfillmentOrderLine, LineItem, Order, Refund
from tests.simulator.wire.problems import NotSimulatedError


def order_of(row: Fulfillment | FulfillmentOrder | Refund, call: Call) -> Order:
    return call.shop.orders[row.order_id]


# Fulfillment orders


def status_of(row: FulfillmentOrder) -> str:
    if row.is_closed:
        return "CLOSED"
    shipped = any(entry.shipped for entry in row.lines)
    if not any(entry.remaining for entry in row.lines):
        return "CLOSED" if shipped else "CANCELLED"
    return "IN_PROGRESS" if shipped else "OPEN"


def _status(row: FulfillmentOrder, call: Call, arguments: dict) -> str:
    return status_of(row)


def _actions(row: FulfillmentOrder, call: Call, arguments: dict) -> list[dict]:
    """What an open one allows, as far as the simulator does."""
    is_open = status_of(row) in ("OPEN", "IN_PROGRESS")
    return [{"action": action, "externalUrl": None} for action in ("CREATE_FULFILLMENT", "MOVE")] if is_open else []


def _assigned(row: FulfillmentOrder, call: Call, arguments: dict) -> dict:
    place = call.shop.locations[row.location_id]
    names = ["address1", "address2", "city", "phone", "province", "zip"]
    code = place.address.get("countryCode", "DE")
    return {**{name: place.address.get(name) for name in names}, "countryCode": code, "name": place.name,
            "location": place}  # fmt: skip


def _rows(row: FulfillmentOrder, call: Call, arguments: dict) -> Page:
    order = order_of(row, call)
    return list_page(call, arguments, [_row(call, order, row, entry) for entry in row.lines])


def _row(call: Call, order: Order, row: FulfillmentOrder, entry: FulfillmentOrderLine) -> dict:
    line = order.line(entry.line_id)
    return {
        "id": gid("FulfillmentOrderLineItem", entry.id),
        "lineItem": LineView(order, line),
        "totalQuantity": entry.total,
        "remainingQuantity": 0 if row.is_closed else entry.remaining,
        "requiresShipping": line.requires_shipping,
        "productTitle": line.title,
        "variantTitle": line.variant_title,
        "sku": line.sku,
        "vendor": line.vendor,
        "variant": call.shop.variants.get(line.variant_id),
        "inventoryItemId": line.item_id and gid("InventoryItem", line.item_id),
    }


def fulfillment_orders(root, call: Call, arguments: dict) -> Page:
    """Of the whole shop; closed ones only when asked for ([S] QueryRoot.fulfillmentOrders)."""
    if arguments.get("query"):
        raise NotSimulatedError("The simulator does not search fulfillment orders")
    shop = call.shop
    rows = [
        row
        for row in sorted(shop.fulfillment_orders.values(), key=id_key)
        if shown_order(shop.orders[row.order_id], call)
        and (arguments.get("includeClosed") or status_of(row) in ("OPEN", "IN_PROGRESS"))
    ]
    return page_of(call, arguments, rows, id_key, None)


def _shipped_from(row: FulfillmentOrder, call: Call, arguments: dict) -> Page:
    order = order_of(row, call)
    return list_page(call, arguments, [one for one in order.fulfillments if row.id in one.fulfillment_order_ids])


# Fulfilments


def _shipped_rows(row: Fulfillment, call: Call, arguments: dict) -> Page:
    order = order_of(row, call)
    rows = []
    for line_id, quantity in row.lines.items():
        line = order.line(line_id)
        rows.append(
            {
                "id": gid("FulfillmentLineItem", row.line_ids[line_id]),
                "lineItem": LineView(order, line),
                "quantity": quantity,
                "originalTotalSet": bag_of(order, line.price * quantity),
                "discountedTotalSet": bag_of(order, _part(order, line, discounted_total(line), quantity)),
            }
        )
    return list_page(call, arguments, rows)


def _part(order: Order, line: LineItem, whole: Bag, quantity: int) -> Bag:
    return exchange_of(order).share(whole, quantity, line.quantity)


def _shown_status(row: Fulfillment) -> str:
    if row.status == "CANCELLED":
        return "CANCELED"
    return "IN_TRANSIT" if row.is_in_transit else "FULFILLED"


def _tracking(row: Fulfillment, call: Call, arguments: dict) -> list[dict]:
    count = max(len(row.numbers), len(row.urls), 1 if row.company else 0)
    found = [
        {
            "company": row.company,
            "number": row.numbers[place] if place < len(row.numbers) else None,
            "url": row.urls[place] if place < len(row.urls) else None,
        }
        for place in range(count)
    ]
    return found[: arguments["first"]] if arguments.get("first") is not None else found


# Refunds


def _refund_rows(row: Refund, call: Call, arguments: dict) -> Page:
    order = order_of(row, call)
    return list_page(call, arguments, [_refund_row(call, order, entry) for entry in row.lines])


def _refund_row(call: Call, order: Order, entry: dict) -> dict:
    line, quantity = order.line(entry["line_item_id"]), entry["quantity"]
    return {
        "id": gid("RefundLineItem", entry["id"]),
        "lineItem": LineView(order, line),
        "quantity": quantity,
        "restockType": entry["restock_type"],
        "restocked": entry["restock_type"] != "NO_RESTOCK" and line.location_id is not None,
        "location": call.shop.locations.get(entry.get("location_id")),
        "priceSet": bag_of(order, line.price),
        "subtotalSet": bag_of(order, _part(order, line, discounted_total(line), quantity)),
        "totalTaxSet": bag_of(order, _part(order, line, taxes_of(line), quantity)),
    }


def _refund_transactions(row: Refund, call: Call, arguments: dict) -> Page:
    order = order_of(row, call)
    return list_page(call, arguments, [transaction_of(order, one) for one in row.transactions])


def _refund_total(row: Refund, call: Call, arguments: dict) -> dict:
    return bag_of(order_of(row, call), total_of(one.amount for one in row.transactions))


def _of_order(name: str):
    return lambda row, call, arguments: getattr(order_of(row, call), name)


RESOLVERS = {
    "QueryRoot.fulfillment": by_id("Fulfillment"),
    "QueryRoot.fulfillmentOrder": by_id("FulfillmentOrder"),
    "QueryRoot.fulfillmentOrders": fulfillment_orders,
    "QueryRoot.refund": by_id("Refund"),
    **identity("FulfillmentOrder"),
    "FulfillmentOrder.status": _status,
    "FulfillmentOrder.requestStatus": lambda row, call, arguments: "UNSUBMITTED",
    "FulfillmentOrder.supportedActions": _actions,
    "FulfillmentOrder.fulfillmentHolds": lambda row, call, arguments: [],
    "FulfillmentOrder.fulfillAt": instant("created_at"),
    "FulfillmentOrder.assignedLocation": _assigned,
    "FulfillmentOrder.lineItems": _rows,
    "FulfillmentOrder.fulfillments": _shipped_from,
    "FulfillmentOrder.order": lambda row, call, arguments: order_of(row, call),
    "FulfillmentOrder.orderId": lambda row, call, arguments: gid("Order", row.order_id),
    "FulfillmentOrder.orderName": _of_order("name"),
    **identity("Fulfillment"),
    "Fulfillment.name": lambda row, call, arguments: f"{order_of(row, call).name}-F{row.number}",
    "Fulfillment.status": attribute("status"),
    "Fulfillment.displayStatus": lambda row, call, arguments: _shown_status(row),
    "Fulfillment.service": lambda row, call, arguments: None,
    "Fulfillment.deliveredAt": lambda row, call, arguments: None,
    "Fulfillment.inTransitAt": lambda row, call, arguments: None,
    "Fulfillment.estimatedDeliveryAt": lambda row, call, arguments: None,
    "Fulfillment.requiresShipping": lambda row, call, arguments: True,
    "Fulfillment.location": lambda row, call, arguments: call.shop.locations.get(row.location_id),
    "Fulfillment.order": lambda row, call, arguments: order_of(row, call),
    "Fulfillment.totalQuantity": lambda row, call, arguments: sum(row.lines.values()),
    "Fulfillment.trackingInfo": _tracking,
    "Fulfillment.fulfillmentLineItems": _shipped_rows,
    "Fulfillment.fulfillmentOrders": lambda row, call, arguments: list_page(
        call, arguments, [call.shop.fulfillment_orders[number] for number in row.fulfillment_order_ids]
    ),
    **identity("Refund"),
    "Refund.updatedAt": instant("created_at"),
    "Refund.processedAt": instant("created_at"),
    "Refund.note": attribute("note"),
    "Refund.order": lambda row, call, arguments: order_of(row, call),
    "Refund.refundLineItems": _refund_rows,
    "Refund.refundShippingLines": lambda row, call, arguments: list_page(call, arguments, []),
    "Refund.totalRefundedSet": _refund_total,
    "Refund.transactions": _refund_transactions,
}
