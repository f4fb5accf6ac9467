"""Conditions of collections: what each kind asks of a product, in the 2026-07 model and as the deprecated rules."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.simulator.reads.shop import inventory_quantity
from tests.simulator.state.catalogue import Condition, Source
from tests.simulator.state.gids import gid, parse_gid
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import NotSimulatedError

GRAMS = {"GRAMS": 1.0, "KILOGRAMS": 1000.0, "POUNDS": 453.59237, "OUNCES": 28.349523125}
INCLUDING = (
    "productTag",
    "productTitle",
    "productType",
    "productVendor",
    "productStatus",
    "productCategory",
    "variantTitle",
    "variantPrice",
    "variantCompareAtPrice",
    "variantInventory",
    "variantWeight",
    "metafieldString",
)
EXCLUDING = ("collection", "productCategory", "productTag", "productType", "productVendor")
RULE_COLUMNS = {
    "productTag": "TAG",
    "productTitle": "TITLE",
    "productType": "TYPE",
    "productVendor": "VENDOR",
    "variantTitle": "VARIANT_TITLE",
    "variantPrice": "VARIANT_PRICE",
    "variantCompareAtPrice": "VARIANT_COMPARE_AT_PRICE",
    "variantInventory": "VARIANT_INVENTORY",
    "variantWeight": "VARIANT_WEIGHT",
}
RULE_RELATIONS = {"TAGGED_WITH": "EQUALS", "NOT_TAGGED_WITH": "NOT_EQUALS", "DOES_NOT_CONTAIN": "NOT_CONTAINS"}


def _classes(side: str, names: tuple[str, ...]) -> dict[str, type[Condition]]:
    """One class a kind: the type that an object has at Shopify goes by its class."""
    return {name: type(f"{side}{name[0].upper()}{name[1:]}", (Condition,), {"__slots__": ()}) for name in names}


INCLUDING_CLASSES = _classes("Inclusion", INCLUDING)
EXCLUDING_CLASSES = _classes("Exclusion", EXCLUDING)
TYPE_NAMES = {
    kind: f"CollectionSource{side}Condition{name[0].upper()}{name[1:]}"
    for side, classes in (("Inclusion", INCLUDING_CLASSES), ("Exclusion", EXCLUDING_CLASSES))
    for name, kind in classes.items()
}


def new_condition(shop: Shop, given: dict, *, including: bool) -> Condition:
    """A condition from its input. Raises ValueError unless that names exactly one kind, and NotSimulatedError."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ValueError("Exactly one condition type must be provided")
    kind = (INCLUDING_CLASSES if including else EXCLUDING_CLASSES).get(names[0])
    if kind is None or names[0] == "metafieldString":
        raise NotSimulatedError(f"The simulator does not implement conditions on {names[0]}")
    return kind(shop.next_id(), names[0], dict(given[names[0]]))


def change_condition(condition: Condition, given: dict) -> None:
    """The fields of an update. Raises ValueError for one of another kind."""
    changes = given.get(condition.name)
    if changes is None:
        raise ValueError("The condition is of another type")
    condition.given |= {name: value for name, value in changes.items() if value is not None}


# What fits


def fits(shop: Shop, condition: Condition, product: Product, held: Callable[[int], list[int]]) -> bool:
    """`held` answers the products of a collection, for conditions on collections."""
    if condition.name == "collection":
        return any(product.id in held(parse_gid(text)[1]) for text in condition.given["values"])
    if condition.name == "metafieldString":
        return False
    if condition.name.startswith("variant"):
        variants = (shop.variants[variant_id] for variant_id in product.variant_ids)
        return any(_fits_variant(shop, condition, variant) for variant in variants)
    return _fits_product(condition, product)


def _fits_product(condition: Condition, product: Product) -> bool:
    given = condition.given
    relation, values = given["relation"], given["values"]
    match = all if given.get("matchType") == "ALL" else any
    if condition.name == "productCategory":
        found = match(_in_category(product.category, value) for value in values)
        return found if relation == "EQUALS" else not found
    if condition.name == "productTag":
        tags = {tag.casefold() for tag in product.tags}
        found = match(value.casefold() in tags for value in values)
        return found if relation == "TAGGED_WITH" else not found
    texts = {"productTitle": "title", "productType": "product_type", "productVendor": "vendor"}
    held = product.status if condition.name == "productStatus" else getattr(product, texts[condition.name])
    return match(compare_text(relation, held, value) for value in values)


def _in_category(held: str | None, value: dict) -> bool:
    if held is None:
        return False
    return held == value["categoryId"] or (
        bool(value.get("includeDescendants")) and held.startswith(f"{value['categoryId']}-")
    )


def compare_text(relation: str, held: str, value: str) -> bool:
    held, value = held.casefold(), value.casefold()
    found = {
        "EQUALS": held == value,
        "NOT_EQUALS": held != value,
        "CONTAINS": value in held,
        "DOES_NOT_CONTAIN": value not in held,
        "STARTS_WITH": held.startswith(value),
        "ENDS_WITH": held.endswith(value),
    }
    return found[relation]


def _fits_variant(shop: Shop, condition: Condition, variant: Variant) -> bool:
    given, relation = condition.given, condition.given["relation"]
    if condition.name == "variantTitle":
        match = all if given.get("matchType") == "ALL" else any
        return match(compare_text(relation, variant.title, value) for value in given["values"])
    held: Decimal | float | None
    if condition.name == "variantInventory":
        held, value = inventory_quantity(shop, variant), given["value"]
    elif condition.name == "variantWeight":
        item = shop.items[variant.item_id]
        held = item.weight * GRAMS[item.weight_unit]
        value = given["value"]["value"] * GRAMS[given["value"]["unit"]]
    else:
        text = variant.price if condition.name == "variantPrice" else variant.compare_at_price
        held = None if text is None else Decimal(text)
        value = Decimal(given["value"]["amount"]) if given.get("value") else None
    if relation in ("IS_SET", "IS_NOT_SET"):
        return (held is None) == (relation == "IS_NOT_SET")
    if held is None or value is None:
        return False
    return {
        "EQUALS": held == value,
        "NOT_EQUALS": held != value,
        "GREATER_THAN": held > value,
        "LESS_THAN": held < value,
    }[relation]


# The deprecated rules


def rule_set(sources: list[Source]) -> dict | None:
    """Collection.ruleSet: what one source with conditions would have been; None where rules cannot say it."""
    with_conditions = [source for source in sources if source.conditions]
    if len(with_conditions) != 1:
        return None
    [source] = with_conditions
    rules = [rule for condition in source.conditions for rule in _rules(condition)]
    return {"appliedDisjunctively": source.match_type == "ANY", "rules": rules}


def _rules(condition: Condition) -> list[dict]:
    given, column = condition.given, RULE_COLUMNS.get(condition.name)
    if condition.name == "productCategory":
        return [
            {
                "column": "PRODUCT_CATEGORY_ID_WITH_DESCENDANTS"
                if value.get("includeDescendants")
                else "PRODUCT_CATEGORY_ID",
                "relation": given["relation"],
                "condition": value["categoryId"],
            }
            for value in given["values"]
        ]
    if condition.name == "metafieldString":
        column = "PRODUCT_METAFIELD_DEFINITION"
    if column is None:
        return []
    relation = RULE_RELATIONS.get(given["relation"], given["relation"])
    if "values" in given:
        return [{"column": column, "relation": relation, "condition": value} for value in given["values"]]
    value = given.get("value")
    text = str(value.get("amount", value.get("value"))) if isinstance(value, dict) else str(value or "")
    return [{"column": column, "relation": relation, "condition": text}]


def condition_gid(condition: Condition) -> str:
    return gid(TYPE_NAMES[type(condition)], condition.id)
