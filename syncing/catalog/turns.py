"""One worker at a time for each kind of thing of a connection: two that created the same would make it twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from django.db import connection as db

from stores.models import Connection
from syncing.models import SyncJob

TURN_LOCK = 7_214  # first half of our advisory lock keys


class Busy(Exception):
    """Another worker is at the same kind of things of the same connection."""

    failure = SyncJob.Failure.TRANSIENT
    retry_after = 5


@contextmanager
def take_turn(connection: Connection, kind: str, gid: str = "") -> Iterator[None]:
    """Hold the right to change things of one kind, or just the one with this id. Raises Busy while another worker
    holds it.

    A lock of the session, not of a transaction: none stays open while Shopify is asked, and a dead worker frees it.
    """
    key = crc32(f"{connection.pk} {kind} {gid}".encode()) % 2**31
    with db.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [TURN_LOCK, key])
        is_ours = cursor.fetchone()[0]
    if not is_ours:
        raise Busy(f"Another worker is at the {kind}s of {connection}.")
    try:
        yield
    finally:
        with db.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [TURN_LOCK, key])
