"""Metafields of products: what the destination cannot take costs neither its neighbours nor its product."""

import json

import pytest

from stores.shopify import gids
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.metafields import Wanted
from tests.support.catalogue.scene import Scene
from tests.support.catalogue.showroom import Showroom

TEXT = "single_line_text_field"


def put(room: Showroom, gid: str, key: str, kind: str, value: str, place=None, namespace: str = "custom") -> None:
    """A metafield as it came to be in a store, whatever its API says today."""
    shop = (place or room.source).shop
    owner = ("Product", gids.number(gid))
    metafields.put(shop, owner, Wanted(namespace, key, kind, value), room.sim.clock.whole_seconds())
    shop.products[owner[1]].updated_at = room.sim.clock.whole_seconds()


def values(room: Showroom, handle: str) -> dict[str, str]:
    return {row.key: row.value for row in room.there(handle).metafields}


def define(room: Showroom, kind: str, **validations: str):
    shop, at = room.destination.shop, room.sim.clock.whole_seconds()
    return metafields.define(shop, at, "Product", "custom", "bad", kind, validations=validations)


def take_id(room: Showroom) -> None:
    """The destination has a unique value already: only Shopify's answer tells."""
    define(room, "id")
    other = room.add("Other", room.destination)
    put(room, other, "bad", "id", "X1", room.destination)


BAD = {
    "another type": ((TEXT, "5"), lambda room: define(room, "number_integer")),
    "other choices": ((TEXT, "red"), lambda room: define(room, TEXT, choices='["blue"]')),
    "too much": (("number_integer", "9"), lambda room: define(room, "number_integer", max="5")),
    "too large": (("json", json.dumps({"a": "x" * 140_000})), lambda room: None),
    "another currency": (("money", '{"amount": "5.00", "currency_code": "XTS"}'), lambda room: None),
    "too many": (("list.number_integer", json.dumps([*range(129)])), lambda room: None),
    "taken": (("id", "X1"), take_id),
}


@pytest.mark.parametrize("is_new", [True, False], ids=["created", "updated"])
@pytest.mark.parametrize("name", BAD)
def test_one_metafield_that_cannot_be_costs_nothing_else(showroom, name, is_new):
    room = showroom(metafield_namespaces=["custom"])
    room.set(publication_gids=room.channels(), field_policies={"publishing": "sync"})
    (kind, value), prepare = BAD[name]
    gid = room.add("Lamp")
    if not is_new:
        room.carry(gid)
    prepare(room)
    put(room, gid, "care", TEXT, "wash")
    put(room, gid, "bad", kind, value)
    put(room, gid, "size", "number_integer", "7")
    room.change(gid, title="Lamp 2024", handle="lamp")
    outcome = room.carry(gid)
    assert (outcome.outcome, room.link(gid).state) == ("done", "linked")
    assert (values(room, "lamp"), room.there("lamp").title) == ({"care": "wash", "size": "7"}, "Lamp 2024")
    assert sorted(room.there("lamp").publication_gids) == sorted(room.channels())
    assert "custom.bad" in room.link(gid).reason
    room.sim.reset_counters()
    assert room.carry(gid).action == "equal"
    assert room.writes == 0
    assert "custom.bad" in room.link(gid).reason


def test_it_is_carried_when_the_destination_takes_it(showroom):
    room = showroom(metafield_namespaces=["custom"])
    gid = room.add("Lamp")
    made = define(room, "number_integer")
    put(room, gid, "bad", TEXT, "red")
    room.run("first")
    assert values(room, "lamp") == {}
    del room.destination.shop.metafield_definitions[made.id]
    room.sim.reset_counters()
    assert room.run().counts == {"update": 1}
    assert (values(room, "lamp"), room.link(gid).reason) == ({"bad": "red"}, "")
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 1}
    assert (room.writes, room.destination.shop.counters.requests) == (0, 3)  # definitions, the list, what was written


def test_reserved_namespaces_are_never_sent(showroom):
    room = showroom(metafield_namespaces=["custom", "protected", "app--7--x"])
    gid = room.add("Lamp")
    for namespace in ("custom", "protected", "app--7--x"):
        put(room, gid, "care", TEXT, namespace, namespace=namespace)
    room.carry(gid)
    assert [row.namespace for row in room.there("lamp").metafields] == ["custom"]
    assert "protected.care (Shopify reserves its namespace)" in room.link(gid).reason
    assert "app--7--x.care (its namespace belongs to an app)" in room.link(gid).reason


def test_references_become_those_of_the_partners_also_of_what_is_linked_later(showroom):
    room = showroom(metafield_namespaces=["custom"], collection_mode="create_update", syncs_pages=True)
    scene = Scene(room.world)
    lamp, bulb = room.add("Lamp"), room.add("Bulb")
    variant = room.source.shop.products[gids.number(bulb)].variant_ids[0]
    targets = {
        "product": bulb,
        "variant": gids.gid("ProductVariant", variant),
        "collection": scene.add_collection("All"),
        "page": scene.add("page", "About"),
    }
    for kind, target in targets.items():
        put(room, lamp, kind, f"{kind}_reference", target)
    put(room, lamp, "bundle", "list.product_reference", json.dumps([bulb, lamp, "gid://shopify/Product/999999"]))
    put(room, lamp, "swatch", "metaobject_reference", "gid://shopify/Metaobject/7")
    put(room, lamp, "care", TEXT, "wash")
    room.run("first")
    assert values(room, "lamp") == {"care": "wash"}
    assert "custom.swatch (metaobjects do not follow)" in room.link(lamp).reason
    scene.compare()
    room.sweep()
    there = {"product": room.there("bulb").gid, "variant": room.there("bulb").variants[0].gid}
    there |= {"collection": scene.link(targets["collection"]).destination_gid}
    there |= {"page": scene.link(targets["page"]).destination_gid, "care": "wash"}
    there |= {"bundle": json.dumps([room.there("bulb").gid, room.there("lamp").gid])}
    assert values(room, "lamp") == there
    assert "custom.bundle (1 of 3 that it refers to have no partner" in room.link(lamp).reason
    room.sim.reset_counters()
    room.sweep()
    assert room.run().counts == {"equal": 2}
    assert (room.writes, room.destination.shop.counters.requests) == (0, 3)  # definitions, the list, what was written


def test_a_reference_leaves_with_its_metafield_and_follows_its_target(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, bulb, other = room.add("Lamp"), room.add("Bulb"), room.add("Other")
    for gid in (bulb, other, lamp):
        room.carry(gid)
    put(room, lamp, "related", "product_reference", bulb)
    room.carry(lamp)
    assert values(room, "lamp") == {"related": room.there("bulb").gid}
    put(room, lamp, "related", "product_reference", other)
    room.carry(lamp)
    assert values(room, "lamp") == {"related": room.there("other").gid}
    del room.source.shop.metafields["Product", gids.number(lamp)]
    room.carry(lamp)
    assert values(room, "lamp") == {}


def definitions(room: Showroom, place) -> dict[str, tuple[str, dict[str, str]]]:
    rows = place.shop.metafield_definitions.values()
    return {f"{row.namespace}.{row.key}": (row.type, row.validations) for row in rows if row.kind == "Product"}


def test_definitions_are_made_first_where_they_are_missing_and_never_changed(showroom):
    room = showroom(metafield_namespaces=["custom"])
    at = room.sim.clock.whole_seconds()
    for key, most in (("size", "9"), ("depth", "8")):
        metafields.define(room.source.shop, at, "Product", "custom", key, "number_integer", validations={"max": most})
    own = metafields.define(room.destination.shop, at, "Product", "custom", "depth", "number_integer")
    first, second = room.add("Lamp"), room.add("Bulb")
    room.carry(second)
    for gid in (first, second):
        put(room, gid, "size", "number_integer", "5")
        put(room, gid, "depth", "number_integer", "5")
        put(room, gid, "free", TEXT, "undefined")
    room.run("first")
    assert definitions(room, room.destination) == {
        "custom.size": ("number_integer", {"max": "9"}),
        "custom.depth": ("number_integer", {}),
    }
    assert own.validations == {}
    assert values(room, "lamp") == values(room, "bulb") == {"size": "5", "depth": "5", "free": "undefined"}
    assert room.destination.count("metafieldDefinitionCreate") == 1
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 2}
    assert (room.writes, room.destination.shop.counters.requests) == (0, 3)  # definitions, the list, what was written


def test_a_definition_that_is_refused_costs_no_value(showroom):
    room = showroom(metafield_namespaces=["custom"])
    metafields.define(room.source.shop, room.sim.clock.whole_seconds(), "Product", "custom", "size", "number_integer")
    gid = room.add("Lamp")
    put(room, gid, "size", "number_integer", "5")
    room.destination.fault("refused_field", match="metafieldDefinitionCreate", code="INVALID_DEFINITION")
    room.carry(gid)
    assert values(room, "lamp") == {"size": "5"}
    assert "does not take the definition of custom.size" in room.link(gid).reason


def test_what_is_set_at_creation_only_waits_for_no_partner(showroom):
    room = showroom(metafield_namespaces=["custom"])
    room.set(field_policies={"metafields": "create_only"})
    lamp, bulb = room.add("Lamp"), room.add("Bulb")
    put(room, lamp, "related", "product_reference", bulb)
    room.carry(lamp)
    assert room.link(lamp).awaits == [bulb]
    room.carry(bulb)
    room.sweep()
    room.sim.reset_counters()
    room.sweep()
    assert (room.link(lamp).awaits, room.requests) == ([], 0)
