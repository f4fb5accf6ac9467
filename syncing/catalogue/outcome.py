"""What became of one thing of a source that follows: products, collections, content."""

from dataclasses import dataclass
from typing import Any


class Blocked(Exception):
    """A thing cannot be carried yet; the message says what it waits for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, or in a preview would be done, about one thing of the source.

    `action` and `outcome` are of CatalogueRunItem; `failure` is '' or one of its Failure.
    """

    source_gid: str
    title: str
    action: str
    outcome: str
    reason: str = ""
    failure: str = ""
    destination_gid: str = ""
    differences: tuple[dict[str, Any], ...] = ()
