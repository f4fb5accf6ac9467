"""What people decide about an order, with a button or on the command line: one function for both.

Each says what comes of it, and raises ValueError with words where it does not apply.
"""

from orders import decisions, entered_by_hand
from orders.changes import decisions as changes
from orders.copies import late_links
from orders.models import OrderImport
from stores.clients import open_for_person
from syncing.connections import resuming
from syncing.queue import enqueue

State = OrderImport.State
AGAIN = (State.SKIPPED, State.WAITING, State.FAILED)
TAKEN_UP = "It is taken up within seconds if a worker is up."


def can_import_again(row: OrderImport) -> bool:
    """Whether an order can be considered afresh: it is neither copied whole nor under way."""
    return late_links.can_add(row) or row.state in AGAIN and not waits_for_review(row)


def import_again(row: OrderImport) -> str:
    """Have an order considered afresh; what may have been sent is looked for first."""
    if not decisions.import_again(row):
        known = _state_now(row)
        raise ValueError(f"it is {known}: imported again is only what failed, waits, was skipped or was linked since.")
    enqueue.import_order(row.connection, row.order_gid)
    return TAKEN_UP


def send_again(row: OrderImport) -> str:
    """An order of unknown outcome is looked for once more, and sent if it is not there."""
    if not decisions.send_again(row):
        raise ValueError(f"it is {_state_now(row)}: what became of it is known.")
    enqueue.import_order(row.connection, row.order_gid)
    return f"It is looked for, and sent if it is not there. {TAKEN_UP}"


def can_give_up(row: OrderImport) -> bool:
    """Whether no copy of an order is there, or may be (that is "sent")."""
    is_open = row.state in (State.PLANNED, State.WAITING, State.FAILED)
    return is_open and not waits_for_review(row)  # “Never” says it there


def give_up(row: OrderImport, who: str) -> str:
    """No copy of an order is made."""
    row.refresh_from_db(fields=["state", "waits_for"])
    if not can_give_up(row) or not decisions.dismiss(row, resuming.move_units, f"Given up by {who}."):
        raise ValueError(f"it is {_state_now(row)}, or its copy may be there: look for it first.")
    return "Given up: no copy of it is made, and its units are no longer reserved."


def waits_for_review(row: OrderImport) -> bool:
    """Whether somebody has to say first that an order is to be copied."""
    return row.state == State.WAITING and row.waits_for == OrderImport.WaitsFor.REVIEW


def copy_reviewed(row: OrderImport) -> str:
    """Somebody has reviewed an order: it is copied."""
    if not decisions.copy_reviewed(row):
        raise ValueError(f"it does not wait for its review: it is {_state_now(row)}.")
    enqueue.import_order(row.connection, row.order_gid)
    return f"It is imported. {TAKEN_UP}"


def never_copy(row: OrderImport, who: str) -> str:
    """Somebody has reviewed an order: no copy of it is made."""
    if not waits_for_review(row) or not decisions.dismiss(row, resuming.move_units, f"Not to be imported, says {who}."):
        raise ValueError(f"it does not wait for its review: it is {_state_now(row)}.")
    return "Noted: no copy is made of it, and its units are no longer reserved."


def done_by_hand(row: OrderImport, who: str) -> str:
    """What both orders hold counts as agreed: somebody has seen to it."""
    if not changes.decide_done(row, resuming.move_units, f"Done by hand, says {who}."):
        raise ValueError("nothing of it needs the shop: it was decided, or both contain the same.")
    return "Noted: nothing of it is reserved any longer."


def carry_back(row: OrderImport, who: str) -> str:
    """What staff took off the copy is taken off the original, too, once."""
    if not changes.decide_back(row, who):
        raise ValueError("nobody took anything off its copy, or it was decided.")
    enqueue.update_order(row.connection, row.order_gid)
    return "The same units are taken off the original, as far as they are not shipped. No money is moved."


def link_entered(row: OrderImport, named: str, who: str) -> str:
    """An order that somebody entered in the source by hand is the copy. Raises as entered_by_hand.link does."""
    words = entered_by_hand.link(row, named, open_for_person, resuming.move_units, who)
    enqueue.update_order(row.connection, row.order_gid)  # what was shipped of it already
    return words


def not_ours(row: OrderImport, who: str) -> str:
    """What is missing of an order in the source is not the source's to deliver, or was entered by hand."""
    if not late_links.end(row, resuming.move_units, who):
        raise ValueError("it does not wait for links, and none of its products came late.")
    return "Noted: nothing more of it is imported."


def _state_now(row: OrderImport) -> str:
    row.refresh_from_db(fields=["state"])
    return str(row.get_state_display()).lower()
