"""First use: somebody who has never seen it gets from an empty database to a running connection."""

import re

import pytest
from playwright.sync_api import expect

from stores.models import Connection, Store
from syncing.models import StockLink
from tests.browser.shop_window import SECRET, add_shops
from tests.browser.visitor import make_user

pytestmark = pytest.mark.browser


def test_the_sign_in_page_says_how_the_first_account_is_made(visitor):
    visitor.open("/admin/")
    expect(visitor.page.get_by_text("python manage.py createsuperuser", exact=True)).to_be_visible()


def add_store(visitor, button: str, domain: str) -> None:
    """Follow the guide's button, fill in the form that it leads to, and wait for the check."""
    visitor.follow(button)
    page = visitor.page
    page.get_by_label("Domain").fill(domain)
    page.get_by_label("Client id").fill("tiposync")
    page.get_by_label("Client secret").fill(SECRET)
    visitor.press("Save")
    expect(visitor.card("Last check").get_by_text("Action needed")).to_have_count(0)
    expect(visitor.card("Last check").get_by_text("OK", exact=True).first).to_be_visible()


def test_the_guide_leads_from_an_empty_database_to_a_running_connection(visitor, product):
    source, north = add_shops(product.sim)
    make_user("ada")
    visitor.sign_in("ada")
    page = visitor.page
    expect(visitor.card("What to do next")).to_be_visible()
    expect(page.get_by_text("write_inventory").first).to_be_visible()

    add_store(visitor, "I have an app", source.domain)
    add_store(visitor, "Add a destination store", north.domain)
    visitor.follow("Connect them")
    page.get_by_label("Source").select_option(label="Source store")
    page.get_by_label("Destination").select_option(label="North store")
    page.get_by_label("Strategy").select_option("two_way")
    visitor.press("Save")

    steps = visitor.card("Steps until it is started")
    visitor.press("Match by name", steps)
    visitor.press("Match now", steps)
    visitor.follow("Preview", steps)  # appears by itself when matching is over
    expect(visitor.card("What would change")).to_be_visible()
    visitor.follow("Back to the connection")
    expect(steps.get_by_text("done")).to_have_count(5)
    visitor.press("Start", steps)
    expect(steps).to_have_count(0)  # the page follows by itself
    figures = visitor.card("Status")
    expect(figures.get_by_role("link", name=re.compile(r"^[1-9]\d* ?synced"))).to_be_visible()  # nor is it reloaded

    product.wait_until(Connection.objects.filter(state="running").exists, "the connection")
    connection = Connection.objects.get()
    assert Store.objects.filter(status="ready").count() == 2
    in_step = StockLink.objects.filter(connection=connection, state="in_step")
    product.wait_until(in_step.exists, "inventory")
    visitor.choose("Dashboard")
    expect(visitor.card("What to do next")).to_have_count(0)
