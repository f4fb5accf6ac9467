"""An order that stands still, because it waits or could not be copied, holds back what its original holds now."""

import pytest

from tests.support.places import TOPICS


@pytest.mark.parametrize("told_by", ["ORDERS_EDITED", "ORDERS_UPDATED", None])
@pytest.mark.parametrize("state", ["waiting", "failed"])
def test_what_its_original_gains_is_offered_to_nobody_whatever_tells_of_it(trade, state, told_by):
    """An exchange is told by orders/updated alone; a lost webhook by none."""
    shop = trade(when="paid" if state == "waiting" else "created")
    if state == "failed":
        shop.source.fault("http", match="orderCreate", status=402, count=None)
    order = shop.north.order((0, 1), paid=False)
    shop.run()
    assert shop.row(order).state == state
    shop.world.tick(5)
    variant = shop.north.variants[1].id
    shop.sim.edit_order(shop.north.domain, order, add=[(variant, 2)], quantities={order.lines[0].id: 3})
    told = shop.sim.deliveries(shop.north.domain)
    shop.sim.drop(shop.north.domain, [each for each in told if each.topic not in (told_by, *TOPICS)])
    shop.run()
    if told_by is None:
        shop.world.reconcile()
    assert shop.row(order).state == state
    assert [shop.stock(number) for number in (0, 1)] == [(20, 17, 17), (20, 18, 18)]
