"""An order that is copied after a review only waits, its units held back, until somebody decides by its preview."""

import pytest

from orders import decisions, due, review
from orders.models import OrderImport, OrderSettings
from stores import clients
from stores.models import VariantLink
from syncing.connections import resuming
from syncing.models import SyncJob
from syncing.queue import enqueue
from tests.support.minutes import sweep_minute
from tests.support.places import put_ahead


def waiting(trade, *lines, strategy="order", **choices):
    """A trade with one order of north that waits for its review: (trade, order)."""
    shop = trade(strategy, when="review", **choices)
    order = shop.north.order(*lines or [(0, 3)])
    shop.run()
    return shop, order


def copy_it(shop, order):
    """What the button does."""
    row = shop.row(order)
    assert decisions.copy_reviewed(row)
    enqueue.import_order(row.connection, row.order_gid)
    shop.run()


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_it_waits_with_its_units_held_back_until_somebody_has_it_copied(trade, strategy):
    shop, order = waiting(trade, strategy=strategy)
    row = shop.row(order)
    assert (row.state, row.waits_for) == ("waiting", "review") and shop.stock() == (20, 17, 17)
    sweep_minute(0)
    shop.world.reconcile()
    enqueue.import_order(row.connection, row.order_gid)
    shop.run()
    assert not shop.copies and not shop.drafts and shop.row(order).state == "waiting"
    assert row not in due.unfinished([shop.connection.pk])
    copy_it(shop, order)
    assert shop.row(order).state == "confirmed" and len(shop.copies) + len(shop.drafts) == 1
    assert not decisions.copy_reviewed(shop.row(order))
    if strategy == "order":
        assert shop.stock() == (17, 17, 17)


def test_lost_webhooks_make_it_wait_all_the_same(trade):
    shop = trade(when="review")
    shop.world.tick(5)
    order = shop.north.order((0, 3))
    shop.north.lose_webhooks()
    shop.world.reconcile()
    shop.run()
    assert (shop.row(order).waits_for, len(shop.copies)) == ("review", 0)
    assert shop.stock() == (20, 17, 17)


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_edited_original_is_followed_in_its_review_and_copied_as_it_is_then(trade, is_lost):
    shop, order = waiting(trade)
    shop.world.tick(5)
    shop.sim.edit_order(
        shop.north.domain, order, quantities={order.lines[0].id: 1}, add=[(shop.north.variants[1].id, 2)]
    )
    if is_lost:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    assert shop.row(order).waits_for == "review" and not shop.copies
    assert [shop.stock(number)[1:] for number in (0, 1)] == [(19, 19), (18, 18)]
    copy_it(shop, order)
    (copy,) = shop.copies
    assert [(line.title, line.current_quantity) for line in copy.lines] == [("Product 0", 1), ("Product 1", 2)]
    assert [shop.stock(number) for number in (0, 1)] == [(19, 19, 19), (18, 18, 18)]


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_cancelled_original_ends_its_review(trade, is_lost):
    shop, order = waiting(trade)
    shop.world.tick(5)
    shop.sim.cancel(shop.north.domain, order)
    if is_lost:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    assert shop.row(order).state == "skipped" and not decisions.copy_reviewed(shop.row(order))
    assert shop.stock() == (20, 20, 20) and not shop.copies


def test_never_frees_its_units_and_nothing_brings_it_back(trade):
    shop, order = waiting(trade)
    assert decisions.dismiss(shop.row(order), resuming.move_units, "Not to be imported, says Ada.")
    shop.world.reconcile()
    shop.run()
    sweep_minute(0)
    shop.run()
    assert shop.row(order).state == "skipped" and not shop.copies and shop.stock() == (20, 20, 20)


def test_after_its_hours_it_is_copied_by_itself(trade):
    shop, order = waiting(trade, review_hours=2)
    shop.world.tick(2 * 3600 - 60)
    sweep_minute(0)
    shop.world.reconcile()
    shop.run()
    assert shop.row(order).state == "waiting"
    shop.world.tick(70)
    sweep_minute(1)
    shop.run()
    assert shop.row(order).state == "confirmed" and len(shop.copies) == 1


def test_our_clock_may_leap_ahead_and_nothing_is_copied_early(trade):
    shop, order = waiting(trade, review_hours=2)
    put_ahead(shop.sim, hours=5)
    sweep_minute(0)
    shop.run()
    assert shop.row(order).waits_for == "review" and not shop.copies


def test_once_orders_are_not_reviewed_any_longer_those_that_wait_go_on(trade):
    shop, order = waiting(trade)
    OrderSettings.objects.update(when="created")
    sweep_minute(0)
    shop.run()
    assert len(shop.copies) == 1


def test_a_worker_that_notes_the_waiting_after_somebody_decided_does_not_undo_it(trade):
    shop, order = waiting(trade)
    row = shop.row(order)
    decisions.copy_reviewed(row)
    OrderImport.objects.filter(pk=row.pk).update(state="waiting", waits_for="review")
    sweep_minute(0)
    shop.run()
    assert len(shop.copies) == 1


def test_the_preview_says_what_the_copy_would_be_and_writes_nothing(trade):
    shop, order = waiting(trade, (0, 3), (1, 1))
    links = VariantLink.objects.filter(connection=shop.connection, source_variant=shop.source.store.variants.all()[1])
    links.update(state="unmatched", destination_variant=None)
    before, writes = OrderImport.objects.values().get(), shop.source.writes
    shown = review.preview(shop.row(order), clients.open_client)
    assert [(line.title, line.quantity, line.is_missing) for line in shown.lines] == [
        ("Product 0", 3, False),
        ("Product 1", 1, True),
    ]
    assert shown.lines[0].words == "In the copy" and "link" in shown.lines[1].words
    copy_it(shop, order)
    (copy,) = shop.copies
    row = shop.row(order)
    assert shown.copy_total.split()[0] == f"{row.copy_total:.2f}" and shop.source.writes == writes
    assert shown.original_total.split()[0] == f"{row.original_total:.2f}" and shown.kind == "order"
    assert before["state"] == "waiting" and len(copy.lines) == 1
    assert not SyncJob.objects.filter(state="failed").exists()


def test_the_preview_says_why_no_copy_can_be_made(trade):
    shop, order = waiting(trade)
    VariantLink.objects.update(state="unmatched", destination_variant=None)
    shown = review.preview(shop.row(order), clients.open_client)
    assert shown.problem and not shown.copy_total
