"""Pauses with an end: who resumes by itself, when, and what is found then; the reminder of those without."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.management import call_command
from django.db.models.functions import Now
from django.utils import timezone

from stores.models import Connection, SyncSwitch
from syncing import handlers, sweep
from syncing.connections import disconnecting, pausing
from syncing.models import Alert, AlertChannel, Heartbeat, SyncJob
from syncing.monitoring import alerts
from syncing.queue import heartbeats, jobs
from tests.support.console.rows import make_rows
from tests.support.minutes import sweep_minute

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


@pytest.fixture
def rows(settings):
    settings.ALERT_DIGEST_HOUR = 24
    heartbeats.beat()
    made = make_rows()
    Connection.objects.update(reconciled_at=timezone.now(), linked_at=timezone.now())
    return made


@pytest.fixture
def clock(monkeypatch):
    """The time of day, which a test sets."""
    times = [datetime(2026, 11, 30, 14, 30, tzinfo=UTC)]
    monkeypatch.setattr(timezone, "now", lambda: times[0])
    return times


def pausable(rows) -> list:
    return [rows.connection, rows.source, SyncSwitch.load()]


def reconciliations() -> list[str]:
    found = SyncJob.objects.filter(kind=SyncJob.Kind.RECONCILE, state="queued")
    return [job.arguments["trigger"] for job in found]


@pytest.mark.parametrize("number", range(3), ids=["connection", "store", "all syncing"])
def test_whatever_is_paused_until_an_instant_resumes_by_itself_and_is_compared(rows, number):
    row = pausable(rows)[number]
    pausing.pause(row, "ada", "the warehouse moves", timezone.now() + HOUR)
    assert row.is_paused and Connection.objects.get().why_inert()
    assert sweep.sweep() == []
    row.refresh_from_db()
    assert row.is_paused and reconciliations() == []
    type(row).objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    assert sweep.sweep() == []
    row.refresh_from_db()
    assert (row.is_paused, row.paused_until, row.paused_at) == (False, None, None)
    assert (row.paused_by, pausing.reason_of(row)) == ("", "")
    assert Connection.objects.get().why_inert() == ""
    assert reconciliations() == ["resume"]


def test_what_was_missed_while_paused_is_carried_after_it_resumed_by_itself(pair):
    world = pair("one_way")
    source, north = world.places
    pausing.pause(world.connections[0], "ada", "", timezone.now() + HOUR)
    world.sim.set(source.domain, source.variants[0].item_id, source.location_ids[0], 7)
    world.sim.webhooks.pending.pop(source.domain, None)  # no webhook tells of it
    sweep_minute(1)
    world.work()
    assert north.available() == 20
    world.tick(3700)
    sweep_minute(2)
    world.work()
    assert north.available() == 7


def test_a_pause_without_an_end_lasts_and_one_that_fails_keeps_no_other_paused(rows, monkeypatch, failed_duties):
    pausing.pause(rows.source, "ada")
    pausing.pause(rows.destination, "ada", "", timezone.now() + HOUR)
    pausing.pause(rows.connection, "ada", "", timezone.now() + HOUR)
    for row in (rows.destination, rows.connection):
        type(row).objects.filter(pk=row.pk).update(paused_until=timezone.now() - HOUR)
    real = pausing.resume

    def fail_for_the_store(row, **given):
        if row == rows.destination:
            raise ValueError("a fault of ours")
        return real(row, **given)

    monkeypatch.setattr(pausing, "resume", fail_for_the_store)
    assert sweep.sweep() == [heartbeats.PAUSES]
    failed_duties.clear()
    for row in (rows.source, rows.destination, rows.connection):
        row.refresh_from_db()
    assert [rows.source.is_paused, rows.destination.is_paused, rows.connection.is_paused] == [True, True, False]


def test_who_prolongs_a_pause_at_the_last_moment_is_not_overtaken(rows):
    pausing.pause(rows.connection, "ada", "", timezone.now() + HOUR)
    assert pausing.resume(rows.connection, due_by=timezone.now()) is None
    rows.connection.refresh_from_db()
    assert rows.connection.is_paused


@pytest.mark.parametrize("span", [timedelta(0), timedelta(days=-1), timedelta(days=93)])
def test_an_end_that_has_passed_or_is_far_away_is_refused(rows, span):
    with pytest.raises(ValueError, match="time has passed|92 days at most"):
        pausing.pause(rows.connection, "ada", "", timezone.now() + span)
    rows.connection.refresh_from_db()
    assert not rows.connection.is_paused


def test_tomorrow_is_that_of_the_time_zone(clock):
    assert pausing.tomorrow_morning(ZoneInfo("Europe/Berlin")) == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert pausing.tomorrow_morning(ZoneInfo("Asia/Tokyo")) == datetime(2026, 12, 1, 0, tzinfo=UTC)
    clock[0] = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)  # there it is tomorrow
    assert pausing.tomorrow_morning(ZoneInfo("Asia/Tokyo")) == datetime(2026, 12, 2, 0, tzinfo=UTC)


def test_after_a_restored_backup_no_end_of_an_old_pause_resumes_anything(rows):
    pausing.pause(SyncSwitch.load(), "ada", "", timezone.now() + HOUR)
    SyncSwitch.objects.update(paused_until=timezone.now() - HOUR)
    call_command("after_restore")
    pausing.resume_due()
    switch = SyncSwitch.load()
    assert (switch.is_stopped, switch.reason, switch.paused_until) == (True, "a backup was restored", None)


def test_who_is_connected_again_is_not_paused_any_more(rows):
    pausing.pause(rows.connection, "ada", "for good", timezone.now() + HOUR)
    Connection.objects.update(state="ended")
    disconnecting.connect_again(rows.connection)
    rows.connection.refresh_from_db()
    assert (rows.connection.is_paused, rows.connection.pause_reason, rows.connection.paused_until) == (False, "", None)


def remind(**span) -> list[str]:
    """Time passes; the mails that the sweep and the workers then send, without what other problems they tell of."""
    for model in (Connection, type(SyncSwitch.load())):
        for row in model.objects.exclude(paused_at=None):
            model.objects.filter(pk=row.pk).update(paused_at=row.paused_at - timedelta(**span))
    for message in alerts.AlertMessage.objects.all():
        type(message).objects.filter(pk=message.pk).update(created_at=message.created_at - timedelta(**span))
    Heartbeat.objects.update(beat_at=timezone.now())
    mail.outbox.clear()
    alerts.watch()
    SyncJob.objects.filter(state=SyncJob.State.QUEUED).update(due_at=Now() - timedelta(seconds=1))
    jobs.run_due(handlers.WORK, 5)
    return [message.subject for message in mail.outbox if "Still paused" in message.subject]


@pytest.mark.parametrize("digest", [False, True])
def test_of_a_pause_without_an_end_people_are_reminded_once_a_day(rows, digest):
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com", sends_digest=digest)
    pausing.pause(rows.connection, "ada", "prices are being changed")
    assert remind(hours=23) == []
    (subject,) = remind(hours=2)
    assert "The connection Main → North has been paused by ada" in subject
    assert "(prices are being changed)" in Alert.objects.get(kind="paused", resolved_at=None).message
    assert remind(hours=1) == []
    assert len(remind(hours=24)) == (0 if digest else 1)  # the digest of each day has it
    assert remind(hours=2) == []
    pausing.resume(rows.connection)
    assert remind(hours=25) == []
    assert not Alert.objects.filter(kind="paused", resolved_at=None).exists()


def test_nobody_is_reminded_of_what_resumes_by_itself(rows):
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com")
    pausing.pause(SyncSwitch.load(), "ada", "", timezone.now() + timedelta(days=9))
    assert remind(days=3) == []
    pausing.pause(SyncSwitch.load(), "ada")
    (subject,) = remind(days=3)
    assert "All syncing has been paused by ada" in subject
