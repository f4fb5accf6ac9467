"""Pure: taxes that stand at an order as a whole, and at none of its lines, brought to its lines.

Apps that enter orders may give the taxes so. Shopify shows an order's taxes as one sum for each title, whatever they
stand at: what the lines and the shipping do not explain of it stands at the order only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from orders.copies.rules import sums
from orders.copies.rules.lines import is_tip
from stores.currencies import decimals
from stores.shopify.orders.order_records import Money, MoneyPair, OrderLine, OrderRecord, TaxRecord

Side = Callable[[MoneyPair], Money]  # which of an amount's two currencies


def place_order_taxes(order: OrderRecord) -> OrderRecord:
    """The order with all its taxes at its lines: by what the taxable ones cost, or, without such, all of them.

    Each line so gets a share of its own, which goes where the line goes. Nothing is lost: the shares add up.
    """
    missing = _at_the_order_only(order)
    if not missing:
        return order
    lines, shipping = list(order.lines), list(order.shipping)
    goods = [i for i, line in enumerate(lines) if not line.is_gift_card and line.is_taxable and _cost(line)]
    goods = goods or [i for i, line in enumerate(lines) if not line.is_gift_card and not is_tip(line)]
    if goods:
        weights = [[_cost(lines[i], side) for i in goods] for side in (_shop, _presentment)]
        for tax in missing:
            for i, share in zip(goods, _shares(tax, weights), strict=True):
                lines[i] = replace(lines[i], taxes=(*lines[i].taxes, share))
    else:
        weights = [[_minor(side(each.price)) for each in shipping] for side in (_shop, _presentment)]
        for tax in missing:
            for i, share in enumerate(_shares(tax, weights)):
                shipping[i] = replace(shipping[i], taxes=(*shipping[i].taxes, share))
    return replace(order, lines=tuple(lines), shipping=tuple(shipping))


def _at_the_order_only(order: OrderRecord) -> list[TaxRecord]:
    placed = [tax for line in order.lines for tax in line.taxes]
    placed += [tax for each in order.shipping for tax in each.taxes]
    whole = _sum(order.taxes, _shop) - _sum(placed, _shop)
    if whole <= 0:
        return []
    found = []
    for title in dict.fromkeys(tax.title for tax in order.taxes):
        own = [tax for tax in order.taxes if tax.title == title]
        at_lines = [tax for tax in placed if tax.title == title]
        left = {side: _sum(own, side) - _sum(at_lines, side) for side in (_shop, _presentment)}
        if left[_shop] > 0:
            found.append(replace(own[0], price=_pair(own[0].price, left[_shop], max(left[_presentment], Decimal(0)))))
    if _sum(found, _shop) == whole:
        return found
    # Lines and order name them differently: their sum is known all the same.
    first = found[0]
    shown = _sum(order.taxes, _presentment) - _sum(placed, _presentment)
    return [replace(first, price=_pair(first.price, whole, max(shown, Decimal(0))))]


def _shares(tax: TaxRecord, weights: Sequence[Sequence[int]]) -> list[TaxRecord]:
    parts = [
        sums.spread(_minor(side(tax.price)), each) for side, each in zip((_shop, _presentment), weights, strict=True)
    ]
    price = tax.price
    return [
        replace(
            tax,
            price=_pair(
                price, sums.to_amount(one, price.shop.currency), sums.to_amount(other, price.presentment.currency)
            ),
        )
        for one, other in zip(*parts, strict=True)
    ]


def _cost(line: OrderLine, side: Side | None = None) -> int:
    side = side or _shop
    unit = side(line.unit_price)
    taken = sum((side(each.amount).amount for each in line.discounts), Decimal(0))
    return max(0, _minor(Money(unit.amount * line.quantity - taken, unit.currency)))


def _minor(money: Money) -> int:
    return int(money.amount.scaleb(decimals(money.currency)).to_integral_value())


def _sum(taxes: Iterable[TaxRecord], side: Side) -> Decimal:
    return sum((side(tax.price).amount for tax in taxes), Decimal(0))


def _pair(like: MoneyPair, shop: Decimal, presentment: Decimal) -> MoneyPair:
    return MoneyPair(Money(shop, like.shop.currency), Money(presentment, like.presentment.currency))


def _shop(pair: MoneyPair) -> Money:
    return pair.shop


def _presentment(pair: MoneyPair) -> Money:
    return pair.presentment
