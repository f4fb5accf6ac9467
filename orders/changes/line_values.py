"""What a comparison writes down of lines, and which of them it has changed."""

from collections.abc import Mapping

from orders.models import OrderImportLine

Line = OrderImportLine

COMPARED = [
    "original_baseline",
    "copy_baseline",
    "original_quantity",
    "copy_quantity",
    "owed_quantity",
    "copy_line_gids",
]


def of(lines: Mapping[str, Line]) -> dict[str, list]:
    return {gid: [getattr(line, name) for name in COMPARED] for gid, line in lines.items()}


def save(lines: Mapping[str, Line], as_they_were: Mapping[str, list]) -> None:
    """Write down those that have changed: mostly none have."""
    now = of(lines)
    Line.objects.bulk_update([lines[gid] for gid in lines if now[gid] != as_they_were.get(gid)], COMPARED)
