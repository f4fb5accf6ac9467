"""Deleting products and collections: safe to repeat, and told apart from a refusal."""

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors

WRITE_COST = 10.0

# The user errors of both are of the plain type (shopify.md 1.5).
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productDelete
DELETE_PRODUCT = """
mutation DeleteProduct($input: ProductDeleteInput!) {
  productDelete(input: $input, synchronous: true) { deletedProductId userErrors { field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/collectionDelete
DELETE_COLLECTION = """
mutation DeleteCollection($input: CollectionDeleteInput!) {
  collectionDelete(input: $input) { deletedCollectionId userErrors { field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
EXISTS = "query Exists($ids: [ID!]!) { nodes(ids: $ids) { id } }"
_MUTATIONS = {"Product": ("productDelete", DELETE_PRODUCT), "Collection": ("collectionDelete", DELETE_COLLECTION)}


def delete(client: Client, gid: str) -> bool:
    """Delete a product with its variants, levels and media, or a collection without its products; False for none.

    Raises UserErrors, GidError for the id of anything else, and as Client.execute does. Safe to repeat.
    """
    kind, _ = gids.split(gid)
    if kind not in _MUTATIONS:
        raise gids.GidError(f"Expected the id of a product or a collection, got {gid[:60]!r}")
    name, document = _MUTATIONS[kind]
    try:
        data = client.execute(document, {"input": {"id": gid}}, cost=WRITE_COST)
        answers.payload_of(data, name, client.domain, f"{gid} cannot be deleted.")
    except ObjectNotFound:
        return False
    except UserErrors:
        # They have no codes: that it is gone is seen only by looking.
        if client.execute(EXISTS, {"ids": [gid]}, cost=2)["nodes"] == [None]:
            return False
        raise
    return True
