"""inventoryQuantities of productSet: absolute, not compared, for new variants and present ones (shopify.md 8.1)."""

from __future__ import annotations

from tests.simulator.events.stock import StockAction
from tests.simulator.reads.inventory import primary_location
from tests.simulator.reads.shop import number_of
from tests.simulator.state.shop import Shop, Variant
from tests.simulator.wire.problems import user_error

MOST_ROWS = 50_000
LIMIT = 1_000_000_000


def check_quantities(shop: Shop, variants: list[dict]) -> list[dict]:
    """User errors of all rows of all variants."""
    errors, counted = [], 0
    for index, variant in enumerate(variants):
        seen = set()
        for place, row in enumerate(variant.get("inventoryQuantities") or []):
            counted += 1
            path = ["input", "variants", index, "inventoryQuantities", place]
            problem = _complaint(shop, row)
            key = (row["locationId"], row["name"])
            if key in seen:
                problem = ("locationId", "The location is there twice")
            seen.add(key)
            if problem:
                errors.append(user_error([*path, problem[0]], problem[1], "INVALID_VARIANT"))
    if counted > MOST_ROWS:
        message = f"Inventory quantity input exceeds the limit of {MOST_ROWS}."
        errors.append(user_error(["input", "variants"], message, "INVENTORY_QUANTITIES_LIMIT_EXCEEDED"))
    return errors


def _complaint(shop: Shop, row: dict) -> tuple[str, str] | None:
    place = shop.locations.get(number_of(row["locationId"], "Location"))
    if place is None or not place.is_active:
        return "locationId", "Quantity could not be set. The location was not found."
    if row["name"] not in ("available", "on_hand"):
        return "name", "The quantity name must be either 'available' or 'on_hand'."
    if not -LIMIT <= row["quantity"] <= LIMIT:
        return "quantity", "The quantity must be between -1 billion and 1 billion."
    return None


def stock_new(shop: Shop, given: dict) -> dict[int, int]:
    """{location id: available} of a new variant: what was asked for, or 0 at the primary location (shopify.md 3.5)."""
    rows = given.get("inventoryQuantities")
    if rows:
        return {number_of(row["locationId"], "Location"): row["quantity"] for row in rows}
    place = primary_location(shop)
    return {place.id: 0} if place else {}


def stock_present(action: StockAction, variant: Variant, given: dict) -> None:
    for row in given.get("inventoryQuantities") or []:
        level = action.level(variant.item_id, number_of(row["locationId"], "Location"))
        level.is_active = True
        present = level.on_hand if row["name"] == "on_hand" else level.available
        action.move(level, "available", row["quantity"] - present)
