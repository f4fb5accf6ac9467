"""What became of one thing of a source that follows: products, collections, content."""

from dataclasses import dataclass
from typing import Any

from stores.models import ProductLink, ResourceLink
from syncing.models import CatalogueRunItem

Action = CatalogueRunItem.Action


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


def outcome_of(
    link: ProductLink | ResourceLink, action: str, result: str, reason: str = "", failure: str = "", *, title: str = ""
) -> Outcome:
    """What became of what a link is about; `title` where the link does not know the newest."""
    return Outcome(link.source_gid, title or link.title, action, result, reason, failure, link.destination_gid)


def action_of(*, is_new: bool, is_back: bool, is_changed: bool) -> str:
    """What a run says was done to a thing that has a partner: it was made, taken up again, changed, or equal."""
    if is_new:
        return Action.CREATE
    if is_back:
        return Action.RELINK
    return Action.UPDATE if is_changed else Action.EQUAL
