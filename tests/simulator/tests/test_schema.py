"""The simulator's SDL says nothing that Shopify's official schema of 2026-10 does not say."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    parse_value,
    print_ast,
    validate_schema,
)

from tests.simulator.documents import prune_schema

KINDS = {
    GraphQLObjectType: "OBJECT",
    GraphQLInterfaceType: "INTERFACE",
    GraphQLInputObjectType: "INPUT_OBJECT",
    GraphQLEnumType: "ENUM",
    GraphQLUnionType: "UNION",
}


@pytest.fixture(scope="module")
def sdl() -> GraphQLSchema:
    return build_schema(prune_schema.SDL.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    if not prune_schema.OFFICIAL.exists():
        pytest.skip(f"the official schema is not here: {prune_schema.OFFICIAL.name} is expected in ../shared/shopify")
    return prune_schema.read_official()


@pytest.fixture(scope="module")
def official(document) -> dict[str, Any]:
    return {spec["name"]: spec for spec in document["data"]["__schema"]["types"]}


def written(ref: dict[str, Any]) -> str:
    """A type reference of the introspection as SDL writes it."""
    if ref["kind"] == "NON_NULL":
        return written(ref["ofType"]) + "!"
    return f"[{written(ref['ofType'])}]" if ref["kind"] == "LIST" else ref["name"]


def default_of(entry: Any) -> str | None:
    """The default value of a schema argument or input field as SDL writes it."""
    return None if entry.ast_node.default_value is None else print_ast(entry.ast_node.default_value)


def entry_of_sdl(entry: Any) -> tuple:
    """What must agree about an argument or input field."""
    return str(entry.type), default_of(entry), entry.deprecation_reason is not None


def entry_of_official(entry: dict[str, Any]) -> tuple:
    default = entry["defaultValue"]
    written_default = None if default is None else print_ast(parse_value(default))
    return written(entry["type"]), written_default, bool(entry["isDeprecated"])


def field_of_sdl(field: Any) -> tuple:
    arguments = {name: entry_of_sdl(argument) for name, argument in field.args.items()}
    return str(field.type), field.deprecation_reason is not None, arguments


def field_of_official(field: dict[str, Any]) -> tuple:
    arguments = {argument["name"]: entry_of_official(argument) for argument in field["args"]}
    return written(field["type"]), bool(field["isDeprecated"]), arguments


def own_types(sdl: GraphQLSchema) -> dict[str, Any]:
    return {name: spec for name, spec in sdl.type_map.items() if not name.startswith("__")}


def test_the_sdl_is_a_valid_schema(sdl):
    assert validate_schema(sdl) == []


def test_every_type_of_the_sdl_exists_officially_with_the_same_kind(sdl, official):
    ours = {name: KINDS.get(type(spec), "SCALAR") for name, spec in own_types(sdl).items()}
    assert ours == {name: official[name]["kind"] if name in official else "missing" for name in ours}


def test_every_field_and_its_arguments_agree_with_the_official_schema(sdl, official):
    differing = []
    for name, spec in own_types(sdl).items():
        if not isinstance(spec, GraphQLObjectType | GraphQLInterfaceType):
            continue
        theirs = {field["name"]: field for field in official[name]["fields"]}
        for field_name, field in spec.fields.items():
            other = field_of_official(theirs[field_name]) if field_name in theirs else "missing"
            if field_of_sdl(field) != other:
                differing.append((f"{name}.{field_name}", field_of_sdl(field), other))
    assert differing == []


def test_every_input_is_complete_and_agrees_with_the_official_schema(sdl, official):
    differing = []
    for name, spec in own_types(sdl).items():
        if isinstance(spec, GraphQLInputObjectType):
            ours = {key: entry_of_sdl(entry) for key, entry in spec.fields.items()}
            theirs = {entry["name"]: entry_of_official(entry) for entry in official[name]["inputFields"]}
            if ours != theirs or spec.is_one_of != bool(official[name]["isOneOf"]):
                differing.append((name, ours, theirs))
    assert differing == []


def test_every_enum_is_complete(sdl, official):
    for name, spec in own_types(sdl).items():
        if isinstance(spec, GraphQLEnumType):
            ours = {key: value.deprecation_reason is not None for key, value in spec.values.items()}
            assert ours == {value["name"]: bool(value["isDeprecated"]) for value in official[name]["enumValues"]}, name


def test_unions_and_interfaces_name_only_official_members(sdl, official):
    for name, spec in own_types(sdl).items():
        if isinstance(spec, GraphQLUnionType):
            assert {t.name for t in spec.types} <= {t["name"] for t in official[name]["possibleTypes"]}, name
        if isinstance(spec, GraphQLObjectType | GraphQLInterfaceType):
            assert {i.name for i in spec.interfaces} <= {i["name"] for i in official[name]["interfaces"]}, name


def test_idempotent_is_the_official_directive(sdl, document):
    theirs = next(d for d in document["data"]["__schema"]["directives"] if d["name"] == "idempotent")
    ours = sdl.get_directive("idempotent")
    assert {name: str(argument.type) for name, argument in ours.args.items()} == {
        argument["name"]: written(argument["type"]) for argument in theirs["args"]
    }
    assert [location.name for location in ours.locations] == theirs["locations"]


def test_the_committed_files_are_what_the_script_cuts_today(document):
    text, required, _ = prune_schema.cut_out(document)
    assert prune_schema.SDL.read_text(encoding="utf-8") == text
    assert prune_schema.SCOPES.read_text(encoding="utf-8") == required
