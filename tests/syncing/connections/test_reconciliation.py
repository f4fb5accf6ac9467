"""With every webhook lost, the comparison alone leads to the same end; it marks and never writes."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from stores.clients import open_client
from stores.models import Connection
from syncing import sweep
from syncing.connections import reconciliation
from syncing.models import Reconciliation, StockLevel, StockLink, SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock import preview
from tests.simulator.events import merchant as people

BOTH_WAYS_OF_READING = pytest.mark.parametrize("bulk_from", [2, 1000])
STRATEGIES = pytest.mark.parametrize("strategy", ["two_way", "one_way"])


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def lose_everything(world):
    for place in world.places:
        place.lose_webhooks()


def pause(connection, is_paused=True):
    Connection.objects.filter(pk=connection.pk).update(is_paused=is_paused)


@STRATEGIES
@BOTH_WAYS_OF_READING
def test_every_webhook_lost_the_reconciliation_alone_reaches_the_same_end(pair, settings, strategy, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair(strategy, destinations=2, items=10)
    dice = random.Random(7)
    for _ in range(60):
        world.tick(dice.choice([0, 1]))
        place = dice.choice(world.places)
        dice.choice([place.buy, place.restock])(dice.randrange(10), dice.randint(1, 4))
    lose_everything(world)
    world.settle()
    for number in range(10):
        assert levels_of(world, number) == [world.expected(number)] * 3
    assert bool(world.places[0].count("bulkOperationRunQuery")) == (bulk_from == 2)


@BOTH_WAYS_OF_READING
def test_a_comparison_reports_what_it_found_and_writes_nothing_itself(pair, settings, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair("one_way", items=6, stock=60, drift="report")
    source, north = world.places
    source.set(0, 57)
    source.set(1, 0)
    north.set(2, 61)
    lose_everything(world)
    connection = world.connections[0]
    report = compare(connection)
    assert north.writes == 0
    assert (report.state, report.compared, report.equal, report.differing) == ("done", 6, 3, 2)
    assert report.skipped == {"changed in the destination (reported only)": 1}
    assert report.levels_read == 12
    world.work()
    assert (report.count_corrected(), report.count_held()) == (1, 1)
    assert [north.available(number) for number in range(4)] == [57, 60, 61, 60]
    people.change_inventory_item(source.shop, world.sim.clock, source.item(3), tracked=False)
    lose_everything(world)
    world.reconcile()
    assert StockLink.objects.get(state="skipped").reason == "inventory is not tracked in the source"
    assert north.available(3) == 60
    connection.refresh_from_db()
    assert connection.reconciled_at > report.finished_at


def compare(connection, tries=200):
    """The comparison as a job makes it: again while Shopify prepares its file."""
    for _ in range(tries):
        try:
            return reconciliation.run(connection, open_client)
        except jobs.Later:
            pass
    raise AssertionError("the file is never ready")


@BOTH_WAYS_OF_READING
def test_nothing_that_differs_costs_no_write(pair, settings, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair(items=5)
    world.reconcile()
    report = Reconciliation.objects.get()
    assert (report.compared, report.equal, report.differing) == (5, 5, 0)
    assert [place.writes for place in world.places] == [0, 0]


@BOTH_WAYS_OF_READING
@pytest.mark.parametrize(("ending", "left"), [("leave", 20), ("zero", 0)])
def test_an_item_deleted_in_a_store_is_found_and_ends_as_was_chosen(pair, settings, bulk_from, ending, left):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair("one_way", ending=ending)
    source, north = world.places
    source.shop.remove_product(source.shop.products[source.variants[0].product_id])
    source.buy(1, 4)
    lose_everything(world)
    world.reconcile()
    assert [north.available(number) for number in range(3)] == [left, 16, 20]
    link = world.connections[0].links.order_by("pk").first()
    assert (link.state, link.reason) == ("gone", "It was deleted in the source.")
    assert link.stock_links.get().ending == ending


@BOTH_WAYS_OF_READING
def test_what_changes_while_the_stores_are_read_is_not_carried_wrongly(pair, settings, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair()
    source, north = world.places
    for name in ("nodes", "bulkOperationRunQuery"):
        world.meanwhile(name, lambda: (source.buy(0, 2), north.buy(0, 3), world.deliver()), times=2)
    lose_everything(world)
    world.reconcile()
    world.follow()
    assert levels_of(world) == [world.expected(0)] * 2


def test_a_bulk_operation_that_takes_long_is_waited_for_without_a_worker(pair, settings):
    settings.BULK_FROM_LEVELS = 2
    world = pair()
    source, north = world.places
    for place in world.places:
        place.shop.knobs.bulk_delay_seconds = 600
    source.buy(0, 5)
    lose_everything(world)
    with pytest.raises(jobs.Later) as later:
        reconciliation.run(world.connections[0], open_client)
    assert later.value.seconds == reconciliation.POLL_SECONDS
    assert [place.count("bulkOperationRunQuery") for place in world.places] == [1, 1]  # both stores at once
    world.tick(601)
    compare(world.connections[0])
    world.work()
    assert [place.count("bulkOperationRunQuery") for place in world.places] == [1, 1]
    assert levels_of(world) == [15, 15]


def test_a_comparison_that_a_pause_finds_half_read_begins_anew_afterwards(pair, settings):
    settings.BULK_FROM_LEVELS = 2
    world = pair()
    source, north = world.places
    north.shop.knobs.bulk_delay_seconds = 600
    with pytest.raises(jobs.Later):
        reconciliation.run(world.connections[0], open_client)
    assert Reconciliation.objects.get().bulk_gids[str(source.store.pk)] == reconciliation.READ
    pause(world.connections[0])
    enqueue.reconcile(world.connections[0])
    world.work()
    half = Reconciliation.objects.get()
    assert (half.state, half.message) == ("failed", "Given up half read. The connection is paused.")
    north.shop.knobs.bulk_delay_seconds = 0
    world.tick(601)
    source.buy(0, 5)
    lose_everything(world)
    pause(world.connections[0], is_paused=False)
    enqueue.reconcile(world.connections[0], trigger="resume")
    world.work()
    assert levels_of(world) == [15, 15]


def test_a_bulk_operation_that_fails_is_started_again_and_nothing_is_believed_of_its_part(pair, settings):
    settings.BULK_FROM_LEVELS = 2
    world = pair("one_way")
    source, north = world.places
    source.buy(0, 5)
    lose_everything(world)
    world.sim.bulk.fail_next(source.shop, after_lines=2)
    world.reconcile()
    assert levels_of(world) == [15, 15]
    assert source.count("bulkOperationRunQuery") == 2
    assert Reconciliation.objects.get().state == "done"


@pytest.mark.parametrize("kind", ["lost_answer", "http", "throttled"])
def test_a_read_that_fails_leaves_all_as_it_is_and_is_made_again(pair, kind):
    world = pair("one_way")
    source, north = world.places
    source.buy(0, 5)
    lose_everything(world)
    source.fault(kind, match="any_query", count=20)
    world.reconcile()
    world.sim.faults(source.shop).clear()
    world.reconcile()
    assert levels_of(world) == [15, 15]


def test_the_sweep_compares_hourly_and_not_what_is_inert(pair, settings):
    world = pair(destinations=2)
    Connection.objects.update(reconciled_at=timezone.now() - timedelta(minutes=59))
    sweep.sweep()
    assert not SyncJob.objects.filter(kind="reconcile").exists()
    Connection.objects.update(reconciled_at=timezone.now() - timedelta(minutes=61))
    world.connections[1].is_paused = True
    world.connections[1].save(update_fields=["is_paused"])
    sweep.sweep()
    assert [job.connection_id for job in SyncJob.objects.filter(kind="reconcile")] == [world.connections[0].pk]


@STRATEGIES
def test_a_preview_shows_every_difference_and_writes_nothing(pair, strategy):
    world = pair(strategy, items=4)
    source, north = world.places
    source.set(0, 12)
    north.set(1, 23)
    lose_everything(world)
    before = list(StockLevel.objects.order_by("pk").values()), list(StockLink.objects.order_by("pk").values())
    rows = list(preview.preview(world.connections[0], open_client))
    shown = [(row.source, row.source_becomes, row.destination, row.destination_becomes) for row in rows]
    if strategy == "two_way":
        assert shown == [(12, 12, 20, 12), (20, 23, 23, 23)]
    else:
        assert shown[0] == (12, 12, 20, 12)
        assert rows[1].reason == "was changed in the destination: shows 23, should be 20"
    assert [place.writes for place in world.places] == [0, 0]
    assert before == (list(StockLevel.objects.order_by("pk").values()), list(StockLink.objects.order_by("pk").values()))
