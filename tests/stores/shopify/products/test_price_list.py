"""Prices of variants on the wire."""

from decimal import Decimal

import pytest

from stores.shopify.errors import UnexpectedAnswer
from stores.shopify.products import price_list
from tests.stores.shopify.wire import answer, client, sent

pytestmark = pytest.mark.usefixtures("wire")


def node(title, price, compare_at=None):
    product = {
        "id": "gid://shopify/Product/1",
        "title": "Shirt",
        "tags": ["Summer"],
        "vendor": "Acme",
        "productType": None,
    }
    return {"title": title, "price": price, "compareAtPrice": compare_at, "product": product}


def page(nodes, end=None):
    return {"productVariants": {"nodes": nodes, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}}


def test_a_page_of_prices_is_read_and_tells_where_the_next_one_starts():
    answer(page([node("Default Title", "10.00"), node("Red", "9.5", "12.00")], "c"))
    rows, cursor = price_list.read_prices(client(), 2)
    assert cursor == "c"
    assert [(row.variant_title, row.price, row.compare_at_price) for row in rows] == [
        ("", Decimal("10.00"), None),
        ("Red", Decimal("9.5"), Decimal("12.00")),
    ]
    assert (rows[0].tags, rows[0].vendor, rows[0].product_type) == (("Summer",), "Acme", "")
    answer(page([]))
    assert price_list.read_prices(client(), 2, "c") == ([], "")
    assert [body["variables"]["after"] for body in sent()] == [None, "c"]


def test_an_amount_that_is_no_number_is_refused():
    answer(page([node("Red", "ten")]))
    with pytest.raises(UnexpectedAnswer, match="no number"):
        price_list.read_prices(client(), 1)
