"""The control API: JSON over HTTP at /_control/…, for tests in other processes, benchmarks, scripts and the pages.

GET takes its arguments from the query string, POST from a JSON object. `domain` names the shop; ids are numbers,
texts of digits or gids. Errors: 400 with {"error": …}. GET /_control/help lists every call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, fields

from . import merchant
from .faults import KINDS
from .gids import gid, level_gid, parse_gid
from .reads import id_key, inventory_quantity
from .state import Counters, Knobs, Order, Shop, Variant

Calls = dict[str, Callable[..., object]]
TUPLES = {"deliver_delay_seconds"}


def number(value: object) -> int:
    """An id given as number, text of digits, or gid."""
    if isinstance(value, str) and value.startswith("gid://"):
        return parse_gid(value)[1]
    return int(value)


def _numbers(values: object) -> list[int]:
    return [number(value) for value in (values if isinstance(values, list) else str(values).split(","))]


# Looking


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
    return None if level is None else _describe_level(shop, level)


def _describe_level(shop: Shop, level) -> dict:
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


def list_orders(sim, domain: str) -> list[dict]:
    return [describe_order(order) for order in sim.shops[domain].orders.values()]


def describe_order(order: Order) -> dict:
    return {**asdict(order), "lines": [{**asdict(line), "unfulfilled": line.unfulfilled} for line in order.lines]}


# Stock


def set_level(sim, domain: str, item_id: object, location_id: object, quantity: int, name: str = "available") -> dict:
    level = sim.set(domain, number(item_id), number(location_id), int(quantity), name=name)
    return _describe_level(sim.shops[domain], level)


def adjust_level(
    sim, domain: str, item_id: object, location_id: object, delta: int, name: str = "available", cause: str = "restock"
) -> dict:
    level = sim.adjust(domain, number(item_id), number(location_id), int(delta), name=name, cause=cause)
    return _describe_level(sim.shops[domain], level)


def set_levels(sim, domain: str, rows: list) -> dict:
    """A burst: rows of [item id, location id, quantity], each a change with webhooks of its own."""
    return {"rows": sim.set_many(domain, [(number(item), number(place), int(count)) for item, place, count in rows])}


def activate_level(sim, domain: str, item_id: object, location_id: object) -> dict:
    shop = sim.shops[domain]
    return _describe_level(shop, merchant.activate(shop, sim.clock, number(item_id), number(location_id)))


def deactivate_level(sim, domain: str, item_id: object, location_id: object) -> dict:
    shop = sim.shops[domain]
    return _describe_level(shop, merchant.deactivate(shop, sim.clock, number(item_id), number(location_id)))


# Orders


def buy(
    sim,
    domain: str,
    lines: list | None = None,
    variant_id: object = None,
    quantity: int = 1,
    location_id: object = None,
    force: bool = False,
    bypass: bool = False,
) -> dict:
    """One variant, or `lines` of [variant id, quantity]."""
    wanted = [(number(variant), int(count)) for variant, count in lines or [[variant_id, quantity]]]
    place = None if location_id is None else number(location_id)
    return describe_order(sim.buy_lines(domain, wanted, location_id=place, force=bool(force), bypass=bool(bypass)))


def fulfil_order(sim, domain: str, order_id: object, quantities: dict | None = None) -> dict:
    order = sim.shops[domain].orders[number(order_id)]
    sim.fulfil(domain, order, None if quantities is None else {number(k): int(v) for k, v in quantities.items()})
    return describe_order(order)


def cancel_order(sim, domain: str, order_id: object, restock: bool = True) -> dict:
    order = sim.shops[domain].orders[number(order_id)]
    sim.cancel(domain, order, restock=bool(restock))
    return describe_order(order)


def refund_order(sim, domain: str, order_id: object, lines: list[dict] | None = None) -> dict:
    """`lines`: [{line_item_id, quantity, restock_type, location_id?}]; without: everything, restocked as it fits."""
    order = sim.shops[domain].orders[number(order_id)]
    rows = [{**row, "line_item_id": number(row["line_item_id"])} for row in lines] if lines else _whole_refund(order)
    sim.refund(domain, order, rows)
    return describe_order(order)


def _whole_refund(order: Order) -> list[dict]:
    rows = []
    for line in order.lines:
        for quantity, kind in ((line.unfulfilled, "CANCEL"), (line.fulfilled, "RETURN")):
            if quantity:
                rows.append({"line_item_id": line.id, "quantity": quantity, "restock_type": kind})
    return rows


# Products


def change_product(sim, domain: str, product_id: object, **changes) -> dict:
    product = merchant.change_product(sim.shops[domain], sim.clock, number(product_id), **changes)
    return asdict(product)


def change_variant(sim, domain: str, variant_id: object, **changes) -> dict:
    """sku, barcode, tracked, price, inventory_policy, title, option_values, requires_components."""
    shop = sim.shops[domain]
    return describe_variant(shop, merchant.change_variant(shop, sim.clock, number(variant_id), **changes))


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


# Faults, knobs, clock, tokens


def add_fault(sim, domain: str, kind: str, **given) -> dict:
    return sim.fault(domain, kind, **given).describe()


def list_faults(sim, domain: str) -> dict:
    return {"kinds": list(KINDS), "planned": [fault.describe() for fault in sim.faults(sim.shops[domain]).listed()]}


def clear_faults(sim, domain: str) -> dict:
    sim.faults(sim.shops[domain]).clear()
    return {}


def read_knobs(sim, domain: str) -> dict:
    return asdict(sim.shops[domain].knobs)


def set_knobs(sim, domain: str, **knobs) -> dict:
    shop = sim.shops[domain]
    known = {field.name for field in fields(Knobs)}
    if set(knobs) - known:
        raise ValueError(f"unknown knobs {sorted(set(knobs) - known)}; known: {sorted(known)}")
    for name, value in knobs.items():
        setattr(shop.knobs, name, tuple(value) if name in TUPLES else value)
    if "manual_deliveries" in knobs:
        sim.set_manual(domain, bool(knobs["manual_deliveries"]))
    return asdict(shop.knobs)


def set_points(sim, domain: str, points: float) -> dict:
    sim.set_points(domain, float(points))
    return {}


def read_clock(sim) -> dict:
    return {"now": sim.clock.now().isoformat(), "seconds": sim.clock.seconds()}


def advance_clock(sim, seconds: float) -> dict:
    sim.clock.advance(float(seconds))
    return read_clock(sim)


def expire_tokens(sim, domain: str) -> dict:
    sim.expire_tokens(domain)
    return {}


def revoke_tokens(sim, domain: str) -> dict:
    sim.revoke_tokens(domain)
    return {}


def uninstall(sim, domain: str) -> dict:
    sim.uninstall(domain)
    return {}


def install(sim, domain: str) -> dict:
    sim.install(domain)
    return {}


def set_scopes(sim, domain: str, scopes: list[str]) -> dict:
    sim.set_scopes(domain, scopes)
    return {"scopes": sorted(scopes)}


def rotate_secret(sim, domain: str, secret: str) -> dict:
    sim.rotate_secret(domain, secret)
    return {}


def revoke_old_secret(sim, domain: str) -> dict:
    sim.revoke_old_secret(domain)
    return {}


# Webhooks, counters, logs


def subscribe(sim, domain: str, topic: str, uri: str) -> dict:
    return asdict(sim.subscribe(domain, topic, uri))


def list_subscriptions(sim, domain: str) -> list[dict]:
    return [asdict(row) for row in sim.shops[domain].subscriptions.values()]


def list_deliveries(sim, domain: str) -> list[dict]:
    """What waits for pump, and what the courier still has to send."""
    courier = [delivery for delivery in sim.courier.pending() if delivery.shop.domain == domain]
    return [delivery.describe() for delivery in [*sim.deliveries(domain), *courier]]


def pump(sim, domain: str, deliveries: list | None = None) -> list[dict]:
    numbers = None if deliveries is None else _numbers(deliveries)
    return [delivery.describe() for delivery in sim.pump(domain, numbers)]


def serialise(sim, domain: str) -> dict:
    sim.serialise(domain)
    return {}


def drop(sim, domain: str, deliveries: list) -> dict:
    sim.drop(domain, _numbers(deliveries))
    return {}


def delay(sim, domain: str, deliveries: list, seconds: float) -> dict:
    sim.delay(domain, _numbers(deliveries), float(seconds))
    return {}


def wait_idle(sim, timeout: float = 30.0) -> dict:
    """Until every delivery that is due has been tried."""
    return {"idle": sim.courier.wait_idle(float(timeout))}


def read_counters(sim, domain: str | None = None) -> dict:
    return {shop.domain: _counters(shop.counters) for shop in sim.shops.values() if domain in (None, shop.domain)}


def _counters(counters: Counters) -> dict:
    found = {field.name: getattr(counters, field.name) for field in fields(Counters)}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in found.items()}


def reset_counters(sim, domain: str | None = None) -> dict:
    sim.reset_counters(domain)
    return {}


def read_log(sim, domain: str, limit: int = 200) -> dict:
    """The newest requests and webhook attempts, oldest first."""
    shop, count = sim.shops[domain], int(limit)
    return {"requests": list(shop.request_log)[-count:], "webhooks": list(shop.webhook_log)[-count:]}


GET: Calls = {
    "shops": list_shops,
    "locations": list_locations,
    "variants": list_variants,
    "levels": list_levels,
    "level": read_level,
    "changes": list_changes,
    "sums": sum_changes,
    "orders": list_orders,
    "faults": list_faults,
    "knobs": read_knobs,
    "clock": read_clock,
    "subscriptions": list_subscriptions,
    "deliveries": list_deliveries,
    "idle": wait_idle,
    "counters": read_counters,
    "log": read_log,
}
POST: Calls = {
    "set": set_level,
    "adjust": adjust_level,
    "set_many": set_levels,
    "activate": activate_level,
    "deactivate": deactivate_level,
    "buy": buy,
    "fulfil": fulfil_order,
    "cancel": cancel_order,
    "refund": refund_order,
    "product": change_product,
    "variant": change_variant,
    "location": change_location,
    "add_product": add_product,
    "add_variant": add_variant,
    "delete_product": delete_product,
    "delete_variant": delete_variant,
    "fault": add_fault,
    "clear_faults": clear_faults,
    "knobs": set_knobs,
    "points": set_points,
    "advance": advance_clock,
    "expire_tokens": expire_tokens,
    "revoke_tokens": revoke_tokens,
    "uninstall": uninstall,
    "install": install,
    "scopes": set_scopes,
    "rotate_secret": rotate_secret,
    "revoke_old_secret": revoke_old_secret,
    "subscribe": subscribe,
    "pump": pump,
    "serialise": serialise,
    "drop": drop,
    "delay": delay,
    "reset_counters": reset_counters,
}


def describe_calls() -> dict[str, list[str]]:
    """What GET /_control/help answers."""

    def line(name: str, function: Callable) -> str:
        parameters = str(inspect.signature(function)).partition(" -> ")[0]
        return f"{name}{parameters}".replace("(sim, ", "(").replace("(sim)", "()")

    return {
        "GET": [line(name, function) for name, function in GET.items()],
        "POST": [line(name, function) for name, function in POST.items()],
    }


def handle(sim, method: str, name: str, given: object) -> tuple[int, object]:
    """(HTTP status, JSON body)."""
    if name == "help":
        return 200, describe_calls()
    function = (GET if method == "GET" else POST).get(name)
    if function is None:
        return 404, {"error": f"no such call: {method} {name}; see /_control/help"}
    if not isinstance(given, dict):
        return 400, {"error": "arguments come as a JSON object"}
    try:
        inspect.signature(function).bind(sim, **given)
        return 200, function(sim, **given)
    except (KeyError, TypeError, ValueError) as problem:
        return 400, {"error": f"{type(problem).__name__}: {problem}"}
