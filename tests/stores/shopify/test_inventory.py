"""Stock levels on the wire."""

import json
from datetime import UTC, datetime

import pytest

from stores.shopify import errors, inventory
from stores.shopify.errors import UserError
from stores.shopify.gids import GidError
from stores.shopify.inventory import Change, LevelReading, Outcome, SetRow
from tests.stores.shopify.wire import answer, client, refuse, sent

pytestmark = pytest.mark.usefixtures("wire")

ITEMS = [f"gid://shopify/InventoryItem/{number}" for number in range(1, 301)]
HERE = "gid://shopify/Location/9"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
URI = "gid://tiposync/StockBatch/1"


def level(available=5, active=True):
    return {
        "isActive": active,
        "updatedAt": "2026-11-21T13:00:00+01:00",
        "quantities": [{"name": "available", "quantity": available}],
    }


def item(gid, tracked=True, **parts):
    return {"id": gid, "tracked": tracked, "inventoryLevel": level(**parts)}


def test_a_level_is_read_with_the_instant_of_its_value():
    answer({"nodes": [item(ITEMS[0], available=-3)]})
    (reading,) = inventory.read_levels(client(), HERE, ITEMS[:1])
    assert reading == LevelReading(ITEMS[0], HERE, -3, NOON, is_active=True, tracked=True, exists=True)


def test_what_has_no_quantity_is_never_zero():
    unstocked = {"id": ITEMS[1], "tracked": True, "inventoryLevel": None}
    answer({"nodes": [None, unstocked, item(ITEMS[2], tracked=False, available=0), {}]})
    gone, never, untracked, other = inventory.read_levels(client(), HERE, ITEMS[:4])
    assert [row.available for row in (gone, never, untracked, other)] == [None] * 4
    assert [row.exists for row in (gone, never, untracked, other)] == [False, True, True, False]
    assert (never.is_active, never.tracked, never.as_of) == (False, True, None)
    assert (untracked.is_active, untracked.tracked) == (True, False)


def test_an_inactive_level_keeps_its_quantity():
    answer({"nodes": [item(ITEMS[0], available=7, active=False)]})
    (reading,) = inventory.read_levels(client(), HERE, ITEMS[:1])
    assert (reading.available, reading.is_active) == (7, False)


def test_many_levels_are_read_250_at_a_time_and_stay_in_order():
    answer({"nodes": [item(gid) for gid in ITEMS[:250]]})
    answer({"nodes": [item(gid) for gid in ITEMS[250:]]})
    readings = inventory.read_levels(client(), HERE, ITEMS)
    assert [reading.item_gid for reading in readings] == ITEMS
    assert [len(body["variables"]["ids"]) for body in sent()] == [250, 50]


def test_nothing_asked_sends_nothing(wire):
    assert inventory.read_levels(client(), HERE, []) == []
    assert len(wire.calls) == 0


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [item(ITEMS[0]), item(ITEMS[1])],
        [item(ITEMS[5])],
        [{"id": ITEMS[0], "tracked": True, "inventoryLevel": level() | {"quantities": []}}],
        [item(ITEMS[0], available=None)],
    ],
)
def test_a_level_that_is_not_plainly_there_is_an_error(nodes):
    answer({"nodes": nodes})
    with pytest.raises(errors.UnexpectedAnswer):
        inventory.read_levels(client(), HERE, ITEMS[:1])


def test_a_malformed_id_never_reaches_the_wire(wire):
    with pytest.raises(GidError):
        inventory.read_levels(client(), HERE, [ITEMS[0], "gid://shopify/Product/1"])
    assert len(wire.calls) == 0


def test_an_adjustment_says_null_for_the_comparison_and_carries_its_key():
    body = json.loads(inventory.adjust_body([Change(ITEMS[0], HERE, -2)], "key-1", URI))
    assert body["variables"] == {
        "key": "key-1",
        "input": {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": URI,
            "changes": [{"inventoryItemId": ITEMS[0], "locationId": HERE, "delta": -2, "changeFromQuantity": None}],
        },
    }
    assert "@idempotent(key: $key)" in body["query"]


def test_a_set_always_compares():
    body = json.loads(inventory.set_body([SetRow(ITEMS[0], HERE, 15, 20)], "key-1", URI, reason="restock"))
    assert body["variables"]["input"]["quantities"] == [
        {"inventoryItemId": ITEMS[0], "locationId": HERE, "quantity": 15, "changeFromQuantity": 20}
    ]
    assert body["variables"]["input"]["reason"] == "restock"


def test_the_same_rows_are_the_same_bytes_and_keep_their_order():
    rows = [SetRow(gid, HERE, 1, 2) for gid in (ITEMS[2], ITEMS[0], ITEMS[1])]
    one = inventory.set_body(rows, "k", URI)
    assert one == inventory.set_body(list(rows), "k", URI)
    listed = json.loads(one)["variables"]["input"]["quantities"]
    assert [row["inventoryItemId"] for row in listed] == [ITEMS[2], ITEMS[0], ITEMS[1]]


@pytest.mark.parametrize("wrong", [None, True, 1.0, "5", 1_000_000_001])
def test_a_set_from_no_number_is_refused(wrong):
    with pytest.raises(ValueError, match="quantity"):
        inventory.set_body([SetRow(ITEMS[0], HERE, 15, wrong)], "k", URI)
    with pytest.raises(ValueError, match="quantity"):
        inventory.set_body([SetRow(ITEMS[0], HERE, wrong, 15)], "k", URI)
    with pytest.raises(ValueError, match="quantity"):
        inventory.adjust_body([Change(ITEMS[0], HERE, wrong)], "k", URI)


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([], "k"),
        ([Change(gid, HERE, 1) for gid in ITEMS[:251]], "k"),
        ([Change(ITEMS[0], HERE, 1), Change(ITEMS[0], HERE, 2)], "k"),
        ([Change(ITEMS[0], HERE, 1)], " "),
        ([Change("InventoryItem/1", HERE, 1)], "k"),
        ([Change(ITEMS[0], ITEMS[1], 1)], "k"),
    ],
)
def test_a_batch_that_shopify_would_refuse_is_not_built(rows, key):
    with pytest.raises(ValueError, match=r"stock write|id|key"):
        inventory.adjust_body(rows, key, URI)


BODY = inventory.set_body([SetRow(ITEMS[0], HERE, 15, 20)], "k", URI)


def said(group=None, errors=()):
    return {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": list(errors)}}


def test_a_write_that_took_effect_tells_when(wire):
    answer(said({"id": "gid://shopify/InventoryAdjustmentGroup/3", "createdAt": "2026-11-21T12:00:00Z"}))
    outcome = inventory.send(client(), BODY)
    assert outcome == Outcome(NOON, False, (), "gid://shopify/InventoryAdjustmentGroup/3")
    assert outcome.succeeded
    assert wire.calls[0].request.body == BODY


def test_a_write_that_changes_nothing_is_success():
    answer(said())
    outcome = inventory.send(client(), BODY)
    assert (outcome.is_noop, outcome.succeeded, outcome.created_at) == (True, True, None)


def test_user_errors_are_part_of_the_outcome_and_name_their_rows():
    stale = {"code": "CHANGE_FROM_QUANTITY_STALE", "message": "The changeFromQuantity argument no longer matches."}
    answer(
        said(
            errors=[
                stale | {"field": ["input", "quantities", "1", "changeFromQuantity"]},
                stale | {"field": ["input", "quantities", 4, "changeFromQuantity"]},
                {"code": None, "field": None, "message": "Something else."},
            ]
        )
    )
    outcome = inventory.send(client(), BODY)
    assert (outcome.succeeded, outcome.is_noop) == (False, False)
    assert [inventory.row_index(error) for error in outcome.user_errors] == [1, 4, None]
    assert inventory.stale_rows(outcome) == {1, 4}


def test_a_field_path_without_a_position_speaks_of_the_whole_call():
    assert inventory.row_index(UserError("INVALID_REASON", ("input", "reason"), "No")) is None


def test_an_answer_without_a_payload_leaves_the_outcome_unknown():
    answer({"inventorySetQuantities": None})
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        inventory.send(client(), BODY)
    assert caught.value.outcome_unknown is True


def test_a_lost_answer_leaves_the_outcome_unknown_and_is_not_tried_again(wire):
    refuse(504, "<html>")
    with pytest.raises(errors.ServerError) as caught:
        inventory.send(client(), BODY)
    assert caught.value.outcome_unknown is True
    assert len(wire.calls) == 1


def activation(level, errors=()):
    return {"inventoryActivate": {"inventoryLevel": level, "userErrors": list(errors)}}


def test_an_item_is_activated_without_naming_a_quantity():
    answer(activation({"id": "gid://shopify/InventoryLevel/9?inventory_item_id=1", "isActive": True}))
    inventory.activate(client(), ITEMS[0], HERE, "key-1")
    assert sent()[0]["variables"] == {"item": ITEMS[0], "location": HERE, "key": "key-1"}
    assert "available" not in sent()[0]["query"]


def test_an_item_that_is_active_already_is_fine():
    complaint = {"field": None, "message": "Not allowed to set available quantity when the item is already active."}
    answer(activation({"id": "x", "isActive": True}, [complaint]))
    inventory.activate(client(), ITEMS[0], HERE, "key-1")


def test_a_level_that_stays_inactive_is_not_taken_for_stocked():
    answer(activation({"id": "x", "isActive": False}))
    with pytest.raises(errors.UserErrors, match="cannot be stocked"):
        inventory.activate(client(), ITEMS[0], HERE, "key-1")


def test_an_item_that_cannot_be_stocked_is_rejected_with_shopifys_words():
    answer(activation(None, [{"field": ["locationId"], "message": "The location is managed by a service."}]))
    with pytest.raises(errors.UserErrors, match="managed by a service") as caught:
        inventory.activate(client(), ITEMS[0], HERE, "key-1")
    assert caught.value.errors == (UserError(None, ("locationId",), "The location is managed by a service."),)
