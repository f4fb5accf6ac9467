"""Metaobjects that metafields refer to: found by type and handle or made, kept in step, let go of; one refusal one."""

import json

import pytest

from stores.models import ResourceLink
from stores.shopify import gids
from tests.simulator.events.catalogue import metafields
from tests.simulator.metaobjects import merchant
from tests.simulator.metaobjects.state import FieldDefinition, Metaobject, definition_of, find
from tests.support.catalogue.scene import Scene
from tests.support.catalogue.showroom import Showroom
from tests.syncing.catalogue.products.test_referred_files import delete_there, lives, manual, put, value

TEXT = "single_line_text_field"
WRITES = ("metaobjectCreate", "metaobjectUpdate", "metaobjectDelete", "metaobjectDefinitionCreate")
SYNCED = {"metafield_namespaces": ["custom"], "metaobject_mode": "create_update", "syncs_metaobject_types": True}


def define(room: Showroom, type_: str = "designer", *fields: FieldDefinition, place=None, publishable: bool = False):
    shop = (place or room.source).shop
    return merchant.define(shop, room.sim.clock, type_, FieldDefinition("name", TEXT), *fields, publishable=publishable)


def entry(room: Showroom, handle: str, type_: str = "designer", place=None, **values: str) -> str:
    values = {"name": handle.title()} | values
    return gids.gid("Metaobject", merchant.add((place or room.source).shop, room.sim.clock, type_, handle, **values).id)


def refer(room: Showroom, owner: str, *targets: str, key: str = "maker", kind: str = "") -> None:
    text = json.dumps(targets) if len(targets) > 1 else targets[0]
    put(room, gids.split(owner)[0], owner, text, kind or f"{'list.' * (len(targets) > 1)}metaobject_reference", key)


def there(room: Showroom, handle: str, type_: str = "designer") -> Metaobject | None:
    return find(room.destination.shop.catalog, type_, handle)


def gid_of(made: Metaobject | None) -> str:
    return gids.gid("Metaobject", made.id) if made else ""


def change(room: Showroom, gid: str, **values: str) -> None:
    room.world.tick(2)
    merchant.change(room.source.shop, room.sim.clock, gids.number(gid), **values)


def link_of(gid: str) -> ResourceLink:
    return ResourceLink.objects.get(source_gid=gid)


def settle(room: Showroom) -> None:
    """They are carried, then what refers to them."""
    for _ in range(2):
        room.world.tick(60)
        room.sweep()


def start(showroom, **settings) -> Showroom:
    return showroom(**SYNCED | settings)


def writes(room: Showroom) -> int:
    return room.writes + room.destination.count(*WRITES)


@pytest.mark.parametrize("needs_definition", [False, True])
def test_one_and_several_follow_with_their_type_and_stay_in_step(showroom, needs_definition):
    room = start(showroom)
    room.destination.shop.knobs.metaobject_fields_are_defined = needs_definition
    made = define(room, "designer", FieldDefinition("born", "number_integer", validations={"min": "1900"}))
    chosen = {"metaobject_definition_id": gids.gid("MetaobjectDefinition", made.id)}
    at = room.sim.clock.whole_seconds()
    for key, kind in (("maker", "metaobject_reference"), ("makers", "list.metaobject_reference")):
        metafields.define(room.source.shop, at, "Product", "custom", key, kind, validations=chosen)
    lamp, ann, bob = room.add("Lamp"), entry(room, "ann", born="1950"), entry(room, "bob")
    refer(room, lamp, ann)
    refer(room, lamp, bob, ann, key="makers")
    room.run("first")
    assert (value(room, "lamp", "maker"), room.link(lamp).awaits) == (None, [ann, bob])
    settle(room)
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann"))
    assert json.loads(value(room, "lamp", "makers")) == [gid_of(there(room, "bob")), gid_of(there(room, "ann"))]
    assert there(room, "ann").values == {"name": "Ann", "born": "1950"}
    assert [row.validations for row in definition_of(room.destination.shop.catalog, "designer").fields][1] == {
        "min": "1900"
    }
    assert room.link(lamp).reason == ""
    change(room, ann, name="Ann Lee", handle="ann-lee")
    room.world.tick(601)
    settle(room)
    assert there(room, "ann") is None
    assert there(room, "ann-lee").values["name"] == "Ann Lee"
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann-lee"))
    room.sim.reset_counters()
    settle(room)
    Scene(room.world).compare()
    assert room.run().counts == {"equal": 1}
    assert writes(room) == 0


def test_what_is_there_is_taken_by_type_and_handle_and_the_same_handle_of_another_type_is_not(showroom):
    room = start(showroom)
    for type_ in ("designer", "maker"):
        for place in (room.source, room.destination):
            define(room, type_, place=place)
    own = entry(room, "ann", place=room.destination, name="Their Ann")
    lamp, ann, maker = room.add("Lamp"), entry(room, "ann"), entry(room, "ann", "maker", name="Maker")
    refer(room, lamp, ann)
    refer(room, lamp, maker, key="producer")
    room.run("first")
    settle(room)
    assert value(room, "lamp", "maker") == own
    assert there(room, "ann").values == {"name": "Ann"}
    assert value(room, "lamp", "producer") == gid_of(there(room, "ann", "maker")) != own
    assert len(room.destination.shop.catalog.metaobjects) == 2


def test_they_refer_to_products_files_and_each_other_also_in_a_circle(showroom):
    room = start(showroom)
    made = define(room)
    chosen = {"metaobject_definition_id": gids.gid("MetaobjectDefinition", made.id)}
    merchant.add_field(
        room.source.shop, "designer", FieldDefinition("peer", "metaobject_reference", validations=chosen)
    )
    merchant.add_field(room.source.shop, "designer", FieldDefinition("best", "product_reference"))
    merchant.add_field(room.source.shop, "designer", FieldDefinition("photo", "file_reference"))
    lamp, bulb, file = room.add("Lamp"), room.add("Bulb"), manual(room)
    ann = entry(room, "ann", best=bulb, photo=file)
    bob = entry(room, "bob", peer=ann)
    change(room, ann, peer=bob)
    refer(room, lamp, ann)
    room.run("first")
    settle(room)
    settle(room)
    assert there(room, "ann").values["peer"] == gid_of(there(room, "bob"))
    assert there(room, "bob").values["peer"] == gid_of(there(room, "ann")) == value(room, "lamp", "maker")
    assert there(room, "ann").values["best"] == room.there("bulb").gid
    assert there(room, "ann").values["photo"].startswith("gid://shopify/GenericFile/")
    assert (link_of(ann).depth, link_of(bob).depth, link_of(ann).reason) == (1, 2, "")
    room.sim.reset_counters()
    settle(room)
    assert writes(room) == 0


def test_what_is_more_than_three_references_away_is_left_out(showroom):
    room = start(showroom)
    made = define(room)
    chosen = {"metaobject_definition_id": gids.gid("MetaobjectDefinition", made.id)}
    merchant.add_field(
        room.source.shop, "designer", FieldDefinition("peer", "metaobject_reference", validations=chosen)
    )
    last = entry(room, "e4")
    for handle in ("e3", "e2", "e1"):
        last = entry(room, handle, peer=last)
    lamp = room.add("Lamp")
    refer(room, lamp, last)
    room.run("first")
    settle(room)
    assert [bool(there(room, handle)) for handle in ("e1", "e2", "e3", "e4")] == [True, True, True, False]
    assert "field.peer" in ResourceLink.objects.get(handle="e3").reason
    assert room.destination.count("metaobjectUpdate") == 0  # the deepest first: nothing is written twice


def test_one_refused_field_costs_no_other_and_one_refused_entry_costs_nothing_else(showroom):
    room = start(showroom, syncs_metaobject_types=False)
    define(room, "designer", FieldDefinition("code", "id"))
    define(room, "designer", FieldDefinition("code", "number_integer"), place=room.destination)
    define(room, "secret")
    lamp, ann, code = room.add("Lamp"), entry(room, "ann", code="X1"), entry(room, "x", "secret")
    refer(room, lamp, ann)
    bulb = room.add("Bulb")
    refer(room, lamp, code, key="code")
    refer(room, bulb, code, key="code")
    put(room, "Product", lamp, "wash", TEXT, "care")
    room.run("first")
    settle(room)
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann"))
    assert there(room, "ann").values == {"name": "Ann"}
    assert "field.code (the destination defines it as number_integer" in link_of(ann).reason
    assert (value(room, "lamp", "code"), value(room, "lamp", "care")) == (None, "wash")
    assert "does not define the type secret" in link_of(code).reason
    for gid in (lamp, bulb):
        assert "custom.code (its metaobject is not synced: The destination does not define" in room.link(gid).reason
    room.sim.reset_counters()
    settle(room)
    assert writes(room) == 0
    assert room.link(lamp).state == "linked"


def test_what_only_shopify_knows_is_named_too(showroom):
    room = start(showroom, syncs_metaobject_types=False)
    define(room, "designer", FieldDefinition("site", "url"), FieldDefinition("hue", "color"))
    define(room, "designer", FieldDefinition("site", "url"), FieldDefinition("hue", "color"), place=room.destination)
    lamp, ann = room.add("Lamp"), entry(room, "ann", site="nowhere", hue="#ff0000")
    refer(room, lamp, ann)
    room.run("first")
    settle(room)
    assert there(room, "ann").values == {"name": "Ann", "hue": "#ff0000"}
    assert "field.site (Shopify: " in link_of(ann).reason
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann"))


def test_off_they_are_named_and_once_on_they_follow_without_a_change_of_the_product(showroom):
    room = start(showroom, metaobject_mode="off")
    define(room)
    lamp, ann = room.add("Lamp"), entry(room, "ann")
    refer(room, lamp, ann)
    room.run("first")
    settle(room)
    assert there(room, "ann") is None
    assert "custom.maker (metaobjects do not follow)" in room.link(lamp).reason
    room.set(metaobject_mode="create_update")
    settle(room)
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann")) != ""


def test_one_that_is_deleted_is_let_go_of_and_one_made_again_keeps_its_partner(showroom):
    room = start(showroom, unlink="delete")
    define(room)
    lamp, ann, bob = room.add("Lamp"), entry(room, "ann"), entry(room, "bob")
    refer(room, lamp, ann)
    refer(room, lamp, bob, key="second")
    room.run("first")
    settle(room)
    partner = gid_of(there(room, "ann"))
    merchant.remove(room.source.shop, gids.number(ann))
    merchant.remove(room.source.shop, gids.number(bob))
    again = entry(room, "ann", name="Ann the second")
    refer(room, lamp, again)
    room.carry(lamp)
    settle(room)
    assert value(room, "lamp", "maker") == partner == gid_of(there(room, "ann"))
    assert there(room, "ann").values["name"] == "Ann the second"
    Scene(room.world).compare()
    assert there(room, "bob") is None
    assert (link_of(bob).state, there(room, "ann").values["name"]) == ("unlinked", "Ann the second")
    assert not ResourceLink.objects.filter(source_gid=ann).exists()


def test_hidden_entries_are_hidden_there_and_those_let_go_of_as_well(showroom):
    room = start(showroom)
    define(room, publishable=True)
    lamp, ann = room.add("Lamp"), entry(room, "ann")
    refer(room, lamp, ann)
    room.run("first")
    settle(room)
    assert there(room, "ann").status == "ACTIVE"
    change(room, ann, status="DRAFT")
    room.world.tick(601)
    settle(room)
    assert there(room, "ann").status == "DRAFT"
    change(room, ann, status="ACTIVE")
    Scene(room.world).compare()
    merchant.remove(room.source.shop, gids.number(ann))
    Scene(room.world).compare()
    assert (there(room, "ann").status, link_of(ann).reason) == ("DRAFT", "It was deleted in the source. It was hidden.")


@pytest.mark.parametrize(("mode", "made"), [("update_only", False), ("create_only", True)])
def test_the_modes_count_as_for_everything_else(showroom, mode, made):
    room = start(showroom, metaobject_mode=mode)
    for place in (room.source, room.destination):
        define(room, place=place)
    entry(room, "bob", place=room.destination, name="Their Bob")
    lamp, ann, bob = room.add("Lamp"), entry(room, "ann"), entry(room, "bob")
    refer(room, lamp, ann, bob, key="makers")
    room.run("first")
    settle(room)
    assert bool(there(room, "ann")) == made
    assert there(room, "bob").values["name"] == ("Their Bob" if mode == "create_only" else "Bob")


def test_what_was_edited_there_is_kept_where_that_is_chosen(showroom):
    room = start(showroom, edited="keep")
    define(room)
    lamp, ann = room.add("Lamp"), entry(room, "ann")
    refer(room, lamp, ann)
    room.run("first")
    settle(room)
    merchant.change(room.destination.shop, room.sim.clock, there(room, "ann").id, name="Edited")
    Scene(room.world).compare()
    assert there(room, "ann").values["name"] == "Edited"
    assert "Edited in the destination, and kept: field.name" in link_of(ann).reason
    room.set(edited="overwrite")
    Scene(room.world).compare()
    assert there(room, "ann").values["name"] == "Ann"


def test_standard_types_are_enabled_and_those_of_apps_are_left_out(showroom):
    room = start(showroom)
    colours, private = "shopify--color-pattern", "app--77--note"
    merchant.define(room.source.shop, room.sim.clock, colours, FieldDefinition("label", TEXT))
    define(room, private)
    lamp = room.add("Lamp")
    red, note = entry(room, "red", colours, label="Red"), entry(room, "n", private)
    room.source.shop.catalog.metaobjects[gids.number(red)].values.pop("name")
    refer(room, lamp, red, key="colour")
    refer(room, lamp, note, key="note")
    room.run("first")
    settle(room)
    assert value(room, "lamp", "colour") == gid_of(there(room, "red", colours)) != ""
    assert "belongs to an app" in link_of(note).reason


def test_collections_variants_and_pages_refer_to_them_as_well(showroom):
    room = start(
        showroom,
        collection_mode="create_update",
        syncs_pages=True,
        syncs_content_metafields=True,
        field_policies={"variant_metafields": "sync"},
    )
    define(room)
    scene, lamp, ann = Scene(room.world), room.add("Lamp"), entry(room, "ann")
    variant = gids.gid("ProductVariant", room.source.shop.products[gids.number(lamp)].variant_ids[0])
    owners = {"Collection": scene.add_collection("All"), "Page": scene.add("page", "About"), "ProductVariant": variant}
    for owner in owners.values():
        refer(room, owner, ann)
    room.run("first")
    scene.compare()
    settle(room)
    settle(room)
    shop, found = room.destination.shop, gid_of(there(room, "ann"))
    partners = {kind: scene.link(owners[kind]).destination_gid for kind in ("Collection", "Page")}
    partners["ProductVariant"] = room.there("lamp").variants[0].gid
    for kind, gid in partners.items():
        assert shop.metafields[kind, gids.number(gid)]["custom", "maker"].value == found != ""


def test_a_worker_that_dies_makes_none_twice(showroom):
    room = start(showroom)
    define(room)
    lamp, ann = room.add("Lamp"), entry(room, "ann")
    refer(room, lamp, ann)
    room.run("first")
    room.destination.fault("lost_answer", match="metaobjectCreate")
    settle(room)
    settle(room)
    assert len(room.destination.shop.catalog.metaobjects) == 1
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann"))


def test_a_file_that_is_deleted_there_is_copied_again_for_the_metaobject_that_refers_to_it(showroom):
    room = start(showroom)
    define(room)
    merchant.add_field(room.source.shop, "designer", FieldDefinition("photo", "file_reference"))
    lamp, ann = room.add("Lamp"), entry(room, "ann", photo=manual(room))
    refer(room, lamp, ann)
    room.run("first")
    settle(room)
    settle(room)
    first = there(room, "ann").values["photo"]
    delete_there(room)
    Scene(room.world).compare()
    settle(room)
    settle(room)
    assert there(room, "ann").values["photo"] != first
    assert lives(room, there(room, "ann").values["photo"])
