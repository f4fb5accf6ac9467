"""Row 42 of tests/simulator/README.md: who may subscribe to what, and what filters and included fields do."""

from __future__ import annotations

import pytest

from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small

CREATE = """mutation C($topic: WebhookSubscriptionTopic!, $given: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $given) {
    webhookSubscription { id topic uri format filter includeFields apiVersion { handle } }
    userErrors { field message } } }"""


def create(api: Api, topic: str = "PRODUCTS_UPDATE", **given) -> dict:
    return api.data(CREATE, {"topic": topic, "given": given})["webhookSubscriptionCreate"]


def test_a_subscription_is_made_listed_changed_and_deleted(api: Api, small: Small):
    made = create(api, uri="https://sync.example.com/hooks")["webhookSubscription"]
    assert (made["topic"], made["format"], made["apiVersion"]) == ("PRODUCTS_UPDATE", "JSON", {"handle": "2026-10"})
    listing = "{ webhookSubscriptions(first: 9) { nodes { id uri } } webhookSubscriptionsCount { count } }"
    found = api.data(listing)
    assert found["webhookSubscriptions"]["nodes"] == [{"id": made["id"], "uri": "https://sync.example.com/hooks"}]
    assert found["webhookSubscriptionsCount"] == {"count": 1}
    update = """mutation U($id: ID!) { webhookSubscriptionUpdate(id: $id, webhookSubscription: {
      uri: "https://other.example.com/"}) { webhookSubscription { uri } userErrors { message } } }"""
    changed = api.data(update, {"id": made["id"]})["webhookSubscriptionUpdate"]
    assert changed["webhookSubscription"] == {"uri": "https://other.example.com/"}
    delete = """mutation D($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId
      userErrors { message } } }"""
    assert api.data(delete, {"id": made["id"]})["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"]
    again = api.data(delete, {"id": made["id"]})["webhookSubscriptionDelete"]
    assert again["userErrors"] == [{"message": "Webhook subscription does not exist"}]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", "Address can't be blank"),
        ("http://sync.example.com/", "Address protocol http:// is not supported"),
        ("https://shop.myshopify.com/", "Address cannot be a Shopify or an internal domain"),
        ("https://10.0.0.7/", "Address cannot be a Shopify or an internal domain"),
        ("https://localhost/", "Address cannot be a Shopify or an internal domain"),
    ],
)
def test_a_bad_address_is_refused(api: Api, small: Small, uri, message):
    small.shop.knobs.local_addresses = False
    payload = create(api, uri=uri)
    assert payload["webhookSubscription"] is None
    assert payload["userErrors"] == [{"field": ["webhookSubscription", "callbackUrl"], "message": message}]


def test_local_addresses_are_a_knob(api: Api, small: Small):
    assert create(api, uri="http://127.0.0.1:8000/hooks")["userErrors"] == []
    small.shop.knobs.local_addresses = False
    assert create(api, "PRODUCTS_DELETE", uri="http://127.0.0.1:8000/hooks")["userErrors"]


def test_topic_and_address_are_taken_once(api: Api):
    assert create(api, uri="https://sync.example.com/")["userErrors"] == []
    assert create(api, "PRODUCTS_DELETE", uri="https://sync.example.com/")["userErrors"] == []
    [error] = create(api, uri="https://sync.example.com/")["userErrors"]
    assert error["message"] == "Address for this topic has already been taken"


def test_compliance_topics_are_not_in_the_enum_and_a_topic_needs_its_scope(api: Api, small: Small):
    answer = api(CREATE, {"topic": "CUSTOMERS_REDACT", "given": {"uri": "https://sync.example.com/"}})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"
    small.sim.set_scopes(DOMAIN, ["read_inventory"])
    assert create(api, uri="https://sync.example.com/")["userErrors"][0]["field"] == ["topic"]


def test_a_filter_and_included_fields_shape_what_arrives(api: Api, small: Small, receiver: Receiver):
    small.sim.set_manual(DOMAIN, True)
    create(
        api,
        "INVENTORY_LEVELS_UPDATE",
        uri=receiver.url,
        filter=f"inventory_item_id:{small.mug.item_id} available:>=7",
        includeFields=["inventory_item_id", "available"],
    )
    assert create(api, uri=receiver.url, filter="nothing")["userErrors"][0]["field"][-1] == "filter"
    small.sim.set(DOMAIN, small.mug.item_id, small.here, 6)
    small.sim.pump(DOMAIN)
    small.sim.set(DOMAIN, small.mug.item_id, small.here, 8)
    small.sim.adjust(DOMAIN, small.shirt.item_id, small.here, 9)
    small.sim.pump(DOMAIN)
    assert receiver.bodies() == [{"inventory_item_id": small.mug.item_id, "available": 8}]


def test_two_subscriptions_on_a_topic_give_two_deliveries_of_one_event(small: Small, receiver: Receiver):
    small.sim.set_manual(DOMAIN, True)
    for path in ("/a", "/b"):
        small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url + path)
    small.sim.set(DOMAIN, small.mug.item_id, small.here, 8)
    small.sim.pump(DOMAIN)
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in receiver.got}) == 2
    assert len({headers["X-Shopify-Event-Id"] for headers, _ in receiver.got}) == 1
