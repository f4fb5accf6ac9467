"""A destination's order becomes one draft in the source; what it holds of the stock, and what becomes of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from orders.models import OrderImport
from stores.shopify import gids
from syncing import sweep
from tests.simulator.events.customers import upsert_customer
from tests.simulator.state.money import Bag
from tests.simulator.state.order_money import grand_total

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


@pytest.mark.parametrize("how", ["close", "html", "internal_error"])
def test_a_draft_whose_answer_was_lost_is_found_although_the_search_lags(drafts, how):
    shop = drafts()
    shop.source.shop.knobs.search_lag_seconds = 90
    order = shop.north.order((0, 2))
    shop.source.fault("lost_answer", match="draftOrderCreate", how=how)
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


@pytest.mark.parametrize("known", [None, False, True])
def test_a_draft_costs_what_was_sold_whoever_bought_it_and_its_invoice_reaches_them(drafts, known):
    """An e-mail in a draft would make a customer, whose own tax setting replaces the draft's: 11.90 for 10.00."""
    shop = drafts(sends_invoice=True)
    shop.source.shop.knobs.draft_tax_rate = "0.19"
    if known is not None:
        at = shop.sim.clock.whole_seconds()
        upsert_customer(shop.source.shop, at, email="buyer@example.com", phone="+4915112345678", tax_exempt=known)
    order = shop.north.order((0, 1), email="buyer@example.com", phone="+4915112345678")
    shop.run()
    (draft,) = shop.drafts
    row = shop.row(order)
    assert (row.state, row.reason) == (State.CONFIRMED, "")
    assert (grand_total(draft).shop, draft.customer_id) == (Decimal("10.00"), None)
    assert [mail["to"] for mail in draft.invoices] == ["buyer@example.com"]
    assert {("Email", "buyer@example.com"), ("Phone", "+4915112345678")} <= set(draft.note_attributes)
    assert len(shop.source.shop.customers) == (known is not None)


def test_a_draft_that_costs_more_than_was_sold_says_so_and_its_invoice_is_not_sent(drafts):
    dearer = Bag(Decimal("11.90"), Decimal("11.90"))
    shop = drafts(sends_invoice=True)
    order = shop.north.order((0, 1), email="buyer@example.com")
    shop.source.fault("lost_answer", match="draftOrderCreate", how="html")
    shop.world.meanwhile("draftOrders", lambda: setattr(shop.drafts[0].lines[0], "price", dearer))
    shop.run()
    shop.world.carry_orders()
    row = shop.row(order)
    assert row.state == State.CONFIRMED
    assert not shop.drafts[0].invoices
    assert row.reason == (
        "It costs 11.90 EUR in the source instead of 10.00 EUR: correct its prices and taxes by hand before it is paid "
        "or completed."
    )


def test_a_lost_answer_to_the_invoice_mails_it_once(drafts):
    shop = drafts(sends_invoice=True)
    order = shop.north.order((0, 1), email="buyer@example.com")
    shop.source.fault("lost_answer", match="draftOrderInvoiceSend", how="html")
    shop.run()
    shop.world.reconcile()
    shop.run()
    assert [mail["to"] for mail in shop.drafts[0].invoices] == ["buyer@example.com"]
    assert shop.row(order).draft_status == Draft.INVOICE_SENT


@pytest.mark.parametrize("known", [None, False])
def test_the_customer_of_an_order_changes_nothing_of_what_it_costs(trade, known):
    shop = trade()
    shop.source.shop.knobs.draft_tax_rate = "0.19"
    if known is not None:
        at = shop.sim.clock.whole_seconds()
        upsert_customer(shop.source.shop, at, email="buyer@example.com", tax_exempt=known)
    order = shop.north.order((0, 1), email="buyer@example.com")
    shop.run()
    (copy,) = shop.copies
    assert copy.customer_id is not None
    assert (grand_total(copy).shop, shop.row(order).reason) == (Decimal("10.00"), "")


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
