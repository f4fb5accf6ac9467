"""What no longer follows: the four choices, the guard over single webhooks, and what comes back."""

import pytest

from stores.models import ProductLink, Store
from stores.shopify.errors import AnswerLost
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun, StockLink
from tests.support.catalogue.showroom import Showroom


def follow_one(room: Showroom, **fields) -> str:
    room.set(publication_gids=room.channels())
    gid = room.add("Lamp", stock=4, **fields)
    room.world.follow()
    return gid


@pytest.mark.parametrize(
    ("choice", "status", "is_there", "channels", "done"),
    [
        ("unpublish", "ACTIVE", True, 0, "unpublished"),
        ("delete", "ACTIVE", False, 0, "deleted"),
        ("nothing", "ACTIVE", True, 2, "left"),
        ("if_ordered", "ACTIVE", True, 0, "undecided"),
    ],
)
def test_a_deleted_product_is_treated_as_chosen(showroom, choice, status, is_there, channels, done):
    room = showroom(unlink=choice)
    gid = follow_one(room, status=status)
    assert len(room.there("lamp").publication_gids) == len(room.channels())
    room.delete(gid)
    room.world.follow()
    there = room.there("lamp")
    assert bool(there) is is_there
    if there:
        assert len(there.publication_gids) == (len(room.channels()) if channels else 0)
    link = room.link(gid)
    assert (link.state, link.departure, link.unlink_done) == ("unlinked", "deleted", done)


def test_what_was_there_before_us_is_never_removed_where_nothing_may_be_touched(showroom):
    room = showroom(identifier="handle", product_mode="create_only", unlink="delete")
    room.add("Own", room.destination, handle="lamp")
    gid = room.add("Lamp", handle="lamp")
    room.world.follow()
    room.delete(gid)
    room.world.follow()
    assert room.handles() == ["lamp"]
    assert room.link(gid).unlink_done == "left"


def test_a_product_that_comes_back_is_the_same_again_where_it_was(showroom):
    room = showroom(selected_tags=["keep"])
    gid = follow_one(room, tags=["Keep"])
    own, channels = room.link(gid).destination_gid, sorted(room.there("lamp").publication_gids)
    room.set(publication_gids=[])
    room.change(gid, tags=["other"])
    room.world.follow()
    assert (room.link(gid).departure, room.there("lamp").publication_gids) == ("not_selected", ())
    room.change(gid, tags=["keep"], title="Better lamp")
    room.world.follow()
    there = room.there("lamp")
    assert (there.gid, there.title, sorted(there.publication_gids)) == (own, "Better lamp", channels)
    assert room.link(gid).state == "linked"
    assert room.handles() == ["lamp"]


def test_what_is_not_shared_is_not_kept_in_stock_either(showroom):
    room = showroom(selected_tags=["keep"])
    gid = follow_one(room, tags=["keep"])
    assert StockLink.objects.count() == 1
    room.change(gid, tags=[])
    room.world.follow()
    assert [link.ending for link in StockLink.objects.all()] == ["zero"]
    room.change(gid, tags=["keep"])
    room.world.follow()
    assert StockLink.objects.get().state == "in_step"


def test_a_source_that_shares_nothing_ends_all_of_it(showroom):
    room = showroom(guard_minimum=5)
    gid = follow_one(room)
    Store.objects.filter(pk=room.source.store.pk).update(shares_products=False)
    room.run()
    assert (room.link(gid).departure, StockLink.objects.filter(ending="").count()) == ("not_shared", 0)


def test_an_unpublishing_whose_answer_was_lost_still_knows_where_it_was(showroom):
    room = showroom()
    gid = follow_one(room)
    channels = sorted(room.there("lamp").publication_gids)
    room.delete(gid)
    room.destination.fault("lost_answer", match="publishableUnpublish")
    with pytest.raises(AnswerLost):
        room.carry(gid)
    room.carry(gid)
    link = room.link(gid)
    assert (link.state, sorted(link.unpublished_from)) == ("unlinked", channels)


def test_a_mass_deletion_that_comes_one_by_one_is_held_as_one(showroom):
    room = showroom(unlink="delete", guard_minimum=3, guard_share=20)
    gids = [room.add(f"Lamp {number}") for number in range(6)]
    room.world.follow()
    for gid in gids[:5]:
        room.delete(gid)
    room.world.follow()
    run = CatalogueRun.objects.get(state="held")
    assert (len(room.handles()), run.items.count()) == (4, 3)
    lifecycle.release(run)
    room.go_on(run)
    assert room.handles() == ["lamp-5"]
    assert ProductLink.objects.filter(state="unlinked").count() == 5


def test_a_worker_that_dies_after_it_deleted_a_product_says_that_it_was_us(showroom):
    room = showroom(unlink="delete")
    gid = follow_one(room)
    room.delete(gid)
    with room.world.worker_that_dies() as countdown:
        room.world.meanwhile("productDelete", countdown.now, after=True)
        room.world.follow()
    room.world.work()
    room.world.follow()
    link = room.link(gid)
    assert (link.unlink_done, room.handles()) == ("deleted", [])
    assert "It was deleted." in link.reason and "gone already" not in link.reason


def test_a_product_that_somebody_else_deleted_was_gone_already(showroom):
    room = showroom(unlink="delete")
    gid = follow_one(room)
    room.delete(room.link(gid).destination_gid, room.destination)
    room.delete(gid)
    for place in room.world.places:
        place.lose_webhooks()
    room.run()
    assert "gone already" in room.link(gid).reason
