"""Addresses of the pages of Shopify's own admin, where staff look at the thing itself."""

from urllib.parse import urlsplit

from stores.shopify import gids

SUFFIX = ".myshopify.com"
AT_SHOPIFY = "https://{domain}"  # where requests go, unless somebody else plays Shopify

# https://help.shopify.com/en/manual/shopify-admin: admin.shopify.com/store/<the name before .myshopify.com>
_ADMIN = "https://admin.shopify.com/store/{name}"
_ROOMS = {
    "Product": "products",
    "Collection": "collections",
    "Page": "pages",
    "Order": "orders",
    "DraftOrder": "draft_orders",
}


def page_url(domain: str, gid: str = "", product_gid: str = "", *, served_at: str = AT_SHOPIFY) -> str:
    """Where the admin of the store `domain` shows a product, an order, …; the store itself without a gid.

    A variant, with its inventory at all locations, needs the gid of its product, too. Where `served_at` leads to a
    simulated Shopify, its pages are at the same paths below each store's `/admin`. Raises GidError for anything else.
    """
    if served_at == AT_SHOPIFY:
        start = _ADMIN.format(name=domain.removesuffix(SUFFIX))
    else:
        start = served_at.format(domain=domain).rstrip("/") + "/admin"
    if not gid:
        return start
    kind, number = gids.split(gid)
    if kind == "ProductVariant":
        return f"{start}/products/{gids.number(product_gid, 'Product')}/variants/{number}"
    if kind not in _ROOMS:
        raise gids.GidError(f"No page is known for a {kind}")
    return f"{start}/{_ROOMS[kind]}/{number}"


def domain_in(text: str) -> str:
    """The permanent name in what somebody typed or pasted: a name, an address of the store, or one of its admin.

    `my-store`, `https://my-store.myshopify.com/admin`, `admin.shopify.com/store/my-store/products`. Anything else comes
    back as it is, for the caller to refuse.
    """
    text = text.strip().lower()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host = parts.hostname or ""
    except ValueError:
        return text
    rooms = parts.path.strip("/").split("/")
    if host == "admin.shopify.com" and rooms[0] == "store" and len(rooms) > 1:
        host = rooms[1]
    return host if "." in host or not host else host + SUFFIX
