"""Addresses of the merchant's admin, as links lead to them: a page of the store, narrowed to the thing that is named.

GET /{domain}/admin
GET /{domain}/admin/products/{id}
GET /{domain}/admin/products/{id}/variants/{id}
GET /{domain}/admin/orders/{id}
GET /{domain}/admin/draft_orders/{id}
GET /{domain}/admin/collections/{id}          of these two the page with the whole catalogue
GET /{domain}/admin/pages/{id}

A thing that the store does not have, or a variant under another product, has no page.
"""

from __future__ import annotations

import re

from tests.simulator.state.shop import Shop

PATH = re.compile(r"admin(?:/([a-z_]+)/([0-9]{1,20})(?:/variants/([0-9]{1,20}))?)?/?")
CATALOGUE = ("collections", "pages")


def find_page(shop: Shop, path: str) -> tuple[str, dict[str, str]] | None:
    """Which page of the store shows what `path` names ("" or "catalog"), and its query; None where none does."""
    found = PATH.fullmatch(path)
    if found is None:
        return None
    room, number, variant = found.groups()
    if room is None:
        return "", {}
    kept = {
        "products": shop.products,
        "orders": shop.orders,
        "draft_orders": shop.drafts,
        "collections": shop.catalog.collections,
        "pages": shop.catalog.pages,
    }
    if int(number) not in kept.get(room, {}) or (variant and room != "products"):
        return None
    if room in CATALOGUE:
        return "catalog", {}
    if variant:
        known = shop.variants.get(int(variant))
        is_of_product = known is not None and known.product_id == int(number)
        return ("", {"product": number, "variant": variant}) if is_of_product else None
    return "", {{"products": "product", "orders": "order_id", "draft_orders": "draft_id"}[room]: number}
