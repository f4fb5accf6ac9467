"""Draft orders on the wire: create, find by tag, read, change the lines, send the invoice, delete.

There is no idempotency and no look-up by custom id for drafts: a draft is recognised by an attribute, and
looked for by its tag, through a search index that lags, and among the newest, which need no index.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer, UserErrors
from stores.shopify.instants import instant_or_none, parse_instant
from stores.shopify.orders import newest
from stores.shopify.orders.order_records import Money, attributes, money
from stores.shopify.orders.orders import quote

WRITE_COST = 12.0
NEWEST_COST = 27.0  # as the simulator counts these by Shopify's published rules
LINES_COST = 37.0


@dataclass(frozen=True, slots=True)
class DraftRecord:
    """A draft order. `status` is OPEN, INVOICE_SENT or COMPLETED; `order_gid` is None until it is completed.

    `total` is in the currency the draft is shown in, and settles once `is_ready`: Shopify may compute it later.
    `reserved_until` is None where no stock is reserved.
    """

    gid: str
    name: str
    status: str
    total: Money
    is_ready: bool
    created_at: datetime
    reserved_until: datetime | None
    order_gid: str | None
    tags: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    updated_at: datetime


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/DraftOrder
DRAFT_FIELDS = """
fragment Draft on DraftOrder {
  id
  name
  status
  ready
  createdAt
  updatedAt
  reserveInventoryUntil
  tags
  customAttributes { key value }
  totalPriceSet { presentmentMoney { amount currencyCode } }
  order { id }
}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/draftOrderCreate
CREATE_DRAFT = (
    """
mutation CreateDraft($input: DraftOrderInput!) {
  draftOrderCreate(input: $input) {
    draftOrder { ...Draft }
    userErrors { field message }
  }
}
"""
    + DRAFT_FIELDS
)


def create_draft(client: Client, draft_input: Mapping[str, Any]) -> DraftRecord:
    """Create a draft. Not idempotent: with `outcome_unknown` True look for it before sending it again.

    Raises UserErrors when Shopify says no (nothing was created), and as Client.execute does.
    """
    payload = client.execute(CREATE_DRAFT, {"input": dict(draft_input)}, cost=WRITE_COST).get("draftOrderCreate")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(
            f"{client.domain}: the answer to a draft's creation says nothing of it.", outcome_unknown=True
        )
    if payload["draftOrder"] is None:
        listed = answers.user_errors(payload["userErrors"])
        raise UserErrors(f"{client.domain}: the draft order was not created.", errors=listed)
    return _draft(payload["draftOrder"])


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/draftOrders
FIND_DRAFT = (
    """
query FindDraft($query: String!, $after: String) {
  draftOrders(first: 25, after: $after, query: $query) {
    nodes { ...Draft }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + DRAFT_FIELDS
)


def find_draft_by_tag(client: Client, tag: str, attribute: tuple[str, str]) -> DraftRecord | None:
    """The oldest draft with this tag and this (key, value) attribute, or None, which proves nothing.

    The search misses new drafts for seconds or more, and those whose tag an operator removed. Raises as
    Client.execute does.
    """
    nodes = client.pages(FIND_DRAFT, {"query": f"tag:{quote(tag)}"}, ("draftOrders",), cost=21)
    return _oldest(map(_draft, nodes), attribute)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/draftOrders
LIST_NEWEST_DRAFTS = (
    """
query ListNewestDrafts($after: String) {
  draftOrders(first: 50, after: $after, sortKey: ID, reverse: true) {
    nodes { ...Draft }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + DRAFT_FIELDS
)


def find_draft_among_newest(client: Client, attribute: tuple[str, str], since: datetime) -> DraftRecord | None:
    """The oldest draft created since then with this (key, value) attribute, or None: then there is none.

    Walks the newest drafts by id, without a search. Raises as Client.execute does.
    """
    nodes = client.pages(LIST_NEWEST_DRAFTS, {}, ("draftOrders",), cost=NEWEST_COST)
    return _oldest(map(_draft, newest.since(nodes, since)), attribute)


def _oldest(drafts: Iterable[DraftRecord], attribute: tuple[str, str]) -> DraftRecord | None:
    found = [draft for draft in drafts if attribute in draft.attributes]
    return min(found, key=lambda draft: (draft.created_at, gids.number(draft.gid)), default=None)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/draftOrder
READ_DRAFT = (
    """
query ReadDraft($id: ID!) {
  draftOrder(id: $id) { ...Draft }
}
"""
    + DRAFT_FIELDS
)


def read_draft(client: Client, draft_gid: str) -> DraftRecord | None:
    """The draft, or None when it is gone: deleted by somebody. Raises GidError, and as Client.execute does."""
    gids.require(draft_gid, "DraftOrder")
    node = client.execute(READ_DRAFT, {"id": draft_gid}, cost=3).get("draftOrder")
    return None if node is None else _draft(node)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_DRAFTS = (
    """
query ReadDrafts($ids: [ID!]!) {
  nodes(ids: $ids) { ...Draft }
}
"""
    + DRAFT_FIELDS
)
READ_ROWS = 50


def read_drafts(client: Client, draft_gids: Sequence[str]) -> dict[str, DraftRecord | None]:
    """Up to READ_ROWS drafts in one call; None for one that is gone. Raises GidError, and as Client.execute does."""
    for gid in draft_gids:
        gids.require(gid, "DraftOrder")
    nodes = client.execute(READ_DRAFTS, {"ids": list(draft_gids)}, cost=3.0 * len(draft_gids))["nodes"]
    return {gid: _draft(node) if node else None for gid, node in zip(draft_gids, nodes, strict=True)}


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of a draft. `variant_gid` is None and `title` counts for a custom line; else the override is the price.

    `price` is what one unit costs in the draft's currency; None for a variant at its own price, and where somebody
    discounts the line or the draft. `properties` are its custom attributes. `name` is the title that people see.
    """

    variant_gid: str | None
    title: str
    quantity: int
    price: Money | None
    properties: tuple[tuple[str, str], ...] = ()
    name: str = field(default="", compare=False)


# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/DraftOrderLineItem
READ_DRAFT_LINES = """
query ReadDraftLines($id: ID!, $after: String) {
  draftOrder(id: $id) {
    updatedAt
    appliedDiscount { value }
    lineItems(first: 250, after: $after) {
      nodes {
        title
        quantity
        custom
        variant { id }
        customAttributes { key value }
        appliedDiscount { value }
        priceOverride { amount currencyCode }
        originalUnitPriceWithCurrency { amount currencyCode }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class DraftContent:
    """The lines of a draft, and the instant of its last change."""

    lines: tuple[DraftLine, ...]
    updated_at: datetime


def read_draft_lines(client: Client, draft_gid: str) -> tuple[DraftLine, ...] | None:
    """The lines of a draft; None where it is gone. Raises as `read_draft_content` does."""
    content = read_draft_content(client, draft_gid)
    return None if content is None else content.lines


def read_draft_content(client: Client, draft_gid: str) -> DraftContent | None:
    """What is in a draft, 250 lines per call; None where it is gone.

    Raises ObjectNotFound when it vanishes between two pages, GidError, and as Client.execute does.
    """
    gids.require(draft_gid, "DraftOrder")
    lines: list[DraftLine] = []
    after: str | None = None
    while True:
        node = client.execute(READ_DRAFT_LINES, {"id": draft_gid, "after": after}, cost=LINES_COST).get("draftOrder")
        if node is None and after is not None:
            raise ObjectNotFound(f"{client.domain}: {draft_gid} vanished between two pages of its lines.")
        if node is None:
            return None
        lines += [_draft_line(line, node["appliedDiscount"]) for line in node["lineItems"]["nodes"]]
        if not node["lineItems"]["pageInfo"]["hasNextPage"]:
            return DraftContent(tuple(lines), parse_instant(node["updatedAt"]))
        after = node["lineItems"]["pageInfo"]["endCursor"]


def _draft_line(node: dict[str, Any], discount: dict[str, Any] | None) -> DraftLine:
    price = node["originalUnitPriceWithCurrency"] if node["custom"] else node["priceOverride"]
    if discount or node["appliedDiscount"]:
        price = None
    return DraftLine(
        variant_gid=(node["variant"] or {}).get("id"),
        title=node["title"] if node["custom"] else "",
        quantity=node["quantity"],
        price=money(price) if price else None,
        properties=attributes(node["customAttributes"]),
        name=node["title"],
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/draftOrderUpdate
UPDATE_DRAFT_LINES = (
    """
mutation UpdateDraftLines($id: ID!, $input: DraftOrderInput!) {
  draftOrderUpdate(id: $id, input: $input) {
    draftOrder { ...Draft }
    userErrors { field message }
  }
}
"""
    + DRAFT_FIELDS
)


def update_draft_lines(client: Client, draft_gid: str, lines: Sequence[Mapping[str, Any]]) -> DraftRecord:
    """Make these all the lines of a draft; the rest of it stays. The same lines twice change nothing.

    A checkout that somebody has begun from its invoice is unlinked from it. Raises UserErrors when Shopify says no,
    such as for a completed draft; GidError, and as Client.execute does.
    """
    gids.require(draft_gid, "DraftOrder")
    variables = {"id": draft_gid, "input": {"lineItems": list(lines)}}
    payload = client.execute(UPDATE_DRAFT_LINES, variables, cost=WRITE_COST).get("draftOrderUpdate")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(
            f"{client.domain}: the answer to a draft's change says nothing of it.", outcome_unknown=True
        )
    if payload["draftOrder"] is None or payload["userErrors"]:
        listed = answers.user_errors(payload["userErrors"])
        raise UserErrors(f"{client.domain}: the lines of {draft_gid} were not changed.", errors=listed)
    return _draft(payload["draftOrder"])


def _draft(node: dict[str, Any]) -> DraftRecord:
    return DraftRecord(
        gid=node["id"],
        name=node["name"],
        status=node["status"],
        total=money(node["totalPriceSet"]["presentmentMoney"]),
        is_ready=bool(node["ready"]),
        created_at=parse_instant(node["createdAt"]),
        reserved_until=instant_or_none(node["reserveInventoryUntil"]),
        order_gid=(node["order"] or {}).get("id"),
        tags=tuple(node["tags"]),
        attributes=attributes(node["customAttributes"]),
        updated_at=parse_instant(node["updatedAt"]),
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/draftOrderInvoiceSend
SEND_INVOICE = """
mutation SendDraftInvoice($id: ID!, $email: EmailInput) {
  draftOrderInvoiceSend(id: $id, email: $email) {
    draftOrder { id status }
    userErrors { field message }
  }
}
"""


def send_invoice(client: Client, draft_gid: str, address: str = "") -> None:
    """Mail the draft's invoice to this address, or to the draft's own. Each call sends a mail: read its status first.

    Raises UserErrors when Shopify says no, such as a draft without an e-mail address; GidError, and as Client.execute
    does.
    """
    gids.require(draft_gid, "DraftOrder")
    variables = {"id": draft_gid, "email": {"to": address} if address else None}
    payload = client.execute(SEND_INVOICE, variables, cost=WRITE_COST)["draftOrderInvoiceSend"]
    listed = answers.user_errors(payload["userErrors"])
    if listed:
        raise UserErrors(f"{client.domain}: the invoice of {draft_gid} was not sent.", errors=listed)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/draftOrderDelete
DELETE_DRAFT = """
mutation DeleteDraft($input: DraftOrderDeleteInput!) {
  draftOrderDelete(input: $input) {
    deletedId
    userErrors { field message }
  }
}
"""


def delete_draft(client: Client, draft_gid: str) -> bool:
    """Delete a draft that is not completed, which frees its reservation; False when it was gone already.

    Raises UserErrors when Shopify says no and the draft is still there, GidError, and as Client.execute does.
    """
    gids.require(draft_gid, "DraftOrder")
    payload = client.execute(DELETE_DRAFT, {"input": {"id": draft_gid}}, cost=WRITE_COST)["draftOrderDelete"]
    listed = answers.user_errors(payload["userErrors"])
    if not listed:
        return True
    # Its user errors have no code (shopify.md 1.5): only a look tells "not found" from a refusal.
    if read_draft(client, draft_gid) is None:
        return False
    raise UserErrors(f"{client.domain}: {draft_gid} was not deleted.", errors=listed)
