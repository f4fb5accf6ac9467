"""The storefront's form, the orders and the drafts on a store's page, and the same through the control API."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.pages.page import act, shop_page
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Small
from tests.simulator.tests.made_orders.test_drafts import create, line

NASTY = "<script>alert(1)</script>"
FORM = {
    "sku0": "mug",
    "quantity0": "2",
    "sku1": "SHIRT-S",
    "quantity1": "1",
    "code": "TEN",
    "percentage": "10",
    "shipping": "4,90",
    "first_name": "Ann",
    "last_name": "Lee",
    "email": "ann@example.com",
    "address1": "1 High St",
    "city": "Bath",
    "zip": "BA1",
    "country_code": "GB",
}


def press(small: Small, action: str, **form) -> str:
    return act(small.sim, small.shop, {"action": action, **{name: str(value) for name, value in form.items()}})


def page(small: Small) -> str:
    return shop_page(small.sim, small.shop, {})


def post(small: Small, name: str, **given) -> requests.Response:
    return requests.post(f"{small.sim.base_url}/_control/{name}", json={"domain": DOMAIN, **given}, timeout=10)


def get(small: Small, name: str, **given) -> object:
    return requests.get(f"{small.sim.base_url}/_control/{name}", params={"domain": DOMAIN, **given}, timeout=10).json()


def test_a_whole_order_is_placed_with_the_form(small: Small):
    assert press(small, "place", **FORM) == f"/{DOMAIN}"
    [order] = small.shop.orders.values()
    assert [(found.sku, found.quantity) for found in order.lines] == [("MUG", 2), ("SHIRT-S", 1)]
    assert (order.shipping_address.city, order.email) == ("Bath", "ann@example.com")
    shown = page(small)
    assert "31.90 EUR" in shown  # 30.00 less 10 %, and 4.90
    assert "Ann Lee, Bath" in shown
    assert "paid, 3 to ship" in shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sku0": "", "sku1": ""}, "needs a line"),
        ({"sku0": "NOPE"}, "Nothing here has the SKU NOPE"),
        ({"shipping": "a lot"}, "a number is needed"),
        ({"quantity0": "9"}, "Sold out"),
        ({"quantity0": "0"}, "at least one unit"),
    ],
)
def test_a_bad_form_says_what_is_wrong_and_orders_nothing(small: Small, changes, message):
    assert message.replace(" ", "+") in press(small, "place", **{**FORM, **changes})
    assert small.shop.orders == {}


def test_an_unpaid_order_has_a_button_to_pay_it(small: Small):
    press(small, "place", **FORM, unpaid="1")
    assert "pending, 3 to ship" in page(small)
    press(small, "pay", order=next(iter(small.shop.orders)))
    assert "paid, 3 to ship" in page(small)
    assert 'value="pay"' not in page(small)


def test_drafts_are_shown_completed_and_deleted(small: Small, api: Api):
    create(api, lineItems=[line(small)], tags=["From: north"])
    create(api, lineItems=[line(small)])
    first, second = small.shop.drafts
    assert "#D1" in page(small)
    assert "From: north" in page(small)
    press(small, "complete", draft=first)
    press(small, "delete_draft", draft=second)
    assert (len(small.shop.orders), list(small.shop.drafts)) == (1, [first])
    assert "gone+meanwhile" in press(small, "complete", draft=second)
    assert "has+been+paid" in press(small, "complete", draft=first)


def test_names_of_buyers_are_escaped(small: Small):
    press(small, "place", **{**FORM, "first_name": NASTY, "city": NASTY})
    assert NASTY not in page(small)


# The control API


def test_orders_are_placed_paid_edited_and_looked_at_by_other_processes(small: Small):
    rows = [{"variant_id": gid("ProductVariant", small.mug.id), "quantity": 2, "discount": "1.00"}, [small.shirt.id, 1]]
    details = {"shipping": "4.90", "customer": {"email": "a@example.com"}, "paid": False, "tags": ["x"]}
    made = post(small, "place_order", lines=rows, **details).json()
    assert (made["total"], made["financial_status"], made["tags"]) == ("33.90", "PENDING", ["x"])
    assert post(small, "pay", order_id=made["gid"]).json()["financial_status"] == "PAID"
    first = made["lines"][0]["id"]
    edited = post(small, "edit", order_id=made["id"], quantities={str(first): 1}, add=[[small.shirt.id, 1]]).json()
    assert [row["unfulfilled"] for row in edited["lines"]] == [1, 1, 1]
    shipped = post(small, "fulfil", order_id=made["id"], number="1Z9", company="UPS").json()
    assert shipped["fulfillments"][0]["numbers"] == ["1Z9"]
    assert get(small, "order", order_id=made["id"])["fulfillment_status"] == "FULFILLED"
    assert [row["email"] for row in get(small, "customers")] == ["a@example.com"]


def test_drafts_and_mails_are_looked_at_by_other_processes(small: Small, api: Api):
    draft = create(api, lineItems=[line(small)], email="a@example.com")
    api.data("mutation S($id: ID!) { draftOrderInvoiceSend(id: $id) { userErrors { message } } }", {"id": draft["id"]})
    assert [(row["name"], row["total"], row["status"]) for row in get(small, "drafts")] == [
        ("#D1", "10.00", "INVOICE_SENT")
    ]
    assert get(small, "mails")[0]["to"] == "a@example.com"
    assert post(small, "complete_draft", draft_id=draft["id"]).json()["name"] == "#1001"
    assert post(small, "delete_draft", draft_id=draft["id"]).status_code == 400


@pytest.mark.parametrize("given", [{"lines": [[1, 1]]}, {"lines": [[1, 1]], "nonsense": 1}, {"lines": []}, {}])
def test_a_wrong_order_is_a_400_with_words(small: Small, given):
    answer = post(small, "place_order", **given)
    assert answer.status_code == 400
    assert answer.json()["error"]
