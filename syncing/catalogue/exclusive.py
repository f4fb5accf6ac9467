"""One worker at a time for each kind of thing of a connection: two that created the same would make it twice."""

from collections.abc import Iterator
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
    key = crc32(f"{connection.pk} {kind} {gid}".encode())
    if not locks.try_acquire(Lock.WORK_ALONE, key):
        raise Busy(f"Another worker is at the {kind}s of {connection}.")
    try:
        if gid and not make_way(connection, gid):
            raise Busy(f"A bulk operation is at this {kind} of {connection}.")
        yield
    finally:
        locks.free(Lock.WORK_ALONE, key)
