"""productSet: lists replace, what is left out stays, and everything that Shopify refuses is refused (row 32)."""

from __future__ import annotations

import pytest

from tests.simulator.events.catalogue import metafields
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Small

SET = """mutation Set($identifier: ProductSetIdentifiers, $input: ProductSetInput!, $now: Boolean = true) {
  productSet(identifier: $identifier, input: $input, synchronous: $now) {
    product { id title handle status vendor productType descriptionHtml tags templateSuffix publishedAt
      seo { title description } category { id fullName } hasOnlyDefaultVariant requiresSellingPlan
      options { id name position values optionValues { id name hasVariants } }
      media(first: 9) { nodes { id alt status } }
      metafields(first: 9) { nodes { namespace key type value } }
      variants(first: 250) { nodes { id title sku barcode price compareAtPrice taxable inventoryPolicy position
        inventoryQuantity selectedOptions { name value } media(first: 1) { nodes { id } }
        metafields(first: 9) { nodes { key value } }
        inventoryItem { id tracked requiresShipping countryCodeOfOrigin harmonizedSystemCode
          unitCost { amount currencyCode } measurement { weight { value unit } } } } } }
    productSetOperation { id status product { id } userErrors { code field message } }
    userErrors { code field message } } }"""
DEFAULT = [{"name": "Title", "values": [{"name": "Default Title"}]}]
DEFAULT_VALUE = [{"optionName": "Title", "name": "Default Title"}]


def put(api: Api, given: dict, identifier: dict | None = None) -> dict:
    """The product after a productSet that has to succeed."""
    answer = api.data(SET, {"input": given, "identifier": identifier})["productSet"]
    assert answer["userErrors"] == []
    return answer["product"]


def refused(api: Api, given: dict, identifier: dict | None = None) -> list[tuple[str, list]]:
    """(code, field) of what a productSet complains about; nothing has changed then."""
    answer = api.data(SET, {"input": given, "identifier": identifier})["productSet"]
    assert answer["product"] is None
    assert answer["userErrors"]
    return [(error["code"], error["field"]) for error in answer["userErrors"]]


def sizes(*names: str) -> list[dict]:
    return [{"name": "Size", "values": [{"name": name} for name in names]}]


def sized(name: str, **given) -> dict:
    return {"optionValues": [{"optionName": "Size", "name": name}], **given}


@pytest.fixture
def shirt(api: Api) -> dict:
    return make_shirt(api)


def make_shirt(api: Api) -> dict:
    """A product of two sizes with tags and metafields."""
    return put(
        api,
        {
            "title": "Blue shirt",
            "productOptions": sizes("S", "M"),
            "tags": ["Sea", "blue"],
            "variants": [sized("S", sku="B-S", price="10"), sized("M", sku="B-M", price="12.5")],
            "metafields": [
                {"namespace": "care", "key": "wash", "type": "single_line_text_field", "value": "40 degrees"},
                {"namespace": "care", "key": "iron", "type": "boolean", "value": "true"},
            ],
        },
    )


# Creating


def test_a_new_product_has_everything_that_was_asked_for(api: Api, small: Small):
    made = put(
        api,
        {
            "title": "Lamp",
            "descriptionHtml": "<p>Bright</p><script>alert(1)</script>",
            "vendor": "Light & Co",
            "productType": "Lamps",
            "tags": ["b", "A", "a", "c,d"],
            "status": "DRAFT",
            "templateSuffix": "lamp",
            "category": "gid://shopify/TaxonomyCategory/hg-13",
            "seo": {"title": "A lamp", "description": "It shines"},
            "requiresSellingPlan": True,
            "productOptions": DEFAULT,
            "variants": [
                {
                    "optionValues": DEFAULT_VALUE,
                    "price": "19.9",
                    "compareAtPrice": "25",
                    "barcode": "4006",
                    "taxable": False,
                    "inventoryPolicy": "CONTINUE",
                    "inventoryItem": {
                        "sku": "LAMP",
                        "tracked": True,
                        "cost": "7.5",
                        "requiresShipping": False,
                        "countryCodeOfOrigin": "DE",
                        "harmonizedSystemCode": "940510",
                        "measurement": {"weight": {"value": 1.5, "unit": "KILOGRAMS"}},
                    },
                    "inventoryQuantities": [
                        {"locationId": gid("Location", small.there), "name": "available", "quantity": 7}
                    ],
                }
            ],
        },
    )
    variant = made["variants"]["nodes"][0]
    item = variant.pop("inventoryItem")
    assert made["descriptionHtml"] == "<p>Bright</p><script>alert(1)</script>"
    assert (made["handle"], made["status"], made["tags"]) == ("lamp", "DRAFT", ["A", "b", "c", "d"])
    assert made["category"]["fullName"] == "Home & Garden > Lighting"
    assert made["seo"] == {"title": "A lamp", "description": "It shines"}
    assert made["hasOnlyDefaultVariant"] is True
    assert (variant["price"], variant["compareAtPrice"], variant["sku"]) == ("19.90", "25.00", "LAMP")
    assert (variant["inventoryQuantity"], variant["taxable"], variant["inventoryPolicy"]) == (7, False, "CONTINUE")
    assert item["unitCost"] == {"amount": "7.50", "currencyCode": "EUR"}
    assert item["measurement"]["weight"] == {"value": 1.5, "unit": "KILOGRAMS"}
    assert (item["tracked"], item["requiresShipping"], item["countryCodeOfOrigin"]) == (True, False, "DE")


def test_a_new_product_is_unpublished_untracked_and_of_the_shops_vendor(api: Api, small: Small):
    made = put(api, {"title": "Plain"})
    assert made["publishedAt"] is None
    assert made["vendor"] == small.shop.name
    variant = made["variants"]["nodes"][0]
    assert (variant["title"], variant["price"]) == ("Default Title", "0.00")
    assert variant["inventoryItem"]["tracked"] is False


def test_a_new_variant_is_stocked_with_nothing_at_the_primary_location_only(api: Api, small: Small):
    made = put(api, {"title": "Plain"})
    item_id = int(made["variants"]["nodes"][0]["inventoryItem"]["id"].rsplit("/")[-1])
    assert small.shop.items[item_id].level_locations == [small.here]
    assert small.shop.levels[item_id, small.here].available == 0


def test_a_handle_made_from_the_title_gets_a_number_and_an_explicit_one_is_refused(api: Api):
    assert put(api, {"title": "Mug"})["handle"] == "mug-1"
    assert refused(api, {"title": "Other", "handle": "MUG"}) == [("HANDLE_NOT_UNIQUE", ["input"])]


def test_creating_and_setting_tell_the_webhooks(api: Api, small: Small):
    told = []
    small.shop.publish = told.extend
    made = put(api, {"title": "Plain"})
    put(api, {"vendor": "Else"}, {"id": made["id"]})
    topics = [topic for topic, _ in told]
    assert topics == ["PRODUCTS_CREATE", "INVENTORY_ITEMS_CREATE", "INVENTORY_LEVELS_CONNECT", "PRODUCTS_UPDATE"]


# Lists replace, the rest stays


def test_what_is_left_out_stays_as_it_was(api: Api, shirt: dict):
    after = put(api, {"title": "Red shirt"}, {"id": shirt["id"]})
    assert after == {**shirt, "title": "Red shirt"}


def test_variants_that_are_not_in_the_list_are_deleted_and_the_others_keep_their_ids(
    api: Api, small: Small, shirt: dict
):
    given = {"productOptions": sizes("M", "L"), "variants": [sized("L", price="14"), sized("M")]}
    after = put(api, given, {"id": shirt["id"]})["variants"]["nodes"]
    before = {node["title"]: node for node in shirt["variants"]["nodes"]}
    assert [node["title"] for node in after] == ["L", "M"]
    assert after[1]["id"] == before["M"]["id"]
    assert (after[1]["sku"], after[1]["price"], after[1]["position"]) == ("B-M", "12.50", 2)
    assert api.data("query V($id: ID!) { productVariant(id: $id) { id } }", {"id": before["S"]["id"]}) == {
        "productVariant": None
    }


def test_metafields_and_tags_that_are_not_in_the_list_are_gone(api: Api, shirt: dict):
    kept = {"namespace": "care", "key": "iron", "value": "false"}
    after = put(api, {"metafields": [kept], "tags": ["new"]}, {"id": shirt["id"]})
    assert after["metafields"]["nodes"] == [
        {"namespace": "care", "key": "iron", "type": "boolean", "value": "false"},
    ]
    assert after["tags"] == ["new"]


def test_an_option_value_is_renamed_by_its_id_and_its_variant_goes_with_it(api: Api, shirt: dict):
    option = shirt["options"][0]
    values = [{"id": option["optionValues"][0]["id"], "name": "Small"}, {"id": option["optionValues"][1]["id"]}]
    given = {
        "productOptions": [{"id": option["id"], "name": "Cut", "values": values}],
        "variants": [
            {"optionValues": [{"optionName": "Cut", "name": "Small"}]},
            {"optionValues": [{"optionId": option["id"], "name": "M"}]},
        ],
    }
    after = put(api, given, {"id": shirt["id"]})
    assert [node["id"] for node in after["variants"]["nodes"]] == [node["id"] for node in shirt["variants"]["nodes"]]
    assert after["variants"]["nodes"][0]["selectedOptions"] == [{"name": "Cut", "value": "Small"}]
    assert after["options"][0]["id"] == option["id"]
    assert [value["id"] for value in after["options"][0]["optionValues"]] == [
        value["id"] for value in option["optionValues"]
    ]


def test_a_value_without_variants_stays_an_option_value_and_is_no_value(api: Api, shirt: dict):
    given = {"productOptions": sizes("S", "M", "XL"), "variants": [sized("S"), sized("M")]}
    option = put(api, given, {"id": shirt["id"]})["options"][0]
    assert option["values"] == ["S", "M"]
    assert [(value["name"], value["hasVariants"]) for value in option["optionValues"]] == [
        ("S", True),
        ("M", True),
        ("XL", False),
    ]


def test_the_same_again_moves_updated_at_and_comes_back_as_a_webhook(api: Api, small: Small, shirt: dict):
    number = int(shirt["id"].rsplit("/")[-1])
    before = small.shop.products[number].updated_at
    small.sim.clock.advance(5)
    put(api, {"title": shirt["title"]}, {"id": shirt["id"]})
    assert small.shop.products[number].updated_at == before + 5


def test_stock_that_is_set_again_replaces_what_was_sold_meanwhile(api: Api, small: Small, shirt: dict):
    there = gid("Location", small.there)
    rows = [{"locationId": there, "name": "available", "quantity": 5}]
    given = {"productOptions": sizes("S", "M"), "variants": [sized("S", inventoryQuantities=rows), sized("M")]}
    put(api, given, {"id": shirt["id"]})
    item_id = int(shirt["variants"]["nodes"][0]["inventoryItem"]["id"].rsplit("/")[-1])
    small.sim.adjust(DOMAIN, item_id, small.there, -2)
    put(api, given, {"id": shirt["id"]})
    assert small.sim.available(DOMAIN, item_id, small.there) == 5
    assert [change.cause for change in small.sim.changes(DOMAIN, item_id)] == [
        "api:tiposync",
        "restock",
        "api:tiposync",
    ]


# Identifying


def test_a_handle_identifies_and_creates_what_is_not_there(api: Api):
    made = put(api, {"title": "By handle"}, {"handle": "my-own"})
    assert made["handle"] == "my-own"
    assert put(api, {"title": "Again"}, {"handle": "my-own"})["id"] == made["id"]
    assert refused(api, {"handle": "else"}, {"handle": "my-own"}) == [("INPUT_MISMATCH", ["input", "handle"])]


def test_an_unknown_id_is_refused_and_two_ids_too(api: Api, shirt: dict):
    missing = gid("Product", 1)
    assert refused(api, {"title": "x"}, {"id": missing}) == [("PRODUCT_DOES_NOT_EXIST", ["identifier", "id"])]
    assert refused(api, {"id": missing}) == [("PRODUCT_DOES_NOT_EXIST", ["input", "id"])]
    assert refused(api, {"id": shirt["id"]}, {"id": shirt["id"]}) == [("ID_NOT_ALLOWED", ["input", "id"])]


def test_a_custom_id_needs_its_definition_and_its_metafield(api: Api, small: Small):
    custom = {"namespace": "sync", "key": "origin", "value": "7"}
    assert api.codes(SET, {"input": {"title": "x"}, "identifier": {"customId": custom}}) == ["NOT_FOUND"]
    metafields.define(small.shop, 0, "Product", "sync", "origin", "id")
    wrong = refused(api, {"title": "x"}, {"customId": custom})
    assert wrong == [("METAFIELD_MISMATCH", ["input", "metafields"])]
    given = {"title": "x", "metafields": [{**custom, "type": "id"}]}
    made = put(api, given, {"customId": custom})
    assert put(api, given, {"customId": custom})["id"] == made["id"]
    found = api.data(
        "query P($id: ProductIdentifierInput!) { productByIdentifier(identifier: $id) { id } }",
        {"id": {"customId": custom}},
    )
    assert found["productByIdentifier"]["id"] == made["id"]


# Later


def test_an_operation_is_done_by_the_clock_and_refuses_another_one_meanwhile(api: Api, small: Small, shirt: dict):
    small.shop.knobs.job_seconds = 10
    variables = {"input": {"title": "Later"}, "identifier": {"id": shirt["id"]}, "now": False}
    begun = api.data(SET, variables)["productSet"]
    assert begun["product"] is None
    operation = begun["productSetOperation"]
    assert operation["status"] == "CREATED"
    document = """query O($id: ID!) { productOperation(id: $id) { status product { title }
      ... on ProductSetOperation { userErrors { code } } } }"""
    look = {"id": operation["id"]}
    assert api.data(document, look)["productOperation"]["status"] == "ACTIVE"
    assert api.data(document, look)["productOperation"]["product"] == {"title": "Blue shirt"}
    assert refused(api, {"title": "Now"}, {"id": shirt["id"]})[0][0] == "GENERIC_ERROR"
    small.sim.clock.advance(10)
    done = api.data(document, look)["productOperation"]
    assert done == {"status": "COMPLETE", "product": {"title": "Later"}, "userErrors": []}


def test_what_is_wrong_in_the_background_stands_in_the_operation(api: Api, small: Small):
    document = """query O($id: ID!) { productOperation(id: $id) { status product { id }
      ... on ProductSetOperation { userErrors { code } } } }"""
    for given, failure, code in (({"title": ""}, None, "INVALID_PRODUCT"), ({"title": "x"}, "Failed.", "JOB_ERROR")):
        small.shop.knobs.job_seconds, small.shop.knobs.job_error = 0, failure
        begun = api.data(SET, {"input": given, "now": False})["productSet"]
        assert begun["userErrors"] == []
        found = api.data(document, {"id": begun["productSetOperation"]["id"]})["productOperation"]
        assert found == {"status": "COMPLETE", "product": None, "userErrors": [{"code": code}]}


def test_a_field_that_is_not_simulated_is_a_loud_501(api: Api):
    assert api.send(SET, {"input": {"title": "x", "combinedListingRole": "PARENT"}}).status_code == 501
