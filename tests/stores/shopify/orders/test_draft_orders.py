"""Draft orders on the wire."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests

from stores.shopify.errors import AnswerLost, ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.gids import GidError
from stores.shopify.orders import draft_orders
from stores.shopify.orders.order_records import Money
from tests.stores.shopify.wire import ENDPOINT, answer, client, sent

pytestmark = pytest.mark.usefixtures("wire")

ORDER = "gid://shopify/Order/1"
DRAFT = "gid://shopify/DraftOrder/3"
AT = "2026-11-20T10:00:00Z"
INSTANT = datetime(2026, 11, 20, 10, tzinfo=UTC)


def page(nodes, end=None):
    return {"nodes": nodes, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}


def draft_node(number=3, **parts):
    return {
        "id": f"gid://shopify/DraftOrder/{number}",
        "name": "#D3",
        "status": "OPEN",
        "ready": True,
        "createdAt": AT,
        "updatedAt": AT,
        "reserveInventoryUntil": None,
        "tags": ["original-1"],
        "customAttributes": [{"key": "Original order id", "value": "n/1"}],
        "totalPriceSet": {"presentmentMoney": {"amount": "12.0", "currencyCode": "EUR"}},
        "order": None,
    } | parts


def test_a_created_draft_is_told_as_it_stands():
    node = draft_node(reserveInventoryUntil=AT)
    answer({"draftOrderCreate": {"draftOrder": node, "userErrors": []}})
    made = draft_orders.create_draft(client(), {"note": "x"})
    assert made == draft_orders.DraftRecord(
        gid=DRAFT,
        name="#D3",
        status="OPEN",
        total=Money(Decimal(12), "EUR"),
        is_ready=True,
        created_at=INSTANT,
        updated_at=INSTANT,
        reserved_until=INSTANT,
        order_gid=None,
        tags=("original-1",),
        attributes=(("Original order id", "n/1"),),
    )


def test_a_refused_draft_says_why():
    answer(
        {"draftOrderCreate": {"draftOrder": None, "userErrors": [{"field": None, "message": "Add at least 1 product"}]}}
    )
    with pytest.raises(UserErrors, match="Add at least 1 product"):
        draft_orders.create_draft(client(), {})


def test_a_draft_is_found_by_tag_and_recognised_by_attribute():
    other = draft_node(2, customAttributes=[{"key": "Original order id", "value": "m/1"}])
    answer({"draftOrders": page([other, draft_node(5)], "c")})
    answer({"draftOrders": page([draft_node(4)])})
    found = draft_orders.find_draft_by_tag(client(), "original-1", ("Original order id", "n/1"))
    assert found.gid == "gid://shopify/DraftOrder/4", "the older of two"
    assert sent()[0]["variables"]["query"] == "tag:'original-1'"
    answer({"draftOrders": page([other])})
    assert draft_orders.find_draft_by_tag(client(), "original-1", ("Original order id", "n/1")) is None


def test_a_completed_draft_names_its_order_and_a_deleted_one_is_none():
    answer({"draftOrder": draft_node(status="COMPLETED", order={"id": ORDER})})
    assert draft_orders.read_draft(client(), DRAFT).order_gid == ORDER
    answer({"draftOrder": None})
    assert draft_orders.read_draft(client(), DRAFT) is None


def test_an_invoice_that_cannot_be_sent_says_why():
    answer({"draftOrderInvoiceSend": {"draftOrder": {"id": DRAFT, "status": "INVOICE_SENT"}, "userErrors": []}})
    draft_orders.send_invoice(client(), DRAFT)
    answer({"draftOrderInvoiceSend": {"draftOrder": None, "userErrors": [{"field": ["to"], "message": "To is blank"}]}})
    with pytest.raises(UserErrors, match="To is blank"):
        draft_orders.send_invoice(client(), DRAFT)


def test_a_draft_is_deleted_once_and_gone_is_fine():
    answer({"draftOrderDelete": {"deletedId": DRAFT, "userErrors": []}})
    assert draft_orders.delete_draft(client(), DRAFT) is True
    refused = {"draftOrderDelete": {"deletedId": None, "userErrors": [{"field": ["id"], "message": "No."}]}}
    answer(refused)
    answer({"draftOrder": None})
    assert draft_orders.delete_draft(client(), DRAFT) is False
    answer(refused)
    answer({"draftOrder": draft_node(status="COMPLETED")})
    with pytest.raises(UserErrors, match="was not deleted"):
        draft_orders.delete_draft(client(), DRAFT)


def test_a_cut_connection_while_creating_a_draft_leaves_the_outcome_open(wire):
    wire.add(wire.POST, ENDPOINT, body=requests.ConnectionError("reset"))
    with pytest.raises(AnswerLost) as caught:
        draft_orders.create_draft(client(), {})
    assert caught.value.outcome_unknown
    assert len(sent()) == 1


def test_an_answer_without_a_payload_leaves_the_outcome_open():
    answer({"draftOrderCreate": None})
    with pytest.raises(UnexpectedAnswer) as caught:
        draft_orders.create_draft(client(), {})
    assert caught.value.outcome_unknown


def test_a_malformed_id_never_reaches_the_wire(wire):
    with pytest.raises(GidError):
        draft_orders.read_draft(client(), ORDER)
    assert len(wire.calls) == 0


def line_node(**parts):
    return {
        "title": "Mug",
        "quantity": 2,
        "custom": False,
        "variant": {"id": "gid://shopify/ProductVariant/9"},
        "customAttributes": [{"key": "_original_line", "value": "7"}],
        "appliedDiscount": None,
        "priceOverride": {"amount": "7.5", "currencyCode": "EUR"},
        "originalUnitPriceWithCurrency": {"amount": "9.0", "currencyCode": "EUR"},
    } | parts


def lines_node(*nodes, end=None, discount=None):
    return {"draftOrder": {"updatedAt": AT, "appliedDiscount": discount, "lineItems": page(list(nodes), end)}}


def test_the_lines_of_a_draft_are_read_page_by_page():
    custom = line_node(title="Tax: VAT", quantity=1, custom=True, variant=None, priceOverride=None)
    named = (("_original_line", "7"),)
    answer(lines_node(line_node(), end="a"))
    answer(lines_node(custom))
    assert draft_orders.read_draft_lines(client(), DRAFT) == (
        draft_orders.DraftLine("gid://shopify/ProductVariant/9", "", 2, Money(Decimal("7.5"), "EUR"), named),
        draft_orders.DraftLine(None, "Tax: VAT", 1, Money(Decimal(9), "EUR"), named),
    )
    assert [call["variables"]["after"] for call in sent()] == [None, "a"]


@pytest.mark.parametrize(
    "node",
    [
        lines_node(line_node(priceOverride=None)),
        lines_node(line_node(appliedDiscount={"value": 1.0})),
        lines_node(line_node(), discount={"value": 1.0}),
    ],
)
def test_a_line_at_the_variants_own_price_or_with_a_discount_has_no_price_of_ours(node):
    answer(node)
    assert draft_orders.read_draft_lines(client(), DRAFT)[0].price is None


def test_a_draft_that_is_gone_has_no_lines():
    answer({"draftOrder": None})
    assert draft_orders.read_draft_lines(client(), DRAFT) is None
    answer(lines_node(line_node(), end="a"))
    answer({"draftOrder": None})
    with pytest.raises(ObjectNotFound, match="vanished"):
        draft_orders.read_draft_lines(client(), DRAFT)


def test_the_lines_of_a_draft_are_replaced_and_nothing_else():
    answer({"draftOrderUpdate": {"draftOrder": draft_node(), "userErrors": []}})
    assert draft_orders.update_draft_lines(client(), DRAFT, [{"quantity": 1}]).gid == DRAFT
    assert sent()[0]["variables"] == {"id": DRAFT, "input": {"lineItems": [{"quantity": 1}]}}


def test_a_refused_change_of_a_draft_says_why_and_an_answer_without_it_leaves_it_open():
    no = [{"field": None, "message": "This order has been paid"}]
    answer({"draftOrderUpdate": {"draftOrder": None, "userErrors": no}})
    with pytest.raises(UserErrors, match="has been paid"):
        draft_orders.update_draft_lines(client(), DRAFT, [])
    answer({"draftOrderUpdate": None})
    with pytest.raises(UnexpectedAnswer) as caught:
        draft_orders.update_draft_lines(client(), DRAFT, [])
    assert caught.value.outcome_unknown
