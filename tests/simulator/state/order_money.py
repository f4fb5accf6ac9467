"""What an order or draft comes to: sums over its lines, discounts, shipping, taxes, duties and payments. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.simulator.state.money import NOTHING, Bag, Exchange
from tests.simulator.state.orders import Allocation, Draft, LineItem, Order, ShippingLine, TaxLine


def exchange_of(order: Order | Draft) -> Exchange:
    """For rounding in both currencies; the rate of an order lies in its amounts."""
    return Exchange(order.currency, order.presentment_currency)


def total_of(bags: Iterable[Bag]) -> Bag:
    return sum(bags, NOTHING)


# One line


def original_total(line: LineItem) -> Bag:
    return line.price * line.quantity


def discounts_of(line: LineItem | ShippingLine) -> Bag:
    return total_of(allocation.amount for allocation in line.discounts)


def own_discounts(line: LineItem, *, with_codes: bool = True) -> Bag:
    """Without order-level discounts; code discounts only when asked for ([S] LineItem.discountedTotalSet)."""
    return total_of(one.amount for one in line.discounts if is_own(one) and (with_codes or not is_code(one)))


def is_own(allocation: Allocation) -> bool:
    return allocation.application.selection != "ALL"


def is_code(allocation: Allocation) -> bool:
    return allocation.application.kind == "code"


def discounted_total(line: LineItem) -> Bag:
    """After all discounts, of all units that were ordered."""
    return original_total(line) - discounts_of(line)


def current_total(line: LineItem, order: Order | Draft) -> Bag:
    """After all discounts, of the units that are still on the order."""
    return exchange_of(order).share(discounted_total(line), line.current_quantity, line.quantity)


def taxes_of(line: LineItem | ShippingLine) -> Bag:
    return total_of(tax.price for tax in line.tax_lines)


def current_taxes(line: LineItem, order: Order) -> Bag:
    return exchange_of(order).share(taxes_of(line), line.current_quantity, line.quantity)


def duties_of(line: LineItem) -> Bag:
    return total_of(duty.price for duty in line.duties)


# The whole


def lines_total(order: Order | Draft) -> Bag:
    """Before discounts; tips are no goods."""
    return total_of(original_total(line) for line in order.lines if not line.tip)


def tips_total(order: Order | Draft) -> Bag:
    return total_of(original_total(line) for line in order.lines if line.tip)


def subtotal(order: Order | Draft) -> Bag:
    """After line and order discounts, before returns."""
    return total_of(discounted_total(line) for line in order.lines if not line.tip)


def shipping_total(order: Order | Draft) -> Bag:
    return total_of(line.price - discounts_of(line) for line in order.shipping_lines)


def discounts_total(order: Order | Draft) -> Bag:
    return total_of(discounts_of(line) for line in [*order.lines, *order.shipping_lines])


def tax_total(order: Order | Draft) -> Bag:
    found = [*order.tax_lines, *(tax for line in [*order.lines, *order.shipping_lines] for tax in line.tax_lines)]
    return total_of(tax.price for tax in found)


def duties_total(order: Order | Draft) -> Bag:
    return total_of(duties_of(line) for line in order.lines)


def grand_total(order: Order | Draft) -> Bag:
    """What the buyer pays: included taxes are in the prices already."""
    taxes = NOTHING if order.taxes_included else tax_total(order)
    return subtotal(order) + shipping_total(order) + taxes + duties_total(order) + tips_total(order)


def merged_taxes(order: Order | Draft) -> list[TaxLine]:
    """One line per title and rate ([S] Order.taxLines)."""
    return _merged([*order.tax_lines, *(tax for line in [*order.lines, *order.shipping_lines]
                                        for tax in line.tax_lines)])  # fmt: skip


def current_tax_lines(order: Order) -> list[TaxLine]:
    """The same of what is still on the order ([S] Order.currentTaxLines)."""
    exchange = exchange_of(order)
    left = [
        TaxLine(tax.title, tax.rate, exchange.share(tax.price, line.current_quantity, line.quantity))
        for line in order.lines
        for tax in line.tax_lines
        if line.current_quantity
    ]
    return _merged([*order.tax_lines, *left, *(tax for line in order.shipping_lines for tax in line.tax_lines)])


def _merged(taxes: list[TaxLine]) -> list[TaxLine]:
    found: dict[tuple[str, Decimal], TaxLine] = {}
    for tax in taxes:
        known = found.get((tax.title, tax.rate))
        price = tax.price if known is None else known.price + tax.price
        found[tax.title, tax.rate] = TaxLine(tax.title, tax.rate, price, tax.channel_liable)
    return list(found.values())


# After refunds, cancellations and edits


def current_subtotal(order: Order) -> Bag:
    return total_of(current_total(line, order) for line in order.lines if not line.tip)


def current_tax_total(order: Order) -> Bag:
    shipping = total_of(taxes_of(line) for line in order.shipping_lines)
    given = total_of(tax.price for tax in order.tax_lines)
    return total_of(current_taxes(line, order) for line in order.lines) + shipping + given


def current_shipping(order: Order) -> Bag:
    return shipping_total(order) - total_of(refund.shipping for refund in order.refunds)


def current_grand_total(order: Order) -> Bag:
    taxes = NOTHING if order.taxes_included else current_tax_total(order)
    tips = total_of(current_total(line, order) for line in order.lines if line.tip)
    exchange = exchange_of(order)
    duties = total_of(exchange.share(duties_of(line), line.current_quantity, line.quantity) for line in order.lines)
    return current_subtotal(order) + current_shipping(order) + taxes + duties + tips


def received(order: Order) -> Bag:
    return total_of(row.amount for row in _done(order) if row.kind in ("SALE", "CAPTURE"))


def refunded(order: Order) -> Bag:
    return total_of(row.amount for row in _done(order) if row.kind == "REFUND")


def _done(order: Order):
    return (row for row in order.transactions if row.status == "SUCCESS")


def outstanding(order: Order) -> Bag:
    return current_grand_total(order) - received(order) + refunded(order)


def shown_outstanding(order: Order) -> Bag:
    """What Shopify shows as outstanding: nothing while the payment is authorised (row 56)."""
    return NOTHING if financial_status(order) == "AUTHORIZED" else outstanding(order)


def financial_status(order: Order) -> str | None:
    """As given to orderCreate until a later operation recomputes it, else from the payments.

    None without a payment and a status (row 55).
    """
    if order.financial_status is not None:
        return order.financial_status
    paid, back = received(order).shop, refunded(order).shop
    kinds = {row.kind for row in order.transactions}
    if back:
        return "REFUNDED" if back >= paid else "PARTIALLY_REFUNDED"
    if "VOID" in kinds:
        return "VOIDED"
    if paid:
        return "PAID" if outstanding(order).shop <= 0 else "PARTIALLY_PAID"
    if "AUTHORIZATION" in kinds:
        return "AUTHORIZED"
    if not grand_total(order):
        return "PAID"
    if order.is_without_status and not order.transactions and order.cancelled_at is None:
        return None
    return "VOIDED" if order.cancelled_at is not None else "PENDING"


def fulfillment_status(order: Order) -> str:
    """OrderDisplayFulfillmentStatus (2026-10: FULFILLMENT_NOT_REQUIRED for an order without anything to ship)."""
    if order.fulfillment_label is not None and not order.fulfillments:
        return {"PARTIAL": "PARTIALLY_FULFILLED"}.get(order.fulfillment_label, order.fulfillment_label)
    opened = {entry.line_id for row in order.fulfillment_orders for entry in row.lines}
    rows = [line for line in order.lines if line.needs_fulfilment or line.id in opened]
    if not rows:
        return "FULFILLMENT_NOT_REQUIRED"
    if not any(line.unfulfilled for line in rows):
        return "FULFILLED" if order.fulfillments else "UNFULFILLED"
    return "PARTIALLY_FULFILLED" if any(line.fulfilled for line in rows) else "UNFULFILLED"
