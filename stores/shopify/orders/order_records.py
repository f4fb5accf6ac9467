"""An order as Shopify shows it: the records, and how they are read from the nodes that the order documents select."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from stores.shopify.instants import instant_or_none, parse_instant


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency (ISO 4217 code). Compare as Decimal: "12.00" is answered "12.0" (shopify.md 7.1)."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class MoneyPair:
    """The same amount twice: in the shop's currency and in the one that the customer saw and paid."""

    shop: Money
    presentment: Money


@dataclass(frozen=True, slots=True)
class DiscountShare:
    """What one discount took off a line, all units of it together. `name` is its code or title."""

    name: str
    amount: MoneyPair


@dataclass(frozen=True, slots=True)
class TaxRecord:
    """One tax on a line or a shipping line, after discounts. `rate` is a proportion (0.19), None where unknown."""

    title: str
    rate: Decimal | None
    price: MoneyPair
    channel_liable: bool | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line. `unit_price` is before discounts; `discounts` and `taxes` are for all `quantity` units together.

    `discounts` holds the line's own and its share of the order's. `quantity` includes units that were refunded or
    removed, `current_quantity` does not. `variant_gid` is None for a custom line, a tip, and where the variant was
    deleted. `bundle_title` is empty for a line that is no part of a bundle.
    """

    gid: str
    title: str
    variant_title: str
    sku: str
    vendor: str
    variant_gid: str | None
    product_gid: str | None
    quantity: int
    current_quantity: int
    unit_price: MoneyPair
    discounts: tuple[DiscountShare, ...] = ()
    taxes: tuple[TaxRecord, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    requires_shipping: bool = True
    is_taxable: bool = True
    is_gift_card: bool = False
    bundle_title: str = ""


@dataclass(frozen=True, slots=True)
class ShippingRecord:
    """One shipping line; `price` is after discounts, `original_price` before."""

    title: str
    code: str
    price: MoneyPair
    original_price: MoneyPair
    taxes: tuple[TaxRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; empty text where Shopify has none. Codes are ISO 3166."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    zip: str = ""
    province_code: str = ""
    country_code: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """Who ordered, in the store of the order."""

    gid: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """A whole order. Instants are aware UTC; texts are empty where Shopify has null.

    `total` is as placed, `received` what was paid. `financial_status` is Shopify's word (PAID) or empty, so is
    `fulfilment_status` (FULFILLED), which is never empty. `app_gid` is the app that made it, `custom_id` the value of
    our own metafield: only a copy made by us has one. Addresses and customer are None without approval for protected
    customer data, too. `taxes` are all of the order, a sum for each title and rate: also those that stand at no line.
    `is_counter_sale`: it was sold at one of the store's locations, by its point of sale.
    """

    gid: str
    name: str
    created_at: datetime
    processed_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None
    test: bool
    is_edited: bool
    tags: tuple[str, ...]
    app_gid: str
    source_identifier: str
    custom_id: str
    currency: str
    presentment_currency: str
    taxes_included: bool
    financial_status: str
    fulfilment_status: str
    total: MoneyPair
    received: MoneyPair
    email: str
    phone: str
    note: str
    attributes: tuple[tuple[str, str], ...]
    discount_codes: tuple[str, ...]
    lines: tuple[OrderLine, ...]
    shipping: tuple[ShippingRecord, ...]
    billing_address: Address | None
    shipping_address: Address | None
    customer: CustomerRecord | None
    po_number: str = ""
    taxes: tuple[TaxRecord, ...] = ()
    is_counter_sale: bool = False


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """What reconciliation needs to know of an order; the fields mean what they mean in OrderRecord.

    `refunds` are (gid, made at), `shipments` (fulfilment gid, changed at).
    """

    gid: str
    name: str
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None
    test: bool
    tags: tuple[str, ...]
    app_gid: str
    source_identifier: str
    custom_id: str
    financial_status: str
    refunds: tuple[tuple[str, datetime | None], ...]
    shipments: tuple[tuple[str, datetime | None], ...]
    is_edited: bool = False


def money(node: dict[str, Any]) -> Money:
    """The money of a MoneyV2 node."""
    return Money(Decimal(node["amount"]), node["currencyCode"])


def money_pair(node: dict[str, Any]) -> MoneyPair:
    """The money of a MoneyBag node."""
    return MoneyPair(money(node["shopMoney"]), money(node["presentmentMoney"]))


def order_record(node: dict[str, Any], line_nodes: list[dict[str, Any]]) -> OrderRecord:
    """The record of an order node and the nodes of all its lines."""
    return OrderRecord(
        **_identity(node),
        processed_at=parse_instant(node["processedAt"]),
        is_edited=bool(node["edited"]),
        currency=node["currencyCode"],
        presentment_currency=node["presentmentCurrencyCode"],
        taxes_included=bool(node["taxesIncluded"]),
        fulfilment_status=node["displayFulfillmentStatus"],
        total=money_pair(node["totalPriceSet"]),
        received=money_pair(node["totalReceivedSet"]),
        email=node["email"] or "",
        phone=node["phone"] or "",
        note=node["note"] or "",
        attributes=attributes(node["customAttributes"]),
        discount_codes=tuple(node["discountCodes"]),
        lines=tuple(order_line(line) for line in line_nodes),
        shipping=tuple(_shipping(line) for line in node["shippingLines"]["nodes"]),
        billing_address=_address(node["billingAddress"]),
        shipping_address=_address(node["shippingAddress"]),
        customer=_customer(node["customer"]),
        po_number=node.get("poNumber") or "",
        taxes=tuple(_tax(tax) for tax in node.get("taxLines") or ()),
        is_counter_sale=bool(node.get("retailLocation")),
    )


def order_summary(node: dict[str, Any]) -> OrderSummary:
    """The summary of an order node as the list documents select it."""
    return OrderSummary(
        **_identity(node),
        refunds=tuple((refund["id"], instant_or_none(refund["createdAt"])) for refund in node["refunds"]),
        shipments=tuple((each["id"], instant_or_none(each["updatedAt"])) for each in node["fulfillments"]),
        is_edited=bool(node["edited"]),
    )


def _identity(node: dict[str, Any]) -> dict[str, Any]:
    return {
        "gid": node["id"],
        "name": node["name"],
        "created_at": parse_instant(node["createdAt"]),
        "updated_at": parse_instant(node["updatedAt"]),
        "cancelled_at": instant_or_none(node["cancelledAt"]),
        "test": bool(node["test"]),
        "tags": tuple(node["tags"]),
        "app_gid": (node["app"] or {}).get("id") or "",
        "source_identifier": node["sourceIdentifier"] or "",
        "custom_id": (node["metafield"] or {}).get("value") or "",
        "financial_status": node["displayFinancialStatus"] or "",
    }


def order_line(node: dict[str, Any]) -> OrderLine:
    """The record of a line item node."""
    return OrderLine(
        gid=node["id"],
        title=node["title"],
        variant_title=node["variantTitle"] or "",
        sku=node["sku"] or "",
        vendor=node["vendor"] or "",
        variant_gid=(node["variant"] or {}).get("id"),
        product_gid=(node["product"] or {}).get("id"),
        quantity=node["quantity"],
        current_quantity=node["currentQuantity"],
        unit_price=money_pair(node["originalUnitPriceSet"]),
        discounts=tuple(_discount(share) for share in node["discountAllocations"]),
        taxes=tuple(_tax(tax) for tax in node["taxLines"]),
        properties=attributes(node["customAttributes"]),
        requires_shipping=bool(node["requiresShipping"]),
        is_taxable=bool(node["taxable"]),
        is_gift_card=bool(node["isGiftCard"]),
        bundle_title=(node["lineItemGroup"] or {}).get("title") or "",
    )


def attributes(nodes: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """(key, value) pairs of Attribute nodes; a null value is empty text."""
    return tuple((node["key"], node["value"] or "") for node in nodes)


def _discount(node: dict[str, Any]) -> DiscountShare:
    named = node["discountApplication"]
    return DiscountShare(named.get("code") or named.get("title") or "", money_pair(node["allocatedAmountSet"]))


def _tax(node: dict[str, Any]) -> TaxRecord:
    # A JSON float: its shortest text is the rate that was meant.
    rate = None if node["rate"] is None else Decimal(str(node["rate"]))
    return TaxRecord(node["title"], rate, money_pair(node["priceSet"]), node["channelLiable"])


def _shipping(node: dict[str, Any]) -> ShippingRecord:
    return ShippingRecord(
        title=node["title"],
        code=node["code"] or "",
        price=money_pair(node["discountedPriceSet"]),
        original_price=money_pair(node["originalPriceSet"]),
        taxes=tuple(_tax(tax) for tax in node["taxLines"]),
    )


def _address(node: dict[str, Any] | None) -> Address | None:
    if node is None:
        return None
    return Address(
        first_name=node["firstName"] or "",
        last_name=node["lastName"] or "",
        company=node["company"] or "",
        address1=node["address1"] or "",
        address2=node["address2"] or "",
        city=node["city"] or "",
        zip=node["zip"] or "",
        province_code=node["provinceCode"] or "",
        country_code=node["countryCodeV2"] or "",
        phone=node["phone"] or "",
    )


def _customer(node: dict[str, Any] | None) -> CustomerRecord | None:
    if node is None:
        return None
    return CustomerRecord(
        gid=node["id"],
        first_name=node["firstName"] or "",
        last_name=node["lastName"] or "",
        email=(node["defaultEmailAddress"] or {}).get("emailAddress") or "",
        phone=(node["defaultPhoneNumber"] or {}).get("phoneNumber") or "",
    )
