"""An original that is deleted: proved by a read, it ends as one that was cancelled does, and it is told."""

import pytest

from orders.changes import decisions
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from syncing.connections import resuming
from syncing.webhooks import orders
from tests.support.orders.changes import Kind, State, copied, settle


def sold(trade, *lines, strategy="order", **choices):
    """An order that may be deleted: it was not paid online."""
    shop = trade(strategy, **choices)
    order = shop.north.order(*lines, paid=False)
    shop.run()
    return shop, order, (shop.copies or [None])[0]


def delete(shop, order, *, is_lost=False):
    shop.world.tick(5)
    shop.sim.delete_order(shop.north.domain, order)
    if is_lost:
        shop.north.lose_webhooks()
        shop.world.let_pass(hours=25)
        shop.world.reconcile()
    shop.run()
    settle(shop)


def the_row():
    return OrderUpdate.objects.get(kind=Kind.CANCELLATION)


def owed():
    return sum(OrderImportLine.objects.values_list("owed_quantity", flat=True))


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_original_that_is_deleted_ends_its_copy_and_is_told(trade, is_lost):
    shop, order, copy = sold(trade, (0, 3))
    delete(shop, order, is_lost=is_lost)
    assert copy.cancelled_at is not None
    assert (shop.source.available(), shop.south.available(), owed()) == (20, 20, 0)
    assert the_row().state == State.NEEDS_SHOP
    assert the_row().reason.startswith("The original was deleted in North")
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Seen, says Ada.")
    shop.run()
    assert (the_row().state, shop.source.available()) == (State.CONFIRMED, 20)
    assert not OrderUpdate.objects.exclude(state=State.CONFIRMED).exists()


def test_an_error_while_one_is_looked_at_puts_no_other_off_until_tomorrow(trade):
    shop, first, _ = sold(trade, (0, 3))
    second = shop.north.order((1, 2), paid=False)
    shop.run()
    shop.world.tick(5)
    for order in (first, second):
        shop.sim.delete_order(shop.north.domain, order)
    shop.north.lose_webhooks()
    shop.world.let_pass(hours=25)
    shop.source.fault("internal_error_before", match="order", count=20)
    shop.world.reconcile(tries=1)
    shop.sim.faults(shop.source.shop).clear()
    shop.world.tick(60)
    shop.world.reconcile()
    shop.run()
    settle(shop)
    assert all(copy.cancelled_at for copy in shop.copies)
    assert shop.stock() == (20, 20, 20) and shop.stock(1) == (20, 20, 20)


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_original_that_is_deleted_takes_its_open_draft_along_and_is_told(trade, is_lost):
    shop, order, _ = sold(trade, (0, 3), strategy="draft_order")
    delete(shop, order, is_lost=is_lost)
    assert (shop.drafts, shop.source.available(), shop.south.available(), owed()) == ([], 20, 20, 0)
    assert the_row().state == State.NEEDS_SHOP
    assert "deleted in North" in the_row().reason
    assert not OrderUpdate.objects.filter(kind=Kind.COPY_CHANGED).exists()


def test_units_that_are_held_back_for_an_original_are_free_once_it_is_deleted(trade):
    shop, order, copy = sold(trade, (0, 3))
    shop.sim.cancel(shop.source.domain, copy)
    shop.run()
    assert shop.south.available() == 17
    delete(shop, order)
    assert (shop.south.available(), owed()) == (20, 0)


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_order_that_waits_for_its_payment_and_is_deleted_holds_nothing_back(trade, is_lost):
    shop = trade(when="paid")
    order = shop.north.order((0, 2), paid=False)
    shop.run()
    assert shop.south.available() == 18
    delete(shop, order, is_lost=is_lost)
    row = shop.row(order)
    assert (row.state, shop.south.available()) == (OrderImport.State.SKIPPED, 20)
    assert "deleted" in row.reason


def test_what_was_shipped_of_a_deleted_original_stays_and_is_named(trade):
    shop, order, copy = sold(trade, (0, 3), carries_fulfilments=False)
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1})
    shop.run()
    delete(shop, order)
    assert (copy.cancelled_at, copy.lines[0].current_quantity, shop.source.available()) == (None, 1, 19)
    assert the_row().state == State.NEEDS_SHOP
    assert "1 of “Product 0”" in the_row().reason


def test_a_deleted_original_of_which_all_was_shipped_is_nobodys_affair(trade):
    """Staff clear away what is done: Shopify lets them delete what is archived."""
    shop, order, copy = sold(trade, (0, 3))
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    delete(shop, order)
    assert (copy.cancelled_at, copy.lines[0].current_quantity, shop.source.available()) == (None, 3, 17)
    assert the_row().state == State.SKIPPED
    assert "deleted" in the_row().reason


def test_one_that_was_cancelled_before_is_told_to_nobody(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    delete(shop, order)
    assert (the_row().state, shop.source.available()) == (State.CONFIRMED, 20)
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()


def test_without_cancellations_its_copy_stays_and_it_is_told(trade):
    shop, order, copy = sold(trade, (0, 3), carries_cancellations=False)
    delete(shop, order)
    assert (copy.cancelled_at, shop.stock()) == (None, (17, 17, 17))
    assert the_row().state == State.NEEDS_SHOP
    assert "deleted in North" in the_row().reason


def test_a_webhook_alone_proves_nothing(trade):
    """An old one comes again, or somebody made it: the order can be read."""
    shop, order, copy = sold(trade, (0, 3))
    orders.follow_deletions(shop.north.store, [{"id": order.id}])
    shop.run()
    settle(shop)
    assert (copy.cancelled_at, shop.stock()) == (None, (17, 17, 17))
    assert not OrderUpdate.objects.exists()


def test_what_shopify_shows_no_more_because_of_its_age_is_not_taken_for_deleted(trade):
    shop, order, copy = sold(trade, (0, 3))
    scopes = shop.north.shop.apps["tiposync"].scopes
    shop.sim.set_scopes(shop.north.domain, set(scopes) - {"read_all_orders"})
    shop.world.let_pass(hours=61 * 24)
    shop.world.reconcile()
    shop.run()
    settle(shop)
    assert (copy.cancelled_at, shop.source.available()) == (None, 17)
    assert not OrderUpdate.objects.exists()


def test_what_happens_to_the_copy_of_a_deleted_original_fails_nothing(trade):
    shop, order, copy = sold(trade, (0, 3), carries_cancellations=False)
    delete(shop, order)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    settle(shop)
    assert OrderUpdate.objects.get(kind=Kind.FULFILMENT).state == State.SKIPPED
    assert "deleted" in OrderUpdate.objects.get(kind=Kind.FULFILMENT).reason


@pytest.mark.parametrize("what", ["cancel", "refund"])
def test_what_happens_to_the_original_of_a_deleted_copy_fails_nothing(trade, what):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.cancel(shop.source.domain, copy)
    shop.sim.delete_order(shop.source.domain, copy)
    shop.run()
    if what == "cancel":
        shop.sim.cancel(shop.north.domain, order)
    else:
        shop.north.refund(order, "CANCEL", 3)
    shop.run()
    settle(shop)
    assert not OrderUpdate.objects.filter(state__in=(State.FAILED, State.NEEDS_SHOP)).exists()
    assert (shop.stock(), owed()) == ((20, 20, 20), 0)
