"""Bulk operations: a query, or a mutation for each line of a file, runs in the background into a JSONL file that is
fetched by a signed link (shopify.md 5).

One thread per running operation. It reads or writes the shop in chunks, so a sale can fall between two lines of one
result, and it finishes when `bulk_delay_seconds` of the simulator's clock have passed since the start.
"""

from __future__ import annotations

import random
import secrets
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from tests.simulator.bulk import imports
from tests.simulator.bulk.lines import LineWriter, Planner, denied, encode, shuffled
from tests.simulator.bulk.rules import refusals
from tests.simulator.documents.call import Call
from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid
from tests.simulator.state.knobs import Knobs
from tests.simulator.state.shop import BulkOperation, Shop
from tests.simulator.wire.problems import FieldError, NotSimulatedError, RequestError

UNFINISHED = ("CREATED", "RUNNING", "CANCELING")
RESULT_LIFE_SECONDS = 7 * 86_400
DOWNLOAD_CHUNK_BYTES = 256 * 1024
WAKE_SECONDS = 0.2  # a frozen clock moves by advance() only; a stop of the simulator is noticed after this long


@dataclass(slots=True)
class PlannedFailure:
    """The next operation of a shop fails with this code after this many lines."""

    error_code: str
    after_lines: int


@dataclass(slots=True)
class Link:
    path: Path
    expires_at: float


@dataclass(slots=True)
class Tally:
    """What has been written so far."""

    lines: int = 0
    roots: int = 0


class LimitError(Exception):
    """The app already runs as many operations in this shop as it may. `running` are their ids."""

    def __init__(self, running: list[int]):
        super().__init__("too many bulk operations")
        self.running = running


class BulkOperations:
    """Runs the operations of all shops of one simulator and serves their results."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.clock = simulator.clock
        self.folder = tempfile.TemporaryDirectory(prefix="tiposync-simulator-")
        self.links: dict[str, Link] = {}
        self.failures: dict[str, PlannedFailure] = {}
        self.moved = threading.Condition()
        self.stopped = False
        self.clock.on_advance(self.wake)

    # What tests and the control API use

    def fail_next(self, shop: Shop, error_code: str = "INTERNAL_SERVER_ERROR", after_lines: int = 0) -> None:
        """Let the shop's next operation end as FAILED; `partialDataUrl` holds the lines written by then."""
        self.failures[shop.domain] = PlannedFailure(error_code, after_lines)

    def open_result(self, token: str) -> tuple[int, Iterator[bytes]] | None:
        """(bytes, chunks) of a result file; None when the link was never made or is dead (shopify.md 5)."""
        link = self.links.get(token)
        if link is None or self.clock.seconds() >= link.expires_at or not link.path.exists():
            return None
        return link.path.stat().st_size, chunks_of(link.path)

    def stop(self) -> None:
        """End running operations where they are and remove the files."""
        self.stopped = True
        self.wake()
        self.folder.cleanup()

    def wake(self) -> None:
        with self.moved:
            self.moved.notify_all()

    # What the mutations use

    def start(self, call: Call, query: str, group_objects: bool) -> BulkOperation:
        """Begin an operation. Raises RequestError or ValueError for a refused query, LimitError for one too many."""
        document = self.simulator.library.document(query)
        found = refusals(document, self.simulator.schema)
        if found:
            raise ValueError("\n".join(found))
        operation = BulkOperation(0, "QUERY", query, call.now, group_objects=group_objects)
        return self.begin(call, operation, document)

    def start_mutation(self, call: Call, mutation: str, path: str) -> BulkOperation:
        """The same with a mutation for each line of an uploaded file. Raises imports.RefusedError, LimitError."""
        document = imports.accepted(call, mutation)
        content = imports.uploaded(call.shop, path)
        return self.begin(call, BulkOperation(0, "MUTATION", mutation, call.now), document, content)

    def begin(self, call: Call, operation: BulkOperation, document, content: bytes | None = None) -> BulkOperation:
        shop = call.shop
        with shop.lock:
            self.check_limit(call, operation.type)
            operation.id, operation.client_id = shop.next_id(), call.app.client_id
            shop.bulk_operations[operation.id] = operation
        own_call = replace(call, variables={}, path=[], errors=[], seen={}, search_warnings=[], before_execute=[])
        own_call.unlimited = content is None
        due = self.clock.seconds() + shop.knobs.bulk_delay_seconds
        arguments = (shop, operation, document, own_call, due, content)
        threading.Thread(target=self.run, args=arguments, name=f"bulk-{operation.id}", daemon=True).start()
        return operation

    def check_limit(self, call: Call, kind: str) -> None:
        """Five of each kind at a time per app and shop since 2026-01, one before."""
        mine = [o for o in call.shop.bulk_operations.values() if o.client_id == call.app.client_id]
        running = [o.id for o in mine if o.status in UNFINISHED and o.type == kind]
        if len(running) >= (5 if call.version >= "2026-01" else 1):
            raise LimitError(running)

    def cancel(self, shop: Shop, operation: BulkOperation) -> bool:
        """Ask an unfinished operation to stop; it becomes CANCELED a little later. False when it had ended."""
        with shop.lock:
            if operation.status not in UNFINISHED:
                return False
            operation.status = "CANCELING"
        self.wake()
        return True

    def link(self, shop: Shop, operation: BulkOperation, *, partial: bool = False) -> str | None:
        """A fresh link to the result: each look signs a new one. None when there is nothing to fetch."""
        wanted = ("FAILED", "CANCELED") if partial else ("COMPLETED",)
        if status_of(operation, self.clock.seconds()) not in wanted or not operation.object_count:
            return None
        now = self.clock.seconds()
        self.links = {token: link for token, link in self.links.items() if link.expires_at > now}
        token = secrets.token_urlsafe(24)
        self.links[token] = Link(self.path_of(operation), now + shop.knobs.bulk_link_seconds)
        return f"{self.simulator.base_url}/_bulk/{token}.jsonl"

    def path_of(self, operation: BulkOperation) -> Path:
        return Path(self.folder.name) / f"{operation.id}.jsonl"

    # The thread

    def run(
        self, shop: Shop, operation: BulkOperation, document, call: Call, due: float, content: bytes | None
    ) -> None:
        """Write the file, wait until it is due, tell the subscribers."""
        move(shop, operation, "CREATED", "RUNNING")
        try:
            outcome, code = self.outcome(shop, operation, document, call, due, content)
        except FileNotFoundError:  # stop() took the folder away
            return
        except BaseException:
            self.finish(shop, operation, "FAILED", "INTERNAL_SERVER_ERROR")
            raise
        if not self.stopped:
            self.finish(shop, operation, outcome, code)

    def finish(self, shop: Shop, operation: BulkOperation, status: str, code: str | None) -> None:
        """Put the operation into its final state and tell the subscribers."""
        with shop.lock:
            operation.status, operation.error_code = status, code
            operation.completed_at = self.clock.whole_seconds()
            if status == "COMPLETED" and operation.object_count:
                operation.file_size = self.path_of(operation).stat().st_size
            shop.publish([("BULK_OPERATIONS_FINISH", (operation.id,))])

    def outcome(self, shop, operation, document, call: Call, due: float, content) -> tuple[str, str | None]:
        """Return the final status and error code."""
        failure = self.failures.pop(shop.domain, None)
        if failure is None and operation.type == "MUTATION" and shop.knobs.bulk_fails:
            code, _, lines = shop.knobs.bulk_fails.partition(":")
            failure = PlannedFailure(code, int(lines or 0))
        try:
            with self.path_of(operation).open("wb") as file:
                if content is None:
                    whole = self.write(shop, operation, document, call, file, failure)
                else:
                    whole = imports.execute(self, operation, document, call, content, file, failure, due)
        except (FieldError, NotSimulatedError, RequestError) as problem:
            refused = isinstance(problem, FieldError) and problem.extensions["code"] == "ACCESS_DENIED"
            return "FAILED", "ACCESS_DENIED" if refused else "INTERNAL_SERVER_ERROR"
        self.wait(operation, due)
        if operation.status == "CANCELING":
            return "CANCELED", None
        if content is None and denied(call):
            return "FAILED", "ACCESS_DENIED"
        return ("COMPLETED", None) if whole else ("FAILED", failure.error_code)

    def write(self, shop, operation, document, call: Call, file: BinaryIO, failure: PlannedFailure | None) -> bool:
        """Write the lines; False when the planned failure cut them short."""
        plan = self.simulator.compiler.operation_plan(document, document.operation(None), {})
        roots = Planner(self.simulator.compiler).roots(plan)
        chunks = LineWriter(shop, call, self.simulator.compiler.type_names).write(roots)
        if not operation.group_objects:
            chunks = shuffled(chunks, random.Random(operation.id))
        room = failure.after_lines if failure else None
        tally = Tally()
        for chunk in chunks:
            if self.stopped or operation.status == "CANCELING":
                break
            kept = chunk if room is None else chunk[: room - tally.lines]
            write_chunk(file, kept, tally, shop.knobs)
            operation.object_count, operation.root_object_count = tally.lines, tally.roots
        return failure is None

    def wait(self, operation: BulkOperation, due: float) -> None:
        """Wait for the simulator's clock; a cancel or a stop ends it early."""
        with self.moved:
            while not self.stopped and operation.status != "CANCELING" and (left := due - self.clock.seconds()) > 0:
                self.moved.wait(min(left, WAKE_SECONDS))


def write_chunk(file: BinaryIO, chunk: list, tally: Tally, knobs: Knobs) -> None:
    for line, is_root in chunk:
        text = encode(line)
        if knobs.bulk_leaves_out and knobs.bulk_leaves_out in text:
            continue
        if not (knobs.bulk_loses and knobs.bulk_loses in text):
            file.write(text.encode() + b"\n")
        tally.lines += 1
        tally.roots += is_root


def move(shop: Shop, operation: BulkOperation, before: str, after: str) -> None:
    """Change the status unless somebody else has done so meanwhile (a cancel)."""
    with shop.lock:
        if operation.status == before:
            operation.status = after


def status_of(operation: BulkOperation, now: float) -> str:
    """The status as it is read: a result is EXPIRED seven days after its end."""
    if operation.status == "COMPLETED" and now >= operation.completed_at + RESULT_LIFE_SECONDS:
        return "EXPIRED"
    return operation.status


def chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(DOWNLOAD_CHUNK_BYTES):
            yield chunk


def finish_body(operation: BulkOperation) -> dict:
    """The body of bulk_operations/finish: the gid and the state, no link ([W] bulk_operations/finish)."""
    return {
        "admin_graphql_api_id": gid("BulkOperation", operation.id),
        "completed_at": None if operation.completed_at is None else iso_offset(operation.completed_at),
        "created_at": iso_offset(operation.created_at),
        "error_code": None if operation.error_code is None else operation.error_code.lower(),
        "status": operation.status.lower(),
        "type": operation.type.lower(),
    }
