"""Every GraphQL document of the product is valid against the schema of Shopify's Admin API 2026-10."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoUnusedFragmentsRule,
    OperationDefinitionNode,
    build_schema,
    parse,
    specified_rules,
    validate,
)

ROOT = Path(__file__).parents[3]
SHOPIFY = ROOT / "stores" / "shopify"
SCHEMA = ROOT / "tests" / "simulator" / "schema.graphql"
OPENINGS = ("query", "mutation", "fragment", "subscription", "{")


def is_document(value: object) -> bool:
    """Whether a module constant is a GraphQL document: text that opens like one, comments aside."""
    if not isinstance(value, str):
        return False
    lines = [line.strip() for line in value.splitlines()]
    text = "\n".join(line for line in lines if line and not line.startswith("#"))
    return text.startswith(OPENINGS) and "{" in text


def documents() -> dict[str, str]:
    """`path of the module:constant` -> document, for every module under stores/shopify."""
    found: dict[str, str] = {}
    for path in sorted(SHOPIFY.rglob("*.py")):
        relative = path.relative_to(ROOT)
        module = importlib.import_module(".".join(relative.with_suffix("").parts).removesuffix(".__init__"))
        found |= {f"{relative}:{name}": value for name, value in vars(module).items() if is_document(value)}
    return found


def problems(schema: GraphQLSchema, document: str) -> list[str]:
    """Messages of what is wrong with a document. One that holds only fragments may leave them unused."""
    try:
        tree = parse(document)
    except GraphQLError as error:
        return [error.message]
    only_fragments = all(isinstance(node, FragmentDefinitionNode) for node in tree.definitions)
    rules = [rule for rule in specified_rules if not (only_fragments and rule is NoUnusedFragmentsRule)]
    return [error.message for error in validate(schema, tree, rules)]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


@pytest.mark.skipif(not SHOPIFY.exists(), reason="stores/shopify does not exist yet")
def test_the_product_has_documents():
    assert documents(), "no GraphQL document found in stores/shopify: has the way they are written changed?"


def test_every_document_is_valid(schema):
    wrong = {name: found for name, document in documents().items() if (found := problems(schema, document))}
    assert wrong == {}


def test_every_operation_has_a_name():
    unnamed = [
        name
        for name, document in documents().items()
        for node in parse(document).definitions
        if isinstance(node, OperationDefinitionNode) and node.name is None
    ]
    assert unnamed == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("query A { shop { nam } }", "Cannot query field 'nam' on type 'Shop'"),
        ("query A($id: ID!) { shop { id } }", "Variable '$id' is never used"),
        ("mutation A { inventoryDeactivate { userErrors { message } } }", "(inventoryLevelId:)"),
        (
            "mutation A { inventoryDeactivate(inventoryLevelId: 1) { userErrors { code } } }",
            "'code' on type 'UserError'",
        ),
        ("query A { shop { id }", "Syntax Error"),
    ],
)
def test_a_wrong_document_is_noticed(schema, document, message):
    assert is_document(document)
    assert message in " ".join(problems(schema, document))


@pytest.mark.parametrize("text", ["", "queryset", "shop { id }", "mutations are sent once", 7, None])
def test_other_constants_are_no_documents(text):
    assert not is_document(text)
