"""The pages of stock: pairs, the timeline of an item, the ledger, batches, reconciliations, and the first page."""

from datetime import timedelta

import pytest
import responses
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from stores.models import Connection, Store
from syncing.models import StockLevel, StockLink, StockObservation, SyncJob
from tests.support.console.press import answer_levels, list_of, look_at, page_of, press
from tests.support.console.rows import (
    NASTY,
    make_adjustment,
    make_event,
    make_hold,
    make_job,
    make_link,
    make_observation,
    make_reconciliation,
    make_rows,
    make_stock_link,
    make_store,
)

pytestmark = pytest.mark.django_db(transaction=True)

STOCK = "syncing_stocklink"
LISTS = (
    "stores_store",
    "stores_connection",
    "stores_variantlink",
    STOCK,
    "syncing_stockhold",
    "syncing_stockadjustment",
    "syncing_stockbatch",
    "syncing_reconciliation",
    "syncing_syncjob",
    "syncing_webhookevent",
    "syncing_cluster",
    "auth_user",
)


@pytest.fixture
def rows():
    return make_rows()


def timeline(rows):
    return f"/admin/syncing/stocklink/timeline/{rows.link.pk}/"


def fill(rows, count):
    """`count` of everything that lists show."""
    for number in range(count):
        pair = make_stock_link(make_link(rows.connection, f"Item {number} <b>", f"I{number}"), rows.mapping, 5, 5)
        make_adjustment(pair, 5, 4, reconciliation=make_reconciliation(rows.connection))
        make_hold(pair)
        make_event(rows.source, f"fill {number}")
        make_job(rows.connection, message=f"fill {number}")
        store = make_store(f"Shop {number}", "destination")
        Connection.objects.create(source=rows.source, destination=store)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    admin_client, rows, name, django_assert_max_num_queries
):
    fill(rows, 1)
    with django_assert_max_num_queries(60) as few:
        look_at(admin_client, list_of(name))
    for row in (Connection.objects.exclude(pk=rows.connection.pk), Store.objects.filter(name__startswith="Shop")):
        row.delete()
    fill(make_more(rows), 6)
    with django_assert_max_num_queries(len(few.captured_queries)):
        page = look_at(admin_client, list_of(name))
    assert "<b>Item" not in page
    assert NASTY not in page


def make_more(rows):
    """The same connection, ready to be filled again with other names."""
    for model in (StockLink,):
        model.objects.all().delete()
    StockLevel.objects.filter(adjustments=None).delete()
    for relation in ("links", "jobs", "holds", "reconciliations"):
        getattr(rows.connection, relation).all().delete()
    rows.source.events.all().delete()
    return rows


def test_without_pairs_the_list_says_which_step_comes_next(admin_client):
    assert "No stock is synced yet" in look_at(admin_client, list_of(STOCK))


def test_oversold_waiting_and_held_pairs_are_found(admin_client, rows):
    oversold = make_stock_link(make_link(rows.connection, "Oversold mug", "O"), rows.mapping, -2, 0)
    make_stock_link(make_link(rows.connection, "Waiting mug", "W"), rows.mapping, 3, 3, settled_sequence=0)
    make_stock_link(make_link(rows.connection, "Held mug", "H"), rows.mapping, 3, 3, state="held")
    for query, expected in (
        ("stock=oversold", [True, False, False]),
        ("stock=waiting", [False, True, False]),
        ("stock=out", [False, True, True]),
        ("state__exact=held", [False, False, True]),
    ):
        page = look_at(admin_client, f"{list_of(STOCK)}?{query}")
        assert [f"{word} mug" in page for word in ("Oversold", "Waiting", "Held")] == expected, query
    assert "oversold" in look_at(admin_client, f"{list_of(STOCK)}?q={oversold.variant_link.source_variant.sku}")


def test_the_timeline_tells_every_cause_in_order(admin_client, admin_user, rows):
    level, now = rows.stock_link.source_level, timezone.now()
    event = make_event(rows.source)
    seen = make_observation(level, 9, 7, event=event)
    written = make_adjustment(rows.stock_link, 9, 7, reason="because")
    hold = make_hold(rows.stock_link, state="released", resolved_at=now, resolved_by=admin_user)
    LogEntry.objects.log_actions(admin_user.pk, [rows.link], 2, change_message="Linked by hand.", single_object=True)
    for number, row in enumerate((seen, written, hold)):
        type(row).objects.filter(pk=row.pk).update(created_at=now - timedelta(minutes=9 - number))
    page = look_at(admin_client, timeline(rows))
    words = ("Linked by hand.", "Review decided", "Look at the review", "because", "Webhook inventory_levels/update")
    places = [page.index(word) for word in words]
    assert places == sorted(places)
    for word in ("9 → 7", "The source changed", "by admin", page_of(event), page_of(written.batch)):
        assert word in page
    assert NASTY not in page


def test_the_timeline_shows_both_levels_and_their_baselines(admin_client, rows):
    StockLevel.objects.filter(pk=rows.stock_link.destination_level_id).update(available=-4, is_doubtful=True)
    StockLink.objects.update(source_baseline=123, keeps_destination=True, settled_sequence=0)
    page = look_at(admin_client, timeline(rows))
    for word in ("oversold", "doubtful", "123", "keeps its own value", "waiting to be synced"):
        assert word in page


def test_a_write_of_another_connection_to_the_same_level_is_on_the_timeline(admin_client, rows):
    written = make_adjustment(rows.stock_link, 3, 4, reason="from elsewhere")
    type(written).objects.update(link=None, connection=None)
    page = look_at(admin_client, timeline(rows))
    assert "from elsewhere" in page
    assert "a removed connection" in page


def test_a_long_timeline_is_paged_and_shows_everything_once(admin_client, rows, django_assert_max_num_queries):
    for number in range(120):
        make_observation(rows.stock_link.source_level, number, number + 1)
    with django_assert_max_num_queries(30):
        first = look_at(admin_client, timeline(rows))
    assert "Page 1 of 3" in first
    pages = "".join(look_at(admin_client, f"{timeline(rows)}?page={number}") for number in (1, 2, 3))
    assert all(pages.count(f"{number} → {number + 1}<") == 1 for number in range(120))


def test_an_item_without_stock_links_says_what_is_missing(admin_client, rows):
    link = make_link(rows.connection, "Alone", "A", is_linked=False)
    page = look_at(admin_client, f"/admin/syncing/stocklink/timeline/{link.pk}/")
    assert "No stock is synced for this item yet" in page


@responses.activate
def test_levels_are_read_live_from_the_timeline_and_the_difference_is_carried(admin_client, rows):
    Store.objects.update(auth="static_token", access_token="shpat_x")
    answer_levels({rows.link.source_variant.item_gid: 11, rows.link.destination_variant.item_gid: 7})
    page = press(admin_client, timeline(rows), "Read live")
    assert "Berlin: 11, here 7 until now" in page
    assert "7 → 11" in page
    assert StockObservation.objects.filter(origin="live", available=11).exists()
    assert SyncJob.objects.get().kind == SyncJob.Kind.CARRY_STOCK


@responses.activate
def test_a_live_read_that_fails_says_why(admin_client, rows):
    Store.objects.update(auth="static_token", access_token="shpat_x", is_paused=True)
    assert "is paused" in press(admin_client, timeline(rows), "Read live")


def test_the_ledger_and_its_batches_are_read_only(admin_client, rows):
    written = make_adjustment(rows.stock_link, 9, 7)
    for row in (written, written.batch):
        page = look_at(admin_client, page_of(row))
        assert 'name="_save"' not in page
        assert admin_client.post(page_of(row), {}).status_code == 403
        assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert "&quot;delta&quot;: -2" in look_at(admin_client, page_of(written.batch))
    assert "9 → 7" in look_at(admin_client, f"{list_of('syncing_stockadjustment')}?batch={written.batch_id}")


def test_a_report_says_what_was_compared_and_what_came_of_it(admin_client, rows):
    report = make_reconciliation(rows.connection)
    make_adjustment(rows.stock_link, 9, 7, reconciliation=report)
    page = look_at(admin_client, page_of(report))
    for word in ("300", "297", "4 × inventory is not tracked", f"?reconciliation={report.pk}"):
        assert word in page


def test_an_empty_database_is_told_what_to_do_next(admin_client):
    page = look_at(admin_client, "/admin/")
    for word in ("What to do next", "Add the source store", "/admin/stores/store/add/", "Map the locations"):
        assert word in page


def test_the_first_page_shows_how_each_connection_stands(admin_client, rows):
    make_hold(rows.stock_link)
    make_job(rows.connection)
    make_job(None, kind="check_store")
    make_link(rows.connection, "Alone", "A", is_linked=False)
    page = look_at(admin_client, "/admin/")
    assert "What to do next" not in page
    assert "Main → North" in page
    assert "Failed jobs that belong to no connection: 1" in page
    assert f"/admin/syncing/stockhold/?state__exact=open&amp;connection={rows.connection.pk}" in page


def test_a_card_says_why_nothing_travels(admin_client, rows):
    Store.objects.filter(pk=rows.source.pk).update(is_paused=True)
    assert "The store Main is paused." in look_at(admin_client, "/admin/")


@pytest.mark.parametrize("name", LISTS)
def test_every_list_can_be_searched_sorted_and_counted(admin_client, rows, name):
    make_hold(rows.stock_link)
    make_job(rows.connection)
    make_adjustment(rows.stock_link, 9, 7, reconciliation=make_reconciliation(rows.connection))
    for query in ("q=1", "o=1.2", "o=-2", "_facets=True"):
        look_at(admin_client, f"{list_of(name)}?{query}")
