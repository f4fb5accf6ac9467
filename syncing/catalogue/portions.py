"""Many things, a portion at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Thing = TypeVar("Thing")
PORTION_ROWS = 250


def portions(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    """All of them in order, in lists of at most 250; none for nothing."""
    iterator = iter(things)
    while portion := list(islice(iterator, PORTION_ROWS)):
        yield portion
