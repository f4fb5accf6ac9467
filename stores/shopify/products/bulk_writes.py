"""Bulk mutations: one mutation of products that Shopify runs for each line of a file, without spending points.

https://shopify.dev/docs/api/usage/bulk-operations/imports
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.shopify import answers, bulk
from stores.shopify.bulk import BUSY_CODES, BulkState
from stores.shopify.client import Client
from stores.shopify.errors import TooManyBulkOperations, UnexpectedAnswer, UserErrors
from stores.shopify.instants import instant_or_none
from stores.shopify.products.product_records import MediaRecord, media_record
from stores.shopify.products.staged_uploads import upload_lines

Payload = Mapping[str, Any]
START_COST = 10.0
LIST_COST = 15.0


@dataclass(frozen=True, slots=True)
class BulkMutation:
    """A mutation that runs in bulk. `document` has its name in the place of NAME; `products_of` are the products that a
    payload shows, each with its id and perhaps its updatedAt.
    """

    field: str
    document: str
    products_of: Callable[[Payload], list[Payload]]


# The one connection that a bulk mutation may select. Each line runs synchronously, whatever is asked (shopify.md 5).
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productSet
CREATE = BulkMutation(
    "productSet",
    """
mutation NAME($input: ProductSetInput!) {
  productSet(input: $input, synchronous: true) {
    product {
      id
      handle
      updatedAt
      media(first: 250) { edges { node { id alt status mediaContentType ... on MediaImage { image { url } } } } }
    }
    userErrors { code field message }
  }
}
""",
    lambda payload: [payload["product"]],
)
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productVariantsBulkUpdate
VARIANTS = BulkMutation(
    "productVariantsBulkUpdate",
    """
mutation NAME($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: false) {
    product { id updatedAt }
    userErrors { code field message }
  }
}
""",
    lambda payload: [payload["product"]],
)
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metafieldsSet
METAFIELDS = BulkMutation(
    "metafieldsSet",
    """
mutation NAME($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { owner { ... on Product { id updatedAt } ... on ProductVariant { product { id updatedAt } } } }
    userErrors { code field message }
  }
}
""",
    lambda payload: [row["owner"].get("product") or row["owner"] for row in payload["metafields"]],
)
# Its user errors are of the plain type: selecting `code` would fail the request (shopify.md 1.5).
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/publishablePublish
PUBLISH = BulkMutation(
    "publishablePublish",
    """
mutation NAME($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) {
    publishable { ... on Product { id updatedAt } }
    userErrors { field message }
  }
}
""",
    lambda payload: [payload["publishable"]],
)
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/publishableUnpublish
UNPUBLISH = BulkMutation(
    "publishableUnpublish",
    PUBLISH.document.replace("publishablePublish", "publishableUnpublish"),
    PUBLISH.products_of,
)


@dataclass(frozen=True, slots=True)
class LineResult:
    """What came of one line. `refusal` is '' where it was done, and `is_surely_refused` where Shopify says that nothing
    was. `product_gid` is the product that Shopify says it wrote to, and `at` its instant right after that; `handle` and
    `media` (its first 250, in their order) are of what was created. '', () and None where Shopify does not say.
    """

    number: int
    refusal: str = ""
    product_gid: str = ""
    at: datetime | None = None
    is_surely_refused: bool = False
    handle: str = ""
    media: tuple[MediaRecord, ...] = ()


def document_of(mutation: BulkMutation, identifier: str) -> str:
    """The document of one operation, which is known by this name when the answer to its start was lost.

    BulkOperation shows its document but not its clientIdentifier (shopify.md 5).
    """
    return mutation.document.replace("NAME", f"Bulk_{identifier}", 1).strip()


def encode_line(variables: Mapping[str, Any]) -> bytes:
    """One line of the file."""
    return json.dumps(variables, separators=(",", ":"), allow_nan=False).encode() + b"\n"


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/bulkOperationRunMutation
START_BULK_MUTATION = """
mutation StartBulkMutation($mutation: String!, $path: String!, $client: String!) {
  bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path, clientIdentifier: $client) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
"""


def start(client: Client, mutation: BulkMutation, identifier: str, lines: Iterable[Mapping[str, Any]]) -> str:
    """Upload these variables, start the operation, and return its gid. `identifier`: 10 to 200 letters and digits.

    Raises TooManyBulkOperations when all places are taken, UserErrors and TransferFailed when it cannot be done, and as
    Client.execute does. When `outcome_unknown` is True, look with `find_started` before starting again: there is no
    idempotency.
    """
    path = upload_lines(client, b"".join(encode_line(line) for line in lines))
    variables = {"mutation": document_of(mutation, identifier), "path": path, "client": identifier}
    payload = client.execute(START_BULK_MUTATION, variables, cost=START_COST).get("bulkOperationRunMutation")
    if not isinstance(payload, dict):
        raise UnexpectedAnswer(f"{client.domain}: starting a bulk operation got no answer.", outcome_unknown=True)
    listed = answers.user_errors(payload["userErrors"])
    if any(error.code in BUSY_CODES for error in listed):
        raise TooManyBulkOperations(
            f"{client.domain}: Shopify already runs as many bulk operations as it allows; this one waits for its turn."
        )
    operation = payload["bulkOperation"]
    if listed or operation is None:
        raise UserErrors(f"{client.domain}: Shopify refuses the bulk operation.", errors=listed)
    gid: str = operation["id"]
    return gid


# Without a search, which could miss what is new. Newest first.
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/bulkOperations
LIST_NEWEST_BULK = """
query ListNewestBulk {
  bulkOperations(first: 50, sortKey: CREATED_AT, reverse: true) {
    nodes { id status errorCode objectCount rootObjectCount fileSize url partialDataUrl query }
  }
}
"""


def find_started(client: Client, identifier: str) -> BulkState | None:
    """The operation that a lost answer to `start` left behind, whatever became of it since; None if there is none."""
    nodes = client.execute(LIST_NEWEST_BULK, cost=LIST_COST)["bulkOperations"]["nodes"]
    found = (node for node in nodes if f"Bulk_{identifier}(" in (node["query"] or ""))
    return next((bulk.state_of(node) for node in found), None)


def read_results(mutation: BulkMutation, url: str) -> Iterator[LineResult]:
    """What came of the lines, as far as the file tells, in its order. Raises as `bulk.stream` does."""
    for line in bulk.stream(url):
        if isinstance(line.get("__lineNumber"), int):
            yield result_of(mutation, line)


def result_of(mutation: BulkMutation, line: Mapping[str, Any]) -> LineResult:
    """The result that one line of the file tells."""
    number: int = line["__lineNumber"]
    payload = (line.get("data") or {}).get(mutation.field)
    listed = answers.user_errors(payload.get("userErrors")) if isinstance(payload, dict) else ()
    said = [error.message for error in listed] + [str(row.get("message")) for row in line.get("errors") or ()]
    if said or not isinstance(payload, dict):
        codes = {(row.get("extensions") or {}).get("code") for row in line.get("errors") or ()}
        is_sure = codes == {answers.VARIANT_LIMIT} or bool(listed and not codes)
        return LineResult(
            number, "; ".join(said) or "Shopify says nothing of what was asked.", is_surely_refused=is_sure
        )
    try:
        products = [product for product in mutation.products_of(payload) if product]
    except (KeyError, TypeError, AttributeError):
        products = []
    newest = max(products, key=lambda product: product.get("updatedAt") or "", default={})
    at = instant_or_none(newest.get("updatedAt") or "")
    handle, media = newest.get("handle") or "", _media_of(newest)
    return LineResult(number, "", newest.get("id") or "", at, handle=handle, media=media)


def _media_of(product: Payload) -> tuple[MediaRecord, ...]:
    try:
        return tuple(media_record(edge["node"]) for edge in product["media"]["edges"])
    except (KeyError, TypeError):
        return ()
