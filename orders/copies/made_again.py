"""Variants that were deleted and made again: what orders hold of the one is of the other from then on."""

from collections import defaultdict
from dataclasses import replace

from django.db.models import Q

from orders.models import OrderImport, OrderImportLine
from stores.linking import succession
from stores.models import Variant
from stores.shopify.orders.order_records import OrderRecord
from stores.variants import KEYS


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
        for old, new in sorted(succession.find_variants_instead(source_id, identifier, gone[identifier]).items()):
            lines = OrderImportLine.objects.filter(source_variant=old, order_import__connection__identifier=identifier)
            pks = list(lines.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
            OrderImportLine.objects.filter(pk__in=pks).update(source_variant=new)
            changed |= {old, new}
    return changed


def name_successors(row: OrderImport, order: OrderRecord) -> OrderRecord:
    """The order with the variants that its store made again since it was placed: Shopify tells none for those lines.

    Known by the SKU that was sold, or by the variant that a webhook named. One that was deleted, as far as we know,
    and that has no successor stays without: what becomes of such a line is for people.
    """
    lines = [line for line in order.lines if line.variant_gid is None and line.current_quantity > 0]
    if not lines:
        return order
    connection, column = row.connection, KEYS[row.connection.identifier]
    rows = Variant.objects.filter(store=connection.destination_id).order_by("pk")
    named = dict(row.lines.exclude(variant_gid="").values_list("line_gid", "variant_gid"))
    keys = dict(rows.filter(gid__in=named.values()).exclude(**{column: ""}).values_list("gid", column))
    found = {}
    for line in lines:
        same = Q(**{column: keys[named[line.gid]]}) if named.get(line.gid) in keys else Q(pk=None)
        same |= Q(sku=line.sku) if line.sku else Q(pk=None)
        gone = set(rows.filter(same, gone_at__isnull=False).values_list("pk", flat=True))
        successors = {
            *succession.find_variants_instead(connection.destination_id, connection.identifier, gone).values()
        }
        if len(successors) == 1:
            found[line.gid] = rows.get(pk=successors.pop()).gid
    made_again = (replace(line, variant_gid=found.get(line.gid, line.variant_gid)) for line in order.lines)
    return replace(order, lines=tuple(made_again))
