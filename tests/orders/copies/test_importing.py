"""A destination's order becomes one order in the source: once, whole, at the right price, whatever goes wrong."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from orders import advice
from orders.models import OrderImport, OrderSettings
from stores.models import VariantLink
from stores.shopify import gids
from syncing import sweep
from syncing.models import WebhookEvent
from syncing.monitoring import service_problems
from syncing.queue import enqueue
from tests.simulator.events import merchant
from tests.support.orders.trade import total_of

State = OrderImport.State


def test_an_order_is_copied_with_its_marks_and_its_price(trade):
    shop = trade()
    order = shop.north.order((0, 2), (1, 1), discount={"code": "TEN", "percentage": 10}, shipping="4.90", note="Ring")
    shop.run()
    (copy,) = shop.copies
    assert total_of(copy) == total_of(order)
    assert [(line.variant_id, line.quantity) for line in copy.lines if line.variant_id] == [
        (shop.source.variants[0].id, 2),
        (shop.source.variants[1].id, 1),
    ]
    assert {"From: North", "multi_store_sync"} <= set(copy.tags)
    assert copy.source_identifier == f"{shop.north.domain}/{order.id}"
    assert copy.note == "Ring"
    row = shop.row(order)
    assert (row.state, row.copy_gid, row.is_partial) == (State.CONFIRMED, gids.gid("Order", copy.id), False)
    assert (row.copy_name, row.copy_total, row.order_name) == (copy.name, total_of(copy), order.name)


def test_what_was_sold_over_the_counter_is_not_shipped_a_second_time(trade):
    shop = trade()
    order = shop.north.order((0, 2))
    shop.sim.fulfil(shop.north.domain, order)
    shop.run()
    (copy,) = shop.copies
    assert "Already shipped" in copy.tags
    assert shop.stock() == (18, 18, 18)
    assert copy.fulfillments == []


def test_a_plain_order_costs_two_calls(trade):
    shop = trade()
    shop.north.order()
    shop.run()
    assert len(shop.copies) == 1
    stock = ("nodes", "location", "inventorySetQuantities")  # the first two are one request
    assert shop.north.operations(except_for=stock) == {"order": 1}
    assert shop.source.operations(except_for=stock) == {"orderCreate": 1}


def test_webhooks_that_come_twice_late_and_in_any_order_make_one_copy(trade):
    shop = trade()
    order = shop.north.order((0, 3))
    waiting = shop.sim.deliveries(shop.north.domain)
    shop.sim.pump(shop.north.domain, [*reversed(waiting), *waiting])
    shop.world.work()
    for delivery in waiting:
        again = shop.sim.webhooks.duplicate_of(delivery)
        again.webhook_id += "-again"
        shop.sim.courier.attempt(again)
    for event in WebhookEvent.objects.all():
        event.state = WebhookEvent.State.NEW
        event.save()
    enqueue.process_events()
    shop.run()
    assert len(shop.copies) == 1
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (17, 17, 17)


def test_an_order_that_must_be_paid_waits_for_its_payment_and_is_held_back_meanwhile(trade):
    shop = trade(when=OrderSettings.When.PAID)
    order = shop.north.order((0, 4), paid=False)
    shop.run()
    row = shop.row(order)
    assert (row.state, row.waits_for, shop.copies) == (State.WAITING, "payment", [])
    assert shop.stock() == (20, 16, 16)
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (16, 16, 16)


def test_the_payment_may_be_told_before_the_order(trade):
    shop = trade(when=OrderSettings.When.PAID)
    order = shop.north.order()
    paid = shop.north.waiting("ORDERS_PAID")
    assert paid
    shop.sim.pump(shop.north.domain, paid)
    shop.run()
    assert (shop.row(order).state, len(shop.copies)) == (State.CONFIRMED, 1)


def test_an_operator_who_no_longer_waits_for_payment_gets_the_copies_at_the_next_sweep(trade):
    shop = trade(when=OrderSettings.When.PAID)
    shop.north.order(paid=False)
    shop.run()
    OrderSettings.objects.update(when=OrderSettings.When.CREATED)
    sweep.sweep()
    shop.world.work()
    assert len(shop.copies) == 1


class TestWhatIsNotCopied:
    def test_a_test_order(self, trade):
        shop = trade()
        order = shop.north.order(test=True)
        shop.run()
        row = shop.row(order)
        assert (row.state, row.reason, shop.copies) == (State.SKIPPED, "It is a test order.", [])
        assert shop.stock()[0] == shop.stock()[2] == 20

    def test_an_order_that_was_cancelled_before_it_was_copied(self, trade):
        shop = trade()
        order = shop.north.order((0, 5))
        shop.sim.cancel(shop.north.domain, order)
        shop.run()
        row = shop.row(order)
        assert (row.state, shop.copies) == (State.SKIPPED, [])
        assert "cancelled" in row.reason
        assert shop.stock() == (20, 20, 20)

    def test_an_order_from_before_the_connection(self, trade):
        shop = trade()
        before = shop.connection.started_at - timedelta(seconds=5)
        shop.north.order(created_at=before.timestamp())
        shop.run()
        assert not OrderImport.objects.exists() and not shop.copies
        assert WebhookEvent.objects.filter(reason__contains="placed before the connection").exists()

    def test_an_order_that_an_operator_wants_although_it_is_too_old(self, trade):
        shop = trade()
        shop.connection.started_at = shop.connection.carries_orders_since = timezone.now() - timedelta(days=90)
        shop.connection.save(update_fields=["started_at", "carries_orders_since"])
        order = shop.north.order(created_at=(timezone.now() - timedelta(days=61)).timestamp())
        shop.north.lose_webhooks()
        enqueue.import_order(shop.connection, gids.gid("Order", order.id))
        shop.world.work()
        assert shop.row(order).state == State.SKIPPED
        assert "60 days" in shop.row(order).reason

    def test_a_copy_that_we_made_ourselves(self, trade):
        shop = trade()
        shop.north.order(tags=["multi_store_sync"])
        shop.run()
        assert not OrderImport.objects.exists() and not shop.copies

    def test_an_order_whose_product_was_deleted_meanwhile_needs_shop_of(self, trade, mailoutbox):
        shop = trade(when="paid", notice_addresses="anna@example.com")
        order = shop.north.order((0, 1), paid=False)
        shop.run()
        assert shop.row(order).state == State.WAITING
        merchant.delete_product(shop.north.shop, shop.sim.clock, shop.north.variants[0].product_id)
        shop.sim.pay_order(shop.north.domain, order)
        shop.run()
        row = shop.row(order)
        assert (row.state, row.failure, shop.copies) == (State.SKIPPED, "unmatched", [])
        assert "Enter the order in the source by hand" in advice.what_to_do(row)
        assert [mail.subject for mail in mailoutbox] == [
            f"[tiposync] Order {order.name} of North could not be imported"
        ]
        assert [problem.kind for problem in service_problems.find() if problem.kind == "order_failed"] == [
            "order_failed"
        ]

    def test_an_order_of_the_destinations_own_products_is_nobodys_business(self, trade, mailoutbox):
        shop = trade(notice_addresses="anna@example.com")
        VariantLink.objects.filter(connection=shop.connection).delete()
        order = shop.north.order((0, 1))
        shop.run()
        assert (shop.row(order).state, shop.row(order).failure) == (State.SKIPPED, "")
        assert mailoutbox == []

    def test_an_order_of_which_nothing_is_linked(self, trade):
        shop = trade()
        VariantLink.objects.filter(connection=shop.connection).update(state="unmatched", destination_variant=None)
        order = shop.north.order((0, 1))
        shop.run()
        row = shop.row(order)
        assert (row.state, shop.copies) == (State.SKIPPED, [])
        assert "linked" in row.reason

    def test_an_order_of_a_store_whose_connection_only_carries_stock(self, trade):
        shop = trade()
        shop.connection.strategy = "one_way"
        shop.connection.save()
        enqueue.carry_stock(shop.connection)
        shop.world.work()
        shop.north.order()
        shop.run()
        assert not OrderImport.objects.exists()


class TestUnlinkedLines:
    def unlink(self, shop, number: int) -> VariantLink:
        link = VariantLink.objects.filter(connection=shop.connection).order_by("pk")[number]
        link.partner = link.destination_variant
        VariantLink.objects.filter(pk=link.pk).update(state="unmatched", destination_variant=None)
        return link

    def test_an_unlinked_line_is_left_out_and_the_copy_is_partial(self, trade):
        shop = trade()
        self.unlink(shop, 1)
        order = shop.north.order((0, 1), (1, 2))
        shop.run()
        row = shop.row(order)
        assert (row.state, row.is_partial) == (State.CONFIRMED, True)
        assert [(line.quantity, line.state) for line in row.lines.all()] == [(1, "carried"), (2, "left_out")]
        assert all(line.reason for line in row.lines.filter(state="left_out"))

    def test_an_order_is_held_until_all_is_linked_and_then_goes_by_itself(self, trade):
        shop = trade(unlinked=OrderSettings.Unlinked.HOLD)
        link = self.unlink(shop, 1)
        order = shop.north.order((0, 3), (1, 2))
        shop.run()
        row = shop.row(order)
        assert (row.state, row.waits_for, shop.copies) == (State.WAITING, "links", [])
        assert shop.stock(0) == (20, 17, 17)
        VariantLink.objects.filter(pk=link.pk).update(state="linked", destination_variant=link.partner)
        sweep.sweep()
        shop.world.work()
        shop.run()
        assert shop.row(order).state == State.CONFIRMED
        assert [line.quantity for line in shop.copies[0].lines] == [3, 2]
        assert shop.stock(0) == (17, 17, 17)
        assert shop.stock(1)[0] == shop.stock(1)[2] == 18


class TestAmounts:
    @pytest.mark.parametrize("included", [True, False])
    def test_taxes_travel_to_the_cent(self, trade, included):
        shop = trade()
        order = shop.north.order(
            (0, 3), (1, 1), tax_rate="0.19", taxes_included=included, discount={"code": "ODD", "amount": "3.33"}
        )
        shop.run()
        assert total_of(shop.copies[0]) == total_of(order)
        assert shop.row(order).copy_total == total_of(order)

    def test_money_is_converted_with_the_rate_of_the_connection(self, trade):
        shop = trade(currency_rate=Decimal("1.1"))
        shop.source.shop.currency = shop.source.store.currency = "USD"
        shop.source.store.save()
        order = shop.north.order((0, 1))
        shop.run()
        row = shop.row(order)
        assert (row.original_total, row.original_currency) == (Decimal("10.00"), "EUR")
        assert (row.copy_total, row.copy_currency) == (Decimal("11.00"), "USD")
