"""One worker at a time for each kind of thing of a connection: two that created the same would make it twice."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from zlib import crc32

from stores import locks
from stores.locks import Lock
from stores.models import Connection
from syncing.catalogue.bulk.withdrawing import make_way
from syncing.models import SyncJob


class Busy(Exception):
    """Another worker, or a bulk operation, is at the same kind of things of the same connection."""

    failure = SyncJob.Failure.TRANSIENT
    retry_after = 5


@contextmanager
def work_alone(connection: Connection, kind: str, gid: str = "") -> Iterator[None]:
    """Hold the right to change things of one kind, or just the one with this id. Raises Busy while another worker
    holds it, or a bulk operation may write to it.

    A lock of the session, not of a transaction: none stays open while Shopify is asked, and a dead worker frees it.
    """
    key = _key(connection, kind, gid)
    if not locks.try_acquire(Lock.WORK_ALONE, key):
        raise Busy(f"Another worker is at the {kind}s of {connection}.")
    try:
        if gid and make_way(connection, [gid]):
            raise Busy(f"A bulk operation is at this {kind} of {connection}.")
        yield
    finally:
        locks.free(Lock.WORK_ALONE, key)


@contextmanager
def work_alone_at_each(connection: Connection, kind: str, gids: Collection[str]) -> Iterator[set[str]]:
    """As `work_alone` at each of these; gives those that are ours: others are in other hands."""
    keys = {gid: _key(connection, kind, gid) for gid in gids}
    answers = locks.try_acquire_each(Lock.WORK_ALONE, list(keys.values()))
    ours = {gid for gid, is_ours in zip(keys, answers, strict=True) if is_ours}
    try:
        yield ours - make_way(connection, ours)
    finally:
        locks.free_each(Lock.WORK_ALONE, [keys[gid] for gid in ours])


def _key(connection: Connection, kind: str, gid: str) -> int:
    return crc32(f"{connection.pk} {kind} {gid}".encode())
