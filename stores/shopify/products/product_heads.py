"""Products in a few words: which there are, and which one has a handle. What they are in full: product_records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.shopify.client import Client
from stores.shopify.instants import parse_instant

MOST_ROWS = 250  # of one call
HEAD = "id title handle tags vendor productType status updatedAt"

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/products
LIST_PRODUCT_IDS = f"""
query ListProductIds($after: String, $query: String) {{
  products(first: 250, after: $after, query: $query, sortKey: ID) {{
    nodes {{ {HEAD} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class ProductHead:
    """What tells whether a product is wanted and known: cheap to list, 250 for 13 points."""

    gid: str
    title: str
    handle: str
    tags: tuple[str, ...]
    status: str
    updated_at: datetime
    vendor: str = ""
    product_type: str = ""


def iter_product_heads(client: Client, query: str | None = None) -> Iterator[ProductHead]:
    """Every product by id, or those that a search finds. Raises as Client.execute does."""
    for node in client.pages(LIST_PRODUCT_IDS, {"query": query}, ("products",), cost=13):
        yield head_of(node)


def head_of(node: dict[str, Any]) -> ProductHead:
    """The head that a node with the fields of HEAD tells."""
    return ProductHead(
        node["id"],
        node["title"],
        node["handle"],
        tuple(node["tags"]),
        node["status"],
        parse_instant(node["updatedAt"]),
        node["vendor"] or "",
        node["productType"] or "",
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/productsCount
COUNT_PRODUCTS = """
query CountProducts { productsCount(limit: null) { count } }
"""


def count_products(client: Client) -> int:
    """How many products the store has. Raises as Client.execute does."""
    count: int = client.execute(COUNT_PRODUCTS, cost=10)["productsCount"]["count"]
    return count


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_INSTANTS = """
query ReadInstants($ids: [ID!]!) { nodes(ids: $ids) { ... on Product { id updatedAt } } }
"""


def read_instants(client: Client, gids: Sequence[str]) -> dict[str, datetime]:
    """When each of these products last changed; one that is gone is left out. 250 a call, a point each.

    Raises as Client.execute does.
    """
    found: dict[str, datetime] = {}
    for start in range(0, len(gids), MOST_ROWS):
        ids = list(gids[start : start + MOST_ROWS])
        nodes = client.execute(READ_INSTANTS, {"ids": ids}, cost=float(len(ids)))["nodes"]
        found |= {node["id"]: parse_instant(node["updatedAt"]) for node in nodes if node}
    return found


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/productByIdentifier
FIND_PRODUCT = """
query FindProduct($identifier: ProductIdentifierInput!) { productByIdentifier(identifier: $identifier) { id } }
"""


def find_by_handle(client: Client, handle: str) -> str | None:
    """The gid of the product with this handle, or None. Raises as Client.execute does."""
    found = client.execute(FIND_PRODUCT, {"identifier": {"handle": handle}}, cost=1)["productByIdentifier"]
    gid: str | None = found and found["id"]
    return gid
