"""What goes with a row that is deleted, in numbers: naming every link of a big connection would fill pages."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from stores.models import Connection, Location, ProductLink, ResourceLink, Store, Variant, VariantLink
from syncing.models import Reconciliation, StockBatch, StockHold, StockLink, WebhookEvent
from tiposync.console.kit.reach import within

Removal = tuple[list[str], dict[str, int], set[str], list[str]]


def connections_removed(connections: Iterable[Connection], request: HttpRequest) -> Removal:
    """As ModelAdmin.get_deleted_objects: what goes, counts, missing permissions, what stands against it."""
    rows = list(connections)
    counts = {
        "links of variants": VariantLink.objects.filter(connection__in=rows).count(),
        "pairs of levels that are synced": StockLink.objects.filter(connection__in=rows).count(),
        "products that follow": ProductLink.objects.filter(connection__in=rows, state=ProductLink.State.LINKED).count(),
        "collections, pages, blogs and articles that follow": ResourceLink.objects.filter(
            connection__in=rows, state=ResourceLink.State.LINKED
        ).count(),
        "holds": StockHold.objects.filter(connection__in=rows).count(),
        "reports of reconciliations": Reconciliation.objects.filter(connection__in=rows).count(),
    }
    kept = (
        "Both stores keep their products and quantities, and the inventory history keeps its lines. "
        "Which copies belong to which "
        "orders stays known: nothing is imported twice if the two are connected again."
    )
    running = [row for row in rows if row.state == Connection.State.RUNNING]
    protected = [f"{row}: disconnect it first, which asks what becomes of products and orders" for row in running]
    return [*map(str, rows), kept], counts, _missing(request, "stores.delete_connection"), protected


def stores_removed(stores: Iterable[Store], request: HttpRequest) -> Removal:
    """As connections_removed. A store with connections, or with a ledger, cannot be deleted."""
    rows = list(stores)
    counts = {
        "locations": Location.objects.filter(store__in=rows).count(),
        "variants as last read": Variant.objects.filter(store__in=rows).count(),
        "webhook events": WebhookEvent.objects.filter(store__in=rows).count(),
    }
    held_by = Connection.objects.filter(Q(source__in=rows) | Q(destination__in=rows))
    protected = [f"the connection {row}" for row in within(held_by.select_related("source", "destination"))]
    if count := StockBatch.objects.filter(store__in=rows).count():
        protected.append(f"the inventory history: {count} mutations that were sent to it. Pause the store instead.")
    return [*map(str, rows)], counts, _missing(request, "stores.delete_store"), protected


def _missing(request: HttpRequest, permission: str) -> set[Any]:
    return set() if request.user.has_perm(permission) else {permission}
