"""An edit cannot say how what it adds is taxed: where the source taxes it otherwise, people are told what it costs."""

import pytest

from orders.changes import decisions
from orders.models import OrderUpdate
from syncing.connections import resuming
from tests.simulator.state.order_money import current_grand_total
from tests.support.orders.changes import LOST, State, settle


def edited(trade, *, own_rate=None, take_off=False, how="", **sold):
    """A trade with one copied order that has gained two units of item 1, with or without a discount: (trade, order)."""
    shop = trade()
    shop.source.shop.knobs.edit_tax_rate = own_rate
    order = shop.north.order((0, 3), **sold)
    shop.run()
    shop.world.tick(5)
    if how:
        shop.source.fault("lost_answer", match="orderEditCommit", how=how)
    row = {"variant_id": shop.north.variants[1].id, "quantity": 2, "discount": "1.50"}
    less = {order.lines[0].id: 1} if take_off else {}
    shop.sim.edit_order(shop.north.domain, order, quantities=less, add=[row])
    shop.run()
    settle(shop)
    (copy,) = shop.copies
    assert [(line.title, line.current_quantity) for line in copy.lines] == [
        ("Product 0", 1 if take_off else 3),
        ("Product 1", 2),
    ]
    return shop, order, copy


@pytest.mark.parametrize("how", ["", *LOST])
@pytest.mark.parametrize("take_off", [False, True])
def test_a_copy_that_costs_less_since_its_source_taxes_nothing_is_told_once(trade, take_off, how):
    shop, order, copy = edited(trade, take_off=take_off, how=how, tax_rate="0.19")
    assert current_grand_total(copy).shop < current_grand_total(order).shop
    told = OrderUpdate.objects.get(state=State.NEEDS_SHOP)
    assert "20.23 EUR" in told.reason and "17.00 EUR" in told.reason
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Corrected.")
    shop.sim.change_words(shop.north.domain, order, note="Call first")
    shop.run()
    shop.world.reconcile()
    shop.run()
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()


@pytest.mark.parametrize(
    ("own_rate", "sold"),
    [("0.19", {"tax_rate": "0.19"}), (None, {}), (None, {"tax_rate": "0.19", "taxes_included": True})],
)
@pytest.mark.parametrize("take_off", [False, True])
def test_a_copy_that_costs_the_same_is_not_told(trade, take_off, own_rate, sold):
    _, order, copy = edited(trade, own_rate=own_rate, take_off=take_off, **sold)
    assert current_grand_total(copy).shop == current_grand_total(order).shop
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()


@pytest.mark.parametrize("split_lines", [False, True])
@pytest.mark.parametrize("more", [[4], [4, 5, 7]])
@pytest.mark.parametrize(("code", "own"), [("", "0.05"), ("3.33", ""), ("3.33", "1.00")])
def test_further_units_of_a_line_with_discounts_cost_what_they_cost_in_the_original(
    trade, code, own, more, split_lines
):
    shop = trade()
    shop.north.shop.knobs.edits_split_lines = split_lines
    row = {"variant_id": shop.north.variants[0].id, "quantity": 3} | ({"discount": own} if own else {})
    sold = {"discount": {"code": "ODD", "amount": code}} if code else {}
    order = shop.sim.place_order(shop.north.domain, [row], force=True, **sold)
    shop.run()
    for quantity in more:
        shop.world.tick(5)
        grown = quantity - sum(line.current_quantity for line in order.lines[1:])
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: grown})
        shop.run()
    (copy,) = shop.copies
    assert sum(line.current_quantity for line in copy.lines) == more[-1]
    assert current_grand_total(copy).shop == current_grand_total(order).shop
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()
