"""Long lists: what is counted, how items are found in them, and the days of the ledger."""

from datetime import UTC, datetime

import pytest

from stores.models import Variant
from syncing.models import StockAdjustment, SyncJob
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_adjustment, make_job, make_link, make_rows, make_stock_link
from tiposync.console.home import sidebar
from tiposync.console.kit import paginator

pytestmark = pytest.mark.django_db(transaction=True)

LEDGER, LINKS, STOCK, HOLDS, JOBS = (
    "syncing_stockadjustment",
    "stores_variantlink",
    "syncing_stocklink",
    "syncing_stockhold",
    "syncing_syncjob",
)


@pytest.fixture
def rows():
    """A sock and a lamp, each with a line in the ledger."""
    rows = make_rows()
    lamp = make_link(rows.connection, "Green lamp", "LAMP-7")
    Variant.objects.filter(pk=lamp.destination_variant_id).update(sku="OTHER-9", barcode="4006381333931")
    make_adjustment(rows.stock_link, 1, 2)
    make_adjustment(make_stock_link(lamp, rows.mapping, 5, 5), 3, 4)
    return rows


@pytest.mark.parametrize("model", [LEDGER, LINKS, STOCK])
@pytest.mark.parametrize("words", ["green LAMP", "lamp-7", "other-9", "400638133", "lamp green"])
def test_an_item_is_found_by_the_words_of_either_variant(admin_client, rows, model, words):
    page = look_at(admin_client, f"{list_of(model)}?q={words}")
    assert ("Green lamp [LAMP-7]" in page, "SOCK-1]" in page) == (True, False)


def test_every_word_must_be_there_and_none_is_a_pattern(admin_client, rows):
    for words in ("green sock", "green%", "g_een", "'\""):
        assert "Green lamp [" not in look_at(admin_client, f"{list_of(LEDGER)}?q={words.replace('%', '%25')}"), words


def test_an_item_is_found_by_the_id_of_its_inventory_item(admin_client, rows):
    gid = rows.link.destination_variant.item_gid
    page = look_at(admin_client, f"{list_of(LEDGER)}?q={gid}")
    assert ("Green lamp [" in page, "SOCK-1]" in page) == (False, True)


def test_the_ledger_shows_the_writes_of_a_day(admin_client, rows):
    first, second = StockAdjustment.objects.order_by("pk")
    StockAdjustment.objects.filter(pk=first.pk).update(created_at=datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    StockAdjustment.objects.filter(pk=second.pk).update(created_at=datetime(2026, 3, 2, tzinfo=UTC))
    for day, expected in (("2026-03-01", [True, False]), ("2026-03-02", [False, True]), ("2026-03-03", [False] * 2)):
        page = look_at(admin_client, f"{list_of(LEDGER)}?day={day}")
        assert ["SOCK-1]" in page, "Green lamp [" in page] == expected, day


@pytest.mark.parametrize("words", ["tomorrow", "2026-02-30", "9999-12-31"])
def test_what_is_no_day_is_said(admin_client, rows, words):
    page = look_at(admin_client, f"{list_of(LEDGER)}?day={words}")
    assert f"“{words}” is no day. Write it like 20" in page
    assert "Green lamp [" in page


def test_a_badge_counts_no_further_than_anybody_reads(rows, monkeypatch):
    monkeypatch.setattr(sidebar, "LARGEST_COUNT", 2)
    failed = SyncJob.objects.filter(state="failed")
    shown = [sidebar.badge_text(failed)]
    for number in range(3):
        make_job(rows.connection, subject=str(number))
        shown.append(sidebar.badge_text(failed))
    assert shown == [0, 1, 2, "2+"]


def test_a_list_that_is_longer_than_anybody_pages_says_so(admin_client, rows, monkeypatch):
    for number in range(3):
        make_job(rows.connection, subject=str(number))
    assert "and more" not in look_at(admin_client, list_of(JOBS))
    monkeypatch.setattr(paginator, "MOST_COUNTED_ROWS", 2)
    assert "and more: filter or search" in look_at(admin_client, list_of(JOBS))


def test_the_pages_of_a_list_hold_each_row_once_and_in_its_order(rows):
    for number in range(7):
        make_job(rows.connection, subject=str(number))
    found = SyncJob.objects.order_by("-subject")
    pages = paginator.ListPaginator(found, 3, whole=SyncJob.objects.select_related("connection"))
    assert [[job.subject for job in page.object_list] for page in pages] == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
