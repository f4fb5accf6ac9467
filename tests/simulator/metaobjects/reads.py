"""Resolvers of metaobjects and their definitions."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.metaobjects.state import (
    FieldDefinition,
    Metaobject,
    MetaobjectDefinition,
    MetaobjectValue,
    definition_of,
    find,
    values_of,
)
from tests.simulator.reads.paging import Page, connection_resolvers, page_of
from tests.simulator.reads.shop import attribute, catalog_by_id, id_key, identity
from tests.simulator.state.metafield_values import json_value
from tests.simulator.wire.problems import NotSimulatedError


def entries(root, call: Call, arguments: dict) -> Page:
    """Of one type, in the order of their ids."""
    if arguments.get("query") or arguments.get("sortKey") not in (None, "id"):
        raise NotSimulatedError("The simulator lists metaobjects of a type by id only")
    rows = [row for row in call.shop.catalog.metaobjects.values() if row.type == arguments["type"]]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


def definitions(root, call: Call, arguments: dict) -> Page:
    rows = sorted(call.shop.catalog.metaobject_definitions.values(), key=id_key)
    return page_of(call, arguments, rows, id_key, None)


def display_name(entry: Metaobject, call: Call, arguments: dict) -> str:
    definition = definition_of(call.shop.catalog, entry.type)
    return entry.values.get((definition and definition.display_name_key) or "", "") or entry.handle


def capabilities(entry: Metaobject, call: Call, arguments: dict) -> dict:
    definition = definition_of(call.shop.catalog, entry.type)
    is_publishable = definition is not None and definition.publishable
    return {"publishable": {"status": entry.status} if is_publishable else None}


def defined_capabilities(row: MetaobjectDefinition, call: Call, arguments: dict) -> dict:
    return {"publishable": {"enabled": row.publishable}, "translatable": {"enabled": row.translatable}}


def one_value(entry: Metaobject, call: Call, arguments: dict) -> MetaobjectValue | None:
    rows = values_of(call.shop.catalog, entry)
    return next((row for row in rows if row.definition.key == arguments["key"]), None)


def kind_of(row: FieldDefinition, call: Call, arguments: dict) -> dict:
    return {"name": row.type, "category": row.type.upper()}


RESOLVERS = {
    **connection_resolvers(["Metaobject", "MetaobjectDefinition"]),
    "QueryRoot.metaobject": catalog_by_id("Metaobject"),
    "QueryRoot.metaobjectByHandle": lambda root, call, arguments: find(
        call.shop.catalog, arguments["handle"]["type"], arguments["handle"]["handle"]
    ),
    "QueryRoot.metaobjects": entries,
    "QueryRoot.metaobjectDefinition": catalog_by_id("MetaobjectDefinition"),
    "QueryRoot.metaobjectDefinitionByType": lambda root, call, arguments: definition_of(
        call.shop.catalog, arguments["type"]
    ),
    "QueryRoot.metaobjectDefinitions": definitions,
    **identity("Metaobject"),
    **{f"Metaobject.{name}": attribute(name) for name in ("type", "handle")},
    "Metaobject.displayName": display_name,
    "Metaobject.capabilities": capabilities,
    "Metaobject.definition": lambda entry, call, arguments: definition_of(call.shop.catalog, entry.type),
    "Metaobject.fields": lambda entry, call, arguments: values_of(call.shop.catalog, entry),
    "Metaobject.field": one_value,
    "MetaobjectField.key": lambda row, call, arguments: row.definition.key,
    "MetaobjectField.type": lambda row, call, arguments: row.definition.type,
    "MetaobjectField.value": attribute("value"),
    "MetaobjectField.jsonValue": lambda row, call, arguments: (
        None if row.value is None else json_value(row.definition.type, row.value)
    ),
    "MetaobjectField.definition": attribute("definition"),
    **identity("MetaobjectDefinition"),
    **{f"MetaobjectDefinition.{name}": attribute(name) for name in ("type", "name", "description")},
    "MetaobjectDefinition.displayNameKey": attribute("display_name_key"),
    "MetaobjectDefinition.fieldDefinitions": attribute("fields"),
    "MetaobjectDefinition.capabilities": defined_capabilities,
    "MetaobjectDefinition.access": lambda row, call, arguments: {
        "admin": "PUBLIC_READ_WRITE",
        "storefront": row.storefront,
        "customerAccount": "NONE",
    },
    "MetaobjectDefinition.metaobjectsCount": lambda row, call, arguments: sum(
        entry.type == row.type for entry in call.shop.catalog.metaobjects.values()
    ),
    **{f"MetaobjectFieldDefinition.{name}": attribute(name) for name in ("key", "name", "description", "required")},
    "MetaobjectFieldDefinition.type": kind_of,
    "MetaobjectFieldDefinition.validations": lambda row, call, arguments: [
        {"name": name, "type": "json", "value": value} for name, value in row.validations.items()
    ],
}
TYPE_NAMES = {
    Metaobject: "Metaobject",
    MetaobjectDefinition: "MetaobjectDefinition",
    MetaobjectValue: "MetaobjectField",
    FieldDefinition: "MetaobjectFieldDefinition",
}
