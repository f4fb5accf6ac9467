"""Pure: an order whose lines come from several sources, and what of it goes to the copy of each.

| What | Where it goes |
|---|---|
| a line linked to a source | to that source's copy; in any other copy it is *elsewhere*: not missing, not waited for |
| a line that is linked nowhere | to one copy only, the main source's: left out, custom, or waited for by its choice |
| shipping, duties, charges, their taxes | to every copy by the value of its lines, or whole to the main source's |

The main source of an order is the destination's, unless nothing of the order comes from there: then it is the oldest
connection of those from which something comes. The shares of an amount add up to it, whatever it is divided by.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from orders.copies.rules import sums
from orders.copies.rules.lines import CUSTOM, HOLD, line_amount, why_never
from stores.currencies import decimals
from stores.shopify.orders.order_records import Money, MoneyPair, OrderLine, OrderRecord, ShippingRecord, TaxRecord

Side = Callable[[MoneyPair], Money]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A connection that carries the order. `links` is destination variant gid -> source variant gid.

    `exchange` names the currency and the rate of its copies: those of one exchange are rounded together. `doubts` are
    variants of the destination of which it is in doubt whether they are linked to this source: its copy waits for them.
    """

    connection_id: int
    source_name: str
    links: Mapping[str, str]
    unlinked: str
    exchange: str = ""
    doubts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one copy: the gids of the lines that it carries, and how much of the shared amounts, by weight."""

    connection_id: int
    weight: int
    line_gids: frozenset[str]
    exchange: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """How an order is divided: line gid -> the connection whose affair it is; the shares, the main source's first."""

    main_id: int
    owners: Mapping[str, int]
    shares: tuple[Share, ...]
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Portion:
    """One copy's portion of amounts that all copies share: `index` among `weights`, None for no portion at all."""

    weights: tuple[int, ...] = (1,)
    index: int | None = 0

    def of(self, amount: Fraction, currency: str) -> Fraction:
        """Its portion of an amount, in whole minor units; the portions of all copies add up."""
        if len(self.weights) == 1 and self.index == 0:
            return amount
        if self.index is None:
            return Fraction(0)
        scale = 10 ** decimals(currency)
        return Fraction(sums.spread(sums.half_up(amount * scale), self.weights)[self.index], scale)


WHOLE = Portion()


def split_order(order: OrderRecord, carriers: Sequence[Carrier], *, main_pays_charges: bool = False) -> Split:
    """Divide an order; `carriers` has the destination's main source first, then the others, the oldest first."""
    linked = {line.gid: linked_to(line, carriers) for line in order.lines}
    wanted = [line for line in order.lines if why_never(line) is None]
    main = _main(carriers, linked, wanted)
    owners = {gid: main.connection_id if found is None else found for gid, found in linked.items()}
    ordered = [main, *(each for each in carriers if each is not main)]
    shares = []
    for carrier in ordered:
        own = [line for line in wanted if owners[line.gid] == carrier.connection_id]
        carried = [line for line in own if _is_carried(line, carrier, linked)]
        if any(linked[line.gid] is not None for line in own) or (carrier is main and carried):
            value = sum((line_amount(line, line.current_quantity, _shop) for line in carried), Fraction(0))
            weight = sums.half_up(value * 10 ** decimals(order.currency))
            if main_pays_charges:
                weight = 1 if carrier is main else 0
            gids = frozenset(line.gid for line in carried)
            shares.append(Share(carrier.connection_id, weight, gids, carrier.exchange))
    names = {each.connection_id: each.source_name for each in carriers}
    return Split(main.connection_id, owners, tuple(shares), names)


def linked_to(line: OrderLine, carriers: Sequence[Carrier]) -> int | None:
    """The connection by which a line is linked to a source, or may be; None: it is linked nowhere."""
    if not line.variant_gid:
        return None
    found = [each for each in carriers if line.variant_gid in each.links]
    found += [each for each in carriers if line.variant_gid in each.doubts]
    return found[0].connection_id if found else None


def _main(carriers: Sequence[Carrier], linked: Mapping[str, int | None], wanted: Sequence[OrderLine]) -> Carrier:
    first = carriers[0]
    having = [each for each in carriers if any(linked[line.gid] == each.connection_id for line in wanted)]
    is_awaited = any(linked[line.gid] is None and line.variant_gid is not None for line in wanted)
    if not having or first in having or (first.unlinked == HOLD and is_awaited):
        return first
    return having[0]


def _is_carried(line: OrderLine, carrier: Carrier, linked: Mapping[str, int | None]) -> bool:
    if linked[line.gid] is not None or carrier.unlinked == CUSTOM:
        return True
    return carrier.unlinked == HOLD and line.variant_gid is not None  # its copy waits until it is linked


def portion_of(split: Split | None, connection_id: int) -> Portion:
    """What a copy has of the amounts that all copies share."""
    if split is None:
        return WHOLE
    weights = tuple(share.weight for share in split.shares)
    ids = [share.connection_id for share in split.shares]
    return Portion(weights, ids.index(connection_id) if connection_id in ids else None)


def share_of(split: Split | None, connection_id: int) -> Share | None:
    """A copy's share, or None where it has none, or where all of the order is its own."""
    return next((each for each in split.shares if each.connection_id == connection_id), None) if split else None


def others_lines(split: Split | None, connection_id: int) -> dict[str, str]:
    """Line gid -> the source whose affair it is, for the lines that are another's."""
    if split is None:
        return {}
    return {gid: split.names.get(own, "another source") for gid, own in split.owners.items() if own != connection_id}


def is_main(split: Split | None, connection_id: int) -> bool:
    """Whether what is linked nowhere is this copy's affair."""
    return split is None or split.main_id == connection_id


def place_charges(order: OrderRecord, portion: Portion) -> OrderRecord:
    """The order with a copy's portion of its shipping lines and of their taxes in place of the whole."""
    if portion == WHOLE:
        return order
    return replace(order, shipping=tuple(_shipping(each, portion) for each in order.shipping))


def _shipping(record: ShippingRecord, portion: Portion) -> ShippingRecord:
    taxes = tuple(TaxRecord(tax.title, tax.rate, _pair(tax.price, portion), tax.channel_liable) for tax in record.taxes)
    price, original = _pair(record.price, portion), _pair(record.original_price, portion)
    return ShippingRecord(record.title, record.code, price, original, taxes)


def _pair(pair: MoneyPair, portion: Portion) -> MoneyPair:
    return MoneyPair(_money(pair.shop, portion), _money(pair.presentment, portion))


def _money(money: Money, portion: Portion) -> Money:
    part = portion.of(Fraction(money.amount), money.currency)
    return Money(Decimal(part.numerator) / Decimal(part.denominator), money.currency)


def _shop(pair: MoneyPair) -> Money:
    return pair.shop
