"""Previews: totals and falls to 0 first, sorted by a press, and a file with as many lines as the page says."""

import csv
import io
import re
from decimal import Decimal
from html import unescape

import pytest
import responses
from django.contrib.auth.models import User
from django.utils import timezone

from stores.models import Connection, Store
from syncing.models import CatalogueRun, CatalogueRunItem
from syncing.stock.preview import PreviewRow
from tests.support.console.people import member_of
from tests.support.console.press import answer_levels, forms_with, look_at, page_of
from tests.support.console.rows import make_link, make_rows, make_stock_link
from tiposync.console.kit.previews import CHANGES, FALLS, STAYS, Column, Preview, Row, Total
from tiposync.console.models import KeptPreview
from tiposync.console.stock.previewing import KEPT_FOR, table_of

pytestmark = pytest.mark.django_db

TEXT, NUMBER = Column("name", "Name"), Column("units", "Units", is_number=True)


def file_of(answer) -> list[list[str]]:
    """The lines of a file below its head."""
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))[1:]


def rows_of(page: str, column: str) -> list[str]:
    """What stands in a column of the table, from top to bottom."""
    return [
        unescape(re.sub("<[^>]+>", "", cell)).strip()
        for cell in re.findall(rf'<td data-label="{column}"[^>]*>(.*?)</td>', page, re.S)
    ]


def press_head(client, url: str, page: str, label: str):
    """Press the head of a column; the page that follows."""
    link = re.search(rf'<a class="console-sort" href="([^"]+)">{label} <span', page)
    assert link, f"no column “{label}” that sorts"
    return look_at(client, url.partition("?")[0] + unescape(link[1]))


def press_export(client, url: str, page: str) -> list[list[str]]:
    link = re.search(r'<a class="console-button" href="([^"]+)">Export to CSV</a>', page)
    assert link, "no “Export to CSV”"
    target = unescape(link[1])
    return file_of(client.get(target if target.startswith("/") else url.partition("?")[0] + target))


def said(page: str) -> int:
    """How many rows the page says there are."""
    return int(re.search(r"<b>([\d,]+) rows?</b>", page)[1].replace(",", ""))


def total(page: str, words: str) -> int:
    return int(re.search(rf"<strong>(\d+)</strong><span>{words}</span>", page)[1])


def names(preview: Preview) -> list[str]:
    return [row.values[0] for row in preview.rows]


def test_what_falls_to_0_comes_first_then_what_changes_then_what_stays():
    rows = [Row(("stays", 1), STAYS), Row(("changes", 2), CHANGES), Row(("falls", 3), FALLS)]
    assert names(Preview("x", [TEXT, NUMBER], rows)) == ["falls", "changes", "stays"]


def test_a_column_sorts_numbers_as_numbers_and_words_as_words_and_what_is_unknown_comes_last():
    rows = [Row(("b", 10)), Row(("A", 9)), Row(("c", None)), Row(("", -1)), Row(("É", 100))]
    assert [row.values[1] for row in Preview("x", [TEXT, NUMBER], rows, sort="units").rows] == [-1, 9, 10, 100, None]
    assert [row.values[1] for row in Preview("x", [TEXT, NUMBER], rows, sort="-units").rows] == [100, 10, 9, -1, None]
    assert names(Preview("x", [TEXT, NUMBER], rows, sort="name"))[:3] == ["A", "b", "c"]
    assert names(Preview("x", [TEXT, NUMBER], rows, sort="nonsense")) == ["b", "A", "c", "", "É"]


def test_a_head_sorts_numbers_from_the_largest_and_turns_at_the_next_press():
    def pressed(sort: str) -> dict[str, tuple[str, str]]:
        return {head["label"]: (head["sort"], head["state"]) for head in Preview("x", [TEXT, NUMBER], sort=sort).heads}

    assert pressed("") == {"Name": ("name", ""), "Units": ("-units", "")}
    assert pressed("-units")["Units"] == ("units", "descending")
    assert pressed("units")["Units"] == ("-units", "ascending")
    assert pressed("name")["Name"] == ("-name", "ascending")


def test_the_file_has_every_row_no_formula_and_numbers_as_numbers():
    rows = [Row(("=cmd()", -5)), Row((None, Decimal("1.50")))]
    assert file_of(Preview("x", [TEXT, NUMBER], rows).write()) == [["'=cmd()", "-5"], ["", "1.50"]]


def test_totals_have_words_for_one_and_for_many():
    assert [Total(count, "item falls", "items fall").words for count in (0, 1, 2)] == [
        "items fall",
        "item falls",
        "items fall",
    ]


@pytest.mark.parametrize(
    ("source", "destination", "falls"),
    [
        ((7, 7), (7, 0), 1),
        ((7, 7), (None, 0), 1),  # nobody knows what it offered
        ((7, 0), (7, 7), 1),
        ((7, 7), (0, 7), 0),
        ((7, 7), (0, 0), 0),
        ((7, 7), (7, 3), 0),
    ],
)
def test_an_item_falls_to_0_where_either_side_offered_it_before(source, destination, falls):
    row = PreviewRow(1, "Sock", "Berlin", *source, *destination)
    assert table_of([row], "x").totals[0].count == falls


def make_quantities(quantities: dict[str, tuple[int, int]]) -> Connection:
    """A connection with items that have these quantities in the source and in the destination, as Shopify answers."""
    rows = make_rows()
    Store.objects.update(auth="static_token", access_token="shpat_x")
    Connection.objects.update(state=Connection.State.READY)
    answers = {rows.link.source_variant.item_gid: 1, rows.link.destination_variant.item_gid: 1}
    for sku, (source, destination) in quantities.items():
        link = make_link(rows.connection, f"Item {sku}", sku)
        make_stock_link(link, rows.mapping, source, destination)
        answers |= {link.source_variant.item_gid: source, link.destination_variant.item_gid: destination}
    answer_levels(answers)
    rows.connection.refresh_from_db()
    return rows.connection


@responses.activate
def test_a_preview_of_quantities_is_read_once_then_sorted_and_taken_out(admin_client):
    connection = make_quantities({"UP": (9, 2), "ZERO": (0, 40), "DOWN": (5, 30), "NONE": (0, 3)})
    url = f"/admin/stores/connection/{connection.pk}/do/preview/"
    page = look_at(admin_client, url)
    reads = len(responses.calls)
    assert total(page, "items fall to 0") == 2 and total(page, "items would change") == 4
    assert page.index("items fall to 0") < page.index("<table")
    assert {name[:9] for name in rows_of(page, "Variant")[:2]} == {"Item ZERO", "Item NONE"}
    assert rows_of(page, "Becomes")[:2] == ["0", "0"]
    assert '<th class="console-right"' in page and '<td data-label="Change" class="console-right' in page

    page = press_head(admin_client, url, page, "Change")
    assert rows_of(page, "Change") == ["+7", "-3", "-25", "-40"]
    assert 'aria-sort="descending"' in page
    page = press_head(admin_client, url, page, "Change")
    assert rows_of(page, "Change") == ["-40", "-25", "-3", "+7"]
    lines = press_export(admin_client, url, page)
    assert len(lines) == said(page) == 4
    assert [line[-1] for line in lines] == ["-40", "-25", "-3", "7"]
    assert len(responses.calls) == reads, "sorting asked Shopify again"
    assert forms_with(page, "Start")

    look_at(admin_client, url)  # “Read again”
    assert len(responses.calls) > reads


@responses.activate
def test_what_was_read_for_one_user_is_shown_to_no_other_and_not_for_long():
    connection = make_quantities({"UP": (9, 2)})
    url = f"/admin/stores/connection/{connection.pk}/do/preview/"
    agent, colleague = member_of("Support agent", "agent"), member_of("Support agent", "colleague")
    look_at(agent, url)
    calls = len(responses.calls)
    look_at(colleague, f"{url}?kept=1")
    assert len(responses.calls) > calls
    calls = len(responses.calls)
    KeptPreview.objects.filter(user=User.objects.get(username="agent")).update(made_at=timezone.now() - KEPT_FOR)
    look_at(agent, f"{url}?kept=1&sort=change")
    assert len(responses.calls) > calls
    assert KeptPreview.objects.count() == 2
    assert member_of("Viewer", "viewer").get(url).status_code == 403


def make_run(count: int = 3, **fields) -> CatalogueRun:
    run = CatalogueRun.objects.create(
        connection=make_rows().connection, kind="all", is_preview=True, state="finished", **fields
    )
    for number in range(count):
        make_item(run, f"Chair {number}", "update")
    make_item(run, "Lamp", "create", reason="It is new.")
    make_item(run, "Table", "delete", reason="It is not shared any more.")
    make_item(run, "Equal", "equal", outcome="done")
    return run


def make_item(run: CatalogueRun, title: str, action: str, **fields) -> None:
    own = {"outcome": "planned", "source_gid": f"gid://shopify/Product/{title}"} | fields
    CatalogueRunItem.objects.create(run=run, title=title, action=action, **own)


def test_a_preview_of_products_shows_what_it_removes_first_and_its_file_has_all(admin_client, monkeypatch):
    run = make_run(count=4)
    monkeypatch.setattr("tiposync.console.catalogue.run_lines.MOST_SHOWN_ROWS", 2)
    url = page_of(run)
    page = look_at(admin_client, url)
    assert rows_of(page, "What") == ["Table", "Chair 0"]
    assert said(page) == 6 and "The first 2 are shown; the file has all." in page
    assert len(press_export(admin_client, url, page)) == 6
    page = press_head(admin_client, url, page, "What")
    assert rows_of(page, "What") == ["Chair 0", "Chair 1"]
    page = press_head(admin_client, url, page, "What")
    assert rows_of(page, "What") == ["Table", "Lamp"]
    assert [line[0] for line in press_export(admin_client, url, page)][:2] == ["Table", "Lamp"]
    assert member_of("Viewer", "viewer").get(f"/admin/syncing/cataloguerun/{run.pk}/do/lines/").status_code == 200
