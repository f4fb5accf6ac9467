"""An edit session: what it will change, and the order as it would be then. Pure: nothing here moves stock."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulator.state.money import Bag, Exchange
from tests.simulator.state.order_money import exchange_of, is_own
from tests.simulator.state.orders import Allocation, DiscountApplication, LineItem, Order, discount_application
from tests.simulator.state.shop import Shop


@dataclass(slots=True)
class QuantityChange:
    """Units of a line that was there before: more, or fewer with or without restock."""

    line_id: int
    delta: int
    restock: bool = False
    location_id: int | None = None


@dataclass(slots=True)
class AddedLine:
    """A new line; its id in the session is no number."""

    uuid: str
    line: LineItem
    location_id: int | None = None  # where it is said to come from


@dataclass(slots=True)
class AddedDiscount:
    """A discount of one line, given for each of its units: `fixed`, or `percent`."""

    id: int
    uuid: str
    line_id: int
    description: str
    fixed: Bag | None = None
    percent: Decimal | None = None


@dataclass(slots=True)
class EditSession:
    """Stands for a CalculatedOrder and its OrderEditSession: both have its number."""

    id: int
    order_id: int
    client_id: str | None  # None: staff
    begun_at: float
    edits_before: int  # how often the order had been edited when it began
    quantities: dict[int, QuantityChange] = field(default_factory=dict)  # by line id
    added: list[AddedLine] = field(default_factory=list)
    discounts: list[AddedDiscount] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.discounts or any(row.delta for row in self.quantities.values()))

    def uuid_of(self, line_id: int) -> str | None:
        """None for a line that was there before."""
        return next((row.uuid for row in self.added if row.line.id == line_id), None)


def why_not_editable(order: Order) -> list[str]:
    """Order.merchantEditableErrors."""
    if order.cancelled_at is not None:
        return ["Canceled orders can't be edited"]
    return [] if order.merchant_editable else ["The order can't be edited"]


def living_session(shop: Shop, number: int, now: float) -> EditSession | None:
    """None for one that was committed, never was, or is too old."""
    found = shop.edit_sessions.get(number)
    if found and now > found.begun_at + shop.knobs.edit_session_seconds:
        del shop.edit_sessions[number]
        return None
    return found


def rate_of(order: Order) -> Exchange:
    """The two currencies of an order, with the rate that it was sold at."""
    sold = next((line.price for line in order.lines if line.price.shop), None)
    rate = sold.presentment / sold.shop if sold else Decimal(1)
    return Exchange(order.currency, order.presentment_currency, rate)


def preview(order: Order, session: EditSession) -> Order:
    """The order as it would be after the commit; the order itself does not change."""
    after = copy.deepcopy(order)
    for change in session.quantities.values():
        line = after.line(change.line_id)
        if change.delta < 0:
            line.removed -= change.delta
        elif change.delta:
            grow(after, line, change.delta)
    after.lines += [copy.deepcopy(row.line) for row in session.added]
    for discount in session.discounts:
        apply_discount(after, discount)
    return after


def grow(order: Order, line: LineItem, units: int, *, new_id: int | None = None) -> LineItem:
    """Further units of a line, at its price, with its own discounts and taxes; order discounts stay what they were.

    `new_id`: they become a line of their own. Which one it is at Shopify is not known (row 67). The line they are on.
    """
    exchange, before = exchange_of(order), line.quantity
    if new_id is not None:
        made = copy.copy(line)
        made.id, made.quantity, made.fulfilled, made.removed, made.duties = new_id, units, 0, 0, []
        made.discounts = [_scaled(one, exchange, units, before) for one in line.discounts if is_own(one)]
        made.tax_lines = [_taxed(tax, exchange, units, before) for tax in line.tax_lines]
        order.lines.append(made)
        return made
    line.quantity += units
    line.discounts = [_scaled(one, exchange, line.quantity, before) if is_own(one) else one for one in line.discounts]
    line.tax_lines = [_taxed(tax, exchange, line.quantity, before) for tax in line.tax_lines]
    return line


def _scaled(one: Allocation, exchange: Exchange, units: int, before: int) -> Allocation:
    return Allocation(one.application, exchange.share(one.amount, units, before))


def _taxed(tax, exchange: Exchange, units: int, before: int):
    made = copy.copy(tax)
    made.price = exchange.share(tax.price, units, before)
    return made


def apply_discount(order: Order, given: AddedDiscount) -> DiscountApplication:
    """Each unit of the line costs less; its taxes fall with its price."""
    line, exchange = order.line(given.line_id), exchange_of(order)
    before = line.price * line.quantity - _sum(line)
    each = given.fixed or exchange.share(line.price, given.percent or 0, 100)
    whole = Bag(min(each.shop * line.quantity, before.shop), min(each.presentment * line.quantity, before.presentment))
    kind = "percentage" if given.percent is not None else "fixed_amount"
    value = given.percent if given.percent is not None else each.shop
    application = discount_application(
        len(order.discounts), "manual", given.description, value, value_type=kind, selection="EXPLICIT", method="EACH"
    )
    order.discounts.append(application)
    line.discounts.append(Allocation(application, whole))
    for tax in line.tax_lines:
        tax.price = exchange.share(tax.price, before.shop - whole.shop, before.shop)
    return application


def _sum(line: LineItem) -> Bag:
    return sum((one.amount for one in line.discounts), Bag())
