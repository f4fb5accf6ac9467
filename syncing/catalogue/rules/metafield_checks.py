"""Which values of metafields a destination cannot take, pure: known beforehand, so that nothing is sent in vain."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from stores.shopify.metafields.definitions import MetafieldDefinition
from stores.shopify.metafields.records import MetafieldRecord

# Nobody but Shopify writes these (shopify.md 9, row 52).
RESERVED = frozenset({"shopify_standard", "protected", "shopify-l10n-fields"})
# Reserved for the app that made them: another app can neither read nor write them (shopify.md 8.1).
APP_PREFIXES = ("$app", "app--")
# Shopify's limits of a value.
MOST_TEXT_BYTES, MOST_JSON_BYTES = 65_536, 128 * 1024
MOST_LISTED_ITEMS = 128
_STRUCTURED = ("json", "rich_text_field", "money", "rating", "dimension", "volume", "weight", "link", "area", "power")
_NUMBERS = ("number_integer", "number_decimal", "rating")


def why_left_out(record: MetafieldRecord, currency: str, definition: MetafieldDefinition | None) -> str:
    """Why the destination cannot take a metafield, in words; '' as far as we know. `currency` is the destination's."""
    if record.namespace in RESERVED:
        return "Shopify reserves its namespace"
    if record.namespace.startswith(APP_PREFIXES):
        return "its namespace belongs to an app"
    if definition is not None and definition.type != record.type:
        return f"the destination defines it as {definition.type}, the source has {record.type}"
    if reason := _why_too_large(record) or _why_foreign(record, currency):
        return reason
    return _why_against(definition.validations, record.type, record.value) if definition is not None else ""


def _why_too_large(record: MetafieldRecord) -> str:
    size = len(record.value.encode())
    if record.type.startswith("list."):
        listed = _read(record.value)
        count = len(listed) if isinstance(listed, list) else 0
        return f"its {count} elements are more than {MOST_LISTED_ITEMS}" if count > MOST_LISTED_ITEMS else ""
    most = MOST_JSON_BYTES if record.type in _STRUCTURED else MOST_TEXT_BYTES
    return f"its {size:,} bytes are more than {most:,}" if size > most else ""


def _why_foreign(record: MetafieldRecord, currency: str) -> str:
    if record.type.removeprefix("list.") != "money" or not currency:
        return ""
    values = _read(record.value)
    listed = values if isinstance(values, list) else [values]
    codes = {str(value.get("currency_code")) for value in listed if isinstance(value, dict)} - {currency}
    return f"it is money in {', '.join(sorted(codes))}, the store's is {currency}" if codes else ""


def _why_against(validations: Mapping[str, str], kind: str, value: str) -> str:
    """What the destination's definition has against a value: its choices, its least and its most."""
    if kind.startswith("list."):
        listed = _read(value)
        texts = (
            [each if isinstance(each, str) else json.dumps(each) for each in listed] if isinstance(listed, list) else []
        )
        reasons = (_why_against(validations, kind.removeprefix("list."), text) for text in texts)
        return next(filter(None, reasons), "")
    choices = _read(validations.get("choices", ""))
    if isinstance(choices, list) and value not in map(str, choices):
        return "the destination's definition offers other choices"
    measure = _measure(kind, value)
    least, most = (_bound(validations, name) for name in ("min", "max"))
    if measure is not None and least is not None and measure < least:
        return f"the destination's definition wants at least {least}"
    if measure is not None and most is not None and measure > most:
        return f"the destination's definition wants at most {most}"
    return ""


def _bound(validations: Mapping[str, str], name: str) -> Decimal | None:
    return _number(validations.get(name, validations.get(f"scale_{name}")))


def _measure(kind: str, value: str) -> Decimal | None:
    """The number, or the length of a text; None for what we leave to Shopify."""
    if kind == "rating":
        rating = _read(value)
        return _number(rating.get("value") if isinstance(rating, dict) else None)
    if kind in _NUMBERS:
        return _number(value)
    return Decimal(len(value)) if kind in ("single_line_text_field", "multi_line_text_field", "id") else None


def _number(text: Any) -> Decimal | None:
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
