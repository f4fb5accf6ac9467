"""Where the products of a collection come from in the destination, pure: by rules, by hand, and in which order."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from stores.shopify.content.collections import CONDITIONS, CollectionRecord, ConditionRecord, SourceRecord

MOST_PRODUCTS = 250  # products that one input may name (shopify.md 8.2)

# What a condition looks at, in words.
CONDITION_WORDS = {
    "productTag": "tags",
    "productTitle": "titles",
    "productType": "product types",
    "productVendor": "vendors",
    "productCategory": "categories",
    "productStatus": "product statuses",
    "variantTitle": "variant titles",
    "variantPrice": "prices",
    "variantCompareAtPrice": "compare-at prices",
    "variantInventory": "stock",
    "variantWeight": "weights",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The sources of an automated collection in a form that compares between stores; `reason`: why there are none.

    `notes` says what was left out. Each source is a dict with target, match, conditions, picked, excluded_match,
    excluding and excluded; its products are the destination's.
    """

    sources: tuple[dict[str, Any], ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()


def is_automated(collection: CollectionRecord) -> bool:
    """Whether anything but picking by hand for this very collection puts products into it."""
    return any(source.kind != CONDITIONS or source.conditions or source.is_shareable for source in collection.sources)


def rules_for(collection: CollectionRecord, linked: Mapping[str, str], mappable: Iterable[str]) -> Rules:
    """The rules of a source's collection as the destination can have them.

    `linked` is source product gid -> destination product gid; `mappable` are the conditions (CONDITION_WORDS) that
    select the same products there, because what they look at follows the source.
    """
    known = frozenset(mappable)
    for source in collection.sources:
        if reason := _why_not(source, known):
            return Rules(reason=reason)
    named = {gid for source in collection.sources for gid in (*source.picked, *source.excluded)}
    missing = len(named - set(linked))
    notes = (f"{missing} of the products picked by hand are not linked.",) if missing else ()
    return Rules(_sorted(_rule(source, linked) for source in collection.sources), notes=notes)


def _why_not(source: SourceRecord, mappable: frozenset[str]) -> str:
    if source.kind != CONDITIONS:
        return "its products come from other collections"
    if source.picks_variants:
        return "some of its products are there with single variants only"
    if max(len(source.picked), len(source.excluded)) > MOST_PRODUCTS:
        return f"more than {MOST_PRODUCTS} products are picked by hand besides its conditions"
    for condition in (*source.conditions, *source.excluding):
        if condition.name not in CONDITION_WORDS:
            return "it has a condition that cannot be copied, such as one on a metafield"
        if condition.name not in mappable:
            return f"it has a condition on {CONDITION_WORDS[condition.name]}, which are not the same in the destination"
    return ""


def current_rules(collection: CollectionRecord) -> tuple[dict[str, Any], ...]:
    """The rules that a destination's collection has now, in the form of `rules_for`."""
    itself = {gid: gid for source in collection.sources for gid in (*source.picked, *source.excluded)}
    return _sorted(
        _rule(source, itself) | ({} if source.kind == CONDITIONS else {"kind": source.kind})
        for source in collection.sources
    )


def _rule(source: SourceRecord, linked: Mapping[str, str]) -> dict[str, Any]:
    return {
        "target": source.target,
        "match": source.match if len(source.conditions) > 1 else "ALL",
        "conditions": list(_sorted(map(_condition, source.conditions))),
        "picked": sorted(linked[gid] for gid in source.picked if gid in linked),
        "excluded_match": source.excluded_match if len(source.excluding) > 1 else "ALL",
        "excluding": list(_sorted(map(_condition, source.excluding))),
        "excluded": sorted(linked[gid] for gid in source.excluded if gid in linked),
    }


def _condition(condition: ConditionRecord) -> dict[str, Any]:
    given = dict(condition.given)
    if "values" in given:
        given["values"] = list(_sorted(given["values"]))
    if isinstance(given.get("value"), Mapping):
        given["value"] = {name: _number(part) for name, part in given["value"].items()}
    return {condition.name or "unknown": given}


def _number(part: Any) -> Any:
    """10, "10.0" and "10.00" are the same amount."""
    try:
        return format(Decimal(str(part)).normalize(), "f")
    except InvalidOperation:
        return part


def _sorted(rows: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(rows, key=lambda row: json.dumps(row, sort_keys=True)))


def rule_input(rule: Mapping[str, Any], title: str) -> dict[str, Any]:
    """CollectionCreateSourceTargetInput of a rule."""
    source: dict[str, Any] = {
        "title": title,
        "targetType": rule["target"],
        "inclusion": {
            "matchType": rule["match"],
            "conditions": [_condition_input(row) for row in rule["conditions"]],
            "selections": picks(rule["picked"]),
        },
    }
    if rule["excluding"] or rule["excluded"]:
        source["exclusion"] = {
            "matchType": rule["excluded_match"],
            "conditions": [_condition_input(row) for row in rule["excluding"]],
            "selections": picks(rule["excluded"]),
        }
    return {"source": source}


def _condition_input(row: Mapping[str, Any]) -> dict[str, Any]:
    """Weights are numbers in Shopify's inputs, amounts of money are texts."""
    ((name, given),) = row.items()
    value = given.get("value")
    if isinstance(value, Mapping) and "unit" in value:
        given = given | {"value": {**value, "value": float(value["value"])}}
    return {name: given}


def hand_input(product_gids: Sequence[str], title: str) -> dict[str, Any]:
    """CollectionCreateSourceTargetInput of products picked by hand, at most MOST_PRODUCTS."""
    return {"source": {"title": title, "inclusion": {"selections": picks(product_gids)}}}


def picks(product_gids: Iterable[str]) -> list[dict[str, str]]:
    """The inputs that name products."""
    return [{"productId": gid} for gid in product_gids]


def fill_slots(current: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """`current` with those of `wanted` in their order; all others, the destination's own, stay where they are."""
    present = set(current)
    rest = iter([gid for gid in wanted if gid in present])
    follows = set(wanted)
    return [next(rest) if gid in follows else gid for gid in current]


def moves_to(current: Sequence[str], wanted: Sequence[str]) -> list[tuple[str, int]]:
    """The fewest moves (gid, position from 0 at that moment) that turn `current` into `wanted`: the same products."""
    target = {gid: place for place, gid in enumerate(wanted)}
    stay = {current[index] for index in _longest_rise([target[gid] for gid in current])}
    row, moves = list(current), []
    for place, gid in enumerate(wanted):
        # All before `place` are in order, so one that stays is where it belongs once all others have been moved.
        if gid not in stay:
            row.remove(gid)
            before = row.index(wanted[place - 1]) + 1 if place else 0
            row.insert(before, gid)
            moves.append((gid, before))
    return moves


def _longest_rise(numbers: Sequence[int]) -> list[int]:
    """The indexes of one of the longest rising parts of a sequence of different numbers."""
    ends: list[int] = []
    where: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(where[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        where[length : length + 1] = [index]
    rise, index = [], where[-1] if where else -1
    while index >= 0:
        rise.append(index)
        index = before[index]
    return rise[::-1]
