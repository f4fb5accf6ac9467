"""Metaobjects: reading those that something refers to, and creating, changing and deleting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.content.content import WrittenContent, has_code
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.instants import parse_instant
from stores.shopify.metafields.records import MetafieldRecord

KIND = "Metaobject"
RECORDS_PER_READ, HEAD_ROWS_PER_READ = 50, 250
READ_COST, HEADS_COST, WRITE_COST = 60.0, 30.0, 10.0
NOT_FOUND = "RECORD_NOT_FOUND"
ACTIVE, DRAFT = "ACTIVE", "DRAFT"
# As namespace of the fields where they are treated like metafields.
FIELD = "field"


@dataclass(frozen=True, slots=True)
class MetaobjectRecord:
    """One entry. `type` and `handle` together identify it in its store; `fields` are those that hold something.

    `status` is ACTIVE or DRAFT, '' where its type cannot be hidden.
    """

    gid: str
    type: str
    handle: str
    title: str
    updated_at: datetime
    status: str = ""
    fields: tuple[MetafieldRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class MetaobjectHead:
    """What tells whether an entry has changed."""

    handle: str
    updated_at: datetime


_ENTRY = """
    id type handle displayName updatedAt
    capabilities { publishable { status } }
    fields { key type value }
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_METAOBJECTS = f"query ReadMetaobjects($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Metaobject {{ {_ENTRY} }} }} }}"
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_HEADS = """
query ReadMetaobjectHeads($ids: [ID!]!) { nodes(ids: $ids) { ... on Metaobject { id handle updatedAt } } }
"""


def read_metaobjects(client: Client, metaobject_gids: Sequence[str]) -> dict[str, MetaobjectRecord]:
    """Those of these that exist, by gid. Needs read_metaobjects. Raises GidError, and as Client.execute does."""
    gids.require(metaobject_gids, KIND)
    found: dict[str, MetaobjectRecord] = {}
    rest = iter(metaobject_gids)
    while batch := list(islice(rest, RECORDS_PER_READ)):
        nodes = client.execute(READ_METAOBJECTS, {"ids": batch}, cost=READ_COST)["nodes"]
        found |= {node["id"]: _record(node) for node in nodes if node}
    return found


def read_heads(client: Client, metaobject_gids: Sequence[str]) -> dict[str, MetaobjectHead]:
    """The same, without what they hold."""
    gids.require(metaobject_gids, KIND)
    found: dict[str, MetaobjectHead] = {}
    rest = iter(metaobject_gids)
    while batch := list(islice(rest, HEAD_ROWS_PER_READ)):
        for node in client.execute(READ_HEADS, {"ids": batch}, cost=HEADS_COST)["nodes"]:
            if node:
                found[node["id"]] = MetaobjectHead(node["handle"], parse_instant(node["updatedAt"]))
    return found


def _record(node: Mapping[str, Any]) -> MetaobjectRecord:
    publishable = node["capabilities"]["publishable"] or {}
    fields = [MetafieldRecord(FIELD, row["key"], row["type"], row["value"]) for row in node["fields"] if row["value"]]
    return MetaobjectRecord(
        gid=node["id"],
        type=node["type"],
        handle=node["handle"],
        title=node["displayName"],
        updated_at=parse_instant(node["updatedAt"]),
        status=publishable.get("status", ""),
        fields=tuple(fields),
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/metaobjectByHandle
FIND_METAOBJECT = "query FindMetaobject($handle: MetaobjectHandleInput!) { metaobjectByHandle(handle: $handle) { id } }"


def find_by_handle(client: Client, type_: str, handle: str) -> str:
    """The gid of the entry of a type with this handle, or ''. Raises as Client.execute does."""
    found = client.execute(FIND_METAOBJECT, {"handle": {"type": type_, "handle": handle}}, cost=1)
    return str((found["metaobjectByHandle"] or {}).get("id", ""))


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metaobjectCreate
CREATE_METAOBJECT = """
mutation CreateMetaobject($metaobject: MetaobjectCreateInput!) {
  metaobjectCreate(metaobject: $metaobject) { metaobject { id handle } userErrors { code field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metaobjectUpdate
UPDATE_METAOBJECT = """
mutation UpdateMetaobject($id: ID!, $metaobject: MetaobjectUpdateInput!) {
  metaobjectUpdate(id: $id, metaobject: $metaobject) { metaobject { id handle } userErrors { code field message } }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metaobjectDelete
DELETE_METAOBJECT = """
mutation DeleteMetaobject($id: ID!) { metaobjectDelete(id: $id) { deletedId userErrors { code field message } } }
"""


def create_metaobject(client: Client, given: Mapping[str, Any]) -> WrittenContent:
    """Create one from a MetaobjectCreateInput. Needs write_metaobjects. Compare `handle`: one that is taken may get
    another (shopify.md 8.1). Raises UserErrors, and as Client.execute does. Not idempotent.
    """
    data = client.execute(CREATE_METAOBJECT, {"metaobject": dict(given)}, cost=WRITE_COST)
    return _written(client, data, "metaobjectCreate", "the metaobject cannot be created.")


def update_metaobject(client: Client, metaobject_gid: str, given: Mapping[str, Any]) -> WrittenContent:
    """Set what a MetaobjectUpdateInput names; the rest stays. Safe to repeat. Raises as `create_metaobject`."""
    gids.require(metaobject_gid, KIND)
    variables = {"id": metaobject_gid, "metaobject": dict(given)}
    data = client.execute(UPDATE_METAOBJECT, variables, cost=WRITE_COST)
    return _written(client, data, "metaobjectUpdate", f"{metaobject_gid} cannot be changed.")


def delete_metaobject(client: Client, metaobject_gid: str) -> bool:
    """Delete one; False if there is none (any more). Safe to repeat. Raises as `update_metaobject`."""
    gids.require(metaobject_gid, KIND)
    try:
        data = client.execute(DELETE_METAOBJECT, {"id": metaobject_gid}, cost=WRITE_COST)
        answers.payload_of(data, "metaobjectDelete", client.domain, f"{metaobject_gid} cannot be deleted.")
    except ObjectNotFound:
        return False
    except UserErrors as error:
        if has_code(error, NOT_FOUND):
            return False
        raise
    return True


def _written(client: Client, data: dict[str, Any], name: str, refused: str) -> WrittenContent:
    node = answers.payload_of(data, name, client.domain, refused)["metaobject"]
    if not node:
        raise UnexpectedAnswer(f"{client.domain}: {name} tells of no metaobject.", outcome_unknown=True)
    return WrittenContent(node["id"], node["handle"])
