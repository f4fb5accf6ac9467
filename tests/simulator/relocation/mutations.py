"""fulfillmentOrderMove (row 69), and where a fulfillment order may move to.

https://shopify.dev/docs/api/admin-graphql/latest/mutations/fulfillmentOrderMove
"""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.reads.order_parts import list_page
from tests.simulator.reads.paging import Page
from tests.simulator.reads.shop import number_of
from tests.simulator.relocation.move import MoveError, move, why_not_there
from tests.simulator.state.orders import FulfillmentOrder
from tests.simulator.wire.problems import user_error

NOTHING = {"movedFulfillmentOrder": None, "originalFulfillmentOrder": None, "remainingFulfillmentOrder": None}


def move_fulfillment_order(root, call: Call, arguments: dict) -> dict:
    row = call.shop.fulfillment_orders.get(number_of(arguments["id"], "FulfillmentOrder"))
    rows = arguments.get("fulfillmentOrderLineItems")
    wanted = {number_of(one["id"], "FulfillmentOrderLineItem"): one["quantity"] for one in rows} if rows else None
    place, cause = number_of(arguments["newLocationId"], "Location"), f"api:{call.app.client_id}"
    try:
        if row is None:
            raise MoveError("Fulfillment order does not exist.", ["id"])
        moved = move(call.shop, call.simulator.clock, row, place, wanted, cause=cause)
    except MoveError as problem:
        return {**NOTHING, "userErrors": [user_error(problem.field, str(problem))]}
    remains = moved is not row and any(entry.remaining for entry in row.lines)
    return {
        "movedFulfillmentOrder": moved,
        "originalFulfillmentOrder": row,
        "remainingFulfillmentOrder": row if remains else None,
        "userErrors": [],
    }


def _places(row: FulfillmentOrder, call: Call, arguments: dict) -> Page:
    order = call.shop.orders[row.order_id]
    found = []
    for place in call.shop.locations.values():
        if place.id == row.location_id or not place.is_active:
            continue
        problems = [why_not_there(call.shop, order.line(one.line_id), place.id, one.remaining) for one in row.lines]
        message = next((text for text in problems if text), None)
        found.append({"location": place, "message": message, "movable": message is None})
    return list_page(call, arguments, found)


RESOLVERS = {
    "Mutation.fulfillmentOrderMove": move_fulfillment_order,
    "FulfillmentOrder.locationsForMove": _places,
}
