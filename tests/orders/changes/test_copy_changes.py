"""What staff change in a copy is told, and its units stay held back until somebody decides."""

import pytest

from orders.changes import decisions
from orders.models import OrderImportLine, OrderUpdate
from syncing.connections import resuming
from tests.support.orders.changes import Kind, State, copied, settle
from tests.support.orders.staff import WAYS, cancel, delete, refund


def the_row():
    return OrderUpdate.objects.get(kind=Kind.COPY_CHANGED)


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize(("change", "units"), WAYS)
def test_what_staff_take_off_a_copy_needs_shop_and_offered_to_nobody(trade, change, units, is_lost):
    shop, order, copy = copied(trade, (0, 3))
    shop.world.tick(5)
    change(shop, copy)
    if is_lost and change is not delete:  # of what is gone no list tells: it is asked for by its id, see below
        shop.source.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    assert shop.stock() == (17 + units, 17, 17)
    for place in (shop.north, shop.south):
        assert max(each.after for each in place.changes(0)) <= 17
    assert the_row().state == State.NEEDS_SHOP
    assert f"{units} × “Product 0”" in the_row().reason
    assert order.lines[0].current_quantity == 3
    assert OrderUpdate.objects.exclude(state__in=(State.CONFIRMED, State.SKIPPED)).count() == 1


def test_a_copy_that_is_deleted_without_a_webhook_needs_shop_within_the_hour(trade):
    shop, order, copy = copied(trade, (0, 3))
    for number in (1, 2):
        shop.north.order((number, 1))
    shop.run()
    shop.world.tick(5)
    delete(shop, copy)
    shop.source.lose_webhooks()
    shop.world.let_pass(hours=1)
    for place in (shop.source, shop.north):
        place.shop.request_log.clear()
    shop.world.reconcile(tries=1)
    for place in (shop.source, shop.north):
        assert [each["operation"] for each in place.shop.request_log].count("FindOrders") == 1, "all at once"
    for place in (shop.north, shop.south):
        assert max(each.after for each in place.changes(0)) <= 17
    shop.run()
    settle(shop)
    assert shop.stock() == (20, 17, 17)
    assert the_row().state == State.NEEDS_SHOP
    assert the_row().reason.startswith("The copy was deleted in the source.")


def test_done_by_hand_frees_the_units_once(trade):
    shop, order, copy = copied(trade, (0, 3))
    refund(shop, copy)
    shop.run()
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Done by hand, says Ada.")
    shop.run()
    assert shop.stock() == (18, 18, 18)
    assert the_row().state == State.CONFIRMED
    assert not decisions.decide_done(shop.row(order), resuming.move_units, "Again.")
    refund(shop, copy)
    shop.run()
    assert shop.stock() == (19, 18, 18)
    assert the_row().state == State.NEEDS_SHOP


def test_once_the_original_follows_nothing_needs_shop_any_longer(trade):
    shop, order, copy = copied(trade, (0, 3))
    refund(shop, copy)
    shop.run()
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    settle(shop)
    assert copy.lines[0].current_quantity == 2
    assert the_row().state == State.SKIPPED
    assert shop.stock() == (18, 18, 18)


def test_when_the_original_is_cancelled_nothing_is_owed(trade):
    shop, order, copy = copied(trade, (0, 3))
    cancel(shop, copy)
    shop.run()
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert shop.stock() == (20, 20, 20)
    assert the_row().state == State.SKIPPED
    assert not OrderImportLine.objects.filter(owed_quantity__gt=0).exists()


def test_both_sides_at_once_each_own_change_counts_once(trade):
    shop, order, copy = copied(trade, (0, 3), (1, 2))
    refund(shop, copy)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[1].id: 1})
    shop.run()
    settle(shop)
    assert [line.current_quantity for line in copy.lines] == [2, 1]
    assert [line.current_quantity for line in order.lines] == [3, 1]
    assert [shop.stock(number) for number in (0, 1)] == [(18, 17, 17), (19, 19, 19)]
    assert the_row().state == State.NEEDS_SHOP


def test_what_staff_add_to_a_copy_needs_shop(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[0].id: 4})
    shop.run()
    assert "more than the original: 1 × “Product 0”" in the_row().reason
    assert shop.stock() == (16, 16, 16)
