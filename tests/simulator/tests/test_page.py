"""The pages of the simulated stores: they show the stock, their buttons move it, and nothing on them is unescaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from tests.simulator.demo.seed import seed_demo
from tests.simulator.pages.actions import CATALOG_KNOBS, FAULTS, KNOBS
from tests.simulator.pages.page import ROWS, Pages, act, index_page, shop_page
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Shop, Variant

NASTY = "<script>alert(1)</script>\"'&"


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        yield simulator


@pytest.fixture
def sim(shared) -> Simulator:
    shared.shops.clear()
    seed_demo(shared)
    return shared


@pytest.fixture
def shop(sim) -> Iterator[Shop]:
    found = sim.shops["source-store.myshopify.com"]
    yield found
    sim.faults(found).clear()


def variant_of(shop: Shop, sku: str) -> Variant:
    item = next(item for item in shop.items.values() if item.sku == sku)
    return shop.variants[item.variant_id]


def press(sim: Simulator, shop: Shop, action: str, **form) -> str:
    return act(sim, shop, {"action": action, **{name: str(value) for name, value in form.items()}})


def available(shop: Shop, variant: Variant) -> list[int]:
    return [level.available for level in shop.levels_of(variant.item_id)]


class Outline(HTMLParser):
    """Collects tags that are opened, to see that they are closed and what they hold."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_index_names_every_store_and_links_to_it(sim):
    page = index_page(sim)
    for shop in sim.shops.values():
        assert f'href="/{shop.domain}"' in page
        assert f"{len(shop.variants):,} variants" in page


def test_a_store_shows_products_with_what_is_available_at_each_location(sim, shop):
    page = shop_page(sim, shop, {})
    assert all(place.name in page for place in shop.locations.values())
    item = variant_of(shop, "DEMO-ONE-WAY").item_id
    cells = re.findall(rf'id="level-{item}-\d+" data-live="flash">(?:<b>(\d+)</b>|(–))', page)
    assert cells == [("20", ""), ("0", ""), ("", "–")]


def test_the_admins_addresses_show_the_thing_alone_or_are_no_page(sim, shop):
    one, other = variant_of(shop, "DEMO-ONE-WAY"), variant_of(shop, "DEMO-TWO-WAY")
    for _ in range(9):
        press(sim, shop, "buy", variant=other.id, quantity=1)
    first = next(iter(shop.orders))
    pages, start = Pages(sim), f"/{shop.domain}/admin"
    assert "DEMO-TWO-WAY" in pages.get(start)
    for path in (f"/products/{one.product_id}", f"/products/{one.product_id}/variants/{one.id}"):
        levels = re.findall(r'id="level-(\d+)-', pages.get(start + path))
        assert set(levels) == {str(one.item_id)}
    assert re.findall(r'name="order" value="(\d+)"', pages.get(f"{start}/orders/{first}")) == [str(first)]
    for path in (
        *(f"/products/{one.product_id}/variants/{other.id}", "/products/7", "/orders/7", "/draft_orders/7"),
        *(f"/orders/{first}/variants/{one.id}", f"/customers/{first}", "/products/x"),
    ):
        assert pages.get(start + path) is None, path


def test_pages_are_well_formed(sim, shop):
    press(sim, shop, "buy", variant=variant_of(shop, "DEMO-ONE-WAY").id, quantity=2)
    for page in (index_page(sim), shop_page(sim, shop, {"note": "a", "search": "b"}), shop_page(sim, shop, {})):
        assert Outline(page).open == []


def test_everything_that_comes_from_outside_is_escaped(sim, shop):
    now = sim.clock.whole_seconds()
    place = shop.add_location(NASTY, at=now)
    product = shop.add_product(NASTY, at=now)
    variant = shop.add_variant(product, at=now, sku=NASTY, barcode=NASTY, stock={place.id: 5})
    shop.name = NASTY
    sim.buy(shop.domain, variant.id)
    shop.request_log.append({"at": NASTY, "operation": NASTY, "fields": [], "status": 200, "errors": [NASTY]})
    shop.webhook_log.append({"at": NASTY, "topic": NASTY, "subject": [NASTY], "status": NASTY, "state": NASTY})
    for page in (shop_page(sim, shop, {"search": NASTY, "note": NASTY}), index_page(sim)):
        assert NASTY not in page
        assert "alert(1)" in page
        assert Outline(page).scripts == 1


def test_buying_moves_stock_and_shows_the_order(sim, shop):
    variant = variant_of(shop, "DEMO-TWO-WAY")
    assert press(sim, shop, "buy", variant=variant.id, quantity=5) == f"/{shop.domain}"
    assert available(shop, variant) == [45, 0]
    page = shop_page(sim, shop, {})
    assert "5 × Demo two-way (DEMO-TWO-WAY)" in page
    assert "5 committed" in page


def test_restocking_and_setting_work_at_the_chosen_location(sim, shop):
    variant = variant_of(shop, "DEMO-TWO-WAY")
    _, second, _ = shop.locations
    press(sim, shop, "restock", variant=variant.id, quantity=10)
    press(sim, shop, "restock", variant=variant.id, quantity=3, location=second)
    assert available(shop, variant) == [60, 3]
    press(sim, shop, "set", variant=variant.id, quantity=-4, location=second)
    assert available(shop, variant) == [60, -4]


def test_a_refund_takes_the_units_from_the_newest_order_that_has_them(sim, shop):
    variant = variant_of(shop, "DEMO-TWO-WAY")
    for quantity in (5, 1):
        press(sim, shop, "buy", variant=variant.id, quantity=quantity)
    press(sim, shop, "refund", variant=variant.id, quantity=2)
    assert available(shop, variant) == [46, 0]
    assert [order.lines[0].removed for order in shop.orders.values()] == [2, 0]
    press(sim, shop, "fulfil", order=next(iter(shop.orders)))
    press(sim, shop, "refund", variant=variant.id, quantity=3)
    assert available(shop, variant) == [49, 0]
    assert "note=No+order" in press(sim, shop, "refund", variant=variant.id, quantity=9)


def test_orders_can_be_shipped_cancelled_and_given_back(sim, shop):
    variant = variant_of(shop, "DEMO-TWO-WAY")
    for _ in range(3):
        press(sim, shop, "buy", variant=variant.id, quantity=2)
    shipped, cancelled, returned = shop.orders
    press(sim, shop, "fulfil", order=shipped)
    press(sim, shop, "cancel", order=cancelled)
    press(sim, shop, "fulfil", order=returned)
    press(sim, shop, "return", order=returned)
    assert available(shop, variant) == [48, 0]
    page = shop_page(sim, shop, {})
    assert all(state in page for state in ("2 shipped", "cancelled", "2 given back"))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"action": "buy", "quantity": "9999"}, "Sold out"),
        ({"action": "buy", "quantity": "0"}, "at least 1"),
        ({"action": "set", "quantity": "many"}, "a whole number"),
        ({"action": "set", "quantity": "99999999999"}, "Shopify takes no more"),
        ({"action": "restock", "quantity": "1", "variant": "7"}, "gone"),
        ({"action": "set", "quantity": "1", "location": "7"}, "gone"),
        ({"action": "fulfil", "order": "7"}, "gone"),
        ({"action": "dance"}, "no such button"),
        ({}, "no such button"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(sim, shop, form, message):
    variant = variant_of(shop, "DEMO-ONE-WAY")
    place = act(sim, shop, {"variant": str(variant.id), **form})
    assert message.replace(" ", "+") in place
    assert available(shop, variant) == [20, 0]


@pytest.mark.parametrize("entry", FAULTS, ids=lambda entry: entry.key)
def test_faults_go_on_and_off(sim, shop, entry):
    press(sim, shop, "fault", key=entry.key)
    assert [fault.kind for fault in sim.faults(shop).listed()] == [entry.kind]
    assert f"{entry.label}: on" in shop_page(sim, shop, {})
    press(sim, shop, "fault", key=entry.key)
    assert sim.faults(shop).listed() == []


@pytest.mark.parametrize("entry", KNOBS + CATALOG_KNOBS, ids=lambda entry: entry.key)
def test_knobs_go_on_and_off_and_are_calmed_together(sim, shop, entry):
    press(sim, shop, "knob", key=entry.key)
    assert getattr(shop.knobs, entry.knob) == entry.on
    assert f"{entry.label}: on" in shop_page(sim, shop, {})
    press(sim, shop, "knob", key=entry.key)
    assert getattr(shop.knobs, entry.knob) == entry.off
    press(sim, shop, "knob", key=entry.key)
    press(sim, shop, "calm")
    assert getattr(shop.knobs, entry.knob) == entry.off


def test_search_finds_by_title_sku_and_barcode(sim, shop):
    for words in ("demo ONE-way", "DEMO-ONE", "4000000000017"):
        page = shop_page(sim, shop, {"search": words})
        assert page.count('name="variant"') == 1
        assert "DEMO-ONE-WAY" in page
    assert "Nothing found." in shop_page(sim, shop, {"search": "no such thing"})


def test_paging_shows_every_variant_once(sim, shop):
    seen: list[str] = []
    page = 1
    while "Next →" in (text := shop_page(sim, shop, {"page": str(page)})) or page == 1:
        seen += re.findall(r'name="variant" value="(\d+)"', text)
        page += 1
    seen += re.findall(r'name="variant" value="(\d+)"', text)
    assert seen == [str(variant_id) for variant_id in shop.variants]
    assert page > len(shop.variants) // ROWS


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999"])
def test_an_odd_page_number_is_no_error(sim, shop, page):
    assert "<h1>" in shop_page(sim, shop, {"page": page})


def test_a_button_leads_back_to_where_the_person_was(sim, shop):
    variant = variant_of(shop, "DEMO-ONE-WAY")
    place = press(sim, shop, "buy", variant=variant.id, quantity=1, back_search="a&b", back_page=2)
    assert place == f"/{shop.domain}?search=a%26b&page=2"


def test_paths_lead_to_pages_and_anything_else_to_nothing(sim, shop):
    pages = Pages(sim)
    assert "Simulated stores" in pages.get("/")
    assert "DEMO-ONE-WAY" in pages.get(f"/{shop.domain}?search=demo+one")
    assert pages.get("/nobody.myshopify.com") is None
    assert pages.post("/nobody.myshopify.com/_act", {}) is None
    assert pages.post(f"/{shop.domain}/other", {}) is None
    assert pages.post(f"/{shop.domain}/_act", {"action": "calm"}) == f"/{shop.domain}"
