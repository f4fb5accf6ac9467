"""Webhooks on the wire: signatures, headers, subscriptions."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from stores.shopify import errors, webhooks
from stores.shopify.webhooks import Subscription, SubscriptionReport
from tests.stores.shopify.wire import answer, client, sent

pytestmark = pytest.mark.usefixtures("wire")

BODY = b'{"inventory_item_id":1,"available":5}'
URI = "https://sync.example/webhooks/shopify/"


def sign(secret, body=BODY):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_the_right_secret_fits():
    assert webhooks.verify(BODY, sign("s3cret"), ["s3cret"])


def test_old_and_new_secret_fit_while_one_replaces_the_other():
    assert webhooks.verify(BODY, sign("old"), ["new", "old"])
    assert webhooks.verify(BODY, sign("new"), iter(["new", "old"]))


def test_nothing_else_fits():
    assert not webhooks.verify(BODY, sign("other"), ["s3cret"])
    assert not webhooks.verify(BODY + b" ", sign("s3cret"), ["s3cret"])
    assert not webhooks.verify(BODY, sign("s3cret"), [])


def test_an_empty_secret_never_fits():
    assert not webhooks.verify(BODY, sign(""), ["", "s3cret"])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "   ",
        "not base64!",
        sign("s3cret")[:-2],
        base64.b64encode(b"short").decode(),
        "ü" * 44,
        sign("s3cret") + "AAAA",
    ],
)
def test_a_malformed_signature_is_none_and_fits_nothing(header):
    assert webhooks.parse_signature(header) is None
    assert not webhooks.verify(BODY, header, ["s3cret"])


def test_a_signature_is_32_bytes():
    assert len(webhooks.parse_signature(sign("x"))) == 32


@pytest.mark.parametrize("prefix", ["X-Shopify-", "Shopify-", "x-shopify-", "SHOPIFY-"])
def test_both_families_of_headers_are_read(prefix):
    read = webhooks.read_headers(
        {
            f"{prefix}Topic": "inventory_levels/update",
            f"{prefix}Shop-Domain": "North-Store.myshopify.com",
            f"{prefix}Webhook-Id": "w-1",
            f"{prefix}Event-Id": "e-1",
            f"{prefix}Triggered-At": "2026-11-21T12:00:00.123456789Z",
            f"{prefix}API-Version": "2026-10",
            f"{prefix}Hmac-Sha256": "sig",
        }
    )
    assert (read.topic, read.domain) == ("inventory_levels/update", "north-store.myshopify.com")
    assert (read.webhook_id, read.event_id, read.api_version, read.signature) == ("w-1", "e-1", "2026-10", "sig")
    assert read.triggered_at == datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-11-21T12:00:00"])
def test_missing_headers_are_empty_and_an_unreadable_instant_is_none(instant):
    read = webhooks.read_headers({"X-Shopify-Triggered-At": instant})
    assert (read.topic, read.domain, read.signature, read.triggered_at) == ("", "", "", None)


def test_every_topic_we_need_has_a_header_value():
    assert set(webhooks.TOPICS) <= set(webhooks.TOPIC_HEADERS)
    assert webhooks.HEADER_TOPICS["bulk_operations/finish"] == "BULK_OPERATIONS_FINISH"
    for topic, header in webhooks.TOPIC_HEADERS.items():
        assert header.replace("/", "_").upper() == topic


def listed(*rows):
    nodes = [
        {"id": gid, "topic": topic, "uri": uri, "format": "JSON", "filter": None, "includeFields": []} | more
        for gid, topic, uri, more in rows
    ]
    answer({"webhookSubscriptions": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}})


def created(gid="new", *complaints):
    subscription = None if complaints else {"id": gid}
    rows = [{"field": ["webhookSubscription", "callbackUrl"], "message": text} for text in complaints]
    answer({"webhookSubscriptionCreate": {"webhookSubscription": subscription, "userErrors": rows}})


def deleted(gid, *complaints):
    rows = [{"field": ["id"], "message": text} for text in complaints]
    answer({"webhookSubscriptionDelete": {"deletedWebhookSubscriptionId": gid, "userErrors": rows}})


TOPICS = ("PRODUCTS_UPDATE", "SHOP_UPDATE")
TAKEN = "Address for this topic has already been taken"


def test_subscriptions_are_listed():
    listed(("1", "PRODUCTS_UPDATE", URI, {}), ("2", "SHOP_UPDATE", URI, {"filter": "id:1"}))
    assert webhooks.list_subscriptions(client()) == [
        Subscription("1", "PRODUCTS_UPDATE", URI, is_whole=True),
        Subscription("2", "SHOP_UPDATE", URI, is_whole=False),
    ]


def test_whole_subscriptions_are_left_alone(wire):
    listed(("1", "PRODUCTS_UPDATE", URI, {}), ("2", "SHOP_UPDATE", URI, {}))
    report = webhooks.repair_subscriptions(client(), URI, TOPICS)
    assert report == SubscriptionReport(TOPICS, (), (), ())
    assert len(wire.calls) == 1


def test_a_missing_subscription_is_made():
    listed(("1", "PRODUCTS_UPDATE", URI, {}))
    created()
    report = webhooks.repair_subscriptions(client(), URI, TOPICS)
    assert (report.present, report.created) == (("PRODUCTS_UPDATE",), ("SHOP_UPDATE",))
    assert sent()[1]["variables"] == {"topic": "SHOP_UPDATE", "subscription": {"uri": URI, "format": "JSON"}}


def test_a_subscription_that_cuts_its_payload_is_replaced():
    listed(("1", "PRODUCTS_UPDATE", URI, {"includeFields": ["id"]}), ("2", "SHOP_UPDATE", URI, {}))
    deleted("1")
    created()
    report = webhooks.repair_subscriptions(client(), URI, TOPICS)
    assert (report.removed, report.created, report.present) == (
        ("PRODUCTS_UPDATE",),
        ("PRODUCTS_UPDATE",),
        ("SHOP_UPDATE",),
    )
    assert sent()[1]["variables"] == {"id": "1"}


def test_strangers_at_our_address_are_removed_and_those_elsewhere_only_reported():
    other = "https://other.example/"
    listed(
        ("1", "PRODUCTS_UPDATE", URI, {}),
        ("2", "SHOP_UPDATE", URI, {}),
        ("3", "ORDERS_CREATE", URI, {}),
        ("4", "SHOP_UPDATE", other, {}),
    )
    deleted("3", "Webhook subscription does not exist")
    report = webhooks.repair_subscriptions(client(), URI, TOPICS)
    assert report.removed == ("ORDERS_CREATE",)
    assert report.elsewhere == (Subscription("4", "SHOP_UPDATE", other, is_whole=True),)


def test_already_taken_is_success_once_it_is_seen():
    listed(("1", "PRODUCTS_UPDATE", URI, {}))
    created("x", TAKEN)
    listed(("1", "PRODUCTS_UPDATE", URI, {}), ("2", "SHOP_UPDATE", URI, {}))
    report = webhooks.repair_subscriptions(client(), URI, TOPICS)
    assert (report.present, report.created) == (TOPICS, ())


def test_already_taken_by_nothing_that_can_be_seen_is_told():
    listed(("1", "PRODUCTS_UPDATE", URI, {}))
    created("x", TAKEN)
    listed(("1", "PRODUCTS_UPDATE", URI, {}))
    with pytest.raises(errors.UserErrors, match="already been taken"):
        webhooks.repair_subscriptions(client(), URI, TOPICS)


def test_already_taken_by_a_subscription_that_cuts_its_payload_is_told():
    listed(("1", "PRODUCTS_UPDATE", URI, {}))
    created("x", TAKEN)
    listed(("1", "PRODUCTS_UPDATE", URI, {}), ("2", "SHOP_UPDATE", URI, {"includeFields": ["id"]}))
    with pytest.raises(errors.UserErrors, match="already been taken"):
        webhooks.repair_subscriptions(client(), URI, TOPICS)


def test_an_address_that_shopify_refuses_is_told():
    listed()
    created("x", "Address protocol http:// is not supported")
    with pytest.raises(errors.UserErrors, match="http:// is not supported"):
        webhooks.repair_subscriptions(client(), "http://sync.example/", TOPICS)


def test_a_subscription_that_is_not_removed_is_told():
    deleted(None, "Something is wrong")
    with pytest.raises(errors.UserErrors, match="Something is wrong"):
        webhooks.delete_subscription(client(), "1")
