"""What a products/update webhook tells, pure: whether more than stock has changed since the last one.

Stock moves a product's updatedAt and brings a webhook (shopify.md 8.1): a sale must not cost a look at the product. But
not all of a product stands in a webhook (its SEO, metafields and channels do not), so one that shows no change at all
is looked at.
"""

from typing import Any

from syncing.catalogue.rules.fingerprint import digest

FULL_VARIANTS = 100  # so many variants come in full (shopify.md 4.6)
_MOVED_BY_STOCK = {"updated_at", "inventory_quantity", "old_inventory_quantity"}


def digest_of(payload: dict[str, Any]) -> str:
    """What to remember of a webhook: three digests. '' where it does not tell of all variants."""
    if len(payload.get("variant_gids") or ()) > len(payload.get("variants") or ()):
        return ""
    stock = [[row.get("id"), row.get("inventory_quantity")] for row in payload.get("variants") or ()]
    return ":".join((digest(_without_stock(payload)), digest(stock), str(payload.get("updated_at"))[:40]))


def _without_stock(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_stock(part) for key, part in value.items() if key not in _MOVED_BY_STOCK}
    return [_without_stock(part) for part in value] if isinstance(value, list) else value


def is_only_stock(before: str, now: str) -> bool:
    """Whether nothing but stock has changed from one webhook to the next, or it is the same webhook again."""
    if not before or not now:
        return False
    (content, stock, at), (new_content, new_stock, new_at) = before.split(":", 2), now.split(":", 2)
    return content == new_content and (stock != new_stock or at == new_at)


def is_same_content(before: str, now: str) -> bool:
    """Whether what a webhook tells of the product itself is what an earlier one told."""
    return bool(before and now) and before.split(":", 1)[0] == now.split(":", 1)[0]
