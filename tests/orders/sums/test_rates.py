"""Orders in another currency: the rate of the order's day, kept, and only for the currency that it is about."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from orders.models import OrderImport, OrderSettings
from stores.models import CurrencyRate
from syncing import sweep
from tests.support.orders.trade import total_of

State = OrderImport.State


@pytest.fixture
def abroad(trade):
    """North sells in USD, the source in EUR."""

    def build(strategy="order", **choices):
        shop = trade(strategy, **choices)
        shop.north.shop.currency = shop.north.store.currency = "USD"
        shop.north.store.save()
        return shop

    return build


def enter(shop, rate, base="EUR", quote="USD", days=0):
    day = (shop.sim.clock.now() + timedelta(days=days)).date()
    return CurrencyRate.objects.create(base=base, quote=quote, rate=rate, valid_from=day)


def priced(shop, price="10.90", quantity=1, **details):
    rows = [{"variant_id": shop.north.variants[0].id, "quantity": quantity, "price": price}]
    return shop.sim.place_order(shop.north.domain, rows, force=True, **details)


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_the_rate_table_serves_orders_without_a_fixed_rate(abroad, strategy):
    shop = abroad(strategy)
    enter(shop, "1.09", days=-3)
    order = priced(shop)
    shop.run()
    row = shop.row(order)
    assert (row.state, row.copy_total, row.copy_currency) == (State.CONFIRMED, Decimal(10), "EUR")
    assert Fraction(row.exchange_rate) == Fraction(100, 109)
    assert "1 EUR = 1.09 USD" in row.exchange_words


def test_a_table_that_names_the_currencies_the_other_way_round_serves_as_well(abroad):
    shop = abroad()
    enter(shop, "0.5", base="USD", quote="EUR", days=-3)
    order = priced(shop)
    shop.run()
    assert shop.row(order).copy_total == Decimal("5.45")


def test_the_rate_is_that_of_the_orders_day_however_late_it_is_copied(abroad):
    shop = abroad(when=OrderSettings.When.PAID)
    enter(shop, "2", days=-3)
    order = priced(shop, paid=False)
    shop.run()
    enter(shop, "4", days=1)
    shop.world.let_pass(hours=50)
    shop.sim.pay_order(shop.north.domain, order)
    shop.run()
    assert shop.row(order).copy_total == Decimal("5.45")


def test_a_fixed_rate_goes_before_the_table(abroad):
    shop = abroad(currency_rate=Decimal("0.5"))
    enter(shop, "1.09", days=-3)
    order = priced(shop)
    shop.run()
    row = shop.row(order)
    assert row.copy_total == Decimal("5.45")
    assert "the connection's rate" in row.exchange_words


def test_a_rate_that_is_entered_later_has_what_failed_for_want_of_it_copied_by_itself(abroad):
    shop = abroad()
    enter(shop, "9", days=5)
    order = priced(shop)
    shop.run()
    row = shop.row(order)
    assert (row.state, row.failure) == (State.FAILED, "misconfigured")
    assert "USD" in row.reason and "EUR" in row.reason and "rate table" in row.reason
    sweep.sweep()
    shop.world.work()
    assert shop.row(order).state == State.FAILED
    enter(shop, "1.09", days=-1)
    shop.world.let_pass(hours=2)
    sweep.sweep()
    shop.world.work()
    assert shop.row(order).copy_total == Decimal(10)


def test_what_may_have_been_sent_is_sent_again_at_the_rate_that_it_was_sent_with(abroad):
    shop = abroad(currency_rate=Decimal("0.5"))
    shop.source.fault("refuse_before", match="orderCreate")
    order = priced(shop)
    shop.world.deliver()
    shop.world.work(tries=1)
    assert shop.row(order).state == State.SENT
    OrderSettings.objects.update(currency_rate=Decimal("0.9"))
    shop.world.carry_orders()
    row = shop.row(order)
    assert (row.state, row.copy_total) == (State.CONFIRMED, Decimal("5.45"))


def test_an_order_in_another_currency_than_its_stores_fails_and_names_both(trade):
    shop = trade(currency_rate=Decimal("0.68"))
    shop.north.shop.currency = shop.north.store.currency = "CAD"
    shop.north.store.save()
    CurrencyRate.objects.create(base="EUR", quote="USD", rate="1.09", valid_from="2020-01-01")
    order = priced(shop, "10.00", currency="USD")
    shop.run()
    row = shop.row(order)
    assert (row.state, shop.copies) == (State.FAILED, [])
    assert "USD" in row.reason and "CAD" in row.reason and "EUR" in row.reason
    assert shop.stock() == (20, 19, 19)


def test_an_order_in_another_currency_is_taken_in_presentment_money_where_that_is_the_sources(trade):
    shop = trade(currency_rate=Decimal("0.68"))
    shop.north.shop.currency = shop.north.store.currency = "CAD"
    shop.north.store.save()
    order = priced(shop, "10.00", currency="USD", presentment_currency="EUR", presentment_rate="0.9")
    shop.run()
    row = shop.row(order)
    assert (row.state, row.copy_total, row.copy_currency) == (State.CONFIRMED, Decimal(9), "EUR")
    assert row.exchange_rate == ""
    assert total_of(shop.copies[0]) == 9
