"""Enqueue, claim, run, retry, release: the only file that knows what a retry is.

The rows are the truth and the queue an alarm clock: a lost, repeated or late wake-up changes nothing. A worker holds a
PostgreSQL advisory lock while it runs a job, so a job whose worker died is recognised the moment its connection is
gone, and a slow job is never mistaken for a dead one.
"""

import contextlib
import json
import logging
import os
import random
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.db import connection as db
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from stores import locks, tracing
from stores.locks import Lock
from stores.models import Connection, Store
from stores.redaction import redact
from stores.shopify.errors import ShopifyError, StoreRests, Throttled
from syncing import fence
from syncing.models import SyncJob
from syncing.queue import watchdog

logger = logging.getLogger(__name__)

Work = Mapping[str, Callable[[SyncJob], str | None]]

# With the backoff below about an hour and a half. A job that fails for what a store says goes on after them, slowly:
# the store is told of (syncing.monitoring), and whatever was to be done is done when it answers again.
MAX_ATTEMPTS = 20
WAIT_SECONDS = 10  # a job due within this is waited for by one worker, rather than left to the sweep
BUDGET_SECONDS = 120
LONGEST_POSTPONEMENT = timedelta(minutes=15)  # of a queued job, whatever it waits for
# What the sweep enqueues by itself wherever rows show that it is due.
SWEPT = {SyncJob.Kind.PROCESS_EVENTS, SyncJob.Kind.CARRY_STOCK, SyncJob.Kind.RECONCILE}
WORKER = f"{socket.gethostname()}:{os.getpid()}"


class Later(Exception):
    """Raised by a job that is not done and has not failed: run it again in `seconds`."""

    def __init__(self, seconds: float, message: str = "") -> None:
        super().__init__(message)
        self.seconds = seconds


def enqueue(
    kind: str,
    subject: str = "",
    *,
    connection: Connection | None = None,
    store: Store | None = None,
    arguments: dict | None = None,
    due_in: float = 0,
) -> None:
    """Have `kind` done for `subject` in `due_in` seconds; if that is queued already, nothing is added.

    Stock that waits for a store in trouble is looked at sooner when there is more of it: the rest can do without.
    Inside a transaction it waits for the commit: a worker that claimed the queued job before our rows were visible
    would otherwise take the only wake-up with it.
    """
    if causes := tracing.current().get("correlation"):
        arguments = (arguments or {}) | {"correlation": causes}
    row = [kind, subject, connection and connection.pk, store and store.pk, json.dumps(arguments or {}), due_in]
    if kind not in SWEPT and transaction.get_connection().in_atomic_block:
        # Nothing else would ever find out that it is due, should this process die between the commit and what follows
        # it: so it commits with our rows, too.
        _insert(row)
    transaction.on_commit(lambda: _insert(row))


def _insert(row: list) -> None:
    with db.cursor() as cursor:
        # In a burst, when the job is queued already and due, this writes nothing and costs one look each.
        cursor.execute(
            """
            INSERT INTO syncing_syncjob (kind, subject, connection_id, store_id, arguments, due_at,
                                         state, attempts, worker, failure, message, traceback, created_at)
            VALUES (%s, %s, %s, %s, %s::jsonb, now() + make_interval(secs => %s), 'queued', 0, '', '', '', '', now())
            ON CONFLICT (kind, subject) WHERE state = 'queued' DO UPDATE SET due_at = EXCLUDED.due_at
            WHERE EXCLUDED.kind = %s AND syncing_syncjob.due_at > EXCLUDED.due_at
            """,
            [*row, SyncJob.Kind.CARRY_STOCK],
        )
        is_new = cursor.rowcount == 1  # or due earlier than it was
    if is_new and row[-1] <= WAIT_SECONDS:
        wake()


def wake() -> None:
    """Ring the alarm clock once."""
    async_task("syncing.tasks.wake", 0)


def run_again(job: SyncJob) -> None:
    """Run a finished or waiting job now, whatever became of it before. Safe at any time."""
    queued = SyncJob.objects.filter(kind=job.kind, subject=job.subject, state=SyncJob.State.QUEUED)
    if queued.update(due_at=Now(), attempts=0):
        transaction.on_commit(wake)
        return
    enqueue(job.kind, job.subject, connection=job.connection, store=job.store, arguments=job.arguments)


def note_progress(job: SyncJob, done: int) -> None:
    """To be said when a try begins: how much is done so far. Tries count from the last one that got further."""
    if done == job.arguments.get("done", 0):
        return
    job.attempts, job.arguments = 0, job.arguments | {"done": done}
    job.save(update_fields=["attempts", "arguments"])


def run_due(work: Work, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Run what is due, one job after the other, and return how many ran."""
    with contextlib.suppress(fence.SomeFailed):  # logged; the sweep, which meets it too, has it told
        free_dead()
    deadline = time.monotonic() + budget_seconds
    count, is_waiter = 0, False
    try:
        while time.monotonic() < deadline and not watchdog.is_stopping():
            if job := _claim():
                count += 1
                _run(job, work)
            elif _due(WAIT_SECONDS) and (is_waiter or (is_waiter := locks.try_acquire(Lock.JOB_WAITER))):
                # One worker waits for retries of the next seconds, and takes whatever comes meanwhile.
                time.sleep(0.05)
            else:
                return count
        wake()
        return count
    finally:
        if is_waiter:
            locks.free(Lock.JOB_WAITER)


def _due(within_seconds: float) -> list[int]:
    """Queued jobs due by then, the oldest first; one whose like is running waits for its end."""
    with db.cursor() as cursor:
        cursor.execute(
            """
            SELECT q.id FROM syncing_syncjob q
            WHERE q.state = 'queued' AND q.due_at <= now() + make_interval(secs => %s)
              AND NOT EXISTS (SELECT 1 FROM syncing_syncjob r
                              WHERE r.state = 'running' AND r.kind = q.kind AND r.subject = q.subject)
            ORDER BY q.due_at, q.id LIMIT 20
            """,
            [within_seconds],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _claim() -> SyncJob | None:
    for pk in _due(0):
        if not locks.try_acquire(Lock.JOB, pk):
            continue
        try:
            claimed = SyncJob.objects.filter(pk=pk, state=SyncJob.State.QUEUED).update(
                state=SyncJob.State.RUNNING, worker=WORKER, claimed_at=timezone.now()
            )
        except IntegrityError:
            claimed = 0  # the same work started elsewhere a moment ago: it is taken up when that ends
        if claimed:
            return SyncJob.objects.select_related("connection__source", "connection__destination", "store").get(pk=pk)
        locks.free(Lock.JOB, pk)  # nothing got updated: another worker got there first
    return None


def _run(job: SyncJob, work: Work) -> None:
    fields = {"job": job.pk, "kind": job.kind} | ({"connection": job.connection_id} if job.connection_id else {})
    if causes := job.arguments.get("correlation"):
        fields["correlation"] = causes
    with tracing.traced(**fields):
        _run_traced(job, work)


def _run_traced(job: SyncJob, work: Work) -> None:
    try:
        message = work[job.kind](job)
    except Later as later:
        _requeue(job, later.seconds, str(later), attempts=job.attempts)
    except (StoreRests, Throttled) as error:
        # The store was not asked, or put us off: that alone never makes a job give up. Not all of them at the same
        # moment, when its rest is over.
        logger.info("%s: %s", job, error)
        attempts = max(job.attempts, min(job.attempts + 1, MAX_ATTEMPTS // 2))
        _requeue(job, max(1.0, error.retry_after) * random.uniform(1, 1.2), str(error), attempts=attempts)
    except Exception as error:  # the one place that turns any outcome into a row
        _fail(job, error)
    else:
        _succeed(job, message)
    finally:
        locks.free(Lock.JOB, job.pk)


def _succeed(job: SyncJob, message: str | None) -> None:
    if "correlation" in job.arguments:
        logger.info("%s: done", job)
    earlier = SyncJob.objects.filter(kind=job.kind, subject=job.subject, state=SyncJob.State.FAILED)
    earlier.update(state=SyncJob.State.SUCCEEDED, message=f"Failed at first, done later by job {job.pk}.")
    if message is None:  # nothing worth a row: what it wrote stands in the ledger
        SyncJob.objects.filter(pk=job.pk).delete()
        return
    job.state, job.message, job.finished_at = SyncJob.State.SUCCEEDED, message, timezone.now()
    job.failure = job.traceback = ""
    job.save(update_fields=["state", "message", "finished_at", "failure", "traceback"])


def _fail(job: SyncJob, error: Exception) -> None:
    failure = _classify(error)
    attempts = job.attempts + 1
    if failure == SyncJob.Failure.TRANSIENT and (attempts < MAX_ATTEMPTS or isinstance(error, ShopifyError)):
        longest = LONGEST_POSTPONEMENT.total_seconds()
        pause = min(300, 2**attempts) if attempts < MAX_ATTEMPTS else longest
        seconds = min(max(getattr(error, "retry_after", 0) or 0, pause * random.uniform(0.5, 1)), longest)
        attempts = min(attempts, MAX_ATTEMPTS)
        logger.warning("%s: %s; again in %.0f s", job, error, seconds)
        _requeue(job, seconds, redact(str(error)), attempts=attempts)
        return
    if failure == SyncJob.Failure.TRANSIENT:
        failure = SyncJob.Failure.GAVE_UP
    logger.error("%s failed (%s): %s", job, failure, error)
    job.state, job.failure, job.message, job.attempts = SyncJob.State.FAILED, failure, redact(str(error)), attempts
    job.traceback = redact("".join(traceback.format_exception(error))) if failure == SyncJob.Failure.BUG else ""
    job.finished_at = timezone.now()
    with transaction.atomic():
        # One row per problem: the newest failure of this work replaces the one before.
        SyncJob.objects.filter(kind=job.kind, subject=job.subject, state=SyncJob.State.FAILED).delete()
        job.save(update_fields=["state", "failure", "message", "attempts", "traceback", "finished_at"])


def _classify(error: Exception) -> str:
    if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError):
        return SyncJob.Failure.TRANSIENT
    return getattr(error, "failure", SyncJob.Failure.BUG)


def _requeue(job: SyncJob, seconds: float, message: str, attempts: int) -> None:
    try:
        with transaction.atomic():
            SyncJob.objects.filter(pk=job.pk, state=SyncJob.State.RUNNING).update(
                state=SyncJob.State.QUEUED,
                due_at=Now() + timedelta(seconds=seconds),
                attempts=attempts,
                message=message,
                worker="",
            )
    except IntegrityError:
        # The same work was queued meanwhile: that row stands for both, with our count of attempts and our patience.
        # Stock that changed meanwhile is looked at when it should be: it may be of a store that is well.
        due = {"due_at": Now() + timedelta(seconds=seconds)} if job.kind != SyncJob.Kind.CARRY_STOCK else {}
        with transaction.atomic():
            SyncJob.objects.filter(kind=job.kind, subject=job.subject, state=SyncJob.State.QUEUED).update(
                attempts=attempts, message=message, **due
            )
            SyncJob.objects.filter(pk=job.pk).delete()


def free_dead() -> int:
    """Queue again what dead workers held, and return how many jobs that were. Raises SomeFailed after all others."""
    freed: list[SyncJob] = []

    def free(job: SyncJob) -> None:
        if locks.try_acquire(Lock.JOB, job.pk):
            try:
                if _is_freed(job):
                    freed.append(job)
            finally:
                locks.free(Lock.JOB, job.pk)

    fence.each(SyncJob.objects.filter(state=SyncJob.State.RUNNING), free, lambda job: f"job {job.pk}")
    return len(freed)


def _is_freed(job: SyncJob) -> bool:
    try:
        job.refresh_from_db()
    except SyncJob.DoesNotExist:
        return False  # it ended well a moment ago
    if job.state != SyncJob.State.RUNNING:
        return False
    logger.warning("%s: its worker %s died; queued again", job, job.worker)
    _fail(job, WorkerDied(f"The worker {job.worker} died while it ran this."))
    return True


class WorkerDied(Exception):
    """A worker was killed, or its machine vanished, in the middle of a job."""

    failure = SyncJob.Failure.TRANSIENT
    retry_after = 0


def sweep() -> None:
    """Every minute: free what dead workers held and ring for whatever is due, in case a wake-up was lost."""
    # Nobody asks for so long a wait: the database's clock was set back since.
    far = SyncJob.objects.filter(state=SyncJob.State.QUEUED, due_at__gt=Now() + LONGEST_POSTPONEMENT)
    far.update(due_at=Now())
    if _due(60):
        wake()
    if free_dead():
        wake()
