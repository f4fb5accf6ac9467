"""Writes the lines of a bulk query: one JSON object for each node of a connection, `__parentId` on nested ones.

The fields are run by the same compiled plan that answers ordinary queries; only connections are walked here, so that
a hundred thousand nodes pass through as lines and never stand in memory together.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tests.simulator.documents.call import Call
from tests.simulator.documents.plan import Compiler, FieldPlan, OperationPlan, Resolver
from tests.simulator.state.shop import InventoryItem, Level, Location, Order, Product, Shop, Variant
from tests.simulator.wire.problems import NullBubble

CHUNK_LINES = 500  # the shop is locked for this many at a time
SHUFFLE_WINDOW = 64  # lines; wider than any product here has variants at one location

Line = tuple[dict, bool]  # (object, whether it is a root object)
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class NodePlan:
    """What one concrete type of node writes: its own values, plain objects with connections below, connections."""

    values: list[tuple[str, Callable]] = field(default_factory=list)
    objects: list[tuple[str, Resolver, Callable[[Call], dict], dict[str, NodePlan]]] = field(default_factory=list)
    connections: list[ConnectionPlan] = field(default_factory=list)


@dataclass(slots=True)
class ConnectionPlan:
    resolve: Resolver
    arguments: Callable[[Call], dict]
    nodes: dict[str, NodePlan]


Nested = tuple[ConnectionPlan, Sequence[object]]  # a connection below a node, and what it holds


class Planner:
    """Makes node plans of a compiled operation."""

    def __init__(self, compiler: Compiler):
        self.compiler = compiler

    def roots(self, operation: OperationPlan) -> NodePlan:
        return self.node_plan(operation.fields)

    def node_plan(self, fields: Iterable[FieldPlan]) -> NodePlan:
        plan = NodePlan()
        for entry in fields:
            if entry.is_connection:
                plan.connections.append(self.connection_plan(entry))
            elif holds_connection(entry):
                inner = {name: self.node_plan(below) for name, below in entry.selections.items()}
                plan.objects.append((entry.key, self.resolver(entry), entry.arguments, inner))
            else:
                plan.values.append((entry.key, entry.run))
        return plan

    def connection_plan(self, entry: FieldPlan) -> ConnectionPlan:
        nodes: dict[str, NodePlan] = {}
        for edges in selected(entry, "edges"):
            for node in selected(edges, "node"):
                nodes = {name: self.node_plan(fields) for name, fields in node.selections.items()}
        return ConnectionPlan(self.resolver(entry), entry.arguments, nodes)

    def resolver(self, entry: FieldPlan) -> Resolver:
        """The resolver of a field with its check of scopes, not yet followed by the completion of what it found."""
        return self.compiler._guarded(entry, self.compiler.resolvers[f"{entry.parent}.{entry.name}"])


def selected(entry: FieldPlan, name: str) -> list[FieldPlan]:
    return [child for fields in entry.selections.values() for child in fields if child.name == name]


def holds_connection(entry: FieldPlan) -> bool:
    below = (child for fields in entry.selections.values() for child in fields)
    return any(child.is_connection or holds_connection(child) for child in below)


class LineWriter:
    """Walks the roots of one operation. `write` yields lists of lines, each made under the shop's lock."""

    def __init__(self, shop: Shop, call: Call, type_names: dict[type, str]):
        self.shop = shop
        self.call = call
        self.type_names = type_names
        self.homes = {
            Product: shop.products,
            Variant: shop.variants,
            InventoryItem: shop.items,
            Location: shop.locations,
            Order: shop.orders,
        }

    def write(self, roots: NodePlan) -> Iterator[list[Line]]:
        """Yield the lines of every root connection in chunks. Raises FieldError when a scope is missing."""
        for connection, owner in self.root_connections(roots, None):
            with self.shop.lock:
                nodes = self.resolved(connection.resolve, owner, connection.arguments).nodes
            lines = self.lines(nodes, connection.nodes, None)
            while chunk := self.next_chunk(lines):
                yield chunk

    def next_chunk(self, lines: Iterator[Line]) -> list[Line]:
        with self.shop.lock:
            return list(islice(lines, CHUNK_LINES))

    def root_connections(self, plan: NodePlan, owner: object) -> Iterator[tuple[ConnectionPlan, object]]:
        """Yield the outermost connections; an object above them (one location, one product) has no line of its own."""
        for connection in plan.connections:
            yield connection, owner
        for _, resolve, arguments, inner in plan.objects:
            found = self.resolved(resolve, owner, arguments)
            if found is not None:
                yield from self.root_connections(self.plan_of(found, inner), found)

    def is_there(self, node: object) -> bool:
        """Whether a node still exists: the shop goes on selling between two chunks."""
        if isinstance(node, Level):
            return self.shop.levels.get((node.item_id, node.location_id)) is node
        home = self.homes.get(node.__class__)
        return home is None or node.id in home

    def lines(self, nodes: Iterable[object], plans: dict[str, NodePlan], parent: str | None) -> Iterator[Line]:
        """The line of each node, followed by the lines of what is nested in it."""
        for node in nodes:
            if self.is_there(node):
                yield from self.lines_of(node, plans, parent)

    def lines_of(self, node: object, plans: dict[str, NodePlan], parent: str | None) -> Iterator[Line]:
        plan = self.plan_of(node, plans)
        try:
            line = {key: run(node, self.call) for key, run in plan.values}
        except NullBubble:
            return
        nested: list[Nested] = []
        self.descend(node, plan, line, nested)
        place = line.get("id")
        if parent is not None:
            line["__parentId"] = parent
        yield line, parent is None
        for connection, nodes in nested:
            yield from self.lines(nodes, connection.nodes, place)

    def descend(self, value: object, plan: NodePlan, line: dict, nested: list[Nested]) -> None:
        """Complete a line by the plain objects of its node; `nested` gets the connections below."""
        for key, resolve, arguments, inner in plan.objects:
            found = self.resolved(resolve, value, arguments)
            line[key] = found if found is None else self.plain(found, inner, nested)
        for connection in plan.connections:
            page = self.resolved(connection.resolve, value, connection.arguments)
            if page is not None:
                nested.append((connection, page.nodes))

    def plain(self, value: object, plans: dict[str, NodePlan], nested: list[Nested]) -> dict:
        """An object that is not a connection's node stays inline; connections below it belong to the node above."""
        plan = self.plan_of(value, plans)
        line = {key: run(value, self.call) for key, run in plan.values}
        self.descend(value, plan, line, nested)
        return line

    def resolved(self, resolve: Resolver, value: object, arguments: Callable[[Call], dict]) -> object:
        return resolve(value, self.call, arguments(self.call))

    def plan_of(self, value: object, plans: dict[str, NodePlan]) -> NodePlan:
        return next(iter(plans.values())) if len(plans) == 1 else plans[self.type_names[value.__class__]]


def denied(call: Call) -> bool:
    """Whether a field was refused for lack of a scope while lines were written."""
    return any(entry["extensions"].get("code") == "ACCESS_DENIED" for entry in call.errors)


def shuffled(chunks: Iterable[list[Line]], draw: random.Random) -> Iterator[list[Line]]:
    """Mix lines within a window, so that a child may stand before its parent or far behind it (groupObjects: false)."""
    waiting: list[Line] = []
    for chunk in chunks:
        mixed = []
        for line in chunk:
            waiting.append(line)
            if len(waiting) >= SHUFFLE_WINDOW:
                mixed.append(taken(waiting, draw))
        yield mixed
    draw.shuffle(waiting)
    yield waiting


def taken(waiting: list[Line], draw: random.Random) -> Line:
    """Take one line out of the window at random."""
    place = int(draw.random() * len(waiting))
    waiting[place], waiting[-1] = waiting[-1], waiting[place]
    return waiting.pop()
