"""Shopify's global ids: `gid://shopify/<Type>/<number>`, and the bare numbers that webhooks carry instead."""

import re
from collections.abc import Iterable

MOST_DIGITS = 20  # of UnsignedInt64
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")  # Model3d has a digit
_GID = re.compile(rf"gid://shopify/({_KIND.pattern})/([0-9]+)(?:\?[^\s]*)?")


class GidError(ValueError):
    """Text that is not a gid, or a gid of another type than expected."""


def gid(kind: str, number: int | str) -> str:
    """`gid("InventoryItem", 123)` is `gid://shopify/InventoryItem/123`. Numbers may exceed 2**53 (shopify.md 4.6).

    Raises GidError for a float, a bool, a negative number, or text that is not all digits; or too many.
    """
    text = str(number) if isinstance(number, int) and not isinstance(number, bool) else number
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise GidError(f"Not the number of a {kind}: {str(number)[:40]!r}")
    if not _KIND.fullmatch(kind):
        raise GidError(f"Not a type of Shopify: {kind[:40]!r}")
    return f"gid://shopify/{kind}/{int(text)}"


def split(text: str) -> tuple[str, int]:
    """`("InventoryItem", 123)` of a gid; a query string, as inventory levels carry it, is left out. Raises GidError."""
    found = _GID.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise GidError(f"Not a Shopify id: {str(text)[:60]!r}")
    return found.group(1), int(found.group(2))


def number(text: str, kind: str = "") -> int:
    """The number of a gid; with `kind`, also checks its type. Raises GidError."""
    found, value = split(text)
    if kind and found != kind:
        raise GidError(f"Expected the id of a {kind}, got {text[:60]!r}")
    return value


def require(texts: str | Iterable[str], kind: str) -> None:
    """Check an id, or each of several, before it is sent: one malformed id fails a whole request. Raises GidError."""
    for text in (texts,) if isinstance(texts, str) else texts:
        number(text, kind)
