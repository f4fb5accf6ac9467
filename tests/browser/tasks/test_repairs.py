"""What a support agent repairs alone, by role: jobs, matches and reviews, by what the pages say, in so many clicks."""

import csv
import re
from collections.abc import Iterator

import pytest
from django.db.models import QuerySet
from playwright.sync_api import Page, expect

from stores import roles
from stores.models import VariantLink
from syncing.models import StockHold, SyncJob
from syncing.queue import enqueue
from tests.browser.keyboard import Keys
from tests.browser.shop_window import ShopWindow, open_shops
from tests.browser.visitor import Visitor
from tests.simulator.demo.goods import single
from tests.simulator.demo.seed import add_product
from tests.simulator.state.apps import App
from tests.simulator.state.shop import Shop

pytestmark = pytest.mark.browser

BOWLS, CARDS = 7, 30
MOST_KEYS = 125  # for all nine, from the dashboard on; a word that is typed counts as one
IGNORE_SELECTED = "Ignore: leave the selected variants out of syncing …"


def put_goods(source: Shop, north: Shop) -> None:
    """(c) Seven bowls with other SKUs in each store, one with another name, one that North does not sell; (h) cards."""
    bowls = [(f"Bowl No. {number}", f"BOWL-{number}", f"NB-{number}") for number in range(1, BOWLS + 1)]
    goods = {source: [], north: []}
    for title, mine, other in bowls:
        goods[source].append(single(title, mine, [6, 0, None]))
        goods[north].append(single(title, other, [2, 0, None]))
    goods[source] += [
        single("Bowl with a lid", "LID-1", [9, 0, None]),
        single("Bowl, cracked", "CRACK-1", [1, 0, None]),
    ]
    goods[north].append(single("Deckelschale", "DE-77", [3, 0, None]))
    goods[source] += [single(f"Sample card {number}", f"SAMPLE-{number}", [1, 0, None]) for number in range(CARDS)]
    for shop, specs in goods.items():
        for spec in specs:
            add_product(shop, spec, list(shop.locations.values()), 1.0, shop.created_at)


@pytest.fixture(scope="module")
def window(product) -> ShopWindow:
    return open_shops(product, put_goods)


def links_of(words: str, **states: object) -> QuerySet[VariantLink]:
    return VariantLink.objects.filter(source_variant__product_title__startswith=words, **states)


@pytest.fixture
def app(window) -> Iterator[App]:
    """(b) North's app, which has every scope again after the test."""
    app = window.north.apps["tiposync"]
    granted = app.scopes
    yield app
    app.scopes = granted


def test_a_failed_job_is_understood_its_cause_mended_and_it_is_run_again(come_as, window, app):
    granted, app.scopes = app.scopes, app.scopes - {"read_inventory", "write_inventory"}
    enqueue.reconcile(window.connection)
    failed = SyncJob.objects.filter(state="failed", kind="reconcile")
    window.product.wait_until(failed.exists, "the failure")

    vera = come_as(roles.VIEWER)
    open_job(vera)
    expect(vera.page.get_by_text("Missing scopes: read_inventory. Add them to the app").first).to_be_visible()
    expect(vera.page.get_by_role("button", name="Run again")).to_have_count(0)

    sam = come_as(roles.SUPPORT)
    open_job(sam)
    expect(sam.page.get_by_text("Missing scopes: read_inventory. Add them to the app").first).to_be_visible()
    app.scopes = granted  # in Shopify, as the page says
    sam.choose("Needs attention")
    sam.page.get_by_role("link", name=re.compile(r"^\d+ Stores with a problem$")).click()
    sam.clicks += 1
    sam.follow("North store")
    sam.press("Check store")
    undone = SyncJob.objects.filter(kind="reconcile").exclude(state="succeeded")
    window.product.wait_until(lambda: not undone.exists(), "what failed to be run again")
    assert sam.clicks == 7
    sam.choose("Needs attention")
    expect(sam.page.get_by_text("When you have time")).to_be_visible()
    expect(sam.page.get_by_text(re.compile("Failed jobs|Stores with a problem"))).to_have_count(0)


def open_job(visitor: Visitor) -> None:
    visitor.choose("Needs attention")
    visitor.page.get_by_role("link", name=re.compile(r"^\d+ Failed jobs$")).click()
    visitor.clicks += 1
    visitor.follow("Reconcile")


def test_nine_variants_are_resolved_with_the_keyboard_alone(come_as, window):
    vera = come_as(roles.VIEWER)
    vera.choose("Variant matching")
    vera.search("Bowl")
    vera.follow("Bowl No. 1")
    expect(vera.page.get_by_text("No variant of the destination has the SKU “bowl-1”").first).to_be_visible()
    expect(vera.page.get_by_role("button", name=re.compile("^(Link|Ignore)$"))).to_have_count(0)

    sam = come_as(roles.SUPPORT)
    page, keys = sam.page, Keys(sam)
    keys.go_to(sam.line("Variant matching"))
    keys.enter()
    keys.go_to(page.locator("#searchbar"))
    keys.type("Bowl")
    keys.enter()
    page.wait_for_url("**q=Bowl**")
    keys.skip_menu()
    keys.go_to(page.locator("#result_list").get_by_role("link", name=re.compile("^Bowl No. 1")))
    keys.enter()
    for number in range(1, BOWLS + 1):
        keys.go_to(sam.choice(f"Bowl No. {number}").get_by_role("button", name="Link", exact=True))
        keys.enter()
        expect(page.get_by_text("Its stock is being synced").first).to_be_visible()
        go_on(page, keys)
    keys.go_to(page.get_by_role("searchbox", name="Search variants of both stores"))
    keys.type("deckel")
    keys.enter()
    page.wait_for_url("**partner=deckel**")
    keys.go_to(sam.choice("Deckelschale").get_by_role("button", name="Link", exact=True))
    keys.enter()
    go_on(page, keys)
    keys.skip_menu()
    keys.go_to(page.get_by_role("button", name="Ignore", exact=True))
    keys.enter()
    expect(page.get_by_text("Nothing in this list is undecided any more.")).to_be_visible()
    assert (links_of("Bowl", state="linked").count(), links_of("Bowl", state="ignored").count()) == (8, 1)
    assert keys.pressed <= MOST_KEYS


def go_on(page: Page, keys: Keys) -> None:
    """The page of what was decided begins at “Next”; so does the page that this leads to, unless it is the last."""
    onwards = page.get_by_role("link", name="Next: ")
    expect(onwards).to_be_focused()
    before = page.url
    keys.enter()
    page.wait_for_url(lambda url: url != before)


def test_a_review_is_read_by_everybody_and_decided_by_an_agent(come_as, window):
    mine, other = window.items("Demo two-way")
    window.settle()
    before, mine.stock = other.stock, 0  # from 50: somebody shall look at it
    window.product.wait_until(StockHold.objects.filter(state="open").exists, "the review")
    for role in (roles.VIEWER, roles.SUPPORT):
        visitor = come_as(role)
        visitor.choose("Needs attention")
        visitor.follow("Source store: 1 item fell to 0")
        expect(visitor.page.get_by_role("link", name="Demo two-way").first).to_be_visible()
        expect(visitor.page.get_by_text(f"{before} → 0", exact=True)).to_be_visible()
        expect(visitor.page.get_by_role("button", name="Release all")).to_have_count(int(role == roles.SUPPORT))
        expect(visitor.page.get_by_role("button", name="Discard all")).to_have_count(int(role == roles.SUPPORT))
    visitor.press("Release all")
    window.product.wait_until(lambda: other.stock == 0, "North to have 0")
    assert visitor.clicks == 3


def test_many_are_ignored_and_taken_back(come_as, window):
    vera = come_as(roles.VIEWER)
    vera.choose("Variant matching")
    vera.search("Sample card")
    expect(vera.page.get_by_role("heading", level=1)).to_contain_text(f"{CARDS} results")
    expect(vera.page.locator("#action-toggle")).to_have_count(0)
    expect(vera.page.get_by_role("link", name="Import a CSV file")).to_have_count(0)

    sam = come_as(roles.SUPPORT)
    sam.choose("Variant matching")
    sam.search("Sample card")
    sam.page.locator("#action-toggle").check()
    sam.page.locator("select[name=action]").select_option(label=IGNORE_SELECTED)
    sam.clicks += 2
    sam.press("Run")
    expect(sam.page.get_by_text(f"{CARDS} variants would be ignored")).to_be_visible()
    sam.press("Ignore the ticked ones")
    expect(sam.page.get_by_text(f"Left out of syncing: {CARDS}.")).to_be_visible()
    assert links_of("Sample card", state="ignored").count() == CARDS
    sam.press("Undo")
    expect(sam.page.get_by_text(f"Taken back: {CARDS}.")).to_be_visible()
    assert links_of("Sample card", state="unmatched").count() == CARDS
    assert sam.clicks == 7


def test_matches_are_decided_by_an_edited_file(come_as, window, tmp_path):
    sam = come_as(roles.SUPPORT)
    sam.choose("Variant matching")
    sam.search("Sample card")
    expect(sam.page.get_by_role("heading", level=1)).to_contain_text(f"{CARDS} results")
    with sam.page.expect_download() as download:
        sam.follow("Export to CSV")
    lines = list(csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert len(lines) == CARDS
    lines[0]["decision"] = lines[1]["decision"] = "ignore"
    with (tmp_path / "links.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    sam.follow("Import a CSV file")
    sam.page.get_by_label("CSV file").set_input_files(tmp_path / "links.csv")
    sam.clicks += 1
    sam.press("Preview")
    expect(sam.page.get_by_text(f"{CARDS} lines, 2 changes. Nothing is saved yet.")).to_be_visible()
    sam.press("Do this")
    expect(sam.page.get_by_text("Taken from the file: 2 ignored.")).to_be_visible()
    assert links_of("Sample card", state="ignored").count() == 2
    assert sam.clicks == 7
