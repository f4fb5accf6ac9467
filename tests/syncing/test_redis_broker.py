"""The broker in Redis: wake-ups leave after the commit, and a Redis that is away fails nothing and nobody."""

import io
import logging
import time

import pytest
from django.db import transaction
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from stores.models import Store
from syncing import doctor, jobs, problems, pulse, redis_broker
from syncing.models import Heartbeat, SyncJob
from tests.redis_server import PASSWORD, RedisServer
from tests.syncing.test_webhook_view import post, store  # noqa: F401  store is a fixture
from tiposync.logs import JsonFormatter

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings, monkeypatch):
    """The product with BROKER_URL set."""
    server = RedisServer()
    settings.BROKER_URL = server.url
    monkeypatch.setattr(Conf, "BROKER_CLASS", "syncing.redis_broker.RedisBroker")  # read once, at the start
    monkeypatch.setattr(redis_broker, "line", redis_broker.Line())
    yield server
    server.stop()


@pytest.fixture
def log():
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def broker() -> redis_broker.RedisBroker:
    """One whose first pulse has been taken."""
    made = redis_broker.RedisBroker()
    assert made.pulse()
    return made


def task_of(wake_ups) -> str:
    return SignedPackage.loads(wake_ups[0][1])["func"]


def check_a_store() -> None:
    jobs.check(Store.objects.create(domain="a.myshopify.com", role="source", client_id="a", client_secret="shpss_ab"))


def test_a_wake_up_waits_in_redis_and_is_taken_once(server):
    jobs.process_events()
    assert not OrmQ.objects.exists()
    one, other = broker(), broker()
    assert task_of(one.dequeue()) == "syncing.tasks.wake"
    assert other.dequeue() is None


def test_a_wake_up_leaves_after_the_commit_of_the_rows_it_is_about(server):
    with transaction.atomic():
        check_a_store()
        assert broker().queue_size() == 0
    assert broker().queue_size() == 1
    assert SyncJob.objects.count() == 1


def test_what_is_rolled_back_rings_nobody(server):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        check_a_store()
        raise ZeroDivisionError
    assert broker().queue_size() == 0


def test_without_workers_no_more_than_a_bounded_number_waits(server, monkeypatch):
    monkeypatch.setattr(redis_broker, "MOST_WAITING", 3)
    for _ in range(10):
        jobs.wake()
    assert broker().queue_size() == 3


def test_a_redis_that_is_away_fails_neither_the_webhook_nor_the_job_and_is_told_of(server, log, client, store):  # noqa: F811
    server.stop()
    assert post(client).status_code == 200
    jobs.wake()
    assert SyncJob.objects.get().kind == SyncJob.Kind.PROCESS_EVENTS  # the sweep finds it
    assert log.getvalue().count("Redis cannot be used") == 1
    assert PASSWORD not in log.getvalue()
    pulse.beat()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["problems"]) == (200, [])
    assert ready.json()["warnings"] == ["Redis (BROKER_URL) cannot be used: work starts late."]
    assert [problem.kind for problem in problems.find()] == ["redis_away"]


def test_while_redis_is_away_it_is_not_asked_by_every_request(server, monkeypatch):
    server.stop()
    jobs.wake()
    asked = []
    monkeypatch.setattr(redis_broker.RedisBroker, "_redis", lambda *_: asked.append(1))
    for _ in range(100):
        jobs.wake()
    assert asked == []


def test_when_redis_is_back_wake_ups_wait_there_again(server, log, client, monkeypatch):
    server.stop()
    jobs.wake()
    server.start()
    monkeypatch.setattr(redis_broker.line, "closed_until", 0.0)  # as if some seconds went by
    jobs.wake()
    assert broker().queue_size() == 1
    assert "Redis can be used again" in log.getvalue()
    Heartbeat.objects.filter(name=pulse.REDIS_AWAY).update(beat_at="2026-01-01T00:00:00Z")
    assert problems.find() == [] and client.get("/readyz").json()["warnings"] == []


def test_a_connection_that_redis_closed_meanwhile_loses_no_wake_up(server):
    jobs.wake()
    server.stop()
    server.start()
    jobs.wake()
    assert broker().queue_size() == 1
    assert not redis_broker.line.is_away


def test_while_redis_is_away_a_cluster_sweeps_by_itself(server, monkeypatch):
    monkeypatch.setattr(redis_broker, "WAIT_SECONDS", 0.01)
    waiting = broker()
    server.stop()
    assert waiting.dequeue() is None
    waiting._next_pulse_at = time.monotonic() - 1
    assert task_of(waiting.dequeue()) == "syncing.tasks.sweep"
    server.start()
    assert waiting.dequeue() is None
    waiting._next_pulse_at = time.monotonic() - 1
    assert task_of(waiting.dequeue()) == "syncing.tasks.beat"


@pytest.mark.parametrize("options", ["?no_such_option=1", "?max_connections=many"])
def test_an_address_with_options_that_do_not_exist_fails_no_request(server, settings, options):
    settings.BROKER_URL = server.url + options
    jobs.wake()
    assert redis_broker.line.is_away


def test_the_doctor_tells_whether_redis_answers(server):
    def told() -> doctor.Finding:
        (finding,) = doctor._broker()
        return finding

    assert told() == doctor.Finding("broker", doctor.GOOD, "Redis answers")
    server.stop()
    assert told().standing == doctor.WARNING and "BROKER_URL" in told().advice


def test_a_cluster_starts_without_redis(server):
    server.stop()
    assert broker().ping() is False
