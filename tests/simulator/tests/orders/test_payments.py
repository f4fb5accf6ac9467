"""Payments that come later: by an app, by staff, wholly and in parts (row 68)."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small
from tests.simulator.tests.orders.test_page_orders import page, post, press

MARK = """mutation Mark($id: ID!) { orderMarkAsPaid(input: {id: $id}) {
  order { displayFinancialStatus totalOutstandingSet { shopMoney { amount } } }
  userErrors { field message } } }"""
PAY = """mutation Pay($id: ID!, $amount: MoneyInput, $name: String, $at: DateTime) {
  orderCreateManualPayment(id: $id, amount: $amount, paymentMethodName: $name, processedAt: $at) {
    order { displayFinancialStatus canMarkAsPaid totalReceivedSet { shopMoney { amount } }
      totalOutstandingSet { shopMoney { amount } presentmentMoney { amount } }
      transactions { kind status gateway manualPaymentGateway amountSet { shopMoney { amount } } } }
    userErrors { field message code } } }"""


@pytest.fixture
def order(small: Small) -> Order:
    """Two mugs at 10.00, not paid yet."""
    return small.sim.place_order(DOMAIN, [(small.mug.id, 2)], paid=False)


def mark(api: Api, order: Order) -> dict:
    return api.data(MARK, {"id": gid("Order", order.id)})["orderMarkAsPaid"]


def pay(api: Api, order: Order, amount: str | None = None, currency: str = "EUR", **given) -> dict:
    money = None if amount is None else {"amount": amount, "currencyCode": currency}
    return api.data(PAY, {"id": gid("Order", order.id), "amount": money, **given})["orderCreateManualPayment"]


def test_an_order_is_marked_as_paid_once_and_the_refusal_shows_it(api: Api, order: Order):
    paid = {"displayFinancialStatus": "PAID", "totalOutstandingSet": {"shopMoney": {"amount": "0.0"}}}
    assert mark(api, order) == {"order": paid, "userErrors": []}
    error = {"field": ["id"], "message": "Order cannot be marked as paid."}
    assert mark(api, order) == {"order": paid, "userErrors": [error]}
    assert len(order.transactions) == 1


SUGGEST = """query Suggest($id: ID!, $rows: [RefundLineItemInput!]!) { order(id: $id) {
  suggestedRefund(refundLineItems: $rows) { amountSet { shopMoney { amount } }
    suggestedTransactions { gateway kind amountSet { shopMoney { amount } } parentTransaction { id } } } } }"""


@pytest.mark.parametrize(("units", "worth"), [(1, "10.0"), (2, "15.0"), (3, "15.0")])
def test_a_refund_is_suggested_for_what_was_paid_to_the_payments_that_were_made(api: Api, small: Small, units, worth):
    """https://shopify.dev/docs/api/admin-graphql/2026-10/objects/SuggestedRefund"""
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 2)], paid=False)
    small.sim.pay_order(DOMAIN, order, amount="15.00")
    rows = [{"lineItemId": gid("LineItem", order.lines[0].id), "quantity": units}]
    found = api.data(SUGGEST, {"id": gid("Order", order.id), "rows": rows})["order"]["suggestedRefund"]
    assert found["amountSet"] == {"shopMoney": {"amount": worth}}
    (part,) = found["suggestedTransactions"]
    (paid,) = (row for row in order.transactions if row.status == "SUCCESS")
    assert (part["kind"], part["amountSet"]["shopMoney"]["amount"]) == ("SUGGESTED_REFUND", worth)
    assert part["parentTransaction"] == {"id": gid("OrderTransaction", paid.id)}


def test_an_order_that_is_labelled_as_paid_cannot_be_paid(api: Api, order: Order):
    order.transactions, order.financial_status = [], "PAID"
    assert mark(api, order)["userErrors"][0]["message"] == "Order cannot be marked as paid."


def test_a_cancelled_order_cannot_be_paid(api: Api, small: Small, order: Order):
    small.sim.cancel(DOMAIN, order)
    assert mark(api, order)["userErrors"][0]["field"] == ["id"]
    assert pay(api, order)["userErrors"][0]["field"] == ["id"]


def test_what_was_held_is_captured(api: Api, small: Small):
    held = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], paid="authorized")
    assert mark(api, held)["order"]["displayFinancialStatus"] == "PAID"
    assert [(row.kind, row.parent_id) for row in held.transactions] == [
        ("AUTHORIZATION", None),
        ("CAPTURE", held.transactions[0].id),
    ]


def test_a_part_needs_a_store_on_plus(api: Api, order: Order):
    money = {"amount": "5.00", "currencyCode": "EUR"}
    assert api.codes(PAY, {"id": gid("Order", order.id), "amount": money}) == ["ACCESS_DENIED"]
    assert pay(api, order)["order"]["displayFinancialStatus"] == "PAID"  # all of it goes everywhere


def test_parts_are_paid_until_nothing_is_owed(api: Api, small: Small, order: Order):
    small.sim.set_plan(DOMAIN, "PLUS")
    first = pay(api, order, "5.00", name="Bank deposit")["order"]
    assert (first["displayFinancialStatus"], first["canMarkAsPaid"]) == ("PARTIALLY_PAID", True)
    assert first["totalOutstandingSet"]["shopMoney"]["amount"] == "15.0"
    assert first["transactions"][1] == {
        "kind": "SALE",
        "status": "SUCCESS",
        "gateway": "Bank deposit",
        "manualPaymentGateway": True,
        "amountSet": {"shopMoney": {"amount": "5.0"}},
    }
    assert pay(api, order, "15.00")["order"]["displayFinancialStatus"] == "PAID"
    assert pay(api, order, "1.00")["userErrors"][0]["field"] == ["id"]


def test_the_same_part_sent_twice_is_paid_twice(api: Api, small: Small, order: Order):
    """No idempotency: whoever lost the answer has to look."""
    small.sim.set_plan(DOMAIN, "PLUS")
    small.sim.fault(DOMAIN, "lost_answer", match="orderCreateManualPayment")
    with pytest.raises(OSError):
        pay(api, order, "5.00")
    assert pay(api, order, "5.00")["order"]["totalReceivedSet"]["shopMoney"]["amount"] == "10.0"


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"amount": "0"}, ["amount"], "AMOUNT_NOT_POSITIVE"),
        ({"amount": "20.01"}, ["amount"], "AMOUNT_EXCEEDS_BALANCE"),
        ({"amount": "5", "currency": "USD"}, ["amount", "currencyCode"], "CURRENCY_MISMATCH"),
        ({"name": "Shells"}, ["paymentMethodName"], "GATEWAY_NOT_FOUND"),
        ({"at": "2199-01-01T00:00:00Z"}, ["processedAt"], "PROCESSED_AT_INVALID"),
    ],
)
def test_bad_payments_are_refused_with_a_code(api: Api, small: Small, order: Order, given: dict, field, code):
    small.sim.set_plan(DOMAIN, "PLUS")
    small.shop.knobs.payment_methods = "Cash,Other"
    [error] = pay(api, order, **given)["userErrors"]
    assert (error["field"], error["code"]) == (field, code)
    assert order.transactions[0].status == "PENDING"


def test_a_payment_for_an_order_that_does_not_exist(api: Api):
    answer = api.data(PAY, {"id": gid("Order", 9)})["orderCreateManualPayment"]
    assert answer["userErrors"] == [{"field": ["id"], "message": "Order does not exist", "code": "ORDER_NOT_FOUND"}]


def test_a_part_is_in_the_buyers_currency(api: Api, small: Small):
    small.sim.set_plan(DOMAIN, "PLUS")
    foreign = small.sim.place_order(
        DOMAIN, [(small.mug.id, 2)], paid=False, presentment_currency="USD", presentment_rate="1.5"
    )
    after = pay(api, foreign, "15.00", "USD")["order"]
    assert after["totalOutstandingSet"] == {"shopMoney": {"amount": "10.0"}, "presentmentMoney": {"amount": "15.0"}}


def test_the_topic_of_payment_comes_only_when_all_is_paid(small: Small, order: Order, receiver: Receiver):
    for topic in ("ORDERS_PAID", "ORDERS_UPDATED", "ORDER_TRANSACTIONS_CREATE"):
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    small.shop.knobs.manual_deliveries = True
    post(small, "pay", order_id=order.id, amount="12.00")
    small.sim.pump(DOMAIN)
    assert receiver.topics() == ["order_transactions/create", "orders/updated"]
    assert receiver.bodies("orders/updated")[0]["financial_status"] == "partially_paid"
    assert receiver.bodies("order_transactions/create")[0]["amount"] == "12.00"
    post(small, "pay", order_id=order.id)
    small.sim.pump(DOMAIN)
    assert receiver.topics()[2:] == ["order_transactions/create", "orders/paid", "orders/updated"]


def test_staff_pay_a_part_with_the_button(small: Small, order: Order):
    press(small, "pay_part", order_name=order.name, amount="5,50")
    assert "partially paid, 2 to ship" in page(small)
    assert "no+more+than+14.50+EUR" in press(small, "pay_part", order_name=order.name, amount="15")
    assert "What+amount" in press(small, "pay_part", order_name=order.name)
    press(small, "pay_part", order_name=order.name, amount="14.50")
    assert "paid, 2 to ship" in page(small)
