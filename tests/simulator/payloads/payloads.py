"""Webhook bodies in their REST shapes: integer ids, lower-case states, tags as one text (shopify.md 4.6, row 41).

A body is built when it is serialised, so that it may show more than the change that caused it (row 37).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.simulator.bulk.operations import finish_body
from tests.simulator.payloads import collections
from tests.simulator.payloads.order_events import (
    edit_body,
    fulfillment_body,
    moved_body,
    refund_body,
    return_body,
    transaction_event_body,
)
from tests.simulator.payloads.orders import draft_body, order_body
from tests.simulator.payloads.people import customer_body
from tests.simulator.payloads.products import product_body
from tests.simulator.reads.inventory import primary_location
from tests.simulator.reads.searching.search import compile_search
from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid, level_gid
from tests.simulator.state.shop import InventoryItem, Shop

WEIGHT_UNITS = {"KILOGRAMS": "kg", "GRAMS": "g", "POUNDS": "lb", "OUNCES": "oz"}

TOPICS = {
    "INVENTORY_LEVELS_UPDATE": "inventory_levels/update",
    "INVENTORY_LEVELS_CONNECT": "inventory_levels/connect",
    "INVENTORY_LEVELS_DISCONNECT": "inventory_levels/disconnect",
    "INVENTORY_ITEMS_CREATE": "inventory_items/create",
    "INVENTORY_ITEMS_UPDATE": "inventory_items/update",
    "INVENTORY_ITEMS_DELETE": "inventory_items/delete",
    "PRODUCTS_CREATE": "products/create",
    "PRODUCTS_UPDATE": "products/update",
    "PRODUCTS_DELETE": "products/delete",
    "LOCATIONS_CREATE": "locations/create",
    "LOCATIONS_UPDATE": "locations/update",
    "LOCATIONS_DELETE": "locations/delete",
    "LOCATIONS_ACTIVATE": "locations/activate",
    "LOCATIONS_DEACTIVATE": "locations/deactivate",
    "ORDERS_CREATE": "orders/create",
    "ORDERS_PAID": "orders/paid",
    "ORDERS_UPDATED": "orders/updated",
    "ORDERS_CANCELLED": "orders/cancelled",
    "ORDERS_EDITED": "orders/edited",
    "ORDERS_DELETE": "orders/delete",
    "ORDERS_FULFILLED": "orders/fulfilled",
    "ORDERS_PARTIALLY_FULFILLED": "orders/partially_fulfilled",
    "REFUNDS_CREATE": "refunds/create",
    "ORDER_TRANSACTIONS_CREATE": "order_transactions/create",
    "RETURNS_APPROVE": "returns/approve",
    "RETURNS_PROCESS": "returns/process",
    "RETURNS_CLOSE": "returns/close",
    "FULFILLMENT_ORDERS_MOVED": "fulfillment_orders/moved",
    "FULFILLMENTS_CREATE": "fulfillments/create",
    "FULFILLMENTS_UPDATE": "fulfillments/update",
    "DRAFT_ORDERS_CREATE": "draft_orders/create",
    "DRAFT_ORDERS_UPDATE": "draft_orders/update",
    "DRAFT_ORDERS_DELETE": "draft_orders/delete",
    "CUSTOMERS_CREATE": "customers/create",
    "CUSTOMERS_UPDATE": "customers/update",
    "BULK_OPERATIONS_FINISH": "bulk_operations/finish",
    "APP_UNINSTALLED": "app/uninstalled",
    "APP_SCOPES_UPDATE": "app/scopes_update",
    "SHOP_UPDATE": "shop/update",
    **collections.TOPICS,
}
SCOPES = {
    **{topic: "read_inventory" for topic in TOPICS if topic.startswith("INVENTORY_")},
    **{topic: "read_products" for topic in TOPICS if topic.startswith(("PRODUCTS_", "COLLECTIONS_"))},
    **{topic: "read_locations" for topic in TOPICS if topic.startswith("LOCATIONS_")},
    **{topic: "read_orders" for topic in TOPICS if topic.startswith(("ORDERS_", "ORDER_", "REFUNDS_"))},
    **{topic: "read_fulfillments" for topic in TOPICS if topic.startswith("FULFILLMENTS_")},
    **{topic: "read_returns" for topic in TOPICS if topic.startswith("RETURNS_")},
    "FULFILLMENT_ORDERS_MOVED": "read_merchant_managed_fulfillment_orders",
    **{topic: "read_draft_orders" for topic in TOPICS if topic.startswith("DRAFT_ORDERS_")},
    **{topic: "read_customers" for topic in TOPICS if topic.startswith("CUSTOMERS_")},
}
SHOP_EXAMPLE = {
    "country": "DE",
    "country_code": "DE",
    "country_name": "Germany",
    "province_code": "",
    "latitude": None,
    "longitude": None,
    "source": None,
    "primary_locale": "en",
    "shop_owner": "John Smith",
    "money_format": "${{amount}}",
    "money_with_currency_format": "${{amount}} USD",
    "money_in_emails_format": "${{amount}}",
    "money_with_currency_in_emails_format": "${{amount}} USD",
    "weight_unit": "kg",
    "taxes_included": None,
    "auto_configure_tax_inclusivity": None,
    "tax_shipping": None,
    "county_taxes": None,
    "has_discounts": False,
    "has_gift_cards": True,
    "google_apps_domain": None,
    "google_apps_login_enabled": None,
    "eligible_for_payments": True,
    "requires_extra_payments_agreement": False,
    "password_enabled": None,
    "has_storefront": True,
    "finances": True,
    "checkout_api_supported": True,
    "multi_location_enabled": True,
    "setup_required": False,
    "pre_launch_enabled": False,
    "marketing_sms_consent_enabled_at_checkout": False,
    "transactional_sms_disabled": False,
}
RESOURCES = re.compile(r"(ORDERS|REFUNDS|FULFILLMENTS|DRAFT_ORDERS|COLLECTIONS|VARIANTS|CUSTOMERS)_(\w+)")


def header_topic(topic: str) -> str:
    """INVENTORY_LEVELS_UPDATE -> inventory_levels/update."""
    if topic in TOPICS:
        return TOPICS[topic]
    match = RESOURCES.match(topic)
    first, _, last = topic.rpartition("_")
    return (f"{match[1]}/{match[2]}" if match else f"{first}/{last}").lower()


def level_body(shop: Shop, item_id: int, location_id: int) -> dict | None:
    """`available` is null for an item that is not tracked."""
    level, item = shop.levels.get((item_id, location_id)), shop.items.get(item_id)
    if level is None or item is None:
        return None
    return {
        "inventory_item_id": item_id,
        "location_id": location_id,
        "available": level.available if item.tracked else None,
        "updated_at": iso_offset(level.updated_at),
        "admin_graphql_api_id": level_gid(shop.locations[location_id].level_number, item_id),
    }


def item_body(shop: Shop, item_id: int) -> dict | None:
    item: InventoryItem | None = shop.items.get(item_id)
    if item is None:
        return None
    return {
        "id": item.id,
        "sku": item.sku,
        "created_at": iso_offset(item.created_at),
        "updated_at": iso_offset(item.updated_at),
        "requires_shipping": item.requires_shipping,
        "cost": item.unit_cost,
        "country_code_of_origin": item.country_code_of_origin,
        "province_code_of_origin": item.province_code_of_origin,
        "harmonized_system_code": item.harmonized_system_code,
        "tracked": item.tracked,
        "country_harmonized_system_codes": [],
        "weight_value": item.weight,
        "weight_unit": WEIGHT_UNITS[item.weight_unit],
        "admin_graphql_api_id": gid("InventoryItem", item.id),
    }


def location_body(shop: Shop, location_id: int) -> dict | None:
    place = shop.locations.get(location_id)
    if place is None:
        return None
    names = ["address1", "address2", "city", "zip", "province", "country", "phone"]
    code = place.address.get("countryCode", "DE")
    return {
        "id": place.id,
        "name": place.name,
        **{name: place.address.get(name, "") for name in names},
        "created_at": iso_offset(place.created_at),
        "updated_at": iso_offset(place.updated_at),
        "country_code": code,
        "country_name": place.address.get("country", "Germany"),
        "province_code": place.address.get("provinceCode", ""),
        "legacy": place.is_legacy,
        "active": place.is_active,
        "admin_graphql_api_id": gid("Location", place.id),
    }


def shop_body(shop: Shop, shop_id: int) -> dict:
    """The Shop resource; what the simulator does not know has the value that Shopify's example shows."""
    place = primary_location(shop)
    address = place.address if place else {}
    names = ["address1", "address2", "city", "zip", "province", "phone"]
    return {
        **SHOP_EXAMPLE,
        **{name: address.get(name, "") for name in names},
        "id": shop.id,
        "name": shop.name,
        "email": shop.email,
        "customer_email": shop.email,
        "domain": shop.domain,
        "myshopify_domain": shop.domain,
        "currency": shop.currency,
        "enabled_presentment_currencies": [shop.currency],
        "iana_timezone": shop.timezone,
        "timezone": f"(GMT) {shop.timezone}",
        "created_at": iso_offset(shop.created_at),
        "updated_at": iso_offset(shop.created_at),
        "plan_name": shop.knobs.plan.lower(),
        "plan_display_name": shop.knobs.plan.capitalize(),
        "primary_location_id": place.id if place else 0,
    }


def scopes_body(shop: Shop, shop_id: int, previous: tuple[str, ...], current: tuple[str, ...]) -> dict:
    return {"id": shop.id, "previous": list(previous), "current": list(current), "shop_id": str(shop.id)}


def _deleted(shop: Shop, number: int) -> dict:
    return {"id": number}


def _disconnected(shop: Shop, item_id: int, location_id: int) -> dict:
    return {"inventory_item_id": item_id, "location_id": location_id}


def _bulk_body(shop: Shop, operation_id: int) -> dict:
    return finish_body(shop.bulk_operations[operation_id])


BODIES: dict[str, Callable[..., dict | None]] = {
    "INVENTORY_LEVELS_UPDATE": level_body,
    "INVENTORY_LEVELS_CONNECT": level_body,
    "INVENTORY_LEVELS_DISCONNECT": _disconnected,
    "INVENTORY_ITEMS_CREATE": item_body,
    "INVENTORY_ITEMS_UPDATE": item_body,
    "INVENTORY_ITEMS_DELETE": _deleted,
    "PRODUCTS_CREATE": product_body,
    "PRODUCTS_UPDATE": product_body,
    "PRODUCTS_DELETE": _deleted,
    "LOCATIONS_CREATE": location_body,
    "LOCATIONS_UPDATE": location_body,
    "LOCATIONS_DELETE": _deleted,
    "LOCATIONS_ACTIVATE": location_body,
    "LOCATIONS_DEACTIVATE": location_body,
    "ORDERS_CREATE": order_body,
    "ORDERS_PAID": order_body,
    "ORDERS_UPDATED": order_body,
    "ORDERS_CANCELLED": order_body,
    "ORDERS_EDITED": edit_body,
    "ORDERS_DELETE": _deleted,
    "ORDERS_FULFILLED": order_body,
    "ORDERS_PARTIALLY_FULFILLED": order_body,
    "REFUNDS_CREATE": refund_body,
    "ORDER_TRANSACTIONS_CREATE": transaction_event_body,
    **dict.fromkeys(("RETURNS_APPROVE", "RETURNS_PROCESS", "RETURNS_CLOSE"), return_body),
    "FULFILLMENT_ORDERS_MOVED": moved_body,
    "FULFILLMENTS_CREATE": fulfillment_body,
    "FULFILLMENTS_UPDATE": fulfillment_body,
    "DRAFT_ORDERS_CREATE": draft_body,
    "DRAFT_ORDERS_UPDATE": draft_body,
    "DRAFT_ORDERS_DELETE": _deleted,
    "CUSTOMERS_CREATE": customer_body,
    "CUSTOMERS_UPDATE": customer_body,
    "BULK_OPERATIONS_FINISH": _bulk_body,
    "APP_UNINSTALLED": shop_body,
    "APP_SCOPES_UPDATE": scopes_body,
    "SHOP_UPDATE": shop_body,
    **collections.BODIES,
}


def passes_filter(text: str | None, body: dict) -> bool:
    """A subscription's filter: search syntax over the payload's fields, dots for nesting (shopify.md 4.2)."""
    search = compile_search(text, _PayloadKeys(), lambda payload: None)
    return search is None or search.matches(body)


class _PayloadKeys(dict):
    """Every dotted path is a key."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str):
        return lambda body: [_plain(value) for value in _values_at(body, key.split("."))]


def _values_at(value: object, parts: list[str]) -> list:
    if isinstance(value, list):
        return [found for element in value for found in _values_at(element, parts)]
    if not parts:
        return [] if value is None else [value]
    return _values_at(value.get(parts[0]), parts[1:]) if isinstance(value, dict) else []


def _plain(value: object) -> object:
    """Money and other numbers in texts compare as numbers."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value) if "." in value else int(value)
    return value


def included(body: dict, fields: list[str]) -> dict:
    """The part of a body that includeFields asks for."""
    if not fields:
        return body
    tops: dict[str, list[str]] = {}
    for path in fields:
        top, _, rest = path.partition(".")
        tops.setdefault(top, []).append(rest)
    return {name: _cut(body[name], [r for r in rests if r]) for name, rests in tops.items() if name in body}


def _cut(value: object, fields: list[str]) -> object:
    if not fields or value is None:
        return value
    if isinstance(value, list):
        return [_cut(element, fields) for element in value]
    return included(value, fields) if isinstance(value, dict) else value
