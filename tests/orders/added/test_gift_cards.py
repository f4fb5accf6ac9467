"""A gift card that an edit adds to an original is never put into its copy: the destination has issued it."""

import pytest

from orders.copies.rules.lines import GIFT_CARD
from orders.models import OrderImportLine
from tests.support.orders.changes import copied, settle


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("unlinked", ["leave_out", "custom"])
@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_a_gift_card_that_is_added_later_is_left_out_and_no_unit_of_it_is_held_back(trade, strategy, unlinked, lost):
    shop, order, _ = copied(trade, strategy=strategy, unlinked=unlinked)
    shop.north.shop.products[shop.north.variants[1].product_id].product_type = "Gift Cards"
    shop.world.tick(5)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 1), (shop.north.variants[2].id, 2)])
    if lost:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    (copy,) = shop.copies or shop.drafts
    assert [(line.title, line.current_quantity) for line in copy.lines] == [("Product 0", 1), ("Product 2", 2)]
    card = OrderImportLine.objects.get(title="Product 1")
    assert (card.state, card.reason, card.owed_quantity, card.is_pending) == ("left_out", GIFT_CARD, 0, False)
    assert not shop.row(order).updates.filter(state__in=("needs_shop", "failed")).exists()
    assert shop.row(order).late_links == ""
