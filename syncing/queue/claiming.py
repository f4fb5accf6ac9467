"""Claim: the oldest job that is due is found, locked and marked as running in one statement, for every job needs that.

A worker holds the advisory lock of what it claimed until its end is written down (docs/decisions/advisory-locks.md).
"""

import json
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError
from django.db import connection as db
from django.utils import timezone

from stores import locks
from stores.locks import Lock
from stores.models import Connection
from stores.shared.statements import prepared_cursor
from syncing.models import SyncJob
from syncing.queue import fitness

WORKER = f"{socket.gethostname()}:{os.getpid()}"
MOST_DUE_ROWS = 20
Due = list[tuple[int, bool]]  # ids of jobs, and whether each is due now


@dataclass(slots=True)
class Claim:
    """What was found: a job that is ours now, if one was free; what else is due; the ids of all that ran before."""

    job: SyncJob | None = None
    due: Due = field(default_factory=list)
    running_ids: list[int] = field(default_factory=list)


def claim_next(within_seconds: float, ended_id: int | None = None) -> Claim:
    """Claim the first job that is due now and that nobody else has in hand.

    `due` are those due `within_seconds`. `ended_id`: a job of ours that has ended, whose lock is freed with it.
    """
    try:
        running, ids, are_due, first_id, is_locked, *columns = _ask(within_seconds, ended_id)
    except IntegrityError:
        # The same work started elsewhere a moment ago. A lock outlives its statement; of jobs we hold none just now.
        locks.free_all(Lock.JOB)
        return _claim_any(Claim(due=find_due(within_seconds)))
    found = Claim(None, list(zip(ids or (), are_due or (), strict=True)), list(running or ()))
    if first_id is None:
        return found
    if columns[0] is not None and (job := _loaded(columns)):
        found.job = job
        return found
    if is_locked:
        locks.free(Lock.JOB, first_id)  # it was not claimed: another worker got there first
    return _claim_any(found)


def _claim_any(found: Claim) -> Claim:
    """The first of what is due that is free, looked at one by one: the oldest of all was not."""
    for pk, is_due in found.due:
        if not is_due or not locks.try_acquire(Lock.JOB, pk):
            continue
        try:
            claimed = SyncJob.objects.filter(pk=pk, state=SyncJob.State.QUEUED).update(
                state=SyncJob.State.RUNNING, worker=WORKER, claimed_at=timezone.now(), rules=fitness.RULES_VERSION
            )
        except IntegrityError:
            claimed = 0  # the same work started elsewhere a moment ago: it is taken up when that ends
        if claimed and (row := SyncJob.objects.filter(pk=pk).values_list(*_COLUMNS).first()):
            found.job = _loaded(row)
        if found.job:
            break
        locks.free(Lock.JOB, pk)  # nothing got updated: another worker got there first
    return found


def _loaded(columns: Sequence[Any]) -> SyncJob | None:
    """The job of a row, with its connection and that one's stores; None where they were removed meanwhile."""
    values = dict(zip(_COLUMNS, columns, strict=True))
    if isinstance(values["arguments"], str):
        values["arguments"] = json.loads(values["arguments"])
    job = SyncJob.from_db(db.alias, _COLUMNS, list(values.values()))
    if job.connection_id is not None:
        rows = Connection.objects.select_related("source", "destination").order_by()
        if (connection := rows.filter(pk=job.connection_id).first()) is None:
            return None
        job.connection = connection
    return job


def find_due(within_seconds: float) -> Due:
    """Queued jobs due by then, the oldest first, and whether they are due now.

    One whose like is running waits for its end.
    """
    with db.cursor() as cursor:
        cursor.execute(_DUE, [within_seconds])
        return [(pk, is_due) for pk, _, is_due in cursor.fetchall()]


def _ask(within_seconds: float, ended_id: int | None) -> tuple[Any, ...]:
    job_lock = Lock.JOB.value
    running = SyncJob.State.RUNNING.value
    values: list[Any] = [within_seconds, job_lock, running, WORKER, timezone.now(), fitness.RULES_VERSION]
    ended: Iterable[int] = () if ended_id is None else (job_lock, locks.number(ended_id))
    with prepared_cursor() as cursor:
        cursor.execute(_CLAIM if ended_id is None else _FREE_AND_CLAIM, [*values, *ended])
        return cursor.fetchone()


_COLUMNS = [one.attname for one in SyncJob._meta.concrete_fields]
_DUE = f"""
    SELECT q.id, q.due_at, q.due_at <= now() AS is_due FROM syncing_syncjob q
    WHERE q.state = 'queued' AND q.due_at <= now() + make_interval(secs => %s)
      AND (q.due_at <= now() OR q.attempts > 0 OR q.kind <> 'process_events')  -- its wake-up comes when it is due
      AND NOT EXISTS (SELECT 1 FROM syncing_syncjob r
                      WHERE r.state = 'running' AND r.kind = q.kind AND r.subject = q.subject)
    ORDER BY q.due_at, q.id LIMIT {MOST_DUE_ROWS}
"""
# One row whatever is found. The lock is asked for of one job only, after the limit. Had another worker claimed it since
# our look and let go of it again, the update would look at the row as it is then: it must still be queued.
_CLAIM = f"""
    WITH due AS MATERIALIZED ({_DUE}),
    first AS MATERIALIZED (
        SELECT id, {locks.TRY_ACQUIRE_SQL.format(key="id")} AS is_locked
        FROM (SELECT id FROM due WHERE is_due ORDER BY due_at, id LIMIT 1) oldest
    ),
    claimed AS (
        UPDATE syncing_syncjob job SET state = %s, worker = %s, claimed_at = %s, rules = %s FROM first
        WHERE job.id = first.id AND first.is_locked AND job.state = 'queued'
        RETURNING {", ".join(f"job.{name}" for name in _COLUMNS)}
    )
    SELECT (SELECT array_agg(id) FROM syncing_syncjob WHERE state = 'running'),
           (SELECT array_agg(id ORDER BY due_at, id) FROM due), (SELECT array_agg(is_due ORDER BY due_at, id) FROM due),
           first.id, first.is_locked, {", ".join(f"claimed.{name}" for name in _COLUMNS)}
    FROM (SELECT 1) one LEFT JOIN first ON true LEFT JOIN claimed ON true
"""
# Whichever of the two comes first: a session that holds a lock twice gives it back twice.
_FREE_AND_CLAIM = f"{_CLAIM} WHERE (SELECT {locks.FREE_SQL}) IS NOT NULL"
