"""Shopify's ids."""

import pytest

from stores.shopify import gids


def test_a_number_becomes_a_gid_and_back():
    text = gids.gid("InventoryItem", 2**53 + 1)
    assert text == "gid://shopify/InventoryItem/9007199254740993"
    assert gids.number(text, "InventoryItem") == 2**53 + 1


def test_the_query_string_of_an_inventory_level_is_left_out():
    assert gids.split("gid://shopify/InventoryLevel/7?inventory_item_id=9") == ("InventoryLevel", 7)


@pytest.mark.parametrize("number", [1.0, True, -1, "", "12a", None, "١٢"])
def test_what_is_no_number_makes_no_gid(number):
    with pytest.raises(gids.GidError):
        gids.gid("Product", number)


def test_a_type_may_have_a_digit():
    assert gids.split(gids.gid("Model3d", 7)) == ("Model3d", 7)


@pytest.mark.parametrize("kind", ["", "Pro/duct", "1Product", "Prodükt"])
def test_what_is_no_type_makes_no_gid(kind):
    with pytest.raises(gids.GidError):
        gids.gid(kind, 1)


@pytest.mark.parametrize(
    "text", ["", "123", "gid://shopify/Product/", "gid://other/Product/1", "gid://shopify/Product/1 ", 5]
)
def test_what_is_no_gid_is_refused(text):
    with pytest.raises(gids.GidError):
        gids.number(text)


def test_a_gid_of_another_type_is_refused():
    with pytest.raises(gids.GidError, match="InventoryItem"):
        gids.number("gid://shopify/Product/1", "InventoryItem")
