"""Fulfillment orders that move to another location, and stock with them (row 69).

https://shopify.dev/docs/api/admin-graphql/latest/mutations/fulfillmentOrderMove
"""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import FulfillmentOrder, Order
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small
from tests.simulator.tests.orders.test_page_orders import post, press

ROW = "id status assignedLocation { location { id } } lineItems(first: 5) { nodes { id remainingQuantity } }"
MOVE = f"""mutation Move($id: ID!, $place: ID!, $lines: [FulfillmentOrderLineItemInput!]) {{
  fulfillmentOrderMove(id: $id, newLocationId: $place, fulfillmentOrderLineItems: $lines) {{
    movedFulfillmentOrder {{ {ROW} }} originalFulfillmentOrder {{ {ROW} }} remainingFulfillmentOrder {{ id }}
    userErrors {{ field message code }} }} }}"""
PLACES = """query Places($id: ID!) { fulfillmentOrder(id: $id) { supportedActions { action }
  locationsForMove(first: 5) { nodes { location { id } movable message } } } }"""


@pytest.fixture
def order(small: Small) -> Order:
    """Three shirts, from here: 10 there are, 4 elsewhere."""
    return small.sim.place_order(DOMAIN, [(small.shirt.id, 3)])


def move(api: Api, row: FulfillmentOrder, place: int, units: int | None = None) -> dict:
    lines = None if units is None else [{"id": gid("FulfillmentOrderLineItem", row.lines[0].id), "quantity": units}]
    variables = {"id": gid("FulfillmentOrder", row.id), "place": gid("Location", place), "lines": lines}
    return api.data(MOVE, variables)["fulfillmentOrderMove"]


def levels(small: Small) -> list[tuple[int, int]]:
    """[(available, committed)] of the shirt here and there."""
    rows = [small.shop.levels[small.shirt.item_id, place] for place in (small.here, small.there)]
    return [(row.available, row.committed) for row in rows]


def test_all_of_it_moves_and_stays_the_same_fulfillment_order(api: Api, small: Small, order: Order):
    [row] = order.fulfillment_orders
    assert levels(small) == [(7, 3), (4, 0)]
    answer = move(api, row, small.there)
    assert answer["userErrors"] == []
    assert (
        answer["movedFulfillmentOrder"]["id"]
        == answer["originalFulfillmentOrder"]["id"]
        == gid("FulfillmentOrder", row.id)
    )
    assert answer["movedFulfillmentOrder"]["assignedLocation"]["location"]["id"] == gid("Location", small.there)
    assert answer["remainingFulfillmentOrder"] is None
    assert levels(small) == [(10, 0), (1, 3)]
    small.sim.fulfil(DOMAIN, order)
    assert levels(small) == [(10, 0), (1, 0)]
    assert order.fulfillments[0].location_id == small.there


def test_a_part_moves_into_another_one(api: Api, small: Small, order: Order):
    [row] = order.fulfillment_orders
    answer = move(api, row, small.there, 1)
    assert answer["remainingFulfillmentOrder"] == {"id": gid("FulfillmentOrder", row.id)}
    moved, original = answer["movedFulfillmentOrder"], answer["originalFulfillmentOrder"]
    assert moved["id"] != original["id"]
    counts = [one["lineItems"]["nodes"][0]["remainingQuantity"] for one in (moved, original)]
    assert counts == [1, 2]
    assert levels(small) == [(8, 2), (3, 1)]
    small.sim.fulfil(DOMAIN, order)
    assert [(one.location_id, sum(one.lines.values())) for one in order.fulfillments] == [
        (small.here, 2),
        (small.there, 1),
    ]
    assert levels(small) == [(8, 0), (3, 0)]


def test_what_moves_to_where_some_is_open_already_is_made_anew_with_it(api: Api, small: Small, order: Order):
    [row] = order.fulfillment_orders
    move(api, row, small.there, 1)
    answer = move(api, row, small.there, 1)
    assert [(one.location_id, one.is_closed) for one in order.fulfillment_orders] == [
        (small.here, False),
        (small.there, True),
        (small.there, False),
    ]
    assert answer["movedFulfillmentOrder"]["lineItems"]["nodes"][0]["remainingQuantity"] == 2
    assert levels(small) == [(9, 1), (2, 2)]
    small.sim.cancel(DOMAIN, order)
    assert levels(small) == [(10, 0), (4, 0)]


def test_what_is_shipped_stays_where_it_was(api: Api, small: Small, order: Order):
    [row] = order.fulfillment_orders
    small.sim.fulfil(DOMAIN, order, {order.lines[0].id: 1})
    answer = move(api, row, small.there)
    assert answer["originalFulfillmentOrder"]["status"] == "CLOSED"
    assert answer["movedFulfillmentOrder"]["status"] == "OPEN"
    assert levels(small) == [(9, 0), (2, 2)]


def test_units_of_an_order_that_claimed_nothing_move_without_stock(api: Api, small: Small):
    copy = small.sim.place_order(DOMAIN, [(small.shirt.id, 2)], bypass=True)
    move(api, copy.fulfillment_orders[0], small.there)
    assert levels(small) == [(10, 0), (4, 0)]


def test_what_cannot_move_says_so(api: Api, small: Small, order: Order):
    [row] = order.fulfillment_orders
    assert move(api, row, 9)["userErrors"] == [{"field": ["id"], "message": "Location not found.", "code": None}]
    assert move(api, row, small.here)["userErrors"][0]["message"] == "Cannot change location."
    assert move(api, row, small.there, 4)["userErrors"][0]["field"] == ["fulfillmentOrderLineItems"]
    small.shop.levels[small.shirt.item_id, small.there].is_active = False
    assert "doesn't stock" in move(api, row, small.there)["userErrors"][0]["message"]
    small.sim.fulfil(DOMAIN, order)
    assert move(api, row, small.there)["userErrors"] == [
        {"field": None, "message": "Cannot change location.", "code": None}
    ]
    assert levels(small)[1] == (4, 0)


@pytest.mark.parametrize("looks", [False, True])
def test_units_move_to_where_there_are_none_or_are_refused(api: Api, small: Small, looks: bool):
    """Which, is not known: a knob."""
    small.shop.knobs.moves_need_stock = looks
    many = small.sim.place_order(DOMAIN, [(small.shirt.id, 6)])
    assert bool(move(api, many.fulfillment_orders[0], small.there)["userErrors"]) == looks
    assert levels(small)[1] == ((4, 0) if looks else (-2, 6))


def test_the_places_that_it_may_move_to(api: Api, small: Small, order: Order):
    found = api.data(PLACES, {"id": gid("FulfillmentOrder", order.fulfillment_orders[0].id)})["fulfillmentOrder"]
    assert {"action": "MOVE"} in found["supportedActions"]
    assert found["locationsForMove"]["nodes"] == [
        {"location": {"id": gid("Location", small.there)}, "movable": True, "message": None}
    ]


@pytest.mark.parametrize("touches", [True, False])
def test_a_move_tells_its_own_topic_and_the_orders_or_not(small, api, order, receiver: Receiver, touches: bool):
    """Whether orders/updated comes is not known: a knob."""
    small.shop.knobs.moves_touch_orders = touches
    for topic in ("FULFILLMENT_ORDERS_MOVED", "ORDERS_UPDATED"):
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    small.shop.knobs.manual_deliveries = True
    move(api, order.fulfillment_orders[0], small.there)
    small.sim.pump(DOMAIN)
    assert receiver.topics() == ["fulfillment_orders/moved", *(["orders/updated"] if touches else [])]
    assert receiver.bodies("fulfillment_orders/moved")[0]["destination_location_id"] == gid("Location", small.there)


def test_the_lost_answer_of_a_move_leaves_it_moved(small: Small, api: Api, order: Order):
    small.sim.fault(DOMAIN, "lost_answer", match="fulfillmentOrderMove")
    with pytest.raises(OSError):
        move(api, order.fulfillment_orders[0], small.there)
    assert levels(small) == [(10, 0), (1, 3)]


def test_staff_move_an_order_by_hand(small: Small, order: Order):
    answer = post(small, "move", order_id=order.id, location_id=small.there, quantities={order.lines[0].id: 2})
    assert (answer.status_code, levels(small)) == (200, [(9, 1), (2, 2)])
    press(small, "move", order_name=order.name, sku="", location=small.here)
    assert levels(small) == [(7, 3), (4, 0)]
    assert "ship+from+elsewhere" in press(small, "move", order_name=order.name, sku="", location=small.here)
