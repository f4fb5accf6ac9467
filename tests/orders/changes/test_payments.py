"""Orders whose payment or money is not the usual: no status, authorised only, in a currency that is not the store's."""

import pytest

from orders.models import OrderImport

State = OrderImport.State
DRAFT_OR_ORDER = ["order", "draft_order"]


@pytest.mark.parametrize("paid", [None, "authorized"])
def test_an_order_that_nobody_paid_waits_where_payment_is_wanted_and_is_copied_unpaid_where_not(trade, paid):
    shop = trade(when="paid")
    order = shop.north.order((0, 2), paid=paid)
    shop.run()
    shop.world.reconcile()
    row = shop.row(order)
    assert (row.state, row.waits_for) == (State.WAITING, OrderImport.WaitsFor.PAYMENT)
    assert not shop.copies
    shop.settings.when = "created"
    shop.settings.save(update_fields=["when"])
    shop.world.carry_orders()
    (copy,) = shop.copies
    assert copy.financial_status == ("AUTHORIZED" if paid else "PENDING")
    assert copy.transactions == []


@pytest.mark.parametrize("strategy", DRAFT_OR_ORDER)
@pytest.mark.parametrize("rate", [None, "0.5"])
def test_an_order_in_a_currency_that_is_not_its_stores_is_not_copied_at_a_rate_that_is_not_about_it(
    trade, strategy, rate
):
    shop = trade(strategy, currency_rate=rate)
    order = shop.north.order((0, 2), currency="USD")
    shop.run()
    row = shop.row(order)
    assert not shop.copies and not shop.drafts
    assert (row.state, row.failure) == (State.FAILED, "rejected")
    assert "USD" in row.reason and "EUR" in row.reason
    shop.world.reconcile()
    assert not shop.copies and not shop.drafts


@pytest.mark.parametrize("strategy", DRAFT_OR_ORDER)
def test_an_order_in_the_sources_currency_is_copied_as_it_is_whatever_its_store_sells_in(trade, strategy):
    shop = trade(strategy, currency_rate="0.5")
    shop.north.shop.currency = shop.north.store.currency = "CAD"
    shop.north.store.save(update_fields=["currency"])
    shop.north.order((0, 2), currency="EUR")
    shop.run()
    (copy,) = shop.drafts if strategy == "draft_order" else shop.copies
    assert [line.price.shop for line in copy.lines] == [10]


@pytest.mark.parametrize("is_edit", [True, False])
def test_an_exchange_in_the_original_leaves_nothing_stuck(trade, is_edit):
    shop = trade()
    order = shop.north.order((0, 2), (1, 1))
    shop.run()
    shop.north.shop.knobs.exchanges_are_edits = is_edit
    shop.sim.fulfil(shop.source.domain, shop.copies[0])
    shop.run()
    shop.sim.exchange(shop.north.domain, order, {order.lines[0].id: 1}, (shop.north.variants[1].id, 1))
    shop.run()
    shop.world.reconcile()
    (copy,) = shop.copies
    assert copy.lines[0].current_quantity == 1
    assert not shop.world.unfinished_orders()
