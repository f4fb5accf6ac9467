"""A working day: resolve, release, run again, pause, undo; by clicking what the pages offer, and seen in the stores."""

import re

import pytest
from playwright.sync_api import expect

from stores import roles
from stores.models import MatchDecision
from syncing.models import StockHold, SyncJob
from tests.browser.shop_window import ShopWindow, open_shops
from tests.browser.visitor import Visitor, make_user

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def window(product) -> ShopWindow:
    return open_shops(product)


@pytest.fixture(scope="module")
def manager(product):
    return make_user("mona", roles.MANAGER)


@pytest.fixture
def mona(welcome, manager) -> Visitor:
    """A manager at her desk, on the dashboard."""
    visitor = welcome()
    visitor.become(manager)
    visitor.open("/admin/")
    return visitor


def test_an_unmatched_product_is_resolved_and_its_stock_follows(mona, window):
    mine, other = window.items("No SKU at all")
    mine.stock = 17
    mona.choose("Variant matching")
    mona.search("No SKU at all")
    mona.follow("No SKU at all")
    mona.page.get_by_role("searchbox", name="Search variants of").fill("no sku")
    mona.press("Search")
    mona.press("Link", mona.choice("No SKU at all"))
    expect(mona.page.get_by_text("Its stock is being synced").first).to_be_visible()
    window.product.wait_until(lambda: other.stock == 17, "North to have 17")


def test_a_hold_is_looked_at_and_released(mona, window):
    mine, other = window.items("Demo two-way")
    assert other.stock == 50
    mine.stock = 0  # from 50 or more to 0: somebody shall look at it
    window.product.wait_until(StockHold.objects.filter(state="open").exists, "the review")
    mona.open("/admin/")
    mona.page.get_by_role("link", name=re.compile(r"^Needs attention: \d")).click()
    mona.follow("Source store: 1 item fell to 0")
    expect(mona.page.get_by_role("link", name="Demo two-way").first).to_be_visible()
    expect(mona.page.get_by_text("Lets this plan through, as shown")).to_be_visible()
    assert other.stock == 50
    mona.press("Release all")
    window.product.wait_until(lambda: other.stock == 0, "North to have 0")


def test_a_failed_job_is_run_again_after_what_it_names_was_put_right(mona, window):
    app = window.north.apps["tiposync"]
    granted, app.scopes = app.scopes, app.scopes - {"read_inventory", "write_inventory"}
    mona.choose("Connections")
    mona.follow("Source store → North store")
    mona.press("Reconcile")
    failed = SyncJob.objects.filter(state="failed", kind="reconcile")
    window.product.wait_until(failed.exists, "the failure")
    mona.choose("Jobs")
    mona.follow("Reconcile")
    expect(mona.page.get_by_text("Needs a setting, a scope or a credential").first).to_be_visible()
    app.scopes = granted
    mona.press("Run again")
    window.product.wait_until(lambda: not failed.exists(), "success")


def test_a_pause_stops_everything_and_resuming_catches_up(mona, window):
    mine, other = window.items("Tea set: pot")
    mona.choose("Connections")
    mona.follow("Source store → North store")
    mona.follow("Pause …")
    mona.page.get_by_label("Why").fill("The shelves are being counted")
    mona.press("Pause")
    expect(mona.page.get_by_text("is paused by mona: The shelves are being counted").first).to_be_visible()
    expect(mona.page.get_by_text("Paused").first).to_be_visible()
    before, mine.stock = other.stock, mine.stock + 5
    window.product.wait_until(
        lambda: not SyncJob.objects.filter(state__in=("queued", "running")).exists(), "the webhook to be looked at"
    )
    assert other.stock == before
    mona.press("Resume")
    window.product.wait_until(lambda: other.stock == mine.stock, "North to catch up")


def test_what_a_reconciliation_wrote_is_taken_back(mona, window):
    mine, other = window.items("Tea set: cup")
    window.settle()
    truth, other.stock = mine.stock, 30  # a hand in North
    mona.choose("Connections")
    mona.follow("Source store → North store")
    mona.press("Reconcile")
    window.product.wait_until(lambda: other.stock == truth, "the correction")
    mona.choose("Checks")
    mona.page.locator("#result_list tbody").get_by_role("link").first.click()
    mona.follow("Undo …")
    expect(mona.page.get_by_text("Tea set: cup").first).to_be_visible()
    mona.press("Take it back")
    window.product.wait_until(lambda: other.stock == 30, "it to be taken back")


def test_a_decision_about_a_match_is_taken_back_by_the_button_beside_its_message(mona, window):
    mona.choose("Variant matching")
    mona.search("Tea set: cup")
    mona.follow("Tea set: cup")
    mona.press("Ignore")
    expect(mona.page.get_by_text("would no longer be synced")).to_be_visible()
    mona.press("Ignore")  # what is on sale is left as it is
    expect(mona.page.get_by_text("It is left out of syncing.")).to_be_visible()
    match = MatchDecision.objects.get(kind="ignore").rows.get().link
    assert match.state == "ignored"
    mona.press("Undo")
    expect(mona.page.get_by_text("Taken back: 1.")).to_be_visible()
    match.refresh_from_db()
    assert match.state == "linked"
