"""Units that a draft does not hold any more, and its original does: they are held back at once."""

from collections.abc import Mapping

from orders.models import OrderImport
from orders.reserved_units import Line, count_reserved, find_changed, held_back, save_owed


def owe_what_draft_lost(order_import: OrderImport, held: Mapping[str, int]) -> set[int]:
    """Hold back what an open draft holds less than when it was compared, as a webhook tells (original's line gid ->
    units); nothing is freed. One that reserves nothing is held back as it was known, until it is compared.
    """
    known = [row for row in order_import.lines.all() if row.is_carried and row.source_variant_id and not row.is_pending]
    before, owed_before = held_back(order_import), {row.pk: row.owed_quantity for row in known}
    for row in known:
        original = copy = row.quantity
        if row.original_baseline is not None and row.copy_baseline is not None:
            original, copy = row.original_baseline, row.copy_baseline
        wanted = original if row.original_quantity is None else row.original_quantity
        lost = copy - held.get(row.line_gid, 0)
        row.owed_quantity = max(row.owed_quantity, min(wanted - original + lost, wanted))
    save_owed(known, owed_before)
    return find_changed(before, held_back(order_import))


def owe_what_draft_held(order_import: OrderImport) -> set[int]:
    """Hold back what the original holds, as far as it is known, of a copy that is a draft and gone."""
    rows = [row for row in order_import.lines.all() if row.is_carried]
    before = count_reserved(rows)
    for row in rows:
        known = row.quantity if row.original_quantity is None else row.original_quantity
        owed = known
        if row.original_baseline is not None and row.copy_baseline is not None:
            owed = min(known - row.original_baseline + row.copy_baseline, known)
        row.is_pending, row.copy_quantity = False, 0
        if row.source_variant_id is not None:
            row.owed_quantity = max(row.owed_quantity, owed, 0)
    Line.objects.bulk_update(rows, ["is_pending", "copy_quantity", "owed_quantity"])
    return find_changed(before, count_reserved(rows))
