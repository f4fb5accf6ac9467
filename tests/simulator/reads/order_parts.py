"""The parts of orders and drafts on the wire: amounts, addresses, taxes, discounts, shipping lines, lines of goods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulator.documents.call import Call
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.state.gids import gid
from tests.simulator.state.money import Bag, text_of
from tests.simulator.state.order_money import (
    current_total,
    discounted_total,
    discounts_of,
    exchange_of,
    original_total,
    own_discounts,
    taxes_of,
)
from tests.simulator.state.orders import (
    Address,
    Allocation,
    DiscountApplication,
    Draft,
    LineItem,
    Order,
    ShippingLine,
    TaxLine,
)


@dataclass(slots=True)
class MoneyValue:
    """PricingValue of a discount of a fixed amount."""

    amount: str
    currency: str


@dataclass(slots=True)
class PercentageValue:
    """PricingValue of a discount in per cent."""

    percentage: float


@dataclass(slots=True)
class LineView:
    """A line with the order it belongs to: its amounts have the order's currencies."""

    order: Order
    line: LineItem

    @property
    def id(self) -> int:
        return self.line.id


def bag_of(order: Order | Draft, bag: Bag) -> dict:
    """MoneyBag."""
    return {
        "shopMoney": {"amount": text_of(bag.shop), "currencyCode": order.currency},
        "presentmentMoney": {"amount": text_of(bag.presentment), "currencyCode": order.presentment_currency},
    }


def amount(of: Callable[[Order], Bag]):
    """A MoneyBag field of an order or draft."""
    return lambda order, call, arguments: bag_of(order, of(order))


def list_page(call: Call, arguments: dict, rows: list) -> Page:
    """A connection over rows in the order given."""
    page = page_of(call, arguments, list(enumerate(rows)), lambda pair: (pair[0],), None)
    page.nodes = [row for _, row in page.nodes]
    return page


def attributes(pairs: list[tuple[str, str]]) -> list[dict]:
    return [{"key": name, "value": value} for name, value in pairs]


def address_of(address: Address | None, call: Call) -> dict | None:
    """MailingAddress; null without protected-data approval (row 45)."""
    if address is None or not call.shop.knobs.protected_data:
        return None
    names = {
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "company": address.company,
        "country": address.country,
        "countryCode": address.country_code,
        "countryCodeV2": address.country_code,
        "firstName": address.first_name,
        "lastName": address.last_name,
        "name": address.name or None,
        "phone": address.phone,
        "province": address.province,
        "provinceCode": address.province_code,
        "zip": address.zip,
    }
    lines = [address.address1, address.address2, f"{address.zip or ''} {address.city or ''}".strip(), address.country]
    return {"id": gid("MailingAddress", address.id), "formatted": [line for line in lines if line], **names}


def protected(name: str):
    """An e-mail or phone: null without protected-data approval."""
    return lambda thing, call, arguments: getattr(thing, name) if call.shop.knobs.protected_data else None


def tax_of(order: Order | Draft, tax: TaxLine) -> dict:
    return {
        "title": tax.title,
        "rate": float(tax.rate),
        "ratePercentage": float(tax.rate * 100),
        "priceSet": bag_of(order, tax.price),
        "channelLiable": tax.channel_liable,
        "source": None,
    }


def allocation_of(order: Order | Draft, one: Allocation) -> dict:
    return {"allocatedAmountSet": bag_of(order, one.amount), "discountApplication": one.application}


def discount_value(one: DiscountApplication, call: Call, arguments: dict) -> MoneyValue | PercentageValue:
    if one.value_type == "percentage":
        return PercentageValue(float(one.value))
    return MoneyValue(text_of(one.value), call.shop.currency)


def shipping_of(order: Order | Draft, line: ShippingLine) -> dict:
    reduced = bag_of(order, line.price - discounts_of(line))
    return {
        "id": gid("ShippingLine", line.id),
        "title": line.title,
        "code": line.code,
        "source": line.source,
        "custom": line.source is None,
        "carrierIdentifier": None,
        "phone": None,
        "shippingRateHandle": None,
        "isRemoved": False,
        "originalPriceSet": bag_of(order, line.price),
        "discountedPriceSet": reduced,
        "currentDiscountedPriceSet": reduced,
        "discountAllocations": [allocation_of(order, one) for one in line.discounts],
        "taxLines": [tax_of(order, tax) for tax in line.tax_lines],
    }


# Lines


def _unit(view: LineView, bag: Bag) -> dict:
    """An approximate unit price: the total over the units, rounded ([S] LineItem.discountedUnitPriceSet)."""
    return bag_of(view.order, exchange_of(view.order).share(bag, 1, view.line.quantity))


def _line_amount(of: Callable[[LineItem], Bag]):
    return lambda view, call, arguments: bag_of(view.order, of(view.line))


def _discounted(line: LineItem, *, with_codes: bool) -> Bag:
    return original_total(line) - own_discounts(line, with_codes=with_codes)


def _unfulfilled_total(view: LineView, bag: Bag) -> dict:
    return bag_of(view.order, exchange_of(view.order).share(bag, view.line.unfulfilled, view.line.quantity))


def _before_taxes(view: LineView, call: Call, arguments: dict) -> dict:
    left = current_total(view.line, view.order)
    if view.order.taxes_included:
        taxes = taxes_of(view.line)
        left -= exchange_of(view.order).share(taxes, view.line.current_quantity, view.line.quantity)
    return bag_of(view.order, left)


def _duties(view: LineView, call: Call, arguments: dict) -> list[dict]:
    return [
        {
            "id": gid("Duty", one.id),
            "price": bag_of(view.order, one.price),
            "countryCodeOfOrigin": one.country_code_of_origin,
            "harmonizedSystemCode": one.harmonized_system_code,
            "taxLines": [],
        }
        for one in view.line.duties
    ]


def _group(view: LineView, call: Call, arguments: dict) -> dict | None:
    group = view.line.group
    if group is None:
        return None
    return {
        "id": gid("LineItemGroup", group.id),
        "title": group.title,
        "quantity": group.quantity,
        "customAttributes": [],
        "productId": group.product_id and gid("Product", group.product_id),
        "variantId": group.variant_id and gid("ProductVariant", group.variant_id),
        "variantSku": group.variant_sku,
    }


def _of_line(name: str):
    return lambda view, call, arguments: getattr(view.line, name)


def _shippable(line: LineItem) -> int:
    return line.unfulfilled if line.needs_fulfilment else 0


def _first(rows: list, arguments: dict) -> list:
    return rows[: arguments["first"]] if arguments.get("first") is not None else rows


RESOLVERS = {
    "LineItem.id": lambda view, call, arguments: gid("LineItem", view.line.id),
    "LineItem.title": _of_line("title"),
    "LineItem.name": _of_line("name"),
    "LineItem.sku": _of_line("sku"),
    "LineItem.vendor": _of_line("vendor"),
    "LineItem.variantTitle": _of_line("variant_title"),
    "LineItem.quantity": _of_line("quantity"),
    "LineItem.currentQuantity": _of_line("current_quantity"),
    "LineItem.refundableQuantity": _of_line("current_quantity"),
    "LineItem.requiresShipping": _of_line("requires_shipping"),
    "LineItem.taxable": _of_line("taxable"),
    "LineItem.isGiftCard": _of_line("gift_card"),
    "LineItem.unfulfilledQuantity": lambda view, call, arguments: _shippable(view.line),
    "LineItem.fulfillableQuantity": lambda view, call, arguments: _shippable(view.line),
    "LineItem.nonFulfillableQuantity": lambda view, call, arguments: (
        view.line.removed if view.line.needs_fulfilment else view.line.quantity
    ),
    "LineItem.restockable": lambda view, call, arguments: view.line.location_id is not None,
    "LineItem.variant": lambda view, call, arguments: call.shop.variants.get(view.line.variant_id),
    "LineItem.product": lambda view, call, arguments: call.shop.products.get(view.line.product_id),
    "LineItem.customAttributes": lambda view, call, arguments: attributes(view.line.properties),
    "LineItem.weight": lambda view, call, arguments: {"unit": "GRAMS", "value": float(view.line.grams)},
    "LineItem.originalUnitPriceSet": _line_amount(lambda line: line.price),
    "LineItem.originalTotalSet": _line_amount(original_total),
    "LineItem.totalDiscountSet": _line_amount(own_discounts),
    "LineItem.discountedTotalSet": lambda view, call, arguments: bag_of(
        view.order, _discounted(view.line, with_codes=bool(arguments.get("withCodeDiscounts")))
    ),
    "LineItem.discountedUnitPriceSet": lambda view, call, arguments: _unit(
        view, _discounted(view.line, with_codes=False)
    ),
    "LineItem.discountedUnitPriceAfterAllDiscountsSet": lambda view, call, arguments: _unit(
        view, discounted_total(view.line)
    ),
    "LineItem.priceAfterAllDiscountsBeforeTaxesSet": _before_taxes,
    "LineItem.unfulfilledOriginalTotalSet": lambda view, call, arguments: _unfulfilled_total(
        view, original_total(view.line)
    ),
    "LineItem.unfulfilledDiscountedTotalSet": lambda view, call, arguments: _unfulfilled_total(
        view, _discounted(view.line, with_codes=False)
    ),
    "LineItem.discountAllocations": lambda view, call, arguments: [
        allocation_of(view.order, one) for one in view.line.discounts
    ],
    "LineItem.taxLines": lambda view, call, arguments: _first(
        [tax_of(view.order, tax) for tax in view.line.tax_lines], arguments
    ),
    "LineItem.duties": _duties,
    "LineItem.lineItemGroup": _group,
    "MoneyV2.amount": lambda value, call, arguments: value.amount if isinstance(value, MoneyValue) else value["amount"],
    "MoneyV2.currencyCode": lambda value, call, arguments: (
        value.currency if isinstance(value, MoneyValue) else value["currencyCode"]
    ),
    "PricingPercentageValue.percentage": lambda value, call, arguments: value.percentage,
    **{
        f"{kind}DiscountApplication.{name}": resolve
        for kind in ("Automatic", "Manual")
        for name, resolve in {"title": lambda one, call, arguments: one.title}.items()
    },
    "ManualDiscountApplication.description": lambda one, call, arguments: one.title,
    "DiscountCodeApplication.code": lambda one, call, arguments: one.title,
    **{
        f"{kind}.{name}": resolve
        for kind in ("AutomaticDiscountApplication", "ManualDiscountApplication", "DiscountCodeApplication")
        for name, resolve in {
            "index": lambda one, call, arguments: one.index,
            "allocationMethod": lambda one, call, arguments: one.method,
            "targetSelection": lambda one, call, arguments: one.selection,
            "targetType": lambda one, call, arguments: one.target_type,
            "value": discount_value,
        }.items()
    },
}
