"""The page of an order: the copies of its other lines, the rate of its conversion, what the copy says of itself."""

import pytest

from orders.models import OrderImportLine
from stores.models import Connection, Store
from tests.support.console.orders import make_import, make_line, make_order_rows
from tests.support.console.press import look_at, page_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    return make_order_rows()


def test_the_page_names_the_copy_of_another_source(admin_client, rows):
    fields = {"role": "source", "auth": "static_token", "access_token": "shpat_x", "client_secret": "s"}
    source = Store.objects.create(domain="second.myshopify.com", name="Second", **fields)
    other = Connection.objects.create(source=source, destination=rows.connection.destination, strategy="order")
    row = make_import(rows.connection)
    make_line(row, state=OrderImportLine.State.ELSEWHERE, reason="It is the affair of Second.")
    again = make_import(other, copy_gid="gid://shopify/Order/7007", copy_name="#7007")
    page = look_at(admin_client, page_of(row))
    assert "Other lines of it in Second" in page
    assert "#7007" in page and page_of(again) in page
    assert "In the copy of another source" in page
    assert "Variant matching of this connection" not in page
    assert "Other lines of it in Main" in look_at(admin_client, page_of(again))


def test_the_page_tells_the_rate_and_the_notes(admin_client, rows):
    row = make_import(rows.connection, exchange_words="1 EUR = 1.09 USD from 2026-01-01, by the rate table")
    assert "Other lines of it" not in look_at(admin_client, page_of(row))
    row.notes = "The source refused the e-mail address.\nThe original costs 70.00 EUR."
    row.save()
    page = look_at(admin_client, page_of(row))
    for words in ("1.09 USD", "refused the e-mail address", "costs 70.00 EUR", "see the notes"):
        assert words in page
