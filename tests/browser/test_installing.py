"""Stores of other organisations: from an empty database, through Shopify's authorization page, to stock in step."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from stores.installing import REDIRECT_PATH
from stores.models import Connection, Store
from syncing.models import StockLink
from tests.browser.shop_window import add_shops
from tests.browser.visitor import make_user

pytestmark = pytest.mark.browser
SECRET = "shpss_of_another_organisation"


def add_store(visitor, button: str, domain: str, client_id: str) -> None:
    """By the guide's button: an address pasted from the browser, and the app's credentials."""
    visitor.follow(button)
    page = visitor.page
    page.get_by_label("Domain").fill(f"https://admin.shopify.com/store/{domain.split('.')[0]}/products")
    page.get_by_label("Credentials").select_option("installed")
    page.get_by_label("Client id").fill(client_id)
    page.get_by_label("Client secret").fill(SECRET)
    visitor.press("Save")
    expect(page.get_by_text("Not connected yet")).to_be_visible()


def connect(visitor, pressed: str = "Install") -> None:
    """From the store's page to Shopify's, and back."""
    page, origin = visitor.page, urlsplit(visitor.url)
    visitor.press("Connect")
    page.wait_for_url(lambda url: "/admin/oauth/authorize" in url)
    assert page.evaluate("document.referrer") == ""
    visitor.press(pressed)
    if pressed == "Install":
        page.wait_for_url(lambda url: urlsplit(url).netloc == origin.netloc)
    else:
        page.wait_for_url(lambda url: "/admin/oauth/authorize" not in url)


def test_two_stores_of_other_organisations_are_installed_connected_and_in_step(visitor, product):
    source, north = add_shops(product.sim)
    for number, shop in enumerate((source, north)):
        product.sim.add_app(shop.domain, f"app-{number}", SECRET, [product.url + REDIRECT_PATH])
    make_user("ada")
    visitor.sign_in("ada")
    page = visitor.page
    expect(page.get_by_text(product.url + REDIRECT_PATH).first).to_be_visible()

    add_store(visitor, "I have an app", source.domain, "app-0")
    connect(visitor, "Cancel")
    page.go_back()
    visitor.open(f"/admin/stores/store/{Store.objects.get().pk}/change/")
    connect(visitor)
    assert re.fullmatch(r"/admin/stores/store/\d+/change/", urlsplit(page.url).path) and not urlsplit(page.url).query
    assert page.evaluate("document.referrer") == ""
    expect(visitor.card("Last check").get_by_text("OK", exact=True).first).to_be_visible()
    expect(visitor.card("Last check").get_by_text("Action needed")).to_have_count(0)

    visitor.open("/admin/")
    add_store(visitor, "Add a destination store", north.domain, "app-1")
    connect(visitor)
    expect(visitor.card("Last check").get_by_text("OK", exact=True).first).to_be_visible()

    start(visitor)
    product.wait_until(Connection.objects.filter(state="running").exists, "the connection")
    connection = Connection.objects.get()
    assert set(Store.objects.values_list("auth", "status")) == {("installed", "ready")}
    in_step = StockLink.objects.filter(connection=connection, state="in_step")
    product.wait_until(in_step.exists, "inventory")
    visited = page.evaluate("performance.getEntriesByType('navigation').map(entry => entry.name)")
    stored = [*Store.objects.values_list("access_token", "refresh_token")]
    said = product.log.read_text() + page.content() + str(visited)
    assert not [token for pair in stored for token in (*pair, SECRET) if token in said]
    assert "code=" not in said and "hmac=" not in said


def start(visitor) -> None:
    """By the guide, from two stores that are ready to a connection that runs."""
    page = visitor.page
    visitor.follow("Connect them")
    page.get_by_label("Source").select_option(label="Source store")
    page.get_by_label("Destination").select_option(label="North store")
    page.get_by_label("Strategy").select_option("two_way")
    visitor.press("Save")
    steps = visitor.card("Steps until it is started")
    visitor.press("Match by name", steps)
    visitor.press("Match now", steps)
    visitor.follow("Preview", steps)
    visitor.follow("Back to the connection")
    visitor.press("Start", steps)
    expect(visitor.card("Status")).to_be_visible()  # the page follows by itself when it runs


def test_the_copy_button_puts_the_scopes_into_the_clipboard(welcome, product):
    make_user("grace")
    visitor = welcome(permissions=["clipboard-read", "clipboard-write"])
    visitor.sign_in("grace")
    visitor.open("/admin/stores/store/add/")
    visitor.page.get_by_text("Where to find these in Shopify").click()
    visitor.page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(visitor.page.get_by_role("button", name="Copied").first).to_be_visible()
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == "read_inventory,read_locations,read_products,write_inventory"
