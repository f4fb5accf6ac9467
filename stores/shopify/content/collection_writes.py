"""Writing collections: creating and changing them and putting their products in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ServerError, UnexpectedAnswer

WRITE_COST = 10.0
# Shopify's limit of products in one change of the members, and of moves in one change of their order (shopify.md 8.2).
MOST_CHANGES = 250
LONGEST_JOB_SECONDS = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class WrittenCollection:
    """What a write made. Compare `handle`: a taken one may have been changed without a word (shopify.md 8.1)."""

    gid: str
    handle: str
    image_url: str = ""


# Its user errors are of the plain type: selecting `code` would fail the request (shopify.md 1.5).
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/collectionCreate
CREATE_COLLECTION = """
mutation CreateCollection($collection: CollectionCreateInput!) {
  collectionCreate(collection: $collection) {
    collection { id handle image { url } } userErrors { field message }
  }
}
"""


def create_collection(client: Client, collection: Mapping[str, Any]) -> WrittenCollection:
    """Create a collection (CollectionCreateInput), unpublished. Raises UserErrors, and as Client.execute does.

    Not idempotent: with `outcome_unknown` look for the handle before sending it again.
    """
    data = client.execute(CREATE_COLLECTION, {"collection": dict(collection)}, cost=WRITE_COST)
    payload = answers.payload_of(data, "collectionCreate", client.domain, "the collection cannot be created.")
    return _written(client, payload["collection"], "collectionCreate")


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/collectionUpdate
UPDATE_COLLECTION = """
mutation UpdateCollection($collection: CollectionUpdateInput!) {
  collectionUpdate(collection: $collection) {
    collection { id handle image { url } } job { id done } userErrors { field message }
  }
}
"""


def update_collection(client: Client, collection_gid: str, collection: Mapping[str, Any]) -> WrittenCollection:
    """Change parts of a collection (CollectionUpdateInput without id), and wait until Shopify has done it.

    Safe to repeat, but for sourcesToCreate. Raises UserErrors, GidError, ServerError when it does not end, and as
    Client.execute does.
    """
    gids.require(collection_gid, "Collection")
    variables = {"collection": {"id": collection_gid} | dict(collection)}
    data = client.execute(UPDATE_COLLECTION, variables, cost=WRITE_COST)
    payload = answers.payload_of(data, "collectionUpdate", client.domain, f"{collection_gid} cannot be changed.")
    _await_job(client, payload["job"])
    return _written(client, payload["collection"], "collectionUpdate")


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/collectionReorderProducts
REORDER = """
mutation ReorderCollection($id: ID!, $moves: [MoveInput!]!) {
  collectionReorderProducts(id: $id, moves: $moves) { job { id done } userErrors { code field message } }
}
"""


def reorder(client: Client, collection_gid: str, moves: Sequence[tuple[str, int]]) -> None:
    """Move products, (gid, position counted from 0 at that moment), one after the other, 250 per call, and wait.

    The collection's sort order must be MANUAL. Raises UserErrors, GidError, ServerError, and as Client.execute does.
    """
    gids.require(collection_gid, "Collection")
    for start in range(0, len(moves), MOST_CHANGES):
        rows = [{"id": gid, "newPosition": str(position)} for gid, position in moves[start : start + MOST_CHANGES]]
        data = client.execute(REORDER, {"id": collection_gid, "moves": rows}, cost=WRITE_COST)
        refused = f"the products of {collection_gid} cannot be put in order."
        payload = answers.payload_of(data, "collectionReorderProducts", client.domain, refused)
        _await_job(client, payload["job"])


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/job
READ_JOB = "query ReadJob($id: ID!) { job(id: $id) { done } }"


def _await_job(client: Client, job: Mapping[str, Any] | None) -> None:
    """Wait for a job of Shopify. It never tells whether it failed: look at the collection again to know."""
    if job is None or job["done"]:
        return
    waited, pause = 0.0, 0.5
    while waited < LONGEST_JOB_SECONDS:
        client.pause(pause)
        waited, pause = waited + pause, min(pause * 1.5, 5.0)
        state = client.execute(READ_JOB, {"id": job["id"]}, cost=1)["job"]
        if state is None or state["done"]:
            return
    raise ServerError(
        f"{client.domain}: Shopify has been busy with a collection for {LONGEST_JOB_SECONDS:.0f} seconds.",
        outcome_unknown=True,
    )


def _written(client: Client, node: dict[str, Any] | None, name: str) -> WrittenCollection:
    if not node:
        raise UnexpectedAnswer(f"{client.domain}: {name} tells of no collection.", outcome_unknown=True)
    return WrittenCollection(node["id"], node["handle"], (node["image"] or {}).get("url") or "")
