"""Whether variants go on selling when they are out of stock: read for many at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from stores.shopify import gids
from stores.shopify.client import Client

CONTINUE, DENY = "CONTINUE", "DENY"
VARIANTS_PER_READ = 250


@dataclass(frozen=True, slots=True)
class Policy:
    """A variant's inventoryPolicy: CONTINUE sells what is not there."""

    gid: str
    product_gid: str
    policy: str


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_POLICIES = """
query ReadPolicies($ids: [ID!]!) {
  nodes(ids: $ids) { ... on ProductVariant { id inventoryPolicy product { id } } }
}
"""


def read_policies(client: Client, variant_gids: Sequence[str]) -> list[Policy]:
    """Of at most VARIANTS_PER_READ variants, those that exist. Raises GidError, and as Client.execute does."""
    gids.require(variant_gids, "ProductVariant")
    nodes = client.execute(READ_POLICIES, {"ids": list(variant_gids)}, cost=10 + len(variant_gids))["nodes"]
    return [Policy(node["id"], node["product"]["id"], node["inventoryPolicy"]) for node in nodes if node]
