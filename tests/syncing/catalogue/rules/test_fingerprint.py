"""Fingerprints: equal for equal values, for ever; different for anything that would be written differently."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncing.catalogue.rules.fingerprint import digest, fingerprint

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_it_is_the_same_on_every_machine_and_in_every_version():
    value = {"title": "Straße ☂", "tags": ["a", "b"], "price": "12.00", "weight": None, "tracked": True}
    assert fingerprint(value) == "d800f1c18c75d5be4b296e96faf0fb7d10689bab2ec559f951239e4b90e6301f"
    assert digest(value) == "7b0052d029f76721c67a1c97"


def test_the_order_of_keys_does_not_matter_and_that_of_lists_does():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(["a", "b"]) != fingerprint(["b", "a"])


@given(values, values)
def test_two_values_share_a_fingerprint_only_when_they_are_equal(one, other):
    is_equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint(one) == fingerprint(other)) == is_equal


def test_half_of_a_surrogate_pair_has_a_fingerprint_too():
    assert fingerprint("\ud83d") != fingerprint("\ude00")


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint(float("nan"))
