"""Orders on the wire: reading one, looking for a copy, and creating one.

`orderCreate` has no idempotency: a repeat makes a second order (shopify.md 7.1). After an ambiguous answer look with
`find_by_custom_id`, then `find_among_newest`, before anything is sent again: neither needs the search index.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.instants import parse_instant
from stores.shopify.orders import newest
from stores.shopify.orders.order_records import Money, OrderRecord, money, order_record

# Our metafield on a copy: of type `id`, so that its values are unique and can be looked up at once (shopify.md 7.3).
NAMESPACE = "$app:sync"
KEY = "source_order"
INVENTORY_CLAIM_FAILED = "INVENTORY_CLAIM_FAILED"
# 10 to 18 points as captured (shopify.md 7.1).
CREATE_COST = 18.0
NEWEST_COST = 14.0  # as the simulator counts it by Shopify's published rules


@dataclass(frozen=True, slots=True)
class CreatedOrder:
    """An order that now exists: what a caller keeps of it. `total` is in the shop's currency."""

    gid: str
    name: str
    total: Money
    created_at: datetime


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/LineItem
LINE_FIELDS = """
fragment Bag on MoneyBag {
  shopMoney { amount currencyCode }
  presentmentMoney { amount currencyCode }
}
fragment Tax on TaxLine {
  title
  rate
  channelLiable
  priceSet { ...Bag }
}
fragment Line on LineItem {
  id
  title
  variantTitle
  sku
  vendor
  quantity
  currentQuantity
  requiresShipping
  taxable
  isGiftCard
  variant { id }
  product { id }
  lineItemGroup { title }
  customAttributes { key value }
  originalUnitPriceSet { ...Bag }
  discountAllocations {
    allocatedAmountSet { ...Bag }
    discountApplication {
      ... on DiscountCodeApplication { code }
      ... on ManualDiscountApplication { title }
      ... on AutomaticDiscountApplication { title }
      ... on ScriptDiscountApplication { title }
    }
  }
  taxLines { ...Tax }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/order
READ_ORDER = (
    """
query ReadOrder($id: ID!, $namespace: String!, $key: String!) {
  order(id: $id) {
    id
    name
    createdAt
    processedAt
    updatedAt
    cancelledAt
    test
    edited
    tags
    app { id }
    sourceIdentifier
    retailLocation { id }
    metafield(namespace: $namespace, key: $key) { value }
    currencyCode
    presentmentCurrencyCode
    taxesIncluded
    displayFinancialStatus
    displayFulfillmentStatus
    totalPriceSet { ...Bag }
    totalReceivedSet { ...Bag }
    email
    phone
    note
    poNumber
    customAttributes { key value }
    discountCodes
    taxLines { ...Tax }
    lineItems(first: 250) {
      nodes { ...Line }
      pageInfo { hasNextPage endCursor }
    }
    shippingLines(first: 50) {
      nodes {
        title
        code
        discountedPriceSet { ...Bag }
        originalPriceSet { ...Bag }
        taxLines { ...Tax }
      }
    }
    billingAddress { ...Postal }
    shippingAddress { ...Postal }
    customer {
      id
      firstName
      lastName
      defaultEmailAddress { emailAddress }
      defaultPhoneNumber { phoneNumber }
    }
  }
}
fragment Postal on MailingAddress {
  firstName
  lastName
  company
  address1
  address2
  city
  zip
  provinceCode
  countryCodeV2
  phone
}
"""
    + LINE_FIELDS
)

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/order
READ_MORE_LINES = (
    """
query ReadMoreLines($id: ID!, $after: String) {
  order(id: $id) {
    lineItems(first: 250, after: $after) {
      nodes { ...Line }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + LINE_FIELDS
)


def read_order(client: Client, order_gid: str) -> OrderRecord:
    """The whole order, in one call up to 250 lines.

    Raises ObjectNotFound when Shopify shows no such order: deleted, or older than 60 days without read_all_orders
    (shopify.md 7.4). Raises GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    data = client.execute(READ_ORDER, {"id": order_gid, "namespace": NAMESPACE, "key": KEY}, cost=190)
    node = data.get("order")
    if node is None:
        raise ObjectNotFound(f"{client.domain}: there is no order {order_gid}, or it is not visible to us any more.")
    lines, page = list(node["lineItems"]["nodes"]), node["lineItems"]["pageInfo"]
    while page["hasNextPage"]:
        more = client.execute(READ_MORE_LINES, {"id": order_gid, "after": page["endCursor"]}, cost=150).get("order")
        if more is None:
            raise ObjectNotFound(f"{client.domain}: {order_gid} vanished between two pages of its lines.")
        lines += more["lineItems"]["nodes"]
        page = more["lineItems"]["pageInfo"]
    return order_record(node, lines)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orderByIdentifier
FIND_BY_CUSTOM_ID = """
query FindOrderByCustomId($identifier: OrderIdentifierInput!) {
  orderByIdentifier(identifier: $identifier) {
    id
    name
    createdAt
    totalPriceSet { shopMoney { amount currencyCode } }
  }
}
"""


def find_by_custom_id(client: Client, value: str, namespace: str = NAMESPACE, key: str = KEY) -> CreatedOrder | None:
    """The order whose metafield of type `id` has this value, or None. Exact and immediate, no search (shopify.md 7.3).

    Raises ObjectNotFound where the definition is missing: call `ensure_definition`. Raises as Client.execute does.
    """
    identifier = {"customId": {"namespace": namespace, "key": key, "value": value}}
    node = client.execute(FIND_BY_CUSTOM_ID, {"identifier": identifier}, cost=1).get("orderByIdentifier")
    return None if node is None else _created(node)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
LIST_NEWEST = """
query ListNewestOrders($namespace: String!, $key: String!, $after: String) {
  orders(first: 50, after: $after, sortKey: ID, reverse: true) {
    nodes {
      id
      name
      createdAt
      sourceIdentifier
      metafield(namespace: $namespace, key: $key) { value }
      totalPriceSet { shopMoney { amount currencyCode } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def find_among_newest(client: Client, value: str, since: datetime) -> CreatedOrder | None:
    """The oldest order created since then with this source identifier or custom id, or None: then there is none.

    Walks the newest orders by id, without a search, whose index misses new ones for a while. Raises as Client.execute
    does.
    """
    variables = {"namespace": NAMESPACE, "key": KEY}
    found = [
        _created(node)
        for node in newest.since(client.pages(LIST_NEWEST, variables, ("orders",), cost=NEWEST_COST), since)
        if value in (node["sourceIdentifier"], (node["metafield"] or {}).get("value"))
    ]
    return min(found, key=lambda order: (order.created_at, gids.number(order.gid)), default=None)


def quote(value: str) -> str:
    """A value in single quotes for Shopify's search syntax (shopify.md 7.3)."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderCreate
CREATE_ORDER = """
mutation CreateOrder($order: OrderCreateOrderInput!, $options: OrderCreateOptionsInput!) {
  orderCreate(order: $order, options: $options) {
    order {
      id
      name
      createdAt
      totalPriceSet { shopMoney { amount currencyCode } }
    }
    userErrors { code field message }
  }
}
"""


def create_order(client: Client, order_input: Mapping[str, Any], options: Mapping[str, Any]) -> CreatedOrder:
    """Create an order. Not idempotent: with `outcome_unknown` True look for it before sending it again.

    Raises UserErrors when Shopify says no (nothing was created; see `phone_was_refused`, `custom_id_was_taken`,
    `stock_was_missing`), and as Client.execute does.
    """
    variables = {"order": dict(order_input), "options": dict(options)}
    payload = client.execute(CREATE_ORDER, variables, cost=CREATE_COST).get("orderCreate")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(
            f"{client.domain}: the answer to an order creation says nothing of it.", outcome_unknown=True
        )
    listed = answers.user_errors(payload["userErrors"])
    if payload["order"] is None:
        raise UserErrors(f"{client.domain}: the order was not created.", errors=listed)
    return _created(payload["order"])


def _created(node: dict[str, Any]) -> CreatedOrder:
    return CreatedOrder(
        node["id"], node["name"], money(node["totalPriceSet"]["shopMoney"]), parse_instant(node["createdAt"])
    )


def phone_was_refused(error: UserErrors) -> bool:
    """Whether a phone number is among the reasons: malformed, or another customer has it (shopify.md 7.1)."""
    return any("phone" in str((*found.field, found.message)).lower() for found in error.errors)


def custom_id_was_taken(error: UserErrors) -> bool:
    """Whether Shopify refused because an order has our custom id: the copy is there already (shopify.md 7.3)."""
    return any(
        "metafields" in found.field
        and any(
            word in f"{found.code} {found.message}".lower() for word in ("taken", "unique", "already", "capability")
        )
        for found in error.errors
    )


def stock_was_missing(error: UserErrors) -> bool:
    """Whether the order was refused because an inventory policy forbids to sell what is not there."""
    return any(found.code == INVENTORY_CLAIM_FAILED for found in error.errors)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/metafieldDefinitions
FIND_DEFINITION = """
query FindOrderDefinition($namespace: String!, $key: String!) {
  metafieldDefinitions(first: 1, ownerType: ORDER, namespace: $namespace, key: $key) {
    nodes { id type { name } }
  }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metafieldDefinitionCreate
CREATE_DEFINITION = """
mutation CreateOrderDefinition($definition: MetafieldDefinitionInput!) {
  metafieldDefinitionCreate(definition: $definition) {
    createdDefinition { id }
    userErrors { code field message }
  }
}
"""


def ensure_definition(client: Client) -> bool:
    """Make sure that copies can be looked up by their custom id; True when the definition had to be created.

    Safe to repeat. Raises UserErrors where Shopify says no or a definition of another type is in the way, and as
    Client.execute does.
    """
    data = client.execute(FIND_DEFINITION, {"namespace": NAMESPACE, "key": KEY}, cost=5)
    for node in data["metafieldDefinitions"]["nodes"]:
        if node["type"]["name"] == "id":
            return False
        raise UserErrors(
            f"{client.domain}: the metafield {NAMESPACE}.{KEY} of orders has the type {node['type']['name']}, not id."
        )
    definition = {"name": "Original order", "namespace": NAMESPACE, "key": KEY, "type": "id", "ownerType": "ORDER"}
    payload = client.execute(CREATE_DEFINITION, {"definition": definition}, cost=10)["metafieldDefinitionCreate"]
    listed = answers.user_errors(payload["userErrors"])
    if any(error.code != "TAKEN" for error in listed):  # taken: somebody else has just created it
        raise UserErrors(f"{client.domain}: the definition of {NAMESPACE}.{KEY} was not created.", errors=listed)
    return not listed
