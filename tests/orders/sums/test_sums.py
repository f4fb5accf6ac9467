"""Money arithmetic that loses no cent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.copies.rules import sums

amounts = st.fractions(min_value=0, max_value=10_000, max_denominator=1000)


@given(st.lists(amounts, max_size=12), st.fractions(min_value="1/1000", max_value=200, max_denominator=10**6))
def test_rounded_parts_add_up_to_the_rounded_sum_and_stay_within_a_unit(parts, rate):
    rounded = sums.round_parts(parts, "EUR", rate)
    assert sum(rounded) == sums.half_up(sum(parts) * rate * 100)
    for part, whole in zip(parts, rounded, strict=True):
        assert abs(whole - part * rate * 100) <= 1
        assert whole >= 0
        assert part or not whole


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=1, max_value=1000))
def test_units_cost_exactly_the_total_and_differ_by_at_most_one(total, quantity):
    groups = sums.split_units(total, quantity)
    assert sum(units * price for units, price in groups) == total
    assert sum(units for units, _ in groups) == quantity
    prices = [price for _, price in groups]
    assert len(groups) <= 2
    assert max(prices) - min(prices) <= 1


@given(st.integers(min_value=0, max_value=10**6), st.lists(st.integers(min_value=0, max_value=10**6), min_size=1))
def test_a_spread_amount_adds_up(amount, weights):
    shared = sums.spread(amount, weights)
    assert sum(shared) == amount
    assert len(shared) == len(weights)
    assert min(shared) >= 0


@pytest.mark.parametrize(
    ("minor", "currency", "amount"), [(1234, "EUR", "12.34"), (1234, "JPY", "1234"), (1234, "KWD", "1.234")]
)
def test_a_currency_has_its_own_smallest_unit(minor, currency, amount):
    assert sums.to_amount(minor, currency) == Decimal(amount)
    assert sums.round_parts([Fraction(amount)], currency) == [minor]


def test_half_a_unit_goes_up():
    assert [sums.half_up(Fraction(value)) for value in ("1/2", "3/2", "1/3", "-1/2")] == [1, 2, 0, 0]


def test_an_amount_is_written_with_all_its_places():
    assert sums.text(Decimal("12.3"), "EUR") == "12.30 EUR"
    assert sums.text(Decimal("12"), "JPY") == "12 JPY"
