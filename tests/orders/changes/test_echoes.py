"""Our own edits that come back as webhooks, beside edits of the same lines by staff, and webhooks from before."""

import pytest

from orders.models import OrderImportLine, OrderUpdate
from tests.support.orders.changes import Kind, State, copied

FEWER, MORE = "fewer", "more"


def edited(trade, way, *, is_fresh=False):
    """An original of six loses two, or gains three of another item: (trade, copy, the line that our edit touched)."""
    shop, order, copy = copied(trade, (0, 6))
    if way == FEWER:
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 4})
    else:
        more = {"variant_id": shop.north.variants[1].id, "quantity": 3}
        shop.sim.edit_order(shop.north.domain, order, add=[more])
    if is_fresh:  # ours has not come back yet
        shop.sim.pump(shop.north.domain)
        shop.world.work()
    else:
        shop.run()
    assert [line.current_quantity for line in copy.lines] == ([4] if way == FEWER else [6, 3])
    return shop, copy, copy.lines[-1]


def edits(shop):
    return [each for each in shop.sim.deliveries(shop.source.domain) if each.topic == "ORDERS_EDITED"]


def lose_all_but_edits(shop):
    """orders/updated alone would tell of an edit, too."""
    kept = {each.number for each in edits(shop)}
    lost = [each for each in shop.sim.deliveries(shop.source.domain) if each.number not in kept]
    shop.sim.drop(shop.source.domain, lost)


@pytest.mark.parametrize("is_fresh", [True, False])
@pytest.mark.parametrize(("way", "units"), [(FEWER, -1), (FEWER, -2), (FEWER, -3), (MORE, 1), (MORE, 3)])
def test_an_edit_by_staff_of_the_line_that_ours_touched_is_told(trade, way, units, is_fresh):
    shop, copy, line = edited(trade, way, is_fresh=is_fresh)
    shop.sim.edit_order(shop.source.domain, copy, quantities={line.id: line.current_quantity + units})
    lose_all_but_edits(shop)
    shop.run()
    (told,) = OrderUpdate.objects.filter(kind=Kind.COPY_CHANGED)
    assert told.state == State.NEEDS_SHOP
    assert f"{abs(units)} × “{line.title}”" in told.reason


@pytest.mark.parametrize("is_below_zero", [True, False])
@pytest.mark.parametrize("way", [FEWER, MORE])
def test_nothing_is_read_for_an_edit_of_ours_however_often_it_comes_back(trade, way, is_below_zero):
    shop, copy, line = edited(trade, way, is_fresh=True)
    shop.source.shop.knobs.edits_tell_below_zero = is_below_zero
    lose_all_but_edits(shop)
    (ours,) = edits(shop)
    shop.source.shop.request_log.clear()
    shop.north.shop.request_log.clear()
    shop.sim.pump(shop.source.domain, [ours, ours])
    shop.world.work()
    asked = [entry["operation"] for place in (shop.source, shop.north) for entry in place.shop.request_log]
    assert not [name for name in asked if "Order" in name], asked


@pytest.mark.parametrize("is_repeated", [False, True])
def test_what_an_old_webhook_of_a_copy_holds_back_is_free_once_both_were_compared(trade, is_repeated):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.change_words(shop.source.domain, copy, note="Ring twice")
    shop.sim.serialise(shop.source.domain)
    old = shop.sim.deliveries(shop.source.domain)
    more = {"variant_id": shop.north.variants[1].id, "quantity": 2}
    shop.sim.edit_order(shop.north.domain, order, add=[more])
    shop.sim.pump(shop.north.domain)
    shop.world.work()
    assert [line.current_quantity for line in copy.lines] == [3, 2]
    shop.world.tick(5)
    shop.sim.pump(shop.source.domain, [*old, *old] if is_repeated else old)
    shop.world.work()
    shop.run()
    assert not any(OrderImportLine.objects.values_list("owed_quantity", flat=True))
    assert shop.stock(1) == (18, 18, 18)
