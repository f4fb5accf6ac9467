"""The minute's sweep: a duty that fails stops no other, and is told of; neither does a row within a duty."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection as db
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stores import locks
from stores.locks import Lock
from stores.models import Connection
from syncing import fence, sweep
from syncing.models import Alert, AlertChannel, AlertMessage, Heartbeat, SyncJob, WebhookEvent
from syncing.monitoring import alerts, service_problems
from syncing.queue import enqueue, heartbeats
from syncing.upkeep import retention
from tests.support.console.rows import make_event, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timedelta(hours=1)
TOKEN = "a-token-for-prometheus"


def raise_fault() -> None:
    raise ValueError("a fault of ours")


@pytest.fixture(autouse=True)
def token(settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def read_metrics(client) -> list[str]:
    return client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode().splitlines()


@pytest.fixture
def beaten(failed_duties) -> Iterator[None]:
    """All is well, and these tests expect failures."""
    heartbeats.beat()
    assert sweep.sweep() == []
    yield
    failed_duties.clear()


def beats_since(at) -> set[str]:
    return set(Heartbeat.objects.filter(beat_at__gt=at).values_list("name", flat=True))


def told() -> dict[str, str]:
    """Open alerts about scheduled work: name to words."""
    open_ones = Alert.objects.filter(kind=Alert.Kind.HEARTBEAT_MISSED, resolved_at=None)
    return dict(open_ones.values_list("subject", "message"))


def test_each_duty_has_a_heartbeat_and_what_watches_comes_first():
    assert tuple(sweep.DUTIES) == heartbeats.DUTIES
    assert {heartbeats.QUEUE, heartbeats.SWEEP, *heartbeats.DUTIES} == set(heartbeats.scheduled())
    assert heartbeats.DUTIES[0] == heartbeats.ALERTS


@pytest.mark.parametrize("name", heartbeats.DUTIES)
def test_a_duty_that_fails_stops_no_other_and_is_told_of(name, beaten, client, monkeypatch, caplog):
    began = timezone.now()
    with monkeypatch.context() as broken:
        broken.setitem(sweep.DUTIES, name, raise_fault)
        assert sweep.sweep() == [name]
        assert sweep.sweep() == [name]
        assert beats_since(began) & {heartbeats.SWEEP, *heartbeats.DUTIES} == {heartbeats.SWEEP, *heartbeats.DUTIES} - {
            name
        }
        assert "a fault of ours" in caplog.text and "Traceback" in caplog.text
        assert client.get("/readyz").status_code == 200  # not yet
        Heartbeat.objects.filter(name=name).update(beat_at=began - LONG_AGO)
        answer = client.get("/readyz")  # which sounds the alarm, too: were it the alerts that fail
        assert answer.status_code == 503
        (reason,) = answer.json()["problems"]
        assert f"“{service_problems.name_of_duty(name)}”" in reason and "a fault of ours" not in reason
        assert list(told()) == [name] and "ValueError: a fault of ours" in told()[name]
        lines = read_metrics(client)
        assert f'tiposync_duty_failures_total{{name="{name}"}} 2' in lines
    assert sweep.sweep() == []
    if name == heartbeats.ALERTS:  # it ran before its own success was written down
        sweep.sweep()
    assert told() == {}
    assert client.get("/readyz").status_code == 200
    assert sweep.sweep() == []


def end_the_session() -> None:
    with db.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def leave_a_broken_transaction() -> None:
    with db.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT nothing_of_this_name")


def leave_an_open_transaction() -> None:
    with db.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE syncing_heartbeat")
    raise_fault()


def leave_autocommit_off() -> None:
    db.set_autocommit(False)
    raise_fault()


def close_the_connection_underneath() -> None:
    db.ensure_connection()
    db.connection.close()
    with db.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.parametrize(
    "fault",
    [
        end_the_session,
        leave_a_broken_transaction,
        leave_an_open_transaction,
        leave_autocommit_off,
        close_the_connection_underneath,
    ],
)
@pytest.mark.parametrize("name", [heartbeats.ALERTS, heartbeats.STOCK, heartbeats.RETENTION])
def test_a_duty_that_breaks_the_database_session_stops_no_other(name, fault, beaten, monkeypatch):
    began = timezone.now()
    monkeypatch.setitem(sweep.DUTIES, name, fault)
    assert sweep.sweep() == [name]
    assert beats_since(began) == {heartbeats.SWEEP, *heartbeats.DUTIES} - {name}
    assert name in heartbeats.failing()
    assert db.get_autocommit()


def test_every_duty_may_fail_at_once(beaten, client, monkeypatch):
    for name in heartbeats.DUTIES:
        monkeypatch.setitem(sweep.DUTIES, name, end_the_session)
    assert sweep.sweep() == list(heartbeats.DUTIES)
    assert heartbeats.failing() == set(heartbeats.DUTIES)
    Heartbeat.objects.filter(name__in=heartbeats.DUTIES).update(beat_at=timezone.now() - LONG_AGO)
    assert len(client.get("/readyz").json()["problems"]) == len(heartbeats.DUTIES)


@pytest.mark.parametrize("name", [heartbeats.COUNTERS, heartbeats.RETENTION])
def test_a_duty_that_waits_for_a_lock_keeps_no_other_waiting(name, beaten, monkeypatch):
    monkeypatch.setattr(sweep, "STATEMENT_SECONDS", 0.3)
    monkeypatch.setitem(sweep.DUTIES, name, lambda: locks.acquire(Lock.TOKEN, 1))
    with ThreadPoolExecutor(1) as other:
        other.submit(locks.acquire, Lock.TOKEN, 1).result()
        assert sweep.sweep() == [name]
        other.submit(lambda: db.close()).result()
    assert "OperationalError" in told()[name]
    with db.cursor() as cursor:  # what comes after the sweep may take its time
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_after_a_rest_the_sweep_is_missed_and_not_each_of_its_duties(beaten, client):
    Heartbeat.objects.update(beat_at=timezone.now() - LONG_AGO)
    heartbeats.beat()  # as the first wake-up does
    (reason,) = client.get("/readyz").json()["problems"]
    assert "“sweep”" in reason and list(told()) == [heartbeats.SWEEP]
    sweep.sweep()
    sweep.sweep()
    assert told() == {} and client.get("/readyz").status_code == 200


def test_a_release_that_brings_a_duty_does_not_miss_it_at_once(beaten, client):
    heartbeats.beat(heartbeats.INSTALLED)
    Heartbeat.objects.filter(name=heartbeats.INSTALLED).update(beat_at=timezone.now() - timedelta(days=100))
    Heartbeat.objects.filter(name=heartbeats.IMAGES).delete()
    assert client.get("/readyz").status_code == 503
    call_command("upsert_schedules", stdout=StringIO())
    assert client.get("/readyz").status_code == 200


def fail_for(monkeypatch, module: object, name: str, is_bad: Callable[..., bool]) -> None:
    """Have a function fail for some of what it is called with."""
    real = getattr(module, name)

    def work(*given: object, **named: object) -> object:
        if is_bad(*given):
            raise_fault()
        return real(*given, **named)

    monkeypatch.setattr(module, name, work)


def test_one_connection_that_cannot_be_asked_for_keeps_no_other_waiting(pair, monkeypatch, failed_duties):
    world = pair(destinations=3)
    first, second, third = Connection.objects.order_by("pk")
    Connection.objects.update(reconciled_at=None)
    fail_for(monkeypatch, enqueue, "reconcile", lambda connection: connection == second)
    SyncJob.objects.all().delete()
    assert sweep.sweep() == [heartbeats.RECONCILIATIONS]
    asked = SyncJob.objects.filter(kind=SyncJob.Kind.RECONCILE).values_list("connection", flat=True)
    assert set(asked) == {first.pk, third.pk}
    assert f"connection {second.pk}" in told()[heartbeats.RECONCILIATIONS]
    world.work()
    failed_duties.clear()


def test_one_table_that_cannot_be_pruned_keeps_no_other(failed_duties, monkeypatch):
    rows = make_rows()
    old = timezone.now() - timedelta(days=31)
    WebhookEvent.objects.filter(pk=make_event(rows.source).pk).update(received_at=old)
    job = make_job(rows.connection)
    SyncJob.objects.filter(pk=job.pk).update(finished_at=old)
    fail_for(monkeypatch, retention, "_remove_some", lambda found: found.model is WebhookEvent)
    with pytest.raises(fence.SomeFailed, match="webhook"):
        retention.prune()
    assert WebhookEvent.objects.exists() and not SyncJob.objects.filter(pk=job.pk).exists()


def test_where_the_database_is_away_the_rest_is_not_tried(monkeypatch):
    tried = []
    monkeypatch.setitem(db.settings_dict, "NAME", "not_there")
    try:
        with pytest.raises(Exception, match="not_there"):
            fence.each([1, 2, 3], lambda number: (tried.append(number), db.close(), end_the_session()), str)
    finally:
        monkeypatch.undo()
        db.close()
    assert tried == [1]


def test_a_finder_that_fails_hides_nothing_and_ends_no_alert(monkeypatch):
    rows = make_rows()
    job = make_job(rows.connection)
    alerts.watch()
    assert set(Alert.objects.filter(resolved_at=None).values_list("kind", flat=True)) == {"job_failed"}

    def search(now) -> Iterator[service_problems.Problem]:
        with db.cursor() as cursor:
            cursor.execute("SELECT nothing_of_this_name")
        yield

    others = tuple(finder for finder in service_problems.FINDERS if finder.__name__ != "failed_jobs")
    search.__name__ = "failed_jobs"
    with monkeypatch.context() as broken:
        broken.setattr(service_problems, "FINDERS", (search, *others))
        make_event(rows.source, state="failed", reason="It cannot be read.")
        alerts.watch()
    still = Alert.objects.filter(resolved_at=None)
    assert set(still.values_list("kind", flat=True)) == {"job_failed", "event_failed", "heartbeat_missed"}
    assert "failed jobs" in told()["alerts: failed jobs"]
    SyncJob.objects.filter(pk=job.pk).delete()
    alerts.watch()
    assert set(still.values_list("kind", flat=True)) == {"event_failed"}


def test_a_problem_with_words_of_any_kind_is_told_beside_the_others(monkeypatch):
    rows = make_rows()
    make_job(rows.connection)
    odd = service_problems.Problem("catalogue", "long " * 100, "Shopify said \x00.", "/admin/" + "x" * 300)
    monkeypatch.setattr(service_problems, "FINDERS", (lambda now: [odd], *service_problems.FINDERS))
    alerts.watch()
    alerts.watch()
    assert set(Alert.objects.values_list("kind", flat=True)) == {"catalogue", "job_failed"}
    assert Alert.objects.count() == 2


def test_a_channel_that_cannot_be_told_keeps_no_other_from_it(monkeypatch):
    rows = make_rows()
    make_job(rows.connection)
    for name in ("a", "b", "c"):
        AlertChannel.objects.create(name=name, addresses=f"{name}@example.com", sends_digest=False)
    fail_for(monkeypatch, alerts, "_compose_due", lambda channel, now: channel.name == "b")
    with pytest.raises(ValueError, match="a fault of ours"):
        alerts.watch()
    assert set(AlertMessage.objects.values_list("channel__name", flat=True)) == {"a", "c"}
    assert SyncJob.objects.filter(kind=SyncJob.Kind.SEND_ALERTS, state="queued").exists()


def test_a_message_that_meets_a_fault_of_ours_keeps_no_other_back(monkeypatch, mailoutbox):
    rows = make_rows()
    make_job(rows.connection)
    for name in ("a", "b", "c"):
        AlertChannel.objects.create(name=name, addresses=f"{name}@example.com", sends_digest=False)
    alerts.watch()
    fail_for(monkeypatch, alerts, "send", lambda message: message.channel.name == "a")
    with pytest.raises(ValueError, match="a fault of ours"):
        alerts.send_pending()
    assert [mail.to for mail in mailoutbox] == [["b@example.com"], ["c@example.com"]]


def test_without_a_database_the_probe_says_so(beaten, client, monkeypatch):
    db.close()
    with monkeypatch.context() as away:
        away.setitem(db.settings_dict, "NAME", "not_there")
        answer = client.get("/readyz")
        db.close()
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "problems": ["The database does not answer (OperationalError)."],
        "warnings": [],
    }
    assert client.get("/readyz").status_code == 200


def test_an_alarm_that_fails_is_no_error_page(beaten, client, monkeypatch):
    Heartbeat.objects.filter(name=heartbeats.STOCK).update(beat_at=timezone.now() - LONG_AGO)
    monkeypatch.setattr(service_problems, "find_problems", end_the_session)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and "“stock”" in answer.json()["problems"][0]


def test_metrics_tell_of_all_scheduled_work_and_of_nothing_else(client):
    for name in (heartbeats.INSTALLED, heartbeats.RESTARTED, alerts.ALARM):
        heartbeats.beat(name)
    sweep.sweep()
    Heartbeat.objects.filter(name=heartbeats.IMAGES).delete()
    lines = read_metrics(client)
    ages = dict(line.rsplit(" ", 1) for line in lines if line.startswith("tiposync_heartbeat_age_seconds"))
    assert set(ages) == {f'tiposync_heartbeat_age_seconds{{name="{name}"}}' for name in heartbeats.scheduled()}
    assert float(ages['tiposync_heartbeat_age_seconds{name="retention"}']) < 60
    assert float(ages['tiposync_heartbeat_age_seconds{name="images"}']) > 1e9  # it never happened


ORDERS = (heartbeats.ORDER_COPIES, heartbeats.ORDER_CHANGES, heartbeats.ORDER_MAILS)


def test_looking_for_orders_costs_the_same_however_many_connections_there_are(world):
    source = world.add_store("source", "source", 1, 20)
    counts = []
    for number in range(3):
        world.connect(source, world.add_store(f"north-{number}", "destination", 1, 20), "order")
        with CaptureQueriesContext(db) as captured:
            for name in ORDERS:
                sweep.DUTIES[name]()
        counts.append(len(captured))
    assert counts[0] == counts[1] == counts[2]
