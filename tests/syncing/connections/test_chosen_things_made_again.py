"""What a selection names by its id is deleted and made again in the source: it is chosen still, and nothing ends."""

import pytest

from stores.models import ChosenCollection, Connection, Store
from stores.shopify import gids
from syncing.queue import enqueue
from tests.simulator.events.catalogue import hands
from tests.support.catalogue.showroom import Showroom
from tests.syncing.connections.test_participation import Cast

KINDS = ("selected_collection_gids", "share_collection_gids")
TELLINGS = ("at once", "in order", "never", "never in between")


@pytest.fixture
def cast(pair):
    cast = Cast(pair("one_way", ending="zero"))
    cast.sim.subscribe(cast.source.domain, "COLLECTIONS_CREATE", cast.world.address)
    return cast


def choose(cast: Cast, kind: str, gid: str) -> None:
    if kind == "share_collection_gids":
        Store.objects.filter(pk=cast.source.store.pk).update(share_collection_gids=[gid])
    else:
        Connection.objects.filter(pk=cast.connection.pk).update(selected_collection_gids=[gid])


def chosen(cast: Cast, kind: str) -> list[str]:
    return getattr(cast.connection if kind.startswith("selected") else cast.connection.source, kind)


def look(cast: Cast, telling: str, *, is_end: bool) -> None:
    if telling == "at once" or (telling == "in order" and is_end):
        cast.world.follow()
    elif telling.startswith("never") and (is_end or telling == "never"):
        cast.world.reconcile()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("telling", TELLINGS)
def test_a_collection_that_decides_who_takes_part(cast, kind, telling):
    choose(cast, kind, cast.collect(0))
    cast.world.carry()
    assert cast.held() == [20, 0, 0]
    hands.delete_collection(cast.source.shop, gids.number(cast.collection))
    look(cast, telling, is_end=False)
    new = cast.collect(0)
    cast.sell()
    look(cast, telling, is_end=True)
    assert chosen(cast, kind) == [new]
    assert cast.held() == [19, 0, 0]
    assert ChosenCollection.objects.values_list("gid", flat=True).get() == new


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_took_the_handle_of_a_living_one_is_another(cast, kind):
    choose(cast, kind, old := cast.collect(0))
    cast.world.carry()
    hands.change_collection(cast.source.shop, cast.sim.clock, gids.number(old), handle="before")
    cast.world.follow()
    cast.collect(1)
    cast.world.follow()
    assert (chosen(cast, kind), cast.held()) == ([old], [20, 0, 0])
    hands.delete_collection(cast.source.shop, gids.number(old))
    cast.world.follow()
    assert (chosen(cast, kind), cast.held()) == ([old], [0, 0, 0])


@pytest.mark.parametrize("identifier", ["sku", "handle"])
@pytest.mark.parametrize("telling", TELLINGS)
@pytest.mark.parametrize("unlink", ["unpublish", "delete"])
def test_a_product_that_is_listed_by_hand(showroom, identifier, telling, unlink):
    room: Showroom = showroom(identifier=identifier, unlink=unlink)
    Connection.objects.update(ending="zero")
    room.set(publication_gids=room.channels())
    row = {"optionValues": [{"optionName": "Title", "name": "Default Title"}], "price": "10.00", "sku": "L-1"}
    lamp = room.add("Lamp", variants=[row], stock=5)
    room.set(selected_product_gids=[lamp])
    room.world.follow()
    partner = room.link(lamp).destination_gid
    assert partner

    def look(*, is_end: bool) -> None:
        if telling == "at once" or (telling == "in order" and is_end):
            room.world.follow()
        elif telling.startswith("never") and (is_end or telling == "never"):
            enqueue.match_connection(room.connection)  # as every day
            room.world.reconcile()
            for _ in range(1 + is_end):
                room.go_on(room.run())
                room.world.reconcile()

    room.delete(lamp)
    look(is_end=False)
    again = room.add("Lamp", variants=[row], stock=5)
    look(is_end=True)
    assert room.connection.selected_product_gids == [again]
    link = room.link(again)
    assert link.state == "linked"
    there = room.there("lamp")
    assert (len(there.publication_gids), room.units("lamp")) == (len(room.channels()), [5])
    if unlink == "unpublish" or telling in ("in order", "never in between"):
        assert there.gid == partner
