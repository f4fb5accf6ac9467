"""What cannot be put into a copy keeps nothing else of the same edit from it, and is told by its name."""

import pytest

from orders import reserved_units
from orders.changes import decisions
from orders.models import OrderUpdate
from syncing.connections import resuming
from tests.support.orders.changes import State, copied, settle


def held(order):
    return [(line.title, line.current_quantity) for line in order.lines if line.current_quantity]


def edit(shop, order, *, left, more):
    shop.world.tick(5)
    add = [(shop.north.variants[number].id, units) for number, units in more]
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: left}, add=add)
    shop.run()
    settle(shop)
    shop.world.sweep()
    shop.run()


@pytest.mark.parametrize("left", [3, 2])
def test_a_line_that_is_dearer_keeps_no_other_from_the_copy(trade, left):
    shop, order, copy = copied(trade, (0, 3))
    shop.source.variants[1].price = "0.50"
    edit(shop, order, left=left, more=[(1, 2), (2, 1)])
    assert held(copy) == [("Product 0", left), ("Product 2", 1)]
    told = OrderUpdate.objects.get(state=State.NEEDS_SHOP)
    assert "2 × “Product 1”" in told.reason and "Product 2" not in told.reason
    assert sum(reserved_units.held_back(shop.row(order)).values()) == 2
    assert [shop.stock(number)[2] for number in range(3)] == [20 - left, 18, 19]
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Seen to.")
    shop.run()
    shop.world.reconcile()
    shop.run()
    assert held(copy) == [("Product 0", left), ("Product 2", 1)]
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()


def test_what_is_gained_later_comes_into_the_copy_although_something_else_is_told_already(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.source.variants[1].price = "0.50"
    edit(shop, order, left=3, more=[(1, 2)])
    edit(shop, order, left=1, more=[(2, 4)])
    assert held(copy) == [("Product 0", 1), ("Product 2", 4)]
    told = OrderUpdate.objects.get(state=State.NEEDS_SHOP)
    assert "2 × “Product 1”" in told.reason


def test_each_line_that_is_refused_is_named(trade):
    shop, order, copy = copied(trade, (0, 3))
    for number in (1, 2):
        shop.source.variants[number].price = "0.50"
    edit(shop, order, left=3, more=[(1, 2), (2, 4)])
    assert held(copy) == [("Product 0", 3)]
    told = OrderUpdate.objects.get(state=State.NEEDS_SHOP)
    assert "2 × “Product 1”" in told.reason and "4 × “Product 2”" in told.reason


def test_units_leave_a_copy_to_which_none_can_be_added(trade):
    shop, order, copy = copied(trade, (0, 3), inventory_behaviour="bypass")
    edit(shop, order, left=1, more=[(1, 2)])
    assert held(copy) == [("Product 0", 1)]
    told = OrderUpdate.objects.get(state=State.NEEDS_SHOP)
    assert "2 × “Product 1”" in told.reason


def test_a_decision_about_something_else_drops_no_unit_that_is_still_to_be_carried(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.world.tick(5)
    shop.sim.edit_order(shop.source.domain, copy, add=[(shop.source.variants[2].id, 1)])
    shop.run()
    shop.source.fault("rate_limited", match="orderEditBegin", retry_after="4000", count=None)
    edit(shop, order, left=3, more=[(1, 2)])
    assert decisions.decide_done(shop.row(order), resuming.move_units, "The source's own affair.")
    assert sum(reserved_units.held_back(shop.row(order)).values()) == 2
    shop.sim.faults(shop.source.shop).clear()
    settle(shop)
    assert held(copy) == [("Product 0", 3), ("Product 2", 1), ("Product 1", 2)]
    assert shop.stock(1) == (18, 18, 18)
