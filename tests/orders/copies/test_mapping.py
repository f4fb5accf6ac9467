"""Which lines of an order travel, as what, and at which price."""

from decimal import Decimal

import pytest

from orders.copies.rules.mapping import Choices, CurrencyWithoutRate, NoLinkedLines, TooManyLines, WaitsForLinks
from tests.support.orders.originals import (
    attributes,
    custom_line,
    discount,
    line,
    mapped,
    order,
    properties,
    shipping,
    source_variant,
    tax,
    variant,
)


def test_a_linked_line_becomes_the_sources_variant():
    copy = mapped(order(line(1, "10.00", 2)))
    (row,) = copy.input["lineItems"]
    assert row["variantId"] == source_variant(1)
    assert row["quantity"] == 2
    assert row["priceSet"] == {"shopMoney": {"amount": "10.00", "currencyCode": "EUR"}}
    assert copy.carried == (("gid://shopify/LineItem/1", source_variant(1), 2),)
    assert not copy.is_partial
    assert copy.total.amount == Decimal("20.00")


def test_a_line_always_says_whether_it_is_shipped_and_taxed():
    copy = mapped(order(line(1), line(2, requires_shipping=False, is_taxable=False)))
    assert [(row["requiresShipping"], row["taxable"]) for row in copy.input["lineItems"]] == [
        (True, True),
        (False, False),
    ]


def test_a_discounted_line_has_the_price_as_sold_and_names_what_it_was():
    copy = mapped(order(line(1, "10.00", 2, discounts=(discount("1.00", "SUMMER"), discount("2.00", "Volume")))))
    (row,) = copy.input["lineItems"]
    assert row["priceSet"]["shopMoney"]["amount"] == "8.50"
    assert properties(row)["Original price"] == "10.00 EUR"
    assert properties(row)["Discount"] == "3.00 EUR on 2 (SUMMER, Volume)"
    assert "discountCode" not in copy.input


def test_a_discount_that_does_not_divide_makes_two_lines_of_the_variant_with_their_taxes():
    copy = mapped(order(line(1, "10.00", 3, discounts=(discount("5.00"),), taxes=(tax("4.75"),))))
    rows = copy.input["lineItems"]
    assert [(row["quantity"], row["priceSet"]["shopMoney"]["amount"]) for row in rows] == [(2, "8.33"), (1, "8.34")]
    assert {row["variantId"] for row in rows} == {source_variant(1)}
    assert [row["taxLines"][0]["priceSet"]["shopMoney"]["amount"] for row in rows] == ["3.17", "1.58"]
    assert copy.carried == (("gid://shopify/LineItem/1", source_variant(1), 3),)
    assert copy.total.amount == Decimal("29.75")


def test_a_line_given_away_costs_nothing_and_never_less():
    copy = mapped(order(line(1, "10.00", discounts=(discount("12.00"),)), line(2), total="10.00"))
    assert copy.input["lineItems"][0]["priceSet"]["shopMoney"]["amount"] == "0.00"
    assert copy.total.amount == 10


def test_an_unlinked_line_is_left_out_and_the_copy_is_partial():
    copy = mapped(order(line(1), line(2)), links={variant(1): source_variant(1)})
    assert [row["variantId"] for row in copy.input["lineItems"]] == [source_variant(1)]
    assert copy.is_partial
    (left,) = copy.left_out
    assert (left.line_gid, left.quantity) == ("gid://shopify/LineItem/2", 1)
    assert left.reason == "Its product is not linked to one of the source."


def test_an_unlinked_line_can_become_a_custom_line_without_stock():
    copy = mapped(
        order(line(1), line(2, "7.00", variant_title="Blue")), links={variant(1): source_variant(1)}, unlinked="custom"
    )
    row = copy.input["lineItems"][1]
    assert "variantId" not in row
    assert (row["title"], row["sku"], row["requiresShipping"]) == ("Thing 2 - Blue", "SKU-2", True)
    assert copy.carried[1] == ("gid://shopify/LineItem/2", None, 1)
    assert not copy.is_partial
    assert copy.total.amount == 17


def test_an_order_can_wait_until_all_its_lines_are_linked():
    with pytest.raises(WaitsForLinks, match="“Thing 2”") as caught:
        mapped(order(line(1), line(2)), links={variant(1): source_variant(1)}, unlinked="hold")
    assert caught.value.variant_gids == (variant(2),)


def test_nobody_waits_for_a_line_that_can_never_be_linked():
    copy = mapped(
        order(line(1), custom_line(2, "Engraving"), line(3, variant_gid=None), is_edited=False), unlinked="hold"
    )
    assert copy.is_partial
    assert [left.reason for left in copy.left_out] == [
        "A custom line without a product, or its product was deleted.",
        "Its variant was deleted in the destination.",
    ]


@pytest.mark.parametrize("number", [2, 3])
def test_custom_lines_and_deleted_variants_can_travel_as_custom_lines(number):
    lone = custom_line(2, "Engraving") if number == 2 else line(3, variant_gid=None)
    copy = mapped(order(line(1), lone), unlinked="custom")
    assert copy.input["lineItems"][1]["title"] == lone.title
    assert not copy.is_partial


@pytest.mark.parametrize("unlinked", ["leave_out", "custom"])
def test_an_order_without_linked_lines_has_no_copy(unlinked):
    with pytest.raises(NoLinkedLines, match="None of its products is linked") as caught:
        mapped(order(line(1), custom_line(2, "Engraving")), links={}, unlinked=unlinked)
    assert caught.value.variant_gids == (variant(1),)


def test_an_order_of_custom_lines_says_that_there_is_nothing_to_deliver():
    with pytest.raises(NoLinkedLines, match="nothing that the source could deliver") as caught:
        mapped(order(custom_line(1, "Engraving")), unlinked="hold")
    assert caught.value.variant_gids == ()


@pytest.mark.parametrize(("ships", "partial"), [(False, False), (True, True)])
@pytest.mark.parametrize("unlinked", ["leave_out", "custom"])
def test_a_gift_card_is_never_carried_and_missed_only_when_it_is_shipped(unlinked, ships, partial):
    copy = mapped(order(line(1), line(2, is_gift_card=True, requires_shipping=ships)), unlinked=unlinked)
    assert [row["variantId"] for row in copy.input["lineItems"]] == [source_variant(1)]
    assert copy.left_out[0].reason == "A gift card: the destination has issued it."
    assert copy.is_partial is partial


@pytest.mark.parametrize("unlinked", ["leave_out", "custom", "hold"])
def test_a_tip_stays_with_the_destination(unlinked):
    tip = custom_line(2, "Tip", requires_shipping=False, is_taxable=False)
    copy = mapped(order(line(1), tip), unlinked=unlinked)
    assert copy.left_out[0].reason == "A tip: it stays with the destination."
    assert not copy.is_partial
    assert copy.total.amount == 10


def test_a_product_called_tip_is_no_tip():
    copy = mapped(order(line(1, title="Tip", requires_shipping=False, is_taxable=False)))
    assert len(copy.carried) == 1


def test_the_components_of_a_bundle_go_by_their_own_links_and_name_it():
    copy = mapped(order(line(1, bundle_title="Gift set"), line(2, bundle_title="Gift set")))
    assert [properties(row)["Part of"] for row in copy.input["lineItems"]] == ["Gift set", "Gift set"]


def test_units_removed_or_refunded_before_are_not_carried():
    half = line(1, "10.00", 4, current_quantity=1, discounts=(discount("4.00"),), taxes=(tax("6.84"),))
    copy = mapped(order(half, line(2, current_quantity=0)))
    assert copy.carried == (("gid://shopify/LineItem/1", source_variant(1), 1),)
    assert copy.total.amount == Decimal("10.71")
    assert not copy.is_partial
    assert copy.left_out[0].reason.startswith("All its units were removed")


def test_an_order_of_which_nothing_is_left_says_so():
    with pytest.raises(NoLinkedLines, match="Nothing is left"):
        mapped(order(line(1, current_quantity=0)))


def test_duties_and_fees_travel_as_a_shipping_line():
    copy = mapped(order(line(1), shipping=(shipping("5.00"),), total="18.50"))
    assert [(row["title"], row["priceSet"]["shopMoney"]["amount"]) for row in copy.input["shippingLines"]] == [
        ("Post", "5.00"),
        ("Duties and other charges", "3.50"),
    ]
    assert copy.total.amount == Decimal("18.50")


def test_the_total_of_an_edited_order_is_no_reason_for_charges():
    copy = mapped(order(line(1), total="99.00", is_edited=True))
    assert "shippingLines" not in copy.input
    assert copy.total.amount == 10


def test_shipping_is_carried_at_its_discounted_price_with_its_taxes():
    copy = mapped(order(line(1), shipping=(shipping("3.00", "5.00", taxes=(tax("0.57"),)),)))
    (row,) = copy.input["shippingLines"]
    assert row["priceSet"]["shopMoney"]["amount"] == "3.00"
    assert row["code"] == "std"
    assert row["taxLines"][0]["priceSet"]["shopMoney"]["amount"] == "0.57"
    assert attributes(copy.input)["Discount on shipping"] == "2.00 EUR"


def test_free_shipping_is_still_a_shipping_line():
    copy = mapped(order(line(1), shipping=(shipping("0.00", "5.00"),)))
    assert copy.input["shippingLines"][0]["priceSet"]["shopMoney"]["amount"] == "0.00"


def test_taxes_are_carried_line_by_line_with_their_rates():
    copy = mapped(order(line(1, taxes=(tax("0.70", "0.07", "State"), tax("0.20", "0.02", "City")))))
    (row,) = copy.input["lineItems"]
    assert row["taxLines"] == [
        {"title": "State", "rate": "0.07", "priceSet": {"shopMoney": {"amount": "0.70", "currencyCode": "EUR"}}},
        {"title": "City", "rate": "0.02", "priceSet": {"shopMoney": {"amount": "0.20", "currencyCode": "EUR"}}},
    ]
    assert copy.input["taxesIncluded"] is False
    assert "taxLines" not in copy.input
    assert copy.total.amount == Decimal("10.90")


def test_a_tax_without_a_rate_gets_the_one_its_money_implies():
    copy = mapped(order(line(1, "8.00", taxes=(tax("1.00", None),)), line(2, "0.00", taxes=(tax("0.00", None),))))
    assert [Decimal(row["taxLines"][0]["rate"]) for row in copy.input["lineItems"]] == [Decimal("0.125"), 0]


def test_included_taxes_are_in_the_prices_and_not_on_top():
    copy = mapped(order(line(1, "11.90", taxes=(tax("1.90"),)), taxes_included=True))
    assert copy.input["taxesIncluded"] is True
    assert copy.total.amount == Decimal("11.90")
    assert attributes(copy.input)["Taxes included"] == "1.90 EUR"


def test_another_currency_without_a_rate_is_refused_in_words():
    with pytest.raises(CurrencyWithoutRate, match="in EUR and the source in USD: enter a currency rate"):
        mapped(order(line(1)), currency="USD")


def test_a_rate_converts_every_amount_and_the_original_is_named():
    copy = mapped(
        order(line(1, discounts=(discount("1.00"),)), shipping=(shipping("5.00"),)),
        currency="USD",
        currency_rate=Decimal("1.10"),
    )
    assert copy.input["currency"] == "USD"
    assert copy.input["lineItems"][0]["priceSet"]["shopMoney"] == {"amount": "9.90", "currencyCode": "USD"}
    assert properties(copy.input["lineItems"][0])["Original price"] == "10.00 EUR"
    assert copy.total.amount == Decimal("15.40")
    assert attributes(copy.input)["Original total"] == "14.00 EUR"


def test_a_currency_without_cents_gets_whole_amounts():
    copy = mapped(order(line(1, "9.99", 3)), currency="JPY", currency_rate=Decimal("163.37"))
    assert copy.total.amount == 4896
    assert {row["priceSet"]["shopMoney"]["amount"] for row in copy.input["lineItems"]} == {"1632"}


def test_what_the_customer_paid_in_the_sources_currency_needs_no_rate():
    from_presentment = order(line(1), presentment_currency="USD")
    paid = from_presentment.lines[0].unit_price
    dollars = type(paid)(paid.shop, type(paid.shop)(Decimal("11.23"), "USD"))
    lines = (line(1, unit_price=dollars),)
    copy = mapped(order(*lines, presentment_currency="USD", total="10.00"), currency="USD")
    assert copy.input["lineItems"][0]["priceSet"]["shopMoney"] == {"amount": "11.23", "currencyCode": "USD"}


def test_a_rate_that_was_chosen_counts_also_for_what_the_customer_paid_in_the_sources_currency():
    paid = line(1).unit_price
    dollars = type(paid)(paid.shop, type(paid.shop)(Decimal("11.23"), "USD"))
    placed = order(line(1, unit_price=dollars), presentment_currency="USD", total="10.00")
    copy = mapped(placed, currency="USD", currency_rate=Decimal("1.10"))
    assert copy.input["lineItems"][0]["priceSet"]["shopMoney"] == {"amount": "11.00", "currencyCode": "USD"}
    assert copy.total.amount == Decimal("11.00")


@pytest.mark.parametrize(("strategy", "most"), [("order", 250), ("draft_order", 499)])
def test_more_lines_than_shopify_takes_are_refused_in_words(strategy, most):
    linked = {variant(number): source_variant(1) for number in range(1, 600)}
    copy = mapped(order(*(line(number) for number in range(1, most + 1))), links=linked, strategy=strategy)
    assert len(copy.carried) == most
    with pytest.raises(TooManyLines, match=f"would have {most + 1} lines, and Shopify takes {most}"):
        mapped(order(*(line(number) for number in range(1, most + 2))), links=linked, strategy=strategy)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "two_way"},
        {"payment_status": "free"},
        {"inventory_behaviour": ""},
        {"unlinked": "ask"},
        {"currency_rate": Decimal(0)},
    ],
)
def test_a_choice_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="choice for orders|above 0"):
        Choices(**wrong)
