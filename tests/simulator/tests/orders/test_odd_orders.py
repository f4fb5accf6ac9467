"""Orders with what real ones have and plain ones do not: taxes of the order only, tills, odd names, two currencies."""

from __future__ import annotations

import requests

from tests.simulator.payloads.payloads import BODIES
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Small
from tests.simulator.tests.orders.test_page_orders import FORM, press

READ = """query Read($id: ID!) { order(id: $id) { name poNumber test sourceName retailLocation { id }
  displayFulfillmentStatus totalPriceSet { shopMoney { amount } presentmentMoney { amount currencyCode } }
  totalTaxSet { shopMoney { amount } } taxLines { title rate }
  lineItems(first: 5) { nodes { taxLines { title } customAttributes { key value } } } } }"""


def place(small: Small, **given) -> int:
    body = {"domain": DOMAIN, "lines": [[small.mug.id, 2]], **given}
    answer = requests.post(f"{small.sim.base_url}/_control/place_order", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def read(api: Api, order_id: int) -> dict:
    return api.data(READ, {"id": gid("Order", order_id)})["order"]


def test_a_tax_can_stand_at_the_order_only(api: Api, small: Small):
    order_id = place(small, order_tax={"title": "VAT", "rate": "0.19", "price": "3.80"})
    found = read(api, order_id)
    assert found["totalPriceSet"]["shopMoney"]["amount"] == "23.8"
    assert found["taxLines"] == [{"title": "VAT", "rate": 0.19}]
    assert found["lineItems"]["nodes"][0]["taxLines"] == []
    body = BODIES["ORDERS_CREATE"](small.shop, order_id)
    assert ([row["price"] for row in body["tax_lines"]], body["total_price"]) == (["3.80"], "23.80")


def test_a_till_sells_from_its_own_shelf_and_hands_over_at_once(api: Api, small: Small):
    small.shop.levels[small.mug.item_id, small.there].available = 3
    order_id = place(small, counter=small.there, handed_over=True)
    found = read(api, order_id)
    assert (found["sourceName"], found["displayFulfillmentStatus"]) == ("pos", "FULFILLED")
    assert found["retailLocation"] == {"id": gid("Location", small.there)}
    assert small.available(small.mug, small.there) == 1
    assert BODIES["ORDERS_CREATE"](small.shop, order_id)["location_id"] == small.there


def test_a_name_may_hold_a_character_that_databases_refuse(api: Api, small: Small):
    order_id = place(small, name="#10\x0001", customer={"email": "a@example.com", "first_name": "A\x00nn"})
    assert read(api, order_id)["name"] == "#10\x0001"
    body = BODIES["ORDERS_CREATE"](small.shop, order_id)
    assert (body["name"], body["customer"]["first_name"]) == ("#10\x0001", "A\x00nn")


def test_the_form_places_all_of_it(api: Api, small: Small):
    extra = {"po_number": "PO-7", "order_tax": "3,80", "buyer_currency": "usd", "rate": "1.5", "test": "1",
             "property": "Text: Ann", "counter": small.here, "handed_over": "1"}  # fmt: skip
    press(small, "place", **{**FORM, "percentage": "", "shipping": "", "sku1": ""}, **extra)
    found = read(api, next(iter(small.shop.orders)))
    assert (found["poNumber"], found["test"], found["displayFulfillmentStatus"]) == ("PO-7", True, "FULFILLED")
    assert found["totalPriceSet"]["presentmentMoney"] == {"amount": "35.7", "currencyCode": "USD"}
    assert found["lineItems"]["nodes"][0]["customAttributes"] == [{"key": "Text", "value": "Ann"}]
