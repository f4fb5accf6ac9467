"""Finding anything: by the box in the header and by the palette; what may not be seen is not found."""

import pytest

from orders.models import OrderImport
from stores import roles
from stores.models import Connection, StoreLimit, Variant
from tests.support.console.orders import make_import
from tests.support.console.people import member_of
from tests.support.console.press import look_at
from tests.support.console.rows import make_rows, make_store

pytestmark = pytest.mark.django_db(transaction=True)

FIND, PALETTE = "/admin/find/", "/admin/search/"


@pytest.fixture
def rows():
    rows = make_rows()
    Variant.objects.filter(pk=rows.link.source_variant_id).update(barcode="4006381333931")
    make_import(rows.connection)
    return rows


@pytest.mark.parametrize("words", ["sock-1", "4006381333", "#1001", "#2001", "north", "Stores"])
def test_whatever_one_has_is_found_and_leads_to_its_page(admin_client, rows, words):
    order = OrderImport.objects.get()
    pages = {
        "sock-1": f"/admin/syncing/stocklink/timeline/{rows.link.pk}/",
        "4006381333": f"/admin/syncing/stocklink/timeline/{rows.link.pk}/",
        "#1001": f"/admin/orders/orderimport/{order.pk}/change/",
        "#2001": f"/admin/orders/orderimport/{order.pk}/change/",
        "north": f"/admin/stores/store/{rows.destination.pk}/change/",
        "Stores": "/admin/stores/store/",
    }
    for url, name in ((FIND, "q"), (PALETTE, "s")):
        answer = admin_client.get(url, {name: words, "extended": 1}).content.decode()
        assert f'href="{pages[words]}"' in answer.split("<main")[-1], url
    assert 'name="q"' in look_at(admin_client, "/admin/")


def test_nothing_found_is_said(admin_client, rows):
    assert "Nothing found for “nowhere”" in admin_client.get(FIND, {"q": "nowhere"}).content.decode()
    assert "Nothing found" not in look_at(admin_client, FIND)
    assert admin_client.get(PALETTE).content == b""


def test_nobody_finds_what_they_may_not_see(rows):
    client = member_of(roles.VIEWER)
    limit = StoreLimit.objects.create(user_id=client.session["_auth_user_id"])
    limit.stores.add(make_store("Other", "destination"))
    for words in ("sock", "#1001", "north"):
        answer = client.get(PALETTE, {"s": words, "extended": 1}).content.decode()
        assert "/change/" not in answer and "/timeline/" not in answer, words
    assert Connection.objects.count() == 1
