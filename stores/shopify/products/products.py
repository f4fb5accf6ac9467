"""Variants with what identifies them: paging through a catalogue, and one product at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """One variant and the parts of its product that matching needs.

    `title` is the variant's, `handle` the product's. `sku` and `barcode` are empty text where Shopify has null;
    neither is unique in a store. `options` are (name, value) pairs in Shopify's order. `product_status` is ACTIVE,
    ARCHIVED, DRAFT or UNLISTED. `variant_count` is None where Shopify does not tell. A bundle's parent
    (`requires_components`) has computed stock and refuses stock writes (shopify.md 3.7). `tags`, `vendor` and
    `product_type` are the product's, too.
    """

    gid: str
    product_gid: str
    item_gid: str
    product_title: str
    title: str
    handle: str
    sku: str
    barcode: str
    options: tuple[tuple[str, str], ...]
    position: int
    tracked: bool
    requires_components: bool
    product_status: str
    variant_count: int | None
    tags: tuple[str, ...] = ()
    vendor: str = ""
    product_type: str = ""


# What `variant_record` reads, in each document that selects variants for matching.
VARIANT_FIELDS = """
      id
      title
      sku
      barcode
      position
      requiresComponents
      selectedOptions { name value }
      inventoryItem { id tracked }
      product { id title handle status tags vendor productType variantsCount { count } }
""".strip()

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/productVariants
LIST_VARIANTS = """
query ListVariants($after: String) {
  productVariants(first: 250, after: $after, sortKey: ID) {
    nodes {
      VARIANT_FIELDS
    }
    pageInfo { hasNextPage endCursor }
  }
}
""".replace("VARIANT_FIELDS", VARIANT_FIELDS)


def iter_variants(client: Client) -> Iterator[VariantRecord]:
    """Every variant of the store by id, a page of 250 in memory at a time. Raises as Client.execute does."""
    for node in client.pages(LIST_VARIANTS, None, ("productVariants",), cost=70):
        yield variant_record(node)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/product
READ_PRODUCT = """
query ReadProduct($id: ID!, $after: String) {
  product(id: $id) {
    id
    variants(first: 250, after: $after, sortKey: POSITION) {
      nodes {
        VARIANT_FIELDS
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
""".replace("VARIANT_FIELDS", VARIANT_FIELDS)


def read_product(client: Client, product_gid: str) -> list[VariantRecord] | None:
    """All variants of one product in their order, or None when the product does not exist (any more).

    A product always has a variant, so no variants means no product. Raises GidError, and as Client.execute does.
    """
    gids.require(product_gid, "Product")
    nodes = client.pages(READ_PRODUCT, {"id": product_gid}, ("product", "variants"), cost=70)
    try:
        return [variant_record(node) for node in nodes] or None
    except ObjectNotFound:  # deleted between two pages: half of its variants would look like all of them
        return None


def variant_record(node: dict[str, Any]) -> VariantRecord:
    """The record of a variant node as the documents here and the bulk query select it."""
    product, item = node["product"], node["inventoryItem"]
    count = product.get("variantsCount") or {}
    return VariantRecord(
        gid=node["id"],
        product_gid=product["id"],
        item_gid=item["id"],
        product_title=product["title"],
        title=node["title"],
        handle=product["handle"],
        sku=node["sku"] or "",
        barcode=node["barcode"] or "",
        options=tuple((option["name"], option["value"]) for option in node["selectedOptions"]),
        position=node["position"],
        tracked=bool(item["tracked"]),
        requires_components=bool(node["requiresComponents"]),
        product_status=product["status"],
        variant_count=count.get("count"),
        tags=tuple(product["tags"]),
        vendor=product["vendor"] or "",
        product_type=product["productType"] or "",
    )
