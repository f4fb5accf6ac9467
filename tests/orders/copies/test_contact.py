"""Who ordered: what the source refuses of it fails no order; what the buyer entered is kept beside what we add."""

import pytest

from orders import notices
from orders.copies.rules import copy_input
from orders.models import OrderImport
from tests.support.orders.originals import attributes, line, mapped, order, properties

State = OrderImport.State
BAD = "nobody at all"


ODD_TITLE = ("Prod\x00uct \ud83d", "Product \N{REPLACEMENT CHARACTER}")  # as Shopify tells it, and as it is kept


def test_a_name_with_a_nul_character_is_copied(trade):
    shop = trade()
    shop.north.shop.products[shop.north.variants[0].product_id].title = ODD_TITLE[0]
    order = shop.north.order((0, 2), name="#10\x0001", note="Ring\x00 twice \ud83d", attributes={"Gi\x00ft": "y\x00es"})
    shop.run()
    row = shop.row(order)
    assert (row.state, row.order_name, row.lines.get().title) == (State.CONFIRMED, "#1001", ODD_TITLE[1])
    (copy,) = shop.copies
    assert copy.note.startswith("Ring twice")
    assert ("Gift", "yes") in copy.note_attributes
    assert shop.stock() == (18, 18, 18)


def test_a_nul_character_in_an_order_that_only_the_reconciliation_finds_is_no_matter_either(trade):
    shop = trade()
    shop.north.shop.products[shop.north.variants[0].product_id].title = ODD_TITLE[0]
    order = shop.north.order((0, 1), name="#10\x0001")
    shop.north.lose_webhooks()
    shop.world.reconcile()
    shop.run()
    row = shop.row(order)
    assert (row.state, row.lines.get().title) == (State.CONFIRMED, ODD_TITLE[1])


def test_a_line_with_a_nul_character_that_an_edit_adds_is_added_to_the_copy(trade):
    shop = trade(unlinked="custom")
    order = shop.north.order()
    shop.run()
    shop.sim.edit_order(shop.north.domain, order, add=[{"title": ODD_TITLE[0], "quantity": 2, "price": "2.00"}])
    shop.run()
    (copy,) = shop.copies
    assert [(line.title, line.current_quantity) for line in copy.lines] == [("Product 0", 1), (ODD_TITLE[1], 2)]


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_properties_of_a_buyer_that_are_named_like_ours_are_kept_beside_them(strategy):
    theirs = (("_original_line", "999"), ("Part of", "my life"), ("Engraving", "Ada"))
    copy = mapped(order(line(1, properties=theirs, bundle_title="Set")), strategy=strategy)
    (row,) = (copy.draft_input or copy.input)["lineItems"]
    listed = row.get("properties") or row["customAttributes"]
    names = [each.get("name") or each["key"] for each in listed]
    assert len(set(names)) == len(names)
    found = {each.get("name") or each["key"]: each["value"] for each in listed}
    assert (found[copy_input.LINE_PROPERTY], found["Part of"], found["Engraving"]) == ("1", "Set", "Ada")
    assert {"999", "my life"} <= set(found.values())


def test_attributes_of_a_buyer_that_are_named_like_ours_are_kept_beside_them():
    made = mapped(order(line(1), attributes=(("Original order id", "mine"), ("Email", "x")))).input
    assert attributes(made)["Original order id"] == "north-store.myshopify.com/450"
    assert {"mine", "x"} <= set(attributes(made).values())
    drafted = mapped(order(line(1), attributes=(("Email", "x"), ("Phone", "y"))), strategy="draft_order").draft_input
    assert attributes(drafted)["Email"] == "ada@example.com"
    assert {"x", "y"} <= set(attributes(drafted).values())


def test_a_shipment_finds_its_line_although_the_buyer_named_a_property_like_ours(trade):
    shop = trade()
    variant = shop.north.variants[0].id
    rows = [{"variant_id": variant, "quantity": 2, "properties": {"_original_line": "999"}}]
    placed = shop.sim.place_order(shop.north.domain, rows, force=True)
    shop.run()
    (copy,) = shop.copies
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    assert [made.lines for made in placed.fulfillments] == [{placed.lines[0].id: 2}]


@pytest.mark.parametrize("names_fields", [True, False])
@pytest.mark.parametrize(("email", "phone"), [(BAD, ""), ("", "call me"), (BAD, "call me"), (BAD, "+4915112345678")])
def test_a_refused_contact_fails_no_order_wherever_the_source_names_it(trade, names_fields, email, phone):
    shop = trade()
    shop.source.shop.knobs.names_refused_fields = names_fields
    order = shop.north.order((0, 2), email=email, phone=phone)
    shop.run()
    row = shop.row(order)
    assert row.state == State.CONFIRMED, row.reason
    (copy,) = shop.copies
    said = dict(copy.note_attributes)
    assert (copy.email or "", said.get("Email", "")) == ("", email)
    if phone == "call me":
        assert ("phone" in row.notes, said["Phone"]) == (True, phone)
    else:
        assert ((copy.phone or ""), "phone" in row.notes) == (phone, False)
    assert ("e-mail" in row.notes) == bool(email)
    assert email not in row.notes or not email
    assert shop.stock() == (18, 18, 18)
    assert row.notes.splitlines()[0] in notices.compose(row, notices.NEW, ["a@example.com"]).body


def test_the_contact_of_the_copy_is_a_choice():
    placed = order(line(1), phone="+4499")
    nobody = mapped(placed, contact="none").input
    assert {"email", "phone", "customer"}.isdisjoint(nobody)
    assert nobody["shippingAddress"]["lastName"] == "Lovelace"
    fixed = mapped(placed, contact="fixed", contact_email="orders@example.com").input
    assert fixed["email"] == "orders@example.com"
    assert {"phone", "customer"}.isdisjoint(fixed)
    drafted = mapped(placed, contact="fixed", contact_email="orders@example.com", strategy="draft_order").draft_input
    assert attributes(drafted)["Email"] == "orders@example.com"
    assert "Email" not in attributes(mapped(placed, contact="none", strategy="draft_order").draft_input)


def test_tags_and_the_company_are_carried_where_that_is_chosen():
    placed = order(line(1), tags=("vip", "x" * 60, "multi_store_sync"))
    assert mapped(placed).input["tags"] == ["From: North", "multi_store_sync"]
    assert mapped(placed, carries_tags=True).input["tags"] == ["From: North", "multi_store_sync", "vip", "x" * 40]
    address = type(placed.shipping_address)("Ada", company="Engines Ltd")
    placed = order(line(1), shipping_address=address)
    assert "Company" not in attributes(mapped(placed).input)
    assert attributes(mapped(placed, carries_company=True).input)["Company"] == "Engines Ltd"
    assert properties(mapped(placed).input["lineItems"][0])["_original_line"] == "1"
