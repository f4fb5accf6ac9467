"""Writing products: creating and setting them whole, their variants, metafields and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stores.shopify import answers, gids
from stores.shopify.client import Client
from stores.shopify.errors import ServerError, UnexpectedAnswer, UserErrors
from stores.shopify.products.product_records import MediaRecord, media_record

WRITE_COST = 10.0
# Shopify's limits of one product (shopify.md 8.1) and of one call.
MOST_VARIANTS, MOST_OPTIONS = 2048, 3
MOST_ROWS = 250
MOST_METAFIELDS = 25
# More variants than this are set asynchronously: a synchronous call could outlast our patience for its answer.
SYNCHRONOUS_VARIANTS = 100
LONGEST_OPERATION_SECONDS = 300.0  # seconds

HANDLE_NOT_UNIQUE = "HANDLE_NOT_UNIQUE"
PRODUCT_DOES_NOT_EXIST = "PRODUCT_DOES_NOT_EXIST"
NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class SetProduct:
    """What productSet made of a product. `media` has its first 250 in their order, new ones still UPLOADED."""

    gid: str
    handle: str
    media: tuple[MediaRecord, ...]


_MADE = """
    id
    handle
    media(first: 250) { nodes { id alt status mediaContentType ... on MediaImage { image { url } } } }
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productSet
SET_PRODUCT = f"""
mutation SetProduct($identifier: ProductSetIdentifiers, $input: ProductSetInput!) {{
  productSet(identifier: $identifier, input: $input, synchronous: true) {{
    product {{ {_MADE} }}
    userErrors {{ code field message }}
  }}
}}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productSet
START_SETTING_PRODUCT = """
mutation StartSettingProduct($identifier: ProductSetIdentifiers, $input: ProductSetInput!) {
  productSet(identifier: $identifier, input: $input, synchronous: false) {
    productSetOperation { id }
    userErrors { code field message }
  }
}
"""


def set_product(client: Client, identifier: Mapping[str, Any] | None, product: Mapping[str, Any]) -> SetProduct:
    """Create or change a product. `identifier` is {"id"}, {"handle"} or {"customId"}, None to create.

    Lists in `product` (ProductSetInput) replace those of the store: a variant, option, file or metafield that they do
    not hold is DELETED. Many variants are set asynchronously and waited for. Raises UserErrors (nothing was changed,
    see `has_code`), ServerError when an operation does not end, and as Client.execute does. Creating is not idempotent
    without `customId` or `handle`: with `outcome_unknown` look before sending again.
    """
    variables = {"identifier": identifier and dict(identifier), "input": dict(product)}
    cost = WRITE_COST + 0.2 * len(product.get("variants") or ()) + 1.9 * len(product.get("files") or ()) + 30
    refused = "the product cannot be written."
    if len(product.get("variants") or ()) > SYNCHRONOUS_VARIANTS:
        data = client.execute(START_SETTING_PRODUCT, variables, cost=cost)
        started = answers.payload_of(data, "productSet", client.domain, refused)["productSetOperation"]
        if not started:
            raise UnexpectedAnswer(f"{client.domain}: productSet named no operation.", outcome_unknown=True)
        return _await_operation(client, started["id"], refused)
    payload = answers.payload_of(
        client.execute(SET_PRODUCT, variables, cost=cost), "productSet", client.domain, refused
    )
    return _made(client, payload["product"])


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/productOperation
READ_OPERATION = f"""
query ReadOperation($id: ID!) {{
  productOperation(id: $id) {{
    status
    product {{ {_MADE} }}
    ... on ProductSetOperation {{ userErrors {{ code field message }} }}
  }}
}}
"""


def _await_operation(client: Client, operation_gid: str, refused: str) -> SetProduct:
    waited, pause = 0.0, 0.5
    while waited < LONGEST_OPERATION_SECONDS:
        operation = client.execute(READ_OPERATION, {"id": operation_gid}, cost=45)["productOperation"]
        if operation is None:
            raise UnexpectedAnswer(f"{client.domain}: the operation of productSet is gone.", outcome_unknown=True)
        if operation["status"] == "COMPLETE":
            if listed := answers.user_errors(operation["userErrors"]):
                raise UserErrors(f"{client.domain}: {refused}", errors=listed)
            return _made(client, operation["product"])
        client.pause(pause)
        waited, pause = waited + pause, min(pause * 1.5, 5.0)
    raise ServerError(
        f"{client.domain}: Shopify has been busy with the product for {LONGEST_OPERATION_SECONDS:.0f} seconds.",
        outcome_unknown=True,
    )


def _made(client: Client, node: dict[str, Any] | None) -> SetProduct:
    if not node:
        raise UnexpectedAnswer(f"{client.domain}: productSet tells of no product.", outcome_unknown=True)
    return SetProduct(node["id"], node["handle"], tuple(media_record(media) for media in node["media"]["nodes"]))


def has_code(error: UserErrors, *codes: str) -> bool:
    """Whether any of the user errors has one of these codes."""
    return any(row.code in codes for row in error.errors)


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productVariantsBulkUpdate
UPDATE_VARIANTS = """
mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: false) {
    userErrors { code field message }
  }
}
"""


def update_variants(client: Client, product_gid: str, variants: Sequence[Mapping[str, Any]]) -> None:
    """Change fields of existing variants (ProductVariantsBulkInput, each with its id); others stay as they are.

    250 per call, each call all or nothing. Raises UserErrors, GidError, and as Client.execute does. Safe to repeat.
    """
    gids.require(product_gid, "Product")
    gids.require([variant["id"] for variant in variants], "ProductVariant")
    for start in range(0, len(variants), MOST_ROWS):
        rows = [dict(variant) for variant in variants[start : start + MOST_ROWS]]
        data = client.execute(UPDATE_VARIANTS, {"product": product_gid, "variants": rows}, cost=WRITE_COST)
        answers.payload_of(
            data, "productVariantsBulkUpdate", client.domain, f"the variants of {product_gid} cannot be written."
        )


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metafieldsSet
SET_METAFIELDS = """
mutation SetMetafields($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) { userErrors { code field message } }
}
"""


def set_metafields(client: Client, metafields: Sequence[Mapping[str, Any]]) -> None:
    """Set metafields (ownerId, namespace, key, type, value), 25 per call, each call all or nothing.

    Raises UserErrors and as Client.execute does. Safe to repeat.
    """
    for start in range(0, len(metafields), MOST_METAFIELDS):
        rows = [dict(row) for row in metafields[start : start + MOST_METAFIELDS]]
        data = client.execute(SET_METAFIELDS, {"metafields": rows}, cost=WRITE_COST)
        answers.payload_of(data, "metafieldsSet", client.domain, "the metafields cannot be written.")


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/metafieldsDelete
# Its user errors are of the plain type.
DELETE_METAFIELDS = """
mutation DeleteMetafields($metafields: [MetafieldIdentifierInput!]!) {
  metafieldsDelete(metafields: $metafields) { userErrors { field message } }
}
"""


def delete_metafields(client: Client, metafields: Sequence[Mapping[str, Any]]) -> None:
    """Delete metafields (ownerId, namespace, key), 250 per call; one that is gone already is fine.

    Raises UserErrors and as Client.execute does.
    """
    for start in range(0, len(metafields), MOST_ROWS):
        rows = [dict(row) for row in metafields[start : start + MOST_ROWS]]
        data = client.execute(DELETE_METAFIELDS, {"metafields": rows}, cost=WRITE_COST)
        answers.payload_of(data, "metafieldsDelete", client.domain, "the metafields cannot be deleted.")


# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fileUpdate
UPDATE_FILES = """
mutation UpdateFiles($files: [FileUpdateInput!]!) {
  fileUpdate(files: $files) { userErrors { code field message } }
}
"""


def update_files(client: Client, files: Sequence[Mapping[str, Any]]) -> None:
    """Change files (id, alt), 250 per call. Needs write_files. Raises UserErrors and as Client.execute does."""
    for start in range(0, len(files), MOST_ROWS):
        rows = [dict(row) for row in files[start : start + MOST_ROWS]]
        data = client.execute(UPDATE_FILES, {"files": rows}, cost=WRITE_COST)
        answers.payload_of(data, "fileUpdate", client.domain, "the files cannot be changed.")
