"""From settings to rules: what an operator entered is what the rules hear."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from stores.models import CatalogueSettings, Connection, CurrencyRate
from syncing.catalogue import policy as terms
from syncing.catalogue.rules.pricing import NEAREST, PriceRule
from syncing.catalogue.rules.rates import RateRow
from syncing.models import CatalogueRun

DAY = date(2026, 11, 21)


@pytest.fixture
def settings_row(source, north) -> CatalogueSettings:
    for store, currency in ((source, "EUR"), (north, "USD")):
        store.currency = currency
        store.save()
    connection = Connection.objects.create(source=source, destination=north)
    return CatalogueSettings.objects.create(connection=connection)


def test_a_policy_says_what_was_entered(settings_row):
    settings_row.field_policies = {"price": "ignore"}
    settings_row.tags_merging = "merge"
    settings_row.edited = "keep"
    settings_row.metafield_namespaces = ["custom"]
    settings_row.price_percent, settings_row.rounding = Decimal("12.5"), "nearest"
    settings_row.rounding_ending = Decimal("0.99")
    settings_row.fixed_rate = Decimal("1.25")
    settings_row.save()
    settings_row.refresh_from_db()
    policy = terms.policy_of(settings_row)
    assert (policy.of("price"), policy.of("title"), policy.of("status")) == ("ignore", "sync", "create_only")
    assert (policy.merges_tags, policy.merges_images, policy.keeps_edits) == (True, False, True)
    assert (policy.namespaces, policy.rate, policy.currency) == (frozenset({"custom"}), Decimal("1.25"), "USD")
    assert policy.price_rule == PriceRule(Decimal("12.5"), Decimal(0), NEAREST, Decimal(1), Decimal("0.99"))


def test_the_rate_of_the_day_comes_from_the_table(settings_row):
    settings_row.rate_kind = "table"
    terms.save_rates(
        [
            RateRow("EUR", "USD", Decimal("1.1"), date(2026, 11, 1)),
            RateRow("EUR", "USD", Decimal("1.2"), DAY),
            RateRow("EUR", "USD", Decimal("1.3"), date(2026, 11, 22)),
        ]
    )
    assert terms.rate_of(settings_row, DAY) == Decimal("1.2")
    assert terms.rate_of(settings_row, date(2026, 11, 20)) == Decimal("1.1")
    with pytest.raises(terms.NoRate, match="no rate from EUR to USD") as raised:
        terms.rate_of(settings_row, date(2026, 10, 31))
    assert raised.value.failure == "misconfigured"


def test_a_store_whose_currency_nobody_knows_has_no_rate(settings_row):
    settings_row.rate_kind = "table"
    settings_row.connection.destination.currency = ""
    with pytest.raises(terms.NoRate, match="check the store"):
        terms.rate_of(settings_row)


def test_two_stores_of_one_currency_need_no_table(settings_row):
    settings_row.rate_kind = "table"
    settings_row.connection.destination.currency = "EUR"
    assert terms.rate_of(settings_row) == 1


def test_a_rate_that_is_entered_again_replaces_the_one_of_that_day(settings_row):
    assert terms.save_rates([RateRow("EUR", "USD", Decimal("1.1"), DAY)]) == 1
    terms.save_rates([RateRow("EUR", "USD", Decimal("1.2"), DAY)])
    assert [row.rate for row in CurrencyRate.objects.all()] == [Decimal("1.2")]


def test_only_what_prices_depend_on_makes_them_anew(settings_row):
    before = terms.pricing_digest(terms.policy_of(settings_row))
    settings_row.tags_merging, settings_row.price_percent = "merge", Decimal("0.000")
    assert terms.pricing_digest(terms.policy_of(settings_row)) == before
    settings_row.price_percent = Decimal("1")
    assert terms.pricing_digest(terms.policy_of(settings_row)) != before


def test_a_run_tells_its_rate_and_the_time_left_since_it_last_began_to_work(settings_row):
    begun = datetime(2026, 11, 21, 7, tzinfo=UTC)
    run = CatalogueRun(connection=settings_row.connection, kind="all", total=1000, done=100)
    assert (run.rate(), run.time_left()) == (None, None)
    run.begin(begun)
    run.done, run.progressed_at = 300, begun
    assert run.rate() is None  # no time has passed
    run.progressed_at = begun + timedelta(seconds=20)
    assert run.rate() == 10
    assert run.time_left() == timedelta(seconds=70)
    run.state = CatalogueRun.State.FINISHED
    assert run.time_left() is None


def test_one_run_at_a_time_but_any_number_of_previews(settings_row):
    made = {"connection": settings_row.connection, "kind": "all"}
    for _ in range(2):
        CatalogueRun.objects.create(is_preview=True, **made)
        CatalogueRun.objects.create(state="finished", **made)
    CatalogueRun.objects.create(state="held", **made)
    with pytest.raises(IntegrityError):
        CatalogueRun.objects.create(**made)
