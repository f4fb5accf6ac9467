"""A cancelled original whose copy is shipped, or is being shipped: nothing shipped is ever for sale again."""

import pytest

from orders.changes.steps import state
from stores.shopify import gids
from syncing.queue import enqueue
from tests.support.orders.changes import LOST, Kind, State, copied, settle, update

STATUSES = ["pending", "paid"]


def cancel(shop, order):
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("restocks", [True, False])
def test_a_shipped_copy_is_never_cancelled_and_says_what_was_shipped(trade, status, restocks):
    shop, order, copy = copied(trade, (0, 2), carries_fulfilments=False, payment_status=status, restocks=restocks)
    shop.sim.fulfil(shop.source.domain, copy)
    cancel(shop, order)
    assert (copy.cancelled_at, shop.source.available()) == (None, 18)
    row = update(Kind.CANCELLATION)
    assert (row.state, row.failure) == (State.FAILED, "rejected")
    assert "2 of “Product 0”" in row.reason
    assert shop.source.count("orderCancel") == 0
    assert order.fulfillments == []


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("restocks", "left"), [(True, 18), (False, 15)])
def test_of_a_partly_shipped_copy_what_is_open_goes_back_and_what_is_shipped_does_not(trade, status, restocks, left):
    shop, order, copy = copied(
        trade, (0, 5), (1, 1), carries_fulfilments=False, payment_status=status, restocks=restocks
    )
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2})
    cancel(shop, order)
    assert copy.cancelled_at is None
    assert [line.current_quantity for line in copy.lines] == [2, 0]
    assert shop.source.available() == left
    assert shop.source.available(1) == (20 if restocks else 19)
    assert "2 of “Product 0”" in update(Kind.CANCELLATION).reason
    assert "Product 1" not in update(Kind.CANCELLATION).reason


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_takes_the_open_units_off_once(trade, how):
    shop, order, copy = copied(trade, (0, 5), carries_fulfilments=False, payment_status="pending")
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2})
    shop.source.fault("lost_answer", match="refundCreate", how=how)
    cancel(shop, order)
    assert len(copy.refunds) == 1
    assert (copy.cancelled_at, shop.source.available()) == (None, 18)
    assert update(Kind.CANCELLATION).state == State.FAILED


def test_once_its_parcels_are_taken_back_a_copy_is_cancelled_at_the_next_try(trade):
    shop, order, copy = copied(trade, (0, 5), carries_fulfilments=False, payment_status="pending")
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2})
    cancel(shop, order)
    shop.sim.cancel_fulfilment(shop.source.domain, copy.fulfillments[0])
    assert state.try_again(update(Kind.CANCELLATION))
    enqueue.update_order(shop.connection, gids.gid("Order", order.id))
    shop.run()
    settle(shop)
    assert copy.cancelled_at is not None
    assert shop.source.available() == 20
    assert update(Kind.CANCELLATION).state == State.CONFIRMED


@pytest.mark.parametrize(
    ("status", "what", "after"),
    [
        ("pending", "refundCreate", False),
        ("pending", "refundCreate", True),
        ("pending", "orderCancel", False),
        ("pending", "orderCancel", True),
        ("paid", "orderCancel", False),
        ("paid", "orderCancel", True),
    ],
)
def test_what_is_shipped_while_its_copy_is_being_cancelled_never_goes_back_on_sale(trade, status, what, after):
    shop, order, copy = copied(trade, (0, 2), carries_fulfilments=False, payment_status=status)
    shop.world.meanwhile(what, lambda: shop.sim.fulfil(shop.source.domain, copy), after=after)
    cancel(shop, order)
    row = update(Kind.CANCELLATION)
    if copy.fulfillments:
        assert (copy.cancelled_at, shop.source.available(), row.state) == (None, 18, State.FAILED)
        assert "2 of “Product 0”" in row.reason
    else:  # nothing was left to ship by then
        assert (copy.cancelled_at is not None, shop.source.available(), row.state) == (True, 20, State.CONFIRMED)
    assert bool(copy.fulfillments) == (status == "paid" or (what, after) == ("refundCreate", False))


@pytest.mark.parametrize("choices", [{"inventory_behaviour": "bypass"}, {"restocks": False}])
def test_a_copy_that_is_shipped_in_the_moment_of_its_cancellation_needs_shop_of(trade, choices):
    shop, order, copy = copied(trade, (0, 2), carries_fulfilments=False, payment_status="pending", **choices)
    before = shop.source.available()
    shop.world.meanwhile("orderCancel", lambda: shop.sim.fulfil(shop.source.domain, copy))
    cancel(shop, order)
    row = update(Kind.CANCELLATION)
    assert (copy.cancelled_at is not None, shop.source.available(), row.state) == (True, before, State.FAILED)
    assert "2 of “Product 0”" in row.reason and "parcel" in row.reason


@pytest.mark.parametrize("has_results", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_a_cancellation_that_is_under_way_already_is_looked_at_again(trade, status, has_results):
    shop, order, copy = copied(trade, (0, 2), payment_status=status)
    shop.source.shop.knobs.job_seconds = 60
    shop.source.shop.knobs.job_results = has_results
    shop.source.fault("lost_answer", match="orderCancel", how="html")
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    assert update(Kind.CANCELLATION).state == State.SENT
    settle(shop)
    assert copy.cancelled_at is not None
    assert update(Kind.CANCELLATION).state == State.CONFIRMED
    assert shop.stock() == (20, 20, 20)
