"""A refund of the original takes the same units off its copy, once, and moves no money."""

import pytest

from orders.models import OrderUpdate
from stores.shopify import gids
from tests.support.orders.changes import LOST, Kind, State, copied, settle, update


def test_a_partial_refund_takes_the_same_units_off_the_copy(trade):
    shop, order, copy = copied(trade, (0, 3), (1, 1))
    shop.north.refund(order, "CANCEL", 2)
    shop.run()
    assert [line.current_quantity for line in copy.lines] == [1, 1]
    assert shop.stock() == (19, 19, 19)
    row = update(Kind.REFUND)
    assert (row.state, row.result_gid) == (State.CONFIRMED, gids.gid("Refund", copy.refunds[0].id))
    assert not copy.refunds[0].transactions
    assert len(order.refunds) == 1, "nothing comes back"


def test_a_refund_of_money_only_changes_nothing(trade):
    shop, order, copy = copied(trade)
    shop.sim.refund(shop.north.domain, order, [], money="1.00")
    shop.run()
    assert copy.refunds == []
    assert update(Kind.REFUND).state == State.SKIPPED


def test_a_refund_whose_webhook_comes_twice_is_carried_once(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.north.refund(order, "CANCEL", 1)
    waiting = [each for each in shop.sim.deliveries(shop.north.domain) if each.topic == "REFUNDS_CREATE"]
    shop.run()
    for delivery in waiting:
        again = shop.sim.webhooks.duplicate_of(delivery)
        again.webhook_id += "-again"
        shop.sim.courier.attempt(again)
    shop.run()
    assert len(copy.refunds) == 1
    assert copy.lines[0].current_quantity == 2


def test_two_refunds_take_off_both(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.north.refund(order, "CANCEL", 1)
    shop.north.refund(order, "NO_RESTOCK", 1)
    shop.run()
    assert copy.lines[0].current_quantity == 1
    assert sorted(row["restock_type"] for each in copy.refunds for row in each.lines) == ["CANCEL", "NO_RESTOCK"]


def test_what_was_refunded_before_the_copy_is_not_taken_off_again(trade):
    shop = trade()
    order = shop.north.order((0, 3))
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    (copy,) = shop.copies
    assert copy.lines[0].current_quantity == 2
    assert copy.refunds == []


def test_a_returned_unit_goes_back_where_it_was_shipped_from(trade):
    shop, order, copy = copied(trade, (0, 2))
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    shop.north.refund(order, "RETURN", 1)
    shop.run()
    assert copy.refunds[0].lines[0]["restock_type"] == "RETURN"
    assert shop.source.available() == 19


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize(
    ("kind", "is_shipped", "left"), [("NO_RESTOCK", False, 18), ("CANCEL", False, 19), ("RETURN", True, 19)]
)
def test_units_that_an_edit_had_added_go_back_as_the_refund_says(trade, kind, is_shipped, left, is_lost):
    """Their line in the copy does not say which line it stands for: it is written down."""
    shop, order, copy = copied(trade)
    if is_lost:
        shop.source.fault("lost_answer", match="orderEditCommit", how="close")
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.world.deliver()
    shop.world.work(tries=1)
    if is_shipped:
        shop.sim.fulfil(shop.source.domain, shop.copies[0])
        shop.run()
        settle(shop)
    row = {"line_item_id": order.lines[1].id, "quantity": 1, "restock_type": kind}
    shop.sim.refund(shop.north.domain, order, [row])
    shop.run()
    settle(shop)
    assert [line.current_quantity for line in copy.lines] == [1, 1]
    assert shop.stock(1) == (left, left, left)
    assert not OrderUpdate.objects.exclude(state=State.CONFIRMED).exists()


@pytest.mark.parametrize(("fault", "fields"), [("lost_answer", {"how": "close"}), ("late_execution", {"seconds": 20})])
def test_all_of_what_an_edit_added_is_refunded_while_its_answer_is_lost(trade, fault, fields):
    shop, order, copy = copied(trade)
    shop.source.fault(fault, match="orderEditCommit", **fields)
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.world.deliver()
    shop.world.work(tries=1)
    shop.sim.refund(shop.north.domain, order, [{"line_item_id": order.lines[1].id, "quantity": 2}])  # not restocked
    shop.run()
    settle(shop)
    assert [line.current_quantity for line in copy.lines] == [1, 0]
    assert shop.stock(1) == (18, 18, 18)


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("mode", ["live", "docs"])
def test_a_lost_answer_refunds_once(trade, how, mode):
    shop, order, copy = copied(trade, (0, 3))
    shop.source.shop.knobs.replay_mode = mode
    shop.source.fault("lost_answer", match="refundCreate", how=how)
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    assert len(copy.refunds) == 1
    assert shop.source.available() == 18
    assert update(Kind.REFUND).state == State.CONFIRMED
