"""How the watchdog knows that this cluster really works: pulses on a pipe, and a heartbeat in the database.

The supervisor (tiposync.supervisor) hands its cluster two pipes. On the first one the cluster's processes report; the
second one is never written to: it ends when a stop was asked for or the supervisor is gone. Without a supervisor
(`manage.py qcluster`, tests) there are no pipes and only the database is beaten.
"""

import contextlib
import faulthandler
import os
import select
import socket
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.models import Schedule
from django_q.signals import post_execute, post_execute_in_worker, pre_execute
from django_q.signing import SignedPackage

from stores.ages import is_over
from stores.redaction import redact
from syncing.models import Cluster, Heartbeat

# Names of heartbeats.
QUEUE, RESTARTED, INSTALLED = "queue", "queue restarted", "installed"
SWEEP = "sweep"
# Each duty of the sweep has one of its own (syncing.sweep).
DUTIES = (
    ALERTS := "alerts",
    JOBS := "jobs",
    WEBHOOKS := "webhooks",
    STOCK := "stock",
    RECONCILIATIONS := "reconciliations",
    MATCHING := "matching",
    ORDER_COPIES := "order copies",
    ORDER_CHANGES := "order changes",
    ORDER_MAILS := "order mails",
    CATALOGUE_STARTS := "catalogue starts",
    CATALOGUE_RUNS := "catalogue runs",
    DELETIONS := "deletions",
    IMAGES := "images",
    CONTENT := "content",
    STORE_CHECKS := "store checks",
    COUNTERS := "counters",
    RETENTION := "retention",
)
# Name: (function, minutes). What is due at other intervals is decided by the sweep itself (syncing.sweep).
SCHEDULES = {"sweep": ("syncing.tasks.sweep", 1)}
PULSE_FD, STOP_FD = "TIPOSYNC_PULSE_FD", "TIPOSYNC_STOP_FD"  # environment variables that carry the pipes' numbers
RESTART_REASON = "TIPOSYNC_RESTART_REASON"  # set in a cluster that follows one that failed
# The pulses, each followed by the process id:
GUARDED = "guarded"  # the sentinel went round
BEGAN, ENDED = "began", "ended"  # a worker's wake-up
STORED = "stored"  # the monitor has taken a result in and acknowledged it
LONGEST_PAUSE = timedelta(minutes=5)  # of what happens every minute
HARD_LIMIT_SECONDS = 10  # beyond QUEUE_TIMEOUT a worker that ignores its time-out ends itself


def beat(name: str = QUEUE) -> None:
    """Note in the database that `name` happened now: what /readyz and the alerts look at."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, beat_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["beat_at", "failed_at", "reason"],  # it does not fail any more
    )


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


def mend_schedules() -> None:
    """Have what is scheduled go on where our clock was set back: its next time would be as far away as that was."""
    now = timezone.now()
    for name, (_, minutes) in SCHEDULES.items():
        far = Schedule.objects.filter(name=name, next_run__gt=now + timedelta(minutes=2 * minutes)).exclude(repeats=0)
        far.update(next_run=now)


def sign() -> None:
    """Note that this cluster's workers do what they are there for. To be called in one of them."""
    # A worker's parent is the sentinel, which lives as long as the cluster does.
    own = Cluster(
        host=socket.gethostname()[:100],
        process=os.getppid(),
        worker_count=settings.Q_CLUSTER["workers"],
        beat_at=timezone.now(),
    )
    Cluster.objects.bulk_create(
        [own],
        update_conflicts=True,
        unique_fields=["host", "process"],
        update_fields=["worker_count", "beat_at"],
    )


def scheduled() -> dict[str, timedelta]:
    """What must happen again and again, and after how long without it something is wrong: twice its interval, or more.

    Whoever adds scheduled work makes it a duty of the sweep, or beats a heartbeat of its own at its end.
    """
    silence = timedelta(seconds=2 * settings.WATCHDOG_SECONDS)
    return {QUEUE: silence} | dict.fromkeys((SWEEP, *DUTIES), LONGEST_PAUSE)


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


def is_stopping() -> bool:
    """Whether this cluster was asked to stop: finish what runs, claim nothing new."""
    number = os.environ.get(STOP_FD)
    if number is None:
        return False
    poll = select.poll()
    poll.register(int(number), select.POLLIN)
    return bool(poll.poll(0))  # readable (or hung up) means at its end: nobody ever writes to it


def report(kind: str) -> None:
    """Tell the supervisor, if there is one, that `kind` happened in this process."""
    number = os.environ.get(PULSE_FD)
    if number is None:
        return
    # Never wait for a supervisor that does not read, never fail because it is gone.
    with contextlib.suppress(BlockingIOError, BrokenPipeError):
        os.write(int(number), f"{kind} {os.getpid()}\n".encode())


def listen() -> None:
    """Have the queue's own signals reported. To be called before the cluster forks its processes."""
    pre_execute.connect(_begin)
    post_execute_in_worker.connect(_end)
    post_execute.connect(_store)


def _begin(task: dict, **kwargs: object) -> None:
    # The cluster's processes do not hear SIGTERM (manage.py work), with which the queue ends a worker that is stuck
    # beyond its time-out. So each worker ends itself, from a thread that needs no Python to run, and says where it was.
    faulthandler.dump_traceback_later(settings.Q_CLUSTER["timeout"] + HARD_LIMIT_SECONDS, exit=True)
    report(BEGAN)


def _end(**kwargs: object) -> None:
    faulthandler.cancel_dump_traceback_later()
    report(ENDED)


def _store(**kwargs: object) -> None:
    report(STORED)


WakeUps = list[tuple[int | None, str]]  # (id to acknowledge, signed package) of each


class PulsedBroker(ORM):
    """The queue's broker in the database, which also hands its own cluster a pulse to execute now and then.

    A pulse that travelled through the shared queue would be executed by any cluster and prove nothing about this one.
    So it is made where this cluster's pusher asks for work, and takes the way of every wake-up from there: pusher,
    worker, monitor. The first one is a sweep: what a killed cluster took with it is due at once.
    """

    _next_pulse_at = 0.0  # on the monotonic clock

    def dequeue(self) -> WakeUps | None:
        """The next wake-ups; None after a short sleep when there are none."""
        return self._pulse() or super().dequeue()

    def _pulse(self) -> WakeUps | None:
        """A pulse, if one is due."""
        now = time.monotonic()
        if now < self._next_pulse_at:
            return None
        name = "beat" if self._next_pulse_at else "sweep"
        self._next_pulse_at = now + settings.WATCHDOG_SECONDS / 3
        return [(None, _package(name))]

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Called by the sentinel each time it goes round; its statistics for a console are not kept."""
        report(GUARDED)


def _package(name: str) -> str:
    wake_up = {
        "id": os.urandom(16).hex(),
        "name": name,
        "func": f"syncing.tasks.{name}",
        "args": (0,),
        "kwargs": {},
        "started": timezone.now(),
        "ack_failure": True,
    }
    return SignedPackage.dumps(wake_up)
