"""Collections: the sources of 2026-07, members by hand and by conditions, jobs, order, webhooks (shopify.md 8.2)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import requests

from tests.simulator.events.catalogue.conditions import INCLUDING_CLASSES
from tests.simulator.events.catalogue.files import drawn_file, url_of
from tests.simulator.state.catalogue import Condition
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small

FIELDS = """id title handle descriptionHtml sortOrder templateSuffix seo { title description }
  image { url altText } productsCount { count } publishedOnPublication(publicationId: $online)
  products(first: 9) { nodes { title } }
  ruleSet { appliedDisjunctively rules { column relation condition } }
  sources { __typename id title ... on CollectionConditionsSource { targetType shareable
    inclusion { matchType selections(first: 9) { nodes { product { id } } }
      conditions { __typename id
        ... on CollectionSourceInclusionConditionProductTag { matchType relation values }
        ... on CollectionSourceInclusionConditionVariantPrice { above: relation value { amount currencyCode } } } }
    exclusion { selections(first: 9) { nodes { product { id } } } } } }"""
CREATE = f"""mutation C($given: CollectionCreateInput!, $online: ID!) {{ collectionCreate(collection: $given) {{
  collection {{ {FIELDS} }} userErrors {{ field message }} }} }}"""
UPDATE = f"""mutation C($given: CollectionUpdateInput!, $online: ID!) {{ collectionUpdate(collection: $given) {{
  collection {{ {FIELDS} }} job {{ id done }} userErrors {{ field message }} }} }}"""
READ = f"query C($id: ID!, $online: ID!) {{ collection(id: $id) {{ {FIELDS} }} }}"
JOB = "query J($id: ID!) { job(id: $id) { done } }"


@dataclass
class Shelf:
    """What the tests of collections ask of a shop."""

    api: Api
    small: Small

    @property
    def online(self) -> str:
        return gid("Publication", self.small.shop.catalog.online_store.id)

    def create(self, **given) -> dict:
        answer = self.api.data(CREATE, {"given": given, "online": self.online})["collectionCreate"]
        assert answer["userErrors"] == []
        return answer["collection"]

    def update(self, number: str, **given) -> dict:
        return self.api.data(UPDATE, {"given": {"id": number, **given}, "online": self.online})["collectionUpdate"]

    def refused(self, **given) -> list[list[str]]:
        document, name = (UPDATE, "collectionUpdate") if "id" in given else (CREATE, "collectionCreate")
        answer = self.api.data(document, {"given": given, "online": self.online})[name]
        assert answer["collection"] is None
        return [error["field"] for error in answer["userErrors"]]

    def read(self, number: str) -> dict:
        return self.api.data(READ, {"id": number, "online": self.online})["collection"]

    def titles(self, number: str) -> list[str]:
        return [node["title"] for node in self.read(number)["products"]["nodes"]]

    def product(self, variant) -> dict:
        return {"productId": gid("Product", variant.product_id)}


@pytest.fixture
def shelf(api: Api, small: Small) -> Shelf:
    return Shelf(api, small)


def by_hand(*selections: dict) -> dict:
    return {"source": {"title": "Hand", "inclusion": {"selections": list(selections)}}}


def by_rule(*conditions: dict, match: str = "ALL", **given) -> dict:
    return {"source": {"title": "Rules", "inclusion": {"conditions": list(conditions), "matchType": match}, **given}}


def tagged(*values: str, relation: str = "TAGGED_WITH", match: str = "ANY") -> dict:
    return {"productTag": {"relation": relation, "matchType": match, "values": list(values)}}


def test_a_collection_of_hand_picked_products_keeps_their_order_and_is_unpublished(shelf: Shelf, small: Small):
    picked = [shelf.product(small.mug), shelf.product(small.shirt)]
    made = shelf.create(
        title="Favourites",
        descriptionHtml="<b>Ours</b>",
        sortOrder="MANUAL",
        seo={"title": "T"},
        sources=[by_hand(*picked)],
    )
    assert (made["handle"], made["descriptionHtml"], made["sortOrder"]) == ("favourites", "<b>Ours</b>", "MANUAL")
    assert made["publishedOnPublication"] is False
    assert made["ruleSet"] is None
    assert [node["title"] for node in made["products"]["nodes"]] == ["Mug", "Shirt"]
    [source] = made["sources"]
    assert source["__typename"] == "CollectionConditionsSource"
    assert [node["product"]["id"] for node in source["inclusion"]["selections"]["nodes"]] == [
        row["productId"] for row in picked
    ]


def test_products_that_fit_the_conditions_are_members_as_long_as_they_fit(shelf: Shelf, small: Small):
    made = shelf.create(title="Summer", sources=[by_rule(tagged("SUMMER"), tagged("kitchen"), match="ANY")])
    assert set(shelf.titles(made["id"])) == {"Shirt", "Mug"}
    small.shop.products[small.mug.product_id].tags = []
    assert shelf.titles(made["id"]) == ["Shirt"]
    [condition] = made["sources"][0]["inclusion"]["conditions"][:1]
    assert condition["__typename"] == "CollectionSourceInclusionConditionProductTag"
    assert condition["id"].startswith("gid://shopify/CollectionSourceInclusionConditionProductTag/")
    assert made["ruleSet"] == {
        "appliedDisjunctively": True,
        "rules": [
            {"column": "TAG", "relation": "EQUALS", "condition": "SUMMER"},
            {"column": "TAG", "relation": "EQUALS", "condition": "kitchen"},
        ],
    }


TEXT = {"matchType": "ANY"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"productTitle": {**TEXT, "relation": "STARTS_WITH", "values": ["sh"]}}, {"Shirt"}),
        ({"productTitle": {**TEXT, "relation": "DOES_NOT_CONTAIN", "values": ["g"]}}, {"Shirt"}),
        ({"productVendor": {**TEXT, "relation": "EQUALS", "values": ["tiposync"]}}, {"Shirt", "Mug", "Gift wrap"}),
        ({"productStatus": {**TEXT, "relation": "EQUALS", "values": ["DRAFT"]}}, set()),
        (tagged("summer", "cotton", match="ALL"), {"Shirt"}),
        (tagged("summer", relation="NOT_TAGGED_WITH"), {"Mug", "Gift wrap"}),
        ({"variantTitle": {**TEXT, "relation": "EQUALS", "values": ["S"]}}, {"Shirt"}),
        (
            {"variantPrice": {"relation": "GREATER_THAN", "value": {"amount": "10.5", "currencyCode": "EUR"}}},
            {"Mug"},
        ),
        ({"variantCompareAtPrice": {"relation": "IS_NOT_SET"}}, {"Shirt", "Mug", "Gift wrap"}),
        ({"variantInventory": {"relation": "LESS_THAN", "value": 5}}, {"Gift wrap"}),
        ({"variantWeight": {"relation": "GREATER_THAN", "value": {"value": 100, "unit": "GRAMS"}}}, {"Mug"}),
        (
            {
                "productCategory": {
                    **TEXT,
                    "relation": "EQUALS",
                    "values": [
                        {"categoryId": "gid://shopify/TaxonomyCategory/hg", "includeDescendants": True},
                    ],
                }
            },
            {"Mug"},
        ),
    ],
)
def test_every_kind_of_condition_asks_what_it_says(shelf: Shelf, small: Small, condition, expected):
    small.mug.price = "12.00"
    small.shop.items[small.mug.item_id].weight = 0.4
    small.shop.products[small.mug.product_id].category = "gid://shopify/TaxonomyCategory/hg-11-10"
    made = shelf.create(title="One", sources=[by_rule(condition)])
    assert set(shelf.titles(made["id"])) == expected


def test_exclusions_leave_out_products_and_the_products_of_other_collections(shelf: Shelf, small: Small):
    hand = shelf.create(title="Hand", sources=[by_hand(shelf.product(small.mug))])
    all_of_them = {"productVendor": {**TEXT, "relation": "EQUALS", "values": ["Tiposync"]}}
    out = {
        "selections": [shelf.product(small.gift)],
        "conditions": [{"collection": {"values": [hand["id"]]}}],
    }
    made = shelf.create(title="Rest", sources=[by_rule(all_of_them, exclusion=out)])
    assert shelf.titles(made["id"]) == ["Shirt"]
    assert len(made["sources"][0]["exclusion"]["selections"]["nodes"]) == 1


def test_members_change_by_a_job_that_takes_its_time(shelf: Shelf, api: Api, small: Small):
    made = shelf.create(title="Hand", sources=[by_hand(shelf.product(small.mug))])
    small.shop.knobs.job_seconds = 20
    inclusion = {"selectionsToAdd": [shelf.product(small.shirt)], "selectionsToRemove": [shelf.product(small.mug)]}
    changes = [{"condition": {"id": made["sources"][0]["id"], "inclusion": inclusion}}]
    answer = shelf.update(made["id"], title="Other", sourcesToUpdate=changes)
    assert answer["collection"]["title"] == "Other"
    assert answer["job"]["done"] is False
    assert api.data(JOB, {"id": answer["job"]["id"]}) == {"job": {"done": False}}
    assert shelf.titles(made["id"]) == ["Mug"]
    small.sim.clock.advance(20)
    assert api.data(JOB, {"id": answer["job"]["id"]}) == {"job": {"done": True}}
    assert shelf.titles(made["id"]) == ["Shirt"]


def test_a_job_may_fail_silently(shelf: Shelf, api: Api, small: Small):
    made = shelf.create(title="Hand", sources=[by_hand(shelf.product(small.mug))])
    small.shop.knobs.job_seconds, small.shop.knobs.job_error = 0, "Failed."
    answer = shelf.update(made["id"], sourcesToDelete=[made["sources"][0]["id"]])
    assert api.data(JOB, {"id": answer["job"]["id"]}) == {"job": {"done": True}}
    assert shelf.titles(made["id"]) == ["Mug"]


def test_fields_alone_need_no_job(shelf: Shelf):
    made = shelf.create(title="Hand")
    answer = shelf.update(made["id"], descriptionHtml="new", seo={"description": "d"})
    assert answer["job"] is None
    assert (answer["collection"]["descriptionHtml"], answer["collection"]["title"]) == ("new", "Hand")
    assert answer["collection"]["seo"] == {"title": None, "description": "d"}


def test_conditions_and_sources_are_made_changed_and_deleted(shelf: Shelf, small: Small):
    small.shop.knobs.job_seconds = 0
    made = shelf.create(title="Rules", sources=[by_rule(tagged("summer"))])
    [source] = made["sources"]
    condition = source["inclusion"]["conditions"][0]["id"]
    change = {"id": condition, "condition": {"productTag": {"values": ["kitchen"]}}}
    shelf.update(
        made["id"],
        sourcesToUpdate=[{"condition": {"id": source["id"], "inclusion": {"conditionsToUpdate": [change]}}}],
    )
    assert shelf.titles(made["id"]) == ["Mug"]
    inclusion = {"conditionsToDelete": [condition], "conditionsToCreate": [tagged("cotton")], "matchType": "ANY"}
    shelf.update(made["id"], sourcesToUpdate=[{"condition": {"id": source["id"], "inclusion": inclusion}}])
    assert shelf.titles(made["id"]) == ["Shirt"]
    shelf.update(made["id"], sourcesToDelete=[source["id"]], sourcesToCreate=[by_hand(shelf.product(small.gift))])
    assert shelf.titles(made["id"]) == ["Gift wrap"]


def test_what_cannot_be_is_refused_with_its_place(shelf: Shelf, small: Small):
    made = shelf.create(title="Taken")
    unknown = {"productId": gid("Product", 1)}
    euros = {"variantPrice": {"relation": "LESS_THAN", "value": {"amount": "1", "currencyCode": "USD"}}}
    start = ["collection", "sources", "0", "source", "inclusion"]
    assert shelf.refused(title="") == [["collection", "title"]]
    assert shelf.refused(title="x", handle="taken") == [["collection", "handle"]]
    assert shelf.refused(title="x", sources=[by_hand(unknown)]) == [[*start, "selections", "0", "productId"]]
    assert shelf.refused(title="x", sources=[by_rule({})]) == [[*start, "conditions", "0"]]
    assert shelf.refused(title="x", sources=[by_rule(euros)]) == [[*start, "conditions", "0", "variantPrice"]]
    assert shelf.refused(id=gid("Collection", 1)) == [["collection", "id"]]
    assert shelf.refused(id=made["id"], sourcesToDelete=[gid("CollectionConditionsSource", 1)]) == [
        ["collection", "sourcesToDelete", "0"]
    ]


def test_a_handle_made_from_the_title_gets_a_number(shelf: Shelf):
    shelf.create(title="Summer")
    assert shelf.create(title="Summer")["handle"] == "summer-1"


def test_more_than_250_products_in_one_call_are_refused_before_anything_runs(shelf: Shelf, api: Api, small: Small):
    rows = [shelf.product(small.mug)] * 251
    variables = {"given": {"title": "x", "sources": [by_hand(*rows)]}, "online": shelf.online}
    assert api.codes(CREATE, variables) == ["MAX_INPUT_SIZE_EXCEEDED"]


def test_the_order_is_changed_only_where_it_is_manual(shelf: Shelf, api: Api, small: Small):
    document = """mutation R($id: ID!, $moves: [MoveInput!]!) { collectionReorderProducts(id: $id, moves: $moves) {
      job { done } userErrors { code field } } }"""
    small.shop.knobs.job_seconds = 0
    picked = [shelf.product(variant) for variant in (small.shirt, small.mug, small.gift)]
    made = shelf.create(title="Hand", sources=[by_hand(*picked)])
    moves = [{"id": picked[2]["productId"], "newPosition": "0"}]
    refused = api.data(document, {"id": made["id"], "moves": moves})["collectionReorderProducts"]
    assert refused["userErrors"][0]["code"] == "MANUALLY_SORTED_COLLECTION"
    shelf.update(made["id"], sortOrder="MANUAL")
    assert api.data(document, {"id": made["id"], "moves": moves})["collectionReorderProducts"]["job"] == {"done": False}
    assert shelf.titles(made["id"]) == ["Gift wrap", "Shirt", "Mug"]
    stray = [{"id": gid("Product", 1), "newPosition": "0"}]
    refused = api.data(document, {"id": made["id"], "moves": stray})["collectionReorderProducts"]
    assert refused["userErrors"] == [{"code": "INVALID_MOVE", "field": ["moves", "0", "id"]}]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ALPHA_ASC", ["Gift wrap", "Mug", "Shirt"]),
        ("ALPHA_DESC", ["Shirt", "Mug", "Gift wrap"]),
        ("PRICE_DESC", ["Mug", "Shirt", "Gift wrap"]),
        ("CREATED", ["Shirt", "Mug", "Gift wrap"]),
    ],
)
def test_products_come_in_the_collections_order(shelf: Shelf, small: Small, order, expected):
    small.mug.price, small.gift.price = "30.00", "1.00"
    small.shop.products[small.shirt.product_id].created_at -= 5
    small.shop.products[small.gift.product_id].created_at += 5
    picked = [shelf.product(variant) for variant in (small.mug, small.gift, small.shirt)]
    made = shelf.create(title="Hand", sortOrder=order, sources=[by_hand(*picked)])
    assert [node["title"] for node in made["products"]["nodes"]] == expected


def test_the_count_is_nothing_right_after_the_making(shelf: Shelf, small: Small):
    small.shop.knobs.totals_lag_seconds = 30
    made = shelf.create(title="Hand", sources=[by_hand(shelf.product(small.mug))])
    assert made["productsCount"] == {"count": 0}
    small.sim.clock.advance(30)
    assert shelf.read(made["id"])["productsCount"] == {"count": 1}


def test_an_image_comes_from_a_url_and_a_bad_one_is_refused(shelf: Shelf, api: Api, small: Small):
    picture = drawn_file(small.shop, "shelf.png", small.sim.clock.whole_seconds())
    url = url_of(small.shop, picture)
    made = shelf.create(title="With image", image={"src": url, "altText": "A shelf"})
    assert made["image"]["altText"] == "A shelf"
    assert made["image"]["url"] != url
    assert requests.get(made["image"]["url"], timeout=5).content == requests.get(url, timeout=5).content
    assert shelf.update(made["id"], image=None)["collection"]["image"] is None
    wrong = shelf.refused(title="x", image={"src": f"{small.sim.base_url}/nothing.png"})
    assert wrong == [["collection", "image", "src"]]


def test_a_collection_is_found_by_its_handle_and_by_search(shelf: Shelf, api: Api):
    made = shelf.create(title="Winter goods")
    document = """query F($handle: String!, $query: String) {
      collectionByIdentifier(identifier: {handle: $handle}) { id }
      collections(first: 9, query: $query) { nodes { id } } }"""
    found = api.data(document, {"handle": "winter-goods", "query": "collection_type:custom title:winter*"})
    assert found["collectionByIdentifier"] == {"id": made["id"]}
    assert found["collections"]["nodes"] == [{"id": made["id"]}]
    nothing = api.data(document, {"handle": "no", "query": "collection_type:smart"})
    assert nothing == {"collectionByIdentifier": None, "collections": {"nodes": []}}


def test_products_join_and_leave_collections_from_their_side_too(shelf: Shelf, api: Api, small: Small):
    hand = shelf.create(title="Hand")
    shirt = gid("Product", small.shirt.product_id)
    document = """mutation P($given: ProductUpdateInput!) { productUpdate(product: $given) {
      product { collections(first: 9) { nodes { id } } } userErrors { message } } }"""
    joined = api.data(document, {"given": {"id": shirt, "collectionsToJoin": [hand["id"]]}})["productUpdate"]
    assert joined["product"]["collections"]["nodes"] == [{"id": hand["id"]}]
    left = api.data(document, {"given": {"id": shirt, "collectionsToLeave": [hand["id"]]}})["productUpdate"]
    assert left["product"]["collections"]["nodes"] == []


def test_a_condition_that_only_shopify_knows_is_readable_by_its_type(shelf: Shelf, small: Small):
    made = shelf.create(title="Rules", sources=[by_rule(tagged("summer"))])
    source = small.shop.catalog.collections[int(made["id"].rsplit("/", 1)[-1])].sources[0]
    kind = INCLUDING_CLASSES["metafieldString"]
    condition: Condition = kind(1, "metafieldString", {"relation": "EQUALS", "values": ["wool"]})
    source.conditions.append(condition)
    shown = shelf.read(made["id"])["sources"][0]["inclusion"]["conditions"][1]
    assert shown["__typename"] == "CollectionSourceInclusionConditionMetafieldString"


def test_collections_tell_their_webhooks_and_deletions_only_the_id(
    shelf: Shelf, api: Api, small: Small, receiver: Receiver
):
    small.sim.set_manual(DOMAIN, True)
    for topic in ("CREATE", "UPDATE", "DELETE"):
        small.sim.subscribe(DOMAIN, f"COLLECTIONS_{topic}", receiver.url)
    made = shelf.create(title="Hand", sources=[by_rule(tagged("summer"))])
    small.sim.pump(DOMAIN)
    shelf.update(made["id"], title="Other")
    small.sim.pump(DOMAIN)
    document = """mutation D($given: CollectionDeleteInput!) { collectionDelete(input: $given) {
      deletedCollectionId userErrors { message } } }"""
    gone = api.data(document, {"given": {"id": made["id"]}})["collectionDelete"]
    assert gone["deletedCollectionId"] == made["id"]
    small.sim.pump(DOMAIN)
    assert receiver.topics() == ["collections/create", "collections/update", "collections/delete"]
    created, updated, deleted = receiver.bodies()
    assert (created["title"], updated["title"], created["sort_order"]) == ("Hand", "Other", "best-selling")
    assert created["rules"] == [{"column": "tag", "relation": "equals", "condition": "summer"}]
    assert "products" not in updated
    assert set(deleted) == {"id", "published_scope", "admin_graphql_api_id"}


def test_a_deleted_product_leaves_every_collection(shelf: Shelf, api: Api, small: Small):
    made = shelf.create(title="Hand", sources=[by_hand(shelf.product(small.mug), shelf.product(small.gift))])
    api.data(
        "mutation D($given: ProductDeleteInput!) { productDelete(input: $given) { deletedProductId } }",
        {"given": {"id": gid("Product", small.mug.product_id)}},
    )
    assert shelf.titles(made["id"]) == ["Gift wrap"]
