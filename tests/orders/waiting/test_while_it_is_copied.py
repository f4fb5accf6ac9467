"""What happens to an original or to its copy before the copy is known: carried as soon as it is, without a look around.

Nothing here reconciles: every webhook arrives, at an hour at which one could take it for nothing.
"""

import pytest

from orders.models import OrderImportLine
from tests.simulator.state.order_money import financial_status
from tests.support.orders.changes import LOST, Kind, settle, shipped, update

MOMENTS = [("orderCreate", False), ("orderCreate", True)]  # the original was read; and the copy is made, and unknown


def held(order):
    return [(line.title, line.current_quantity) for line in order.lines if line.current_quantity]


def meanwhile(shop, event, act, *, after):
    """Everything that it leads to is told at once, to another worker."""

    def happen():
        shop.world.tick(3)
        act()
        shop.world.deliver()
        shop.world.work(tries=1)

    shop.world.meanwhile(event, happen, after=after)


@pytest.mark.parametrize(("event", "after"), MOMENTS)
def test_an_original_that_is_paid_while_it_is_copied_has_a_paid_copy(trade, event, after):
    shop = trade()
    order = shop.north.order((0, 1), paid=False)
    meanwhile(shop, event, lambda: shop.sim.pay_order(shop.north.domain, order), after=after)
    shop.run()
    (copy,) = shop.copies
    assert financial_status(copy) == "PAID"


@pytest.mark.parametrize(("event", "after"), MOMENTS)
def test_units_of_which_only_orders_updated_tells_while_it_is_copied_are_in_the_copy(trade, event, after):
    shop = trade()
    order = shop.north.order((0, 1))

    def exchange():
        shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
        told = shop.sim.deliveries(shop.north.domain)
        shop.sim.drop(shop.north.domain, [each for each in told if each.topic == "ORDERS_EDITED"])

    meanwhile(shop, event, exchange, after=after)
    shop.run()
    (copy,) = shop.copies
    assert held(copy) == [("Product 0", 1), ("Product 1", 2)]
    assert shop.stock(1) == (18, 18, 18)


@pytest.mark.parametrize("how", LOST)
def test_units_that_come_while_a_copy_is_looked_for_are_held_back_meanwhile(trade, how):
    shop = trade()
    order = shop.north.order((0, 1))
    shop.source.fault("lost_answer", match="orderCreate", how=how)
    shop.source.fault("rate_limited", match="orderByIdentifier", retry_after="4000", count=None)
    shop.world.deliver()
    shop.world.work(tries=1)
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    told = shop.sim.deliveries(shop.north.domain)
    shop.sim.drop(shop.north.domain, [each for each in told if each.topic == "ORDERS_EDITED"])
    shop.world.deliver()
    shop.world.work(tries=1)
    assert shop.stock(1) == (20, 18, 18)
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    (copy,) = shop.copies
    assert held(copy) == [("Product 0", 1), ("Product 1", 2)]
    assert shop.stock(1) == (18, 18, 18)
    assert not OrderImportLine.objects.filter(owed_quantity__gt=0).exists()


def test_what_comes_before_the_original_is_read_costs_no_further_read(trade):
    shop = trade()
    order = shop.north.order((0, 1), paid=False)
    shop.sim.pay_order(shop.north.domain, order)
    shop.sim.reset_counters()
    shop.run()
    assert (shop.north.count("order"), shop.source.count("order")) == (1, 0)
    assert [financial_status(copy) for copy in shop.copies] == ["PAID"]


def test_a_copy_that_is_shipped_before_it_is_known_ships_its_original(trade):
    shop = trade()
    order = shop.north.order((0, 2))
    meanwhile(shop, "orderCreate", lambda: shop.sim.fulfil(shop.source.domain, shop.copies[0], number="1Z"), after=True)
    shop.run()
    assert shipped(order) == [({order.lines[0].id: 2}, ["1Z"])]


@pytest.mark.parametrize("how", LOST)
def test_a_copy_that_staff_cancel_before_it_is_found_again_is_told(trade, how):
    shop = trade()
    shop.north.order((0, 2))
    shop.source.fault("lost_answer", match="orderCreate", how=how)
    shop.world.deliver()
    shop.source.fault("rate_limited", match="orderByIdentifier", retry_after="4000", count=None)
    shop.world.work(tries=1)
    shop.world.tick(5)
    shop.sim.cancel(shop.source.domain, shop.copies[0])
    shop.world.deliver()
    shop.world.work(tries=1)
    assert shop.stock()[1:] == (18, 18)
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    assert update(Kind.COPY_CHANGED).state == "needs_shop"
    assert shop.stock() == (20, 18, 18)


def test_units_put_into_a_copy_by_hand_and_shipped_at_once_ship_the_original(trade):
    shop = trade()
    order = shop.north.order((0, 1))
    shop.run()
    (copy,) = shop.copies
    shop.source.variants[1].price = "0.50"  # below the price sold: the edit is left to people
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.run()
    assert update(Kind.EDIT).state == "needs_shop"
    shop.sim.edit_order(shop.source.domain, copy, add=[(shop.source.variants[1].id, 2)])
    shop.sim.fulfil(shop.source.domain, copy, number="1Z")
    shop.run()
    units = {}
    for lines, _ in shipped(order):
        for line, count in lines.items():
            units[line] = units.get(line, 0) + count
    assert units == {order.lines[0].id: 1, order.lines[1].id: 2}
    assert shop.stock(1) == (18, 18, 18)


@pytest.mark.parametrize("restock", [True, False])
def test_copies_stay_where_cancellations_are_not_sent_though_shopify_refunds_what_it_cancels(trade, restock):
    shop = trade(carries_cancellations=False)
    order = shop.north.order((0, 2))
    shop.run()
    (copy,) = shop.copies
    shop.sim.cancel(shop.north.domain, order, restock=restock)
    shop.run()
    settle(shop)
    assert copy.cancelled_at is None
    assert held(copy) == [("Product 0", 2)]
