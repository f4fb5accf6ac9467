"""Numbers of the whole service, for the console's first page, `sync_status` and /metrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from stores.ages import within
from stores.models import Store
from stores.shopify import throttle
from syncing.models import Cluster, Heartbeat, SyncJob, WebhookEvent
from syncing.monitoring.connection_status import STUCK_AFTER
from syncing.queue import heartbeats


def read_queue(jobs: QuerySet[SyncJob] | None = None, events: QuerySet[WebhookEvent] | None = None) -> dict[str, Any]:
    """The workers and what waits for them: counts, and aware instants or None; of some jobs and waiting events only."""
    jobs = SyncJob.objects.all() if jobs is None else jobs
    events = waiting_events() if events is None else events
    now, state = timezone.now(), SyncJob.State
    states = {
        "queued_jobs": Count("pk", filter=Q(state=state.QUEUED)),
        "due_jobs": Count("pk", filter=Q(state=state.QUEUED, due_at__lte=now)),
        "running_jobs": Count("pk", filter=Q(state=state.RUNNING)),
        "failed_jobs": Count("pk", filter=Q(state=state.FAILED)),
        "failed_general_jobs": Count("pk", filter=Q(state=state.FAILED, connection=None)),
    }
    due = jobs.filter(state=state.QUEUED, due_at__lte=now).order_by("due_at").values_list("due_at", flat=True)
    counts = jobs.filter(state__in=[state.QUEUED, state.RUNNING, state.FAILED]).aggregate(**states)
    return counts | {
        "heartbeat_at": Heartbeat.objects.filter(name=heartbeats.QUEUE).values_list("beat_at", flat=True).first(),
        "workers": alive_clusters().aggregate(n=Sum("worker_count"))["n"] or 0,
        "oldest_due_at": due.first(),
        "waiting_events": events.count(),
        "oldest_event_at": events.order_by("pk").values_list("received_at", flat=True).first(),
    }


def waiting_events() -> QuerySet[WebhookEvent]:
    """Webhooks that nobody has processed yet."""
    return WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).order_by()


def waiting_events_by_store() -> dict[int, int]:
    """How many of them each store has, by its id; none for those without."""
    return dict(waiting_events().values_list("store").annotate(n=Count("pk")))


def late_since() -> datetime:
    """What has waited since before this instant has waited too long."""
    return timezone.now() - STUCK_AFTER


def silence() -> timedelta:
    """How long workers may show no sign of life before something is wrong."""
    return timedelta(seconds=2 * settings.WATCHDOG_SECONDS)


def alive_since() -> datetime:
    """Who has shown a sign of life after this instant is alive."""
    return timezone.now() - silence()


def alive_clusters() -> QuerySet[Cluster]:
    """Groups of workers that have shown themselves lately."""
    return Cluster.objects.filter(within("beat_at", silence(), timezone.now()))


@dataclass(frozen=True)
class Budget:
    """What a store lets us ask: points of Shopify's cost bucket, as we believe they stand now.

    `available` is below zero while workers wait for points they have reserved. `seen_at` None: nothing was asked yet.
    """

    store: Store
    maximum: float
    available: float
    restore_rate: float
    seen_at: datetime | None

    @property
    def percent(self) -> int:
        """Of the bucket, 0 to 100."""
        return round(100 * min(1.0, max(0.0, self.available / self.maximum))) if self.maximum else 0


def budgets(stores: Iterable[Store]) -> list[Budget]:
    """The budget of each of these stores."""
    now = timezone.now().timestamp()
    return [_budget(store, now) for store in stores]


def _budget(store: Store, now: float) -> Budget:
    at = store.bucket_at.timestamp() if store.bucket_at else now
    seen = throttle.BucketState(store.bucket_maximum, store.bucket_available, store.bucket_restore_rate, at)
    available = throttle.available_at(seen, now)
    return Budget(store, store.bucket_maximum, available, store.bucket_restore_rate, store.bucket_at)
