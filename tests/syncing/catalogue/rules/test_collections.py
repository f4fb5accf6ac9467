"""Where the products of a collection come from: what is copied as rules, what is not, and the fewest moves."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.shopify.content.collections import (
    CONDITIONS,
    SUB_COLLECTIONS,
    CollectionRecord,
    ConditionRecord,
    SourceRecord,
)
from syncing.catalogue.rules import collections as rules

AT = datetime(2026, 11, 21, tzinfo=UTC)
TAG = ConditionRecord("productTag", {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["b", "a"]})
PRICE = ConditionRecord("variantPrice", {"relation": "LESS_THAN", "value": {"amount": "10.0", "currencyCode": "EUR"}})
WEIGHT = ConditionRecord("variantWeight", {"relation": "LESS_THAN", "value": {"value": 1.50, "unit": "KILOGRAMS"}})
EVERY = tuple(rules.CONDITION_WORDS)


def product(number: int) -> str:
    return f"gid://shopify/Product/{number}"


def collection(*sources: SourceRecord) -> CollectionRecord:
    return CollectionRecord("gid://shopify/Collection/1", "Summer", "summer", AT, sources=sources)


def source(*conditions: ConditionRecord, **more) -> SourceRecord:
    return SourceRecord(
        "gid://shopify/CollectionConditionsSource/1", CONDITIONS, "Summer", conditions=conditions, **more
    )


def test_only_products_picked_by_hand_for_itself_are_not_automated():
    assert not rules.is_automated(collection(source(picked=(product(1),))))
    assert not rules.is_automated(collection())
    assert rules.is_automated(collection(source(TAG)))
    assert rules.is_automated(collection(source(), replace(source(), kind=SUB_COLLECTIONS)))
    assert rules.is_automated(collection(source(is_shareable=True)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (replace(source(TAG), kind=SUB_COLLECTIONS), "from other collections"),
        (source(TAG, picks_variants=True, picked=(product(1),)), "single variants"),
        (source(TAG, picked=tuple(map(product, range(251)))), "more than 250"),
        (source(ConditionRecord("", {})), "cannot be copied"),
        (source(TAG, excluding=(ConditionRecord("", {}),)), "cannot be copied"),
        (source(TAG, PRICE), "a condition on prices"),
        (source(TAG, excluding=(ConditionRecord("productVendor", {"values": ["x"]}),)), "a condition on vendors"),
    ],
)
def test_what_would_not_mean_the_same_is_not_copied_and_says_why(kind, words):
    found = rules.rules_for(collection(source(TAG), kind), {}, {"productTag"})
    assert found.sources == ()
    assert words in found.reason


def test_rules_of_two_stores_are_equal_whatever_their_order_ids_titles_and_zeros():
    theirs = replace(
        source(
            ConditionRecord(
                "variantPrice", {"relation": "LESS_THAN", "value": {"amount": "10.00", "currencyCode": "EUR"}}
            ),
            ConditionRecord("productTag", dict(TAG.given, values=["a", "b"])),
            match="ALL",
            picked=(product(11),),
        ),
        gid="gid://shopify/CollectionConditionsSource/9",
        title="Other",
    )
    ours = source(TAG, PRICE, match="ALL", picked=(product(1), product(2)))
    found = rules.rules_for(collection(ours), {product(1): product(11)}, EVERY)
    assert found.sources == rules.current_rules(collection(theirs))
    assert found.notes == ("1 of the products picked by hand are not linked.",)


def test_with_one_condition_all_and_any_are_the_same():
    one, other = source(TAG, match="ALL"), source(TAG, match="ANY")
    assert rules.current_rules(collection(one)) == rules.current_rules(collection(other))
    assert rules.current_rules(collection(source(TAG, PRICE, match="ALL"))) != rules.current_rules(
        collection(source(TAG, PRICE, match="ANY"))
    )


def test_a_source_of_another_kind_in_the_destination_is_never_equal_to_rules():
    assert rules.current_rules(collection(replace(source(), kind=SUB_COLLECTIONS))) != rules.current_rules(
        collection(source())
    )


def test_the_input_of_a_rule_is_what_shopify_takes():
    record = source(TAG, WEIGHT, match="ANY", excluded=(product(2),), target="VARIANTS")
    [rule] = rules.rules_for(collection(record), {product(2): product(12)}, EVERY).sources
    assert rules.rule_input(rule, "Summer") == {
        "source": {
            "title": "Summer",
            "targetType": "VARIANTS",
            "inclusion": {
                "matchType": "ANY",
                "conditions": [
                    {"productTag": {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["a", "b"]}},
                    {"variantWeight": {"relation": "LESS_THAN", "value": {"value": 1.5, "unit": "KILOGRAMS"}}},
                ],
                "selections": [],
            },
            "exclusion": {"matchType": "ALL", "conditions": [], "selections": [{"productId": product(12)}]},
        }
    }


@given(st.permutations(range(12)), st.permutations(range(12)))
def test_the_moves_one_after_the_other_give_the_wanted_order(current, wanted):
    current, wanted = [str(number) for number in current], [str(number) for number in wanted]
    row = list(current)
    moves = rules.moves_to(current, wanted)
    for gid, position in moves:
        row.remove(gid)
        row.insert(position, gid)
    assert row == wanted
    assert len(moves) < len(wanted)


def test_one_product_moved_is_one_move_and_none_is_none():
    row = [str(number) for number in range(100)]
    assert rules.moves_to(row, row) == []
    assert rules.moves_to(row, ["99", *row[:-1]]) == [("99", 0)]
    assert rules.moves_to(row, [*row[1:], "0"]) == [("0", 99)]


@given(st.lists(st.integers(0, 9), unique=True), st.permutations(range(10)))
def test_what_is_the_destinations_own_keeps_its_place(linked, current):
    names = [str(number) for number in current]
    wanted = [str(number) for number in linked] + ["not there"]
    filled = rules.fill_slots(names, wanted)
    assert [gid for gid in filled if gid in wanted] == wanted[:-1]
    assert all(mine == theirs for mine, theirs in zip(filled, names, strict=True) if theirs not in wanted)
