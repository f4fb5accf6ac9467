"""The control API's looks: shops, variants, levels, changes as JSON."""

from __future__ import annotations

from dataclasses import asdict

from tests.simulator.reads.shop import id_key, inventory_quantity
from tests.simulator.state.gids import gid, level_gid, parse_gid
from tests.simulator.state.shop import Shop, Variant


def number(value: object) -> int:
    """An id given as number, text of digits, or gid."""
    if isinstance(value, str) and value.startswith("gid://"):
        return parse_gid(value)[1]
    return int(value)


def numbers(values: object) -> list[int]:
    return [number(value) for value in (values if isinstance(values, list) else str(values).split(","))]


def list_shops(sim) -> list[dict]:
    return [
        {
            "domain": shop.domain,
            "name": shop.name,
            "currency": shop.currency,
            "products": len(shop.products),
            "variants": len(shop.variants),
            "locations": len(shop.locations),
            "subscriptions": len(shop.subscriptions),
            "orders": len(shop.orders),
            "changes": len(shop.changes),
        }
        for shop in sim.shops.values()
    ]


def list_locations(sim, domain: str) -> list[dict]:
    places = sim.shops[domain].locations.values()
    return [
        {"id": row.id, "gid": gid("Location", row.id), "name": row.name, "is_active": row.is_active} for row in places
    ]


def describe_variant(shop: Shop, variant: Variant) -> dict:
    """One variant with its item and every level, inactive ones included."""
    item, product = shop.items[variant.item_id], shop.products[variant.product_id]
    return {
        "variant_id": variant.id,
        "item_id": item.id,
        "item_gid": gid("InventoryItem", item.id),
        "product_id": product.id,
        "product_title": product.title,
        "handle": product.handle,
        "title": variant.title,
        "sku": item.sku,
        "barcode": variant.barcode,
        "tracked": item.tracked,
        "inventory_policy": variant.inventory_policy,
        "requires_components": variant.requires_components,
        "inventory_quantity": inventory_quantity(shop, variant),
        "levels": [
            {
                "location_id": level.location_id,
                "location": shop.locations[level.location_id].name,
                "available": level.available,
                "committed": level.committed,
                "on_hand": level.on_hand,
                "is_active": level.is_active,
                "opening": level.opening,
            }
            for level in shop.levels_of(item.id)
        ],
    }


def list_variants(sim, domain: str, limit: int = 250, after: object = 0, sku: str | None = None) -> list[dict]:
    """In the order of their ids, after the id given; with a sku only those."""
    shop, start = sim.shops[domain], number(after)
    with shop.lock:
        rows = (row for row in sorted(shop.variants.values(), key=id_key) if row.id > start)
        chosen = (row for row in rows if sku is None or shop.items[row.item_id].sku == sku)
        return [describe_variant(shop, row) for row, _ in zip(chosen, range(int(limit)), strict=False)]


def list_levels(sim, domain: str, location_id: object = None) -> list[list]:
    """Compact, for comparing whole shops: [item id, location id, sku, available, is_active]."""
    shop = sim.shops[domain]
    wanted = None if location_id is None else number(location_id)
    with shop.lock:
        return [
            [level.item_id, level.location_id, shop.items[level.item_id].sku, level.available, level.is_active]
            for level in shop.levels.values()
            if wanted in (None, level.location_id)
        ]


def read_level(sim, domain: str, item_id: object, location_id: object) -> dict | None:
    shop = sim.shops[domain]
    level = shop.levels.get((number(item_id), number(location_id)))
    return None if level is None else describe_level(shop, level)


def describe_level(shop: Shop, level) -> dict:
    found = asdict(level)
    found["on_hand"] = level.on_hand
    found["gid"] = level_gid(shop.locations[level.location_id].level_number, level.item_id)
    return found


def list_changes(
    sim, domain: str, item_id: object = None, location_id: object = None, limit: int = 10_000
) -> list[dict]:
    """The newest changes of `available`, oldest first."""
    item = None if item_id is None else number(item_id)
    place = None if location_id is None else number(location_id)
    return [asdict(change) for change in sim.changes(domain, item, place)[-int(limit) :]]


def sum_changes(sim, domain: str) -> dict[str, int]:
    """{cause: sum of deltas}: what conservation is proved from."""
    sums: dict[str, int] = {}
    for change in sim.changes(domain):
        sums[change.cause] = sums.get(change.cause, 0) + change.delta
    return sums
