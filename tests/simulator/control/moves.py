"""The control API's moves: what a merchant does to stock and products."""

from __future__ import annotations

from dataclasses import asdict

from tests.simulator.control.looks import describe_level, describe_variant, number
from tests.simulator.events import merchant

# Stock


def set_level(sim, domain: str, item_id: object, location_id: object, quantity: int, name: str = "available") -> dict:
    level = sim.set(domain, number(item_id), number(location_id), int(quantity), name=name)
    return describe_level(sim.shops[domain], level)


def adjust_level(
    sim, domain: str, item_id: object, location_id: object, delta: int, name: str = "available", cause: str = "restock"
) -> dict:
    level = sim.adjust(domain, number(item_id), number(location_id), int(delta), name=name, cause=cause)
    return describe_level(sim.shops[domain], level)


def set_levels(sim, domain: str, rows: list) -> dict:
    """A burst: rows of [item id, location id, quantity], each a change with webhooks of its own."""
    return {"rows": sim.set_many(domain, [(number(item), number(place), int(count)) for item, place, count in rows])}


def activate_level(sim, domain: str, item_id: object, location_id: object) -> dict:
    shop = sim.shops[domain]
    return describe_level(shop, merchant.activate(shop, sim.clock, number(item_id), number(location_id)))


def deactivate_level(sim, domain: str, item_id: object, location_id: object) -> dict:
    shop = sim.shops[domain]
    return describe_level(shop, merchant.deactivate(shop, sim.clock, number(item_id), number(location_id)))


# Products


def change_product(sim, domain: str, product_id: object, **changes) -> dict:
    product = merchant.change_product(sim.shops[domain], sim.clock, number(product_id), **changes)
    return asdict(product)


def change_variant(sim, domain: str, variant_id: object, **changes) -> dict:
    """sku, barcode, tracked, price, inventory_policy, refuses_policy, title, option_values, requires_components."""
    shop = sim.shops[domain]
    return describe_variant(shop, merchant.change_variant(shop, sim.clock, number(variant_id), **changes))


def share_item(sim, domain: str, variant_id: object, with_variant_id: object) -> dict:
    """The first variant has the other's inventory item from now on; its own is gone."""
    shop = sim.shops[domain]
    made = merchant.share_item(shop, sim.clock, number(variant_id), number(with_variant_id))
    return describe_variant(shop, made)


def add_product(sim, domain: str, title: str, variants: list[dict] | None = None, **given) -> dict:
    """Variants as for add_variant."""
    shop = sim.shops[domain]
    rows = [{**row, "stock": _stock(row.get("stock"))} for row in variants or [{}]]
    product = merchant.add_product(shop, sim.clock, title, rows, **given)
    return {**asdict(product), "variants": [describe_variant(shop, shop.variants[one]) for one in product.variant_ids]}


def add_variant(sim, domain: str, product_id: object, stock: dict | None = None, **given) -> dict:
    """sku, barcode, tracked, option_values, …; `stock` is {location id: available}."""
    shop = sim.shops[domain]
    made = merchant.add_variant(shop, sim.clock, number(product_id), stock=_stock(stock), **given)
    return describe_variant(shop, made)


def _stock(stock: dict | None) -> dict[int, int]:
    return {number(place): int(units) for place, units in (stock or {}).items()}


def delete_variant(sim, domain: str, variant_id: object) -> dict:
    merchant.delete_variant(sim.shops[domain], sim.clock, number(variant_id))
    return {}


def delete_product(sim, domain: str, product_id: object) -> dict:
    merchant.delete_product(sim.shops[domain], sim.clock, number(product_id))
    return {}


def change_location(sim, domain: str, location_id: object, **changes) -> dict:
    return asdict(merchant.change_location(sim.shops[domain], sim.clock, number(location_id), **changes))
