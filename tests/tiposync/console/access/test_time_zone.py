"""The time zone of each user: chosen on a page of their own, shown on every page, with UTC beside each time."""

import re
import runpy
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from syncing.models import SyncJob, Tally
from syncing.monitoring import counters
from tests.security import site
from tests.support.console.people import member_of
from tests.support.console.press import forms_with, list_of, look_at, page_of
from tests.support.console.rows import make_job, make_rows
from tests.tiposync.console.kit.test_date_range import BERLIN, KOLKATA, live_in
from tiposync.console.models import Preferences
from tiposync.console.times import time_zones

pytestmark = pytest.mark.django_db

URL = "/admin/time-zone/"
CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?(?!.{0,10}UTC)")


class _Times(HTMLParser):
    """Collects times in the text of a page that neither stand in a <time> with its UTC, nor say that they are UTC."""

    def __init__(self) -> None:
        super().__init__()
        self.bare: list[str] = []
        self.titled = 0
        self._is_titled = self._is_hidden = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "time":
            self._is_titled = bool(re.search(r"\d \d\d:\d\d:\d\d UTC$", dict(attrs).get("title") or ""))
            self.titled += self._is_titled
        self._is_hidden = self._is_hidden or tag in ("script", "style", "pre", "title")

    def handle_endtag(self, tag: str) -> None:
        self._is_titled = self._is_titled and tag != "time"
        self._is_hidden = self._is_hidden and tag not in ("script", "style", "pre", "title")

    def handle_data(self, data: str) -> None:
        if not self._is_titled and not self._is_hidden and (found := CLOCK.search(data)):
            self.bare.append(found.group())


def choose(client: Client, zone: str) -> str:
    """Choose a zone on the page; the page that follows."""
    form = forms_with(look_at(client, URL), "Save")[0]
    return client.post(form.action, form.inputs | {"time_zone": zone}, follow=True).content.decode()


def test_everybody_chooses_their_own_zone_and_sees_it_on_every_page():
    north, south = member_of("Viewer", "north"), member_of("Viewer", "south")
    assert "Time zone: UTC" in look_at(north, "/admin/")
    page = choose(north, BERLIN)
    assert "Times are shown in Europe/Berlin now." in page and f"<option selected>{BERLIN}</option>" in page
    for url in ("/admin/", list_of("syncing_syncjob"), URL):
        assert f"Time zone: {BERLIN}" in look_at(north, url)
        assert "Time zone: UTC" in look_at(south, url)
    assert f'href="{URL}"' in look_at(north, "/admin/")
    choose(north, "")
    assert "Time zone: UTC" in look_at(north, "/admin/")


def test_what_is_no_zone_is_refused(admin_client):
    for wrong in ("Berlin", "../etc/passwd", "Europe/Berlin ", "x" * 200):
        assert "none of these time zones" in choose(admin_client, wrong)
    assert not Preferences.objects.exists()
    assert BERLIN in time_zones.names() and "UTC" in time_zones.names() and len(time_zones.names()) > 300


def test_who_has_chosen_none_sees_the_installations(admin_client, settings):
    settings.CONSOLE_TIME_ZONE = KOLKATA
    assert f"Time zone: {KOLKATA}" in look_at(admin_client, "/admin/")
    assert f"As everybody here: {KOLKATA}" in look_at(admin_client, URL)
    live_in("Mars/Olympus")  # of a system that knew more zones
    assert "Time zone: UTC" in look_at(admin_client, "/admin/")


def test_a_time_on_a_page_is_the_users_with_utc_as_its_title(admin_client):
    job = make_job(make_rows().connection)
    at = datetime(2026, 7, 1, 21, 4, 5, tzinfo=UTC)
    SyncJob.objects.filter(pk=job.pk).update(created_at=at, finished_at=at)
    live_in(BERLIN)
    page = look_at(admin_client, page_of(job))
    assert 'title="2026-07-01 21:04:05 UTC">2026-07-01 23:04:05</time>' in page
    page = look_at(admin_client, list_of("syncing_syncjob"))
    assert 'title="2026-07-01 23:04:05 Europe/Berlin, 2026-07-01 21:04:05 UTC"' in page


def test_every_time_on_every_page_has_its_utc(admin_client):
    rows = site.make_site()
    live_in(KOLKATA)
    found, titled = {}, 0
    urls = ["/admin/", "/admin/attention/", "/admin/sessions/", "/admin/two-factor/"]
    urls += [f"/admin/syncing/stocklink/timeline/{rows['stores.variantlink'].pk}/"]
    for row in rows.values():
        urls += [list_of(f"{row._meta.app_label}_{row._meta.model_name}"), page_of(row), page_of(row, "history")]
    for url in urls:
        answer = admin_client.get(url)
        if answer.status_code == 200:
            times = _Times()
            times.feed(answer.content.decode())
            titled += times.titled
            if times.bare:
                found[url] = times.bare
    assert not found
    assert titled > 60


def test_charts_count_the_same_whoever_looks(admin_client):
    make_rows()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
    Tally.objects.create(name=counters.EVENTS, subject="", label="", hour=hour, count=1234)
    url = reverse("admin:index") + "?span=30d"
    assert "1,234" in look_at(admin_client, url)
    live_in(KOLKATA)
    assert "1,234" in look_at(admin_client, url)


def test_workers_and_commands_stay_in_utc(admin_client):
    live_in(KOLKATA)
    look_at(admin_client, "/admin/")
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_setting_that_is_no_zone_is_named(monkeypatch):
    monkeypatch.setenv("CONSOLE_TIME_ZONE", "Berlin")
    with pytest.raises(ImproperlyConfigured, match="CONSOLE_TIME_ZONE must be the name of a time zone"):
        runpy.run_path("tiposync/settings.py")
