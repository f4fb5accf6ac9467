"""Pure: what follows from what an original and its copy hold now, and held when they last agreed.

Each line has two baselines, the units of either side at that moment. The original's own change (now less its baseline)
goes to the copy; the copy's own change is told, or goes back, by choice. Equal is nothing: what both sides did alike,
and our own doings coming back. So it does not matter which webhook came, nor in which order, nor how often: comparing
once more after the steps finds no step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Baseline:
    """The units of a line that original and copy held when they last agreed, or when a person said that they do."""

    original: int
    copy: int


@dataclass(frozen=True, slots=True)
class LineNow:
    """What both orders hold of a line of the original. `open_quantity` of the copy's units are not shipped.

    Without a baseline nobody knows who changed what: all that differs is told, and nothing is sent. `under_way`: what
    was sent for it without an answer, in units that the copy may yet gain or (negative) lose.
    """

    gid: str
    original_quantity: int
    copy_quantity: int
    open_quantity: int
    baseline: Baseline | None
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class LineSteps:
    """What is to be done about a line. All zero: nothing.

    `tell` is what the copy holds more than it should, or (negative) less, once the steps are done: by a change of its
    own, or because it is shipped and cannot be taken off. `reserved_quantity` units are owed by the original and not in
    the copy yet: they are kept from being offered. `baseline` holds once the steps are done.
    """

    gid: str
    baseline: Baseline
    add: int = 0
    take_off: int = 0
    carry_back: int = 0
    tell: int = 0
    reserved_quantity: int = 0

    @property
    def has_work(self) -> bool:
        """Whether something is to be sent."""
        return bool(self.add or self.take_off or self.carry_back)


def compare_line(line: LineNow, *, carries_back: bool = False) -> LineSteps:
    """The steps for one line. `carries_back`: what staff take off the copy is taken off the original, too."""
    original, copy = line.original_quantity, line.copy_quantity
    known = line.baseline or Baseline(original, original)
    theirs, own = original - known.original, copy - known.copy
    if line.under_way:
        return LineSteps(line.gid, known, reserved_quantity=max(theirs - own, 0))
    if original == copy or theirs == own:
        return LineSteps(line.gid, Baseline(original, copy))
    take_off = min(max(-theirs, 0), max(line.open_quantity, 0))
    add = max(theirs, 0)
    # Where a unit is shipped, or staff took it off before us, less can be taken off than the original lost.
    differs = copy + add - take_off - (known.copy + theirs)
    carry_back = min(max(-differs, 0), max(original, 0)) if carries_back and line.baseline else 0
    agreed = Baseline(original - carry_back, known.copy + theirs - carry_back)
    return LineSteps(line.gid, agreed, add, take_off, carry_back, differs + carry_back, max(theirs - own, 0))


def compare_lines(lines: Iterable[LineNow], *, is_cancelled: bool, carries_back: bool = False) -> dict[str, LineSteps]:
    """The steps for the lines of an order, by gid. Of a cancelled original nothing is owed, and its copy is cancelled
    as a whole (orders.changes.cancellations)."""
    if is_cancelled:
        return {line.gid: LineSteps(line.gid, line.baseline or Baseline(0, line.copy_quantity)) for line in lines}
    return {line.gid: compare_line(line, carries_back=carries_back) for line in lines}


def count_owed(lines: Iterable[LineNow], *, is_cancelled: bool) -> Mapping[str, int]:
    """Line gid -> units that the original holds and the copy does not, undecided; whatever is done about them."""
    return {gid: steps.reserved_quantity for gid, steps in compare_lines(lines, is_cancelled=is_cancelled).items()}
