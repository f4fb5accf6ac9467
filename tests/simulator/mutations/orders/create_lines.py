"""Lines and taxes of an orderCreate (shopify.md 7.1): defaults, blank titles, prices, rates."""

from __future__ import annotations

from decimal import Decimal

from tests.simulator.documents.call import Call
from tests.simulator.events.order_build import variant_line
from tests.simulator.mutations.orders.input import Findings, MoneyReader, only, read_pairs
from tests.simulator.reads.shop import number_of
from tests.simulator.state.money import Exchange, read_amount, spread
from tests.simulator.state.order_money import discounted_total
from tests.simulator.state.orders import LineItem, Order, TaxLine

LINE = """
fulfillmentService giftCard priceSet productId properties quantity requiresShipping sku taxLines taxable title
variantId variantTitle vendor weight
"""
GRAMS = {"GRAMS": 1, "KILOGRAMS": 1000, "OUNCES": 28.349523125, "POUNDS": 453.59237}


class LineReader:
    """Reads the lineItems of one order."""

    def __init__(self, call: Call, money: MoneyReader, found: Findings):
        self.call = call
        self.money = money
        self.found = found

    def lines(self, given: dict) -> list[LineItem]:
        rows = given.get("lineItems") or []
        if not rows:
            self.found.refuse(["order", "lineItems"], "Line items must have at least one line item")
        read = [self._line(row, ["order", "lineItems", index]) for index, row in enumerate(rows)]
        return [line for line in read if line is not None]

    def _line(self, row: dict, path: list) -> LineItem | None:
        only(row, LINE.split(), "OrderCreateLineItemInput")
        if row["quantity"] < 1:
            self.found.refuse([*path, "quantity"], "Quantity must be greater than 0")
            return None
        if row.get("fulfillmentService") not in (None, "manual"):
            message = "Fulfillment service is invalid"
            self.found.refuse([*path, "fulfillmentService"], message, "FULFILLMENT_SERVICE_INVALID")
        line = self._bare(row, path)
        if line is None:
            return None
        # Shopify's own default is false, whatever the variant says: such a line needs no fulfilment (shopify.md 7.1).
        line.requires_shipping = bool(row.get("requiresShipping"))
        line.taxable = row.get("taxable") is not False
        line.gift_card = bool(row.get("giftCard"))
        line.vendor = row.get("vendor") or line.vendor
        line.properties = read_pairs(row.get("properties"), "name")
        if row.get("weight"):
            line.grams = round(row["weight"]["value"] * GRAMS[row["weight"]["unit"]])
        line.tax_lines = read_taxes(self.money, self.found, row.get("taxLines"), [*path, "taxLines"])
        return line

    def _bare(self, row: dict, path: list) -> LineItem | None:
        price = self.money.bag(row["priceSet"], [*path, "priceSet"]) if row.get("priceSet") else None
        variant = (
            self.call.shop.variants.get(number_of(row["variantId"], "ProductVariant")) if row.get("variantId") else None
        )
        if variant is None:
            return self._custom(row, path, price)
        currency = self.money.currency
        if price is None and self.money.presentment not in (None, currency):
            self.found.refuse([*path, "priceSet"], "Price set must be given in the presentment currency")
            return None
        line = variant_line(self.call.shop, variant.id, row["quantity"], Exchange(currency, currency))
        if row.get("priceSet"):
            if price is None:
                return None
            line.price = price
        line.title, line.sku = row.get("title") or line.title, row.get("sku") or line.sku
        return line

    def _custom(self, row: dict, path: list, price) -> LineItem | None:
        """Without a variant: a title and a price are needed. Its variantTitle comes back as null (shopify.md 7.1)."""
        title = (row.get("title") or "").strip()
        if not title:
            for message in ("Order Line items is invalid", "Line items Name can't be blank",
                            "Line items Title can't be blank"):  # fmt: skip
                self.found.refuse(["order", "lineItems"], message)
            return None
        if price is None:
            if not row.get("priceSet"):
                self.found.refuse([*path, "priceSet"], "Line items Price can't be blank")
            return None
        return LineItem(self.call.shop.next_id(), None, None, None, None, title, row.get("sku"), price, row["quantity"])


def read_taxes(money: MoneyReader, found: Findings, rows: list[dict] | None, path: list) -> list[TaxLine]:
    """Shopify computes no tax: one without a priceSet comes to nothing."""
    taxes = []
    for index, row in enumerate(rows or ()):
        rate = read_amount(row.get("rate")) if row.get("rate") not in (None, "") else None
        if rate is None or rate < 0:
            found.refuse([*path, index, "rate"], "Tax line rate can't be blank", "TAX_LINE_RATE_MISSING")
            continue
        if not row["title"].strip():
            found.refuse([*path, index, "title"], "Title can't be blank")
        zero = {"shopMoney": {"amount": "0", "currencyCode": money.currency}}
        if money.presentment:
            zero["presentmentMoney"] = {"amount": "0", "currencyCode": money.presentment}
        price = money.bag(row.get("priceSet") or zero, [*path, index, "priceSet"])
        if price is not None:
            taxes.append(TaxLine(row["title"], Decimal(rate), price, bool(row.get("channelLiable"))))
    return taxes


def split_order_taxes(order: Order, taxes: list[TaxLine]) -> None:
    """Over the taxable lines, by what they cost; without any they stay with the order."""
    lines = [line for line in order.lines if line.taxable]
    weights = [discounted_total(line) for line in lines]
    if not any(weight.shop for weight in weights):
        order.tax_lines = taxes
        return
    exchange = Exchange(order.currency, order.presentment_currency)
    for tax in taxes:
        for line, part in zip(lines, spread(exchange, tax.price, weights), strict=True):
            line.tax_lines.append(TaxLine(tax.title, tax.rate, part, tax.channel_liable))
