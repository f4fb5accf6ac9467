"""What else staff do by hand (row 71): orders that are deleted or only get other words, drafts that are touched."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Draft, Order
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small
from tests.simulator.tests.made_orders.test_drafts import create
from tests.simulator.tests.orders.test_page_orders import page, post, press

DELETE = """mutation Delete($id: ID!) { orderDelete(orderId: $id) { deletedId userErrors { field message code } } }"""


@pytest.fixture
def order(small: Small) -> Order:
    return small.sim.place_order(DOMAIN, [(small.shirt.id, 3)], paid=False)


@pytest.fixture
def draft(api: Api, small: Small) -> Draft:
    row = {"variantId": gid("ProductVariant", small.shirt.id), "quantity": 2}
    create(api, lineItems=[row], reserveInventoryUntil="2199-01-01T00:00:00Z")
    [made] = small.shop.drafts.values()
    return made


def shirt(small: Small) -> tuple[int, int, int]:
    """(available, committed, reserved)."""
    level = small.shop.levels[small.shirt.item_id, small.here]
    return level.available, level.committed, level.reserved


@pytest.mark.parametrize(("restocks", "left"), [(False, 7), (True, 10)])
def test_a_deleted_order_is_gone_and_tells_its_id_only(
    api: Api, small: Small, order: Order, receiver: Receiver, restocks: bool, left: int
):
    """Whether its units go back on sale is not known: a knob."""
    small.shop.knobs.deletes_restock = restocks
    small.sim.subscribe(DOMAIN, "ORDERS_DELETE", receiver.url)
    small.shop.knobs.manual_deliveries = True
    wanted = gid("Order", order.id)
    assert api.data(DELETE, {"id": wanted})["orderDelete"] == {"deletedId": wanted, "userErrors": []}
    small.sim.pump(DOMAIN)
    assert receiver.bodies("orders/delete") == [{"id": order.id}]
    assert shirt(small) == (left, 0, 0)
    assert (small.shop.orders, small.shop.fulfillment_orders) == ({}, {})
    error = {"field": ["orderId"], "message": "Order does not exist", "code": "NOT_FOUND"}
    assert api.data(DELETE, {"id": wanted})["orderDelete"]["userErrors"] == [error]
    assert small.sim.buy(DOMAIN, small.mug.id).name == "#1002"


def test_an_order_that_was_paid_online_stays_until_it_is_cancelled(api: Api, small: Small):
    paid = small.sim.buy(DOMAIN, small.mug.id)
    [error] = api.data(DELETE, {"id": gid("Order", paid.id)})["orderDelete"]["userErrors"]
    assert (error["field"], error["code"]) == (["orderId"], "INVALID")
    small.sim.cancel(DOMAIN, paid)
    assert post(small, "delete_order", order_id=paid.id).status_code == 200
    assert small.shop.orders == {}


def test_other_words_move_the_order_and_nothing_else(small: Small, order: Order, receiver: Receiver):
    small.sim.subscribe(DOMAIN, "ORDERS_UPDATED", receiver.url)
    small.shop.knobs.manual_deliveries = True
    small.sim.clock.advance(5)
    found = post(small, "order_words", order_id=order.id, note="Ring twice", tags=["b", "a"]).json()
    assert (found["note"], found["updated_at"]) == ("Ring twice", order.created_at + 5)
    small.sim.pump(DOMAIN)
    assert (receiver.bodies("orders/updated")[0]["note"], shirt(small)) == ("Ring twice", (7, 3, 0))
    assert post(small, "order_words", order_id=order.id, total="1").status_code == 400


def test_a_touched_draft_reserves_what_it_holds_now(small: Small, draft: Draft, receiver: Receiver):
    small.sim.subscribe(DOMAIN, "DRAFT_ORDERS_UPDATE", receiver.url)
    small.shop.knobs.manual_deliveries = True
    assert shirt(small) == (8, 0, 2)
    first = draft.lines[0].id
    found = post(small, "change_draft", draft_id=draft.id, quantities={first: 5}, add=[[small.mug.id, 1]], note="More")
    assert found.json()["total"] == "60.00"
    assert (shirt(small), small.available(small.mug)) == ((5, 0, 5), 4)
    post(small, "change_draft", draft_id=draft.id, quantities={first: 0})
    assert (shirt(small), [row.sku for row in draft.lines]) == ((10, 0, 0), ["MUG"])
    small.sim.pump(DOMAIN)
    assert receiver.topics() == ["draft_orders/update"] * 2
    small.sim.complete_draft(DOMAIN, draft)
    assert post(small, "change_draft", draft_id=draft.id, note="Late").status_code == 400


def test_the_buttons_do_the_same(small: Small, order: Order, draft: Draft):
    press(small, "change_draft", draft=draft.id)
    assert draft.lines[0].quantity == 3
    press(small, "write_note", order_name=order.name, note="Ring twice")
    assert order.note == "Ring twice"
    shown = page(small)
    for action in ("change_draft", "delete_named", "write_note", "exchange", "return_part", "pay_part", "move"):
        assert f'value="{action}"' in shown
    press(small, "delete_named", order_name=order.name)
    assert small.shop.orders == {}


def test_staff_give_a_discount_on_what_was_sold(small: Small, order: Order):
    found = post(small, "edit", order_id=order.id, discounts={order.lines[0].id: "2.50"}).json()
    assert (found["current_total"], found["outstanding"]) == ("22.50", "22.50")
