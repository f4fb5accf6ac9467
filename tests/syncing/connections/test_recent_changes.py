"""A lost webhook costs minutes: each store is asked for what changed lately, for a hundredth of its budget."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.clients import open_client
from stores.models import Connection, Location, Store
from stores.shopify import gids, inventory
from syncing.connections import recent_changes
from syncing.connections.recent_changes import BUDGET_SHARE, Budget
from syncing.models import RecentChanges, StockObservation, SyncJob
from tests.support.minutes import sweep_minute
from tests.support.places import put_ahead

MINUTES = 5


@pytest.fixture
def pair(pair, settings):
    """As everywhere, with recent changes compared, which were compared just now."""

    def build(*args, **fields):
        world = pair(*args, **fields)
        settings.RECENT_CHANGES_MINUTES = MINUTES
        minutes(world, 1)
        return world

    return build


def minutes(world, count):
    """Minutes of this world in which no webhook is delivered."""
    for number in range(count):
        world.tick(60)
        sweep_minute(number + 1)
        world.work()


def points(place):
    return place.shop.counters.points


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_what_no_webhook_told_of_is_carried_within_five_minutes_and_its_late_webhook_changes_nothing(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    source.buy(0, 3)
    minutes(world, MINUTES)
    assert [place.available(0) for place in world.places] == [17, 17]
    assert StockObservation.objects.filter(origin="recent").exists()
    writes = north.writes
    world.follow()
    assert north.writes == writes
    assert [place.available(0) for place in world.places] == [17, 17]


def test_a_destination_is_asked_too(pair):
    world = pair("two_way")
    source, north = world.places
    north.buy(1, 2)
    minutes(world, MINUTES)
    assert source.available(1) == north.available(1) == 18


def test_what_the_search_has_not_seen_is_asked_for_again(pair):
    world = pair()
    source, north = world.places
    source.shop.knobs.search_lag_seconds = 100
    minutes(world, MINUTES - 2)
    world.tick(30)
    source.buy(0, 1)  # just before it is asked
    minutes(world, MINUTES + 1)
    assert north.available(0) == 19


@pytest.mark.parametrize("hours", [-3, 3])
def test_shopifys_clock_says_since_when(pair, hours):
    world = pair()
    source, north = world.places
    put_ahead(world.sim, hours=hours)
    minutes(world, 1)
    source.buy(0, 1)
    minutes(world, MINUTES)
    assert north.available(0) == 19


def test_a_quiet_time_costs_a_few_points_and_no_write(pair):
    world = pair(items=30)
    before = [points(place) for place in world.places]
    minutes(world, 60)
    spent = [points(place) - then for place, then in zip(world.places, before, strict=True)]
    assert all(0 < some <= BUDGET_SHARE * 100 * 3600 / 10 for some in spent)
    assert RecentChanges.objects.count() == 2


def test_its_pages_are_counted_at_what_shopify_takes_for_them(pair):
    world = pair(items=300)
    source = world.places[0]
    location = Location.objects.get(gid=gids.gid("Location", source.location_ids[0]))
    client = open_client(Store.objects.get(pk=source.store.pk))
    for since, rows in ((datetime(2020, 1, 1, tzinfo=UTC), 300), (world.sim.clock.now() + timedelta(days=1), 0)):
        before = points(source)
        assert len(list(inventory.iter_changed_levels(client, location.gid, since))) == rows
        pages = [250, 50] if rows else [0]
        assert points(source) - before == sum(inventory.changed_cost(count) for count in pages)


def test_more_than_the_budget_allows_is_left_to_the_full_comparison(pair, monkeypatch):
    world = pair(items=3)
    monkeypatch.setattr(Budget, "is_used_up", True)
    world.places[0].buy(0, 1)
    minutes(world, MINUTES)
    assert world.places[1].available(0) == 20
    messages = SyncJob.objects.filter(kind="compare_recent").values_list("message", flat=True)
    assert messages and all(text.startswith("Left to the next full comparison: Room 0") for text in messages)


def test_one_stores_trouble_keeps_no_other_from_being_asked(pair):
    world = pair("two_way", destinations=2)
    source, north, south = world.places
    world.sim.faults(north.shop).add("http", status=503, count=None)
    south.buy(0, 1)
    minutes(world, MINUTES)
    assert source.available(0) == south.available(0) == 19
    assert RecentChanges.objects.get(store=north.store).until_at < RecentChanges.objects.get(store=south.store).until_at


def test_a_store_that_lets_nothing_be_read_is_asked_at_each_pause_and_is_followed_once_it_does(pair):
    world = pair("two_way")
    source, north = world.places
    app = north.shop.apps["tiposync"]
    granted, app.scopes = app.scopes, app.scopes - {"read_inventory", "write_inventory"}
    refused = []
    for _ in range(3 * MINUTES):
        minutes(world, 1)
        refused += SyncJob.objects.filter(kind="compare_recent", state="failed").values_list("pk", flat=True)
    assert 2 <= len(set(refused)) <= 3
    app.scopes = granted
    north.buy(0, 2)
    minutes(world, 2 * MINUTES)
    assert source.available(0) == north.available(0) == 18
    assert not SyncJob.objects.filter(kind="compare_recent", state="failed").exists()


def test_nothing_is_asked_while_nothing_travels_or_where_it_is_switched_off(pair, settings):
    world = pair()
    settings.RECENT_CHANGES_MINUTES = 0
    assert recent_changes.due_stores(world.sim.clock.now() + timedelta(hours=1)) == []
    settings.RECENT_CHANGES_MINUTES = MINUTES
    assert len(recent_changes.due_stores(world.sim.clock.now() + timedelta(hours=1))) == 2
    Connection.objects.update(is_paused=True)
    assert recent_changes.due_stores(world.sim.clock.now() + timedelta(hours=1)) == []


@given(st.floats(min_value=1, max_value=4000), st.floats(min_value=1, max_value=100_000))
def test_what_was_spent_is_earned_back_before_the_next_time(restore_rate, spent):
    budget = Budget(restore_rate)
    budget.points = spent
    assert spent <= BUDGET_SHARE * restore_rate * budget.pause_seconds * 1.000001
