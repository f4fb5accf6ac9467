"""Orders that were skipped, or copied in part, because their products were linked to none: what becomes of them.

When such a product is linked after all, the order's units are held back, and a person decides: somebody may have
entered the order by hand meanwhile. “Import again” copies what was skipped, and adds to a copy what was left out of
it; “Not ours” ends it.
"""

from collections.abc import Collection
from itertools import chain

from django.db import transaction
from django.utils import timezone

from orders import due, reserved_units
from orders.changes import signs
from orders.copies.rules.mapping import MappedOrder
from orders.models import OrderImport, OrderImportLine
from orders.reserved_units import MoveUnits

State, LateLinks = OrderImport.State, OrderImport.LateLinks
NOT_OURS = "Not ours: nothing more of it is imported."
CANCELLED = "cancelled in the destination"
DELETED = "deleted in the destination"


def note_missing(row: OrderImport, mapped: MappedOrder) -> None:
    """A copy is about to be sent: whether products that could be linked are missing in it."""
    missing = [line.line_gid for line in mapped.left_out if line.is_missing]
    lines = row.lines.filter(line_gid__in=missing, source_variant=None).exclude(variant_gid="")
    row.late_links = LateLinks.WANTED if lines.exists() else ""
    OrderImport.objects.filter(pk=row.pk).update(late_links=row.late_links)


def hold_linked_late(connection_ids: Collection[int], move_units: MoveUnits) -> int:
    """Have the units of orders held back whose products are linked by now, until somebody decides; how many these are.

    Those that waited for the links go on by themselves; theirs are held back all the same, from this moment on.
    """
    count = 0
    for found in chain(due.linked_late(connection_ids), due.linked_since(connection_ids)):
        with transaction.atomic():
            row = OrderImport.objects.select_for_update().get(pk=found.pk)
            if row.late_links in (LateLinks.WANTED, "") and row.state in (State.SKIPPED, State.CONFIRMED):
                OrderImport.objects.filter(pk=row.pk).update(late_links=LateLinks.LINKED, changed_at=timezone.now())
                count += 1
            elif row.state != State.WAITING:
                continue
            move_units(reserved_units.hold_linked(row), None)
    return count


def can_add(row: OrderImport) -> bool:
    """Whether products that were left out of a copy were linked since, so that they can be added to it."""
    return row.state == State.CONFIRMED and row.late_links == LateLinks.LINKED


def add(order_import: OrderImport) -> bool:
    """Somebody wants them in the copy: the next comparison adds what it does not hold; False if it is decided.

    Their units stay held back until then. Two baselines of 0 say that neither order held them when both last agreed: so
    what staff have added by hand meanwhile is not added again.
    """
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=order_import.pk)
        if not can_add(row):
            return False
        left_out = row.lines.filter(state=OrderImportLine.State.LEFT_OUT)
        lines = list(left_out.filter(source_variant__isnull=False, is_pending=True))
        for line in lines:
            line.state, line.reason, line.is_pending, line.is_doubtful = OrderImportLine.State.PLANNED, "", False, False
            line.original_quantity = line.owed_quantity = line.quantity
            line.quantity = line.copy_quantity = line.original_baseline = line.copy_baseline = 0
        held = ["original_baseline", "copy_baseline", "original_quantity", "copy_quantity", "owed_quantity"]
        OrderImportLine.objects.bulk_update(lines, ["state", "reason", "is_pending", "is_doubtful", "quantity", *held])
        is_partial = left_out.filter(quantity__gt=0).exists()
        is_wanted = left_out.filter(source_variant=None).exclude(variant_gid="").exists()
        fields = {"late_links": LateLinks.WANTED if is_wanted else "", "is_partial": is_partial}
        OrderImport.objects.filter(pk=row.pk).update(**fields, changed_at=timezone.now())
        signs.note_original(OrderImport.objects.filter(pk=row.pk))
    return True


def is_undecided(row: OrderImport) -> bool:
    """Whether “Not ours” can be said of it."""
    waits = row.state == State.WAITING and row.waits_for == OrderImport.WaitsFor.LINKS
    return waits or row.late_links in (LateLinks.WANTED, LateLinks.LINKED)


def end(order_import: OrderImport, move_units: MoveUnits, who: str) -> bool:
    """Somebody says that what is missing of an order is not ours, or was entered by hand; False if it is decided."""
    with transaction.atomic():
        row = OrderImport.objects.select_for_update().get(pk=order_import.pk)
        if not is_undecided(row):
            return False
        ended = {"late_links": LateLinks.ENDED, "changed_at": timezone.now()}
        if row.state in (State.WAITING, State.SKIPPED):
            ended |= {"state": State.SKIPPED, "reason": f"{NOT_OURS} ({who})", "failure": "", "waits_for": ""}
            move_units(reserved_units.release(row), None)
        else:
            left_out = row.lines.filter(state=OrderImportLine.State.LEFT_OUT, is_pending=True)
            variants = set(left_out.values_list("source_variant_id", flat=True)) - {None}
            left_out.update(is_pending=False)
            move_units(variants, None)
        OrderImport.objects.filter(pk=row.pk).update(**ended)
    return True
