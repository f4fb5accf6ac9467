"""Money: amounts in the decimals of their currency, as a shop keeps and shows them, and in two currencies at once.

A Bag holds one amount in the shop's currency and the same in the buyer's (presentment) currency: both are carried
through every sum, as at Shopify, so that a rounding shows in the currency in which it happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

ZERO = Decimal(0)
# ISO 4217 currencies without minor units, and with three of them.
ZERO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
LARGEST = Decimal(10) ** 18


def read_amount(text: object) -> Decimal | None:
    """A finite decimal, or None."""
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def complaint_about(text: str, label: str) -> str | None:
    """What is wrong with a price, or None."""
    amount = read_amount(text)
    if amount is None:
        return f"{label} is not a number"
    if amount < 0:
        return f"{label} must be greater than or equal to 0"
    return f"{label} must be less than 1000000000000000000" if amount >= LARGEST else None


def unit_of(currency: str) -> Decimal:
    """The smallest amount of a currency."""
    if currency in ZERO_DECIMALS:
        return Decimal(1)
    return Decimal("0.001") if currency in THREE_DECIMALS else Decimal("0.01")


def rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(unit_of(currency), ROUND_HALF_UP)


def fixed_text(amount: Decimal | str, currency: str) -> str:
    """With all the decimals of its currency: money in a webhook body."""
    return f"{rounded(Decimal(amount), currency):f}"


def price_text(text: str | None, currency: str) -> str | None:
    """A price as the shop keeps it; None for none."""
    return None if text is None else fixed_text(text, currency)


def text_of(amount: Decimal) -> str:
    """GraphQL's Decimal on the wire: one decimal at least, no further zeros: 12.00 -> 12.0 (shopify.md 7.1)."""
    plain = f"{amount.normalize():f}"
    return plain if "." in plain else f"{plain}.0"


@dataclass(frozen=True, slots=True)
class Bag:
    """An amount in the shop's and in the presentment currency; which ones these are is the order's business."""

    shop: Decimal = ZERO
    presentment: Decimal = ZERO

    def __add__(self, other: Bag) -> Bag:
        return Bag(self.shop + other.shop, self.presentment + other.presentment)

    def __sub__(self, other: Bag) -> Bag:
        return Bag(self.shop - other.shop, self.presentment - other.presentment)

    def __mul__(self, times: int) -> Bag:
        return Bag(self.shop * times, self.presentment * times)

    def __neg__(self) -> Bag:
        return Bag(-self.shop, -self.presentment)

    def __bool__(self) -> bool:
        return bool(self.shop or self.presentment)


NOTHING = Bag()


@dataclass(frozen=True, slots=True)
class Exchange:
    """The two currencies of an order, and how many units of the presentment currency one unit of the shop's buys."""

    currency: str
    presentment: str
    rate: Decimal = Decimal(1)

    @classmethod
    def between(cls, currency: str, presentment: str | None, rate: object) -> Exchange:
        """Without a presentment currency both are the shop's."""
        return cls(currency, presentment or currency, Decimal(str(rate)) if presentment else Decimal(1))

    def from_shop(self, amount: Decimal) -> Bag:
        return Bag(rounded(amount, self.currency), rounded(amount * self.rate, self.presentment))

    def from_presentment(self, amount: Decimal) -> Bag:
        return Bag(rounded(amount / self.rate, self.currency), rounded(amount, self.presentment))

    def share(self, bag: Bag, numerator: Decimal | int, denominator: Decimal | int) -> Bag:
        """A part of an amount, rounded in each currency by itself."""
        if not denominator:
            return NOTHING
        return Bag(
            rounded(bag.shop * numerator / denominator, self.currency),
            rounded(bag.presentment * numerator / denominator, self.presentment),
        )


def spread(exchange: Exchange, total: Bag, weights: list[Bag]) -> list[Bag]:
    """`total` over the weights in proportion; the last one that weighs anything takes what rounding left over."""
    whole = sum(weights, NOTHING)
    parts = [exchange.share(total, weight.shop, whole.shop) for weight in weights]
    heavy = [place for place, weight in enumerate(weights) if weight.shop]
    if heavy:
        parts[heavy[-1]] += total - sum(parts, NOTHING)
    return parts
