"""A write whose outcome is not known yet: who settles it, and that nobody else waits for it for ever."""

import pytest

from stores.models import Connection, StoreTrouble
from syncing.models import StockAdjustment, StockBatch, StockHold
from syncing.queue import enqueue
from tests.support.places import put_ahead

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def lose_a_write_to_the_source(world, *, takes_effect):
    """A sale of 2 in north, whose write to the source was sent and never answered."""
    source, north, _ = world.places
    north.buy(0, 2)
    world.deliver(north)
    source.fault("lost_answer" if takes_effect else "refuse_before", match=ADJUST)
    source.fault("http", match="any", count=None)
    world.work(tries=1)
    world.sim.faults(source.shop).clear()
    assert StockBatch.objects.get(state="pending").attempts == 1


def pause(connection):
    connection.is_paused = True
    connection.save(update_fields=["is_paused"])


def remove(connection):
    connection.delete()


@pytest.mark.parametrize("takes_effect", [True, False])
@pytest.mark.parametrize("stop", [pause, remove])
def test_a_connection_that_is_paused_or_removed_leaves_no_level_blocked_for_the_others(pair, stop, takes_effect):
    world = pair(destinations=2)
    source, north, south = world.places
    lose_a_write_to_the_source(world, takes_effect=takes_effect)
    stop(world.connections[0])
    world.connections = [Connection.objects.get(pk=world.connections[1].pk)]
    source.buy(0, 5)
    world.deliver(source, south)
    world.work()
    world.carry()
    assert source.available() == south.available() == 13
    assert not StockAdjustment.objects.filter(state="pending").exists()


def test_a_write_that_shopify_put_off_is_withdrawn_and_made_anew_after_a_pause(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    north.buy(0, 2)
    world.deliver(north)
    source.fault("throttled", match=ADJUST, count=None)
    world.work(tries=1)
    world.sim.faults(source.shop).clear()
    assert StockBatch.objects.get().state == "refused"
    pause(world.connections[0])
    source.buy(0, 5)
    world.deliver(source)
    world.work()
    assert levels_of(world) == [15, 18, 15]  # paused: what was sold in north stays there
    world.connections[0].is_paused = False
    world.connections[0].save(update_fields=["is_paused"])
    enqueue.reconcile(world.connections[0])
    world.work()
    world.follow()
    assert levels_of(world) == [13, 13, 13]


def test_a_level_that_has_the_value_of_before_but_a_younger_stamp_is_no_proof_that_nothing_happened(pair):
    world = pair()
    source, north = world.places
    source.buy(0, 1)
    world.deliver(source)
    north.fault("lost_answer", match=ADJUST)
    north.fault("http", match="any", count=None)
    world.work(tries=1)
    world.sim.faults(north.shop).clear()
    world.tick()
    north.restock(0, 1)
    assert north.available() == 20  # as when the write was planned
    world.let_pass(hours=25)
    world.deliver()
    world.work()
    assert StockHold.objects.filter(state="open").count() == 1
    world.settle()
    assert levels_of(world) == [world.expected(0)] * 2 == [20, 20]


@pytest.mark.parametrize("reverse", [True, False])
def test_a_change_and_its_reverse_within_the_second_of_the_write_are_no_proof_that_nothing_happened(pair, reverse):
    """Shopify's time stamps have whole seconds: value and stamp are as before, although the write took effect."""
    world = pair()
    source, north = world.places
    north.restock(0, 1)
    world.follow()
    source.buy(0, 1)
    world.deliver(source)
    north.fault("lost_answer" if reverse else "refuse_before", match=ADJUST)
    north.fault("http", match="any", count=None)
    world.work(tries=1)
    world.sim.faults(north.shop).clear()
    if reverse:
        north.restock(0, 1)
    world.let_pass(hours=25)
    world.deliver()
    world.work()
    assert StockHold.objects.filter(state="open").count() == 1
    world.settle()
    assert levels_of(world) == [world.expected(0)] * 2 == [21 if reverse else 20] * 2


def test_what_was_refused_for_a_day_is_planned_anew_and_its_lost_answer_is_settled(pair):
    """Refused for want of a scope, then sent and not answered: sending it again is safe."""
    world = pair()
    source, north = world.places
    scopes = set(north.shop.apps["tiposync"].scopes)
    world.sim.set_scopes(north.domain, scopes - {"write_inventory"})
    source.buy(0, 1)
    world.deliver(source)
    world.work()
    assert not StockBatch.objects.filter(state="pending").exists()
    world.let_pass(hours=25)
    world.sim.set_scopes(north.domain, scopes)
    north.fault("lost_answer", match=ADJUST)
    north.buy(0, 3)
    world.carry()
    world.follow()
    assert levels_of(world) == [16, 16]
    assert not StockHold.objects.exists()


def test_a_sum_waits_whole_while_the_outcome_of_a_write_to_one_of_its_parts_is_unknown(world):
    source = world.add_store("source", "source", locations=2)
    north, south = (world.add_store(name, "destination", stock=40) for name in ("north", "south"))
    here, there = source.location_ids
    world.connect(source, north, "two_way", mapped=[(here, north.location_ids[0])])
    world.connect(source, south, "one_way", mapped=[(here, south.location_ids[0]), (there, south.location_ids[0])])
    world.work()
    world.mark()
    source.fault("http", match="any_mutation", count=None)
    north.buy(0, 2)
    world.deliver()
    world.work(tries=1)
    assert StockBatch.objects.filter(state="pending").count() == 1
    source.buy(0, 3, at=1)
    world.deliver()
    world.work(tries=1)
    assert south.available() == 40
    world.sim.faults(source.shop).clear()
    world.settle()
    assert [source.available(0, 0), source.available(0, 1), south.available()] == [18, 17, 35]


# Late, with one thing more that is wrong


def lose_writes_to_north(world, numbers, fault="lost_answer"):
    """Sales in the source whose write to north took effect, by default, and was never answered."""
    source, north = world.places
    for number in numbers:
        source.buy(number, 1)
    world.deliver(source)
    north.fault(fault, match=ADJUST if world.connections[0].is_two_way else SET)
    north.fault("http", match="any", count=None)
    world.work(tries=1)
    world.sim.faults(north.shop).clear()
    assert StockAdjustment.objects.filter(state="pending").count() == len(numbers)


@pytest.mark.parametrize(
    ("strategy", "fault"), [("one_way", "lost_answer"), ("one_way", "refuse_before"), ("two_way", "refuse_before")]
)
def test_of_a_lost_batch_only_the_one_row_waits_that_cannot_be_read(pair, strategy, fault):
    world = pair(strategy, items=20)
    source, north = world.places
    lose_writes_to_north(world, range(20), fault)
    world.let_pass(hours=25)
    bad = f"gid://shopify/InventoryItem/{north.item(7)}"
    north.fault("internal_error_before", match="nodes", naming=bad, count=None)
    world.deliver()
    world.work(tries=4)
    source.buy(3, 1)
    world.deliver(source)
    world.work(tries=4)
    assert levels_of(world, 3) == [18, 18]
    assert all(north.available(number) == 19 for number in range(20) if number not in (3, 7))
    held = [hold.link.variant_link.source_variant.sku for hold in StockHold.objects.filter(state="open")]
    assert held == (["SKU-7"] if strategy == "two_way" else [])
    world.sim.faults(north.shop).clear()
    world.settle()
    assert all(levels_of(world, number) == [18 if number == 3 else 19] * 2 for number in range(20))


@pytest.mark.parametrize("fault", ["http", "refuse_before"])
def test_a_lost_write_is_not_sent_again_by_a_clock_that_was_set_back_while_its_store_answers_no_query(pair, fault):
    world = pair()
    north = world.places[1]
    lose_writes_to_north(world, [0])
    world.let_pass(hours=25)
    put_ahead(world.sim, hours=-4)
    north.fault(fault, match="any_query", count=None, **({"status": 503} if fault == "http" else {}))
    StoreTrouble.objects.all().delete()
    for _ in range(3):
        world.carry(tries=2)
    assert north.available(0) == 19 and StockAdjustment.objects.filter(state="pending").exists()
    world.sim.faults(north.shop).clear()
    world.carry()
    world.settle()
    assert levels_of(world) == [19, 19]


def test_a_lost_write_is_settled_by_the_clock_of_an_answer_that_refuses_a_query(pair):
    world = pair()
    source, north = world.places
    lose_writes_to_north(world, [0])
    north.fault("http", match="any_query", status=503, count=None)
    world.carry(tries=2)
    assert not StockAdjustment.objects.filter(state="pending").exists()
    assert north.available(0) == 19
