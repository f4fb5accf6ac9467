"""Many rows are changed by one statement: each gets its own values, and nothing else changes."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import DataError, transaction

from stores.models import CurrencyRate
from stores.shared.many import update_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> list[CurrencyRate]:
    """Euros in two other currencies."""
    first = {"base": "EUR", "rate": Decimal("1.5"), "valid_from": date(2026, 1, 1)}
    return [CurrencyRate.objects.create(quote=quote, **first) for quote in ("CHF", "GBP")]


def stored() -> list[tuple]:
    return list(CurrencyRate.objects.order_by("pk").values_list("quote", "rate", "valid_from"))


def test_each_row_gets_its_own_values_in_the_named_fields_alone(rows, django_assert_num_queries):
    for number, row in enumerate(rows):
        row.rate, row.valid_from, row.quote = Decimal(number + 2), date(2026, 2, number + 1), "XXX"
    with django_assert_num_queries(1):
        assert update_rows(rows, ["rate", "valid_from"]) == 2
    assert stored() == [("CHF", 2, date(2026, 2, 1)), ("GBP", 3, date(2026, 2, 2))]


def test_rows_are_known_by_other_fields_too_and_left_alone_once_they_are_not_as_they_were(rows):
    others = [CurrencyRate(base="EUR", quote=quote, rate=Decimal(9)) for quote in ("CHF", "GBP", "USD")]
    assert update_rows(others, ["rate"], key=("base", "quote"), only={"quote": "GBP"}) == 1
    assert [rate for _, rate, _ in stored()] == [Decimal("1.5"), 9]


def test_what_is_too_long_is_refused_and_not_cut(rows):
    rows[0].quote = "FRANC"
    with pytest.raises(DataError), transaction.atomic():
        update_rows(rows, ["quote"])
    assert [quote for quote, _, _ in stored()] == ["CHF", "GBP"]


def test_nothing_is_asked_where_there_are_no_rows(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert update_rows([], ["rate"]) == 0
