"""Builds orders out of plain values, as a storefront does: lines, discounts, shipping, taxes, addresses, customer.

A line is (variant id, quantity) or a dictionary: variant_id or title, quantity, price, sku, discount (an amount off
the line, with discount_title), properties {name: value}, requires_shipping, taxable, gift_card, tip, duty, bundle
(title of the bundle it is a part of). Amounts are texts, integers or Decimals in the shop's currency.

`details` of an order: discount, shipping, shipping_address, billing_address, customer, email, phone, note, attributes
{name: value}, tags, tax_rate (with tax_title), taxes_included, test, name, source_name, source_identifier, source_url,
po_number, processed_at, merchant_editable, order_tax ({title, rate, price}: it stands at the order only), counter (the
location whose till sold it). A discount is {code | title, percentage | amount | free_shipping}; `shipping` is a price
or {title, price, code, discount}; a customer is an id or {email, phone, first_name, ...}.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from tests.simulator.events.customers import TakenError, upsert_customer
from tests.simulator.state.money import NOTHING, Bag, Exchange, spread
from tests.simulator.state.order_money import discounted_total, discounts_of, total_of
from tests.simulator.state.orders import (
    Address,
    Allocation,
    Customer,
    Duty,
    LineGroup,
    LineItem,
    Order,
    ShippingLine,
    TaxLine,
    discount_application,
)
from tests.simulator.state.shop import Shop

PLAIN = ("email", "phone", "note", "test", "name", "source_identifier", "source_url", "po_number", "taxes_included",
         "merchant_editable")  # fmt: skip
KNOWN = {
    *PLAIN,
    *("discount", "shipping", "shipping_address", "billing_address", "customer", "attributes", "tags"),
    *("tax_rate", "tax_title", "processed_at", "source_name", "order_tax", "counter"),
}
LINE_KEYS = {
    *("variant_id", "quantity", "price", "title", "sku", "discount", "discount_title", "properties"),
    *("requires_shipping", "taxable", "gift_card", "tip", "duty", "bundle"),
}
ADDRESS_KEYS = {one.name for one in fields(Address)} - {"id"}


def address_of(given: dict | Address | None, number: int) -> Address | None:
    """Raises KeyError for an unknown part of an address."""
    if given is None or isinstance(given, Address):
        return given
    unknown = set(given) - ADDRESS_KEYS
    if unknown:
        raise KeyError(f"an address has no {sorted(unknown)}")
    return Address(number, **given)


class Builder:
    """Makes the parts of one order of one shop; hold the shop's lock."""

    def __init__(self, shop: Shop, now: int, exchange: Exchange):
        self.shop = shop
        self.now = now
        self.exchange = exchange
        self._groups: dict[str, LineGroup] = {}
        self._line_discounts: list[tuple[LineItem, object, str]] = []

    def bag(self, amount: object) -> Bag:
        return self.exchange.from_shop(Decimal(str(amount)))

    def order(self, details: dict[str, Any], at: int) -> Order:
        """The order without its lines. Raises KeyError for an unknown detail."""
        unknown = set(details) - KNOWN
        if unknown:
            raise KeyError(f"an order has no {sorted(unknown)}; known: {sorted(KNOWN)}")
        order = Order(self.shop.next_id(), 0, at, at, int(details.get("processed_at") or at))
        order.currency, order.presentment_currency = self.exchange.currency, self.exchange.presentment
        for name in PLAIN:
            if details.get(name) is not None:
                setattr(order, name, details[name])
        order.counter_id = details.get("counter")
        order.source_name = details.get("source_name") or ("pos" if order.counter_id else "web")
        if tax := details.get("order_tax"):
            rate = Decimal(str(tax.get("rate", 0)))
            order.tax_lines.append(TaxLine(tax.get("title") or "VAT", rate, self.bag(tax["price"])))
        order.tags = sorted(details.get("tags") or ())
        order.note_attributes = [(name, str(value)) for name, value in (details.get("attributes") or {}).items()]
        order.shipping_address = address_of(details.get("shipping_address"), self.shop.next_id())
        order.billing_address = address_of(details.get("billing_address"), self.shop.next_id())
        self._add_customer(order, details.get("customer"))
        return order

    def _add_customer(self, order: Order, given: object) -> None:
        if given is None:
            return
        customer = self._known_customer(order, given) if isinstance(given, dict) else self.shop.customers[int(given)]
        order.customer_id = customer.id
        order.email = order.email or customer.email
        if order.shipping_address is not None:
            customer.default_address = order.shipping_address

    def _known_customer(self, order: Order, given: dict[str, Any]) -> Customer:
        """A checkout never fails for a phone that belongs to somebody else: the order keeps it, the customer not."""
        try:
            return upsert_customer(self.shop, self.now, **given)
        except TakenError:
            order.phone = order.phone or given.get("phone")
            return upsert_customer(self.shop, self.now, **{**given, "phone": None})

    # Lines

    def lines(self, rows: Iterable[Any]) -> list[LineItem]:
        """Raises KeyError for an unknown variant or key, ValueError for a quantity below 1."""
        return [self._line(row if isinstance(row, dict) else dict(zip(("variant_id", "quantity"), row, strict=True)))
                for row in rows]  # fmt: skip

    def _line(self, row: dict[str, Any]) -> LineItem:
        unknown = set(row) - LINE_KEYS
        if unknown:
            raise KeyError(f"a line has no {sorted(unknown)}; known: {sorted(LINE_KEYS)}")
        quantity = int(row.get("quantity", 1))
        if quantity < 1:
            raise ValueError("a line has at least one unit")
        line = self._bare_line(row, quantity)
        for name in ("requires_shipping", "taxable", "gift_card", "tip"):
            if row.get(name) is not None:
                setattr(line, name, bool(row[name]))
        line.properties = [(name, str(value)) for name, value in (row.get("properties") or {}).items()]
        if row.get("discount"):
            self._line_discounts.append((line, row["discount"], row.get("discount_title") or "Offer"))
        if row.get("duty") is not None:
            line.duties = [Duty(self.shop.next_id(), self.bag(row["duty"]), "DE", "610910")]
        if row.get("bundle") is not None:
            title = str(row["bundle"])
            self._groups.setdefault(title, LineGroup(self.shop.next_id(), title, 1))
            line.group = self._groups[title]
        return line

    def _bare_line(self, row: dict[str, Any], quantity: int) -> LineItem:
        if row.get("variant_id") is not None:
            line = variant_line(self.shop, int(row["variant_id"]), quantity, self.exchange)
            if row.get("price") is not None:
                line.price = self.bag(row["price"])
            return line
        title = row.get("title") or ("Tip" if row.get("tip") else None)
        if not title:
            raise ValueError("a line has a variant or a title")
        line = LineItem(self.shop.next_id(), None, None, None, None, title, row.get("sku"),
                        self.bag(row.get("price", 0)), quantity)  # fmt: skip
        if row.get("tip"):
            line.requires_shipping = line.taxable = False
        return line

    # Discounts, shipping, taxes

    def add_extras(self, order: Order, details: dict[str, Any]) -> None:
        """Discounts of lines, shipping, the order's discount, and taxes of what is left."""
        for line, amount, title in self._line_discounts:
            self._discount_line(order, line, amount, title)
        self._add_shipping(order, details.get("shipping"))
        if details.get("discount"):
            self._discount(order, details["discount"])
        if details.get("tax_rate") is not None:
            rate, title = Decimal(str(details["tax_rate"])), details.get("tax_title") or "VAT"
            for line in [*order.lines, *order.shipping_lines]:
                add_tax(order, line, rate, title, self.exchange)

    def _discount_line(self, order: Order, line: LineItem, amount: object, title: str) -> None:
        """A discount of this line alone."""
        application = discount_application(
            len(order.discounts), "automatic", title, Decimal(str(amount)), selection="EXPLICIT", method="EACH"
        )
        order.discounts.append(application)
        line.discounts.append(Allocation(application, self.bag(amount)))

    def _add_shipping(self, order: Order, given: object) -> None:
        for one in given if isinstance(given, list) else [given]:
            if one is None or one == "":
                continue
            row = one if isinstance(one, dict) else {"price": one}
            title = row.get("title") or "Standard"
            line = ShippingLine(self.shop.next_id(), title, self.bag(row.get("price", 0)), row.get("code") or title)
            order.shipping_lines.append(line)
            if row.get("discount"):
                amount = Decimal(str(row["discount"]))
                application = discount_application(
                    len(order.discounts), "automatic", "Shipping", amount, target_type="SHIPPING_LINE", method="EACH"
                )
                order.discounts.append(application)
                line.discounts.append(Allocation(application, self.bag(amount)))

    def _discount(self, order: Order, given: dict[str, Any]) -> None:
        kind = "code" if given.get("code") else "automatic"
        discount_order(
            order,
            self.exchange,
            kind=kind,
            title=given.get("code") or given.get("title") or "Discount",
            percentage=None if given.get("percentage") is None else Decimal(str(given["percentage"])),
            amount=None if given.get("amount") is None else self.bag(given["amount"]),
            free_shipping=bool(given.get("free_shipping")),
        )


def variant_line(shop: Shop, variant_id: int, quantity: int, exchange: Exchange) -> LineItem:
    """A line of a variant at its own price. Raises KeyError for an unknown one."""
    variant = shop.variants[variant_id]
    product, item = shop.products[variant.product_id], shop.items[variant.item_id]
    price = exchange.from_shop(Decimal(variant.price))
    line = LineItem(
        shop.next_id(), variant.id, item.id, product.id, None, product.title, item.sku, price, quantity,
        requires_shipping=item.requires_shipping, taxable=variant.taxable, vendor=product.vendor,
    )  # fmt: skip
    line.variant_title = None if variant.title == "Default Title" else variant.title
    line.gift_card = product.product_type == "Gift Cards"
    return line


def add_tax(order: Any, line: LineItem | ShippingLine, rate: Decimal, title: str, exchange: Exchange) -> None:
    """A tax line of what the line comes to; none for what is not taxable."""
    if isinstance(line, LineItem):
        taxed = discounted_total(line) if line.taxable and not line.gift_card and not line.tip else NOTHING
    else:
        taxed = line.price - discounts_of(line)
    if taxed:
        price = exchange.share(taxed, rate, 1 + rate if order.taxes_included else 1)
        line.tax_lines.append(TaxLine(title, rate, price))


def discount_order(
    order: Any,
    exchange: Exchange,
    *,
    kind: str,
    title: str,
    percentage: Decimal | None = None,
    amount: Bag | None = None,
    free_shipping: bool = False,
) -> None:
    """An order-level discount, allocated over the lines by what they cost; free shipping over the shipping lines."""
    value = percentage if percentage is not None else amount.shop if amount is not None else Decimal(100)
    value_type = "fixed_amount" if percentage is None and not free_shipping else "percentage"
    target = "SHIPPING_LINE" if free_shipping else "LINE_ITEM"
    application = discount_application(
        len(order.discounts), kind, title, value, value_type=value_type, target_type=target
    )
    order.discounts.append(application)
    if free_shipping:
        for line in order.shipping_lines:
            line.discounts.append(Allocation(application, line.price - discounts_of(line)))
        return
    lines = [line for line in order.lines if not line.tip and not line.gift_card]
    weights = [discounted_total(line) for line in lines]
    whole = total_of(weights)
    off = exchange.share(whole, percentage, 100) if percentage is not None else _at_most(amount or NOTHING, whole)
    for line, part in zip(lines, spread(exchange, off, weights), strict=True):
        if part:
            line.discounts.append(Allocation(application, part))


def _at_most(amount: Bag, limit: Bag) -> Bag:
    return Bag(min(amount.shop, limit.shop), min(amount.presentment, limit.presentment))
