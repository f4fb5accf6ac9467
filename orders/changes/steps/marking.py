"""The mark of an order that staff entered in the source by hand: the tags and attributes that a copy of ours has.

So whoever packs it sees what it stands for, and a restored database finds it before another copy is made. What it says
is read before it is written: after a lost answer nothing is written twice, and what staff wrote stays.
"""

from orders.changes.comparing import Comparison
from orders.changes.steps import state
from orders.copies.rules import copy_input
from orders.copies.rules.named import beside
from orders.marks import MARK_TAG
from orders.models import OrderImport, OrderUpdate
from stores.shopify.errors import UserErrors
from stores.shopify.orders import order_marks

MARKED = "The order in the source says which original it stands for."


def carry_mark(update: OrderUpdate, comparison: Comparison) -> str:
    """Have the order say what it stands for; what came of it, in words. Safe to repeat.

    Raises what the client raises.
    """
    row = update.order_import
    if row.copy_order_gid != update.origin_gid:
        return state.skip(update, "Another order is its copy now.")
    client = comparison.clients(row.connection.source)
    found = order_marks.read_marks(client, row.copy_order_gid)
    tags, said, custom_id = _marks(row)
    missing = [tag for tag in tags if tag not in found.tags]
    if not missing and said.items() <= dict(found.attributes).items():
        return state.confirm(update, MARKED, row.copy_order_gid)
    if not state.begin(update, {}, as_of=client.answered_at):
        return "Another worker has it in hand."
    theirs = [pair for pair in found.attributes if pair not in said.items()]
    pairs = beside(theirs, said)
    try:
        order_marks.mark_order(client, row.copy_order_gid, tags, pairs, "" if found.custom_id else custom_id)
    except UserErrors:
        # A copy that was there before may have that id: it is unique.
        order_marks.mark_order(client, row.copy_order_gid, tags, pairs, "")
    return state.confirm(update, MARKED, row.copy_order_gid)


def _marks(row: OrderImport) -> tuple[list[str], dict[str, str], str]:
    """The tags, the attributes and the custom id of whatever is a copy of this original."""
    destination = row.connection.destination
    custom_id = copy_input.custom_id(row.order_gid, destination.domain)
    said = {
        copy_input.ORIGINAL_STORE: destination.domain,
        copy_input.ORIGINAL_NAME: row.order_name,
        copy_input.ORIGINAL_ID: custom_id,
    }
    return [copy_input.store_tag(str(destination)), MARK_TAG], said, custom_id
