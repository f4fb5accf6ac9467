"""What a store says of its metafields: their types, and which values it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stores.shopify import answers
from stores.shopify.client import Client

PRODUCT, VARIANT, COLLECTION, PAGE, BLOG, ARTICLE = "PRODUCT", "PRODUCTVARIANT", "COLLECTION", "PAGE", "BLOG", "ARTICLE"
READ_COST, WRITE_COST = 30.0, 10.0


@dataclass(frozen=True, slots=True)
class MetafieldDefinition:
    """The definition of one metafield of a kind of owner. `validations` are texts by their names, such as `choices`."""

    namespace: str
    key: str
    type: str
    name: str = ""
    description: str = ""
    validations: Mapping[str, str] = field(default_factory=dict)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/metafieldDefinitions
LIST_DEFINITIONS = """
query ListDefinitions($owner: MetafieldOwnerType!, $after: String) {
  metafieldDefinitions(ownerType: $owner, first: 250, after: $after) {
    nodes { namespace key name description type { name } validations { name value } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def read_definitions(client: Client, owner_type: str) -> dict[str, MetafieldDefinition]:
    """The definitions for one kind of owner by `namespace.key`. Raises as Client.execute does."""
    nodes = client.pages(LIST_DEFINITIONS, {"owner": owner_type}, ("metafieldDefinitions",), cost=READ_COST)
    return {f"{node['namespace']}.{node['key']}": _definition(node) for node in nodes}


def _definition(node: Mapping[str, Any]) -> MetafieldDefinition:
    return MetafieldDefinition(
        node["namespace"],
        node["key"],
        node["type"]["name"],
        node["name"],
        node["description"] or "",
        {row["name"]: row["value"] or "" for row in node["validations"]},
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metafieldDefinitionCreate
CREATE_DEFINITION = """
mutation CreateDefinition($definition: MetafieldDefinitionInput!) {
  metafieldDefinitionCreate(definition: $definition) { userErrors { code field message } }
}
"""


def create_definition(client: Client, owner_type: str, made: MetafieldDefinition) -> None:
    """Define a metafield as another store does. Raises UserErrors (TAKEN: it is there), and as Client.execute does."""
    definition = {
        "ownerType": owner_type,
        "namespace": made.namespace,
        "key": made.key,
        "type": made.type,
        "name": made.name or made.key,
        "validations": [{"name": name, "value": value} for name, value in made.validations.items()],
    }
    definition |= {"description": made.description} if made.description else {}
    data = client.execute(CREATE_DEFINITION, {"definition": definition}, cost=WRITE_COST)
    refused = f"{made.namespace}.{made.key} cannot be defined."
    answers.payload_of(data, "metafieldDefinitionCreate", client.domain, refused)
