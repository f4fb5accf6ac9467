"""Products beyond productSet: single changes, variants in bulk, metafields, channels, tags, deletion."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small

UPDATE = """mutation U($given: ProductUpdateInput!) { productUpdate(product: $given) {
  product { title handle tags seo { title } metafields(first: 5) { nodes { key value } } }
  userErrors { field message } } }"""
BULK = """mutation B($id: ID!, $rows: [ProductVariantsBulkInput!]!, $partly: Boolean) {
  productVariantsBulkUpdate(productId: $id, variants: $rows, allowPartialUpdates: $partly) {
    productVariants { id price compareAtPrice sku title } userErrors { code field } } }"""
ADD = """mutation A($id: ID!, $rows: [ProductVariantsBulkInput!]!) {
  productVariantsBulkCreate(productId: $id, variants: $rows) {
    productVariants { title price inventoryQuantity } userErrors { code field } } }"""
REMOVE = """mutation R($id: ID!, $ids: [ID!]!) { productVariantsBulkDelete(productId: $id, variantsIds: $ids) {
    userErrors { code field } } }"""
FIELDS = """mutation M($rows: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $rows) {
    metafields { id namespace key type value jsonValue compareDigest ownerType owner { __typename } }
    userErrors { code field elementIndex message } } }"""
PUBLISH = """mutation P($id: ID!, $input: [PublicationInput!]!) { publishablePublish(id: $id, input: $input) {
    publishable { ... on Product { id publishedAt } } userErrors { field message } } }"""
UNPUBLISH = PUBLISH.replace("publishablePublish", "publishableUnpublish")
LISTINGS = """query L($id: ID!, $all: Boolean!) { product(id: $id) { publishedAt
    resourcePublicationsV2(first: 9, onlyPublished: $all) {
      nodes { isPublished publishDate publication { id name } } } } }"""
DELETE = """mutation D($id: ID!, $now: Boolean = true) { productDelete(input: {id: $id}, synchronous: $now) {
    deletedProductId productDeleteOperation { id status } userErrors { field message } } }"""


@pytest.fixture
def shirt(small: Small) -> str:
    return gid("Product", small.shirt.product_id)


def variant(small: Small) -> str:
    return gid("ProductVariant", small.shirt.id)


# productUpdate


def test_fields_are_changed_and_metafields_are_added(api: Api, small: Small, shirt: str):
    row = {"namespace": "care", "key": "wash", "type": "single_line_text_field", "value": "40"}
    given = {"id": shirt, "title": "Top", "handle": "Top one", "tags": ["z", "A", "a"], "metafields": [row]}
    changed = api.data(UPDATE, {"given": {**given, "seo": {"title": "SEO"}}})["productUpdate"]["product"]
    assert changed == {
        "title": "Top",
        "handle": "top-one",
        "tags": ["A", "z"],
        "seo": {"title": "SEO"},
        "metafields": {"nodes": [{"key": "wash", "value": "40"}]},
    }
    assert small.shop.handles["top-one"] == small.shirt.product_id


def test_a_wrong_change_is_refused_and_an_unknown_product_too(api: Api, shirt: str):
    def fields(**given) -> list:
        return [error["field"] for error in api.data(UPDATE, {"given": given})["productUpdate"]["userErrors"]]

    assert fields(id=shirt, title="") == [["title"]]
    assert fields(id=shirt, handle="mug") == [["handle"]]
    assert fields(id=gid("Product", 1), title="x") == [["id"]]


def test_tags_are_added_and_taken_off_whatever_their_case(api: Api, shirt: str):
    document = """mutation T($id: ID!, $tags: [String!]!) { %s(id: $id, tags: $tags) {
      node { ... on Product { tags } } userErrors { message } } }"""
    added = api.data(document % "tagsAdd", {"id": shirt, "tags": ["SUMMER", "new"]})["tagsAdd"]
    assert added["node"]["tags"] == ["cotton", "new", "summer"]
    removed = api.data(document % "tagsRemove", {"id": shirt, "tags": ["NEW"]})["tagsRemove"]
    assert removed["node"]["tags"] == ["cotton", "summer"]


# Variants in bulk


def test_prices_change_together(api: Api, small: Small, shirt: str):
    rows = [{"id": variant(small), "price": "9.5", "compareAtPrice": "12", "inventoryItem": {"sku": "NEW"}}]
    answer = api.data(BULK, {"id": shirt, "rows": rows})["productVariantsBulkUpdate"]
    [changed] = answer["productVariants"]
    assert (changed["price"], changed["compareAtPrice"], changed["sku"]) == ("9.50", "12.00", "NEW")
    rows = [{"id": variant(small), "compareAtPrice": None}]
    [changed] = api.data(BULK, {"id": shirt, "rows": rows})["productVariantsBulkUpdate"]["productVariants"]
    assert (changed["price"], changed["compareAtPrice"]) == ("9.50", None)


def test_one_bad_row_refuses_all_unless_partial_updates_are_allowed(api: Api, small: Small, shirt: str):
    rows = [{"id": variant(small), "price": "7"}, {"id": gid("ProductVariant", 1), "price": "7"}]
    refused = api.data(BULK, {"id": shirt, "rows": rows})["productVariantsBulkUpdate"]
    assert refused["productVariants"] is None
    assert refused["userErrors"] == [{"code": "PRODUCT_VARIANT_DOES_NOT_EXIST", "field": ["variants", "1", "id"]}]
    assert small.shirt.price == "10.00"
    partly = api.data(BULK, {"id": shirt, "rows": rows, "partly": True})["productVariantsBulkUpdate"]
    assert len(partly["userErrors"]) == 1
    assert small.shirt.price == "7.00"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"price": "-1"}, "NEGATIVE_PRICE_VALUE"),
        ({"price": "much"}, "INVALID_INPUT"),
        ({"inventoryQuantities": []}, "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"),
        ({"optionValues": [{"optionName": "No", "name": "x"}]}, "OPTION_DOES_NOT_EXIST"),
        ({"mediaId": gid("MediaImage", 1)}, "MUST_BE_FOR_THIS_PRODUCT"),
        ({"id": None}, "PRODUCT_VARIANT_ID_MISSING"),
    ],
)
def test_a_row_that_cannot_be_is_refused(api: Api, small: Small, shirt: str, row, code):
    rows = [{"id": variant(small), **row}]
    [error] = api.data(BULK, {"id": shirt, "rows": rows})["productVariantsBulkUpdate"]["userErrors"]
    assert error["code"] == code


def test_variants_are_added_and_taken_away_but_never_the_last(api: Api, small: Small, shirt: str):
    place = gid("Location", small.there)
    rows = [
        {
            "optionValues": [{"optionName": "Size", "name": "L"}],
            "price": "11",
            "inventoryQuantities": [{"locationId": place, "availableQuantity": 3}],
        }
    ]
    [made] = api.data(ADD, {"id": shirt, "rows": rows})["productVariantsBulkCreate"]["productVariants"]
    assert made == {"title": "L", "price": "11.00", "inventoryQuantity": 3}
    again = api.data(ADD, {"id": shirt, "rows": rows})["productVariantsBulkCreate"]["userErrors"]
    assert again[0]["code"] == "VARIANT_ALREADY_EXISTS_CHANGE_OPTION_VALUE"
    missing = api.data(ADD, {"id": shirt, "rows": [{"price": "1"}]})["productVariantsBulkCreate"]["userErrors"]
    assert missing[0]["code"] == "NEED_TO_ADD_OPTION_VALUES"
    numbers = [gid("ProductVariant", one) for one in small.shop.products[small.shirt.product_id].variant_ids]
    last = api.data(REMOVE, {"id": shirt, "ids": numbers})["productVariantsBulkDelete"]["userErrors"]
    assert last[0]["code"] == "CANNOT_DELETE_LAST_VARIANT"
    assert api.data(REMOVE, {"id": shirt, "ids": numbers[1:]})["productVariantsBulkDelete"]["userErrors"] == []
    assert small.shop.products[small.shirt.product_id].variant_ids == [small.shirt.id]


# Metafields


def row(owner: str, **given) -> dict:
    return {"ownerId": owner, "namespace": "care", "key": "wash", "type": "number_integer", "value": "40", **given}


def test_metafields_are_set_read_and_deleted(api: Api, small: Small, shirt: str):
    [made] = api.data(FIELDS, {"rows": [row(shirt)]})["metafieldsSet"]["metafields"]
    assert (made["value"], made["jsonValue"], made["ownerType"]) == ("40", 40, "PRODUCT")
    assert made["owner"] == {"__typename": "Product"}
    document = """query F($id: ID!) { product(id: $id) { metafield(namespace: "care", key: "wash") { id value }
      metafields(first: 5, keys: ["care.wash"]) { nodes { id } } } }"""
    found = api.data(document, {"id": shirt})["product"]
    assert found == {"metafield": {"id": made["id"], "value": "40"}, "metafields": {"nodes": [{"id": made["id"]}]}}
    delete = """mutation D($rows: [MetafieldIdentifierInput!]!) { metafieldsDelete(metafields: $rows) {
      deletedMetafields { ownerId namespace key } } }"""
    name = {"ownerId": shirt, "namespace": "care", "key": "wash"}
    gone = api.data(delete, {"rows": [name, {**name, "key": "none"}]})["metafieldsDelete"]
    assert gone["deletedMetafields"] == [name, None]
    assert api.data(document, {"id": shirt})["product"]["metafield"] is None


def test_app_namespaces_are_spelled_out(api: Api, shirt: str):
    rows = [row(shirt, namespace=None), row(shirt, namespace="$app:more")]
    made = api.data(FIELDS, {"rows": rows})["metafieldsSet"]["metafields"]
    assert [field["namespace"] for field in made] == ["app--4242", "app--4242--more"]


def test_a_digest_guards_against_overwriting(api: Api, shirt: str):
    assert api.data(FIELDS, {"rows": [row(shirt, compareDigest=None)]})["metafieldsSet"]["userErrors"] == []
    [again] = api.data(FIELDS, {"rows": [row(shirt, compareDigest=None)]})["metafieldsSet"]["userErrors"]
    assert (again["code"], again["elementIndex"]) == ("STALE_OBJECT", 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"value": "warm"}, "INVALID_VALUE"),
        ({"value": " "}, "BLANK"),
        ({"type": "nonsense"}, "INCLUSION"),
        ({"key": "x"}, "INVALID"),
        ({"ownerId": gid("Product", 1)}, "INVALID"),
        ({"type": "boolean", "value": "yes"}, "INVALID_VALUE"),
        ({"type": "json", "value": "{"}, "INVALID_VALUE"),
        ({"type": "json", "value": '["' + "x" * 140_000 + '"]'}, "INVALID_VALUE"),
        ({"type": "product_reference", "value": gid("Product", 1)}, "INVALID_VALUE"),
        ({"type": "list.product_reference", "value": f'["{gid("Product", 1)}"]'}, "INVALID_VALUE"),
        ({"type": "color", "value": "red"}, "INVALID_VALUE"),
        ({"type": "date", "value": "21.11.2026"}, "INVALID_VALUE"),
    ],
)
def test_a_wrong_metafield_refuses_all_of_them(api: Api, small: Small, shirt: str, given, code):
    rows = [row(shirt, key="fine"), row(shirt, **given)]
    answer = api.data(FIELDS, {"rows": rows})["metafieldsSet"]
    assert answer["metafields"] is None
    assert [(error["code"], error["elementIndex"]) for error in answer["userErrors"]] == [(code, 1)]
    assert small.shop.metafields.get(("Product", small.shirt.product_id), {}) == {}


def test_references_to_things_of_the_same_store_are_kept(api: Api, small: Small, shirt: str):
    rows = [row(shirt, type="product_reference", value=gid("Product", small.mug.product_id))]
    assert api.data(FIELDS, {"rows": rows})["metafieldsSet"]["userErrors"] == []


def test_a_type_that_differs_from_the_definition_is_refused(api: Api, small: Small, shirt: str):
    metafields.define(small.shop, 0, "Product", "care", "wash", "single_line_text_field")
    [error] = api.data(FIELDS, {"rows": [row(shirt)]})["metafieldsSet"]["userErrors"]
    assert error["code"] == "INVALID_TYPE"


def test_26_metafields_are_refused_before_anything_runs(api: Api, shirt: str):
    assert api.codes(FIELDS, {"rows": [row(shirt, key=f"key-{n}") for n in range(26)]}) == ["MAX_INPUT_SIZE_EXCEEDED"]


def test_a_metafield_moves_its_products_updated_at(api: Api, small: Small):
    small.sim.clock.advance(7)
    told = []
    small.shop.publish = told.extend
    api.data(FIELDS, {"rows": [row(variant(small))]})
    assert small.shop.products[small.shirt.product_id].updated_at == small.sim.clock.whole_seconds()
    assert told == [("PRODUCTS_UPDATE", (small.shirt.product_id,))]


# Channels (row 34)


def test_a_product_is_visible_on_the_channels_it_was_published_to(api: Api, small: Small, shirt: str):
    small.shop.products[small.shirt.product_id].published_at = None
    online, counter = (gid("Publication", one) for one in small.shop.catalog.publications)
    assert api.data(LISTINGS, {"id": shirt, "all": True})["product"]["resourcePublicationsV2"]["nodes"] == []
    api.data(PUBLISH, {"id": shirt, "input": [{"publicationId": counter}]})
    shown = api.data(LISTINGS, {"id": shirt, "all": True})["product"]
    assert [row["publication"]["id"] for row in shown["resourcePublicationsV2"]["nodes"]] == [counter]
    assert shown["publishedAt"] is None
    api.data(PUBLISH, {"id": shirt, "input": [{"publicationId": online}]})
    assert api.data(LISTINGS, {"id": shirt, "all": True})["product"]["publishedAt"] is not None
    api.data(UNPUBLISH, {"id": shirt, "input": [{"publicationId": online}, {"publicationId": counter}]})
    assert api.data(LISTINGS, {"id": shirt, "all": True})["product"]["resourcePublicationsV2"]["nodes"] == []


def test_a_date_to_come_is_planned_on_the_online_store_only(api: Api, small: Small, shirt: str):
    online, counter = (gid("Publication", one) for one in small.shop.catalog.publications)
    later = iso_utc(small.sim.clock.seconds() + 60)
    api.data(UNPUBLISH, {"id": shirt, "input": [{"publicationId": online}]})
    refused = api.data(PUBLISH, {"id": shirt, "input": [{"publicationId": counter, "publishDate": later}]})
    assert refused["publishablePublish"]["userErrors"][0]["field"] == ["input", "0", "publishDate"]
    api.data(PUBLISH, {"id": shirt, "input": [{"publicationId": online, "publishDate": later}]})
    assert api.data(LISTINGS, {"id": shirt, "all": True})["product"]["resourcePublicationsV2"]["nodes"] == []
    [planned] = api.data(LISTINGS, {"id": shirt, "all": False})["product"]["resourcePublicationsV2"]["nodes"]
    assert (planned["isPublished"], planned["publishDate"]) == (False, later)


def test_publishing_refuses_unknown_channels_and_things_that_cannot_be_published(api: Api, small: Small, shirt: str):
    refused = api.data(PUBLISH, {"id": shirt, "input": [{"publicationId": gid("Publication", 1)}]})
    assert refused["publishablePublish"]["userErrors"][0]["field"] == ["input", "0", "publicationId"]
    assert api.codes(PUBLISH, {"id": gid("Location", small.here), "input": []}) == ["RESOURCE_NOT_FOUND"]


def test_each_store_has_publications_of_its_own_and_they_need_their_scope(api: Api, small: Small):
    other = small.sim.add_shop("other-store.myshopify.com")
    assert not set(other.catalog.publications) & set(small.shop.catalog.publications)
    listed = api.data("{ publications(first: 9) { nodes { name autoPublish } } }")["publications"]["nodes"]
    assert listed == [{"name": "Online Store", "autoPublish": False}, {"name": "Point of Sale", "autoPublish": False}]
    small.sim.set_scopes(DOMAIN, {"write_products"})
    assert api.codes("{ publications(first: 9) { nodes { id } } }") == ["ACCESS_DENIED"]


# Deletion


def test_a_deleted_product_takes_everything_with_it_and_orders_keep_their_lines(api: Api, small: Small, shirt: str):
    file = drawn_file(small.shop, "shirt.png", small.sim.clock.whole_seconds())
    small.shop.products[small.shirt.product_id].file_ids = [file.id]
    api.data(FIELDS, {"rows": [row(shirt), row(variant(small))]})
    order = small.sim.buy(DOMAIN, small.shirt.id, 1)
    assert api.data(DELETE, {"id": shirt})["productDelete"]["deletedProductId"] == shirt
    assert (small.shop.catalog.files, dict(small.shop.metafields)) == ({}, {})
    assert small.shirt.id not in small.shop.variants
    assert small.shop.orders[order.id].lines[0].title == "Shirt"
    assert api.data(DELETE, {"id": shirt})["productDelete"]["userErrors"][0]["field"] == ["id"]


def test_a_product_is_deleted_in_the_background_by_the_clock(api: Api, small: Small, shirt: str):
    small.shop.knobs.job_seconds = 5
    operation = api.data(DELETE, {"id": shirt, "now": False})["productDelete"]["productDeleteOperation"]
    assert operation["status"] == "CREATED"
    assert small.shirt.product_id in small.shop.products
    small.sim.clock.advance(5)
    document = """query O($id: ID!) { productOperation(id: $id) { status product { id }
      ... on ProductDeleteOperation { deletedProductId } } }"""
    assert api.data(document, {"id": operation["id"]})["productOperation"] == {
        "status": "COMPLETE",
        "product": None,
        "deletedProductId": shirt,
    }


# Webhooks


def test_a_product_tells_of_its_images_options_and_first_hundred_variants(
    api: Api, small: Small, receiver: Receiver, shirt: str
):
    product = small.shop.products[small.shirt.product_id]
    for number in range(110):
        small.shop.add_variant(product, at=small.sim.clock.whole_seconds(), option_values=[f"N{number}"])
    file = drawn_file(small.shop, "shirt.png", small.sim.clock.whole_seconds(), alt="A shirt")
    product.file_ids = [file.id]
    small.shirt.file_id = file.id
    small.sim.subscribe(DOMAIN, "PRODUCTS_UPDATE", receiver.url)
    small.sim.set_manual(DOMAIN, True)
    api.data(UPDATE, {"given": {"id": shirt, "tags": ["b", "a"]}})
    small.sim.pump(DOMAIN)
    [body] = receiver.bodies()
    assert (len(body["variants"]), len(body["variant_gids"])) == (100, 111)
    assert body["tags"] == "a, b"
    assert body["images"][0]["alt"] == "A shirt"
    assert body["images"][0]["variant_ids"] == [small.shirt.id]
    assert body["variants"][0]["image_id"] == file.id
    assert body["image"] == body["images"][0]
    assert body["options"][0]["values"][0] == "S"


# In bulk


def test_a_bulk_query_tells_of_products_with_all_that_hangs_on_them(api: Api, small: Small, shirt: str):
    file = drawn_file(small.shop, "shirt.png", small.sim.clock.whole_seconds())
    small.shop.products[small.shirt.product_id].file_ids = [file.id]
    api.data(FIELDS, {"rows": [row(shirt)]})
    query = """{ products(query: "title:Shirt") { edges { node { id title tags seo { title }
      options { name optionValues { name } }
      media { edges { node { id alt ... on MediaImage { image { url } } } } }
      metafields { edges { node { id namespace key value } } }
      variants { edges { node { id price inventoryItem { unitCost { amount } } } } } } } } }"""
    document = """mutation B($query: String!) { bulkOperationRunQuery(query: $query) {
      bulkOperation { id } userErrors { message } } }"""
    number = api.data(document, {"query": query})["bulkOperationRunQuery"]["bulkOperation"]["id"]
    look = "query L($id: ID!) { bulkOperation(id: $id) { status url } }"
    found = wait_for(lambda: api.data(look, {"id": number})["bulkOperation"], lambda row: row["status"] == "COMPLETED")
    lines = [json.loads(line) for line in requests.get(found["url"], timeout=5).text.splitlines()]
    [product] = [line for line in lines if "__parentId" not in line]
    children = {line["id"].split("/")[3]: line for line in lines if "__parentId" in line}
    assert (product["id"], product["options"]) == (shirt, [{"name": "Size", "optionValues": [{"name": "S"}]}])
    assert set(children) == {"MediaImage", "Metafield", "ProductVariant"}
    assert all(line["__parentId"] == shirt for line in children.values())
    assert children["MediaImage"]["image"]["url"] == url_of(small.shop, file)


def wait_for(look, is_so):
    """What `look` answers as soon as it is so; a thread of the simulator does the work."""
    for _ in range(500):
        found = look()
        if is_so(found):
            return found
        time.sleep(0.01)
    raise AssertionError(found)
