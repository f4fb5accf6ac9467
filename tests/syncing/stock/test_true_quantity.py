"""An operator counted: the true quantity goes to both sides, from what they saw there, and no sale is lost."""

import pytest
from django.contrib.auth import get_user_model

from stores.models import Connection
from syncing.models import StockAdjustment, StockHold, StockLink
from syncing.stock import holds
from tests.support.thoroughness import effects

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"
STRATEGIES = pytest.mark.parametrize("strategy", ["two_way", "one_way"])
Cause, State = StockAdjustment.Cause, StockHold.State


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def hold_a_fall_to_0(pair, strategy, **fields):
    """A source of 60 that fell to 0, and the hold that this led to."""
    world = pair(strategy, stock=60, **fields)
    fall(world)
    return world, StockHold.objects.get()


def fall(world):
    world.places[0].set(0, 0)
    world.follow()


def set_true(world, hold, quantity, seen=(0, 60), **fields):
    holds.set_true(hold, quantity, seen, **fields)
    world.carry()
    world.follow()
    hold.refresh_from_db()


@STRATEGIES
@pytest.mark.parametrize("quantity", [0, 1, 55, 60, 61, 5000, -3])
def test_what_was_counted_stands_on_both_sides_and_later_sales_travel(pair, strategy, quantity):
    world, hold = hold_a_fall_to_0(pair, strategy)
    set_true(world, hold, quantity)
    assert levels_of(world) == [quantity, quantity]
    assert StockHold.objects.get().state == State.SET_TRUE
    assert StockLink.objects.exclude(state="in_step").count() == 0
    world.places[0].buy(0, 2)
    world.follow()
    assert levels_of(world) == [quantity - 2, quantity - 2]


@STRATEGIES
def test_both_writes_stand_in_the_ledger_under_the_operator_who_counted(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    ada = get_user_model().objects.create(username="ada")
    set_true(world, hold, 7, user=ada)
    rows = StockAdjustment.objects.filter(cause=Cause.SET_TRUE, state="applied").order_by("pk")
    assert [(row.change_from, row.change_to, row.hold.resolved_by) for row in rows] == [(0, 7, ada), (60, 7, ada)]
    assert (hold.true_quantity, hold.source_seen_quantity, hold.destination_seen_quantity) == (7, 0, 60)


@STRATEGIES
def test_one_way_rules_and_safety_buffers_still_apply_to_what_follows(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy, safety_buffer=5)
    set_true(world, hold, 30, seen=(0, world.places[1].available()))
    assert levels_of(world) == [30, {"two_way": 30, "one_way": 25}[strategy]]


@STRATEGIES
@pytest.mark.parametrize("seller", [0, 1])
def test_a_sale_between_the_look_and_the_press_is_refused_in_words_and_nothing_is_written(pair, strategy, seller):
    world, hold = hold_a_fall_to_0(pair, strategy)
    world.places[seller].buy(0, 1)
    world.deliver()
    world.work()
    before, writes = levels_of(world), [place.writes for place in world.places]
    open_one = StockHold.objects.filter(state="open").first() or hold
    with pytest.raises((ValueError, holds.HoldResolved), match="now, not|resolved already"):
        holds.set_true(open_one, 55, (0, 60))
    world.carry()
    assert levels_of(world) == before
    assert [place.writes for place in world.places] == writes


@STRATEGIES
def test_a_sale_in_the_source_that_nobody_has_told_us_of_refuses_the_write_and_opens_the_hold_again(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    world.places[0].buy(0, 1)
    world.places[0].lose_webhooks()
    set_true(world, hold, 55)
    assert levels_of(world) == [-1, 60]
    assert "The true quantity of 55 was not set: The level had changed meanwhile." in hold.reason
    (now_open,) = StockHold.objects.filter(state="open")
    set_true(world, now_open, 55, seen=(-1, 60))
    assert levels_of(world) == [55, 55]


def test_a_sale_in_the_destination_while_the_source_is_set_is_counted_once(pair):
    world, hold = hold_a_fall_to_0(pair, "two_way")
    world.meanwhile(SET, lambda: world.places[1].buy(0, 4), after=True)
    set_true(world, hold, 55)
    world.settle()
    assert levels_of(world) == [51, 51]


@STRATEGIES
def test_a_sale_in_the_source_right_after_it_was_set_is_counted_once(pair, strategy):
    world, hold = hold_a_fall_to_0(pair, strategy)
    world.meanwhile(SET, lambda: world.places[0].buy(0, 4), after=True)
    set_true(world, hold, 55)
    world.settle()
    assert levels_of(world) == [51, 51]


@pytest.mark.parametrize("fault", ["lost_answer", "throttled", "http"])
@STRATEGIES
def test_a_lost_answer_is_settled_and_the_truth_arrives_once(pair, strategy, fault):
    world, hold = hold_a_fall_to_0(pair, strategy)
    world.places[0].fault(fault, match=SET, **({"status": 503} if fault == "http" else {}))
    set_true(world, hold, 55)
    assert levels_of(world) == [55, 55]
    assert StockAdjustment.objects.filter(cause=Cause.SET_TRUE, state="applied").count() == 2


@STRATEGIES
def test_wherever_a_worker_dies_the_truth_arrives_on_both_sides(pair, strategy):
    world = pair(strategy, stock=60)
    for effect in effects():
        world.begin_again()
        fall(world)
        hold = StockHold.objects.get()
        holds.set_true(hold, 7, (0, 60))
        with world.worker_that_dies(effect) as death:
            world.carry()
        world.carry()
        world.follow()
        assert levels_of(world) == [7, 7], effect
        if not death.is_over:
            break
    assert 5 < effect < 190


def test_a_write_of_unknown_outcome_is_answered_by_counting(pair):
    world = pair("two_way", stock=60)
    link = StockLink.objects.order_by("pk").first()
    hold = StockHold.objects.create(link=link, connection=link.connection, kind="outcome", reason="Nobody can tell.")
    set_true(world, hold, 12, seen=(60, 60))
    assert levels_of(world) == [12, 12]
    assert hold.state == State.SET_TRUE


@STRATEGIES
@pytest.mark.parametrize("quantity", [0, 12, 60])
def test_a_difference_that_was_left_standing_before_is_settled_too(pair, strategy, quantity):
    world, hold = hold_a_fall_to_0(pair, strategy)
    holds.discard(hold)
    world.carry()
    again = StockHold.objects.create(link=hold.link, connection=hold.connection, kind="guard", reason="Count it.")
    set_true(world, again, quantity)
    assert levels_of(world) == [quantity, quantity]


def test_every_destination_of_the_source_follows(pair):
    world = pair("two_way", stock=60, destinations=2)
    fall(world)
    first, second = StockHold.objects.order_by("pk")
    set_true(world, first, 55)
    world.settle()
    assert levels_of(world) == [55, 55, 55]
    second.refresh_from_db()
    assert second.state != State.OPEN


@pytest.mark.parametrize("quantity", [10**9 + 1, -(10**9) - 1])
def test_what_shopify_does_not_take_is_refused(pair, quantity):
    _, hold = hold_a_fall_to_0(pair, "two_way")
    with pytest.raises(ValueError, match="Shopify takes no quantity"):
        holds.set_true(hold, quantity, (0, 60))


def test_nothing_is_set_while_the_connection_is_paused(pair):
    world, hold = hold_a_fall_to_0(pair, "two_way")
    Connection.objects.update(is_paused=True)
    with pytest.raises(ValueError, match="Nothing can be set now"):
        holds.set_true(hold, 5, (0, 60))
    hold.refresh_from_db()
    assert hold.state == State.OPEN


def test_a_sum_of_several_source_locations_is_not_guessed_at(world):
    source = world.add_store("source", "source", locations=2, stock=60)
    north = world.add_store("north", "destination", stock=120)
    world.connect(source, north, "one_way", mapped=[(at, north.location_ids[0]) for at in source.location_ids])
    world.work()
    link = StockLink.objects.order_by("pk").first()
    hold = StockHold.objects.create(link=link, connection=link.connection, kind="guard", reason="It falls.")
    with pytest.raises(ValueError, match="Several source locations"):
        holds.set_true(hold, 5, (60, 120))


def test_a_decision_is_taken_once(pair):
    world, hold = hold_a_fall_to_0(pair, "two_way")
    set_true(world, hold, 5)
    with pytest.raises((ValueError, holds.HoldResolved)):
        holds.set_true(hold, 6, (5, 5))
