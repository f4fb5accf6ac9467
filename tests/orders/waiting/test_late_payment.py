"""What waited for long is copied as long as it can be read; what failed because of its store goes on by itself."""

import pytest

from orders.models import OrderImport, OrderSettings
from syncing import sweep
from syncing.monitoring import data_problems

State = OrderImport.State
DAY = 24


def pay_on_day(shop, days, units=2):
    order = shop.north.order((0, units), paid=False)
    shop.run()
    assert shop.row(order).waits_for == "payment"
    shop.world.let_pass(hours=days * DAY)
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    return order


def test_an_order_that_is_paid_on_day_61_is_copied_where_it_can_be_read(trade):
    shop = trade(when=OrderSettings.When.PAID)
    order = pay_on_day(shop, 61)
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (18, 18, 18)


def test_where_it_cannot_be_read_any_more_it_fails_and_is_told_and_its_units_stay_held_back(trade):
    shop = trade(when=OrderSettings.When.PAID)
    scopes = shop.north.shop.apps["tiposync"].scopes
    shop.sim.set_scopes(shop.north.domain, set(scopes) - {"read_all_orders"})
    order = pay_on_day(shop, 61)
    row = shop.row(order)
    assert (row.state, row.failure, shop.copies) == (State.FAILED, "rejected", [])
    assert "60 days" in row.reason
    assert shop.south.available(0) == 18
    assert [found.subject for found in data_problems.failed_orders(shop.sim.clock.now())] == [f"import {row.pk}"]


def test_a_warning_comes_days_before_and_not_earlier(trade):
    shop = trade(when=OrderSettings.When.PAID)
    order = shop.north.order((0, 2), paid=False)
    shop.run()
    shop.world.let_pass(hours=54 * DAY)
    assert not list(data_problems.waiting_orders(shop.sim.clock.now()))
    shop.world.let_pass(hours=2 * DAY)
    (warning,) = data_problems.waiting_orders(shop.sim.clock.now())
    assert warning.subject == f"import {shop.row(order).pk}"
    assert "60 days" in warning.message


@pytest.mark.parametrize("status", [402, 423])
@pytest.mark.parametrize("place", ["source", "north"])
def test_a_store_that_is_frozen_or_locked_for_an_hour_has_its_orders_copied_afterwards_by_themselves(
    trade, status, place
):
    shop = trade()
    getattr(shop, place).fault("http", match="orderCreate" if place == "source" else "order", status=status, count=None)
    orders = [shop.north.order((number, 2)) for number in range(3)]
    shop.run()
    assert [shop.row(order).state for order in orders] == [State.FAILED] * 3
    shop.world.let_pass(hours=1)
    sweep.sweep()
    shop.world.work(tries=1)
    assert shop.copies == []
    shop.world.calm()
    for _ in range(3):
        shop.world.let_pass(hours=0.3)
        sweep.sweep()
        shop.run()
    assert [shop.row(order).state for order in orders] == [State.CONFIRMED] * 3
    assert len(shop.copies) == 3
    assert shop.stock() == (18, 18, 18)
