"""Variants that were deleted and made again: what orders hold of the one is of the other from then on."""

from collections import defaultdict

from django.db.models import Q

from orders.models import OrderImportLine
from stores.linking import succession


def follow_sources(source_id: int) -> set[int]:
    """Have orders of which units are held back hold them of what a source made again; the variants of which that
    changed.

    Call it in the transaction that wires the successors, before their levels have pairs: units that are held back of a
    variant that is no more are kept from nobody. Whatever the order's own link says by then: all destinations of the
    source are offered the same stock.
    """
    held = OrderImportLine.objects.filter(
        Q(is_pending=True) | Q(owed_quantity__gt=0),
        source_variant__store=source_id,
        source_variant__gone_at__isnull=False,
    )
    gone: dict[str, set[int]] = defaultdict(set)
    for identifier, pk in held.order_by().values_list("order_import__connection__identifier", "source_variant"):
        gone[identifier].add(pk)
    changed: set[int] = set()
    for identifier in sorted(gone):
        for old, new in sorted(succession.find_successors(source_id, identifier, gone[identifier]).items()):
            lines = OrderImportLine.objects.filter(source_variant=old, order_import__connection__identifier=identifier)
            pks = list(lines.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
            OrderImportLine.objects.filter(pk__in=pks).update(source_variant=new)
            changed |= {old, new}
    return changed
