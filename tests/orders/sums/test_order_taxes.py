"""Taxes that stand at the order only are taxes of the copy; and what a copy says that costs more than its original."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import advice
from orders.copies.rules.order_taxes import place_order_taxes
from orders.models import OrderImport
from tests.orders.sums.test_mapping_totals import originals
from tests.simulator.state.money import Bag
from tests.simulator.state.orders import TaxLine
from tests.support.orders.originals import (
    amount_of,
    custom_line,
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
from tests.support.orders.trade import total_of

cents = st.integers(min_value=1, max_value=90_00).map(lambda number: f"{number // 100}.{number % 100:02d}")


def taxes_of(made) -> list[Decimal]:
    owners = [*made["lineItems"], *made.get("shippingLines", ())]
    return [amount_of(owed["priceSet"]) for row in owners for owed in row.get("taxLines", ())]


def test_a_tax_that_stands_at_the_order_only_is_a_tax_of_the_copy():
    made = mapped(order(line(1, "100.00"), taxes=(tax("19.00"),), total="119.00")).input
    assert "shippingLines" not in made
    (owed,) = made["lineItems"][0]["taxLines"]
    assert (owed["title"], owed["rate"], amount_of(owed["priceSet"])) == ("VAT", "0.19", 19)
    assert input_total(made) == 119


def test_a_tax_at_the_order_of_a_draft_is_its_line_of_tax():
    made = mapped(order(line(1, "100.00"), taxes=(tax("19.00"),), total="119.00"), strategy="draft_order").draft_input
    assert "shippingLine" not in made
    assert [row["title"] for row in made["lineItems"][1:]] == ["Tax: VAT"]
    assert draft_total(made) == 119


def test_taxes_within_the_prices_that_stand_at_the_order_only_cost_nothing_more():
    copy = mapped(order(line(1, "119.00"), taxes=(tax("19.00"),), taxes_included=True))
    assert taxes_of(copy.input) == [19]
    assert copy.total.amount == 119


def test_what_the_lines_hold_is_not_taken_twice_and_a_duty_stays_a_charge():
    placed = order(
        line(1, "100.00", taxes=(tax("19.00"),)), taxes=(tax("19.00"), tax("3.00", "0.03", "City")), total="127.00"
    )
    made = mapped(placed).input
    assert taxes_of(made) == [19, 3]
    assert [row["title"] for row in made["shippingLines"]] == ["Duties and other charges"]
    assert input_total(made) == 127


def test_it_goes_by_what_the_taxable_lines_cost_and_a_partial_copy_has_its_share():
    placed = order(line(1, "30.00"), line(2, "10.00"), line(3, "60.00", is_taxable=False), taxes=(tax("4.00"),))
    assert taxes_of(mapped(placed).input) == [3, 1]
    assert taxes_of(mapped(placed, links={variant(2): source_variant(2)}).input) == [1]


@pytest.mark.parametrize("name", ["free", "untaxed"])
def test_without_a_taxable_line_it_still_has_a_place(name):
    rows = {"free": [line(1, "0.00")], "untaxed": [line(1, "5.00", is_taxable=False)]}
    assert taxes_of(mapped(order(*rows[name], taxes=(tax("1.00"),))).input) == [1]


@given(originals(), cents, cents)
def test_not_a_cent_of_the_orders_own_taxes_is_lost(placed, one, other):
    known: dict[str, Decimal] = {}
    for owner in (*placed.lines, *placed.shipping):
        for owed in owner.taxes:
            known[owed.title] = known.get(owed.title, Decimal(0)) + owed.price.shop.amount
    for title, amount in (("VAT", one), ("Own", other)):
        known[title] = known.get(title, Decimal(0)) + Decimal(amount)
    whole = order(
        *placed.lines,
        shipping=placed.shipping,
        taxes_included=placed.taxes_included,
        taxes=tuple(tax(str(amount), title=title) for title, amount in known.items()),
    )
    found = place_order_taxes(whole)
    carried = sum(owed.price.shop.amount for owner in (*found.lines, *found.shipping) for owed in owner.taxes)
    assert carried == sum(known.values())
    assert place_order_taxes(found) == found


def test_parts_that_cost_more_than_the_original_are_told():
    copy = mapped(order(line(1, "80.00"), total="70.00"))
    assert copy.total.amount == 80
    (words,) = copy.notes
    assert "70.00 EUR" in words and "80.00 EUR" in words
    assert mapped(order(line(1, "80.00"), total="80.00")).notes == ()
    assert mapped(order(line(1, "80.00"), custom_line(2, "Tip", price="5.00"))).notes == ()
    assert mapped(order(line(1, "80.00"), shipping=(shipping("4.90"),), total="90.00")).notes == ()


def test_an_order_of_100_with_19_at_the_order_costs_119_on_the_wire(trade):
    shop = trade()
    placed = shop.north.order((0, 1), po_number="PO-7")
    placed.lines[0].price = Bag(Decimal(100), Decimal(100))
    placed.tax_lines.append(TaxLine("VAT", Decimal("0.19"), Bag(Decimal(19), Decimal(19))))
    shop.run()
    (copy,) = shop.copies
    assert (total_of(copy), copy.shipping_lines, copy.po_number) == (Decimal(119), [], "PO-7")
    assert [(owed.title, owed.price.shop) for owed in copy.lines[0].tax_lines] == [("VAT", 19)]


def test_a_draft_has_the_po_number_and_an_order_whose_parts_cost_more_says_so_on_its_row(trade):
    shop = trade("draft_order")
    placed = shop.north.order((0, 1), po_number="PO-7")
    shop.run()
    (draft,) = shop.drafts
    assert draft.po_number == "PO-7"
    row = shop.row(placed)
    assert (row.notes, "notes" in advice.what_to_do(row)) == ("", False)
    OrderImport.objects.update(notes="The original costs less.")
    assert "see the notes" in advice.what_to_do(shop.row(placed))


def test_the_share_of_an_order_tax_is_within_a_cent_of_its_exact_value():
    placed = order(*(line(number, "3.33") for number in range(1, 4)), taxes=(tax("1.00"),))
    for each in place_order_taxes(placed).lines:
        assert abs(Fraction(each.taxes[0].price.shop.amount) - Fraction(1, 3)) < Fraction(1, 100)
