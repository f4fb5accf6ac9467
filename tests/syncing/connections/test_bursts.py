"""While stock changes time and again a store is asked ahead of its webhooks; what that finds decides only when."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from stores.clients import open_client
from stores.models import Store
from syncing import handlers
from syncing.connections import bursts
from syncing.connections.bursts import EMPTY_READS, FORGOTTEN
from syncing.models import StockBurst, StockObservation, SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock import engine
from syncing.stock.engine import BURST_BATCHES_COUNT

Kind = SyncJob.Kind
PAUSE = 1.0


@pytest.fixture
def pair(pair, settings):
    """As everywhere, with bursts followed."""

    def build(*args, **fields):
        world = pair(*args, **fields)
        settings.BURST_READ_SECONDS = PAUSE
        return world

    return build


def look(place, seconds=1.0):
    """A look at a store, so long after whatever was before it; how long to wait for the next."""
    place.sim.clock.advance(seconds)
    return bursts.follow(Store.objects.get(pk=place.store.pk), open_client, timezone.now())


def look_ahead(place):
    """Looks that find what no webhook has told: its webhooks are taken in lots from now on."""
    look(place)
    place.buy(2, 1)
    assert look(place) == PAUSE


def queued(kind):
    return SyncJob.objects.filter(kind=kind, state=SyncJob.State.QUEUED)


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_what_its_webhook_has_not_told_yet_is_found_and_its_webhook_changes_nothing(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    assert look(source) == PAUSE
    source.buy(0, 3)
    assert look(source) == PAUSE
    world.work()
    assert [place.available(0) for place in world.places] == [17, 17]
    assert StockObservation.objects.filter(origin="recent").exists()
    writes = north.writes
    world.follow()
    assert north.writes == writes
    assert [place.available(0) for place in world.places] == [17, 17]


def test_a_destination_of_two_way_is_followed_as_well(pair):
    world = pair("two_way")
    source, north = world.places
    look(north)
    north.buy(1, 2)
    look(north)
    world.work()
    assert source.available(1) == north.available(1) == 18


def followed():
    return StockBurst.objects.filter(looked_at__isnull=False)


def test_changes_soon_after_one_another_begin_it(pair):
    world = pair("two_way")
    source, north = world.places
    world.tick(60)  # since the first alignment
    for number in range(BURST_BATCHES_COUNT):
        source.buy(number, 1)
        world.follow()
        assert not followed().exists()
    source.buy(0, 1)
    north.buy(1, 1)
    world.follow()
    assert followed().count() == 2
    assert not queued(Kind.FOLLOW_BURST).exists()  # nothing came any more
    assert [place.available(number) for place in world.places for number in range(3)] == [18, 18, 19] * 2


def test_changes_that_come_more_slowly_do_not_begin_it(pair):
    world = pair()
    for _ in range(3 * BURST_BATCHES_COUNT):
        world.tick(1)
        world.places[0].buy(0, 1)
        world.follow()
    assert not followed().exists()


def test_what_fills_batches_by_itself_is_not_followed(pair, monkeypatch):
    monkeypatch.setattr(engine, "BURST_ROWS", 1)
    world = pair()
    for _ in range(2 * BURST_BATCHES_COUNT):
        world.places[0].buy(0, 1)
        world.places[0].buy(1, 1)
        world.follow()
    assert not StockBurst.objects.filter(looked_at__isnull=False).exists()


def test_more_than_can_be_asked_for_is_taken_in_and_left_to_its_webhooks(pair, monkeypatch):
    monkeypatch.setattr(bursts, "MOST_ROWS", 2)
    world = pair(items=3)
    source, north = world.places
    look(source)
    for number in range(3):
        source.buy(number, 1)
    assert look(source) == 0
    world.work()
    assert sorted(north.available(number) for number in range(3)) == [19, 19, 20]
    world.follow()
    assert [north.available(number) for number in range(3)] == [19] * 3


@pytest.mark.parametrize(("told_count", "is_patient"), [(0, True), (7, True), (9, False), (10, False)])
def test_webhooks_that_come_at_once_are_not_made_to_wait_for_looks(pair, told_count, is_patient):
    world = pair(items=10)
    source, north = world.places
    look(source)
    for number in range(told_count):
        source.buy(number, 1)
    world.follow()
    for number in range(told_count, 10):
        source.buy(number, 1)
    look(source)
    assert StockBurst.objects.filter(patient_until__gt=Now()).exists() == is_patient
    world.work()
    assert [north.available(number) for number in range(10)] == [19] * 10


def test_it_ends_when_nothing_changes_and_begins_anew(pair):
    world = pair()
    source = world.places[0]
    pauses = [look(source) for _ in range(EMPTY_READS)]
    assert pauses == [PAUSE] * (EMPTY_READS - 1) + [0]
    source.buy(0, 1)
    assert look(source, FORGOTTEN.total_seconds() + 60) == PAUSE
    source.buy(0, 1)
    assert look(source) == PAUSE
    assert StockBurst.objects.get(pk=source.store.pk).vain_bursts == 0
    world.follow()
    assert world.places[1].available(0) == 18


def test_a_search_that_lags_is_asked_ever_less_often_and_costs_nothing_but_time(pair):
    world = pair()
    source, north = world.places
    source.shop.knobs.search_lag_seconds = 100
    before = source.count("location")
    for number in range(60):
        source.buy(number % 3, 1)
        world.tick(0.4)
        world.follow()
    assert [place.available(number) for place in world.places for number in range(3)] == [0] * 6
    assert 0 < source.count("location") - before <= 4 * EMPTY_READS  # after 4, 16, 64 s
    assert StockBurst.objects.get(pk=source.store.pk).vain_bursts >= 2


def test_bursts_in_vain_are_forgiven(pair):
    world = pair()
    source = world.places[0]
    StockBurst.objects.create(store=source.store, vain_bursts=9, looked_at=timezone.now())
    assert look(source, 599) == 0
    assert look(source, 2) == PAUSE
    StockBurst.objects.update(vain_bursts=9, looked_at=timezone.now())
    assert look(source, 3601) == PAUSE
    assert StockBurst.objects.get(pk=source.store.pk).vain_bursts == 0


def test_points_that_are_short_are_left_to_those_who_cannot_wait(pair):
    world = pair()
    source = world.places[0]
    Store.objects.filter(pk=source.store.pk).update(
        bucket_maximum=1000, bucket_available=499, bucket_restore_rate=0, bucket_at=Now()
    )
    before = source.shop.counters.points
    assert look(source) == 0
    assert source.shop.counters.points == before


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("http", {"status": 503}), ("lost_answer", {"match": "any_query"}), ("throttled", {"match": "any"})],
)
def test_a_store_in_trouble_is_not_followed_and_nothing_fails(pair, kind, fields):
    world = pair(destinations=2)
    source, north, south = world.places
    look(source)
    world.sim.faults(source.shop).add(kind, **fields, count=None)
    source.buy(0, 1)
    assert look(source) == 0
    world.follow()  # what its webhook says needs nobody else
    assert north.available(0) == south.available(0) == 19
    assert not SyncJob.objects.filter(kind=Kind.FOLLOW_BURST).exists()


def test_switched_off_nobody_is_asked(pair, settings):
    world = pair()
    source, north = world.places
    settings.BURST_READ_SECONDS = 0
    for number in [0, 1, 2] * BURST_BATCHES_COUNT:
        source.buy(number, 1)
        world.follow()
    assert not StockBurst.objects.exists()
    assert look(source) == 0


class TestPatience:
    def test_stock_that_a_webhook_tells_of_goes_with_what_the_next_look_finds(self, pair):
        world = pair()
        source, north = world.places
        look_ahead(source)
        world.work()
        source.buy(0, 1)
        world.deliver(source)
        SyncJob.objects.filter(kind=Kind.PROCESS_EVENTS).update(due_at=Now())
        jobs.run_due(handlers.WORK, 0.001)  # one job
        [job] = queued(Kind.CARRY_STOCK).filter(due_at__gt=Now())
        assert north.available(0) == 20
        source.buy(1, 1)
        look(source)
        job.refresh_from_db()
        assert not queued(Kind.CARRY_STOCK).filter(due_at__gt=Now()).exists()
        writes = north.writes
        world.work()
        assert [north.available(number) for number in (0, 1)] == [19, 19]
        assert north.writes == writes + 1

    def test_webhooks_about_stock_wait_for_company_but_for_no_other_stores(self, pair):
        world = pair("two_way", destinations=2)
        source, north, south = world.places
        StockBurst.objects.create(store=source.store, patient_until=Now() + timedelta(minutes=1))
        source.buy(0, 1)
        world.deliver(source)
        assert not queued(Kind.PROCESS_EVENTS).filter(due_at__lte=Now()).exists()
        south.buy(1, 1)
        world.deliver(south)
        assert queued(Kind.PROCESS_EVENTS).filter(due_at__lte=Now()).exists()

    def test_webhooks_that_failed_are_not_hurried(self, pair):
        world = pair()
        enqueue.process_events(60)
        queued(Kind.PROCESS_EVENTS).update(attempts=1)
        enqueue.process_events()
        assert not queued(Kind.PROCESS_EVENTS).filter(due_at__lte=Now()).exists()
        queued(Kind.PROCESS_EVENTS).update(attempts=0)
        enqueue.process_events()
        assert queued(Kind.PROCESS_EVENTS).filter(due_at__lte=Now()).exists()
        world.work()

    def test_patience_ends_with_the_burst(self, pair):
        world = pair(destinations=2)
        source = world.places[0]
        look_ahead(source)
        assert StockBurst.objects.filter(patient_until__gt=Now()).count() == 3
        assert [look(source) for _ in range(EMPTY_READS)] == [PAUSE] * (EMPTY_READS - 1) + [0]
        assert not StockBurst.objects.filter(patient_until__gt=Now()).exists()
