"""A run's stock writes are taken back as one action; what changed since is left alone, and said."""

import pytest

from stores.models import Connection
from syncing.models import Reconciliation, StockAdjustment, StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import undo
from tests.support.thoroughness import effects

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"
STRATEGIES = pytest.mark.parametrize("strategy", ["two_way", "one_way"])


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def reconcile_a_change(world):
    """The source gets 10 of items 0 and 1, unseen, and a reconciliation carries them."""
    for number in (0, 1):
        world.places[0].restock(number, 10)
    world.places[0].lose_webhooks()
    enqueue.reconcile(world.connections[0])
    world.work()
    world.follow()
    assert levels_of(world, 0) == levels_of(world, 1) == [30] * len(world.places)
    return Reconciliation.objects.latest("pk")


def take_back(world, run):
    enqueue.undo_run(run)
    world.work()
    world.follow()
    return SyncJob.objects.filter(kind="undo_run").latest("pk").message


@STRATEGIES
def test_a_run_is_taken_back_and_stays_so_until_something_changes(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    run = reconcile_a_change(world)
    assert take_back(world, run) == "Levels taken back: 2; left alone: 0."
    assert levels_of(world, 0) == levels_of(world, 1) == [30, 20]
    enqueue.reconcile(world.connections[0])  # what was taken back is no drift
    world.work()
    world.follow()
    assert levels_of(world, 0) == [30, 20]
    source.buy(0, 1)
    world.follow()
    assert levels_of(world, 0) == {"two_way": [29, 19], "one_way": [29, 29]}[strategy]


@STRATEGIES
def test_what_changed_since_is_left_alone_and_listed(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    run = reconcile_a_change(world)
    north.buy(0, 2)
    world.follow()
    (left,) = [step for step in undo.steps(world.connections[0], undo.writes_of(run)) if step.reason]
    assert left.reason == "It has changed since: the run left 30 there."
    assert take_back(world, run) == "Levels taken back: 1; left alone: 1."
    assert levels_of(world, 0) == {"two_way": [28, 28], "one_way": [30, 28]}[strategy]
    assert levels_of(world, 1) == [30, 20]


@STRATEGIES
def test_a_change_that_nobody_told_us_of_is_seen_before_anything_is_taken_back(pair, strategy):
    world = pair(strategy)
    _, north = world.places
    run = reconcile_a_change(world)
    north.buy(0, 2)
    north.lose_webhooks()
    assert take_back(world, run) == "Levels taken back: 1; left alone: 1."
    assert north.available(0) == 28


@STRATEGIES
def test_taking_back_twice_takes_back_once(pair, strategy):
    world = pair(strategy)
    run = reconcile_a_change(world)
    take_back(world, run)
    assert take_back(world, run) == "Levels taken back: 0; left alone: 2."
    assert levels_of(world, 0) == [30, 20]
    assert {step.reason for step in undo.steps(world.connections[0], undo.writes_of(run))} == {
        "It was taken back before."
    }


def test_what_a_two_way_run_wrote_to_the_source_goes_back_everywhere_it_went(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    north.restock(0, 10)
    north.lose_webhooks()
    enqueue.reconcile(world.connections[0])
    world.work()
    world.follow()
    assert levels_of(world) == [30, 30, 30]
    assert take_back(world, Reconciliation.objects.get()) == "Levels taken back: 1; left alone: 0."
    assert levels_of(world) == [20, 30, 20]
    south.buy(0, 1)
    world.follow()
    assert levels_of(world) == [19, 29, 19]


@STRATEGIES
def test_a_first_alignment_is_taken_back(world, strategy):
    source = world.add_store("source", "source", stock=20)
    north = world.add_store("north", "destination", stock=5)
    connection = world.connect(source, north, strategy)
    world.work()
    world.follow()
    assert levels_of(world) == [20, 20]
    enqueue.undo_alignment(connection)
    world.work()
    world.follow()
    assert levels_of(world) == [20, 5]
    north.buy(0, 1)
    world.follow()
    assert levels_of(world) == {"two_way": [19, 4], "one_way": [20, 4]}[strategy]


def test_one_way_a_sum_is_taken_back_as_a_whole(world):
    source = world.add_store("source", "source", locations=2)
    north = world.add_store("north", "destination", stock=40)
    mapped = [(at, north.location_ids[0]) for at in source.location_ids]
    world.connect(source, north, "one_way", mapped=mapped)
    world.work()
    source.restock(0, 10, 1)
    source.lose_webhooks()
    enqueue.reconcile(world.connections[0])
    world.work()
    world.follow()
    assert north.available(0) == 50
    take_back(world, Reconciliation.objects.get())
    world.carry()
    world.follow()
    assert north.available(0) == 40
    source.restock(0, 1, 0)
    world.follow()
    assert north.available(0) == 51


@STRATEGIES
def test_wherever_a_worker_dies_while_it_takes_a_run_back_nothing_is_taken_back_twice(pair, strategy):
    world = pair(strategy)
    for effect in effects():
        world.begin_again()
        run = reconcile_a_change(world)
        enqueue.undo_run(run)
        with world.worker_that_dies(effect) as death:
            world.work()
        world.work()
        world.carry()
        world.follow()
        assert levels_of(world, 0) == levels_of(world, 1) == [30, 20], effect
        if not death.is_over:
            break
    assert 5 < effect < 190


@pytest.mark.parametrize("fault", ["lost_answer", "throttled", "http"])
@STRATEGIES
def test_a_lost_answer_is_settled_and_the_level_stays_taken_back(pair, strategy, fault):
    world = pair(strategy)
    north = world.places[1]
    run = reconcile_a_change(world)
    fields = {"status": 503} if fault == "http" else {}
    north.fault(fault, match={"two_way": ADJUST, "one_way": SET}[strategy], **fields)
    enqueue.undo_run(run)
    world.work()
    world.carry()
    world.follow()
    assert levels_of(world, 0) == [30, 20]
    assert StockAdjustment.objects.filter(cause="undone", state="applied").count() == 2
    assert StockLink.objects.exclude(state="in_step").count() == 0


def test_nothing_is_taken_back_while_the_connection_is_paused(pair):
    world = pair()
    run = reconcile_a_change(world)
    Connection.objects.update(is_paused=True)
    assert take_back(world, run) == "Nothing was taken back. The connection is paused."
    assert levels_of(world, 0) == [30, 30]
