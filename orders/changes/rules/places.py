"""Pure: which units of a copy are taken from another location than the one that stands for the place that sold them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from orders.changes.rules.units_left import original_line
from stores.shopify.orders.order_progress import OrderProgress

_MOVABLE = frozenset({"OPEN", "IN_PROGRESS"})


@dataclass(frozen=True, slots=True)
class Move:
    """Units of a fulfilment order that are to be moved to a location: its line gid -> units."""

    order_gid: str
    location_gid: str
    units: dict[str, int]


def plan_moves(
    original: OrderProgress,
    copy: OrderProgress,
    mapped: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
    only: Collection[str] = (),
) -> list[Move]:
    """What to move, so that the copy's open units lie where the original's lie or were shipped from.

    `mapped` is a location of the destination -> those of the source that stand for it; where there are several, any of
    them will do. What lies at a place that is mapped to none stays where it is. `names`: copy's line -> the original's.
    `only`: these lines of the copy; the others stay where they are, perhaps by somebody's decision.
    """
    wanted = _wanted(original)
    loose: list[tuple[str, str, str, int]] = []
    for order in copy.fulfilment_orders:
        for line in order.lines if order.status in _MOVABLE else ():
            places = wanted.get(names.get(line.line_gid) or "", {})
            left = line.remaining_quantity
            for there in places:
                if order.location_gid in mapped.get(there, ()):
                    here = min(left, places[there])
                    places[there] -= here
                    left -= here
            if left > 0 and (not only or line.line_gid in only):
                loose.append((order.gid, line.gid, names.get(line.line_gid) or "", left))
    moves: dict[tuple[str, str], dict[str, int]] = {}
    for order_gid, line_gid, name, left in loose:
        for there, units in wanted.get(name, {}).items():
            count = min(left, units)
            if count > 0 and mapped.get(there):
                wanted[name][there] -= count
                left -= count
                row = moves.setdefault((order_gid, mapped[there][0]), {})
                row[line_gid] = row.get(line_gid, 0) + count
    return [Move(order_gid, location_gid, units) for (order_gid, location_gid), units in moves.items()]


def handed_over(original: OrderProgress, copy: OrderProgress) -> dict[str, int]:
    """Units of the copy that are still to be shipped, of lines of which the original has nothing left to ship."""
    done = {line.gid for line in original.lines if line.open_quantity <= 0}
    return {
        line.gid: line.open_quantity for line in copy.lines if line.open_quantity > 0 and original_line(line) in done
    }


def _wanted(original: OrderProgress) -> dict[str, dict[str, int]]:
    """Line of the original -> location that sold -> units: those that are open there, or were shipped from there."""
    found: dict[str, dict[str, int]] = {}

    def add(line_gid: str, location_gid: str, units: int) -> None:
        places = found.setdefault(line_gid, {})
        places[location_gid] = places.get(location_gid, 0) + units

    for order in original.fulfilment_orders:
        for line in order.lines:
            add(line.line_gid, order.location_gid, line.remaining_quantity)
    for shipment in original.shipments:
        for line_gid, units in shipment.units.items() if shipment.status == "SUCCESS" else ():
            add(line_gid, shipment.location_gid, units)
    return found
