"""Resolvers of locations, inventory items, levels and adjustment groups."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.searching.keys import search_for
from tests.simulator.reads.shop import (
    attribute,
    by_id,
    count_of,
    exact_count,
    find_level,
    id_key,
    identity,
    instant,
    level_id,
    number_of,
)
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid
from tests.simulator.state.shop import ON_HAND_PARTS, AdjustmentGroup, InventoryItem, Level, Location
from tests.simulator.wire.problems import FieldError

NAMES = frozenset({*ON_HAND_PARTS, "on_hand", "incoming"})
MINIMUM_ONE = "Couldn't unstock the item because products need to be stocked at a minimum of 1 location."


def inventory_items(root, call: Call, arguments: dict) -> Page:
    accept = search_for(call, "items", arguments.get("query"))
    return page_of(call, arguments, call.shop.rows_by_id("items"), id_key, accept)


def locations(root, call: Call, arguments: dict) -> Page:
    """Inactive and legacy locations are hidden unless asked for (row 46)."""
    shown = [
        row
        for row in call.shop.locations.values()
        if (row.is_active or arguments["includeInactive"]) and (not row.is_legacy or arguments["includeLegacy"])
    ]

    def by_name(row):
        return (row.name.casefold(), row.id)

    key = id_key if arguments["sortKey"] == "ID" else by_name
    return page_of(call, arguments, sorted(shown, key=key), key, search_for(call, "locations", arguments.get("query")))


def location(root, call: Call, arguments: dict) -> Location | None:
    """Without an id: the primary location."""
    if arguments.get("id"):
        return by_id("Location")(root, call, arguments)
    return primary_location(call.shop)


def primary_location(shop) -> Location | None:
    active = [row for row in shop.locations.values() if row.is_active]
    return next((row for row in active if row.is_primary), active[0] if active else None)


def location_by_identifier(root, call: Call, arguments: dict) -> Location | None:
    identifier = arguments["identifier"]
    if not identifier.get("id"):
        raise FieldError("Metafield definition of type 'id' is required when using custom ids.", "NOT_FOUND")
    return call.shop.locations.get(number_of(identifier["id"], "Location"))


# Levels


def _visible(level: Level | None, arguments: dict) -> Level | None:
    """Inactive levels are hidden unless asked for (row 23)."""
    return level if level is not None and (level.is_active or arguments["includeInactive"]) else None


def level_of_item(item: InventoryItem, call: Call, arguments: dict) -> Level | None:
    place = number_of(arguments["locationId"], "Location")
    return _visible(call.shop.levels.get((item.id, place)), arguments)


def level_at_location(place: Location, call: Call, arguments: dict) -> Level | None:
    item_id = number_of(arguments["inventoryItemId"], "InventoryItem")
    return _visible(call.shop.levels.get((item_id, place.id)), arguments)


def levels_of_item(item: InventoryItem, call: Call, arguments: dict) -> Page:
    matches = search_for(call, "levels", arguments.get("query"))
    rows = sorted(call.shop.levels_of(item.id), key=_location_key)
    shown = [row for row in rows if row.is_active or arguments["includeInactive"]]
    return page_of(call, arguments, shown, _location_key, matches)


def levels_of_location(place: Location, call: Call, arguments: dict) -> Page:
    """In the order of the items' ids; walks the items, so that a page of 100,000 levels looks at 250 of them."""
    levels = call.shop.levels
    matches = search_for(call, "levels", arguments.get("query"))

    def shown(item: InventoryItem) -> bool:
        level = _visible(levels.get((item.id, place.id)), arguments)
        return level is not None and (matches is None or matches(level))

    page = page_of(call, arguments, call.shop.rows_by_id("items"), id_key, shown)
    page.nodes = [levels[item.id, place.id] for item in page.nodes]
    return page


def _location_key(level: Level) -> tuple:
    return (level.location_id,)


def quantities(level: Level, call: Call, arguments: dict) -> list[dict]:
    """In the order asked. updatedAt is set for available only (shopify.md 3.6)."""
    answer = []
    for name in arguments["names"]:
        if name not in NAMES:
            raise FieldError(
                "The specified quantity name is invalid. Valid values are: available, committed, damaged, incoming, "
                "on_hand, quality_control, reserved, safety_stock.",
                "INVALID_FIELD_ARGUMENTS",
            )
        at = level.available_at if name == "available" else None
        row = {"name": name, "quantity": getattr(level, name), "updatedAt": None if at is None else iso_utc(at)}
        answer.append(row)
        row["id"] = f"gid://shopify/InventoryQuantity/{level.location_id}?inventory_item_id={level.item_id}&name={name}"
    return answer


def deactivation_alert(level: Level, call: Call, arguments: dict | None = None) -> str | None:
    """Why a level cannot be left, or None (shopify.md 3.5)."""
    if not any(other.is_active for other in call.shop.levels_of(level.item_id) if other is not level):
        return MINIMUM_ONE
    for name in ("committed", "incoming", "reserved"):
        if getattr(level, name):
            return f"Couldn't unstock the item because it has {name} inventory at this location."
    return None


# Items and groups


def _weight(item: InventoryItem, call: Call, arguments: dict) -> dict:
    return {"id": gid("InventoryItemMeasurement", item.id), "weight": {"unit": item.weight_unit, "value": item.weight}}


def _duplicates(item: InventoryItem, call: Call, arguments: dict) -> int:
    if not item.sku:
        return 0
    return sum(1 for other in call.shop.items.values() if other.sku == item.sku) - 1


def _unit_cost(item: InventoryItem, call: Call, arguments: dict) -> dict | None:
    return None if item.unit_cost is None else {"amount": item.unit_cost, "currencyCode": call.shop.currency}


def _variants(item: InventoryItem, call: Call, arguments: dict) -> Page:
    return page_of(call, arguments, call.shop.variants_of(item), id_key, None)


def _changes(group: AdjustmentGroup, call: Call, arguments: dict) -> list[dict]:
    """Two rows for a change of available; quantityAfterChange is null in these answers (row 20)."""
    items = {number_of(text, "InventoryItem") for text in arguments.get("inventoryItemIds") or ()}
    places = {number_of(text, "Location") for text in arguments.get("locationIds") or ()}
    names = set(arguments.get("quantityNames") or ())
    return [
        {
            "delta": delta,
            "item": call.shop.items.get(item_id),
            "location": call.shop.locations.get(location_id),
            "ledgerDocumentUri": ledger,
            "name": name,
            "quantityAfterChange": None,
        }
        for item_id, location_id, name, delta, ledger in group.changes
        if (not items or item_id in items) and (not places or location_id in places) and (not names or name in names)
    ]


def _group_app(group: AdjustmentGroup, call: Call, arguments: dict) -> dict:
    name = group.client_id
    return {"id": gid("App", 4242), "apiKey": name, "handle": name, "title": name.capitalize(), "embedded": False}


def inventory_properties(root, call: Call, arguments: dict) -> dict:
    def described(name: str, belongs_to: list[str], comprises: list[str]) -> dict:
        shown = name.replace("_", " ").capitalize()
        return {
            "name": name,
            "displayName": shown,
            "isInUse": True,
            "belongsTo": belongs_to,
            "comprises": comprises,
        }

    parts = [described(name, ["on_hand"], []) for name in ON_HAND_PARTS]
    return {"quantityNames": [*parts, described("incoming", [], []), described("on_hand", [], list(ON_HAND_PARTS))]}


def _address(place: Location, call: Call, arguments: dict) -> dict:
    names = ["address1", "address2", "city", "country", "countryCode", "phone", "province", "provinceCode", "zip"]
    found: dict = {name: place.address.get(name) for name in names}
    return {**found, "latitude": None, "longitude": None, "formatted": [line for line in found.values() if line]}


RESOLVERS = {
    "QueryRoot.inventoryItem": by_id("InventoryItem"),
    "QueryRoot.inventoryItems": inventory_items,
    "QueryRoot.inventoryLevel": lambda root, call, arguments: find_level(call, arguments["id"]),
    "QueryRoot.inventoryProperties": inventory_properties,
    "QueryRoot.location": location,
    "QueryRoot.locationByIdentifier": location_by_identifier,
    "QueryRoot.locations": locations,
    "QueryRoot.locationsCount": count_of("locations"),
    **identity("Location"),
    "Location.name": attribute("name"),
    "Location.isActive": attribute("is_active"),
    "Location.isFulfillmentService": attribute("is_fulfillment_service"),
    "Location.isPrimary": attribute("is_primary"),
    "Location.fulfillsOnlineOrders": attribute("fulfills_online_orders"),
    "Location.shipsInventory": attribute("ships_inventory"),
    "Location.activatable": lambda place, call, arguments: not place.is_active,
    "Location.deactivatable": lambda place, call, arguments: place.is_active and not place.is_primary,
    "Location.hasActiveInventory": lambda place, call, arguments: any(
        level.is_active and level.location_id == place.id for level in call.shop.levels.values()
    ),
    "Location.address": _address,
    "Location.inventoryLevel": level_at_location,
    "Location.inventoryLevels": levels_of_location,
    **identity("InventoryItem"),
    "InventoryItem.sku": attribute("sku"),
    "InventoryItem.tracked": attribute("tracked"),
    "InventoryItem.requiresShipping": attribute("requires_shipping"),
    "InventoryItem.countryCodeOfOrigin": attribute("country_code_of_origin"),
    "InventoryItem.harmonizedSystemCode": attribute("harmonized_system_code"),
    "InventoryItem.provinceCodeOfOrigin": attribute("province_code_of_origin"),
    "InventoryItem.trackedEditable": lambda item, call, arguments: {"locked": False, "reason": None},
    "InventoryItem.measurement": _weight,
    "InventoryItem.unitCost": _unit_cost,
    "InventoryItem.duplicateSkuCount": _duplicates,
    "InventoryItem.inventoryLevel": level_of_item,
    "InventoryItem.inventoryLevels": levels_of_item,
    "InventoryItem.locationsCount": lambda item, call, arguments: exact_count(
        sum(level.is_active for level in call.shop.levels_of(item.id))
    ),
    "InventoryItem.variant": lambda item, call, arguments: call.shop.variants[item.variant_id],
    "InventoryItem.variants": _variants,
    "InventoryLevel.id": level_id,
    "InventoryLevel.isActive": attribute("is_active"),
    "InventoryLevel.createdAt": instant("created_at"),
    "InventoryLevel.updatedAt": instant("updated_at"),
    "InventoryLevel.item": lambda level, call, arguments: call.shop.items[level.item_id],
    "InventoryLevel.location": lambda level, call, arguments: call.shop.locations[level.location_id],
    "InventoryLevel.quantities": quantities,
    "InventoryLevel.canDeactivate": lambda level, call, arguments: deactivation_alert(level, call) is None,
    "InventoryLevel.deactivationAlert": deactivation_alert,
    "InventoryAdjustmentGroup.id": lambda group, call, arguments: gid("InventoryAdjustmentGroup", group.id),
    "InventoryAdjustmentGroup.createdAt": instant("created_at"),
    "InventoryAdjustmentGroup.reason": attribute("reason"),
    "InventoryAdjustmentGroup.referenceDocumentUri": attribute("reference_document_uri"),
    "InventoryAdjustmentGroup.staffMember": lambda group, call, arguments: None,
    "InventoryAdjustmentGroup.app": _group_app,
    "InventoryAdjustmentGroup.changes": _changes,
}
