"""Long lists: what is counted, and how items are found in them."""

import re

import pytest

from stores.models import Variant
from syncing.models import SyncJob
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_adjustment, make_job, make_link, make_rows, make_stock_link
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


def test_a_list_that_is_longer_than_anybody_pages_says_so(admin_client, rows, monkeypatch):
    for number in range(3):
        make_job(rows.connection, subject=str(number))
    assert "more than" not in look_at(admin_client, list_of(JOBS))
    monkeypatch.setattr(paginator, "MOST_COUNTED_ROWS", 2)
    page = look_at(admin_client, list_of(JOBS))
    assert "more than 2 results" in page and "filter or search to get at the others" in page


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (LEDGER, []),
        (LINKS, ["2"]),
        (STOCK, ["2"]),
        (HOLDS, ["0"]),
        ("syncing_webhookevent", []),
        ("stores_store", ["2"]),
    ],
)
def test_the_title_of_a_list_says_a_number_only_where_the_rows_were_counted(admin_client, rows, model, expected):
    page = look_at(admin_client, list_of(model))
    assert "9999999999" not in page and "9,999,999,999" not in page and "Show all" not in page
    assert re.findall(r"([\d,]+) results?\b", page) == expected


def test_a_list_without_rows_shows_no_more_and_one_that_is_filtered_does(admin_client, rows):
    page = look_at(admin_client, list_of(HOLDS))
    assert "0 results" in page and "Show all" not in page
    page = look_at(admin_client, list_of(LINKS) + "?q=nothing-is-called-that")
    assert "0 results" in page and '<a href="?">Show all</a>' in page


def test_numbers_of_rows_have_separators_and_go_no_further_than_they_were_counted():
    assert (f"{paginator.Count(12345)}", str(paginator.Count(12345, is_least=True))) == ("12,345", "more than 12,345")


def test_the_pages_of_a_list_hold_each_row_once_and_in_its_order(rows):
    for number in range(7):
        make_job(rows.connection, subject=str(number))
    found = SyncJob.objects.order_by("-subject")
    pages = paginator.ListPaginator(found, 3, whole=SyncJob.objects.select_related("connection"))
    assert [[job.subject for job in page.object_list] for page in pages] == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
