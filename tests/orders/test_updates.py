"""What happens to an order after it was copied reaches the other side: once, whatever goes wrong."""

import pytest

from orders import update_state, updates
from orders.models import OrderImport, OrderUpdate
from stores import clients
from stores.shopify import gids
from syncing import handlers, jobs, order_effects, webhooks
from syncing.models import SyncJob
from tests.orders.trade import Trade
from tests.simulator import order_moves

State = OrderUpdate.State
Kind = OrderUpdate.Kind
LOST = ["close", "html", "internal_error"]


def copied(trade, *lines, strategy="order", **choices):
    """A trade with one order of north that is copied: (trade, order, copy)."""
    shop = trade(strategy, **choices)
    order = shop.north.order(*lines)
    shop.run()
    return shop, order, (shop.copies or [None])[0]


def update(kind: str) -> OrderUpdate:
    return OrderUpdate.objects.get(kind=kind)


def shipped(order) -> list[tuple[dict[int, int], list[str]]]:
    return [(made.lines, made.numbers) for made in order.fulfillments]


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


def settle(shop: Trade) -> None:
    """The time passes that looks and jobs wait for."""
    for _ in range(3):
        shop.world.tick(70)
        handlers.sweep()
        shop.world.work(tries=jobs.MAX_ATTEMPTS)
        shop.run()
        if not OrderUpdate.objects.filter(state__in=update_state.OPEN).exists():
            return


def test_a_cancelled_original_cancels_its_copy_and_its_units_go_back(trade):
    shop, order, copy = copied(trade, (0, 2))
    assert shop.stock() == (18, 18, 18)
    shop.sim.cancel(shop.north.domain, order, reason="FRAUD")
    shop.run()
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
    assert update_state.try_again(row)
    jobs.update_order(shop.connection, gids.gid("Order", order.id))
    shop.run()
    assert copy.cancelled_at is not None


def test_a_copy_that_was_shipped_is_not_cancelled_and_says_so(trade):
    shop, order, copy = copied(trade, carries_fulfilments=False)
    shop.sim.fulfil(shop.source.domain, copy)
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    assert copy.cancelled_at is None
    row = update(Kind.CANCELLATION)
    assert row.state == State.FAILED
    assert "outstanding fulfillments" in row.reason
    assert order.fulfillments == []


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
    assert copy.cancelled_at is not None
    assert shop.source.available() == 18


def test_a_copy_that_left_stock_alone_gives_none_back(trade):
    shop, order, copy = copied(trade, (0, 2), inventory_behaviour="bypass")
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
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
    assert made.cancelled_at is not None
    assert shop.stock() == (20, 20, 20)


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
    waiting = [each for each in shop.sim.deliveries(shop.north.domain) if each.topic == "refunds/create"]
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


def test_a_refund_of_an_open_draft_is_left_to_people(trade):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order")
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    row = update(Kind.REFUND)
    assert row.state == State.FAILED
    assert "change it by hand" in row.reason


def test_an_edit_is_told_in_words_and_changes_nothing(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.edit_order(
        shop.north.domain, order, quantities={order.lines[0].id: 1}, add=[(shop.north.variants[1].id, 2)]
    )
    shop.run()
    words = shop.row(order).reason
    assert "“Product 0”: 1 instead of 3" in words
    assert "“Product 1”: 2 instead of 0" in words
    assert copy.lines[0].current_quantity == 3
    assert update(Kind.EDIT).state == State.CONFIRMED


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


def test_nothing_ever_comes_back(trade):
    shop, order, copy = copied(trade, (0, 3), (1, 1))
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 1})
    shop.run()
    shop.north.refund(order, "CANCEL", 1)
    shop.run()
    for _ in range(3):
        shop.run()
        handlers.sweep()
        shop.world.work()
    assert OrderUpdate.objects.count() == 2
    assert (len(order.fulfillments), len(copy.fulfillments)) == (1, 1)
    assert (len(order.refunds), len(copy.refunds)) == (1, 1)
    assert not SyncJob.objects.filter(state=SyncJob.State.FAILED).exists()


@pytest.mark.parametrize("what", ["fulfil", "refund", "cancel"])
def test_a_worker_that_dies_anywhere_carries_it_once(trade, what):
    shop = trade()
    for statement in range(1, 100):
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
        webhooks.process_new(handlers.EFFECTS)
        with shop.world.worker_that_dies(statement) as countdown:
            carry(shop, order)
        settle(shop)
        assert (len(order.fulfillments), len(copy.refunds)) == {"fulfil": (1, 0)}.get(what, (0, 1)), statement
        assert shop.source.available() == {"fulfil": 17, "refund": 18, "cancel": 20}[what], statement
        assert not OrderUpdate.objects.exclude(state__in=(State.CONFIRMED, State.SKIPPED)).exists(), statement
        if not countdown.is_over:
            assert statement > 8
            return
    raise AssertionError("it never lived to the end")


def carry(shop: Trade, order) -> str:
    return updates.carry_updates(
        shop.connection, gids.gid("Order", order.id), clients.open_client, order_effects.move_units
    )
