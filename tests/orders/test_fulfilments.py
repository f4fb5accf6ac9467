"""A shipment of the copy ships the original: the same units, the same tracking, once."""

import pytest

from stores.shopify import gids
from tests.orders.changes import LOST, Kind, State, copied, settle, shipped, update
from tests.simulator import order_moves


def test_a_shipment_of_the_copy_ships_the_original_with_its_tracking(trade):
    shop, order, copy = copied(trade, (0, 2), (1, 1))
    shop.sim.fulfil(shop.source.domain, copy, number="A1", company="Post", url="https://post.example/A1")
    shop.run()
    (made,) = order.fulfillments
    assert made.lines == {order.lines[0].id: 2, order.lines[1].id: 1}
    assert (made.company, made.numbers, made.urls) == ("Post", ["A1"], ["https://post.example/A1"])
    row = update(Kind.FULFILMENT)
    assert (row.state, row.result_gid) == (State.CONFIRMED, gids.gid("Fulfillment", made.id))
    assert shop.stock() == (18, 18, 18)
    assert not shop.north.shop.mails


def test_a_shipment_in_parts_ships_the_original_in_the_same_parts(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1}, number="A")
    shop.run()
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2}, number="B")
    shop.run()
    line = order.lines[0].id
    assert shipped(order) == [({line: 1}, ["A"]), ({line: 2}, ["B"])]


def test_lines_that_were_split_are_shipped_as_the_one_they_were(trade):
    shop = trade()
    order = shop.north.order((0, 3), discount={"code": "FIVE", "amount": "5.00"})
    shop.run()
    (copy,) = shop.copies
    assert len(copy.lines) == 2
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    assert shipped(order) == [({order.lines[0].id: 3}, [])]


def test_tracking_that_comes_later_is_carried_to_the_same_fulfilment(trade):
    shop, order, copy = copied(trade)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    made = copy.fulfillments[0]
    order_moves.change_tracking(shop.source.shop, shop.sim.clock, made, "Post", ["A9"], [])
    shop.run()
    (carried,) = order.fulfillments
    assert (carried.company, carried.numbers) == ("Post", ["A9"])
    assert update(Kind.FULFILMENT).state == State.CONFIRMED


def mails(shop):
    """What the destination's customer was mailed: the kinds and addresses, in order."""
    return [(mail["kind"], mail["to"]) for mail in shop.north.shop.mails]


def copied_for(trade, email, **choices):
    """A copied order of a customer with this address: (trade, order, copy)."""
    shop = trade(**choices)
    order = shop.north.order((0, 2), email=email)
    shop.run()
    (copy,) = shop.copies
    return shop, order, copy


def test_the_customer_is_mailed_of_a_shipment_and_of_new_tracking_only_where_the_operator_wants_it(trade):
    shop, _, copy = copied_for(trade, "buyer@example.com", notifies_customers=True)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    assert mails(shop) == [("shipping", "buyer@example.com")]
    order_moves.change_tracking(shop.source.shop, shop.sim.clock, copy.fulfillments[0], "Post", ["A9"], [])
    shop.run()
    assert mails(shop) == [("shipping", "buyer@example.com")] * 2
    assert not shop.source.shop.mails


def test_nobody_is_mailed_unless_the_operator_chose_it(trade):
    shop, _, copy = copied_for(trade, "buyer@example.com")
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    order_moves.change_tracking(shop.source.shop, shop.sim.clock, copy.fulfillments[0], "Post", ["A9"], [])
    shop.run()
    assert mails(shop) == []


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("what", ["fulfillmentCreate", "fulfillmentTrackingInfoUpdate"])
def test_a_lost_answer_mails_the_customer_once(trade, what, how):
    shop, order, copy = copied_for(trade, "buyer@example.com", notifies_customers=True)
    shop.north.fault("lost_answer", match=what, how=how)
    shop.sim.fulfil(shop.source.domain, copy, number="A1")
    shop.run()
    order_moves.change_tracking(shop.source.shop, shop.sim.clock, copy.fulfillments[0], "Post", ["A9"], [])
    shop.run()
    settle(shop)
    assert shipped(order) == [({order.lines[0].id: 2}, ["A9"])]
    assert mails(shop) == [("shipping", "buyer@example.com")] * 2


def test_what_the_destination_has_shipped_itself_is_not_shipped_again(trade):
    shop, order, copy = copied(trade, (0, 2))
    shop.sim.fulfil(shop.north.domain, order)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    assert len(order.fulfillments) == 1
    assert update(Kind.FULFILMENT).state == State.SKIPPED


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_ships_once(trade, how):
    shop, order, copy = copied(trade, (0, 3))
    shop.north.fault("lost_answer", match="fulfillmentCreate", how=how)
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1}, number="A")
    shop.run()
    assert len(order.fulfillments) == 1
    row = update(Kind.FULFILMENT)
    assert (row.state, row.attempts) == (State.CONFIRMED, 1)


def test_a_shipment_that_never_arrived_is_sent_again_after_a_minute(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.north.fault("internal_error_before", match="fulfillmentCreate")
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1})
    shop.run()
    assert order.fulfillments == []
    assert update(Kind.FULFILMENT).state == State.SENT
    shop.world.carry_orders()
    settle(shop)
    assert shipped(order) == [({order.lines[0].id: 1}, [])]
