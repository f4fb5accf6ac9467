"""What a destination's currency was worth in its source's when an order was placed: fixed, or by the rate table.

The rate of the order's day counts, whenever it is copied; the one that its copy was made with is kept on the order, so
that nothing later is at another one.
"""

from dataclasses import dataclass
from datetime import UTC
from fractions import Fraction

from orders.models import OrderImport, OrderSettings
from stores.models import CurrencyRate


@dataclass(frozen=True, slots=True)
class FoundRate:
    """Units of the source's currency for one of the order's; `words` say where it comes from."""

    rate: Fraction
    words: str


def find_rate(row: OrderImport, choices: OrderSettings) -> FoundRate | None:
    """The rate for this order, or None where there is none, or none is needed."""
    if row.exchange_rate and row.attempts:
        return FoundRate(Fraction(row.exchange_rate), row.exchange_words)
    currency, original = row.connection.source.currency, row.original_currency
    if choices.currency_rate is not None:
        rate = choices.currency_rate
        return FoundRate(Fraction(rate), f"1 {original} = {rate.normalize():f} {currency}, the connection's rate")
    if not currency or not original or currency == original:
        return None
    if entry := _entry(currency, original, row):
        return FoundRate(1 / Fraction(entry.rate), f"{entry}, by the rate table")
    if entry := _entry(original, currency, row):
        return FoundRate(Fraction(entry.rate), f"{entry}, by the rate table")
    return None


def kept_rate(row: OrderImport, choices: OrderSettings, used: Fraction) -> dict[str, str]:
    """The fields of an order that keep the rate its copy is made with: what happens to it later is at the same one."""
    found = find_rate(row, choices)
    if found is None or found.rate != used:
        return {"exchange_rate": "", "exchange_words": ""}
    return {"exchange_rate": str(found.rate), "exchange_words": found.words[:120]}


def _entry(from_currency: str, to_currency: str, row: OrderImport) -> CurrencyRate | None:
    """The row of the table that was valid on the order's day (UTC)."""
    day = (row.placed_at or row.created_at).astimezone(UTC).date()
    listed = CurrencyRate.objects.filter(base=from_currency, quote=to_currency, valid_from__lte=day)
    return listed.order_by("-valid_from").first()
