"""Resolvers of bulk operations: the mutations, the ways to find an operation, and its fields."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator.bulk.imports import RefusedError
from tests.simulator.bulk.operations import LimitError, status_of
from tests.simulator.documents.call import Call
from tests.simulator.reads.paging import Page, connection_resolvers, page_of
from tests.simulator.reads.searching.search import compile_search
from tests.simulator.reads.shop import attribute, by_id, instant, number_of
from tests.simulator.state.gids import gid
from tests.simulator.state.shop import BulkOperation
from tests.simulator.wire.problems import RequestError, user_error

UNKNOWN = "Bulk operation does not exist"
ENDED = "A bulk operation cannot be canceled when it is {}"
BUSY = "A bulk {} operation for this app and shop is already in progress: {}."


def run_query(root, call: Call, arguments: dict) -> dict:
    """bulkOperationRunQuery. The answer shows the operation as CREATED, however fast it runs."""
    try:
        operation = call.simulator.bulk.start(call, arguments["query"], arguments["groupObjects"])
    except RequestError as problem:
        return refused(["query"], f"Invalid bulk query: {problem.errors[0]['message']}", "INVALID")
    except ValueError as problem:
        return refused(["query"], str(problem), "INVALID")
    except LimitError as problem:
        return busy("query", problem)
    return {"bulkOperation": replace(operation, status="CREATED", completed_at=None), "userErrors": []}


def run_mutation(root, call: Call, arguments: dict) -> dict:
    """bulkOperationRunMutation. Its clientIdentifier can be given and, by [S], neither read nor searched."""
    try:
        operation = call.simulator.bulk.start_mutation(call, arguments["mutation"], arguments["stagedUploadPath"])
    except RefusedError as problem:
        return refused(problem.field, str(problem), problem.code)
    except LimitError as problem:
        return busy("mutation", problem)
    return {"bulkOperation": replace(operation, status="CREATED", completed_at=None), "userErrors": []}


def busy(kind: str, problem: LimitError) -> dict:
    running = ", ".join(gid("BulkOperation", number) for number in problem.running)
    return refused(None, BUSY.format(kind, running), "OPERATION_IN_PROGRESS")


def refused(field: list[str] | None, message: str, code: str | None = None) -> dict:
    return {"bulkOperation": None, "userErrors": [user_error(field, message, code)]}


def cancel(root, call: Call, arguments: dict) -> dict:
    """bulkOperationCancel: CANCELING now, CANCELED a little later."""
    operation = call.shop.bulk_operations.get(number_of(arguments["id"], "BulkOperation"))
    if operation is None:
        return refused(["id"], UNKNOWN)
    if not call.simulator.bulk.cancel(call.shop, operation):
        return {"bulkOperation": operation, "userErrors": [user_error(None, ENDED.format(operation.status.lower()))]}
    return {"bulkOperation": replace(operation, status="CANCELING"), "userErrors": []}


def operations(root, call: Call, arguments: dict) -> Page:
    """bulkOperations(query: "status:running operation_type:query created_at:>…")."""
    keys = {
        "id": lambda operation: operation.id,
        "status": lambda operation: operation.status.lower(),
        "operation_type": lambda operation: operation.type.lower(),
        "created_at": lambda operation: operation.created_at,
    }
    search = compile_search(arguments.get("query"), keys, keys["status"])
    if search and search.warnings:
        entry = {"path": ["bulkOperations"], "query": arguments["query"], "parsed": arguments["query"]}
        call.search_warnings.append({**entry, "warnings": search.warnings})

    def key(operation: BulkOperation) -> tuple:
        by_end = arguments["sortKey"] == "COMPLETED_AT"
        return ((operation.completed_at or 0) if by_end else operation.created_at, operation.id)

    rows = sorted(call.shop.bulk_operations.values(), key=key)
    return page_of(call, arguments, rows, key, search.matches if search else None)


def current(root, call: Call, arguments: dict) -> BulkOperation | None:
    """currentBulkOperation (deprecated): the latest of its type."""
    rows = [o for o in call.shop.bulk_operations.values() if o.type == arguments["type"]]
    return rows[-1] if rows else None


def status(operation: BulkOperation, call: Call, arguments: dict) -> str:
    return status_of(operation, call.simulator.clock.seconds())


def text_of(name: str):
    """Counts and sizes are strings on the wire ([S] UnsignedInt64)."""

    def resolve(operation: BulkOperation, call: Call, arguments: dict) -> str | None:
        number = getattr(operation, name)
        return None if number is None else str(number)

    return resolve


def link(*, partial: bool):
    """url or partialDataUrl. Every look signs a new link, which lives `bulk_link_seconds`."""

    def resolve(operation: BulkOperation, call: Call, arguments: dict) -> str | None:
        return call.simulator.bulk.link(call.shop, operation, partial=partial)

    return resolve


RESOLVERS = {
    "Mutation.bulkOperationRunQuery": run_query,
    "Mutation.bulkOperationRunMutation": run_mutation,
    "Mutation.bulkOperationCancel": cancel,
    "QueryRoot.bulkOperation": by_id("BulkOperation"),
    "QueryRoot.bulkOperations": operations,
    "QueryRoot.currentBulkOperation": current,
    **connection_resolvers(["BulkOperation"]),
    "BulkOperation.id": lambda operation, call, arguments: gid("BulkOperation", operation.id),
    "BulkOperation.status": status,
    "BulkOperation.type": attribute("type"),
    "BulkOperation.query": attribute("query"),
    "BulkOperation.createdAt": instant("created_at"),
    "BulkOperation.completedAt": instant("completed_at"),
    "BulkOperation.errorCode": attribute("error_code"),
    "BulkOperation.objectCount": text_of("object_count"),
    "BulkOperation.rootObjectCount": text_of("root_object_count"),
    "BulkOperation.fileSize": text_of("file_size"),
    "BulkOperation.url": link(partial=False),
    "BulkOperation.partialDataUrl": link(partial=True),
}
