"""One order that alone cannot be read ends no comparison: the rest goes on, it is named, and nothing of it is sold."""

import logging

import pytest

from stores.shopify import gids
from syncing.models import Reconciliation
from tests.support.orders.changes import copied, settle


def report(shop):
    return Reconciliation.objects.filter(connection=shop.connection).order_by("-pk").first()


def make_unreadable(place, order, count=None):
    place.fault("internal_error_before", match="any_query", count=count, naming=gids.gid("Order", order.id))


def test_an_original_that_alone_cannot_be_read_keeps_no_other_from_being_compared(trade, caplog):
    shop, unread, copy = copied(trade, (0, 3))
    other = shop.north.order((1, 2))
    shop.run()
    shop.world.tick(5)
    more = {"variant_id": shop.north.variants[2].id, "quantity": 4}
    shop.sim.edit_order(shop.north.domain, unread, add=[more])
    shop.sim.cancel(shop.north.domain, other)
    shop.north.lose_webhooks()
    make_unreadable(shop.north, unread)
    with caplog.at_level(logging.WARNING, "orders.discovery"):
        shop.world.reconcile(tries=1)
    shop.world.work(tries=1)
    assert report(shop).state == Reconciliation.State.DONE
    assert unread.name in report(shop).message
    assert "an order could not be read" in caplog.text
    assert next(each for each in shop.copies if each is not copy).cancelled_at, "the other is compared"
    assert shop.north.available(2) == 16, "what it may hold is not put on sale again"
    shop.sim.faults(shop.north.shop).clear()
    shop.world.tick(60)
    shop.world.reconcile()
    shop.run()
    settle(shop)
    assert report(shop).message == ""
    assert [line.current_quantity for line in copy.lines] == [3, 4]
    assert shop.stock(2) == (16, 16, 16) and shop.stock(1) == (20, 20, 20)


def test_an_order_that_nobody_told_of_and_that_cannot_be_read_is_copied_by_the_comparison_that_can(trade):
    shop = trade("order")
    shop.world.tick(5)
    unread, other = shop.north.order((0, 3)), shop.north.order((1, 2))
    shop.north.lose_webhooks()
    make_unreadable(shop.north, unread)
    shop.world.reconcile(tries=1)
    shop.world.work(tries=1)
    assert (report(shop).state, len(shop.copies)) == (Reconciliation.State.DONE, 1)
    assert unread.name in report(shop).message and other.name not in report(shop).message
    assert shop.north.available() == 17, "what it sold is not put on sale again"
    for _ in range(3):  # more than Shopify's search may lag
        shop.world.let_pass(hours=1)
        shop.world.reconcile(tries=1)
        shop.world.work(tries=1)
        assert shop.north.available() == 17
    shop.sim.faults(shop.north.shop).clear()
    shop.world.let_pass(hours=1)
    shop.world.reconcile()
    shop.run()
    assert len(shop.copies) == 2
    assert shop.stock() == (17, 17, 17) and shop.stock(1) == (18, 18, 18)


def test_a_copy_that_alone_cannot_be_read_keeps_no_other_from_being_compared(trade):
    shop, order, unread = copied(trade, (0, 3))
    shop.north.order((1, 2))
    shop.run()
    other = next(each for each in shop.copies if each is not unread)
    shop.world.tick(5)
    for copy in (unread, other):
        shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[0].id: 1})
    shop.source.lose_webhooks()
    make_unreadable(shop.source, unread)
    shop.world.reconcile(tries=1)
    shop.world.work(tries=1)
    assert report(shop).state == Reconciliation.State.DONE and order.name in report(shop).message
    assert max(each.after for each in shop.north.changes(0)) <= 17
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    shop.world.reconcile()
    shop.run()
    assert shop.stock() == (19, 17, 17) and shop.stock(1) == (19, 18, 18)


@pytest.mark.parametrize("kind", ["http", "internal_error_before"])
def test_a_store_that_gives_no_order_ends_the_comparison(trade, kind):
    shop = trade("order")
    shop.world.tick(5)
    for number in range(3):
        shop.north.order((number, 1))
    shop.north.lose_webhooks()
    for match in ("order", "orders"):
        shop.north.fault(kind, match=match, count=None)
    shop.world.reconcile(tries=1)
    assert report(shop).state != Reconciliation.State.DONE
    assert [shop.north.available(number) for number in range(3)] == [19, 19, 19]
