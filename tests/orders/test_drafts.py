"""A destination's order becomes one draft in the source; what it holds of the stock, and what becomes of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import OrderImport
from stores.shopify import gids
from syncing import sweep
from tests.simulator.customers import upsert_customer

State = OrderImport.State
Draft = OrderImport.DraftStatus


@pytest.fixture
def drafts(trade):
    """A trade whose orders become drafts; `choices` as for `trade`."""
    return lambda **choices: trade("draft_order", **choices)


def test_an_order_becomes_a_draft_that_reserves_its_stock(drafts):
    shop = drafts()
    order = shop.north.order((0, 4))
    shop.run()
    (draft,) = shop.drafts
    assert not shop.copies
    assert {"From: North", "multi_store_sync"} <= set(draft.tags)
    row = shop.row(order)
    assert (row.state, row.is_draft, row.draft_status) == (State.CONFIRMED, True, Draft.OPEN)
    assert row.copy_gid == gids.gid("DraftOrder", draft.id)
    assert timedelta(days=6) < row.reserved_until - timezone.now() < timedelta(days=8)
    assert shop.stock() == (16, 16, 16)


def test_completing_a_draft_does_not_count_its_units_twice(drafts):
    shop = drafts()
    order = shop.north.order((0, 4))
    shop.run()
    made = shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    row = shop.row(order)
    assert (row.draft_status, row.copy_order_gid) == (Draft.COMPLETED, gids.gid("Order", made.id))
    assert shop.stock() == (16, 16, 16)
    assert [change.after for change in shop.south.changes(0)] == [16]


def test_without_a_reservation_the_units_are_held_back_until_the_draft_is_completed(drafts):
    shop = drafts(reserve_days=0)
    shop.north.order((0, 4))
    shop.run()
    assert shop.drafts[0].reserve_until is None
    assert shop.stock() == (20, 16, 16)
    shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    assert shop.stock() == (16, 16, 16)


def test_a_reservation_that_ends_gives_nothing_back_to_the_destinations(drafts):
    shop = drafts(reserve_days=1)
    order = shop.north.order((0, 4))
    shop.run()
    shop.world.let_pass(hours=24 - 1 / 60)
    sweep.sweep()
    shop.run()
    shop.world.tick(120)
    shop.run()
    assert shop.stock() == (20, 16, 16)
    assert max(change.after for change in shop.south.changes(0)) <= 16, "units of the draft were for sale again"
    shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    assert shop.stock() == (16, 16, 16)
    assert shop.row(order).draft_status == Draft.COMPLETED


def test_a_draft_that_staff_delete_ends_what_was_held_back(drafts):
    shop = drafts(reserve_days=0)
    order = shop.north.order((0, 4))
    shop.run()
    shop.sim.delete_draft(shop.source.domain, shop.drafts[0])
    shop.run()
    assert shop.row(order).draft_status == Draft.DELETED
    assert "deleted" in shop.row(order).reason
    assert shop.stock()[0] == shop.stock()[2] == 20


@pytest.mark.parametrize("how", ["close", "html", "internal_error"])
def test_a_draft_whose_answer_was_lost_is_found_although_the_search_lags(drafts, how):
    shop = drafts()
    shop.source.shop.knobs.search_lag_seconds = 90
    order = shop.north.order((0, 2))
    shop.source.fault("lost_answer", match="draftOrderCreate", how=how)
    shop.run()
    assert shop.row(order).state == State.SENT
    shop.world.carry_orders()
    shop.run()
    assert len(shop.drafts) == 1
    assert shop.row(order).state == State.CONFIRMED
    assert shop.stock() == (18, 18, 18)


def test_a_draft_that_was_not_created_is_sent_again_after_enough_looks(drafts):
    shop = drafts()
    order = shop.north.order((0, 2))
    shop.source.fault("internal_error_before", match="draftOrderCreate")
    shop.run()
    assert shop.row(order).state == State.SENT and not shop.drafts
    shop.world.carry_orders()
    shop.run()
    assert len(shop.drafts) == 1
    assert shop.row(order).attempts == 2


def test_the_invoice_is_sent_once_where_the_operator_wants_it(drafts):
    shop = drafts(sends_invoice=True)
    order = shop.north.order((0, 1), email="buyer@example.com")
    shop.run()
    shop.sim.webhooks.serialise(shop.source.shop)
    sweep.sweep()
    shop.run()
    assert [mail["to"] for mail in shop.drafts[0].invoices] == ["buyer@example.com"]
    assert shop.row(order).draft_status == Draft.INVOICE_SENT


def test_a_draft_without_an_address_gets_no_invoice_and_says_so(drafts):
    shop = drafts(sends_invoice=True)
    order = shop.north.order((0, 1))
    shop.run()
    row = shop.row(order)
    assert row.state == State.CONFIRMED
    assert "invoice" in row.reason and not shop.drafts[0].invoices


@pytest.mark.parametrize("has_own_setting", [False, True])
def test_a_draft_that_costs_more_than_was_sold_says_so_and_its_invoice_is_not_sent(drafts, has_own_setting):
    shop = drafts(sends_invoice=True)
    knobs = shop.source.shop.knobs
    knobs.draft_tax_rate, knobs.drafts_find_customers = "0.19", True
    known = {"email": "buyer@example.com", "tax_exempt": not has_own_setting}
    upsert_customer(shop.source.shop, shop.sim.clock.whole_seconds(), **known)
    order = shop.north.order((0, 1), email="buyer@example.com")
    shop.run()
    row = shop.row(order)
    assert row.state == State.CONFIRMED
    assert len(shop.drafts[0].invoices) == (0 if has_own_setting else 1)
    assert row.reason == (
        "It costs 11.90 EUR in the source instead of 10.00 EUR: correct its prices and taxes by hand before it is paid "
        "or completed."
        if has_own_setting
        else ""
    )


def test_a_completion_that_no_webhook_told_of_is_found_by_the_reconciliation(drafts):
    shop = drafts(reserve_days=0)
    order = shop.north.order((0, 4))
    shop.run()
    shop.sim.complete_draft(shop.source.domain, shop.drafts[0])
    shop.source.lose_webhooks()
    shop.world.reconcile()
    shop.run()
    assert shop.row(order).draft_status == Draft.COMPLETED
    assert shop.stock() == (16, 16, 16)
