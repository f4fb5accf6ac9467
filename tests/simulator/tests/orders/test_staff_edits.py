"""What staff do to orders in the admin: over the control API and with the buttons of a store's page."""

from __future__ import annotations

import pytest

from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Small
from tests.simulator.tests.orders.test_page_orders import page, post, press


@pytest.fixture
def order(small: Small) -> Order:
    return small.sim.place_order(DOMAIN, [(small.shirt.id, 3)], tax_rate="0.19")


def edit(small: Small, order: Order, **given) -> dict:
    answer = post(small, "edit", order_id=order.id, **given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_staff_add_lines_of_all_kinds(small: Small, order: Order):
    found = edit(
        small,
        order,
        add=[
            [small.mug.id, 2],
            {"variant_id": small.gift.id, "quantity": 2, "discount": "4.00"},
            {"title": "Engraving", "price": "5.00"},
        ],
        note="By phone",
    )
    assert [line["quantity"] for line in found["lines"]] == [3, 2, 2, 1]
    assert small.available(small.mug) == 3
    # 30.00 + 20.00 + 12.00 + 5.00 and the tax that the order has.
    assert found["total"] == "79.73"
    assert found["edits"][0]["staff_note"] == "By phone"


def test_staff_add_at_a_location(small: Small, order: Order):
    edit(small, order, add=[{"variant_id": small.shirt.id, "quantity": 1, "location_id": small.there}])
    assert (small.available(small.shirt), small.available(small.shirt, small.there)) == (7, 3)


@pytest.mark.parametrize(("back", "left"), [(True, 9), (False, 7)])
def test_staff_take_units_off_with_or_without_restock(small: Small, order: Order, back: bool, left: int):
    found = edit(small, order, quantities={order.lines[0].id: 1}, back_to_stock=back)
    assert (found["lines"][0]["quantity"], found["lines"][0]["unfulfilled"]) == (3, 1)
    assert small.available(small.shirt) == left


def test_staff_raise_a_line(small: Small, order: Order):
    edit(small, order, quantities={order.lines[0].id: 5})
    assert (order.lines[0].quantity, small.available(small.shirt)) == (5, 5)


def test_an_edit_of_staff_that_cannot_be_says_why_and_leaves_no_session(small: Small, order: Order):
    small.sim.fulfil(DOMAIN, order)
    answer = post(small, "edit", order_id=order.id, quantities={order.lines[0].id: 0})
    assert (answer.status_code, "not shipped" in answer.text) == (400, True)
    assert small.shop.edit_sessions == {}


def test_units_come_and_go_with_the_buttons(small: Small, order: Order):
    press(small, "edit_add", order_name=order.name, sku="mug", quantity="2")
    assert small.available(small.mug) == 3
    press(small, "edit_restock", order_name=order.name, sku="SHIRT-S", quantity="1")
    assert small.available(small.shirt) == 8
    press(small, "edit_write_off", order_name=order.name.removeprefix("#"), sku="SHIRT-S", quantity="1")
    assert small.available(small.shirt) == 8
    shown = page(small)
    assert "1 of 3 × Shirt (SHIRT-S), 2 × Mug (MUG)" in shown
    assert '35.70 EUR<div class="sub">of 59.50</div>' in shown
    for action in ("edit_add", "edit_restock", "edit_write_off"):
        assert f'value="{action}"' in shown


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"order_name": "#9"}, "Which order"),
        ({"sku": "NOPE"}, "Which line"),
        ({"quantity": "4"}, "no more than 3"),
        ({"quantity": "0"}, "at least 1"),
    ],
)
def test_a_bad_form_says_what_is_wrong(small: Small, order: Order, form: dict, message: str):
    given = {"order_name": order.name, "sku": "SHIRT-S", "quantity": "1", **form}
    assert message.replace(" ", "+") in press(small, "edit_restock", **given)
    assert order.lines[0].current_quantity == 3
