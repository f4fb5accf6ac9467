"""What became of images that Shopify fetches, processes, and may fail to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from stores.shopify import gids
from stores.shopify.client import Client

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_MEDIA = """
query ReadMedia($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on MediaImage { id alt status mediaContentType image { url } mediaErrors { code message } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class MediaState:
    """What became of an image. `error` tells in Shopify's words why it FAILED; `exists` False: deleted."""

    gid: str
    exists: bool
    status: str = ""
    url: str = ""
    error: str = ""


def read_media(client: Client, media_gids: Sequence[str]) -> list[MediaState]:
    """How these images stand, in the order asked. Raises GidError for malformed ids, and as Client.execute does."""
    gids.require(media_gids, "MediaImage")
    states: list[MediaState] = []
    rest = iter(media_gids)
    while batch := list(islice(rest, 250)):
        nodes = client.execute(READ_MEDIA, {"ids": batch}, cost=4 + len(batch) / 10)["nodes"]
        states += [_media_state(gid, node) for gid, node in zip(batch, nodes, strict=True)]
    return states


def _media_state(gid: str, node: dict[str, Any] | None) -> MediaState:
    if not node or "status" not in node:
        return MediaState(gid, exists=False)
    error = "; ".join(f"{row['message']} ({row['code']})" for row in node["mediaErrors"])
    return MediaState(gid, True, node["status"], (node["image"] or {}).get("url") or "", error)
