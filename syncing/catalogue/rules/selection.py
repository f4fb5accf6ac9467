"""Which products follow, pure: what the source shares, narrowed by what a connection wants."""

from collections.abc import Iterable
from dataclasses import dataclass

ALL, WITH_TAGS, WITHOUT_TAGS = "all", "with_tags", "without_tags"
NOT_SHARED, NOT_SELECTED, EXCLUDED = "not_shared", "not_selected", "excluded"


@dataclass(frozen=True, slots=True)
class Share:
    """What a source shares: nothing, or products with any of `tags`; no tags: all products."""

    is_on: bool = True
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a connection wants of it: `kind` is ALL, WITH_TAGS or WITHOUT_TAGS, of any of `tags`."""

    kind: str = ALL
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a product follows. If not, `departure` is one of the above; `reason` is for operators."""

    is_wanted: bool
    reason: str = ""
    departure: str = ""


def tag_key(tag: str) -> str:
    """A tag as it is compared: blanks around it and its case do not matter (shopify.md 8.1)."""
    return tag.strip().casefold()


def wants(product_tags: Iterable[str], selection: Selection, share: Share, excluded_by: str = "") -> Decision:
    """Whether a product with these tags (the source's) follows, and why not. `excluded_by`: who left it out, if any."""
    if excluded_by:
        return Decision(False, f"Left out of this connection by {excluded_by}.", EXCLUDED)
    keys = {tag_key(tag) for tag in product_tags}
    if not share.is_on:
        return Decision(False, "The source does not share its products.", NOT_SHARED)
    if share.tags and not _found(keys, share.tags):
        return Decision(False, f"The source shares only products with {_any_of(share.tags)}.", NOT_SHARED)
    if selection.kind == WITH_TAGS and not _found(keys, selection.tags):
        return Decision(False, f"The connection takes only products with {_any_of(selection.tags)}.", NOT_SELECTED)
    if selection.kind == WITHOUT_TAGS and (found := _found(keys, selection.tags)):
        return Decision(False, f"The connection leaves out products with the tag “{found}”.", NOT_SELECTED)
    return Decision(True)


def _found(keys: set[str], tags: Iterable[str]) -> str:
    return next((tag.strip() for tag in tags if tag_key(tag) in keys), "")


def _any_of(tags: tuple[str, ...]) -> str:
    shown = ", ".join(f"“{tag.strip()}”" for tag in tags[:5])
    more = f" and {len(tags) - 5} more" if len(tags) > 5 else ""
    return f"the tag {shown}" if len(tags) == 1 else f"a tag of {shown}{more}"
