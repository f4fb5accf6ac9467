"""Which products a collection holds: picked by hand, matched by conditions, less those left out (facts 8.2)."""

from __future__ import annotations

from .catalog_state import Collection, Source
from .state import Product, Shop


def hand_source(shop: Shop, collection: Collection) -> Source:
    """The source that products are picked into; made when there is none."""
    for source in collection.sources:
        if not source.conditions:
            return source
    source = Source(shop.next_id(), collection.title)
    collection.sources.append(source)
    return source


def put_into_collections(shop: Shop, product: Product, wanted: list[Collection], now: int) -> list[int]:
    """Its hand-picked memberships become exactly these. Answers the ids of the collections that changed."""
    changed = []
    for collection in shop.catalog.collections.values():
        holding = [source for source in collection.sources if product.id in source.selected]
        if collection in wanted and not holding:
            hand_source(shop, collection).selected.append(product.id)
        elif holding and collection not in wanted:
            for source in holding:
                source.selected.remove(product.id)
        else:
            continue
        collection.updated_at = now
        changed.append(collection.id)
    return changed


def forget_product(shop: Shop, product_id: int) -> None:
    """A deleted product is a member of nothing."""
    for collection in shop.catalog.collections.values():
        for source in collection.sources:
            source.selected = [one for one in source.selected if one != product_id]
            source.excluded = [one for one in source.excluded if one != product_id]
        collection.order = [one for one in collection.order if one != product_id]
