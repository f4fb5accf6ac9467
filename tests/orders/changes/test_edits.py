"""What an original gains or loses after it was copied is in its copy, at the price sold, and is never offered."""

import contextlib

import pytest

from orders.copies.importing import RetryLater
from orders.models import OrderImportLine, OrderUpdate
from stores.shopify import gids
from syncing.queue import enqueue
from syncing.webhooks import inbox, topics
from tests.support.orders.changes import LOST, Kind, State, carry, copied, settle
from tests.support.places import TOPICS
from tests.support.thoroughness import effects


def held(order):
    """(item's title, units) of an order's lines."""
    return [(line.title, line.current_quantity) for line in order.lines if line.current_quantity]


def add(shop, order, number, units, **more):
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[number].id, units)], **more)


def owed():
    return sum(OrderImportLine.objects.values_list("owed_quantity", flat=True))


def test_units_that_an_edit_adds_are_in_the_copy_at_the_price_sold(trade):
    shop, order, copy = copied(trade)
    shop.sim.edit_order(
        shop.north.domain, order, add=[{"variant_id": shop.north.variants[1].id, "quantity": 2, "discount": "1.50"}]
    )
    shop.run()
    assert held(copy) == [("Product 0", 1), ("Product 1", 2)]
    assert [shop.stock(number) for number in (0, 1)] == [(19, 19, 19), (18, 18, 18)]
    sold, made = order.lines[1], copy.lines[1]
    assert made.price * 2 - made.discounts[0].amount == sold.price * 2 - sold.discounts[0].amount
    assert owed() == 0
    assert not shop.source.shop.mails
    assert OrderUpdate.objects.get().state == State.CONFIRMED


def test_without_any_webhook_the_reconciliation_finds_it_and_never_offers_what_was_sold(trade):
    shop, order, copy = copied(trade)
    shop.world.tick(5)
    add(shop, order, 1, 2)
    shop.north.lose_webhooks()
    shop.world.reconcile()
    shop.run()
    assert held(copy) == [("Product 0", 1), ("Product 1", 2)]
    assert shop.stock(1) == (18, 18, 18)
    assert max(change.after for change in shop.north.changes(1)) <= 18


def test_what_cannot_be_added_yet_is_held_back(trade):
    shop, order, copy = copied(trade)
    shop.source.fault("rate_limited", match="orderEditBegin", retry_after="4000", count=None)
    add(shop, order, 1, 2)
    shop.run()
    assert shop.stock(1) == (20, 18, 18)
    assert owed() == 2
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    assert shop.stock(1) == (18, 18, 18)


@pytest.mark.parametrize(("back_to_stock", "restocks", "left"), [(True, True, 19), (False, False, 17)])
def test_units_that_an_edit_takes_off_leave_the_copy(trade, back_to_stock, restocks, left):
    shop, order, copy = copied(trade, (0, 3), restocks=restocks)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 1}, back_to_stock=back_to_stock)
    shop.run()
    assert held(copy) == [("Product 0", 1)]
    assert shop.stock() == (left, left, left)


def test_an_exchange_of_which_only_orders_updated_tells_reaches_the_copy(trade):
    shop, order, copy = copied(trade, (0, 2))
    shop.north.shop.knobs.exchanges_are_edits = False
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    shop.sim.exchange(shop.north.domain, order, {order.lines[0].id: 1}, (shop.north.variants[1].id, 1))
    told = shop.sim.deliveries(shop.north.domain)
    shop.sim.drop(shop.north.domain, [each for each in told if each.topic not in ("ORDERS_UPDATED", *TOPICS)])
    shop.run()
    assert held(copy) == [("Product 0", 1), ("Product 1", 1)]
    assert [shop.stock(number)[0] for number in (0, 1)] == [19, 19]


def test_one_edit_that_adds_and_takes_off_costs_four_calls(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.reset_counters()
    shop.sim.edit_order(
        shop.north.domain,
        order,
        quantities={order.lines[0].id: 1},
        add=[{"variant_id": shop.north.variants[number].id, "quantity": 1, "discount": "1"} for number in (1, 2)],
    )
    shop.run()
    assert held(copy) == [("Product 0", 1), ("Product 1", 1), ("Product 2", 1)]
    assert [shop.source.count(f"orderEdit{name}") for name in ("Begin", "Commit")] == [1, 1]


def test_an_untouched_order_that_is_updated_costs_one_read(trade):
    shop = trade()
    order = shop.north.order()
    (first, *_) = [each for each in shop.sim.deliveries(shop.north.domain) if each.topic.startswith("ORDERS_")]
    shop.run()
    shop.sim.reset_counters()
    for number in range(3):
        again = shop.sim.webhooks.duplicate_of(first)
        again.webhook_id += f"-{number}"
        shop.sim.courier.attempt(again)
    shop.run()
    assert (shop.north.count("order"), shop.source.count("order")) == (1, 0)
    assert not shop.row(order).updates.exists()


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("what", ["orderEditBegin", "orderEditAddVariant", "orderEditCommit"])
def test_a_lost_answer_adds_once(trade, what, how):
    shop, order, copy = copied(trade)
    shop.source.fault("lost_answer", match=what, how=how)
    add(shop, order, 1, 2)
    shop.run()
    settle(shop)
    assert held(copy) == [("Product 0", 1), ("Product 1", 2)]
    assert shop.stock(1) == (18, 18, 18)


def test_what_is_sold_dearer_than_the_source_sells_it_needs_the_shop_and_stays_held_back(trade):
    shop, order, copy = copied(trade)
    product = shop.source.shop.variants[shop.source.variants[1].id]
    product.price = type(product.price)("0.50")
    add(shop, order, 1, 2)
    shop.run()
    row = OrderUpdate.objects.get(kind=Kind.EDIT)
    assert row.state == State.NEEDS_SHOP
    assert "2 × “Product 1”" in row.reason and "0.50" in row.reason
    assert held(copy) == [("Product 0", 1)]
    assert shop.stock(1) == (20, 18, 18)
    settle(shop)
    assert shop.source.count("orderEditCommit") == 0


def test_what_staff_added_by_hand_is_not_added_again(trade):
    shop, order, copy = copied(trade)
    shop.source.fault("rate_limited", match="orderEditBegin", retry_after="4000", count=None)
    add(shop, order, 1, 2)
    shop.run()
    shop.sim.edit_order(shop.source.domain, copy, add=[(shop.source.variants[1].id, 2)])
    shop.sim.faults(shop.source.shop).clear()
    shop.run()
    settle(shop)
    assert held(copy) == [("Product 0", 1), ("Product 1", 2)]
    assert owed() == 0


def test_webhooks_that_come_again_and_late_change_nothing(trade):
    shop, order, copy = copied(trade)
    add(shop, order, 1, 2)
    late = [each for each in shop.sim.deliveries(shop.north.domain) if each.topic == "ORDERS_UPDATED"]
    shop.run()
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[1].id: 0})
    shop.run()
    for delivery in late:
        again = shop.sim.webhooks.duplicate_of(delivery)
        again.webhook_id += "-again"
        shop.sim.courier.attempt(again)
    shop.run()
    settle(shop)
    assert held(copy) == [("Product 0", 1)]
    assert shop.stock(1) == (20, 20, 20)
    assert owed() == 0


def test_the_units_are_held_back_in_the_transaction_that_notes_them(trade):
    shop, order, copy = copied(trade)
    add(shop, order, 1, 2)
    shop.world.deliver(shop.north)
    inbox.process_new(topics.EFFECTS)
    assert owed() == 2
    enqueue.update_order(shop.connection, gids.gid("Order", order.id))
    shop.run()
    assert owed() == 0


def test_a_worker_that_dies_anywhere_adds_once(trade):
    shop = trade()
    for effect in effects():
        shop.world.begin_again()
        order = shop.north.order()
        shop.run()
        (copy,) = shop.copies
        add(shop, order, 1, 2)
        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)
        with shop.world.worker_that_dies(effect) as countdown, contextlib.suppress(RetryLater):
            carry(shop, order)
        settle(shop)
        assert held(copy) == [("Product 0", 1), ("Product 1", 2)], effect
        assert (shop.source.available(1), owed()) == (18, 0), effect
        if not countdown.is_over:
            assert effect > 4
            return
    raise AssertionError("it never lived to the end")


def test_once_stock_travels_both_ways_what_is_added_is_not_taken_twice(trade):
    shop, order, copy = copied(trade)
    shop.world.choose_strategy(shop.connection, "two_way")
    enqueue.carry_stock(shop.connection)
    settle(shop)
    shop.run()
    add(shop, order, 1, 2)
    shop.run()
    settle(shop)
    assert shop.stock(1) == (18, 18, 18)
    assert held(copy) == [("Product 0", 1)]
    assert OrderUpdate.objects.get(kind=Kind.EDIT).state == State.NEEDS_SHOP
