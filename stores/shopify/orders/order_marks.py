"""What an order says of the original that it stands for: read, and written onto one that staff entered by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.orders.order_records import attributes
from stores.shopify.orders.orders import KEY, NAMESPACE


@dataclass(frozen=True, slots=True)
class Marks:
    """The tags, the attributes and the custom id (empty: none) of an order."""

    tags: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    custom_id: str


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/order
READ_MARKS = """
query ReadMarks($id: ID!, $namespace: String!, $key: String!) {
  order(id: $id) {
    tags
    customAttributes { key value }
    metafield(namespace: $namespace, key: $key) { value }
  }
}
"""


def read_marks(client: Client, order_gid: str) -> Marks:
    """Raises ObjectNotFound, GidError, and as Client.execute does."""
    gids.require(order_gid, "Order")
    variables = {"id": order_gid, "namespace": NAMESPACE, "key": KEY}
    node = client.execute(READ_MARKS, variables, cost=3).get("order")
    if node is None:
        raise ObjectNotFound(f"{client.domain}: there is no order {order_gid}, or it is not visible to us any more.")
    custom_id = (node["metafield"] or {}).get("value") or ""
    return Marks(tuple(node["tags"]), attributes(node["customAttributes"]), custom_id)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/tagsAdd
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderUpdate
MARK_ORDER = """
mutation MarkOrder($id: ID!, $tags: [String!]!, $input: OrderInput!) {
  tagsAdd(id: $id, tags: $tags) { userErrors { field message } }
  orderUpdate(input: $input) { userErrors { field message } }
}
"""


def mark_order(
    client: Client, order_gid: str, tags: Sequence[str], pairs: Sequence[tuple[str, str]], custom_id: str
) -> None:
    """Add these tags, and have these be all of its attributes; with a custom id (empty: none) it can be looked up.

    Safe to repeat. Raises UserErrors when Shopify says no to either, GidError, and as Client.execute does.
    """
    gids.require(order_gid, "Order")
    given: dict[str, Any] = {"id": order_gid, "customAttributes": [{"key": key, "value": text} for key, text in pairs]}
    if custom_id:
        given["metafields"] = [{"namespace": NAMESPACE, "key": KEY, "type": "id", "value": custom_id}]
    data = client.execute(MARK_ORDER, {"id": order_gid, "tags": list(tags), "input": given}, cost=20)
    listed = [error for name in ("tagsAdd", "orderUpdate") for error in _errors(client, data, name)]
    if listed:
        raise UserErrors(f"{client.domain}: {order_gid} was not marked.", errors=tuple(listed))


def _errors(client: Client, data: Mapping[str, Any], name: str) -> Sequence[Any]:
    payload = data.get(name)
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: the answer to {name} says nothing of it.", outcome_unknown=True)
    return answers.user_errors(payload["userErrors"])
