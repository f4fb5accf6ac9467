"""Reads a selection's arguments, idempotency key and @skip/@include: what plan.py knows before it compiles a field."""

from __future__ import annotations

from collections.abc import Callable

from graphql import FieldNode, Undefined, value_from_ast
from graphql.language import VariableNode, Visitor, visit

from tests.simulator.documents.call import Call
from tests.simulator.documents.coercion import coercer, default_of, flat_path
from tests.simulator.documents.documents import Document
from tests.simulator.wire.problems import RequestError, error


def argument_reader(definition, node: FieldNode) -> Callable[[Call], dict]:
    """Constant arguments are read once; those with variables on every call. Absent stays absent."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    constant, varying = {}, []
    defaults = {name: default_of(argument) for name, argument in definition.args.items()}
    for name, argument in definition.args.items():
        if name not in given:
            if defaults[name] is not Undefined:
                constant[name] = defaults[name]
        elif isinstance(given[name], VariableNode):
            varying.append((name, given[name].name.value, None, argument))
        elif _has_variable(given[name]):
            varying.append((name, None, given[name], argument))
        else:
            constant[name] = _checked(name, node, argument, value_from_ast(given[name], argument.type))
    if not varying:
        return lambda call: constant

    def read(call: Call) -> dict:
        values = dict(constant)
        for name, variable, literal, argument in varying:
            if literal is not None:
                values[name] = _checked(name, node, argument, value_from_ast(literal, argument.type, call.variables))
            elif variable in call.variables:
                values[name] = call.variables[variable]
            elif defaults[name] is not Undefined:
                values[name] = defaults[name]
        return values

    return read


def _checked(name: str, node: FieldNode, argument, value: object) -> object:
    problems: list = []
    result = coercer(argument.type)(value, (), problems)
    if problems:
        path, text = problems[0]
        where = [node.name.value, name, *flat_path(path)]
        raise RequestError([error(text, "argumentLiteralsIncompatible", path=where)])
    return result


def idempotency_key_reader(node: FieldNode) -> Callable[[Call], object] | None:
    """Reads the key of @idempotent, a literal or a variable; None for a field without it."""
    for directive in node.directives or ():
        if directive.name.value == "idempotent":
            value = directive.arguments[0].value
            if isinstance(value, VariableNode):
                return lambda call, name=value.name.value: call.variables.get(name)
            text = getattr(value, "value", None)
            return lambda call: text
    return None


class _FindVariable(Visitor):
    found = False

    def enter_variable(self, *_):
        self.found = True


def _has_variable(node) -> bool:
    visitor = _FindVariable()
    visit(node, visitor)
    return visitor.found


def included(node, variables: dict) -> bool:
    """Whether @skip and @include let a selection through."""
    for directive in node.directives or ():
        name = directive.name.value
        if name in ("skip", "include"):
            value = directive.arguments[0].value
            answer = variables.get(value.name.value) if isinstance(value, VariableNode) else value.value
            if bool(answer) is (name == "skip"):
                return False
    return True


def condition_variables(document: Document) -> tuple[str, ...]:
    """Names of the variables that stand in @skip and @include anywhere in the document."""
    if "conditions" not in document.plans:
        names: set[str] = set()

        class Find(Visitor):
            def enter_directive(self, node, *_):
                if node.name.value in ("skip", "include") and isinstance(node.arguments[0].value, VariableNode):
                    names.add(node.arguments[0].value.name.value)

        visit(document.node, Find())
        document.plans["conditions"] = tuple(sorted(names))
    return document.plans["conditions"]
