"""Plans that look destructive wait for an operator; what is paused is inert."""

import pytest
from django.contrib.auth import get_user_model

from stores.models import SyncSwitch
from syncing.models import StockAdjustment, StockHold, StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import engine, holds
from syncing.webhooks import inbox, topics

STRATEGIES = pytest.mark.parametrize("strategy", ["two_way", "one_way"])


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def held(world):
    return list(StockHold.objects.filter(state="open").order_by("link"))


def hold_a_fall_to_0(pair, strategy, **fields):
    """A source of 60 at 0, and the hold that this led to."""
    world = pair(strategy, stock=60, **fields)
    world.places[0].set(0, 0)
    world.follow()
    (hold,) = held(world)
    return world, hold


@STRATEGIES
def test_a_fall_to_0_from_50_or_more_is_confirmed_by_a_live_read_and_then_held(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    assert levels_of(world) == [0, 60]
    assert hold.reason == "Read live and still suspicious: falls from 60 to 0 (limit: from 50)."
    assert (hold.source_from, hold.destination_from, hold.destination_to) == (0, 60, 0)
    assert all(place.reads == 1 for place in world.places)
    world.carry()
    world.reconcile()
    assert levels_of(world) == [0, 60]
    assert held(world) == [hold]  # the same hold, however often it is looked at


@STRATEGIES
@pytest.mark.parametrize(("before", "after"), [(49, 0), (60, 1), (20, 1020)])
def test_a_change_within_the_limits_passes_unread(pair, strategy, before, after):
    world = pair(strategy, stock=before)
    source, north = world.places
    source.set(0, after)
    world.follow()
    assert levels_of(world) == [after, after]
    assert source.reads == north.reads == 0


@STRATEGIES
def test_the_limits_belong_to_the_connection(pair, strategy):
    world = pair(strategy, stock=60, guard_zero_from=61)
    world.places[0].set(0, 0)
    world.follow()
    assert levels_of(world) == [0, 0]


@STRATEGIES
def test_releasing_a_hold_lets_exactly_this_plan_through(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    operator = get_user_model().objects.create(username="ada")
    holds.release(hold, operator)
    world.carry()
    assert levels_of(world) == [0, 0]
    assert hold.resolved_by == operator
    assert StockAdjustment.objects.order_by("-pk").first().cause == StockAdjustment.Cause.RELEASED
    world.places[0].set(0, 70)
    world.follow()
    world.places[0].set(0, 0)
    world.follow()
    assert levels_of(world) == [0, 70]  # the next fall is a new question
    assert len(held(world)) == 1


@STRATEGIES
def test_a_released_plan_goes_once_and_is_asked_about_again_when_it_comes_back_with_the_same_values(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    holds.release(hold)
    world.carry()
    world.places[0].set(0, 60)
    world.follow()
    assert levels_of(world) == [60, 60]
    world.places[0].set(0, 0)
    world.follow()
    (again,) = held(world)
    assert (levels_of(world), again.pk != hold.pk) == ([0, 60], True)


@STRATEGIES
def test_releasing_a_hold_whose_values_change_before_it_is_carried_asks_again(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    holds.release(hold)
    world.places[0].set(0, -5)
    world.follow()
    assert levels_of(world) == [-5, 60]
    (again,) = held(world)
    assert (again.pk != hold.pk, again.destination_to) == (True, -5)


@pytest.mark.parametrize(("strategy", "after_a_restock"), [("two_way", 67), ("one_way", 7)])
def test_discarding_a_hold_leaves_both_sides_and_carries_what_comes_later(pair, strategy, after_a_restock):
    world, hold = hold_a_fall_to_0(pair, strategy)
    holds.discard(hold)
    world.carry()
    world.reconcile()
    assert levels_of(world) == [0, 60]
    assert StockLink.objects.get(pk=hold.link_id).state == "in_step"
    world.places[0].restock(0, 7)
    world.follow()
    assert levels_of(world) == [7, after_a_restock]


def test_discarding_a_hold_carries_what_was_seen_between_the_hold_and_the_decision(pair):
    world, hold = hold_a_fall_to_0(pair, "two_way")
    world.places[0].restock(0, 7)
    world.deliver()
    inbox.process_new(topics.EFFECTS)  # the mirror has it, no run has planned with it yet
    holds.discard(hold)
    world.carry()
    assert levels_of(world) == [7, 67]


@STRATEGIES
def test_a_hold_is_superseded_by_itself_when_the_source_comes_back(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    world.places[0].set(0, 58)
    world.follow()
    assert levels_of(world) == [58, 58]
    hold.refresh_from_db()
    assert hold.state == "superseded"
    with pytest.raises(holds.HoldResolved):
        holds.release(hold)


def test_a_sale_while_a_pair_is_held_is_not_lost(pair):
    world, hold = hold_a_fall_to_0(pair, "two_way")
    world.places[1].buy(0, 4)
    world.follow()
    (again,) = held(world)
    holds.release(again)
    world.carry()
    world.follow()
    assert levels_of(world) == [-4, -4]


@STRATEGIES
def test_a_fifth_of_the_items_falling_to_0_in_one_run_is_held_and_the_rest_goes(pair, strategy):
    world = pair(strategy, items=40, stock=8)
    source, north = world.places
    for number in range(12):
        source.set(number, 0)
    source.set(20, 5)
    world.follow()
    assert len(held(world)) == 12
    assert "12 of 40 items would drop to 0 in one run (limit: 20 %)" in held(world)[0].reason
    assert [north.available(number) for number in (0, 11, 20)] == [8, 8, 5]
    for hold in held(world):
        holds.release(hold)
    world.carry()
    assert [north.available(number) for number in range(13)] == [0] * 12 + [8]


@STRATEGIES
@pytest.mark.parametrize("items", [40, 45])
def test_nine_items_or_a_fifth_falling_to_0_pass(pair, strategy, items):
    world = pair(strategy, items=items, stock=8)
    for number in range(9):
        world.places[0].set(number, 0)
    world.follow()
    assert held(world) == []
    assert world.places[1].available(8) == 0


@STRATEGIES
def test_a_mass_fall_that_trickles_in_is_held_as_soon_as_it_is_one(pair, strategy):
    world = pair(strategy, items=40, stock=8)
    source, north = world.places
    for number in range(20):
        source.set(number, 0)
    world.deliver()
    enqueue.carry_stock(world.connections[0])
    world.work()
    assert len(held(world)) == 20
    assert north.writes == 0


@STRATEGIES
def test_a_mass_fall_that_takes_many_rounds_is_held_from_the_first_to_the_last(pair, strategy, monkeypatch):
    world = pair(strategy, items=40, stock=8)
    source, north = world.places
    monkeypatch.setattr(engine, "LOT_ROWS", 8)  # fewer than may fall to 0 in one run
    for number in range(20):
        source.set(number, 0)
    world.deliver()
    enqueue.carry_stock(world.connections[0])
    world.work()
    assert len(held(world)) == 20
    assert north.writes == 0


def pause_connection(world, is_paused):
    world.connections[0].is_paused = is_paused
    world.connections[0].save(update_fields=["is_paused"])


def pause_source(world, is_paused):
    pause_store(world.places[0].store, is_paused)


def pause_destination(world, is_paused):
    pause_store(world.places[1].store, is_paused)


def pause_store(store, is_paused):
    store.is_paused = is_paused
    store.save(update_fields=["is_paused"])


def stop_everything(world, is_paused):
    switch = SyncSwitch.load()
    switch.is_stopped = is_paused
    switch.save()


@pytest.mark.parametrize("pause", [pause_connection, pause_source, pause_destination, stop_everything])
def test_what_is_paused_records_events_and_neither_reads_nor_writes_until_it_is_resumed(pair, pause):
    world = pair()
    source, north = world.places
    pause(world, True)
    source.buy(0, 3)
    north.buy(0, 4)
    world.follow()
    world.reconcile()
    assert [place.shop.counters.requests for place in world.places] == [0, 0]
    assert [place.store.events.filter(state="done").count() for place in world.places] == [1, 1]
    pause(world, False)
    enqueue.reconcile(world.connections[0], trigger="resume")
    world.work()
    assert levels_of(world) == [13, 13]


def test_a_paused_connection_leaves_the_others_of_its_source_alone(pair):
    world = pair(destinations=2)
    pause_connection(world, True)
    world.places[0].buy(0, 3)
    world.follow()
    assert levels_of(world) == [17, 20, 17]


def test_what_is_held_under_two_way_is_decided_before_another_strategy_aligns_both_sides(pair):
    world = pair(stock=60, alignment="source_wins")
    north = world.places[1]
    north.buy(0, 60)
    world.follow()
    (hold,) = held(world)
    world.choose_strategy(world.connections[0], "one_way")
    world.carry()
    assert levels_of(world) == [60, 0]
    assert SyncJob.objects.get(kind="carry_stock").message == "Reviews to be decided before the new strategy begins: 1."
    holds.release(hold)
    world.carry()
    assert levels_of(world) == [0, 0]
    world.connections[0].refresh_from_db()
    assert world.connections[0].aligned_strategy == "one_way"


def test_what_is_held_under_two_way_stays_so_when_another_strategy_is_taken_back_before_it_began(pair):
    world = pair(stock=60, alignment="source_wins")
    world.places[1].buy(0, 60)
    world.follow()
    for strategy in ("one_way", "two_way"):
        world.choose_strategy(world.connections[0], strategy)
        world.carry()
        world.connections[0].refresh_from_db()
    assert levels_of(world) == [60, 0]
    holds.release(*held(world))
    world.carry()
    assert levels_of(world) == [0, 0]
