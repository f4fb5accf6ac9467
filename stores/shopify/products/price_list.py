"""The prices of a store's variants and nothing else, a page at a time: to show what a price rule would make of them."""

from dataclasses import dataclass
from decimal import Decimal

from stores.shopify.client import Client
from stores.shopify.products import product_records


@dataclass(frozen=True, slots=True)
class PricedVariant:
    """One variant's prices in its store's currency. `variant_title` is '' for a product's only variant."""

    product_gid: str
    product_title: str
    variant_title: str
    tags: tuple[str, ...]
    price: Decimal
    compare_at_price: Decimal | None
    vendor: str = ""
    product_type: str = ""


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/productVariants
LIST_PRICES = """
query ListPrices($first: Int!, $after: String) {
  productVariants(first: $first, after: $after, sortKey: ID) {
    nodes { title price compareAtPrice product { id title tags vendor productType } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def read_prices(client: Client, first: int, after: str = "") -> tuple[list[PricedVariant], str]:
    """At most `first` (1 to 250) variants by id, and the cursor of the next page, '' after the last one.

    Raises as Client.execute does.
    """
    page = client.execute(LIST_PRICES, {"first": first, "after": after or None}, cost=40)["productVariants"]
    rows = []
    for node in page["nodes"]:
        product, compare_at = node["product"], node["compareAtPrice"]
        rows.append(
            PricedVariant(
                product_gid=product["id"],
                product_title=product["title"],
                variant_title="" if node["title"] == "Default Title" else node["title"],
                tags=tuple(product["tags"]),
                price=product_records.money(node["price"]),
                compare_at_price=None if compare_at is None else product_records.money(compare_at),
                vendor=product["vendor"] or "",
                product_type=product["productType"] or "",
            )
        )
    return rows, page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else ""
