"""Counts of connections: exact where rows are few, else as the sweep counted last; what somebody must act on is now."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import Connection, Store, VariantLink
from syncing.models import RowCount, StockLink
from syncing.monitoring import row_counts
from syncing.monitoring.connection_status import connection_statuses, needs_attention
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_link, make_rows, make_stock_link, make_store
from tiposync.console.management.commands.sync_status import read_status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    made = make_rows()  # one pair, in step
    add(made, 3)
    make_link(made.connection, "Alone", "A", is_linked=False)
    return made


def add(rows, count: int, connection: Connection | None = None, **fields) -> None:
    """So many more pairs."""
    for _ in range(count):
        number = VariantLink.objects.count()
        link = make_link(connection or rows.connection, f"More {number}", f"M{number}")
        make_stock_link(link, rows.mapping, 5, 5, **fields)


def status_of(rows, **options):
    row = Connection.objects.select_related("source", "destination").get(pk=rows.connection.pk)
    return connection_statuses([row], **options)[row.pk]


def figures(status) -> tuple:
    return status["pairs"], status["in_step"], status["out_of_step"], status["skipped"], status["links"]["linked"]


def test_where_rows_are_few_all_is_counted_now_whatever_was_kept(rows):
    row_counts.count_due()
    add(rows, 2)
    add(rows, 1, state="skipped")
    status = status_of(rows)
    assert figures(status) == (7, 6, 0, 1, 7) and status["counted_at"] is None


def test_where_rows_are_many_what_needs_nobody_is_as_of_the_last_count(rows, monkeypatch):
    row_counts.count_due()
    monkeypatch.setattr(row_counts, "MOST_LIVE_ROWS", 3)
    add(rows, 2)
    status = status_of(rows)
    assert figures(status) == (4, 4, 0, 0, 4)
    assert status["counted_at"] == RowCount.objects.values_list("counted_at", flat=True).first()
    assert figures(status_of(rows, is_exact=True)) == (6, 6, 0, 0, 6)
    assert read_status()["connections"][0]["pairs"] == 6


def test_what_somebody_must_act_on_is_counted_now_however_many_there_are(rows, monkeypatch):
    make_link(rows.connection, "Was twice", "W", is_linked=False, state="ambiguous")
    row_counts.count_due()
    monkeypatch.setattr(row_counts, "MOST_LIVE_ROWS", 3)
    add(rows, 1, state="held")
    add(rows, 1, state="drifted")
    add(rows, 1, settled_sequence=0)
    make_link(rows.connection, "Alone, too", "B", is_linked=False)
    VariantLink.objects.filter(state="ambiguous").update(state="unmatched")
    status = status_of(rows)
    assert (status["out_of_step"], status["drifted"], status["links"]["unmatched"]) == (3, 1, 3)
    assert status["links"]["ambiguous"] == 0 and not status["is_in_step"]
    StockLink.objects.filter(state="in_step").update(
        settled_sequence=0, dirty_at=timezone.now() - timedelta(minutes=10)
    )
    assert "out" in dict(needs_attention(status_of(rows)))


def test_the_largest_connections_are_not_counted_while_small_ones_are(rows, monkeypatch):
    south = make_store("South", Store.Role.DESTINATION)
    small = Connection.objects.create(source=rows.source, destination=south, state=Connection.State.RUNNING)
    add(rows, 1, small)
    row_counts.count_due()
    monkeypatch.setattr(row_counts, "MOST_LIVE_ROWS", 4)
    add(rows, 1)
    add(rows, 1, small)
    counts = row_counts.count_states(StockLink, [rows.connection.pk, small.pk])
    assert counts.by_state == {rows.connection.pk: {"in_step": 4}, small.pk: {"in_step": 2}}
    assert list(counts.counted_at) == [rows.connection.pk]


def test_the_sweep_counts_again_once_the_last_count_is_old(rows):
    def kept() -> dict:
        rows = RowCount.objects.filter(table="syncing_stocklink")
        return dict(rows.values_list("state", "count"))

    row_counts.count_due()
    add(rows, 2, state="skipped")
    StockLink.objects.filter(state="in_step").update(state="held")
    row_counts.count_due()
    assert kept() == {"in_step": 4}
    RowCount.objects.update(counted_at=timezone.now() - row_counts.KEPT_FOR - timedelta(seconds=1))
    row_counts.count_due()
    assert kept() == {"skipped": 2, "held": 4}  # of a state that no row is in any more, nothing is left


def test_pages_say_since_when_a_number_stands(rows, admin_client, monkeypatch):
    row_counts.count_due()
    pages = ["/admin/", list_of("stores_connection"), f"/admin/stores/connection/{rows.connection.pk}/change/"]
    add(rows, 1)
    assert not any("as of" in look_at(admin_client, page).lower() for page in pages)
    assert "5 synced" in look_at(admin_client, pages[1])
    monkeypatch.setattr(row_counts, "MOST_LIVE_ROWS", 3)
    assert all("as of" in look_at(admin_client, page).lower() for page in pages)
    assert "4 synced" in look_at(admin_client, pages[1])
