"""What people do to a shop by hand in its admin: counting stock, renaming, adding and deleting things."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulator.events.catalogue.deletion import delete_product as delete_wholly
from tests.simulator.events.catalogue.deletion import delete_variant as delete_variant_wholly
from tests.simulator.events.stock import StockAction, touch_products
from tests.simulator.mutations.activation import activate_level, change_item, deactivate_level
from tests.simulator.mutations.products.fields import move_handle
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Level, Location, Product, Shop, Variant

PRODUCT_FIELDS = (
    "title",
    "status",
    "vendor",
    "product_type",
    "tags",
    "description_html",
    "template_suffix",
    "category",
    "seo_title",
    "seo_description",
)
VARIANT_FIELDS = (
    "barcode",
    "price",
    "compare_at_price",
    "inventory_policy",
    "refuses_policy",
    "title",
    "option_values",
    "requires_components",
    "taxable",
    "tax_code",
)


def set_quantity(
    shop: Shop,
    clock: Clock,
    item_id: int,
    location_id: int,
    quantity: int,
    *,
    name: str = "available",
    cause: str = "set",
) -> Level:
    """An absolute value, as typed into the admin. Raises KeyError for an unknown item or location."""
    with shop.lock:
        _known(shop, item_id, location_id)
        action = StockAction(shop, clock.seconds(), cause)
        level = action.level(item_id, location_id)
        moved = "available" if name == "on_hand" else name
        action.move(level, moved, quantity - getattr(level, name))
        action.close()
        return level


def adjust_quantity(
    shop: Shop,
    clock: Clock,
    item_id: int,
    location_id: int,
    delta: int,
    *,
    name: str = "available",
    cause: str = "restock",
) -> Level:
    with shop.lock:
        _known(shop, item_id, location_id)
        action = StockAction(shop, clock.seconds(), cause)
        level = action.level(item_id, location_id)
        action.move(level, name, delta)
        action.close()
        return level


def set_many(
    shop: Shop, clock: Clock, rows: Iterable[tuple[int, int, int]], *, cause: str = "set", chunk: int = 250
) -> int:
    """Many absolute values [(item id, location id, quantity)], each a change of its own. Answers how many rows.

    The lock is let go between chunks, so that deliveries and requests run beside a burst.
    """
    rows = list(rows)
    for start in range(0, len(rows), chunk):
        with shop.lock:
            for item_id, location_id, quantity in rows[start : start + chunk]:
                set_quantity(shop, clock, item_id, location_id, quantity, cause=cause)
    return len(rows)


def _known(shop: Shop, item_id: int, location_id: int) -> None:
    if item_id not in shop.items:
        raise KeyError(f"{shop.domain} has no inventory item {item_id}")
    if location_id not in shop.locations:
        raise KeyError(f"{shop.domain} has no location {location_id}")


def activate(shop: Shop, clock: Clock, item_id: int, location_id: int) -> Level:
    with shop.lock:
        _known(shop, item_id, location_id)
        action = StockAction(shop, clock.seconds(), "activate")
        level = activate_level(action, item_id, location_id)
        action.close()
        return level


def deactivate(shop: Shop, clock: Clock, item_id: int, location_id: int) -> Level:
    """Without the checks of the API: a test may need a level to be gone."""
    with shop.lock:
        action = StockAction(shop, clock.seconds(), "deactivate")
        level = shop.levels[item_id, location_id]
        deactivate_level(action, level)
        action.close()
        return level


def change_inventory_item(shop: Shop, clock: Clock, item_id: int, **changes) -> None:
    """sku, tracked, unit_cost, requires_shipping, ..."""
    with shop.lock:
        change_item(shop, shop.items[item_id], changes, clock.seconds())


def change_variant(shop: Shop, clock: Clock, variant_id: int, **changes) -> Variant:
    """Fields of the variant; sku and tracked go to its inventory item. Raises KeyError for an unknown field."""
    with shop.lock:
        variant = shop.variants[variant_id]
        of_item = {name: changes.pop(name) for name in ("sku", "tracked") if name in changes}
        if of_item:
            change_item(shop, shop.items[variant.item_id], of_item, clock.seconds())
        for name, value in changes.items():
            if name not in VARIANT_FIELDS:
                raise KeyError(name)
            setattr(variant, name, value)
        if changes:
            touch_products(shop, variant.item_id, clock.seconds())
            shop.publish([("PRODUCTS_UPDATE", (variant.product_id,))])
        return variant


def change_product(shop: Shop, clock: Clock, product_id: int, **changes) -> Product:
    """Fields of the product, `handle` among them. Raises ValueError for a taken handle, KeyError for a field."""
    with shop.lock:
        product = shop.products[product_id]
        move_handle(shop, product, changes.pop("handle", product.handle))
        for name, value in changes.items():
            if name not in PRODUCT_FIELDS:
                raise KeyError(name)
            setattr(product, name, value)
        product.updated_at = clock.whole_seconds()
        shop.publish([("PRODUCTS_UPDATE", (product.id,))])
        return product


def add_product(shop: Shop, clock: Clock, title: str, variants: Iterable[dict] = ({},), **fields) -> Product:
    """A product with its variants, each a dictionary for Shop.add_variant (`stock` is {location id: available})."""
    with shop.lock:
        now = clock.whole_seconds()
        product = shop.add_product(title, at=now, **fields)
        made = [shop.add_variant(product, at=now, **variant) for variant in variants]
        shop.publish(
            [
                ("PRODUCTS_CREATE", (product.id,)),
                *(("INVENTORY_ITEMS_CREATE", (variant.item_id,)) for variant in made),
                *_connected(shop, made),
            ]
        )
        return product


def add_variant(shop: Shop, clock: Clock, product_id: int, **fields) -> Variant:
    with shop.lock:
        product = shop.products[product_id]
        variant = shop.add_variant(product, at=clock.whole_seconds(), **fields)
        product.updated_at = clock.whole_seconds()
        shop.publish(
            [
                ("INVENTORY_ITEMS_CREATE", (variant.item_id,)),
                *_connected(shop, [variant]),
                ("PRODUCTS_UPDATE", (product.id,)),
            ]
        )
        return variant


def _connected(shop: Shop, variants: list[Variant]) -> list[tuple[str, tuple]]:
    return [
        ("INVENTORY_LEVELS_CONNECT", (variant.item_id, place))
        for variant in variants
        for place in shop.items[variant.item_id].level_locations
    ]


def share_item(shop: Shop, clock: Clock, variant_id: int, other_id: int) -> Variant:
    """The first variant gives its inventory item up for the other's, as in a combined listing (row 54)."""
    with shop.lock:
        variant, other = shop.variants[variant_id], shop.variants[other_id]
        gone, now = shop.share_item(variant, other), clock.whole_seconds()
        products = [shop.products[one.product_id] for one in (variant, other)]
        for thing in (variant, other, *products):
            thing.updated_at = now
        events = [] if gone.id in shop.items else [("INVENTORY_ITEMS_DELETE", (gone.id,))]
        shop.publish([*events, *{("PRODUCTS_UPDATE", (product.id,)): True for product in products}])
        return variant


def delete_variant(shop: Shop, clock: Clock, variant_id: int) -> None:
    with shop.lock:
        variant = shop.variants[variant_id]
        product = shop.products[variant.product_id]
        delete_variant_wholly(shop, variant)
        product.updated_at = clock.whole_seconds()
        gone = [] if variant.item_id in shop.items else [("INVENTORY_ITEMS_DELETE", (variant.item_id,))]
        shop.publish([*gone, ("PRODUCTS_UPDATE", (product.id,))])


def delete_product(shop: Shop, clock: Clock, product_id: int) -> None:
    with shop.lock:
        delete_wholly(shop, shop.products[product_id])


def add_location(shop: Shop, clock: Clock, name: str, **fields) -> Location:
    with shop.lock:
        place = shop.add_location(name, at=clock.whole_seconds(), **fields)
        shop.publish([("LOCATIONS_CREATE", (place.id,))])
        return place


def change_location(shop: Shop, clock: Clock, location_id: int, **changes) -> Location:
    """`name`, or `is_active` (which has topics of its own)."""
    with shop.lock:
        place = shop.locations[location_id]
        topic = "LOCATIONS_UPDATE"
        if "is_active" in changes and changes["is_active"] != place.is_active:
            topic = "LOCATIONS_ACTIVATE" if changes["is_active"] else "LOCATIONS_DEACTIVATE"
        for name, value in changes.items():
            if not hasattr(place, name):
                raise KeyError(name)
            setattr(place, name, value)
        place.updated_at = clock.whole_seconds()
        shop.publish([(topic, (place.id,))])
        return place


def close_location(shop: Shop, clock: Clock, location_id: int, to_location_id: int | None = None) -> Location:
    """Closes a location; whatever is available there goes to another one, if any. What is left of it: row 46."""
    with shop.lock:
        action = StockAction(shop, clock.seconds(), "close")
        for level in [level for level in shop.levels.values() if level.location_id == location_id]:
            _leave_closed(action, level, to_location_id)
        action.close()
    return change_location(shop, clock, location_id, is_active=False)


def _leave_closed(action: StockAction, level: Level, to_location_id: int | None) -> None:
    shop, units = action.shop, level.available
    if to_location_id is not None:
        action.move(level, "available", -units)
        action.move(action.level(level.item_id, to_location_id), "available", units)
    if shop.knobs.closed_levels != "kept":
        deactivate_level(action, level)
    if shop.knobs.closed_levels == "gone":
        del shop.levels[level.item_id, level.location_id]
        shop.items[level.item_id].level_locations.remove(level.location_id)
