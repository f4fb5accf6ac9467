"""What tags look like: of products, articles, orders, drafts and customers."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_TAG, MOST_TAGS = 255, 250


def tidy_tags(tags: Iterable[str]) -> list[str]:
    """Commas separate tags; one of each, whatever its case; sorted (shopify.md 8.1)."""
    found: dict[str, str] = {}
    for text in tags:
        for tag in text.split(","):
            if tag.strip():
                found.setdefault(tag.strip().casefold(), tag.strip())
    return sorted(found.values(), key=lambda tag: (tag.casefold(), tag))
