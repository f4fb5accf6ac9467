"""Rows 37, 40, 41 and 45 of tests/simulator/README.md for orders: which webhooks, and their REST bodies."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.simulator.payloads.payloads import BODIES, TOPICS
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Receiver, Small

SHAPES = Path(__file__).resolve().parents[5] / "shared" / "shopify" / "webhooks"
ADDRESS = {
    "first_name": "Ann",
    "last_name": "Lee",
    "address1": "1 High St",
    "city": "Bath",
    "province": "Somerset",
    "province_code": "SOM",
    "country": "United Kingdom",
    "country_code": "GB",
    "zip": "BA1 1AA",
    "phone": "+441225000000",
}
HEARD = [topic for topic in TOPICS if topic.startswith(("ORDERS_", "REFUNDS_", "FULFILLMENTS_", "CUSTOMERS_"))]


def place(small: Small, **details) -> Order:
    given = {
        "customer": {"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee"},
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
        "shipping": {"title": "Post", "price": "4.90"},
        "discount": {"code": "TEN", "percentage": 10},
        "tax_rate": "0.19",
        "attributes": {"gift": "yes"},
        "tags": ["web", "first"],
        "note": "ring twice",
    }
    lines = [(small.shirt.id, 2), {"variant_id": small.mug.id, "quantity": 1, "properties": {"Engraving": "A"}}]
    return small.sim.place_order(DOMAIN, lines, **{**given, **details})


@pytest.fixture
def heard(small: Small, receiver: Receiver) -> Receiver:
    small.sim.set_manual(DOMAIN, True)
    for topic in HEARD:
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    return receiver


def topics_of(small: Small, heard: Receiver) -> list[str]:
    heard.got.clear()
    small.sim.pump(DOMAIN)
    return heard.topics()


def complaints(topic: str, body: dict) -> set[tuple]:
    """What the inferred schema says against a body. Its arrays that were empty in every sample allow nothing."""
    path = SHAPES / f"{topic}.schema.json"
    if not path.exists():
        pytest.skip("the schemas of webhooks are not on this machine")
    schema = json.loads(path.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    return {(tuple(problem.absolute_path), problem.message) for problem in validator.iter_errors(body)}


@pytest.mark.parametrize("topic", ["ORDERS_CREATE", "ORDERS_PAID", "ORDERS_UPDATED", "ORDERS_CANCELLED"])
def test_an_orders_body_has_shopifys_shape(small: Small, topic):
    order = place(small)
    body = json.loads(json.dumps(BODIES[topic](small.shop, order.id)))
    assert complaints(TOPICS[topic], body) == set()


def test_a_refunds_body_has_shopifys_shape(small: Small):
    order = place(small)
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "CANCEL"}
    made = small.sim.refund(DOMAIN, order, [row], money="9.00", note="too big")
    body = json.loads(json.dumps(BODIES["REFUNDS_CREATE"](small.shop, made.id)))
    assert complaints("refunds/create", body) == set()
    [line] = body["refund_line_items"]
    assert (line["restock_type"], line["quantity"], line["subtotal"]) == ("cancel", 1, 9.0)
    assert body["transactions"][0]["amount"] == "9.00"


@pytest.mark.parametrize("topic", ["FULFILLMENTS_CREATE", "FULFILLMENTS_UPDATE"])
def test_a_fulfilments_body_has_shopifys_shape(small: Small, topic):
    order = place(small)
    small.sim.fulfil(DOMAIN, order, number="1Z9", company="UPS", url="https://example.com/1Z9")
    body = json.loads(json.dumps(BODIES[topic](small.shop, order.fulfillments[0].id)))
    assert complaints(TOPICS[topic], body) == set()
    assert body["tracking_numbers"] == ["1Z9"]


def test_a_body_has_rest_shapes_and_its_sums_are_right(small: Small):
    order = place(small)
    body = BODIES["ORDERS_CREATE"](small.shop, order.id)
    assert (body["tags"], body["financial_status"], body["fulfillment_status"]) == ("first, web", "paid", None)
    assert body["note_attributes"] == [{"name": "gift", "value": "yes"}]
    assert body["line_items"][1]["properties"] == [{"name": "Engraving", "value": "A"}]
    assert body["discount_codes"] == [{"code": "TEN", "amount": "3.00", "type": "percentage"}]
    # 30.00 of goods less 10 %, 4.90 for the post, 19 % on both.
    figures = [body[name] for name in ("total_line_items_price", "subtotal_price", "total_tax", "total_price")]
    assert figures == ["30.00", "27.00", "6.06", "37.96"]


def test_a_paid_order_is_created_and_paid_in_one_breath(small: Small, heard: Receiver):
    place(small)
    assert topics_of(small, heard) == ["customers/create", "orders/create", "orders/paid"]


def test_an_unpaid_order_says_so_and_is_paid_later(small: Small, heard: Receiver):
    order = place(small, paid=False)
    assert topics_of(small, heard) == ["customers/create", "orders/create"]
    assert heard.bodies("orders/create")[0]["financial_status"] == "pending"
    small.sim.pay_order(DOMAIN, order)
    assert topics_of(small, heard) == ["orders/paid", "orders/updated"]
    with pytest.raises(ValueError, match="cannot be marked as paid"):
        small.sim.pay_order(DOMAIN, order)


def test_shipping_tells_of_the_fulfilment_and_of_the_orders_state(small: Small, heard: Receiver):
    order = place(small)
    small.sim.pump(DOMAIN)
    small.sim.fulfil(DOMAIN, order, {order.lines[0].id: 1})
    assert topics_of(small, heard) == ["fulfillments/create", "orders/partially_fulfilled", "orders/updated"]
    small.sim.fulfil(DOMAIN, order)
    assert topics_of(small, heard) == ["fulfillments/create", "orders/fulfilled", "orders/updated"]


def test_a_cancelled_order_shows_what_was_taken_off_it(small: Small, heard: Receiver):
    order = place(small)
    small.sim.pump(DOMAIN)
    small.sim.cancel(DOMAIN, order)
    assert topics_of(small, heard) == ["refunds/create", "orders/cancelled", "orders/updated"]
    [body] = heard.bodies("orders/cancelled")
    assert body["cancelled_at"] is not None
    assert body["cancel_reason"] == "customer"
    assert [line["current_quantity"] for line in body["line_items"]] == [0, 0]
    assert [line["restock_type"] for line in body["refunds"][0]["refund_line_items"]] == ["cancel", "cancel"]


def test_an_edit_tells_its_changes_only(small: Small, heard: Receiver):
    order = place(small)
    small.sim.pump(DOMAIN)
    first = order.lines[0]
    small.sim.edit_order(DOMAIN, order, quantities={first.id: 0}, add=[(small.gift.id, 1)])
    assert topics_of(small, heard) == ["orders/edited", "orders/updated"]
    edit = heard.bodies("orders/edited")[0]["order_edit"]
    assert edit["order_id"] == order.id
    assert edit["line_items"] == {
        "additions": [{"id": order.lines[2].id, "delta": 1}],
        "removals": [{"id": first.id, "delta": 2}],
    }
    line = heard.bodies("orders/updated")[0]["line_items"][0]
    assert (line["quantity"], line["current_quantity"]) == (2, 0)
    assert small.available(small.shirt) == 10


def test_an_edit_cannot_take_away_what_was_shipped(small: Small):
    order = place(small)
    small.sim.fulfil(DOMAIN, order)
    with pytest.raises(ValueError, match="not shipped"):
        small.sim.edit_order(DOMAIN, order, quantities={order.lines[0].id: 0})


def test_without_approval_nobody_learns_who_bought(small: Small, heard: Receiver):
    small.shop.knobs.protected_data = False
    place(small)
    small.sim.pump(DOMAIN)
    [body] = heard.bodies("orders/create")
    hidden = ["customer", "shipping_address", "billing_address", "email", "phone"]
    assert [body[name] for name in hidden] == [None] * 5
    assert b"Ann" not in heard.got[-1][1]


def test_a_deleted_product_leaves_its_texts_in_the_body(small: Small):
    order = place(small)
    small.sim.shops[DOMAIN].remove_product(small.shop.products[small.mug.product_id])
    line = BODIES["ORDERS_UPDATED"](small.shop, order.id)["line_items"][1]
    assert (line["variant_id"], line["product_id"], line["product_exists"]) == (None, None, False)
    assert (line["title"], line["sku"]) == ("Mug", "MUG")
