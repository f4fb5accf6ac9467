"""Handles that somebody else's partner has: said truly, and the new product is made with a free one."""

import pytest

from stores.linking import linking
from stores.models import VariantLink
from stores.models.catalogue_field import default_policies
from syncing.queue import enqueue
from tests.support.catalogue.showroom import Showroom
from tests.syncing.catalogue.products.test_made_again import make


@pytest.mark.parametrize("telling", ["at once", "backwards", "never"])
@pytest.mark.parametrize("identifier", ["sku", "handle"])
def test_a_new_product_takes_the_handle_that_another_one_had(showroom, identifier, telling):
    room: Showroom = showroom(identifier=identifier)
    first = make(room, "Lamp")
    room.world.follow()
    partner = room.link(first).destination_gid
    room.change(first, title="Lamp 2024", handle="lamp-2024")
    if telling == "at once":
        room.world.follow()
    second = room.add("Lamp", handle="lamp")
    if telling == "backwards":
        for delivery in reversed(room.sim.deliveries(room.source.domain)):
            room.sim.pump(room.source.domain, [delivery])
            room.world.work()
    if telling == "never":
        room.sim.webhooks.pending.pop(room.source.domain, None)
        room.run()
    room.world.follow()
    assert room.handles() == ["lamp", "lamp-1"]
    assert (room.there("lamp").gid, room.there("lamp").title) == (partner, "Lamp 2024")
    link = room.link(second)
    assert (link.state, link.destination_gid) == ("linked", room.there("lamp-1").gid)
    assert "“lamp” is used in the destination by what follows “Lamp" in link.reason
    assert "here it is “lamp-1”" in link.reason
    writes = room.writes
    room.run()
    room.world.follow()
    assert room.writes == writes


def follow_handles(showroom, *titles: str, **fields) -> tuple[Showroom, list[str]]:
    room = showroom(identifier="sku", field_policies=default_policies() | {"handle": "sync"}, **fields)
    gids = [make(room, title) for title in titles]
    room.world.follow()
    return room, gids


def redirects(room: Showroom) -> dict[str, str]:
    return room.destination.shop.catalog.redirects


def test_a_handle_that_follows_leaves_a_redirect(showroom):
    room, [gid] = follow_handles(showroom, "Lamp")
    partner = room.link(gid).destination_gid
    room.change(gid, handle="lamp-2024")
    room.world.follow()
    assert (room.handles(), room.there("lamp-2024").gid) == (["lamp-2024"], partner)
    assert redirects(room) == {"/products/lamp": "/products/lamp-2024"}
    second = room.add("Lamp", handle="lamp")
    room.world.follow()
    assert room.handles() == ["lamp", "lamp-2024"]
    assert room.link(second).reason == ""


@pytest.mark.parametrize("edited", ["overwrite", "keep"])
@pytest.mark.parametrize("is_heard", [True, False])
def test_handles_that_were_swapped_are_swapped_once(showroom, is_heard, edited):
    room, gids = follow_handles(showroom, "One", "Two", edited=edited)
    partners = [room.link(gid).destination_gid for gid in gids]
    for gid, handle in zip((gids[0], gids[1], gids[0]), ("spare", "one", "two"), strict=True):
        room.change(gid, handle=handle)
    if not is_heard:
        room.sim.webhooks.pending.pop(room.source.domain, None)
        room.run()
    room.world.follow()
    assert [room.there(handle).gid for handle in ("two", "one")] == partners
    writes = room.writes
    room.run()
    room.world.follow()
    assert (room.writes, room.handles()) == (writes, ["one", "two"])


def test_a_handle_that_cannot_be_had_is_said_and_not_tried_again_and_again(showroom):
    room, [gid] = follow_handles(showroom, "Lamp")
    own = room.add("Own", room.destination, handle="vase")
    room.change(gid, handle="vase", title="Vase")
    room.world.follow()
    assert (room.handles(), room.there("lamp").title) == (["lamp", "vase"], "Vase")
    assert "here it is still “lamp”" in room.link(gid).reason
    writes = room.writes
    room.run()
    assert room.writes == writes
    room.delete(own, room.destination)
    room.run()
    assert room.handles() == ["vase"]


def test_a_handle_that_is_ignored_is_made_of_the_title(showroom):
    room = showroom(identifier="sku", field_policies=default_policies() | {"handle": "ignore"})
    room.add("Own", room.destination, handle="reading-lamp")
    gid = room.add("Reading Lamp", handle="lamp-77")
    room.world.follow()
    assert room.handles() == ["reading-lamp", "reading-lamp-1"]
    room.change(gid, handle="other")
    room.world.follow()
    assert room.handles() == ["reading-lamp", "reading-lamp-1"]


def test_a_handle_of_what_nobody_follows_is_a_conflict_as_before(showroom):
    room = showroom(identifier="sku")
    room.add("Own", room.destination, handle="lamp")
    room.world.follow()
    gid = room.add("Lamp", handle="lamp")
    room.world.follow()
    assert room.link(gid).state == "conflict"
    assert "matches nothing here" in room.link(gid).reason


def test_a_creation_under_a_free_handle_whose_answer_is_lost_is_found_again(showroom):
    room = showroom(identifier="sku")
    first = make(room, "Lamp")
    room.world.follow()
    room.change(first, title="Lamp 2024", handle="lamp-2024")
    room.world.follow()
    second = room.add("Lamp", handle="lamp")
    room.destination.fault("lost_answer", match="productSet", skip=1)
    room.world.follow()
    room.world.work(tries=9)
    assert room.handles() == ["lamp", "lamp-1"]
    assert room.link(second).destination_gid == room.there("lamp-1").gid


@pytest.mark.parametrize("mode", ["create_update", "create_only"])
def test_what_the_destination_has_in_doubt_is_not_made_once_more(showroom, mode):
    room: Showroom = showroom(identifier="sku", product_mode=mode)
    for name in ("One", "Other"):
        make(room, "Lamp", place=room.destination, handle=name.lower())
    room.world.follow()
    gid = make(room, "Lamp", handle="lamp")
    room.world.follow()
    room.run()
    assert (room.link(gid).state, room.handles()) == ("conflict", ["one", "other"])
    assert "“Lamp-S” is in doubt: " in room.link(gid).reason
    for link in VariantLink.objects.filter(source_variant__product_gid=gid):
        linking.ignore(link)
    room.run()
    assert (room.link(gid).state, room.handles()) == ("linked", ["lamp", "one", "other"])


def test_what_follows_one_source_is_not_made_once_more_for_another(showroom):
    room: Showroom = showroom(identifier="sku")
    room.set(publication_gids=room.channels())
    gid = make(room, "Lamp")
    room.world.follow()
    own, other = room.link(gid).destination_gid, room.second_source()
    new = make(other, "Lamp")
    room.world.follow()
    other.run()
    assert (other.link(new).state, room.handles()) == ("conflict", ["lamp"])
    room.delete(gid)
    room.world.follow()
    enqueue.match_connection(other.connection)  # as every day
    room.world.work()
    assert (other.link(new).state, other.link(new).destination_gid) == ("linked", own)
    assert len(room.there("lamp").publication_gids) == len(room.channels())
