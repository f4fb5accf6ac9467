"""All advisory locks of PostgreSQL that this product uses: their keys, and how they are acquired and freed.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from enum import IntEnum, unique

from django.db import connection as db

_KEYS = 2**31  # PostgreSQL's second halves of keys are below it


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


def acquire(lock: Lock, key: int = 0) -> None:
    """Wait for a lock of this session, and hold it until it is freed or the session ends, as a dead worker's does."""
    _ask("pg_advisory_lock", lock, key)


def try_acquire(lock: Lock, key: int = 0) -> bool:
    """As `acquire`, but without waiting: whether it is ours now."""
    return _ask("pg_try_advisory_lock", lock, key)


def free(lock: Lock, key: int = 0) -> None:
    """Give a lock of this session back."""
    _ask("pg_advisory_unlock", lock, key)


def acquire_until_commit(lock: Lock, key: int = 0) -> None:
    """Wait for a lock, and hold it until the transaction ends."""
    _ask("pg_advisory_xact_lock", lock, key)


def try_acquire_until_commit(lock: Lock, key: int = 0) -> bool:
    """As `acquire_until_commit`, but without waiting: whether it is ours now."""
    return _ask("pg_try_advisory_xact_lock", lock, key)


def _ask(function: str, lock: Lock, key: int) -> bool:
    with db.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [lock.value, key % _KEYS])
        return cursor.fetchone()[0]
