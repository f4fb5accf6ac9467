"""Payments that are recorded by hand on the wire: an order marked as paid, or a part of it.

Marking an order as paid that is paid is refused. A part has no idempotency: after a lost answer look at what was
received before it is sent again.
"""

from decimal import Decimal
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import UnexpectedAnswer, UserErrors

# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderMarkAsPaid
MARK_AS_PAID = """
mutation MarkOrderAsPaid($input: OrderMarkAsPaidInput!) {
  orderMarkAsPaid(input: $input) {
    order { id }
    userErrors { field message }
  }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderCreateManualPayment
CREATE_PAYMENT = """
mutation CreateManualPayment($id: ID!, $amount: MoneyInput!) {
  orderCreateManualPayment(id: $id, amount: $amount) {
    order { id }
    userErrors { field message }
  }
}
"""


def mark_as_paid(client: Client, order_gid: str) -> None:
    """Record that all of an order is paid. Raises UserErrors when Shopify says no, such as for one that is paid;
    GidError, and as Client.execute does."""
    gids.require(order_gid, "Order")
    _record(client, MARK_AS_PAID, {"input": {"id": order_gid}}, "orderMarkAsPaid", order_gid)


def create_payment(client: Client, order_gid: str, amount: Decimal, currency: str) -> None:
    """Record that a part of an order is paid, on Shopify Plus only: AccessDenied elsewhere. Not idempotent.

    Raises UserErrors, GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    variables = {"id": order_gid, "amount": {"amount": f"{amount:f}", "currencyCode": currency}}
    _record(client, CREATE_PAYMENT, variables, "orderCreateManualPayment", order_gid)


def _record(client: Client, document: str, variables: dict[str, Any], name: str, order_gid: str) -> None:
    payload = client.execute(document, variables, cost=10).get(name)
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: the answer to {name} says nothing of it.", outcome_unknown=True)
    listed = answers.user_errors(payload["userErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: the payment of {order_gid} was not recorded.", errors=listed)
