"""Resolvers of metafields, of their owners' connections of them, and of their definitions."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue.metafields import KINDS, fields_of, find_definition, owner_of, spelled_out
from tests.simulator.mutations.metafields import OWNER_TYPES, digest
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.shop import attribute, by_id, id_key, identity
from tests.simulator.state.gids import gid
from tests.simulator.state.metafield_values import json_value
from tests.simulator.state.metafields import Metafield, MetafieldDefinition
from tests.simulator.wire.problems import NotSimulatedError


def one_field(thing, call: Call, arguments: dict) -> Metafield | None:
    owner = (KINDS[type(thing)], thing.id)
    return fields_of(call.shop, owner).get((spelled_out(arguments.get("namespace")), arguments["key"]))


def all_fields(thing, call: Call, arguments: dict) -> Page:
    rows = list(fields_of(call.shop, (KINDS[type(thing)], thing.id)).values())
    namespace, keys = arguments.get("namespace"), arguments.get("keys")
    if namespace:
        rows = [row for row in rows if row.namespace == spelled_out(namespace)]
    if keys:
        wanted = [key if "." in key else f"{spelled_out(namespace)}.{key}" for key in keys]
        rows = [row for row in rows if f"{row.namespace}.{row.key}" in wanted]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


def definitions(root, call: Call, arguments: dict) -> Page:
    """Of one kind of owner, by namespace and key."""
    if arguments.get("query"):
        raise NotSimulatedError("The simulator does not search metafield definitions")
    namespace, key = arguments.get("namespace"), arguments.get("key")
    rows = [
        row
        for row in call.shop.metafield_definitions.values()
        if row.kind == OWNER_TYPES.get(arguments["ownerType"])
        and (namespace is None or row.namespace == spelled_out(namespace))
        and key in (None, row.key)
    ]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


def definition(root, call: Call, arguments: dict) -> MetafieldDefinition | None:
    given = arguments.get("identifier")
    if given is None:
        return by_id("MetafieldDefinition")(root, call, arguments)
    kind = OWNER_TYPES.get(given["ownerType"], "")
    return find_definition(call.shop, kind, given.get("namespace"), given["key"])


RESOLVERS = {
    "QueryRoot.metafieldDefinitions": definitions,
    "QueryRoot.metafieldDefinition": definition,
    **identity("Metafield"),
    **{f"Metafield.{name}": attribute(name) for name in ("namespace", "key", "type", "value")},
    "Metafield.jsonValue": lambda field, call, arguments: json_value(field.type, field.value),
    "Metafield.compareDigest": lambda field, call, arguments: digest(field),
    "Metafield.sizeInBytes": lambda field, call, arguments: len(field.value.encode()),
    "Metafield.ownerType": lambda field, call, arguments: field.kind.upper(),
    "Metafield.owner": lambda field, call, arguments: owner_of(call.shop, (field.kind, field.owner_id)),
    "MetafieldDefinition.id": lambda row, call, arguments: gid("MetafieldDefinition", row.id),
    **{f"MetafieldDefinition.{name}": attribute(name) for name in ("namespace", "key", "name", "description")},
    "MetafieldDefinition.ownerType": lambda row, call, arguments: row.kind.upper(),
    "MetafieldDefinition.validationStatus": lambda row, call, arguments: "ALL_VALID",
    "MetafieldDefinition.validations": lambda row, call, arguments: [
        {"name": name, "type": "json", "value": value} for name, value in row.validations.items()
    ],
    "MetafieldDefinition.type": lambda row, call, arguments: {"name": row.type, "category": row.type.upper()},
    **{
        f"{kind}.{name}": resolve
        for kind in KINDS.values()
        for name, resolve in (("metafield", one_field), ("metafields", all_fields))
    },
}
