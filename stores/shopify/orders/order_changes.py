"""Changes of an order that exists: ship units, correct the tracking, take a shipment back, cancel it, refund units.

Only `refundCreate` is idempotent (shopify.md 3.3). After a lost answer `fulfillmentCreate` needs a look at the order's
fulfilments; cancelling twice is refused, and setting the same tracking twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client, encode_body
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.orders.order_progress import Tracking

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class RefundRow:
    """Units to take off a line; `restock_type` is CANCEL, RETURN or NO_RESTOCK, the location empty for the last."""

    line_gid: str
    quantity: int
    restock_type: str
    location_gid: str = ""


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fulfillmentCreate
CREATE_FULFILMENT = """
mutation CreateFulfilment($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""


def create_fulfilment(
    client: Client,
    units: Mapping[str, Mapping[str, int]],
    tracking: Tracking,
    *,
    notify_customer: bool,
) -> str:
    """Ship `{fulfilment order gid: {its line gid: units}}`, all of one location; the new fulfilment's gid.

    Not idempotent: with `outcome_unknown` True read the order's fulfilments before sending again. Raises UserErrors
    when Shopify says no, and as Client.execute does.
    """
    rows = [
        {
            "fulfillmentOrderId": order_gid,
            "fulfillmentOrderLineItems": [{"id": gid, "quantity": quantity} for gid, quantity in lines.items()],
        }
        for order_gid, lines in units.items()
    ]
    asked: dict[str, Any] = {"lineItemsByFulfillmentOrder": rows, "notifyCustomer": notify_customer}
    if tracking != Tracking():
        asked["trackingInfo"] = _tracking(tracking)
    data = client.execute(CREATE_FULFILMENT, {"fulfillment": asked}, cost=10)
    payload = _payload(client, data, "fulfillmentCreate")
    if payload["fulfillment"] is None:
        listed = answers.user_errors(payload["userErrors"])
        raise UserErrors(f"{client.domain}: the fulfilment was not created.", errors=listed)
    gid: str = payload["fulfillment"]["id"]
    return gid


def _tracking(tracking: Tracking) -> dict[str, Any]:
    asked = {"company": tracking.company, "numbers": list(tracking.numbers), "urls": list(tracking.urls)}
    return {key: value for key, value in asked.items() if value}


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fulfillmentTrackingInfoUpdate
UPDATE_TRACKING = """
mutation UpdateTracking($id: ID!, $tracking: FulfillmentTrackingInput!, $notify: Boolean!) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: $notify) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""


def update_tracking(client: Client, fulfilment_gid: str, tracking: Tracking, *, notify_customer: bool) -> None:
    """Make this the tracking of a fulfilment; safe to repeat. Raises UserErrors, GidError, and as Client.execute."""
    gids.require(fulfilment_gid, "Fulfillment")
    variables = {"id": fulfilment_gid, "tracking": _tracking(tracking), "notify": notify_customer}
    payload = _payload(client, client.execute(UPDATE_TRACKING, variables, cost=10), "fulfillmentTrackingInfoUpdate")
    listed = answers.user_errors(payload["userErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: the tracking of {fulfilment_gid} was not changed.", errors=listed)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fulfillmentCancel
CANCEL_FULFILMENT = """
mutation CancelFulfilment($id: ID!) {
  fulfillmentCancel(id: $id) {
    fulfillment { id status }
    userErrors { field message }
  }
}
"""


def cancel_fulfilment(client: Client, fulfilment_gid: str) -> None:
    """Take a shipment back: its units are to be shipped again. Shopify mails nobody about it.

    A repeat may be refused: read the order's fulfilments then. Raises UserErrors, GidError, and as Client.execute does.
    """
    gids.require(fulfilment_gid, "Fulfillment")
    payload = _payload(client, client.execute(CANCEL_FULFILMENT, {"id": fulfilment_gid}, cost=10), "fulfillmentCancel")
    if payload["fulfillment"] is None or payload["userErrors"]:
        listed = answers.user_errors(payload["userErrors"])
        raise UserErrors(f"{client.domain}: {fulfilment_gid} was not cancelled.", errors=listed)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderCancel
CANCEL_ORDER = """
mutation CancelOrder($id: ID!, $reason: OrderCancelReason!, $restock: Boolean!, $note: String) {
  orderCancel(
    orderId: $id
    reason: $reason
    restock: $restock
    refundMethod: {originalPaymentMethodsRefund: false}
    notifyCustomer: false
    staffNote: $note
  ) {
    job { id }
    jobResult { id }
    orderCancelUserErrors { code field message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A cancellation that Shopify works on: what to ask after it. Either may be empty: Shopify gave no such id."""

    job_gid: str
    result_gid: str


def cancel_order(client: Client, order_gid: str, *, reason: str, restock: bool, staff_note: str) -> Cancellation:
    """Have an order cancelled; no money moves and nobody is mailed. Ask `is_cancellation_over` what became of it.

    Shopify cancels later (shopify.md 7.5). A repeat is refused once it has. Raises UserErrors when Shopify says no,
    GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    variables = {"id": order_gid, "reason": reason, "restock": restock, "note": staff_note[:255]}
    payload = _payload(client, client.execute(CANCEL_ORDER, variables, cost=10), "orderCancel")
    listed = answers.user_errors(payload["orderCancelUserErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: {order_gid} was not cancelled.", errors=listed)
    job, result = payload["job"] or {}, payload["jobResult"] or {}
    return Cancellation(job.get("id", ""), result.get("id", ""))


def is_under_way(error: UserErrors) -> bool:
    """Whether a cancellation was refused because an earlier one is being carried out: look again, it is no failure.

    Shopify answers that without a code and without a field: its words are all there is.
    """
    return any(found.code is None and "in progress" in found.message.lower() for found in error.errors)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/job
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/OrderCancelJobResult
READ_CANCELLATION = """
query ReadCancellation($job: ID!, $result: ID!) {
  job(id: $job) { id done }
  node(id: $result) {
    ... on OrderCancelJobResult { status errors { code field message } }
  }
}
"""


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/job
READ_JOB = """
query ReadCancellationJob($job: ID!) {
  job(id: $job) { id done }
}
"""


def is_cancellation_over(client: Client, asked: Cancellation) -> bool:
    """Whether Shopify has done with it; read the order afterwards. A job that it forgot is over, too.

    Raises UserErrors with the reasons when the cancellation failed, and as Client.execute does.
    """
    if not asked.result_gid:
        data = client.execute(READ_JOB, {"job": asked.job_gid}, cost=3)
    else:
        data = client.execute(READ_CANCELLATION, {"job": asked.job_gid, "result": asked.result_gid}, cost=3)
    result, job = data.get("node") or {}, data.get("job") or {}
    if result.get("status") == FAILED:
        listed = answers.user_errors(result["errors"])
        raise UserErrors(f"{client.domain}: Shopify could not cancel the order.", errors=listed)
    return result.get("status") == SUCCEEDED or bool(job.get("done", True))


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/refundCreate
CREATE_REFUND = """
mutation CreateRefund($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id }
    userErrors { field message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """What goes back to whom, in the currency that the customer paid in: (gateway, gid of the payment, amount)."""

    currency: str
    parts: tuple[tuple[str, str, Decimal], ...]

    @property
    def amount(self) -> Decimal:
        return sum((amount for _, _, amount in self.parts), Decimal(0))


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/SuggestedRefund
SUGGEST_REFUND = """
query SuggestRefund($id: ID!, $rows: [RefundLineItemInput!]!) {
  order(id: $id) {
    presentmentCurrencyCode
    suggestedRefund(refundLineItems: $rows) {
      suggestedTransactions {
        gateway
        amountSet { presentmentMoney { amount } }
        parentTransaction { id }
      }
    }
  }
}
"""


def suggest_money_back(client: Client, order_gid: str, rows: Sequence[RefundRow]) -> MoneyBack | None:
    """What Shopify would give back for these units, to the payments that were made; None for nothing.

    Raises ObjectNotFound, GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    asked = [{"lineItemId": row.line_gid, "quantity": row.quantity} for row in rows]
    node = client.execute(SUGGEST_REFUND, {"id": order_gid, "rows": asked}, cost=10).get("order")
    if node is None:
        raise ObjectNotFound(f"{client.domain}: there is no order {order_gid}, or it is not visible to us any more.")
    listed = (node["suggestedRefund"] or {}).get("suggestedTransactions", ())
    parts = tuple(
        (each["gateway"] or "", each["parentTransaction"]["id"], amount)
        for each in listed
        if each["parentTransaction"] and (amount := Decimal(each["amountSet"]["presentmentMoney"]["amount"])) > 0
    )
    return MoneyBack(node["presentmentCurrencyCode"], parts) if parts else None


def refund_input(
    order_gid: str, rows: Sequence[RefundRow], note: str, money: MoneyBack | None = None
) -> dict[str, Any]:
    """RefundInput that takes units off an order and gives this money back (None: none moves); nobody is mailed.

    Raises GidError, ValueError.
    """
    gids.require(order_gid, "Order")
    gids.require([row.line_gid for row in rows], "LineItem")
    if not rows:
        raise ValueError("A refund of nothing.")
    listed = []
    for row in rows:
        asked = {"lineItemId": row.line_gid, "quantity": row.quantity, "restockType": row.restock_type}
        listed.append(asked | ({"locationId": row.location_gid} if row.location_gid else {}))
    made = {"orderId": order_gid, "note": note, "notify": False, "refundLineItems": listed, "transactions": []}
    if money is None:
        return made
    back = [
        {"orderId": order_gid, "kind": "REFUND", "gateway": gateway, "parentId": parent, "amount": f"{amount:f}"}
        for gateway, parent, amount in money.parts
    ]
    return made | {"currency": money.currency, "transactions": back}


def send_refund(client: Client, asked: Mapping[str, Any], key: str) -> str:
    """Send a `refund_input`, now or again: same input, same key: one effect within 24 h (shopify.md 3.3).

    The refund's gid. Raises UserErrors when Shopify says no, and as Client.execute_raw_body does.
    """
    data = client.execute_raw_body(encode_body(CREATE_REFUND, {"input": dict(asked), "key": key}), cost=20)
    payload = _payload(client, data, "refundCreate")
    if payload["refund"] is None:
        listed = answers.user_errors(payload["userErrors"])
        raise UserErrors(f"{client.domain}: the refund was not created.", errors=listed)
    gid: str = payload["refund"]["id"]
    return gid


def _payload(client: Client, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    payload = data.get(name)
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: the answer to {name} says nothing of it.", outcome_unknown=True)
    return payload
