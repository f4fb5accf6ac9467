"""Collections on the wire."""

import pytest

from stores.shopify.content import collection_writes, collections
from stores.shopify.content.collections import CONDITIONS, OTHER, SUB_COLLECTIONS, ConditionRecord
from stores.shopify.errors import ObjectNotFound, ServerError, UserErrors
from stores.shopify.gids import GidError
from stores.shopify.products import deletion
from tests.stores.shopify.wire import Naps, answer, client, sent

pytestmark = pytest.mark.usefixtures("wire")

GID = "gid://shopify/Collection/1"
SOURCE = "gid://shopify/CollectionConditionsSource/5"
INCLUSION, EXCLUSION = "CollectionSourceInclusionCondition", "CollectionSourceExclusionCondition"
LAST = {"hasNextPage": False, "endCursor": None}


def picks(*numbers, end=None):
    rows = [{"product": {"id": f"gid://shopify/Product/{number}"}, "variantIds": None} for number in numbers]
    return {"nodes": rows, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}


def source(*conditions, selections=None, exclusion=None, **parts):
    return {
        "__typename": "CollectionConditionsSource",
        "id": SOURCE,
        "title": "Hand",
        "targetType": "PRODUCTS",
        "shareable": False,
        "inclusion": {
            "matchType": "ANY" if conditions else None,
            "conditions": list(conditions),
            "selections": selections or picks(),
        },
        "exclusion": exclusion,
    } | parts


def node(*sources, **parts):
    return {
        "id": GID,
        "title": "Summer",
        "handle": "summer",
        "updatedAt": "2026-11-21T07:00:00Z",
        "descriptionHtml": "<p>Sun</p>",
        "sortOrder": "MANUAL",
        "seo": {"title": None, "description": "Sun"},
        "image": None,
        "resourcePublicationsV2": {"nodes": [{"publication": {"id": "gid://shopify/Publication/7"}}]},
        "sources": list(sources),
    } | parts


def read(*sources, **parts):
    answer({"collection": node(*sources, **parts)})
    return collections.read_collection(client(), GID)


def test_a_collection_is_read_with_what_it_shows():
    record = read(image={"url": "https://cdn/1.png", "altText": None})
    assert (record.title, record.seo_title, record.seo_description) == ("Summer", "", "Sun")
    assert (record.image_url, record.image_alt) == ("https://cdn/1.png", "")
    assert record.publication_gids == ("gid://shopify/Publication/7",)
    answer({"collection": None})
    assert collections.read_collection(client(), GID) is None


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (
            {"__typename": f"{INCLUSION}ProductTag", "matchType": "ANY", "tag": "TAGGED_WITH", "texts": ["a"]},
            ConditionRecord("productTag", {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["a"]}),
        ),
        (
            {"__typename": f"{INCLUSION}ProductStatus", "matchType": "ANY", "status": "EQUALS", "statuses": ["DRAFT"]},
            ConditionRecord("productStatus", {"relation": "EQUALS", "matchType": "ANY", "values": ["DRAFT"]}),
        ),
        (
            {
                "__typename": f"{INCLUSION}ProductCategory",
                "matchType": "ANY",
                "category": "EQUALS",
                "categories": [{"category": {"id": "gid://c"}, "includeDescendants": True}],
            },
            ConditionRecord(
                "productCategory",
                {
                    "relation": "EQUALS",
                    "matchType": "ANY",
                    "values": [{"categoryId": "gid://c", "includeDescendants": True}],
                },
            ),
        ),
        (
            {"__typename": f"{INCLUSION}VariantInventory", "inventory": "LESS_THAN", "units": 0},
            ConditionRecord("variantInventory", {"relation": "LESS_THAN", "value": 0}),
        ),
        (
            {"__typename": f"{INCLUSION}VariantCompareAtPrice", "compareAtPrice": "IS_SET", "was": None},
            ConditionRecord("variantCompareAtPrice", {"relation": "IS_SET"}),
        ),
        ({"__typename": f"{INCLUSION}MetafieldBoolean"}, ConditionRecord("", {})),
        ({"__typename": f"{INCLUSION}Unknown"}, ConditionRecord("", {})),
    ],
)
def test_a_condition_is_read_as_the_input_that_would_make_it(row, wanted):
    record = read(source(row | {"id": "1"}))
    assert record.sources[0].conditions == (wanted,)


def test_what_is_left_out_is_read_and_too_much_of_it_is_nothing_that_can_be_copied():
    row = {"__typename": f"{EXCLUSION}ProductVendor", "id": "1", "matchType": "ANY", "vendor": "EQUALS", "texts": ["x"]}
    exclusion = {"matchType": "ALL", "conditions": [row], "selections": picks(3)}
    [found] = read(source(exclusion=exclusion)).sources
    assert found.excluded == ("gid://shopify/Product/3",)
    assert [condition.name for condition in found.excluding] == ["productVendor"]
    [found] = read(source(exclusion=exclusion | {"selections": picks(3, end="c")})).sources
    assert [condition.name for condition in found.excluding] == ["productVendor", ""]


def test_sources_of_other_kinds_are_told_apart():
    other = {"id": "1", "title": "T"}
    record = read(
        source(), other | {"__typename": "CollectionSubCollectionsSource"}, other | {"__typename": "SomethingNew"}
    )
    assert [found.kind for found in record.sources] == [CONDITIONS, SUB_COLLECTIONS, OTHER]


def test_all_that_was_picked_by_hand_is_read_page_by_page():
    answer({"collection": node(source(selections=picks(1, end="c")))})
    answer({"node": {"inclusion": {"selections": picks(2)}}})
    record = collections.read_collection(client(), GID)
    assert record.sources[0].picked == ("gid://shopify/Product/1", "gid://shopify/Product/2")
    assert sent()[1]["variables"] == {"id": SOURCE, "after": "c"}
    answer({"collection": node(source(selections=picks(1, end="c")))})
    answer({"node": None})
    with pytest.raises(ObjectNotFound):
        collections.read_collection(client(), GID)


def test_members_come_in_the_order_in_which_they_are_shown():
    rows = [{"id": f"gid://shopify/Product/{number}"} for number in (3, 1)]
    answer({"collection": {"products": {"nodes": rows, "pageInfo": LAST}}})
    assert collections.read_members(client(), GID) == ["gid://shopify/Product/3", "gid://shopify/Product/1"]
    answer({"collection": None})
    assert collections.read_members(client(), GID) == []


def written(name, job=None):
    return {name: {"collection": {"id": GID, "handle": "summer", "image": None}, "job": job, "userErrors": []}}


def test_a_change_that_shopify_does_later_is_waited_for():
    naps = Naps()
    answer(written("collectionUpdate", {"id": "gid://shopify/Job/1", "done": False}))
    answer({"job": {"done": False}})
    answer({"job": {"done": True}})
    made = collection_writes.update_collection(client(naps), GID, {"title": "T"})
    assert (made.gid, made.handle, len(naps)) == (GID, "summer", 2)
    assert sent()[0]["variables"] == {"collection": {"id": GID, "title": "T"}}


def test_a_job_that_never_ends_is_a_fault_of_unknown_outcome(monkeypatch):
    monkeypatch.setattr(collection_writes, "LONGEST_JOB_SECONDS", 1.0)
    answer(written("collectionUpdate", {"id": "gid://shopify/Job/1", "done": False}))
    answer({"job": {"done": False}})
    answer({"job": {"done": False}})
    with pytest.raises(ServerError) as caught:
        collection_writes.update_collection(client(), GID, {"title": "T"})
    assert caught.value.outcome_unknown


def test_moves_are_sent_in_portions_and_none_is_no_call():
    collection_writes.reorder(client(), GID, [])
    assert sent() == []
    for _ in range(2):
        answer({"collectionReorderProducts": {"job": None, "userErrors": []}})
    collection_writes.reorder(client(), GID, [(f"gid://shopify/Product/{number}", number) for number in range(251)])
    assert [len(body["variables"]["moves"]) for body in sent()] == [250, 1]
    assert sent()[1]["variables"]["moves"] == [{"id": "gid://shopify/Product/250", "newPosition": "250"}]


def test_deleting_what_is_gone_is_fine_and_says_so():
    answer({"collectionDelete": {"deletedCollectionId": GID, "userErrors": []}})
    assert deletion.delete(client(), GID) is True
    refused = {"collectionDelete": {"deletedCollectionId": None, "userErrors": [{"field": ["id"], "message": "No"}]}}
    answer(refused)
    answer({"nodes": [None]})
    assert deletion.delete(client(), GID) is False
    answer(refused)
    answer({"nodes": [{"id": GID}]})
    with pytest.raises(UserErrors):
        deletion.delete(client(), GID)


def test_the_id_of_something_else_is_never_sent():
    for call in (collections.read_collection, collections.read_members, deletion.delete):
        with pytest.raises(GidError):
            call(client(), "gid://shopify/Page/1")
    assert sent() == []
