"""Money arithmetic that loses no cent: whole minor units, and remainders that are placed, not dropped.

Every rounding is done on a running sum, half up: part n gets round(a1 + … + an) minus round(a1 + … + an-1). So the
parts add up to the rounded whole, each is within one minor unit of its exact value, and what was 0 stays 0.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from stores.currencies import decimals


def to_amount(minor: int, currency: str) -> Decimal:
    """1234 is 12.34 EUR, or 1234 JPY."""
    return Decimal(minor).scaleb(-decimals(currency))


def text(amount: Decimal, currency: str) -> str:
    """An amount as people write it: `12.30 EUR`."""
    return f"{amount.quantize(Decimal(1).scaleb(-decimals(currency)))} {currency}"


def round_parts(
    parts: Sequence[Fraction], currency: str, rate: Fraction = Fraction(1), before: Fraction = Fraction(0)
) -> list[int]:
    """Each amount times `rate`, in whole minor units of `currency`, adding up to the rounded sum.

    `before` is what the running sum begins with: amounts that are rounded elsewhere in the same way.
    """
    scale = rate * 10 ** decimals(currency)
    running, rounded, last = before, [], half_up(before * scale)
    for part in parts:
        running += part
        now = half_up(running * scale)
        rounded.append(now - last)
        last = now
    return rounded


def half_up(value: Fraction) -> int:
    """The nearest whole number; the half goes up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def split_units(total: int, quantity: int) -> list[tuple[int, int]]:
    """(units, unit price) groups that cost exactly `total` minor units: one, or two that are one minor unit apart.

    `split_units(1000, 3)` is `[(2, 333), (1, 334)]`: the remainder makes as many units dearer by one.
    """
    price, dearer = divmod(total, quantity)
    return [(units, each) for units, each in ((quantity - dearer, price), (dearer, price + 1)) if units]


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` minor units in proportion to `weights`, adding up; all to the first where every weight is 0."""
    whole = sum(weights)
    if not whole:
        return [amount] + [0] * (len(weights) - 1)
    shared, running, before = [], 0, 0
    for weight in weights:
        running += weight
        now = half_up(Fraction(amount * running, whole))
        shared.append(now - before)
        before = now
    return shared
