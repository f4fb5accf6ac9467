"""What goes wrong in a shop on purpose: a plan of faults that match requests, drawn with the shop's own seeded dice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tests.simulator.documents.call import Call
from tests.simulator.documents.plan import OperationPlan
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import HttpError, LostConnection, RequestError, error, internal_error

# failed_attempt also spoils the key: IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED from then on.
# How each kind ends. "before": nothing was executed. "after": executed and committed, then the answer is lost.
BEFORE = (
    "refuse_before",
    "http",
    "rate_limited",
    "throttled",
    "internal_error_before",
    "failed_attempt",
    "rejected_document",
)
# Not executed: its fields are null, each with an entry in `errors` (row 51 is one of many).
REFUSED = "refused_field"
AFTER = ("lost_answer",)
# A stock mutation answers without a group and without an error: executed all the same, or not at all.
WITHOUT_GROUP = ("null_group", "null_group_before")
LATE = "late_execution"  # the answer is lost at once, and `seconds` later by the simulator's clock it is executed
WAITS = ("slow", "slow_answer")  # before it runs, its key counting as running; after it was committed
KINDS = (*BEFORE, REFUSED, *AFTER, *WITHOUT_GROUP, LATE, *WAITS)
LOST_HOW = ("close", "html", "internal_error")
STRINGS = {
    401: "[API] Invalid API key or access token (unrecognized login or wrong password)",
    402: "This shop's plan does not have access to this feature",
    403: "User does not have access",
    404: "Not Found",
    423: "This shop is currently locked",
    429: "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.",
    430: "Shopify security rejection",
}
HTML = (
    "<!DOCTYPE html><html><head><title>Something went wrong</title></head>"
    "<body><h1>There's a problem loading this page</h1><p>There's a technical problem with Shopify.</p></body></html>"
)


@dataclass(slots=True)
class Fault:
    """`match`: a root field, "any", "any_query", "any_mutation" or "oauth". `count` None: for ever.

    `naming`: only requests that name this gid among their variables.
    """

    kind: str
    match: str = "any"
    count: int | None = 1
    probability: float = 1.0
    skip: int = 0  # lets this many matching requests pass first
    how: str = "close"  # lost_answer: close | html (502) | internal_error
    status: int = 502  # http
    html: bool | None = None  # http; default: HTML for 5xx, a string of JSON below
    retry_after: str = "2.0"  # rate_limited: a float in seconds, as Shopify sends it (shopify.md 1.3)
    seconds: float = 0.0  # slow, slow_answer, late_execution
    naming: str = ""
    code: str = "BAD_REQUEST"  # refused_field, rejected_document

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.how not in LOST_HOW:
            raise ValueError(f"unknown way to lose an answer {self.how!r}; known: {', '.join(LOST_HOW)}")

    def describe(self) -> dict:
        return asdict(self)


class FaultPlan:
    """The faults of one shop, in the order they were added; the first that matches and is drawn happens."""

    def __init__(self, shop: Shop):
        self.shop = shop
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: str, **fields) -> Fault:
        fault = Fault(kind, **fields)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._faults = [other for other in self._faults if other is not fault]

    def listed(self) -> list[Fault]:
        return list(self._faults)

    def draw(self, names: Iterable[str], kind: str, variables: object = None) -> list[Fault]:
        """The faults that befall a request with these root fields: every wait, and at most one of the others."""
        if not self._faults:
            return []
        wanted = {"any", f"any_{kind}", *names} if kind in ("query", "mutation") else {kind}
        drawn: list[Fault] = []
        with self._lock:
            for fault in self._faults:
                if fault.match not in wanted or fault.count == 0:
                    continue
                if fault.naming and json.dumps(fault.naming) not in json.dumps(variables, default=str):
                    continue
                if fault.kind not in WAITS and any(other.kind not in WAITS for other in drawn):
                    continue
                if fault.probability < 1 and self.shop.random.random() >= fault.probability:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.count is not None:
                    fault.count -= 1
                drawn.append(fault)
            self._faults = [fault for fault in self._faults if fault.count != 0]
        for fault in drawn:
            self.shop.counters.faults[fault.kind] += 1
        return drawn


def throttled_error() -> RequestError:
    documentation = "https://shopify.dev/api/usage/rate-limits"
    return RequestError([error("Throttled", "THROTTLED", documentation=documentation)])


def strike_before(fault: Fault) -> None:
    """Raises what a fault that comes before the execution looks like."""
    if fault.kind in ("refuse_before", LATE):
        raise LostConnection(f"{fault.kind}: nothing was executed, as far as anybody can see")
    if fault.kind == "throttled":
        raise throttled_error()
    if fault.kind in ("internal_error_before", "failed_attempt"):
        raise RequestError([internal_error()])
    if fault.kind == "rejected_document":
        raise RequestError([error("Shopify does not take this document.", fault.code)])
    if fault.kind == "rate_limited":
        raise HttpError(429, STRINGS[429], headers={"Retry-After": fault.retry_after})
    if fault.kind == "http":
        html = fault.status >= 500 if fault.html is None else fault.html
        raise HttpError(fault.status, STRINGS.get(fault.status, "An unexpected error occurred"), html=html)


def strike_after(fault: Fault) -> None:
    """The mutation is committed: now its answer is lost."""
    if fault.how == "close":
        raise LostConnection("answer lost")
    if fault.how == "html":
        raise HttpError(502, None, html=True)
    raise RequestError([internal_error()])


def without_groups(plan: OperationPlan) -> dict:
    """The data of a stock mutation that says that it changed nothing."""
    return {planned.key: {"inventoryAdjustmentGroup": None, "userErrors": []} for planned in plan.fields}


def refused_body(fault: Fault, plan: OperationPlan) -> dict:
    """The data and the errors of fields that were refused with a code of the fault's."""
    problems = [error("Shopify refuses this.", fault.code, path=[planned.key]) for planned in plan.fields]
    return {"data": {planned.key: None for planned in plan.fields}, "errors": problems}


def slow_hook(seconds: float):
    def wait(call: Call) -> None:
        call.sleep(seconds)

    return wait
