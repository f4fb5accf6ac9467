"""inventorySetQuantities, inventoryAdjustQuantities, inventoryMoveQuantities: all or none (shopify.md 3.2 to 3.5)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tests.simulator.documents.call import Call
from tests.simulator.events.stock import StockAction
from tests.simulator.mutations.idempotency import Attempt, run_once
from tests.simulator.reads.shop import number_of
from tests.simulator.state.shop import ON_HAND_PARTS, AdjustmentGroup, InventoryItem
from tests.simulator.wire.problems import FieldError, user_error

LIMIT = 1_000_000_000
ADJUST_LIMIT = 2_000_000_000
REASONS = [
    "correction",
    "cycle_count_available",
    "damaged",
    "movement_canceled",
    "movement_created",
    "movement_received",
    "movement_updated",
    "other",
    "promotion",
    "quality_control",
    "received",
    "reservation_created",
    "reservation_deleted",
    "reservation_updated",
    "restock",
    "safety_stock",
    "shrinkage",
]
ADJUSTABLE = ("available", "damaged", "incoming", "quality_control", "reserved", "safety_stock")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://?\S+\Z")
STALE = "The changeFromQuantity argument no longer matches the persisted quantity."
GROUP = "inventoryAdjustmentGroup"


@dataclass(slots=True)
class Rows:
    """What the rows of one mutation say: errors found and moves to make, {(item, location): ...} in the given order."""

    errors: list[dict] = field(default_factory=list)
    moves: list[tuple[int, int, str, int, str | None]] = field(
        default_factory=list
    )  # item, location, name, delta, ledger

    def refuse(self, path: list, message: str, code: str) -> None:
        self.errors.append(user_error(path, message, code))


def _demand_comparison(rows: list[dict], kind: str) -> None:
    """Absent is not null (row 17)."""
    for row in rows:
        if "changeFromQuantity" not in row:
            raise FieldError(
                f"{kind} must include the following argument: changeFromQuantity.", "INVALID_FIELD_ARGUMENTS"
            )


def _check_head(found: Rows, given: dict) -> None:
    if given["reason"] not in REASONS:
        found.refuse(
            ["input", "reason"],
            f"The specified reason is invalid. Valid values are: {', '.join(REASONS)}.",
            "INVALID_REASON",
        )
    reference = given.get("referenceDocumentUri")
    if reference is not None and not URI.match(reference):
        found.refuse(
            ["input", "referenceDocumentUri"],
            "The specified reference document is invalid.",
            "INVALID_REFERENCE_DOCUMENT",
        )


def _find_place(call: Call, found: Rows, path: list, row: dict, place: dict | None = None) -> tuple[int, int] | None:
    """(item id, location id) of a row, or None with an error for each that is missing."""
    item_id = number_of(row["inventoryItemId"], "InventoryItem")
    location_id = number_of((place or row)["locationId"], "Location")
    item: InventoryItem | None = call.shop.items.get(item_id)
    good = True
    if item is None:
        message = "The specified inventory item could not be found."
        found.refuse([*path, "inventoryItemId"], message, "INVALID_INVENTORY_ITEM")
        good = False
    elif call.shop.variants[item.variant_id].requires_components:
        message = "The specified inventory item does not allow its quantities to be changed."
        found.refuse([*path, "inventoryItemId"], message, "NON_MUTABLE_INVENTORY_ITEM")
        good = False
    if location_id not in call.shop.locations:
        found.refuse([*path, "locationId"], "The specified location could not be found.", "INVALID_LOCATION")
        good = False
    if good and call.version < "2026-10" and not _is_stocked(call, item_id, location_id):
        message = "The specified inventory item is not stocked at the location."
        found.refuse([*path, "locationId"], message, "ITEM_NOT_STOCKED_AT_LOCATION")
        good = False
    return (item_id, location_id) if good else None


def _is_stocked(call: Call, item_id: int, location_id: int) -> bool:
    level = call.shop.levels.get((item_id, location_id))
    return level is not None and level.is_active


def _held(call: Call, place: tuple[int, int], name: str) -> int:
    level = call.shop.levels.get(place)
    return getattr(level, name) if level else 0


def _check_number(found: Rows, path: list, quantity: int, limit: int = LIMIT, *, negative: bool = True) -> bool:
    if quantity > limit:
        found.refuse(path, f"The quantity can't be higher than {limit:,}.", "INVALID_QUANTITY_TOO_HIGH")
    elif quantity < 0 and not negative:
        found.refuse(path, "The quantity can't be negative.", "INVALID_QUANTITY_NEGATIVE")
    elif quantity < -limit:
        found.refuse(path, f"The quantity can't be lower than {-limit:,}.", "INVALID_QUANTITY_TOO_LOW")
    else:
        return True
    return False


# Set


def set_quantities(root, call: Call, arguments: dict) -> dict:
    given = arguments["input"]
    return run_once(call, lambda: _attempt(call, given, _read_set(call, given)), GROUP, coded=True)


def _read_set(call: Call, given: dict) -> Rows:
    found, name = Rows(), given["name"]
    if call.version >= "2026-04":
        _demand_comparison(given["quantities"], "InventoryQuantityInput")
    _check_head(found, given)
    if name not in ("available", "on_hand"):
        found.refuse(["input", "name"], "The quantity name must be either 'available' or 'on_hand'.", "INVALID_NAME")
        return found
    repeated = Counter((row["inventoryItemId"], row["locationId"]) for row in given["quantities"])
    for index, row in enumerate(given["quantities"]):
        path = ["input", "quantities", index]
        if repeated[row["inventoryItemId"], row["locationId"]] > 1:
            message = "The combination of inventoryItemId and locationId must be unique."
            found.refuse([*path, "locationId"], message, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR")
        sound = _check_number(found, [*path, "quantity"], row["quantity"], negative=name == "available")
        place = _find_place(call, found, path, row)
        if place is None or not sound:
            continue
        held = _held(call, place, name)
        expected = row.get("changeFromQuantity")
        if expected is not None and expected != held:
            found.refuse([*path, "changeFromQuantity"], STALE, "CHANGE_FROM_QUANTITY_STALE")
        delta = row["quantity"] - held
        if call.shop.knobs.add_instead_of_set and not _is_stocked(call, *place):
            delta = row["quantity"]  # row 22: the reported bug of repeated sets at unstocked locations
        found.moves.append((*place, "available", delta, None))
    return found


# Adjust


def adjust_quantities(root, call: Call, arguments: dict) -> dict:
    given = arguments["input"]
    read = lambda: _attempt(call, given, _read_adjust(call, given))  # noqa: E731 - evaluated at most once per call
    return run_once(call, read, GROUP, coded=True)


def _read_adjust(call: Call, given: dict) -> Rows:
    found, name = Rows(), given["name"]
    if call.version >= "2026-04":
        _demand_comparison(given["changes"], "InventoryChangeInput")
    _check_head(found, given)
    if name not in ADJUSTABLE:
        _refuse_name(found, ["input", "name"])
        return found
    _check_ledgers(found, name, given["changes"])
    sums: Counter = Counter()
    for index, row in enumerate(given["changes"]):
        path = ["input", "changes", index]
        place = _find_place(call, found, path, row)
        if place is None:
            continue
        held = _held(call, place, name)
        expected = row.get("changeFromQuantity")
        if expected is not None and expected != held:
            found.refuse([*path, "changeFromQuantity"], STALE, "CHANGE_FROM_QUANTITY_STALE")
        sums[place] += row["delta"]
        _check_number(found, [*path, "delta"], held + sums[place], ADJUST_LIMIT)
        found.moves.append((*place, name, row["delta"], row.get("ledgerDocumentUri")))
    return found


def _refuse_name(found: Rows, path: list) -> None:
    found.refuse(
        path,
        f"The specified quantity name is invalid. Valid values are: {', '.join(ADJUSTABLE)}.",
        "INVALID_QUANTITY_NAME",
    )


def _check_ledgers(found: Rows, name: str, rows: list[dict]) -> None:
    """A ledger document goes with every name but available, one distinct value a call (shopify.md 3.4)."""
    for index, row in enumerate(rows):
        path = ["input", "changes", index, "ledgerDocumentUri"]
        _check_ledger(found, path, name, row.get("ledgerDocumentUri"))
    if len({row.get("ledgerDocumentUri") for row in rows} - {None}) > 1:
        message = (
            "All changes must have the same ledger document URI or, in the case of adjusting available, no ledger "
        )
        found.refuse(["input", "changes"], message + "document URI.", "MAX_ONE_LEDGER_DOCUMENT")


def _check_ledger(found: Rows, path: list, name: str, ledger: str | None) -> None:
    if name == "available":
        if ledger is not None:
            message = "A ledger document URI is not allowed when adjusting available."
            found.refuse(path, message, "INVALID_AVAILABLE_DOCUMENT")
    elif ledger is None:
        message = "A ledger document URI is required except when adjusting available."
        found.refuse(path, message, "INVALID_QUANTITY_DOCUMENT")
    elif ledger.startswith("gid://shopify/"):
        found.refuse(path, "Internal (gid://shopify/) ledger documents are not allowed.", "INTERNAL_LEDGER_DOCUMENT")
    elif not URI.match(ledger):
        found.refuse(path, "The specified ledger document is invalid.", "INVALID_LEDGER_DOCUMENT")


# Move


def move_quantities(root, call: Call, arguments: dict) -> dict:
    given = arguments["input"]
    read = lambda: _attempt(call, given, _read_move(call, given))  # noqa: E731 - evaluated at most once per call
    return run_once(call, read, GROUP, coded=True)


def _read_move(call: Call, given: dict) -> Rows:
    found = Rows()
    ends = [row[side] for row in given["changes"] for side in ("from", "to")]
    if call.version >= "2026-04":
        _demand_comparison(ends, "InventoryMoveQuantityTerminalInput")
    _check_head(found, given)
    for index, row in enumerate(given["changes"]):
        _read_one_move(call, found, ["input", "changes", index], row)
    return found


def _read_one_move(call: Call, found: Rows, path: list, row: dict) -> None:
    if not _check_number(found, [*path, "quantity"], row["quantity"], negative=False):
        return
    if row["from"]["locationId"] != row["to"]["locationId"]:
        found.refuse(path, "The quantities can't be moved between different locations.", "DIFFERENT_LOCATIONS")
        return
    if row["from"]["name"] == row["to"]["name"]:
        found.refuse(path, "The quantity names for each change can't be the same.", "SAME_QUANTITY_NAME")
        return
    for side, sign in (("from", -1), ("to", 1)):
        end = row[side]
        if end["name"] not in ADJUSTABLE:
            _refuse_name(found, [*path, side, "name"])
            continue
        _check_ledger(found, [*path, side, "ledgerDocumentUri"], end["name"], end.get("ledgerDocumentUri"))
        place = _find_place(call, found, path, row, end)
        if place is None:
            continue
        expected = end.get("changeFromQuantity")
        if expected is not None and expected != _held(call, place, end["name"]):
            found.refuse([*path, side, "changeFromQuantity"], STALE, "CHANGE_FROM_QUANTITY_STALE")
        found.moves.append((*place, end["name"], sign * row["quantity"], end.get("ledgerDocumentUri")))


# All or nothing


def _attempt(call: Call, given: dict, found: Rows) -> Attempt:
    if found.errors:
        return Attempt(refusal={GROUP: None, "userErrors": found.errors})
    return Attempt(commit=lambda: _commit(call, given, found))


def _commit(call: Call, given: dict, found: Rows) -> dict:
    """Applies every row. Nothing to change: a null group and no error, no webhook, updatedAt unchanged (row 19)."""
    moves = [move for move in found.moves if move[3]]
    if not moves:
        return {GROUP: None, "userErrors": []}
    reference = given.get("referenceDocumentUri")
    action = StockAction(call.shop, call.simulator.clock.seconds(), f"api:{call.app.client_id}", reference)
    changes = []
    on_hand: Counter = Counter()
    for item_id, location_id, name, delta, ledger in moves:
        action.move(action.level(item_id, location_id), name, delta)
        changes.append((item_id, location_id, name, delta, ledger))
        if name in ON_HAND_PARTS:
            on_hand[item_id, location_id] += delta
    changes += [
        (item_id, location_id, "on_hand", delta, None) for (item_id, location_id), delta in on_hand.items() if delta
    ]
    shop = call.shop
    group = AdjustmentGroup(shop.next_id(), int(action.at), given["reason"], reference, call.app.client_id, changes)
    shop.adjustment_groups[group.id] = group
    action.close()
    return {GROUP: group, "userErrors": []}


RESOLVERS = {
    "Mutation.inventorySetQuantities": set_quantities,
    "Mutation.inventoryAdjustQuantities": adjust_quantities,
    "Mutation.inventoryMoveQuantities": move_quantities,
}
