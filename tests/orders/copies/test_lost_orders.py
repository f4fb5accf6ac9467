"""Answers, webhooks and changes of orders that are lost on the way: still one copy, and none missing."""

import pytest

from orders.copies import importing
from orders.models import OrderImport
from stores.clients import open_client
from stores.shopify import gids
from stores.shopify.errors import ShopifyError
from syncing import sweep
from syncing.connections import resuming
from syncing.queue import jobs
from syncing.webhooks import inbox, topics
from tests.support.orders.changes import LOST
from tests.support.thoroughness import effects

State = OrderImport.State


def import_it(shop, order) -> str:
    """What the job does."""
    return importing.import_order(shop.connection, gids.gid("Order", order.id), open_client, resuming.move_units)


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
            sweep.sweep()
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

    def test_of_two_workers_with_one_order_in_hand_only_one_ever_sends_it(self, trade):
        """The lock of a job is lost with its session. The other one read, sent, and got no answer in between."""
        shop = trade()
        shop.source.shop.knobs.unique_custom_ids = False
        order = shop.north.order((0, 2))
        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)
        shop.source.fault("lost_answer", match="orderCreate")

        def overtake() -> None:
            with pytest.raises(ShopifyError):
                import_it(shop, order)

        shop.world.meanwhile("order", overtake)
        assert import_it(shop, order) == "Another worker has it in hand."
        row = shop.row(order)
        assert (row.state, row.attempts, shop.source.count("orderCreate")) == (State.SENT, 1, 1)
        shop.world.carry_orders()
        shop.run()
        assert len(shop.copies) == 1
        assert shop.stock() == (18, 18, 18)

    def test_a_worker_that_dies_anywhere_leaves_one_copy(self, trade):
        shop = trade()
        for effect in effects():
            shop.world.begin_again()
            order = shop.north.order((0, 2))
            shop.world.deliver()
            inbox.process_new(topics.EFFECTS)
            with shop.world.worker_that_dies(effect) as countdown:
                import_it(shop, order)
            shop.world.carry_orders()
            shop.run()
            assert len(shop.copies) == 1, f"effect {effect}"
            assert shop.row(order).state == State.CONFIRMED, f"effect {effect}"
            assert shop.stock() == (18, 18, 18), f"effect {effect}"
            if not countdown.is_over:
                assert effect > 4
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
        sweep.sweep()
        shop.world.work()
        assert len(shop.copies) == 1


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
