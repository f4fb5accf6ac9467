"""What the copy says: marks, name, payment, customer, addresses; and what is different in a draft."""

from datetime import timedelta
from decimal import Decimal

import pytest

from orders.copies.rules import contact, copy_input
from stores.shopify.orders.order_records import Address, CustomerRecord
from tests.support.orders.originals import (
    ADDRESS,
    DOMAIN,
    NOW,
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
)


def test_the_copy_is_marked_and_points_to_its_original():
    made = mapped(order(line(1))).input
    assert made["tags"] == ["From: North", "multi_store_sync"]
    assert made["sourceIdentifier"] == f"{DOMAIN}/450"
    assert made["sourceUrl"] == f"https://{DOMAIN}/admin/orders/450"
    assert made["metafields"] == [
        {"namespace": "$app:sync", "key": "source_order", "type": "id", "value": f"{DOMAIN}/450"}
    ]
    assert attributes(made)["Original order"] == "#1001"
    assert attributes(made)["Original order id"] == f"{DOMAIN}/450"
    assert properties(made["lineItems"][0])["_original_line"] == "1"


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
@pytest.mark.parametrize(
    ("status", "tags", "words"),
    [
        ("UNFULFILLED", [], None),
        ("FULFILLED", ["Already shipped"], "All of it: do not ship it again."),
        ("PARTIALLY_FULFILLED", ["Partly shipped"], "A part of it: look at the original."),
    ],
)
def test_what_was_shipped_before_it_was_copied_says_so(strategy, status, tags, words):
    copy = mapped(order(line(1), fulfilment_status=status), strategy=strategy)
    made = copy.draft_input or copy.input
    assert [tag for tag in made["tags"] if "shipped" in tag] == tags
    assert attributes(made).get(copy_input.SHIPPED) == words


def test_a_tag_stays_whole_and_within_forty_characters():
    assert copy_input.store_tag("Bed, Bath & more") == "From: Bed Bath & more"
    assert len(copy_input.store_tag("x" * 80)) == 40


def test_nobody_is_mailed_and_stock_is_taken_as_chosen():
    copy = mapped(order(line(1)), inventory_behaviour="decrement_obeying")
    assert copy.options == {
        "inventoryBehaviour": "DECREMENT_OBEYING_POLICY",
        "sendReceipt": False,
        "sendFulfillmentReceipt": False,
    }
    assert mapped(order(line(1)), inventory_behaviour="bypass").options["inventoryBehaviour"] == "BYPASS"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("{store}-{name}", "North-#1001"), ("{store}-{number}", "North-1001"), ("N{number}/x", "N1001/x")],
)
def test_the_copy_is_named_by_the_pattern(pattern, name):
    assert mapped(order(line(1)), name_pattern=pattern).input["name"] == name


def test_without_a_pattern_the_source_numbers_the_copy():
    assert "name" not in mapped(order(line(1))).input


@pytest.mark.parametrize(
    ("choice", "original", "status", "paid"),
    [
        ("same", "PAID", "PAID", "10.00"),
        ("same", "PENDING", "PENDING", None),
        ("same", "AUTHORIZED", "AUTHORIZED", None),
        ("same", "PARTIALLY_PAID", "PARTIALLY_PAID", "4.00"),
        ("same", "PARTIALLY_REFUNDED", "PAID", "10.00"),
        ("same", "", "PENDING", None),
        ("paid", "PENDING", "PAID", "10.00"),
        ("pending", "PAID", "PENDING", None),
    ],
)
def test_the_copy_has_the_chosen_payment_status(choice, original, status, paid):
    received = type(line(1).unit_price)(*(type(line(1).unit_price.shop)(Decimal("4.00"), "EUR"),) * 2)
    copy = mapped(order(line(1), financial_status=original, received=received), payment_status=choice)
    assert copy.input["financialStatus"] == status
    sales = copy.input.get("transactions", [])
    assert [sale["amountSet"]["shopMoney"]["amount"] for sale in sales] == ([paid] if paid else [])
    assert all((sale["kind"], sale["status"]) == ("SALE", "SUCCESS") for sale in sales)


def test_the_customer_is_upserted_with_addresses():
    made = mapped(order(line(1), phone="+4499", note="Ring twice", attributes=(("Gift", "yes"), ("Empty", "")))).input
    assert made["customer"] == {
        "toUpsert": {"email": "ada@example.com", "phone": "+44123", "firstName": "Ada", "lastName": "Lovelace"}
    }
    assert made["email"] == "ada@example.com"
    assert made["phone"] == "+4499"
    assert made["note"] == "Ring twice"
    assert made["shippingAddress"]["countryCode"] == "GB"
    assert "address2" not in made["shippingAddress"]
    assert attributes(made)["Gift"] == "yes"
    assert "Empty" not in attributes(made)


def test_an_order_without_customer_has_none_in_the_copy_either():
    made = mapped(order(line(1), customer=None, email="", shipping_address=None)).input
    assert {"customer", "email", "phone", "shippingAddress", "billingAddress"}.isdisjoint(made)


def test_a_customer_without_a_name_is_called_as_the_parcel():
    made = mapped(order(line(1), customer=CustomerRecord("gid://shopify/Customer/5", phone="+4477"), email="")).input
    assert made["customer"] == {"toUpsert": {"phone": "+4477", "firstName": "Ada", "lastName": "Lovelace"}}


def test_a_blank_address_is_not_sent():
    made = mapped(order(line(1), shipping_address=Address(), billing_address=ADDRESS)).input
    assert "shippingAddress" not in made
    assert made["billingAddress"]["lastName"] == "Lovelace"


def test_a_phone_that_is_refused_moves_to_the_attributes():
    made = mapped(order(line(1), phone="+4499")).input
    again = contact.without_phone(made)
    assert "phone" not in again
    assert "phone" not in again["customer"]["toUpsert"]
    assert attributes(again)["Phone"] == "+4499"
    assert again["shippingAddress"]["phone"] == "+441"
    assert made["customer"]["toUpsert"]["phone"] == "+44123", "the first input stays as it was"


def test_without_phone_and_e_mail_nobody_is_upserted():
    known = CustomerRecord("gid://shopify/Customer/5", "Ada", "Lovelace", "", "+44123")
    again = contact.without_phone(mapped(order(line(1), customer=known, email="")).input)
    assert "customer" not in again
    assert attributes(again)["Phone"] == "+44123"


def test_the_last_try_is_without_any_customer():
    again = contact.without_customer(mapped(order(line(1), phone="+4499")).input)
    assert {"customer", "email", "phone"}.isdisjoint(again)
    assert again["shippingAddress"]["lastName"] == "Lovelace"


def test_a_draft_overrides_prices_and_reserves_stock():
    copy = mapped(order(line(1, "10.00", 2, discounts=(discount("3.00"),))), strategy="draft_order", reserve_days=3)
    made = copy.draft_input
    (row,) = made["lineItems"]
    assert (row["variantId"], row["quantity"]) == (source_variant(1), 2)
    assert row["priceOverride"] == {"amount": "8.50", "currencyCode": "EUR"}
    assert copy.reserved_until == NOW + timedelta(days=3)
    assert made["reserveInventoryUntil"] == copy.reserved_until.isoformat()
    assert made["tags"] == ["From: North", "multi_store_sync", "original-450"]
    assert copy.draft_tag in made["tags"]
    assert attributes(made)[copy_input.ORIGINAL_ID] == copy.custom_id
    assert copy.input is None
    assert copy.is_draft
    assert not made["acceptAutomaticDiscounts"]


def test_a_draft_without_days_reserves_nothing():
    copy = mapped(order(line(1)), strategy="draft_order", reserve_days=0)
    assert copy.reserved_until is None
    assert "reserveInventoryUntil" not in copy.draft_input


def test_the_taxes_of_a_draft_are_lines_of_their_own():
    copy = mapped(
        order(
            line(1, taxes=(tax("1.90"),)), line(2, taxes=(tax("0.70", "0.07", "Food"),)), shipping=(shipping("5.00"),)
        ),
        strategy="draft_order",
    )
    assert copy.draft_input["taxExempt"] is True
    assert [(row["title"], row["taxable"], row["requiresShipping"]) for row in copy.draft_input["lineItems"][2:]] == [
        ("Tax: VAT", False, False),
        ("Tax: Food", False, False),
    ]
    assert copy.total.amount == Decimal("27.60")


def test_a_draft_has_one_shipping_line_for_all():
    copy = mapped(order(line(1), shipping=(shipping("5.00"),), total="18.50"), strategy="draft_order")
    assert copy.draft_input["shippingLine"] == {
        "title": "Post + Duties and other charges",
        "priceWithCurrency": {"amount": "8.50", "currencyCode": "EUR"},
    }


def test_a_custom_line_of_a_draft_has_its_own_price():
    copy = mapped(order(line(1), custom_line(2, "Engraving", price="4.00")), strategy="draft_order", unlinked="custom")
    row = copy.draft_input["lineItems"][1]
    assert row["title"] == "Engraving"
    assert row["originalUnitPriceWithCurrency"]["amount"] == "4.00"
    assert "priceOverride" not in row
