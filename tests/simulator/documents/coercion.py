"""Turns variables into argument values, with Shopify's INVALID_VARIABLE answers.

One closure per input type, made once: 250 rows have to be read in a few milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    type_from_ast,
    value_from_ast,
)

from tests.simulator.state.gids import PATTERN
from tests.simulator.wire.problems import RequestError, error

Problems = list[tuple[tuple, str]]
Coerce = Callable[[object, tuple, Problems], object]
INT_LIMIT = 2**31


def _could_not(value: object, kind: str) -> str:
    return f"Could not coerce value {json.dumps(value)} to {kind}"


def _coerce_int(value, path, problems):
    if value.__class__ is int and -INT_LIMIT <= value < INT_LIMIT:
        return value
    problems.append((path, _could_not(value, "Int")))
    return None


def _coerce_id(value, path, problems):
    text = str(value) if value.__class__ is int else value
    if text.__class__ is str and PATTERN.match(text):
        return text
    problems.append((path, f"Invalid global id '{value}'"))
    return None


def _coerce_boolean(value, path, problems):
    if value.__class__ is bool:
        return value
    problems.append((path, _could_not(value, "Boolean")))
    return None


def _coerce_number(value, path, problems):
    if value.__class__ in (int, float):
        return value
    problems.append((path, _could_not(value, "Float")))
    return None


def _coerce_number_text(value, path, problems):
    if value.__class__ in (int, float, str):
        return str(value)
    problems.append((path, _could_not(value, "Decimal")))
    return None


def _coerce_anything(value, path, problems):
    return value


def _text_coercer(kind: str) -> Coerce:
    def coerce(value, path, problems):
        if value.__class__ is str:
            return value
        problems.append((path, _could_not(value, kind)))
        return None

    return coerce


SCALARS: dict[str, Coerce] = {
    "Int": _coerce_int,
    "ID": _coerce_id,
    "Boolean": _coerce_boolean,
    "Float": _coerce_number,
    "Decimal": _coerce_number_text,
    "UnsignedInt64": _coerce_number_text,
    "JSON": _coerce_anything,
}


@cache
def coercer(kind: GraphQLInputType) -> Coerce:
    """The closure that checks and converts a value of this input type."""
    if isinstance(kind, GraphQLNonNull):
        return _non_null_coercer(coercer(kind.of_type))
    if isinstance(kind, GraphQLList):
        inner = _list_coercer(coercer(kind.of_type))
    elif isinstance(kind, GraphQLInputObjectType):
        inner = _object_coercer(kind)
    elif isinstance(kind, GraphQLEnumType):
        inner = _enum_coercer(kind)
    else:
        inner = SCALARS.get(kind.name) or _text_coercer(kind.name)
    return lambda value, path, problems: None if value is None else inner(value, path, problems)


def _non_null_coercer(inner: Coerce) -> Coerce:
    def coerce(value, path, problems):
        if value is None:
            problems.append((path, "Expected value to not be null"))
            return None
        return inner(value, path, problems)

    return coerce


def _list_coercer(inner: Coerce) -> Coerce:
    def coerce(value, path, problems):
        if not isinstance(value, list):
            return [inner(value, path, problems)]
        return [inner(element, (path, index), problems) for index, element in enumerate(value)]

    return coerce


def _enum_coercer(kind: GraphQLEnumType) -> Coerce:
    names = frozenset(kind.values)

    def coerce(value, path, problems):
        if value.__class__ is str and value in names:
            return value
        problems.append((path, f"Expected {json.dumps(value)} to be one of: {', '.join(kind.values)}"))
        return None

    return coerce


def _object_coercer(kind: GraphQLInputObjectType) -> Coerce:
    plans: list[tuple[str, Coerce, bool, object]] = []

    def prepare():  # late: input types may contain themselves
        made = []
        for name, field in kind.fields.items():
            default = default_of(field)
            required = isinstance(field.type, GraphQLNonNull) and default is Undefined
            made.append((name, coercer(field.type), required, default))
        plans[:] = made  # at once: another thread that comes meanwhile would take half of the fields for all

    def coerce(value, path, problems):
        if not plans:
            prepare()
        if value.__class__ is not dict:
            problems.append((path, _could_not(value, kind.name)))
            return None
        result, known = {}, 0
        for name, inner, required, default in plans:
            if name in value:
                known += 1
                result[name] = inner(value[name], (path, name), problems)
            elif required:
                problems.append(((path, name), "Expected value to not be null"))
            elif default is not Undefined:
                result[name] = default
        if known != len(value):
            for name in value.keys() - kind.fields.keys():
                problems.append(((path, name), f"Field is not defined on {kind.name}"))
        return result

    return coerce


def default_of(field: GraphQLArgument | GraphQLInputField) -> object:
    """The default value that the SDL gives an argument or input field, or Undefined."""
    if field.default is None:
        return Undefined
    if field.default.literal is not None:
        return value_from_ast(field.default.literal, field.type)
    return field.default.value


def flat_path(path: tuple) -> list:
    """((((), "quantities"), 0), "quantity") -> ["quantities", 0, "quantity"]: paths are only spelled out when wrong."""
    parts: list = []
    while path:
        path, last = path
        parts.append(last)
    return parts[::-1]


def coerce_variables(schema: GraphQLSchema, operation: OperationDefinitionNode, given: dict) -> dict:
    """The operation's variables. Absent stays absent, which is not null (shopify.md 3.2). Raises RequestError."""
    values: dict = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        kind = type_from_ast(schema, definition.type)
        if name not in given and definition.default_value is not None:
            values[name] = value_from_ast(definition.default_value, kind)
            continue
        if name not in given and not isinstance(kind, GraphQLNonNull):
            continue
        problems: Problems = []
        values[name] = coercer(kind)(given.get(name), (), problems)
        if problems:
            raise RequestError([_invalid_variable(name, kind, given.get(name), problems, definition)])
    return values


def _invalid_variable(name, kind, value, problems, definition) -> dict:
    listed = [{"path": flat_path(path), "explanation": text} for path, text in problems]
    where = ", ".join(
        f"{'.'.join(map(str, problem['path']))} ({problem['explanation']})" for problem in listed if problem["path"]
    )
    message = f"Variable ${name} of type {kind} was provided invalid value" + (f" for {where}" if where else "")
    node = definition.variable
    start = node.loc.start_token if node.loc else None
    return error(message, "INVALID_VARIABLE", locations=[start] if start else None, value=value, problems=listed)
