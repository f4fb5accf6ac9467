"""REST bodies of the order topics (shopify.md 4.6): text amounts, lower-case states, tags as one text, integer ids.

Without protected-data approval the customer, addresses, e-mail and phone are null (shopify.md 6, row 45).
"""

from __future__ import annotations

from tests.simulator.payloads.order_events import fulfillment_body, refund_body, return_body
from tests.simulator.payloads.order_lines import Amounts, line_body, shipping_body, tax_body
from tests.simulator.payloads.people import address_body, customer_in_order
from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid
from tests.simulator.state.money import NOTHING, fixed_text
from tests.simulator.state.order_money import (
    current_grand_total,
    current_shipping,
    current_subtotal,
    current_tax_total,
    discounts_total,
    duties_total,
    financial_status,
    fulfillment_status,
    grand_total,
    lines_total,
    merged_taxes,
    shipping_total,
    shown_outstanding,
    subtotal,
    tax_total,
    tips_total,
)
from tests.simulator.state.orders import DiscountApplication, Draft, Order
from tests.simulator.state.shop import Shop

FULFILLMENT_STATES = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "RESTOCKED": "restocked"}
NEVER = [
    *("browser_ip", "cart_token", "checkout_token", "client_details", "confirmation_number", "device_id"),
    *("landing_site", "landing_site_ref", "merchant_of_record_app_id", "payment_terms", "reference"),
    *(
        "referring_site",
        "user_id",
        "current_total_additional_fees_set",
        "original_total_additional_fees_set",
        "company",
    ),
]


def order_body(shop: Shop, order_id: int) -> dict | None:
    order = shop.orders.get(order_id)
    if order is None:
        return None
    sums = Amounts(order)
    return {
        **dict.fromkeys(NEVER),
        **_head(shop, order),
        **_people(shop, order),
        **_money(order, sums),
        "discount_applications": [_application_body(one, sums) for one in order.discounts],
        "discount_codes": [_code_body(order, one, sums) for one in order.discounts if one.kind == "code"],
        "fulfillments": [fulfillment_body(shop, row.id) for row in order.fulfillments],
        "line_item_groups": _groups(order),
        "line_items": [line_body(shop, line, sums) for line in order.lines],
        "refunds": [refund_body(shop, row.id) for row in order.refunds],
        "location_id": order.counter_id,
        "returns": [return_body(shop, order.id, row.id) for row in order.returns],
        "shipping_lines": [shipping_body(line, sums) for line in order.shipping_lines],
        "tax_lines": [tax_body(tax, sums) for tax in merged_taxes(order)],
    }


def _head(shop: Shop, order: Order) -> dict:
    state = FULFILLMENT_STATES.get(fulfillment_status(order))
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "app_id": app_number(order.client_id),
        "buyer_accepts_marketing": False,
        "cancel_reason": order.cancel_reason and order.cancel_reason.lower(),
        "cancelled_at": order.cancelled_at and iso_offset(order.cancelled_at),
        "closed_at": order.closed_at and iso_offset(order.closed_at),
        "confirmed": True,
        "created_at": iso_offset(order.created_at),
        "currency": order.currency,
        "customer_locale": "en",
        "duties_included": False,
        "estimated_taxes": False,
        "financial_status": (financial_status(order) or "").lower() or None,
        "fulfillment_status": state,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "name": order.name,
        "note": order.note,
        "note_attributes": [{"name": name, "value": value} for name, value in order.note_attributes],
        "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": f"https://{shop.domain}/{shop.id}/orders/{order.id:x}/authenticate?key=simulated",
        "payment_gateway_names": sorted({row.gateway for row in order.transactions}),
        "po_number": order.po_number,
        "presentment_currency": order.presentment_currency,
        "processed_at": iso_offset(order.processed_at),
        "source_identifier": order.source_identifier,
        "source_name": order.source_name,
        "source_url": order.source_url,
        "tags": ", ".join(sorted(order.tags)),
        "tax_exempt": False,
        "taxes_included": order.taxes_included,
        "test": order.test,
        "token": f"{order.id:x}",
        "updated_at": iso_offset(order.updated_at),
    }


def app_number(client_id: str | None) -> int:
    """580111 is Shopify's number of the online store."""
    return 580111 if client_id is None else 4242


def _people(shop: Shop, order: Order) -> dict:
    if not shop.knobs.protected_data:
        return dict.fromkeys(["billing_address", "shipping_address", "customer", "email", "contact_email", "phone"])
    customer = shop.customers.get(order.customer_id) if order.customer_id else None
    return {
        "billing_address": address_body(order.billing_address),
        "shipping_address": address_body(order.shipping_address),
        "customer": None if customer is None else customer_in_order(customer, order.currency),
        "email": order.email or "",
        "contact_email": order.email,
        "phone": order.phone,
    }


def _money(order: Order, sums: Amounts) -> dict:
    named = {
        "current_subtotal_price": current_subtotal(order),
        "current_total_discounts": discounts_total(order),
        "current_total_price": current_grand_total(order),
        "current_total_tax": current_tax_total(order),
        "subtotal_price": subtotal(order),
        "total_discounts": discounts_total(order),
        "total_line_items_price": lines_total(order),
        "total_price": grand_total(order),
        "total_tax": tax_total(order),
    }
    duties = duties_total(order)
    return {
        **{name: sums.text(bag) for name, bag in named.items()},
        **{f"{name}_set": sums.set(bag) for name, bag in named.items()},
        "current_shipping_price_set": sums.set(current_shipping(order)),
        "total_shipping_price_set": sums.set(shipping_total(order)),
        "total_outstanding": sums.text(shown_outstanding(order)),
        "total_tip_received": sums.text(tips_total(order)),
        "total_weight": sum(line.grams * line.quantity for line in order.lines),
        "total_cash_rounding_payment_adjustment_set": sums.set(NOTHING),
        "total_cash_rounding_refund_adjustment_set": sums.set(NOTHING),
        "current_total_duties_set": sums.set(duties) if duties else None,
        "original_total_duties_set": sums.set(duties) if duties else None,
    }


def _groups(order: Order) -> list[dict]:
    groups = {line.group.id: line.group for line in order.lines if line.group}
    return [{"id": row.id, "title": row.title, "quantity": row.quantity} for row in groups.values()]


def _application_body(one: DiscountApplication, sums: Amounts) -> dict:
    named = {"code": {"code": one.title}, "automatic": {"title": one.title}}.get(one.kind)
    return {
        "target_type": one.target_type.lower(),
        "type": {"code": "discount_code"}.get(one.kind, one.kind),
        "value": f"{one.value:f}" if one.value_type == "percentage" else fixed_text(one.value, sums.currency),
        "value_type": one.value_type,
        "allocation_method": one.method.lower(),
        "target_selection": one.selection.lower(),
        **(named or {"title": one.title, "description": one.title}),
    }


def _code_body(order: Order, one: DiscountApplication, sums: Amounts) -> dict:
    rows = [part.amount for line in [*order.lines, *order.shipping_lines] for part in line.discounts
            if part.application is one]  # fmt: skip
    kind = "shipping" if one.target_type == "SHIPPING_LINE" else one.value_type
    return {"code": one.title, "amount": sums.text(sum(rows, NOTHING)), "type": kind}


def draft_body(shop: Shop, draft_id: int) -> dict | None:
    draft: Draft | None = shop.drafts.get(draft_id)
    if draft is None:
        return None
    sums, people = Amounts(draft), shop.knobs.protected_data
    customer = shop.customers.get(draft.customer_id) if draft.customer_id and people else None
    return {
        "id": draft.id,
        "admin_graphql_api_id": gid("DraftOrder", draft.id),
        "note": draft.note,
        "email": draft.email if people else None,
        "taxes_included": draft.taxes_included,
        "currency": draft.currency,
        "invoice_sent_at": draft.invoice_sent_at and iso_offset(draft.invoice_sent_at),
        "created_at": iso_offset(draft.created_at),
        "updated_at": iso_offset(draft.updated_at),
        "completed_at": draft.completed_at and iso_offset(draft.completed_at),
        "tax_exempt": draft.tax_exempt,
        "name": draft.name,
        "status": draft.status.lower(),
        "order_id": draft.order_id,
        "line_items": [line_body(shop, line, sums) for line in draft.lines],
        "shipping_address": address_body(draft.shipping_address) if people else None,
        "billing_address": address_body(draft.billing_address) if people else None,
        "invoice_url": f"https://{shop.domain}/{shop.id}/invoices/{draft.id:x}",
        "tags": ", ".join(sorted(draft.tags)),
        "note_attributes": [{"name": name, "value": value} for name, value in draft.note_attributes],
        "total_price": sums.text(grand_total(draft)),
        "subtotal_price": sums.text(subtotal(draft)),
        "total_tax": sums.text(tax_total(draft)),
        "po_number": draft.po_number,
        "shipping_line": shipping_body(draft.shipping_lines[0], sums) if draft.shipping_lines else None,
        "tax_lines": [tax_body(tax, sums) for tax in merged_taxes(draft)],
        "applied_discount": None,
        "payment_terms": None,
        "customer": None if customer is None else customer_in_order(customer, draft.currency),
    }
