"""What an original has gained, as units that an edit adds to its copy: why it cannot be, and what it costs there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from orders.copies.rules import sums
from stores.shopify.orders.order_edits import AddedUnits
from stores.shopify.orders.order_records import Money, OrderRecord

BYPASSED = (
    "The original has gained {units}. The copies of this connection leave the source's stock alone, which an edit of "
    "the copy would not: add these units by hand, then press “Done by hand”."
)
BY_STOCK = (
    "The original has gained {units}. The connection syncs stock both ways now, so these units are taken from the "
    "source's stock already, and adding them to the copy would take them once more: see to them by hand, then press "
    "“Done by hand”."
)
DEARER = (
    "The original has gained {units}, at {sold} a unit, which the source sells at {own}: Shopify takes no unit into an "
    "order at more than its own price. Add it to the copy by hand, then press “Done by hand”."
)
NO_GOODS = "The original has gained {units}, which is in no copy, as a tip is not: press “Done by hand”."
COSTS = (
    "What the original has gained costs {} there with its taxes, and {} in the copy, as the source taxes it. Correct "
    "the copy by hand where that matters, then press “Done by hand”."
)


def compare_cost(rows: Sequence[AddedUnits], after: Money, before: Money) -> str:
    """Words where what is added costs something else than it was sold at: an edit cannot say how it is taxed."""
    sold = sum((units.price.amount * units.quantity + units.tax for units in rows), Decimal(0))
    costs = after.amount - before.amount
    if costs == sold:
        return ""
    return COSTS.format(*(sums.text(each, after.currency) for each in (sold, costs)))


def money_of(row: Mapping[str, Any]) -> Money:
    """The price of a line, or of a tax, that is about to be sent."""
    amount = row["priceSet"]["shopMoney"]
    return Money(Decimal(amount["amount"]), amount["currencyCode"])


def cost_of(made: Iterable[Mapping[str, Any]]) -> Fraction:
    return sum((Fraction(money_of(row).amount) * row["quantity"] for row in made), Fraction(0))


ANY = "gid://shopify/ProductVariant/0"


def with_link(order: OrderRecord) -> OrderRecord:
    """The order with one more line, since none is mapped whose lines are all custom ones."""
    (line,) = order.lines
    other = replace(line, gid="gid://shopify/LineItem/0", variant_gid=ANY, discounts=(), taxes=(), current_quantity=1)
    return replace(order, lines=(line, other))
