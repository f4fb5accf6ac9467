"""Pure: what is written into Shopify's input for a copy, an order's (OrderCreateOrderInput) and a draft's."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from orders.copies import sums
from orders.copies.lines import Priced, PricedLine, PricedTax, Side
from orders.marks import MARK_TAG
from stores.shopify import gids
from stores.shopify.orders.order_records import Address, OrderLine, OrderRecord
from stores.shopify.orders.orders import KEY, NAMESPACE

PAYMENT_STATUSES = ("same", "paid", "pending")
INVENTORY_BEHAVIOURS = {
    "decrement_ignoring": "DECREMENT_IGNORING_POLICY",
    "decrement_obeying": "DECREMENT_OBEYING_POLICY",
    "bypass": "BYPASS",
}
# Tags of drafts are at most 40 characters (shopify.md 7.2); a comma would make two of one.
LONGEST_TAG = 40
ORIGINAL_ID = "Original order id"
# Attributes with what Shopify is not told as its own fields: it would look for a customer, or refuse it.
EMAIL = "Email"
PHONE = "Phone"
# What was sold over the counter is shipped before it is copied: whoever packs the source's orders must not ship it once
# more. Fulfilment status of the original -> the copy's tag, and its attribute SHIPPED.
SHIPPED = "Shipped before it was copied"
_SHIPPED = {
    "FULFILLED": ("Already shipped", "All of it: do not ship it again."),
    "PARTIALLY_FULFILLED": ("Partly shipped", "A part of it: look at the original."),
}
# On each line of a copy: the number of the original's line, by which later changes find it.
LINE_PROPERTY = "_original_line"
# A copy holds what is left of the original: what was refunded before is not in it, so what remains is paid.
_PAID_STATUSES = {"PAID", "PARTIALLY_REFUNDED"}


@dataclass(frozen=True, slots=True)
class Origin:
    """The store that sold: its name for people and its .myshopify.com domain."""

    name: str
    domain: str


class OrderChoices(Protocol):
    """The choices of orders.copies.mapping.Choices that a real order needs."""

    @property
    def payment_status(self) -> str: ...
    @property
    def name_pattern(self) -> str: ...


def custom_id(order_gid: str, store_domain: str) -> str:
    """What names an original in every source, such as `north.myshopify.com/450789469`."""
    return f"{store_domain}/{gids.number(order_gid, 'Order')}"


def draft_tag(order_gid: str) -> str:
    """The tag that finds a draft; with the ORIGINAL_ID attribute it is unique."""
    return f"original-{gids.number(order_gid, 'Order')}"


def store_tag(store_name: str) -> str:
    """`From: <store>`, as a tag that Shopify keeps in one piece."""
    return f"From: {' '.join(store_name.replace(',', ' ').split())}"[:LONGEST_TAG].rstrip()


def order_options(inventory_behaviour: str) -> dict[str, Any]:
    """OrderCreateOptionsInput: what happens to stock, and no mails to the customer."""
    return {
        "inventoryBehaviour": INVENTORY_BEHAVIOURS[inventory_behaviour],
        "sendReceipt": False,
        "sendFulfillmentReceipt": False,
    }


def order_input(
    order: OrderRecord, priced: Priced, origin: Origin, side: Side, choices: OrderChoices
) -> dict[str, Any]:
    """OrderCreateOrderInput of a copy."""
    value = custom_id(order.gid, origin.domain)
    made = _common(order, priced, origin, side)
    made |= {
        "currency": priced.currency,
        "processedAt": order.processed_at.isoformat(),
        "taxesIncluded": order.taxes_included,
        "tags": _tags(order, origin),
        "sourceIdentifier": value,
        "sourceUrl": f"https://{origin.domain}/admin/orders/{gids.number(order.gid)}",
        "metafields": [{"namespace": NAMESPACE, "key": KEY, "type": "id", "value": value}],
        "lineItems": [row for line in priced.lines for row in _order_lines(line, priced.currency, side)],
        "shippingLines": [
            _filled(
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
    name = copy_name(choices.name_pattern, origin.name, order.name)
    return _filled(made | {"name": name, "customer": _customer(order)})


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


def _customer(order: OrderRecord) -> dict[str, Any] | None:
    """Upserted by e-mail or phone. Somebody with neither would become a new customer with every order."""
    known = order.customer
    email = order.email or (known.email if known else "")
    phone = (known.phone if known else "") or order.phone
    if not email and not phone:
        return None
    address = order.shipping_address or order.billing_address or Address()
    first, last = (known.first_name, known.last_name) if known else ("", "")
    named = {"firstName": first or address.first_name, "lastName": last or address.last_name}
    return {"toUpsert": _filled({"email": email, "phone": phone} | named)}


def draft_input(
    order: OrderRecord, priced: Priced, origin: Origin, side: Side, reserved_until: datetime | None
) -> dict[str, Any]:
    """DraftOrderInput of a copy. Untaxed: what the original's customer paid in taxes is in prices or lines.

    With addresses, but without the customer: Shopify would use the customer's own tax setting in place of `taxExempt`,
    and charge whoever is not exempt, which is nearly everybody, the taxes a second time. An e-mail makes a customer,
    found or new, so it stands in an attribute, from which the invoice takes it; likewise the phone. That a draft costs
    something else all the same is said on its row (orders.copies.shopify_copy.why_wrong).
    """
    currency = priced.currency
    made = _common(order, priced, origin, side)
    reached = {EMAIL: made.pop("email"), PHONE: made.pop("phone")}
    known = {row["key"] for row in made["customAttributes"]}
    for key, value in reached.items():
        if value and (key not in known or key == EMAIL):
            others = [row for row in made["customAttributes"] if row["key"] != key]
            made["customAttributes"] = [*others, {"key": key, "value": value}]
    lines = [row for line in priced.lines for row in _draft_lines(line, currency, side)]
    if not order.taxes_included:
        lines += _tax_rows(priced)
    made |= {
        "presentmentCurrencyCode": currency,
        "taxExempt": True,
        "acceptAutomaticDiscounts": False,
        "allowDiscountCodesInCheckout": False,
        "useCustomerDefaultAddress": False,
        "tags": [*_tags(order, origin), draft_tag(order.gid)],
        "lineItems": lines,
    }
    if priced.shipping:  # a draft has one shipping line
        title = " + ".join(dict.fromkeys(each.title or "Shipping" for each in priced.shipping))
        cost = sum(each.total for each in priced.shipping)
        made["shippingLine"] = {"title": title[:255], "priceWithCurrency": _money(cost, currency)}
    if reserved_until is not None:
        made["reserveInventoryUntil"] = reserved_until.isoformat()
    return _filled(made)


def _taxes(priced: Priced) -> list[PricedTax]:
    return [tax for owners in (priced.lines, priced.shipping) for owner in owners for tax in owner.taxes]


def _tax_rows(priced: Priced) -> list[dict[str, Any]]:
    """One custom line per tax: a draft takes no tax lines, and Shopify would compute the source's own taxes."""
    owed: dict[str, int] = {}
    for tax in _taxes(priced):
        owed[tax.title] = owed.get(tax.title, 0) + tax.amount
    return [
        {
            "title": f"Tax: {title}",
            "quantity": 1,
            "originalUnitPriceWithCurrency": _money(amount, priced.currency),
            "requiresShipping": False,
            "taxable": False,
        }
        for title, amount in owed.items()
        if amount
    ]


def without_phone(made: dict[str, Any]) -> dict[str, Any]:
    """The input of an order or a draft for another try, when its phone belongs to another customer or is no number.

    The phone moves to the attributes, so that it is not lost; addresses keep theirs. The input itself stays as it is.
    """
    made = copy.deepcopy(made)
    upsert = made.get("customer", {}).get("toUpsert", {})
    phone = made.pop("phone", None) or upsert.get("phone")
    upsert.pop("phone", None)
    if "customer" in made and not upsert.get("email"):
        del made["customer"]  # nothing left to recognise anybody by
    if phone:
        made["customAttributes"] = [*made.get("customAttributes", ()), {"key": PHONE, "value": phone}]
    return made


def without_customer(made: dict[str, Any]) -> dict[str, Any]:
    """The input for the last try, when Shopify does not take the customer: the addresses still name who ordered."""
    made = without_phone(made)
    return {key: value for key, value in made.items() if key not in ("customer", "email")}


def _common(order: OrderRecord, priced: Priced, origin: Origin, side: Side) -> dict[str, Any]:
    """What orders and drafts have in common."""
    return {
        "email": order.email or (order.customer.email if order.customer else ""),
        "phone": order.phone,
        "note": order.note,
        "customAttributes": _attributes(order, priced, origin, side),
        "shippingAddress": _address(order.shipping_address),
        "billingAddress": _address(order.billing_address),
    }


def _tags(order: OrderRecord, origin: Origin) -> list[str]:
    shipped = _SHIPPED.get(order.fulfilment_status)
    return [store_tag(origin.name), MARK_TAG, *([shipped[0]] if shipped else [])]


def _attributes(order: OrderRecord, priced: Priced, origin: Origin, side: Side) -> list[dict[str, str]]:
    """The original's own, then ours, which win where names are equal."""
    listed = {key: value for key, value in order.attributes if key.strip() and value.strip()}
    listed |= {
        "Original store": origin.domain,
        "Original order": order.name,
        ORIGINAL_ID: custom_id(order.gid, origin.domain),
        "Original total": sums.text(order.total.shop.amount, order.total.shop.currency),
    }
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
    return [{"key": key, "value": value} for key, value in listed.items()]


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
        yield _filled(row | ({"variantId": variant_gid} if variant_gid else _custom(line)))


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
        yield _filled(row | {"title": custom["title"], "sku": custom["sku"], "taxable": line.is_taxable})


def _properties(line: OrderLine, side: Side) -> list[tuple[str, str]]:
    """The line's own properties, then what the price was before discounts and by which, and the line's number."""
    listed = [(name, value) for name, value in line.properties if name.strip() and value.strip()]
    price = side(line.unit_price)
    discount = sum((side(each.amount).amount for each in line.discounts), Decimal(0))
    if discount > 0:
        names = ", ".join(dict.fromkeys(each.name for each in line.discounts if each.name))
        listed.append(("Original price", sums.text(price.amount, price.currency)))
        words = f"{sums.text(discount, price.currency)} on {line.quantity}"
        listed.append(("Discount", f"{words} ({names})" if names else words))
    if line.bundle_title:
        listed.append(("Part of", line.bundle_title))
    listed.append((LINE_PROPERTY, str(gids.number(line.gid))))
    return listed


def _address(address: Address | None) -> dict[str, str] | None:
    """MailingAddressInput, or None for an address that says nothing."""
    if address is None:
        return None
    return _filled(
        {
            "firstName": address.first_name,
            "lastName": address.last_name,
            "company": address.company,
            "address1": address.address1,
            "address2": address.address2,
            "city": address.city,
            "zip": address.zip,
            "provinceCode": address.province_code,
            "countryCode": address.country_code,
            "phone": address.phone,
        }
    )


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


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the entries that say nothing: empty text, lists and objects, and None. False and 0 stay."""
    return {key: value for key, value in fields.items() if value not in ("", None, [], {})}
