"""What people decide about an order, with a button or on the command line: one function for both.

Each says what comes of it, and raises ValueError with words where it does not apply.
"""

from orders import decisions
from orders.changes import decisions as changes
from orders.copies import late_links
from orders.models import OrderImport
from syncing import resuming
from syncing.queue import enqueue

State = OrderImport.State
AGAIN = (State.SKIPPED, State.WAITING, State.FAILED)
TAKEN_UP = "It is taken up within seconds if a worker is up."


def can_import_again(row: OrderImport) -> bool:
    """Whether an order can be considered afresh: it is neither copied nor under way."""
    return row.state in AGAIN


def import_again(row: OrderImport) -> str:
    """Have an order considered afresh; what may have been sent is looked for first."""
    if not decisions.import_again(row):
        raise ValueError(f"it is {_state_now(row)}: only what failed, waits or was skipped is imported again.")
    enqueue.import_order(row.connection, row.order_gid)
    return TAKEN_UP


def done_by_hand(row: OrderImport, who: str) -> str:
    """What both orders hold counts as agreed: somebody has seen to it."""
    if not changes.decide_done(row, resuming.move_units, f"Done by hand, says {who}."):
        raise ValueError("nothing of it needs the shop: it was decided, or both hold the same.")
    return "Noted: nothing of it is held back any longer."


def not_ours(row: OrderImport, who: str) -> str:
    """What is missing of an order in the source is not the source's to deliver, or was entered by hand."""
    if not late_links.end(row, resuming.move_units, who):
        raise ValueError("it does not wait for links, and none of its products came late.")
    return "Noted: nothing more of it is copied."


def _state_now(row: OrderImport) -> str:
    row.refresh_from_db(fields=["state"])
    return str(row.get_state_display()).lower()
