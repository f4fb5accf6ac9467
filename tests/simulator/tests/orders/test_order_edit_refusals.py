"""What an order edit refuses, in the words that were recorded of live stores in 2026 where there are any (row 67)."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Small
from tests.simulator.tests.orders.editing import Editor

NO_SESSION = [{"field": ["id"], "message": "The calculated order does not exist."}]


@pytest.fixture
def order(small: Small) -> Order:
    return small.sim.place_order(DOMAIN, [(small.shirt.id, 3), (small.mug.id, 1)])


@pytest.fixture
def editor(api: Api, order: Order) -> Editor:
    return Editor(api, order)


def test_an_order_that_does_not_exist_or_is_cancelled_or_is_another_channels_cannot_be_edited(
    api: Api, small: Small, order: Order
):
    nobody = Order(999, 0, 0, 0, processed_at=0)
    answer = Editor(api, nobody).begin(refused=True)
    assert answer["userErrors"] == [{"field": ["id"], "message": "The order does not exist."}]
    small.sim.cancel(DOMAIN, order)
    theirs = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], merchant_editable=False)
    for one in (order, theirs):
        answer = Editor(api, one).begin(refused=True)
        assert (answer["calculatedOrder"], answer["orderEditSession"]) == (None, None)
        assert answer["userErrors"] == [{"field": None, "message": "The order cannot be edited."}]
        read = "query Read($id: ID!) { order(id: $id) { merchantEditable merchantEditableErrors } }"
        found = api.data(read, {"id": gid("Order", one.id)})["order"]
        assert (found["merchantEditable"], len(found["merchantEditableErrors"])) == (False, 1)


def test_a_calculated_order_that_does_not_exist_is_said_by_every_step(editor: Editor, small: Small):
    editor.id = gid("CalculatedOrder", 999)
    line = gid("CalculatedLineItem", 9)
    answers = [
        editor.set_quantity(line, 1, refused=True),
        editor.add_variant(small.mug.id, 1, refused=True),
        editor.add_custom_item("Wrap", 1, "1.00", "EUR", refused=True),
        editor.add_discount(line, {"percentValue": 10}, refused=True),
        editor.commit(refused=True),
    ]
    assert [answer["userErrors"] for answer in answers] == [NO_SESSION] * 5


def test_bad_steps_change_nothing(editor: Editor, order: Order, small: Small):
    editor.begin()
    line, wrap = order.lines[0], ("Wrap", 1, "1.00", "EUR")
    cases = [
        (lambda: editor.set_quantity("gid://shopify/CalculatedLineItem/9", 1, refused=True),
         ["lineItemId"], "The line item does not exist on the order."),
        (lambda: editor.set_quantity(line, -1, refused=True), ["quantity"], "must be greater than or equal to 0"),
        (lambda: editor.add_variant(9, 1, refused=True), ["variantId"], "The variant does not exist in the shop."),
        (lambda: editor.add_variant(small.gift.id, 0, refused=True), ["quantity"], "must be greater than 0"),
        (lambda: editor.add_variant(small.mug.id, 1, refused=True), ["id"],
         "Mug was not added because it's already on the order."),
        (lambda: editor.add_custom_item("", *wrap[1:], refused=True), ["title"], "can't be blank"),
        (lambda: editor.add_custom_item("x" * 256, *wrap[1:], refused=True), ["title"],
         "is too long (maximum is 255 characters)"),
        (lambda: editor.add_custom_item("Wrap", 0, "1.00", "EUR", refused=True), ["quantity"],
         "must be greater than 0"),
        (lambda: editor.add_custom_item("Wrap", 1, "-5.00", "EUR", refused=True), ["price", "amount"],
         "must be greater than or equal to 0"),
        (lambda: editor.add_custom_item("Wrap", 1, "1.00", "USD", refused=True), ["price", "amount"],
         "Currency must be EUR."),
        (lambda: editor.add_discount("gid://shopify/CalculatedLineItem/9", {"percentValue": 5}, refused=True),
         ["id"], "The line item does not exist on the order."),
    ]  # fmt: skip
    for act, field, message in cases:
        assert act()["userErrors"] == [{"field": field, "message": message}]
    found = editor.read()
    assert (found["stagedChanges"]["nodes"], found["subtotalLineItemsQuantity"]) == ([], 4)


@pytest.mark.parametrize(("taken", "is_taken"), [(False, False), (True, True)])
def test_a_session_without_a_change_is_committed_or_not(small, order, editor, taken, is_taken):
    """Which, is not known: a knob."""
    small.shop.knobs.empty_edits = taken
    editor.begin()
    editor.commit(refused=not is_taken)
    assert len(order.edits) == int(is_taken)


def test_shipped_units_cannot_be_taken_off(small: Small, order: Order, editor: Editor):
    small.sim.fulfil(DOMAIN, order, {order.lines[0].id: 2})
    editor.begin()
    answer = editor.set_quantity(order.lines[0], 1, refused=True)
    assert answer["userErrors"][0]["field"] == ["quantity"]
    step = editor.set_quantity(order.lines[0], 2)["calculatedLineItem"]
    assert (step["quantity"], step["editableQuantity"]) == (2, 0)
    editor.commit()
    assert (order.lines[0].current_quantity, order.lines[0].unfulfilled) == (2, 0)


def test_a_committed_session_is_gone_and_its_repeat_says_so(order: Order, editor: Editor):
    """No idempotency: whoever lost the answer has to look at the order."""
    editor.begin()
    editor.set_quantity(order.lines[0], 2)
    editor.commit()
    assert editor.commit(refused=True)["userErrors"] == NO_SESSION
    assert editor.read() is None
    assert order.lines[0].current_quantity == 2


def test_the_lost_answer_of_a_commit_leaves_it_committed(small: Small, api: Api, order: Order, editor: Editor):
    editor.begin()
    editor.add_variant(small.gift.id, 1)
    small.sim.fault(DOMAIN, "lost_answer", match="orderEditCommit")
    with pytest.raises(OSError):
        editor.commit()
    assert [line.variant_id for line in order.lines[2:]] == [small.gift.id]


def test_a_session_grows_old(small: Small, order: Order, editor: Editor):
    small.shop.knobs.edit_session_seconds = 600
    editor.begin()
    editor.set_quantity(order.lines[0], 2)
    small.sim.clock.advance(601)
    assert editor.commit(refused=True)["userErrors"] == NO_SESSION


@pytest.mark.parametrize("conflict", [True, False])
def test_the_second_of_two_sessions_is_refused_or_adds_to_the_first(small, api, order, editor, conflict: bool):
    """Which, is not known: a knob."""
    small.shop.knobs.edits_conflict = conflict
    other = Editor(api, order)
    editor.begin()
    other.begin()
    assert editor.id != other.id
    for one in (editor, other):
        one.set_quantity(order.lines[0], 2)
    editor.commit()
    other.commit(refused=conflict)
    assert order.lines[0].current_quantity == (2 if conflict else 1)


def test_what_ships_between_the_steps_and_the_commit_stays_and_nothing_else_happens(
    small: Small, order: Order, editor: Editor
):
    editor.begin()
    editor.set_quantity(order.lines[0], 0, restock=True)
    editor.add_variant(small.gift.id, 1)
    small.sim.fulfil(DOMAIN, order)
    assert editor.commit(refused=True)["userErrors"] == [{"field": None, "message": "The order cannot be edited."}]
    assert [line.current_quantity for line in order.lines] == [3, 1]


@pytest.mark.parametrize("looks", [False, True])
def test_units_that_are_not_there_are_oversold_or_refused(small, order, editor, looks: bool):
    """Which, is not known: a knob."""
    small.shop.knobs.edits_need_stock = looks
    editor.begin()
    editor.add_variant(small.mug.id, 7, allow_duplicates=True, refused=looks)
    if not looks:
        editor.commit()
        assert small.available(small.mug) == -3


@pytest.mark.parametrize("follows", [False, True])
def test_the_location_of_an_added_line_decides_or_routing_does(small, order, editor, follows: bool):
    """Which, is not known: a knob."""
    small.shop.knobs.edits_follow_location = follows
    editor.begin()
    editor.add_variant(small.shirt.id, 1, allow_duplicates=True, locationId=gid("Location", small.there))
    editor.commit()
    assert order.lines[2].location_id == (small.there if follows else small.here)


def test_an_edit_needs_its_scope(api: Api, small: Small, order: Order, editor: Editor):
    small.sim.set_scopes(DOMAIN, small.shop.apps["tiposync"].scopes - {"write_order_edits"})
    document = "mutation Begin($id: ID!) { orderEditBegin(id: $id) { userErrors { message } } }"
    assert api.codes(document, {"id": gid("Order", order.id)}) == ["ACCESS_DENIED"]
