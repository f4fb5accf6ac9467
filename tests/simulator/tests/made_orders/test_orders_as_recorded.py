"""Rows 49 to 64 of tests/simulator/README.md that are about orders: what recorded live answers say of them."""

from __future__ import annotations

import json

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small

READ = """query Read($id: ID!) { order(id: $id) {
  currencyCode displayFinancialStatus displayFulfillmentStatus
  totalPriceSet { shopMoney { amount currencyCode } } totalOutstandingSet { shopMoney { amount } }
  fulfillmentOrders(first: 5) { nodes { status } }
  fulfillments { name displayStatus location { id } } } }"""
CREATE = """mutation C($order: OrderCreateOrderInput!) { orderCreate(order: $order) {
  order { id currencyCode displayFinancialStatus totalPriceSet { shopMoney { amount currencyCode } } }
  userErrors { message field } } }"""
REFUND = """mutation R($input: RefundInput!, $key: String!) { refundCreate(input: $input) @idempotent(key: $key) {
  refund { totalRefundedSet { shopMoney { amount } presentmentMoney { amount currencyCode } } }
  userErrors { field message } } }"""


def read(api: Api, order) -> dict:
    return api.data(READ, {"id": gid("Order", order.id)})["order"]


def test_an_order_may_be_in_another_currency_than_its_shop(api: Api, small: Small):
    price = {"shopMoney": {"amount": "5.00", "currencyCode": "USD"}}
    given = {"currency": "USD", "lineItems": [{"title": "Hat", "quantity": 1, "priceSet": price}]}
    made = api.data(CREATE, {"order": given})["orderCreate"]["order"]
    assert small.shop.currency == "EUR"
    assert (made["currencyCode"], made["displayFinancialStatus"]) == ("USD", None)
    assert made["totalPriceSet"]["shopMoney"] == {"amount": "5.0", "currencyCode": "USD"}
    placed = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], currency="USD")
    assert read(api, placed)["totalPriceSet"]["shopMoney"] == {"amount": "10.0", "currencyCode": "USD"}


def test_an_order_without_payment_and_status_has_none_and_its_webhook_says_so(api, small: Small, receiver: Receiver):
    small.sim.set_manual(DOMAIN, True)
    small.sim.subscribe(DOMAIN, "ORDERS_CREATE", receiver.url)
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], paid=None)
    small.sim.pump(DOMAIN)
    assert read(api, order)["displayFinancialStatus"] is None
    assert json.loads(receiver.got[0][1])["financial_status"] is None
    small.sim.pay_order(DOMAIN, order)
    assert read(api, order)["displayFinancialStatus"] == "PAID"


def test_of_an_authorised_order_nothing_is_outstanding(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], paid="authorized")
    found = read(api, order)
    assert found["displayFinancialStatus"] == "AUTHORIZED"
    assert found["totalOutstandingSet"]["shopMoney"]["amount"] == "0.0"


@pytest.mark.parametrize("ships", [True, False])
def test_lines_that_need_no_shipping_are_to_be_fulfilled_or_not(api: Api, small: Small, ships):
    small.shop.knobs.ships_everything = ships
    line = {"title": "Lesson", "quantity": 1, "price": "5.00", "requires_shipping": False}
    found = read(api, small.sim.place_order(DOMAIN, [line]))
    assert found["displayFulfillmentStatus"] == ("UNFULFILLED" if ships else "FULFILLMENT_NOT_REQUIRED")
    assert found["fulfillmentOrders"]["nodes"] == ([{"status": "OPEN"}] if ships else [])


def test_a_timestamp_without_quotes_is_ignored_with_a_warning(api: Api, small: Small):
    small.sim.place_order(DOMAIN, [(small.mug.id, 1)])
    query = "query Q($q: String) { orders(first: 5, query: $q) { nodes { id } } }"
    for text, count in (("created_at:>'2100-01-01T00:00:00Z'", 0), ("created_at:>2100-01-01T00:00:00Z", 1)):
        answer = api(query, {"q": text})
        assert len(answer["data"]["orders"]["nodes"]) == count
        assert bool(answer["extensions"].get("search")) == bool(count)


@pytest.mark.parametrize("shows", [True, False])
def test_fulfilments_have_names_and_new_tracking_may_show_them_on_their_way(api: Api, small: Small, shows):
    small.shop.knobs.tracking_shows_transit = shows
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)])
    small.sim.fulfil(DOMAIN, order)
    small.sim.change_tracking(DOMAIN, order.fulfillments[0], "Post", ["A1"], [])
    [made] = read(api, order)["fulfillments"]
    assert (made["name"], made["displayStatus"]) == (f"{order.name}-F1", "IN_TRANSIT" if shows else "FULFILLED")


def test_what_goes_back_is_money_of_the_buyer(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], presentment_currency="USD", presentment_rate="2")
    back = {"orderId": gid("Order", order.id), "gateway": "bogus", "kind": "REFUND", "amount": "5.00"}
    given = {"orderId": gid("Order", order.id), "transactions": [back]}
    refused = api.data(REFUND, {"input": given, "key": "a"})["refundCreate"]["userErrors"]
    assert refused[0]["field"] == ["currency"]
    answer = api.data(REFUND, {"input": {**given, "currency": "USD"}, "key": "b"})["refundCreate"]
    made = answer["refund"]["totalRefundedSet"]
    assert made["shopMoney"]["amount"] == "2.5"
    assert made["presentmentMoney"] == {"amount": "5.0", "currencyCode": "USD"}


@pytest.mark.parametrize("is_edit", [True, False])
def test_an_exchange_adds_a_line_to_the_same_order(small: Small, receiver: Receiver, is_edit):
    small.sim.set_manual(DOMAIN, True)
    small.shop.knobs.exchanges_are_edits = is_edit
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 2)])
    small.sim.fulfil(DOMAIN, order)
    for topic in ("ORDERS_EDITED", "ORDERS_UPDATED", "REFUNDS_CREATE"):
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    small.sim.exchange(DOMAIN, order, {order.lines[0].id: 1}, (small.shirt.id, 1))
    small.sim.pump(DOMAIN)
    assert [(line.current_quantity, line.unfulfilled) for line in order.lines] == [(1, 0), (1, 1)]
    assert (small.available(small.mug), small.available(small.shirt)) == (4, 9)
    assert set(receiver.topics()) == {"refunds/create", "orders/updated", *(["orders/edited"] if is_edit else [])}


def test_whatever_changes_an_order_is_told_by_orders_updated(api: Api, small: Small, receiver: Receiver):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 3)], paid=False, email="a@example.com")
    small.sim.set_manual(DOMAIN, True)
    small.sim.subscribe(DOMAIN, "ORDERS_UPDATED", receiver.url)
    one, line = gid("Order", order.id), order.lines[0].id
    update = "mutation U($i: OrderInput!) { orderUpdate(input: $i) { userErrors { message } } }"
    tag = "mutation T($id: ID!, $t: [String!]!) { %s(id: $id, tags: $t) { userErrors { message } } }"
    close = "mutation C($i: OrderCloseInput!) { orderClose(input: $i) { userErrors { message } } }"
    field = "mutation M($m: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $m) { userErrors { message } } }"
    value = {"ownerId": one, "namespace": "custom", "key": "mark", "type": "single_line_text_field", "value": "v"}
    changes = {
        "shipment": lambda: small.sim.fulfil(DOMAIN, order, {line: 1}),
        "tracking": lambda: small.sim.change_tracking(DOMAIN, order.fulfillments[0], "Post", ["A"], []),
        "shipment taken back": lambda: small.sim.cancel_fulfilment(DOMAIN, order.fulfillments[0]),
        "payment": lambda: small.sim.pay_order(DOMAIN, order),
        "refund": lambda: small.sim.refund(DOMAIN, order, [{"line_item_id": line, "quantity": 1}]),
        "edit": lambda: small.sim.edit_order(DOMAIN, order, quantities={line: 1}),
        "note": lambda: api.data(update, {"i": {"id": one, "note": "n"}}),
        "tags": lambda: api.data(tag % "tagsAdd", {"id": one, "t": ["x"]}),
        "fewer tags": lambda: api.data(tag % "tagsRemove", {"id": one, "t": ["x"]}),
        "metafield": lambda: api.data(field, {"m": [value]}),
        "closed": lambda: api.data(close, {"i": {"id": one}}),
        "cancellation": lambda: small.sim.cancel(DOMAIN, order),
    }
    for name, change in changes.items():
        receiver.got.clear()
        change()
        small.sim.pump(DOMAIN)
        assert receiver.topics() == ["orders/updated"], name
