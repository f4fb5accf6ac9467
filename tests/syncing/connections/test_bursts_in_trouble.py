"""A store that is asked ahead of its webhooks, and what goes wrong meanwhile: nobody else waits, nothing stays."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from stores.clients import open_client
from stores.models import Connection, Store, SyncSwitch
from stores.shopify import gids
from stores.shopify.errors import InvalidCredentials
from syncing import handlers
from syncing.connections import bursts
from syncing.models import StockBurst, SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock import wiring

Kind = SyncJob.Kind
PAUSE = 1.0


@pytest.fixture
def rooms(world, settings):
    """Builds one source with several locations, each mapped to one of each destination, with bursts followed."""

    def build(locations=2, destinations=1, items=3):
        source = world.add_store("source", "source", items, 20, locations)
        for name in ("north", "south")[:destinations]:
            world.connect(source, world.add_store(name, "destination", items, 20, locations), "one_way")
        world.work()
        world.mark()
        settings.BURST_READ_SECONDS = PAUSE
        return world

    return build


def look(place, seconds=1.0):
    place.sim.clock.advance(seconds)
    return bursts.follow(Store.objects.get(pk=place.store.pk), open_client, timezone.now())


def due(kind, *, now=True):
    waiting = SyncJob.objects.filter(kind=kind, state=SyncJob.State.QUEUED)
    return waiting.filter(due_at__lte=Now()) if now else waiting.filter(due_at__gt=Now())


def run_one(kind):
    """Have the job of this kind run, and no other."""
    SyncJob.objects.exclude(kind=kind).update(due_at=Now() + timedelta(seconds=9))
    SyncJob.objects.filter(kind=kind).update(due_at=Now())
    jobs.run_due(handlers.WORK, 0.001)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        (Connection, {"is_paused": True}),
        (Store, {"is_paused": True}),
        (Store, {"status": Store.Status.DISCONNECTED}),
        (SyncSwitch, {"is_stopped": True}),
    ],
)
def test_while_nothing_travels_nobody_is_asked(rooms, rows, changes, is_first):
    world = rooms()
    source = world.places[0]
    if not is_first:
        look(source)
    SyncSwitch.load()
    rows.objects.update(**changes)
    before = source.shop.counters.points
    assert look(source) == 0
    assert source.shop.counters.points == before


@pytest.mark.parametrize("kind", ["internal_error_before", "refused_field", "http"])
def test_what_one_location_said_is_carried_when_another_cannot_be_read(rooms, kind):
    world = rooms()
    source, north = world.places
    look(source)
    source.buy(0, 1, at=0)
    bad = gids.gid("Location", source.location_ids[1])
    world.sim.faults(source.shop).add(kind, match="location", naming=bad, count=None)
    look(source)
    assert due(Kind.CARRY_STOCK).exists()  # its webhook says nothing new any more
    world.sim.faults(source.shop).clear()
    world.follow()
    assert north.available(0) == 19


def test_one_location_that_cannot_be_read_keeps_no_other_from_being_followed(rooms):
    world = rooms()
    source, north = world.places
    bad = gids.gid("Location", source.location_ids[0])
    world.sim.faults(source.shop).add("internal_error_before", match="location", naming=bad, count=None)
    assert look(source) == PAUSE
    source.buy(0, 1, at=1)
    assert look(source) == PAUSE
    world.work()
    assert north.available(0, at=1) == 19


def test_a_store_whose_key_is_lost_fails_no_job(rooms):
    world = rooms()
    source = world.places[0]

    def open_none(store):
        raise InvalidCredentials("Its key is lost.")

    assert bursts.follow(Store.objects.get(pk=source.store.pk), open_none, timezone.now()) == 0


def test_points_are_left_to_others_between_two_locations_as_well(rooms):
    world = rooms(locations=4)
    source = world.places[0]
    look(source)
    before = source.count("location")

    def spend():
        Store.objects.filter(pk=source.store.pk).update(bucket_available=F("bucket_maximum") * 0.3, bucket_at=Now())

    world.meanwhile("location", spend)
    assert look(source) == 0
    assert source.count("location") == before + 1


def test_what_changes_at_one_location_while_another_is_read_is_found_by_the_next_look(rooms):
    world = rooms()
    source, north = world.places
    look(source)
    source.buy(1, 1)

    asked = []

    def happen():
        asked.append(1)
        if len(asked) == 2:  # the first location was read
            source.buy(0, 1, at=0)
            world.tick(5)

    world.meanwhile("location", happen, times=2)
    assert look(source) == PAUSE
    assert look(source) == PAUSE
    world.work()
    assert north.available(0) == 19


@pytest.fixture
def slowly(monkeypatch):
    """Has each location take so many seconds of the worker, by the simulator's clock."""

    def read(world, seconds):
        monkeypatch.setattr(bursts, "monotonic", world.sim.clock.seconds)
        world.meanwhile("location", lambda: world.tick(seconds), times=10**6)

    return read


def test_a_slow_store_has_no_more_of_a_worker_than_its_share(rooms, slowly):
    world = rooms(locations=4)
    source = world.places[0]
    look(source)
    slowly(world, 3)
    before = source.count("location")
    for _ in range(30):
        source.buy(0, 1)
        assert look(source) == 0
    assert source.count("location") - before <= 4  # of one location each, after 4 and 16 s
    world.follow()
    assert world.places[1].available(0) == -10


def test_a_look_is_earned_back_by_a_pause(rooms, slowly):
    world = rooms()
    slowly(world, 0.5)
    assert look(world.places[0]) == pytest.approx(3.0)


def test_looks_at_many_stores_leave_half_of_the_workers_time_to_all_else(rooms, settings):
    world = rooms(destinations=2)
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"workers": 1}
    source, north, south = world.places
    assert [look(place) for place in world.places] == [PAUSE, PAUSE, 0]
    before = south.shop.counters.points
    assert look(south) == 0
    assert south.shop.counters.points == before
    assert look(source) == 0  # it has ended
    assert look(south) == PAUSE


def test_a_store_whose_points_are_short_is_asked_as_soon_as_there_are_some(rooms):
    world = rooms()
    source = world.places[0]
    Store.objects.filter(pk=source.store.pk).update(bucket_maximum=1e9, bucket_available=1e8, bucket_at=Now())
    assert [look(source) for _ in range(9)] == [0] * 9
    Store.objects.filter(pk=source.store.pk).update(bucket_available=1e9)
    assert look(source) == PAUSE


def test_a_store_that_is_removed_while_it_is_asked_fails_nothing(rooms):
    world = rooms()
    source, _ = world.places
    look(source)

    def remove():
        Connection.objects.all().delete()
        Store.objects.filter(pk=source.store.pk).delete()

    world.meanwhile("location", remove)
    assert look(source) == 0
    assert not StockBurst.objects.filter(pk=source.store.pk).exists()


class TestNobodyElseWaits:
    @pytest.fixture
    def places(self, world, settings):
        """Two sources on one destination, each with items of its own there."""
        busy, quiet = (world.add_store(name, "source") for name in ("busy", "quiet"))
        north = world.add_store("north", "destination", items=6)
        world.connect(busy, north)
        made = world.connect(quiet, north, state="ready")
        variants = zip(quiet.store.variants.order_by("pk"), north.store.variants.order_by("pk")[3:], strict=True)
        for mine, other in variants:
            made.links.create(source_variant=mine, destination_variant=other, state="linked")
        wiring.wire_connection(made)
        made.start()
        enqueue.carry_stock(made)
        world.work()
        world.mark()
        settings.BURST_READ_SECONDS = PAUSE
        return busy, quiet, north

    def test_another_source_of_the_same_destination_does_not(self, world, places):
        busy, quiet, north = places
        assert look(busy) == PAUSE
        quiet.buy(0, 1)
        world.deliver(quiet)
        run_one(Kind.PROCESS_EVENTS)
        assert due(Kind.CARRY_STOCK).exists()
        world.work()
        assert north.available(3) == 19

    def test_what_the_other_side_sells_waits_once_and_not_for_the_next_look_as_well(self, world, places):
        busy, _, north = places
        assert look(busy) == PAUSE
        north.buy(0, 1)
        world.deliver(north)
        run_one(Kind.PROCESS_EVENTS)
        assert due(Kind.CARRY_STOCK).exists()
        world.work()
        assert busy.available(0) == 19

    def test_nor_do_the_stores_of_a_connection_that_is_paused(self, rooms):
        world = rooms(destinations=2)
        source, north, south = world.places
        Connection.objects.filter(destination=north.store).update(is_paused=True)
        look(source)
        source.buy(0, 1)
        look(source)
        patient = StockBurst.objects.filter(patient_until__gt=Now()).values_list("store", flat=True)
        assert set(patient) == {source.store.pk, south.store.pk}


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=300)])
def test_patience_that_a_clock_left_far_ahead_does_not_count(rooms, ahead):
    world = rooms()
    source = world.places[0]
    now = timezone.now()
    StockBurst.objects.create(store=source.store, patient_until=Now() + ahead, until_at=now, looked_at=now)
    source.buy(0, 1)
    world.deliver(source)
    assert due(Kind.PROCESS_EVENTS).exists()
    jobs.run_due(handlers.WORK, 0.001)
    assert due(Kind.CARRY_STOCK).exists()
    world.work()
