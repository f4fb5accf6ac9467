"""What Shopify refuses as the query of a bulk operation (shopify.md 5), checked before anything runs.

The wording follows answers quoted on community.shopify.com (threads 305939, 207309, 1307718); where none was found
it is our own. Pure: a document and the schema in, messages out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from tests.simulator.documents.documents import Document

MAX_BYTES = 65_535
MAX_CONNECTIONS = 5
MAX_NESTING = 2  # products > variants > metafields: the first one is level 0

NO_CONNECTION = "Bulk queries must contain at least one connection."
TOO_MANY = f"Bulk queries cannot contain more than {MAX_CONNECTIONS} connections."
TOO_DEEP = f"Bulk queries cannot contain connections with a nesting depth greater than {MAX_NESTING}."
TOO_LONG = f"Bulk queries cannot be longer than {MAX_BYTES} bytes."
NOT_A_QUERY = "Invalid bulk query: the operation must be a query."
ONE_OPERATION = "Invalid bulk query: the document must hold exactly one operation."
TOP_LEVEL_NODE = "Bulk queries cannot contain a top level `node` or `nodes` field."
NODES_SELECTED = "Bulk queries must select connections by `edges` and `node`, not by `nodes`. Connection fields: {}."
IN_A_LIST = "Queries that contain a connection field within a list field are not currently supported."
WITHOUT_ID = (
    "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be of 'ID' "
    "return type. Connection fields without 'id': {}."
)


@dataclass(slots=True)
class Place:
    """Where in the query we stand: how many connections are above, and what the nearest of them is."""

    depth: int = 0
    connection: str | None = None
    has_id: bool = True
    in_list: bool = False


@dataclass(slots=True)
class Findings:
    connections: int = 0
    deepest: int = 0
    in_list: bool = False
    by_nodes: list[str] = field(default_factory=list)
    without_id: list[str] = field(default_factory=list)


def refusals(document: Document, schema: GraphQLSchema) -> list[str]:
    """Return why a valid document cannot be a bulk query; an empty list when it can."""
    if len(document.text.encode()) > MAX_BYTES:
        return [TOO_LONG]
    if len(document.operations) != 1:
        return [ONE_OPERATION]
    operation = document.operation(None)
    if operation.operation.value != "query":
        return [NOT_A_QUERY]
    findings = Findings()
    root = schema.query_type
    names = [node.name.value for node, _ in fields_of(operation.selection_set, root, document, schema)]
    look(operation.selection_set, root, Place(), findings, document, schema)
    found = [TOP_LEVEL_NODE] if {"node", "nodes"} & set(names) else []
    return found + complaints(findings)


def complaints(findings: Findings) -> list[str]:
    """Turn what was found into Shopify's messages."""
    found = []
    if not findings.connections:
        found.append(NO_CONNECTION)
    if findings.connections > MAX_CONNECTIONS:
        found.append(TOO_MANY)
    if findings.deepest > MAX_NESTING:
        found.append(TOO_DEEP)
    if findings.by_nodes:
        found.append(NODES_SELECTED.format(", ".join(findings.by_nodes)))
    if findings.in_list:
        found.append(IN_A_LIST)
    if findings.without_id:
        found.append(WITHOUT_ID.format(", ".join(dict.fromkeys(findings.without_id))))
    return found


def look(selection: SelectionSetNode, parent, place: Place, findings: Findings, document, schema) -> None:
    """Walk one selection set and the ones below it."""
    for node, definition in fields_of(selection, parent, document, schema):
        kind = get_named_type(definition.type)
        if not is_composite_type(kind) or node.selection_set is None:
            continue
        below = place
        if kind.name.endswith("Connection"):
            below = enter(node, place, findings)
            inner = {child.name.value for child, _ in fields_of(node.selection_set, kind, document, schema)}
            if "nodes" in inner:
                findings.by_nodes.append(node.name.value)
        elif parent.name.endswith("Edge") and node.name.value == "node":
            below = replace(place, has_id=selects_id(node.selection_set, kind, document, schema))
        elif is_list(definition) and not parent.name.endswith("Connection"):
            below = replace(place, in_list=True)
        look(node.selection_set, kind, below, findings, document, schema)


def enter(node: FieldNode, place: Place, findings: Findings) -> Place:
    """Count a connection and return the place inside it."""
    findings.connections += 1
    findings.deepest = max(findings.deepest, place.depth)
    findings.in_list |= place.in_list
    if place.connection and not place.has_id:
        findings.without_id.append(place.connection)
    return Place(depth=place.depth + 1, connection=node.name.value)


def selects_id(selection: SelectionSetNode, kind, document: Document, schema: GraphQLSchema) -> bool:
    """Whether a node selects `id` under its own name, directly or by a fragment."""
    fields = fields_of(selection, kind, document, schema)
    return any(node.name.value == "id" and (node.alias is None or node.alias.value == "id") for node, _ in fields)


def fields_of(
    selection: SelectionSetNode, parent, document: Document, schema: GraphQLSchema
) -> Iterator[tuple[FieldNode, GraphQLField]]:
    """Yield the fields of a selection set with their definitions; fragments are unfolded."""
    for node in selection.selections:
        if isinstance(node, FieldNode):
            definition = getattr(parent, "fields", {}).get(node.name.value)
            if definition is not None:
                yield node, definition
            continue
        fragment = node if isinstance(node, InlineFragmentNode) else document.fragments[node.name.value]
        condition = fragment.type_condition
        kind = schema.get_type(condition.name.value) if condition else parent
        yield from fields_of(fragment.selection_set, kind, document, schema)


def is_list(definition: GraphQLField) -> bool:
    kind = definition.type
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)
