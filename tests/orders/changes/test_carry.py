"""What happens to an order after it was copied reaches the other side: once, whatever goes wrong."""

import contextlib

import pytest

from orders.changes.steps import state
from orders.copies.importing import RetryLater
from orders.models import OrderImport, OrderUpdate
from stores.shopify import gids
from syncing import sweep
from syncing.models import SyncJob
from syncing.queue import enqueue
from syncing.webhooks import inbox, topics
from tests.support.orders.changes import LOST, Kind, State, carry, copied, settle, shipped, update
from tests.support.thoroughness import effects


def test_a_cancelled_original_cancels_its_copy_and_its_units_go_back(trade):
    shop, order, copy = copied(trade, (0, 2))
    assert shop.stock() == (18, 18, 18)
    shop.sim.cancel(shop.north.domain, order, reason="FRAUD")
    shop.run()
    settle(shop)
    assert copy.cancelled_at is not None
    assert copy.cancel_reason == "FRAUD"
    assert shop.stock() == (20, 20, 20)
    assert update(Kind.CANCELLATION).state == State.CONFIRMED
    assert update(Kind.REFUND).state == State.SKIPPED
    assert not shop.source.shop.mails
    assert not [row for row in copy.transactions if row.kind == "REFUND"]


def test_a_cancellation_that_takes_its_time_is_asked_after(trade):
    shop, order, copy = copied(trade)
    shop.source.shop.knobs.job_seconds = 30
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    assert copy.cancelled_at is None
    assert update(Kind.CANCELLATION).state == State.SENT
    settle(shop)
    assert copy.cancelled_at is not None
    assert update(Kind.CANCELLATION).state == State.CONFIRMED
    assert shop.source.count("orderCancel") == 1


def test_a_cancellation_that_shopify_cannot_carry_out_says_why(trade):
    shop, order, copy = copied(trade)
    shop.source.shop.knobs.job_error = "Payments are pending"
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    row = update(Kind.CANCELLATION)
    assert (row.state, row.failure) == (State.FAILED, "rejected")
    assert "Payments are pending" in row.reason
    shop.source.shop.knobs.job_error = None
    assert state.try_again(row)
    enqueue.update_order(shop.connection, gids.gid("Order", order.id))
    shop.run()
    settle(shop)
    assert copy.cancelled_at is not None


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_cancels_once(trade, how):
    shop, order, copy = copied(trade, (0, 2))
    shop.source.fault("lost_answer", match="orderCancel", how=how)
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert copy.cancelled_at is not None
    assert shop.stock() == (20, 20, 20)
    assert update(Kind.CANCELLATION).state == State.CONFIRMED


def test_without_restocking_a_cancelled_copy_keeps_its_units_out_of_stock(trade):
    shop, order, copy = copied(trade, (0, 2), restocks=False)
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert copy.cancelled_at is not None
    assert shop.source.available() == 18


def test_a_copy_that_left_stock_alone_gives_none_back(trade):
    shop, order, copy = copied(trade, (0, 2), inventory_behaviour="bypass")
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert copy.cancelled_at is not None
    assert shop.source.available() == 20


def test_cancelling_deletes_an_open_draft_and_frees_what_it_reserves(trade):
    shop, order, _ = copied(trade, (0, 2), strategy="draft_order")
    assert shop.source.available() == 18
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    assert shop.drafts == []
    assert shop.row(order).draft_status == OrderImport.DraftStatus.DELETED
    assert shop.stock() == (20, 20, 20)
    assert update(Kind.CANCELLATION).state == State.CONFIRMED


def test_cancelling_cancels_the_order_that_a_draft_became(trade):
    shop, order, _ = copied(trade, (0, 2), strategy="draft_order")
    (draft,) = shop.drafts
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.source.lose_webhooks()
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert made.cancelled_at is not None
    assert shop.stock() == (20, 20, 20)


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ("carries_fulfilments", Kind.FULFILMENT),
        ("carries_cancellations", Kind.CANCELLATION),
        ("carries_refunds", Kind.REFUND),
    ],
)
def test_what_is_switched_off_is_not_carried(trade, choice, kind):
    shop, order, copy = copied(trade, (0, 2), **{choice: False})
    if kind == Kind.FULFILMENT:
        shop.sim.fulfil(shop.source.domain, copy)
    elif kind == Kind.REFUND:
        shop.north.refund(order)
    else:
        shop.sim.cancel(shop.north.domain, order)
        OrderUpdate.objects.filter(kind=Kind.REFUND).delete()
    shop.run()
    assert update(kind).state == State.SKIPPED
    assert order.fulfillments == []
    assert copy.cancelled_at is None


def test_one_change_that_is_refused_does_not_keep_the_others_back(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.source.fault("refuse_before", match="refundCreate")
    shop.north.refund(order, "CANCEL", 1)
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2})
    shop.run()
    assert shipped(order) == [({order.lines[0].id: 2}, [])]


def test_a_cancelled_shipment_that_no_webhook_told_of_is_found_by_the_reconciliation(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.fulfil(shop.source.domain, copy)
    shop.run()
    shop.world.tick(5)
    shop.sim.cancel_fulfilment(shop.source.domain, copy.fulfillments[0])
    shop.source.lose_webhooks()
    shop.world.reconcile()
    assert [made.status for made in order.fulfillments] == ["CANCELLED"]


@pytest.mark.parametrize("what", ["fulfil", "refund", "cancel"])
def test_what_no_webhook_told_of_is_found_by_the_reconciliation(trade, what):
    shop, order, copy = copied(trade, (0, 3))
    if what == "fulfil":
        shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1}, number="A")
    elif what == "refund":
        shop.north.refund(order, "CANCEL", 1)
    else:
        shop.source.shop.knobs.job_seconds = 0  # a reconciliation here has no time that passes
        shop.sim.cancel(shop.north.domain, order)
    shop.north.lose_webhooks()
    shop.source.lose_webhooks()
    for _ in range(2):  # the second one finds nothing new
        shop.world.reconcile()
    assert (len(order.fulfillments), len(copy.refunds)) == {"fulfil": (1, 0)}.get(what, (0, 1))
    assert (copy.cancelled_at is not None) == (what == "cancel")
    made = OrderUpdate.objects.count()
    shop.world.reconcile()
    assert OrderUpdate.objects.count() == made
    assert not OrderUpdate.objects.exclude(state__in=(State.CONFIRMED, State.SKIPPED)).exists()


def test_what_happens_to_the_order_of_a_completed_draft_is_carried_too(trade):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order")
    made = shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    shop.north.refund(order, "CANCEL", 1)
    shop.sim.fulfil(shop.source.domain, made, {made.lines[0].id: 1}, number="A")
    shop.run()
    assert shipped(order) == [({order.lines[0].id: 1}, ["A"])]
    assert made.lines[0].current_quantity == 2
    assert shop.stock() == (18, 18, 18)


def test_nothing_ever_comes_back(trade):
    shop, order, copy = copied(trade, (0, 3), (1, 1))
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1})
    shop.run()
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    for _ in range(3):
        shop.run()
        sweep.sweep()
        shop.world.work()
    assert OrderUpdate.objects.count() == 2
    assert (len(order.fulfillments), len(copy.fulfillments)) == (1, 1)
    assert (len(order.refunds), len(copy.refunds)) == (1, 1)
    assert not SyncJob.objects.filter(state=SyncJob.State.FAILED).exists()


@pytest.mark.parametrize("what", ["fulfil", "refund", "cancel"])
def test_a_worker_that_dies_anywhere_carries_it_once(trade, what):
    shop = trade()
    for effect in effects():
        shop.world.begin_again()
        order = shop.north.order((0, 3))
        shop.run()
        (copy,) = shop.copies
        if what == "fulfil":
            shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1})
        elif what == "refund":
            shop.north.refund(order, "CANCEL", 1)
        else:
            shop.sim.cancel(shop.north.domain, order)
        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)
        with shop.world.worker_that_dies(effect) as countdown, contextlib.suppress(RetryLater):
            carry(shop, order)
        settle(shop)
        assert (len(order.fulfillments), len(copy.refunds)) == {"fulfil": (1, 0)}.get(what, (0, 1)), effect
        assert shop.source.available() == {"fulfil": 17, "refund": 18, "cancel": 20}[what], effect
        assert not OrderUpdate.objects.exclude(state__in=(State.CONFIRMED, State.SKIPPED)).exists(), effect
        if not countdown.is_over:
            assert effect > 4
            return
    raise AssertionError("it never lived to the end")
