"""Global ids: gid://shopify/Kind/number, with a query string for levels; jobs have a UUID (shopify.md 3.6)."""

from __future__ import annotations

import re

# The ids of jobs and of taxonomy categories are no numbers, nor are those of what an order edit is about to add.
PATTERN = re.compile(
    r"gid://shopify/(?:([A-Z][A-Za-z0-9]*)/([0-9]+)(?:\?([\w=&%-]+))?|(?:Job|TaxonomyCategory|CalculatedLineItem|CalculatedManualDiscountApplication)/[a-z0-9-]+)\Z"
)


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def level_gid(level_number: int, item_id: int) -> str:
    """The number belongs to the location, the item stands in the query string."""
    return f"gid://shopify/InventoryLevel/{level_number}?inventory_item_id={item_id}"


def parse_gid(text: str) -> tuple[str, int, dict[str, str]]:
    """(kind, number, parameters). Raises ValueError when the text is no gid, or one without a number."""
    match = PATTERN.match(text)
    if not match or match[2] is None:
        raise ValueError(f"Invalid global id '{text}'")
    pairs = (pair.partition("=") for pair in (match[3] or "").split("&") if pair)
    return match[1], int(match[2]), {key: value for key, _, value in pairs}
