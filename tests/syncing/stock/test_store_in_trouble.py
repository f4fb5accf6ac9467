"""One store in trouble never freezes another: what can be done without it is done, and it catches up by itself."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from stores import gates
from stores.models import Connection, StoreTrouble, VariantLink
from stores.shopify.errors import UnexpectedAnswer
from syncing import handlers
from syncing.models import (
    Alert,
    Reconciliation,
    StockAdjustment,
    StockBatch,
    StockHold,
    StockLevel,
    StockLink,
    SyncJob,
)
from syncing.monitoring import service_problems
from syncing.queue import enqueue, jobs
from syncing.stock import wiring
from syncing.stock.mirror import levels
from syncing.stock.writes import claims
from tests.e2e.killing import wait_until
from tests.support.minutes import sweep_minute
from tests.support.thoroughness import effects

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"
FAULTS = {
    "down": ("http", {"match": "any", "status": 503}),
    "throttled": ("rate_limited", {"match": "any", "retry_after": "120"}),
    "silent": ("refuse_before", {"match": "any"}),
    "unreadable": ("http", {"match": "any_query", "status": 503}),
    "unwritable": ("http", {"match": "any_mutation", "status": 503}),
    "without the scope": ("http", {"match": "any", "status": 403}),
}


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def fresh(connection):
    return Connection.objects.select_related("source", "destination").get(pk=connection.pk)


def trouble(place, name):
    kind, fields = FAULTS[name]
    place.fault(kind, count=None, **fields)


def let_minutes_pass(world, minutes):
    """Each with what the sweep, the workers and the stores do in it."""
    for minute in range(minutes):
        world.tick(60)
        sweep_minute(minute)
        for _ in range(2):
            world.deliver()
            SyncJob.objects.filter(due_at__lte=timezone.now()).update(due_at=Now() - timedelta(seconds=1))
            while jobs.run_due(handlers.WORK, 0.05):
                pass


def recover(world, place):
    world.sim.faults(place.shop).clear()
    let_minutes_pass(world, 12)


@pytest.mark.parametrize("name", ["down", "throttled", "silent", "unwritable", "without the scope"])
def test_a_destination_in_trouble_keeps_no_sale_from_the_others(pair, name):
    """Sold: 1 of item 0 in the source, then 2 of item 1 in north; north is in trouble; 5 of item 1 in the source."""
    world = pair(destinations=2)
    source, north, south = world.places
    source.buy(0, 1)
    north.buy(1, 2)
    world.deliver()
    trouble(north, name)
    world.work(tries=1)
    source.buy(1, 5)
    let_minutes_pass(world, 30)
    assert levels_of(world, 1) == [13, 18, 13]
    assert (source.available(0), south.available(0)) == (19, 19)
    recover(world, north)
    assert levels_of(world, 1) == [13, 13, 13]
    assert levels_of(world, 0) == [19, 19, 19]


def test_what_a_store_that_answers_no_queries_sold_reaches_the_source(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    StockLevel.objects.filter(store=north.store, item_gid__endswith=f"/{north.item(2)}").update(is_doubtful=True)
    StockLink.objects.filter(destination_level__store=north.store, destination_level__is_doubtful=True).update(
        dirty_sequence=9
    )
    trouble(north, "unreadable")
    north.buy(1, 3)
    source.buy(0, 4)
    source.buy(2, 1)
    let_minutes_pass(world, 20)
    assert levels_of(world, 1) == [17, 17, 17]
    assert levels_of(world, 0) == [16, 16, 16]
    assert (source.available(2), south.available(2)) == (19, 19)
    recover(world, north)
    assert levels_of(world, 2) == [19, 19, 19]


def test_a_source_in_trouble_keeps_what_it_sold_from_no_destination(pair):
    """Its webhooks still come, and a write to it that nobody knows the outcome of is no hindrance to the others."""
    world = pair(destinations=2)
    source, north, south = world.places
    north.buy(0, 2)
    world.deliver()
    trouble(source, "down")
    world.work(tries=1)
    source.buy(0, 5)
    source.buy(1, 1)
    let_minutes_pass(world, 10)
    assert south.available(0) == 15
    assert [place.available(1) for place in (north, south)] == [19, 19]
    recover(world, source)
    assert levels_of(world, 0) == [13, 13, 13]


def test_a_source_in_trouble_keeps_nothing_from_the_other_source_of_a_destination(world):
    first, second = (world.add_store(name, "source") for name in ("first", "second"))
    north = world.add_store("north", "destination", items=6)
    world.connect(first, north, "two_way")
    late = world.connect(second, north, "two_way", state="ready")
    theirs = north.store.variants.order_by("pk")[3:]
    for mine, other in zip(second.store.variants.order_by("pk"), theirs, strict=True):
        VariantLink.objects.create(connection=late, source_variant=mine, destination_variant=other, state="linked")
    late.state = "running"
    late.save()
    wiring.wire_connection(late)
    enqueue.carry_stock(late)
    world.work()
    world.mark()
    trouble(first, "down")
    north.buy(0, 1)
    north.buy(3, 3)
    let_minutes_pass(world, 10)
    assert (first.available(0), second.available(0)) == (20, 17)
    recover(world, first)
    assert first.available(0) == 19


def test_links_that_cannot_be_carried_keep_none_behind_them_from_its_turn(pair, monkeypatch):
    world = pair(items=6)
    source, north = world.places
    monkeypatch.setattr("syncing.stock.engine.LOT_ROWS", 2)
    trouble(north, "unwritable")
    for number in range(5):
        source.buy(number, 1)
    world.deliver()
    world.work(tries=1)
    north.buy(5, 2)
    let_minutes_pass(world, 10)
    assert source.available(5) == 18
    recover(world, north)
    assert all(levels_of(world, number) == [19, 19] for number in range(5))


def test_one_location_that_cannot_be_read_keeps_no_other_of_its_store_waiting(world, monkeypatch):
    source = world.add_store("source", "source", locations=2)
    north = world.add_store("north", "destination", locations=2)
    world.connect(source, north, "two_way")
    world.work()
    world.mark()
    StockLevel.objects.filter(store=north.store).update(is_doubtful=True)
    read = spoil_reads(monkeypatch, lambda location_gid, items: location_gid.endswith(f"/{north.location_ids[0]}"))
    for at in (0, 1):
        source.buy(0, 2, at)
    world.deliver()
    world.work(tries=1)
    assert [north.available(0, at) for at in (0, 1)] == [20, 18]
    read.clear()
    let_minutes_pass(world, 10)
    assert [north.available(0, at) for at in (0, 1)] == [18, 18]


def test_one_item_that_cannot_be_read_keeps_no_other_of_its_lot_waiting(pair, monkeypatch):
    world = pair(items=20)
    source, north = world.places
    StockLevel.objects.filter(store=north.store).update(is_doubtful=True)
    bad = f"/{north.item(7)}"
    read = spoil_reads(monkeypatch, lambda location_gid, items: any(item.endswith(bad) for item in items))
    for number in range(20):
        source.buy(number, 1)
    world.deliver()
    world.work(tries=1)
    assert [north.available(number) for number in range(20)] == [20 if number == 7 else 19 for number in range(20)]
    read.clear()
    let_minutes_pass(world, 10)
    assert levels_of(world, 7) == [19, 19]


def spoil_reads(monkeypatch, is_bad):
    """Reads of which `is_bad` says so are answered without a quantity; what is returned ends that once it is empty."""
    answer, active = levels.read_levels, [True]

    def read_levels(client, location_gid, items):
        if active and is_bad(location_gid, items):
            raise UnexpectedAnswer("Shopify gave no available quantity.")
        return answer(client, location_gid, items)

    monkeypatch.setattr(levels, "read_levels", read_levels)
    return active


# What was recorded and not sent


@pytest.mark.parametrize("end", [RuntimeError, SystemExit])
def test_what_a_run_recorded_and_did_not_send_is_withdrawn_however_it_ends(pair, monkeypatch, end):
    world = pair(destinations=2)
    source, north, south = world.places
    source.buy(0, 1)
    north.buy(1, 2)
    world.deliver()
    handlers.process_events(SyncJob(kind="process_events"))

    def fall(*arguments):
        raise end("the run is over")

    monkeypatch.setattr("syncing.stock.writes.ledger.send", fall)
    with pytest.raises(end):
        handlers.carry_stock(SyncJob(kind="carry_stock", connection=fresh(world.connections[0])))
    assert StockBatch.objects.exists()
    assert not StockAdjustment.objects.filter(state="pending").exists()


def test_what_a_killed_worker_never_sent_is_withdrawn_by_whoever_shares_the_level(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    north.buy(0, 2)
    world.deliver()
    handlers.process_events(SyncJob(kind="process_events"))
    for effect in effects():
        with world.worker_that_dies(effect) as death:
            handlers.carry_stock(SyncJob(kind="carry_stock", connection=fresh(world.connections[0])))
        if StockBatch.objects.filter(state="pending", attempts=0).exists():
            break
        assert death.is_over
    SyncJob.objects.all().delete()  # and its own connection is kept by something else
    left = StockBatch.objects.get(state="pending")
    assert wait_until(lambda: claims.claim(left.pk), 10)  # its session ends a moment after it was left
    claims.release(left.pk)
    south.buy(0, 5)
    world.deliver()
    handlers.process_events(SyncJob(kind="process_events"))
    handlers.carry_stock(SyncJob(kind="carry_stock", connection=fresh(world.connections[1])))
    assert source.available() == 15
    world.settle()
    assert levels_of(world) == [13, 13, 13]
    assert not StockHold.objects.exists()


# Comparing


def test_a_comparison_finds_what_the_source_did_although_the_destination_does_not_answer(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    source.buy(0, 3)
    source.lose_webhooks()
    trouble(north, "unreadable")
    enqueue.reconcile(world.connections[0])
    world.work(tries=1)
    assert levels_of(world) == [17, 17, 17]


def test_a_comparison_finds_what_the_destination_did_although_the_source_answers_no_queries(pair):
    world = pair()
    source, north = world.places
    north.buy(0, 3)
    north.lose_webhooks()
    trouble(source, "unreadable")
    enqueue.reconcile(world.connections[0])
    world.work(tries=1)
    assert levels_of(world) == [17, 17]


def test_a_comparison_goes_on_without_the_one_item_that_cannot_be_read(pair, monkeypatch):
    world = pair("one_way", items=8)
    source, north = world.places
    for number in range(8):
        north.set(number, 9)
    north.lose_webhooks()
    bad = f"/{north.item(5)}"
    spoil_reads(monkeypatch, lambda location_gid, items: any(item.endswith(bad) for item in items))
    enqueue.reconcile(world.connections[0])
    world.work(tries=1)
    assert [north.available(number) for number in range(8)] == [9 if number == 5 else 20 for number in range(8)]
    assert Reconciliation.objects.get().skipped == {"could not be read": 1}


# Workers


def test_a_slow_store_is_asked_once_and_rests_then_whatever_asks_it(pair, monkeypatch):
    """Carrying, comparing, checking: none of it holds a worker again before the store's rest is over."""
    world = pair(destinations=2)
    source, north, south = world.places
    monkeypatch.setattr(gates, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(gates, "REST_FACTOR", 1000)  # longer than this test lasts on any machine
    north.fault("slow", match="any", count=None, seconds=0.3)
    StoreTrouble.objects.all().delete()
    north.shop.counters.requests = 0
    enqueue.reconcile(world.connections[0])
    enqueue.check_store(north.store)
    source.buy(0, 1)
    world.deliver()
    while jobs.run_due(handlers.WORK, 0.05):
        pass
    assert south.available() == 19
    asked = north.shop.counters.requests
    assert asked <= 2  # one read and one write
    source.buy(1, 1)
    world.deliver()
    enqueue.reconcile(world.connections[0])
    while jobs.run_due(handlers.WORK, 0.05):
        pass
    assert (south.available(1), north.shop.counters.requests) == (19, asked)
    waiting = SyncJob.objects.filter(state="queued", message__contains="is asked again in")
    assert {job.kind for job in waiting} == {"carry_stock", "reconcile", "check_store"}
    assert all(job.due_at > timezone.now() for job in waiting)


def test_a_store_that_fails_for_a_while_is_told_of_once(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    trouble(north, "down")
    for number in range(3):
        source.buy(number, 1)
        let_minutes_pass(world, 10)
    found = problems_of(north)
    assert len(found) == 1
    assert "has not answered as it should since" in found[0].message
    recover(world, north)
    assert not problems_of(north)


def problems_of(place):
    """But for clocks: Shopify's stands still here, however long a busy machine takes."""
    found = [problem for problem in service_problems.find() if problem.store_id == place.store.pk]
    return [problem for problem in found if problem.kind != Alert.Kind.CLOCK]


def test_a_store_in_trouble_keeps_the_daily_matching_from_no_other_connection(pair):
    world = pair(destinations=3)
    trouble(world.places[1], "down")
    Connection.objects.update(linked_at=timezone.now() - timedelta(days=2))
    Connection.objects.filter(pk=world.connections[0].pk).update(linked_at=timezone.now() - timedelta(days=3))
    let_minutes_pass(world, 6)
    days_ago = [timezone.now() - fresh(connection).linked_at > timedelta(days=1) for connection in world.connections]
    assert days_ago == [True, False, False]


def test_a_catalogue_is_not_read_again_and_again_while_the_other_store_does_not_answer(pair):
    world = pair()
    source, north = world.places
    trouble(north, "down")
    enqueue.match_connection(world.connections[0])
    before = source.count("productVariants", "productVariantsCount")
    let_minutes_pass(world, 5)
    assert source.count("productVariants", "productVariantsCount") == before
    recover(world, north)
    assert timezone.now() - fresh(world.connections[0]).linked_at < timedelta(minutes=15)
