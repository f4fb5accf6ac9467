"""Collections as they are: what they show, where their products come from, and which these are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound
from stores.shopify.instants import parse_instant

READ_COST = 60.0

MANUAL = "MANUAL"
CONDITIONS, SUB_COLLECTIONS, OTHER = "conditions", "sub_collections", "other"

_CONDITION = "CollectionSourceInclusionCondition"
_EXCLUSION = "CollectionSourceExclusionCondition"


@dataclass(frozen=True, slots=True)
class CollectionHead:
    """What tells one collection from another, and whether it has changed."""

    gid: str
    title: str
    handle: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ConditionRecord:
    """One condition. `name` is its field in the inputs, such as productTag, '' for one that this version cannot copy.

    `given` is its input as Shopify would take it: {matchType, relation, values} or {relation, value}; empty without a
    name. Money in it is in the store's currency.
    """

    name: str
    given: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """Where products of a collection come from.

    `kind` is CONDITIONS (by conditions, by hand, or both), SUB_COLLECTIONS or OTHER. `target` is PRODUCTS or VARIANTS;
    `match` and `excluded_match` are ALL, ANY or ''. `picked` and `excluded` are products chosen by hand;
    `picks_variants`: of some of them only variants. A `is_shareable` source belongs to several collections.
    """

    gid: str
    kind: str
    title: str = ""
    target: str = "PRODUCTS"
    match: str = ""
    conditions: tuple[ConditionRecord, ...] = ()
    picked: tuple[str, ...] = ()
    picks_variants: bool = False
    excluded_match: str = ""
    excluding: tuple[ConditionRecord, ...] = ()
    excluded: tuple[str, ...] = ()
    is_shareable: bool = False


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """One collection, without its members (`read_members`). `publication_gids`: the channels it is published on now.

    `sort_order` is ALPHA_ASC, BEST_SELLING, MANUAL, PRICE_DESC and so on. Empty text stands where Shopify has null.
    """

    gid: str
    title: str
    handle: str
    updated_at: datetime
    description_html: str = ""
    sort_order: str = "BEST_SELLING"
    seo_title: str = ""
    seo_description: str = ""
    image_url: str = ""
    image_alt: str = ""
    publication_gids: tuple[str, ...] = ()
    sources: tuple[SourceRecord, ...] = ()


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/collections
LIST_COLLECTIONS = """
query ListCollections($after: String, $query: String) {
  collections(first: 250, after: $after, query: $query, sortKey: ID) {
    nodes { id title handle updatedAt } pageInfo { hasNextPage endCursor }
  }
}
"""


def iter_heads(client: Client, query: str | None = None) -> Iterator[CollectionHead]:
    """Every collection by id, or those that a search such as `product_id:123` finds. Raises as Client.execute does."""
    for node in client.pages(LIST_COLLECTIONS, {"query": query}, ("collections",), cost=13):
        yield CollectionHead(node["id"], node["title"], node["handle"], parse_instant(node["updatedAt"]))


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/collection
HANDLE_OF_COLLECTION = """
query HandleOfCollection($id: ID!) {
  collection(id: $id) { handle }
}
"""


def handle_of(client: Client, collection_gid: str) -> str:
    """The handle of a collection, '' of one that does not exist. Raises GidError and as Client.execute does."""
    gids.require(collection_gid, "Collection")
    node = client.execute(HANDLE_OF_COLLECTION, {"id": collection_gid}, cost=1)["collection"]
    return node["handle"] if node else ""


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/collectionByIdentifier
FIND_COLLECTION = """
query FindCollection($identifier: CollectionIdentifierInput!) {
  collectionByIdentifier(identifier: $identifier) { id }
}
"""


def find_by_handle(client: Client, handle: str) -> str | None:
    """The gid of the collection with this handle, or None; never behind the times. Raises as Client.execute does."""
    found = client.execute(FIND_COLLECTION, {"identifier": {"handle": handle}}, cost=1)["collectionByIdentifier"]
    gid: str | None = found and found["id"]
    return gid


_SELECTIONS = "nodes { product { id } variantIds } pageInfo { hasNextPage endCursor }"
# Aliases, because fields of one name must not have several types.
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Collection
WHOLE_COLLECTION = f"""
fragment WholeCollection on Collection {{
  id
  title
  handle
  updatedAt
  descriptionHtml
  sortOrder
  seo {{ title description }}
  image {{ url altText }}
  resourcePublicationsV2(first: 50) {{ nodes {{ publication {{ id }} }} }}
  sources {{
    __typename
    id
    title
    ... on CollectionConditionsSource {{
      targetType
      shareable
      inclusion {{
        matchType
        conditions {{ ...Inclusion }}
        selections(first: 50) {{ {_SELECTIONS} }}
      }}
      exclusion {{
        matchType
        conditions {{ ...Exclusion }}
        selections(first: 50) {{ nodes {{ product {{ id }} }} pageInfo {{ hasNextPage }} }}
      }}
    }}
  }}
}}
fragment Inclusion on {_CONDITION} {{
  __typename
  id
  ... on {_CONDITION}ProductTag {{ matchType tag: relation texts: values }}
  ... on {_CONDITION}ProductTitle {{ matchType title: relation texts: values }}
  ... on {_CONDITION}ProductType {{ matchType type: relation texts: values }}
  ... on {_CONDITION}ProductVendor {{ matchType vendor: relation texts: values }}
  ... on {_CONDITION}VariantTitle {{ matchType variantTitle: relation texts: values }}
  ... on {_CONDITION}ProductStatus {{ matchType status: relation statuses: values }}
  ... on {_CONDITION}ProductCategory {{
    matchType category: relation categories: values {{ category {{ id }} includeDescendants }}
  }}
  ... on {_CONDITION}VariantPrice {{ price: relation amount: value {{ amount currencyCode }} }}
  ... on {_CONDITION}VariantCompareAtPrice {{ compareAtPrice: relation was: value {{ amount currencyCode }} }}
  ... on {_CONDITION}VariantInventory {{ inventory: relation units: value }}
  ... on {_CONDITION}VariantWeight {{ weight: relation heavy: value {{ value unit }} }}
}}
fragment Exclusion on {_EXCLUSION} {{
  __typename
  id
  ... on {_EXCLUSION}ProductTag {{ matchType tag: relation texts: values }}
  ... on {_EXCLUSION}ProductType {{ matchType type: relation texts: values }}
  ... on {_EXCLUSION}ProductVendor {{ matchType vendor: relation texts: values }}
  ... on {_EXCLUSION}ProductCategory {{
    matchType category: relation categories: values {{ category {{ id }} includeDescendants }}
  }}
}}
"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/collection
READ_COLLECTION = "query ReadCollection($id: ID!) { collection(id: $id) { ...WholeCollection } }" + WHOLE_COLLECTION
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/collection
READ_SELECTIONS = f"""
query ReadSelections($id: ID!, $after: String) {{
  node(id: $id) {{
    ... on CollectionConditionsSource {{
      inclusion {{ selections(first: 250, after: $after) {{ {_SELECTIONS} }} }}
    }}
  }}
}}
"""


def read_collection(client: Client, collection_gid: str) -> CollectionRecord | None:
    """One collection, or None when it does not exist (any more). Raises GidError and as Client.execute does."""
    gids.require(collection_gid, "Collection")
    node = client.execute(READ_COLLECTION, {"id": collection_gid}, cost=READ_COST)["collection"]
    return node and _record(client, node)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/collection
LIST_MEMBERS = """
query ListMembers($id: ID!, $after: String) {
  collection(id: $id) {
    products(first: 250, after: $after, sortKey: COLLECTION_DEFAULT) {
      nodes { id } pageInfo { hasNextPage endCursor }
    }
  }
}
"""


def read_members(client: Client, collection_gid: str) -> list[str]:
    """The products of a collection in the order in which it shows them; none of one that does not exist.

    Raises GidError, ObjectNotFound when it vanishes between two pages, and as Client.execute does.
    """
    gids.require(collection_gid, "Collection")
    nodes = client.pages(LIST_MEMBERS, {"id": collection_gid}, ("collection", "products"), cost=14)
    return [node["id"] for node in nodes]


# --- From nodes to records ----------------------------------------------------------------------------------------


def _record(client: Client, node: dict[str, Any]) -> CollectionRecord:
    seo, image = node["seo"], node["image"] or {}
    return CollectionRecord(
        gid=node["id"],
        title=node["title"],
        handle=node["handle"],
        updated_at=parse_instant(node["updatedAt"]),
        description_html=node["descriptionHtml"] or "",
        sort_order=node["sortOrder"],
        seo_title=seo["title"] or "",
        seo_description=seo["description"] or "",
        image_url=image.get("url") or "",
        image_alt=image.get("altText") or "",
        publication_gids=tuple(row["publication"]["id"] for row in node["resourcePublicationsV2"]["nodes"]),
        sources=tuple(_source(client, source) for source in node["sources"]),
    )


def _source(client: Client, node: dict[str, Any]) -> SourceRecord:
    if node["__typename"] != "CollectionConditionsSource":
        kind = SUB_COLLECTIONS if node["__typename"] == "CollectionSubCollectionsSource" else OTHER
        return SourceRecord(node["id"], kind, node["title"])
    inclusion, exclusion = node["inclusion"], node["exclusion"] or {}
    picked = list(inclusion["selections"]["nodes"])
    picked += _more_selections(client, node["id"], inclusion["selections"]["pageInfo"])
    excluded = exclusion.get("selections") or {"nodes": (), "pageInfo": {"hasNextPage": False}}
    excluding = [_condition(row, _EXCLUSION) for row in exclusion.get("conditions") or ()]
    if excluded["pageInfo"]["hasNextPage"]:
        excluding.append(ConditionRecord("", {}))  # more than are read here: such a source is not copied as rules
    return SourceRecord(
        gid=node["id"],
        kind=CONDITIONS,
        title=node["title"],
        target=node["targetType"],
        match=inclusion["matchType"] or "",
        conditions=tuple(_condition(row, _CONDITION) for row in inclusion["conditions"]),
        picked=tuple(row["product"]["id"] for row in picked),
        picks_variants=any(row["variantIds"] for row in picked),
        excluded_match=exclusion.get("matchType") or "",
        excluding=tuple(excluding),
        excluded=tuple(row["product"]["id"] for row in excluded["nodes"]),
        is_shareable=bool(node["shareable"]),
    )


def _more_selections(client: Client, source_gid: str, page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    while page["hasNextPage"]:
        variables = {"id": source_gid, "after": page["endCursor"]}
        node = client.execute(READ_SELECTIONS, variables, cost=26)["node"]
        if not node:
            raise ObjectNotFound(f"{client.domain}: {source_gid} vanished while it was read.")
        selections = node["inclusion"]["selections"]
        yield from selections["nodes"]
        page = selections["pageInfo"]


_TEXT_RELATIONS = ("tag", "title", "type", "vendor", "variantTitle", "status", "category")
_RELATIONS = (*_TEXT_RELATIONS, "price", "compareAtPrice", "inventory", "weight")


def _condition(node: dict[str, Any], prefix: str) -> ConditionRecord:
    """The input that would make this condition; nameless for a kind that is not selected above."""
    relation = next((node[name] for name in _RELATIONS if name in node), None)
    if relation is None:
        return ConditionRecord("", {})
    kind = node["__typename"].removeprefix(prefix)
    given: dict[str, Any] = {"relation": relation}
    if "matchType" in node:
        given["matchType"] = node["matchType"]
        given["values"] = node.get("texts") or node.get("statuses") or _categories(node.get("categories") or ())
    else:
        value = next((node[name] for name in ("amount", "was", "units", "heavy") if name in node), None)
        given |= {} if value is None else {"value": value}
    return ConditionRecord(kind[0].lower() + kind[1:], given)


def _categories(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"categoryId": row["category"]["id"], "includeDescendants": row["includeDescendants"]} for row in rows]
