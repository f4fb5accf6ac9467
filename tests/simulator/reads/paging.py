"""Connections: opaque cursors that name a place in the sort order, `first` and `last` of at most 250 (row 12).

A cursor holds the sort value and id of a row, not an offset: what is inserted or updated while somebody pages moves.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from tests.simulator.documents.call import Call
from tests.simulator.wire.problems import FieldError

MAX_PAGE = 250
Key = Callable[[object], tuple]


class Page:
    """One page of a connection."""

    __slots__ = ("cursors", "has_next", "has_previous", "nodes")

    def __init__(self, nodes: list, cursors: list[tuple], has_next: bool, has_previous: bool):
        self.nodes = nodes
        self.cursors = cursors
        self.has_next = has_next
        self.has_previous = has_previous

    def __len__(self) -> int:
        return len(self.nodes)


def write_cursor(key: tuple) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def read_cursor(text: str) -> tuple:
    try:
        return tuple(json.loads(base64.urlsafe_b64decode(text.encode())))
    except ValueError:
        raise FieldError(f"Invalid cursor for current pagination sort: {text!r}", "INVALID_FIELD_ARGUMENTS") from None


def check_size(arguments: dict) -> tuple[int, bool]:
    """(rows, whether they are the last ones). Raises FieldError unless exactly one of first and last is there."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        raise FieldError("you must provide one of first or last", "BAD_REQUEST")
    if first is not None and last is not None:
        raise FieldError("providing both first and last is not supported", "BAD_REQUEST")
    size = first if first is not None else last
    name = "first" if first is not None else "last"
    if size < 0:
        raise FieldError(f"{name} must be a non-negative integer", "BAD_REQUEST")
    if size > MAX_PAGE:
        raise FieldError(f"{name} cannot exceed {MAX_PAGE}", "BAD_REQUEST")
    return size, first is None


def page_of(call: Call, arguments: dict, rows: Sequence, key: Key, accept: Callable[[object], bool] | None) -> Page:
    """A page of `rows`, which are sorted by `key` ascending; `reverse` turns them round. `key` ends in the id."""
    if call.unlimited:
        everything = [row for row in _turned(rows, arguments) if accept is None or accept(row)]
        return Page(everything, [key(row) for row in everything], False, False)
    size, from_end = check_size(arguments)
    reverse = bool(arguments.get("reverse"))
    low, high = 0, len(rows)
    after, before = arguments.get("after"), arguments.get("before")
    if reverse:
        after, before = before, after
    if after:
        low = _place(rows, read_cursor(after), key, bisect_right)
    if before:
        high = _place(rows, read_cursor(before), key, bisect_left)
    backwards = reverse != from_end
    found = _take(rows, low, high, size + 1, backwards, accept)
    more = len(found) > size
    found = found[:size]
    if from_end:
        found.reverse()
    started_inside = bool(arguments.get("after")), bool(arguments.get("before"))
    has_next = started_inside[1] if from_end else more
    has_previous = more if from_end else started_inside[0]
    return Page(found, [key(row) for row in found], has_next, has_previous)


def _place(rows: Sequence, wanted: tuple, key: Key, bisect: Callable) -> int:
    try:
        return bisect(rows, wanted, key=key)
    except TypeError:  # a cursor of another sort order
        raise FieldError("Invalid cursor for current pagination sort.", "INVALID_FIELD_ARGUMENTS") from None


def _take(rows: Sequence, low: int, high: int, count: int, backwards: bool, accept) -> list:
    places: Iterable[int] = range(high - 1, low - 1, -1) if backwards else range(low, high)
    found = (rows[place] for place in places)
    if accept is not None:
        found = (row for row in found if accept(row))
    return list(islice(found, count))


def _turned(rows: Sequence, arguments: dict) -> Iterable:
    return reversed(rows) if arguments.get("reverse") else rows


def edges(page: Page, call: Call, arguments: dict) -> list[dict]:
    return [
        {"node": node, "cursor": write_cursor(cursor)} for node, cursor in zip(page.nodes, page.cursors, strict=True)
    ]


def page_info(page: Page, call: Call, arguments: dict) -> dict:
    return {
        "hasNextPage": page.has_next,
        "hasPreviousPage": page.has_previous,
        "startCursor": write_cursor(page.cursors[0]) if page.cursors else None,
        "endCursor": write_cursor(page.cursors[-1]) if page.cursors else None,
    }


def connection_resolvers(kinds: Iterable[str]) -> dict:
    """Resolvers of {kind}Connection for every kind that is paged."""
    found = {}
    for kind in kinds:
        found[f"{kind}Connection.nodes"] = lambda page, call, arguments: page.nodes
        found[f"{kind}Connection.edges"] = edges
        found[f"{kind}Connection.pageInfo"] = page_info
    return found
