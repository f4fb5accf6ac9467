"""A refund of the original, to its copy: the same units are taken off it. No money moves, the destination has it.

`refundCreate` is idempotent for a day (facts 3.3): what is sent is kept with its key and sent again as it was.
"""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from orders import draft_refunds, units_left, update_state
from orders.importing import Clients
from orders.models import OrderSettings, OrderUpdate
from orders.units import Units
from stores.shopify import errors, order_changes
from stores.shopify.client import Client
from stores.shopify.order_progress import OrderProgress, read_progress

# Shopify keeps a key for 24 hours; an hour less, because its clock is not ours.
KEY_LIFE = timedelta(hours=23)
TAKEN_OFF = "The same units were taken off the copy."


def carry_refund(update: OrderUpdate, choices: OrderSettings, clients: Clients, tell: Units) -> str:
    """Take off the copy what a refund took off the original; what came of it, in words. Safe to repeat.

    Raises LookAgain and UpdateRefused (where the copy is an open draft), and what the client raises.
    """
    row = update.order_import
    original = read_progress(clients(row.connection.destination), row.order_gid)
    refund = next((each for each in original.refunds if each.gid == update.origin_gid), None)
    if refund is None or not refund.lines:
        return update_state.skip(update, "It moved money only: nothing is to be taken off the copy.")
    if original.cancelled_at and choices.carries_cancellations:
        return update_state.skip(update, "The original is cancelled: the cancellation takes it all off the copy.")
    if not row.copy_order_gid:
        return draft_refunds.carry_to_draft(update, choices, clients, tell)
    client = clients(row.connection.source)
    copy = read_progress(client, row.copy_order_gid)
    # Without an input it was sent to the draft that has become this order: what both hold tells what is left to do.
    if update.state == OrderUpdate.State.SENT and "input" in update.body and (made := settle(update, client, copy)):
        return update_state.confirm(update, TAKEN_OFF, made)
    if copy.cancelled_at:
        return update_state.skip(update, "The copy is cancelled.")
    rows = units_left.plan_refund(original, copy, refund.lines, restocks=restocks_copies(choices))
    if not rows:
        return update_state.skip(update, "Nothing of it is in the copy, or it was taken off already.")
    asked = order_changes.refund_input(row.copy_order_gid, rows, f"Refunded in {row.connection.destination}")
    known = [each.gid for each in copy.refunds]
    if not update_state.begin(update, {"input": asked, "known": known}, uuid4()):
        return "Another worker has it in hand."
    return update_state.confirm(update, TAKEN_OFF, send(update, client))


def restocks_copies(choices: OrderSettings) -> bool:
    """Whether a copy's units go back into stock; those of copies that left it alone were never taken from it."""
    return choices.restocks and choices.inventory_behaviour != OrderSettings.InventoryBehaviour.BYPASS


def settle(update: OrderUpdate, client: Client, copy: OrderProgress) -> str:
    """The gid of a refund whose answer was lost, sent once more if need be; '' if it is to be planned anew."""
    if made := _find_made(update, copy):
        return made
    if update.sent_at is None or timezone.now() - update.sent_at > KEY_LIFE:
        return ""
    return send(update, client)


def _find_made(update: OrderUpdate, copy: OrderProgress) -> str:
    """The gid of the copy's refund that was sent; '' if it has none such."""
    asked = update.body.get("input", {}).get("refundLineItems", [])
    rows = sorted((row["lineItemId"], row["quantity"]) for row in asked)
    for refund in copy.refunds:
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
        made = _find_made(update, read_progress(client, update.order_import.copy_order_gid))
        if not made:
            raise
        return made
