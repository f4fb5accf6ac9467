"""Our clock and Shopify's differ, and ours leaps: no unit is lost for it, nothing spins, nothing waits for ever."""

import io
import re
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.core.management import call_command
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import Schedule
from hypothesis import given
from hypothesis import strategies as st

from stores.ages import is_over
from stores.clients import ask_time, open_client
from stores.models import Connection, Store, Variant
from stores.shared.buckets import StoreBucket
from stores.shopify import gids
from syncing import tasks
from syncing.models import StockBatch, StockHold, StockLink, SyncJob
from syncing.monitoring import doctor, service_problems
from syncing.queue import claiming, enqueue
from syncing.stock import engine, holds
from syncing.sweep import sweep
from tests.simulator.events import merchant
from tests.support.places import put_ahead


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_released_hold_is_not_held_again_because_our_clock_was_set_back(pair, strategy):
    world = pair(strategy, stock=60)
    source = world.places[0]
    source.buy(0, 1)
    world.follow()  # a write of 59, by a clock that is an hour ahead of what comes next
    put_ahead(world.sim, hours=-1)
    world.tick()
    source.set(0, 0)
    world.follow()
    (hold,) = StockHold.objects.filter(state="open")
    holds.release(hold)
    for _ in range(5):
        world.carry()
        world.tick(60)
    assert not StockHold.objects.filter(state="open").exists()
    assert levels_of(world) == [0, 0]


def test_a_release_from_before_a_later_write_counts_no_more_whatever_our_clock_says(pair):
    world = pair("one_way", stock=60)
    source = world.places[0]
    source.set(0, 0)
    world.follow()
    holds.release(StockHold.objects.get(state="open"))
    world.carry()
    put_ahead(world.sim, hours=-1)
    world.tick()
    source.set(0, 60)
    world.follow()
    assert levels_of(world) == [60, 60]
    world.tick()
    source.set(0, 0)
    world.follow()
    assert levels_of(world) == [0, 60], "the user let another fall to 0 through than this one"


def test_a_variant_that_is_read_again_is_believed_although_our_clock_was_set_back(pair):
    world = pair()
    source = world.places[0]
    product_gid = gids.gid("Product", source.variants[0].product_id)
    enqueue.match_product(source.store, product_gid)
    world.work()
    put_ahead(world.sim, hours=-1)
    world.tick()
    merchant.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=False)
    enqueue.match_product(source.store, product_gid)
    world.work()
    assert not Variant.objects.get(gid=gids.gid("ProductVariant", source.variants[0].id)).is_tracked
    merchant.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=True)
    enqueue.match_connection(world.connections[0])
    world.work()
    assert Variant.objects.get(gid=gids.gid("ProductVariant", source.variants[0].id)).is_tracked


def test_a_run_waits_for_company_no_longer_than_it_should_although_the_clocks_were_set_back(
    pair, settings, monkeypatch
):
    world = pair()
    later = timezone.now() + timedelta(hours=1)
    link = StockLink.objects.first()
    StockLink.objects.filter(pk=link.pk).update(dirty_at=later, dirty_sequence=link.dirty_sequence + 1)
    StockBatch.objects.create(
        store=world.places[1].store, connection=world.connections[0], kind="set", body=b"", state="applied",
        first_sent_at=later,
    )  # fmt: skip
    settings.STOCK_LINGER_SECONDS = 0.2
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        assert len(pauses) < 100, "it waits for ever"
        clock[0] += seconds

    clock = [1000.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(engine.time, "sleep", sleep)
    run = engine.Run(world.connections[0], open_client)
    assert run._wait_for_company() == 1
    assert sum(pauses) <= 0.25


# --- What is due, when our clock was set back ---------------------------------------------------------------------


def test_nothing_that_is_due_again_and_again_waits_for_a_clock_that_was_set_back_by_a_day(pair):
    world = pair()
    connection = world.connections[0]
    Connection.objects.update(reconciled_at=timezone.now())
    Store.objects.update(checked_at=timezone.now())
    SyncJob.objects.create(
        kind="carry_stock", subject=f"connection {connection.pk}", connection=connection, state="failed",
        failure="gave_up", finished_at=timezone.now(), due_at=timezone.now(),
    )  # fmt: skip
    put_ahead(world.sim, days=-1, seconds=-60)
    link = StockLink.objects.first()
    StockLink.objects.filter(pk=link.pk).update(dirty_sequence=link.dirty_sequence + 1)
    sweep()
    queued = set(SyncJob.objects.filter(state="queued").values_list("kind", flat=True))
    assert {"reconcile", "check_store", "carry_stock"} <= queued


def test_a_schedule_goes_on_at_once_when_our_clock_was_set_back(world):
    call_command("upsert_schedules", stdout=io.StringIO())
    Schedule.objects.update(next_run=timezone.now() + timedelta(hours=1))
    tasks.beat(0)
    assert Schedule.objects.get(name="sweep").next_run <= timezone.now()


def test_a_job_that_is_due_in_a_time_that_nobody_waits_for_is_done_now(pair):
    world = pair()
    enqueue.check_store(world.places[0].store)
    SyncJob.objects.update(due_at=Now() + timedelta(hours=1))
    sweep()
    assert claiming.find_due(0)


def test_a_bucket_refills_although_the_clock_of_the_database_was_set_back(pair):
    store = pair().places[0].store
    Store.objects.filter(pk=store.pk).update(
        bucket_maximum=100, bucket_available=-100, bucket_restore_rate=1e6, bucket_at=Now() + timedelta(hours=1)
    )
    bucket = StoreBucket(store.pk)
    bucket.acquire(10)
    Store.objects.filter(pk=store.pk).update(bucket_at=F("bucket_at") - timedelta(seconds=61))  # a minute later
    assert bucket.acquire(10) == 0


# --- What is told of clocks that differ ---------------------------------------------------------------------------


def told_of_clocks():
    return {problem.subject: problem.message for problem in service_problems.find() if problem.kind == "clock"}


def test_clocks_that_are_more_than_a_minute_apart_are_told_of_until_they_are_not(pair):
    world = pair()
    source, north = (place.store for place in world.places)
    put_ahead(world.sim, seconds=40)
    ask_time(source)
    assert told_of_clocks() == {}
    put_ahead(world.sim, minutes=2)
    ask_time(source)
    ((subject, words),) = told_of_clocks().items()
    assert subject == f"store {source.pk}" and "seconds ahead of that of Source" in words
    put_ahead(world.sim, minutes=-2)
    ask_time(north)
    assert "behind that of North" in told_of_clocks()[f"store {north.pk}"]
    put_ahead(world.sim)
    for store in (source, north):
        ask_time(store)
    assert told_of_clocks() == {}


def test_doctor_measures_the_difference_to_each_store(pair):
    world = pair()
    put_ahead(world.sim, minutes=2)
    found = {one.subject: one for one in doctor._stores(is_live=True)}
    for place in world.places:
        finding = found[f"clock of {place.domain}"]
        assert finding.grade == doctor.WARNING and "ahead" in finding.words and "NTP" in finding.advice
    put_ahead(world.sim)
    found = {one.subject: one for one in doctor._stores(is_live=True)}
    assert found[f"clock of {place.domain}"].grade == doctor.GOOD


@pytest.mark.parametrize("seconds", [-900, -61, 0, 61, 900])
def test_the_stores_page_says_how_our_clock_stands(pair, admin_client, seconds):
    world = pair()
    store = world.places[0].store
    put_ahead(world.sim, seconds=seconds)
    ask_time(store)
    page = admin_client.get(f"/admin/stores/store/{store.pk}/change/").content.decode()
    side = "behind" if seconds < 0 else "ahead of"
    assert re.search(rf"ours was [\d,]+ seconds {side} it at its last answer", page)


# --- Any clocks ---------------------------------------------------------------------------------------------------


@given(
    apart=st.integers(-900, 900),
    leap=st.integers(-3600, 3600),
    asked=st.booleans(),
    age=st.integers(-3600, 3600),
)
def test_what_is_known_of_a_stores_time_is_right_but_for_a_leap_since_it_was_asked(apart, leap, asked, age):
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    with mock.patch.object(timezone, "now", lambda: ours[0]):
        ours = [at + timedelta(seconds=apart)]
        store = Store(clock_difference=ours[0] - at, answered_at=at)
        ours[0] += timedelta(seconds=leap)
        assert store.now() - at == timedelta(seconds=leap)
        if asked:
            store.clock_difference = ours[0] - at
            assert store.now() == at
    # Due is due on either side of a clock that leapt, and what happened lately did so on either side, too.
    span, since = timedelta(minutes=10), at + timedelta(seconds=age)
    assert is_over(since, span, at) == (abs(age) > 600)
