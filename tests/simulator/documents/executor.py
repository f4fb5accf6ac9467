"""From a request's JSON to its answer: token, version, document, variables, price, faults (shopify.md 1 to 3)."""

from __future__ import annotations

import re
import sys
import time
import uuid
from dataclasses import dataclass, field

from graphql import execute_sync

from tests.simulator.documents.call import Call
from tests.simulator.documents.coercion import coerce_variables
from tests.simulator.documents.cost import MAX_COST, actual_cost, requested_cost
from tests.simulator.documents.plan import FieldPlan, OperationPlan
from tests.simulator.documents.schema import expand_scopes
from tests.simulator.mutations.idempotency import close_ticket, open_ticket, spoil_keys
from tests.simulator.reads.shop import CANDIDATE, VERSIONS
from tests.simulator.state.shop import Shop
from tests.simulator.wire.auth import installation_of
from tests.simulator.wire.faults import (
    LATE,
    REFUSED,
    WAITS,
    refused_body,
    slow_hook,
    strike_after,
    strike_before,
    throttled_error,
    without_groups,
)
from tests.simulator.wire.problems import HttpError, LostConnection, NotSimulatedError, NullBubble, RequestError, error

VERSION = re.compile(r"\d{4}-(01|04|07|10)\Z")
MAX_ROWS = 250
MORE_ROWS = {  # row 11: lists with a limit of their own
    ("draftOrderCreate", "lineItems"): 499,
    ("draftOrderUpdate", "lineItems"): 499,
    ("productSet", "variants"): 2048,
    ("productSet", "values"): 2048,  # of an option, which may have one variant each
    ("metafieldsSet", "metafields"): 25,
}


@dataclass(slots=True)
class Answer:
    """What goes back: a JSON body or HTML; `lost` closes the connection in its place."""

    status: int = 200
    body: dict | None = None
    html: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


def served_version(shop: Shop, asked: str) -> str:
    """Falls forward to the oldest supported one (row 2). Raises HttpError 404 for something that is no version."""
    if shop.knobs.pretend_version:
        return shop.knobs.pretend_version
    if asked == "unstable" or asked in VERSIONS or asked == CANDIDATE:
        return asked
    if not VERSION.match(asked) or asked > CANDIDATE:
        raise HttpError(404, "Not Found")
    return VERSIONS[0]


class Executor:
    """Runs the GraphQL requests of all shops of one simulator."""

    def __init__(self, simulator):
        self.simulator = simulator

    def answer(self, shop: Shop, version: str, token: str | None, request: object) -> Answer:
        """Never raises: whatever goes wrong becomes an answer, an entry in the log and a counter."""
        started = time.perf_counter()
        entry = {"at": self.simulator.clock.now().isoformat(), "operation": "", "fields": [], "fault": None}
        shop.counters.requests += 1
        call: Call | None = None
        try:
            served = served_version(shop, version)
            call = self._call(shop, served, token)
            answer = Answer(body=self._run(call, request, entry))
        except HttpError as problem:
            body = None if problem.html else {"errors": problem.errors}
            answer = Answer(problem.status, body, problem.html, dict(problem.headers))
        except LostConnection:
            answer = Answer(status=0, lost=True)
        except RequestError as problem:
            answer = Answer(body={"errors": problem.errors})
            if problem.cost:
                answer.body["extensions"] = {"cost": problem.cost}
        except NotSimulatedError as problem:
            print(f"simulator: {problem}", file=sys.stderr)
            answer = Answer(501, {"errors": f"Not simulated: {problem}"})
        self._finish(shop, answer, entry, version, call, time.perf_counter() - started)
        return answer

    def _finish(self, shop: Shop, answer: Answer, entry: dict, version: str, call: Call | None, seconds: float) -> None:
        own = seconds - (call.asleep_seconds if call else 0.0)
        shop.counters.own_seconds += own
        codes = []
        if isinstance((answer.body or {}).get("errors"), list):
            codes = [one.get("extensions", {}).get("code") for one in answer.body["errors"]]
        if "THROTTLED" in codes:
            shop.counters.throttled += 1
        answer.headers["X-Shopify-API-Version"] = call.version if call else version
        answer.headers["X-Request-Id"] = str(uuid.uuid4())
        cost = ((answer.body or {}).get("extensions") or {}).get("cost") or {}
        entry |= {
            "status": answer.status,
            "errors": codes,
            "requested_cost": cost.get("requestedQueryCost"),
            "actual_cost": cost.get("actualQueryCost"),
            "milliseconds": round(own * 1000, 2),
            "waited_milliseconds": round((seconds - own) * 1000, 2),
        }
        shop.request_log.append(entry)

    def _call(self, shop: Shop, version: str, token: str | None) -> Call:
        app, scopes = installation_of(shop, token, self.simulator.clock)
        return Call(self.simulator, shop, app, expand_scopes(scopes), version, self.simulator.clock.whole_seconds())

    def _run(self, call: Call, request: object, entry: dict) -> dict:
        query, variables, name = _parts(request)
        simulator, shop = self.simulator, call.shop
        simulator.later.catch_up(shop)
        document = simulator.library.document(query)
        operation = document.operation(name)
        entry["operation"] = operation.name.value if operation.name else ""
        call.variables = coerce_variables(simulator.schema, operation, variables)
        plan = simulator.compiler.operation_plan(document, operation, call.variables)
        entry["fields"] = [f.name for f in plan.fields]
        entry["kind"] = plan.kind
        if plan.introspects:
            result = execute_sync(simulator.schema, document.node, variable_values=variables, operation_name=name)
            return {"data": result.data, "extensions": {"cost": self._cost(call, 1, 1)}}
        _check_rows(plan.fields, call)
        drawn = simulator.faults(shop).draw(entry["fields"], plan.kind, variables)
        if drawn:
            entry["fault"] = "+".join(fault.kind for fault in drawn)
        struck = next((fault for fault in drawn if fault.kind not in WAITS), None)
        if struck is not None:
            if struck.kind == "failed_attempt":
                spoil_keys(call, plan.fields)
            if struck.kind == LATE:
                with shop.lock:
                    simulator.later.schedule(shop, lambda: self._execute_late(call, plan), struck.seconds)
            strike_before(struck)
        requested = self._pay(call, plan)
        call.before_execute = [slow_hook(fault.seconds) for fault in drawn if fault.kind == "slow"]
        call.before_execute += simulator.hooks_before(plan, call)
        if struck is not None and struck.kind == "null_group_before":
            return {"data": without_groups(plan), "extensions": {"cost": self._cost(call, requested, requested)}}
        if struck is not None and struck.kind == REFUSED:
            return {**refused_body(struck, plan), "extensions": {"cost": self._cost(call, requested, requested)}}
        body = self._execute(call, plan, requested)
        simulator.run_hooks_after(plan, call)
        call.sleep(sum(fault.seconds for fault in drawn if fault.kind == "slow_answer"))
        if struck is not None and struck.kind == "null_group":
            body["data"] = without_groups(plan)
        elif struck is not None:
            strike_after(struck)
        return body

    def _execute_late(self, call: Call, plan: OperationPlan) -> None:
        """Nobody waits for the answer any more; what it does, it does at the moment of now."""
        call.now = self.simulator.clock.whole_seconds()
        self._execute(call, plan, self._pay(call, plan))

    def _pay(self, call: Call, plan: OperationPlan) -> int:
        """Takes the requested cost before anything runs (rows 7 and 8). Raises RequestError."""
        requested = requested_cost(plan, call)
        if requested > MAX_COST:
            message = f"Query cost is {requested}, which exceeds the single query max cost limit ({MAX_COST})."
            documentation = "https://shopify.dev/api/usage/rate-limits"
            problem = error(message, "MAX_COST_EXCEEDED", cost=requested, maxCost=MAX_COST, documentation=documentation)
            raise RequestError([problem])
        bucket = self.simulator.bucket(call.shop, call.app)
        with call.shop.lock:
            if bucket.take(requested, call.shop.knobs):
                return requested
            problem = throttled_error()
            problem.cost = self._cost(call, requested, None)
        raise problem

    def _execute(self, call: Call, plan: OperationPlan, requested: int) -> dict:
        shop = call.shop
        run = self._run_mutation if plan.kind == "mutation" else self._run_query
        try:
            data: dict | None = run(call, plan)
        except NullBubble:
            data = None
        with shop.lock:
            actual = min(requested, actual_cost(plan, call))
            self.simulator.bucket(shop, call.app).give_back(requested - actual, shop.knobs)
            shop.counters.points += actual
            for planned in plan.fields:
                shop.counters.operations[planned.name] += 1
            body: dict = {"data": data}
            if call.errors:
                body["errors"] = call.errors
            body["extensions"] = {"cost": self._cost(call, requested, actual)}
        if call.search_warnings:
            body["extensions"]["search"] = call.search_warnings
        return body

    def run_in_bulk(self, call: Call, plan: OperationPlan) -> dict | None:
        """The data of one line of a bulk mutation, which spends no points. Raises RequestError."""
        _check_rows(plan.fields, call)
        try:
            data: dict | None = self._run_mutation(call, plan)
        except NullBubble:
            data = None
        with call.shop.lock:
            for planned in plan.fields:
                call.shop.counters.bulk_lines[planned.name] += 1
        self.simulator.run_hooks_after(plan, call)
        return data

    def _run_query(self, call: Call, plan: OperationPlan) -> dict:
        call.run_before_execute()
        with call.shop.lock:
            return {planned.key: planned.run(None, call) for planned in plan.fields}

    def _run_mutation(self, call: Call, plan: OperationPlan) -> dict:
        """One root field after the other; the waiting of a slow one happens outside the lock, with its key running."""
        data = {}
        for planned in plan.fields:
            call.ticket = open_ticket(call, planned)
            try:
                call.run_before_execute()
                call.sleep(call.shop.knobs.execution_seconds)
                with call.shop.lock:
                    data[planned.key] = planned.run(None, call)
            finally:
                close_ticket(call, call.ticket)
        return data

    def _cost(self, call: Call, requested: int, actual: int | None) -> dict:
        status = self.simulator.bucket(call.shop, call.app).status(call.shop.knobs)
        return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}


def _parts(request: object) -> tuple[str, dict, str | None]:
    """(query, variables, operation name). Raises HttpError 400 for anything else than a GraphQL request."""
    if not isinstance(request, dict) or not isinstance(request.get("query"), str):
        raise HttpError(400, {"query": "Required parameter missing or invalid"})
    variables = request.get("variables") or {}
    if not isinstance(variables, dict):
        raise HttpError(400, {"variables": "Variables are invalid"})
    return request["query"], variables, request.get("operationName")


def _check_rows(fields: list[FieldPlan], call: Call) -> None:
    """Lists of more than 250 rows are refused before anything runs (row 11). Raises RequestError."""
    for planned in fields:
        if planned.is_leaf:
            continue
        for name, value in planned.arguments(call).items():
            _check_list(planned.name, [planned.key, name], value)


def _check_list(field_name: str, path: list, value: object) -> None:
    if isinstance(value, list):
        limit = MORE_ROWS.get((field_name, path[-1]), MAX_ROWS)
        if len(value) > limit:
            message = f"The input array size of {len(value)} is greater than the maximum allowed of {limit}."
            raise RequestError([error(message, "MAX_INPUT_SIZE_EXCEEDED", path=path)])
        for index, row in enumerate(value):
            if row.__class__ is dict:
                for name, inner in row.items():
                    if inner.__class__ in (list, dict):
                        _check_list(field_name, [*path, index, name], inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_list(field_name, [*path, name], inner)
