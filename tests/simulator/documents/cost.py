"""What a document costs (the formula of shopify.md 2.2) and the bucket it is paid from (shopify.md 2.3)."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.simulator.documents.call import Call
from tests.simulator.documents.plan import FieldPlan, OperationPlan

MAX_COST = 1000
MUTATION_COST = 10
ROOT_COUNT_COST = 10
# More than the formula gives, as recorded (shopify.md 2.2, row 65).
DEARER = {"fileCreate": 10, "refundCreate": 10, "articleCreate": 9, "articleUpdate": 9}
FREE_TYPES = frozenset(
    {
        "MoneyBag",
        "MoneyV2",
        "LocationAddress",
        "WebhookSubscriptionEndpoint",
        "WebhookHttpEndpoint",
        "WebhookEventBridgeEndpoint",
        "WebhookPubSubEndpoint",
        "PageInfo",
    }
)
Count = Callable[[FieldPlan], int | None]


def size(count: int) -> int:
    """How a connection grows: 10 -> 4, 50 -> 7, 100 -> 9, 250 -> 11."""
    return 0 if count <= 0 else max(1, math.floor(2 * math.log(count)))


def requested_cost(plan: OperationPlan, call: Call) -> int:
    """Before execution: with `first`, `last` or the number of ids as counts."""

    def count(field: FieldPlan) -> int:
        arguments = field.arguments(call)
        if field.name == "nodes" and "ids" in arguments:
            return len(arguments["ids"])
        return arguments.get("first") or arguments.get("last") or 0

    return _operation_cost(plan, count, call)


def actual_cost(plan: OperationPlan, call: Call) -> int:
    """After execution: with what was really returned; a null object costs its own point only."""
    return _operation_cost(plan, call.seen.get, call)


def _operation_cost(plan: OperationPlan, count: Count, call: Call) -> int:
    if plan.kind == "mutation":
        return sum(_mutation_cost(field, count, call) for field in plan.fields)
    return sum(ROOT_COUNT_COST if field.name.endswith("Count") else _field_cost(field, count) for field in plan.fields)


def _mutation_cost(field: FieldPlan, count: Count, call: Call) -> int:
    """10, plus what lies below the payload's direct objects: the payload and those objects are free."""
    if field.name.startswith("__"):
        return 0
    below = _complexity(field, call) if field.name == "productSet" else 0
    for payload_field in _selected(field):
        if payload_field.name != "userErrors" and not payload_field.is_leaf and count(payload_field) is not None:
            below += _selection_cost(payload_field, count)
    return MUTATION_COST + DEARER.get(field.name, 0) + below


def _complexity(field: FieldPlan, call: Call) -> int:
    """What productSet's input adds ([S]): 1.9 a file, 0.2 a variant, 0.6 a variant's file, 0.4 a metafield."""
    given = field.arguments(call)["input"]
    variants = given.get("variants") or []
    fields = [given, *variants]
    points = 1.9 * len(given.get("files") or []) + 0.2 * len(variants)
    points += 0.6 * sum(1 for row in variants if row.get("file"))
    points += 0.4 * sum(len(row.get("metafields") or []) for row in fields)
    return math.floor(points)


def _field_cost(field: FieldPlan, count: Count) -> int:
    if field.is_leaf:
        return 0
    counted = count(field)
    if field.is_connection:
        return 2 + size(counted or 0) * _per_node(field, count)
    if field.name == "nodes" and field.parent == "QueryRoot":
        # Stricter than the fit of plain lists: 250 ids are priced like a connection of 250.
        return 2 + size(counted or 0) * (1 + _selection_cost(field, count))
    own = 0 if field.type_name in FREE_TYPES else 1
    return own if counted is None else own + _selection_cost(field, count)


def _per_node(connection: FieldPlan, count: Count) -> int:
    """1 + the node, for `nodes` and once more for `edges.node` when both are selected."""
    per = 0
    for field in _selected(connection):
        if field.name == "nodes":
            per += 1 + _selection_cost(field, count)
        elif field.name == "edges":
            per += sum(1 + _selection_cost(node, count) for node in _selected(field) if node.name == "node")
    return per


def _selection_cost(field: FieldPlan, count: Count) -> int:
    """Of an interface or union: its dearest member."""
    return max((sum(_field_cost(inner, count) for inner in fields) for fields in field.selections.values()), default=0)


def _selected(field: FieldPlan) -> list[FieldPlan]:
    return next(iter(field.selections.values()), [])


class Bucket:
    """Points of one app in one shop, restored by the simulator's clock."""

    def __init__(self, seconds: Callable[[], float], size: float):
        self._seconds = seconds
        self._available = size
        self._at = seconds()

    def available(self, knobs) -> float:
        """What is there now; a shrunk `bucket_size` counts at once (row 8)."""
        now = self._seconds()
        self._available = min(knobs.bucket_size, self._available + max(0.0, now - self._at) * knobs.restore_rate)
        self._at = now
        return self._available

    def take(self, points: float, knobs) -> bool:
        """Takes the points when they are all there."""
        if self.available(knobs) < points:
            return False
        self._available -= points
        return True

    def give_back(self, points: float, knobs) -> None:
        self._available = min(knobs.bucket_size, self.available(knobs) + points)

    def set(self, points: float) -> None:
        self._available = points
        self._at = self._seconds()

    def status(self, knobs) -> dict:
        return {
            "maximumAvailable": _number(knobs.bucket_size),
            "currentlyAvailable": _number(math.floor(self.available(knobs))),
            "restoreRate": _number(knobs.restore_rate),
        }


def _number(value: float) -> float:
    """Numbers may be floats on the wire (shopify.md 2.1), and are here, so that nobody parses them as integers."""
    return float(value)
