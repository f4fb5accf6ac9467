"""Products as they are, whole: options, every variant, media, metafields, channels; read to be compared and copied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UnexpectedAnswer
from stores.shopify.instants import instant_or_none, parse_instant
from stores.shopify.metafields.reads import read_metafields
from stores.shopify.metafields.records import MetafieldRecord, metafield_records
from stores.shopify.products.product_fields import ITEM, LISTING, MEDIA, METAFIELD, PRODUCT, VARIANT

# So many whole products in one request stay below 1,000 points (shopify.md 2.2: about 100 points each, times size(n)).
PRODUCTS_PER_READ = 25
READ_COST = 900.0
PAGE_COST = 170.0
DEFAULT_OPTION, DEFAULT_VALUE = "Title", "Default Title"


@dataclass(frozen=True, slots=True)
class OptionRecord:
    """One option of a product. `values` in Shopify's order; `is_linked`: its values come from a metafield."""

    gid: str
    name: str
    values: tuple[str, ...]
    is_linked: bool = False


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """One image, video or model. `kind` is IMAGE, VIDEO, EXTERNAL_VIDEO or MODEL_3D.

    `status` is UPLOADED, PROCESSING, READY or FAILED; `url` is of images only and '' until they are READY.
    """

    gid: str
    kind: str
    alt: str
    status: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class ProductVariantRecord:
    """One variant with everything that can follow a source.

    `options` are (name, value) pairs in the product's order. Money is in the store's currency. `weight` is None where
    none was entered, `weight_unit` GRAMS, KILOGRAMS, OUNCES or POUNDS. `media_gid` is '' without an image of its own.
    `quantity` is what can be sold of it at all locations, None where nobody tells: it moves, and is for people only.
    """

    gid: str
    item_gid: str
    options: tuple[tuple[str, str], ...]
    position: int
    sku: str = ""
    barcode: str = ""
    price: Decimal = Decimal(0)
    compare_at_price: Decimal | None = None
    cost: Decimal | None = None
    taxable: bool = True
    tracked: bool = False
    inventory_policy: str = "DENY"
    weight: Decimal | None = None
    weight_unit: str = "KILOGRAMS"
    requires_shipping: bool = True
    country_of_origin: str = ""
    harmonized_system_code: str = ""
    requires_components: bool = False
    media_gid: str = ""
    metafields: tuple[MetafieldRecord, ...] = ()
    quantity: int | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """Its option values in the product's order."""
        return tuple(value for _, value in self.options)

    @property
    def title(self) -> str:
        """As Shopify shows it, for example `Small / Blue`."""
        return " / ".join(self.values)


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """One product. `status` is ACTIVE, ARCHIVED, DRAFT or UNLISTED; `tags` come sorted from Shopify.

    `category_gid` is of Shopify's taxonomy, the same in all stores, '' for none. `publication_gids` are the channels it
    is published on now, or would be if its status were another; `scheduled` those on which it will be, with the instant
    in UTC (2026-11-21T04:38:00Z). Empty text stands where Shopify has null.
    """

    gid: str
    handle: str
    title: str
    description_html: str = ""
    vendor: str = ""
    product_type: str = ""
    category_gid: str = ""
    category_name: str = ""
    tags: tuple[str, ...] = ()
    status: str = "ACTIVE"
    seo_title: str = ""
    seo_description: str = ""
    is_gift_card: bool = False
    updated_at: datetime | None = None
    options: tuple[OptionRecord, ...] = ()
    variants: tuple[ProductVariantRecord, ...] = ()
    media: tuple[MediaRecord, ...] = ()
    metafields: tuple[MetafieldRecord, ...] = ()
    publication_gids: tuple[str, ...] = ()
    scheduled: tuple[tuple[str, str], ...] = ()

    @property
    def has_only_default_variant(self) -> bool:
        """Whether it has no options of its own: Shopify then shows the option Title with the value Default Title."""
        return len(self.variants) == 1 and self.variants[0].options == ((DEFAULT_OPTION, DEFAULT_VALUE),)


_VARIANT = f"""
  {VARIANT}
  media(first: 1) {{ nodes {{ id }} }}
  metafields(first: 20) {{ nodes {{ {METAFIELD} }} pageInfo {{ hasNextPage }} }}
  inventoryItem {{ {ITEM} }}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Product
WHOLE_PRODUCT = f"""
fragment WholeProduct on Product {{
  {PRODUCT}
  media(first: 20) {{ nodes {{ {MEDIA} }} pageInfo {{ hasNextPage endCursor }} }}
  metafields(first: 50) {{ nodes {{ {METAFIELD} }} pageInfo {{ hasNextPage endCursor }} }}
  resourcePublicationsV2(first: 20, onlyPublished: false) {{
    nodes {{ {LISTING} }} pageInfo {{ hasNextPage endCursor }}
  }}
  variants(first: 50) {{ nodes {{ {_VARIANT} }} pageInfo {{ hasNextPage endCursor }} }}
}}
"""

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/nodes
READ_PRODUCTS = "query ReadProducts($ids: [ID!]!) { nodes(ids: $ids) { ...WholeProduct } }" + WHOLE_PRODUCT


def read_products(client: Client, product_gids: Sequence[str]) -> list[ProductRecord]:
    """These products in the order asked, whole; one that does not exist (any more) is left out.

    Raises GidError for malformed ids, UnexpectedAnswer when a product changed while its pages were read, and as
    Client.execute does.
    """
    gids.require(product_gids, "Product")
    records: list[ProductRecord] = []
    rest = iter(product_gids)
    while batch := list(islice(rest, PRODUCTS_PER_READ)):
        nodes = client.execute(READ_PRODUCTS, {"ids": batch}, cost=READ_COST)["nodes"]
        whole = (_complete(client, node) for node in nodes if node)
        records += [record for record in whole if record]
    return records


def read_whole_product(client: Client, product_gid: str) -> ProductRecord | None:
    """One product, whole, or None when it does not exist (any more). Raises as `read_products` does."""
    return next(iter(read_products(client, [product_gid])), None)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/products
LIST_PRODUCTS = (
    """
query ListProducts($after: String, $query: String) {
  products(first: 25, after: $after, query: $query, sortKey: ID) {
    nodes { ...WholeProduct }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + WHOLE_PRODUCT
)


def iter_products(client: Client, query: str | None = None) -> Iterator[ProductRecord]:
    """Every product by id, or those that a search such as `tag:summer` finds, 25 in memory at a time.

    Raises as `read_products` does; a search filter that Shopify ignores raises QueryRejected.
    """
    for node in client.pages(LIST_PRODUCTS, {"query": query}, ("products",), cost=READ_COST):
        if record := _complete(client, node):
            yield record


# --- From nodes to records ----------------------------------------------------------------------------------------

# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/product
MORE_VARIANTS = f"""
query MoreVariants($id: ID!, $after: String) {{
  product(id: $id) {{ variants(first: 250, after: $after) {{
    nodes {{ {_VARIANT} }} pageInfo {{ hasNextPage endCursor }}
  }} }}
}}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/product
MORE_MEDIA = f"""
query MoreMedia($id: ID!, $after: String) {{
  product(id: $id) {{ media(first: 250, after: $after) {{
    nodes {{ {MEDIA} }} pageInfo {{ hasNextPage endCursor }}
  }} }}
}}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/product
MORE_METAFIELDS = f"""
query MoreMetafields($id: ID!, $after: String) {{
  product(id: $id) {{ metafields(first: 250, after: $after) {{
    nodes {{ {METAFIELD} }} pageInfo {{ hasNextPage endCursor }}
  }} }}
}}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/product
MORE_PUBLICATIONS = f"""
query MorePublications($id: ID!, $after: String) {{
  product(id: $id) {{ resourcePublicationsV2(first: 250, after: $after, onlyPublished: false) {{
    nodes {{ {LISTING} }} pageInfo {{ hasNextPage endCursor }}
  }} }}
}}
"""
_MORE = {
    "variants": MORE_VARIANTS,
    "media": MORE_MEDIA,
    "metafields": MORE_METAFIELDS,
    "resourcePublicationsV2": MORE_PUBLICATIONS,
}


def _complete(client: Client, node: dict[str, Any]) -> ProductRecord | None:
    """The record of a node, further pages included; None for one that was deleted meanwhile."""
    lists = {name: list(node[name]["nodes"]) for name in _MORE}
    for name, document in _MORE.items():
        page = node[name]["pageInfo"]
        if not page["hasNextPage"]:
            continue
        try:
            lists[name] += _rest(client, document, node["id"], name, page["endCursor"])
        except ObjectNotFound:
            return None
    counted = (node["variantsCount"] or {}).get("count")
    # Half of the variants would look like all of them, and productSet deletes what it is not told of (shopify.md 8.1).
    if len(lists["variants"]) > 50 and counted is not None and len(lists["variants"]) < counted:
        raise UnexpectedAnswer(f"{client.domain}: {node['id']} changed while its variants were read.")
    return _with_all_fields(client, product_record(node, lists, client.answered_at), lists["variants"])


def _with_all_fields(client: Client, record: ProductRecord, nodes: Sequence[dict[str, Any]]) -> ProductRecord:
    """With those metafields of variants that the first page does not hold."""
    unread = [node["id"] for node in nodes if node["metafields"]["pageInfo"]["hasNextPage"]]
    if not unread:
        return record
    found = read_metafields(client, unread)
    variants = (replace(each, metafields=found.get(each.gid, each.metafields)) for each in record.variants)
    return replace(record, variants=tuple(variants))


def _rest(client: Client, document: str, gid: str, name: str, after: str) -> Iterator[dict[str, Any]]:
    is_last = False
    while not is_last:
        product = client.execute(document, {"id": gid, "after": after}, cost=PAGE_COST)["product"]
        if product is None:
            raise ObjectNotFound(f"{client.domain}: {gid} vanished while it was read.")
        yield from product[name]["nodes"]
        page = product[name]["pageInfo"]
        is_last, after = not page["hasNextPage"], page["endCursor"]


def product_record(
    node: dict[str, Any], lists: dict[str, list[dict[str, Any]]], now: datetime | None = None
) -> ProductRecord:
    """The record of a product node; `lists` holds the nodes of its four connections, complete; `now` is the store's."""
    category, seo = node["category"] or {}, node["seo"]
    listed = [(row["publication"]["id"], _planned(row, now)) for row in lists["resourcePublicationsV2"]]
    return ProductRecord(
        gid=node["id"],
        handle=node["handle"],
        title=node["title"],
        description_html=node["descriptionHtml"] or "",
        vendor=node["vendor"] or "",
        product_type=node["productType"] or "",
        category_gid=category.get("id", ""),
        category_name=category.get("fullName", ""),
        tags=tuple(node["tags"]),
        status=node["status"],
        seo_title=seo["title"] or "",
        seo_description=seo["description"] or "",
        is_gift_card=bool(node["isGiftCard"]),
        updated_at=parse_instant(node["updatedAt"]),
        options=tuple(_option(option) for option in node["options"]),
        variants=tuple(product_variant(variant) for variant in lists["variants"]),
        media=tuple(media_record(media) for media in lists["media"]),
        metafields=metafield_records(lists["metafields"]),
        publication_gids=tuple(gid for gid, at in listed if not at),
        scheduled=tuple((gid, at) for gid, at in listed if at),
    )


def _planned(row: dict[str, Any], now: datetime | None) -> str:
    """From when on it is on a channel; '' for now. What is staged for want of a status has no instant to come."""
    at = instant_or_none(row["publishDate"])
    if row["isPublished"] or at is None or (now is not None and at <= now):
        return ""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _option(node: dict[str, Any]) -> OptionRecord:
    values = tuple(value["name"] for value in node["optionValues"])
    return OptionRecord(node["id"], node["name"], values, is_linked=node["linkedMetafield"] is not None)


def media_record(node: dict[str, Any]) -> MediaRecord:
    """The record of a media node as the documents here and in product_writes select it."""
    url = (node.get("image") or {}).get("url") or ""
    return MediaRecord(node["id"], node["mediaContentType"], node["alt"] or "", node["status"], url)


def product_variant(node: dict[str, Any]) -> ProductVariantRecord:
    """The record of a variant's node, whose `media` and `metafields` hold `nodes`."""
    item, media = node["inventoryItem"], node["media"]["nodes"]
    weight, cost = item["measurement"]["weight"] or {}, item["unitCost"]
    record = ProductVariantRecord(
        gid=node["id"],
        item_gid=item["id"],
        options=tuple((option["name"], option["value"]) for option in node["selectedOptions"]),
        position=node["position"],
        sku=node["sku"] or "",
        barcode=node["barcode"] or "",
        price=money(node["price"]),
        compare_at_price=_money_or_none(node["compareAtPrice"]),
        cost=_money_or_none(cost and cost["amount"]),
        taxable=bool(node["taxable"]),
        tracked=bool(item["tracked"]),
        inventory_policy=node["inventoryPolicy"],
        requires_shipping=bool(item["requiresShipping"]),
        country_of_origin=item["countryCodeOfOrigin"] or "",
        harmonized_system_code=item["harmonizedSystemCode"] or "",
        requires_components=bool(node["requiresComponents"]),
        media_gid=media[0]["id"] if media else "",
        metafields=metafield_records(node["metafields"]["nodes"]),
        quantity=node.get("inventoryQuantity"),
    )
    if not weight:
        return record
    return replace(record, weight=Decimal(str(weight["value"])), weight_unit=weight["unit"])


def money(text: object) -> Decimal:
    """An amount as Shopify writes it. Raises UnexpectedAnswer for what is no number."""
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        raise UnexpectedAnswer(f"Shopify gave an amount that is no number: {str(text)[:40]!r}") from None
    if not amount.is_finite():
        raise UnexpectedAnswer(f"Shopify gave an amount that is no number: {str(text)[:40]!r}")
    return amount


def _money_or_none(text: object) -> Decimal | None:
    return None if text is None else money(text)
