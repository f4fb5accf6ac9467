"""A run is taken back store by store: what one in trouble keeps waiting is not left alone, and follows by itself."""

import pytest
from django.db import IntegrityError

from stores.models import StoreTrouble
from syncing.models import Reconciliation, SyncJob
from syncing.queue import enqueue
from syncing.stock import undo
from syncing.stock.writes import recording

ADJUST = "inventoryAdjustQuantities"


def reconcile_both_ways(world):
    """The source gets 10 of item 0 and north 10 of item 1, both unseen, and a reconciliation carries them."""
    source, north = world.places
    source.restock(0, 10)
    north.restock(1, 10)
    for place in world.places:
        place.lose_webhooks()
    enqueue.reconcile(world.connections[0])
    world.work()
    world.follow()
    assert levels_of(world) == [[30, 30], [30, 30]]
    return Reconciliation.objects.get()


def levels_of(world):
    return [[place.available(number) for place in world.places] for number in (0, 1)]


def message_of_undo():
    return SyncJob.objects.get(kind="undo_run").message


def test_what_a_slow_store_kept_waiting_is_taken_back_too(pair, monkeypatch):
    world = pair()
    run = reconcile_both_ways(world)
    monkeypatch.setattr("syncing.stock.writes.delivery.PLAN_SECONDS", 0.2)
    for place in world.places:
        place.fault("slow", match=ADJUST, count=None, seconds=0.3)
    enqueue.undo_run(run)
    world.work()
    assert message_of_undo() == "Levels taken back: 2; left alone: 0."
    assert levels_of(world) == [[30, 20], [20, 30]]


@pytest.mark.parametrize("match", ["any", "any_mutation", "any_query"])
@pytest.mark.parametrize("number", [0, 1], ids=["the source", "the destination"])
def test_a_store_that_is_down_keeps_the_other_from_nothing_and_follows_when_it_is_back(pair, number, match):
    world = pair()
    run = reconcile_both_ways(world)
    world.places[number].fault("http", match=match, status=503, count=None)
    enqueue.undo_run(run)
    world.work(tries=2)
    assert levels_of(world) == [[30, 30], [20, 30]] if number else [[30, 20], [30, 30]]
    assert SyncJob.objects.get(kind="undo_run").state == "queued"
    world.sim.faults(world.places[number].shop).clear()
    StoreTrouble.objects.all().delete()
    world.work(tries=9)
    assert message_of_undo() == "Levels taken back: 2; left alone: 0."
    assert levels_of(world) == [[30, 20], [20, 30]]


def test_a_level_that_another_connection_writes_just_now_keeps_no_other_from_being_taken_back(pair, monkeypatch):
    world = pair()
    run = reconcile_both_ways(world)
    record, refusals = recording.record_rows, [1]

    def refuse_once(*arguments):
        if refusals:
            refusals.pop()
            raise IntegrityError("one_pending_write_per_level")
        return record(*arguments)

    monkeypatch.setattr(recording, "record_rows", refuse_once)
    enqueue.undo_run(run)
    world.work()
    assert message_of_undo() == "Levels taken back: 2; left alone: 0."
    assert levels_of(world) == [[30, 20], [20, 30]]


def test_a_change_that_is_made_while_it_is_taken_back_is_left_alone_and_counted_once(pair):
    world = pair("one_way")
    source, north = world.places
    source.restock(0, 10)
    source.restock(1, 10)
    source.lose_webhooks()
    enqueue.reconcile(world.connections[0])
    world.work()
    run = Reconciliation.objects.get()
    world.meanwhile("inventorySetQuantities", lambda: north.buy(0, 1))
    enqueue.undo_run(run)
    world.work()
    assert message_of_undo() == "Levels taken back: 1; left alone: 1."
    assert [north.available(number) for number in (0, 1)] == [29, 20]
    steps = list(undo.steps(world.connections[0], undo.writes_of(run)))
    assert sorted(step.reason for step in steps) == [
        "It has changed since: the run left 30 there.",
        "It was taken back before.",
    ]
