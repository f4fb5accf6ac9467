"""@idempotent: who needs it, what a repeat answers, how long a key is remembered (shopify.md 3.3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.simulator.documents.call import Call
from tests.simulator.documents.plan import FieldPlan
from tests.simulator.wire.problems import FieldError, user_error

REMEMBERED_SECONDS = 24 * 3600
MANDATORY_SINCE = "2026-04"

# The mutations of 2026-10 whose description says that the key must be provided, as far as the schema here has them.
NEEDS_KEY = frozenset(
    [
        "inventoryActivate",
        "inventoryAdjustQuantities",
        "inventoryMoveQuantities",
        "inventorySetOnHandQuantities",
        "inventorySetQuantities",
        "inventoryShipmentAddItems",
        "inventoryShipmentCreate",
        "inventoryShipmentCreateInTransit",
        "inventoryShipmentReceive",
        "inventoryTransferCreate",
        "inventoryTransferCreateAsReadyToShip",
        "inventoryTransferDuplicate",
        "inventoryTransferSetItems",
        "locationActivate",
        "locationDeactivate",
        "refundCreate",
    ]
)


@dataclass(slots=True)
class Record:
    """What is known about one key of one app in one shop."""

    field: str
    parameters: bytes  # a digest of them
    first_at: float
    running: bool = True
    failed: bool = False  # in a way that cannot be replayed
    payload: dict | None = None  # of the first success; its objects are live, so a later answer may show newer data


@dataclass(slots=True)
class Ticket:
    """The place of one call in the life of its key: new, replay, failed, concurrent or mismatch."""

    state: str
    key: tuple[str, str] | None = None
    record: Record | None = None


@dataclass(slots=True)
class Attempt:
    """A mutation that was validated: `refusal` is its payload with user errors, else `commit` applies and answers."""

    refusal: dict | None = None
    commit: Callable[[], dict] | None = None


def open_ticket(call: Call, field: FieldPlan) -> Ticket | None:
    """Before a mutation runs; marks its key as running. None when the mutation takes no key or brought none."""
    if field.name not in NEEDS_KEY or field.idempotency_key is None:
        return None
    key = field.idempotency_key(call)
    if not isinstance(key, str) or not key.strip():
        return Ticket("blank")
    shop, now = call.shop, call.simulator.clock.seconds()
    place = (call.app.client_id, key)
    parameters = hashlib.sha256(json.dumps(field.arguments(call), sort_keys=True).encode()).digest()
    with shop.lock:
        record = shop.idempotency.get(place)
        if record is not None and not record.running and now - record.first_at >= REMEMBERED_SECONDS:
            record = None
        if record is None:
            record = shop.idempotency[place] = Record(field.name, parameters, now)
            return Ticket("new", place, record)
        if (record.field, record.parameters) != (field.name, parameters):
            return Ticket("mismatch", place, record)
        if record.running:
            return Ticket("concurrent", place, record)
        if record.failed:
            return Ticket("failed", place, record)
        return Ticket("replay", place, record)


def spoil_keys(call: Call, fields: list[FieldPlan]) -> None:
    """The first call failed in a way that cannot be replayed (a planned fault)."""
    for field in fields:
        ticket = open_ticket(call, field)
        if ticket is not None and ticket.state == "new":
            ticket.record.running, ticket.record.failed = False, True


def close_ticket(call: Call, ticket: Ticket | None) -> None:
    """After the mutation: a first call without success leaves nothing to replay."""
    if ticket is None or ticket.state != "new":
        return
    with call.shop.lock:
        ticket.record.running = False
        if ticket.record.payload is None:
            call.shop.idempotency.pop(ticket.key, None)


REFUSALS = {
    "mismatch": (
        "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
        "The same idempotency key cannot be used with different parameters.",
    ),
    "concurrent": (
        "IDEMPOTENCY_CONCURRENT_REQUEST",
        "A request with the same idempotency key is currently being processed.",
    ),
    "failed": (
        "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
        "The previous request with the same idempotency key failed.",
    ),
}


def run_once(call: Call, evaluate: Callable[[], Attempt], payload_field: str, *, coded: bool) -> dict:
    """Runs a mutation at most once per key. `evaluate` validates without changing anything. Raises FieldError.

    `coded` payloads show a refusal's code; plain UserErrors have no room for it, so it stands in the message.
    """
    ticket = call.ticket
    if ticket is None and call.version >= MANDATORY_SINCE:
        raise FieldError("The @idempotent directive is required for this mutation but was not provided.", "BAD_REQUEST")
    if ticket is not None and ticket.state == "blank":
        raise FieldError("The idempotency key can't be blank.", "BAD_REQUEST")
    if ticket is not None and ticket.state in REFUSALS:
        code, message = REFUSALS[ticket.state]
        refusal = user_error(None, message if coded else f"{message} ({code})", code)
        return {payload_field: None, "userErrors": [refusal]}
    replayed = ticket is not None and ticket.state == "replay"
    if replayed and call.shop.knobs.replay_mode == "docs":
        return ticket.record.payload
    attempt = evaluate()  # on a replay as well, as seen live: the comparison runs again, the change does not
    if attempt.refusal is not None:
        return attempt.refusal
    if replayed:
        return ticket.record.payload
    payload = attempt.commit()
    if ticket is not None:
        ticket.record.payload = payload
    return payload
