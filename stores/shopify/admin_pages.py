"""Addresses of the pages of Shopify's own admin, where staff look at the thing itself."""

from stores.shopify import gids

# https://help.shopify.com/en/manual/shopify-admin: admin.shopify.com/store/<the name before .myshopify.com>
_ADMIN = "https://admin.shopify.com/store/{name}/{room}/{number}"
_ROOMS = {"Order": "orders", "DraftOrder": "draft_orders"}


def page_url(domain: str, gid: str) -> str:
    """Where the admin of the store `domain` shows an order or a draft order. Raises GidError for anything else."""
    kind, number = gids.split(gid)
    if kind not in _ROOMS:
        raise gids.GidError(f"No page is known for a {kind}")
    return _ADMIN.format(name=domain.removesuffix(".myshopify.com"), room=_ROOMS[kind], number=number)
