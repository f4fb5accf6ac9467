"""What a support agent does alone, by role: whoever reads only what the pages say, in so many clicks."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import expect

from stores import roles
from stores.models import CatalogueSettings
from syncing.models import Reconciliation, StockLink, StockObservation, SyncJob
from tests.browser.shop_window import ShopWindow, open_shops
from tests.tiposync.console.kit.test_date_range import live_in
from tiposync.console.times import time_zones

pytestmark = pytest.mark.browser

ZONE = "Asia/Tokyo"
WRONG_UNITS = 3


@pytest.fixture(scope="module")
def window(product) -> ShopWindow:
    window = open_shops(product)
    name = f"{window.source.domain}:{window.north.domain}"
    call_command("set_catalogue", name, product_mode="update_only", fixed_rate="0.92", verbosity=0)
    call_command("sync_catalogue", name, "start", verbosity=0)
    return window


@pytest.fixture
def item(window):
    """(a) Somebody sets North's cups to 3, and tiposync has seen it. Its units in the source."""
    mine, other = window.items("Tea set: cup")
    window.settle()
    other.stock = WRONG_UNITS
    pair = StockLink.objects.filter(variant_link__source_variant__product_title="Tea set: cup")
    window.product.wait_until(pair.filter(state="drifted").exists, "the change in North to be seen")
    return mine, other


def test_a_number_is_explained_to_everybody_and_put_right_by_an_agent(come_as, window, item):
    mine, other = item
    vera = come_as(roles.VIEWER)
    vera.find("Tea set: cup")
    vera.follow("Tea set: cup")
    why = vera.card("Why the numbers are what they are")
    said = f"Was changed in the destination: shows {WRONG_UNITS}, should be {mine.stock}. Corrected at the next check"
    expect(why).to_contain_text(said)
    expect(vera.page.get_by_role("button", name="Correct now")).to_have_count(0)
    assert vera.clicks == 2

    sam = come_as(roles.SUPPORT)
    sam.find("Tea set: cup")
    sam.follow("Tea set: cup")
    sam.press("Correct now")
    window.product.wait_until(lambda: other.stock == mine.stock, "North to have what it should")
    assert sam.clicks == 3


def test_a_price_rule_is_seen_before_it_is_saved(come_as, window):
    def rule() -> CatalogueSettings:
        return CatalogueSettings.objects.get(connection=window.connection)

    mona = come_as(roles.MANAGER)
    mona.choose("Product sync")
    mona.follow("Source store → North store")
    percent = mona.page.get_by_label("Percent").first
    percent.fill("50")
    percent.press("Tab")
    expect(
        mona.page.get_by_text("27.60").first
    ).to_be_visible()  # the example beside it: 20.00 dollars, half as much more
    mona.press("Save")
    prices = mona.card("Old and new prices")
    expect(prices.get_by_text("prices would change")).to_be_visible()
    assert rule().price_percent == 0
    said = int(re.match(r"\d+", prices.get_by_text(re.compile(r"^\d+ rows$")).inner_text())[0])
    with mona.page.expect_download() as download:
        mona.press("Export to CSV", prices)
    assert len(download.value.path().read_text("utf-8-sig").splitlines()) == said + 1
    mona.press("Change", prices)  # by the head of its column
    expect(prices.locator("th[aria-sort=descending]")).to_have_text(re.compile("Change"))
    assert rule().price_percent == 0
    mona.press("Save and re-price")
    window.product.wait_until(lambda: rule().price_percent == 50, "the rule to be saved")
    assert mona.clicks == 6  # of which 2 are for the file and the order of the rows

    sam = come_as(roles.SUPPORT)
    sam.choose("Product sync")
    sam.follow("Source store → North store")
    expect(sam.page.get_by_text("Percent").first).to_be_visible()
    expect(sam.page.get_by_role("button", name="Save", exact=True)).to_have_count(0)


def test_all_that_happened_to_a_product_yesterday(come_as, window):
    window.settle()
    vera = come_as(roles.VIEWER)
    live_in(ZONE, "vera")
    with timezone.override(ZoneInfo(ZONE)):
        begins = time_zones.begins_at(time_zones.today() - timedelta(days=1))
    of_pot = StockObservation.objects.filter(
        level__links_as_source__variant_link__source_variant__product_title="Tea set: pot"
    )
    first = of_pot.earliest("pk")
    of_pot.filter(pk=first.pk).update(created_at=begins)
    vera.find("Tea set: pot")
    vera.follow("Tea set: pot")
    vera.follow("Yesterday")
    happened = vera.card("What happened: Yesterday")
    expect(happened.get_by_text(f"1 entry (Yesterday, in {ZONE})")).to_be_visible()
    yesterday = begins.astimezone(ZoneInfo(ZONE))
    expect(happened.get_by_text(f"{yesterday:%Y-%m-%d} 00:00:00")).to_be_visible()
    assert vera.clicks == 3


def test_an_agent_reconciles_and_reads_what_came_of_it(come_as, window, item):
    mine, other = item
    vera = come_as(roles.VIEWER)
    vera.choose("Connections")
    vera.follow("Source store → North store")
    expect(vera.card("Status").get_by_text("Last reconciled")).to_be_visible()
    expect(vera.page.get_by_role("button", name="Reconcile")).to_have_count(0)

    before = Reconciliation.objects.count()
    sam = come_as(roles.SUPPORT)
    sam.choose("Connections")
    sam.follow("Source store → North store")
    sam.press("Reconcile")
    expect(sam.page.get_by_text("Reconciliation is queued").first).to_be_visible()
    window.product.wait_until(lambda: other.stock == mine.stock, "the correction")
    window.product.wait_until(lambda: Reconciliation.objects.filter(state="done").count() > before, "the report")
    sam.choose("Checks")
    row = sam.page.locator("#result_list tbody tr").first
    expect(row.get_by_text("A user")).to_be_visible()
    sam.follow("1", row)  # of the column “Corrected”
    expect(sam.page.locator("#result_list").get_by_text("Tea set: cup").first).to_be_visible()
    expect(sam.page.locator("#result_list").get_by_text(f"{WRONG_UNITS} → {mine.stock}").first).to_be_visible()
    assert sam.clicks == 5


def test_a_store_is_paused_until_tomorrow_by_an_agent_and_resumed_by_a_manager(come_as, window):
    vera = come_as(roles.VIEWER)
    vera.choose("Stores")
    vera.follow("North store")
    expect(vera.card("Last check")).to_be_visible()
    expect(vera.page.get_by_role("link", name="Pause …")).to_have_count(0)

    sam = come_as(roles.SUPPORT)
    sam.choose("Stores")
    sam.follow("North store")
    sam.follow("Pause …")
    sam.page.get_by_label("Why").fill("The shelves are being counted")
    sam.page.get_by_label("Until tomorrow, 09:00").check()
    sam.clicks += 1
    sam.press("Pause")
    banner = "The store North store is paused by sam: The shelves are being counted. It resumes by itself at"
    expect(sam.page.get_by_text(banner)).to_be_visible()
    expect(sam.page.locator("time[data-until]")).to_contain_text("hour")
    expect(sam.page.get_by_role("button", name="Resume")).to_have_count(0)
    assert sam.clicks == 5

    mona = come_as(roles.MANAGER)
    mona.follow("Look at it")
    mona.press("Resume")
    expect(mona.page.get_by_text("North store is resumed")).to_be_visible()
    expect(mona.page.get_by_text(banner)).to_have_count(0)
    assert mona.clicks == 2


def test_an_agent_stops_everything_and_a_manager_lets_it_go_on(come_as, window):
    mine, other = window.items("Tea set: pot")
    window.settle()
    sam = come_as(roles.SUPPORT)
    sam.choose("Connections")
    sam.follow("Pause all syncing")
    sam.press("Pause all syncing")
    expect(sam.page.get_by_text("All syncing is paused by sam. Webhooks are recorded").first).to_be_visible()
    expect(sam.page.get_by_role("button", name="Resume all syncing")).to_have_count(0)
    assert sam.clicks == 3
    before, mine.stock = other.stock, mine.stock + 5
    window.product.wait_until(
        lambda: not SyncJob.objects.filter(state__in=("queued", "running")).exists(), "the webhook to be looked at"
    )
    assert other.stock == before

    mona = come_as(roles.MANAGER)
    mona.follow("Look at it")
    mona.press("Resume all syncing")
    window.product.wait_until(lambda: other.stock == mine.stock, "North to catch up")
    assert mona.clicks == 2
