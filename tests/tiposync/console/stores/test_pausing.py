"""Pausing at the console: the form (why, until when), the banner on every page with the time left, who may do it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from stores import roles
from stores.models import ConfigurationChange, Connection, Store, StoreLimit, SyncSwitch
from syncing import sweep
from syncing.connections import pausing
from syncing.models import SyncJob
from tests.support.console.people import member_of
from tests.support.console.press import follow, forms_with, list_of, look_at, page_of, pause, press
from tests.support.console.rows import NASTY, make_rows, make_store
from tests.tiposync.console.stores.test_switch import switch_page
from tiposync.console.models import Preferences

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 30, 14, 30, tzinfo=UTC)


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    made = make_rows()
    Connection.objects.update(reconciled_at=NOW, linked_at=NOW)
    ConfigurationChange.objects.all().delete()
    return made


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize(
    ("entered", "until"),
    [
        ({}, None),
        ({"until": "hour"}, NOW + timedelta(hours=1)),
        ({"until": "tomorrow"}, datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ({"until": "chosen", "at": "2026-12-05T18:15"}, datetime(2026, 12, 5, 18, 15, tzinfo=UTC)),
        ({"at": "2026-12-05T18:15"}, datetime(2026, 12, 5, 18, 15, tzinfo=UTC)),
    ],
)
def test_a_pause_lasts_until_what_was_chosen(admin_client, rows, entered, until):
    pause(admin_client, rows.connection, reason="Prices are being changed", **entered)
    rows.connection.refresh_from_db()
    assert (rows.connection.is_paused, rows.connection.paused_until) == (True, until)
    assert (rows.connection.paused_by, rows.connection.pause_reason) == ("admin", "Prices are being changed")


@pytest.mark.parametrize(
    ("entered", "hour"), [({"until": "tomorrow"}, 8), ({"until": "chosen", "at": "2026-12-01T18:15"}, 17)]
)
def test_times_are_meant_and_told_in_the_users_zone(admin_client, admin_user, rows, entered, hour):
    Preferences.objects.create(user=admin_user, time_zone="Europe/Berlin")
    page = pause(admin_client, rows.connection, **entered)
    rows.connection.refresh_from_db()
    assert rows.connection.paused_until.astimezone(UTC).hour == hour
    assert f"at 2026-12-01 {hour + 1:02}:{15 if 'at' in entered else 0:02} Europe/Berlin, in" in words_of(page)


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"until": "chosen"}, "enter the date and the time"),
        ({"until": "chosen", "at": "soon"}, "enter the date and the time"),
        ({"until": "chosen", "at": "2026-11-30T14:30"}, "has passed"),
        ({"until": "chosen", "at": "0001-01-01T00:00"}, "has passed"),
        ({"until": "chosen", "at": "9999-12-31T23:59"}, "92 days at most"),
    ],
)
def test_what_makes_no_sense_is_refused_and_what_was_entered_stays(admin_client, rows, entered, words):
    for page in (
        pause(admin_client, rows.source, reason="Moving house", **entered),
        press(admin_client, switch_page(admin_client), "Pause all syncing", reason="Moving house", **entered),
    ):
        assert f"Nothing is paused: {words}" in page.replace("that time ", "").replace("a pause with an end lasts ", "")
        assert 'value="Moving house"' in page and 'value="chosen" checked' in page
        assert f'value="{entered.get("at", "")}"' in page
    assert not Store.objects.filter(is_paused=True).exists() and not SyncSwitch.load().is_stopped


def test_every_page_says_who_paused_what_why_and_until_when(admin_client, rows):
    pause(admin_client, rows.connection, reason=NASTY, until="tomorrow")
    pause(admin_client, rows.source, reason="The warehouse moves")
    urls = ["/admin/", list_of("stores_variantlink"), page_of(rows.link), page_of(rows.source, "history")]
    for url in urls:
        page = look_at(admin_client, url)
        said = words_of(page)
        assert "The connection Main → North is paused by admin: " in said and NASTY not in page, url
        assert "It resumes by itself at 2026-12-01 09:00 UTC, in 18 hours, 30 minutes." in said, url
        assert 'datetime="2026-12-01T09:00:00+00:00" data-until' in page, url
        assert "The store Main is paused by admin: The warehouse moves. It stays paused until somebody" in said, url
        assert f'href="{page_of(rows.source)}"><b>Look at it' in page, url
    press(admin_client, page_of(rows.connection), "Resume")
    press(admin_client, page_of(rows.source), "Resume")
    assert "is paused by" not in look_at(admin_client, "/admin/")


def test_many_pauses_are_three_lines_and_a_way_to_the_others(admin_client, rows):
    for number in range(5):
        pausing.pause(make_store(f"South {number}", "destination"), "ada")
    page = look_at(admin_client, "/admin/")
    assert page.count("is paused by ada") == 3
    assert f'{list_of("stores_store")}?is_paused__exact=1"><b>All paused stores' in page


def test_who_is_limited_to_some_stores_hears_of_their_pauses_only(rows):
    agent = member_of(roles.SUPPORT)
    limit = StoreLimit.objects.create(user_id=agent.session["_auth_user_id"])
    limit.stores.add(rows.source)
    pausing.pause(rows.destination, "ada", "a secret of others")
    pausing.pause(rows.source, "ada", "known here")
    page = look_at(agent, "/admin/")
    assert "known here" in page and "a secret of others" not in page
    assert "Pause …" not in look_at(agent, page_of(rows.source))  # its connection leads to a store that is not seen


def test_agents_pause_with_an_end_and_managers_resume_and_all_of_it_is_recorded(rows):
    agent, manager = member_of(roles.SUPPORT), member_of(roles.MANAGER)
    for row in (rows.connection, rows.source):
        pause(agent, row, until="hour", reason="Looking into it")
        assert not forms_with(look_at(agent, page_of(row)), "Resume")
    press(agent, switch_page(agent), "Pause all syncing", until="hour", reason="Fire")
    changes = list(ConfigurationChange.objects.filter(author="support-agent").order_by("pk"))
    assert [(one.author, one.table) for one in changes] == [
        ("support-agent", f"stores_{name}") for name in ("connection", "store", "syncswitch")
    ]
    assert changes[0].fields == {
        "is_paused": [False, True],
        "pause_reason": ["", "Looking into it"],
        "paused_until": [None, "2026-11-30T15:30:00+00:00"],
    }
    assert "Looking into it" in look_at(manager, list_of("stores_configurationchange"))
    assert {entry.user.username for entry in LogEntry.objects.all()} == {"support-agent"}
    press(manager, switch_page(manager), "Resume all syncing")
    press(manager, page_of(rows.source), "Resume")
    assert [one.author for one in ConfigurationChange.objects.order_by("-pk")[:2]] == ["manager"] * 2


def test_who_resumes_by_itself_is_recorded_as_the_worker(admin_client, rows, monkeypatch):
    pause(admin_client, rows.connection, until="hour")
    monkeypatch.setattr(timezone, "now", lambda: NOW + timedelta(hours=1))
    page = look_at(admin_client, "/admin/")
    assert "2026-11-30 15:30 UTC, within a minute." in words_of(page)
    sweep.sweep()
    change = ConfigurationChange.objects.latest("pk")
    assert (change.author, change.fields["is_paused"]) == ("", [True, False])
    assert "is paused by" not in look_at(admin_client, "/admin/")
    assert SyncJob.objects.get(kind=SyncJob.Kind.RECONCILE, state="queued").arguments["trigger"] == "resume"


def test_what_is_paused_or_not_started_offers_no_pause(admin_client, rows):
    url = follow(admin_client, page_of(rows.connection), "Pause …")
    pause(admin_client, rows.connection)
    assert "Pause …" not in look_at(admin_client, page_of(rows.connection))
    answer = admin_client.get(url, follow=True)
    assert "does not apply any more" in answer.content.decode()
    Connection.objects.update(is_paused=False, state="ready")
    assert "Pause …" not in look_at(admin_client, page_of(rows.connection))


def test_looking_at_the_form_pauses_nothing(admin_client, rows):
    url = follow(admin_client, page_of(rows.source), "Pause …")
    assert admin_client.get(url).status_code == 200
    assert admin_client.get(url.replace("/pause/", "/pause_now/")).status_code == 405
    assert not Store.objects.filter(is_paused=True).exists()
