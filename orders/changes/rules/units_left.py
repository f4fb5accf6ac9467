"""Pure: what a copy still holds of each line of its original, and what is to be shipped or taken off because of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orders.copies.rules.copy_input import LINE_PROPERTY, TAX_TITLE
from stores.shopify import gids
from stores.shopify.orders.order_changes import RefundRow
from stores.shopify.orders.order_progress import FulfilmentOrder, OrderProgress, ProgressLine, RefundedLine

# A fulfilment order of another status has nothing to ship, or must not be shipped now.
_SHIPPABLE = frozenset({"OPEN", "IN_PROGRESS"})
_WAITING = frozenset({"ON_HOLD", "SCHEDULED"})
GONE = frozenset({"CANCELLED", "ERROR", "FAILURE"})  # a shipment of these has shipped nothing


@dataclass(frozen=True, slots=True)
class Part:
    """What a location ships: `units` is fulfilment order gid -> its line gid -> units, `lines` order line -> units."""

    units: dict[str, dict[str, int]]
    lines: dict[str, int]


def original_line(line: ProgressLine) -> str | None:
    """The gid of the original's line that a copy's line stands for; None for a line that stands for none."""
    return named_line(line.properties)


def named_line(properties: Sequence[tuple[str, str]]) -> str | None:
    """The gid of the original's line that the properties of a copy's line name."""
    value = dict(properties).get(LINE_PROPERTY, "")
    return gids.gid("LineItem", value) if value.isascii() and value.isdigit() else None


def is_tax(line: ProgressLine) -> bool:
    """Whether a line of a draft, or of the order that it became, stands for a tax: that is no goods."""
    return not line.variant_gid and line.title.startswith(TAX_TITLE) and not original_line(line)


def original_units(
    copy: OrderProgress, units: Mapping[str, int], known: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Units of a copy's lines as units of the original's: lines that were split come together again.

    `known` (copy's line gid -> the original's): of lines that do not say it, since an edit or a person added them.
    """
    names = name_lines(copy, known)
    found: dict[str, int] = {}
    for line_gid, quantity in units.items():
        if (name := names.get(line_gid)) and quantity > 0:
            found[name] = found.get(name, 0) + quantity
    return found


def name_lines(copy: OrderProgress, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Copy's line gid -> the original's line that it stands for, of those that say it or are `known`."""
    names = {line.gid: original_line(line) or (known or {}).get(line.gid) for line in copy.lines}
    return {gid: name for gid, name in names.items() if name}


@dataclass(frozen=True, slots=True)
class Original:
    """A line of the original, as lines of its copy are found that do not name it.

    `variant_gid` is the source's; empty for a custom line. `known` are lines of the copy that an edit of ours added.
    """

    gid: str
    variant_gid: str
    quantity: int
    known: frozenset[str] = frozenset()


def match_lines(copy: OrderProgress, originals: Sequence[Original]) -> dict[str, str]:
    """Copy's line gid -> the original's line that it stands for: as it says, as we know, or as somebody did it by hand.

    By hand: a line of the same variant where the original holds units that no other line of the copy stands for.
    """
    ours = {each.gid for each in originals}
    known = {gid: each.gid for each in originals for gid in each.known}
    found = {}
    for line in copy.lines:
        name = original_line(line) or known.get(line.gid)
        if name in ours:
            found[line.gid] = name
    missing = {each.gid: each.quantity for each in originals}
    for line in copy.lines:
        if line.gid in found:
            missing[found[line.gid]] -= line.current_quantity
    for line in copy.lines:
        if line.gid in found or not line.variant_gid or line.current_quantity <= 0 or original_line(line):
            continue
        same = [each.gid for each in originals if each.variant_gid == line.variant_gid and missing[each.gid] > 0]
        if same:
            found[line.gid] = max(same, key=lambda gid: missing[gid])
            missing[found[line.gid]] -= line.current_quantity
    return found


def current_units(copy: OrderProgress, known: Mapping[str, str] | None = None) -> dict[str, int]:
    """What is left in a copy: original line gid -> units. `known` as in `original_units`."""
    return original_units(copy, {line.gid: line.current_quantity for line in copy.lines}, known)


def plan_shipment(orders: Sequence[FulfilmentOrder], wanted: Mapping[str, int]) -> list[Part]:
    """How to ship `wanted` (order line gid -> units): one part per location, never more than is left to ship.

    Units that are nowhere left to ship are left out: somebody shipped or removed them already.
    """
    left = dict(wanted)
    parts: dict[str, Part] = {}
    for order in orders:
        if order.status not in _SHIPPABLE:
            continue
        for line in order.lines:
            units = min(left.get(line.line_gid, 0), line.remaining_quantity)
            if units <= 0:
                continue
            left[line.line_gid] -= units
            part = parts.setdefault(order.location_gid, Part({}, {}))
            part.units.setdefault(order.gid, {})[line.gid] = units
            part.lines[line.line_gid] = part.lines.get(line.line_gid, 0) + units
    return list(parts.values())


def is_held(orders: Sequence[FulfilmentOrder], wanted: Mapping[str, int]) -> bool:
    """Whether units of `wanted` are left to ship and must not be shipped now: on hold, or scheduled for later."""
    waiting = [line for order in orders if order.status in _WAITING for line in order.lines]
    return any(line.remaining_quantity > 0 and wanted.get(line.line_gid, 0) > 0 for line in waiting)


def plan_refund(
    original: OrderProgress,
    copy: OrderProgress,
    refunded: Sequence[RefundedLine],
    *,
    restocks: bool,
    known: Mapping[str, str] | None = None,
) -> list[RefundRow]:
    """What to take off a copy because of a refund: as many units as the copy holds more than its original.

    By what both hold now, not by what was done: however often and in whatever order refunds are looked at, the copy
    ends with the original's units. Open units go back to stock (CANCEL) unless the refund said NO_RESTOCK; shipped ones
    only if they came back (RETURN). Without `restocks` nothing does. `known` as in `original_units`.
    """
    kept = {line.gid: line.current_quantity for line in original.lines}
    names, held = name_lines(copy, known), current_units(copy, known)
    excess = {name: units - kept.get(name, 0) for name, units in held.items()}
    open_left = {line.gid: line.open_quantity for line in copy.lines}
    shipped_left = {line.gid: line.current_quantity - line.open_quantity for line in copy.lines}
    found: dict[tuple[str, str, str], int] = {}
    for row in refunded:
        units = min(row.quantity, max(excess.get(row.line_gid, 0), 0))
        excess[row.line_gid] = excess.get(row.line_gid, 0) - units
        came_back = restocks and row.restock_type == "RETURN"
        goes_back = restocks and row.restock_type != "NO_RESTOCK"
        for left, kind in (
            (open_left, "CANCEL" if goes_back else "NO_RESTOCK"),
            (shipped_left, "RETURN" if came_back else "NO_RESTOCK"),
        ):
            lines = [line.gid for line in copy.lines if names.get(line.gid) == row.line_gid]
            units = _allot(copy, lines, units, left, kind, found)
    return [RefundRow(line_gid, units, kind, place) for (line_gid, kind, place), units in found.items()]


def shipped_units(copy: OrderProgress, cancelled_at: datetime | None = None) -> dict[str, int]:
    """What of a copy is shipped and did not come back: its line gid -> units.

    With `cancelled_at` also what Shopify took back by cancelling it: that says nothing of where the parcel is.
    """
    found = {line.gid: line.current_quantity - line.open_quantity for line in copy.lines}
    for refund in copy.refunds:
        if cancelled_at and refund.created_at and refund.created_at >= cancelled_at:
            for row in refund.lines:
                if row.restock_type == "RETURN":
                    found[row.line_gid] = found.get(row.line_gid, 0) + row.quantity
    return {gid: units for gid, units in found.items() if units > 0}


def shipped_though_refunded(original: OrderProgress, copy: OrderProgress, names: Mapping[str, str]) -> dict[str, int]:
    """Units that the copy has shipped and its original cannot ship any more: refunded. Original's line -> units.

    What went out of the copy and did not come back, less what the original has shipped, or can ship yet. By what both
    hold: whichever came first. `names` is the copy's line gid -> the original's.
    """
    went = _in_parcels(copy)
    went.subtract(_refunded(copy, "RETURN"))
    lost = Counter[str]()
    for line_gid, units in went.items():
        lost[names.get(line_gid, "")] += units
    lost.subtract(_in_parcels(original))
    lost.subtract({line.gid: line.open_quantity for line in original.lines})
    return dict(lost & _refunded(original))


def _in_parcels(order: OrderProgress) -> Counter[str]:
    """What was ever shipped of an order's lines, and not cancelled: also what was refunded afterwards."""
    found = Counter[str]()
    for shipment in order.shipments:
        found.update(shipment.units if shipment.status not in GONE else {})
    return found


def _refunded(order: OrderProgress, restock_type: str = "") -> Counter[str]:
    """Units of an order's lines that were refunded; in this way only, if one is given."""
    found = Counter[str]()
    for row in (row for refund in order.refunds for row in refund.lines):
        found[row.line_gid] += row.quantity if restock_type in ("", row.restock_type) else 0
    return found


def plan_removal(whole: OrderProgress, *, restocks: bool, wanted: Mapping[str, int] | None = None) -> list[RefundRow]:
    """Everything that is open of an order, taken off it where it is to be shipped from; what is shipped stays.

    `wanted` (line gid -> units): at most these.
    """
    rows: list[RefundRow] = []
    left = {line.gid: line.open_quantity for line in whole.lines}
    if wanted is not None:
        left = {gid: min(units, wanted.get(gid, 0)) for gid, units in left.items()}
    for order in whole.fulfilment_orders if restocks else ():
        for line in order.lines:
            units = min(left.get(line.line_gid, 0), line.remaining_quantity)
            if units > 0:
                left[line.line_gid] -= units
                rows.append(RefundRow(line.line_gid, units, "CANCEL", order.location_gid))
    kind = "CANCEL" if restocks else "NO_RESTOCK"
    return rows + [RefundRow(gid, units, kind) for gid, units in left.items() if units > 0]


def _allot(
    copy: OrderProgress,
    lines: Sequence[str],
    units: int,
    left: dict[str, int],
    kind: str,
    found: dict[tuple[str, str, str], int],
) -> int:
    """Put up to `units` on what is `left` of these lines of the copy; how many find no place."""
    for line_gid in lines:
        here = min(units, left[line_gid])
        if here > 0:
            place = "" if kind == "NO_RESTOCK" else _place(copy, line_gid, kind)
            found[line_gid, kind, place] = found.get((line_gid, kind, place), 0) + here
            left[line_gid] -= here
            units -= here
    return units


def _place(copy: OrderProgress, line_gid: str, kind: str) -> str:
    """Where a line's units go back to: where they are to be shipped from, or were."""
    if kind == "CANCEL":
        places = [order.location_gid for order in copy.fulfilment_orders for line in order.lines
                  if line.line_gid == line_gid and line.remaining_quantity > 0]  # fmt: skip
    else:
        places = [shipment.location_gid for shipment in copy.shipments if line_gid in shipment.units]
    return next((place for place in places if place), "")
