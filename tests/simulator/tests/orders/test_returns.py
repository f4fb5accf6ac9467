"""Returns and exchanges (rows 64 and 70): by an app and by staff; exchanged goods stand in the same order."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small
from tests.simulator.tests.orders.test_page_orders import post, press

RETURN = """id name status totalQuantity returnLineItems(first: 5) { nodes { id quantity ... on ReturnLineItem {
  processedQuantity refundedQuantity } } } exchangeLineItems(first: 5) { nodes { id quantity lineItems { id } } }"""
ERRORS = "userErrors { field message code }"
CREATE = f"""mutation Create($input: ReturnInput!) {{ returnCreate(returnInput: $input) {{
  return {{ {RETURN} }} {ERRORS} }} }}"""
PROCESS = f"""mutation Process($input: ReturnProcessInput!) {{ returnProcess(input: $input) {{
  return {{ {RETURN} }} {ERRORS} }} }}"""
CLOSE = f"mutation Close($id: ID!) {{ returnClose(id: $id) {{ return {{ status }} {ERRORS} }} }}"
READ = """query Read($id: ID!) { order(id: $id) { returnStatus returns(first: 5) { nodes { name status } }
  displayFinancialStatus lineItems(first: 5) { nodes { sku quantity currentQuantity unfulfilledQuantity } } } }"""


@pytest.fixture
def order(small: Small) -> Order:
    """Three shirts, paid and shipped."""
    made = small.sim.place_order(DOMAIN, [(small.shirt.id, 3)])
    small.sim.fulfil(DOMAIN, made)
    return made


def create(api: Api, order: Order, units: int = 1, exchange: list | None = None) -> dict:
    [shipped] = order.fulfillments[0].line_ids.values()
    row = {"fulfillmentLineItemId": gid("FulfillmentLineItem", shipped), "quantity": units, "returnReason": "OTHER"}
    given = {"orderId": gid("Order", order.id), "returnLineItems": [row], "exchangeLineItems": exchange or []}
    return api.data(CREATE, {"input": given})["returnCreate"]


def process(api: Api, made: dict, units: int = 1, **given) -> dict:
    rows = [{"id": one["id"], "quantity": units} for one in made["returnLineItems"]["nodes"]]
    return api.data(PROCESS, {"input": {"returnId": made["id"], "returnLineItems": rows, **given}})["returnProcess"]


def read(api: Api, order: Order) -> dict:
    return api.data(READ, {"id": gid("Order", order.id)})["order"]


def test_an_open_return_changes_nothing_but_the_orders_return_status(api: Api, small: Small, order: Order):
    made = create(api, order)["return"]
    assert (made["name"], made["status"], made["totalQuantity"]) == (f"{order.name}-R1", "OPEN", 1)
    found = read(api, order)
    assert (found["returnStatus"], found["returns"]["nodes"]) == (
        "IN_PROGRESS",
        [{"name": f"{order.name}-R1", "status": "OPEN"}],
    )
    assert found["lineItems"]["nodes"][0]["currentQuantity"] == 3
    assert small.available(small.shirt) == 7


@pytest.mark.parametrize(("lowers", "left"), [("process", 2), ("refund", 3)])
def test_a_processed_return_stays_open_and_its_units_leave_the_order_now_or_with_the_money(
    api: Api, small: Small, order: Order, lowers: str, left: int
):
    """Which, is not known: a knob."""
    small.shop.knobs.returns_lower = lowers
    made = process(api, create(api, order)["return"])["return"]
    assert made["status"] == "OPEN"
    assert made["returnLineItems"]["nodes"][0]["processedQuantity"] == 1
    assert read(api, order)["lineItems"]["nodes"][0]["currentQuantity"] == left
    assert small.available(small.shirt) == 7  # nobody said that they go on sale again


def test_money_goes_back_by_the_return(api: Api, small: Small, order: Order):
    made = create(api, order)["return"]
    paid = {"parentId": gid("OrderTransaction", order.transactions[0].id)}
    money = {"transactionAmount": {"amount": "10.00", "currencyCode": "EUR"}}
    transfer = {"issueRefund": {"orderTransactions": [{**paid, **money}]}}
    answer = process(api, made, financialTransfer=transfer)
    assert answer["return"]["returnLineItems"]["nodes"][0]["refundedQuantity"] == 1
    [refund] = order.refunds
    assert (f"{refund.transactions[0].amount.shop}", refund.lines[0]["quantity"]) == ("10.00", 1)
    assert read(api, order)["displayFinancialStatus"] == "PARTIALLY_REFUNDED"


def test_an_exchange_is_a_line_of_the_same_order_that_has_yet_to_ship(api: Api, small: Small, order: Order):
    made = create(api, order, exchange=[{"variantId": gid("ProductVariant", small.mug.id), "quantity": 2}])["return"]
    assert [line.sku for line in order.lines] == ["SHIRT-S"]
    extra = [{"id": made["exchangeLineItems"]["nodes"][0]["id"], "quantity": 2}]
    made = process(api, made, exchangeLineItems=extra)["return"]
    assert made["exchangeLineItems"]["nodes"][0]["lineItems"] == [{"id": gid("LineItem", order.lines[1].id)}]
    assert read(api, order)["lineItems"]["nodes"] == [
        {"sku": "SHIRT-S", "quantity": 3, "currentQuantity": 2, "unfulfilledQuantity": 0},
        {"sku": "MUG", "quantity": 2, "currentQuantity": 2, "unfulfilledQuantity": 2},
    ]
    assert small.available(small.mug) == 3


def test_a_return_is_closed_once(api: Api, order: Order):
    made = create(api, order)["return"]
    assert api.data(CLOSE, {"id": made["id"]})["returnClose"]["return"] == {"status": "CLOSED"}
    assert read(api, order)["returnStatus"] == "RETURNED"
    [error] = api.data(CLOSE, {"id": made["id"]})["returnClose"]["userErrors"]
    assert error == {"field": ["id"], "message": "Return status is invalid.", "code": "INVALID_STATE"}
    assert process(api, made)["userErrors"][0]["code"] == "INVALID_STATE"


def test_bad_returns_are_refused_and_change_nothing(api: Api, order: Order):
    quantity = ["returnInput", "returnLineItems", "0", "quantity"]
    [error] = create(api, order, 4)["userErrors"]
    assert error == {"field": quantity, "message": "Return line item has an invalid quantity.", "code": "INVALID"}
    create(api, order, 2)
    assert create(api, order, 2)["userErrors"][0]["field"] == quantity
    row = {"fulfillmentLineItemId": gid("FulfillmentLineItem", 9), "quantity": 1, "returnReason": "OTHER"}
    given = {"orderId": gid("Order", order.id), "returnLineItems": [row]}
    assert api.data(CREATE, {"input": given})["returnCreate"]["userErrors"][0]["code"] == "NOT_FOUND"
    gone = {"input": {"returnId": gid("Return", 9)}}
    assert api.data(PROCESS, gone)["returnProcess"]["userErrors"] == [
        {"field": ["input", "returnId"], "message": "Return not found.", "code": "NOT_FOUND"}
    ]
    assert len(order.returns) == 1


@pytest.mark.parametrize("edits", [True, False])
def test_the_topics_of_an_exchange(small: Small, order: Order, receiver: Receiver, edits: bool):
    """Whether orders/edited comes is not known: a knob (row 64)."""
    small.shop.knobs.exchanges_are_edits = edits
    for topic in ("RETURNS_APPROVE", "RETURNS_PROCESS", "RETURNS_CLOSE", "REFUNDS_CREATE", "ORDERS_EDITED",
                  "ORDERS_UPDATED"):  # fmt: skip
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    small.shop.knobs.manual_deliveries = True
    post(small, "return", order_id=order.id, back={order.lines[0].id: 1}, exchange=[[small.mug.id, 1]])
    small.sim.pump(DOMAIN)
    assert receiver.topics() == [
        "returns/approve",
        "orders/updated",
        "returns/process",
        *(["orders/edited"] if edits else []),
        "orders/updated",
        "returns/close",
        "orders/updated",
    ]
    [body] = receiver.bodies("returns/process")
    assert (body["order"]["id"], body["name"]) == (order.id, f"{order.name}-R1")
    assert [line["sku"] for line in receiver.bodies("orders/updated")[0]["line_items"]][:1] == ["SHIRT-S"]


@pytest.mark.parametrize(("restock", "left"), [(True, 9), (False, 7)])
def test_staff_take_goods_back(small: Small, order: Order, restock: bool, left: int):
    answer = post(small, "return", order_id=order.id, back={order.lines[0].id: 2}, restock=restock, money="5.00")
    assert answer.status_code == 200, answer.text
    assert (order.lines[0].current_quantity, order.lines[0].fulfilled) == (1, 1)
    assert small.available(small.shirt) == left
    assert answer.json()["financial_status"] == "PARTIALLY_REFUNDED"
    again = post(small, "return", order_id=order.id, back={order.lines[0].id: 2})
    assert (again.status_code, "shipped units" in again.text) == (400, True)


def test_staff_exchange_and_refund_with_the_buttons(small: Small, order: Order):
    press(small, "exchange", order_name=order.name, sku="SHIRT-S", quantity="1", other_sku="MUG")
    assert [(line.sku, line.current_quantity) for line in order.lines] == [("SHIRT-S", 2), ("MUG", 1)]
    assert small.available(small.mug) == 4
    press(small, "return_part", order_name=order.name, sku="SHIRT-S", quantity="1", amount="10")
    press(small, "refund_part", order_name=order.name, sku="MUG", quantity="1", amount="4.00")
    assert [line.current_quantity for line in order.lines] == [1, 0]
    assert (small.available(small.shirt), small.available(small.mug)) == (9, 5)
    assert [f"{row.amount.shop}" for row in order.transactions if row.kind == "REFUND"] == ["10.00", "4.00"]
    assert "outstanding+fulfillments" in press(small, "cancel_named", order_name=order.name)
