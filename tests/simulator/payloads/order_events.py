"""REST bodies of what happens to an order: fulfilments, refunds with their transactions, edits (shopify.md 4.6)."""

from __future__ import annotations

from tests.simulator.payloads.order_lines import Amounts, line_body
from tests.simulator.payloads.people import address_body
from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid
from tests.simulator.state.money import NOTHING
from tests.simulator.state.orders import DiscountApplication, Fulfillment, Order, Transaction
from tests.simulator.state.shop import Shop


def fulfillment_body(shop: Shop, fulfillment_id: int) -> dict | None:
    row: Fulfillment | None = shop.fulfillments.get(fulfillment_id)
    if row is None:
        return None
    order = shop.orders[row.order_id]
    sums = Amounts(order)
    people = shop.knobs.protected_data
    return {
        "id": row.id,
        "admin_graphql_api_id": gid("Fulfillment", row.id),
        "order_id": order.id,
        "status": row.status.lower(),
        "created_at": iso_offset(row.created_at),
        "updated_at": iso_offset(row.updated_at),
        "service": "manual",
        "shipment_status": "in_transit" if row.is_in_transit else None,
        "location_id": row.location_id,
        "origin_address": {},
        "email": (order.email or "") if people else None,
        "destination": address_body(order.shipping_address) if people else None,
        "line_items": [{**line_body(shop, order.line(number), sums), "quantity": units}
                       for number, units in row.lines.items()],
        "tracking_company": row.company,
        "tracking_number": row.numbers[0] if row.numbers else None,
        "tracking_numbers": row.numbers,
        "tracking_url": row.urls[0] if row.urls else None,
        "tracking_urls": row.urls,
        "receipt": {},
        "name": f"{order.name}.{row.number}",
    }  # fmt: skip


def refund_body(shop: Shop, refund_id: int) -> dict | None:
    row = shop.refunds.get(refund_id)
    if row is None:
        return None
    order = shop.orders[row.order_id]
    sums = Amounts(order)
    return {
        "id": row.id,
        "admin_graphql_api_id": gid("Refund", row.id),
        "order_id": order.id,
        "created_at": iso_offset(row.created_at),
        "processed_at": iso_offset(row.created_at),
        "note": row.note,
        "user_id": shop.id,
        "duties": [],
        "total_duties_set": sums.set(NOTHING),
        "return": None,
        "refund_shipping_lines": [],
        "restock": any(line["restock_type"] != "NO_RESTOCK" for line in row.lines),
        "order_adjustments": _adjustments(row, sums),
        "refund_line_items": [_refund_line_body(shop, order, line, sums) for line in row.lines],
        "transactions": [transaction_body(one, order, sums) for one in row.transactions],
    }


def _adjustments(row, sums: Amounts) -> list[dict]:
    if not row.shipping:
        return []
    return [
        {
            "id": row.id + 1,
            "order_id": row.order_id,
            "refund_id": row.id,
            "kind": "shipping_refund",
            "reason": "Shipping refund",
            "amount": sums.text(-row.shipping),
            "amount_set": sums.set(-row.shipping),
            "tax_amount": sums.text(NOTHING),
            "tax_amount_set": sums.set(NOTHING),
        }
    ]


def _refund_line_body(shop: Shop, order: Order, row: dict, sums: Amounts) -> dict:
    line = order.line(row["line_item_id"])
    worth, tax = sums.part(line, row["quantity"]), sums.tax_part(line, row["quantity"])
    return {
        "id": row["id"],
        "quantity": row["quantity"],
        "line_item_id": line.id,
        "location_id": row.get("location_id"),
        "restock_type": row["restock_type"].lower(),
        "subtotal": float(worth.shop),
        "total_tax": float(tax.shop),
        "subtotal_set": sums.set(worth),
        "total_tax_set": sums.set(tax),
        "line_item": line_body(shop, line, sums),
    }


def transaction_body(row: Transaction, order: Order, sums: Amounts) -> dict:
    never = ["authorization", "location_id", "user_id", "device_id", "error_code", "message", "amount_rounding"]
    return {
        **dict.fromkeys(never),
        "id": row.id,
        "admin_graphql_api_id": gid("OrderTransaction", row.id),
        "order_id": order.id,
        "kind": row.kind.lower(),
        "gateway": row.gateway,
        "status": row.status.lower(),
        "created_at": iso_offset(row.created_at),
        "processed_at": iso_offset(row.processed_at),
        "test": row.test,
        "parent_id": row.parent_id,
        "source_name": order.source_name,
        "receipt": {},
        "amount": sums.text(row.amount),
        "currency": order.currency,
        "payment_id": f"{order.name}.1",
        "total_unsettled_set": {
            "presentment_money": {"amount": "0.0", "currency": order.presentment_currency},
            "shop_money": {"amount": "0.0", "currency": order.currency},
        },
        "manual_payment_gateway": row.manual or row.gateway == "manual",
    }


def transaction_event_body(shop: Shop, order_id: int, transaction_id: int) -> dict | None:
    order = shop.orders.get(order_id)
    row = next((one for one in order.transactions if one.id == transaction_id), None) if order else None
    return None if order is None or row is None else transaction_body(row, order, Amounts(order))


def moved_body(shop: Shop, original_id: int, moved_id: int, source_id: int) -> dict | None:
    """fulfillment_orders/moved: global ids, unlike the older topics."""
    original, moved = shop.fulfillment_orders.get(original_id), shop.fulfillment_orders.get(moved_id)
    if original is None or moved is None:
        return None
    return {
        "original_fulfillment_order": {"id": gid("FulfillmentOrder", original.id)},
        "moved_fulfillment_order": {"id": gid("FulfillmentOrder", moved.id)},
        "destination_location_id": gid("Location", moved.location_id),
        "source_location": {"id": gid("Location", source_id)},
        "fulfillment_order_line_items_requested": [
            {"id": gid("FulfillmentOrderLineItem", entry.id), "quantity": str(entry.remaining)} for entry in moved.lines
        ],
    }


def return_body(shop: Shop, order_id: int, return_id: int) -> dict | None:
    order = shop.orders.get(order_id)
    row = next((one for one in order.returns if one.id == return_id), None) if order else None
    if order is None or row is None:
        return None
    return {
        "id": row.id,
        "admin_graphql_api_id": gid("Return", row.id),
        "order": {"id": order.id, "admin_graphql_api_id": gid("Order", order.id)},
        "name": f"{order.name}-R{row.number}",
        "status": row.status.lower(),
        "total_return_line_items": sum(line.quantity for line in row.lines),
        "return_line_items": [
            {
                "id": line.id,
                "admin_graphql_api_id": gid("ReturnLineItem", line.id),
                "fulfillment_line_item": {"line_item": {"id": line.line_id}},
                "quantity": line.quantity,
                "return_reason": line.reason.lower(),
                "return_reason_note": line.note,
            }
            for line in row.lines
        ],
    }


def edit_body(shop: Shop, order_id: int, edit_id: int) -> dict | None:
    """orders/edited: the changes only, no order."""
    order = shop.orders.get(order_id)
    edit = next((row for row in order.edits if row.id == edit_id), None) if order else None
    if edit is None:
        return None
    by_app = edit.client_id is not None
    sign = -1 if shop.knobs.edits_tell_below_zero else 1
    return {
        "order_edit": {
            "id": edit.id,
            "app_id": 4242 if by_app else None,
            "created_at": iso_offset(edit.committed_at),
            "notify_customer": edit.notified,
            "order_id": order.id,
            "staff_note": edit.staff_note,
            "user_id": None if by_app else shop.id,
            "committed_at": iso_offset(edit.committed_at),
            "line_items": {
                "additions": [{"id": line_id, "delta": units} for line_id, units in edit.added],
                "removals": [{"id": line_id, "delta": sign * units} for line_id, units in edit.removed],
            },
            "discounts": {
                "line_item": {"additions": [_discount_change(order, *row) for row in edit.discounts], "removals": []}
            },
            "shipping_lines": {"additions": [], "removals": []},
        }
    }


def _discount_change(order: Order, line_id: int, application: DiscountApplication) -> dict:
    sums = Amounts(order)
    amounts = [one.amount for one in order.line(line_id).discounts if one.application is application]
    return {
        "line_item_id": line_id,
        "discount_application_index": application.index,
        "description": application.title,
        "amount": sums.text(sum(amounts, NOTHING)),
        "amount_set": sums.set(sum(amounts, NOTHING)),
    }
