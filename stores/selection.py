"""Which products follow, pure: what the source shares, narrowed by what a connection wants. Nothing else decides it."""

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass
from hashlib import sha256

NOT_SHARED, NOT_SELECTED, EXCLUDED = "not_shared", "not_selected", "excluded"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a product of the source; `collections` are those of the named ones that it is in."""

    gid: str
    tags: tuple[str, ...] = ()
    vendor: str = ""
    product_type: str = ""
    collections: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Share:
    """What a source shares: nothing, or products with any of `tags`, and in any of `collections`; none: all of them."""

    is_on: bool = True
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a connection wants of it. Each kind that is not empty must hold; of one kind any will do."""

    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    product_types: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


ALL, SHARES_ALL = Selection(), Share()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a product follows. If not, `departure` is one of the above; `reason` is for operators."""

    is_wanted: bool
    reason: str = ""
    departure: str = ""


def tag_key(text: str) -> str:
    """A tag, vendor or type as it is compared: blanks around it and its case do not matter (shopify.md 8.1)."""
    return text.strip().casefold()


def wants(facts: Facts, selection: Selection, share: Share, excluded_by: str = "") -> Decision:
    """Whether a product follows, and why not. `excluded_by`: who left it out, if any."""
    if excluded_by:
        return Decision(False, f"Left out of this connection by {excluded_by}.", EXCLUDED)
    if why := _why_not_shared(facts, share):
        return Decision(False, why, NOT_SHARED)
    if why := _why_not_selected(facts, selection):
        return Decision(False, why, NOT_SELECTED)
    return Decision(True)


def _why_not_shared(facts: Facts, share: Share) -> str:
    if not share.is_on:
        return "The source does not share its products."
    if share.tags and not _found(facts.tags, share.tags):
        return f"The source shares only products with {_any_of('tag', share.tags)}."
    if share.collections and facts.collections.isdisjoint(share.collections):
        return "The source shares only products of chosen collections, and it is in none of them."
    return ""


def _why_not_selected(facts: Facts, selection: Selection) -> str:
    if selection.tags and not _found(facts.tags, selection.tags):
        return f"The connection takes only products with {_any_of('tag', selection.tags)}."
    if found := _found(facts.tags, selection.without_tags):
        return f"The connection leaves out products with the tag “{found}”."
    if selection.collections and facts.collections.isdisjoint(selection.collections):
        return "The connection takes only products of chosen collections, and it is in none of them."
    if selection.vendors and not _found([facts.vendor], selection.vendors):
        return f"The connection takes only products with {_any_of('vendor', selection.vendors)}."
    if selection.product_types and not _found([facts.product_type], selection.product_types):
        return f"The connection takes only products with {_any_of('type', selection.product_types)}."
    if selection.products and facts.gid not in selection.products:
        return "The connection takes only products that are listed by hand, and it is not among them."
    return ""


def needs_facts(selection: Selection, share: Share) -> bool:
    """Whether more must be known of a product than its id."""
    if not share.is_on:
        return False
    lists = (share.tags, share.collections, selection.tags, selection.without_tags, selection.collections)
    return any((*lists, selection.vendors, selection.product_types))


def digest_of(selection: Selection, share: Share) -> str:
    """Another one means that each product must be decided about anew; '' where all products follow."""
    if selection == ALL and share == SHARES_ALL:
        return ""
    return sha256(repr((astuple(selection), astuple(share))).encode()).hexdigest()


def _found(known: Iterable[str], wanted: Collection[str]) -> str:
    keys = {tag_key(text) for text in known}
    return next((text.strip() for text in wanted if tag_key(text) in keys), "")


def _any_of(what: str, texts: tuple[str, ...]) -> str:
    shown = ", ".join(f"“{text.strip()}”" for text in texts[:5])
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return f"the {what} {shown}" if len(texts) == 1 else f"a {what} of {shown}{more}"


def describe(selection: Selection) -> str:
    """A selection in words, for people."""
    parts = [
        ("with the tag {}", selection.tags),
        ("without the tag {}", selection.without_tags),
        ("of {} chosen collections", selection.collections),
        ("of the vendor {}", selection.vendors),
        ("of the type {}", selection.product_types),
        ("{} listed by hand", selection.products),
    ]
    said = [
        words.format(len(texts) if "chosen" in words or "listed" in words else " or ".join(texts[:5]))
        for words, texts in parts
        if texts
    ]
    return ", ".join(said) or "All that the source shares"
