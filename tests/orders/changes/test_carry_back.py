"""What staff take off a copy is taken off its original, too: by the connection's choice, or once, by a person's."""

import contextlib
from decimal import Decimal

import pytest

from orders.changes import decisions
from orders.copies.importing import RetryLater
from orders.models import OrderImportLine, OrderSettings, OrderUpdate
from stores.shopify import gids
from syncing.connections import resuming
from syncing.queue import enqueue
from syncing.webhooks import inbox, topics
from tests.support.orders.changes import LOST, Kind, State, carry, copied, settle
from tests.support.orders.staff import WAYS, cancel, delete, edit, refund
from tests.support.orders.trade import total_of
from tests.support.thoroughness import effects


def row_of(kind=Kind.CARRY_BACK):
    return OrderUpdate.objects.get(kind=kind)


def is_over():
    """Nothing waits, and nothing is held back."""
    return not (
        OrderUpdate.objects.exclude(state__in=(State.CONFIRMED, State.SKIPPED)).exists()
        or OrderImportLine.objects.filter(owed_quantity__gt=0).exists()
    )


def decide(shop, order):
    """What the button does."""
    row = shop.row(order)
    assert decisions.decide_back(row, "Ada")
    enqueue.update_order(row.connection, row.order_gid)


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize(("change", "units"), WAYS)
def test_by_choice_the_same_units_leave_the_original_and_no_money_moves(trade, change, units, is_lost):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    paid, shop.north.shop.mails[:] = total_of(order), []
    shop.world.tick(5)
    change(shop, copy)
    if is_lost and change is not delete:  # of what is gone only its webhook tells
        shop.source.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 3 - units
    assert shop.stock() == (17 + units, 17 + units, 17 + units)
    for place in (shop.north, shop.south):
        assert max(each.after for each in place.changes(0)) <= 17 + units
    assert len(order.refunds) == 1 and not order.refunds[0].transactions
    assert total_of(order) <= paid and not shop.north.shop.mails
    assert row_of().state == State.CONFIRMED and is_over()


@pytest.mark.parametrize(("is_paid", "how"), [(True, ""), (True, "close"), (False, "")])
def test_by_choice_the_customer_of_a_paid_original_gets_the_money_back_once(trade, is_paid, how):
    shop = trade(copy_changes="carry", refunds_customer=True)
    taxed = {"tax_rate": "0.19", "taxes_included": False, "shipping": "4.90", "discount": {"amount": "3.00"}}
    order = shop.north.order((0, 3), paid=is_paid, **taxed)
    shop.run()
    (copy,) = shop.copies
    whole = total_of(order)
    if how:
        shop.north.fault("lost_answer", match="refundCreate", how=how)
    for units in (1, 2):
        shop.source.refund(copy, "CANCEL", units)
        shop.run()
        settle(shop)
    money = [row.amount.shop for made in order.refunds for row in made.transactions]
    assert order.lines[0].current_quantity == 0 and len(order.refunds) == 2
    assert sum(money) == (whole - Decimal("5.83") if is_paid else 0), "all but the shipping and its tax"
    told = [update.reason for update in OrderUpdate.objects.filter(kind=Kind.CARRY_BACK).order_by("pk")]
    words = [f"{amount:.2f} {order.currency} went back" if amount else "" for amount in money]
    assert all(one in other for one, other in zip(words or ["No money was moved."] * 2, told, strict=True))
    assert copy.lines[0].current_quantity == 0 and not shop.north.shop.mails and is_over()


def test_our_own_doing_that_comes_back_is_no_change(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    refund(shop, copy)
    shop.run()
    settle(shop)
    shop.world.reconcile()
    shop.run()
    settle(shop)
    assert (order.lines[0].current_quantity, copy.lines[0].current_quantity) == (2, 2)
    assert len(order.refunds) == len(copy.refunds) == 1
    refund(shop, copy)  # and what comes after it is
    shop.run()
    settle(shop)
    assert (order.lines[0].current_quantity, copy.lines[0].current_quantity) == (1, 1)
    assert shop.stock() == (19, 19, 19) and is_over()


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_takes_them_off_once(trade, how):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    shop.north.fault("lost_answer", match="refundCreate", how=how)
    refund(shop, copy)
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 2 and len(order.refunds) == 1
    assert shop.stock() == (18, 18, 18) and is_over()


def test_what_was_never_executed_is_sent_again_once_it_cannot_be_any_more(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    shop.north.fault("internal_error_before", match="refundCreate")
    refund(shop, copy)
    shop.run()
    assert shop.stock()[1:] == (17, 17)
    settle(shop)
    assert order.lines[0].current_quantity == 2 and len(order.refunds) == 1
    assert is_over()


def test_staff_who_take_it_back_while_the_answer_is_lost_are_not_undone(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    shop.north.fault("internal_error_before", match="refundCreate")
    edit(shop, copy)
    shop.run()
    assert row_of().state == State.SENT
    shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[0].id: 3})
    shop.run()
    settle(shop)
    assert (order.lines[0].current_quantity, copy.lines[0].current_quantity) == (3, 3)
    assert not order.refunds and shop.stock() == (17, 17, 17) and is_over()


def test_done_by_hand_said_meanwhile_of_other_lines_leaves_what_is_under_way_alone(trade):
    shop, order, copy = copied(trade, (0, 3), (1, 2))
    refund(shop, copy)
    shop.run()
    shop.north.fault("internal_error_before", match="refundCreate")
    decide(shop, order)
    shop.run()
    shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[1].id: 1})
    shop.world.reconcile()
    assert row_of().state == State.SENT
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Done by hand, says Ada.")
    settle(shop)
    assert [line.current_quantity for line in order.lines] == [2, 2]
    baselines = OrderImportLine.objects.order_by("pk").values_list("original_baseline", "copy_baseline")
    assert list(baselines) == [(2, 2), (2, 1)]
    assert [shop.stock(number) for number in (0, 1)] == [(18, 18, 18), (19, 19, 19)] and is_over()


def test_what_the_destination_shipped_stays_and_is_told(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    shop.sim.fulfil(shop.north.domain, order, {order.lines[0].id: 2})
    shop.run()
    cancel(shop, copy)
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 2
    told = row_of(Kind.COPY_CHANGED)
    assert told.state == State.NEEDS_SHOP and "2 × “Product 0”" in told.reason


def test_both_sides_at_once_each_own_change_is_carried_once(trade):
    shop, order, copy = copied(trade, (0, 3), (1, 2), copy_changes="carry")
    refund(shop, copy)
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 4, order.lines[1].id: 1})
    shop.run()
    settle(shop)
    assert [sum(line.current_quantity for line in each.lines) for each in (order, copy)] == [4, 4]
    assert [line.current_quantity for line in order.lines] == [3, 1]
    assert [shop.stock(number) for number in (0, 1)] == [(17, 17, 17), (19, 19, 19)]
    assert is_over()


def test_where_the_app_may_not_it_is_told_once_and_tried_again_by_hand(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    scopes = set(shop.north.shop.apps["tiposync"].scopes)
    shop.sim.set_scopes(shop.north.domain, scopes - {"write_orders"})
    refund(shop, copy)
    shop.run()
    settle(shop)
    assert row_of().state == State.NEEDS_SHOP and "write_orders" in row_of().reason
    assert not OrderUpdate.objects.filter(kind=Kind.COPY_CHANGED, state=State.NEEDS_SHOP).exists()
    assert shop.stock() == (18, 17, 17)
    asked = shop.north.count("refundCreate")
    shop.world.reconcile()
    shop.run()
    assert shop.north.count("refundCreate") == asked
    shop.sim.set_scopes(shop.north.domain, scopes)
    decide(shop, order)
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 2 and shop.stock() == (18, 18, 18) and is_over()


@pytest.mark.parametrize(("change", "units"), WAYS)
def test_once_by_a_persons_decision(trade, change, units):
    shop, order, copy = copied(trade, (0, 3))
    change(shop, copy)
    shop.run()
    assert row_of(Kind.COPY_CHANGED).state == State.NEEDS_SHOP and order.lines[0].current_quantity == 3
    decide(shop, order)
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 3 - units
    assert shop.stock() == (17 + units, 17 + units, 17 + units) and is_over()
    assert not decisions.decide_back(shop.row(order), "Ada")


@pytest.mark.parametrize("choice", ["carry", "report"])
def test_a_draft_that_staff_deleted_is_taken_off_the_original_by_choice_or_once(trade, choice):
    shop, order, _ = copied(trade, (0, 3), strategy="draft_order", copy_changes=choice)
    (draft,) = shop.drafts
    shop.sim.delete_draft(shop.source.domain, draft)
    shop.run()
    settle(shop)
    if choice == "report":
        assert order.lines[0].current_quantity == 3
        decide(shop, order)
        shop.run()
        settle(shop)
    assert order.lines[0].current_quantity == 0 and len(order.refunds) == 1
    assert shop.stock() == (20, 20, 20) and is_over()


def test_a_decision_counts_once_and_for_the_units_that_were_told(trade):
    shop, order, copy = copied(trade, (0, 3))
    refund(shop, copy)
    shop.run()
    decide(shop, order)
    refund(shop, copy)  # before it is carried
    shop.run()
    settle(shop)
    assert (order.lines[0].current_quantity, copy.lines[0].current_quantity) == (2, 1)
    assert "1 × “Product 0”" in row_of(Kind.COPY_CHANGED).reason
    assert row_of(Kind.COPY_CHANGED).state == State.NEEDS_SHOP and shop.stock() == (19, 18, 18)


def test_switched_on_later_it_takes_what_waits_once_the_order_is_compared(trade):
    shop, order, copy = copied(trade, (0, 3))
    refund(shop, copy)
    shop.run()
    OrderSettings.objects.update(copy_changes="carry")
    enqueue.update_order(shop.connection, gids.gid("Order", order.id))
    shop.run()
    assert order.lines[0].current_quantity == 3  # nothing happened to it since
    refund(shop, copy)
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 1 and is_over()


def test_of_a_cancelled_original_nothing_is_taken(trade):
    shop, order, copy = copied(trade, (0, 3))
    cancel(shop, copy)
    shop.run()
    decide(shop, order)
    shop.sim.cancel(shop.north.domain, order)
    shop.run()
    settle(shop)
    assert row_of().state == State.SKIPPED and len(order.refunds) == 1
    assert shop.stock() == (20, 20, 20) and is_over()


def test_restored_after_a_backup_nobody_knows_whose_change_it_was_and_nothing_is_taken(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry")
    refund(shop, copy)
    restored = shop.sim.clock.now()
    type(shop.connection).objects.filter(pk=shop.connection.pk).update(restored_at=restored)
    shop.run()
    settle(shop)
    assert order.lines[0].current_quantity == 3
    assert row_of(Kind.COPY_CHANGED).state == State.NEEDS_SHOP


def test_a_two_way_connection_puts_nothing_back_twice(trade):
    shop, order, copy = copied(trade, (0, 3), copy_changes="carry", strategy="order")
    type(shop.connection).objects.filter(pk=shop.connection.pk).update(strategy="two_way")
    enqueue.carry_stock(shop.connection)
    shop.run()
    settle(shop)
    cancel(shop, copy)
    shop.run()
    settle(shop)
    shop.world.reconcile()
    shop.run()
    assert order.lines[0].current_quantity == 0
    assert shop.stock() == (20, 20, 20) and is_over()


def test_a_worker_that_dies_anywhere_takes_them_off_once(trade):
    shop = trade(copy_changes="carry")
    for effect in effects():
        shop.world.begin_again()
        order = shop.north.order((0, 3))
        shop.run()
        (copy,) = shop.copies
        refund(shop, copy)
        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)
        with shop.world.worker_that_dies(effect) as countdown, contextlib.suppress(RetryLater):
            carry(shop, order)
        settle(shop)
        assert (order.lines[0].current_quantity, len(order.refunds)) == (2, 1), effect
        assert shop.stock() == (18, 18, 18) and is_over(), effect
        if not countdown.is_over:
            assert effect > 4
            return
    raise AssertionError("it never lived to the end")
