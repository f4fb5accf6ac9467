"""Wake-ups as rows that PostgreSQL tells of: told at the commit, looked for seldom, found though nobody told."""

import threading
import time

import pytest
from django.db import connection as db
from django.db import transaction
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from stores import locks
from stores.locks import Lock
from syncing.models import SyncJob
from syncing.queue import broker as brokers
from syncing.queue import enqueue, jobs, watchdog
from syncing.queue.broker import LISTENING_SECONDS, LONGEST_WAIT_SECONDS, Attention, NotifiedBroker

POLL_SECONDS = 0.5

# When the rows are looked at


@pytest.fixture
def attention():
    return Attention(POLL_SECONDS)


def test_rows_are_looked_at_often_until_a_notification_was_seen_to_arrive(attention):
    attention.note_empty(100)
    assert not attention.is_due(100.4)
    assert attention.is_due(100 + POLL_SECONDS)


def test_once_told_the_rows_are_looked_at_at_once_and_then_seldom(attention):
    attention.note_empty(100)
    attention.note_notified()
    assert attention.is_due(100)
    assert attention.seconds_to_wait(100) == 0
    attention.note_found(0.01, 100)
    assert not attention.is_due(100)  # whoever was woken runs what comes next
    assert attention.is_due(100 + attention.seconds_to_wait(100))  # another may be behind it
    attention.note_empty(100)
    assert attention.seconds_to_wait(100) == LONGEST_WAIT_SECONDS
    assert not attention.is_due(100 + LISTENING_SECONDS - 0.1)
    assert attention.is_due(100 + LISTENING_SECONDS)


def test_a_row_that_was_told_of_before_its_time_is_looked_for_then_whatever_else_is_found(attention):
    attention.note_notified()
    attention.note_empty(100)
    attention.note_notified(due_at=101)
    attention.note_notified(due_at=102)
    assert not attention.is_due(100.9)
    attention.note_notified()
    attention.note_found(0.01, 100.5)
    attention.note_empty(100.6)
    assert not attention.is_due(100.9)
    assert attention.seconds_to_wait(100.9) == pytest.approx(0.1)
    assert attention.is_due(101)
    attention.note_found(0.01, 101)
    attention.note_empty(101.1)
    assert not attention.is_due(101.9)
    assert attention.is_due(102)
    attention.note_empty(102)
    assert not attention.is_due(106.9)
    assert attention.is_due(102 + LISTENING_SECONDS)


def test_a_row_that_nobody_told_of_has_the_rows_looked_at_often_again(attention):
    attention.note_notified()
    attention.note_empty(100)
    attention.note_found(0.02, 100)  # its notification is on its way
    assert attention.is_notified
    attention.note_empty(110)
    attention.note_found(3, 115)
    assert not attention.is_notified
    attention.note_empty(120)
    assert attention.is_due(120 + POLL_SECONDS)


def test_a_row_behind_one_that_was_told_of_waited_for_no_notification(attention):
    attention.note_notified()
    attention.note_found(0.1, 100)
    attention.note_found(30, 130)
    assert attention.is_notified


def test_after_the_database_was_away_nobody_listens_any_more(attention):
    attention.note_notified()
    attention.note_away(100)
    assert not attention.is_notified
    assert not attention.is_due(100.5)
    assert attention.is_due(101)


# Rows


@pytest.fixture
def broker(transactional_db, settings, monkeypatch):
    """One that beats nothing, hands out all at once, and has looked once."""
    monkeypatch.setattr(brokers, "PACE_SECONDS", 0)
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"poll": 60}
    made = NotifiedBroker(settings.Q_CLUSTER["name"])
    made._next_beat_at = float("inf")
    assert claim(made) == []
    return made


def claim(broker):
    """Ids of what it finds without waiting for more than a notification on its way."""
    found = []
    for _ in range(200):
        if wake_ups := broker.dequeue():
            found += [pk for pk, _ in wake_ups]
        elif not broker.attention.is_due(time.monotonic()):
            break
    return found


def elsewhere(work):
    """Do this in another session, as another process would."""

    def do():
        try:
            work()
        finally:
            db.close()

    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


def payload_of(pk):
    return SignedPackage.loads(OrmQ.objects.get(pk=pk).payload)


def test_a_wake_up_for_later_is_found_when_it_is_due_and_occupies_no_worker_before(broker):
    seconds = 2.0
    elsewhere(jobs.wake)
    assert len(claim(broker) or claim(broker)) == 1
    began = time.monotonic()
    elsewhere(lambda: enqueue.process_events(seconds))
    assert jobs.run_due({}, 5) == 0  # a worker that comes meanwhile does not wait for it
    found = []
    while not found and time.monotonic() - began < LISTENING_SECONDS - 1:
        found = claim(broker)
    assert len(found) == 1
    assert time.monotonic() - began >= seconds
    assert broker.attention.is_notified
    ran = []
    assert jobs.run_due({SyncJob.Kind.PROCESS_EVENTS: ran.append}, 1) == 1


def test_a_wake_up_is_notified_of_when_its_transaction_commits(broker):
    def commit():
        with transaction.atomic():
            enqueue.process_events()
            jobs.wake()

    def roll_back():
        with transaction.atomic():
            jobs.wake()
            transaction.set_rollback(True)

    elsewhere(roll_back)
    assert claim(broker) == []
    elsewhere(commit)
    first, second = claim(broker) or claim(broker)
    assert payload_of(first)["func"] == brokers.WAKE
    assert broker.attention.is_notified
    assert claim(broker) == []  # claimed, until somebody acknowledges or QUEUE_RETRY has passed
    broker.acknowledge(first)
    assert OrmQ.objects.get().pk == second


def test_of_two_clusters_that_are_told_one_gets_it(broker, settings):
    other = NotifiedBroker(settings.Q_CLUSTER["name"])
    other._next_beat_at = float("inf")
    jobs.wake()
    assert len(claim(broker) + claim(other)) == 1


def test_a_wake_up_whose_notification_was_lost_is_found_by_the_next_look(broker):
    broker.attention.is_notified = True
    broker.attention.note_empty(time.monotonic())
    OrmQ.objects.create(key=broker.list_key, payload=watchdog.package("wake"), lock="2020-01-01T00:00:00Z")
    assert claim(broker) == []
    broker.attention._next_poll_at = 0.0
    assert len(claim(broker)) == 1
    assert not broker.attention.is_notified  # so the rows are looked at often, until somebody tells again


def test_a_session_that_was_cut_is_opened_again_and_listens_again(broker, monkeypatch):
    monkeypatch.setattr(brokers, "AWAY_SECONDS", 0)
    with db.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()

    def cut():
        with db.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    elsewhere(cut)
    assert broker.dequeue() is None
    assert claim(broker) == []
    elsewhere(jobs.wake)
    assert claim(broker) or claim(broker)
    assert broker.attention.is_notified


def test_a_thousand_wake_ups_are_a_few_and_what_does_more_than_ring_stays(broker, monkeypatch):
    monkeypatch.setattr(brokers, "MOST_WAITING_ROWS", 8)
    for _ in range(50):
        jobs.wake()
    broker.enqueue(watchdog.package("sweep"))
    for _ in range(10):
        jobs.wake()
    assert broker.dequeue() or broker.dequeue()  # told, then found
    assert OrmQ.objects.count() == 1 + 8 + 1  # what was claimed, what waits, the sweep
    assert "syncing.tasks.sweep" in {payload_of(pk)["func"] for pk in OrmQ.objects.values_list("pk", flat=True)}


@pytest.mark.django_db(transaction=True)
def test_a_job_that_enqueues_another_keeps_its_session_and_with_it_its_lock():
    """However old the session is: freed, the lock would have others take the job for a dead worker's."""
    kept = []

    def work(job):
        db.close_at = time.monotonic() - 1  # CONN_MAX_AGE is over
        jobs.enqueue(SyncJob.Kind.FORGET, "another")
        elsewhere(lambda: kept.append(not locks.try_acquire(Lock.JOB, job.pk)))

    jobs.enqueue(SyncJob.Kind.CHECK_STORE, "store 1")
    jobs.run_due({SyncJob.Kind.CHECK_STORE: work, SyncJob.Kind.FORGET: lambda job: None})
    assert kept == [True]
