"""Disconnecting as one action: products, quantities, orders; then ended, known still, and connected again."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from orders.models import OrderImport
from stores.models import Connection, SyncSwitch
from stores.shopify import gids
from syncing.connections import disconnecting
from syncing.monitoring import data_problems
from syncing.queue import enqueue

State = Connection.State


def fresh(world):
    return Connection.objects.select_related("source", "destination").get(pk=world.connections[0].pk)


def end(world, unlink="nothing", quantities="leave", *, waits_for_orders=True):
    words = disconnecting.begin(fresh(world), unlink, quantities, waits_for_orders=waits_for_orders)
    world.work()
    world.sweep()
    return words


@pytest.mark.parametrize(("quantities", "left"), [("leave", 20), ("zero", 0), ("deny", 0)])
def test_quantities_are_left_or_set_to_0_and_then_it_is_inert(pair, quantities, left):
    world = pair("one_way", ending="zero")
    source, north = world.places
    north.variants[0].inventory_policy = "CONTINUE"
    assert disconnecting.count(fresh(world)).on_sale.units == 60
    end(world, quantities=quantities)
    if fresh(world).state != State.ENDED:  # so many at once are looked at first
        assert disconnecting.what_is_left(fresh(world)).startswith("Quantities wait")
        world.resolve_holds()
        world.carry()
        world.sweep()
    assert fresh(world).state == State.ENDED
    assert [north.available(number) for number in range(3)] == [left] * 3
    assert north.variants[0].inventory_policy == ("DENY" if quantities == "deny" else "CONTINUE")
    source.buy(0, 5)
    world.follow()
    world.reconcile()
    assert north.available() == left
    assert bool(list(data_problems.unvouched_stock(world.sim.clock.now()))) == (quantities == "leave")


def test_connected_again_it_is_aligned_anew(pair):
    world = pair("one_way")
    source, north = world.places
    end(world)
    source.buy(0, 5)
    world.follow()
    disconnecting.connect_again(fresh(world))
    assert (fresh(world).state, fresh(world).started_at) == (State.READY, None)
    fresh(world).start()
    enqueue.reconcile(fresh(world))
    world.work()
    assert north.available() == 15


@pytest.mark.parametrize("is_told", [True, False])
def test_two_way_what_was_sold_before_reaches_the_other_store_before_it_ends(pair, is_told):
    world = pair("two_way")
    source, north = world.places
    north.buy(0, 3)
    source.buy(1, 2)
    if is_told:
        world.deliver()
    end(world)
    assert fresh(world).state == State.ENDED
    assert [[place.available(number) for number in (0, 1)] for place in (source, north)] == [[17, 18]] * 2
    north.buy(0, 1)
    world.follow()
    world.reconcile()
    assert [source.available(), north.available()] == [17, 16]


def test_two_way_it_does_not_end_before_the_last_write_is_answered(pair):
    world = pair("two_way")
    source, north = world.places
    north.buy(0, 3)
    source.fault("http", match="any_mutation", status=503, count=None)
    end(world)
    assert fresh(world).state == State.RUNNING
    assert disconnecting.what_is_left(fresh(world)) == "Its quantities are being done."
    world.calm()
    world.carry()
    world.sweep()
    assert fresh(world).state == State.ENDED
    assert [source.available(), north.available()] == [17, 17]


def test_where_a_store_never_comes_back_it_ends_when_that_is_asked_for_again(pair):
    world = pair("two_way")
    _, north = world.places
    north.buy(0, 3)
    north.fault("http", match="any", status=503, count=None)
    end(world)
    with pytest.raises(disconnecting.NotToBeEnded, match="disconnected already"):
        end(world)
    Connection.objects.update(is_paused=True)
    assert end(world) == disconnecting.LEFT
    assert fresh(world).state == State.ENDED


@pytest.mark.parametrize("is_sold", [False, True])
def test_what_nobody_ordered_is_deleted_a_day_later_and_then_it_has_ended(showroom, is_sold):
    room = showroom(identifier="handle")
    room.add("Lamp", stock=5)
    room.set(publication_gids=room.channels())
    room.run("first")
    room.stock()
    if is_sold:
        product = room.destination.shop.products[gids.number(room.there("lamp").gid)]
        room.sim.buy(room.destination.domain, product.variant_ids[0], 1)
    end(room.world, "if_ordered")
    room.world.work()
    room.sweep()
    assert (room.there("lamp").publication_gids, fresh(room.world).state) == ((), State.RUNNING)
    assert "a day later" in disconnecting.what_is_left(fresh(room.world))
    room.world.let_pass(25)
    room.sweep()
    room.sweep()
    assert (room.handles(), fresh(room.world).state) == (["lamp"] if is_sold else [], State.ENDED)


@pytest.mark.parametrize("unlink", ["unpublish", "delete", "nothing"])
def test_products_go_as_chosen(showroom, unlink):
    room = showroom(identifier="handle")
    gid = room.add("Lamp", stock=5)
    room.set(publication_gids=room.channels())
    room.run("first")
    assert disconnecting.count(room.connection).products == 1
    end(room.world, unlink)
    room.world.work()
    room.sweep()
    assert fresh(room.world).state == State.ENDED
    lamp = room.there("lamp")
    assert (lamp is None) == (unlink == "delete")
    if lamp is not None:
        assert bool(lamp.publication_gids) == (unlink == "nothing")
    room.change(gid, title="Other")
    room.world.follow()
    assert room.there("other") is None


def test_open_orders_go_on_until_they_are_done_and_new_ones_are_not_copied(trade):
    trade = trade("order")
    world = trade.world
    source, north = world.places[:2]
    place = north.order((0, 2))
    world.follow()
    world.carry_orders()
    end(world)
    assert fresh(world).state == State.RUNNING
    assert disconnecting.what_is_left(fresh(world)) == "Orders that are not done yet: 1."
    world.tick(5)
    north.order((1, 1))
    world.follow()
    world.carry_orders()
    copied = OrderImport.objects.filter(connection=fresh(world), state="confirmed")
    assert copied.count() == 1
    world.sim.cancel(north.domain, place)
    world.follow()
    world.carry_orders()
    world.sweep()
    assert fresh(world).state == State.ENDED


def test_an_order_from_before_of_which_no_webhook_told_is_copied_still(trade):
    trade = trade("order")
    world = trade.world
    north = world.places[1]
    place = north.order((0, 2))
    north.lose_webhooks()
    world.tick(5)
    end(world)
    world.carry_orders()
    assert fresh(world).state == State.RUNNING
    assert OrderImport.objects.get(connection=fresh(world)).state == "confirmed"
    world.sim.cancel(north.domain, place)
    world.follow()
    world.carry_orders()
    world.sweep()
    assert fresh(world).state == State.ENDED


def test_deleted_it_still_knows_its_copies_and_copies_nothing_twice(trade):
    trade = trade("order")
    world = trade.world
    north = world.places[1]
    north.order((0, 2))
    world.follow()
    world.carry_orders()
    made = len(world.places[0].shop.orders)
    with pytest.raises(disconnecting.NotToBeEnded, match="Disconnect it first"):
        disconnecting.remove(fresh(world))
    end(world, waits_for_orders=False)
    disconnecting.remove(fresh(world))
    connection = fresh(world)
    assert connection.state == State.REMOVED
    assert (connection.links.count(), connection.mappings.count(), connection.order_imports.count()) == (0, 0, 1)
    stores = (connection.source.domain, connection.destination.domain)
    call_command("connect_stores", *stores, "--map-by-name", "--identifier", "sku", "--start")
    world.work()
    world.carry_orders()
    assert fresh(world).state == State.RUNNING
    assert len(world.places[0].shop.orders) == made
    assert fresh(world).order_imports.get().state == "confirmed"


def test_one_without_copies_is_deleted_and_one_that_cannot_be_done_is_refused(pair, capsys):
    world = pair("one_way")
    connection = fresh(world)
    stores = (connection.source.domain, connection.destination.domain)
    SyncSwitch.objects.create(pk=1, is_stopped=True)
    with pytest.raises(CommandError, match="Resume it first"):
        call_command("connect_stores", *stores, "--disconnect", "--quantities", "zero")
    assert fresh(world).disconnecting_at is None
    call_command("connect_stores", *stores, "--disconnect", "--dry-run")
    assert "On sale: 3 items, 60 units." in capsys.readouterr().out
    call_command("connect_stores", *stores, "--disconnect")  # needs nothing of the stores
    assert fresh(world).state == State.ENDED
    disconnecting.remove(fresh(world))
    assert not Connection.objects.exists()
