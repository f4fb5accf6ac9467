"""Bulk operations: Shopify runs one query over a whole store and leaves a file, read here line by line.

They spend no query points, so they suit whole catalogues (https://shopify.dev/docs/api/usage/bulk-operations/queries).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import requests

from stores.shopify import answers, gids
from stores.shopify.cdn import is_outside
from stores.shopify.client import Client, new_session
from stores.shopify.errors import (
    AnswerLost,
    BulkFailed,
    BulkLinkExpired,
    ObjectNotFound,
    ShopifyError,
    TooManyBulkOperations,
    UnexpectedAnswer,
    UserErrors,
)
from stores.shopify.inventory import LevelReading, level_reading
from stores.shopify.products.products import VARIANT_FIELDS, VariantRecord, variant_record
from stores.shopify.texts import read_json

# Sent as a bulk query, not by itself: `first` is ignored there, and only edges { node } is allowed (shopify.md 5).
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/productVariants
BULK_VARIANTS = """
query BulkVariants {
  productVariants {
    edges {
      node {
        VARIANT_FIELDS
      }
    }
  }
}
""".replace("VARIANT_FIELDS", VARIANT_FIELDS)

# A level's line names its location by __parentId and its item inline, so that no line needs another one.
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/locations
BULK_LEVELS = """
query BulkLevels {
  locations(includeInactive: true, includeLegacy: true) {
    edges {
      node {
        id
        inventoryLevels(includeInactive: true) {
          edges {
            node {
              id
              isActive
              updatedAt
              item { id tracked }
              location { isActive }
              quantities(names: ["available"]) { name quantity updatedAt }
            }
          }
        }
      }
    }
  }
}
"""

BUSY_CODES = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
_UNDER_WAY = frozenset({"CREATED", "RUNNING"})
_CHUNK_BYTES = 1 << 16
_LINE_BYTES = 1 << 24  # bytes; a line is one object, some hundred bytes long


@dataclass(frozen=True, slots=True)
class BulkState:
    """Where a bulk operation stands. `status` is Shopify's word, such as RUNNING or COMPLETED.

    `url` is None until it is done, and also when there were no rows. Counts and sizes come as text and are numbers
    here.
    """

    gid: str
    status: str
    url: str | None
    partial_url: str | None
    error_code: str | None
    object_count: int
    root_object_count: int
    file_size: int | None
    query: str

    @property
    def is_under_way(self) -> bool:
        """Whether polling again can tell more."""
        return self.status in _UNDER_WAY or self.status == "CANCELING"


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/bulkOperationRunQuery
START_BULK = """
mutation StartBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
"""


def start(client: Client, query: str) -> str:
    """Start a bulk query and return the gid of its operation.

    Raises TooManyBulkOperations when all places are taken, UserErrors for a query Shopify refuses, and as
    Client.execute does. When `outcome_unknown` is True, look with `find_running` before starting again: there is no
    idempotency.
    """
    payload = client.execute(START_BULK, {"query": query}, cost=10).get("bulkOperationRunQuery")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: starting a bulk operation got no answer.", outcome_unknown=True)
    listed = answers.user_errors(payload["userErrors"])
    if any(error.code in BUSY_CODES for error in listed):
        raise TooManyBulkOperations(
            f"{client.domain}: Shopify already runs as many bulk operations as it allows; this one waits for its turn."
        )
    operation = payload["bulkOperation"]
    if listed or operation is None:
        raise UserErrors(f"{client.domain}: Shopify refuses the bulk query.", errors=listed)
    gid: str = operation["id"]
    return gid


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/bulkOperation
POLL_BULK = """
query PollBulk($id: ID!) {
  bulkOperation(id: $id) {
    id
    status
    errorCode
    objectCount
    rootObjectCount
    fileSize
    url
    partialDataUrl
    query
  }
}
"""


def poll(client: Client, gid: str) -> BulkState:
    """Where the operation stands, with a fresh address.

    Raises ObjectNotFound, UnexpectedAnswer for an address that nobody should be sent to, and as Client.execute does.
    """
    gids.require(gid, "BulkOperation")
    operation = client.execute(POLL_BULK, {"id": gid}, cost=1).get("bulkOperation")
    if operation is None:
        raise ObjectNotFound(f"{client.domain}: Shopify does not know the bulk operation {gid} any more.")
    state = state_of(operation)
    if any(url and not is_outside(url, client.origin) for url in (state.url, state.partial_url)):
        raise UnexpectedAnswer(f"{client.domain}: Shopify names an address for a bulk result that is none of its own.")
    return state


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/bulkOperations
LIST_BULK = """
query ListBulk {
  bulkOperations(first: 25, query: "operation_type:query", sortKey: CREATED_AT, reverse: true) {
    nodes { id status errorCode objectCount rootObjectCount fileSize url partialDataUrl query }
  }
}
"""


def find_running(client: Client, query: str) -> BulkState | None:
    """The newest operation of this very query that is under way: what a lost answer to `start` may have left behind."""
    found = [state for state in _begun(client, query) if state.status in _UNDER_WAY]
    return max(found, key=_number, default=None)


def find_begun(client: Client, query: str) -> BulkState | None:
    """As `find_running`, whatever became of it since, among the last operations."""
    return max(_begun(client, query), key=_number, default=None)


def _begun(client: Client, query: str) -> list[BulkState]:
    states = [state_of(node) for node in client.execute(LIST_BULK, cost=8)["bulkOperations"]["nodes"]]
    wanted = " ".join(query.split())
    return [state for state in states if " ".join(state.query.split()) == wanted]


def _number(state: BulkState) -> int:
    """Newest first as asked; the number decides should Shopify sort the other way."""
    return gids.number(state.gid)


def state_of(node: dict[str, Any]) -> BulkState:
    """The state that a node tells which selects what POLL_BULK does."""
    return BulkState(
        gid=node["id"],
        status=node["status"],
        url=node["url"] or None,
        partial_url=node["partialDataUrl"] or None,
        error_code=node["errorCode"],
        object_count=int(node["objectCount"] or 0),
        root_object_count=int(node["rootObjectCount"] or 0),
        file_size=int(node["fileSize"]) if node["fileSize"] is not None else None,
        query=node["query"] or "",
    )


def wait(
    client: Client,
    gid: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    poll_seconds: float = 1.0,
    longest_wait: float = 3600.0,
) -> BulkState:
    """Poll until the operation is completed and return its state.

    Waits grow from `poll_seconds` to ten times that; `longest_wait` seconds in all. Raises BulkFailed when it ended
    otherwise or takes longer, and as `poll` does.
    """
    waited, pause = 0.0, poll_seconds
    while (state := poll(client, gid)).is_under_way:
        if waited >= longest_wait:
            raise BulkFailed(
                f"{client.domain}: a bulk operation is not done after {waited:.0f} s; it will be looked at again.",
                error_code="STILL_RUNNING",
            )
        sleep(pause)
        waited += pause
        pause = min(pause * 1.5, poll_seconds * 10)
    if state.status != "COMPLETED":
        code = state.error_code or state.status
        raise BulkFailed(f"{client.domain}: Shopify ended a bulk operation without a result ({code}).", error_code=code)
    return state


def run(
    client: Client,
    query: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    poll_seconds: float = 1.0,
    longest_wait: float = 3600.0,
) -> Iterator[dict[str, Any]]:
    """The lines of a bulk query's result: start it (or find what a lost answer started), wait, and stream.

    Raises what `start`, `wait` and `stream` raise, and BulkFailed when lines are missing at the end.
    """
    gid = start_or_find(client, query)
    state = wait(client, gid, sleep=sleep, poll_seconds=poll_seconds, longest_wait=longest_wait)
    yield from stream_whole(client, state)


def start_or_find(client: Client, query: str) -> str:
    """As `start`; where its answer is lost, the operation is known by its text. Raises as `start` does."""
    try:
        return start(client, query)
    except ShopifyError as error:
        found = find_running(client, query) if error.outcome_unknown else None
        if found is None:
            raise
        return found.gid


def stream_whole(client: Client, state: BulkState) -> Iterator[dict[str, Any]]:
    """The lines of a completed operation. Raises as `stream` does, and BulkFailed at the end when lines are missing."""
    count = 0
    if state.url:
        for line in stream(state.url):
            count += 1
            yield line
    if count != state.object_count:
        raise BulkFailed(
            f"{client.domain}: a bulk result has {count} of {state.object_count} lines; it will be run again.",
            error_code="INCOMPLETE",
        )


# Its user errors are of the plain type.
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/bulkOperationCancel
CANCEL_BULK = """
mutation CancelBulk($id: ID!) {
  bulkOperationCancel(id: $id) { bulkOperation { id status } userErrors { field message } }
}
"""


def cancel(client: Client, gid: str) -> None:
    """Ask an operation to stop; one that has ended already is fine. Safe to repeat. Raises as Client.execute does."""
    gids.require(gid, "BulkOperation")
    client.execute(CANCEL_BULK, {"id": gid}, cost=10)


def stream(
    url: str, session: requests.Session | None = None, timeout: tuple[float, float] = (5, 60)
) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL result, one at a time; memory holds a chunk and a line.

    No token is sent. Raises BulkLinkExpired when the address died, AnswerLost when the file breaks off, ServerError,
    Unreachable, UnexpectedAnswer. The signed address never shows in a message.
    """
    try:
        with (session or new_session(1)).get(url, stream=True, timeout=timeout, allow_redirects=False) as response:
            if response.status_code in (400, 401, 403, 404, 410):
                raise BulkLinkExpired("The address of a bulk result has expired; Shopify will be asked for a new one.")
            answers.raise_for_status(response, "bulk result", is_write=False)
            for line in _lines(response):
                yield _object(line)
    except requests.RequestException as error:
        raise answers.network_error(error, "bulk result", is_write=False) from None


def _lines(response: requests.Response) -> Iterator[bytes]:
    rest = b""
    for chunk in response.iter_content(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE_BYTES:
            raise UnexpectedAnswer("A bulk result has a line without an end.")
        yield from (line for line in lines if line.strip())
    if rest.strip():
        yield rest


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = read_json(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        # A last line cut short, or an error page in the place of the file.
        raise AnswerLost("A bulk result broke off in the middle of a line; it will be read again.")
    return found


def variant_from_line(line: dict[str, Any]) -> VariantRecord:
    """The record of a line of BULK_VARIANTS."""
    return variant_record(line)


def level_reading_from_line(line: dict[str, Any]) -> LevelReading | None:
    """The reading of a line of BULK_LEVELS, or None for the line of a location."""
    location_gid = line.get("__parentId")
    if location_gid is None:
        return None
    item = line["item"]
    reading = level_reading(item["id"], location_gid, bool(item["tracked"]), line)
    return replace(reading, is_open=bool((line.get("location") or {"isActive": True})["isActive"]))


def bulk_variants(
    client: Client, *, sleep: Callable[[float], None] = time.sleep, poll_seconds: float = 1.0
) -> Iterator[VariantRecord]:
    """Every variant of the store, by a bulk operation. Raises as `run` does."""
    for line in run(client, BULK_VARIANTS, sleep=sleep, poll_seconds=poll_seconds):
        yield variant_from_line(line)


def bulk_levels(
    client: Client, *, sleep: Callable[[float], None] = time.sleep, poll_seconds: float = 1.0
) -> Iterator[LevelReading]:
    """Every level of the store, active or not, at every location, by a bulk operation. Raises as `run` does."""
    for line in run(client, BULK_LEVELS, sleep=sleep, poll_seconds=poll_seconds):
        reading = level_reading_from_line(line)
        if reading is not None:
            yield reading
