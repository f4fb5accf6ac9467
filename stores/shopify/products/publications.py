"""Sales channels: which a store has, and taking products and collections on and off them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors

WRITE_COST = 10.0


@dataclass(frozen=True, slots=True)
class Publication:
    """One sales channel of a store. `publishes_by_itself`: the store puts new products on it without being asked.

    `is_schedulable`: it can be told from when on something is to be on it.
    """

    gid: str
    name: str
    publishes_by_itself: bool
    is_schedulable: bool = False


# `name` is deprecated in favour of the catalog's title, which the store's staff never see.
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/publications
LIST_PUBLICATIONS = """
query ListPublications($after: String) {
  publications(first: 50, after: $after) {
    nodes { id name autoPublish supportsFuturePublishing }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def list_publications(client: Client) -> list[Publication]:
    """Every sales channel of the store. Needs read_publications. Raises as Client.execute does."""
    nodes = client.pages(LIST_PUBLICATIONS, None, ("publications",), cost=9)
    return [
        Publication(node["id"], node["name"], bool(node["autoPublish"]), bool(node["supportsFuturePublishing"]))
        for node in nodes
    ]


# Its user errors are of the plain type: selecting `code` would fail the request (shopify.md 1.5).
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/publishablePublish
PUBLISH = """
mutation Publish($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) { userErrors { field message } }
}
"""


def publish(client: Client, gid: str, publication_gids: Sequence[str]) -> None:
    """Put a product or collection on these channels; already there is fine, and no channels is no call.

    Raises UserErrors, GidError, and as Client.execute does. Safe to repeat.
    """
    _send(client, PUBLISH, "publishablePublish", gid, publication_gids)


def schedule(client: Client, gid: str, instants: Mapping[str, str]) -> None:
    """Put a product on channels from an instant on (channel -> instant), which they must take. Raises as `publish`."""
    _send(client, PUBLISH, "publishablePublish", gid, list(instants), instants)


def publish_on_living(client: Client, gid: str, publication_gids: Sequence[str], *, needs_one: bool = True) -> int:
    """Publish as `publish` does, but leave out channels that the store has no more; how many these are.

    Raises as `publish`, where it `needs_one` also if the store has none of them. Safe to repeat.
    """
    try:
        publish(client, gid, publication_gids)
    except UserErrors:
        living = {channel.gid for channel in list_publications(client)}
        left = [one for one in publication_gids if one in living]
        if len(left) == len(publication_gids) or (needs_one and not left):
            raise
        publish(client, gid, left)
        return len(publication_gids) - len(left)
    return 0


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/publishableUnpublish
UNPUBLISH = """
mutation Unpublish($id: ID!, $input: [PublicationInput!]!) {
  publishableUnpublish(id: $id, input: $input) { userErrors { field message } }
}
"""


def unpublish(client: Client, gid: str, publication_gids: Sequence[str]) -> None:
    """Take a product or collection off these channels; already off is fine. Raises as `publish` does."""
    _send(client, UNPUBLISH, "publishableUnpublish", gid, publication_gids)


def _send(
    client: Client,
    document: str,
    name: str,
    gid: str,
    publication_gids: Sequence[str],
    instants: Mapping[str, str] | None = None,
) -> None:
    if not publication_gids:
        return
    gids.require(publication_gids, "Publication")
    rows = [{"publicationId": publication_gid} for publication_gid in publication_gids]
    for row in rows if instants else ():
        row["publishDate"] = (instants or {})[row["publicationId"]]
    data = client.execute(document, {"id": gid, "input": rows}, cost=WRITE_COST)
    answers.payload_of(data, name, client.domain, f"the sales channels of {gid} cannot be changed.")
