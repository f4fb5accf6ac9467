"""What an edit session takes, and what it refuses (row 67); the texts are those that were recorded, where they were."""

from __future__ import annotations

import uuid
from decimal import Decimal

from tests.simulator.edits.session import (
    AddedDiscount,
    AddedLine,
    EditSession,
    QuantityChange,
    rate_of,
    why_not_editable,
)
from tests.simulator.events.order_build import add_tax, variant_line
from tests.simulator.events.order_stock import OutOfStockError, Router
from tests.simulator.state.money import Bag
from tests.simulator.state.order_money import exchange_of
from tests.simulator.state.orders import LineItem, Order
from tests.simulator.state.shop import Shop

NOT_EDITABLE = "The order cannot be edited."
NO_LINE = "The line item does not exist on the order."
LONGEST_TITLE = 255


class EditError(ValueError):
    """A refusal with the field it is about."""

    def __init__(self, message: str, field: list[str] | None = None):
        super().__init__(message)
        self.field = field


def begin(shop: Shop, order: Order, now: float, client_id: str | None = None) -> EditSession:
    """Raises EditError for an order that cannot be edited."""
    if why_not_editable(order):
        raise EditError(NOT_EDITABLE)
    session = EditSession(shop.next_id(), order.id, client_id, now, len(order.edits))
    shop.edit_sessions[session.id] = session
    return session


def new_uuid(shop: Shop) -> str:
    return str(uuid.UUID(int=shop.random.getrandbits(128), version=4))


def set_quantity(
    shop: Shop, order: Order, session: EditSession, line: LineItem, wanted: int, restock: bool, place: int | None
) -> None:
    """The units a line is to have, shipped ones among them. Raises EditError."""
    if wanted < 0:
        raise EditError("must be greater than or equal to 0", ["quantity"])
    _check_place(shop, place)
    added = next((row for row in session.added if row.line.id == line.id), None)
    if added is not None:
        _set_added(order, session, added, wanted)
        return
    delta = wanted - line.current_quantity
    if -delta > line.unfulfilled:
        raise EditError("Only units that are not shipped can be taken off the order", ["quantity"])
    if delta > 0:
        _check_stock(shop, line.variant_id, delta)
    session.quantities[line.id] = QuantityChange(line.id, delta, bool(restock) and delta < 0, place)


def _set_added(order: Order, session: EditSession, added: AddedLine, wanted: int) -> None:
    """A line of this session: with no units it is gone again."""
    if not wanted:
        session.added.remove(added)
        session.discounts = [row for row in session.discounts if row.line_id != added.line.id]
        return
    for tax in added.line.tax_lines:
        tax.price = exchange_of(order).share(tax.price, wanted, added.line.quantity)
    added.line.quantity = wanted


def add_variant(
    shop: Shop,
    order: Order,
    session: EditSession,
    variant_id: int,
    units: int,
    *,
    location_id: int | None = None,
    allow_duplicates: bool = False,
) -> AddedLine:
    """Raises EditError; the variant is at its own price of today."""
    if units <= 0:
        raise EditError("must be greater than 0", ["quantity"])
    if variant_id not in shop.variants:
        raise EditError("The variant does not exist in the shop.", ["variantId"])
    _check_place(shop, location_id)
    held = [*order.lines, *(row.line for row in session.added)]
    if not allow_duplicates and any(line.variant_id == variant_id for line in held):
        title = shop.products[shop.variants[variant_id].product_id].title
        raise EditError(f"{title} was not added because it's already on the order.", ["id"])
    _check_stock(shop, variant_id, units)
    line = variant_line(shop, variant_id, units, rate_of(order))
    return _add(shop, order, session, line, location_id)


def add_custom_item(
    shop: Shop,
    order: Order,
    session: EditSession,
    title: str,
    units: int,
    price: Bag,
    *,
    requires_shipping: bool = False,
    taxable: bool = True,
    location_id: int | None = None,
) -> AddedLine:
    """Raises EditError."""
    if not title.strip():
        raise EditError("can't be blank", ["title"])
    if len(title) > LONGEST_TITLE:
        raise EditError(f"is too long (maximum is {LONGEST_TITLE} characters)", ["title"])
    if units <= 0:
        raise EditError("must be greater than 0", ["quantity"])
    if price.shop < 0 or price.presentment < 0:
        raise EditError("must be greater than or equal to 0", ["price", "amount"])
    line = LineItem(shop.next_id(), None, None, None, None, title, None, price, units)
    line.requires_shipping, line.taxable = requires_shipping, taxable
    return _add(shop, order, session, line, location_id)


def _add(shop: Shop, order: Order, session: EditSession, line: LineItem, location_id: int | None) -> AddedLine:
    rate = shop.knobs.edit_tax_rate
    if rate is not None:
        add_tax(order, line, Decimal(rate), "VAT", exchange_of(order))
    elif session.client_id is None:
        _tax_like_others(order, line)
    made = AddedLine(new_uuid(shop), line, location_id)
    session.added.append(made)
    return made


def _tax_like_others(order: Order, line: LineItem) -> None:
    """What staff add is taxed like the rest of the order."""
    for tax in next((one.tax_lines for one in order.lines if one.tax_lines), []):
        add_tax(order, line, tax.rate, tax.title, exchange_of(order))


def _check_place(shop: Shop, location_id: int | None) -> None:
    if location_id is not None and location_id not in shop.locations:
        raise EditError("The location does not exist in the shop.", ["locationId"])


def _check_stock(shop: Shop, variant_id: int | None, units: int) -> None:
    """Whether Shopify looks for stock here is not known: a knob."""
    variant = shop.variants.get(variant_id) if variant_id else None
    if variant is None or not shop.knobs.edits_need_stock:
        return
    try:
        Router(shop).choose(variant, units)
    except OutOfStockError:
        raise EditError("There isn't enough of the item in stock", ["quantity"]) from None


def add_discount(
    shop: Shop,
    session: EditSession,
    line: LineItem,
    description: str,
    *,
    fixed: Bag | None = None,
    percent: Decimal | None = None,
) -> AddedDiscount:
    """One discount a line: another one takes its place. Raises EditError."""
    if (fixed is None) == (percent is None):
        raise EditError("Either a fixed value or a percent value must be given", ["discount"])
    if fixed is not None and (fixed.shop <= 0 or fixed.presentment <= 0):
        raise EditError("must be greater than 0", ["discount", "fixedValue", "amount"])
    if percent is not None and not 0 < percent <= 100:
        raise EditError("must be greater than 0 and at most 100", ["discount", "percentValue"])
    if line.fulfilled and not line.unfulfilled:
        raise EditError("The line item is fulfilled", ["lineItemId"])
    session.discounts = [row for row in session.discounts if row.line_id != line.id]
    made = AddedDiscount(shop.next_id(), new_uuid(shop), line.id, description, fixed, percent)
    session.discounts.append(made)
    return made
