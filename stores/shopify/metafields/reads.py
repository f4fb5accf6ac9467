"""Reading metafields of any owner."""

from collections.abc import Sequence

from stores.shopify.client import Client
from stores.shopify.metafields.records import MetafieldRecord, metafield_records

OWNER_ROWS_PER_READ = 25
READ_COST = 110.0

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_METAFIELDS = """
query ReadMetafields($ids: [ID!]!) {
  nodes(ids: $ids) {
    id
    ... on HasMetafields {
      metafields(first: 50) { nodes { namespace key type value } pageInfo { hasNextPage endCursor } }
    }
  }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/node
MORE_METAFIELDS = """
query MoreMetafieldsOf($id: ID!, $after: String) {
  node(id: $id) {
    ... on HasMetafields {
      metafields(first: 250, after: $after) { nodes { namespace key type value } pageInfo { hasNextPage endCursor } }
    }
  }
}
"""


def read_metafields(client: Client, owner_gids: Sequence[str]) -> dict[str, tuple[MetafieldRecord, ...]]:
    """The metafields of these owners, by gid; without those that do not exist (any more). Raises as Client.execute."""
    found: dict[str, tuple[MetafieldRecord, ...]] = {}
    for start in range(0, len(owner_gids), OWNER_ROWS_PER_READ):
        batch = list(owner_gids[start : start + OWNER_ROWS_PER_READ])
        for node in client.execute(READ_METAFIELDS, {"ids": batch}, cost=READ_COST)["nodes"]:
            if not node:
                continue
            nodes, page = list(node["metafields"]["nodes"]), node["metafields"]["pageInfo"]
            if page["hasNextPage"]:
                variables = {"id": node["id"]}
                nodes = list(client.pages(MORE_METAFIELDS, variables, ("node", "metafields"), cost=READ_COST))
            found[node["id"]] = metafield_records(nodes)
    return found
