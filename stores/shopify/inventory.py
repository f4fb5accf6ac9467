"""Stock levels: reading them, and the two mutations that change them.

A write is built as bytes first (`adjust_body`, `set_body`), stored by the caller, and sent by `send`; sending the same
bytes again with the same key is how a caller finds out what became of a lost answer.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client, encode_body
from stores.shopify.errors import UnexpectedAnswer, UserError, UserErrors
from stores.shopify.instants import instant_or_none, parse_instant

# Input lists and nodes(ids:) hold at most 250 (https://shopify.dev/docs/api/usage/limits).
MOST_ROWS = 250
WRITE_COST = 10.0
# A set takes -1e9 to 1e9 (shopify.md 2.4).
LARGEST_QUANTITY = 1_000_000_000

CHANGE_FROM_QUANTITY_STALE = "CHANGE_FROM_QUANTITY_STALE"
IDEMPOTENCY_CONCURRENT_REQUEST = "IDEMPOTENCY_CONCURRENT_REQUEST"
IDEMPOTENCY_KEY_PARAMETER_MISMATCH = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"


@dataclass(frozen=True, slots=True)
class LevelReading:
    """What Shopify says about one item at one location.

    `available` is None where there is no quantity to speak of: unknown item, never stocked there, or not tracked
    (GraphQL shows 0 for an untracked item and webhooks null; 0 would be a lie). `as_of` is the level's updatedAt,
    aware UTC, None without a level. An inactive level keeps its quantity but sells nothing, and so does one at a closed
    location (`is_open` False). `exists` tells of the item, not the level.
    """

    item_gid: str
    location_gid: str
    available: int | None
    as_of: datetime | None
    is_active: bool
    tracked: bool
    exists: bool
    is_open: bool = True

    @property
    def has_none(self) -> bool:
        """Whether Shopify says that the item, which exists and is counted, is not sold from there."""
        return self.exists and self.tracked and not (self.is_active and self.is_open)


@dataclass(frozen=True, slots=True)
class Change:
    """Add `delta` units to what is available."""

    item_gid: str
    location_gid: str
    delta: int


@dataclass(frozen=True, slots=True)
class SetRow:
    """Make `quantity` units available, if exactly `change_from_quantity` are available now."""

    item_gid: str
    location_gid: str
    quantity: int
    change_from_quantity: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stock mutation answered. All rows took effect, or none (shopify.md 3.4).

    `created_at` and `group_gid` are of the adjustment group, None when there is none. `is_noop`: Shopify found
    nothing to change, which is success. With `user_errors` nothing was changed. `answered_at` is Shopify's clock when
    it answered, None where the answer does not tell.
    """

    created_at: datetime | None
    is_noop: bool
    user_errors: tuple[UserError, ...]
    group_gid: str | None = None
    answered_at: datetime | None = None

    @property
    def done_at(self) -> datetime | None:
        """By when, on Shopify's clock, whatever it did was done.

        The later of the two that an answer tells: the group is made a moment before the levels change, and somebody's
        sale may get between the two, in the next second even.
        """
        return max((at for at in (self.created_at, self.answered_at) if at), default=None)

    @property
    def succeeded(self) -> bool:
        """Whether every row is now as intended."""
        return not self.user_errors


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/InventoryLevel
READ_LEVELS = """
query ReadLevels($ids: [ID!]!, $location: ID!) {
  location(id: $location) { isActive }
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      tracked
      inventoryLevel(locationId: $location, includeInactive: true) {
        isActive
        updatedAt
        quantities(names: ["available"]) { name quantity }
      }
    }
  }
}
"""


def read_levels(client: Client, location_gid: str, item_gids: Sequence[str]) -> list[LevelReading]:
    """The levels of these items at one location, in the order asked, 250 per request.

    Inactive levels are included: since 2026-10 a write to an unstocked location lands on one (shopify.md 3.5). Raises
    GidError for malformed ids, UnexpectedAnswer where a quantity is missing, and as Client.execute does.
    """
    gids.require(location_gid, "Location")
    gids.require(item_gids, "InventoryItem")
    readings: list[LevelReading] = []
    rest = iter(item_gids)
    while batch := list(islice(rest, MOST_ROWS)):
        # Twice only: where one of them is bad, whoever asks for half of them at once finds out sooner.
        variables, cost = {"ids": batch, "location": location_gid}, 5 + len(batch) / 4
        data = client.execute(READ_LEVELS, variables, cost=cost, attempts=2)
        nodes = data.get("nodes")
        if not isinstance(nodes, list) or len(nodes) != len(batch):
            raise UnexpectedAnswer(f"{client.domain}: Shopify answered with other items than asked for.")
        location = data.get("location", {"isActive": True})  # null: it was deleted
        is_open = bool(location and location["isActive"])
        listed = [_reading(item_gid, location_gid, node) for item_gid, node in zip(batch, nodes, strict=True)]
        readings += listed if is_open else [replace(reading, is_open=False) for reading in listed]
    return readings


def _reading(item_gid: str, location_gid: str, node: dict[str, Any] | None) -> LevelReading:
    if not node or "tracked" not in node:
        return LevelReading(item_gid, location_gid, None, None, is_active=False, tracked=False, exists=False)
    if node["id"] != item_gid:
        raise UnexpectedAnswer(f"Shopify answered {node['id']} when asked for {item_gid}.")
    tracked, level = bool(node["tracked"]), node["inventoryLevel"]
    if level is None:
        return LevelReading(item_gid, location_gid, None, None, is_active=False, tracked=tracked, exists=True)
    return level_reading(item_gid, location_gid, tracked, level)


def level_reading(item_gid: str, location_gid: str, tracked: bool, level: dict[str, Any]) -> LevelReading:
    """A reading from `{isActive updatedAt quantities{name quantity}}`. Raises UnexpectedAnswer without `available`."""
    found = [row["quantity"] for row in level["quantities"] if row.get("name") == "available"]
    if len(found) != 1 or not _is_whole(found[0]):
        raise UnexpectedAnswer(f"Shopify gave no available quantity for {item_gid} at {location_gid}.")
    return LevelReading(
        item_gid,
        location_gid,
        found[0] if tracked else None,
        parse_instant(level["updatedAt"]),
        is_active=bool(level["isActive"]),
        tracked=tracked,
        exists=True,
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Location#field-Location.fields.inventoryLevels
# Not sorted by instant, and the filter is the search's, which lags (shopify.md 3.6); the values are read live.
READ_CHANGED_LEVELS = """
query ReadChangedLevels($location: ID!, $query: String!, $after: String) {
  location(id: $location) {
    inventoryLevels(first: 250, after: $after, query: $query, includeInactive: true) {
      nodes {
        item { id tracked }
        isActive
        updatedAt
        quantities(names: ["available"]) { name quantity }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
CHANGED_COST = 36.0  # a page before it is executed; afterwards `changed_cost`


def iter_changed_levels(
    client: Client, location_gid: str, since: datetime, attempts: int | None = None
) -> Iterator[LevelReading]:
    """The levels of a location that changed at `since` (Shopify's clock) or later, as its search knows them by now.

    None where the location does not exist. Raises UnexpectedAnswer where a quantity is missing, and as Client.pages.
    """
    gids.require(location_gid, "Location")
    query = f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    variables = {"location": location_gid, "query": query}
    path = ("location", "inventoryLevels")
    for node in client.pages(READ_CHANGED_LEVELS, variables, path, CHANGED_COST, attempts):
        yield level_reading(node["item"]["id"], location_gid, bool(node["item"]["tracked"]), node)


def changed_cost(rows: int) -> float:
    """Points that a page of so many changed levels took, by the formula of shopify.md 2.2."""
    return 3.0 + (3.0 * max(1, math.floor(2 * math.log(rows))) if rows else 0.0)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/inventoryAdjustQuantities
# Only id and createdAt of the group: selecting its changes costs more than the 10 points of the mutation itself.
ADJUST_QUANTITIES = """
mutation AdjustQuantities($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id createdAt }
    userErrors { code field message }
  }
}
"""


def adjust_body(changes: Sequence[Change], key: str, reference_uri: str, reason: str = "correction") -> bytes:
    """The request that adds each delta, whatever is available now; rows keep the order given.

    `key` is the idempotency key, kept by Shopify for 24 h; `reference_uri` shows in the admin's history. Raises
    ValueError for no rows, more than 250, an (item, location) twice, a delta that is no whole number, or an empty
    key; GidError for malformed ids.
    """
    _check_rows([(row.item_gid, row.location_gid) for row in changes], key)
    rows = [
        {
            "inventoryItemId": row.item_gid,
            "locationId": row.location_gid,
            "delta": _whole(row.delta),
            "changeFromQuantity": None,  # must be there, and null: do not compare
        }
        for row in changes
    ]
    return encode_body(ADJUST_QUANTITIES, {"input": _input("changes", rows, reference_uri, reason), "key": key})


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/inventorySetQuantities
SET_QUANTITIES = """
mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id createdAt }
    userErrors { code field message }
  }
}
"""


def set_body(rows: Sequence[SetRow], key: str, reference_uri: str, reason: str = "correction") -> bytes:
    """The request that sets each quantity, comparing with `change_from_quantity`; rows keep the order given.

    One stale row refuses them all (CHANGE_FROM_QUANTITY_STALE). Raises as `adjust_body` does, and ValueError for a
    quantity beyond 1,000,000,000 or a `change_from_quantity` that is not a number: null would overwrite blindly.
    """
    _check_rows([(row.item_gid, row.location_gid) for row in rows], key)
    listed = [
        {
            "inventoryItemId": row.item_gid,
            "locationId": row.location_gid,
            "quantity": _whole(row.quantity),
            "changeFromQuantity": _whole(row.change_from_quantity),
        }
        for row in rows
    ]
    return encode_body(SET_QUANTITIES, {"input": _input("quantities", listed, reference_uri, reason), "key": key})


def _input(name: str, rows: list[dict[str, Any]], reference_uri: str, reason: str) -> dict[str, Any]:
    return {"name": "available", "reason": reason, "referenceDocumentUri": reference_uri, name: rows}


def _check_rows(pairs: Sequence[tuple[str, str]], key: str) -> None:
    if not key.strip():
        raise ValueError("A stock write needs an idempotency key.")
    if not 1 <= len(pairs) <= MOST_ROWS:
        raise ValueError(f"A stock write has 1 to {MOST_ROWS} rows, not {len(pairs)}.")
    if len(set(pairs)) != len(pairs):
        raise ValueError("A stock write names each item and location once.")
    gids.require([item_gid for item_gid, _ in pairs], "InventoryItem")
    gids.require({location_gid for _, location_gid in pairs}, "Location")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(value: int) -> int:
    if not _is_whole(value) or abs(value) > LARGEST_QUANTITY:
        raise ValueError(f"Not a quantity Shopify takes: {value!r}")
    return value


def send(client: Client, body: bytes) -> Outcome:
    """Send the bytes of `adjust_body` or `set_body`, now or again.

    User errors are in the outcome, not raised: the caller decides row by row. Raises as Client.execute_raw_body does;
    with `outcome_unknown` True send the same bytes later.
    """
    data = client.execute_raw_body(body, cost=WRITE_COST)
    payload = next(iter(data.values()), None)
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(
            f"{client.domain}: the answer to a stock write says nothing of it.", outcome_unknown=True
        )
    listed = answers.user_errors(payload["userErrors"])
    group = payload["inventoryAdjustmentGroup"]
    if listed or group is None:
        return Outcome(None, is_noop=not listed, user_errors=listed, answered_at=client.answered_at)
    created_at = instant_or_none(group["createdAt"])
    return Outcome(created_at, False, user_errors=(), group_gid=group["id"], answered_at=client.answered_at)


def row_index(error: UserError) -> int | None:
    """Which row, from 0, a user error speaks of; None when it speaks of the whole call.

    The position stands after the list's name: a text in inventory mutations, a number elsewhere (shopify.md 1.5).
    """
    for part in error.field:
        if _is_whole(part):
            return int(part)
        if isinstance(part, str) and part.isascii() and part.isdigit():
            return int(part)
    return None


def stale_rows(outcome: Outcome) -> frozenset[int]:
    """The rows whose `change_from_quantity` no longer held."""
    found = (row_index(error) for error in outcome.user_errors if error.code == CHANGE_FROM_QUANTITY_STALE)
    return frozenset(index for index in found if index is not None)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/inventoryActivate
# Its user errors are of the plain type: selecting `code` would fail the request (shopify.md 1.5).
ACTIVATE = """
mutation ActivateInventory($item: ID!, $location: ID!, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location) @idempotent(key: $key) {
    inventoryLevel { id isActive }
    userErrors { field message }
  }
}
"""


def activate(client: Client, item_gid: str, location_gid: str, key: str) -> None:
    """Stock an item at a location, keeping the quantity an inactive level has. Already active is fine.

    Raises UserErrors when Shopify says no, GidError, and as Client.execute does; safe to repeat with the same key.
    """
    gids.require(item_gid, "InventoryItem")
    gids.require(location_gid, "Location")
    data = client.execute(ACTIVATE, {"item": item_gid, "location": location_gid, "key": key}, cost=WRITE_COST)
    payload = data.get("inventoryActivate")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(
            f"{client.domain}: the answer to an activation says nothing of it.", outcome_unknown=True
        )
    level = payload["inventoryLevel"]
    if level and level["isActive"]:
        return
    raise UserErrors(
        f"{client.domain}: {item_gid} cannot be stocked at {location_gid}.",
        errors=answers.user_errors(payload["userErrors"]),
    )
