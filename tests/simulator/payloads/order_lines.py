"""The small parts of order bodies: amounts, lines, taxes, shipping lines, in their REST shapes (shopify.md 4.6)."""

from __future__ import annotations

from tests.simulator.state.gids import gid
from tests.simulator.state.money import Bag, fixed_text
from tests.simulator.state.order_money import discounted_total, discounts_of, exchange_of, own_discounts, taxes_of
from tests.simulator.state.orders import Allocation, Draft, LineItem, Order, ShippingLine, TaxLine
from tests.simulator.state.shop import Shop


class Amounts:
    """Writes the amounts of one order in its currencies."""

    def __init__(self, order: Order | Draft):
        self.order = order
        self.currency = order.currency

    def text(self, bag: Bag) -> str:
        return fixed_text(bag.shop, self.order.currency)

    def set(self, bag: Bag) -> dict:
        shown = self.order.presentment_currency
        return {
            "shop_money": {"amount": self.text(bag), "currency_code": self.order.currency},
            "presentment_money": {"amount": fixed_text(bag.presentment, shown), "currency_code": shown},
        }

    def part(self, line: LineItem, quantity: int) -> Bag:
        """What so many units of a line came to after all discounts."""
        return exchange_of(self.order).share(discounted_total(line), quantity, line.quantity)

    def tax_part(self, line: LineItem, quantity: int) -> Bag:
        return exchange_of(self.order).share(taxes_of(line), quantity, line.quantity)

    def allocation(self, one: Allocation) -> dict:
        return {
            "amount": self.text(one.amount),
            "amount_set": self.set(one.amount),
            "discount_application_index": one.application.index,
        }


def line_body(shop: Shop, line: LineItem, sums: Amounts) -> dict:
    """One line; a deleted variant or product is null, its texts stay as they were sold."""
    variant_id = line.variant_id if line.variant_id in shop.variants else None
    product_id = line.product_id if line.product_id in shop.products else None
    item = shop.items.get(line.item_id) if line.item_id else None
    shipped = line.fulfilled and ("partial" if line.unfulfilled else "fulfilled")
    plain = ("current_quantity", "gift_card", "grams", "name", "quantity", "requires_shipping", "taxable", "title")
    found = {
        **{name: getattr(line, name) for name in (*plain, "variant_title", "vendor")},
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "discount_allocations": [sums.allocation(one) for one in line.discounts],
        "duties": [_duty_body(one, sums) for one in line.duties],
        "fulfillable_quantity": line.unfulfilled if line.needs_fulfilment else 0,
        "fulfillment_service": "manual",
        "fulfillment_status": shipped or None,
        "price": sums.text(line.price),
        "price_set": sums.set(line.price),
        "product_exists": product_id is not None,
        "product_id": product_id,
        "properties": [{"name": name, "value": value} for name, value in line.properties],
        "sales_line_item_group_id": line.group.id if line.group else None,
        "sku": line.sku or "",
        "tax_lines": [tax_body(tax, sums) for tax in line.tax_lines],
        "total_discount": sums.text(own_discounts(line)),
        "total_discount_set": sums.set(own_discounts(line)),
        "variant_id": variant_id,
        "variant_inventory_management": "shopify" if item is not None and item.tracked else None,
    }
    if line.tip:
        found["tip"] = {"payment_gateway": None, "payment_method": None}
    return found


def _duty_body(one, sums: Amounts) -> dict:
    return {
        "id": str(one.id),
        "tax_lines": [],
        "shop_money": sums.set(one.price)["shop_money"],
        "presentment_money": sums.set(one.price)["presentment_money"],
        "admin_graphql_api_id": gid("Duty", one.id),
        "country_code_of_origin": one.country_code_of_origin,
        "harmonized_system_code": one.harmonized_system_code,
    }


def tax_body(tax: TaxLine, sums: Amounts) -> dict:
    return {
        "channel_liable": tax.channel_liable,
        "price": sums.text(tax.price),
        "price_set": sums.set(tax.price),
        "rate": float(tax.rate),
        "title": tax.title,
    }


def shipping_body(line: ShippingLine, sums: Amounts) -> dict:
    reduced = line.price - discounts_of(line)
    return {
        "id": line.id,
        "carrier_identifier": None,
        "code": line.code,
        "current_discounted_price_set": sums.set(reduced),
        "discount_allocations": [sums.allocation(one) for one in line.discounts],
        "discounted_price": sums.text(reduced),
        "discounted_price_set": sums.set(reduced),
        "is_removed": False,
        "phone": None,
        "price": sums.text(line.price),
        "price_set": sums.set(line.price),
        "requested_fulfillment_service_id": None,
        "source": line.source,
        "tax_lines": [tax_body(tax, sums) for tax in line.tax_lines],
        "title": line.title,
    }
