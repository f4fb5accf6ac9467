"""Files of a store: read where they are, and made in another store of their address, or of what was uploaded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from stores.shopify import answers
from stores.shopify.client import Client
from stores.shopify.instants import parse_instant

FILES_PER_READ, FILES_PER_WRITE, FILES_PER_CHECK = 50, 25, 250
READ_COST, WRITE_COST, LIST_COST = 30.0, 40.0, 30.0
READY, FAILED = "READY", "FAILED"
IMAGE, FILE, VIDEO, MODEL, EXTERNAL_VIDEO = "IMAGE", "FILE", "VIDEO", "MODEL_3D", "EXTERNAL_VIDEO"
_KINDS = {
    "MediaImage": IMAGE,
    "GenericFile": FILE,
    "Video": VIDEO,
    "Model3d": MODEL,
    "ExternalVideo": EXTERNAL_VIDEO,
}
HOSTED = frozenset({VIDEO, MODEL})  # Shopify takes them from nowhere but a staged upload


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file. `kind` is IMAGE, FILE, VIDEO, MODEL_3D or EXTERNAL_VIDEO, '' for what cannot be copied.

    `url` is '' until it is READY; of a video elsewhere it is its page there. `more_urls` are other shapes of a video,
    the largest first. `name` and `mime_type` are of videos and models. `status` is UPLOADED, PROCESSING, READY or
    FAILED; `error` says in Shopify's words why it FAILED.
    """

    gid: str
    kind: str
    status: str
    url: str = ""
    alt: str = ""
    error: str = ""
    name: str = ""
    mime_type: str = ""
    more_urls: tuple[str, ...] = ()


_FILE = """id __typename ... on File { alt fileStatus } ... on MediaImage { image { url } } ... on GenericFile { url }
    ... on Video { filename originalSource { url mimeType } sources { url mimeType height } }
    ... on Model3d { filename originalSource { url mimeType } } ... on ExternalVideo { originUrl }"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_FILES = f"query ReadFiles($ids: [ID!]!) {{ nodes(ids: $ids) {{ {_FILE} }} }}"
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
FOLLOW_FILES = f"""
query FollowFiles($ids: [ID!]!) {{ nodes(ids: $ids) {{ {_FILE} ... on File {{ fileErrors {{ code message }} }} }} }}
"""


def read_files(client: Client, file_gids: Iterable[str], *, with_errors: bool = False) -> dict[str, FileRecord]:
    """Those of these files that exist, by gid. `with_errors` needs read_files. Raises as Client.execute does."""
    found: dict[str, FileRecord] = {}
    rest = iter(file_gids)
    while batch := list(islice(rest, FILES_PER_READ)):
        document = FOLLOW_FILES if with_errors else READ_FILES
        for node in client.execute(document, {"ids": batch}, cost=READ_COST)["nodes"]:
            if node and "fileStatus" in node:
                found[node["id"]] = _record(node)
    return found


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
LIVING_FILES = "query LivingFiles($ids: [ID!]!) { nodes(ids: $ids) { id } }"


def find_living(client: Client, file_gids: Iterable[str]) -> set[str]:
    """The gids of those of these files that exist. Raises as Client.execute does."""
    living: set[str] = set()
    rest = iter(file_gids)
    while batch := list(islice(rest, FILES_PER_CHECK)):
        nodes = client.execute(LIVING_FILES, {"ids": batch}, cost=4 + len(batch) / 10)["nodes"]
        living |= {node["id"] for node in nodes if node}
    return living


def _record(node: Mapping[str, Any]) -> FileRecord:
    source = node.get("originalSource") or {}
    url = (node.get("image") or {}).get("url") or source.get("url") or node.get("originUrl") or node.get("url") or ""
    others = [row for row in node.get("sources") or () if row["mimeType"] == "video/mp4"]
    return FileRecord(
        node["id"],
        _KINDS.get(node["__typename"], ""),
        node["fileStatus"],
        url if node["fileStatus"] == READY else "",
        node["alt"] or "",
        "; ".join(f"{row['message']} ({row['code']})" for row in node.get("fileErrors") or ()),
        node.get("filename") or "",
        source.get("mimeType") or "",
        tuple(row["url"] for row in sorted(others, key=lambda row: -row["height"])),
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fileCreate
CREATE_FILES = """
mutation CreateFiles($files: [FileCreateInput!]!) {
  fileCreate(files: $files) { files { id } userErrors { code field message } }
}
"""


def create_files(client: Client, files: list[FileRecord]) -> list[str]:
    """Make files of the addresses of these (at most FILES_PER_WRITE), in their order; Shopify fetches them later.

    The address of a video or model is that of its staged upload. All or none. Needs write_files. Raises UserErrors, and
    as Client.execute does. Not idempotent: once more makes them twice, see `find_made`.
    """
    rows = [{"originalSource": file.url, "contentType": file.kind, "alt": file.alt} for file in files]
    data = client.execute(CREATE_FILES, {"files": rows}, cost=WRITE_COST)
    payload = answers.payload_of(data, "fileCreate", client.domain, "the files cannot be made.")
    return [node["id"] for node in payload["files"]]


# Without a query: a search does not know yet what was made a moment ago (shopify.md 7.3).
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/files
NEWEST_FILES = """
query NewestFiles($after: String) {
  files(first: 100, after: $after, sortKey: CREATED_AT, reverse: true) {
    nodes {
      id
      createdAt
      ... on Video { filename }
      ... on Model3d { filename }
      ... on ExternalVideo { originUrl }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def find_made(client: Client, mark: str, since: datetime) -> list[str]:
    """Videos and models of this file name, or videos elsewhere of this address, made since; the newest first.

    Needs read_files. Raises as Client.execute does.
    """
    found = []
    for node in client.pages(NEWEST_FILES, {}, ("files",), cost=LIST_COST):
        if parse_instant(node["createdAt"]) < since:
            break
        if mark in (node.get("filename"), node.get("originUrl")):
            found.append(node["id"])
    return found
