"""The catalogue page of a simulated store: it shows what the store sells and says, and its forms edit it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.simulator.demo.seed import seed_demo
from tests.simulator.pages.catalogue import act_on_catalog, catalog_page
from tests.simulator.pages.page import Pages
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Product, Shop
from tests.simulator.tests.test_page import NASTY, Outline

DOMAIN = "source-store.myshopify.com"


class OutlineWithPictures(Outline):
    VOID = Outline.VOID | {"img"}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        seed_demo(simulator, variants=60)
        simulator.serve()
        yield simulator


@pytest.fixture
def shop(sim) -> Shop:
    return sim.shops[DOMAIN]


@pytest.fixture
def product(shop) -> Product:
    return next(iter(shop.products.values()))


def press(sim: Simulator, shop: Shop, action: str, **form) -> str:
    return act_on_catalog(sim, shop, {"action": action, **{name: str(value) for name, value in form.items()}})


def test_the_page_shows_products_collections_pages_and_articles(sim, shop, product):
    page = catalog_page(sim, shop, {})
    assert product.title in page
    assert "Online Store" in page
    for words in ("Favourites", "by rules: productTag", "About us", "We have moved", "news/we-have-moved"):
        assert words in page
    assert OutlineWithPictures(page).open == []


def test_its_pictures_can_be_loaded(sim, shop):
    address = re.search(r'<img src="([^"]+)"', catalog_page(sim, shop, {}))[1]
    assert requests.get(address, timeout=5).headers["Content-Type"] == "image/png"


def test_the_page_is_served_and_its_forms_lead_back_to_it(sim, shop, product):
    url = f"{sim.base_url}/{DOMAIN}/catalog"
    assert "catalogue" in requests.get(url, timeout=5).text
    form = {"action": "save", "product": product.id, "title": "Renamed", "price": "1", "tags": "", "back_page": "2"}
    answer = requests.post(f"{sim.base_url}/{DOMAIN}/_catalog", data=form, timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{DOMAIN}/catalog?page=2")
    assert product.title == "Renamed"
    assert Pages(sim).get(f"/{DOMAIN}/nothing") is None


def test_title_tags_and_the_price_of_every_variant_are_saved_with_webhooks(sim, shop):
    product = next(row for row in shop.products.values() if len(row.variant_ids) > 1)
    told = []
    shop.publish = told.extend
    press(sim, shop, "save", product=product.id, title="New", price="7.5", tags="b, A, a")
    assert (product.title, product.tags) == ("New", ["A", "b"])
    assert {shop.variants[one].price for one in product.variant_ids} == {"7.50"}
    assert set(told) == {("PRODUCTS_UPDATE", (product.id,))}
    told.clear()
    press(sim, shop, "save", product=product.id, title="New", price="7.50", tags="b, A")
    assert told == []


def test_images_come_and_go(sim, shop, product):
    before = list(product.file_ids)
    press(sim, shop, "add_image", product=product.id)
    assert len(product.file_ids) == len(before) + 1
    press(sim, shop, "remove_image", product=product.id)
    assert product.file_ids == before


def test_products_are_published_drafted_and_deleted(sim, shop, product):
    press(sim, shop, "unpublish", product=product.id)
    assert product.published_at is None
    press(sim, shop, "publish", product=product.id)
    assert product.published_at == sim.clock.whole_seconds()
    press(sim, shop, "status", product=product.id)
    assert product.status == "DRAFT"
    press(sim, shop, "delete", product=product.id)
    assert product.id not in shop.products
    assert "gone+meanwhile" in press(sim, shop, "delete", product=product.id)


def test_collections_are_added_renamed_published_and_deleted(sim, shop):
    press(sim, shop, "add_collection", title="Hand made", tag="handmade")
    [row] = [row for row in shop.catalog.collections.values() if row.title == "Hand made"]
    press(sim, shop, "save_collection", collection=row.id, title="Made by hand")
    press(sim, shop, "unpublish_collection", collection=row.id)
    assert (row.title, row.published_at) == ("Made by hand", None)
    press(sim, shop, "publish_collection", collection=row.id)
    assert row.published_at is not None
    press(sim, shop, "delete_collection", collection=row.id)
    assert row.id not in shop.catalog.collections


@pytest.mark.parametrize("kind", ["page", "article"])
def test_content_is_added_edited_hidden_and_deleted(sim, shop, kind):
    table = getattr(shop.catalog, f"{kind}s")
    press(sim, shop, f"add_{kind}", title="Fresh")
    row = list(table.values())[-1]
    sim.clock.advance(3)
    press(sim, shop, "save_content", kind=kind, content=row.id, title="Old", body="<p>x</p>")
    assert (row.title, row.body, row.updated_at) == ("Old", "<p>x</p>", sim.clock.whole_seconds())
    press(sim, shop, "show_content", kind=kind, content=row.id)
    assert row.published_at is None
    press(sim, shop, "delete_content", kind=kind, content=row.id)
    assert row.id not in table


@pytest.mark.parametrize(
    ("action", "form", "words"),
    [
        ("save", {"title": "", "price": "1"}, "Title+can"),
        ("save", {"title": "x", "price": "-1"}, "Price+must+be"),
        ("save", {"title": "x", "price": "cheap"}, "Price+is+not+a+number"),
        ("nothing", {}, "no+such+button"),
        ("add_page", {"title": " "}, "Title+can"),
    ],
)
def test_what_cannot_be_is_said(sim, shop, product, action, form, words):
    assert words in press(sim, shop, action, product=product.id, **form)


def test_everything_that_comes_from_outside_is_escaped(sim, shop, product):
    shop.name = product.title = product.handle = NASTY
    product.tags = [NASTY]
    shop.catalog.files[product.file_ids[0]].alt = NASTY
    for row in (*shop.catalog.collections.values(), *shop.catalog.pages.values(), *shop.catalog.articles.values()):
        row.title = row.handle = NASTY
    for page in (*shop.catalog.pages.values(), *shop.catalog.articles.values()):
        page.body = NASTY
    shown = catalog_page(sim, shop, {"search": NASTY, "note": NASTY})
    assert NASTY not in shown
    assert OutlineWithPictures(shown).scripts == 1


def test_search_and_paging_find_products(sim, shop, product):
    assert catalog_page(sim, shop, {"search": product.title}).count('name="product"') >= 1
    assert "No products." in catalog_page(sim, shop, {"search": "no such thing"})
    for page in ("0", "-1", "x", "99999999999999999999", "2"):
        assert "<h1>" in catalog_page(sim, shop, {"page": page})
