"""Another strategy for a connection: what is under way ends as it began, and every unit is counted once."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from orders.models import OrderImport
from stores import clients
from stores.models import Connection, VariantLink
from stores.shopify import gids
from syncing.connections import reconciliation
from syncing.models import StockHold, SyncJob
from syncing.queue import enqueue
from syncing.stock import holds
from syncing.webhooks import inbox, topics
from tests.support.minutes import sweep_minute
from tests.support.orders.trade import Trade

State = OrderImport.State


def switch(shop: Trade, strategy: str, **fields) -> None:
    """What an operator does on the connection's page."""
    shop.connection.refresh_from_db()
    shop.connection.strategy = strategy
    for name, value in fields.items():
        setattr(shop.connection, name, value)
    shop.connection.save(update_fields=["strategy", *fields])
    enqueue.carry_stock(shop.connection)


def work(shop: Trade, rounds: int = 5, seconds: int = 70) -> None:
    """The time passes, the sweep and the workers do what is due, and all webhooks arrive."""
    for minute in range(rounds):
        shop.world.tick(seconds)
        sweep_minute(minute)
        SyncJob.objects.filter(state=SyncJob.State.QUEUED).update(attempts=0)
        shop.world.work(tries=1)
        shop.run()


def place(shop: Trade, situation: str, units: int = 3):
    """An order of `units` of item 0 in this situation."""
    creation = "draftOrderCreate" if shop.connection.strategy == "draft_order" else "orderCreate"
    order = shop.north.order((0, units), paid=situation != "waits for payment")
    if situation == "lost answer":
        shop.source.fault("lost_answer", match=creation)
    if situation == "planned":
        shop.world.deliver(shop.north)
        inbox.process_new(topics.EFFECTS)
    elif situation == "lost answer":
        shop.world.deliver()
        shop.world.work(tries=1)
    else:
        shop.run()
    return order


@pytest.mark.parametrize("alignment", ["source_wins", "keep_both"])
@pytest.mark.parametrize("situation", ["planned", "waits for payment", "lost answer", "copied"])
@pytest.mark.parametrize("old", ["order", "draft_order"])
@pytest.mark.parametrize("new", ["two_way", "one_way"])
def test_what_an_order_sold_before_the_change_is_taken_from_the_source_once(trade, old, new, situation, alignment):
    shop = trade(old, when="paid" if situation == "waits for payment" else "created")
    order = place(shop, situation)
    switch(shop, new, alignment=alignment)
    shop.world.work()
    assert max(change.after for change in shop.north.changes(0)) <= 17, "sold units were for sale again"
    shop.north.buy(0, 1)
    work(shop)
    if situation == "waits for payment":
        assert shop.row(order).state == State.WAITING
        shop.sim.pay_order(shop.north.domain, order)
        work(shop)
    assert shop.row(order).state == State.CONFIRMED
    assert (len(shop.copies), len(shop.drafts)) == ((1, 0) if old == "order" else (0, 1))
    if old == "draft_order":
        shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
        work(shop)
    left = 16 if new == "two_way" else 17
    assert (shop.source.available(), shop.south.available()) == (left, left)
    if new == "two_way":
        assert shop.north.available() == left


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("situation", ["planned", "waits for payment", "lost answer"])
@pytest.mark.parametrize("old", ["order", "draft_order"])
def test_what_an_original_gave_back_before_the_change_does_not_travel_after_it(trade, old, situation, units, is_lost):
    """Its copy is still to be made, or found: when the pairs are aligned, the units are back in the destination."""
    shop = trade(old, when="paid" if situation == "waits for payment" else "created")
    order = place(shop, situation)
    shop.world.tick(5)
    shop.north.refund(order, "CANCEL", units)
    if is_lost:
        shop.north.lose_webhooks()
    shop.world.tick(5)
    switch(shop, "two_way")
    shop.world.work()
    work(shop)
    left = 3 - units
    if situation == "waits for payment" and left:
        shop.sim.pay_order(shop.north.domain, order)
        work(shop)
    if old == "draft_order" and left:
        assert [line.quantity for line in shop.drafts[0].lines] == [left]
        shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
        work(shop)
    assert shop.stock() == (20 - left,) * 3


@pytest.mark.parametrize("alignment", ["source_wins", "keep_both"])
def test_an_order_that_waits_for_links_is_copied_when_they_are_there(trade, alignment):
    shop = trade("order", unlinked="hold")
    link = VariantLink.objects.filter(connection=shop.connection).order_by("pk")[1]
    partner = link.destination_variant
    VariantLink.objects.filter(pk=link.pk).update(state="unmatched", destination_variant=None)
    order = shop.north.order((0, 3), (1, 1))
    shop.run()
    assert shop.row(order).waits_for == "links"
    switch(shop, "two_way", alignment=alignment)
    work(shop, 2)
    assert shop.stock() == (20, 17, 17)
    VariantLink.objects.filter(pk=link.pk).update(state="linked", destination_variant=partner)
    work(shop)
    assert (shop.row(order).state, len(shop.copies)) == (State.CONFIRMED, 1)
    assert shop.stock() == (17, 17, 17)


@pytest.mark.parametrize("reserve_days", [0, 7])
@pytest.mark.parametrize("alignment", ["source_wins", "keep_both"])
class TestOpenDrafts:
    def test_a_draft_that_is_completed_after_the_change_counts_once(self, trade, alignment, reserve_days):
        shop = trade("draft_order", reserve_days=reserve_days)
        shop.north.order((0, 3))
        shop.run()
        switch(shop, "two_way", alignment=alignment)
        work(shop, 2)
        shop.source.buy(0, 2)
        work(shop, 2)
        assert shop.north.available() == 15
        shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
        work(shop, 2)
        assert shop.stock() == (15, 15, 15)

    def test_the_original_is_cancelled_after_the_change(self, trade, alignment, reserve_days):
        shop = trade("draft_order", reserve_days=reserve_days)
        order = shop.north.order((0, 3))
        shop.run()
        switch(shop, "two_way", alignment=alignment)
        work(shop, 2)
        shop.sim.cancel(shop.north.domain, order)
        work(shop)
        assert not shop.drafts
        assert shop.stock() == (20, 20, 20)

    def test_a_unit_of_the_original_is_refunded_after_the_change(self, trade, alignment, reserve_days):
        shop = trade("draft_order", reserve_days=reserve_days)
        order = shop.north.order((0, 3))
        shop.run()
        switch(shop, "two_way", alignment=alignment)
        work(shop, 2)
        shop.north.refund(order, "CANCEL", 1)
        work(shop)
        shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
        work(shop, 2)
        assert shop.stock() == (18, 18, 18)

    @pytest.mark.parametrize("left", [0, 1])
    def test_the_original_is_edited_after_the_change(self, trade, alignment, reserve_days, left):
        shop = trade("draft_order", reserve_days=reserve_days)
        order = shop.north.order((0, 3))
        shop.run()
        switch(shop, "two_way", alignment=alignment)
        work(shop, 2)
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: left})
        work(shop)
        if left:
            shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
            work(shop, 2)
        assert shop.stock() == (20 - left,) * 3

    @pytest.mark.parametrize(("is_deleted", "units"), [(False, 3), (True, 3), (True, 1)])
    def test_all_of_the_original_is_refunded_after_the_change(self, trade, alignment, reserve_days, is_deleted, units):
        """Whether we delete the draft then, or staff have done so before, when a part may be refunded, too."""
        shop = trade("draft_order", reserve_days=reserve_days)
        order = shop.north.order((0, 3))
        shop.run()
        switch(shop, "two_way", alignment=alignment)
        work(shop, 2)
        if is_deleted:
            shop.sim.delete_draft(shop.source.domain, shop.drafts[0])
            work(shop, 2)
            assert shop.stock() == (20, 17, 17)
        shop.north.refund(order, "CANCEL", units)
        work(shop)
        assert not shop.drafts
        assert shop.stock() == (20, 17 + units, 17 + units)


@pytest.mark.parametrize("alignment", ["source_wins", "keep_both"])
@pytest.mark.parametrize("is_copied", [True, False])
class TestLaterChanges:
    def prepare(self, trade, is_copied, alignment):
        shop = trade("order", when="created" if is_copied else "paid")
        order = shop.north.order((0, 3), paid=is_copied)
        shop.run()
        assert shop.row(order).state == (State.CONFIRMED if is_copied else State.WAITING)
        switch(shop, "two_way", alignment=alignment)
        work(shop, 2)
        return shop, order

    def test_a_cancellation_reaches_the_copy_and_its_units_come_back_once(self, trade, is_copied, alignment):
        shop, order = self.prepare(trade, is_copied, alignment)
        shop.sim.cancel(shop.north.domain, order)
        work(shop)
        assert [bool(copy.cancelled_at) for copy in shop.copies] == [True] * is_copied
        assert shop.stock() == (20, 20, 20)

    def test_a_cancellation_without_webhooks(self, trade, is_copied, alignment):
        shop, order = self.prepare(trade, is_copied, alignment)
        shop.world.tick(60)
        shop.sim.cancel(shop.north.domain, order)
        shop.north.lose_webhooks()
        shop.world.reconcile(tries=1)  # Shopify takes its time to cancel
        work(shop)
        assert [bool(copy.cancelled_at) for copy in shop.copies] == [True] * is_copied
        assert shop.stock() == (20, 20, 20)

    def test_a_refund_reaches_the_copy_and_its_unit_comes_back_once(self, trade, is_copied, alignment):
        shop, order = self.prepare(trade, is_copied, alignment)
        shop.north.refund(order, "CANCEL", 1)
        work(shop)
        if not is_copied:
            shop.sim.pay_order(shop.north.domain, order)
            work(shop)
        assert [copy.lines[0].current_quantity for copy in shop.copies] == [2]
        assert shop.stock() == (18, 18, 18)

    @pytest.mark.parametrize("left", [0, 1, 4])
    def test_an_edit_reaches_the_copy_and_its_units_move_once(self, trade, is_copied, alignment, left):
        shop, order = self.prepare(trade, is_copied, alignment)
        left = left if is_copied else max(left, 1)
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: left})
        work(shop)
        if not is_copied:
            shop.sim.pay_order(shop.north.domain, shop.north.shop.orders[order.id])
            work(shop)
        assert shop.stock() == (20 - left,) * 3

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_an_exchange_of_one_item_for_another_moves_each_once(self, trade, is_copied, alignment, when):
        """Of an order that waits still: one line goes, one comes, and one grows; before or after the levels have."""
        shop, order = self.prepare(trade, is_copied, alignment)
        if when == "before":
            shop.north.lose_webhooks()
        more = {"variant_id": shop.north.variants[1].id, "quantity": 2}
        shop.world.tick(60)
        shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 1}, add=[more])
        if when == "before":
            shop.north.lose_webhooks()
            shop.world.reconcile(tries=1)
        work(shop)
        if not is_copied:
            shop.sim.pay_order(shop.north.domain, shop.north.shop.orders[order.id])
            work(shop)
        assert (shop.stock(), shop.stock(1)) == ((19, 19, 19), (18, 18, 18))


@pytest.mark.parametrize("new", ["order", "draft_order", "one_way"])
@pytest.mark.parametrize("alignment", ["source_wins", "keep_both"])
@pytest.mark.parametrize("needs_shop", [True, False])
def test_what_was_sold_under_two_way_travels_as_a_change_although_the_strategy_has_changed(
    trade, new, alignment, needs_shop
):
    shop = trade("two_way")
    shop.connection.started_at = shop.sim.clock.now() - timedelta(hours=1)
    shop.connection.save(update_fields=["started_at"])
    shop.world.prepare_orders(shop.source, shop.north)
    order = shop.north.order((0, 3))
    if not needs_shop:
        shop.north.lose_webhooks()
    switch(shop, new, alignment=alignment)
    work(shop)
    assert not OrderImport.objects.filter(order_gid=gids.gid("Order", order.id)).exists()
    assert shop.stock() == (17, 17, 17)
    if new == "one_way":
        return
    shop.world.tick(60)
    later = shop.north.order((0, 2))
    work(shop)
    assert shop.row(later).state == State.CONFIRMED
    assert (len(shop.copies), len(shop.drafts)) == ((1, 0) if new == "order" else (0, 1))
    assert shop.stock() == (15, 15, 15)


@pytest.mark.parametrize("is_lost", [True, False])
def test_an_order_whose_webhook_is_late_or_lost_over_the_change_counts_once(trade, is_lost):
    shop = trade("order")
    order = shop.north.order((0, 3))
    late = list(shop.sim.deliveries(shop.north.domain))
    switch(shop, "two_way")
    shop.world.work()
    if is_lost:
        shop.north.lose_webhooks()
    else:
        shop.sim.pump(shop.north.domain, late)
    work(shop)
    assert (shop.row(order).state, len(shop.copies)) == (State.CONFIRMED, 1)
    assert shop.stock() == (17, 17, 17)


def test_an_order_placed_after_the_change_travels_as_stock(trade):
    shop = trade("order")
    switch(shop, "two_way")
    shop.world.work()
    shop.north.order((0, 3))
    work(shop)
    assert not shop.copies
    assert shop.stock() == (17, 17, 17)


def test_a_change_that_is_taken_back_at_once_loses_nothing(trade):
    shop = trade("order")
    switch(shop, "two_way")
    order = shop.north.order((0, 3))
    switch(shop, "order")
    work(shop)
    assert (shop.row(order).state, len(shop.copies)) == (State.CONFIRMED, 1)
    assert shop.stock() == (17, 17, 17)


def test_a_comparison_before_the_new_strategy_has_begun_leaves_the_pairs_to_the_loop(trade):
    shop = trade("order")
    shop.north.order((0, 3))
    shop.world.deliver(shop.north)
    inbox.process_new(topics.EFFECTS)
    switch(shop, "two_way")
    connection = type(shop.connection).objects.get(pk=shop.connection.pk)
    reconciliation.run(connection, clients.open_client)
    work(shop)
    assert shop.stock() == (17, 17, 17)


def test_the_connections_page_and_the_command_say_how_many_orders_are_under_way(trade, admin_client):
    shop = trade("order", when="paid")
    place(shop, "waits for payment")
    connect = (shop.source.domain, shop.north.domain)
    told = io.StringIO()
    call_command("connect_stores", *connect, strategy="two_way", stdout=told)
    assert "1 order is still under way from before the change of strategy" in told.getvalue()
    page = admin_client.get(reverse("admin:stores_connection_change", args=[shop.connection.pk])).content.decode()
    assert "1 order is still under way from before the change of strategy" in page


def started_two_way(trade, **fields) -> Trade:
    """A connection that is started as an operator starts it, with the webhooks of orders."""
    shop = trade("two_way", **fields)
    Connection.objects.update(started_at=shop.connection.destination.now())
    shop.world.prepare_orders(shop.source, shop.north)
    shop.world.tick(3600)
    return shop


def test_an_order_placed_while_two_way_ends_travels_as_stock_however_long_that_takes(trade):
    shop = started_two_way(trade, stock=60)
    shop.north.buy(1, 60)
    shop.run()
    hold = StockHold.objects.get(connection=shop.connection, state="open")
    switch(shop, "order")
    work(shop, 2)
    shop.north.order((0, 3))
    work(shop, 2)
    assert shop.stock() == (57, 57, 57), "it travels as under two-way"
    holds.release(hold)
    work(shop)
    shop.connection.refresh_from_db()
    assert shop.connection.aligned_strategy == "order"
    assert not shop.copies, "its units are taken from the source once"
    assert (shop.stock(), shop.stock(1)[:2]) == ((57, 57, 57), (0, 0))
