"""Ranges of days on lists and timelines: in the zone of whoever asks, days with a change of clocks included."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone

from orders.models import OrderImport
from syncing.models import StockAdjustment, StockObservation, SyncJob, WebhookEvent
from tests.support.console.orders import make_import
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_adjustment, make_event, make_job, make_observation, make_rows
from tiposync.console.models import Preferences
from tiposync.console.times import time_zones
from tiposync.console.times.date_range import NoRange, read_range

pytestmark = pytest.mark.django_db

BERLIN, KOLKATA, KIRITIMATI = "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati"
LISTS: dict[str, tuple[type[Model], str, Callable]] = {
    "syncing_stockadjustment": (StockAdjustment, "created_at", lambda rows: make_adjustment(rows.stock_link, 1, 2)),
    "syncing_webhookevent": (WebhookEvent, "received_at", lambda rows: make_event(rows.source, f"d{_count()}")),
    "syncing_syncjob": (SyncJob, "created_at", lambda rows: make_job(rows.connection)),
    "orders_orderimport": (
        OrderImport,
        "placed_at",
        lambda rows: make_import(rows.connection, 1001 + _count()),
    ),
}


def _count() -> int:
    return WebhookEvent.objects.count() + OrderImport.objects.count()


def link_called(page: str, words: str) -> str:
    """Where the link with these words leads to."""
    found = re.findall(rf'<a [^>]*?href="([^"]*)"[^>]*>{re.escape(words)}</a>', page)
    assert found, f"no link “{words}”"
    return unescape(found[0])


def live_in(zone: str, name: str = "admin") -> None:
    Preferences.objects.update_or_create(user=User.objects.get(username=name), defaults={"time_zone": zone})


@pytest.mark.parametrize(
    ("zone", "day", "hours", "begins"),
    [
        (BERLIN, date(2026, 3, 29), 23, datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (BERLIN, date(2026, 10, 25), 25, datetime(2026, 10, 24, 22, tzinfo=UTC)),
        (BERLIN, date(2026, 7, 1), 24, datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("Africa/Cairo", date(2026, 4, 24), 23, datetime(2026, 4, 23, 22, tzinfo=UTC)),  # no midnight
        ("America/Havana", date(2026, 11, 1), 25, datetime(2026, 11, 1, 4, tzinfo=UTC)),  # midnight twice
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, datetime(2026, 4, 4, 13, tzinfo=UTC)),
        (KIRITIMATI, date(2026, 1, 1), 24, datetime(2025, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_day_is_as_long_as_clocks_there_make_it(zone, day, hours, begins):
    with timezone.override(ZoneInfo(zone)):
        assert time_zones.begins_at(day) == begins
        assert time_zones.ends_at(day) - time_zones.begins_at(day) == timedelta(hours=hours)
        read = read_range({"at_from_0": str(day), "at_to_0": str(day)}, "at")
        assert (read.since, read.until) == (begins, begins + timedelta(hours=hours))


def test_times_within_a_range_are_those_of_the_zone_and_hold_the_hour_that_there_is_twice():
    asked = {"at_from_0": "2026-10-25", "at_from_1": "02:30", "at_to_0": "2026-10-25", "at_to_1": "02:30"}
    with timezone.override(ZoneInfo(BERLIN)):
        read = read_range(asked, "at")
    assert (read.since, read.until) == (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("asked", [{"at_from_0": "2026-02-01"}, {"at_to_0": "2026-02-01"}, {}])
def test_a_range_may_be_open(asked):
    read = read_range(asked, "at")
    assert (read.since is not None, read.until is not None) == ("at_from_0" in asked, "at_to_0" in asked)
    assert read.words == {"at_from_0": "from 2026-02-01", "at_to_0": "to 2026-02-01"}.get(next(iter(asked), ""), "")


@pytest.mark.parametrize(
    "asked",
    [
        {"at_from_0": "tomorrow"},
        {"at_from_0": "2026-02-30"},
        {"at_to_0": "9999-12-31"},
        {"at_to_0": "0001-01-01", "at_from_0": "0001-01-02"},
        {"at_from_1": "12:00"},
        {"at_from_0": "2026-02-03", "at_to_0": "2026-02-01"},
    ],
)
def test_what_is_no_range_is_refused(asked):
    with timezone.override(ZoneInfo(KIRITIMATI)), pytest.raises(NoRange):
        read_range(asked, "at")


@pytest.mark.parametrize(("model", "zone"), list(zip(LISTS, [BERLIN, KOLKATA, KIRITIMATI, KOLKATA], strict=True)))
def test_pressing_yesterday_shows_the_rows_of_the_users_yesterday(admin_client, model, zone):
    table, field, make = LISTS[model]
    rows = make_rows()
    live_in(zone)
    with timezone.override(ZoneInfo(zone)):
        today = time_zones.today()
        begins, ends = time_zones.begins_at(today - timedelta(days=1)), time_zones.begins_at(today)
        a_week = time_zones.begins_at(today - timedelta(days=6))
    moment = timedelta(seconds=1)
    instants = [a_week - moment, a_week, begins - moment, begins, ends - moment, ends]
    made = []
    for at in instants:
        made.append(make(rows).pk)
        table._default_manager.filter(pk=made[-1]).update(**{field: at})

    url = list_of(model)
    shown = {}
    for words in ("Yesterday", "Today", "Last 7 days", "All days"):
        answer = admin_client.get(url + link_called(look_at(admin_client, url), words))
        shown[words] = sorted(row.pk for row in answer.context_data["cl"].queryset)
        assert words == "All days" or f"Date: {words}" in answer.content.decode()
    expected = {"Yesterday": made[3:5], "Today": made[5:], "Last 7 days": made[1:], "All days": made}
    assert shown == {words: sorted(rows) for words, rows in expected.items()}


def test_a_range_keeps_the_other_filters_and_the_search(admin_client):
    rows = make_rows()
    make_job(rows.connection)
    make_job(rows.connection, state="running", subject="other")
    url = list_of("syncing_syncjob")
    today = link_called(look_at(admin_client, f"{url}?state__exact=failed&p=1&q=no"), "Today")
    assert "state__exact=failed" in today and "q=no" in today and "p=1" not in today
    answer = admin_client.get(url + today)
    assert answer.context_data["cl"].result_count == 1
    assert [chip["words"] for chip in answer.context_data["chips"]] == ["State: Failed", "Date: Today"]
    without = admin_client.get(url + answer.context_data["chips"][1]["url"]).context_data["chips"]
    assert without == []  # the tab “Failed” says it


def test_the_form_of_the_filters_asks_for_days_and_what_is_none_is_said(admin_client):
    rows = make_rows()
    make_job(rows.connection)
    url = list_of("syncing_syncjob")
    assert 'type="date" name="created_at_from_0"' in look_at(admin_client, url).replace('vTextField" ', "")
    page = look_at(admin_client, f"{url}?created_at_from_0=tomorrow")
    assert "“tomorrow” is no day. Write it like 20" in page and "1 result" in page
    assert "0 results" in look_at(admin_client, f"{url}?created_at_to_0=2020-01-01")


def test_the_timeline_of_an_item_shows_what_happened_yesterday_in_the_zone_of_who_asks(admin_client):
    rows = make_rows()
    live_in(KOLKATA)
    with timezone.override(ZoneInfo(KOLKATA)):
        begins = time_zones.begins_at(time_zones.today() - timedelta(days=1))
    early = make_observation(rows.stock_link.source_level, 1, 11)
    kept = make_observation(rows.stock_link.source_level, 1, 22)
    StockObservation.objects.filter(pk=early.pk).update(created_at=begins - timedelta(seconds=1))
    StockObservation.objects.filter(pk=kept.pk).update(created_at=begins)
    url = f"/admin/syncing/stocklink/timeline/{rows.link.pk}/"
    page = look_at(admin_client, url)
    assert "2 entries" in page and "→ 11" in page
    page = look_at(admin_client, url + link_called(page, "Yesterday"))
    assert "1 entry (Yesterday, in Asia/Kolkata)" in page and "→ 22" in page and "→ 11" not in page
    local = f"{begins.astimezone(ZoneInfo(KOLKATA)):%Y-%m-%d} 00:00:00"
    assert f'title="{begins:%Y-%m-%d %H:%M:%S} UTC">{local}</time>' in page
    assert "Nothing in these days." in look_at(admin_client, f"{url}?at_to_0=2020-01-01")
    page = look_at(admin_client, f"{url}?at_from_0=nonsense")
    assert "is no day" in page and "2 entries" in page


def test_pages_of_a_long_timeline_keep_the_days(admin_client):
    rows = make_rows()
    for _ in range(51):
        make_observation(rows.stock_link.source_level, 1, 2)
    url = f"/admin/syncing/stocklink/timeline/{rows.link.pk}/"
    page = look_at(admin_client, url + link_called(look_at(admin_client, url), "Today"))
    assert "51 entries (Today, in UTC)" in page
    older = link_called(page, "Older")
    assert "Page 2 of 2" in look_at(admin_client, url + older) and "at_from_0" in older
