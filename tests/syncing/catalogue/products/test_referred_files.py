"""Files that metafields refer to: copied once into a destination, and carried once the copy is ready."""

import json

import pytest
from django.db.models.functions import Now

from stores.models import CatalogueSettings, Connection, FileLink, StoreTrouble
from stores.shopify import gids
from syncing.catalogue import referred_files
from syncing.models import SyncJob
from tests.simulator.events.catalogue import files, metafields
from tests.simulator.events.catalogue.metafields import Wanted
from tests.simulator.state.catalogue import GenericFile
from tests.support.catalogue.scene import Scene
from tests.support.catalogue.showroom import Showroom


def manual(room: Showroom, name: str = "manual.pdf") -> str:
    """A file of the source that is no image."""
    shop, at = room.source.shop, room.sim.clock.whole_seconds()
    file = GenericFile(shop.next_id(), name, at, at, "How to", ready_at=at, content=b"%PDF-1.4")
    files.keep(shop, file)
    return gids.gid("GenericFile", file.id)


def picture(room: Showroom, name: str = "front.png") -> str:
    return gids.gid("MediaImage", files.drawn_file(room.source.shop, name, room.sim.clock.whole_seconds()).id)


def put(room: Showroom, kind: str, gid: str, value: str, type_: str = "file_reference", key: str = "file") -> None:
    shop, at = room.source.shop, room.sim.clock.whole_seconds()
    metafields.put(shop, (kind, gids.number(gid)), Wanted("custom", key, type_, value), at)
    if kind == "Product":
        shop.products[gids.number(gid)].updated_at = at


def settle(room: Showroom) -> None:
    """Minutes go by."""
    for _ in range(4):
        room.world.tick(60)
        room.sweep()


def value(room: Showroom, handle: str, key: str = "file") -> str | None:
    return {row.key: row.value for row in room.there(handle).metafields}.get(key)


@pytest.mark.parametrize("make", [manual, picture])
def test_a_file_is_copied_once_for_all_that_refer_to_it(showroom, make):
    room = showroom(metafield_namespaces=["custom"])
    lamp, bulb, file = room.add("Lamp"), room.add("Bulb"), make(room)
    for gid in (lamp, bulb):
        put(room, "Product", gid, file)
    room.run("first")
    assert (value(room, "lamp"), room.link(lamp).awaits) == (None, [file])
    settle(room)
    link = FileLink.objects.get()
    assert (link.source_gid, link.state) == (file, "ready")
    assert value(room, "lamp") == value(room, "bulb") == link.destination_gid
    copy = room.destination.shop.catalog.files[gids.number(link.destination_gid)]
    assert (copy.alt, copy.problem, bool(copy.content)) == ("How to" if make is manual else "", None, True)
    assert (room.destination.count("fileCreate"), room.link(lamp).reason) == (1, "")
    room.sim.reset_counters()
    room.sweep()
    assert room.run().counts == {"equal": 2}
    assert (room.writes, room.destination.count("fileCreate"), room.destination.shop.counters.requests) == (0, 0, 4)


def test_a_list_gets_its_files_as_they_come_and_one_that_is_refused_is_named(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, good, gone = room.add("Lamp"), manual(room), manual(room, "gone.pdf")
    put(room, "Product", lamp, json.dumps([good, gone]), "list.file_reference", "files")
    room.carry(lamp)
    del room.source.shop.catalog.files[gids.number(gone)]
    settle(room)
    copy = FileLink.objects.get(source_gid=good)
    assert value(room, "lamp", "files") == json.dumps([copy.destination_gid])
    assert FileLink.objects.get(source_gid=gone).state == "failed"
    assert "1 of 2" in room.link(lamp).reason
    assert "It does not exist in the source any more" in room.link(lamp).reason


def test_what_shopify_refuses_to_fetch_is_named_and_costs_nothing_else(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, file = room.add("Lamp"), manual(room)
    put(room, "Product", lamp, file)
    put(room, "Product", lamp, "wash", "single_line_text_field", "care")
    room.carry(lamp)
    room.destination.shop.knobs.media_fails = True
    settle(room)
    assert (value(room, "lamp"), value(room, "lamp", "care")) == (None, "wash")
    assert "its file cannot be copied" in room.link(lamp).reason
    assert room.link(lamp).state == "linked"
    room.sim.reset_counters()
    settle(room)
    assert (room.writes, room.destination.count("fileCreate")) == (0, 0)


def test_a_preview_copies_nothing(showroom):
    room = showroom(metafield_namespaces=["custom"])
    put(room, "Product", room.add("Lamp"), manual(room))
    room.run("all", is_preview=True)
    assert not FileLink.objects.exists()


def test_files_of_collections_follow_as_well(showroom):
    room = showroom(metafield_namespaces=["custom"], collection_mode="create_update", syncs_content_metafields=True)
    scene = Scene(room.world)
    gid, file = scene.add_collection("All"), manual(room)
    put(room, "Collection", gid, file)
    scene.compare()
    settle(room)
    there = ("Collection", gids.number(scene.link(gid).destination_gid))
    found = room.destination.shop.metafields[there]["custom", "file"].value
    assert found == FileLink.objects.get(state="ready").destination_gid


def test_nothing_is_copied_while_the_connection_is_paused_and_all_of_it_afterwards(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, file = room.add("Lamp"), manual(room)
    put(room, "Product", lamp, file)
    room.carry(lamp)
    Connection.objects.update(is_paused=True)
    room.sim.reset_counters()
    settle(room)
    assert (room.requests, FileLink.objects.get().state) == (0, "wanted")
    assert not SyncJob.objects.filter(kind="follow_files").exists()
    Connection.objects.update(is_paused=False)
    settle(room)
    assert value(room, "lamp") == FileLink.objects.get().destination_gid != ""


def test_a_source_that_cannot_be_asked_keeps_the_files_of_no_other_one_waiting(showroom):
    room = showroom(metafield_namespaces=["custom"])
    world = room.world
    second = world.add_store("second", "source")
    connection = world.connect(second, world.places[1], "one_way")
    CatalogueSettings.objects.create(connection=connection, product_mode="create_update").start()
    shop, at = second.shop, room.sim.clock.whole_seconds()
    theirs = gids.gid("MediaImage", files.drawn_file(shop, "theirs.png", at).id)
    gone = FileLink.objects.create(
        source=second.store, destination=world.places[1].store, source_gid=gids.gid("GenericFile", 1)
    )
    for place, file in ((room.source, picture(room)), (second, theirs)):
        FileLink.objects.create(source=place.store, destination=world.places[1].store, source_gid=file)
    room.source.fault("http", match="any", status=503, count=None)
    settle(room)
    assert FileLink.objects.get(source=room.source.store).state == "wanted"
    assert FileLink.objects.get(source_gid=theirs).state == "ready"
    gone.refresh_from_db()
    assert (gone.state, gone.reason) == ("failed", referred_files.GONE)
    room.sim.faults(room.source.shop).clear()
    StoreTrouble.objects.update(rests_until=None)
    for _ in range(2):
        SyncJob.objects.filter(state="queued").update(due_at=Now())
        settle(room)
    assert FileLink.objects.get(source=room.source.store).state == "ready"


def delete_there(room: Showroom) -> None:
    """Staff of the destination delete the copy under Content › Files; what refers to it still names it."""
    shop = room.destination.shop
    for link in FileLink.objects.filter(state="ready"):
        files.delete_file(shop, shop.catalog.files[gids.number(link.destination_gid)])


def lives(room: Showroom, gid: str | None) -> bool:
    return gid is not None and gids.number(gid) in room.destination.shop.catalog.files


def test_a_copy_that_is_deleted_there_is_made_again_and_what_refers_to_it_gets_the_new_one(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, file = room.add("Lamp"), manual(room)
    put(room, "Product", lamp, file)
    room.run("first")
    settle(room)
    delete_there(room)
    room.run()
    settle(room)
    assert lives(room, value(room, "lamp"))
    assert (room.link(lamp).reason, room.destination.count("fileCreate")) == ("", 2)
    room.sim.reset_counters()
    assert room.run().counts == {"equal": 1}
    settle(room)
    assert (room.writes, room.destination.count("fileCreate")) == (0, 0)


def test_the_same_where_a_collection_refers_to_it_and_a_preview_only_looks(showroom):
    room = showroom(metafield_namespaces=["custom"], collection_mode="create_update", syncs_content_metafields=True)
    scene = Scene(room.world)
    gid, file = scene.add_collection("All"), manual(room)
    put(room, "Collection", gid, file)
    scene.compare()
    settle(room)
    delete_there(room)
    scene.run(is_preview=True)
    assert FileLink.objects.get().state == "ready"
    scene.compare()
    settle(room)
    there = ("Collection", gids.number(scene.link(gid).destination_gid))
    assert lives(room, room.destination.shop.metafields[there]["custom", "file"].value)
    assert scene.link(gid).reason == ""


def test_hundreds_of_copies_are_looked_for_in_few_calls(showroom):
    room = showroom(metafield_namespaces=["custom"])
    lamp, file = room.add("Lamp"), manual(room)
    put(room, "Product", lamp, file)
    room.run("first")
    settle(room)
    names = {"source": room.source.store, "destination": room.destination.store, "state": "ready"}
    living = FileLink.objects.get().destination_gid
    FileLink.objects.bulk_create(
        FileLink(**names, source_gid=gids.gid("GenericFile", 10**6 + number), destination_gid=living)
        for number in range(501)
    )
    room.sim.reset_counters()
    room.run()
    assert room.destination.shop.counters.requests == 3 + 3  # 502 of them
    assert not FileLink.objects.exclude(state="ready").exists()
