"""Enqueue, claim, run, retry, release: the only file that knows what a retry is.

The rows are the truth and the queue an alarm clock: a lost, repeated or late wake-up changes nothing. A worker holds a
PostgreSQL advisory lock while it runs a job, so a job whose worker died is recognised the moment its connection is
gone, and a slow job is never mistaken for a dead one.
"""

import contextlib
import json
import logging
import random
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from stores import locks, tracing
from stores.gates import note_refusal
from stores.locks import Lock
from stores.models import Connection, Store
from stores.redaction import redact
from stores.shared.statements import prepared_cursor
from stores.shopify.errors import ShopifyError, StoreRests, Throttled
from syncing import fence
from syncing.models import SyncJob
from syncing.queue import broker, watchdog
from syncing.queue.claiming import claim_next, find_due

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
    rings: bool = True,
) -> None:
    """Have `kind` done for `subject` in `due_in` seconds; if that is queued already, nothing is added.

    `rings` False: nobody is woken, for the caller is a worker that looks for what is due when its own job is done.

    Stock that waits for a store in trouble is looked at sooner when there is more of it: the rest can do without. So
    are webhooks that wait for company, when one comes that cannot.
    Inside a transaction it waits for the commit: a worker that claimed the queued job before our rows were visible
    would otherwise take the only wake-up with it.
    """
    if causes := tracing.current().get("correlation"):
        arguments = (arguments or {}) | {"correlation": causes}
    row = [str(kind), subject, connection and connection.pk, store and store.pk, json.dumps(arguments or {}), due_in]
    if kind not in SWEPT and transaction.get_connection().in_atomic_block:
        # Nothing else would ever find out that it is due, should this process die between the commit and what follows
        # it: so it commits with our rows, too.
        _insert(row, rings)
    transaction.on_commit(lambda: _insert(row, rings))


def _insert(row: list, rings: bool) -> None:
    sql, parameters = _INSERT, [*row, SyncJob.Kind.CARRY_STOCK.value, SyncJob.Kind.PROCESS_EVENTS.value]
    if rings and row[-1] <= WAIT_SECONDS:
        # Who is woken for a job that is due soon waits for it. Webhooks that can wait come all the time: for those
        # the alarm clock itself waits.
        due_in = row[-1] if row[0] == SyncJob.Kind.PROCESS_EVENTS else 0
        sql, parameters = broker.ringing(sql, parameters, due_in)
    with prepared_cursor() as cursor:
        cursor.execute(sql, parameters)


# In a burst, when the job is queued already and due, this writes nothing and costs one look each. It returns a row
# where the job is new, or due earlier than it was.
_INSERT = """
    INSERT INTO syncing_syncjob (kind, subject, connection_id, store_id, arguments, due_at,
                                 state, attempts, worker, failure, message, traceback, created_at)
    VALUES (%s, %s, %s, %s, %s::jsonb, now() + make_interval(secs => %s), 'queued', 0, '', '', '', '', now())
    ON CONFLICT (kind, subject) WHERE state = 'queued' DO UPDATE SET due_at = EXCLUDED.due_at
    WHERE syncing_syncjob.due_at > EXCLUDED.due_at
      AND (EXCLUDED.kind = %s OR (EXCLUDED.kind = %s AND syncing_syncjob.attempts = 0))
    RETURNING id
"""


def wake() -> None:
    """Ring the alarm clock once."""
    broker.ring()


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
    deadline = time.monotonic() + budget_seconds
    count, is_waiter, is_first = 0, False, True
    held: int | None = None
    try:
        while time.monotonic() < deadline and not watchdog.is_stopping():
            found, held = claim_next(WAIT_SECONDS, held), None
            held = found.job.pk if found.job else None
            has_freed, is_first = is_first and _frees_some(found.running_ids), False
            if found.job:
                count += 1
                _run(found.job, work)
            elif has_freed:
                continue  # it is due now
            elif found.due and (is_waiter or (is_waiter := locks.try_acquire(Lock.JOB_WAITER))):
                # One worker waits for retries of the next seconds, and takes whatever comes meanwhile.
                time.sleep(0.05)
            else:
                return count
        wake()
        return count
    finally:
        if held is not None:
            locks.free(Lock.JOB, held)
        if is_waiter:
            locks.free(Lock.JOB_WAITER)


def _frees_some(running_ids: Sequence[int]) -> bool:
    """Look whether the workers of these jobs live; whether any was freed."""
    with contextlib.suppress(fence.SomeFailed):  # logged; the sweep, which meets it too, has it told
        return bool(running_ids) and bool(free_dead(running_ids))
    return False


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


def _succeed(job: SyncJob, message: str | None) -> None:
    if "correlation" in job.arguments:
        logger.info("%s: done", job)
    words = f"Failed at first, done later by job {job.pk}."
    with prepared_cursor() as cursor:
        # Nothing worth a row: what it wrote stands in the ledger. One statement, for nearly every job ends so.
        cursor.execute(_END, [job.pk, message is None, words, job.kind, job.subject])
    if message is None:
        return
    job.state, job.message, job.finished_at = SyncJob.State.SUCCEEDED, message, timezone.now()
    job.failure = job.traceback = ""
    job.save(update_fields=["state", "message", "finished_at", "failure", "traceback"])


_END = """
    WITH done AS (DELETE FROM syncing_syncjob WHERE id = %s AND %s)
    UPDATE syncing_syncjob SET state = 'succeeded', message = %s WHERE kind = %s AND subject = %s AND state = 'failed'
"""


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
    note_refusal(error)
    job.state, job.failure, job.message, job.attempts = SyncJob.State.FAILED, failure, redact(str(error)), attempts
    job.traceback = redact("".join(traceback.format_exception(error))) if failure == SyncJob.Failure.BUG else ""
    job.finished_at = timezone.now()
    with transaction.atomic():
        # One row per problem: the newest failure of this work replaces the one before.
        SyncJob.objects.filter(kind=job.kind, subject=job.subject, state=SyncJob.State.FAILED).delete()
        job.save(update_fields=["state", "failure", "message", "attempts", "traceback", "finished_at"])


def _classify(error: Exception) -> str:
    if isinstance(error, fence.SomeFailed) and isinstance(error.__cause__, Exception):
        error = error.__cause__
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


def free_dead(running_ids: Collection[int] | None = None) -> int:
    """Queue again what dead workers held, and return how many jobs that were. Raises SomeFailed after all others.

    Of these jobs, None: of all, which is for a session that has none in hand: it would be given its own lock again.
    """
    freed: list[SyncJob] = []

    def free(job: SyncJob) -> None:
        if locks.try_acquire(Lock.JOB, job.pk):
            try:
                if _is_freed(job):
                    freed.append(job)
            finally:
                locks.free(Lock.JOB, job.pk)

    running = SyncJob.objects.filter(state=SyncJob.State.RUNNING)
    if running_ids is not None:
        running = running.filter(pk__in=running_ids)
    fence.each(running, free, lambda job: f"job {job.pk}")
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
    if find_due(60):
        wake()
    if free_dead():
        wake()
