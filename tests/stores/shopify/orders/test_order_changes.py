"""What became of an order, and shipping, cancelling and refunding it, on the wire."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from stores.shopify.errors import ObjectNotFound, ServerError, UnexpectedAnswer, UserErrors
from stores.shopify.gids import GidError
from stores.shopify.orders import order_changes
from stores.shopify.orders.order_changes import Cancellation, RefundRow
from stores.shopify.orders.order_progress import (
    FulfilmentOrder,
    OpenLine,
    Payments,
    ProgressLine,
    RefundedLine,
    RefundRecord,
    Shipment,
    Tracking,
    read_progress,
)
from tests.stores.shopify.wire import answer, client, refuse, sent

pytestmark = pytest.mark.usefixtures("wire")

ORDER = "gid://shopify/Order/1"
SHIPMENT = "gid://shopify/Fulfillment/4"
PLACE = "gid://shopify/Location/2"
LINE = "gid://shopify/LineItem/7"
VARIANT = "gid://shopify/ProductVariant/9"
AT = "2026-11-20T10:00:00Z"
INSTANT = datetime(2026, 11, 20, 10, tzinfo=UTC)


def page(nodes, end=None):
    return {"nodes": nodes, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}


def line_node(gid=LINE):
    properties = [{"key": "_original_line", "value": "70"}]
    counts = {"quantity": 4, "currentQuantity": 3, "unfulfilledQuantity": 1, "isGiftCard": False}
    return {"id": gid, "title": "Shirt", "variant": {"id": VARIANT}, "customAttributes": properties} | counts


def shipment_node(**parts):
    return {
        "id": SHIPMENT,
        "status": "SUCCESS",
        "createdAt": AT,
        "location": {"id": PLACE},
        "trackingInfo": [
            {"company": "Post", "number": "A1", "url": "https://post.example/A1"},
            {"company": "Post", "number": "A2", "url": None},
        ],
        "fulfillmentLineItems": page([{"quantity": 2, "lineItem": {"id": LINE}}]),
    } | parts


def progress_node(**parts):
    return {
        "id": ORDER,
        "name": "#1",
        "updatedAt": AT,
        "cancelledAt": AT,
        "cancelReason": "CUSTOMER",
        "displayFinancialStatus": None,
        "totalPriceSet": {"shopMoney": {"amount": "30.0", "currencyCode": "EUR"}},
        "totalReceivedSet": {"shopMoney": {"amount": "0.0"}},
        "totalOutstandingSet": {"shopMoney": {"amount": "30.0"}},
        "currentTotalPriceSet": {"shopMoney": {"amount": "30.0"}},
        "lineItems": page([line_node()]),
        "fulfillments": [shipment_node()],
        "fulfillmentOrders": page(
            [
                {
                    "id": "gid://shopify/FulfillmentOrder/5",
                    "status": "OPEN",
                    "assignedLocation": {"location": {"id": PLACE}},
                    "lineItems": page(
                        [
                            {
                                "id": "gid://shopify/FulfillmentOrderLineItem/6",
                                "remainingQuantity": 1,
                                "lineItem": {"id": LINE},
                            }
                        ]
                    ),
                }
            ]
        ),
        "refunds": [
            {
                "id": "gid://shopify/Refund/8",
                "createdAt": AT,
                "refundLineItems": page([{"quantity": 1, "restockType": "CANCEL", "lineItem": {"id": LINE}}]),
            }
        ],
    } | parts


def test_progress_is_read_in_one_call():
    answer({"order": progress_node()})
    progress = read_progress(client(), ORDER)
    assert len(sent()) == 1
    assert progress.payments == Payments("", "EUR", Decimal(30), Decimal(0), Decimal(30), Decimal(30))
    assert (progress.cancelled_at, progress.cancel_reason) == (INSTANT, "CUSTOMER")
    assert progress.lines == (ProgressLine(LINE, "Shirt", 3, 1, (("_original_line", "70"),), VARIANT, 4),)
    tracking = Tracking("Post", ("A1", "A2"), ("https://post.example/A1",))
    assert progress.shipments == (Shipment(SHIPMENT, "SUCCESS", INSTANT, PLACE, tracking, {LINE: 2}),)
    open_line = OpenLine("gid://shopify/FulfillmentOrderLineItem/6", LINE, 1)
    assert progress.fulfilment_orders == (
        FulfilmentOrder("gid://shopify/FulfillmentOrder/5", "OPEN", PLACE, (open_line,)),
    )
    assert progress.refunds == (RefundRecord("gid://shopify/Refund/8", INSTANT, (RefundedLine(LINE, 1, "CANCEL"),)),)


def test_a_shipment_without_tracking_or_place_has_none():
    answer({"order": progress_node(fulfillments=[shipment_node(trackingInfo=[], location=None)], cancelledAt=None)})
    progress = read_progress(client(), ORDER)
    assert progress.shipments[0].tracking == Tracking()
    assert progress.shipments[0].location_gid == ""
    assert progress.cancelled_at is None


def test_the_lines_of_a_large_order_are_read_page_by_page():
    answer({"order": progress_node(lineItems=page([line_node()], "c"))})
    answer({"order": {"lineItems": page([line_node("gid://shopify/LineItem/8")])}})
    assert [line.gid for line in read_progress(client(), ORDER).lines] == [LINE, "gid://shopify/LineItem/8"]
    assert sent()[1]["variables"] == {"id": ORDER, "after": "c"}


@pytest.mark.parametrize(
    "parts",
    [
        {"fulfillments": [shipment_node(fulfillmentLineItems=page([], "c"))]},
        {"fulfillmentOrders": page([], "c")},
        {"refunds": [{"id": "gid://shopify/Refund/8", "createdAt": AT, "refundLineItems": page([], "c")}]},
    ],
)
def test_half_a_shipment_or_refund_is_not_taken_for_all_of_it(parts):
    answer({"order": progress_node(**parts)})
    with pytest.raises(UserErrors, match="more than 250 lines"):
        read_progress(client(), ORDER)


def test_an_order_that_is_gone_has_no_progress():
    answer({"order": None})
    with pytest.raises(ObjectNotFound):
        read_progress(client(), ORDER)
    answer({"order": progress_node(lineItems=page([line_node()], "c"))})
    answer({"order": None})
    with pytest.raises(ObjectNotFound, match="vanished"):
        read_progress(client(), ORDER)


def test_units_are_shipped_with_their_tracking():
    answer({"fulfillmentCreate": {"fulfillment": {"id": SHIPMENT}, "userErrors": []}})
    tracking = Tracking("Post", ("A1",), ())
    units = {"gid://shopify/FulfillmentOrder/5": {"gid://shopify/FulfillmentOrderLineItem/6": 2}}
    assert order_changes.create_fulfilment(client(), units, tracking, notify_customer=False) == SHIPMENT
    assert sent()[0]["variables"]["fulfillment"] == {
        "lineItemsByFulfillmentOrder": [
            {
                "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/5",
                "fulfillmentOrderLineItems": [{"id": "gid://shopify/FulfillmentOrderLineItem/6", "quantity": 2}],
            }
        ],
        "notifyCustomer": False,
        "trackingInfo": {"company": "Post", "numbers": ["A1"]},
    }


def test_without_tracking_none_is_sent():
    answer({"fulfillmentCreate": {"fulfillment": {"id": SHIPMENT}, "userErrors": []}})
    order_changes.create_fulfilment(client(), {}, Tracking(), notify_customer=True)
    assert "trackingInfo" not in sent()[0]["variables"]["fulfillment"]


def test_a_refused_change_says_why():
    no = [{"field": ["x"], "message": "Not possible"}]
    answer({"fulfillmentCreate": {"fulfillment": None, "userErrors": no}})
    with pytest.raises(UserErrors, match="Not possible"):
        order_changes.create_fulfilment(client(), {}, Tracking(), notify_customer=False)
    answer({"fulfillmentTrackingInfoUpdate": {"fulfillment": None, "userErrors": no}})
    with pytest.raises(UserErrors, match="Not possible"):
        order_changes.update_tracking(client(), SHIPMENT, Tracking("Post"), notify_customer=False)
    answer({"fulfillmentCancel": {"fulfillment": None, "userErrors": no}})
    with pytest.raises(UserErrors, match="Not possible"):
        order_changes.cancel_fulfilment(client(), SHIPMENT)
    listed = [{"code": "INVALID", "field": None, "message": "Cannot cancel"}]
    answer({"orderCancel": {"job": None, "jobResult": None, "orderCancelUserErrors": listed}})
    with pytest.raises(UserErrors, match="Cannot cancel"):
        order_changes.cancel_order(client(), ORDER, reason="OTHER", restock=True, staff_note="")
    answer({"refundCreate": {"refund": None, "userErrors": no}})
    with pytest.raises(UserErrors, match="Not possible"):
        order_changes.send_refund(client(), {}, "key")


@pytest.mark.parametrize("name", ["fulfillmentCreate", "fulfillmentCancel", "refundCreate", "orderCancel"])
def test_a_change_whose_answer_says_nothing_may_have_happened(name):
    answer({name: None})
    with pytest.raises(UnexpectedAnswer) as caught:
        if name == "fulfillmentCreate":
            order_changes.create_fulfilment(client(), {}, Tracking(), notify_customer=False)
        elif name == "fulfillmentCancel":
            order_changes.cancel_fulfilment(client(), SHIPMENT)
        elif name == "refundCreate":
            order_changes.send_refund(client(), {}, "key")
        else:
            order_changes.cancel_order(client(), ORDER, reason="OTHER", restock=True, staff_note="")
    assert caught.value.outcome_unknown


def test_tracking_is_set_on_one_fulfilment():
    answer({"fulfillmentTrackingInfoUpdate": {"fulfillment": {"id": SHIPMENT}, "userErrors": []}})
    order_changes.update_tracking(client(), SHIPMENT, Tracking("", ("B",), ("https://b",)), notify_customer=False)
    assert sent()[0]["variables"] == {
        "id": SHIPMENT,
        "tracking": {"numbers": ["B"], "urls": ["https://b"]},
        "notify": False,
    }


ASKED = Cancellation("gid://shopify/Job/1-2", "gid://shopify/OrderCancelJobResult/1")


def test_a_cancellation_moves_no_money_and_mails_nobody():
    asked = {"job": {"id": ASKED.job_gid}, "jobResult": {"id": ASKED.result_gid}, "orderCancelUserErrors": []}
    answer({"orderCancel": asked})
    assert order_changes.cancel_order(client(), ORDER, reason="FRAUD", restock=False, staff_note="x" * 300) == ASKED
    body = sent()[0]
    assert body["variables"] == {"id": ORDER, "reason": "FRAUD", "restock": False, "note": "x" * 255}
    assert "originalPaymentMethodsRefund: false" in body["query"]
    assert "notifyCustomer: false" in body["query"]


@pytest.mark.parametrize(
    ("job", "result", "is_over"),
    [
        ({"id": ASKED.job_gid, "done": False}, {"status": "STARTED", "errors": []}, False),
        ({"id": ASKED.job_gid, "done": False}, None, False),
        ({"id": ASKED.job_gid, "done": True}, None, True),
        ({"id": ASKED.job_gid, "done": False}, {"status": "SUCCEEDED", "errors": []}, True),
        (None, None, True),
    ],
)
def test_a_cancellation_is_asked_after(job, result, is_over):
    answer({"job": job, "node": result})
    assert order_changes.is_cancellation_over(client(), ASKED) is is_over


def test_a_cancellation_without_a_result_is_asked_after_by_its_job():
    job = {"id": ASKED.job_gid, "done": False}
    answer({"orderCancel": {"job": job, "jobResult": None, "orderCancelUserErrors": []}})
    asked = order_changes.cancel_order(client(), ORDER, reason="OTHER", restock=True, staff_note="")
    assert asked == Cancellation(ASKED.job_gid, "")
    for done in (False, True):
        answer({"job": job | {"done": done}})
        assert order_changes.is_cancellation_over(client(), asked) is done


def test_a_second_cancellation_is_told_from_a_refusal():
    for code, message in ((None, "Cancellation is already in progress"), ("INVALID", "Cannot cancel an order")):
        listed = [{"code": code, "field": None, "message": message}]
        answer({"orderCancel": {"job": None, "jobResult": None, "orderCancelUserErrors": listed}})
        with pytest.raises(UserErrors) as caught:
            order_changes.cancel_order(client(), ORDER, reason="OTHER", restock=True, staff_note="")
        assert order_changes.is_under_way(caught.value) is (code is None)


def test_a_cancellation_that_failed_says_why():
    listed = [{"code": "INTERNAL_ERROR", "field": None, "message": "Broke"}]
    answer({"job": {"id": ASKED.job_gid, "done": True}, "node": {"status": "FAILED", "errors": listed}})
    with pytest.raises(UserErrors, match="Broke"):
        order_changes.is_cancellation_over(client(), ASKED)


def test_the_same_refund_with_the_same_key_is_the_same_bytes(wire):
    rows = [RefundRow(LINE, 2, "CANCEL", PLACE), RefundRow(LINE, 1, "NO_RESTOCK")]
    asked = order_changes.refund_input(ORDER, rows, "Refunded in North")
    assert asked["refundLineItems"] == [
        {"lineItemId": LINE, "quantity": 2, "restockType": "CANCEL", "locationId": PLACE},
        {"lineItemId": LINE, "quantity": 1, "restockType": "NO_RESTOCK"},
    ]
    assert asked["transactions"] == []
    assert asked["notify"] is False
    refuse(502, "<html>")
    with pytest.raises(ServerError) as caught:
        order_changes.send_refund(client(), asked, "key-1")
    assert caught.value.outcome_unknown
    answer({"refundCreate": {"refund": {"id": "gid://shopify/Refund/9"}, "userErrors": []}})
    assert order_changes.send_refund(client(), dict(reversed(asked.items())), "key-1") == "gid://shopify/Refund/9"
    first, second = (call.request.body for call in wire.calls)
    assert first == second


def test_a_malformed_change_never_reaches_the_wire(wire):
    with pytest.raises(ValueError, match="nothing"):
        order_changes.refund_input(ORDER, [], "")
    with pytest.raises(GidError):
        order_changes.refund_input(ORDER, [RefundRow(ORDER, 1, "CANCEL")], "")
    with pytest.raises(GidError):
        order_changes.cancel_order(client(), LINE, reason="OTHER", restock=True, staff_note="")
    with pytest.raises(GidError):
        order_changes.update_tracking(client(), ORDER, Tracking(), notify_customer=False)
    assert len(wire.calls) == 0
