"""What a comparison writes down of lines, and which of them it has changed."""

from collections.abc import Mapping

from orders.models import OrderImport, OrderImportLine

Line = OrderImportLine

COMPARED = [
    "original_baseline",
    "copy_baseline",
    "original_quantity",
    "copy_quantity",
    "owed_quantity",
    "copy_line_gids",
    "state",
    "quantity",
]


def known_lines(row: OrderImport) -> dict[str, str]:
    """Lines of a copy that do not say what they stand for, since an edit or a person added them: its gid -> the
    original's line."""
    return {gid: line.line_gid for line in row.lines.all() for gid in line.copy_line_gids or ()}


def find_left_out(lines: Mapping[str, Line], units: Mapping[str, int]) -> list[Line]:
    """Lines that are in no copy, and of which the original holds other units (its line gid -> units) than was known."""
    left_out = [line for line in lines.values() if line.state == Line.State.LEFT_OUT]
    return [line for line in left_out if line.quantity != max(units.get(line.line_gid, 0), 0)]


def follow_left_out(lines: Mapping[str, Line], units: Mapping[str, int]) -> None:
    """They are as many as the original holds: once they are linked, so many are held back."""
    for line in find_left_out(lines, units):
        line.quantity = max(units.get(line.line_gid, 0), 0)


def of(lines: Mapping[str, Line]) -> dict[str, list]:
    return {gid: [getattr(line, name) for name in COMPARED] for gid, line in lines.items()}


def save(lines: Mapping[str, Line], as_they_were: Mapping[str, list]) -> None:
    """Write down those that have changed: mostly none have."""
    now = of(lines)
    Line.objects.bulk_update([lines[gid] for gid in lines if now[gid] != as_they_were.get(gid)], COMPARED)
