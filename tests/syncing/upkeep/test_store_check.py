"""What waited for a store goes on the moment its check is well again, and what was missed meanwhile is found."""

import pytest

from syncing.models import SyncJob
from syncing.queue import enqueue
from syncing.upkeep import store_check


def stock(world):
    return [place.available(0) for place in world.places]


def check(world, store):
    enqueue.check_store(store)
    world.work()
    store.refresh_from_db()


def test_a_store_that_is_connected_again_gets_what_waited_and_gives_what_was_missed(pair):
    world = pair(destinations=2)
    source, north, _ = world.places
    world.sim.revoke_tokens(north.domain)
    source.buy(0, 4)
    world.follow()
    assert stock(world) == [16, 20, 16]
    north.buy(0, 1)
    north.lose_webhooks()
    world.sim.install(north.domain)
    check(world, north.store)
    world.follow()
    assert stock(world) == [15, 15, 15]
    assert not SyncJob.objects.filter(state="failed").exists()


def test_what_a_missing_scope_hindered_goes_on_with_the_next_good_check(pair):
    world = pair(destinations=2)
    source, north, _ = world.places
    scopes = north.shop.apps["tiposync"].scopes
    world.sim.set_scopes(north.domain, scopes - {"write_inventory"})
    source.buy(0, 4)
    world.follow()
    check(world, north.store)
    assert (stock(world), north.store.status) == ([16, 20, 16], "attention")
    world.sim.set_scopes(north.domain, scopes)
    check(world, north.store)
    world.follow()
    assert (stock(world), north.store.status) == ([16, 16, 16], "ready")


def test_a_retry_that_waits_longer_and_longer_is_due_at_once_after_a_good_check(pair):
    world = pair()
    source, north = world.places
    north.fault("http", status=503, html=True, count=None)
    source.buy(0, 4)
    world.follow()
    waiting = SyncJob.objects.get(kind=SyncJob.Kind.CARRY_STOCK, state="queued")
    assert waiting.attempts
    world.sim.faults(north.shop).clear()
    store_check.check_store(north.store)
    waiting.refresh_from_db()
    assert waiting.attempts == 0
    world.settle()
    assert stock(world) == [16, 16]


@pytest.mark.parametrize("failure", ["bug", "rejected", "unmatched"])
def test_what_no_check_can_cure_is_not_run_again(pair, failure):
    world = pair()
    connection = world.connections[0]
    due_at = connection.created_at
    SyncJob.objects.create(kind="reconcile", connection=connection, state="failed", failure=failure, due_at=due_at)
    store_check.check_store(world.places[1].store)
    assert not SyncJob.objects.filter(state="queued", kind="reconcile").exists()


def test_a_store_that_was_well_all_the_time_is_not_compared(pair):
    world = pair()
    SyncJob.objects.all().delete()
    check(world, world.places[1].store)
    assert not SyncJob.objects.filter(kind="reconcile").exists()


def test_a_check_that_finds_something_wrong_wakes_nothing(pair):
    world = pair()
    source, north = world.places
    world.sim.revoke_tokens(north.domain)
    source.buy(0, 4)
    world.follow()
    failed = SyncJob.objects.get(kind=SyncJob.Kind.CARRY_STOCK)
    check(world, north.store)
    assert list(SyncJob.objects.filter(connection=world.connections[0])) == [failed]
