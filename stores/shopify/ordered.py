"""Which products were ever ordered, read off the orders themselves.

Nothing of a product tells of its orders, and the search of orders knows no product: its `sku` may be missing, repeated,
or changed since (2026-10 schema, Product and QueryRoot.orders). So every order that changed since the product exists is
looked through: whatever contains the product did. Orders older than 60 days are hidden without read_all_orders, also
those to which staff added a product yesterday (shopify.md 7.4).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from stores.shopify import gids, shops
from stores.shopify.client import Client
from stores.shopify.instants import parse_instant

MOST_ORDERS = 5000  # about 10,000 points
NEEDED_SCOPES = frozenset({"read_orders", "read_all_orders"})


class CannotKnow(Exception):
    """Whether something was ordered cannot be told for certain; the message says why, for operators."""


@dataclass(frozen=True, slots=True)
class Life:
    """Since when a product exists (aware), and whether it is on any sales channel now."""

    created_at: datetime
    is_on_sale: bool


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_LIVES = """
query ReadLives($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Product { id createdAt resourcePublicationsV2(first: 1) { nodes { publication { id } } } }
  }
}
"""


def read_lives(client: Client, product_gids: Sequence[str]) -> dict[str, Life]:
    """By gid; what was deleted is left out. Raises GidError, and as Client.execute does."""
    gids.require(product_gids, "Product")
    lives: dict[str, Life] = {}
    rest = iter(product_gids)
    while batch := list(islice(rest, 100)):
        nodes = client.execute(READ_LIVES, {"ids": batch}, cost=6 + len(batch) / 10)["nodes"]
        for node in filter(None, nodes):
            is_on_sale = bool(node["resourcePublicationsV2"]["nodes"])
            lives[node["id"]] = Life(parse_instant(node["createdAt"]), is_on_sale)
    return lives


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
LIST_ORDERED = """
query ListOrdered($query: String!, $after: String) {
  orders(first: 100, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id name lineItems(first: 250) { nodes { product { id } } pageInfo { hasNextPage } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def find_ordered(client: Client, product_gids: Collection[str], since: datetime) -> set[str]:
    """Those of these products that stand in an order changed at or after `since` (aware), cancelled ones included.

    Search lags by seconds or more (shopify.md 7.3): ask only of what is off sale for much longer. Raises CannotKnow
    for missing scopes, too many orders, or one too long to be read at once; and as Client.execute does.
    """
    _require_all_orders(client)
    at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted, found = set(product_gids), set()
    variables = {"query": f"updated_at:>='{at}'"}
    for number, order in enumerate(client.pages(LIST_ORDERED, variables, ("orders",), cost=250)):
        if number >= MOST_ORDERS:
            raise CannotKnow(f"More than {MOST_ORDERS:,} orders were made or changed since it exists.")
        if order["lineItems"]["pageInfo"]["hasNextPage"]:
            raise CannotKnow(f"The order {order['name']} has too many lines to be looked through.")
        found |= {line["product"]["id"] for line in order["lineItems"]["nodes"] if line["product"]} & wanted
    return found


def _require_all_orders(client: Client) -> None:
    granted = shops.read_scopes(client)
    granted |= {scope.replace("write_", "read_", 1) for scope in granted if scope.startswith("write_")}
    if missing := NEEDED_SCOPES - granted:
        raise CannotKnow(f"The app may not read all orders of this store (missing: {', '.join(sorted(missing))}).")
