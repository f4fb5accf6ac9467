"""An order that cannot be copied as things stand says why, holds its units back, and waits for somebody."""

import pytest

from orders import decisions
from orders.models import OrderImport, OrderSettings
from syncing.connections import resuming
from syncing.queue import enqueue
from syncing.webhooks import inbox, topics

State = OrderImport.State


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
        assert decisions.import_again(row)
        enqueue.import_order(shop.connection, row.order_gid)
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
        assert decisions.dismiss(shop.row(order), resuming.move_units, "Entered by hand.")
        shop.run()
        assert shop.row(order).reason == "Entered by hand."
        assert shop.stock()[2] == 20
        assert not decisions.dismiss(shop.row(order), resuming.move_units, "Again.")

    def test_what_was_lost_then_proved_absent_and_refused_can_be_given_up(self, trade):
        shop = trade(inventory_behaviour=OrderSettings.InventoryBehaviour.DECREMENT_OBEYING)
        order = shop.north.order((0, 5))
        shop.source.fault("refuse_before", match="orderCreate")
        shop.world.deliver()
        shop.world.work(tries=1)
        assert shop.row(order).state == State.SENT
        assert not decisions.dismiss(shop.row(order), resuming.move_units, "It may be there.")
        shop.source.set(0, 1)
        shop.world.carry_orders()
        assert (shop.row(order).state, shop.row(order).failure, shop.copies) == (State.FAILED, "rejected", [])
        assert shop.stock()[2] == -4
        assert decisions.dismiss(shop.row(order), resuming.move_units, "Entered by hand.")
        shop.run()
        assert shop.stock()[2] == 1

    @pytest.mark.parametrize("choices", [{}, {"when": "paid"}])
    def test_what_somebody_gives_up_while_it_is_read_stays_given_up_and_holds_nothing_back(self, trade, choices):
        shop = trade(**choices)
        order = shop.north.order((0, 4), paid=False)

        def give_up():
            OrderImport.objects.update(state=State.FAILED)
            assert decisions.dismiss(shop.row(order), resuming.move_units, "Entered by hand.")

        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)
        enqueue.import_order(shop.connection, shop.row(order).order_gid)
        shop.world.meanwhile("order", give_up)
        shop.run()
        row = shop.row(order)
        assert (row.state, row.reason) == (State.SKIPPED, "Entered by hand.")
        assert not row.lines.filter(is_pending=True).exists()
        assert not shop.copies
        assert shop.stock()[2] == 20

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
