"""productUpdate and productDelete, and how products are found by what identifies them."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.collection_members import put_into_collections
from tests.simulator.events.catalogue.deletion import delete_product
from tests.simulator.events.touch import touch
from tests.simulator.mutations.products.fields import check_fields, put_fields
from tests.simulator.reads.shop import number_of
from tests.simulator.state import taxonomy
from tests.simulator.state.catalogue import DeleteOperation
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import NotSimulatedError, user_error

HANDLED = ("id", "metafields", "collectionsToJoin", "collectionsToLeave", "deleteConflictingConstrainedMetafields")
GONE = "Product does not exist"


# Finding


def find_product(shop: Shop, identifier: dict) -> Product | None:
    """By id, handle or custom id. Raises FieldError for a custom id without a definition."""
    if identifier.get("id"):
        return shop.products.get(number_of(identifier["id"], "Product"))
    if identifier.get("handle"):
        return shop.products.get(shop.handles.get(identifier["handle"], 0))
    return metafields.find_by_custom_id(shop, "Product", identifier["customId"])


def product_by_identifier(root, call: Call, arguments: dict) -> Product | None:
    return find_product(call.shop, arguments["identifier"])


def variant_by_identifier(root, call: Call, arguments: dict) -> Variant | None:
    given = arguments["identifier"]
    if given.get("id"):
        return call.shop.variants.get(number_of(given["id"], "ProductVariant"))
    return metafields.find_by_custom_id(call.shop, "ProductVariant", given["customId"])


# Changing


def update_product(root, call: Call, arguments: dict) -> dict:
    shop, given = call.shop, arguments.get("product") or arguments.get("input") or {}
    if arguments.get("media"):
        raise NotSimulatedError("The simulator updates products without media")
    taxonomy.require(given.get("category"))
    identifier = arguments.get("identifier") or {"id": given.get("id")}
    product = find_product(shop, identifier) if any(identifier.values()) else None
    answer = {"product": None, "shop": shop}
    if product is None:
        return {**answer, "userErrors": [user_error(["id"], GONE)]}
    errors = check_fields(shop, product, given, [], HANDLED)
    owner = ("Product", product.id)
    wanted, problems = metafields.check_all(shop, owner, given.get("metafields"))
    errors += [user_error(["metafields", *path], message) for path, message, _ in problems]
    joined, left, unknown = _collections(shop, given)
    errors += unknown
    if errors:
        return {**answer, "userErrors": errors}
    put_fields(shop, product, given)
    metafields.put_all(shop, owner, wanted, call.now)
    if joined or left:
        _move(shop, product, joined, left, call.now)
    touch(shop, call.now, product)
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
        if shop.knobs.job_error is not None:
            operation.user_errors = [user_error(None, shop.knobs.job_error)]
        elif product.id in shop.products:
            delete_product(shop, product)
            operation.deleted_id = product.id

    begun = DeleteOperation(operation.id, call.now, "ProductDeleteOperation", product_id=product.id)
    call.simulator.later.schedule(shop, run)
    return {**answer, "productDeleteOperation": begun, "userErrors": []}


RESOLVERS = {
    "QueryRoot.productByIdentifier": product_by_identifier,
    "QueryRoot.productVariantByIdentifier": variant_by_identifier,
    "Mutation.productUpdate": update_product,
    "Mutation.productDelete": remove_product,
}
