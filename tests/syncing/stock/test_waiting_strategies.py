"""A strategy that cannot begin yet: the one before goes on, and nothing else waits for it."""

import pytest

from stores.models import StoreTrouble
from syncing.stock import holds
from tests.syncing.stock.test_store_in_trouble import levels_of, trouble


def choose(world, strategy):
    world.choose_strategy(world.connections[0], strategy)
    world.prepare_orders(world.places[0], world.places[1])


def aligned(world):
    world.connections[0].refresh_from_db()
    return world.connections[0].aligned_strategy


def recover(world, place):
    world.sim.faults(place.shop).clear()
    StoreTrouble.objects.all().delete()
    world.carry()


@pytest.mark.parametrize("old", ["two_way", "one_way"])
@pytest.mark.parametrize("new", ["order", "draft_order"])
def test_no_other_connection_waits_while_a_store_is_down_that_must_be_asked_first(pair, old, new):
    world = pair(old, destinations=2)
    source, north, south = world.places
    trouble(north, "down")
    choose(world, new)
    source.buy(0, 1)
    south.buy(1, 2)
    world.deliver()
    world.work(tries=2)
    assert (source.available(0), south.available(0)) == (19, 19)
    assert south.available(1) == (source.available(1) if old == "two_way" else 18)
    assert aligned(world) == old
    recover(world, north)
    assert aligned(world) == new
    assert levels_of(world)[:2] == [19, 19]


@pytest.mark.parametrize("name", ["down", "unreadable"])
def test_what_a_destination_sold_by_its_webhook_reaches_the_source_although_its_new_strategy_cannot_begin(pair, name):
    world = pair(destinations=2)
    source, north, south = world.places
    trouble(north, name)
    choose(world, "one_way")
    north.buy(0, 3)
    world.deliver()
    world.work(tries=2)
    assert (source.available(), south.available()) == (17, 17)
    assert aligned(world) == "two_way"
    recover(world, north)
    assert (levels_of(world), aligned(world)) == ([17, 17, 17], "one_way")


def test_a_store_that_can_be_written_follows_one_way_although_its_clock_cannot_be_asked(pair):
    world = pair("one_way")
    source, north = world.places
    trouble(north, "unreadable")
    choose(world, "order")
    source.buy(0, 4)
    world.deliver()
    world.work(tries=2)
    assert levels_of(world) == [16, 16]
    assert aligned(world) == "one_way"
    recover(world, north)
    assert (levels_of(world), aligned(world)) == ([16, 16], "order")


def test_what_was_sold_unseen_while_a_hold_waited_is_carried_before_the_new_strategy_begins(pair):
    world = pair(stock=60)
    source, north = world.places
    north.buy(0, 60)
    world.follow()
    choose(world, "one_way")
    world.carry()
    assert aligned(world) == "two_way_end"
    north.buy(1, 2)
    north.lose_webhooks()
    holds.release(*world.connections[0].holds.filter(state="open"))
    world.carry()
    assert aligned(world) == "one_way"
    assert [levels_of(world, number) for number in (0, 1)] == [[0, 0], [58, 58]]
