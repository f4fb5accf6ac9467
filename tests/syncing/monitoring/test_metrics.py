"""The figures for Prometheus: who may read them, that they can be parsed, and that they count what happened."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from syncing.models import CatalogueRun, Heartbeat, Tally, tally
from syncing.monitoring import counters
from syncing.queue import heartbeats
from syncing.upkeep import retention
from tests.support.console.orders import make_failed
from tests.support.console.rows import make_event, make_hold, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

SAMPLE = re.compile(r'tiposync_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+')


TOKEN = "a-token-for-prometheus"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def token(settings):
    settings.METRICS_TOKEN = TOKEN


def read(client) -> dict[str, float]:
    answer = client.get("/metrics", headers=HEADERS)
    assert answer.status_code == 200
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in lines), lines
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def count_until_now() -> None:
    """As if half an hour went by."""
    Heartbeat.objects.update_or_create(
        name=counters.COUNTED, defaults={"beat_at": timezone.now() - timedelta(minutes=30)}
    )
    counters.count_new()


def test_they_are_for_who_has_the_token(client):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert read(client)


def test_in_production_they_are_not_there_without_one(client, settings):
    settings.METRICS_TOKEN, settings.DEBUG = "", False
    assert client.get("/metrics").status_code == 404


def test_they_tell_what_waits_and_what_is_wrong(client):
    rows = make_rows()
    make_event(rows.source, state="new")
    make_job(rows.connection)
    make_hold(rows.stock_link)
    make_failed(rows.connection)
    CatalogueRun.objects.create(connection=rows.connection, kind="all", state="held")
    heartbeats.beat()
    found = read(client)
    assert found["tiposync_events_waiting"] == found["tiposync_holds_open"] == 1
    assert found["tiposync_runs_held"] == found['tiposync_orders{state="failed"}'] == 1
    assert found['tiposync_jobs{kind="reconcile",state="failed"}'] == 1
    assert found['tiposync_heartbeat_age_seconds{name="queue"}'] < 60
    assert found['tiposync_api_points_available{store="main.myshopify.com"}'] == 1000


def test_a_label_cannot_break_the_page(client):
    rows = make_rows()
    Tally.objects.create(hour=tally.FOR_EVER, name="events", label='a"} 1\nb', count=1)
    assert rows and b'topic="a\\"} 1\\nb"' in client.get("/metrics", headers=HEADERS).content


def test_webhooks_writes_and_their_latency_are_counted_once(pair, client, monkeypatch):
    world = pair("two_way")
    source, north = world.places
    Tally.objects.all().delete()
    for _ in range(3):
        source.buy()
        world.follow()
    monkeypatch.setattr(counters, "LAG", -timedelta(minutes=1))
    count_until_now()
    found = read(client)
    assert found['tiposync_events_total{topic="inventory_levels/update"}'] >= 6  # ours come back, too
    assert found['tiposync_adjustments_total{outcome="applied"}'] >= 3
    assert found["tiposync_latency_seconds_count"] == found['tiposync_latency_seconds_bucket{le="+Inf"}'] >= 3
    ends = [value for name, value in found.items() if name.startswith("tiposync_latency_seconds_bucket")]
    assert ends == sorted(ends)
    counters.count_new()
    assert read(client)["tiposync_latency_seconds_count"] == found["tiposync_latency_seconds_count"]


def test_old_hours_are_removed_and_the_sums_only_grow(client):
    hour = timezone.now() - timedelta(days=500)
    for at in (hour, timezone.now(), tally.FOR_EVER):
        Tally.objects.create(hour=at, name="events", label="a", count=5)
    for days in (35, 45):  # of one connection: as long as charts show it
        at = timezone.now() - timedelta(days=days)
        Tally.objects.create(hour=at, name="events", subject=counters.of(1), count=5)
    retention.prune()
    assert Tally.objects.exclude(subject="").get().hour > timezone.now() - timedelta(days=36)
    assert Tally.objects.filter(subject="").count() == 2
    assert read(client)['tiposync_events_total{topic="a"}'] == 5
