"""Which products a collection holds: picked by hand, matched by conditions, less those left out (shopify.md 8.2)."""

from __future__ import annotations

from decimal import Decimal

from tests.simulator.events.catalogue.conditions import fits
from tests.simulator.state.catalogue import Collection, Source
from tests.simulator.state.shop import Product, Shop


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


def members(shop: Shop, collection: Collection) -> list[Product]:
    """Its products in its own order."""
    return _sorted(shop, collection, [shop.products[number] for number in member_ids(shop, collection)])


def member_ids(shop: Shop, collection: Collection, asking: frozenset[int] = frozenset()) -> list[int]:
    """In the order in which they were picked or made. `asking`: collections that exclude one another."""
    asking = asking | {collection.id}

    def held(number: int) -> list[int]:
        other = shop.catalog.collections.get(number)
        return [] if other is None or number in asking else member_ids(shop, other, asking)

    found: dict[int, bool] = {}
    for source in collection.sources:
        found |= dict.fromkeys(_of_source(shop, source, held), True)
    return list(found)


def _of_source(shop: Shop, source: Source, held) -> list[int]:
    found = [number for number in source.selected if number in shop.products]
    if source.conditions:
        match = any if source.match_type == "ANY" else all
        found += [
            product.id
            for product in shop.rows_by_id("products")
            if match(fits(shop, condition, product, held) for condition in source.conditions)
        ]
    left_out = set(source.excluded)
    return [number for number in found if number not in left_out and not _is_excluded(shop, source, number, held)]


def _is_excluded(shop: Shop, source: Source, number: int, held) -> bool:
    """Conditions on collections exclude by themselves, the others by the match type ([S] CollectionSourceExclusion)."""
    product = shop.products[number]
    by_collection = [one for one in source.excluding if one.name == "collection"]
    others = [one for one in source.excluding if one.name != "collection"]
    if any(fits(shop, one, product, held) for one in by_collection):
        return True
    match = any if source.excluding_match_type == "ANY" else all
    return bool(others) and match(fits(shop, one, product, held) for one in others)


def _sorted(shop: Shop, collection: Collection, products: list[Product]) -> list[Product]:
    def price(product: Product) -> Decimal:
        return min((Decimal(shop.variants[one].price) for one in product.variant_ids), default=Decimal(0))

    keys = {
        "ALPHA_ASC": lambda product: product.title.casefold(),
        "ALPHA_DESC": lambda product: product.title.casefold(),
        "CREATED": lambda product: (product.created_at, product.id),
        "CREATED_DESC": lambda product: (product.created_at, product.id),
        "PRICE_ASC": price,
        "PRICE_DESC": price,
    }
    if collection.sort_order == "MANUAL":
        places = {number: place for place, number in enumerate(collection.order)}
        return sorted(products, key=lambda product: places.get(product.id, len(places)))
    key = keys.get(collection.sort_order)
    if key is None:
        return products
    return sorted(products, key=key, reverse=collection.sort_order.endswith("_DESC"))


def is_member(shop: Shop, collection: Collection, product_id: int) -> bool:
    return product_id in member_ids(shop, collection)


def remember_count(shop: Shop, collection: Collection, at: float, count: int | None = None) -> None:
    """productsCount goes on showing what it was for the shop's lag (row 35); `count`: in place of what it is now."""
    lag = shop.knobs.totals_lag_seconds
    if lag and shop.catalog.lagging_counts.get(collection.id, (0, 0.0))[1] <= at:
        shown = len(member_ids(shop, collection)) if count is None else count
        shop.catalog.lagging_counts[collection.id] = (shown, at + lag)


def products_count(shop: Shop, collection: Collection, at: float) -> int:
    shown, until = shop.catalog.lagging_counts.get(collection.id, (0, 0.0))
    return shown if at < until else len(member_ids(shop, collection))
