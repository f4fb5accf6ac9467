"""A draft has a line for each tax, which is no goods: not staff's doing, nor a reason to leave the draft to people."""

import pytest

from orders.models import OrderUpdate
from tests.simulator.state.order_money import current_grand_total, grand_total
from tests.support.orders.changes import State, copied, settle


@pytest.mark.parametrize(
    "tax", [{"tax_rate": "0.19"}, {"order_tax": {"title": "VAT", "rate": "0.19", "price": "3.80"}}]
)
def test_the_order_that_a_taxed_draft_becomes_holds_nothing_that_its_original_does_not_know(trade, tax):
    shop = trade("draft_order")
    order = shop.north.order((0, 2), **tax)
    shop.run()
    (draft,) = shop.drafts
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    shop.sim.fulfil(shop.source.domain, made)
    shop.run()
    shop.world.tick(5)
    shop.world.reconcile()
    shop.run()
    assert [line.title for line in made.lines] == ["Product 0", "Tax: VAT"]
    assert current_grand_total(made).shop == current_grand_total(order).shop
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()


def test_what_staff_put_into_it_is_told_beside_its_taxes(trade):
    shop = trade("draft_order")
    shop.north.order((0, 2), tax_rate="0.19")
    shop.run()
    made = shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    shop.world.tick(5)
    shop.sim.edit_order(shop.source.domain, made, add=[(shop.source.variants[1].id, 1)])
    shop.run()
    told = OrderUpdate.objects.get(state=State.NEEDS_SHOP)
    assert "1 × “Product 1”" in told.reason and "Tax" not in told.reason


@pytest.mark.parametrize("take_off", [False, True])
def test_an_edit_of_a_taxed_original_sets_its_draft_anew_to_the_cent(trade, take_off):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order")
    order = shop.north.order((0, 3), (1, 1), tax_rate="0.19")
    shop.run()
    shop.world.tick(5)
    less = {order.lines[0].id: 1} if take_off else {}
    row = {"variant_id": shop.north.variants[2].id, "quantity": 2, "discount": "1.50"}
    shop.sim.edit_order(shop.north.domain, order, quantities=less, add=[row])
    shop.run()
    settle(shop)
    draft = shop.drafts[-1]
    assert not OrderUpdate.objects.filter(state=State.NEEDS_SHOP).exists()
    assert {line.title: line.quantity for line in draft.lines if line.variant_id} == {
        "Product 0": 1 if take_off else 3,
        "Product 1": 1,
        "Product 2": 2,
    }
    assert grand_total(draft).shop == current_grand_total(order).shop
