"""Links to Shopify's admin: on every list in each row, on every page, and where they lead in the demo's world."""

import re
from html import unescape
from urllib.request import urlopen

import pytest
from django.utils import timezone

from orders.models import OrderImport
from stores.models import ProductLink, Store, VariantLink
from stores.shopify.admin_pages import AT_SHOPIFY, page_url
from stores.shopify.gids import GidError
from syncing.models import CatalogueRun, CatalogueRunItem, StockAdjustment, StockHold, StockLink
from tests.support.console.orders import make_update
from tests.support.console.press import list_of, look_at, page_of
from tests.support.console.rows import make_adjustment, make_hold
from tests.support.orders.changes import copied

pytestmark = pytest.mark.django_db(transaction=True)

OPENED_BESIDE = 'target="_blank" rel="noopener noreferrer"'
LINK = re.compile(rf'<a class="console-link[^"]*" href="([^"]*)" {OPENED_BESIDE}[^>]*>[^<]*↗</a>')
# In each row of a list, and on the page of a row: of how many things. Both sides, or the one there is.
PLACES = {
    Store: 1,
    VariantLink: 2,
    StockLink: 2,
    StockHold: 2,
    StockAdjustment: 1,
    ProductLink: 2,
    CatalogueRunItem: 2,
    OrderImport: 2,
}


@pytest.fixture
def shop(trade):
    """An order and its draft, and a row of each kind, of things that the simulator has."""
    shop, _, _ = copied(trade, (0, 1), strategy="draft_order")
    Store.objects.update(status="ready")
    pair = StockLink.objects.filter(connection=shop.connection).earliest("pk")
    make_hold(pair)
    make_adjustment(pair, 1, 2)
    match = pair.variant_link
    gids = {"source_gid": match.source_variant.product_gid, "destination_gid": match.destination_variant.product_gid}
    ProductLink.objects.create(connection=shop.connection, title="Sock", state="linked", **gids)
    run = CatalogueRun.objects.create(connection=shop.connection, kind="all", state="finished")
    CatalogueRunItem.objects.create(run=run, title="Sock", action="update", outcome="done", **gids)
    return shop


def links_in(html: str) -> list[str]:
    return [unescape(url) for url in LINK.findall(html)]


def rows_of(page: str) -> list[str]:
    return page.split('id="result_list"')[1].split("</table>")[0].split("<tbody")[1:]


def answers(url: str) -> bool:
    with urlopen(url, timeout=5) as answer:
        return answer.status == 200


def test_each_row_and_each_page_leads_to_its_things_which_the_simulator_shows(admin_client, shop):
    found = set()
    for model, count in PLACES.items():
        rows = rows_of(look_at(admin_client, list_of(model._meta.label_lower.replace(".", "_"))))
        assert rows, model
        for row in rows:
            assert len(links_in(row)) >= count, f"{model.__name__}: {row}"
            found |= {*links_in(row)}
        page = look_at(admin_client, page_of(model.objects.latest("pk"))) if model is not StockLink else ""
        assert model is StockLink or len(links_in(page)) >= count, model
        found |= {*links_in(page)}
    assert len(links_in(look_at(admin_client, page_of(shop.connection)))) == 2  # both stores
    link = VariantLink.objects.filter(connection=shop.connection).earliest("pk")
    on_page = links_in(look_at(admin_client, f"/admin/syncing/stocklink/timeline/{link.pk}/"))
    assert [re.sub(r"\d+", "0", url.split("/admin/")[1]) for url in on_page] == ["products/0/variants/0"] * 2
    kinds = {re.sub(r"\d+", "0", url.partition("/admin")[2]) for url in found}
    assert kinds == {"", "/products/0", "/products/0/variants/0", "/orders/0", "/draft_orders/0"}
    assert all(map(answers, found | {*on_page}))


def test_an_order_update_leads_to_both_orders_and_the_dashboard_to_each_store(admin_client, shop):
    make_update(OrderImport.objects.get())
    (row,) = rows_of(look_at(admin_client, list_of("orders_orderupdate")))
    assert [url.split("/admin/")[1].split("/")[0] for url in links_in(row)] == ["orders", "draft_orders"]
    assert all(map(answers, links_in(row)))
    urls = links_in(look_at(admin_client, "/admin/"))
    assert {store.page_in_shopify() for store in Store.objects.all()} <= {*urls}


def test_what_was_deleted_has_no_link(admin_client, shop):
    link = VariantLink.objects.filter(connection=shop.connection).earliest("pk")
    type(link.source_variant).objects.filter(pk=link.source_variant_id).update(gone_at=timezone.now())
    (url,) = links_in(look_at(admin_client, f"/admin/syncing/stocklink/timeline/{link.pk}/"))
    assert shop.north.domain in url


def test_at_shopify_the_links_lead_to_its_admin(settings):
    settings.SHOPIFY_BASE_URL = AT_SHOPIFY
    store = Store(domain="my-store.myshopify.com")
    start = "https://admin.shopify.com/store/my-store"
    product, variant = "gid://shopify/Product/7", "gid://shopify/ProductVariant/8"
    assert store.page_in_shopify() == start
    assert store.page_in_shopify(product) == f"{start}/products/7"
    assert store.page_in_shopify(variant, product) == f"{start}/products/7/variants/8"
    assert store.page_in_shopify("gid://shopify/Order/9") == f"{start}/orders/9"
    assert store.page_in_shopify("gid://shopify/DraftOrder/9") == f"{start}/draft_orders/9"


@pytest.mark.parametrize("gid", ["gid://shopify/Customer/1", "gid://shopify/ProductVariant/1", "1", "javascript:x"])
def test_customers_and_what_is_no_id_have_no_page(gid):
    with pytest.raises(GidError):
        page_url("my-store.myshopify.com", gid)
