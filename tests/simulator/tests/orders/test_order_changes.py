"""What apps do to orders (shopify.md 7.5): cancel with a job, refund once, ship twice by mistake, update, tag, pay."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Small

CANCEL = """mutation Cancel($id: ID!, $restock: Boolean!, $method: OrderCancelRefundMethodInput) {
  orderCancel(orderId: $id, reason: CUSTOMER, restock: $restock, refundMethod: $method) {
    job { id done } jobResult { done status errors { message code } order { cancelledAt } }
    orderCancelUserErrors { code field message } userErrors { field message } } }"""
JOB = "query Job($id: ID!) { job(id: $id) { id done } }"
REFUND = """mutation Refund($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id note totalRefundedSet { shopMoney { amount } }
      refundLineItems(first: 5) { nodes { quantity restockType location { id } lineItem { id } } } }
    order { displayFinancialStatus } userErrors { field message } } }"""
FULFIL = """mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status totalQuantity trackingInfo { company number url } } userErrors { field message } } }"""
READ = """query Read($id: ID!) { order(id: $id) {
  displayFulfillmentStatus displayFinancialStatus tags note email poNumber customAttributes { key value }
  fulfillments { id trackingInfo { number } fulfillmentLineItems(first: 5) { nodes { quantity lineItem { sku } } } }
  fulfillmentOrders(first: 5) { nodes { id status assignedLocation { name location { id } }
    lineItems(first: 5) { nodes { id remainingQuantity totalQuantity lineItem { sku } } } } } } }"""


@pytest.fixture
def order(small: Small) -> Order:
    """Two shirts and one mug, paid: 30.00."""
    return small.sim.place_order(DOMAIN, [(small.shirt.id, 2), (small.mug.id, 1)], email="a@example.com")


def read(api: Api, order: Order) -> dict:
    return api.data(READ, {"id": gid("Order", order.id)})["order"]


def available(small: Small) -> tuple[int, int]:
    return small.available(small.shirt), small.available(small.mug)


# Cancelling


def cancel(api: Api, order: Order, **given) -> dict:
    return api.data(CANCEL, {"id": gid("Order", order.id), "restock": True, **given})["orderCancel"]


def test_a_cancellation_is_a_job_that_takes_its_time(api: Api, small: Small, order: Order):
    small.shop.knobs.job_seconds = 5
    answer = cancel(api, order)
    assert answer["jobResult"]["status"] == "STARTED"
    assert (answer["job"]["done"], order.cancelled_at) == (False, None)
    small.sim.clock.advance(4)
    assert api.data(JOB, {"id": answer["job"]["id"]})["job"]["done"] is False
    small.sim.clock.advance(1)
    assert api.data(JOB, {"id": answer["job"]["id"]})["job"]["done"] is True
    assert order.cancelled_at is not None
    assert available(small) == (10, 5)


def test_a_job_can_fail_after_it_was_accepted(api: Api, small: Small, order: Order):
    small.shop.knobs.job_error = "Something went wrong"
    small.shop.knobs.job_seconds = 0
    answer = cancel(api, order)
    assert answer["orderCancelUserErrors"] == []
    assert answer["jobResult"]["status"] == "FAILED"
    assert answer["jobResult"]["errors"] == [{"message": "Something went wrong", "code": "INTERNAL_ERROR"}]
    assert order.cancelled_at is None


def test_a_cancellation_takes_its_time_by_itself_and_a_second_one_meanwhile_is_said_to_be_under_way(
    api: Api, small: Small, order: Order
):
    small.shop.knobs.job_results = False
    first, second = cancel(api, order), cancel(api, order)
    assert (first["job"]["done"], first["jobResult"], first["orderCancelUserErrors"]) == (False, None, [])
    assert second["job"] is None
    assert second["orderCancelUserErrors"] == [
        {"code": None, "field": None, "message": "Cancellation is already in progress"}
    ]
    small.sim.clock.advance(2)
    assert order.cancelled_at is not None


@pytest.mark.parametrize("goes_back", [True, False])
def test_a_shipped_order_without_a_payment_is_cancelled_and_its_units_are_for_sale_again(api, small, goes_back):
    small.shop.knobs.cancel_restocks_shipped = goes_back
    shipped = small.sim.place_order(DOMAIN, [(small.mug.id, 2)], paid=False)
    small.sim.fulfil(DOMAIN, shipped)
    assert cancel(api, shipped)["orderCancelUserErrors"] == []
    small.sim.clock.advance(2)
    assert shipped.cancelled_at is not None
    assert small.available(small.mug) == (5 if goes_back else 3)


def test_what_was_shipped_and_paid_while_its_cancellation_was_under_way_stays(api: Api, small: Small, order: Order):
    cancel(api, order)
    small.sim.fulfil(DOMAIN, order)
    small.sim.clock.advance(2)
    [job] = small.shop.jobs.values()
    assert (job.status, order.cancelled_at) == ("FAILED", None)
    assert job.errors[0]["message"] == "Cannot cancel an order that has outstanding fulfillments"


def test_money_stays_unless_it_is_asked_back(api: Api, small: Small, order: Order):
    small.shop.knobs.job_seconds = 0
    cancel(api, order, restock=False)
    assert available(small) == (8, 4)
    assert read(api, order)["displayFinancialStatus"] == "PAID"
    other = small.sim.buy(DOMAIN, small.mug.id)
    cancel(api, other, method={"originalPaymentMethodsRefund": True})
    assert read(api, other)["displayFinancialStatus"] == "REFUNDED"


def test_what_cannot_be_cancelled_says_so_at_once(api: Api, small: Small, order: Order):
    cancel(api, order)
    small.sim.clock.advance(2)
    answer = cancel(api, order)
    assert (answer["job"], answer["orderCancelUserErrors"][0]["code"]) == (None, "INVALID")
    assert answer["userErrors"][0]["message"] == "Cannot cancel an order that has already been canceled"
    shipped = small.sim.buy(DOMAIN, small.mug.id)
    small.sim.fulfil(DOMAIN, shipped)
    assert "fulfillments" in cancel(api, shipped)["orderCancelUserErrors"][0]["message"]
    gone = api.data(CANCEL, {"id": gid("Order", 5), "restock": True})["orderCancel"]
    assert gone["orderCancelUserErrors"][0]["code"] == "NOT_FOUND"


def test_an_unknown_job_is_null(api: Api, small: Small):
    assert api.data(JOB, {"id": "gid://shopify/Job/00000000-0000-4000-8000-000000000000"})["job"] is None
    assert api.codes("query R($id: ID!) { order(id: $id) { id } }", {"id": "gid://shopify/Order/x"}) == [
        "INVALID_VARIABLE"
    ]


# Refunding


def refund(api: Api, order: Order, *rows: tuple, key: str = "k", **given) -> dict:
    lines = [{"lineItemId": gid("LineItem", line.id), "quantity": units, **more} for line, units, more in rows]
    given = {"orderId": gid("Order", order.id), "refundLineItems": lines, **given}
    return api.data(REFUND, {"input": given, "key": key})["refundCreate"]


def test_a_refund_needs_a_key_and_happens_once(api: Api, small: Small, order: Order):
    bare = REFUND.replace(" @idempotent(key: $key)", "").replace(", $key: String!", "")
    assert api.codes(bare, {"input": {"orderId": gid("Order", order.id)}}) == ["BAD_REQUEST"]
    row = (order.lines[0], 1, {"restockType": "CANCEL"})
    first = refund(api, order, row)
    second = refund(api, order, row)
    assert first["refund"]["id"] == second["refund"]["id"]
    assert (len(order.refunds), available(small)) == (1, (9, 4))
    other = refund(api, order, (order.lines[0], 1, {"restockType": "NO_RESTOCK"}))
    assert "different parameters" in other["userErrors"][0]["message"]


def test_a_refund_needs_the_scope_to_write_orders(api: Api, small: Small, order: Order):
    small.sim.set_scopes(DOMAIN, small.shop.apps["tiposync"].scopes - {"write_orders"})
    rows = [{"lineItemId": gid("LineItem", order.lines[0].id), "quantity": 1}]
    given = {"orderId": gid("Order", order.id), "refundLineItems": rows}
    assert api.codes(REFUND, {"input": given, "key": "k"}) == ["ACCESS_DENIED"]
    assert not order.refunds


def test_a_repeat_of_a_refund_of_everything_does_not_know_itself(api: Api, small: Small, order: Order):
    """As seen live for stock: the repeat is checked again, and nothing is left to refund. Nothing happens twice."""
    row = (order.lines[1], 1, {"restockType": "CANCEL"})
    refund(api, order, row)
    again = refund(api, order, row)
    assert (again["refund"], len(order.refunds)) == (None, 1)
    small.shop.knobs.replay_mode = "docs"
    assert refund(api, order, row)["refund"]["id"] == gid("Refund", order.refunds[0].id)


def test_money_goes_back_with_a_transaction_and_never_more_than_was_paid(api: Api, order: Order):
    sale = order.transactions[0]
    row = {"orderId": gid("Order", order.id), "gateway": "bogus", "kind": "REFUND", "amount": "12.00"}
    parent = {"parentId": gid("OrderTransaction", sale.id)}
    answer = refund(api, order, transactions=[row | parent], key="a")
    assert answer["refund"]["totalRefundedSet"]["shopMoney"]["amount"] == "12.0"
    assert answer["order"]["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    errors = refund(api, order, transactions=[{**row, "amount": "18.01"}], key="b")["userErrors"]
    assert errors[0]["message"] == "Refund amount cannot be greater than the amount that was paid"


@pytest.mark.parametrize(
    ("units", "more", "field"),
    [
        (3, {"restockType": "CANCEL"}, "quantity"),
        (1, {"restockType": "RETURN", "locationId": gid("Location", 1)}, "restockType"),
        (1, {"restockType": "LEGACY_RESTOCK"}, "restockType"),
        (1, {"restockType": "CANCEL", "locationId": gid("Location", 1)}, "locationId"),
    ],
)
def test_bad_refund_lines_are_refused(api: Api, small: Small, order: Order, units, more, field):
    errors = refund(api, order, (order.lines[0], units, more))["userErrors"]
    assert errors[0]["field"] == ["refundLineItems", "0", field]
    assert (order.refunds, available(small)) == ([], (8, 4))


def test_a_return_goes_to_the_named_location(api: Api, small: Small, order: Order):
    small.sim.fulfil(DOMAIN, order)
    bare = refund(api, order, (order.lines[0], 1, {"restockType": "RETURN"}))
    assert bare["userErrors"][0]["field"][-1] == "locationId"
    more = {"restockType": "RETURN", "locationId": gid("Location", small.there)}
    node = refund(api, order, (order.lines[0], 1, more), key="b")["refund"]["refundLineItems"]["nodes"][0]
    assert node["location"] == {"id": gid("Location", small.there)}
    assert small.available(small.shirt, small.there) == 5


# Shipping


def fulfil(api: Api, *rows: dict, **given) -> dict:
    return api.data(FULFIL, {"fulfillment": {"lineItemsByFulfillmentOrder": list(rows), **given}})["fulfillmentCreate"]


def test_a_part_ships_with_its_tracking_and_the_rest_stays_open(api: Api, small: Small, order: Order):
    [row] = read(api, order)["fulfillmentOrders"]["nodes"]
    assert (row["status"], row["assignedLocation"]["name"]) == ("OPEN", "Here")
    shirt = next(part for part in row["lineItems"]["nodes"] if part["lineItem"]["sku"] == "SHIRT-S")
    part = {"fulfillmentOrderId": row["id"], "fulfillmentOrderLineItems": [{"id": shirt["id"], "quantity": 1}]}
    tracking = {"number": "1Z9", "company": "UPS", "url": "https://example.com/1Z9"}
    made = fulfil(api, part, trackingInfo=tracking)["fulfillment"]
    assert made["trackingInfo"] == [{"company": "UPS", "number": "1Z9", "url": "https://example.com/1Z9"}]
    after = read(api, order)
    assert after["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"
    [row] = after["fulfillmentOrders"]["nodes"]
    assert (row["status"], [one["remainingQuantity"] for one in row["lineItems"]["nodes"]]) == ("IN_PROGRESS", [1, 1])
    assert after["fulfillments"][0]["fulfillmentLineItems"]["nodes"] == [
        {"quantity": 1, "lineItem": {"sku": "SHIRT-S"}}
    ]
    assert small.shop.mails == []


def test_a_second_fulfilment_ships_what_is_left_and_a_third_has_nothing(api: Api, order: Order):
    [row] = read(api, order)["fulfillmentOrders"]["nodes"]
    assert fulfil(api, {"fulfillmentOrderId": row["id"]})["fulfillment"]["totalQuantity"] == 3
    again = fulfil(api, {"fulfillmentOrderId": row["id"]})
    assert (again["fulfillment"], again["userErrors"][0]["message"].endswith("it is closed.")) == (None, True)
    assert read(api, order)["displayFulfillmentStatus"] == "FULFILLED"


def test_more_than_is_left_cannot_ship(api: Api, order: Order):
    [row] = read(api, order)["fulfillmentOrders"]["nodes"]
    part = {"id": row["lineItems"]["nodes"][0]["id"], "quantity": 3}
    answer = fulfil(api, {"fulfillmentOrderId": row["id"], "fulfillmentOrderLineItems": [part]})
    assert answer["userErrors"][0]["field"][-1] == "quantity"
    assert order.fulfillments == []


def test_lines_from_two_locations_are_two_fulfillment_orders(api: Api, small: Small):
    small.sim.set(DOMAIN, small.shirt.item_id, small.here, 0)
    order = small.sim.place_order(DOMAIN, [(small.shirt.id, 1), (small.mug.id, 1)])
    rows = read(api, order)["fulfillmentOrders"]["nodes"]
    assert [row["assignedLocation"]["name"] for row in rows] == ["There", "Here"]
    both = fulfil(api, *({"fulfillmentOrderId": row["id"]} for row in rows))
    assert "same order and location" in both["userErrors"][0]["message"]


def test_tracking_can_be_changed_later(api: Api, small: Small, order: Order):
    small.sim.fulfil(DOMAIN, order)
    document = """mutation T($id: ID!, $info: FulfillmentTrackingInput!) {
      fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $info, notifyCustomer: true) {
        fulfillment { trackingInfo { number } } userErrors { field message } } }"""
    variables = {"id": gid("Fulfillment", order.fulfillments[0].id), "info": {"numbers": ["A", "B"], "company": "DHL"}}
    answer = api.data(document, variables)["fulfillmentTrackingInfoUpdate"]
    assert answer["fulfillment"]["trackingInfo"] == [{"number": "A"}, {"number": "B"}]
    assert [mail["kind"] for mail in small.shop.mails] == ["shipping"]


CANCEL_FULFILMENT = """mutation C($id: ID!) {
  fulfillmentCancel(id: $id) { fulfillment { id status } userErrors { field message } } }"""


def cancel_fulfilment(api: Api, order: Order, place: int = 0) -> dict:
    return api.data(CANCEL_FULFILMENT, {"id": gid("Fulfillment", order.fulfillments[place].id)})["fulfillmentCancel"]


def test_a_cancelled_fulfilment_is_to_be_shipped_again_by_another_fulfillment_order(api: Api, small: Small, order):
    before = available(small)
    level = small.shop.levels[small.shirt.item_id, small.here]
    committed = level.committed
    small.sim.fulfil(DOMAIN, order)
    assert cancel_fulfilment(api, order)["fulfillment"]["status"] == "CANCELLED"
    assert (level.committed, available(small)) == (committed, before)
    first, second = read(api, order)["fulfillmentOrders"]["nodes"]
    assert (first["status"], second["status"]) == ("CLOSED", "OPEN")
    left = [[line["remainingQuantity"] for line in row["lineItems"]["nodes"]] for row in (first, second)]
    assert left == [[0, 0], [2, 1]]
    assert read(api, order)["displayFulfillmentStatus"] == "UNFULFILLED"
    assert fulfil(api, {"fulfillmentOrderId": second["id"]})["fulfillment"]["totalQuantity"] == 3
    assert small.shop.mails == []


def test_a_part_that_is_cancelled_goes_back_to_the_fulfillment_order_that_is_still_open(api: Api, small: Small, order):
    small.sim.fulfil(DOMAIN, order, {order.lines[0].id: 1})
    cancel_fulfilment(api, order)
    [row] = read(api, order)["fulfillmentOrders"]["nodes"]
    assert (row["status"], [one["remainingQuantity"] for one in row["lineItems"]["nodes"]]) == ("OPEN", [2, 1])


def test_a_fulfilment_is_cancelled_once_and_not_when_something_of_it_came_back(api: Api, small: Small, order):
    small.sim.fulfil(DOMAIN, order)
    cancel_fulfilment(api, order)
    assert "already" in cancel_fulfilment(api, order)["userErrors"][0]["message"]
    small.sim.fulfil(DOMAIN, order)
    small.sim.refund(DOMAIN, order, [{"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "RETURN"}])
    answer = cancel_fulfilment(api, order, 1)
    assert (answer["fulfillment"], "returned" in answer["userErrors"][0]["message"]) == (None, True)
    assert order.fulfillments[1].status == "SUCCESS"


def test_a_fulfilment_that_does_not_exist_cannot_be_cancelled(api: Api):
    answer = api.data(CANCEL_FULFILMENT, {"id": gid("Fulfillment", 1)})["fulfillmentCancel"]
    assert answer["userErrors"] == [{"field": ["id"], "message": "Fulfillment does not exist."}]


# Updating


def test_an_update_replaces_what_it_names_only(api: Api, order: Order):
    document = """mutation U($input: OrderInput!) {
      orderUpdate(input: $input) { order { tags note email } userErrors { field message } } }"""
    id = gid("Order", order.id)
    made = api.data(document, {"input": {"id": id, "tags": ["b", "a"], "note": "fragile"}})["orderUpdate"]
    assert made["order"] == {"tags": ["a", "b"], "note": "fragile", "email": "a@example.com"}
    made = api.data(document, {"input": {"id": id, "note": None}})["orderUpdate"]
    assert made["order"] == {"tags": ["a", "b"], "note": None, "email": "a@example.com"}
    assert api.data(document, {"input": {"id": id, "email": "nobody"}})["orderUpdate"]["userErrors"][0]["field"] == [
        "email"
    ]


def test_tags_are_added_and_removed(api: Api, order: Order):
    document = """mutation T($id: ID!, $add: [String!]!, $remove: [String!]!) {
      tagsAdd(id: $id, tags: $add) { node { id } userErrors { message } }
      tagsRemove(id: $id, tags: $remove) { node { ... on Order { tags } } userErrors { message } } }"""
    answer = api.data(document, {"id": gid("Order", order.id), "add": ["x", "y, z"], "remove": ["X"]})
    assert answer["tagsRemove"]["node"] == {"tags": ["y", "z"]}


def test_an_order_is_marked_as_paid_once(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], paid=False)
    document = """mutation P($input: OrderMarkAsPaidInput!) {
      orderMarkAsPaid(input: $input) { order { displayFinancialStatus } userErrors { message } } }"""
    variables = {"input": {"id": gid("Order", order.id)}}
    assert api.data(document, variables)["orderMarkAsPaid"]["order"] == {"displayFinancialStatus": "PAID"}
    assert api.data(document, variables)["orderMarkAsPaid"]["userErrors"][0]["message"] == (
        "Order cannot be marked as paid."
    )


@pytest.mark.parametrize("match", ["orderCancel", "refundCreate", "fulfillmentCreate"])
def test_the_answers_of_these_can_be_lost_too(api: Api, small: Small, order: Order, match):
    small.sim.fault(DOMAIN, "lost_answer", match=match, how="html")
    documents = {
        "orderCancel": (CANCEL, {"id": gid("Order", order.id), "restock": True}),
        "refundCreate": (
            REFUND,
            {
                "key": "k",
                "input": {
                    "orderId": gid("Order", order.id),
                    "refundLineItems": [
                        {"lineItemId": gid("LineItem", order.lines[0].id), "quantity": 1, "restockType": "CANCEL"}
                    ],
                },
            },
        ),
        "fulfillmentCreate": (
            FULFIL,
            {
                "fulfillment": {
                    "lineItemsByFulfillmentOrder": [
                        {"fulfillmentOrderId": gid("FulfillmentOrder", order.fulfillment_orders[0].id)}
                    ]
                }
            },
        ),
    }
    document, variables = documents[match]
    assert api.send(document, variables).status_code == 502
    small.sim.clock.advance(2)
    done = {
        "orderCancel": order.cancelled_at is not None,
        "refundCreate": len(order.refunds) == 1,
        "fulfillmentCreate": len(order.fulfillments) == 1,
    }
    assert done[match]
