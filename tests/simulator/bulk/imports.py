"""Bulk mutations: one mutation, run by itself for each line of an uploaded JSONL file (shopify.md 5).

Points are not spent by lines, but time is: `bulk_line_seconds` each. What befalls single lines is planned with the
match "bulk_line": refuse_before (not executed, no result), internal_error_before (not executed, an error as result),
lost_answer (executed; no result, or with how="internal_error" an error as its result).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import BinaryIO

from graphql import get_named_type
from graphql.language import Visitor, visit
from graphql.utilities import TypeInfo, TypeInfoVisitor

from tests.simulator.documents.call import Call
from tests.simulator.documents.coercion import coerce_variables
from tests.simulator.events.catalogue import staged
from tests.simulator.state.shop import BulkOperation, Shop
from tests.simulator.wire.problems import HttpError, LostConnection, RequestError, error, internal_error

NO_FILE = (
    "The JSONL file could not be found. Try uploading the file again, and check that you've entered the URL correctly "
    "for the stagedUploadPath mutation argument."
)
TOO_LARGE = "The input file size exceeds the maximum allowed size of 100 MB."
NOT_JSONL = "Unexpected file structure - expected JSONL"
NOT_A_MUTATION = "Invalid bulk mutation: the document must hold exactly one mutation."
NOT_ITSELF = "You can't run bulk operations in a bulk mutation."
TOO_MANY = "Bulk mutations cannot contain more than 1 connection."
REFUSED = {
    "INVALID_MUTATION": "You can't use {} in a bulk mutation.",
    "INVALID_STAGED_UPLOAD_FILE": TOO_LARGE,
    "NO_SUCH_FILE": NO_FILE,
    "INTERNAL_FILE_SERVER_ERROR": "There was a problem reading the JSONL file.",
    "LIMIT_REACHED": "Bulk operations limit reached. Please try again later.",
}


class RefusedError(Exception):
    """The operation is not begun; `code` is a BulkMutationErrorCode."""

    def __init__(self, field: str | None, message: str, code: str):
        super().__init__(message)
        self.field, self.code = [field] if field else None, code


def accepted(call: Call, mutation: str):
    """The document of a mutation that may run in bulk. Raises RefusedError."""
    simulator, knobs = call.simulator, call.shop.knobs
    try:
        document = simulator.library.document(mutation)
    except RequestError as problem:
        message = f"Failed to parse the mutation - {problem.errors[0]['message']}"
        raise RefusedError("mutation", message, "INVALID_MUTATION") from None
    operations = document.operations
    if len(operations) != 1 or document.operation(None).operation.value != "mutation":
        raise RefusedError("mutation", NOT_A_MUTATION, "INVALID_MUTATION")
    names = [field.name.value for field in document.operation(None).selection_set.selections]
    if any(name.startswith("bulkOperation") for name in names):
        raise RefusedError("mutation", NOT_ITSELF, "INVALID_MUTATION")
    if count_connections(document.node, simulator.schema) > 1:
        raise RefusedError("mutation", TOO_MANY, "INVALID_MUTATION")
    if knobs.bulk_refuses:
        raise RefusedError("mutation", REFUSED[knobs.bulk_refuses].format(names[0]), knobs.bulk_refuses)
    return document


class _Connections(Visitor):
    """Counts the connections that a document selects."""

    def __init__(self, info: TypeInfo):
        super().__init__()
        self.info, self.count = info, 0

    def enter_field(self, *_) -> None:
        kind = get_named_type(self.info.get_type())
        self.count += kind is not None and kind.name.endswith("Connection")


def count_connections(node, schema) -> int:
    info = TypeInfo(schema)
    found = _Connections(info)
    visit(node, TypeInfoVisitor(info, found))
    return found.count


def uploaded(shop: Shop, path: str) -> bytes:
    """The bytes of an uploaded file, named by the `key` of its staged place. Raises RefusedError."""
    one = shop.catalog.staged.get(path)
    if one is None or one.content is None or one.resource != staged.LINES:
        raise RefusedError("stagedUploadPath", NO_FILE, "NO_SUCH_FILE")
    if len(one.content) > shop.knobs.bulk_file_bytes:
        raise RefusedError("stagedUploadPath", TOO_LARGE, "INVALID_STAGED_UPLOAD_FILE")
    first = one.content.split(b"\n", 1)[0]
    if not isinstance(read_line(first), dict):
        raise RefusedError("stagedUploadPath", NOT_JSONL, "INVALID_STAGED_UPLOAD_FILE")
    return one.content


def read_line(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def execute(bulk, operation: BulkOperation, document, call: Call, content: bytes, file: BinaryIO, failure, due) -> bool:
    """Run a mutation for each line and write what came of it; False when the planned failure cut it short."""
    shop = call.shop
    began = due - shop.knobs.bulk_delay_seconds
    lines = [line for line in content.split(b"\n") if line.strip()]
    for number, line in enumerate(lines):
        bulk.wait(operation, began + number * shop.knobs.bulk_line_seconds)
        if bulk.stopped or operation.status == "CANCELING":
            break
        if failure is not None and number >= failure.after_lines:
            return False
        result = run_line(document, replace(call, now=bulk.clock.whole_seconds(), errors=[], seen={}), line)
        operation.object_count = operation.root_object_count = number + 1
        if result is not None:
            result["__lineNumber"] = number + shop.knobs.bulk_first_line
            file.write(json.dumps(result).encode() + b"\n")
    return failure is None


def run_line(document, call: Call, line: bytes) -> dict | None:
    """What one line's mutation answers; None where the result file will not tell."""
    variables = read_line(line)
    if not isinstance(variables, dict):
        return {"errors": [error(NOT_JSONL, "INVALID_VARIABLE")]}
    simulator, operation = call.simulator, document.operation(None)
    drawn = simulator.faults(call.shop).draw((), "bulk_line", variables)
    kind, how = (drawn[0].kind, drawn[0].how) if drawn else ("", "")
    if kind == "refuse_before":
        return None
    if kind == "internal_error_before":
        return {"errors": [internal_error()]}
    try:
        call.variables = coerce_variables(simulator.schema, operation, variables)
        plan = simulator.compiler.operation_plan(document, operation, call.variables)
        data = simulator.executor.run_in_bulk(call, plan)
    except RequestError as problem:
        return {"errors": problem.errors}
    except (HttpError, LostConnection):
        return {"errors": [internal_error()]}
    if kind == "lost_answer":
        return {"errors": [internal_error()]} if how == "internal_error" else None
    return {"data": data} | ({"errors": call.errors} if call.errors else {})
