"""Orders and drafts where our clock and Shopify's differ: Shopify's instants decide, and no unit is for sale twice."""

import pytest

from orders.copies.importing import import_order
from orders.models import OrderImport
from stores.clients import open_client
from stores.models import Connection
from syncing import sweep
from syncing.connections import resuming
from syncing.queue import enqueue
from syncing.webhooks import inbox
from syncing.webhooks.topics import EFFECTS
from tests.support.orders.trade import Trade
from tests.support.places import put_ahead

State = OrderImport.State
Draft = OrderImport.DraftStatus


@pytest.fixture
def begun(world):
    """A trade of an order connection that is started now, by a clock of ours that is apart from Shopify's."""

    def build(strategy="order", **ahead) -> Trade:
        source = world.add_store("source", "source")
        north = world.add_store("north", "destination")
        put_ahead(world.sim, **ahead)
        fields = {"state": "ready", "started_at": None, "carries_orders_since": None, "aligned_strategy": ""}
        connection = world.connect(source, north, strategy, **fields)
        world.tick(30)
        enqueue.start_connection(connection)
        world.work()
        world.mark()
        connection.refresh_from_db()
        return Trade(world, source, north, north, connection, None)

    return build


@pytest.mark.parametrize("minutes", [-15, -5, 0, 5, 15])
def test_an_order_two_minutes_after_the_start_is_copied_wherever_our_clock_stands(begun, minutes):
    shop = begun(minutes=minutes)
    shop.world.tick(120)
    order = shop.north.order((0, 3))
    shop.run()
    assert shop.row(order).state == State.CONFIRMED
    assert len(shop.copies) == 1
    assert shop.stock()[:2] == (17, 17)


@pytest.mark.parametrize("minutes", [-15, 0, 15])
def test_an_order_from_before_the_start_is_nobodys_wherever_our_clock_stands(begun, minutes):
    shop = begun(minutes=minutes)
    shop.north.order((0, 3), created_at=shop.sim.clock.seconds() - 120)
    shop.run()
    assert not OrderImport.objects.exists() and not shop.copies


def check_order_after_change_of_strategy(shop, seconds):
    connection = Connection.objects.get(pk=shop.connection.pk)
    connection.strategy = "order"
    connection.save()
    shop.world.prepare_orders(shop.source, shop.north)
    enqueue.carry_stock(connection)
    shop.world.work()
    shop.world.tick(seconds)
    order = shop.north.order((0, 3))
    shop.run()
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock()[:2] == (17, 17)


@pytest.mark.parametrize("minutes", [-15, 15])
def test_what_is_ordered_after_a_change_of_strategy_is_copied_wherever_our_clock_stands(begun, minutes):
    shop = begun("one_way", minutes=minutes)
    check_order_after_change_of_strategy(shop, seconds=120)


def test_what_is_ordered_after_a_change_of_strategy_is_copied_although_our_clock_had_just_leapt_ahead(begun):
    """Between the last answer, by which the difference was measured, and the change."""
    shop = begun("one_way", minutes=0)
    put_ahead(shop.sim, minutes=11)
    check_order_after_change_of_strategy(shop, seconds=10)


def test_an_order_is_not_taken_for_an_old_one_by_a_clock_of_ours_that_leapt_ahead(trade):
    shop = trade()
    put_ahead(shop.sim, days=400)
    order = shop.north.order((0, 3))
    shop.run()
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (17, 17, 17)


@pytest.mark.parametrize("minutes", [-15, -10, 0, 10, 15])
def test_a_reservation_that_ends_gives_nothing_back_wherever_our_clock_stands(trade, minutes):
    shop = trade("draft_order", reserve_days=1)
    orders = [shop.north.order((0, 4)), shop.north.order((0, 1))]
    shop.run()
    put_ahead(shop.sim, minutes=minutes)
    shop.world.let_pass(hours=24 - 4 / 60)
    for _ in range(12):
        sweep.sweep()
        shop.run()
        shop.world.tick(60)
    shop.run()
    assert shop.stock() == (20, 15, 15)
    assert max(change.after for change in shop.south.changes(0)[1:]) <= 16, "units of a draft were for sale again"
    assert {shop.row(order).draft_status for order in orders} == {Draft.OPEN}


def test_a_draft_that_is_completed_takes_its_units_once_although_an_older_webhook_is_late(trade):
    shop = trade("draft_order", reserve_days=0)
    shop.source.shop.knobs.serialise_delay_seconds = 0.0
    order = shop.north.order((0, 4))
    shop.run()
    put_ahead(shop.sim, minutes=-10)
    shop.source.restock(0, 1)
    shop.sim.webhooks.serialise(shop.source.shop)
    (older,) = shop.source.waiting()
    shop.world.tick(60)
    shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.world.tick(1)
    row = shop.row(order)
    import_order(row.connection, row.order_gid, open_client, resuming.move_units)
    shop.sim.pump(shop.source.domain, [older])
    inbox.process_new(EFFECTS)
    shop.source.lose_webhooks()
    shop.world.work()
    assert shop.stock() == (17, 17, 17)
    assert max(change.after for change in shop.south.changes(0)[-2:]) <= 17, "units that were sold were for sale again"
