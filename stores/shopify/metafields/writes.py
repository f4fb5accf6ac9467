"""Writing metafields of any owner so that one value that is refused costs no other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stores.shopify.client import Client
from stores.shopify.errors import UserErrors
from stores.shopify.products.product_writes import MOST_METAFIELDS, MOST_ROWS, delete_metafields, set_metafields

Row = Mapping[str, Any]
Refused = list[tuple[Row, str]]  # rows, each with what Shopify said


def set_each(client: Client, rows: Sequence[Row]) -> Refused:
    """Set these (ownerId, namespace, key, type, value) but for those that Shopify refuses, which are returned.

    One call for 25 of them, and another one for each that it refuses. Raises as Client.execute does. Safe to repeat.
    """
    return _write(lambda some: set_metafields(client, some), rows, MOST_METAFIELDS)


def delete_each(client: Client, rows: Sequence[Row]) -> Refused:
    """Delete these (ownerId, namespace, key) but for those that Shopify refuses. As `set_each`."""
    return _write(lambda some: delete_metafields(client, some), rows, MOST_ROWS)


def _write(write: Callable[[Sequence[Row]], None], rows: Sequence[Row], most: int) -> Refused:
    refused: Refused = []
    for start in range(0, len(rows), most):
        refused += _write_portion(write, rows[start : start + most])
    return refused


def _write_portion(write: Callable[[Sequence[Row]], None], rows: Sequence[Row]) -> Refused:
    """All of it, or nothing, is what Shopify does: so what it names is left out, and the rest is sent again."""
    if not rows:
        return []
    try:
        write(rows)
    except UserErrors as error:
        named = places_of(error, len(rows))
        if named:
            rest = [row for place, row in enumerate(rows) if place not in named]
            return [(rows[place], said) for place, said in named.items()] + _write_portion(write, rest)
        if len(rows) == 1:
            return [(rows[0], said_by(error))]
        middle = len(rows) // 2
        return _write_portion(write, rows[:middle]) + _write_portion(write, rows[middle:])
    return []


def places_of(error: UserErrors, count: int, below: str = "metafields") -> dict[int, str]:
    """The rows that a refusal names in its paths, of `count` below a list, each with what is wrong with it."""
    found: dict[int, str] = {}
    for row in error.errors:
        path = [str(part) for part in row.field]
        after = path[path.index(below) + 1 :][:1] if below in path else []
        if after and after[0].isascii() and after[0].isdigit() and int(after[0]) < count:
            found.setdefault(int(after[0]), row.message)
    return found


def said_by(error: UserErrors) -> str:
    """What Shopify said, in its words."""
    return "; ".join(row.message for row in error.errors) or str(error)
