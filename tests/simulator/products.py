"""productUpdate, productDelete, tagsAdd and tagsRemove, and how products are found by what identifies them."""

from __future__ import annotations

from . import catalog_metafields as metafields
from .call import Call
from .catalog_state import Article, DeleteOperation
from .collection_members import put_into_collections
from .deletion import delete_product
from .gids import parse_gid
from .problems import NotSimulatedError, user_error
from .product_fields import MAX_TAGS, check_fields, put_fields, tidy_tags
from .reads import number_of
from .state import Product, Shop, Variant

HANDLED = ("id", "metafields", "collectionsToJoin", "collectionsToLeave", "deleteConflictingConstrainedMetafields")
GONE = "Product does not exist"


# Finding


def find_product(shop: Shop, identifier: dict) -> Product | None:
    """By id, handle or custom id. Raises FieldError for a custom id without a definition."""
    if identifier.get("id"):
        return shop.products.get(number_of(identifier["id"], "Product"))
    if identifier.get("handle"):
        return shop.products.get(shop.handles.get(identifier["handle"], 0))
    return shop.products.get(metafields.custom_id(shop, "Product", identifier["customId"]) or 0)


def product_by_identifier(root, call: Call, arguments: dict) -> Product | None:
    return find_product(call.shop, arguments["identifier"])


def variant_by_identifier(root, call: Call, arguments: dict) -> Variant | None:
    given = arguments["identifier"]
    if given.get("id"):
        return call.shop.variants.get(number_of(given["id"], "ProductVariant"))
    return call.shop.variants.get(metafields.custom_id(call.shop, "ProductVariant", given["customId"]) or 0)


# Changing


def update_product(root, call: Call, arguments: dict) -> dict:
    shop, given = call.shop, arguments.get("product") or arguments.get("input") or {}
    if arguments.get("media"):
        raise NotSimulatedError("The simulator updates products without media")
    identifier = arguments.get("identifier") or {"id": given.get("id")}
    product = find_product(shop, identifier) if any(identifier.values()) else None
    answer = {"product": None, "shop": shop}
    if product is None:
        return {**answer, "userErrors": [user_error(["id"], GONE)]}
    errors = check_fields(shop, product, given, [], HANDLED)
    wanted = []
    for index, row in enumerate(given.get("metafields") or []):
        field, name, message, _ = metafields.check(shop, ("Product", product.id), row)
        wanted.append(field)
        if field is None:
            errors.append(user_error(["metafields", index, name], message))
    joined, left, unknown = _collections(shop, given)
    errors += unknown
    if errors:
        return {**answer, "userErrors": errors}
    put_fields(shop, product, given)
    for field in wanted:
        metafields.put(shop, ("Product", product.id), field, call.now)
    if joined or left:
        _move(shop, product, joined, left, call.now)
    product.updated_at = call.now
    shop.publish([("PRODUCTS_UPDATE", (product.id,))])
    return {**answer, "product": product, "userErrors": []}


def _collections(shop: Shop, given: dict) -> tuple[list, list, list[dict]]:
    found, errors = [], []
    for name in ("collectionsToJoin", "collectionsToLeave"):
        rows = [shop.catalog.collections.get(number_of(text, "Collection")) for text in given.get(name) or []]
        if None in rows:
            errors.append(user_error([name], "Collection does not exist"))
        found.append(rows)
    return found[0], found[1], errors


def _move(shop: Shop, product: Product, joined: list, left: list, now: int) -> None:
    present = [
        collection
        for collection in shop.catalog.collections.values()
        if any(product.id in source.selected for source in collection.sources)
    ]
    wanted = [collection for collection in [*present, *joined] if collection not in left]
    changed = put_into_collections(shop, product, wanted, now)
    shop.publish([("COLLECTIONS_UPDATE", (number,)) for number in changed])


def remove_product(root, call: Call, arguments: dict) -> dict:
    """productDelete; without `synchronous` an operation that does it later."""
    shop, text = call.shop, arguments["input"]["id"]
    product = shop.products.get(number_of(text, "Product"))
    answer = {"deletedProductId": None, "productDeleteOperation": None, "shop": shop}
    if product is None:
        return {**answer, "userErrors": [user_error(["id"], GONE)]}
    if arguments["synchronous"]:
        delete_product(shop, product)
        return {**answer, "deletedProductId": text, "userErrors": []}
    operation = DeleteOperation(shop.next_id(), call.now, "ProductDeleteOperation", product_id=product.id)
    shop.catalog.operations[operation.id] = operation

    def run() -> None:
        operation.status = "COMPLETE"
        if shop.knobs.job_fails:
            operation.user_errors = [user_error(None, "Error processing request in the background job.")]
        elif product.id in shop.products:
            delete_product(shop, product)
            operation.deleted_id = product.id

    begun = DeleteOperation(operation.id, call.now, "ProductDeleteOperation", product_id=product.id)
    call.simulator.later.schedule(shop, run)
    return {**answer, "productDeleteOperation": begun, "userErrors": []}


# Tags


def change_tags(*, add: bool):
    """tagsAdd and tagsRemove of products and articles."""

    def resolve(root, call: Call, arguments: dict) -> dict:
        thing = _tagged(call.shop, arguments["id"])
        if thing is None:
            return {"node": None, "userErrors": [user_error(["id"], "Resource does not exist")]}
        given = tidy_tags(arguments["tags"])
        gone = {tag.casefold() for tag in given}
        tags = tidy_tags([*thing.tags, *given]) if add else [tag for tag in thing.tags if tag.casefold() not in gone]
        if len(tags) > MAX_TAGS:
            return {"node": None, "userErrors": [user_error(["tags"], f"Tags can't be more than {MAX_TAGS}")]}
        thing.tags = tags
        thing.updated_at = call.now
        if isinstance(thing, Product):
            call.shop.publish([("PRODUCTS_UPDATE", (thing.id,))])
        return {"node": thing, "userErrors": []}

    return resolve


def _tagged(shop: Shop, text: str) -> Product | Article | None:
    kind, number, _ = parse_gid(text)
    if kind not in ("Product", "Article"):
        raise NotSimulatedError(f"The simulator does not tag a {kind}")
    return (shop.products if kind == "Product" else shop.catalog.articles).get(number)


RESOLVERS = {
    "QueryRoot.productByIdentifier": product_by_identifier,
    "QueryRoot.productVariantByIdentifier": variant_by_identifier,
    "Mutation.productUpdate": update_product,
    "Mutation.productDelete": remove_product,
    "Mutation.tagsAdd": change_tags(add=True),
    "Mutation.tagsRemove": change_tags(add=False),
}
