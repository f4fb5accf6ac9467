"""A destination's order becomes one order in the source: once, whole, at the right price, whatever goes wrong."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from orders import advice, importing
from orders.models import OrderImport, OrderSettings
from stores.clients import open_client
from stores.models import VariantLink
from stores.shopify import gids
from syncing import handlers, jobs, order_effects, problems, webhooks
from syncing.models import WebhookEvent
from tests.orders.trade import total_of
from tests.simulator import merchant

State = OrderImport.State
LOST = ["close", "html", "internal_error"]


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


def test_a_plain_order_costs_two_calls(trade):
    shop = trade()
    shop.north.order()
    shop.run()
    assert len(shop.copies) == 1
    stock = ("nodes", "inventorySetQuantities")
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
    jobs.process_events()
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
    handlers.sweep()
    shop.world.work()
    assert len(shop.copies) == 1


def import_it(shop, order) -> str:
    """What the job does."""
    return importing.import_order(shop.connection, gids.gid("Order", order.id), open_client, order_effects.move_units)


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
        shop.connection.save()
        order = shop.north.order(created_at=(timezone.now() - timedelta(days=61)).timestamp())
        shop.north.lose_webhooks()
        jobs.import_order(shop.connection, gids.gid("Order", order.id))
        shop.world.work()
        assert shop.row(order).state == State.SKIPPED
        assert "60 days" in shop.row(order).reason

    def test_a_copy_that_we_made_ourselves(self, trade):
        shop = trade()
        shop.north.order(tags=["multi_store_sync"])
        shop.run()
        assert not OrderImport.objects.exists() and not shop.copies

    def test_an_order_whose_product_was_deleted_meanwhile_is_told_of(self, trade, mailoutbox):
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
        assert [mail.subject for mail in mailoutbox] == [f"[tiposync] Order {order.name} of North could not be copied"]
        assert [problem.kind for problem in problems.find() if problem.kind == "order_failed"] == ["order_failed"]

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
        handlers.sweep()
        shop.world.work()
        shop.run()
        assert shop.row(order).state == State.CONFIRMED
        assert [line.quantity for line in shop.copies[0].lines] == [3, 2]
        assert shop.stock(0) == (17, 17, 17)
        assert shop.stock(1)[0] == shop.stock(1)[2] == 18


class TestRefusals:
    def test_a_source_without_stock_refuses_and_the_operator_reads_why(self, trade):
        shop = trade(inventory_behaviour=OrderSettings.InventoryBehaviour.DECREMENT_OBEYING)
        shop.source.set(0, 1)
        shop.source.lose_webhooks()
        order = shop.north.order((0, 5))
        shop.run()
        row = shop.row(order)
        assert (row.state, row.failure, row.attempts) == (State.FAILED, "rejected", 0)
        assert row.reason and not shop.copies
        shop.source.set(0, 9)
        shop.run()
        assert importing.import_again(row)
        jobs.import_order(shop.connection, row.order_gid)
        shop.run()
        assert shop.row(order).state == State.CONFIRMED
        assert shop.stock() == (4, 4, 4)

    def test_an_order_in_another_currency_waits_for_a_rate(self, trade):
        shop = trade()
        shop.source.store.currency = "USD"
        shop.source.store.save()
        order = shop.north.order()
        shop.run()
        row = shop.row(order)
        assert (row.state, row.failure) == (State.FAILED, "misconfigured")
        assert "currency rate" in row.reason

    def test_units_of_a_failed_order_stay_held_back_until_somebody_gives_it_up(self, trade):
        shop = trade()
        shop.source.store.currency = "USD"
        shop.source.store.save()
        order = shop.north.order((0, 4))
        shop.run()
        assert shop.stock() == (20, 16, 16)
        assert importing.dismiss(shop.row(order), order_effects.move_units, "Entered by hand.")
        shop.run()
        assert shop.row(order).reason == "Entered by hand."
        assert shop.stock()[2] == 20
        assert not importing.dismiss(shop.row(order), order_effects.move_units, "Again.")

    def test_a_phone_of_another_customer_does_not_stop_the_order(self, trade):
        shop = trade()
        shop.sim.place_order(
            shop.source.domain,
            [(shop.source.variants[0].id, 1)],
            customer={"email": "other@example.com", "phone": "+4915112345678"},
        )
        shop.source.lose_webhooks()
        shop.north.order(
            (1, 1),
            email="buyer@example.com",
            phone="+4915112345678",
            customer={"email": "buyer@example.com", "phone": "+4915112345678"},
        )
        shop.run()
        copies = [order for order in shop.copies if order.source_identifier]
        assert len(copies) == 1
        assert copies[0].email == "buyer@example.com"

    def test_a_deleted_order_is_skipped_and_says_so(self, trade):
        shop = trade()
        order = shop.north.order((0, 2))
        shop.world.deliver()
        del shop.north.shop.orders[order.id]
        shop.world.work()
        shop.run()
        assert shop.row(order).state == State.SKIPPED
        assert "not there any more" in shop.row(order).reason


class TestLostAnswers:
    @pytest.mark.parametrize("how", LOST)
    def test_a_copy_whose_answer_was_lost_is_found_and_not_made_again(self, trade, how):
        shop = trade()
        order = shop.north.order((0, 2))
        shop.source.fault("lost_answer", match="orderCreate", how=how)
        shop.run()
        assert len(shop.copies) == 1
        assert shop.row(order).state == State.CONFIRMED
        assert shop.source.count("orderCreate") == 1
        assert shop.stock() == (18, 18, 18)

    def test_what_was_not_created_is_looked_for_long_enough_and_then_sent_again(self, trade):
        shop = trade()
        order = shop.north.order((0, 2))
        shop.source.fault("internal_error_before", match="orderCreate")
        shop.world.deliver()
        shop.world.work(tries=2)
        row = shop.row(order)
        assert (row.state, row.attempts, shop.copies) == (State.SENT, 1, [])
        for _ in range(4):
            shop.world.tick(10)
            handlers.sweep()
            shop.world.work(tries=jobs.MAX_ATTEMPTS)
        assert not shop.copies, "sent again within the time in which it may still turn up"
        shop.world.tick(120)
        shop.world.carry_orders()
        shop.run()
        assert len(shop.copies) == 1
        assert shop.row(order).state == State.CONFIRMED

    def test_a_refusal_before_it_was_executed_is_no_sending(self, trade):
        shop = trade()
        order = shop.north.order()
        shop.source.fault("rate_limited", match="orderCreate", retry_after="4000")
        shop.world.deliver()
        shop.world.work(tries=1)
        row = shop.row(order)
        assert (row.state, row.attempts) == (State.PLANNED, 0)
        shop.run()
        assert len(shop.copies) == 1

    def test_a_worker_that_dies_anywhere_leaves_one_copy(self, trade):
        shop = trade()
        for statement in range(1, 100):
            shop.world.begin_again()
            order = shop.north.order((0, 2))
            shop.world.deliver()
            webhooks.process_new(handlers.EFFECTS)
            with shop.world.worker_that_dies(statement) as countdown:
                import_it(shop, order)
            shop.world.carry_orders()
            shop.run()
            assert len(shop.copies) == 1, f"statement {statement}"
            assert shop.row(order).state == State.CONFIRMED, f"statement {statement}"
            assert shop.stock() == (18, 18, 18), f"statement {statement}"
            if not countdown.is_over:
                assert statement > 20
                return
        raise AssertionError("it never lived to the end")


class TestLostWebhooks:
    def test_the_reconciliation_finds_an_order_before_it_takes_the_sale_for_drift(self, trade):
        shop = trade()
        order = shop.north.order((0, 6))
        shop.north.lose_webhooks()
        shop.world.reconcile()
        shop.run()
        assert shop.row(order).state == State.CONFIRMED
        assert shop.stock() == (14, 14, 14)
        assert max(change.after for change in shop.north.changes(0)) <= 14, "the sold units were for sale again"
        assert [change.after for change in shop.south.changes(0)] == [14]

    def test_the_next_look_begins_where_the_last_one_ended(self, trade):
        shop = trade()
        shop.north.order()
        shop.run()
        shop.world.reconcile()
        assert OrderImport.objects.count() == 1
        shop.world.tick(3600)
        shop.north.order()
        shop.north.lose_webhooks()
        shop.world.reconcile()
        assert len(shop.copies) == 2

    def test_a_paused_connection_copies_when_it_is_resumed(self, trade):
        shop = trade()
        shop.connection.is_paused = True
        shop.connection.save()
        order = shop.north.order((0, 2))
        shop.run()
        assert (shop.row(order).state, shop.copies) == (State.PLANNED, [])
        shop.connection.is_paused = False
        shop.connection.save()
        handlers.sweep()
        shop.world.work()
        assert len(shop.copies) == 1


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


class TestLostChanges:
    """With every webhook lost, the reconciliation alone carries what happened to orders and to their copies."""

    def settle(self, shop) -> None:
        shop.north.lose_webhooks()
        shop.source.lose_webhooks()
        shop.world.reconcile()
        shop.world.carry_orders()
        shop.run()

    def test_a_cancellation(self, trade):
        shop = trade()
        order = shop.north.order((0, 3))
        shop.run()
        shop.world.tick(60)
        shop.sim.cancel(shop.north.domain, order)
        self.settle(shop)
        assert shop.copies[0].cancelled_at
        assert shop.stock() == (20, 20, 20)

    def test_a_refund(self, trade):
        shop = trade()
        order = shop.north.order((0, 3))
        shop.run()
        shop.world.tick(60)
        row = {"line_item_id": order.lines[0].id, "quantity": 2, "restock_type": "CANCEL"}
        shop.sim.refund(shop.north.domain, order, [row], money="20.00")
        self.settle(shop)
        assert shop.copies[0].lines[0].current_quantity == 1
        assert shop.stock() == (19, 19, 19)

    def test_a_shipment(self, trade):
        shop = trade()
        order = shop.north.order((0, 3))
        shop.run()
        shop.world.tick(60)
        shop.sim.fulfil(shop.source.domain, shop.copies[0], number="1Z", company="UPS")
        self.settle(shop)
        assert [made.numbers for made in order.fulfillments] == [["1Z"]]
