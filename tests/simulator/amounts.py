"""Amounts as the shop keeps them: decimals of its currency, as text."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

# ISO 4217 currencies without minor units.
WHOLE_CURRENCIES = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
LARGEST = Decimal(10) ** 18


def read_amount(text: object) -> Decimal | None:
    """A finite decimal, or None."""
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def rounded(text: str | None, currency: str) -> str | None:
    """The amount as the shop answers it: two decimals, or none in currencies that have none."""
    if text is None:
        return None
    step = Decimal(1) if currency in WHOLE_CURRENCIES else Decimal("0.01")
    return str(Decimal(text).quantize(step, ROUND_HALF_UP))


def complaint_about(text: str, label: str) -> str | None:
    """What is wrong with a price, or None."""
    amount = read_amount(text)
    if amount is None:
        return f"{label} is not a number"
    if amount < 0:
        return f"{label} must be greater than or equal to 0"
    return f"{label} must be less than 1000000000000000000" if amount >= LARGEST else None
