"""Orders that were skipped for want of links live on, too: what is missing of one is what its original holds now."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from orders import reserved_units
from orders.models import OrderImport, OrderImportLine
from orders.reserved_units import MoveUnits, SeenLine

LateLinks = OrderImport.LateLinks
LATE = (LateLinks.WANTED, LateLinks.LINKED)  # nobody has decided about it yet


def follow_original(known: OrderImport, lines: Sequence[SeenLine], as_of: datetime, move_units: MoveUnits) -> None:
    """Write down what the original of a skipped order held at this instant, by Shopify's clock; safe to repeat.

    What is linked of it since is held back; the rest will be, once it is linked.
    """
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=known.pk)
        read_as_of = row.original_read_as_of or row.placed_at
        is_old = read_as_of is not None and as_of < read_as_of
        if row.state != OrderImport.State.SKIPPED or row.late_links not in LATE or is_old:
            return
        rows = list(row.lines.all())
        before = reserved_units.count_reserved(rows)
        # Two changes in one second tell the same instant, in whatever order they come.
        reserved_units.follow_quantities(rows, lines, only_more=as_of == read_as_of)
        new = {line.gid for line in lines if line.quantity > 0} - {line.line_gid for line in rows}
        OrderImportLine.objects.bulk_create(_unlinked(row, line) for line in lines if line.gid in new)
        if row.late_links == LateLinks.LINKED:
            reserved_units.hold_linked(row)
        move_units(reserved_units.find_changed(before, reserved_units.held_back(row)), None)
        OrderImport.objects.filter(pk=row.pk).update(original_read_as_of=as_of)


def _unlinked(row: OrderImport, line: SeenLine) -> OrderImportLine:
    """A line that the original has gained; whether it is linked is seen as for the others."""
    return OrderImportLine(
        order_import=row,
        line_gid=line.gid,
        variant_gid=line.variant_gid,
        title=line.title[:255],
        ordered_quantity=line.quantity,
        quantity=line.quantity,
    )
