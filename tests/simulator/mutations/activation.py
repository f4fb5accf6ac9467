"""inventoryActivate, inventoryDeactivate, inventoryBulkToggleActivation, inventoryItemUpdate (shopify.md 3.5)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.stock import StockAction, touch_products
from tests.simulator.mutations.idempotency import Attempt, run_once
from tests.simulator.reads.inventory import deactivation_alert
from tests.simulator.reads.shop import find_level, number_of
from tests.simulator.state.shop import InventoryItem, Level, Shop
from tests.simulator.wire.problems import user_error

LIMIT = 1_000_000_000
NOT_ACTIVATED = "Couldn't stock the item because"


def activate(root, call: Call, arguments: dict) -> dict:
    return run_once(call, lambda: _evaluate_activation(call, arguments), "inventoryLevel", coded=False)


def _evaluate_activation(call: Call, arguments: dict) -> Attempt:
    shop = call.shop
    item = shop.items.get(number_of(arguments["inventoryItemId"], "InventoryItem"))
    place = shop.locations.get(number_of(arguments["locationId"], "Location"))
    given = {name: arguments.get(name) for name in ("available", "onHand") if arguments.get(name) is not None}
    errors = []
    if item is None:
        errors.append(user_error(["inventoryItemId"], f"{NOT_ACTIVATED} the product was deleted."))
    if place is None or not place.is_active:
        errors.append(user_error(["locationId"], f"{NOT_ACTIVATED} the location was deleted or is not active."))
    if errors:
        return Attempt(refusal={"inventoryLevel": None, "userErrors": errors})
    if len(given) == 2:
        text = (
            "Couldn't activate the item because not allowed to set available and on_hand quantities at the same time."
        )
        errors = [user_error(["available"], text), user_error(["onHand"], text)]
    for name, quantity in given.items():
        if not -LIMIT <= quantity <= LIMIT:
            errors.append(user_error([name], f"{name} quantity needs to be between -1 billion and 1 billion."))
    level = shop.levels.get((item.id, place.id))
    if not errors and level is not None and level.is_active:
        errors = [_already_active(name) for name in given]
        if not errors:
            return Attempt(commit=lambda: {"inventoryLevel": level, "userErrors": []})
        return Attempt(refusal={"inventoryLevel": level, "userErrors": errors})
    if errors:
        return Attempt(refusal={"inventoryLevel": None, "userErrors": errors})
    return Attempt(commit=lambda: _commit_activation(call, item, place.id, given))


def _already_active(name: str) -> dict:
    shown = {"available": "available", "onHand": "on_hand"}[name]
    return user_error([name], f"Not allowed to set {shown} quantity when the item is already active at the location.")


def _commit_activation(call: Call, item: InventoryItem, location_id: int, given: dict[str, int]) -> dict:
    shop = call.shop
    action = StockAction(shop, call.simulator.clock.seconds(), f"api:{call.app.client_id}", "activate")
    level = activate_level(action, item.id, location_id)
    if "available" in given:
        action.move(level, "available", given["available"] - level.available)
    if "onHand" in given:
        action.move(level, "available", given["onHand"] - level.on_hand)
    action.close()
    return {"inventoryLevel": level, "userErrors": []}


def activate_level(action: StockAction, item_id: int, location_id: int) -> Level:
    """Stocks the item at the location; the quantities that an inactive level has survive (row 23)."""
    level = action.level(item_id, location_id)
    level.is_active = True
    level.updated_at = int(action.at)
    action.tell("INVENTORY_LEVELS_CONNECT", (item_id, location_id))
    for product_id in touch_products(action.shop, item_id, action.at):
        action.tell("PRODUCTS_UPDATE", (product_id,))
    return level


def deactivate_level(action: StockAction, level: Level) -> None:
    level.is_active = False
    level.updated_at = int(action.at)
    action.tell("INVENTORY_LEVELS_DISCONNECT", (level.item_id, level.location_id))
    for product_id in touch_products(action.shop, level.item_id, action.at):
        action.tell("PRODUCTS_UPDATE", (product_id,))


def deactivate(root, call: Call, arguments: dict) -> dict:
    level = find_level(call, arguments["inventoryLevelId"])
    if level is None:
        message = "Couldn't unstock the item because the product or location was deleted."
        return {"userErrors": [user_error(["inventoryLevelId"], message)]}
    if not level.is_active:
        return {"userErrors": []}
    alert = deactivation_alert(level, call)
    if alert:
        return {"userErrors": [user_error(["inventoryLevelId"], alert)]}
    action = StockAction(call.shop, call.simulator.clock.seconds(), f"api:{call.app.client_id}", "deactivate")
    deactivate_level(action, level)
    action.close()
    return {"userErrors": []}


# One item, many locations


def toggle(root, call: Call, arguments: dict) -> dict:
    """All or nothing as well: the first pass only looks."""
    shop = call.shop
    item = shop.items.get(number_of(arguments["inventoryItemId"], "InventoryItem"))
    if item is None:
        error = user_error(["inventoryItemId"], "The inventory item couldn't be found.", "INVENTORY_ITEM_NOT_FOUND")
        return {"inventoryItem": None, "inventoryLevels": None, "userErrors": [error]}
    wanted = [(number_of(row["locationId"], "Location"), row["activate"]) for row in arguments["inventoryItemUpdates"]]
    errors = _toggle_errors(shop, item, wanted)
    if errors:
        return {"inventoryItem": None, "inventoryLevels": None, "userErrors": errors}
    action = StockAction(shop, call.simulator.clock.seconds(), f"api:{call.app.client_id}", "toggle")
    changed = []
    for location_id, on in wanted:
        level = shop.levels.get((item.id, location_id))
        if on and (level is None or not level.is_active):
            changed.append(activate_level(action, item.id, location_id))
        elif not on and level is not None and level.is_active:
            deactivate_level(action, level)
            changed.append(level)
    action.close()
    return {"inventoryItem": item, "inventoryLevels": changed, "userErrors": []}


def _toggle_errors(shop: Shop, item: InventoryItem, wanted: list[tuple[int, bool]]) -> list[dict]:
    errors = []
    active = {level.location_id for level in shop.levels_of(item.id) if level.is_active}
    for index, (location_id, on) in enumerate(wanted):
        path = ["inventoryItemUpdates", index, "locationId"]
        if location_id not in shop.locations:
            errors.append(user_error(path, "The location couldn't be found.", "LOCATION_NOT_FOUND"))
            continue
        (active.add if on else active.discard)(location_id)
        level = shop.levels.get((item.id, location_id))
        for name in ("committed", "incoming", "reserved"):
            if not on and level is not None and getattr(level, name):
                message = f"Couldn't unstock the item because it has {name} inventory at this location."
                errors.append(user_error(path, message, f"{name.upper()}_INVENTORY_AT_LOCATION"))
    if not errors and not active:
        message = "Couldn't unstock the item because products need to be stocked at a minimum of 1 location."
        errors.append(user_error(["inventoryItemUpdates"], message, "CANNOT_DEACTIVATE_FROM_ONLY_LOCATION"))
    return errors


# The item itself


FIELDS = {
    "sku": "sku",
    "tracked": "tracked",
    "requiresShipping": "requires_shipping",
    "cost": "unit_cost",
    "countryCodeOfOrigin": "country_code_of_origin",
    "harmonizedSystemCode": "harmonized_system_code",
    "provinceCodeOfOrigin": "province_code_of_origin",
}


def update_item(root, call: Call, arguments: dict) -> dict:
    shop = call.shop
    item = shop.items.get(number_of(arguments["id"], "InventoryItem"))
    if item is None:
        return {
            "inventoryItem": None,
            "userErrors": [user_error(["id"], "The product couldn't be updated: it does not exist.")],
        }
    changes = {FIELDS[name]: value for name, value in arguments["input"].items() if name in FIELDS}
    weight = (arguments["input"].get("measurement") or {}).get("weight")
    if weight:
        changes |= {"weight": float(weight["value"]), "weight_unit": weight["unit"]}
    change_item(shop, item, changes, call.simulator.clock.seconds())
    return {"inventoryItem": item, "userErrors": []}


def change_item(shop: Shop, item: InventoryItem, changes: dict, at: float) -> None:
    """Sets fields of an inventory item and publishes; the same values again are no change."""
    changes = {name: value for name, value in changes.items() if getattr(item, name) != value}
    if not changes:
        return
    for name, value in changes.items():
        setattr(item, name, value)
    item.updated_at = int(at)
    products = touch_products(shop, item.id, at)
    shop.counters.rows_written += 1
    shop.publish([("INVENTORY_ITEMS_UPDATE", (item.id,)), *(("PRODUCTS_UPDATE", (one,)) for one in products)])


RESOLVERS = {
    "Mutation.inventoryActivate": activate,
    "Mutation.inventoryDeactivate": deactivate,
    "Mutation.inventoryBulkToggleActivation": toggle,
    "Mutation.inventoryItemUpdate": update_item,
}
