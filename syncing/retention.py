"""Remove by age what is not needed for ever, in batches. The ledger of quantities stays."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from syncing import tallies
from syncing.models import (
    Alert,
    AlertMessage,
    CatalogueRun,
    Cluster,
    Reconciliation,
    StockObservation,
    SyncJob,
    Tally,
    WebhookEvent,
)

BATCH = 5000
KEEP_TALLIES = timedelta(days=400)
KEEP_TALLIES_OF_EACH = timedelta(days=40)  # of a store or a connection: what the charts show, no more
KEEP_CLUSTERS = timedelta(days=1)  # without a sign of life


def prune() -> int:
    """Remove at most one batch of each kind that is older than RETENTION_DAYS; return how many rows went."""
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    old: list[QuerySet] = [
        WebhookEvent.objects.filter(received_at__lt=before).exclude(state=WebhookEvent.State.NEW),
        StockObservation.objects.filter(created_at__lt=before),
        SyncJob.objects.filter(finished_at__lt=before),
        CatalogueRun.objects.filter(finished_at__lt=before),
        Tally.objects.filter(hour__lt=timezone.now() - KEEP_TALLIES, hour__gt=tallies.FOR_EVER),
        Tally.objects.filter(hour__lt=timezone.now() - KEEP_TALLIES_OF_EACH, subject__gt=""),
        Cluster.objects.filter(beat_at__lt=timezone.now() - KEEP_CLUSTERS),
        AlertMessage.objects.filter(created_at__lt=before),
        Alert.objects.filter(resolved_at__lt=before),
        Reconciliation.objects.filter(finished_at__lt=before, adjustments=None, holds=None),
    ]
    return sum(_remove_some(rows) for rows in old)


def _remove_some(rows: QuerySet) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return rows.model.objects.filter(pk__in=ids).delete()[0] if ids else 0
