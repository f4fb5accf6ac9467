"""fulfillmentCreate, Cancel and TrackingInfoUpdate: no idempotency, twice ships twice while units are left."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events import order_moves
from tests.simulator.mutations.orders.input import only
from tests.simulator.reads.fulfillments import status_of
from tests.simulator.reads.shop import number_of
from tests.simulator.state.orders import FulfillmentOrder, Order
from tests.simulator.wire.problems import user_error

ROWS = ["fulfillment", "lineItemsByFulfillmentOrder"]
CLOSED = "The fulfillment order {} is not in a state that can be fulfilled: it is {}."


def create_fulfillment(root, call: Call, arguments: dict) -> dict:
    """All rows belong to one order and one location, as at Shopify."""
    given = arguments["fulfillment"]
    only(given, ("lineItemsByFulfillmentOrder", "notifyCustomer", "trackingInfo"), "FulfillmentInput")
    errors: list[dict] = []
    rows = given["lineItemsByFulfillmentOrder"]
    chosen = [_chosen(call, row, [*ROWS, index], errors) for index, row in enumerate(rows)]
    if not rows:
        errors.append(user_error(ROWS, "Fulfillment must have at least one fulfillment order"))
    places = {(row.order_id, row.location_id) for row, _ in filter(None, chosen)}
    if len(places) > 1:
        errors.append(user_error(ROWS, "All fulfillment orders must belong to the same order and location"))
    if errors:
        return {"fulfillment": None, "userErrors": errors}
    order = call.shop.orders[chosen[0][0].order_id]
    lines: dict[int, int] = {}
    for _, wanted in chosen:
        for line_id, quantity in wanted.items():
            lines[line_id] = lines.get(line_id, 0) + quantity
    tracking = _tracking(given.get("trackingInfo") or {})
    among, place = {row.id for row, _ in chosen}, chosen[0][0].location_id
    made = order_moves.ship(call.shop, call.simulator.clock, order, place, lines, among=among, **tracking)
    _notify(call, order, given.get("notifyCustomer"))
    return {"fulfillment": made, "userErrors": []}


def _chosen(call: Call, row: dict, path: list, errors: list[dict]) -> tuple[FulfillmentOrder, dict[int, int]] | None:
    """(the fulfillment order, {line id: units}); without lines: all that remains."""
    number = number_of(row["fulfillmentOrderId"], "FulfillmentOrder")
    found = call.shop.fulfillment_orders.get(number)
    if found is None:
        errors.append(user_error([*path, "fulfillmentOrderId"], "Fulfillment order does not exist."))
        return None
    state = status_of(found)
    if state not in ("OPEN", "IN_PROGRESS"):
        errors.append(user_error([*path, "fulfillmentOrderId"], CLOSED.format(number, state.lower())))
        return None
    entries = {entry.id: entry for entry in found.lines}
    if not row.get("fulfillmentOrderLineItems"):
        left = {entry.line_id: entry.remaining for entry in found.lines}
        return found, {line_id: units for line_id, units in left.items() if units}
    wanted: dict[int, int] = {}
    for index, part in enumerate(row["fulfillmentOrderLineItems"]):
        place = [*path, "fulfillmentOrderLineItems", index]
        entry = entries.get(number_of(part["id"], "FulfillmentOrderLineItem"))
        if entry is None:
            errors.append(user_error([*place, "id"], "Fulfillment order line item does not exist."))
        elif not 0 < part["quantity"] <= entry.remaining - wanted.get(entry.line_id, 0):
            errors.append(user_error([*place, "quantity"], "Invalid fulfillment order line item quantity requested."))
        else:
            wanted[entry.line_id] = wanted.get(entry.line_id, 0) + part["quantity"]
    return found, wanted


def _tracking(given: dict) -> dict:
    numbers = given.get("numbers") or [one for one in [given.get("number")] if one]
    urls = given.get("urls") or [one for one in [given.get("url")] if one]
    return {"company": given.get("company"), "numbers": numbers, "urls": urls}


def update_tracking(root, call: Call, arguments: dict) -> dict:
    fulfillment = call.shop.fulfillments.get(number_of(arguments["fulfillmentId"], "Fulfillment"))
    if fulfillment is None:
        return {"fulfillment": None, "userErrors": [user_error(["fulfillmentId"], "Fulfillment does not exist.")]}
    order_moves.change_tracking(
        call.shop, call.simulator.clock, fulfillment, **_tracking(arguments["trackingInfoInput"])
    )
    _notify(call, call.shop.orders[fulfillment.order_id], arguments.get("notifyCustomer"))
    return {"fulfillment": fulfillment, "userErrors": []}


def cancel_fulfillment(root, call: Call, arguments: dict) -> dict:
    fulfillment = call.shop.fulfillments.get(number_of(arguments["id"], "Fulfillment"))
    if fulfillment is None:
        return {"fulfillment": None, "userErrors": [user_error(["id"], "Fulfillment does not exist.")]}
    try:
        order_moves.cancel_fulfilment(call.shop, call.simulator.clock, fulfillment)
    except ValueError as problem:
        return {"fulfillment": None, "userErrors": [user_error(["id"], str(problem))]}
    return {"fulfillment": fulfillment, "userErrors": []}


def _notify(call: Call, order: Order, wanted: bool | None) -> None:
    if wanted and order.email:
        call.shop.mails.append({"kind": "shipping", "to": order.email, "order": order.name, "at": call.now})


RESOLVERS = {
    "Mutation.fulfillmentCreate": create_fulfillment,
    "Mutation.fulfillmentCancel": cancel_fulfillment,
    "Mutation.fulfillmentTrackingInfoUpdate": update_tracking,
}
