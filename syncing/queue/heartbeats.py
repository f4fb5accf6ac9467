"""Heartbeats: what must happen again and again, and when it last did."""

import os
import socket
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from stores.ages import is_over
from stores.redaction import redact
from stores.shared.statements import prepared_cursor
from syncing.models import Cluster, Heartbeat
from syncing.queue import fitness

# Names of heartbeats.
QUEUE, RESTARTED, INSTALLED = "queue", "queue restarted", "installed"
SWEEP = "sweep"
# Each duty of the sweep has one of its own (syncing.sweep).
DUTIES = (
    ALERTS := "alerts",
    JOBS := "jobs",
    PAUSES := "pauses",
    WEBHOOKS := "webhooks",
    STOCK := "stock",
    RECONCILIATIONS := "reconciliations",
    RECENT_CHANGES := "recent changes",
    MATCHING := "matching",
    ENDINGS := "endings",
    ORDER_COPIES := "order copies",
    ORDER_CHANGES := "order changes",
    ORDER_MAILS := "order mails",
    CATALOGUE_STARTS := "catalogue starts",
    CATALOGUE_RUNS := "catalogue runs",
    BULK_WRITES := "bulk writes",
    WAITING_PRODUCTS := "waiting products",
    DELETIONS := "deletions",
    IMAGES := "images",
    PUBLICATIONS := "publications",
    CONTENT := "content",
    STORE_CHECKS := "store checks",
    COUNTERS := "counters",
    ROW_COUNTS := "row counts",
    SEARCHED_TEXTS := "searched texts",
    RETENTION := "retention",
)
MISSED_AFTER = timedelta(minutes=5)  # of what happens every minute


def beat(name: str = QUEUE) -> None:
    """Note in the database that `name` happened now: what /readyz and the alerts look at."""
    with prepared_cursor() as cursor:  # each duty of each minute's sweep beats
        cursor.execute(_BEAT, [name, timezone.now()])


_BEAT = """
    INSERT INTO syncing_heartbeat (name, beat_at, failure_count, reason) VALUES (%s, %s, 0, '')
    ON CONFLICT (name) DO UPDATE SET beat_at = EXCLUDED.beat_at, failed_at = NULL, reason = ''
"""


def note_failure(name: str, error: Exception) -> None:
    """Note in the database that `name` failed, until it happens again: an alert tells of it."""
    now, words = timezone.now(), redact(f"{type(error).__name__}: {error}")[:1000].replace("\x00", "")
    # The first failure begins the time in which it is missed, where it never happened before.
    Heartbeat.objects.get_or_create(name=name, defaults={"beat_at": now})
    Heartbeat.objects.filter(name=name).update(
        failed_at=Coalesce("failed_at", now), failure_count=F("failure_count") + 1, reason=words
    )


def failing() -> set[str]:
    """The scheduled work that failed the last time."""
    return set(Heartbeat.objects.filter(name__in=scheduled(), failed_at__isnull=False).values_list("name", flat=True))


def sign() -> None:
    """Note that this cluster's workers do what they are there for. To be called in one of them."""
    # A worker's parent is the sentinel, which lives as long as the cluster does.
    own = Cluster(
        host=socket.gethostname()[:100],
        process=os.getppid(),
        worker_count=settings.Q_CLUSTER["workers"],
        beat_at=timezone.now(),
        rules=fitness.RULES_VERSION,
    )
    Cluster.objects.bulk_create(
        [own],
        update_conflicts=True,
        unique_fields=["host", "process"],
        update_fields=["worker_count", "beat_at", "rules"],
    )


def scheduled() -> dict[str, timedelta]:
    """What must happen again and again, and after how long without it something is wrong: twice its interval, or more.

    Whoever adds scheduled work makes it a duty of the sweep, or beats a heartbeat of its own at its end.
    """
    silence = timedelta(seconds=2 * settings.WATCHDOG_SECONDS)
    return {QUEUE: silence} | dict.fromkeys((SWEEP, *DUTIES), MISSED_AFTER)


def find_overdue(now: datetime) -> dict[str, datetime]:
    """The scheduled work that did not happen for too long, and since when. Before anything ever ran nothing is missed.

    Where nothing was swept at all, that is one thing and not one for each duty: the first sweep after a rest begins
    with the alerts.
    """
    beats = dict(Heartbeat.objects.values_list("name", "beat_at"))
    last = {name: beats.get(name) or beats.get(INSTALLED) for name in scheduled()}
    overdue = {name: at for name, at in last.items() if at and is_over(at, scheduled()[name], now)}
    if {SWEEP, *DUTIES} <= overdue.keys():
        return {name: at for name, at in overdue.items() if name not in DUTIES}
    return overdue
