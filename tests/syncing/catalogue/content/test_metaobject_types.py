"""Types of metaobjects that refer to each other, two sources of one, previews, and the end of a connection."""

import json

from stores.clients import open_client
from stores.models import CatalogueSettings, ResourceLink
from stores.shopify import gids
from syncing.catalogue.content import comparison
from syncing.models import CatalogueRun
from tests.simulator.metaobjects import merchant
from tests.simulator.metaobjects.state import FieldDefinition, definition_of
from tests.support.catalogue.scene import Scene
from tests.support.catalogue.showroom import Showroom
from tests.syncing.catalogue.content.test_metaobjects import (
    SYNCED,
    change,
    define,
    entry,
    gid_of,
    link_of,
    refer,
    settle,
    start,
    there,
    writes,
)
from tests.syncing.catalogue.products.test_referred_files import value

ONE, SEVERAL = "metaobject_definition_id", "metaobject_definition_ids"


def test_types_that_refer_to_each_other_are_made_whole(showroom):
    room = start(showroom)
    alpha, beta = (gids.gid("MetaobjectDefinition", define(room, name).id) for name in ("alpha", "beta"))
    any_of = FieldDefinition("any", "list.mixed_reference", validations={SEVERAL: json.dumps([alpha, beta])})
    for type_, other in (("alpha", beta), ("beta", alpha)):
        field = FieldDefinition("other", "metaobject_reference", validations={ONE: other})
        merchant.add_field(room.source.shop, type_, field)
    merchant.add_field(room.source.shop, "beta", any_of)
    one = entry(room, "one", "alpha")
    two = entry(room, "two", "beta", other=one, any=json.dumps([one]))
    change(room, one, other=two)
    lamp = room.add("Lamp")
    refer(room, lamp, one)
    room.run("first")
    settle(room)
    settle(room)
    made = room.destination.shop.catalog
    ids = {type_: gids.gid("MetaobjectDefinition", definition_of(made, type_).id) for type_ in ("alpha", "beta")}
    assert definition_of(made, "alpha").field("other").validations == {ONE: ids["beta"]}
    assert definition_of(made, "beta").field("other").validations == {ONE: ids["alpha"]}
    assert json.loads(definition_of(made, "beta").field("any").validations[SEVERAL]) == [ids["alpha"], ids["beta"]]
    assert there(room, "two", "beta").values["any"] == json.dumps([gid_of(there(room, "one", "alpha"))])
    assert there(room, "one", "alpha").values["other"] == gid_of(there(room, "two", "beta"))


def test_two_sources_never_take_turns_with_one(showroom):
    room = start(showroom)
    world = room.world
    define(room)
    lamp = room.add("Lamp")
    refer(room, lamp, entry(room, "ann"))
    room.run("first")
    settle(room)
    second = world.add_store("second", "source", items=0)
    connection = world.connect(second, world.places[1], "one_way")
    CatalogueSettings.objects.create(connection=connection, product_mode="create_update", **SYNCED).start()
    other = Showroom(world)
    other.source, other.number = second, 1
    define(other)
    bowl = other.add("Bowl")
    theirs = entry(other, "ann", name="Other Ann")
    refer(other, bowl, theirs)
    other.run("first")
    settle(other)
    assert there(room, "ann").values["name"] == "Ann"
    assert value(room, "lamp", "maker") == gid_of(there(room, "ann"))
    assert link_of(theirs).state == "conflict"
    assert "custom.maker (its metaobject is not synced: " in other.link(bowl).reason
    room.sim.reset_counters()
    for view in (room, other):
        comparison.compare_content(view.connection, open_client)
    assert writes(room) == 0


def test_a_preview_writes_nothing_and_what_a_connection_let_go_of_is_taken_up_again(showroom):
    room = start(showroom)
    define(room, publishable=True)
    lamp, ann = room.add("Lamp"), entry(room, "ann")
    refer(room, lamp, ann)
    room.run("first")
    scene = Scene(room.world)
    scene.run(is_preview=True)
    assert not room.destination.shop.catalog.metaobject_definitions
    assert not ResourceLink.objects.exists()
    settle(room)
    change(room, ann, name="New")
    assert scene.run(is_preview=True).counts["update"] == 1
    assert there(room, "ann").values["name"] == "Ann"
    run = CatalogueRun.objects.create(connection=room.connection, kind="unlink", state="running")
    assert comparison.let_go_of_all(run, open_client)
    assert run.items.get().action == "unpublish"
    assert (there(room, "ann").status, link_of(ann).state) == ("DRAFT", "unlinked")
    scene.compare()
    assert (there(room, "ann").status, link_of(ann).state) == ("ACTIVE", "linked")
    assert there(room, "ann").values["name"] == "New"
