"""Pure: a destination's order and the links, to the order or the draft that is made of it in the source.

| What | What becomes of it |
|---|---|
| linked line | the source's variant; the unit price is after all discounts, its own and its share of the order's |
| a discount that does not divide evenly | two lines of the same variant, one minor unit apart: the sum is exact |
| line without a link | left out and the copy is partial; or a custom line without stock; or the order waits |
| custom line, deleted variant | can never be linked, so never waited for: left out (partial), or a custom line |
| unit removed or refunded before | not carried; its line's discounts and taxes are shared by units; not partial |
| gift card | never carried, or there would be two; partial only when it has to be shipped |
| tip | never carried; not partial |
| bundle | its components are lines and go by their own links; the bundle's name is among their properties |
| shipping | every line at its discounted price, whole, also in a partial copy |
| duties, fees, cash rounding | what the total holds beyond lines, shipping and taxes: one more shipping line |
| taxes | per line and shipping line, included or not as in the original; nothing is computed anew |
| taxes that stand at the order only | shared by the taxable lines, by what these cost (`order_taxes`) |
| the parts cost more than the original | the copy costs what its parts cost, and says so |
| taxes of a draft | drafts take no tax lines: tax exempt, with a custom line per tax unless the prices include them |
| an order that is not in its store's currency | only if its money is in the source's: no rate is about it |
| other currency | shop money times the rate; without one, presentment money if that is in the source's currency |
| remainder of a conversion | by running sums (orders.copies.rules.sums): the copy costs round(rate * what is carried) |
| a line of another source that carries the order too | that source's copy (orders.copies.rules.shares) |
| customer | upserted by e-mail and phone; nobody is mailed |
| customer of a draft | addresses, and the e-mail in an attribute: a customer's own taxes would override the draft's |
| blank address | not sent |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from orders.copies.rules import copy_input, sums
from orders.copies.rules.contact import CUSTOMERS, FIXED, NOBODY
from orders.copies.rules.lines import (
    CUSTOM,
    HOLD,
    LEAVE_OUT,
    Chosen,
    LeftOut,
    Priced,
    Side,
    beyond_parts,
    carried_cost,
    choose_lines,
    price_lines,
    why_never,
)
from orders.copies.rules.order_taxes import place_order_taxes
from orders.copies.rules.shares import Split, is_main, others_lines, place_charges, portion_of, share_of
from stores.shopify.orders.order_records import Money, MoneyPair, OrderLine, OrderRecord

ORDER = "order"
DRAFT_ORDER = "draft_order"
# Shopify takes 250 rows in an input list, and 499 lines in a draft (shopify.md 2.4, 7.2).
MOST_LINES = 250
MOST_DRAFT_LINES = 499


class CannotMap(Exception):
    """An order of which no copy can be made as things stand; `str(error)` is for the operator."""


class NoLinkedLines(CannotMap):
    """Nothing in it is linked to the source. `variant_gids`: variants that would change this if they were linked."""

    def __init__(self, message: str, variant_gids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.variant_gids = variant_gids


class WaitsForLinks(CannotMap):
    """The connection holds orders until all is linked. `variant_gids` of the destination are not."""

    def __init__(self, message: str, variant_gids: tuple[str, ...]) -> None:
        super().__init__(message)
        self.variant_gids = variant_gids


class CurrencyWithoutRate(CannotMap):
    """The stores' currencies differ and the connection has no rate."""


class ForeignCurrency(CannotMap):
    """The order's own money is in another currency than its store's: no rate of the connection is about it."""


class TooManyLines(CannotMap):
    """More lines than Shopify takes in one order or draft."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How a connection carries orders; the words are those of OrderSettings and of the connection's strategy.

    `currency_rate` is what one unit of the destination's currency is worth in the source's. `reserve_days` 0 reserves
    nothing. Raises ValueError for a word it does not know: a silent default would carry money wrongly.
    """

    strategy: str = ORDER
    payment_status: str = "same"
    inventory_behaviour: str = "decrement_ignoring"
    name_pattern: str = ""
    unlinked: str = LEAVE_OUT
    currency_rate: Decimal | Fraction | None = None
    reserve_days: int = 7
    contact: str = CUSTOMERS
    contact_email: str = ""
    carries_tags: bool = False
    carries_company: bool = False

    def __post_init__(self) -> None:
        for word, known in (
            (self.strategy, (ORDER, DRAFT_ORDER)),
            (self.payment_status, copy_input.PAYMENT_STATUSES),
            (self.inventory_behaviour, copy_input.INVENTORY_BEHAVIOURS),
            (self.unlinked, (LEAVE_OUT, CUSTOM, HOLD)),
            (self.contact, (CUSTOMERS, NOBODY, FIXED)),
        ):
            if word not in known:
                raise ValueError(f"Not a choice for orders: {word!r}")
        if self.currency_rate is not None and self.currency_rate <= 0:
            raise ValueError("A currency rate is above 0.")


@dataclass(frozen=True, slots=True)
class Way:
    """From which store an order comes, by its name for people and its domain, and in which currency the source sells.

    `store_currency` is what the destination sells in; empty: the order's own. `connection_id` says which of the
    connections that carry an order this is, where several do.
    """

    store_name: str
    store_domain: str
    source_currency: str
    store_currency: str = ""
    connection_id: int = 0


class CarriedLine(NamedTuple):
    """A line of the original that is in the copy; `variant_gid` of the source is None for a custom line."""

    line_gid: str
    variant_gid: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class MappedOrder:
    """What to send, and what it stands for.

    Exactly one of `input` (OrderCreateOrderInput, to be sent with `options`) and `draft_input` (DraftOrderInput) is
    there. `total` is what the copy must cost. `custom_id` is the copy's metafield, source identifier and ORIGINAL_ID
    attribute; `draft_tag` finds a draft. `reserved_until` is None where no stock is reserved. `notes` are what somebody
    should know of the copy; `exchange_rate` is what the original's amounts were multiplied by.
    """

    input: dict[str, Any] | None
    draft_input: dict[str, Any] | None
    options: dict[str, Any]
    carried: tuple[CarriedLine, ...]
    left_out: tuple[LeftOut, ...]
    total: Money
    custom_id: str
    draft_tag: str
    reserved_until: datetime | None
    notes: tuple[str, ...] = ()
    exchange_rate: Fraction = Fraction(1)

    @property
    def is_draft(self) -> bool:
        return self.draft_input is not None

    @property
    def is_partial(self) -> bool:
        """Whether somebody may miss a line in the copy."""
        return any(line.is_missing for line in self.left_out)


def map_order(
    order: OrderRecord,
    links: Mapping[str, str],
    choices: Choices,
    way: Way,
    now: datetime,
    split: Split | None = None,
) -> MappedOrder:
    """The copy of a destination's order; rules in the docstring of this module.

    `links` is destination variant gid -> source variant gid. `split` says how the order is divided where other
    connections carry it, too (None: none does). Raises NoLinkedLines, WaitsForLinks, CurrencyWithoutRate,
    ForeignCurrency, TooManyLines.
    """
    order = place_order_taxes(order)
    chosen, left_out = _choose_lines(order, links, choices, split, way.connection_id)
    side, rate = _exchange(order, choices, way.source_currency, way.store_currency or order.currency)
    priced = _price(order, chosen, side, way.source_currency, rate, split, way.connection_id)
    whole, order = order, place_charges(order, portion_of(split, way.connection_id))
    origin = copy_input.Origin(way.store_name, way.store_domain)
    is_draft = choices.strategy == DRAFT_ORDER
    reserved_until = now + timedelta(days=choices.reserve_days) if is_draft and choices.reserve_days else None
    draft_input = copy_input.draft_input(order, priced, origin, side, choices, reserved_until) if is_draft else None
    order_input = None if is_draft else copy_input.order_input(order, priced, origin, side, choices)
    _check_size(draft_input or order_input or {}, is_draft)
    return MappedOrder(
        input=order_input,
        draft_input=draft_input,
        options={} if is_draft else copy_input.order_options(choices.inventory_behaviour),
        carried=tuple(CarriedLine(each.line.gid, each.variant_gid, each.quantity) for each in chosen),
        left_out=tuple(left_out),
        total=_total(priced),
        custom_id=copy_input.custom_id(order.gid, way.store_domain),
        draft_tag=copy_input.draft_tag(order.gid),
        reserved_until=reserved_until,
        notes=_notes(whole, side) if is_main(split, way.connection_id) else (),
        exchange_rate=rate,
    )


def _price(
    order: OrderRecord,
    chosen: list[Chosen],
    side: Side,
    currency: str,
    rate: Fraction,
    split: Split | None,
    connection_id: int,
) -> Priced:
    """Price a copy: its lines, and its portion of what all copies share."""
    beyond, shown = max(beyond_parts(order, side), Fraction(0)), side(order.total).currency

    def shared(one: int) -> tuple[OrderRecord, Fraction]:
        portion = portion_of(split, one)
        return place_charges(order, portion), portion.of(beyond, shown)

    before, mine = Fraction(0), share_of(split, connection_id)
    for share in split.shares if split else ():
        if mine is None or share == mine:
            break
        if share.exchange == mine.exchange:
            lines = [line for line in order.lines if line.gid in share.line_gids and why_never(line) is None]
            theirs, charges = shared(share.connection_id)
            carried = [Chosen(line, None, line.current_quantity) for line in lines]
            before += carried_cost(theirs, carried, side, charges)
    ours, charges = shared(connection_id)
    return price_lines(ours, chosen, side, currency, rate, charges, before)


def _notes(order: OrderRecord, side: Side) -> tuple[str, ...]:
    excess = -beyond_parts(order, side)
    if excess <= 0:
        return ()
    total = side(order.total)
    parts = total.amount + Decimal(excess.numerator) / Decimal(excess.denominator)
    return (
        f"The original costs {sums.text(total.amount, total.currency)}, but its lines, shipping and taxes "
        f"{sums.text(parts, total.currency)}, and so does the copy: correct it by hand if that is wrong.",
    )


def _choose_lines(
    order: OrderRecord, links: Mapping[str, str], choices: Choices, split: Split | None, connection_id: int
) -> tuple[list[Chosen], list[LeftOut]]:
    """Which lines the copy holds, and which not. Raises WaitsForLinks, NoLinkedLines."""
    elsewhere = others_lines(split, connection_id)
    chosen, left_out, linkable = choose_lines(order, links, choices.unlinked, elsewhere)
    unlinked_gids = tuple(dict.fromkeys(line.variant_gid for line in linkable if line.variant_gid))
    if linkable and choices.unlinked == HOLD:
        raise WaitsForLinks(f"Waits until these are linked: {_titles(linkable)}.", unlinked_gids)
    if not any(each.variant_gid for each in chosen):
        sources = sorted({elsewhere[each.line_gid] for each in left_out if each.is_elsewhere})
        raise NoLinkedLines(_why_nothing(order, linkable, sources), unlinked_gids)
    return chosen, left_out


def _total(priced: Priced) -> Money:
    return Money(sums.to_amount(priced.total, priced.currency), priced.currency)


def _titles(lines: list[OrderLine]) -> str:
    named = [f"“{line.title}”" for line in lines[:3]]
    return ", ".join(named) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")


def _why_nothing(order: OrderRecord, linkable: list[OrderLine], sources: list[str]) -> str:
    if all(line.current_quantity <= 0 for line in order.lines):
        return "Nothing is left in this order: all its units were removed or refunded."
    if sources and not linkable:
        return f"Nothing of it comes from this source: it is the affair of {', '.join(sources)}."
    if linkable:
        return f"None of its products is linked to one of the source: {_titles(linkable)}."
    return "It contains nothing that the source could deliver: only custom lines, gift cards, tips or deleted products."


def _exchange(order: OrderRecord, choices: Choices, source_currency: str, store_currency: str) -> tuple[Side, Fraction]:
    """Which of the original's two amounts is taken, and times what.

    An app may enter an order in another currency than its store's. The connection's rate is about the store's.
    """
    if order.currency == source_currency:
        return _shop_money, Fraction(1)
    if order.currency != store_currency:
        if order.presentment_currency == source_currency:
            return _presentment_money, Fraction(1)
        raise ForeignCurrency(
            f"The order is in {order.currency}, although its store sells in {store_currency}, and the source in "
            f"{source_currency}: no rate is known for it. Enter it in the source by hand."
        )
    if choices.currency_rate is not None:
        return _shop_money, Fraction(choices.currency_rate)
    if order.presentment_currency == source_currency:
        return _presentment_money, Fraction(1)
    raise CurrencyWithoutRate(
        f"The order is in {order.currency} and the source in {source_currency}: enter a currency rate in the "
        "connection's order settings, or one for the order's day in the rate table."
    )


def _shop_money(pair: MoneyPair) -> Money:
    return pair.shop


def _presentment_money(pair: MoneyPair) -> Money:
    return pair.presentment


def _check_size(made: dict[str, Any], is_draft: bool) -> None:
    count, most = len(made["lineItems"]), MOST_DRAFT_LINES if is_draft else MOST_LINES
    if count > most:
        hint = "" if is_draft else f" A connection that makes drafts takes up to {MOST_DRAFT_LINES}."
        raise TooManyLines(f"The copy would have {count} lines, and Shopify takes {most}.{hint} Enter it by hand.")
