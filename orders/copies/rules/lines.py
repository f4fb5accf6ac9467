"""Pure: which lines of a destination's order travel, as what, and what all of it costs in the source's currency."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from orders.copies.rules import sums
from stores.shopify.orders.order_records import Money, MoneyPair, OrderLine, OrderRecord, TaxRecord

LEAVE_OUT = "leave_out"
CUSTOM = "custom"
HOLD = "hold"

GIFT_CARD = "A gift card: the destination has issued it."
CHARGES_TITLE = "Duties and other charges"
TIP_TITLES = frozenset({"tip", "trinkgeld", "pourboire", "propina", "mancia", "fooi"})

Side = Callable[[MoneyPair], Money]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that is not in the copy. `is_missing`: somebody may expect it there, so the copy is partial.

    `is_elsewhere`: it is the affair of another source's copy.
    """

    line_gid: str
    title: str
    quantity: int
    reason: str
    is_missing: bool
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """A line that travels: `quantity` units of the source's variant, or a custom line where that is None."""

    line: OrderLine
    variant_gid: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class PricedTax:
    """A tax in minor units of the source's currency."""

    title: str
    rate: Decimal
    amount: int
    channel_liable: bool | None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A chosen line with what all its units cost after discounts, and their taxes, in minor units."""

    chosen: Chosen
    total: int
    taxes: tuple[PricedTax, ...]


@dataclass(frozen=True, slots=True)
class PricedShipping:
    """A shipping line after discounts, in minor units."""

    title: str
    code: str
    total: int
    taxes: tuple[PricedTax, ...]


@dataclass(frozen=True, slots=True)
class Priced:
    """Everything that is carried, in minor units of `currency`; `total` is what the copy must cost."""

    currency: str
    lines: tuple[PricedLine, ...]
    shipping: tuple[PricedShipping, ...]
    total: int


def choose_lines(
    order: OrderRecord, links: Mapping[str, str], unlinked: str, elsewhere: Mapping[str, str]
) -> tuple[list[Chosen], list[LeftOut], list[OrderLine]]:
    """(lines that travel, lines left out, lines that could be linked and are not); rules as in `mapping`.

    `links` is destination variant -> source variant; `elsewhere` line gid -> the source whose copy has it.
    """
    chosen: list[Chosen] = []
    left_out: list[LeftOut] = []
    linkable: list[OrderLine] = []
    for line in order.lines:
        variant_gid = links.get(line.variant_gid or "")
        never = why_never(line)
        if never:
            reason, is_missing = never
            is_missing = is_missing and line.gid not in elsewhere
            left_out.append(LeftOut(line.gid, line.title, line.current_quantity, reason, is_missing))
            continue
        if source := elsewhere.get(line.gid):
            words = f"It is the affair of {source}."
            left_out.append(LeftOut(line.gid, line.title, line.current_quantity, words, False, is_elsewhere=True))
            continue
        if variant_gid is None and line.variant_gid is not None:
            linkable.append(line)
        if variant_gid is None and unlinked != CUSTOM:
            left_out.append(LeftOut(line.gid, line.title, line.current_quantity, _why_unlinked(line), is_missing=True))
            continue
        chosen.append(Chosen(line, variant_gid, line.current_quantity))
    return chosen, left_out, linkable


def why_never(line: OrderLine) -> tuple[str, bool] | None:
    """(reason, whether it is missed) for a line that is carried under no setting, or None."""
    if line.current_quantity <= 0:
        return "All its units were removed or refunded before it was imported.", False
    if line.is_gift_card:
        # A second gift card must never come into being; one on paper still has to be sent by somebody.
        return GIFT_CARD, line.requires_shipping
    if is_tip(line):
        return "A tip: it stays with the destination.", False
    return None


def is_tip(line: OrderLine) -> bool:
    """Shopify has no flag for tips: an untaxed line without product and without shipping, named so (shopify.md 7.4)."""
    is_bare = line.variant_gid is None and line.product_gid is None and not line.sku
    return is_bare and not line.requires_shipping and not line.is_taxable and line.title.casefold() in TIP_TITLES


def _why_unlinked(line: OrderLine) -> str:
    if line.variant_gid is not None:
        return "Its product is not linked to one of the source."
    if line.product_gid is not None:
        return "Its variant was deleted in the destination."
    return "A custom line without a product, or its product was deleted."


def price_lines(
    order: OrderRecord,
    chosen: Sequence[Chosen],
    side: Side,
    currency: str,
    rate: Fraction,
    charges: Fraction,
    before: Fraction = Fraction(0),
) -> Priced:
    """Price what is carried: amounts of `side`, times `rate`, in whole minor units of `currency`.

    `charges` are the copy's own beside its lines and the order's shipping. `before` is what other copies of the same
    exchange carry: their roundings and this one's then add up to the rounded whole.

    All that is paid is rounded as one running sum (`sums`), in the order lines, shipping, charges, taxes: the copy
    costs round(rate * what these cost in the original). Taxes within the prices are rounded as a sum of their own.
    """
    paid = [line_amount(each.line, each.quantity, side) for each in chosen]
    paid += [_amount(record.price, side) for record in order.shipping]
    owners = _tax_owners(order, chosen)
    taxes = [_amount(tax.price, side) * share for records, share in owners for tax in records]
    if order.taxes_included:
        *amounts, extra = sums.round_parts([*paid, charges], currency, rate, before)
        tax_amounts = sums.round_parts(taxes, currency, rate)
    else:
        rounded = sums.round_parts([*paid, charges, *taxes], currency, rate, before)
        amounts, extra, tax_amounts = rounded[: len(paid)], rounded[len(paid)], rounded[len(paid) + 1 :]
    rest = iter(tax_amounts)
    priced_taxes = [
        tuple(_priced_tax(tax, next(rest), taxable, side) for tax in records)
        for (records, _), taxable in zip(owners, paid, strict=True)
    ]
    count = len(chosen)
    lines = map(PricedLine, chosen, amounts[:count], priced_taxes[:count])
    parts = zip(order.shipping, amounts[count:], priced_taxes[count:], strict=True)
    shipping = [PricedShipping(record.title, record.code, amount, tax) for record, amount, tax in parts]
    if extra:
        shipping.append(PricedShipping(CHARGES_TITLE, "", extra, ()))
    total = sum(amounts) + extra + (0 if order.taxes_included else sum(tax_amounts))
    return Priced(currency, tuple(lines), tuple(shipping), total)


def _tax_owners(order: OrderRecord, chosen: Sequence[Chosen]) -> list[tuple[Sequence[TaxRecord], Fraction]]:
    """The taxes of each line that travels, and which part of them; then those of each shipping line, whole."""
    lines = [(each.line.taxes, Fraction(each.quantity, each.line.quantity)) for each in chosen]
    return [*lines, *((record.taxes, Fraction(1)) for record in order.shipping)]


def carried_cost(order: OrderRecord, chosen: Sequence[Chosen], side: Side, charges: Fraction) -> Fraction:
    """What a copy carries, exactly: its lines, the order's shipping, its charges, and taxes that come on top."""
    cost = charges + sum((line_amount(each.line, each.quantity, side) for each in chosen), Fraction(0))
    cost += sum((_amount(record.price, side) for record in order.shipping), Fraction(0))
    if order.taxes_included:
        return cost
    for each in chosen:
        share = Fraction(each.quantity, each.line.quantity)
        cost += sum((_amount(tax.price, side) * share for tax in each.line.taxes), Fraction(0))
    return cost + sum((_amount(tax.price, side) for each in order.shipping for tax in each.taxes), Fraction(0))


def _amount(pair: MoneyPair, side: Side) -> Fraction:
    return Fraction(side(pair).amount)


def line_amount(line: OrderLine, quantity: int, side: Side) -> Fraction:
    """What `quantity` of its units cost after the line's discounts and its share of the order's; never below 0.

    From the sums, because Shopify calls its discounted unit prices approximate. Units removed since bear their share.
    """
    whole = _amount(line.unit_price, side) * line.quantity - sum(_amount(each.amount, side) for each in line.discounts)
    return max(whole, Fraction(0)) * Fraction(quantity, line.quantity)


def beyond_parts(order: OrderRecord, side: Side) -> Fraction:
    """What the original costs beyond its lines, shipping and taxes: duties, fees, rounding of cash.

    Below 0 where its parts cost more than it does.

    Nothing for an order whose lines have changed: its total as placed and its lines are then of different times.
    """
    if order.is_edited or any(line.current_quantity != line.quantity for line in order.lines):
        return Fraction(0)
    known = sum((line_amount(line, line.quantity, side) for line in order.lines), Fraction(0))
    known += sum(_amount(record.price, side) for record in order.shipping)
    if not order.taxes_included:
        taxes = (tax for owners in (order.lines, order.shipping) for owner in owners for tax in owner.taxes)
        known += sum(_amount(tax.price, side) for tax in taxes)
    return _amount(order.total, side) - known


def _priced_tax(tax: TaxRecord, amount: int, taxable: Fraction, side: Side) -> PricedTax:
    """The tax with its rate, which orderCreate insists on; where there is none, the rate that the money implies."""
    rate = tax.rate
    if rate is None:
        implied = _amount(tax.price, side) / taxable if taxable else Fraction(0)
        rate = Decimal(sums.half_up(implied * 10**6)).scaleb(-6)
    return PricedTax(tax.title, rate, amount, tax.channel_liable)
