"""Automated collections follow by their rules where every condition can be said to the destination, else by members."""

import pytest

from stores.clients import open_client
from stores.shopify import gids
from stores.shopify.content import collections as wire
from syncing.catalogue.content import comparison
from tests.simulator.state.catalogue import Condition

TAGGED = {"productTag": {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["summer"]}}


def test_an_automated_collection_carries_its_rules(scene):
    scene = scene()
    gid = scene.add_automated("Summer", TAGGED)
    scene.carry(gid)
    [source] = scene.collection("summer").sources
    assert [(row.name, row.given) for row in source.conditions] == [
        ("productTag", {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["summer"]})
    ]
    scene.world.sim.reset_counters()
    assert scene.compare() is None
    assert scene.writes == 0


def test_changed_rules_replace_the_old_ones(scene):
    scene = scene()
    gid = scene.add_automated("Summer", TAGGED)
    scene.carry(gid)
    source = wire.read_collection(open_client(scene.source.store), gid).sources[0]
    vendor = {"productVendor": {"relation": "EQUALS", "matchType": "ANY", "values": ["Ours"]}}
    scene.change_collection(
        gid, sourcesToUpdate=[{"condition": {"id": source.gid, "inclusion": {"conditionsToCreate": [vendor]}}}]
    )
    assert scene.carry(gid) == "1 updated"
    [source] = scene.collection("summer").sources
    assert sorted(row.name for row in source.conditions) == ["productTag", "productVendor"]


@pytest.mark.parametrize(
    ("condition", "choices", "words"),
    [
        (TAGGED, {"field_policies": {"tags": "ignore"}}, "a condition on tags"),
        (TAGGED, {"tags_merging": "merge"}, "a condition on tags"),
        (
            {"variantPrice": {"relation": "GREATER_THAN", "value": {"amount": "1.00", "currencyCode": "EUR"}}},
            {"price_percent": 10},
            "a condition on prices",
        ),
    ],
)
def test_rules_that_would_mean_something_else_become_members_with_a_note(scene, condition, choices, words):
    scene = scene(**choices)
    for place in (scene.source, scene.destination):
        place.shop.products[place.variants[1].product_id].tags = ["summer"]
    for variant in scene.source.variants:
        variant.price = 0
    scene.source.variants[1].price = 900
    if "variantPrice" in condition:
        condition["variantPrice"]["value"]["currencyCode"] = scene.source.shop.currency
    gid = scene.add_automated("Summer", condition)
    scene.carry(gid)
    assert scene.members("summer") == [1]
    assert words in scene.link(gid).reason
    assert scene.collection("summer").sources[0].conditions == ()


def test_a_condition_that_nobody_knows_becomes_members(scene):
    scene = scene()
    gid = scene.add_automated("Summer", TAGGED)
    source = scene.source.shop.catalog.collections[gids.number(gid)].sources[0]
    source.conditions.append(
        Condition(scene.source.shop.next_id(), "metafieldBoolean", {"definitionId": "", "value": True})
    )
    resource = comparison.CollectionResource(scene.connection, open_client)
    record = wire.CollectionRecord(
        gid,
        "Summer",
        "summer",
        scene.world.sim.clock.now(),
        sources=(wire.SourceRecord("", wire.CONDITIONS, conditions=(wire.ConditionRecord("", {}),)),),
    )
    assert "cannot be copied" in resource.wanted(record)["contents"]["note"]


def test_an_automated_collection_of_the_destination_becomes_what_the_source_has(scene):
    scene = scene()
    client = open_client(scene.destination.store)
    rule = {"source": {"title": "R", "inclusion": {"matchType": "ALL", "conditions": [TAGGED]}}}
    comparison.collections.collection_writes.create_collection(client, {"title": "Favourites", "sources": [rule]})
    gid = scene.add_collection("Favourites", 0, 1)
    assert scene.carry(gid) == "1 updated"
    assert sorted(scene.members("favourites")) == [0, 1]
    assert scene.collection("favourites").sources[0].conditions == ()
