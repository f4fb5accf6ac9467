"""Deleting a product with all that hangs on it: variants, stock, media, metafields, memberships (shopify.md 8.1).

Orders keep their lines; what they point at is gone and reads as null.
"""

from __future__ import annotations

from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.collection_members import forget_product
from tests.simulator.events.catalogue.files import take_from_product
from tests.simulator.mutations import publications
from tests.simulator.state.options import forget_options
from tests.simulator.state.shop import Product, Shop, Variant


def delete_product(shop: Shop, product: Product) -> None:
    """The shop's lock is held. Publishes its webhooks."""
    items = [shop.variants[variant_id].item_id for variant_id in product.variant_ids]
    for variant_id in list(product.variant_ids):
        delete_variant(shop, shop.variants[variant_id])
    take_from_product(shop, product, list(product.file_ids))
    metafields.forget(shop, ("Product", product.id))
    publications.take_off_everywhere(shop, product)
    forget_product(shop, product.id)
    forget_options(shop, product)
    shop.catalog.busy_products.discard(product.id)
    shop.remove_product(product)
    events: list[tuple[str, tuple]] = [("INVENTORY_ITEMS_DELETE", (item_id,)) for item_id in dict.fromkeys(items)
                                            if item_id not in shop.items]  # fmt: skip
    shop.publish([*events, ("PRODUCTS_DELETE", (product.id,))])


def delete_variant(shop: Shop, variant: Variant) -> None:
    """Without webhooks: those are the caller's."""
    metafields.forget(shop, ("ProductVariant", variant.id))
    shop.remove_variant(variant)
