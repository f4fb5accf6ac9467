"""Lists of orders on the wire: what changed, by a search, and what was placed, without one."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.orders import newest
from stores.shopify.orders.order_records import OrderSummary, order_summary
from stores.shopify.orders.orders import KEY, NAMESPACE

# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
SUMMARY_FIELDS = """
fragment Summary on Order {
  id
  name
  createdAt
  updatedAt
  cancelledAt
  edited
  test
  tags
  app { id }
  sourceIdentifier
  metafield(namespace: $namespace, key: $key) { value }
  displayFinancialStatus
  refunds(first: 100) { id createdAt }
  fulfillments(first: 100) { id updatedAt }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
LIST_UPDATED = (
    """
query ListUpdatedOrders($query: String!, $namespace: String!, $key: String!, $after: String) {
  orders(first: 100, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { ...Summary }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + SUMMARY_FIELDS
)

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
LIST_PLACED = (
    """
query ListPlacedOrders($namespace: String!, $key: String!, $after: String) {
  orders(first: 100, after: $after, sortKey: ID, reverse: true) {
    nodes { ...Summary }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + SUMMARY_FIELDS
)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
FIND_ORDERS = "query FindOrders($ids: [ID!]!) { nodes(ids: $ids) { id } }"
NODE_ROWS = 250


def find_missing(client: Client, order_gids: Sequence[str]) -> set[str]:
    """Those of these orders that Shopify does not show: deleted, or too old. Up to 250 per call, by id: no search.

    Raises GidError, and as Client.execute does.
    """
    for gid in order_gids:
        gids.require(gid, "Order")
    missing: set[str] = set()
    for first in range(0, len(order_gids), NODE_ROWS):
        some = list(order_gids[first : first + NODE_ROWS])
        nodes = client.execute(FIND_ORDERS, {"ids": some}, cost=len(some))["nodes"]
        missing |= {gid for gid, node in zip(some, nodes, strict=True) if node is None}
    return missing


def iter_orders_updated(client: Client, since: datetime) -> Iterator[OrderSummary]:
    """Orders changed at or after `since` (aware), oldest change first, 100 per call; the last 60 days only.

    An order that changes while we page moves to the end and may come twice. A search, which misses what is new for a
    while: `iter_orders_placed` does not. Raises as Client.execute does.
    """
    at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    variables = {"query": f"updated_at:>='{at}'", "namespace": NAMESPACE, "key": KEY}
    for node in client.pages(LIST_UPDATED, variables, ("orders",), cost=47):
        yield order_summary(node)


def iter_orders_placed(client: Client, since: datetime) -> Iterator[OrderSummary]:
    """Orders placed since then (aware), the newest first, without a search. Raises as Client.execute does."""
    variables = {"namespace": NAMESPACE, "key": KEY}
    for node in newest.since(client.pages(LIST_PLACED, variables, ("orders",), cost=47), since):
        yield order_summary(node)
