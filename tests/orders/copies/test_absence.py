"""What a search does not find, or a wall clock says, is no proof that something is not there: nothing is made twice."""

import pytest

from orders import decisions
from orders.models import OrderImport, OrderUpdate
from stores.clients import open_client
from stores.shopify import gids
from stores.shopify.orders import draft_orders
from syncing.models import SyncJob
from tests.support.minutes import sweep_minute
from tests.support.orders.changes import Kind, copied, shipped
from tests.support.orders.trade import Trade

State = OrderImport.State
CREATIONS = {"order": "orderCreate", "draft_order": "draftOrderCreate"}
# Seconds that Shopify's search is behind, and that our clock leaps.
TROUBLE = [(20, 300), (900, 0), (1800, 3600), (900, -900)]


def made(shop: Trade) -> list:
    """Whatever the source was asked to make."""
    return [*shop.copies, *shop.drafts]


def lose(shop: Trade, strategy: str, how: str = "close") -> None:
    shop.source.fault("lost_answer", match=CREATIONS[strategy], how=how)


def leap(shop: Trade, seconds: float) -> None:
    """Our clock, not Shopify's."""
    shop.sim.clock.apart_seconds += seconds


def work_for(shop: Trade, seconds: int, step: int = 10) -> None:
    """The workers go on for a while, and the sweep every minute."""
    for second in range(0, seconds, step):
        shop.world.tick(step)
        if second % 60 < step:
            sweep_minute(second // 60)
        SyncJob.objects.filter(state=SyncJob.State.QUEUED).update(attempts=0)
        shop.world.work(tries=1)
        shop.world.deliver()


@pytest.mark.parametrize("strategy", CREATIONS)
@pytest.mark.parametrize(("lag", "leap_seconds"), TROUBLE)
def test_a_lost_answer_makes_one_copy_however_far_the_search_is_behind_and_our_clock_off(
    trade, strategy, lag, leap_seconds
):
    shop = trade(strategy)
    shop.source.shop.knobs.search_lag_seconds = lag
    shop.source.shop.knobs.unique_custom_ids = False
    order = shop.north.order((0, 3))
    lose(shop, strategy)
    shop.world.deliver()
    shop.world.work(tries=1)
    leap(shop, leap_seconds)
    work_for(shop, 400)
    assert len(made(shop)) == 1
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (17, 17, 17)


@pytest.mark.parametrize("strategy", CREATIONS)
@pytest.mark.parametrize("leap_seconds", [0, 7200])
def test_a_creation_that_shopify_executes_late_is_not_repeated_when_our_clock_leaps(trade, strategy, leap_seconds):
    shop = trade(strategy)
    shop.source.shop.knobs.unique_custom_ids = False
    shop.source.shop.knobs.search_lag_seconds = 900
    order = shop.north.order((0, 3))
    shop.source.fault("late_execution", match=CREATIONS[strategy], seconds=60)
    shop.world.deliver()
    shop.world.work(tries=1)
    leap(shop, leap_seconds)
    shop.world.work(tries=5)
    assert not made(shop), "it is under way"
    work_for(shop, 400)
    assert len(made(shop)) == 1
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (17, 17, 17)


@pytest.mark.parametrize("strategy", CREATIONS)
def test_what_was_never_executed_is_sent_again_however_far_our_clock_is_behind(trade, strategy):
    shop = trade(strategy)
    order = shop.north.order((0, 3))
    shop.source.fault("internal_error_before", match=CREATIONS[strategy])
    shop.world.deliver()
    shop.world.work(tries=1)
    leap(shop, -3600)
    work_for(shop, 1500, 60)
    assert len(made(shop)) == 1
    assert (shop.row(order).state, shop.row(order).attempts) == (State.CONFIRMED, 2)


@pytest.mark.parametrize("strategy", CREATIONS)
def test_where_no_answer_tells_the_time_an_operator_decides(trade, strategy):
    shop = trade(strategy)
    shop.source.shop.knobs.tells_the_time = shop.north.shop.knobs.tells_the_time = False
    order = shop.north.order((0, 3))
    shop.source.fault("internal_error_before", match=CREATIONS[strategy])
    shop.run()
    work_for(shop, 3600, 300)
    assert (shop.row(order).state, made(shop)) == (State.SENT, [])
    assert decisions.send_again(shop.row(order))
    work_for(shop, 60)
    assert len(made(shop)) == 1
    assert shop.row(order).state == State.CONFIRMED


@pytest.mark.parametrize("strategy", CREATIONS)
def test_an_operator_who_sends_again_too_soon_gets_the_copy_that_is_there(trade, strategy):
    shop = trade(strategy)
    shop.source.shop.knobs.search_lag_seconds = 1800
    order = shop.north.order((0, 3))
    lose(shop, strategy)
    shop.world.deliver()
    shop.world.work(tries=1)
    assert decisions.send_again(shop.row(order))
    shop.run()
    assert len(made(shop)) == 1
    assert shop.row(order).state == State.CONFIRMED


@pytest.mark.parametrize("strategy", CREATIONS)
def test_among_many_that_were_made_since_the_copy_is_found(trade, strategy):
    shop = trade(strategy)
    shop.source.shop.knobs.search_lag_seconds = 1800
    shop.source.shop.knobs.unique_custom_ids = False
    order = shop.north.order((0, 3))
    lose(shop, strategy)
    shop.world.deliver()
    shop.world.work(tries=1)
    # Somebody else's, and the metafield that would find it at once is gone.
    shop.source.shop.metafield_definitions.clear()
    shop.world.tick(3600)
    for _ in range(120):
        if strategy == "order":
            shop.source.order((1, 1))
        else:
            line = {"variantId": gids.gid("ProductVariant", shop.source.variants[1].id), "quantity": 1}
            draft_orders.create_draft(open_client(shop.source.store), {"lineItems": [line]})
    shop.run()
    ours = [one for one in made(shop) if "multi_store_sync" in one.tags]
    assert (len(ours), shop.row(order).state) == (1, State.CONFIRMED)


class TestLaterChanges:
    """The same of what happens to a copy afterwards."""

    @pytest.mark.parametrize("leap_seconds", [300, 90_000])
    def test_a_shipment_that_is_executed_late_is_not_repeated(self, trade, leap_seconds):
        shop, order, copy = copied(trade, (0, 4))
        shop.north.fault("late_execution", match="fulfillmentCreate", seconds=30)
        shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: 2}, number="1Z")
        shop.world.deliver()
        shop.world.work(tries=1)
        leap(shop, leap_seconds)
        shop.world.work(tries=5)
        work_for(shop, 200)
        assert [sum(lines.values()) for lines, _ in shipped(order)] == [2]

    @pytest.mark.parametrize("leap_seconds", [300, 90_000])
    def test_a_refund_that_is_executed_late_is_not_repeated(self, trade, leap_seconds):
        shop, order, copy = copied(trade, (0, 4))
        shop.source.fault("late_execution", match="refundCreate", seconds=30)
        shop.north.refund(order, "CANCEL", 1)
        shop.world.deliver()
        shop.world.work(tries=1)
        leap(shop, leap_seconds)
        shop.world.work(tries=5)
        work_for(shop, 200)
        assert copy.lines[0].current_quantity == 3
        assert shop.stock() == (17, 17, 17)

    @pytest.mark.parametrize("leap_seconds", [0, 300])
    def test_a_change_of_a_draft_that_is_executed_late_does_not_undo_the_next_one(self, trade, leap_seconds):
        shop, order, _ = copied(trade, (0, 4), strategy="draft_order")
        shop.source.fault("late_execution", match="draftOrderUpdate", seconds=30)
        shop.north.refund(order, "CANCEL", 1)
        shop.world.deliver()
        shop.world.work(tries=1)
        leap(shop, leap_seconds)
        shop.north.refund(order, "CANCEL", 1)
        shop.world.deliver()
        shop.world.work(tries=5)
        work_for(shop, 200)
        assert shop.drafts[0].lines[0].quantity == 2
        assert not OrderUpdate.objects.filter(kind=Kind.REFUND).exclude(state__in=("confirmed", "skipped")).exists()


@pytest.mark.parametrize("lag", [20, 1800])
def test_an_order_that_no_webhook_told_of_is_found_although_the_search_has_not_seen_it(trade, lag):
    shop = trade()
    shop.north.shop.knobs.search_lag_seconds = lag
    lose(shop, "order")
    order = shop.north.order((0, 6))
    shop.north.lose_webhooks()
    shop.world.reconcile()
    work_for(shop, 200)
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (14, 14, 14)
    assert max(change.after for change in shop.north.changes(0)) <= 14, "the sold units were for sale again"
