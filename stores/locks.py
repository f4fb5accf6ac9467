"""All advisory locks of PostgreSQL that this product uses: their keys, and how they are acquired and freed.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import secrets
from collections.abc import Sequence
from enum import IntEnum, unique

from django.db import connection as db

KEYS = 2**31  # PostgreSQL's second halves of keys are below it


@unique
class Lock(IntEnum):
    """First halves of keys; the second half is the id of a row, or 0 where there is one such lock only.

    A number that a release has used stays with its purpose: the workers of two releases may run at the same time.
    """

    JOB = 7_201  # a job that runs (session)
    JOB_WAITER = 7_202  # the one worker that waits for jobs due soon (session)
    TOKEN = 7_203  # renewing a store's token (session)
    LINKS = 7_204  # writing links to a destination store (transaction)
    WATCH = 7_205  # taking note of what is wrong, and having it told (transaction)
    STOCK_BATCH = 7_206  # sending a batch of stock writes, from its recording on (session)
    WORK_ALONE = 7_214  # changing things of one kind of a connection (session)
    ENTERED_ORDERS = 7_215  # naming orders of a source as copies (transaction)
    HOLD_CAUSES = 7_217  # finding what a hold of a store began with (transaction)
    SEARCHED_TEXTS = 7_218  # renewing the texts that people search (transaction)
    PROBE = 7_216  # nothing: whether a session keeps its locks (session)


# What to say where `are_kept` denies it, and what to do then.
NOT_KEPT = "a pooler gives each transaction another session, and with it the locks that workers rely on"
KEEP_THEM = (
    "Have the pooler pool sessions (PgBouncer: pool_mode = session), or let DATABASE_URL lead to PostgreSQL itself."
)


# For statements that do more than this. `{key}` is an expression; the parameter is the lock's value, and to free it the
# `number` of the key besides.
TRY_ACQUIRE_SQL = f"pg_try_advisory_lock(%s, ({{key}} %% {KEYS})::int)"
FREE_SQL = "pg_advisory_unlock(%s, %s)"


def acquire(lock: Lock, key: int = 0) -> None:
    """Wait for a lock of this session, and hold it until it is freed or the session ends, as a dead worker's does."""
    _ask("pg_advisory_lock", lock, key)


def try_acquire(lock: Lock, key: int = 0) -> bool:
    """As `acquire`, but without waiting: whether it is ours now."""
    return _ask("pg_try_advisory_lock", lock, key)


def free(lock: Lock, key: int = 0) -> None:
    """Give a lock of this session back."""
    _ask("pg_advisory_unlock", lock, key)


def try_acquire_each(lock: Lock, keys: Sequence[int]) -> list[bool]:
    """As `try_acquire` of each of these, in one statement."""
    return _ask_each("pg_try_advisory_lock", lock, keys)


def free_each(lock: Lock, keys: Sequence[int]) -> None:
    """As `free` of each of these, in one statement."""
    _ask_each("pg_advisory_unlock", lock, keys)


def free_all(lock: Lock) -> None:
    """Give all locks of this kind back that this session holds, whatever their keys."""
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_unlock(classid::int, objid::int) FROM pg_locks"
            " WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = %s AND objsubid = 2",
            [lock.value],
        )


def number(key: int) -> int:
    """The second half of the key that stands for a row's id."""
    return key % KEYS


def acquire_until_commit(lock: Lock, key: int = 0) -> None:
    """Wait for a lock, and hold it until the transaction ends."""
    _ask("pg_advisory_xact_lock", lock, key)


def try_acquire_until_commit(lock: Lock, key: int = 0) -> bool:
    """As `acquire_until_commit`, but without waiting: whether it is ours now."""
    return _ask("pg_try_advisory_xact_lock", lock, key)


def are_kept() -> bool:
    """Whether a session is ours for as long as our connection lasts: not so behind a pooler in transaction mode.

    Two statements in a row mostly meet the same session there, too. So while our connection is idle, another one of
    ours begins a transaction: either it gets our session, or, if the pool hands its sessions round, we get another one.
    Ask outside of a transaction, which would hold the session.
    """
    key, other = secrets.randbelow(KEYS), db.copy()
    try:
        with db.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), pg_try_advisory_lock(%s, %s)", [Lock.PROBE.value, key])
            session = cursor.fetchone()[0]
            other.set_autocommit(False)
            with other.cursor() as theirs:
                theirs.execute("SELECT pg_backend_pid()")
                if theirs.fetchone()[0] == session:
                    other.rollback()  # which lets us have it back, should it be the only one
                    return False
                cursor.execute("SELECT pg_advisory_unlock(%s, %s), pg_backend_pid()", [Lock.PROBE.value, key])
                return cursor.fetchone() == (True, session)
    finally:
        other.close()


def _ask(function: str, lock: Lock, key: int) -> bool:
    with db.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [lock.value, number(key)])
        return cursor.fetchone()[0]


def _ask_each(function: str, lock: Lock, keys: Sequence[int]) -> list[bool]:
    if not keys:
        return []
    with db.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(%s, key) FROM unnest(%s::int[]) WITH ORDINALITY AS asked (key, place) ORDER BY place",
            [lock.value, [number(key) for key in keys]],
        )
        return [answer for (answer,) in cursor.fetchall()]
