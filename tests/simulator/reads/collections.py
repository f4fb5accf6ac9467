"""Resolvers of collections, their sources and their conditions (shopify.md 8.2)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.collection_members import is_member, member_ids, members, products_count
from tests.simulator.events.catalogue.conditions import (
    EXCLUDING_CLASSES,
    INCLUDING_CLASSES,
    TYPE_NAMES,
    condition_gid,
    rule_set,
)
from tests.simulator.events.catalogue.files import image_size
from tests.simulator.mutations.products.media import image_of
from tests.simulator.reads.paging import Page, connection_resolvers, page_of
from tests.simulator.reads.products import seo
from tests.simulator.reads.searching.keys_catalogue import search_catalog
from tests.simulator.reads.shop import (
    attribute,
    catalog_by_id,
    count_rows,
    exact_count,
    id_key,
    identity,
    instant,
    number_of,
)
from tests.simulator.state import taxonomy
from tests.simulator.state.catalogue import Collection, Condition, Source
from tests.simulator.state.gids import gid, parse_gid
from tests.simulator.state.shop import Product
from tests.simulator.wire.problems import NotSimulatedError

SELECTION_KEYS = {"values", "value", "relation", "matchType"}


class Selection:
    """A product picked by hand, into a source or out of it."""

    __slots__ = ("id", "product")

    def __init__(self, product: Product):
        self.id = product.id
        self.product = product


class LeftOut(Selection):
    """A product that is left out."""


class Inclusion:
    __slots__ = ("source",)

    def __init__(self, source: Source):
        self.source = source


class Exclusion(Inclusion):
    __slots__ = ()


def collections(root, call: Call, arguments: dict) -> Page:
    values = {
        "TITLE": lambda row: (row.title.casefold(), row.id),
        "UPDATED_AT": lambda row: (row.updated_at, row.id),
    }
    key = values.get(arguments["sortKey"], id_key)
    rows = sorted(call.shop.catalog.collections.values(), key=key)
    return page_of(call, arguments, rows, key, search_catalog(call, "collections", arguments.get("query")))


def collections_count(root, call: Call, arguments: dict) -> dict:
    accept = search_catalog(call, "collections", arguments.get("query"))
    return count_rows(call.shop.catalog.collections.values(), accept, arguments.get("limit"))


def by_identifier(root, call: Call, arguments: dict) -> Collection | None:
    given, table = arguments["identifier"], call.shop.catalog.collections
    if given.get("id"):
        return table.get(number_of(given["id"], "Collection"))
    if given.get("handle"):
        return next((row for row in table.values() if row.handle == given["handle"]), None)
    return metafields.find_by_custom_id(call.shop, "Collection", given["customId"])


def collections_of(product: Product, call: Call, arguments: dict) -> Page:
    if arguments.get("query"):
        raise NotSimulatedError("The simulator does not search in a product's collections")
    rows = [row for row in call.shop.catalog.collections.values() if is_member(call.shop, row, product.id)]
    return page_of(call, arguments, sorted(rows, key=id_key), id_key, None)


def products_of(collection: Collection, call: Call, arguments: dict) -> Page:
    """In the collection's own order, unless another one is asked for."""
    rows, wanted = members(call.shop, collection), arguments["sortKey"]
    if wanted == "TITLE":
        rows = sorted(rows, key=lambda product: (product.title.casefold(), product.id))
    elif wanted in ("ID", "CREATED"):
        rows = sorted(rows, key=id_key)
    elif wanted not in ("COLLECTION_DEFAULT", "MANUAL"):
        raise NotSimulatedError(f"The simulator does not sort the products of a collection by {wanted}")
    places = {product.id: place for place, product in enumerate(rows)}
    return page_of(call, arguments, rows, lambda product: (places[product.id], product.id), None)


def _count(collection: Collection, call: Call, arguments: dict) -> dict:
    return exact_count(products_count(call.shop, collection, call.simulator.clock.seconds()))


def _image(thing, call: Call, arguments: dict) -> dict | None:
    if thing.image is None:
        return None
    width, height = image_size(thing.image)
    return image_of(call.shop, thing.image, thing.image_alt, width=width, height=height)


def _has_product(collection: Collection, call: Call, arguments: dict) -> bool:
    return number_of(arguments["id"], "Product") in member_ids(call.shop, collection)


# Sources


def selections(side: Inclusion, call: Call, arguments: dict) -> Page:
    leaves_out = isinstance(side, Exclusion)
    picked = side.source.excluded if leaves_out else side.source.selected
    products = [call.shop.products[number] for number in picked if number in call.shop.products]
    rows = [(LeftOut if leaves_out else Selection)(product) for product in products]
    places = {row.id: place for place, row in enumerate(rows)}
    return page_of(call, arguments, rows, lambda row: (places[row.id], row.id), None)


def _conditions(side: Inclusion, call: Call, arguments: dict) -> list[Condition]:
    return side.source.excluding if isinstance(side, Exclusion) else side.source.conditions


def _match_type(side: Inclusion, call: Call, arguments: dict) -> str | None:
    if not _conditions(side, call, {}):
        return None
    return (side.source.excluding_match_type if isinstance(side, Exclusion) else side.source.match_type) or "ALL"


def _exclusion(source: Source, call: Call, arguments: dict) -> Exclusion | None:
    return Exclusion(source) if source.excluded or source.excluding else None


def _values(condition: Condition, call: Call, arguments: dict) -> list:
    values = condition.given["values"]
    if condition.name == "productCategory":
        return [
            {
                "category": taxonomy.describe(row["categoryId"]),
                "includeDescendants": bool(row.get("includeDescendants")),
            }
            for row in values
        ]
    if condition.name == "collection":
        found = (call.shop.catalog.collections.get(parse_gid(text)[1]) for text in values)
        return [row for row in found if row is not None]
    return values


def _of_condition(name: str):
    defaults = {"matchType": "ANY"}
    return lambda condition, call, arguments: condition.given.get(name, defaults.get(name))


def _of_conditions() -> dict:
    found = {}
    for kind in (*INCLUDING_CLASSES.values(), *EXCLUDING_CLASSES.values()):
        shown = TYPE_NAMES[kind]
        found[f"{shown}.id"] = lambda condition, call, arguments: condition_gid(condition)
        found |= {f"{shown}.{key}": _of_condition(key) for key in SELECTION_KEYS - {"values"}}
        found[f"{shown}.values"] = _values
    return found


RESOLVERS = {
    **connection_resolvers(
        ["Collection", "CollectionInclusionProductSelection", "CollectionExclusionProductSelection"]
    ),
    **_of_conditions(),
    **identity("Collection"),
    "QueryRoot.collection": catalog_by_id("Collection"),
    "QueryRoot.collections": collections,
    "QueryRoot.collectionsCount": collections_count,
    "QueryRoot.collectionByIdentifier": by_identifier,
    "Product.collections": collections_of,
    "Collection.title": attribute("title"),
    "Collection.handle": attribute("handle"),
    "Collection.descriptionHtml": attribute("description_html"),
    "Collection.sortOrder": attribute("sort_order"),
    "Collection.templateSuffix": attribute("template_suffix"),
    "Collection.seo": seo,
    "Collection.image": _image,
    "Collection.updatedAt": instant("updated_at"),
    "Collection.products": products_of,
    "Collection.productsCount": _count,
    "Collection.hasProduct": _has_product,
    "Collection.ruleSet": lambda row, call, arguments: rule_set(row.sources),
    "Collection.sources": attribute("sources"),
    "CollectionConditionsSource.id": lambda row, call, arguments: gid("CollectionConditionsSource", row.id),
    "CollectionConditionsSource.title": attribute("title"),
    "CollectionConditionsSource.description": attribute("description"),
    "CollectionConditionsSource.targetType": attribute("target_type"),
    "CollectionConditionsSource.shareable": lambda row, call, arguments: False,
    "CollectionConditionsSource.inclusion": lambda row, call, arguments: Inclusion(row),
    "CollectionConditionsSource.exclusion": _exclusion,
    **{
        f"{kind}.{name}": resolve
        for kind in ("CollectionSourceInclusion", "CollectionSourceExclusion")
        for name, resolve in (("selections", selections), ("conditions", _conditions), ("matchType", _match_type))
    },
    "CollectionInclusionProductSelection.product": attribute("product"),
    "CollectionInclusionProductSelection.variantIds": lambda row, call, arguments: None,
    "CollectionExclusionProductSelection.product": attribute("product"),
    "Article.image": _image,
}
