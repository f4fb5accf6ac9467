"""What productSet refuses, with its codes and places, and that nothing has changed then (row 32)."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.tests.catalogue.test_product_set import SET, make_shirt, put, refused, sized, sizes
from tests.simulator.tests.conftest import Api, Small


@pytest.fixture
def shirt(api: Api) -> dict:
    return make_shirt(api)


LONG = "x" * 256
S = sizes("S")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"title": " "}, ("INVALID_PRODUCT", ["input", "title"])),
        ({"title": "x" * 4000}, ("INVALID_PRODUCT", ["input", "title"])),
        ({"tags": [LONG]}, ("INVALID_PRODUCT", ["input", "tags"])),
        ({"tags": [",".join(map(str, range(300)))]}, ("INVALID_PRODUCT", ["input", "tags"])),
        ({"variants": [sized("S")]}, ("PRODUCT_OPTIONS_INPUT_MISSING", ["input", "productOptions"])),
        ({"productOptions": S}, ("VARIANTS_INPUT_MISSING", ["input", "variants"])),
        (
            {"productOptions": [{"name": "Size", "values": []}], "variants": [sized("S")]},
            ("OPTION_VALUES_MISSING", ["input", "productOptions", "0", "values"]),
        ),
        (
            {
                "productOptions": [{"name": str(n), "values": [{"name": "a"}]} for n in range(4)],
                "variants": [sized("S")],
            },
            ("OPTIONS_OVER_LIMIT", ["input", "productOptions"]),
        ),
        (
            {"productOptions": [*S, *sizes("M")], "variants": [sized("S")]},
            ("DUPLICATED_OPTION_NAME", ["input", "productOptions"]),
        ),
        (
            {"productOptions": sizes("S", "s"), "variants": [sized("S")]},
            ("DUPLICATED_OPTION_VALUE", ["input", "productOptions", "0", "values"]),
        ),
        (
            {"productOptions": S, "variants": [{"optionValues": [{"optionName": "Colour", "name": "S"}]}]},
            ("OPTION_DOES_NOT_EXIST", ["input", "variants", "0", "optionValues", "0", "optionName"]),
        ),
        (
            {"productOptions": S, "variants": [sized("M")]},
            ("OPTION_VALUE_DOES_NOT_EXIST", ["input", "variants", "0", "optionValues", "0", "name"]),
        ),
        (
            {"productOptions": S, "variants": [{"optionValues": []}]},
            ("INVALID_VARIANT", ["input", "variants", "0", "optionValues"]),
        ),
        ({"productOptions": S, "variants": [sized("S"), sized("S")]}, ("INVALID_VARIANT", ["input", "variants", "1"])),
        (
            {"productOptions": S, "variants": [sized("S", id=gid("ProductVariant", 1))]},
            ("PRODUCT_VARIANT_DOES_NOT_EXIST", ["input", "variants", "0", "id"]),
        ),
        (
            {"productOptions": S, "variants": [sized("S", price="-1")]},
            ("INVALID_VARIANT", ["input", "variants", "0", "price"]),
        ),
        (
            {"productOptions": S, "variants": [sized("S", sku=LONG)]},
            ("INVALID_VARIANT", ["input", "variants", "0", "sku"]),
        ),
        (
            {"files": [{"originalSource": "not a url"}]},
            ("INVALID_INPUT", ["input", "files", "0", "originalSource"]),
        ),
        ({"files": [{"id": gid("MediaImage", 1)}]}, ("INVALID_INPUT", ["input", "files", "0", "id"])),
        (
            {"productOptions": S, "variants": [sized("S", file={"originalSource": "http://127.0.0.1/a.png"})]},
            ("INVALID_INPUT", ["input", "variants", "0", "file"]),
        ),
        (
            {"metafields": [{"namespace": "care", "key": "new", "value": "x"}]},
            ("INVALID_METAFIELD", ["input", "metafields", "0", "type"]),
        ),
        ({"collections": [gid("Collection", 1)]}, ("INVALID_INPUT", ["input", "collections"])),
        ({"giftCard": True}, ("GIFT_CARD_ATTRIBUTE_CANNOT_BE_CHANGED", ["input", "giftCard"])),
    ],
)
def test_what_shopify_refuses_is_refused_and_changes_nothing(api: Api, shirt: dict, given, expected):
    assert expected in refused(api, given, {"id": shirt["id"]})
    assert put(api, {}, {"id": shirt["id"]}) == shirt


def test_quantities_need_a_location_of_the_store_and_a_known_name(api: Api, small: Small):
    def codes(**row) -> list:
        rows = [{"locationId": gid("Location", small.here), "name": "available", "quantity": 1, **row}]
        return refused(api, {"title": "x", "productOptions": S, "variants": [sized("S", inventoryQuantities=rows)]})

    start = ["input", "variants", "0", "inventoryQuantities", "0"]
    assert codes(locationId=gid("Location", 1)) == [("INVALID_VARIANT", [*start, "locationId"])]
    assert codes(name="committed") == [("INVALID_VARIANT", [*start, "name"])]
    assert codes(quantity=1_000_000_001) == [("INVALID_VARIANT", [*start, "quantity"])]


def test_more_than_2048_variants_are_refused_before_anything_runs(api: Api):
    names = [str(number) for number in range(2049)]
    options = [{"name": "A", "values": [{"name": name} for name in names[:250]]}]
    given = {"title": "x", "productOptions": options, "variants": [sized(name) for name in names]}
    assert api.codes(SET, {"input": given}) == ["MAX_INPUT_SIZE_EXCEEDED"]


def test_300_tags_in_a_list_are_refused_before_anything_runs(api: Api):
    assert api.codes(SET, {"input": {"title": "x", "tags": list(map(str, range(300)))}}) == ["MAX_INPUT_SIZE_EXCEEDED"]


def test_2048_variants_are_made_in_one_call_and_their_price_is_known_before(api: Api, small: Small):
    small.shop.knobs.job_seconds = 0
    first, second = list(range(64)), list(range(32))
    options = [
        {"name": name, "values": [{"name": str(n)} for n in numbers]}
        for name, numbers in zip("AB", (first, second), strict=True)
    ]
    rows = [
        {"optionValues": [{"optionName": "A", "name": str(a)}, {"optionName": "B", "name": str(b)}]}
        for a in first
        for b in second
    ]
    document = """mutation Set($input: ProductSetInput!) { productSet(input: $input, synchronous: false) {
      productSetOperation { id } userErrors { message } } }"""
    answer = api(document, {"input": {"title": "Big", "productOptions": options, "variants": rows}})
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 10 + 409
    count = api.data('{ products(first: 1, query: "title:Big") { nodes { variantsCount { count } } } }')
    assert count["products"]["nodes"][0]["variantsCount"]["count"] == 2048
