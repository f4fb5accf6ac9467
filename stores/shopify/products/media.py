"""What became of images and videos that Shopify fetches, processes, and may fail to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from stores.shopify import gids
from stores.shopify.client import Client

KINDS = frozenset({"MediaImage", "Video", "Model3d", "ExternalVideo"})
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_MEDIA = """
query ReadMedia($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Media { id alt status mediaContentType mediaErrors { code message } }
    ... on MediaImage { image { url } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class MediaState:
    """What became of an image or video. `error` tells in Shopify's words why it FAILED; `exists` False: deleted."""

    gid: str
    exists: bool
    status: str = ""
    url: str = ""
    error: str = ""


def read_media(client: Client, media_gids: Sequence[str]) -> list[MediaState]:
    """How these stand, in the order asked. Raises GidError for malformed ids, and as Client.execute does."""
    for gid in media_gids:
        if gids.split(gid)[0] not in KINDS:
            raise gids.GidError(f"Expected the id of an image or video, got {gid[:60]!r}")
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
    return MediaState(gid, True, node["status"], (node.get("image") or {}).get("url") or "", error)
