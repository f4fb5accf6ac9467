"""What a store says of itself."""

import pytest

from stores.shopify import shops
from stores.shopify.shops import LocationRecord, ShopRecord
from tests.stores.shopify.wire import answer, client

pytestmark = pytest.mark.usefixtures("wire")


def test_a_store_is_known_by_its_permanent_domain():
    answer(
        {
            "shop": {
                "id": "gid://shopify/Shop/1",
                "name": "North",
                "myshopifyDomain": "north-store.myshopify.com",
                "currencyCode": "EUR",
                "ianaTimezone": "Europe/Berlin",
                "plan": {"publicDisplayName": "Basic"},
            }
        }
    )
    assert shops.read_shop(client()) == ShopRecord(
        "gid://shopify/Shop/1", "North", "north-store.myshopify.com", "EUR", "Europe/Berlin", "Basic"
    )


def test_scopes_are_read():
    answer({"currentAppInstallation": {"accessScopes": [{"handle": "read_products"}, {"handle": "write_inventory"}]}})
    assert shops.read_scopes(client()) == {"read_products", "write_inventory"}


def test_a_write_scope_includes_the_read():
    granted = {"write_products", "write_inventory", "read_locations"}
    assert shops.missing_scopes(granted, ["stock", "links"]) == ()


def test_missing_scopes_are_named_once():
    assert shops.missing_scopes({"read_products"}, ["stock", "links"]) == (
        "read_inventory",
        "read_locations",
        "write_inventory",
    )


def test_reading_alone_does_not_allow_writing():
    assert "write_inventory" in shops.missing_scopes({"read_inventory"}, ["stock"])


def test_locations_are_listed_page_by_page():
    def page(number, end):
        node = {"id": f"gid://shopify/Location/{number}", "name": "Hall", "isActive": number == 1}
        listed = {"nodes": [node | {"isFulfillmentService": number == 2}]}
        return {"locations": listed | {"pageInfo": {"hasNextPage": bool(end), "endCursor": end}}}

    answer(page(1, "c"))
    answer(page(2, None))
    assert shops.read_locations(client()) == [
        LocationRecord("gid://shopify/Location/1", "Hall", True, False),
        LocationRecord("gid://shopify/Location/2", "Hall", False, True),
    ]


def test_only_supported_versions_are_listed():
    listed = [("2026-10", True), ("2025-10", False), ("2026-07", True)]
    rows = [{"handle": handle, "displayName": handle, "supported": supported} for handle, supported in listed]
    answer({"publicApiVersions": rows})
    assert shops.supported_versions(client()) == ("2026-07", "2026-10")
