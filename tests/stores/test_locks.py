"""Advisory locks: every key is another one, and all of them stand in one place."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection as db
from django.db import transaction

from stores import locks
from stores.locks import Lock
from tests.e2e.killing import wait_until

ROOT = Path(__file__).resolve().parents[2]
FUNCTION = re.compile(r"pg_(try_)?advisory")


def test_each_key_is_another_one():
    assert len(Lock.__members__) == len({lock.value for lock in Lock}) > 5


def test_nobody_else_asks_for_such_a_lock():
    asking = [
        str(path.relative_to(ROOT))
        for folder in ("stores", "orders", "syncing", "tiposync", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sql", ".html") and FUNCTION.search(path.read_text())
    ]
    assert asking == ["stores/locks.py"]


def end_session() -> None:
    db.close()  # each thread has one of its own


@pytest.fixture
def other(transactional_db):
    """Another session."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda function, *given: pool.submit(function, *given).result()
        pool.submit(end_session).result()


def test_a_lock_of_a_session_is_held_by_one_until_it_is_freed(other):
    locks.acquire(Lock.TOKEN, 7)
    assert not other(locks.try_acquire, Lock.TOKEN, 7)
    assert other(locks.try_acquire, Lock.TOKEN, 8) and other(locks.try_acquire, Lock.JOB, 7)
    locks.free(Lock.TOKEN, 7)
    assert other(locks.try_acquire, Lock.TOKEN, 7)
    assert not locks.try_acquire(Lock.TOKEN, 7)
    other(end_session)  # as when a worker dies
    assert wait_until(lambda: locks.try_acquire(Lock.TOKEN, 7), 10)
    locks.free(Lock.TOKEN, 7)


def test_a_lock_of_a_transaction_ends_with_it(other):
    with transaction.atomic():
        locks.acquire_until_commit(Lock.LINKS, 3)
        assert not other(locks.try_acquire, Lock.LINKS, 3)
        assert locks.try_acquire_until_commit(Lock.WATCH)
        assert not other(locks.try_acquire, Lock.WATCH)
    assert other(locks.try_acquire, Lock.LINKS, 3) and other(locks.try_acquire, Lock.WATCH)


def test_an_id_of_any_size_has_a_lock(transactional_db):
    assert locks.try_acquire(Lock.JOB, 2**40 + 5)
    locks.free(Lock.JOB, 2**40 + 5)
