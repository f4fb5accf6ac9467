"""`manage.py doctor` finds what is not right and says what to do; `rotate_keys` changes the key and nothing else."""

import contextlib
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
import responses
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db import connection as db
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import Schedule

from stores import history, roles
from stores.models import Store
from stores.models.fields import usable
from syncing.models import AlertChannel
from syncing.monitoring import doctor
from syncing.queue import heartbeats
from tests.support.console.rows import SECRET, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def healthy(settings, monkeypatch):
    """Everything as it should be."""
    settings.PUBLIC_URL = "https://sync.example.com"
    settings.DEBUG = True  # the settings of production are test_checks' business
    monkeypatch.setattr(doctor, "PRIVATE_LOG", {})  # the server of tests is nobody's: tests/security/test_database.py
    call_command("upsert_schedules", stdout=io.StringIO())
    roles.upsert()
    User.objects.create_superuser("ada")
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com")
    for name in heartbeats.scheduled():
        heartbeats.beat(name)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as shelf:
        shelf.add(responses.GET, "https://sync.example.com/healthz", body="OK")
        yield shelf


def found() -> dict[str, doctor.Finding]:
    """What is not good, by subject; the warning of DEBUG left out."""
    return {one.subject: one for one in doctor.examine() if one.grade != doctor.GOOD and "DEBUG" not in one.words}


def test_when_all_is_well_it_says_so(healthy):
    make_rows()
    printed = io.StringIO()
    call_command("doctor", stdout=printed)
    assert found() == {}
    assert "Nothing is wrong." in printed.getvalue()
    assert SECRET not in printed.getvalue()


def test_each_thing_that_is_wrong_comes_with_advice(healthy):
    rows = make_rows()
    Store.objects.filter(pk=rows.source.pk).update(status="disconnected", status_reason="The token was revoked.")
    make_job(rows.connection)
    Group.objects.get(name=roles.VIEWER).permissions.clear()
    User.objects.all().delete()
    healthy.replace(responses.GET, "https://sync.example.com/healthz", status=502)
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM syncing_heartbeat; DELETE FROM django_q_schedule; DELETE FROM syncing_alertchannel")
    wrong = found()
    assert set(wrong) == {
        *("schedules", "roles and history", "people", "workers", "address", "alerts", "job failed"),
        f"store {rows.source.domain}",
    }
    assert all(finding.advice for finding in wrong.values())
    assert wrong["address"].words == "https://sync.example.com/healthz answered 502"
    with pytest.raises(CommandError) as refused:
        call_command("doctor", stdout=io.StringIO())
    assert refused.value.returncode == 1


def _late_clock(monkeypatch, settings) -> None:
    monkeypatch.setattr(doctor.timezone, "now", lambda: datetime.now(UTC) + timedelta(seconds=30))


def _no_database(monkeypatch, settings) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(doctor.db, "cursor", refuse)


def _no_notifications(monkeypatch, settings) -> None:
    monkeypatch.setattr(doctor.broker, "receives_notifications", lambda: False)


@pytest.mark.parametrize(
    ("break_it", "subject", "grade", "advice"),
    [
        (lambda monkeypatch, settings: setattr(settings, "EMAIL_URL", ""), "settings", "warning", "Set EMAIL_URL="),
        (lambda monkeypatch, settings: setattr(settings, "PUBLIC_URL", ""), "settings", "WRONG", "Set it to the addr"),
        (_late_clock, "clock", "warning", "Have both set by NTP."),
        (_no_notifications, "wake-ups", "warning", "must pool sessions, not transactions"),
        (_no_database, "database", "WRONG", "Is DATABASE_URL right"),
        (
            lambda monkeypatch, settings: setattr(doctor, "LEAST_POSTGRESQL_VERSION", 99),
            "database",
            "WRONG",
            "Use 99 or newer",
        ),
    ],
)
def test_each_breakage_is_a_line_with_its_remedy(healthy, monkeypatch, settings, break_it, subject, grade, advice):
    monkeypatch.setattr(doctor, "LEAST_POSTGRESQL_VERSION", doctor.LEAST_POSTGRESQL_VERSION)  # put back at the end
    break_it(monkeypatch, settings)
    printed = io.StringIO()
    with contextlib.suppress(CommandError):
        call_command("doctor", stdout=printed)
    lines = printed.getvalue().splitlines()
    (number,) = [n for n, line in enumerate(lines) if re.match(rf"{grade}\s+{subject}: (?!DEBUG)", line)]
    assert advice in lines[number + 1]


def test_a_schedule_that_was_switched_off_is_missing(healthy):
    Schedule.objects.update(repeats=0)
    assert found()["schedules"].words == "not scheduled: sweep"


def test_asked_live_it_finds_a_revoked_token_and_subscriptions_that_point_elsewhere(healthy, simulator, source, north):
    healthy.add_passthru(simulator.base_url)
    for store in (source, north):
        simulator.subscribe(store.domain, "PRODUCTS_UPDATE", "https://old.example.com/webhooks/")
    simulator.shop(source.domain).add_location("Warehouse", at=simulator.clock.whole_seconds(), is_primary=True)
    simulator.uninstall(north.domain)
    live = {one.subject: one for one in doctor.examine(is_live=True) if one.grade != doctor.GOOD}
    elsewhere, revoked = live[f"store {source.domain}"], live[f"store {north.domain}"]
    assert "old.example.com" in elsewhere.words and "delete them in Shopify" in elsewhere.advice
    assert (revoked.grade, "Check store" in revoked.advice) == (doctor.WRONG, True)
    assert revoked.words.startswith("disconnected: ")


def test_a_missing_trigger_is_found(healthy):
    with db.cursor() as cursor:
        cursor.execute("DROP TRIGGER record_change ON stores_store")
    assert set(found()) == {"roles and history"}
    assert history.upsert_triggers() == len(history.WATCHED)
    assert found() == {}


def test_an_old_key_is_found_and_rotated_away(healthy, settings):
    rows = make_rows()
    AlertChannel.objects.create(name="Chat", kind="webhook", url="https://hooks.example.com/x")
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = ["a-new-key-for-tests-0123456789", *old]
    assert found()["credentials"].advice == "python manage.py rotate_keys"
    printed = io.StringIO()
    call_command("rotate_keys", stdout=printed)
    assert "3 credentials" in printed.getvalue()  # of two stores and a channel
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    assert found() == {}
    assert Store.objects.get(pk=rows.source.pk).client_secret == SECRET
    settings.CREDENTIAL_KEYS = old
    with pytest.raises(ImproperlyConfigured, match="its key is missing"):
        usable(Store.objects.get(pk=rows.source.pk).client_secret)
    assert found()["credentials"].grade == doctor.WRONG


def test_migrations_that_are_missing_end_the_examination(healthy):
    newest = MigrationRecorder.Migration.objects.filter(app="syncing").latest("name")
    MigrationRecorder.Migration.objects.filter(pk=newest.pk).delete()
    try:
        assert found()["migrations"].advice == "python manage.py migrate"
        assert "workers" not in {one.subject for one in doctor.examine()}
    finally:
        newest.save(force_insert=True)


def test_it_tells_when_access_ends_and_warns_of_a_paused_store_whose_access_grows_old(healthy):
    now = timezone.now()
    fields = {"client_id": "app", "client_secret": SECRET, "status": "ready", "token_expires_at": now}
    old = {"auth": "installed", "refresh_token": "shprt_x", "refresh_expires_at": now + timedelta(days=13)}
    Store.objects.create(domain="own.myshopify.com", role="source", **fields)
    paused = Store.objects.create(domain="far.myshopify.com", role="destination", is_paused=True, **fields, **old)
    told = {one.subject: one for one in doctor.examine()}
    assert "is renewed by itself" in told["access to own.myshopify.com"].words
    ends = told["access to far.myshopify.com"]
    assert f"until {paused.refresh_expires_at:%Y-%m-%d}, the app must be installed again" in ends.words
    assert (ends.grade, "Check store" in ends.advice) == (doctor.WARNING, True)
