"""Resolvers of draft orders: by id at once, lists through the search index with its lag (shopify.md 7.2, 7.3)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.reads.order_parts import (
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
from tests.simulator.reads.shop import attribute, by_id, count_of, id_key, identity, instant
from tests.simulator.state.gids import gid
from tests.simulator.state.money import Bag, text_of
from tests.simulator.state.order_money import (
    discounted_total,
    discounts_of,
    discounts_total,
    exchange_of,
    grand_total,
    lines_total,
    merged_taxes,
    original_total,
    shipping_total,
    subtotal,
    tax_total,
)
from tests.simulator.state.orders import DiscountApplication, Draft, LineItem

SORTS = {
    "UPDATED_AT": lambda row: row.updated_at,
    "NUMBER": lambda row: row.number,
    "STATUS": lambda row: row.status,
    "TOTAL_PRICE": lambda row: float(grand_total(row).shop),
}


def drafts(root, call: Call, arguments: dict) -> Page:
    accept = search_for(call, "drafts", arguments.get("query"))
    value = SORTS.get(arguments["sortKey"])
    key = id_key if value is None else lambda row: (value(row), row.id)
    return page_of(call, arguments, sorted(call.shop.drafts.values(), key=key), key, accept)


def applied(draft: Draft, one: DiscountApplication | None, given: Bag) -> dict | None:
    """DraftOrderAppliedDiscount."""
    if one is None:
        return None
    kind = "PERCENTAGE" if one.value_type == "percentage" else "FIXED_AMOUNT"
    return {
        "title": one.title,
        "description": one.title,
        "value": float(one.value),
        "valueType": kind,
        "amountSet": bag_of(draft, given),
    }


def _order_discount(draft: Draft, call: Call, arguments: dict) -> dict | None:
    found = next((one for one in draft.discounts if one.selection == "ALL"), None)
    parts = [part.amount for line in draft.lines for part in line.discounts if part.application is found]
    return applied(draft, found, sum(parts, Bag()))


def _lines(draft: Draft, call: Call, arguments: dict) -> Page:
    return list_page(call, arguments, [_line(draft, line, call) for line in draft.lines])


def _line(draft: Draft, line: LineItem, call: Call) -> dict:
    own = next((part for part in line.discounts if part.application.selection != "ALL"), None)
    discount = applied(draft, own.application, own.amount) if own else None
    override = draft.overrides.get(line.id)
    shown = draft.presentment_currency
    return {
        "id": gid("DraftOrderLineItem", line.id),
        "uuid": draft.uuids[line.id],
        "title": line.title,
        "name": line.name,
        "sku": line.sku,
        "vendor": line.vendor,
        "quantity": line.quantity,
        "custom": line.variant_id is None,
        "isGiftCard": line.gift_card,
        "requiresShipping": line.requires_shipping,
        "taxable": line.taxable,
        "variantTitle": line.variant_title,
        "variant": call.shop.variants.get(line.variant_id),
        "product": call.shop.products.get(line.product_id),
        "customAttributes": attributes(line.properties),
        "weight": {"unit": "GRAMS", "value": float(line.grams)},
        "appliedDiscount": discount,
        "priceOverride": None if override is None else {"amount": text_of(override), "currencyCode": shown},
        "originalUnitPriceSet": bag_of(draft, line.price),
        "originalUnitPriceWithCurrency": {"amount": text_of(line.price.presentment), "currencyCode": shown},
        "originalTotalSet": bag_of(draft, original_total(line)),
        "discountedTotalSet": bag_of(draft, discounted_total(line)),
        "totalDiscountSet": bag_of(draft, discounts_of(line)),
        "approximateDiscountedUnitPriceSet": bag_of(
            draft, exchange_of(draft).share(discounted_total(line), 1, line.quantity)
        ),
        "taxLines": [tax_of(draft, tax) for tax in line.tax_lines],
    }


MONEY = {
    "totalPriceSet": grand_total,
    "subtotalPriceSet": subtotal,
    "totalTaxSet": tax_total,
    "totalDiscountsSet": discounts_total,
    "totalShippingPriceSet": shipping_total,
    "totalLineItemsPriceSet": lines_total,
    "lineItemsSubtotalPrice": lines_total,
}
RESOLVERS = {
    "QueryRoot.draftOrder": by_id("DraftOrder"),
    "QueryRoot.draftOrders": drafts,
    "QueryRoot.draftOrdersCount": count_of("drafts"),
    **identity("DraftOrder"),
    **{f"DraftOrder.{name}": amount(of) for name, of in MONEY.items()},
    "DraftOrder.name": attribute("name"),
    "DraftOrder.status": attribute("status"),
    "DraftOrder.ready": lambda draft, call, arguments: (
        call.simulator.clock.seconds() >= draft.updated_at + call.shop.knobs.draft_ready_seconds
    ),
    "DraftOrder.note2": attribute("note"),
    "DraftOrder.email": protected("email"),
    "DraftOrder.phone": protected("phone"),
    "DraftOrder.poNumber": attribute("po_number"),
    "DraftOrder.tags": lambda draft, call, arguments: sorted(draft.tags),
    "DraftOrder.customAttributes": lambda draft, call, arguments: attributes(draft.note_attributes),
    "DraftOrder.customer": lambda draft, call, arguments: (
        call.shop.customers.get(draft.customer_id) if call.shop.knobs.protected_data else None
    ),
    "DraftOrder.billingAddress": lambda draft, call, arguments: address_of(draft.billing_address, call),
    "DraftOrder.shippingAddress": lambda draft, call, arguments: address_of(draft.shipping_address, call),
    "DraftOrder.currencyCode": attribute("currency"),
    "DraftOrder.presentmentCurrencyCode": attribute("presentment_currency"),
    "DraftOrder.taxesIncluded": attribute("taxes_included"),
    "DraftOrder.taxExempt": attribute("tax_exempt"),
    "DraftOrder.taxLines": lambda draft, call, arguments: [tax_of(draft, tax) for tax in merged_taxes(draft)],
    "DraftOrder.completedAt": instant("completed_at"),
    "DraftOrder.invoiceSentAt": instant("invoice_sent_at"),
    "DraftOrder.reserveInventoryUntil": instant("reserve_until"),
    "DraftOrder.invoiceUrl": lambda draft, call, arguments: (
        f"https://{call.shop.domain}/{call.shop.id}/invoices/{draft.id:x}"
    ),
    "DraftOrder.order": lambda draft, call, arguments: call.shop.orders.get(draft.order_id),
    "DraftOrder.lineItems": _lines,
    "DraftOrder.shippingLine": lambda draft, call, arguments: (
        shipping_of(draft, draft.shipping_lines[0]) if draft.shipping_lines else None
    ),
    "DraftOrder.appliedDiscount": _order_discount,
    "DraftOrder.discountCodes": lambda draft, call, arguments: [],
    "DraftOrder.totalQuantityOfLineItems": lambda draft, call, arguments: sum(line.quantity for line in draft.lines),
}
