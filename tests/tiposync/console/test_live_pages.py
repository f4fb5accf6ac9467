"""Pages that follow by themselves what workers do: whenever that ends, the page shows the end or is fetched again.

The end may come between any two statements of a page that is being drawn. A page that saw the row before it and the
job after it would show neither, and stand there for ever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection as db
from django.utils import timezone

from stores.models import Connection, Store, VariantLink
from syncing.models import SyncJob
from tests.support.console.press import look_at, page_of
from tests.support.console.rows import make_link, make_rows
from tests.support.thoroughness import IS_LONG

pytestmark = pytest.mark.django_db(transaction=True)

FETCHED_AGAIN = 'hx-trigger="every 2s"'
Kind, State = SyncJob.Kind, SyncJob.State


@pytest.fixture
def rows():
    rows = make_rows()
    long_ago = timezone.now() - timedelta(days=1)
    Connection.objects.filter(pk=rows.connection.pk).update(started_at=long_ago)
    rows.connection.refresh_from_db()
    ContentType.objects.get_for_model(Connection)  # looked up once per process
    return rows


def begin(kind: str, **about) -> SyncJob:
    return SyncJob.objects.create(kind=kind, state=State.RUNNING, due_at=timezone.now(), **about)


def end(job: SyncJob) -> None:
    SyncJob.objects.filter(pk=job.pk).update(state=State.SUCCEEDED)


@contextmanager
def at_statement(number: int, happens: Callable[[], None]) -> Iterator[list[bool]]:
    """Have something happen right before a statement; whether it has is in the list."""
    seen, happened = [0], []

    def watch(execute, *args):
        seen[0] += 1
        if seen[0] == number:
            happened.append(True)
            happens()
        return execute(*args)

    with db.execute_wrapper(watch):
        yield happened


def assert_it_follows(client, url: str, begins: Callable[[], Callable[[], None]], shows_end: Callable) -> None:
    """Draw the page again and again, and let the work end right before another of its statements each time."""
    begins()
    assert FETCHED_AGAIN in look_at(client, url)
    for number in range(1, 500, 1 if IS_LONG else 3):  # no pattern of two hides in a third
        with at_statement(number, begins()) as happened:
            page = look_at(client, url)
        if not happened:
            break
        assert FETCHED_AGAIN in page or shows_end(page), f"stands still when the work ends before statement {number}"
    assert number > 10


@pytest.fixture
def begins_to_start(rows):
    """Begins the start of the connection anew; the answer ends it."""

    def begins() -> Callable[[], None]:
        SyncJob.objects.all().delete()
        Connection.objects.filter(pk=rows.connection.pk).update(state=Connection.State.READY)
        job = begin(Kind.START_CONNECTION, connection=rows.connection)
        return lambda: (rows.connection.start(), end(job))

    return begins


def test_the_page_of_a_connection_follows_its_start(admin_client, rows, begins_to_start):
    def is_started(page):
        return "Steps until it is started" not in page and ">Pause …</a>" in page

    assert_it_follows(admin_client, page_of(rows.connection), begins_to_start, is_started)


def test_who_has_just_started_a_connection_sees_its_numbers_move(admin_client, rows):
    running = Connection.objects.filter(pk=rows.connection.pk)
    running.update(started_at=timezone.now())
    assert FETCHED_AGAIN in look_at(admin_client, page_of(rows.connection))
    running.update(started_at=timezone.now() - timedelta(minutes=5))
    assert FETCHED_AGAIN not in look_at(admin_client, page_of(rows.connection))


def test_the_page_of_a_connection_follows_its_matching(admin_client, rows):
    Connection.objects.filter(pk=rows.connection.pk).update(state=Connection.State.READY)

    def begins():
        SyncJob.objects.all().delete()
        VariantLink.objects.all().delete()
        job = begin(Kind.MATCH_CONNECTION, connection=rows.connection)
        return lambda: (make_link(rows.connection, "Cup", "CUP"), end(job))

    def is_matched(page):
        return 'Match the products</b> <span class="console-pill console-good">done' in page

    assert_it_follows(admin_client, page_of(rows.connection), begins, is_matched)


def test_the_page_of_a_store_follows_its_check(admin_client, rows):
    store = Store.objects.filter(pk=rows.source.pk)

    def begins():
        SyncJob.objects.all().delete()
        store.update(status=Store.Status.NEW, check_report=[])
        job = begin(Kind.CHECK_STORE, store=rows.source)
        report = [{"ok": True, "name": "Answers", "message": "It answers."}]
        return lambda: (store.update(status=Store.Status.READY, check_report=report), end(job))

    assert_it_follows(admin_client, page_of(rows.source), begins, lambda page: "It answers." in page)


def test_the_dashboard_follows_a_check(admin_client, rows):
    Connection.objects.all().update(state=Connection.State.READY)
    store = Store.objects.filter(pk=rows.source.pk)

    def begins():
        SyncJob.objects.all().delete()
        store.update(status=Store.Status.NEW)
        job = begin(Kind.CHECK_STORE, store=rows.source)
        return lambda: (store.update(status=Store.Status.READY), end(job))

    def is_checked(page):
        return 'Check both stores</b> <span class="console-pill console-good">done' in page

    assert_it_follows(admin_client, "/admin/", begins, is_checked)


def test_the_dashboard_follows_a_start(admin_client, begins_to_start):
    assert_it_follows(admin_client, "/admin/", begins_to_start, lambda page: "What to do next" not in page)
