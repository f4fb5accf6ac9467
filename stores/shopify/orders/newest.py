"""The newest of a list, without Shopify's search: what an index has not seen yet is here."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from stores.shopify.instants import parse_instant

# So many older ones in a row end a walk: one alone may have been given an instant of the past.
OLDER_ROWS = 20


def since(nodes: Iterable[dict[str, Any]], instant: datetime) -> Iterator[dict[str, Any]]:
    """The nodes of a list sorted by id, the newest first, down to those that were created before `instant` (aware)."""
    older = 0
    for node in nodes:
        older = older + 1 if parse_instant(node["createdAt"]) < instant else 0
        if older >= OLDER_ROWS:
            return
        yield node
