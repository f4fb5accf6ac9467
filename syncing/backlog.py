"""What of the work waits for the next sweep: stock nobody carried, and what failed too lately to be tried again."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone

from orders.models import OrderImport
from stores.models import Connection
from syncing.models import StockBatch, StockLink, SyncJob

SWEEP_ORDERS = 1000  # imports that one sweep enqueues at most
PAUSE = timedelta(minutes=10)


def with_stock(running: QuerySet[Connection]) -> list[Connection]:
    """Those whose stock waits to be carried and can be."""
    dirty = StockLink.objects.filter(connection=OuterRef("pk"), dirty_sequence__gt=F("settled_sequence"))
    pending = StockBatch.objects.filter(connection=OuterRef("pk"), state=StockBatch.State.PENDING)
    waiting = running.filter(Exists(dirty) | Exists(pending))
    return [
        connection
        for connection in waiting
        if not connection.why_inert() and not failed_lately(connection, SyncJob.Kind.CARRY_STOCK)
    ]


def failed_lately(connection: Connection, kind: str) -> bool:
    """A problem that waits for an operator is tried again every ten minutes, not every minute."""
    since = timezone.now() - PAUSE
    return connection.jobs.filter(kind=kind, state=SyncJob.State.FAILED, finished_at__gt=since).exists()


def not_failed_lately(imports: QuerySet[OrderImport], kind: str) -> Iterable[OrderImport]:
    """Without those whose work of this kind failed within ten minutes; at most SWEEP_ORDERS."""
    since = timezone.now() - PAUSE
    failed = SyncJob.objects.filter(kind=kind, state=SyncJob.State.FAILED, finished_at__gt=since)
    same = failed.alias(order_gid=KT("arguments__order_gid")).filter(
        connection=OuterRef("connection"), order_gid=OuterRef("order_gid")
    )
    return imports.exclude(Exists(same)).select_related("connection")[:SWEEP_ORDERS]
