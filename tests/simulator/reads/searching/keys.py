"""Which keys each connection's `query` knows ([S] argument descriptions), and what an object holds under them."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.documents.call import Call
from tests.simulator.reads.searching.keys_orders import ORDER_KEYS, Keys
from tests.simulator.reads.searching.search import Search, Values, compile_search
from tests.simulator.state.shop import Shop


def _product_keys(shop: Shop) -> dict[str, Values]:
    def variants(product):
        return [shop.variants[variant_id] for variant_id in product.variant_ids]

    return {
        "id": lambda product: product.id,
        "title": lambda product: product.title,
        "handle": lambda product: product.handle,
        "status": lambda product: product.status,
        "vendor": lambda product: product.vendor,
        "product_type": lambda product: product.product_type,
        "tag": lambda product: product.tags,
        "created_at": lambda product: product.created_at,
        "updated_at": lambda product: product.updated_at,
        "published_at": lambda product: product.published_at,
        "sku": lambda product: [shop.items[variant.item_id].sku or "" for variant in variants(product)],
        "barcode": lambda product: [variant.barcode or "" for variant in variants(product)],
        "variant_id": lambda product: product.variant_ids,
        "variant_title": lambda product: [variant.title for variant in variants(product)],
    }


def _variant_keys(shop: Shop) -> dict[str, Values]:
    def product(variant):
        return shop.products[variant.product_id]

    return {
        "id": lambda variant: variant.id,
        "sku": lambda variant: shop.items[variant.item_id].sku or "",
        "barcode": lambda variant: variant.barcode or "",
        "title": lambda variant: variant.title,
        "product_id": lambda variant: variant.product_id,
        "updated_at": lambda variant: variant.updated_at,
        "product_status": lambda variant: product(variant).status,
        "product_type": lambda variant: product(variant).product_type,
        "vendor": lambda variant: product(variant).vendor,
        "tag": lambda variant: product(variant).tags,
        "requires_components": lambda variant: variant.requires_components,
        "taxable": lambda variant: variant.taxable,
    }


def _item_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda item: item.id,
        "sku": lambda item: item.sku or "",
        "created_at": lambda item: item.created_at,
        "updated_at": lambda item: item.updated_at,
    }


def _level_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda level: shop.locations[level.location_id].level_number,
        "inventory_item_id": lambda level: level.item_id,
        "created_at": lambda level: level.created_at,
        "updated_at": lambda level: level.updated_at,
    }


def _location_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda location: location.id,
        "location_id": lambda location: location.id,
        "name": lambda location: location.name,
        "active": lambda location: location.is_active,
        "legacy": lambda location: location.is_legacy,
        "created_at": lambda location: location.created_at,
        "city": lambda location: location.address.get("city"),
        "country": lambda location: location.address.get("country"),
    }


def _subscription_keys(shop: Shop) -> dict[str, Values]:
    return {
        "id": lambda subscription: subscription.id,
        "created_at": lambda subscription: subscription.created_at,
        "updated_at": lambda subscription: subscription.updated_at,
    }


def _product_default(shop: Shop) -> Values:
    def words(product):
        skus = [shop.items[shop.variants[variant_id].item_id].sku or "" for variant_id in product.variant_ids]
        return [product.title, product.handle, product.vendor, product.product_type, *product.tags, *skus]

    return words


def _variant_default(shop: Shop) -> Values:
    return lambda variant: [
        variant.title,
        shop.products[variant.product_id].title,
        shop.items[variant.item_id].sku or "",
        variant.barcode or "",
    ]


KEYS = {
    "products": Keys(
        _product_keys,
        _product_default,
        frozenset(
            [
                "bundles",
                "category_id",
                "collection_id",
                "combined_listing_role",
                "delivery_profile_id",
                "error_feedback",
                "gift_card",
                "has_only_composites",
                "has_only_default_variant",
                "has_variant_with_components",
                "inventory_total",
                "is_price_reduced",
                "out_of_stock_somewhere",
                "price",
                "product_configuration_owner",
                "product_publication_status",
                "publication_ids",
                "publishable_status",
                "published_status",
                "tag_not",
                "tracks_inventory",
            ]
        ),
    ),
    "variants": Keys(
        _variant_keys,
        _variant_default,
        frozenset(
            [
                "collection",
                "delivery_profile_id",
                "exclude_composite",
                "exclude_variants_with_components",
                "gift_card",
                "inventory_quantity",
                "location_id",
                "managed",
                "managed_by",
                "option1",
                "option2",
                "option3",
                "product_ids",
                "product_publication_status",
                "publishable_status",
                "published_status",
                "tag_not",
            ]
        ),
    ),
    "items": Keys(_item_keys, lambda shop: lambda item: item.sku or ""),
    "levels": Keys(_level_keys, lambda shop: lambda level: level.item_id, frozenset({"inventory_group_id"})),
    "locations": Keys(
        _location_keys,
        lambda shop: lambda location: location.name,
        frozenset(["address1", "address2", "geolocated", "pickup_in_store", "province", "zip"]),
    ),
    "subscriptions": Keys(_subscription_keys, lambda shop: lambda subscription: subscription.uri),
    **ORDER_KEYS,
}


def search_for(call: Call, table: str, text: str | None) -> Callable[[object], bool] | None:
    """A filter for the rows of a table, or None; warnings go to `extensions.search`."""
    return search_with(call, KEYS[table], text)


def search_with(call: Call, keys: Keys, text: str | None) -> Callable[[object], bool] | None:
    """The same for other tables."""
    found: Search | None = compile_search(text, keys.known(call.shop), keys.default(call.shop), keys.other)
    if found is None:
        return None
    if found.warnings:
        call.search_warnings.append(
            {
                "path": [part for part in call.path if isinstance(part, str)],
                "query": text,
                "parsed": text,
                "warnings": found.warnings,
            }
        )
    lag = call.shop.knobs.search_lag_seconds
    if not lag:
        return found.matches
    newest = call.now - lag  # row 14: the search index has not seen what is younger
    if keys is KEYS["levels"]:  # searched by their last change, which it has not seen either
        return lambda level: level.updated_at <= newest and found.matches(level)
    return lambda thing: thing.created_at <= newest and found.matches(thing)
