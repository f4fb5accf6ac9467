"""The table of currency rates: files that people make, right and wrong."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncing.catalogue.rules.rates import RateRow, RateTableError, parse_rates, rate_on

EUR_USD = RateRow("EUR", "USD", Decimal("1.0853"), date(2026, 11, 21))


@pytest.mark.parametrize(
    "text",
    [
        "date,from,to,rate\n2026-11-21,EUR,USD,1.0853\n",
        "\ufeffdate,from,to,rate\r\n2026-11-21,EUR,USD,1.0853\r\n",
        "Rate;To;From;Date\n1,0853;usd;eur;2026-11-21",
        "\n\nfrom , to , rate , date\n\n eur , usd , 1.0853 , 2026-11-21 \n,,,\n",
        'date,from,to,rate\n"2026-11-21","EUR","USD","1.0853"',
    ],
)
def test_a_file_is_read_however_it_was_saved(text):
    assert parse_rates(text) == [EUR_USD]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("2026-11-21,EUR,USD,1.1", "no column “date”"),
        ("date,from,to,rate,bank\n", "“bank” is not known"),
        ("date,from,to,rate,rate\n", "twice"),
        ("date,from,to,rate\n2026-11-21,EUR,USD\n", "Line 2: 3 columns instead of 4"),
        ("date,from,to,rate\n21.11.2026,EUR,USD,1.1\n", "Line 2: “21.11.2026” is no date"),
        ("date,from,to,rate\n2026-02-30,EUR,USD,1.1\n", "no date"),
        ("date,from,to,rate\n2026-11-21,EURO,USD,1.1\n", "“EURO” in the column “from” is no currency"),
        ("date,from,to,rate\n2026-11-21,EUR,EUR,1\n", "from EUR to itself"),
        ("date,from,to,rate\n2026-11-21,EUR,USD,0\n", "must be above 0, not “0”"),
        ("date,from,to,rate\n2026-11-21,EUR,USD,NaN\n", "must be above 0"),
        ("date,from,to,rate\n2026-11-21,EUR,USD,about one\n", "no rate like"),
        ("date,from,to,rate\n2026-11-21,EUR,USD,1.123456789\n", "8 behind the point"),
        ("date,from,to,rate\n2026-11-21,EUR,USD,1e30\n", "10 digits before"),
        ("date,from,to,rate\n2026-11-21,EUR,USD,1\n\n2026-11-21,EUR,USD,2\n", "Line 4: the same currencies"),
        ('date,from,to,rate\n"2026-11-21,EUR', "no CSV file"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, words):
    with pytest.raises(RateTableError, match=words):
        parse_rates(text)


def test_every_wrong_line_is_named_at_once_but_not_a_thousand_of_them():
    text = "date,from,to,rate\n" + "x,EUR,USD,1\n" * 1000
    with pytest.raises(RateTableError) as raised:
        parse_rates(text)
    assert len(raised.value.problems) == 21
    assert raised.value.problems[-1] == "… and 980 more."


@given(st.text(max_size=300) | st.text("dateforml,;\n\"'01.-EURSD", max_size=200))
def test_no_text_does_any_harm(text):
    try:
        parse_rates(text)
    except RateTableError as error:
        assert str(error)


def test_the_newest_rate_that_is_valid_counts():
    rows = [
        RateRow("EUR", "USD", Decimal("1.1"), date(2026, 1, 1)),
        RateRow("EUR", "USD", Decimal("1.3"), date(2026, 3, 1)),
        RateRow("EUR", "USD", Decimal("1.2"), date(2026, 2, 1)),
        RateRow("USD", "EUR", Decimal("0.9"), date(2026, 1, 1)),
    ]
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 2, 28), date(2026, 3, 1)]
    assert [rate_on(rows, "EUR", "USD", day) for day in days] == [None, Decimal("1.1"), Decimal("1.2"), Decimal("1.3")]
    assert rate_on(rows, "EUR", "CHF", days[-1]) is None
    assert rate_on([], "EUR", "EUR", days[0]) == 1
