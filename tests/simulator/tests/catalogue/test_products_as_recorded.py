"""Rows 51 to 60 of tests/simulator/README.md about products and content: what recorded answers say."""

from __future__ import annotations

import json

import pytest

from tests.simulator.events import merchant
from tests.simulator.events.catalogue import hands as catalogue_hands
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Small

SET = """mutation S($input: ProductSetInput!, $id: ProductSetIdentifiers) {
  productSet(input: $input, identifier: $id, synchronous: true) { product { id }
    userErrors { code field message } } }"""
UPDATE = """mutation U($product: ProductUpdateInput!) { productUpdate(product: $product) {
  product { id } userErrors { field message } } }"""
PUBLISH = """mutation P($id: ID!, $input: [PublicationInput!]!) { publishablePublish(id: $id, input: $input) {
  userErrors { field message } } }"""
PAGE = """mutation P($page: PageCreateInput!) { pageCreate(page: $page) { page { id } userErrors { code field } } }"""
ARTICLE = """mutation A($article: ArticleCreateInput!, $blog: ArticleBlogInput) {
  articleCreate(article: $article, blog: $blog) { article { id } userErrors { code field } } }"""
UNKNOWN = "gid://shopify/TaxonomyCategory/zz-9"


@pytest.mark.parametrize("name", ["productSet", "productUpdate"])
def test_an_unknown_category_is_an_error_beside_the_data(api: Api, small: Small, name):
    given = {"id": gid("Product", small.mug.product_id), "category": UNKNOWN}
    answer = api(SET, {"input": given}) if name == "productSet" else api(UPDATE, {"product": given})
    assert answer["data"] == {name: None}
    [problem] = answer["errors"]
    assert problem["path"] == [name]
    assert problem["extensions"]["code"] == "INVALID_PRODUCT_TAXONOMY_NODE_ID"


def test_more_new_variants_than_a_day_takes_are_refused_until_tomorrow_and_changes_go_on(api: Api, small: Small):
    small.shop.knobs.new_variants_per_day = 1
    assert api.data(SET, {"input": {"title": "One"}})["productSet"]["userErrors"] == []
    answer = api(SET, {"input": {"title": "Two"}})
    assert answer["data"] == {"productSet": None}
    assert answer["errors"][0]["extensions"]["code"] == "VARIANT_THROTTLE_EXCEEDED"
    change = {"id": gid("Product", small.mug.product_id), "title": "Cup"}
    assert api.data(SET, {"input": change})["productSet"]["userErrors"] == []
    small.sim.clock.advance(86_401)
    assert api.data(SET, {"input": {"title": "Two"}})["productSet"]["userErrors"] == []


def test_some_errors_of_product_set_name_the_whole_input(api: Api, small: Small):
    taken = {"title": "Other", "handle": small.shop.products[small.mug.product_id].handle}
    [problem] = api.data(SET, {"input": taken})["productSet"]["userErrors"]
    assert (problem["field"], problem["code"]) == (["input"], "HANDLE_NOT_UNIQUE")
    found = api.data(SET, {"input": {"title": "x" * 256, "vendor": "y" * 256}})["productSet"]["userErrors"]
    assert [problem["field"] for problem in found] == [["input", "title"], ["input"], ["input"]]


def test_an_option_name_with_a_slash_between_blanks_is_refused(api: Api, small: Small):
    options = [{"name": "Size / Colour", "values": [{"name": "S"}]}]
    rows = [{"optionValues": [{"optionName": "Size / Colour", "name": "S"}]}]
    given = {"title": "x", "productOptions": options, "variants": rows}
    assert api.data(SET, {"input": given})["productSet"]["userErrors"][0]["field"][-1] == "name"


def test_a_publication_is_given_once_and_not_before_1970(api: Api, small: Small):
    online = {"publicationId": gid("Publication", next(iter(small.shop.catalog.publications)))}
    product = gid("Product", small.mug.product_id)
    for rows in ([online, online], [{**online, "publishDate": "1969-12-31T00:00:00Z"}]):
        assert api.data(PUBLISH, {"id": product, "input": rows})["publishablePublish"]["userErrors"]
    assert not api.data(PUBLISH, {"id": product, "input": [online]})["publishablePublish"]["userErrors"]


@pytest.mark.parametrize(
    ("kilobytes", "page", "article"), [(512, None, None), (513, "TOO_BIG", None), (1025, "TOO_BIG", "TOO_LONG")]
)
def test_how_long_bodies_may_be(api: Api, small: Small, kilobytes, page, article):
    body = "x" * (kilobytes * 1024)
    found = api.data(PAGE, {"page": {"title": "p", "body": body}})["pageCreate"]["userErrors"]
    assert [problem["code"] for problem in found] == ([page] if page else [])
    given = {"article": {"title": "a", "body": body, "author": {"name": "n"}}, "blog": {"title": "b"}}
    found = api.data(ARTICLE, given)["articleCreate"]["userErrors"]
    assert [problem["code"] for problem in found] == ([article] if article else [])


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({"handle": "h" * 265}, False),
        ({"handle": "h" * 266}, True),
        ({"image": {"altText": "seen"}}, True),
        ({"publishDate": "1969-12-31T00:00:00Z"}, True),
    ],
)
def test_what_articles_take(api: Api, small: Small, given, is_refused):
    article = {"title": "a", "author": {"name": "n"}, **given}
    found = api.data(ARTICLE, {"article": article, "blog": {"title": "b"}})["articleCreate"]["userErrors"]
    assert bool(found) is is_refused


ITEM = """query I($id: ID!) { inventoryItem(id: $id) {
  sku variant { id } variants(first: 5) { nodes { id product { id } } } } }"""


def test_several_variants_may_have_one_inventory_item(api: Api, small: Small):
    before = small.mug.item_id
    merchant.share_item(small.shop, small.sim.clock, small.mug.id, small.shirt.id)
    item = gid("InventoryItem", small.shirt.item_id)
    found = api.data(ITEM, {"id": item})["inventoryItem"]
    both = sorted([small.shirt.id, small.mug.id])
    assert [node["id"] for node in found["variants"]["nodes"]] == [gid("ProductVariant", one) for one in both]
    assert api.data(ITEM, {"id": gid("InventoryItem", before)})["inventoryItem"] is None
    small.sim.clock.advance(5)
    small.sim.buy(DOMAIN, small.mug.id, 3)
    assert small.available(small.shirt) == small.available(small.mug) == 7
    assert {small.shop.products[one.product_id].updated_at for one in (small.shirt, small.mug)} == {
        small.sim.clock.whole_seconds()
    }
    merchant.delete_variant(small.shop, small.sim.clock, small.shirt.id)
    found = api.data(ITEM, {"id": item})["inventoryItem"]
    assert [node["id"] for node in found["variants"]["nodes"]] == [gid("ProductVariant", small.mug.id)]
    merchant.delete_variant(small.shop, small.sim.clock, small.mug.id)
    assert api.data(ITEM, {"id": item})["inventoryItem"] is None


FIELDS = """mutation M($rows: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $rows) {
  metafields { value } userErrors { code field } } }"""


def money(currency: str) -> str:
    return json.dumps({"amount": "5.00", "currency_code": currency})


@pytest.mark.parametrize(
    ("kind", "value", "validations", "code"),
    [
        ("money", money("EUR"), {}, None),
        ("money", money("USD"), {}, "INVALID_VALUE"),
        ("single_line_text_field", "red", {"choices": '["red"]'}, None),
        ("single_line_text_field", "blue", {"choices": '["red"]'}, "INVALID_VALUE"),
        ("number_integer", "4", {"min": "5"}, "INVALID_VALUE"),
        ("number_integer", "6", {"min": "5", "max": "6"}, None),
        ("number_decimal", "6.5", {"max": "6"}, "INVALID_VALUE"),
        ("single_line_text_field", "too long", {"max": "3"}, "INVALID_VALUE"),
        ("rating", '{"value": "9", "scale_min": "1", "scale_max": "9"}', {"scale_max": "5"}, "INVALID_VALUE"),
        ("list.single_line_text_field", json.dumps(["a"] * 128), {}, None),
        ("list.single_line_text_field", json.dumps(["a"] * 129), {}, "INVALID_VALUE"),
        ("list.boolean", "[true, false]", {}, None),
        ("area", '{"value": 2.0, "unit": "SQUARE_METERS"}', {}, None),
        ("power", '{"value": 2.0, "unit": "WATTS"}', {}, None),
    ],
)
def test_the_stores_definition_and_currency_decide_about_a_metafield(api, small: Small, kind, value, validations, code):
    catalogue_hands.define_metafield(small.shop, small.sim.clock, "Product", "custom", "mark", kind, validations)
    good = {"ownerId": gid("Product", small.mug.product_id), "namespace": "custom"}
    rows = [
        {**good, "key": "mark", "type": kind, "value": value},
        {**good, "key": "other", "type": "boolean", "value": "true"},
    ]
    answer = api.data(FIELDS, {"rows": rows})["metafieldsSet"]
    assert [problem["code"] for problem in answer["userErrors"]] == ([code] if code else [])
    # One bad row refuses all of them.
    assert len(small.shop.metafields.get(("Product", small.mug.product_id), {})) == (0 if code else 2)


@pytest.mark.parametrize("namespace", ["shopify_standard", "protected", "shopify-l10n-fields"])
def test_namespaces_of_shopifys_own_are_refused(api: Api, small: Small, namespace):
    row = {"namespace": namespace, "key": "mark", "type": "boolean", "value": "true"}
    owned = {"ownerId": gid("Product", small.mug.product_id), **row}
    assert api.data(FIELDS, {"rows": [owned]})["metafieldsSet"]["userErrors"][0]["field"][-1] == "namespace"
    change = {"id": gid("Product", small.mug.product_id), "title": "Cup", "metafields": [row]}
    assert api.data(SET, {"input": change})["productSet"]["userErrors"][0]["code"] == "INVALID_METAFIELD"
    assert small.shop.products[small.mug.product_id].title == "Mug"


@pytest.mark.parametrize("handle", ["", " ", "!!!"])
def test_a_blank_or_odd_handle_is_never_kept_as_nothing(api: Api, small: Small, handle):
    change = {"id": gid("Product", small.mug.product_id), "handle": handle}
    assert api.data(SET, {"input": change})["productSet"]["userErrors"] == []
    assert api.data(SET, {"input": {"title": "New", "handle": handle}})["productSet"]["userErrors"] == []
    assert api.data(PAGE, {"page": {"title": "New", "handle": handle}})["pageCreate"]["userErrors"] == []
    products, pages = small.shop.products.values(), small.shop.catalog.pages.values()
    assert all(thing.handle for thing in (*products, *pages))
    assert small.shop.products[small.mug.product_id].handle == "mug"
