"""Variants on the wire."""

import pytest

from stores.shopify.gids import GidError
from stores.shopify.products import products
from stores.shopify.products.products import VariantRecord
from tests.stores.shopify.wire import answer, client, sent

pytestmark = pytest.mark.usefixtures("wire")

PRODUCT = "gid://shopify/Product/1"


def node(number, **parts):
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "title": "Small / Blue",
        "sku": f"SKU-{number}",
        "barcode": "400",
        "position": number,
        "requiresComponents": False,
        "selectedOptions": [{"name": "Size", "value": "Small"}, {"name": "Colour", "value": "Blue"}],
        "inventoryItem": {"id": f"gid://shopify/InventoryItem/{number}", "tracked": True},
        "product": {
            "id": PRODUCT,
            "title": "Shirt",
            "handle": "shirt",
            "status": "ACTIVE",
            "variantsCount": {"count": 3},
            "tags": ["Summer"],
            "vendor": "Acme",
            "productType": None,
        },
    } | parts


def page(nodes, end=None):
    return {"nodes": nodes, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}


def test_every_variant_of_a_store_is_listed_page_by_page():
    answer({"productVariants": page([node(1), node(2)], "c")})
    answer({"productVariants": page([node(3)])})
    records = list(products.iter_variants(client()))
    assert [record.sku for record in records] == ["SKU-1", "SKU-2", "SKU-3"]
    assert [body["variables"] for body in sent()] == [{"after": None}, {"after": "c"}]


def test_the_next_page_is_only_asked_for_when_it_is_needed():
    answer({"productVariants": page([node(1)], "c")})
    assert next(products.iter_variants(client())).sku == "SKU-1"
    assert len(sent()) == 1


def test_a_record_holds_what_matching_needs():
    assert products.variant_record(node(2)) == VariantRecord(
        gid="gid://shopify/ProductVariant/2",
        product_gid=PRODUCT,
        item_gid="gid://shopify/InventoryItem/2",
        product_title="Shirt",
        title="Small / Blue",
        handle="shirt",
        sku="SKU-2",
        barcode="400",
        options=(("Size", "Small"), ("Colour", "Blue")),
        position=2,
        tracked=True,
        requires_components=False,
        product_status="ACTIVE",
        variant_count=3,
        tags=("Summer",),
        vendor="Acme",
        product_type="",
    )


def test_missing_identifiers_are_empty_text():
    record = products.variant_record(
        node(1, sku=None, barcode=None, product=node(1)["product"] | {"variantsCount": None})
    )
    assert (record.sku, record.barcode, record.variant_count) == ("", "", None)


def test_a_product_is_read_beyond_its_first_250_variants():
    answer({"product": {"id": PRODUCT, "variants": page([node(n) for n in range(1, 251)], "c")}})
    answer({"product": {"id": PRODUCT, "variants": page([node(251)])}})
    records = products.read_product(client(), PRODUCT)
    assert len(records) == 251
    assert sent()[1]["variables"] == {"id": PRODUCT, "after": "c"}


def test_a_product_that_is_gone_is_none():
    answer({"product": None})
    assert products.read_product(client(), PRODUCT) is None


def test_a_product_that_is_deleted_between_two_pages_is_none_and_not_half():
    answer({"product": {"id": PRODUCT, "variants": page([node(1)], "c")}})
    answer({"product": None})
    assert products.read_product(client(), PRODUCT) is None


def test_a_malformed_id_never_reaches_the_wire(wire):
    with pytest.raises(GidError):
        products.read_product(client(), "gid://shopify/ProductVariant/1")
    assert len(wire.calls) == 0
