"""A destination's prices, pure: percent, then amount, then currency rate, then rounding.

All of it is exact until the one rounding at the end. A price of 0 stays 0, since free is a decision and not an amount;
and rounding never gives a thing away.
"""

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from stores.currencies import decimals

NONE, NEAREST, UP, DOWN = "none", "nearest", "up", "down"


@dataclass(frozen=True, slots=True)
class PriceRule:
    """How a source's price becomes the destination's. `amount` is in the source's currency.

    Rounding gives whole steps plus the ending: step 1 and ending 0.99 give 0.99, 1.99, 2.99 …; 0 <= ending < step.
    """

    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    rounding: str = NONE
    step: Decimal = Decimal(1)
    ending: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.rounding not in (NONE, NEAREST, UP, DOWN):
            raise ValueError(f"There is no rounding {self.rounding!r}.")
        if self.step <= 0 or not 0 <= self.ending < self.step:
            raise ValueError("The ending must be 0 or more and smaller than the step.")


PLAIN = PriceRule()


def price(amount: Decimal, rule: PriceRule, rate: Decimal = Decimal(1), currency: str = "") -> Decimal:
    """The destination's price of what costs `amount` in the source; never below 0.

    `rate` is units of `currency`, the destination's, for one unit of the source's. Raises ValueError for a rate that is
    not above 0.
    """
    _check_rate(rate)
    if amount <= 0:
        return _in_units(Fraction(0), currency)
    raised = Fraction(amount) * (100 + Fraction(rule.percent)) / 100 + Fraction(rule.amount)
    exact = raised * Fraction(rate)
    if exact <= 0:
        return _in_units(Fraction(0), currency)
    if rule.rounding != NONE:
        exact = _on_grid(exact, rule)
    return max(_in_units(exact, currency), _smallest(currency))


def compare_at(
    amount: Decimal | None, new_price: Decimal, rule: PriceRule, rate: Decimal = Decimal(1), currency: str = ""
) -> Decimal | None:
    """The destination's compare-at price by the same rule; None where there is none or it would not be above the price.

    `amount` is the source's, `new_price` what `price` gave. Raises as `price` does.
    """
    if amount is None:
        return None
    converted = price(amount, rule, rate, currency)
    return converted if converted > new_price else None


def cost(amount: Decimal, rate: Decimal = Decimal(1), currency: str = "") -> Decimal:
    """What the destination paid, when the source paid `amount`: converted only. Raises as `price` does."""
    _check_rate(rate)
    return _in_units(max(Fraction(0), Fraction(amount) * Fraction(rate)), currency)


def _check_rate(rate: Decimal) -> None:
    if not rate.is_finite() or rate <= 0:
        raise ValueError(f"A currency rate must be above 0, not {rate}.")


def _on_grid(exact: Fraction, rule: PriceRule) -> Fraction:
    step, ending = Fraction(rule.step), Fraction(rule.ending)
    steps = (exact - ending) / step
    if rule.rounding == UP:
        whole = math.ceil(steps)
    elif rule.rounding == DOWN:
        whole = math.floor(steps)
    else:
        whole = math.floor(steps + Fraction(1, 2))  # half way goes up
    # The lowest step that still costs something.
    return max(whole, 0 if ending else 1) * step + ending


def _in_units(exact: Fraction, currency: str) -> Decimal:
    digits = decimals(currency)
    units = math.floor(exact * 10**digits + Fraction(1, 2))
    with localcontext(prec=60):
        return Decimal(units).scaleb(-digits)


def _smallest(currency: str) -> Decimal:
    return Decimal(1).scaleb(-decimals(currency))
