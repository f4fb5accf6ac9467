"""Webhooks on the wire: checking a delivery's signature, reading its headers, and keeping the subscriptions whole."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.shopify import answers
from stores.shopify.client import Client
from stores.shopify.errors import UnexpectedAnswer, UserErrors
from stores.shopify.instants import instant_or_none

# The API's name of a topic and its delivery header's value (shopify.md 4.3; the underscore is not always the border).
TOPIC_HEADERS: dict[str, str] = {
    "APP_SCOPES_UPDATE": "app/scopes_update",
    "APP_UNINSTALLED": "app/uninstalled",
    "BULK_OPERATIONS_FINISH": "bulk_operations/finish",
    "COLLECTIONS_CREATE": "collections/create",
    "COLLECTIONS_DELETE": "collections/delete",
    "COLLECTIONS_UPDATE": "collections/update",
    "DRAFT_ORDERS_CREATE": "draft_orders/create",
    "DRAFT_ORDERS_DELETE": "draft_orders/delete",
    "DRAFT_ORDERS_UPDATE": "draft_orders/update",
    "FULFILLMENTS_CREATE": "fulfillments/create",
    "FULFILLMENTS_UPDATE": "fulfillments/update",
    "INVENTORY_ITEMS_CREATE": "inventory_items/create",
    "INVENTORY_ITEMS_DELETE": "inventory_items/delete",
    "INVENTORY_ITEMS_UPDATE": "inventory_items/update",
    "INVENTORY_LEVELS_CONNECT": "inventory_levels/connect",
    "INVENTORY_LEVELS_DISCONNECT": "inventory_levels/disconnect",
    "INVENTORY_LEVELS_UPDATE": "inventory_levels/update",
    "LOCATIONS_ACTIVATE": "locations/activate",
    "LOCATIONS_CREATE": "locations/create",
    "LOCATIONS_DEACTIVATE": "locations/deactivate",
    "LOCATIONS_DELETE": "locations/delete",
    "LOCATIONS_UPDATE": "locations/update",
    "ORDERS_CANCELLED": "orders/cancelled",
    "ORDERS_CREATE": "orders/create",
    "ORDERS_DELETE": "orders/delete",
    "ORDERS_EDITED": "orders/edited",
    "ORDERS_PAID": "orders/paid",
    "ORDERS_UPDATED": "orders/updated",
    "PRODUCTS_CREATE": "products/create",
    "PRODUCTS_DELETE": "products/delete",
    "PRODUCTS_UPDATE": "products/update",
    "REFUNDS_CREATE": "refunds/create",
    "SHOP_UPDATE": "shop/update",
}
HEADER_TOPICS: dict[str, str] = {header: topic for topic, header in TOPIC_HEADERS.items()}

# What keeping stock and the catalogue in step needs.
TOPICS: tuple[str, ...] = (
    "INVENTORY_LEVELS_UPDATE",
    "INVENTORY_LEVELS_CONNECT",
    "INVENTORY_LEVELS_DISCONNECT",
    "INVENTORY_ITEMS_UPDATE",
    "INVENTORY_ITEMS_DELETE",
    "PRODUCTS_CREATE",
    "PRODUCTS_UPDATE",
    "PRODUCTS_DELETE",
    "COLLECTIONS_CREATE",
    "COLLECTIONS_UPDATE",
    "COLLECTIONS_DELETE",
    "LOCATIONS_CREATE",
    "LOCATIONS_UPDATE",
    "LOCATIONS_DELETE",
    "LOCATIONS_ACTIVATE",
    "LOCATIONS_DEACTIVATE",
    "APP_UNINSTALLED",
    "APP_SCOPES_UPDATE",
    "SHOP_UPDATE",
    "BULK_OPERATIONS_FINISH",
)
# What a store needs besides whose orders are copied, …
ORDER_TOPICS: tuple[str, ...] = (
    "ORDERS_CREATE",
    "ORDERS_PAID",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "REFUNDS_CREATE",
)
# … and one that gets the copies.
COPY_TOPICS: tuple[str, ...] = (
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "REFUNDS_CREATE",
    "FULFILLMENTS_CREATE",
    "FULFILLMENTS_UPDATE",
    "DRAFT_ORDERS_UPDATE",
    "DRAFT_ORDERS_DELETE",
)

_DIGEST_BYTES = hashlib.sha256().digest_size
_ALREADY_TAKEN = "already been taken"


@dataclass(frozen=True, slots=True)
class DeliveryHeaders:
    """What a delivery's headers say; empty text for what is missing. None of it is signed (shopify.md 4.4).

    `domain` is the .myshopify.com one. `webhook_id` stays the same when a delivery is tried again: dedupe on it.
    `event_id` is shared by all deliveries of one action. `triggered_at` is aware UTC, None if missing or unreadable.
    """

    topic: str
    domain: str
    webhook_id: str
    event_id: str
    triggered_at: datetime | None
    api_version: str
    signature: str


def read_headers(headers: Mapping[str, str]) -> DeliveryHeaders:
    """Read either family of header names: `X-Shopify-Topic`, for Next Gen Events `Shopify-Topic` (shopify.md 4.8)."""
    lowered = {name.lower(): value for name, value in headers.items()}

    def read(name: str) -> str:
        return (lowered.get(f"x-shopify-{name}") or lowered.get(f"shopify-{name}") or "").strip()

    return DeliveryHeaders(
        topic=read("topic").lower(),
        domain=read("shop-domain").lower(),
        webhook_id=read("webhook-id"),
        event_id=read("event-id"),
        triggered_at=instant_or_none(read("triggered-at")),
        api_version=read("api-version"),
        signature=read("hmac-sha256"),
    )


def parse_signature(header: str | None) -> bytes | None:
    """The 32 bytes of a base64 signature header, or None when it is missing, malformed or of another length."""
    try:
        digest = base64.b64decode((header or "").encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return digest if len(digest) == _DIGEST_BYTES else None


def verify(raw_body: bytes, signature_header: str | None, secrets: Iterable[str]) -> bool:
    """Whether one of these secrets signed exactly these bytes; compared in constant time.

    Give the old and the new secret while one replaces the other: the new one may take an hour (shopify.md 4.4). An
    empty secret never fits: anybody could sign with it.
    """
    given = parse_signature(signature_header)
    if given is None:
        return False
    fits = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), raw_body, hashlib.sha256).digest()
        # No early exit: how long it takes must not tell which secret fits.
        fits |= hmac.compare_digest(expected, given) and bool(secret)
    return fits


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription made through the API. `is_whole`: nothing filters it or cuts its payload, and it is JSON."""

    gid: str
    topic: str
    uri: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class SubscriptionReport:
    """What a repair found and did, as topics; `elsewhere` are subscriptions that deliver to other addresses."""

    present: tuple[str, ...]
    created: tuple[str, ...]
    removed: tuple[str, ...]
    elsewhere: tuple[Subscription, ...]


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/webhookSubscriptions
LIST_SUBSCRIPTIONS = """
query ListSubscriptions($after: String) {
  webhookSubscriptions(first: 250, after: $after) {
    nodes { id topic uri format filter includeFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def list_subscriptions(client: Client) -> list[Subscription]:
    """All subscriptions of our app in this store made through the API. Raises as Client.execute does."""
    return list(_subscriptions(client))


def _subscriptions(client: Client) -> Iterator[Subscription]:
    for node in client.pages(LIST_SUBSCRIPTIONS, None, ("webhookSubscriptions",), cost=25):
        whole = node["format"] == "JSON" and not node["filter"] and not node["includeFields"]
        yield Subscription(node["id"], node["topic"], node["uri"], is_whole=whole)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/webhookSubscriptionCreate
CREATE_SUBSCRIPTION = """
mutation CreateSubscription($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
"""


def create_subscription(client: Client, topic: str, uri: str) -> str:
    """Subscribe `uri` to a topic, whole and as JSON; returns the gid.

    Raises UserErrors (also when the pair exists already: `is_already_taken`), and as Client.execute does.
    """
    variables = {"topic": topic, "subscription": {"uri": uri, "format": "JSON"}}
    payload = _payload(client, client.execute(CREATE_SUBSCRIPTION, variables, cost=10), "webhookSubscriptionCreate")
    listed = answers.user_errors(payload["userErrors"])
    if listed or payload["webhookSubscription"] is None:
        raise UserErrors(f"{client.domain}: Shopify does not subscribe us to {topic}.", errors=listed)
    gid: str = payload["webhookSubscription"]["id"]
    return gid


def is_already_taken(error: UserErrors) -> bool:
    """Whether a subscription was refused because topic and address have one (shopify.md 4.2: there is no code)."""
    return any(_ALREADY_TAKEN in entry.message for entry in error.errors)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/webhookSubscriptionDelete
DELETE_SUBSCRIPTION = """
mutation DeleteSubscription($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId
    userErrors { field message }
  }
}
"""


def delete_subscription(client: Client, gid: str) -> None:
    """Remove a subscription; one that is gone already is fine. Raises UserErrors, and as Client.execute does."""
    payload = _payload(client, client.execute(DELETE_SUBSCRIPTION, {"id": gid}, cost=10), "webhookSubscriptionDelete")
    listed = answers.user_errors(payload["userErrors"])
    if listed and not all("does not exist" in error.message for error in listed):
        raise UserErrors(f"{client.domain}: Shopify does not remove a webhook subscription.", errors=listed)


def _payload(client: Client, data: dict[str, Any], name: str) -> dict[str, Any]:
    payload = data.get(name)
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: {name} got no answer.", outcome_unknown=True)
    return payload


def repair_subscriptions(client: Client, uri: str, topics: Sequence[str] = TOPICS) -> SubscriptionReport:
    """Make `uri` subscribed to each of `topics`, once and whole, and to nothing else.

    Shopify deletes a subscription after 8 failed deliveries, so this runs at every check. Subscriptions to other
    addresses are only reported: they may belong to another installation of this service. Safe to repeat, also after a
    lost answer. Raises UserErrors, once all others are subscribed, when Shopify refuses a topic or the address, and as
    Client.execute does.
    """
    present, surplus, elsewhere = _compare(list_subscriptions(client), uri, topics)
    for subscription in surplus:
        delete_subscription(client, subscription.gid)
    created, refused = [], {}
    for topic in topics:
        try:
            if topic not in present and _ensure(client, topic, uri):
                created.append(topic)
        except UserErrors as error:  # of this topic alone: the others are subscribed all the same
            refused[topic] = error
    if refused:
        listed = tuple(dict.fromkeys(entry for error in refused.values() for entry in error.errors))
        named = ", ".join([*list(refused)[:5], *(["…"] if len(refused) > 5 else [])])
        raise UserErrors(f"{client.domain}: Shopify does not subscribe us to {named}.", errors=listed)
    kept = tuple(topic for topic in topics if topic not in created)
    return SubscriptionReport(kept, tuple(created), tuple(one.topic for one in surplus), elsewhere)


def _compare(
    listed: Iterable[Subscription], uri: str, topics: Sequence[str]
) -> tuple[set[str], list[Subscription], tuple[Subscription, ...]]:
    """Split into (topics served well, subscriptions of our address to remove, subscriptions of other addresses)."""
    present: set[str] = set()
    surplus, elsewhere = [], []
    for subscription in listed:
        if subscription.uri != uri:
            elsewhere.append(subscription)
        elif subscription.topic in topics and subscription.is_whole and subscription.topic not in present:
            present.add(subscription.topic)
        else:
            surplus.append(subscription)
    return present, surplus, tuple(elsewhere)


def _ensure(client: Client, topic: str, uri: str) -> bool:
    """Subscribe; False when somebody did so meanwhile, be it our own try whose answer was lost."""
    try:
        create_subscription(client, topic, uri)
    except UserErrors as error:
        if not is_already_taken(error):
            raise
        if not any(one.topic == topic and one.uri == uri and one.is_whole for one in _subscriptions(client)):
            raise
        return False
    return True
