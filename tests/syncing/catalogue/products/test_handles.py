"""Handles that somebody else's partner has: said truly, and the new product is made with a free one."""

import pytest

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
    assert "“lamp” is held in the destination by what follows “Lamp" in link.reason
    assert "here it is “lamp-1”" in link.reason
    writes = room.writes
    room.run()
    room.world.follow()
    assert room.writes == writes


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
