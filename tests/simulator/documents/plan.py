"""Compiles a validated selection into closures: what runs for each of 250 rows is a loop over (key, function).

graphql-core parses and validates; running is done here because a read of 250 levels has thousands of fields. Follows
the GraphQL specification's rules for merging, fragments, null propagation and partial data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from tests.simulator.documents.arguments import argument_reader, condition_variables, idempotency_key_reader, included
from tests.simulator.documents.call import Call
from tests.simulator.documents.documents import Document
from tests.simulator.wire.problems import FieldError, NotSimulatedError, NullBubble

Run = Callable[[object, Call], object]
Resolver = Callable[[object, Call, dict], object]

SCALAR_CLASSES = {"Int": (int,), "Float": (int, float), "Boolean": (bool,), "JSON": (dict, list, str, int, bool)}
# Positions in lists are integers there and texts elsewhere (shopify.md 1.5).
NUMBERED_PATHS = frozenset({"OrderCreateUserError.field"})
# Written by versions before 2026-10 only, so the 2026-10 schema lacks it (shopify.md 1.1).
RETIRED_ENUM_VALUES = frozenset({"ITEM_NOT_STOCKED_AT_LOCATION"})


@dataclass(slots=True, eq=False)
class FieldPlan:
    """One field of one concrete type in the selection; compared by identity."""

    key: str
    name: str
    parent: str
    type_name: str  # the named type it returns
    is_list: bool
    is_leaf: bool
    arguments: Callable[[Call], dict]
    idempotency_key: Callable[[Call], object] | None = None
    run: Run | None = None
    selections: dict[str, list[FieldPlan]] = field(default_factory=dict)  # concrete type -> its fields

    @property
    def is_connection(self) -> bool:
        return self.type_name.endswith("Connection")


@dataclass(slots=True)
class OperationPlan:
    kind: str  # query | mutation
    name: str
    fields: list[FieldPlan]
    introspects: bool


class Compiler:
    """Compiles operations against one schema, with resolvers named "Type.field"."""

    def __init__(self, schema: GraphQLSchema, resolvers: dict[str, Resolver], scopes: dict[str, list[str]], type_names):
        self.schema = schema
        self.resolvers = resolvers
        self.scopes = scopes
        self.type_names: dict[type, str] = type_names

    def operation_plan(self, document: Document, operation: OperationDefinitionNode, variables: dict) -> OperationPlan:
        """The plan for this operation, made once per answer to its @skip and @include variables."""
        conditions = condition_variables(document)
        key = (id(operation), *(variables.get(name) for name in conditions))
        if key not in document.plans:
            document.plans[key] = self._compile(document, operation, variables)
        return document.plans[key]

    def _compile(self, document, operation, variables) -> OperationPlan:
        root = self.schema.get_root_type(operation.operation)
        collected = self._collect(root, [operation.selection_set], document, variables)
        asked = {nodes[0].name.value in ("__schema", "__type") for nodes in collected.values()}
        introspects = True in asked
        if asked == {True, False}:
            raise NotSimulatedError("The simulator does not mix introspection with other fields")
        fields = [] if introspects else self._field_plans(root, collected, document, variables)
        name = operation.name.value if operation.name else ""
        return OperationPlan(operation.operation.value, name, fields, introspects)

    def _collect(self, kind: GraphQLObjectType, selection_sets: Iterable, document: Document, variables: dict):
        """{response key: [field nodes]} of what applies to the concrete type."""
        collected: dict[str, list[FieldNode]] = {}
        waiting = [node for selection_set in selection_sets for node in selection_set.selections][::-1]
        while waiting:
            node = waiting.pop()
            if not included(node, variables):
                continue
            if isinstance(node, FieldNode):
                collected.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
                continue
            fragment = node if isinstance(node, InlineFragmentNode) else document.fragments[node.name.value]
            condition = fragment.type_condition
            if condition is None or self._applies(kind, condition.name.value):
                waiting.extend(fragment.selection_set.selections[::-1])
        return collected

    def _applies(self, kind: GraphQLObjectType, condition: str) -> bool:
        named = self.schema.get_type(condition)
        return named is kind or (is_abstract_type(named) and self.schema.is_sub_type(named, kind))

    def _field_plans(self, kind: GraphQLObjectType, collected, document, variables) -> list[FieldPlan]:
        return [self._field_plan(kind, key, nodes, document, variables) for key, nodes in collected.items()]

    def _field_plan(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode], document, variables) -> FieldPlan:
        name = nodes[0].name.value
        if name == "__typename":
            plan = FieldPlan(key, name, kind.name, "String", False, True, lambda call: {})
            plan.run = lambda value, call, answer=kind.name: answer
            return plan
        definition = kind.fields[name]
        named = get_named_type(definition.type)
        bare = definition.type.of_type if isinstance(definition.type, GraphQLNonNull) else definition.type
        plan = FieldPlan(
            key, name, kind.name, named.name, isinstance(bare, GraphQLList), is_leaf_type(named),
            argument_reader(definition, nodes[0]), idempotency_key_reader(nodes[0]),
        )  # fmt: skip
        selection_sets = [node.selection_set for node in nodes if node.selection_set]
        for concrete in self._concrete_types(named):
            collected = self._collect(concrete, selection_sets, document, variables)
            plan.selections[concrete.name] = self._field_plans(concrete, collected, document, variables)
        plan.run = self._runner(plan, definition.type)
        return plan

    def _concrete_types(self, named) -> list[GraphQLObjectType]:
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            # A type whose objects the simulator never makes needs no plan: nothing can be read of it.
            made = set(self.type_names.values())
            return [kind for kind in self.schema.get_possible_types(named) if kind.name in made]
        return [named] if isinstance(named, GraphQLObjectType) else []

    # What runs

    def _runner(self, plan: FieldPlan, kind) -> Run:
        resolve = self._guarded(plan, self.resolvers.get(f"{plan.parent}.{plan.name}") or _from_dictionary(plan))
        nullable = not isinstance(kind, GraphQLNonNull)
        if plan.is_leaf and not plan.is_list:
            check = _leaf_checker(plan, get_named_type(kind))
            return _leaf_runner(plan, resolve, check, nullable)
        return _composite_runner(plan, resolve, self._completer(plan, kind), nullable)

    def _guarded(self, plan: FieldPlan, resolve: Resolver) -> Resolver:
        """Adds the scopes of the field and of the type it leads to; any one of a list is enough (shopify.md 1.4)."""
        node_type = _node_type(plan.type_name)
        needed = [
            (place, frozenset(self.scopes[place]))
            for place in (f"{plan.parent}.{plan.name}", node_type)
            if self.scopes.get(place)
        ]
        if not needed:
            return resolve

        def guarded(value, call, arguments):
            for _place, scopes in needed:
                if scopes.isdisjoint(call.scopes):
                    raise _access_denied(plan, scopes)
            return resolve(value, call, arguments)

        return guarded

    def _completer(self, plan: FieldPlan, kind) -> Run:
        bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(bare, GraphQLList):
            return _list_completer(self._completer(plan, bare.of_type), isinstance(bare.of_type, GraphQLNonNull), plan)
        if is_leaf_type(bare):
            check = _leaf_checker(plan, bare)
            return lambda value, call: value if value is None else check(value)
        return self._object_completer(plan, bare)

    def _object_completer(self, plan: FieldPlan, bare) -> Run:
        runs = {name: tuple((field.key, field.run) for field in fields) for name, fields in plan.selections.items()}
        if isinstance(bare, GraphQLObjectType):
            only = runs[bare.name]

            def complete(value, call):
                if value is None:
                    return None
                return {key: run(value, call) for key, run in only}

            return complete
        type_names = self.type_names

        def complete_abstract(value, call):
            if value is None:
                return None
            name = type_names[value.__class__]
            return {key: run(value, call) for key, run in runs[name]}

        return complete_abstract


def _leaf_runner(plan: FieldPlan, resolve: Resolver, check, nullable: bool) -> Run:
    key, arguments = plan.key, plan.arguments

    def run(value, call):
        try:
            answer = resolve(value, call, arguments(call))
        except FieldError as problem:
            call.record(problem, [*call.path, key])
            if nullable:
                return None
            raise NullBubble from None
        if answer is None:
            if nullable:
                return None
            raise NotSimulatedError(f"{plan.parent}.{plan.name} is not null in the schema and null in the simulator")
        return check(answer)

    return run


def _composite_runner(plan: FieldPlan, resolve: Resolver, complete: Run, nullable: bool) -> Run:
    key, arguments = plan.key, plan.arguments

    def run(value, call):
        path = call.path
        depth = len(path)
        path.append(key)
        try:
            found = resolve(value, call, arguments(call))
            if found is not None:
                counted = len(found) if plan.is_list or plan.is_connection else 1
                if call.seen.get(plan, -1) < counted:
                    call.seen[plan] = counted
            answer = complete(found, call)
        except FieldError as problem:
            call.record(problem, path[:])
            answer = None
        except NullBubble:
            answer = None
        else:
            if answer is None and not nullable:
                raise NotSimulatedError(
                    f"{plan.parent}.{plan.name} is not null in the schema and null in the simulator"
                )
        del path[depth:]
        if answer is None and not nullable:
            raise NullBubble
        return answer

    return run


def _list_completer(complete: Run, elements_required: bool, plan: FieldPlan) -> Run:
    def complete_list(values, call):
        if values is None:
            return None
        path, answers = call.path, []
        for index, value in enumerate(values):
            path.append(index)
            try:
                answer = complete(value, call)
            except NullBubble:
                if elements_required:
                    raise
                answer = None
            if answer is None and elements_required:
                raise NotSimulatedError(f"{plan.parent}.{plan.name} holds a null that the schema forbids")
            answers.append(answer)
            path.pop()
        return answers

    return complete_list


def _leaf_checker(plan: FieldPlan, kind) -> Callable[[object], object]:
    """Answers have the class that the schema names: a wrong one is a fault of the simulator and stops the request."""
    where = f"{plan.parent}.{plan.name}"
    if isinstance(kind, GraphQLEnumType):
        allowed = frozenset(kind.values) | RETIRED_ENUM_VALUES

        def check_enum(value):
            if value not in allowed:
                raise NotSimulatedError(f"{where}: {value!r} is no {kind.name}")
            return value

        return check_enum
    classes = (str, int) if where in NUMBERED_PATHS else SCALAR_CLASSES.get(kind.name, (str,))

    def check(value):
        if value.__class__ not in classes:
            raise NotSimulatedError(f"{where}: {value!r} is no {kind.name}")
        return value

    return check


def _from_dictionary(plan: FieldPlan) -> Resolver:
    """Payloads, user errors and the like are dictionaries; anything that is missing there is not simulated."""
    name = plan.name

    def resolve(value, call, arguments):
        if value.__class__ is dict and name in value:
            return value[name]
        raise NotSimulatedError(f"The simulator does not implement {plan.parent}.{name}")

    return resolve


def _access_denied(plan: FieldPlan, scopes: frozenset[str]) -> FieldError:
    named = ", ".join(f"`{scope}`" for scope in sorted(scopes))
    required = f"{named} access scope." if len(scopes) == 1 else f"One of {named} access scopes."
    return FieldError(
        f"Access denied for {plan.name} field. Required access: {required}",
        "ACCESS_DENIED",
        documentation="https://shopify.dev/api/usage/access-scopes",
        requiredAccess=required,
    )


def _node_type(name: str) -> str:
    return name.removesuffix("Connection").removesuffix("Edge")
