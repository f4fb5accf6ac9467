"""Whatever is ordered, the copy costs what the carried parts of the original cost, to the cent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.copies.rules import sums
from orders.copies.rules.mapping import NoLinkedLines
from stores.currencies import decimals
from stores.shopify.orders.order_records import OrderRecord
from tests.support.orders.originals import (
    discount,
    draft_total,
    input_total,
    line,
    mapped,
    order,
    shipping,
    source_variant,
    tax,
    variant,
)

cents = st.integers(min_value=0, max_value=500_00).map(lambda number: f"{number // 100}.{number % 100:02d}")
rates = st.decimals(min_value="0.00001", max_value="400", places=5)


@st.composite
def taxes(draw) -> tuple:
    return tuple(tax(draw(cents), title=title) for title in draw(st.sets(st.sampled_from(["VAT", "City", "State"]))))


@st.composite
def lines(draw, number: int):
    price, quantity = draw(cents), draw(st.integers(min_value=1, max_value=40))
    most = int(Decimal(price) * 100) * quantity
    taken, again = sorted(draw(st.tuples(*[st.integers(min_value=0, max_value=most)] * 2)))
    shares = (discount(str(Decimal(taken) / 100), "A"), discount(str(Decimal(again - taken) / 100), "B"))
    return line(number, price, quantity, discounts=shares, taxes=draw(taxes()))


@st.composite
def originals(draw) -> OrderRecord:
    count = draw(st.integers(min_value=1, max_value=6))
    return order(
        *(draw(lines(number)) for number in range(1, count + 1)),
        shipping=tuple(shipping(draw(cents), taxes=draw(taxes())) for _ in range(draw(st.integers(0, 2)))),
        taxes_included=draw(st.booleans()),
    )


def carried_cost(placed: OrderRecord, links: dict[str, str]) -> Fraction:
    """What the linked lines, the shipping and their taxes cost in the original, counted another way."""
    cost = Fraction(0)
    for each in placed.lines:
        if each.variant_gid in links:
            cost += Fraction(each.unit_price.shop.amount) * each.quantity
            cost -= sum(Fraction(taken.amount.shop.amount) for taken in each.discounts)
            cost += 0 if placed.taxes_included else sum(Fraction(owed.price.shop.amount) for owed in each.taxes)
    for each in placed.shipping:
        cost += Fraction(each.price.shop.amount)
        cost += 0 if placed.taxes_included else sum(Fraction(owed.price.shop.amount) for owed in each.taxes)
    return cost


def total_of(copy) -> Decimal:
    return draft_total(copy.draft_input) if copy.is_draft else input_total(copy.input)


def units_of(copy) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in (copy.draft_input or copy.input)["lineItems"]:
        if "variantId" in row:
            found[row["variantId"]] = found.get(row["variantId"], 0) + row["quantity"]
    return found


@given(originals(), st.sets(st.integers(1, 6), min_size=1), st.sampled_from(["order", "draft_order"]))
def test_the_copy_costs_exactly_what_its_lines_cost_in_the_original(placed, linked, strategy):
    links = {variant(number): source_variant(number) for number in linked}
    try:
        copy = mapped(placed, links=links, strategy=strategy)
    except NoLinkedLines:
        assert not any(each.variant_gid in links for each in placed.lines)
        return
    assert Fraction(copy.total.amount) == carried_cost(placed, links)
    assert total_of(copy) == copy.total.amount
    assert units_of(copy) == {
        links[each.variant_gid]: each.quantity for each in placed.lines if each.variant_gid in links
    }


@given(originals(), rates, st.sampled_from(["USD", "JPY", "KWD"]), st.sampled_from(["order", "draft_order"]))
def test_a_converted_copy_costs_the_rounded_converted_whole(placed, rate, currency, strategy):
    copy = mapped(placed, currency=currency, currency_rate=rate, strategy=strategy)
    whole = sums.half_up(
        carried_cost(placed, {each.variant_gid: "" for each in placed.lines})
        * Fraction(rate)
        * 10 ** decimals(currency)
    )
    assert copy.total.amount == sums.to_amount(whole, currency)
    assert total_of(copy) == copy.total.amount


@given(originals(), rates)
def test_the_taxes_of_a_line_add_up_however_it_is_split(placed, rate):
    copy = mapped(placed, currency="USD", currency_rate=rate)
    carried = sum(
        Decimal(owed["priceSet"]["shopMoney"]["amount"])
        for row in (*copy.input["lineItems"], *copy.input.get("shippingLines", ()))
        for owed in row.get("taxLines", ())
    )
    owed = sum(Fraction(each.price.shop.amount) for owner in (*placed.lines, *placed.shipping) for each in owner.taxes)
    assert abs(Fraction(carried) - owed * Fraction(rate)) <= Fraction(1, 100)


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_a_cent_that_no_share_can_hold_is_not_lost(strategy):
    placed = order(
        line(1, "0.01", 3, discounts=(discount("0.01"),)), line(2, "33.33", 3, discounts=(discount("0.01"),))
    )
    copy = mapped(placed, strategy=strategy)
    assert total_of(copy) == copy.total.amount == Decimal("100.00")
