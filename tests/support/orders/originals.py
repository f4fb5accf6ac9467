"""Orders of a destination, built by hand: what the tests of the mapping have in common."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orders.copies.rules.mapping import Choices, MappedOrder, Way, map_order
from stores.shopify.orders.order_records import (
    Address,
    CustomerRecord,
    DiscountShare,
    Money,
    MoneyPair,
    OrderLine,
    OrderRecord,
    ShippingRecord,
    TaxRecord,
)

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)  # of pure functions only: the simulator has a clock of its own
DOMAIN = "north-store.myshopify.com"
ADDRESS = Address("Ada", "Lovelace", "", "1 Main St", "", "London", "N1", "ENG", "GB", "+441")
CUSTOMER = CustomerRecord("gid://shopify/Customer/5", "Ada", "Lovelace", "ada@example.com", "+44123")


def pair(amount: str | Decimal, currency: str = "EUR", shown: tuple[str, str] | None = None) -> MoneyPair:
    """An amount; `shown` is (amount, currency) as the customer saw it, if different."""
    own = Money(Decimal(amount), currency)
    return MoneyPair(own, Money(Decimal(shown[0]), shown[1]) if shown else own)


def discount(amount: str, name: str = "SUMMER", currency: str = "EUR") -> DiscountShare:
    return DiscountShare(name, pair(amount, currency))


def tax(amount: str, rate: str | None = "0.19", title: str = "VAT", currency: str = "EUR") -> TaxRecord:
    return TaxRecord(title, None if rate is None else Decimal(rate), pair(amount, currency), None)


def line(number: int, price: str = "10.00", quantity: int = 1, currency: str = "EUR", **more: Any) -> OrderLine:
    """Line `number` of variant `number`; `more` are fields of OrderLine."""
    fields: dict[str, Any] = {
        "gid": f"gid://shopify/LineItem/{number}",
        "title": f"Thing {number}",
        "variant_title": "",
        "sku": f"SKU-{number}",
        "vendor": "",
        "variant_gid": variant(number),
        "product_gid": f"gid://shopify/Product/{number}",
        "quantity": quantity,
        "current_quantity": quantity,
        "unit_price": pair(price, currency),
    }
    return OrderLine(**(fields | more))


def custom_line(number: int, title: str, **more: Any) -> OrderLine:
    """A line without a product."""
    return line(number, title=title, variant_gid=None, product_gid=None, sku="", **more)


def shipping(amount: str, original: str | None = None, **more: Any) -> ShippingRecord:
    currency = more.pop("currency", "EUR")
    return ShippingRecord("Post", "std", pair(amount, currency), pair(original or amount, currency), **more)


def variant(number: int) -> str:
    """The destination's variant of line `number`."""
    return f"gid://shopify/ProductVariant/{number}"


def source_variant(number: int) -> str:
    """The source's variant that it is linked to."""
    return f"gid://shopify/ProductVariant/{9000 + number}"


LINKS = {variant(number): source_variant(number) for number in range(1, 400)}


def order(*lines: OrderLine, currency: str = "EUR", total: str | None = None, **more: Any) -> OrderRecord:
    """An order; without `total` it costs what its lines, shipping and taxes cost. `more` are fields of OrderRecord."""
    fields: dict[str, Any] = {
        "gid": "gid://shopify/Order/450",
        "name": "#1001",
        "created_at": NOW,
        "processed_at": NOW,
        "updated_at": NOW,
        "cancelled_at": None,
        "test": False,
        "is_edited": False,
        "tags": (),
        "app_gid": "",
        "source_identifier": "",
        "custom_id": "",
        "currency": currency,
        "presentment_currency": currency,
        "taxes_included": False,
        "financial_status": "PAID",
        "fulfilment_status": "UNFULFILLED",
        "email": "ada@example.com",
        "phone": "",
        "note": "",
        "attributes": (),
        "discount_codes": (),
        "lines": lines,
        "shipping": (),
        "billing_address": None,
        "shipping_address": ADDRESS,
        "customer": CUSTOMER,
    } | more
    paid = pair("0", currency)
    placed = OrderRecord(**({"total": paid, "received": paid} | fields))
    if total is None and "total" not in more:
        placed = replace(placed, total=pair(cost(placed), currency))
    elif total is not None:
        placed = replace(placed, total=pair(total, currency))
    return placed if "received" in more else replace(placed, received=placed.total)


def cost(placed: OrderRecord) -> Decimal:
    """What an order's lines, shipping and taxes cost, in shop money."""
    amount = sum((each.price.shop.amount for each in placed.shipping), Decimal(0))
    for each in placed.lines:
        amount += each.unit_price.shop.amount * each.quantity - sum(
            taken.amount.shop.amount for taken in each.discounts
        )
    if not placed.taxes_included:
        amount += sum(owed.price.shop.amount for each in (*placed.lines, *placed.shipping) for owed in each.taxes)
    return amount


def mapped(placed: OrderRecord, *, links: dict[str, str] | None = None, currency: str = "EUR", **chosen) -> MappedOrder:
    """The copy under these choices; everything is linked unless `links` says otherwise."""
    return map_order(
        placed,
        LINKS if links is None else links,
        Choices(**chosen),
        Way("North", DOMAIN, currency),
        NOW,
    )


def amount_of(bag: dict[str, Any]) -> Decimal:
    """The amount of a MoneyBagInput."""
    return Decimal(bag["shopMoney"]["amount"])


def input_total(made: dict[str, Any]) -> Decimal:
    """What Shopify makes of an OrderCreateOrderInput: lines and shipping, and taxes unless they are included."""
    owners = [*made["lineItems"], *made.get("shippingLines", ())]
    total = sum(amount_of(row["priceSet"]) * row.get("quantity", 1) for row in owners)
    if not made["taxesIncluded"]:
        total += sum(amount_of(owed["priceSet"]) for row in owners for owed in row.get("taxLines", ()))
    return total


def draft_total(made: dict[str, Any]) -> Decimal:
    """What Shopify makes of a tax-exempt DraftOrderInput."""
    assert made["taxExempt"]
    total = Decimal(made.get("shippingLine", {}).get("priceWithCurrency", {}).get("amount", 0))
    for row in made["lineItems"]:
        price = row.get("priceOverride") or row["originalUnitPriceWithCurrency"]
        total += Decimal(price["amount"]) * row["quantity"]
    return total


def attributes(made: dict[str, Any]) -> dict[str, str]:
    """The attributes of an order's or a draft's input, by name."""
    return {row["key"]: row["value"] for row in made["customAttributes"]}


def properties(row: dict[str, Any]) -> dict[str, str]:
    """The properties of a line of an order's input, by name."""
    return {entry["name"]: entry["value"] for entry in row["properties"]}
