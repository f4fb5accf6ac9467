"""A sale counts once: units of an order that is not in the source yet are offered to nobody else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from orders.models import OrderImport, OrderSettings
from stores.models import LocationMapping
from stores.shopify import gids
from syncing.models import StockAdjustment, StockLink
from syncing.queue import enqueue
from syncing.stock.merge import Mirror, Verdict, judge_live
from syncing.webhooks import inbox, topics
from tests.orders.copies.test_lost_orders import import_it

T0 = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def stop_copying(shop) -> None:
    """The source refuses every order for now."""
    shop.source.fault("rate_limited", match="orderCreate", retry_after="4000", count=None)


def test_while_the_copy_is_not_there_the_other_destination_goes_without_its_units(trade):
    shop = trade()
    stop_copying(shop)
    shop.north.order((0, 6))
    shop.run()
    assert not shop.copies
    assert shop.stock() == (20, 14, 14)
    assert shop.north.writes == 0, "the store that sold has its right value already"
    link = StockLink.objects.get(connection=shop.connection, source_level__item_gid__endswith=f"/{shop.source.item(0)}")
    assert (link.state, link.source_baseline) == ("in_step", 14)
    assert "6 reserved" in link.reason
    assert StockAdjustment.objects.get().cause == StockAdjustment.Cause.ORDERS


@pytest.mark.parametrize("how", ["edited", "refunded"])
@pytest.mark.parametrize("needs_shop", [True, False])
def test_units_that_leave_an_order_while_it_waits_for_payment_are_held_back_no_longer(trade, how, needs_shop):
    shop = trade(when="paid")
    order = shop.north.order((0, 6), paid=False)
    shop.run()
    assert shop.stock() == (20, 14, 14)
    shop.world.tick(5)
    if how == "edited":
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 2})
    else:
        shop.north.refund(order, "CANCEL", 4)
    if needs_shop:
        shop.run()
    else:
        shop.north.lose_webhooks()
        shop.world.reconcile()
        shop.run()
    assert shop.row(order).state == OrderImport.State.WAITING
    assert shop.stock() == (20, 18, 18)


def test_when_the_copy_comes_the_sale_counts_once_and_nothing_more_is_written(trade):
    shop = trade()
    stop_copying(shop)
    shop.north.order((0, 6))
    shop.run()
    shop.sim.faults(shop.source.shop).clear()
    shop.world.carry_orders()
    shop.run()
    assert shop.stock() == (14, 14, 14)
    assert [change.after for change in shop.south.changes(0)] == [14]
    assert [change.after for change in shop.north.changes(0)] == [14]


def test_between_the_copy_and_its_confirmation_nobody_is_offered_too_much(trade):
    """The source's webhook may overtake the answer to our own call."""
    shop = trade()
    order = shop.north.order((0, 5))
    shop.source.fault("lost_answer", match="orderCreate")
    shop.world.deliver()
    shop.world.work(tries=1)
    shop.run()
    assert shop.row(order).state == OrderImport.State.CONFIRMED
    assert max(change.after for change in shop.south.changes(0)) <= 15
    assert shop.stock() == (15, 15, 15)


def test_a_value_of_the_source_from_before_the_copy_is_not_used_after_it(trade):
    """A delivery of goods is told late, when its value no longer holds: the copy has taken units since."""
    shop = trade()
    shop.source.restock(0, 5)
    shop.sim.serialise(shop.source.domain)
    late = shop.source.waiting()
    shop.world.tick(5)
    shop.north.order((0, 5))
    shop.world.deliver(shop.north)
    inbox.process_new(topics.EFFECTS)
    for job in (shop.row(order) for order in shop.north.shop.orders.values()):
        enqueue.import_order(shop.connection, job.order_gid)
    shop.sim.pump(shop.source.domain, late)
    shop.run()
    assert shop.stock() == (20, 20, 20)
    assert all(change.after <= 20 for change in shop.south.changes(0))


def test_goods_that_make_good_for_the_copy_before_anybody_plans_reach_the_store_that_sold(trade):
    """The source's quantity is the old one again, and the sale alone would look like drift."""
    shop = trade()
    shop.source.restock(0, 5)
    order = shop.north.order((0, 5))
    shop.world.deliver(shop.north)
    inbox.process_new(topics.EFFECTS)
    import_it(shop, order)
    assert StockLink.objects.filter(dirty_sequence__gt=F("settled_sequence")).exists(), "planned before the copy"
    shop.run()
    assert shop.stock() == (20, 20, 20)


def test_with_a_bypassing_copy_staff_lower_the_source_and_the_units_are_offered_until_then(trade):
    shop = trade(inventory_behaviour=OrderSettings.InventoryBehaviour.BYPASS)
    shop.north.order((0, 5))
    shop.run()
    assert len(shop.copies) == 1
    assert shop.stock() == (20, 20, 20)


def test_units_are_held_back_from_what_a_rule_offers(trade):
    shop = trade()
    for connection in shop.world.connections:
        connection.percentage, connection.safety_buffer = 50, 1
        connection.save()
    shop.world.reconcile()
    assert shop.stock() == (20, 9, 9)
    stop_copying(shop)
    shop.north.order((0, 4))
    shop.run()
    assert shop.stock() == (20, 7, 7)


def test_with_several_source_locations_every_mapped_level_goes_without_the_units(world):
    source = world.add_store("source", "source", 1, 20, locations=2)
    north = world.add_store("north", "destination", 1, 40)
    south = world.add_store("south", "destination", 1, 20, locations=2)
    summed = [(room, north.location_ids[0]) for room in source.location_ids]
    connection = world.connect(source, north, "order", mapped=summed)
    world.connect(source, south, "one_way")
    world.work()
    world.mark()
    source.fault("rate_limited", match="orderCreate", retry_after="4000", count=None)
    north.order((0, 6))
    world.follow()
    assert north.available() == 34
    assert [south.available(0, room) for room in (0, 1)] == [14, 14]
    world.sim.faults(source.shop).clear()
    world.carry_orders()
    world.follow()
    world.work()
    left = [source.available(0, room) for room in (0, 1)]
    assert sum(left) == 34
    assert [south.available(0, room) for room in (0, 1)] == left
    assert LocationMapping.objects.filter(connection=connection).count() == 2


def test_a_two_way_destination_of_the_same_source_gets_the_sale_once_as_a_change(trade):
    shop = trade()
    west = shop.world.add_store("west", "destination", 3, 20)
    shop.world.connect(shop.source, west, "two_way")
    shop.world.work()
    shop.world.mark()
    shop.north.order((0, 3))
    west.buy(0, 2)
    shop.run()
    assert (*shop.stock(), west.available(0)) == (15, 15, 15, 15)


def test_a_read_that_was_under_way_when_a_copy_took_units_does_not_end_the_doubt():
    mirror = Mirror(20, T0 + timedelta(seconds=9), is_doubtful=True, version=4)
    assert judge_live(mirror, 20, T0 + timedelta(seconds=5), asked_version=3) is Verdict.DOUBT
    assert judge_live(mirror, 25, T0 + timedelta(seconds=20), asked_version=3) is Verdict.DOUBT
    assert judge_live(mirror, 15, T0 + timedelta(seconds=5), asked_version=4) is Verdict.ACCEPT


@pytest.mark.parametrize("what", ["cancel", "refund"])
def test_units_that_come_back_before_the_copy_is_made_are_not_in_it(trade, what):
    shop = trade()
    stop_copying(shop)
    order = shop.north.order((0, 4))
    shop.run()
    if what == "cancel":
        shop.sim.cancel(shop.north.domain, order)
    else:
        shop.north.refund(order, "CANCEL", 3)
    shop.run()
    shop.sim.faults(shop.source.shop).clear()
    shop.world.carry_orders()
    shop.run()
    left = 0 if what == "cancel" else 1
    assert [line.quantity for copy in shop.copies for line in copy.lines] == [1] * left
    assert shop.stock() == (20 - left, 20 - left, 20 - left)
    assert shop.row(order).order_gid == gids.gid("Order", order.id)
