"""Metafields of variants: read and compared with them, written once they are there; a refused one costs no other."""

import json

import pytest

from stores.shopify import gids
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.metafields import Wanted
from tests.support.catalogue.showroom import Showroom

TEXT = "single_line_text_field"


def variants(room: Showroom, gid: str, place=None) -> list[int]:
    return (place or room.source).shop.products[gids.number(gid)].variant_ids


def put(room: Showroom, number: int, key: str, kind: str, value: str, place=None, namespace: str = "custom") -> None:
    """A metafield of a variant as it came to be, whatever the API says today."""
    shop, at = (place or room.source).shop, room.sim.clock.whole_seconds()
    metafields.put(shop, ("ProductVariant", number), Wanted(namespace, key, kind, value), at)
    shop.products[shop.variants[number].product_id].updated_at = at


def values(room: Showroom, handle: str) -> dict[str, dict[str, str]]:
    """Title -> key -> value of the variants there."""
    return {v.title: {row.key: row.value for row in v.metafields} for v in room.there(handle).variants}


def writes(room: Showroom) -> int:
    return room.writes + room.destination.count("metafieldsSet", "metafieldsDelete", "metafieldDefinitionCreate")


@pytest.mark.parametrize("is_new", [True, False], ids=["created", "updated"])
@pytest.mark.parametrize("policy", ["sync", "create_only", "ignore"])
def test_they_follow_as_the_policy_says(showroom, is_new, policy):
    room = showroom(metafield_namespaces=["custom"])
    room.set(field_policies={"variant_metafields": policy})
    gid = room.sizes("Lamp", "S", "M")
    small, medium = variants(room, gid)
    if not is_new:
        room.carry(gid)
    put(room, small, "care", TEXT, "wash")
    put(room, small, "size", "number_integer", "7")
    put(room, medium, "care", TEXT, "dry")
    put(room, medium, "own", TEXT, "no", namespace="other")
    room.carry(gid)
    is_set = policy == "sync" or (is_new and policy == "create_only")
    wanted = {"S": {"care": "wash", "size": "7"}, "M": {"care": "dry"}} if is_set else {"S": {}, "M": {}}
    assert values(room, "lamp") == wanted
    room.sim.reset_counters()
    assert room.carry(gid).action == "equal"
    assert (writes(room), room.destination.shop.counters.requests) == (0, int(policy != "ignore"))
    room.sim.reset_counters()
    put(room, small, "care", TEXT, "iron")
    room.carry(gid)
    assert values(room, "lamp")["S"].get("care") == {"sync": "iron"}.get(policy, wanted["S"].get("care"))
    assert room.destination.count("metafieldsSet") == int(policy == "sync")


def test_they_leave_with_the_source_and_the_destinations_own_stay(showroom):
    room = showroom(metafield_namespaces=["custom"])
    gid = room.sizes("Lamp", "S", "M")
    small, medium = variants(room, gid)
    put(room, small, "care", TEXT, "wash")
    put(room, medium, "care", TEXT, "dry")
    room.carry(gid)
    there = variants(room, room.link(gid).destination_gid, room.destination)
    put(room, there[0], "own", TEXT, "mine", room.destination)
    del room.source.shop.metafields["ProductVariant", small]
    room.carry(gid)
    assert values(room, "lamp") == {"S": {"own": "mine"}, "M": {"care": "dry"}}
    assert room.destination.count("metafieldsDelete") == 1
    room.sim.reset_counters()
    assert room.carry(gid).action == "equal"
    assert writes(room) == 0


def test_a_variant_that_is_added_later_brings_its_own(showroom):
    room = showroom(metafield_namespaces=["custom"])
    room.set(field_policies={"variant_metafields": "create_only"})
    gid = room.sizes("Lamp", "S")
    put(room, variants(room, gid)[0], "care", TEXT, "wash")
    room.carry(gid)
    sizes = [{"name": "S"}, {"name": "M"}]
    rows = [
        {"optionValues": [{"optionName": "Size", "name": size}], "price": "10.00", "sku": f"Lamp-{size}"}
        for size in ("S", "M")
    ]
    room.change(gid, productOptions=[{"name": "Size", "values": sizes}], variants=rows)
    first, second = variants(room, gid)
    put(room, first, "care", TEXT, "iron")
    put(room, second, "care", TEXT, "dry")
    room.carry(gid)
    assert values(room, "lamp") == {"S": {"care": "wash"}, "M": {"care": "dry"}}


@pytest.mark.parametrize("is_new", [True, False], ids=["created", "updated"])
def test_one_that_is_refused_costs_no_other_and_is_named(showroom, is_new):
    room = showroom(metafield_namespaces=["custom"])
    gid = room.sizes("Lamp", "S", "M")
    small, medium = variants(room, gid)
    if not is_new:
        room.carry(gid)
    at = room.sim.clock.whole_seconds()
    metafields.define(room.destination.shop, at, "ProductVariant", "custom", "bad", "number_integer")
    metafields.define(room.destination.shop, at, "ProductVariant", "custom", "taken", "id")
    other = variants(room, room.add("Other", room.destination), room.destination)[0]
    put(room, other, "taken", "id", "X1", room.destination)  # only Shopify's answer tells
    for key, kind, value in (("bad", TEXT, "red"), ("taken", "id", "X1"), ("care", TEXT, "wash")):
        put(room, small, key, kind, value)
    put(room, medium, "care", TEXT, "dry")
    outcome = room.carry(gid)
    assert (outcome.outcome, room.link(gid).state) == ("done", "linked")
    assert values(room, "lamp") == {"S": {"care": "wash"}, "M": {"care": "dry"}}
    reason = room.link(gid).reason
    assert "S custom.bad (the destination defines it as number_integer" in reason
    assert "S custom.taken (Shopify: Value has already been taken)" in reason
    room.sim.reset_counters()
    assert room.carry(gid).action == "equal"
    assert writes(room) == 0


def test_definitions_are_made_and_many_metafields_cost_one_call_for_25(showroom):
    room = showroom(metafield_namespaces=["custom"])
    at = room.sim.clock.whole_seconds()
    metafields.define(
        room.source.shop, at, "ProductVariant", "custom", "key0", "number_integer", validations={"max": "9"}
    )
    gid = room.sizes("Lamp", "S", "M")
    for number in variants(room, gid):
        for key in range(22):  # a page of metafields of a variant holds 20
            put(room, number, f"key{key}", "number_integer", "7")
    room.carry(gid)
    assert {title: len(found) for title, found in values(room, "lamp").items()} == {"S": 22, "M": 22}
    assert room.destination.count("metafieldsSet") == 2
    [made] = room.destination.shop.metafield_definitions.values()
    assert (made.kind, made.validations) == ("ProductVariant", {"max": "9"})


def test_references_become_those_of_the_partners_also_of_what_is_linked_later(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, bulb = room.sizes("Lamp", "S", "M"), room.add("Bulb")
    small, medium = variants(room, lamp)
    put(room, small, "needs", "product_reference", bulb)
    put(room, small, "both", "list.variant_reference", json.dumps([gids.gid("ProductVariant", medium)]))
    room.carry(lamp)
    assert "S custom.needs (what it refers to has no partner" in room.link(lamp).reason
    room.carry(bulb)
    room.sweep()
    there = room.there("lamp").variants
    assert values(room, "lamp")["S"] == {"needs": room.there("bulb").gid, "both": json.dumps([there[1].gid])}
    room.sim.reset_counters()
    room.sweep()
    assert room.run().counts == {"equal": 2}
    assert writes(room) == 0


def test_an_edit_there_is_kept_where_that_is_chosen(showroom):
    room = showroom(metafield_namespaces=["custom"], edited="keep")
    gid = room.sizes("Lamp", "S")
    put(room, variants(room, gid)[0], "care", TEXT, "wash")
    room.carry(gid)
    there = variants(room, room.link(gid).destination_gid, room.destination)[0]
    put(room, there, "care", TEXT, "by hand", room.destination)
    put(room, variants(room, gid)[0], "care", TEXT, "iron")
    room.carry(gid)
    assert values(room, "lamp") == {"S": {"care": "by hand"}}
    assert "variant_metafields of S custom.care" in room.link(gid).reason
