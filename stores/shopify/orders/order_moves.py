"""Move what is to be shipped of an order to another location, with the units that it holds in stock."""

from collections.abc import Mapping

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import UserErrors

# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fulfillmentOrderMove
MOVE = """
mutation MoveFulfilmentOrder($id: ID!, $location: ID!, $lines: [FulfillmentOrderLineItemInput!]) {
  fulfillmentOrderMove(id: $id, newLocationId: $location, fulfillmentOrderLineItems: $lines) {
    movedFulfillmentOrder { id }
    userErrors { field message }
  }
}
"""


def move_fulfilment_order(client: Client, order_gid: str, location_gid: str, units: Mapping[str, int]) -> None:
    """Move `units` (its line gid -> units) of a fulfilment order to a location.

    Not idempotent where it splits: with `outcome_unknown` True read the order before sending again. Raises UserErrors
    when Shopify says no, GidError, and as Client.execute does.
    """
    gids.require(order_gid, "FulfillmentOrder")
    gids.require(location_gid, "Location")
    lines = [{"id": gid, "quantity": quantity} for gid, quantity in units.items()]
    variables = {"id": order_gid, "location": location_gid, "lines": lines}
    payload = client.execute(MOVE, variables, cost=12)["fulfillmentOrderMove"]
    listed = answers.user_errors(payload["userErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: {order_gid} was not moved.", errors=listed)
