"""Long lists: what is counted, and how items are found in them."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stores.models import Variant
from syncing.models import SyncJob
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_adjustment, make_job, make_link, make_rows, make_stock_link
from tiposync.console.kit import item_search, paginator

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


@pytest.mark.parametrize("query", ["", "&o=1"])  # in the list's own order, and in another one
@pytest.mark.parametrize("model", [LEDGER, LINKS, STOCK])
@pytest.mark.parametrize("words", ["lamp green", "other-9", "of it there is none"])
def test_where_very_many_items_are_found_the_rows_are_the_same(admin_client, rows, monkeypatch, model, words, query):
    few = look_at(admin_client, f"{list_of(model)}?q={words}{query}")
    monkeypatch.setattr(item_search, "MOST_ITEMS", -1)
    many = look_at(admin_client, f"{list_of(model)}?q={words}{query}")
    names = ("Green lamp [LAMP-7]", "SOCK-1]")
    assert [name in few for name in names] == [name in many for name in names] == ["none" not in words, False]


def test_a_search_that_finds_more_than_anybody_pages_says_so_and_shows_the_first_in_order(
    admin_client, rows, monkeypatch
):
    for name in ("Blue lamp", "Amber lamp"):
        make_link(rows.connection, name, name)
    assert "3 results" in look_at(admin_client, f"{list_of(LINKS)}?q=lamp")
    monkeypatch.setattr(paginator, "MOST_FOUND_ROWS", 2)
    for most_items in (item_search.MOST_ITEMS, -1):
        monkeypatch.setattr(item_search, "MOST_ITEMS", most_items)
        page = look_at(admin_client, f"{list_of(LINKS)}?q=lamp")
        assert "2+ results" in page
        assert -1 < page.index("Amber lamp") < page.index("Blue lamp") < page.index("Green lamp")


def test_what_a_search_has_found_is_not_searched_for_again(admin_client, rows):
    make_job(rows.connection, subject="wanted")
    with CaptureQueriesContext(connection) as captured:
        page = look_at(admin_client, f"{list_of(JOBS)}?q=wanted")
    assert "1 result" in page and "wanted" in page
    assert len([query for query in captured.captured_queries if "%wanted%" in query["sql"]]) == 1


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
    assert "+ results" not in look_at(admin_client, list_of(JOBS))
    monkeypatch.setattr(paginator, "MOST_COUNTED_ROWS", 2)
    page = look_at(admin_client, list_of(JOBS))
    assert "2+ results" in page and "filter or search to get at the others" in page


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
    assert (f"{paginator.Count(12345)}", str(paginator.Count(12345, is_least=True))) == ("12,345", "12,345+")


def test_the_pages_of_a_list_hold_each_row_once_and_in_its_order(rows):
    for number in range(7):
        make_job(rows.connection, subject=str(number))
    found = SyncJob.objects.order_by("-subject")
    for is_searched in (False, True):
        whole = SyncJob.objects.select_related("connection")
        pages = paginator.ListPaginator(found, 3, whole=whole, is_searched=is_searched)
        shown = [[job.subject for job in page.object_list] for page in pages]
        assert shown == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
