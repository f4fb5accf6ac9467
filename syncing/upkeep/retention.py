"""Remove by age what is not needed for ever, in batches. The ledger of quantities stays, and orders as ids and sums.

tests/syncing/upkeep/test_retention.py has every table with what bounds it; docs/operating.md tells it to people.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import Failure

from orders import privacy
from stores.models import MatchDecision
from syncing import fence
from syncing.models import (
    Alert,
    AlertMessage,
    CatalogueRun,
    Cluster,
    HoldCause,
    Reconciliation,
    StockBatch,
    StockHold,
    StockObservation,
    SyncJob,
    Tally,
    WebhookEvent,
    tally,
)
from syncing.stock.writes import hold_causes

BATCH_ROWS = 5000
KEEP_COUNTS = timedelta(days=400)
KEEP_COUNTS_OF_EACH = timedelta(days=40)  # of a store or a connection: what the charts show, no more
KEEP_CLUSTERS = timedelta(days=1)  # without a sign of life
SETTLED = (StockBatch.State.APPLIED, StockBatch.State.REFUSED)


def prune() -> None:
    """Remove at most one batch of each kind that is older than RETENTION_DAYS.

    Called every minute: a batch a minute is more than any installation writes. Raises SomeFailed, after all others.
    """
    now = timezone.now()
    before = now - timedelta(days=settings.RETENTION_DAYS)
    old: list[QuerySet] = [
        WebhookEvent.objects.filter(received_at__lt=before).exclude(state=WebhookEvent.State.NEW),
        StockObservation.objects.filter(created_at__lt=before),
        SyncJob.objects.filter(finished_at__lt=before),
        CatalogueRun.objects.filter(finished_at__lt=before),
        Tally.objects.filter(hour__lt=now - KEEP_COUNTS, hour__gt=tally.FOR_EVER),
        Tally.objects.filter(hour__lt=now - KEEP_COUNTS_OF_EACH, subject__gt=""),
        Cluster.objects.filter(beat_at__lt=now - KEEP_CLUSTERS),
        AlertMessage.objects.filter(created_at__lt=before),
        Alert.objects.filter(resolved_at__lt=before),
        Reconciliation.objects.filter(finished_at__lt=before, adjustments=None, holds=None),
        MatchDecision.objects.filter(made_at__lt=before),
        HoldCause.objects.filter(newest_at__lt=before, holds=None),
        AccessAttempt.objects.filter(attempt_time__lt=before),  # names and addresses of people, or of whoever tried
        AccessFailureLog.objects.filter(attempt_time__lt=before),
        AccessLog.objects.filter(attempt_time__lt=before),
        Session.objects.filter(expire_date__lt=now),
        Failure.objects.filter(stopped__lt=before),
    ]
    steps: list[tuple[str, Callable[[], int]]] = [
        ("Grouping reviews", _group_holds),
        ("Emptying old batches", lambda: _empty_batches(before)),
        ("Forgetting old orders", lambda: privacy.forget_old(before, BATCH_ROWS)),
        *((f"Removing old {rows.model._meta.verbose_name_plural}", partial(_remove_some, rows)) for rows in old),
    ]
    fence.each(steps, lambda step: step[1](), lambda step: step[0])


def _remove_some(rows: QuerySet) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH_ROWS])
    return rows.model.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _group_holds() -> int:
    """What workers of an earlier release held, which knew no causes."""
    ungrouped = StockHold.objects.filter(cause=None, state=StockHold.State.OPEN).order_by("pk")
    rows = list(ungrouped.select_related("connection", "adjustment__batch")[:BATCH_ROWS])
    for hold in rows:
        hold_causes.save(hold)
    return len(rows)


def _empty_batches(before: datetime) -> int:
    """The bytes of stock mutations whose fate is known: what they changed stands in the ledger."""
    old = StockBatch.objects.filter(answered_at__lt=before, state__in=SETTLED).exclude(body=b"")
    ids = list(old.order_by("answered_at").values_list("pk", flat=True)[:BATCH_ROWS])
    return StockBatch.objects.filter(pk__in=ids).update(body=b"")
