"""Pure: what follows from what an original and its copy hold now, and held when they last agreed.

Each line has two baselines, the units of either side at that moment. The original's own change (now less its baseline)
goes to the copy; the copy's own change is told, or goes back, by choice. What both did alike is nobody's own change, be
it all of it or a part: people who did the same by hand, and our own doings coming back. So it does not matter which
webhook came, nor in which order, nor how often: comparing once more after the steps finds no step.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from stores.currencies import decimals
from stores.shopify.orders.order_progress import Payments

# "Fully paid" stays true when some of it was given back later.
PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})
_UNPAID = frozenset({"PENDING", "PARTIALLY_PAID", "AUTHORIZED", "EXPIRED", ""})
_PAID_IN_PART = frozenset({"PARTIALLY_PAID", "PARTIALLY_REFUNDED"})


@dataclass(frozen=True, slots=True)
class Baseline:
    """The units of a line that original and copy held when they last agreed, or when a person said that they do."""

    original: int
    copy: int


@dataclass(frozen=True, slots=True)
class LineNow:
    """What both orders hold of a line of the original. `open_quantity` of the copy's units are not shipped.

    Without a baseline nobody knows who changed what: all that differs is told, and nothing is sent. `under_way`: what
    was sent for it without an answer, in units that the copy may yet gain or (negative) lose. `is_original_shipped`:
    whatever the copy has lost, the original owes none of it any more. Of the original's units at most
    `carry_back_quantity` may be taken off it: not those that are shipped, nor those of which nobody decided that.
    None: all.
    """

    gid: str
    original_quantity: int
    copy_quantity: int
    open_quantity: int
    baseline: Baseline | None
    under_way: int = 0
    is_original_shipped: bool = False
    carry_back_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class LineSteps:
    """What is to be done about a line. All zero: nothing.

    `report` is what the copy holds more than it should, or (negative) less, once the steps are done: by a change of its
    own, or because it is shipped and cannot be taken off. `reserved_quantity` units are owed by the original and not in
    the copy yet: they are kept from being offered. `baseline` holds once the steps are done.
    """

    gid: str
    baseline: Baseline
    add: int = 0
    remove: int = 0
    carry_back: int = 0
    report: int = 0
    reserved_quantity: int = 0

    @property
    def has_work(self) -> bool:
        """Whether something is to be sent."""
        return bool(self.add or self.remove or self.carry_back)


def compare_line(line: LineNow, *, carries_back: bool = False) -> LineSteps:
    """The steps for one line. `carries_back`: what staff take off the copy is taken off the original, too."""
    original, copy = line.original_quantity, line.copy_quantity
    known = line.baseline or Baseline(original, original)
    theirs, own = original - known.original, copy - known.copy
    if line.under_way:
        return LineSteps(line.gid, known, reserved_quantity=max(theirs - own, 0))
    if original == copy or theirs == own:
        return LineSteps(line.gid, Baseline(original, copy))
    left = theirs - _alike(theirs, own)
    remove, add = min(max(-left, 0), max(line.open_quantity, 0)), max(left, 0)
    # What is shipped cannot be taken off.
    differs = copy + add - remove - (known.copy + theirs)
    most = original if line.carry_back_quantity is None else min(original, line.carry_back_quantity)
    carry_back = min(max(-differs, 0), max(most, 0)) if carries_back and line.baseline else 0
    agreed = Baseline(original - carry_back, known.copy + theirs - carry_back)
    owed = add + (0 if line.is_original_shipped else max(-differs, 0))
    return LineSteps(line.gid, agreed, add, remove, carry_back, differs + carry_back, owed)


def _alike(theirs: int, own: int) -> int:
    """The part of two changes that is the same."""
    if theirs * own <= 0:
        return 0
    return min(theirs, own) if theirs > 0 else max(theirs, own)


def compare_lines(lines: Iterable[LineNow], *, is_cancelled: bool, carries_back: bool = False) -> dict[str, LineSteps]:
    """The steps for the lines of an order, by gid. Of a cancelled original nothing is owed, and its copy is cancelled
    as a whole (orders.changes.steps.cancellations)."""
    if is_cancelled:
        return {line.gid: LineSteps(line.gid, Baseline(line.original_quantity, line.copy_quantity)) for line in lines}
    return {line.gid: compare_line(line, carries_back=carries_back) for line in lines}


def leave_in_copy(line: LineNow, steps: LineSteps) -> LineSteps:
    """The connection takes nothing off its copies: what the original has lost is agreed to stay in the copy."""
    if not steps.remove:
        return steps
    return replace(steps, remove=0, report=0, baseline=Baseline(line.original_quantity, line.copy_quantity))


@dataclass(frozen=True, slots=True)
class Payment:
    """What is to be recorded as paid in a copy: `amount` of it, or all that is outstanding where that is None."""

    amount: Decimal | None
    currency: str


def payment_words(status: str, received: Decimal) -> str:
    """How an order is paid, to be compared with later."""
    return f"{status or '-'} {received.normalize():f}"[:60]


def was_paid(order: Payments) -> bool:
    """Whether all of an order was paid once. After money went back its status does not tell that from a part of it."""
    if order.status == "PAID" or order.status not in PAID:
        return order.status == "PAID"
    return order.outstanding <= 0 or order.received >= max(order.total, order.current)


def find_payment(original: Payments, copy: Payments) -> Payment | None:
    """What the copy is to be paid so that it stands as its original does; None if it does, or if it is paid already.

    In parts: the same share of what there is to pay. Nothing is ever taken back.
    """
    if copy.status not in _UNPAID:
        return None
    if was_paid(original):
        return Payment(None, copy.currency)
    if original.status not in _PAID_IN_PART or original.current <= 0:
        return None
    share = min((original.current - original.outstanding) / original.current, Decimal(1))
    wanted = (copy.received + copy.outstanding) * share - copy.received
    amount = wanted.quantize(Decimal(1).scaleb(-decimals(copy.currency)), ROUND_HALF_UP)
    return Payment(amount, copy.currency) if amount > 0 else None
