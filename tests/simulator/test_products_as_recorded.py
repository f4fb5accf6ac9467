"""Rows 51 to 60 of facts.md section 9.1 that are about products and content: what recorded live answers say of them."""

from __future__ import annotations

import pytest

from tests.simulator.conftest import Api, Small
from tests.simulator.gids import gid

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
