"""Prices: a golden table worked out by hand, and what holds for every rule."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stores.currencies import decimals
from syncing.catalogue.rules.pricing import DOWN, NEAREST, NONE, UP, PriceRule, compare_at, cost, price

D = Decimal


def rule(percent="0", amount="0", rounding=NONE, step="1", ending="0") -> PriceRule:
    return PriceRule(D(percent), D(amount), rounding, D(step), D(ending))


# Each worked out by hand: source, rule, rate, currency, destination.
GOLDEN = [
    ("100.00", rule(), "1", "EUR", "100.00"),
    ("100.00", rule("10"), "1", "EUR", "110.00"),
    ("100.00", rule("-10"), "1", "EUR", "90.00"),
    ("100.00", rule("0", "5"), "1", "EUR", "105.00"),
    ("100.00", rule("10", "5"), "1", "EUR", "115.00"),  # percent first, then the amount
    ("100.00", rule("10", "5"), "2", "EUR", "230.00"),  # both before the rate
    ("100.00", rule(), "1.2527036", "USD", "125.27"),
    ("19.99", rule("25"), "1", "USD", "24.99"),  # 24.9875
    ("19.98", rule("12.5"), "1", "USD", "22.48"),  # 22.4775
    ("0.10", rule("5"), "1", "EUR", "0.11"),  # 0.105: half a cent goes up
    ("12.30", rule(rounding=NEAREST, ending="0.99"), "1", "EUR", "11.99"),  # 11.99 is 0.31 away, 12.99 is 0.69
    ("12.49", rule(rounding=NEAREST, ending="0.99"), "1", "EUR", "12.99"),  # half way goes up
    ("12.48", rule(rounding=NEAREST, ending="0.99"), "1", "EUR", "11.99"),
    ("12.99", rule(rounding=UP, ending="0.99"), "1", "EUR", "12.99"),  # what ends so already stays
    ("13.00", rule(rounding=UP, ending="0.99"), "1", "EUR", "13.99"),
    ("13.00", rule(rounding=DOWN, ending="0.99"), "1", "EUR", "12.99"),
    ("12.98", rule(rounding=DOWN, ending="0.99"), "1", "EUR", "11.99"),
    ("0.50", rule(rounding=DOWN, ending="0.99"), "1", "EUR", "0.99"),  # never given away
    ("12.30", rule(rounding=NEAREST, ending="0.95"), "1", "EUR", "11.95"),
    ("12.45", rule(rounding=NEAREST, ending="0.95"), "1", "EUR", "12.95"),
    ("12.49", rule(rounding=NEAREST), "1", "EUR", "12.00"),
    ("12.50", rule(rounding=NEAREST), "1", "EUR", "13.00"),
    ("0.40", rule(rounding=NEAREST), "1", "EUR", "1.00"),  # never given away
    ("12.01", rule(rounding=UP), "1", "EUR", "13.00"),
    ("12.99", rule(rounding=DOWN), "1", "EUR", "12.00"),
    ("13.37", rule(rounding=UP, step="10", ending="9.95"), "1", "EUR", "19.95"),
    ("13.37", rule(rounding=DOWN, step="10", ending="9.95"), "1", "EUR", "9.95"),
    ("13.37", rule(rounding=NEAREST, step="10", ending="9.95"), "1", "EUR", "9.95"),  # 3.42 against 6.58
    ("13.37", rule(rounding=NEAREST, step="0.05"), "1", "CHF", "13.35"),
    ("13.38", rule(rounding=NEAREST, step="0.05"), "1", "CHF", "13.40"),
    ("100.00", rule("8"), "161.37", "JPY", "17428"),  # 17427.96
    ("100.00", rule(rounding=UP, step="100"), "161.37", "JPY", "16200"),
    ("9.90", rule(rounding=NEAREST, ending="0.99"), "161.37", "JPY", "1598"),  # 1597.563 -> 1597.99 -> 1598
    ("0.001", rule(), "1", "JPY", "1"),  # the smallest unit there is
    ("3.00", rule(), "0.3077", "KWD", "0.923"),  # three decimals
    ("10.00", rule("0", "-15"), "1", "EUR", "0.00"),  # never below 0
    ("0.00", rule("50", "5", UP, "1", "0.99"), "1", "EUR", "0.00"),  # free stays free
    ("1000000.00", rule("0.001"), "1", "EUR", "1000010.00"),
    ("0.01", rule("-50"), "1", "EUR", "0.01"),  # 0.005 goes up
    ("0.01", rule("-90"), "1", "EUR", "0.01"),  # 0.001 is not given away
]


@pytest.mark.parametrize(("source", "how", "rate", "currency", "expected"), GOLDEN)
def test_a_price_is_what_was_worked_out_by_hand(source, how, rate, currency, expected):
    made = price(D(source), how, D(rate), currency)
    assert made == D(expected)
    assert str(made) == expected


@pytest.mark.parametrize(
    ("amount", "new_price", "how", "expected"),
    [
        (None, "10.00", rule(), None),
        ("20.00", "11.00", rule("10"), "22.00"),
        ("10.00", "10.00", rule(), None),  # equal says nothing
        ("9.00", "10.00", rule(), None),
        ("0.00", "0.00", rule(), None),
        ("10.40", "10.99", rule(rounding=UP, ending="0.99"), None),  # both end on the same price
        ("11.40", "10.99", rule(rounding=UP, ending="0.99"), "11.99"),
    ],
)
def test_a_compare_at_price_follows_the_rule_and_is_above_the_price_or_none(amount, new_price, how, expected):
    made = compare_at(amount and D(amount), D(new_price), how)
    assert made == (expected and D(expected))


def test_a_cost_is_converted_and_not_marked_up():
    assert cost(D("12.345"), D("1.1"), "EUR") == D("13.58")


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(ValueError, match="above 0"):
        price(D(1), rule(), D(rate), "EUR")
    with pytest.raises(ValueError, match="above 0"):
        cost(D(1), D(rate))


@pytest.mark.parametrize("fields", [{"step": "0"}, {"ending": "1"}, {"ending": "-0.01"}, {"rounding": "sideways"}])
def test_a_rule_that_cannot_be_is_refused(fields):
    with pytest.raises(ValueError, match="ending|rounding"):
        rule(**fields)


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("jpy", 0), ("KWD", 3), ("ISK", 0), ("HUF", 2), ("", 2)])
def test_currencies_have_the_digits_of_iso_4217(currency, digits):
    assert decimals(currency) == digits


money = st.decimals("0.01", "100000", places=2)
rules = st.builds(
    lambda percent, amount, rounding, step, share: PriceRule(percent, amount, rounding, step, step * share),
    st.decimals("-99.999", "500", places=3),
    st.decimals("-50", "50", places=2),
    st.sampled_from([NONE, NEAREST, UP, DOWN]),
    st.sampled_from([D("0.05"), D(1), D(5), D(10), D(100)]),
    st.sampled_from([D(0), D("0.8"), D("0.4")]),
)
rates = st.decimals("0.0001", "20000", places=4)
currencies = st.sampled_from(["EUR", "JPY", "KWD"])


@given(money, rules, rates, currencies)
@example(D("0.01"), rule("-99"), D("0.0001"), "JPY")
def test_a_price_is_never_below_zero_and_has_no_more_digits_than_its_currency(amount, how, rate, currency):
    made = price(amount, how, rate, currency)
    assert made >= 0
    assert made.as_tuple().exponent == -decimals(currency)


@given(money, rules, rates, currencies)
def test_only_a_rule_that_takes_everything_gives_a_thing_away(amount, how, rate, currency):
    raised = Fraction(amount) * (100 + Fraction(how.percent)) / 100 + Fraction(how.amount)
    assert (price(amount, how, rate, currency) == 0) == (raised <= 0)


@given(money, money, rules, rates, currencies)
def test_the_dearer_thing_never_becomes_the_cheaper_one(one, other, how, rate, currency):
    cheap, dear = sorted([one, other])
    assert price(cheap, how, rate, currency) <= price(dear, how, rate, currency)


@given(money, st.none() | money, rules, rates, currencies)
def test_a_compare_at_price_is_always_above_the_price(amount, compared, how, rate, currency):
    made = price(amount, how, rate, currency)
    shown = compare_at(compared, made, how, rate, currency)
    assert shown is None or shown > made


@given(money, rules.filter(lambda how: how.rounding != NONE))
def test_a_rounded_price_ends_as_the_rule_says(amount, how):
    made = price(amount, how, D(1), "KWD")
    assert made == 0 or (made - how.ending) % how.step == 0


@given(money, st.sampled_from([D("0.05"), D(1), D(10)]), st.sampled_from([D(0), D("0.04")]))
def test_up_is_never_lower_and_down_never_dearer_unless_it_would_be_free(amount, step, ending):
    up, down = (price(amount, PriceRule(rounding=mode, step=step, ending=ending)) for mode in (UP, DOWN))
    assert up >= amount
    assert up - amount < step or up <= step + ending
    assert down <= amount or down == (ending or step)
