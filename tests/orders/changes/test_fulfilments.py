"""A shipment of the copy ships the original: the same units, the same tracking, once."""

import pytest

from stores.shopify import gids
from syncing.webhooks import inbox, topics
from tests.simulator.events import order_moves
from tests.support.orders.changes import LOST, Kind, State, copied, settle, shipped, update


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


@pytest.mark.parametrize("shows_transit", [True, False])
def test_tracking_that_comes_later_is_carried_to_the_same_fulfilment(trade, shows_transit):
    shop, order, copy = copied(trade)
    for place in (shop.source, shop.north):
        place.shop.knobs.tracking_shows_transit = shows_transit
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


def take_back(shop, copy, number=0):
    """The source cancels a fulfilment of the copy, some seconds after it was made."""
    shop.world.tick(5)
    shop.sim.cancel_fulfilment(shop.source.domain, copy.fulfillments[number])


def test_a_shipment_that_the_source_cancels_is_cancelled_in_the_destination_and_can_be_shipped_anew(trade):
    shop, order, copy = copied(trade, (0, 2), (1, 1))
    shop.sim.fulfil(shop.source.domain, copy, number="A1")
    shop.run()
    take_back(shop, copy)
    shop.run()
    assert [made.status for made in order.fulfillments] == ["CANCELLED"]
    assert [line.unfulfilled for line in order.lines] == [2, 1]
    row = update(Kind.FULFILMENT)
    assert (row.state, row.reason) == (State.CONFIRMED, "The shipment was cancelled in the destination, too.")
    assert shop.stock() == (18, 18, 18)
    shop.sim.fulfil(shop.source.domain, copy, number="A2")
    shop.run()
    assert [(made.status, made.numbers) for made in order.fulfillments] == [
        ("CANCELLED", ["A1"]),
        ("SUCCESS", ["A2"]),
    ]
    assert shop.stock() == (18, 18, 18)


def test_of_a_shipment_in_parts_only_the_cancelled_part_is_taken_back(trade):
    shop, order, copy = copied(trade, (0, 3))
    for units in (1, 2):
        shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: units})
        shop.run()
    take_back(shop, copy)
    shop.run()
    assert [made.status for made in order.fulfillments] == ["CANCELLED", "SUCCESS"]
    assert order.lines[0].unfulfilled == 1


def test_what_the_destination_shipped_itself_is_not_cancelled(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.fulfil(shop.north.domain, order, {order.lines[0].id: 2})
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    take_back(shop, copy)
    shop.run()
    assert [(made.lines[order.lines[0].id], made.status) for made in order.fulfillments] == [
        (2, "SUCCESS"),
        (1, "CANCELLED"),
    ]


def test_a_shipment_that_the_destination_cancelled_itself_needs_nothing_more(trade):
    shop, order, copy = copied(trade)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    shop.sim.cancel_fulfilment(shop.north.domain, order.fulfillments[0])
    take_back(shop, copy)
    shop.run()
    assert update(Kind.FULFILMENT).state == State.CONFIRMED
    assert shop.north.count("fulfillmentCancel") == 0


def test_a_shipment_that_is_cancelled_before_it_was_carried_ships_nothing(trade):
    shop, order, copy = copied(trade)
    shop.sim.fulfil(shop.source.domain, copy)
    take_back(shop, copy)
    shop.run()
    assert order.fulfillments == []
    assert update(Kind.FULFILMENT).state == State.SKIPPED


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_cancels_a_shipment_once(trade, how):
    shop, order, copy = copied(trade)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    shop.north.fault("lost_answer", match="fulfillmentCancel", how=how)
    take_back(shop, copy)
    shop.run()
    settle(shop)
    assert [made.status for made in order.fulfillments] == ["CANCELLED"]
    assert update(Kind.FULFILMENT).state == State.CONFIRMED
    assert shop.north.count("fulfillmentCancel") == 1


def cancelled_meanwhile(shop, copy):
    """While the shipment is being carried the source cancels it, and Shopify tells of it."""

    def cancel_and_tell():
        take_back(shop, copy)
        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)

    shop.world.meanwhile("fulfillmentCreate", cancel_and_tell, after=True)


def test_a_shipment_that_is_cancelled_while_it_is_carried_is_cancelled_in_the_destination(trade):
    shop, order, copy = copied(trade)
    shop.sim.fulfil(shop.source.domain, copy)
    cancelled_meanwhile(shop, copy)
    shop.run()
    assert [made.status for made in order.fulfillments] == ["CANCELLED"]
    assert update(Kind.FULFILMENT).state == State.CONFIRMED


def test_a_shipment_whose_answer_was_lost_is_looked_for_and_cancelled(trade):
    shop, order, copy = copied(trade)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.north.fault("lost_answer", match="fulfillmentCreate", how="close")
    cancelled_meanwhile(shop, copy)
    shop.run()
    settle(shop)
    assert [made.status for made in order.fulfillments] == ["CANCELLED"]


def test_a_cancellation_of_a_shipment_that_shopify_refuses_says_why(trade):
    shop, order, copy = copied(trade, (0, 2))
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    shop.north.refund(order, "RETURN", 1)
    take_back(shop, copy)
    shop.run()
    row = update(Kind.FULFILMENT)
    assert (row.state, row.failure) == (State.FAILED, "rejected")
    assert "returned or refunded" in row.reason


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


def test_what_an_edit_added_to_the_copy_ships_the_line_that_the_original_gained(trade):
    shop, order, copy = copied(trade, (0, 1))
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.run()
    settle(shop)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    settle(shop)
    assert [line.fulfilled for line in order.lines] == [1, 2]
