"""Which planned changes look destructive: pure. A suspicious plan is verified live, then held; never clamped."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A connection's limits of caution: units, units, percent of its items, items."""

    zero_from: int = 50
    move: int = 1000
    zero_share: int = 20
    zero_minimum: int = 10


def suspect_change(change_from: int, change_to: int, limits: Limits, *, is_alignment: bool = False) -> str:
    """Why this one change looks destructive, in words; '' if it does not.

    A first alignment may move any number of units (it was previewed), but may not empty a well stocked level unseen.
    """
    if change_from >= limits.zero_from and change_to <= 0:
        return f"falls from {change_from} to {change_to} (limit: from {limits.zero_from})"
    if abs(change_to - change_from) > limits.move and not is_alignment:
        return f"moves {change_to - change_from:+d} units (limit: {limits.move})"
    return ""


def drops_to_zero(change_from: int, change_to: int) -> bool:
    """Whether this change takes an item out of stock."""
    return change_from > 0 >= change_to


def suspect_run(changes: Iterable[tuple[int, int]], item_count: int, limits: Limits, dropped_before: int = 0) -> str:
    """Why a run's changes together look destructive, in words; '' if they do not.

    `changes` are (from, to); `dropped_before` counts items that the same run already took to 0; `item_count` is the
    number of the connection's items.
    """
    dropped = dropped_before + sum(drops_to_zero(*change) for change in changes)
    if dropped >= max(1, limits.zero_minimum) and dropped * 100 > limits.zero_share * item_count:
        return f"{dropped} of {item_count} items would drop to 0 in one run (limit: {limits.zero_share} %)"
    return ""
