"""A refund of the original takes the same units off its copy, once, and moves no money."""

import pytest

from stores.shopify import gids
from tests.support.orders.changes import LOST, Kind, State, copied, update


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
