"""A refund of the original, to its copy: the same units are taken off it. No money moves, the destination has it.

`refundCreate` is idempotent for a day (shopify.md 3.3): what is sent is kept with its key and sent again as it was.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from django.utils import timezone

from orders.changes import decisions
from orders.changes.comparing import Comparison
from orders.changes.rules import units_left
from orders.changes.steps import draft_refunds, state
from orders.models import OrderSettings, OrderUpdate
from stores.models import ENDING_TWO_WAY, Connection, Strategy
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders import order_changes
from stores.shopify.orders.order_progress import OrderProgress, read_progress

# Shopify keeps a key for 24 hours; an hour less, since it is sent some time after its clock was seen.
KEY_LIFE = timedelta(hours=23)
REMOVED = "The same units were taken off the copy."


def carry_refund(update: OrderUpdate, comparison: Comparison) -> str:
    """Take off the copy what a refund took off the original; what came of it, in words. Safe to repeat.

    Raises RetryLater and UpdateRefused (where the copy is an open draft), and what the client raises.
    """
    row, choices = update.order_import, comparison.choices
    if update.origin_gid in decisions.find_carried_back(row):
        return state.skip(update, "It is our own: the copy has lost these units already.")
    original = comparison.read_original()
    assert comparison.original is not None
    as_of = comparison.original.answered_at
    refund = next((each for each in original.refunds if each.gid == update.origin_gid), None)
    if refund is None or not refund.lines:
        return state.skip(update, "It moved money only: nothing is to be taken off the copy.")
    if original.cancelled_at and choices.carries_cancellations:
        return state.skip(update, "The original is cancelled: the cancellation takes it all off the copy.")
    if original.cancelled_at and refund.created_at and refund.created_at >= original.cancelled_at:
        return state.skip(update, "It is what Shopify made of the cancellation, which is not synced.")
    if not row.copy_order_gid:
        return draft_refunds.carry_to_draft(update, choices, comparison.clients, comparison.move_units)
    client, copy = comparison.clients(row.connection.source), comparison.read_copy()
    known = comparison.match_known(copy)
    comparison.copy = None  # which is old as soon as something is sent
    # Without an input it was sent to the draft that has become this order: what both hold tells what is left to do.
    was_sent = update.state == OrderUpdate.State.SENT and "input" in update.body
    if was_sent and (made := settle(update, client, copy, as_of)):
        return state.confirm(update, REMOVED, made)
    if copy.cancelled_at:
        return state.skip(update, "The copy is cancelled.")
    restocks = restocks_copies(row.connection, choices)
    rows = units_left.plan_refund(original, copy, refund.lines, restocks=restocks, known=known)
    if not rows:
        return state.skip(update, "Nothing of it is in the copy, or it was taken off already.")
    asked = order_changes.refund_input(row.copy_order_gid, rows, f"Refunded in {row.connection.destination}")
    body = {"input": asked, "known": [each.gid for each in copy.refunds]}
    if not state.begin(update, body, uuid4(), as_of=as_of):
        return "Another worker has it in hand."
    return state.confirm(update, REMOVED, send(update, client))


def restocks_copies(connection: Connection, choices: OrderSettings) -> bool:
    """Whether a copy's units go back into stock; those of copies that left it alone were never taken from it.

    Two-way, what the destination takes back travels as a change of its stock, and must not come back twice.
    """
    if connection.aligned_strategy in (Strategy.TWO_WAY, ENDING_TWO_WAY):
        return False
    return choices.restocks and choices.inventory_behaviour != OrderSettings.InventoryBehaviour.BYPASS


def settle(update: OrderUpdate, client: Client, copy: OrderProgress, as_of: datetime | None) -> str:
    """The gid of a refund whose answer was lost, sent once more if need be; '' if it is to be planned anew.

    That only once its key is dead by Shopify's clock, which `as_of` tells: our own may leap, and what was sent may be
    executed late.
    """
    if made := find_made(update, copy):
        return made
    now, sent_at = as_of or timezone.now(), update.sent_as_of or update.sent_at
    if sent_at is None or now - sent_at > KEY_LIFE:
        return ""
    return send(update, client)


def find_made(update: OrderUpdate, order: OrderProgress) -> str:
    """The gid of an order's refund that was sent to it; '' if it has none such."""
    asked = update.body.get("input", {}).get("refundLineItems", [])
    rows = sorted((row["lineItemId"], row["quantity"]) for row in asked)
    for refund in order.refunds:
        is_new = refund.gid not in update.body.get("known", ())
        if is_new and sorted((line.line_gid, line.quantity) for line in refund.lines) == rows:
            return refund.gid
    return ""


def send(update: OrderUpdate, client: Client) -> str:
    """Send what is kept, with its key; the refund's gid. Raises what the client raises."""
    try:
        return order_changes.send_refund(client, update.body["input"], str(update.key))
    except errors.UserErrors:
        # A repeat can be refused although the first took effect: only the copy itself tells.
        made = find_made(update, read_progress(client, update.order_import.copy_order_gid))
        if not made:
            raise
        return made
