"""What a support agent does alone about orders, by role, by what the pages say, in so many clicks."""

import re

import pytest
from playwright.sync_api import expect

from orders.models import OrderImport, OrderUpdate
from stores import roles
from tests.browser.shop_window import ShopWindow, open_shops
from tests.simulator.demo.goods import single
from tests.simulator.demo.seed import add_product
from tests.simulator.state.shop import Shop

pytestmark = pytest.mark.browser


def put_goods(source: Shop, north: Shop) -> None:
    """(e) A lamp with another SKU in each store."""
    for shop, sku in ((source, "LAMP-X"), (north, "NL-900")):
        spec = single("Reading lamp", sku, [9, 0, None])
        add_product(shop, spec, list(shop.locations.values()), 1.0, shop.created_at)


@pytest.fixture(scope="module")
def window(product) -> ShopWindow:
    return open_shops(product, put_goods)


def order_of(window, title: str, units: int = 2):
    """A customer of North orders; the order as the simulator has it."""
    return window.product.sim.buy(window.north.domain, window.items(title)[1].variant.id, units)


def row_of(order) -> OrderImport | None:
    return OrderImport.objects.filter(order_gid__endswith=f"/{order.id}").first()


def imported(window, title: str):
    order = order_of(window, title)
    window.product.wait_until(lambda: (row := row_of(order)) and row.state == "confirmed", "the copy")
    return order


def test_an_order_that_is_not_in_the_source_is_found_its_product_linked_and_it_is_imported(come_as, window):
    order = order_of(window, "Reading lamp")
    window.product.wait_until(lambda: (row := row_of(order)) and row.state == "waiting", "the order")
    for role in (roles.VIEWER, roles.SUPPORT):
        visitor = come_as(role)
        visitor.find(order.name)
        visitor.follow(order.name)
        status = visitor.card("Status")
        expect(status.get_by_text("Waits for links")).to_be_visible()
        expect(visitor.page.get_by_text("is in doubt: “Reading lamp”").first).to_be_visible()
        visitor.follow("in doubt: Reading lamp")
        expect(visitor.page.get_by_role("button", name="Link", exact=True)).to_have_count(int(role == roles.SUPPORT))
    visitor.press("Link", visitor.choice("Reading lamp"))
    window.product.wait_until(lambda: row_of(order).state == "confirmed", "the copy")
    assert visitor.clicks == 4
    visitor.find(order.name)
    visitor.follow(order.name)
    expect(visitor.card("Status").get_by_text("Imported")).to_be_visible()


def test_everybody_reads_what_became_of_an_edit(come_as, window):
    order = imported(window, "Tea set: cup")
    window.product.sim.edit_order(window.north.domain, order, quantities={order.lines[0].id: 1})
    edited = OrderUpdate.objects.filter(order_import=row_of(order), kind="edit", state="confirmed")
    window.product.wait_until(edited.exists, "the edit")
    vera = come_as(roles.VIEWER)
    vera.find(order.name)
    vera.follow(order.name)
    done = vera.card("Steps done").get_by_role("row", name="Edited in the destination")
    expect(done).to_contain_text("The copy was edited: it contains what the original contains.")
    line = vera.card("Original beside copy").get_by_role("row", name="Tea set: cup")
    expect(line).to_contain_text(re.compile(r"2\s+1\s+1\s+0"))  # ordered, in the original, in the copy, reserved
    assert vera.clicks == 2


def test_a_copy_that_staff_cancelled_is_found_and_decided(come_as, window):
    order = imported(window, "Tea set: pot")
    copy = window.source.orders[int(row_of(order).copy_gid.rsplit("/", 1)[-1])]
    window.product.sim.cancel(window.source.domain, copy)
    asked = OrderUpdate.objects.filter(order_import=row_of(order), state="needs_shop")
    window.product.wait_until(asked.exists, "the decision")
    for role in (roles.VIEWER, roles.SUPPORT):
        visitor = come_as(role)
        visitor.choose("Needs attention")
        visitor.follow("1 Orders that were changed by hand")
        row = visitor.page.get_by_role("row", name=order.name)
        expect(row.get_by_text("The copy was cancelled in the source.")).to_be_visible()
        visitor.follow(order.name, row)
        expect(visitor.page.get_by_text("It needs the shop: The copy was cancelled in the source.")).to_be_visible()
        for label in ("Done by hand", "Apply to the original"):
            button = visitor.page.get_by_role("button", name=label, exact=True)
            expect(button).to_have_count(int(role == roles.SUPPORT))
    visitor.press("Apply to the original")
    window.product.wait_until(lambda: not asked.exists(), "the decision to be carried out")
    expect(visitor.page.get_by_text("error")).to_have_count(0)
    assert visitor.clicks == 4
    assert sum(line.current_quantity for line in order.lines) == 0
