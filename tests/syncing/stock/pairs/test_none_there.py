"""A source location that is closed, or does not stock an item any more, has none of it: read live, guarded and told."""

from importlib import import_module

import pytest
from django.db import connection as db
from django.utils import timezone

from stores.shopify import gids
from syncing.models import StockAdjustment, StockHold, StockLevel, StockLink
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from syncing.stock import planning
from tests.simulator.events import merchant as people
from tests.syncing.test_skips import BOTH_WAYS_OF_READING, compare

upgrade = import_module("syncing.migrations.0010_none_at_the_source")
upgrade_of_destinations = import_module("syncing.migrations.0025_unstocked_destinations")
LEFT = pytest.mark.parametrize("left", ["gone", "inactive", "kept"])


def held(world, number=0):
    return [[place.available(number, at) for at in range(len(place.location_ids))] for place in world.places]


@pytest.fixture
def rooms(world):
    """Builds a source and north with two rooms each, one mapped to the other; 20 of each item everywhere."""

    def build(strategy, items=3, stock=20, **fields):
        for name, role in (("source", "source"), ("north", "destination")):
            world.add_store(name, role, items, stock, locations=2)
        world.connect(*world.places, strategy, **fields)
        world.work()
        world.mark()
        return world

    return build


def close(world, left, at=0, to=1):
    """The source closes a room; what is there goes to another one."""
    source = world.places[0]
    source.shop.knobs.closed_levels = left
    to_id = None if to is None else source.location_ids[to]
    people.close_location(source.shop, world.sim.clock, source.location_ids[at], to_id)


def read(place, number=0, at=0):
    """What Shopify's level has, whatever is left of it; 0 where it is gone."""
    level = place.shop.levels.get((place.item(number), place.location_ids[at]))
    return level.available if level else 0


@LEFT
@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
@pytest.mark.parametrize("is_told", [True, False])
def test_a_location_that_closes_offers_nothing_and_what_moved_is_offered_once(rooms, left, strategy, is_told):
    world = rooms(strategy)
    source, north = world.places
    close(world, left)
    if is_told:
        world.follow()
    else:
        compare(world)
    assert [read(source), source.available(0, 1)] == [0, 40]
    assert [north.available(0, 0), north.available(0, 1)] == [0, 40]
    compare(world)
    assert [north.available(0, 0), north.available(0, 1)] == [0, 40]
    link = StockLink.objects.order_by("pk").first()
    assert link.state == "in_step"
    assert "counts as 0" in link.reason


@BOTH_WAYS_OF_READING
@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
def test_what_stays_at_a_closed_location_is_offered_no_more_and_comes_back_with_it(
    rooms, settings, bulk_from, strategy
):
    world = rooms(strategy)
    settings.BULK_FROM_LEVELS = bulk_from
    source, north = world.places
    close(world, "kept", to=None)
    compare(world)
    assert held(world) == [[20, 20], [0, 20]]
    compare(world)
    assert held(world) == [[20, 20], [0, 20]]
    people.change_location(source.shop, world.sim.clock, source.location_ids[0], is_active=True)
    compare(world)
    assert held(world) == [[20, 20], [20, 20]]


@BOTH_WAYS_OF_READING
@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
def test_an_item_that_is_unticked_at_its_location_is_offered_no_more(rooms, settings, bulk_from, is_told, strategy):
    world = rooms(strategy)
    settings.BULK_FROM_LEVELS = bulk_from
    source, north = world.places
    source.leave(0)
    if is_told:
        world.follow()
    compare(world)
    assert held(world) == [[20, 20], [0, 20]]
    assert source.writes == 0
    row = StockAdjustment.objects.get()
    assert (row.change_from, row.change_to) == (20, 0)


def test_a_sum_goes_on_with_the_locations_that_have_it(world):
    source, north = world.add_store("source", "source", locations=2), world.add_store("north", "destination")
    world.connect(source, north, "one_way", mapped=[(room, north.location_ids[0]) for room in source.location_ids])
    world.work()
    assert north.available() == 40
    source.leave(0, 1)
    compare(world)
    assert north.available() == 20


def test_a_well_stocked_item_is_held_and_not_emptied(rooms):
    world = rooms("one_way", stock=80)
    source, north = world.places
    source.leave(0)
    world.follow()
    assert north.available() == 80
    assert StockHold.objects.get(state="open").destination_to == 0
    world.resolve_holds()
    world.carry()
    assert north.available() == 0


def test_what_cannot_be_read_is_not_none(rooms):
    world = rooms("one_way")
    source, north = world.places
    source.fault("internal_error_before", match="nodes", count=None)
    source.leave(0)
    world.deliver()
    world.work(tries=1)
    assert north.available() == 20
    world.sim.faults(source.shop).clear()
    world.carry()
    assert north.available() == 0


def test_two_way_a_change_of_the_destination_waits_until_the_source_stocks_it_again(rooms):
    world = rooms("two_way")
    source, north = world.places
    source.leave(0)
    world.follow()
    north.restock(0, 5)
    world.follow()
    compare(world)
    assert held(world) == [[20, 20], [5, 20]]
    assert source.writes == 0
    link = StockLink.objects.order_by("pk").first()
    assert (link.state, link.reason) == (
        "skipped",
        "not stocked at the source location: a change of +5 in the destination waits",
    )
    people.activate(source.shop, world.sim.clock, source.item(0), source.location_ids[0])
    compare(world)
    assert held(world) == [[25, 20], [25, 20]]


@LEFT
@pytest.mark.parametrize(("is_told", "activates"), [(True, True), (False, False)])
def test_two_way_what_a_closing_location_of_the_destination_gives_to_another_is_in_the_source_once(
    rooms, left, is_told, activates
):
    world = rooms("two_way", items=1, activates_items=activates)
    source, north = world.places
    north.shop.knobs.closed_levels = left
    people.close_location(north.shop, world.sim.clock, *north.location_ids)
    if is_told:
        world.follow()
    compare(world)
    compare(world)
    assert [[read(place, at=at) for at in (0, 1)] for place in (source, north)] == [[0, 40], [0, 40]]
    people.change_location(north.shop, world.sim.clock, north.location_ids[0], is_active=True)
    people.activate(north.shop, world.sim.clock, north.item(0), north.location_ids[0])
    for at, units in ((1, -20), (0, 20)):
        north.restock(0, units, at)
    compare(world)
    compare(world)
    assert held(world) == [[20, 20], [20, 20]]


def test_two_way_an_item_that_a_destination_unticks_takes_nothing_from_the_source(rooms):
    world = rooms("two_way", activates_items=False)
    source, north = world.places
    north.leave(0)
    source.buy(0, 2)
    world.follow()
    compare(world)
    assert held(world) == [[18, 20], [20, 20]]
    link = StockLink.objects.order_by("pk").first()
    assert (link.state, link.reason) == ("skipped", planning.NOT_STOCKED)
    people.activate(north.shop, world.sim.clock, north.item(0), north.location_ids[0])
    compare(world)
    assert held(world) == [[18, 20], [18, 20]]


def test_two_way_an_upgrade_takes_nothing_for_what_a_destination_unstocked_before(rooms):
    world = rooms("two_way", items=1, activates_items=False)
    source, north = world.places
    north.leave(0)
    north.restock(0, -20)
    for place in world.places:
        place.lose_webhooks()
    location = gids.gid("Location", north.location_ids[0])
    StockLevel.objects.filter(location__gid=location).update(available=None, is_active=False)
    with db.cursor() as cursor:
        cursor.execute(upgrade_of_destinations.ALIGN_ANEW)
    compare(world)
    source.buy(0, 2)
    compare(world)
    assert held(world) == [[18, 20], [0, 20]]
    people.activate(north.shop, world.sim.clock, north.item(0), north.location_ids[0])
    compare(world)
    assert held(world) == [[18, 20], [18, 20]]


def test_an_item_that_was_deleted_is_not_taken_for_one_that_is_not_stocked(rooms):
    world = rooms("one_way", ending="leave")
    source, north = world.places
    people.delete_product(source.shop, world.sim.clock, source.variants[0].product_id)
    StockLevel.objects.filter(store=source.store).update(is_doubtful=True)
    world.carry()
    assert north.available() == 20


def test_a_closed_location_that_is_mapped_is_told_and_counts_from_the_check_of_its_store_on(rooms):
    world = rooms("one_way")
    source, _ = world.places
    close(world, "kept", to=None)
    enqueue.check_store(source.store)
    world.work()
    assert held(world) == [[20, 20], [0, 20]]
    found = [problem.message for problem in data_problems.stores(timezone.now())]
    assert any("Room 0 is mapped in" in words and "not active" in words for words in found)
    people.change_location(source.shop, world.sim.clock, source.location_ids[0], is_active=True)
    enqueue.check_store(source.store)
    world.work()
    assert held(world) == [[20, 20], [20, 20]]


def test_an_upgrade_leaves_on_sale_what_stood_there_until_the_source_changes(rooms):
    world = rooms("one_way")
    source, _ = world.places
    source.leave(0)
    StockLevel.objects.filter(store=source.store, item_gid=gids.gid("InventoryItem", source.item(0))).update(
        available=None, is_active=False
    )
    link = StockLink.objects.order_by("pk").first()
    StockLink.objects.filter(pk=link.pk).update(state="skipped", reason=planning.NOT_AT_SOURCE)
    with db.cursor() as cursor:
        cursor.execute(upgrade.KEEP_WHAT_STANDS)
    compare(world)
    assert held(world) == [[20, 20], [20, 20]]
    link.refresh_from_db()
    assert (link.state, link.reason) == ("in_step", planning.KEPT)
    people.activate(source.shop, world.sim.clock, source.item(0), source.location_ids[0])
    source.set(0, 7)
    compare(world)
    assert held(world) == [[7, 20], [7, 20]]
