"""Rows 15 to 23 of tests/simulator/README.md: keys, comparison, batches, no-ops, unstocked locations, activation."""

from __future__ import annotations

import threading
import uuid

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import ADJUST, DOMAIN, SET, Api, Small, adjust_input, set_input

ACTIVATE = """mutation Activate($item: ID!, $place: ID!, $available: Int, $onHand: Int, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $place, available: $available, onHand: $onHand)
    @idempotent(key: $key) {
      inventoryLevel { id isActive quantities(names: ["available", "on_hand"]) { name quantity } }
    userErrors { field message } }
}"""
DEACTIVATE = "mutation D($id: ID!) { inventoryDeactivate(inventoryLevelId: $id) { userErrors { field message } } }"
LEVEL = """query Level($item: ID!, $place: ID!, $all: Boolean) { inventoryItem(id: $item) {
  inventoryLevel(locationId: $place, includeInactive: $all) { id isActive updatedAt
    quantities(names: ["available", "on_hand", "committed"]) { name quantity updatedAt } } } }"""


def write(api: Api, document: str, given: dict, key: str | None = None) -> dict:
    answer = api(document, {"input": given, "key": key or str(uuid.uuid4())})
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


def codes(payload: dict) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def setting(small: Small, quantity: int, expected: int | None = None, variant=None, place=None) -> dict:
    row = small.row(variant or small.mug, place or small.here, quantity=quantity, changeFromQuantity=expected)
    return set_input(row)


def adjusting(small: Small, delta: int, expected: int | None = None, variant=None, place=None) -> dict:
    row = small.row(variant or small.mug, place or small.here, delta=delta, changeFromQuantity=expected)
    return adjust_input(row)


# Row 15


def test_a_mutation_without_its_key_is_a_bad_request(api: Api, small: Small):
    bare = SET.replace("@idempotent(key: $key)", "").replace(", $key: String!", "")
    answer = api(bare, {"input": setting(small, 7)})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert answer["errors"][0]["path"] == ["inventorySetQuantities"]
    assert answer["data"] == {"inventorySetQuantities": None}
    assert answer["extensions"]["cost"]["actualQueryCost"] == 10
    api.version = "2026-01"
    assert "errors" not in api(bare, {"input": setting(small, 7)})


def test_a_blank_key_is_refused(api: Api, small: Small):
    assert api.codes(SET, {"input": setting(small, 7), "key": "  "}) == ["BAD_REQUEST"]


def test_the_directive_belongs_on_the_field(api: Api, small: Small):
    wrong = (
        'mutation M @idempotent(key: "k") { inventoryDeactivate(inventoryLevelId: "%s") { userErrors { message } } }'
    )
    answer = api(wrong.replace("%s", "gid://shopify/InventoryLevel/1"))
    assert answer["errors"][0]["message"] == "'@idempotent' can't be applied to mutations (allowed: fields)"
    assert api.codes(SET.replace("(key: $key)", "").replace(", $key: String!", "")) == ["missingRequiredArguments"]


def test_a_query_may_carry_the_directive_and_nothing_comes_of_it(api: Api):
    assert api.data('{ shop @idempotent(key: "k") { name } }')


# Row 16


def test_live_replay_compares_again_and_answers_stale_although_it_was_applied_once(api: Api, small: Small):
    first = write(api, ADJUST, adjusting(small, 5, expected=5), "k")
    assert codes(first) == []
    again = write(api, ADJUST, adjusting(small, 5, expected=5), "k")
    assert codes(again) == ["CHANGE_FROM_QUANTITY_STALE"]
    assert small.available(small.mug) == 10


def test_live_replay_without_comparison_answers_the_same_group_and_applies_nothing(api: Api, small: Small):
    first = write(api, ADJUST, adjusting(small, 5), "k")
    again = write(api, ADJUST, adjusting(small, 5), "k")
    assert again == first
    assert again["inventoryAdjustmentGroup"]["id"]
    assert small.available(small.mug) == 10


def test_docs_replay_returns_the_stored_outcome(api: Api, small: Small):
    small.shop.knobs.replay_mode = "docs"
    first = write(api, ADJUST, adjusting(small, 5, expected=5), "k")
    assert write(api, ADJUST, adjusting(small, 5, expected=5), "k") == first
    assert small.available(small.mug) == 10


@pytest.mark.parametrize("mode", ["live", "docs"])
def test_other_parameters_under_the_same_key_are_a_mismatch(api: Api, small: Small, mode):
    small.shop.knobs.replay_mode = mode
    write(api, ADJUST, adjusting(small, 5), "k")
    for other in (adjusting(small, 6), adjusting(small, 5, expected=5)):
        payload = write(api, ADJUST, other, "k")
        assert codes(payload) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
        assert payload["inventoryAdjustmentGroup"] is None
    assert codes(write(api, SET, setting(small, 5), "k")) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
    assert small.available(small.mug) == 10


@pytest.mark.parametrize("mode", ["live", "docs"])
def test_a_first_call_that_was_refused_leaves_nothing_to_replay(api: Api, small: Small, mode):
    small.shop.knobs.replay_mode = mode
    assert codes(write(api, ADJUST, adjusting(small, 5, expected=99), "k")) == ["CHANGE_FROM_QUANTITY_STALE"]
    small.sim.set(DOMAIN, small.mug.item_id, small.here, 99)
    assert codes(write(api, ADJUST, adjusting(small, 5, expected=99), "k")) == []
    assert small.available(small.mug) == 104


def test_a_key_whose_first_call_still_runs_is_concurrent(api: Api, small: Small):
    started, go_on = threading.Event(), threading.Event()

    def wait(shop, name, arguments):
        if not started.is_set():
            started.set()
            go_on.wait(10)

    small.sim.on_before_execute.append(wait)
    answers = []
    other = Api(api.url, api.token)
    thread = threading.Thread(target=lambda: answers.append(write(other, ADJUST, adjusting(small, 5), "k")))
    thread.start()
    assert started.wait(10)
    assert codes(write(api, ADJUST, adjusting(small, 5), "k")) == ["IDEMPOTENCY_CONCURRENT_REQUEST"]
    go_on.set()
    thread.join(10)
    assert codes(answers[0]) == []
    assert small.available(small.mug) == 10


def test_a_key_is_forgotten_after_24_hours(api: Api, small: Small):
    write(api, ADJUST, adjusting(small, 5), "k")
    small.sim.clock.advance(24 * 3600 - 1)
    write(api, ADJUST, adjusting(small, 5), "k")
    assert small.available(small.mug) == 10
    small.sim.clock.advance(1)
    write(api, ADJUST, adjusting(small, 5), "k")
    assert small.available(small.mug) == 15


def test_a_first_attempt_can_fail_so_that_its_key_is_spoilt(api: Api, small: Small):
    small.sim.fault(DOMAIN, "failed_attempt")
    assert api.codes(ADJUST, {"input": adjusting(small, 5), "key": "k"}) == ["INTERNAL_SERVER_ERROR"]
    assert codes(write(api, ADJUST, adjusting(small, 5), "k")) == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
    assert codes(write(api, ADJUST, adjusting(small, 5), "another")) == []
    assert small.available(small.mug) == 10


# Row 17


def test_an_absent_comparison_is_not_a_null_one(api: Api, small: Small):
    row = small.row(small.mug, small.here, quantity=7)
    answer = api(SET, {"input": set_input(row), "key": "k"})
    assert answer["errors"][0]["message"] == (
        "InventoryQuantityInput must include the following argument: changeFromQuantity."
    )
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
    assert answer["data"] == {"inventorySetQuantities": None}
    row = small.row(small.mug, small.here, delta=7)
    assert api.codes(ADJUST, {"input": adjust_input(row), "key": "k"}) == ["INVALID_FIELD_ARGUMENTS"]
    assert small.available(small.mug) == 5


def test_the_comparison_is_about_the_named_quantity(api: Api, small: Small):
    small.sim.buy(DOMAIN, small.mug.id, 2)  # available 3, committed 2, on_hand 5
    given = {**setting(small, 9, expected=3), "name": "on_hand"}
    assert codes(write(api, SET, given)) == ["CHANGE_FROM_QUANTITY_STALE"]
    given["quantities"][0]["changeFromQuantity"] = 5
    assert codes(write(api, SET, given)) == []
    assert small.available(small.mug) == 7


# Rows 18 to 21


def test_one_bad_row_refuses_all_and_every_bad_row_is_reported_with_its_index_as_text(api: Api, small: Small):
    good = small.row(small.shirt, small.here, quantity=1, changeFromQuantity=None)
    stale = small.row(small.mug, small.here, quantity=1, changeFromQuantity=77)
    lost = small.row(small.mug, 4, quantity=1, changeFromQuantity=None)
    gone = {**small.row(small.mug, small.there), "inventoryItemId": gid("InventoryItem", 3)}
    payload = write(api, SET, set_input(good, stale, lost, gone | {"quantity": 1, "changeFromQuantity": None}))
    assert payload["inventoryAdjustmentGroup"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("CHANGE_FROM_QUANTITY_STALE", ["input", "quantities", "1", "changeFromQuantity"]),
        ("INVALID_LOCATION", ["input", "quantities", "2", "locationId"]),
        ("INVALID_INVENTORY_ITEM", ["input", "quantities", "3", "inventoryItemId"]),
    ]
    assert small.available(small.shirt) == 10
    assert small.sim.changes(DOMAIN) == []


def test_a_pair_named_twice_is_reported_on_each_of_its_rows(api: Api, small: Small):
    row = small.row(small.mug, small.here, quantity=1, changeFromQuantity=None)
    payload = write(api, SET, set_input(row, row))
    assert codes(payload) == ["NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"] * 2
    assert payload["userErrors"][1]["field"] == ["input", "quantities", "1", "locationId"]


@pytest.mark.parametrize("expected", [None, 5])
def test_a_no_op_answers_a_null_group_without_error_webhook_or_new_updated_at(api: Api, small: Small, expected):
    small.sim.set_manual(DOMAIN, True)
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", "http://127.0.0.1:1/")
    before = small.shop.levels[small.mug.item_id, small.here].updated_at
    small.sim.clock.advance(60)
    payload = write(api, SET, setting(small, 5, expected=expected))
    assert payload == {"inventoryAdjustmentGroup": None, "userErrors": []}
    assert write(api, ADJUST, adjusting(small, 0))["inventoryAdjustmentGroup"] is None
    assert small.sim.deliveries(DOMAIN) == []
    assert small.shop.levels[small.mug.item_id, small.here].updated_at == before


def test_a_change_of_available_shows_as_two_rows_without_the_quantity_after_it(api: Api, small: Small):
    zero = small.row(small.shirt, small.here, delta=0, changeFromQuantity=None)
    three = small.row(small.mug, small.here, delta=3, changeFromQuantity=None)
    group = write(api, ADJUST, adjust_input(zero, three))["inventoryAdjustmentGroup"]
    assert group["changes"] == [
        {"name": "available", "delta": 3, "quantityAfterChange": None},
        {"name": "on_hand", "delta": 3, "quantityAfterChange": None},
    ]


def test_available_may_be_negative_and_on_hand_may_not(api: Api, small: Small):
    assert codes(write(api, SET, setting(small, -3))) == []
    assert small.available(small.mug) == -3
    payload = write(api, SET, {**setting(small, -3), "name": "on_hand"})
    assert codes(payload) == ["INVALID_QUANTITY_NEGATIVE"]
    assert payload["userErrors"][0]["message"] == "The quantity can't be negative."


@pytest.mark.parametrize(
    ("quantity", "code", "message"),
    [
        (1_000_000_001, "INVALID_QUANTITY_TOO_HIGH", "The quantity can't be higher than 1,000,000,000."),
        (-1_000_000_001, "INVALID_QUANTITY_TOO_LOW", "The quantity can't be lower than -1,000,000,000."),
    ],
)
def test_a_quantity_has_bounds(api: Api, small: Small, quantity, code, message):
    [error] = write(api, SET, setting(small, quantity))["userErrors"]
    assert (error["code"], error["message"]) == (code, message)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "committed"}, "INVALID_NAME"),
        ({"reason": "because"}, "INVALID_REASON"),
        ({"referenceDocumentUri": "no uri"}, "INVALID_REFERENCE_DOCUMENT"),
    ],
)
def test_the_head_of_a_set_is_checked(api: Api, small: Small, changes, code):
    assert codes(write(api, SET, setting(small, 7) | changes)) == [code]


def test_an_adjustment_refuses_on_hand_and_asks_other_names_for_a_ledger_document(api: Api, small: Small):
    assert codes(write(api, ADJUST, adjusting(small, 1) | {"name": "on_hand"})) == ["INVALID_QUANTITY_NAME"]
    damaged = adjusting(small, 1) | {"name": "damaged"}
    assert codes(write(api, ADJUST, damaged)) == ["INVALID_QUANTITY_DOCUMENT"]
    damaged["changes"][0]["ledgerDocumentUri"] = "gid://tiposync/Count/1"
    assert codes(write(api, ADJUST, damaged)) == []
    plain = adjusting(small, 1)
    plain["changes"][0]["ledgerDocumentUri"] = "gid://tiposync/Count/1"
    assert codes(write(api, ADJUST, plain)) == ["INVALID_AVAILABLE_DOCUMENT"]


def test_a_bundle_parent_refuses_writes(api: Api, small: Small):
    small.mug.requires_components = True
    assert codes(write(api, SET, setting(small, 7))) == ["NON_MUTABLE_INVENTORY_ITEM"]


def test_a_move_shifts_units_between_states_of_one_location(api: Api, small: Small):
    document = """mutation M($input: InventoryMoveQuantitiesInput!, $key: String!) {
      inventoryMoveQuantities(input: $input) @idempotent(key: $key) {
        inventoryAdjustmentGroup { changes { name delta } } userErrors { code field } } }"""
    place = gid("Location", small.here)
    change = {
        "inventoryItemId": gid("InventoryItem", small.mug.item_id),
        "quantity": 2,
        "from": {"locationId": place, "name": "available", "changeFromQuantity": 5},
        "to": {
            "locationId": place,
            "name": "damaged",
            "changeFromQuantity": None,
            "ledgerDocumentUri": "gid://tiposync/Count/1",
        },
    }
    given = {"reason": "damaged", "referenceDocumentUri": "gid://tiposync/Count/1", "changes": [change]}
    payload = write(api, document, given)
    assert payload["inventoryAdjustmentGroup"]["changes"] == [
        {"name": "available", "delta": -2},
        {"name": "damaged", "delta": 2},
    ]
    level = small.shop.levels[small.mug.item_id, small.here]
    assert (level.available, level.damaged, level.on_hand) == (3, 2, 5)
    change["to"]["locationId"] = gid("Location", small.there)
    assert codes(write(api, document, given)) == ["DIFFERENT_LOCATIONS"]


# Rows 22 and 23


def read_level(api: Api, variant, place: int, everything: bool) -> dict | None:
    variables = {"item": gid("InventoryItem", variant.item_id), "place": gid("Location", place), "all": everything}
    return api.data(LEVEL, variables)["inventoryItem"]["inventoryLevel"]


def test_a_write_to_an_unstocked_location_lands_on_a_hidden_inactive_level(api: Api, small: Small):
    assert codes(write(api, SET, setting(small, 7, variant=small.gift, place=small.there))) == []
    assert read_level(api, small.gift, small.there, False) is None
    level = read_level(api, small.gift, small.there, True)
    assert level["isActive"] is False
    assert level["quantities"][0]["quantity"] == 7


def test_before_2026_10_an_unstocked_location_was_an_error(api: Api, small: Small):
    api.version = "2026-07"
    payload = write(api, SET, setting(small, 7, variant=small.gift, place=small.there))
    assert codes(payload) == ["ITEM_NOT_STOCKED_AT_LOCATION"]


def test_the_reported_bug_adds_where_it_should_set(api: Api, small: Small):
    small.shop.knobs.add_instead_of_set = True
    for _ in range(2):
        write(api, SET, setting(small, 7, variant=small.gift, place=small.there))
    assert small.available(small.gift, small.there) == 14
    write(api, SET, setting(small, 8))
    assert small.available(small.mug) == 8


def activate(api: Api, variant, place: int, **given) -> dict:
    ids = {"item": gid("InventoryItem", variant.item_id), "place": gid("Location", place)}
    return api.data(ACTIVATE, {**ids, "key": str(uuid.uuid4()), **given})["inventoryActivate"]


def test_quantities_and_id_survive_deactivation_and_activation(api: Api, small: Small):
    before = read_level(api, small.shirt, small.there, False)
    assert api.data(DEACTIVATE, {"id": before["id"]})["inventoryDeactivate"]["userErrors"] == []
    assert read_level(api, small.shirt, small.there, False) is None
    hidden = read_level(api, small.shirt, small.there, True)
    assert (hidden["id"], hidden["isActive"], hidden["quantities"][0]["quantity"]) == (before["id"], False, 4)
    variants = api.data('{ productVariants(first: 5, query: "sku:SHIRT-S") { nodes { inventoryQuantity } } }')
    assert variants["productVariants"]["nodes"] == [{"inventoryQuantity": 10}]
    by_id = api.data("query Q($id: ID!) { inventoryLevel(id: $id) { isActive } }", {"id": before["id"]})
    assert by_id["inventoryLevel"] == {"isActive": False}
    payload = activate(api, small.shirt, small.there)
    assert payload["userErrors"] == []
    assert payload["inventoryLevel"]["quantities"][0]["quantity"] == 4
    assert payload["inventoryLevel"]["id"] == before["id"]


def test_activation_says_no_to_both_quantities_and_to_an_active_level(api: Api, small: Small):
    payload = activate(api, small.gift, small.there, available=1, onHand=1)
    assert [error["field"] for error in payload["userErrors"]] == [["available"], ["onHand"]]
    assert payload["inventoryLevel"] is None
    payload = activate(api, small.mug, small.here, available=9)
    assert payload["userErrors"][0]["message"] == (
        "Not allowed to set available quantity when the item is already active at the location."
    )
    assert payload["inventoryLevel"]["isActive"] is True
    assert small.available(small.mug) == 5
    assert activate(api, small.gift, small.there, available=3)["userErrors"] == []
    assert small.available(small.gift, small.there) == 3


def test_the_last_location_and_committed_stock_cannot_be_left(api: Api, small: Small):
    only = read_level(api, small.gift, small.here, False)
    payload = api.data(DEACTIVATE, {"id": only["id"]})["inventoryDeactivate"]
    assert "minimum of 1 location" in payload["userErrors"][0]["message"]
    small.sim.buy(DOMAIN, small.mug.id, 1, location_id=small.here)
    busy = read_level(api, small.mug, small.here, False)
    assert api.data(DEACTIVATE, {"id": busy["id"]})["inventoryDeactivate"]["userErrors"]


def test_many_locations_are_toggled_together_or_not_at_all(api: Api, small: Small):
    document = """mutation T($item: ID!, $rows: [InventoryBulkToggleActivationInput!]!) {
      inventoryBulkToggleActivation(inventoryItemId: $item, inventoryItemUpdates: $rows) {
        inventoryLevels { isActive } userErrors { code field } } }"""
    item = gid("InventoryItem", small.mug.item_id)
    off = [{"locationId": gid("Location", place), "activate": False} for place in (small.here, small.there)]
    payload = api.data(document, {"item": item, "rows": off})["inventoryBulkToggleActivation"]
    assert codes(payload) == ["CANNOT_DEACTIVATE_FROM_ONLY_LOCATION"]
    assert all(level.is_active for level in small.shop.levels_of(small.mug.item_id))
    payload = api.data(document, {"item": item, "rows": off[1:]})["inventoryBulkToggleActivation"]
    assert payload == {"inventoryLevels": [{"isActive": False}], "userErrors": []}
