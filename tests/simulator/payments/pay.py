"""What is owed for an order is paid, wholly or in part, or what was held is captured."""

from __future__ import annotations

from tests.simulator.edits.session import rate_of
from tests.simulator.events.order_moves import begin, finish
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Bag, read_amount
from tests.simulator.state.order_money import financial_status, outstanding
from tests.simulator.state.orders import Order, Transaction
from tests.simulator.state.shop import Shop

NOT_PAYABLE = "Order cannot be marked as paid."


def can_be_paid(order: Order) -> bool:
    """A positive balance, and a status that is not PAID already ([S] orderMarkAsPaid)."""
    return order.cancelled_at is None and outstanding(order).shop > 0 and financial_status(order) != "PAID"


def pay(
    shop: Shop,
    clock: Clock,
    order: Order,
    gateway: str = "bogus",
    *,
    amount: object = None,
    at: int | None = None,
    manual: bool = False,
) -> Transaction:
    """The buyer (or the merchant) pays what is owed, or `amount` of it, a Bag or in the order's own currency.

    A payment that was pending, or held, is the one that succeeds. Raises ValueError when nothing is owed, or less.
    """
    with shop.lock:
        if not can_be_paid(order):
            raise ValueError(NOT_PAYABLE)
        owed, now = outstanding(order), clock.whole_seconds()
        paid = owed if amount is None else _part(order, amount, owed)
        row = _transaction(shop, order, gateway, paid, now, is_whole=paid == owed)
        row.processed_at, row.manual = now if at is None else at, manual
        order.financial_status = None
        events = [("ORDER_TRANSACTIONS_CREATE", (order.id, row.id))]
        if financial_status(order) == "PAID":
            events.append(("ORDERS_PAID", (order.id,)))
        finish(begin(shop, clock, order, "pay"), order, *events)
        return row


def _part(order: Order, amount: object, owed: Bag) -> Bag:
    if isinstance(amount, Bag):
        part = amount
    else:
        number = read_amount(amount)
        part = Bag() if number is None else rate_of(order).from_shop(number)
    if part.shop <= 0:
        raise ValueError("a payment is more than nothing")
    if part.shop > owed.shop:
        raise ValueError(f"no more than {owed.shop} {order.currency} is owed")
    return owed if part.shop == owed.shop else part


def _transaction(shop: Shop, order: Order, gateway: str, paid: Bag, now: int, *, is_whole: bool) -> Transaction:
    """The pending one where all is paid; else a new one, a capture of what was held."""
    pending = next((row for row in order.transactions if row.status == "PENDING"), None)
    if pending is not None and is_whole:
        pending.status, pending.amount = "SUCCESS", paid
        return pending
    held = next((row for row in order.transactions if row.kind == "AUTHORIZATION" and row.status == "SUCCESS"), None)
    kind, parent, name = ("CAPTURE", held.id, held.gateway) if held else ("SALE", None, gateway)
    made = Transaction(shop.next_id(), order.id, kind, "SUCCESS", name, paid, now, now, order.test, parent)
    order.transactions.append(made)
    return made
