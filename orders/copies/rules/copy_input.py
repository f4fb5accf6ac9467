"""Pure: what is written into Shopify's input for a copy, an order's (OrderCreateOrderInput) and a draft's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from orders.copies.rules import sums
from orders.copies.rules.contact import EMAIL, PHONE, address_input, contact_of
from orders.copies.rules.lines import Priced, PricedLine, PricedTax, Side
from orders.copies.rules.named import beside, filled
from orders.marks import MARK_TAG
from stores.shopify import gids
from stores.shopify.orders.order_records import OrderLine, OrderRecord
from stores.shopify.orders.orders import KEY, NAMESPACE

PAYMENT_STATUSES = ("same", "paid", "pending")
INVENTORY_BEHAVIOURS = {
    "decrement_ignoring": "DECREMENT_IGNORING_POLICY",
    "decrement_obeying": "DECREMENT_OBEYING_POLICY",
    "bypass": "BYPASS",
}
# Tags of drafts are at most 40 characters (shopify.md 7.2); a comma would make two of one.
TAG_CHARACTERS = 40
MOST_TAGS = 249  # a draft has one more, by which it is found
ORIGINAL_STORE, ORIGINAL_NAME, ORIGINAL_ID = "Original store", "Original order", "Original order id"
# What was sold over the counter is shipped before it is copied: whoever packs the source's orders must not ship it once
# more. Fulfilment status of the original -> the copy's tag, and its attribute SHIPPED.
SHIPPED = "Shipped before it was imported"
_SHIPPED = {
    "FULFILLED": ("Already shipped", "All of it: do not ship it again."),
    "PARTIALLY_FULFILLED": ("Partly shipped", "A part of it: look at the original."),
}
# On each line of a copy: the number of the original's line, by which later changes find it.
LINE_PROPERTY = "_original_line"
TAX_TITLE = "Tax: "  # what the title of a draft's line begins with that stands for a tax
# A copy holds what is left of the original: what was refunded before is not in it, so what remains is paid.
_PAID_STATUSES = {"PAID", "PARTIALLY_REFUNDED"}


@dataclass(frozen=True, slots=True)
class Origin:
    """The store that sold: its name for people and its .myshopify.com domain."""

    name: str
    domain: str


class CopyChoices(Protocol):
    """The choices of orders.copies.rules.mapping.Choices that are needed here."""

    @property
    def payment_status(self) -> str: ...
    @property
    def name_pattern(self) -> str: ...
    @property
    def contact(self) -> str: ...
    @property
    def contact_email(self) -> str: ...
    @property
    def carries_tags(self) -> bool: ...
    @property
    def carries_company(self) -> bool: ...


def custom_id(order_gid: str, store_domain: str) -> str:
    """What names an original in every source, such as `north.myshopify.com/450789469`."""
    return f"{store_domain}/{gids.number(order_gid, 'Order')}"


def draft_tag(order_gid: str) -> str:
    """The tag that finds a draft; with the ORIGINAL_ID attribute it is unique."""
    return f"original-{gids.number(order_gid, 'Order')}"


def store_tag(store_name: str) -> str:
    """`From: <store>`, as a tag that Shopify keeps in one piece."""
    return f"From: {' '.join(store_name.replace(',', ' ').split())}"[:TAG_CHARACTERS].rstrip()


def order_options(inventory_behaviour: str) -> dict[str, Any]:
    """OrderCreateOptionsInput: what happens to stock, and no mails to the customer."""
    return {
        "inventoryBehaviour": INVENTORY_BEHAVIOURS[inventory_behaviour],
        "sendReceipt": False,
        "sendFulfillmentReceipt": False,
    }


def order_input(order: OrderRecord, priced: Priced, origin: Origin, side: Side, choices: CopyChoices) -> dict[str, Any]:
    """OrderCreateOrderInput of a copy."""
    value = custom_id(order.gid, origin.domain)
    contact = contact_of(order, choices.contact, choices.contact_email)
    made = _common(order, _attributes(order, priced, origin, side, choices))
    made |= {
        "currency": priced.currency,
        "processedAt": order.processed_at.isoformat(),
        "taxesIncluded": order.taxes_included,
        "tags": _tags(order, origin, choices),
        "sourceIdentifier": value,
        "sourceUrl": f"https://{origin.domain}/admin/orders/{gids.number(order.gid)}",
        "metafields": [{"namespace": NAMESPACE, "key": KEY, "type": "id", "value": value}],
        "lineItems": [row for line in priced.lines for row in _order_lines(line, priced.currency, side)],
        "shippingLines": [
            filled(
                {
                    "title": each.title or "Shipping",
                    "code": each.code,
                    "priceSet": _bag(each.total, priced.currency),
                    "taxLines": _tax_lines(each.taxes, priced.currency),
                }
            )
            for each in priced.shipping
        ],
    }
    made |= _payment(order, priced, origin, side, choices.payment_status)
    made |= {"email": contact.email, "phone": contact.phone, "customer": contact.customer}
    return filled(made | {"name": copy_name(choices.name_pattern, origin.name, order.name)})


def copy_name(pattern: str, store_name: str, order_name: str) -> str:
    """The copy's name; `{store}`, `{name}` and `{number}` stand for the destination, `#1001` and `1001`."""
    words = {"{store}": store_name, "{name}": order_name, "{number}": order_name.lstrip("#")}
    for word, meaning in words.items():
        pattern = pattern.replace(word, meaning)
    return pattern.strip()


def _payment(order: OrderRecord, priced: Priced, origin: Origin, side: Side, choice: str) -> dict[str, Any]:
    """The financial status, and the payment that bears it out where the copy is (partly) paid (shopify.md 7.1)."""
    status = {"paid": "PAID", "pending": "PENDING"}.get(choice) or order.financial_status or "PENDING"
    if status in _PAID_STATUSES:
        status, paid = "PAID", priced.total
    elif status == "PARTIALLY_PAID":
        received, placed = Fraction(side(order.received).amount), Fraction(side(order.total).amount)
        paid = sums.half_up(priced.total * min(received / placed, Fraction(1))) if placed else 0
    else:
        paid = 0
    if not paid:
        return {"financialStatus": status}
    sale: dict[str, Any] = {"kind": "SALE", "status": "SUCCESS", "gateway": f"From: {origin.name}"}
    sale |= {"amountSet": _bag(paid, priced.currency), "processedAt": order.processed_at.isoformat()}
    return {"financialStatus": status, "transactions": [sale]}


def draft_input(
    order: OrderRecord,
    priced: Priced,
    origin: Origin,
    side: Side,
    choices: CopyChoices,
    reserved_until: datetime | None,
) -> dict[str, Any]:
    """DraftOrderInput of a copy. Untaxed: what the original's customer paid in taxes is in prices or lines.

    With addresses, but without the customer: Shopify would use the customer's own tax setting in place of `taxExempt`,
    and charge whoever is not exempt, which is nearly everybody, the taxes a second time. An e-mail makes a customer,
    found or new, so it stands in an attribute, from which the invoice takes it; likewise the phone. That a draft costs
    something else all the same is said on its row (orders.copies.shopify_copy.why_wrong).
    """
    currency = priced.currency
    contact = contact_of(order, choices.contact, choices.contact_email)
    ours = _attributes(order, priced, origin, side, choices) | {EMAIL: contact.email, PHONE: contact.phone}
    made = _common(order, ours)
    lines = [row for line in priced.lines for row in _draft_lines(line, currency, side)]
    if not order.taxes_included:
        lines += _tax_rows(priced)
    made |= {
        "presentmentCurrencyCode": currency,
        "taxExempt": True,
        "acceptAutomaticDiscounts": False,
        "allowDiscountCodesInCheckout": False,
        "useCustomerDefaultAddress": False,
        "tags": [*_tags(order, origin, choices), draft_tag(order.gid)],
        "lineItems": lines,
    }
    if priced.shipping:  # a draft has one shipping line
        title = " + ".join(dict.fromkeys(each.title or "Shipping" for each in priced.shipping))
        cost = sum(each.total for each in priced.shipping)
        made["shippingLine"] = {"title": title[:255], "priceWithCurrency": _money(cost, currency)}
    if reserved_until is not None:
        made["reserveInventoryUntil"] = reserved_until.isoformat()
    return filled(made)


def _taxes(priced: Priced) -> list[PricedTax]:
    return [tax for owners in (priced.lines, priced.shipping) for owner in owners for tax in owner.taxes]


def _tax_rows(priced: Priced) -> list[dict[str, Any]]:
    """One custom line per tax: a draft takes no tax lines, and Shopify would compute the source's own taxes."""
    owed: dict[str, int] = {}
    for tax in _taxes(priced):
        owed[tax.title] = owed.get(tax.title, 0) + tax.amount
    return [
        {
            "title": f"{TAX_TITLE}{title}",
            "quantity": 1,
            "originalUnitPriceWithCurrency": _money(amount, priced.currency),
            "requiresShipping": False,
            "taxable": False,
        }
        for title, amount in owed.items()
        if amount
    ]


def _common(order: OrderRecord, ours: dict[str, str]) -> dict[str, Any]:
    """What orders and drafts have in common; `ours` are the attributes that we add to the original's own."""
    attributes = beside(order.attributes, {name: value for name, value in ours.items() if value})
    return {
        "note": order.note,
        "poNumber": order.po_number,
        "customAttributes": [{"key": key, "value": value} for key, value in attributes],
        "shippingAddress": address_input(order.shipping_address),
        "billingAddress": address_input(order.billing_address),
    }


def _tags(order: OrderRecord, origin: Origin, choices: CopyChoices) -> list[str]:
    shipped = _SHIPPED.get(order.fulfilment_status)
    ours = [store_tag(origin.name), MARK_TAG, *([shipped[0]] if shipped else [])]
    if not choices.carries_tags:
        return ours
    theirs = [tag[:TAG_CHARACTERS].rstrip() for tag in order.tags]
    return [*ours, *dict.fromkeys(tag for tag in theirs if tag not in ours)][:MOST_TAGS]


def _attributes(order: OrderRecord, priced: Priced, origin: Origin, side: Side, choices: CopyChoices) -> dict[str, str]:
    """What we say of the original, by name."""
    listed = {
        ORIGINAL_STORE: origin.domain,
        ORIGINAL_NAME: order.name,
        ORIGINAL_ID: custom_id(order.gid, origin.domain),
        "Original total": sums.text(order.total.shop.amount, order.total.shop.currency),
    }
    if choices.carries_company:
        addresses = (order.billing_address, order.shipping_address)
        listed["Company"] = next((each.company for each in addresses if each and each.company), "")
    if order.fulfilment_status in _SHIPPED:
        listed[SHIPPED] = _SHIPPED[order.fulfilment_status][1]
    if order.presentment_currency != order.currency:
        paid = order.total.presentment
        listed["Total for the customer"] = sums.text(paid.amount, paid.currency)
    if order.discount_codes:
        listed["Discount codes"] = ", ".join(order.discount_codes)
    saved = sum((side(each.original_price).amount - side(each.price).amount for each in order.shipping), Decimal(0))
    if saved > 0:
        listed["Discount on shipping"] = sums.text(saved, side(order.total).currency)
    if order.taxes_included and (taxes := _taxes(priced)):
        amount = sum(tax.amount for tax in taxes)
        listed["Taxes included"] = sums.text(sums.to_amount(amount, priced.currency), priced.currency)
    return listed


def _order_lines(priced: PricedLine, currency: str, side: Side) -> Iterable[dict[str, Any]]:
    """The rows of one line: two where its price does not divide evenly, with its taxes in proportion."""
    line, variant_gid = priced.chosen.line, priced.chosen.variant_gid
    groups = sums.split_units(priced.total, priced.chosen.quantity)
    weights = [units * price for units, price in groups]
    shares = [sums.spread(tax.amount, weights) for tax in priced.taxes]
    properties = [{"name": name, "value": value} for name, value in _properties(line, side)]
    for index, (units, price) in enumerate(groups):
        taxes = [
            PricedTax(tax.title, tax.rate, share[index], tax.channel_liable)
            for tax, share in zip(priced.taxes, shares, strict=True)
        ]
        # requiresShipping is false when left out (shopify.md 7.1): the line would then need no fulfilment.
        row: dict[str, Any] = {
            "quantity": units,
            "requiresShipping": line.requires_shipping,
            "taxable": line.is_taxable,
        }
        row |= {"priceSet": _bag(price, currency), "taxLines": _tax_lines(taxes, currency), "properties": properties}
        yield filled(row | ({"variantId": variant_gid} if variant_gid else _custom(line)))


def _custom(line: OrderLine) -> dict[str, Any]:
    title = f"{line.title} - {line.variant_title}" if line.variant_title else line.title
    return {"title": title, "sku": line.sku, "vendor": line.vendor}


def _draft_lines(priced: PricedLine, currency: str, side: Side) -> Iterable[dict[str, Any]]:
    line, variant_gid = priced.chosen.line, priced.chosen.variant_gid
    attributes = [{"key": name, "value": value} for name, value in _properties(line, side)]
    for units, price in sums.split_units(priced.total, priced.chosen.quantity):
        row: dict[str, Any] = {"quantity": units, "customAttributes": attributes}
        if variant_gid:
            yield row | {"variantId": variant_gid, "priceOverride": _money(price, currency)}
            continue
        row |= {"originalUnitPriceWithCurrency": _money(price, currency), "requiresShipping": line.requires_shipping}
        custom = _custom(line)
        yield filled(row | {"title": custom["title"], "sku": custom["sku"], "taxable": line.is_taxable})


def _properties(line: OrderLine, side: Side) -> list[tuple[str, str]]:
    """The line's own properties, then what the price was before discounts and by which, and the line's number."""
    ours = {}
    price = side(line.unit_price)
    discount = sum((side(each.amount).amount for each in line.discounts), Decimal(0))
    if discount > 0:
        names = ", ".join(dict.fromkeys(each.name for each in line.discounts if each.name))
        ours["Original price"] = sums.text(price.amount, price.currency)
        words = f"{sums.text(discount, price.currency)} on {line.quantity}"
        ours["Discount"] = f"{words} ({names})" if names else words
    if line.bundle_title:
        ours["Part of"] = line.bundle_title
    ours[LINE_PROPERTY] = str(gids.number(line.gid))
    return beside(line.properties, ours)


def _tax_lines(taxes: Iterable[PricedTax], currency: str) -> list[dict[str, Any]]:
    rows = []
    for tax in taxes:
        row = {"title": tax.title, "rate": f"{tax.rate:f}", "priceSet": _bag(tax.amount, currency)}
        rows.append(row if tax.channel_liable is None else row | {"channelLiable": tax.channel_liable})
    return rows


def _bag(minor: int, currency: str) -> dict[str, Any]:
    return {"shopMoney": _money(minor, currency)}


def _money(minor: int, currency: str) -> dict[str, str]:
    return {"amount": str(sums.to_amount(minor, currency)), "currencyCode": currency}
