"""How the watchdog knows that this cluster really works: beats on a pipe, and a heartbeat in the database.

The supervisor (syncing.queue.supervisor) hands its cluster two pipes. On the first one the cluster's processes report;
the second one is never written to: it ends when a stop was asked for or the supervisor is gone. Without a supervisor
(`manage.py qcluster`, tests) there are no pipes and only the database is beaten.
"""

import contextlib
import faulthandler
import os
import select
import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.models import Schedule
from django_q.signals import post_execute, post_execute_in_worker, pre_execute
from django_q.signing import SignedPackage

# Name: (function, minutes). What is due at other intervals is decided by the sweep itself (syncing.sweep).
SCHEDULES = {"sweep": ("syncing.tasks.sweep", 1)}
BEAT_FD, STOP_FD = "TIPOSYNC_BEAT_FD", "TIPOSYNC_STOP_FD"  # environment variables that carry the pipes' numbers
RESTART_REASON = "TIPOSYNC_RESTART_REASON"  # set in a cluster that follows one that failed
# The beats, each followed by the process id:
GUARDED = "guarded"  # the sentinel went round
BEGAN, ENDED = "began", "ended"  # a worker's wake-up
STORED = "stored"  # the monitor has taken a result in and acknowledged it
HARD_LIMIT_SECONDS = 10  # beyond QUEUE_TIMEOUT a worker that ignores its time-out ends itself


def mend_schedules() -> None:
    """Have what is scheduled go on where our clock was set back: its next time would be as far away as that was."""
    now = timezone.now()
    for name, (_, minutes) in SCHEDULES.items():
        far = Schedule.objects.filter(name=name, next_run__gt=now + timedelta(minutes=2 * minutes)).exclude(repeats=0)
        far.update(next_run=now)


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
    number = os.environ.get(BEAT_FD)
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
    """The queue's broker in the database, which also hands its own cluster a beat to execute now and then.

    A beat that travelled through the shared queue would be executed by any cluster and prove nothing about this one.
    So it is made where this cluster's pusher asks for work, and takes the way of every wake-up from there: pusher,
    worker, monitor. The first one is a sweep: what a killed cluster took with it is due at once.
    """

    _next_beat_at = 0.0  # on the monotonic clock

    def dequeue(self) -> WakeUps | None:
        """The next wake-ups; None after a short sleep when there are none."""
        return self._beat() or super().dequeue()

    def _beat(self) -> WakeUps | None:
        """A beat, if one is due."""
        now = time.monotonic()
        if now < self._next_beat_at:
            return None
        name = "beat" if self._next_beat_at else "sweep"
        self._next_beat_at = now + settings.WATCHDOG_SECONDS / 3
        return [(None, package(name))]

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Called by the sentinel each time it goes round; its statistics for a console are not kept."""
        report(GUARDED)


def package(name: str) -> str:
    """A wake-up that calls `name` of syncing.tasks, signed as the queue wants it."""
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
