"""Keeps a failure to the thing that failed: the others beside it are dealt with all the same."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import connection as db

logger = logging.getLogger(__name__)

Thing = TypeVar("Thing")


class SomeFailed(Exception):
    """Some of several things could not be dealt with; all the others were."""


def each(
    things: Iterable[Thing],
    work: Callable[[Thing], object],
    name: Callable[[Thing], str],
    *,
    keeps_locks: bool = False,
) -> None:
    """Do `work` for each of these; one that fails stops no other. To be called outside of transactions.

    Raises SomeFailed at the end, naming the first that failed. Where the database is away, that ends it at once.
    `keeps_locks`: the caller holds locks of this session, as a job does, so after a failure it is left only if broken.
    """
    failed: list[tuple[str, Exception]] = []
    for thing in things:
        try:
            work(thing)
        except Exception as error:
            failed.append((name(thing), error))
            logger.error("%s failed, the others go on: %s", *failed[-1])
            if not (keeps_locks and db.is_usable()):
                renew_session()
            db.ensure_connection()
    if failed:
        first, cause = failed[0]
        raise SomeFailed(f"{len(failed)} failed, first {first}: {type(cause).__name__}: {cause}") from cause


def renew_session() -> None:
    """Leave behind whatever a failure may have left in this thread's database session: a broken connection, an open
    transaction, a lock. The next query opens another one.
    """
    if not db.in_atomic_block:  # somebody's transaction is theirs to end
        db.close()
