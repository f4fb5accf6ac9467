"""webhookSubscriptionCreate, Update, Delete and their reading (shopify.md 4.1 to 4.3, row 42)."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from tests.simulator.documents.call import Call
from tests.simulator.payloads.payloads import SCOPES, header_topic
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.searching.keys import search_for
from tests.simulator.reads.shop import VERSIONS, attribute, count_of, id_key, identity, number_of
from tests.simulator.state.shop import HttpEndpoint, Subscription
from tests.simulator.wire.problems import NotSimulatedError, user_error

ADDRESS = ["webhookSubscription", "callbackUrl"]  # errors still point here, whatever was sent (shopify.md 4.2)
# Topics whose bodies tell of customers (row 45).
PROTECTED = ("ORDERS_", "ORDER_", "DRAFT_ORDERS_", "REFUNDS_", "RETURNS_", "FULFILLMENTS_", "CUSTOMERS_")
NAME = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")
GONE = "Webhook subscription does not exist"
FILTER_KEY = re.compile(r"[A-Za-z_][\w.]*:")
SHOPIFY_HOSTS = ("shopify.com", "myshopify.com", "shopifypreview.com")


def _address_error(uri: str, local: bool) -> str | None:
    if not uri.strip():
        return "Address can't be blank"
    if uri.startswith(("pubsub:", "arn:")):
        raise NotSimulatedError("The simulator does not deliver to Pub/Sub or EventBridge")
    parts = urlsplit(uri)
    host = (parts.hostname or "").lower()
    if not host or parts.scheme not in ("http", "https"):
        return "Address is invalid"
    if local and _is_loopback(host):
        return None
    if parts.scheme != "https":
        return "Address protocol http:// is not supported"
    if _is_internal(host) or any(host == name or host.endswith(f".{name}") for name in SHOPIFY_HOSTS):
        return "Address cannot be a Shopify or an internal domain"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_internal(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".internal", ".local", ".localhost"))
    return not address.is_global


def _errors(call: Call, topic: str, given: dict, own: Subscription | None) -> list[dict]:
    others = [row for row in call.shop.subscriptions.values() if row is not own and row.client_id == call.app.client_id]
    uri = given.get("uri") or given.get("callbackUrl") or ""
    errors = []
    if own is None or "uri" in given or "callbackUrl" in given:
        problem = _address_error(uri, call.shop.knobs.local_addresses)
        if problem is None and any(row.topic == topic and row.uri == uri for row in others):
            problem = "Address for this topic has already been taken"
        if problem:
            errors.append(user_error(ADDRESS, problem))
    if given.get("filter") and not FILTER_KEY.search(given["filter"]):
        message = "The specified filter is invalid, please ensure you specify the field(s) you wish to filter on."
        errors.append(user_error(["webhookSubscription", "filter"], message))
    name = given.get("name")
    if name is not None and not NAME.match(name):
        message = "Name name field can only contain alphanumeric characters, underscores, and hyphens"
        errors.append(user_error(["webhookSubscription", "name"], message))
    elif name is not None and any(row.name == name for row in others):
        errors.append(user_error(["webhookSubscription", "name"], "Name already exists, no duplicate allowed"))
    return errors


def _apply(subscription: Subscription, given: dict) -> None:
    subscription.uri = given.get("uri") or given.get("callbackUrl") or subscription.uri
    for key, field in (
        ("filter", "filter"),
        ("includeFields", "include_fields"),
        ("metafieldNamespaces", "metafield_namespaces"),
        ("metafields", "metafields"),
        ("name", "name"),
    ):
        if key in given:
            setattr(subscription, field, given[key] if given[key] is not None or key in ("filter", "name") else [])


def create(root, call: Call, arguments: dict) -> dict:
    topic, given = arguments["topic"], arguments["webhookSubscription"]
    if given.get("format") == "XML":
        raise NotSimulatedError("The simulator does not write XML webhooks")
    scope = SCOPES.get(topic)
    if scope and scope not in call.scopes:
        message = f"You do not have permission to create or update webhooks with {header_topic(topic)} topic."
        return {"webhookSubscription": None, "userErrors": [user_error(["topic"], message)]}
    errors = _errors(call, topic, given, None)
    if not call.shop.knobs.protected_data and topic.startswith(PROTECTED):
        message = "This app is not approved to subscribe to webhook topics containing protected customer data."
        errors = [user_error(["webhookSubscription", "topic"], message)]
    if errors:
        return {"webhookSubscription": None, "userErrors": errors}
    shop = call.shop
    subscription = Subscription(shop.next_id(), topic, "", call.now, call.now, client_id=call.app.client_id)
    _apply(subscription, given)
    shop.subscriptions[subscription.id] = subscription
    return {"webhookSubscription": subscription, "userErrors": []}


def _own(call: Call, text: str) -> Subscription | None:
    found = call.shop.subscriptions.get(number_of(text, "WebhookSubscription"))
    return found if found is not None and found.client_id == call.app.client_id else None


def update(root, call: Call, arguments: dict) -> dict:
    subscription = _own(call, arguments["id"])
    if subscription is None:
        return {"webhookSubscription": None, "userErrors": [user_error(["id"], GONE)]}
    errors = _errors(call, subscription.topic, arguments["webhookSubscription"], subscription)
    if errors:
        return {"webhookSubscription": None, "userErrors": errors}
    _apply(subscription, arguments["webhookSubscription"])
    subscription.updated_at = call.now
    return {"webhookSubscription": subscription, "userErrors": []}


def delete(root, call: Call, arguments: dict) -> dict:
    subscription = _own(call, arguments["id"])
    if subscription is None:
        return {"deletedWebhookSubscriptionId": None, "userErrors": [user_error(["id"], GONE)]}
    del call.shop.subscriptions[subscription.id]
    return {"deletedWebhookSubscriptionId": arguments["id"], "userErrors": []}


def listed(root, call: Call, arguments: dict) -> Page:
    """The app's own shop-specific subscriptions; those of an app configuration never show here (shopify.md 4.1)."""
    topics, uri = arguments.get("topics"), arguments.get("uri") or arguments.get("callbackUrl")
    rows = [
        row
        for row in call.shop.subscriptions.values()
        if row.client_id == call.app.client_id and (not topics or row.topic in topics) and uri in (None, row.uri)
    ]

    def created(row):
        return (row.created_at, row.id)

    key = id_key if arguments["sortKey"] == "ID" else created
    accept = search_for(call, "subscriptions", arguments.get("query"))
    return page_of(call, arguments, sorted(rows, key=key), key, accept)


def one(root, call: Call, arguments: dict) -> Subscription | None:
    return _own(call, arguments["id"])


def _api_version(subscription: Subscription, call: Call, arguments: dict) -> dict:
    """The app's setting, not the URL's version (shopify.md 4.1)."""
    handle = call.shop.apps[subscription.client_id].webhook_version
    return {"handle": handle, "displayName": handle, "supported": handle in VERSIONS}


RESOLVERS = {
    "QueryRoot.webhookSubscription": one,
    "QueryRoot.webhookSubscriptions": listed,
    "QueryRoot.webhookSubscriptionsCount": count_of("subscriptions"),
    "Mutation.webhookSubscriptionCreate": create,
    "Mutation.webhookSubscriptionUpdate": update,
    "Mutation.webhookSubscriptionDelete": delete,
    **identity("WebhookSubscription"),
    "WebhookSubscription.topic": attribute("topic"),
    "WebhookSubscription.uri": attribute("uri"),
    "WebhookSubscription.callbackUrl": attribute("uri"),
    "WebhookSubscription.format": attribute("format"),
    "WebhookSubscription.filter": attribute("filter"),
    "WebhookSubscription.name": attribute("name"),
    "WebhookSubscription.includeFields": attribute("include_fields"),
    "WebhookSubscription.metafieldNamespaces": attribute("metafield_namespaces"),
    "WebhookSubscription.metafields": attribute("metafields"),
    "WebhookSubscription.apiVersion": _api_version,
    "WebhookSubscription.endpoint": lambda row, call, arguments: HttpEndpoint(row.uri),
    "WebhookHttpEndpoint.callbackUrl": attribute("callback_url"),
}
