"""A payment of the original, recorded in its copy: all of it, or a part. No money moves, the destination has it.

Marking as paid what is paid is refused by Shopify, so that it can be repeated; a part is looked for in what the copy
has received before it is recorded again.
"""

from decimal import Decimal

from orders.changes.comparing import Comparison
from orders.changes.rules.comparison import Payment, find_payment
from orders.changes.steps import state
from orders.models import OrderUpdate
from stores.shopify import errors
from stores.shopify.orders import payments
from stores.shopify.orders.order_progress import Payments

LOST = "Shopify's answer was lost: looking at what the copy has received before it is recorded again."
ONLY_PLUS = (
    "A part of the original was paid. Shopify records a part of a payment in stores on Shopify Plus only: the copy is "
    "marked as paid once all of it is."
)
FREE = {"is_free": True}  # in the body of what was skipped because the copy cost nothing then
PAID = "The copy is paid as its original is."


def carry_payment(update: OrderUpdate, comparison: Comparison) -> str:
    """Record in the copy what was paid of the original; what came of it, in words. Safe to repeat.

    Raises RetryLater, and what the client raises.
    """
    original = comparison.read_original()
    assert comparison.original is not None
    as_of, comparison.copy = comparison.original.answered_at, None
    copy = comparison.read_copy()
    due = find_payment(original.payments, copy.payments)
    is_sent = update.state == OrderUpdate.State.SENT
    if copy.payments.current <= 0 and not is_sent:
        state.note(update, FREE)
        return state.skip(update, "The copy costs nothing any more: Shopify takes no payment for it.")
    if due is None or original.cancelled_at or copy.cancelled_at:
        return state.confirm(update, PAID, copy.gid) if is_sent else state.skip(update, PAID)
    if is_sent and (part := update.body.get("amount")):
        if copy.payments.received >= Decimal(update.body["received"]) + Decimal(part):
            return state.confirm(update, PAID, copy.gid)
        state.wait_for_late(update, as_of, LOST)
    return _record(update, comparison, due, original.payments)


def _record(update: OrderUpdate, comparison: Comparison, due: Payment, original: Payments) -> str:
    """Raises what the client raises."""
    copy, client = comparison.read_copy(), comparison.clients(update.order_import.connection.source)
    body = {"received": f"{copy.payments.received:f}", "amount": None if due.amount is None else f"{due.amount:f}"}
    if not state.begin(update, body, as_of=client.answered_at):
        return "Another worker has it in hand."
    try:
        if due.amount is None:
            payments.mark_as_paid(client, copy.gid)
        else:
            payments.create_payment(client, copy.gid, due.amount, due.currency)
    except errors.AccessDenied:
        if due.amount is None:
            state.unsend(update)
            raise
        return state.skip(update, ONLY_PLUS)
    except errors.UserErrors:
        comparison.copy = None
        if find_payment(original, comparison.read_copy().payments) is not None:
            raise
    except errors.ShopifyError as error:
        if not error.outcome_unknown:
            state.unsend(update)
        raise
    return state.confirm(update, PAID, copy.gid)
