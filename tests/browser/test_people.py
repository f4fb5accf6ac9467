"""Everybody at the console: each role within its limits, somebody with a keyboard only, somebody with a phone."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from stores import roles
from stores.models import Connection, VariantLink
from tests.browser.keyboard import Keys
from tests.browser.shop_window import ShopWindow, open_shops
from tests.browser.visitor import PASSWORD, PHONE, Visitor, make_user
from tests.support.console.press import page_of

pytestmark = pytest.mark.browser

RANKS = {roles.VIEWER: 0, roles.SUPPORT: 1, roles.MANAGER: 2, roles.ADMINISTRATOR: 3}


@pytest.fixture(scope="module")
def window(product) -> ShopWindow:
    return open_shops(product)


def is_offered(visitor: Visitor, label: str) -> bool:
    return bool(visitor.page.locator("#main").get_by_role("button", name=label, exact=True).count())


@pytest.mark.parametrize("role", RANKS)
def test_each_role_is_shown_what_it_may_do_and_no_more(visitor, window, role):
    rank, connection = RANKS[role], window.connection
    visitor.become(make_user(f"person-{rank}", role))
    page = visitor.open(page_of(VariantLink.objects.get(source_variant__product_title="Blank SKU")))
    expect(page.get_by_text("Blank SKU").first).to_be_visible()
    assert is_offered(visitor, "Ignore") == (rank >= 1)
    visitor.open(page_of(connection))
    expect(visitor.card("Status")).to_be_visible()
    pauses = page.locator("#main").get_by_role("link", name="Pause …")
    assert (bool(pauses.count()), is_offered(visitor, "Save")) == (rank >= 1, rank >= 2)
    visitor.open(page_of(connection.source))
    assert bool(page.get_by_label("Client secret", exact=True).count()) == (rank >= 3)
    assert bool(page.locator("#nav-sidebar").get_by_role("link", name="People").count()) == (rank >= 3)
    visitor.expect(403)
    assert page.goto(f"{visitor.url}/admin/auth/user/").status == (200 if rank >= 3 else 403)


def test_an_unmatched_product_is_resolved_with_the_keyboard_alone(visitor, window):
    make_user("kim", roles.SUPPORT)
    visitor.open("/admin/")
    page, keys = visitor.page, Keys(visitor)
    keys.go_to(page.get_by_label("Username"))
    keys.type("kim")
    keys.go_to(page.get_by_label("Password"))
    keys.type(PASSWORD)
    keys.enter()
    keys.go_to(visitor.line("Variant matching"))
    keys.enter()
    keys.go_to(page.locator("#searchbar"))
    keys.type("Blank SKU")
    keys.enter()
    page.wait_for_url("**q=Blank**")
    keys.skip_menu()
    keys.go_to(page.locator("#result_list").get_by_role("link", name="Blank SKU").first)
    keys.enter()
    keys.go_to(page.get_by_role("searchbox", name="Search variants of both stores"))
    keys.type("blank")
    keys.enter()
    page.wait_for_url("**partner=blank**")
    keys.go_to(visitor.choice("Blank SKU").get_by_role("button", name="Link", exact=True))
    keys.enter()
    expect(page.get_by_text("Its stock is being synced").first).to_be_visible()
    link = VariantLink.objects.get(source_variant__product_title="Blank SKU")
    assert (link.destination_variant.product_title, link.is_manual) == ("Blank SKU", True)
    window.settle()


@pytest.fixture
def busy_page(visitor, window):
    """The page of a connection that has just been started, which is fetched again every two seconds."""
    row = Connection.objects.filter(pk=window.connection.pk)
    started_at = row.get().started_at
    row.update(started_at=timezone.now())
    make_user("bo")
    visitor.sign_in("bo")
    yield visitor.open(page_of(window.connection))
    row.update(started_at=started_at)


def wait_for_fetch(page: Page) -> None:
    """Until the part that is fetched again has been."""
    with page.expect_response(lambda response: response.request.headers.get("hx-request") == "true"):
        pass


def test_a_page_that_is_fetched_again_takes_neither_the_focus_nor_a_click(visitor, busy_page):
    panel, button = busy_page.locator("#panel"), busy_page.get_by_role("button", name="Match now")
    for wanted in (panel.get_by_role("link", name=re.compile(r"^\d+ ?synced")), button):
        panel.evaluate("panel => { panel.dataset.isOld = 'yes'; }")
        Keys(visitor).go_to(wanted)
        expect(panel).not_to_have_attribute("data-is-old", "yes")
        expect(wanted).to_be_focused()
    button.hover()
    busy_page.mouse.down()
    wait_for_fetch(busy_page)
    wait_for_fetch(busy_page)  # by then the first one has been dealt with
    busy_page.mouse.up()
    expect(busy_page.get_by_text("Matching is queued")).to_be_visible()


def test_a_phone_is_enough_to_find_and_open_a_link(welcome, window):
    visitor = welcome(viewport=PHONE, has_touch=True, is_mobile=True)
    make_user("pia", roles.SUPPORT)
    visitor.sign_in("pia")
    assert not visitor.sticks_out()
    visitor.page.get_by_role("button", name="Menu").locator("visible=true").tap()
    visitor.choose("Variant matching")
    visitor.page.wait_for_url("**/variantlink/**")
    assert not visitor.sticks_out()
    visitor.search("Twin A")
    visitor.follow("Twin A")
    expect(visitor.page.get_by_text("Pick the partner").first).to_be_visible()
    assert not visitor.sticks_out()
