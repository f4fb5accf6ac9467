"""What waited for a store goes on the moment its check is well again, and what was missed meanwhile is found."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import Store, StoreTrouble
from syncing import handlers
from syncing.models import SyncJob
from syncing.queue import enqueue, jobs
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


def run_due():
    while jobs.run_due(handlers.WORK, 0.05):
        pass


@pytest.mark.parametrize("status", ["ready", "new", "disconnected", "attention"])
def test_a_jobs_check_that_a_rest_turns_away_says_nothing_of_the_store_and_comes_back(pair, status):
    world = pair()
    north = world.places[1]
    Store.objects.filter(pk=north.store.pk).update(status=status, status_reason="As it was.")
    until = timezone.now() + timedelta(minutes=5)
    StoreTrouble.objects.filter(store=north.store).update(rests_until=until, failed_calls=3, failed_since=until)
    north.shop.counters.requests = 0
    enqueue.check_store(north.store)
    run_due()
    north.store.refresh_from_db()
    assert (north.store.status, north.store.status_reason) == (status, "As it was.")
    assert north.shop.counters.requests == 0
    job = SyncJob.objects.get(kind="check_store")
    assert job.state == "queued" and job.due_at > timezone.now() + timedelta(minutes=4)
    world.work()
    north.store.refresh_from_db()
    assert north.store.status == "ready"


@pytest.mark.parametrize("match", ["any", "locations", "webhookSubscriptions"])
def test_what_passes_by_itself_is_no_finding_of_a_jobs_check(pair, match):
    world = pair()
    north = world.places[1]
    north.fault("http", match=match, status=503, count=None)
    enqueue.check_store(north.store)
    world.work()
    north.store.refresh_from_db()
    assert (north.store.status, SyncJob.objects.get(kind="check_store").state) == ("ready", "queued")


def test_what_does_not_pass_is_noted_although_something_else_hindered_the_check(pair):
    world = pair()
    north = world.places[1]
    world.sim.set_scopes(north.domain, north.shop.apps["tiposync"].scopes - {"write_inventory"})
    north.fault("http", match="locations", status=503, count=None)
    enqueue.check_store(north.store)
    world.work()
    north.store.refresh_from_db()
    assert north.store.status == "attention"
    assert north.store.status_reason.startswith("Scopes: Missing: write_inventory")
    assert SyncJob.objects.get(kind="check_store").state == "queued"


def test_a_store_that_was_down_when_its_check_was_pressed_is_well_again_by_itself(pair):
    world = pair()
    north = world.places[1]
    north.fault("http", status=503, count=None)
    assert store_check.check_store(north.store).status == "attention"
    world.sim.faults(north.shop).clear()
    world.work()
    north.store.refresh_from_db()
    assert (north.store.status, north.store.status_reason) == ("ready", "")
