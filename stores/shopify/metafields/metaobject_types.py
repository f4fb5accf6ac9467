"""The types of metaobjects that a store defines: reading them, and defining them as another store does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stores.shopify import answers
from stores.shopify.client import Client
from stores.shopify.metafields.definitions import MetafieldDefinition

READ_COST, WRITE_COST = 100.0, 10.0
TAKEN = "TAKEN"


@dataclass(frozen=True, slots=True)
class MetaobjectType:
    """One type. `fields` are in Shopify's order; those of `required_keys` must hold something."""

    gid: str
    type: str
    name: str
    description: str = ""
    display_name_key: str = ""
    fields: tuple[MetafieldDefinition, ...] = ()
    required_keys: frozenset[str] = frozenset()
    is_publishable: bool = False
    is_translatable: bool = False
    storefront: str = "NONE"


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/metaobjectDefinitions
LIST_TYPES = """
query ListMetaobjectTypes($after: String) {
  metaobjectDefinitions(first: 50, after: $after) {
    nodes {
      id type name description displayNameKey
      access { storefront }
      capabilities { publishable { enabled } translatable { enabled } }
      fieldDefinitions { key name description required type { name } validations { name value } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def read_types(client: Client) -> dict[str, MetaobjectType]:
    """All that a store defines, by type. Needs read_metaobject_definitions. Raises as Client.execute does."""
    nodes = client.pages(LIST_TYPES, None, ("metaobjectDefinitions",), cost=READ_COST)
    return {node["type"]: _type(node) for node in nodes}


def _type(node: Mapping[str, Any]) -> MetaobjectType:
    rows = node["fieldDefinitions"]
    return MetaobjectType(
        gid=node["id"],
        type=node["type"],
        name=node["name"],
        description=node["description"] or "",
        display_name_key=node["displayNameKey"] or "",
        fields=tuple(_field(row) for row in rows),
        required_keys=frozenset(row["key"] for row in rows if row["required"]),
        is_publishable=node["capabilities"]["publishable"]["enabled"],
        is_translatable=node["capabilities"]["translatable"]["enabled"],
        storefront=node["access"]["storefront"],
    )


def _field(row: Mapping[str, Any]) -> MetafieldDefinition:
    validations = {each["name"]: each["value"] or "" for each in row["validations"]}
    return MetafieldDefinition("", row["key"], row["type"]["name"], row["name"], row["description"] or "", validations)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metaobjectDefinitionCreate
CREATE_TYPE = """
mutation CreateMetaobjectType($definition: MetaobjectDefinitionCreateInput!) {
  metaobjectDefinitionCreate(definition: $definition) {
    metaobjectDefinition { id } userErrors { code field message }
  }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metaobjectDefinitionUpdate
ADD_FIELDS = """
mutation AddMetaobjectFields($id: ID!, $definition: MetaobjectDefinitionUpdateInput!) {
  metaobjectDefinitionUpdate(id: $id, definition: $definition) {
    metaobjectDefinition { id } userErrors { code field message }
  }
}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/standardMetaobjectDefinitionEnable
ENABLE_TYPE = """
mutation EnableMetaobjectType($type: String!) {
  standardMetaobjectDefinitionEnable(type: $type) { metaobjectDefinition { id } userErrors { code field message } }
}
"""


def create_type(client: Client, made: MetaobjectType, fields: Iterable[MetafieldDefinition]) -> str:
    """Define a type as another store does, with these of its fields; returns its gid.

    Needs write_metaobject_definitions. Raises UserErrors (TAKEN: it is there), and as Client.execute does.
    """
    definition: dict[str, Any] = {
        "type": made.type,
        "name": made.name or made.type,
        "fieldDefinitions": [_field_input(row, made) for row in fields],
        "access": {"storefront": made.storefront},
        "capabilities": {
            "publishable": {"enabled": made.is_publishable},
            "translatable": {"enabled": made.is_translatable},
        },
    }
    keys = {row["key"] for row in definition["fieldDefinitions"]}
    definition |= {"description": made.description} if made.description else {}
    definition |= {"displayNameKey": made.display_name_key} if made.display_name_key in keys else {}
    data = client.execute(CREATE_TYPE, {"definition": definition}, cost=WRITE_COST)
    return _gid(client, data, "metaobjectDefinitionCreate", f"the type {made.type} cannot be defined.")


def add_fields(client: Client, definition_gid: str, made: MetaobjectType, fields: Iterable[MetafieldDefinition]) -> str:
    """Give a type further fields. As `create_type`."""
    rows = [{"create": _field_input(row, made)} for row in fields]
    data = client.execute(ADD_FIELDS, {"id": definition_gid, "definition": {"fieldDefinitions": rows}}, cost=WRITE_COST)
    return _gid(client, data, "metaobjectDefinitionUpdate", f"the type {made.type} cannot be changed.")


def enable_type(client: Client, type_: str) -> str:
    """Enable one of Shopify's own types. As `create_type`; safe to repeat."""
    data = client.execute(ENABLE_TYPE, {"type": type_}, cost=WRITE_COST)
    return _gid(client, data, "standardMetaobjectDefinitionEnable", f"the type {type_} cannot be enabled.")


def _gid(client: Client, data: dict[str, Any], name: str, refused: str) -> str:
    node = answers.payload_of(data, name, client.domain, refused)["metaobjectDefinition"] or {}
    return str(node.get("id", ""))


def _field_input(row: MetafieldDefinition, made: MetaobjectType) -> dict[str, Any]:
    given = {
        "key": row.key,
        "type": row.type,
        "name": row.name or row.key,
        "required": row.key in made.required_keys,
        "validations": [{"name": name, "value": value} for name, value in row.validations.items()],
    }
    return given | ({"description": row.description} if row.description else {})
