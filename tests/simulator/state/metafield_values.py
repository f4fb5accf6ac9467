"""What the value of a metafield must look like, type by type ([S] MetafieldsSetUserErrorCode; shopify.md 8.1)."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal

from tests.simulator.state.gids import parse_gid
from tests.simulator.state.shop import Shop

MAX_JSON_BYTES = 128 * 1024
MAX_TEXT_BYTES = 65_536
MOST_ELEMENTS = 128
REFERENCES = {  # type -> where its objects live
    "product_reference": ("Product", lambda shop: shop.products),
    "variant_reference": ("ProductVariant", lambda shop: shop.variants),
    "collection_reference": ("Collection", lambda shop: shop.catalog.collections),
    "page_reference": ("Page", lambda shop: shop.catalog.pages),
    "article_reference": ("Article", lambda shop: shop.catalog.articles),
    "file_reference": ("MediaImage", lambda shop: shop.catalog.files),
    "metaobject_reference": ("Metaobject", lambda shop: shop.catalog.metaobjects),
    "mixed_reference": ("Metaobject", lambda shop: shop.catalog.metaobjects),
}
TEXTS = ("single_line_text_field", "multi_line_text_field", "id", "color", "url", "date", "date_time")
OBJECTS = ("json", "rich_text_field", "money", "rating", "dimension", "volume", "weight", "link", "area", "power")
NUMBERS = ("number_integer", "number_decimal", "boolean")
LISTED = tuple(f"list.{name}" for name in (*TEXTS[:1], *TEXTS[3:], *NUMBERS, *OBJECTS[2:], *REFERENCES))
TYPES = frozenset([*TEXTS, *OBJECTS, *NUMBERS, *REFERENCES, *LISTED])


def why_wrong(shop: Shop, kind: str, value: str) -> str | None:
    """What Shopify would say about a value of this type; None when it is fine."""
    if kind.startswith("list."):
        elements = read_json(value)
        if not isinstance(elements, list):
            return "Value must be an array."
        if len(elements) > MOST_ELEMENTS:
            return f"Value exceeds the maximum of {MOST_ELEMENTS} elements."
        single = kind.removeprefix("list.")
        texts = (element if isinstance(element, str) else json.dumps(element) for element in elements)
        return next((problem for text in texts if (problem := why_wrong(shop, single, text))), None)
    if kind in REFERENCES:
        return _why_reference_wrong(shop, kind, value)
    if kind == "money" and isinstance(read_json(value), dict) and _is_foreign(shop, read_json(value)):
        return f"Value must be in the shop's currency: {shop.currency}."
    if kind in OBJECTS:
        if len(value.encode()) > MAX_JSON_BYTES:
            return "Value is too large (maximum is 128 KB)."
        return None if isinstance(read_json(value), dict | list) else "Value is invalid JSON."
    if len(value.encode()) > MAX_TEXT_BYTES:
        return "Value is too long (maximum is 65536)."
    return None if SHAPES[kind](value) else f"Value must be a valid {kind}."


def _is_foreign(shop: Shop, money: dict) -> bool:
    return money.get("currency_code") != shop.currency


def why_against(validations: dict[str, str], kind: str, value: str) -> str | None:
    """What a definition has against a value: its choices, its least and its most, the scale of a rating (row 52)."""
    if kind.startswith("list."):
        single = kind.removeprefix("list.")
        texts = (one if isinstance(one, str) else json.dumps(one) for one in read_json(value) or ())
        return next((problem for text in texts if (problem := why_against(validations, single, text))), None)
    if "choices" in validations and value not in json.loads(validations["choices"]):
        return f"Value does not exist in provided choices: {validations['choices']}."
    if kind == "rating":
        value = str((read_json(value) or {}).get("value"))
    is_number = kind in ("number_integer", "number_decimal", "rating")
    measure = Decimal(value) if is_number else Decimal(len(value))
    least = validations.get("min", validations.get("scale_min"))
    most = validations.get("max", validations.get("scale_max"))
    if least is not None and measure < Decimal(least):
        return f"Value has a minimum of {least}."
    return f"Value has a maximum of {most}." if most is not None and measure > Decimal(most) else None


def why_of_another_type(shop: Shop, validations: dict[str, str], kind: str, value: str) -> str | None:
    """A definition of references to metaobjects says of which definitions they are (row 77)."""
    named = validations.get("metaobject_definition_id") or validations.get("metaobject_definition_ids")
    if not named or not kind.removeprefix("list.").startswith(("metaobject_", "mixed_")):
        return None
    rows = shop.catalog.metaobject_definitions.values()
    types = {
        row.type for row in rows if f"MetaobjectDefinition/{row.id}" in re.findall(r"MetaobjectDefinition/\d+", named)
    }
    gids = re.findall(r"Metaobject/(\d+)", value)
    wrong = [number for number in gids if shop.catalog.metaobjects[int(number)].type not in types]
    return "Value must belong to the specified metaobject definition." if wrong else None


def read_json(value: str) -> object:
    """What the text says as JSON, or None."""
    try:
        return json.loads(value)
    except ValueError:
        return None


def json_value(kind: str, value: str) -> object:
    """The value as `jsonValue` shows it: texts as texts, decimals too."""
    is_json = kind.startswith("list.") or kind in OBJECTS or kind in ("number_integer", "boolean")
    return read_json(value) if is_json else value


def _why_reference_wrong(shop: Shop, kind: str, value: str) -> str | None:
    """References hold ids of their own store: those of another one are refused (shopify.md 8.1)."""
    wanted, table = REFERENCES[kind]
    try:
        found, number, _ = parse_gid(value)
    except ValueError:
        return "Value must be a valid global ID."
    if kind == "file_reference" and found in ("GenericFile", "Video", "Model3d"):
        found = wanted
    return None if found == wanted and number in table(shop) else f"Value references non-existent resource {value}."


def _is_date(value: str, kind: type) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True


SHAPES = {
    "single_line_text_field": lambda value: "\n" not in value,
    "multi_line_text_field": lambda value: True,
    "id": lambda value: "\n" not in value and len(value) <= 255,
    "color": lambda value: bool(re.fullmatch(r"#[0-9a-fA-F]{6}", value)),
    "url": lambda value: bool(re.match(r"(https?|mailto|sms|tel):", value)),
    "date": lambda value: _is_date(value, date),
    "date_time": lambda value: _is_date(value, datetime),
    "number_integer": lambda value: bool(re.fullmatch(r"-?\d{1,19}", value)),
    "number_decimal": lambda value: bool(re.fullmatch(r"-?\d{1,13}(\.\d{1,9})?", value)),
    "boolean": lambda value: value in ("true", "false"),
}
