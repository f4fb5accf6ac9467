"""What a variant and its inventory item say about themselves: checks and changes that all product mutations share."""

from __future__ import annotations

import re

from tests.simulator.state.money import complaint_about, price_text
from tests.simulator.state.shop import InventoryItem, Shop, Variant
from tests.simulator.wire.problems import NotSimulatedError

PLAIN = {
    "barcode": "barcode",
    "inventoryPolicy": "inventory_policy",
    "taxable": "taxable",
    "taxCode": "tax_code",
    "requiresComponents": "requires_components",
}
PRICES = {"price": ("price", "Price"), "compareAtPrice": ("compare_at_price", "Compare at price")}
OF_ITEM = {
    "sku": "sku",
    "tracked": "tracked",
    "requiresShipping": "requires_shipping",
    "cost": "unit_cost",
    "countryCodeOfOrigin": "country_code_of_origin",
    "harmonizedSystemCode": "harmonized_system_code",
    "provinceCodeOfOrigin": "province_code_of_origin",
}
NEVER_NULL = ("inventory_policy", "taxable", "requires_components", "price", "tracked", "requires_shipping")
MAX_TEXT = 255
Complaint = tuple[list, str]  # (path below the variant, message)


def complaints(given: dict, handled: tuple[str, ...]) -> list[Complaint]:
    """What is wrong with the input of a variant. Raises NotSimulatedError for a field nobody looks after."""
    unknown = {name for name in given if name not in (*PLAIN, *PRICES, "sku", "inventoryItem", "id", *handled)}
    unknown = {name for name in unknown if given[name] is not None}
    if unknown:
        raise NotSimulatedError(f"The simulator does not implement the variant's input fields {sorted(unknown)}")
    found: list[Complaint] = []
    for name, (_, label) in PRICES.items():
        if given.get(name) is not None and (problem := complaint_about(given[name], label)):
            found.append(([name], problem))
    if "price" in given and given["price"] is None:
        found.append((["price"], "Price can't be blank"))
    for name in ("sku", "barcode"):
        if len(given.get(name) or "") > MAX_TEXT:
            found.append(([name], f"{name.upper()} is too long (maximum is {MAX_TEXT} characters)"))
    return found + _complaints_about_item(given.get("inventoryItem") or {})


def _complaints_about_item(given: dict) -> list[Complaint]:
    unknown = set(given) - set(OF_ITEM) - {"measurement"}
    if unknown:
        raise NotSimulatedError(f"The simulator does not implement the item's input fields {sorted(unknown)}")
    found: list[Complaint] = []
    if given.get("cost") is not None and (problem := complaint_about(given["cost"], "Cost")):
        found.append((["inventoryItem", "cost"], problem))
    if len(given.get("sku") or "") > MAX_TEXT:
        found.append((["inventoryItem", "sku"], f"SKU is too long (maximum is {MAX_TEXT} characters)"))
    code = given.get("harmonizedSystemCode")
    if code and not re.fullmatch(r"\d{6,13}", code.replace(".", "")):
        message = "Harmonized system code must be a number between 6 and 13 digits"
        found.append((["inventoryItem", "harmonizedSystemCode"], message))
    weight = (given.get("measurement") or {}).get("weight") or {}
    if weight.get("value", 0) < 0:
        message = "Weight must be greater than or equal to 0"
        found.append((["inventoryItem", "measurement", "weight", "value"], message))
    return found


def put_fields(shop: Shop, variant: Variant, given: dict, at: int) -> bool:
    """Changes the variant and its item; answers whether the item changed, which has a webhook of its own."""
    changes = {attribute: given[name] for name, attribute in PLAIN.items() if name in given}
    for name, (attribute, _) in PRICES.items():
        if name in given:
            changes[attribute] = price_text(given[name], shop.currency)
    _put(variant, changes, at)
    return _put(shop.items[variant.item_id], _item_changes(shop, given), at)


def _item_changes(shop: Shop, given: dict) -> dict:
    """`sku` stands on the variant or on its item; the item's wins."""
    item = given.get("inventoryItem") or {}
    changes = {"sku": given["sku"]} if "sku" in given else {}
    changes |= {OF_ITEM[name]: value for name, value in item.items() if name in OF_ITEM}
    if changes.get("unit_cost") is not None:
        changes["unit_cost"] = price_text(changes["unit_cost"], shop.currency)
    weight = (item.get("measurement") or {}).get("weight")
    if weight:
        changes |= {"weight": float(weight["value"]), "weight_unit": weight["unit"]}
    return changes


def _put(thing: Variant | InventoryItem, changes: dict, at: int) -> bool:
    moved = {
        name: value
        for name, value in changes.items()
        if getattr(thing, name) != value and not (value is None and name in NEVER_NULL)
    }
    for name, value in moved.items():
        setattr(thing, name, value)
    if moved:
        thing.updated_at = at
    return bool(moved)
