"""Whatever is ordered from however many sources: all copies together cost the original, to the cent."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.copies.rules import sums
from orders.copies.rules.mapping import Choices, NoLinkedLines, Way, map_order
from orders.copies.rules.shares import Carrier, Portion, split_order
from stores.currencies import decimals
from tests.support.orders.originals import (
    DOMAIN,
    NOW,
    custom_line,
    discount,
    draft_total,
    input_total,
    line,
    order,
    shipping,
    source_variant,
    tax,
    variant,
)

ORDERS = 10_000


def carriers_of(count, lines, dice, unlinked, exchange=""):
    """Each linked line belongs to one of `count` connections; some are linked nowhere where `unlinked` is given."""
    links = [{} for _ in range(count)]
    for number in lines:
        if not unlinked or dice.random() < 0.8:
            links[dice.randrange(count)][variant(number)] = source_variant(number)
    return [Carrier(pk, f"S{pk}", found, unlinked or "leave_out", exchange) for pk, found in enumerate(links, 1)]


def copies_of(placed, carriers, split, strategy, currency, rate):
    """The copies of all connections from which something comes."""
    for carrier in carriers:
        choices = Choices(strategy=strategy, unlinked=carrier.unlinked, currency_rate=rate)
        try:
            yield map_order(
                placed,
                carrier.links,
                choices,
                Way("North", DOMAIN, currency, connection_id=carrier.connection_id),
                NOW,
                split,
            )
        except NoLinkedLines:
            continue


def money(dice, most=90_00, currency="EUR") -> str:
    return str(sums.to_amount(dice.randrange(most), currency))


def random_order(dice, currency="EUR", quantity=9):
    def taxes():
        return tuple(
            tax(money(dice, 9_00, currency), title=t, currency=currency) for t in dice.sample("VC", dice.randrange(3))
        )

    lines = []
    for number in range(1, dice.randint(2, 7)):
        price, units = money(dice, currency=currency), dice.randint(1, quantity)
        whole = int(Decimal(price) * units * 10 ** decimals(currency))
        off = str(sums.to_amount(dice.randrange(whole + 1), currency))
        fields = {"discounts": (discount(off, currency=currency),), "taxes": taxes()}
        lines.append(line(number, price, units, currency, **fields))
    posts = tuple(
        shipping(money(dice, currency=currency), currency=currency, taxes=taxes()) for _ in range(dice.randrange(3))
    )
    placed = order(*lines, currency=currency, shipping=posts, taxes_included=dice.random() < 0.5)
    duty = Decimal(money(dice, 5_00, currency)) if dice.random() < 0.3 else 0
    return order(
        *lines,
        currency=currency,
        shipping=posts,
        taxes_included=placed.taxes_included,
        total=str(placed.total.shop.amount + duty),
    )


def cost_of(copy) -> Decimal:
    made = draft_total(copy.draft_input) if copy.is_draft else input_total(copy.input)
    assert made == copy.total.amount
    return made


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_ten_thousand_orders_with_one_to_four_sources_cost_the_original_to_the_cent(strategy):
    dice = random.Random(13)
    for _ in range(ORDERS // 2):
        currency = dice.choice(["EUR", "EUR", "JPY", "KWD"])
        placed = random_order(dice, currency)
        carriers = carriers_of(
            dice.randint(1, 4), [int(each.gid.rsplit("/", 1)[-1]) for each in placed.lines], dice, ""
        )
        split = split_order(placed, carriers, main_pays_charges=dice.random() < 0.3)
        copies = list(copies_of(placed, carriers, split, strategy, currency, None))
        assert sum(map(cost_of, copies)) == placed.total.shop.amount
        assert not any(copy.is_partial for copy in copies)
        assert sorted(one.line_gid for copy in copies for one in copy.carried) == sorted(
            each.gid for each in placed.lines
        )


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_converted_at_one_rate_they_cost_the_rounded_converted_original(strategy):
    dice = random.Random(14)
    for _ in range(500):
        placed, currency = random_order(dice), dice.choice(["USD", "JPY", "KWD"])
        rate = Fraction(dice.randrange(1, 40_000), dice.choice([100, 109, 1000]))
        carriers = carriers_of(dice.randint(1, 4), range(1, 8), dice, "", exchange="one")
        split = split_order(placed, carriers, main_pays_charges=dice.random() < 0.3)
        copies = list(copies_of(placed, carriers, split, strategy, currency, rate))
        whole = sums.half_up(Fraction(placed.total.shop.amount) * rate * 10 ** decimals(currency))
        assert sum(map(cost_of, copies)) == sums.to_amount(whole, currency)


@pytest.mark.parametrize("unlinked", ["leave_out", "custom"])
def test_what_is_linked_nowhere_is_in_one_copy_or_missed_in_one(unlinked):
    dice = random.Random(15)
    for _ in range(500):
        placed = random_order(dice)
        carriers = carriers_of(dice.randint(2, 4), range(1, 8), dice, unlinked)
        linked = {gid for each in carriers for gid in each.links}
        split = split_order(placed, carriers)
        copies = list(copies_of(placed, carriers, split, "order", "EUR", None))
        if not copies:
            assert not any(each.variant_gid in linked for each in placed.lines)
            continue
        carried = [one.line_gid for copy in copies for one in copy.carried]
        missing = [one.line_gid for copy in copies for one in copy.left_out if one.is_missing]
        assert sorted([*carried, *missing]) == sorted(each.gid for each in placed.lines)
        assert sum(copy.is_partial for copy in copies) == bool(missing)
        if not missing:
            assert sum(map(cost_of, copies)) == placed.total.shop.amount


@given(
    st.integers(min_value=0, max_value=10**7),
    st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=4).map(tuple),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_portions_of_an_amount_add_up_to_it(minor, weights, currency):
    amount = Fraction(sums.to_amount(minor, currency))
    portions = [Portion(weights, index).of(amount, currency) for index in range(len(weights))]
    assert sum(portions) == amount
    assert min(portions) >= 0
    assert Portion(weights, None).of(amount, currency) == 0


def test_a_tip_and_a_gift_card_are_missed_in_no_second_copy():
    tip = custom_line(3, "Tip", price="5.00", requires_shipping=False, is_taxable=False)
    card = line(4, "25.00", is_gift_card=True)
    placed = order(line(1), line(2), tip, card)
    carriers = [Carrier(pk, f"S{pk}", {variant(pk): source_variant(pk)}, "leave_out") for pk in (1, 2)]
    copies = list(copies_of(placed, carriers, split_order(placed, carriers), "order", "EUR", None))
    assert [copy.is_partial for copy in copies] == [True, False]


def test_free_goods_of_two_sources_still_leave_no_cent_of_the_shipping_behind():
    placed = order(line(1, "0.00"), line(2, "0.00"), shipping=(shipping("4.90"),))
    carriers = [Carrier(pk, f"S{pk}", {variant(pk): source_variant(pk)}, "leave_out") for pk in (1, 2)]
    copies = list(copies_of(placed, carriers, split_order(placed, carriers), "order", "EUR", None))
    assert [cost_of(copy) for copy in copies] == [Decimal("4.90"), 0]
