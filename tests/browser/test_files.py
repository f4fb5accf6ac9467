"""Files at the console: taken out exactly as the list shows, and chosen on the page that takes them in."""

import csv

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor, make_user
from tests.support.console.rows import make_link, make_rows

pytestmark = pytest.mark.browser
LINES = "connection,source_sku,destination_sku,decision\nmain.myshopify.com:north.myshopify.com,SOCK-1,,\n"


@pytest.fixture(scope="module")
def rows(product):
    rows = make_rows()
    for number in range(7):
        make_link(rows.connection, f"Green lamp {number}", f"LAMP-{number}", is_linked=number < 4)
    return rows


@pytest.fixture(scope="module")
def boss(product):
    return make_user("ada")


@pytest.fixture
def ada(visitor, boss) -> Visitor:
    visitor.become(boss)
    return visitor


@pytest.mark.parametrize(("query", "count"), [("", 8), ("?q=lamp", 7), ("?q=lamp&state__exact=linked", 4)])
def test_a_filtered_list_is_exported_with_as_many_lines_as_its_title_says(ada, rows, query, count):
    page = ada.open(f"/admin/stores/variantlink/{query}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{count} results")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export to CSV").click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) - 1 == count


@pytest.mark.parametrize("model", ["variantlink", "currencyrate"])
def test_a_file_is_chosen_without_an_error_of_a_script(ada, rows, tmp_path, model):
    page = ada.open(f"/admin/stores/{model}/import/")
    (tmp_path / "lines.csv").write_text(LINES)
    page.get_by_label("CSV file").set_input_files(tmp_path / "lines.csv")
    page.wait_for_timeout(100)
    ada.press("Preview")
    words = "1 line, 0 changes. Nothing is saved yet." if model == "variantlink" else "Nothing was taken."
    expect(page.get_by_text(words)).to_be_visible()
