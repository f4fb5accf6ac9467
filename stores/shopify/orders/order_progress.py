"""What has become of an order: shipped, open, refunded, cancelled; the same reading serves an original and its copy."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.instants import instant_or_none, parse_instant
from stores.shopify.orders.order_records import attributes


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """A line: `current_quantity` units are left after refunds and edits, `open_quantity` of them not shipped yet.

    `quantity` are all that it ever had. `variant_gid` is empty for a custom line and for a variant that was deleted.
    """

    gid: str
    title: str
    current_quantity: int
    open_quantity: int
    properties: tuple[tuple[str, str], ...]
    variant_gid: str = ""
    quantity: int = 0
    is_gift_card: bool = False


@dataclass(frozen=True, slots=True)
class Tracking:
    """How a parcel can be followed; empty where nothing is known. `urls` belong to `numbers` by position."""

    company: str = ""
    numbers: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shipment:
    """A fulfilment: what was shipped, line gid -> units. `status` is Shopify's: SUCCESS, CANCELLED, ERROR …"""

    gid: str
    status: str
    created_at: datetime
    location_gid: str
    tracking: Tracking
    units: dict[str, int]


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line of a fulfilment order, with the units of it that can still be shipped."""

    gid: str
    line_gid: str
    remaining_quantity: int


@dataclass(frozen=True, slots=True)
class FulfilmentOrder:
    """What one location is to ship of an order. `status` is Shopify's: OPEN, IN_PROGRESS, ON_HOLD, CLOSED …"""

    gid: str
    status: str
    location_gid: str
    lines: tuple[OpenLine, ...]


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """Units taken off a line; `restock_type` is CANCEL, RETURN, NO_RESTOCK or LEGACY_RESTOCK."""

    line_gid: str
    quantity: int
    restock_type: str


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """A refund; without lines it moved money only."""

    gid: str
    created_at: datetime | None
    lines: tuple[RefundedLine, ...]


@dataclass(frozen=True, slots=True)
class Payments:
    """How an order is paid, in its shop's currency. `status` is Shopify's word (PAID), empty where it has none.

    `total` is as placed, `current` as it is now, `received` what was ever paid, `outstanding` what is still to be paid
    of what is left.
    """

    status: str = ""
    currency: str = ""
    total: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    outstanding: Decimal = Decimal(0)
    current: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderProgress:
    """An order and all that happened to it. `cancel_reason` is Shopify's word, empty if it is not cancelled.

    `is_paid`: some payment was received, whole or in part, refunded later or not.
    """

    gid: str
    name: str
    cancelled_at: datetime | None
    cancel_reason: str
    lines: tuple[ProgressLine, ...]
    shipments: tuple[Shipment, ...]
    fulfilment_orders: tuple[FulfilmentOrder, ...]
    refunds: tuple[RefundRecord, ...]
    is_paid: bool = False
    payments: Payments = Payments()
    updated_at: datetime | None = None


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/LineItem
LINE_FIELDS = """
fragment ProgressLine on LineItem {
  id
  title
  quantity
  currentQuantity
  unfulfilledQuantity
  isGiftCard
  variant { id }
  customAttributes { key value }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
PAYMENT_FIELDS = """
fragment Payments on Order {
  displayFinancialStatus
  totalPriceSet { shopMoney { amount currencyCode } }
  totalReceivedSet { shopMoney { amount } }
  totalOutstandingSet { shopMoney { amount } }
  currentTotalPriceSet { shopMoney { amount } }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
READ_PROGRESS = (
    """
query ReadOrderProgress($id: ID!) {
  order(id: $id) {
    id
    name
    updatedAt
    cancelledAt
    cancelReason
    ...Payments
    lineItems(first: 250) {
      nodes { ...ProgressLine }
      pageInfo { hasNextPage endCursor }
    }
    fulfillments(first: 100) {
      id
      status
      createdAt
      location { id }
      trackingInfo(first: 50) { company number url }
      fulfillmentLineItems(first: 250) {
        nodes { quantity lineItem { id } }
        pageInfo { hasNextPage }
      }
    }
    fulfillmentOrders(first: 25) {
      nodes {
        id
        status
        assignedLocation { location { id } }
        lineItems(first: 250) {
          nodes { id remainingQuantity lineItem { id } }
          pageInfo { hasNextPage }
        }
      }
      pageInfo { hasNextPage }
    }
    refunds(first: 100) {
      id
      createdAt
      refundLineItems(first: 250) {
        nodes { quantity restockType lineItem { id } }
        pageInfo { hasNextPage }
      }
    }
  }
}
"""
    + LINE_FIELDS
    + PAYMENT_FIELDS
)

# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
READ_MORE_PROGRESS_LINES = (
    """
query ReadMoreProgressLines($id: ID!, $after: String) {
  order(id: $id) {
    lineItems(first: 250, after: $after) {
      nodes { ...ProgressLine }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + LINE_FIELDS
)


def read_progress(client: Client, order_gid: str) -> OrderProgress:
    """What has become of an order, in one call up to 250 lines.

    Raises ObjectNotFound when Shopify shows no such order, UserErrors for one whose shipments or refunds are too large
    to be read whole, GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    node = client.execute(READ_PROGRESS, {"id": order_gid}, cost=270).get("order")
    if node is None:
        raise ObjectNotFound(f"{client.domain}: there is no order {order_gid}, or it is not visible to us any more.")
    _require_whole(client, node)
    lines, page = list(node["lineItems"]["nodes"]), node["lineItems"]["pageInfo"]
    while page["hasNextPage"]:
        variables = {"id": order_gid, "after": page["endCursor"]}
        more = client.execute(READ_MORE_PROGRESS_LINES, variables, cost=25).get("order")
        if more is None:
            raise ObjectNotFound(f"{client.domain}: {order_gid} vanished between two pages of its lines.")
        lines += more["lineItems"]["nodes"]
        page = more["lineItems"]["pageInfo"]
    return OrderProgress(
        gid=node["id"],
        name=node["name"],
        cancelled_at=instant_or_none(node["cancelledAt"]),
        cancel_reason=node["cancelReason"] or "",
        lines=tuple(progress_line(line) for line in lines),
        shipments=tuple(_shipment(shipment) for shipment in node["fulfillments"]),
        fulfilment_orders=tuple(_fulfilment_order(each) for each in node["fulfillmentOrders"]["nodes"]),
        refunds=tuple(_refund(refund) for refund in node["refunds"]),
        is_paid=Decimal(node["totalReceivedSet"]["shopMoney"]["amount"]) > 0,
        payments=payments_of(node),
        updated_at=instant_or_none(node["updatedAt"]),
    )


_SUMS = ("totalPrice", "totalReceived", "totalOutstanding", "currentTotalPrice")


def payments_of(node: dict[str, Any]) -> Payments:
    """How an order node, with the fields of PAYMENT_FIELDS, is paid."""
    return Payments(
        node["displayFinancialStatus"] or "",
        node["totalPriceSet"]["shopMoney"]["currencyCode"],
        *(Decimal(node[f"{each}Set"]["shopMoney"]["amount"]) for each in _SUMS),
    )


def _require_whole(client: Client, node: dict[str, Any]) -> None:
    """Half a shipment or refund would be carried as if it were all of it."""
    parts = [node["fulfillmentOrders"]]
    parts += [each["lineItems"] for each in node["fulfillmentOrders"]["nodes"]]
    parts += [each["fulfillmentLineItems"] for each in node["fulfillments"]]
    parts += [each["refundLineItems"] for each in node["refunds"]]
    if any(part["pageInfo"]["hasNextPage"] for part in parts):
        raise UserErrors(f"{client.domain}: {node['name']} has a shipment or refund of more than 250 lines.")


def progress_line(node: dict[str, Any]) -> ProgressLine:
    """The record of a line node."""
    return ProgressLine(
        node["id"],
        node["title"],
        node["currentQuantity"],
        node["unfulfilledQuantity"],
        attributes(node["customAttributes"]),
        (node["variant"] or {}).get("id") or "",
        node["quantity"],
        node["isGiftCard"],
    )


def _shipment(node: dict[str, Any]) -> Shipment:
    rows = node["trackingInfo"]
    units: dict[str, int] = {}
    for each in node["fulfillmentLineItems"]["nodes"]:
        line_gid = each["lineItem"]["id"]
        units[line_gid] = units.get(line_gid, 0) + (each["quantity"] or 0)
    return Shipment(
        gid=node["id"],
        status=node["status"],
        created_at=parse_instant(node["createdAt"]),
        location_gid=(node["location"] or {}).get("id") or "",
        tracking=Tracking(
            next((row["company"] for row in rows if row["company"]), ""),
            tuple(row["number"] for row in rows if row["number"]),
            tuple(row["url"] for row in rows if row["url"]),
        ),
        units=units,
    )


def _fulfilment_order(node: dict[str, Any]) -> FulfilmentOrder:
    lines = node["lineItems"]["nodes"]
    return FulfilmentOrder(
        gid=node["id"],
        status=node["status"],
        location_gid=(node["assignedLocation"]["location"] or {}).get("id") or "",
        lines=tuple(OpenLine(line["id"], line["lineItem"]["id"], line["remainingQuantity"]) for line in lines),
    )


def _refund(node: dict[str, Any]) -> RefundRecord:
    lines = node["refundLineItems"]["nodes"]
    return RefundRecord(
        gid=node["id"],
        created_at=instant_or_none(node["createdAt"]),
        lines=tuple(RefundedLine(line["lineItem"]["id"], line["quantity"], line["restockType"]) for line in lines),
    )
