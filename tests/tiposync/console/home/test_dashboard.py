"""The first page: every number leads to exactly the rows behind it, what wants somebody comes first, charts, cost."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.utils import timezone

from stores.models import Connection, Store
from syncing import tasks
from syncing.models import Cluster, Heartbeat, Reconciliation, StockLink, Tally, WebhookEvent
from syncing.monitoring import counters, service_status
from syncing.queue import heartbeats
from syncing.upkeep import retention
from tests.support.console.orders import make_failed, make_import, make_update
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import (
    make_adjustment,
    make_event,
    make_hold,
    make_job,
    make_link,
    make_reconciliation,
    make_rows,
    make_stock_link,
    make_store,
)
from tests.tiposync.console.stores.test_switch import worker_of

pytestmark = pytest.mark.django_db(transaction=True)

HOME = "/admin/"


@pytest.fixture
def rows():
    return make_rows()


def add_connection(rows, name: str) -> Connection:
    """Another destination of the same source, in step at one location."""
    store = make_store(name, Store.Role.DESTINATION)
    return Connection.objects.create(source=rows.source, destination=store, state=Connection.State.RUNNING)


def make_trouble(rows, connection: Connection) -> None:
    """Something to count behind each number, two of most kinds and never as many of one kind as of another."""
    mapping = rows.mapping
    for number, fields in enumerate(
        [{"state": "held"}, {"state": "drifted"}, {"state": "skipped"}, {"settled_sequence": 0}, {}, {}, {}]
    ):
        link = make_link(connection, f"Item {connection.pk} {number}", f"S{connection.pk}-{number}")
        pair = make_stock_link(link, mapping, -1 if number == 4 else 5, 5, **fields)
        if number < 2:
            make_hold(pair, reconciliation=make_reconciliation(connection))
    for number in range(3):
        make_link(connection, "Alone", f"A{connection.pk}-{number}", is_linked=False)
    make_link(connection, "Twice", f"T{connection.pk}", is_linked=False, state="ambiguous")
    report = make_reconciliation(connection)
    for _ in range(2):
        make_adjustment(pair, 9, 7, reconciliation=report)
    make_adjustment(pair, 9, 7, reconciliation=report, state="stale")
    make_hold(pair, reconciliation=report)
    for number in range(4):
        make_job(connection, subject=f"{connection.pk} {number}")
    make_job(connection, subject=f"due {connection.pk}", state="queued", failure="")
    later = timezone.now() + timedelta(hours=1)
    make_job(connection, subject=f"later {connection.pk}", state="queued", failure="", due_at=later)
    make_event(connection.destination, f"waits {connection.pk}", state="new")
    make_event(connection.destination, f"done {connection.pk}")
    make_failed(connection, 1)
    make_import(connection, 2, state="waiting", waits_for="links")
    make_import(connection, 3, state="waiting", waits_for="payment")
    make_update(make_import(connection, 4))
    make_import(connection, 5, state="waiting", waits_for="review")
    for number in range(2):
        make_update(make_import(connection, 6 + number), state="needs_shop", kind="copy_changed")


class Numbers(HTMLParser):
    """The links of a page that are a number, or begin with one, with what stands beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._url: str | None = None

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "a":
            self._url, self._text = dict(attrs).get("href", ""), ""

    def handle_data(self, data: str) -> None:
        if self._url is not None:
            self._text = f"{self._text} {data.strip()}".strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url is not None:
            if re.match(r"[\d,]+( (?!%|s\b)|$)", self._text):
                self.found.append((self._text, self._url))
            self._url = None


def numbers_of(page: str) -> list[tuple[str, str]]:
    """Text and address of each; the sidebar has badges of its own and is left out."""
    parser = Numbers()
    parser.feed(page[page.index("Overview") :])
    return parser.found


def rows_behind(client, url: str) -> list:
    """The rows of the list that a link leads to; all must fit on its first page."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    return list(answer.context["cl"].result_list)


def test_every_number_leads_to_exactly_the_rows_behind_it(admin_client, rows, monkeypatch):
    heartbeats.sign()
    make_trouble(rows, rows.connection)
    make_trouble(rows, add_connection(rows, "South"))
    make_job(None, kind="check_store", subject="general")
    make_event(rows.source, "of the source", state="new")
    count_all(monkeypatch)
    counted = numbers_of(look_at(admin_client, HOME))
    followed = set()
    for text, url in counted:
        count, _, label = text.partition(" ")
        found = None if "/reconciliation/" in url and "/change/" in url else rows_behind(admin_client, url)
        if label.startswith("workers alive"):
            assert int(count) == sum(row.worker_count for row in found)
        elif found is None:
            assert int(count) == Reconciliation.objects.get(pk=url.split("/")[-3]).compared
        elif "differing" in url:
            assert int(count) == sum(row.differing for row in found)
        else:
            assert int(count) == len(found), f"{text}: {url} shows {len(found)}"
        followed.add(label.split(" last ")[0].split(" oldest ")[0])
    expected = {
        "jobs waiting",
        "jobs running",
        "failed jobs",
        "webhooks waiting",
        "out of sync",
        "synced",
        "needs review",
    }
    expected |= {"unmatched", "ambiguous", "skipped", "oversold", "linked", "failed orders", "orders not imported"}
    expected |= {"orders to review", "orders that need the shop"}
    assert expected | {"orders waiting for links", "failed order updates", "workers alive"} <= followed
    assert not {text for text, _ in counted if text.startswith("0 ")} - {"0 jobs running"}


def test_the_oldest_of_what_waits_is_first_on_the_page_it_leads_to(admin_client, rows):
    for minutes in (3, 9, 6):
        event = make_event(rows.source, f"{minutes} minutes", state="new")
        WebhookEvent.objects.filter(pk=event.pk).update(received_at=timezone.now() - timedelta(minutes=minutes))
    page = look_at(admin_client, HOME)
    urls = {url for text, url in numbers_of(page) if "webhooks waiting" in text}
    urls |= set(re.findall(r'<dt>Oldest event</dt><dd><a class="console-link" href="([^"]+)">', page))
    assert len(urls) == 2 and "9 minutes ago" in page.replace("\xa0", " ")
    for url in urls:
        found = rows_behind(admin_client, url.replace("&amp;", "&"))
        assert [row.webhook_id for row in found] == ["9 minutes", "6 minutes", "3 minutes"]


def test_the_number_of_queries_does_not_depend_on_the_number_of_connections(
    admin_client, rows, django_assert_max_num_queries
):
    make_trouble(rows, rows.connection)
    with django_assert_max_num_queries(60) as few:
        look_at(admin_client, HOME)
    for number in range(20):
        make_trouble(rows, add_connection(rows, f"Shop {number}"))
    with django_assert_max_num_queries(len(few.captured_queries)):
        page = look_at(admin_client, HOME)
    assert page.count("<dt>Oldest event</dt>") == 21


def test_a_card_says_in_step_out_of_step_paused_disconnected_or_why_it_needs_somebody(admin_client, rows):
    def card() -> str:
        page = look_at(admin_client, HOME)
        return page[page.index("console-grid") : page.index('id="the-stores"')].replace("\n", " ")

    assert ">Synced</span>" in card() and "Needs attention" not in card()
    StockLink.objects.update(settled_sequence=0)
    assert ">Out of sync: 1 item</span>" in card() and "Needs attention" not in card()
    StockLink.objects.update(dirty_at=timezone.now() - timedelta(hours=1))
    assert "Needs attention" in card() and "Quantities have been out of sync since" in card()
    StockLink.objects.update(settled_sequence=1)
    hold = make_hold(rows.stock_link)
    assert f'?state__exact=open&amp;connection={rows.connection.pk}">Quantities that need review' in card()
    hold.delete()
    Connection.objects.update(reconciled_at=timezone.now() - timedelta(days=2))
    assert ": overdue" in card()
    Connection.objects.update(is_paused=True)
    assert ">Paused</span>" in card() and "The connection is paused." in card() and "overdue" not in card()
    Connection.objects.update(is_paused=False)
    Store.objects.filter(pk=rows.source.pk).update(status="disconnected", status_reason="Token revoked.")
    assert ">Disconnected</span>" in card() and "Token revoked." in card()


def test_what_wants_somebody_comes_first_and_the_rest_is_folded_away(admin_client, rows):
    for number in range(14):
        wanting = add_connection(rows, f"Shop {number:02}")
    make_job(wanting)
    page = look_at(admin_client, HOME)
    assert page.index("Main → Shop 13") < page.index("Main → North") < page.index("3 more")
    assert page.index("3 more") < page.index("Main → Shop 12")


def test_the_strip_tells_of_workers_that_show_no_sign_of_life(admin_client, rows):
    assert "never seen" in look_at(admin_client, HOME)
    tasks.beat(0)
    page = look_at(admin_client, HOME)
    assert "last sign" in page and "never seen" not in page
    silent = make_cluster("old machine", timezone.now() - service_status.silence() - timedelta(seconds=1))
    alive = rows_behind(admin_client, f"{list_of('syncing_cluster')}?alive=yes")
    assert silent not in alive and len(alive) == 1
    assert rows_behind(admin_client, f"{list_of('syncing_cluster')}?alive=no") == [silent]
    page = look_at(admin_client, list_of("syncing_cluster"))
    assert "Alive" in page and "Silent" in page


def test_workers_that_have_been_silent_for_days_are_forgotten():
    make_cluster("gone", timezone.now() - timedelta(days=2))
    silent = make_cluster("silent", timezone.now() - timedelta(hours=2))
    retention.prune()
    assert Cluster.objects.get() == silent


def make_cluster(host: str, beat_at) -> Cluster:
    return Cluster.objects.create(host=host, process=1, worker_count=4, beat_at=beat_at)


def test_each_store_tells_its_budget_refilled_since_it_was_last_seen(admin_client, rows):
    spent = {"bucket_maximum": 2000, "bucket_available": -100, "bucket_restore_rate": 100}
    seen_at = timezone.now() - timedelta(seconds=3)
    Store.objects.filter(pk=rows.source.pk).update(bucket_at=seen_at, **spent)
    Store.objects.filter(pk=rows.destination.pk).update(bucket_at=timezone.now() - timedelta(hours=1), **spent)
    main, north = service_status.budgets(Store.objects.order_by("name"))
    assert 200 <= main.available < 300 and main.percent in range(10, 15)
    assert north.available == 2000 and north.percent == 100
    page = look_at(admin_client, HOME)
    assert "2,000 of 2,000 points, 100 more per second" in page
    assert page.index("console-low") < page.index("2,000 of 2,000")  # the one that is short comes first


def test_who_may_not_see_the_rows_sees_no_numbers_of_them(rows):
    page = look_at(worker_of("stores.view_connection"), HOME)
    assert "Main → North" in page
    assert "Overview" not in page and 'id="the-stores"' not in page and 'id="charts"' not in page


# --- Charts -------------------------------------------------------------------------------------------------------


def count_all(monkeypatch) -> None:
    """Count everything of the last hour, as if a minute went by."""
    monkeypatch.setattr(counters, "LAG", -timedelta(seconds=1))
    at = timezone.now() - timedelta(minutes=50)
    Heartbeat.objects.update_or_create(name=counters.COUNTED, defaults={"beat_at": at})
    counters.count_new()


def chart_of(client, title: str, query: str = "") -> dict:
    return next(one for one in client.get(HOME + query).context["charts"] if one["title"] == title)


def test_without_anything_counted_each_chart_says_so(admin_client, rows):
    page = look_at(admin_client, HOME)
    assert "Nothing was sent yet." in page and "No webhook arrived." in page


def test_charts_count_what_happened_and_their_sums_lead_to_the_rows(admin_client, rows, monkeypatch):
    south = add_connection(rows, "South")
    for number in range(3):
        make_event(rows.source, f"{number}")
    make_event(rows.destination, "north's")
    make_event(south.destination, "south's")
    for state in ("applied", "applied", "stale"):
        make_adjustment(rows.stock_link, 9, 7, state=state)
    make_reconciliation(rows.connection, differing=3)
    make_reconciliation(rows.connection, differing=0)
    make_reconciliation(south, differing=4)
    count_all(monkeypatch)
    for query, events, carried, drift in (
        ("", 5, 2, 7),
        ("?span=30d", 5, 2, 7),
        (f"?connection={rows.connection.pk}", 4, 2, 3),
        (f"?connection={south.pk}&span=30d", 4, 0, 4),
        ("?connection=nonsense&span=1y", 5, 2, 7),
    ):
        for title, expected in (("Webhooks", events), ("Updates sent", carried), ("Drift found", drift)):
            drawn = chart_of(admin_client, title, query)
            assert drawn["headlines"][0]["words"] == str(expected), (query, title)
            found = rows_behind(admin_client, drawn["headlines"][0]["url"])
            behind = sum(row.differing for row in found) if title == "Drift found" else len(found)
            assert behind == expected, (query, title)
            assert sum(int(row["values"][0]) for row in drawn["table"]) == expected


def test_latency_is_charted_as_two_quantiles(admin_client, rows, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    for label, count in (("1", 90), ("30", 9), ("+Inf", 1)):
        Tally.objects.create(hour=hour, name="latency", label=label, count=count)
    drawn = chart_of(admin_client, "Latency")
    assert [series["name"] for series in drawn["series"]] == ["p50", "p95"]
    assert drawn["table"][-1]["values"] == ["0.78 s", "21 s"]
    assert drawn["table"][0]["values"] == ["–", "–"]
    assert [headline["words"] for headline in drawn["headlines"]] == ["0.78 s", "21 s"]


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ({}, 0.5, None),
        ({"0.25": 10}, 0.5, 0.125),
        ({"0.5": 1, "2": 1}, 0.5, 0.5),
        ({"0.5": 1, "2": 1}, 1.0, 2.0),
        ({"+Inf": 3}, 0.5, 3600.0),
    ],
)
def test_a_quantile_is_read_from_the_buckets(counts, share, seconds):
    assert counters.quantile(counts, share) == seconds


def test_tallies_of_a_connection_do_not_change_the_sums_of_the_service(rows, monkeypatch):
    for number in range(3):
        make_event(rows.source, f"{number}")
    make_event(rows.destination, "north's", topic="orders/create")
    count_all(monkeypatch)
    assert {label: count for label, (count, _) in counters.totals("events").items()} == {
        "inventory_levels/update": 3,
        "orders/create": 1,
    }
    per_store = dict(Tally.objects.exclude(subject="").values_list("subject", "count"))
    assert per_store == {counters.of_store(rows.source.pk): 3, counters.of_store(rows.destination.pk): 1}
