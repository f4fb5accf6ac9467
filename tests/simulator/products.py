"""productUpdate, productDelete and productVariantsBulkUpdate, as far as identifiers go."""

from __future__ import annotations

from . import merchant
from .call import Call
from .problems import NotSimulatedError, user_error
from .reads import number_of

PRODUCT_INPUT = {
    "title": "title",
    "handle": "handle",
    "status": "status",
    "vendor": "vendor",
    "productType": "product_type",
    "tags": "tags",
    "descriptionHtml": "description_html",
}
VARIANT_INPUT = {
    "barcode": "barcode",
    "price": "price",
    "compareAtPrice": "compare_at_price",
    "inventoryPolicy": "inventory_policy",
}


def _translated(given: dict, names: dict[str, str], skipped: tuple[str, ...]) -> dict:
    unknown = set(given) - set(names) - set(skipped)
    if unknown:
        raise NotSimulatedError(f"The simulator does not implement the input fields {sorted(unknown)}")
    return {names[key]: value for key, value in given.items() if key in names}


def update_product(root, call: Call, arguments: dict) -> dict:
    given = arguments.get("product") or arguments.get("input") or {}
    if arguments.get("identifier") or arguments.get("media") or not given.get("id"):
        raise NotSimulatedError("The simulator updates products by id and without media")
    product_id = number_of(given["id"], "Product")
    if product_id not in call.shop.products:
        return {"product": None, "shop": call.shop, "userErrors": [user_error(["id"], "Product does not exist")]}
    changes = _translated(given, PRODUCT_INPUT, ("id", "redirectNewHandle"))
    if changes.get("title") == "":
        return {"product": None, "shop": call.shop, "userErrors": [user_error(["title"], "Title can't be blank")]}
    try:
        product = merchant.change_product(call.shop, call.simulator.clock, product_id, **changes)
    except ValueError:
        message = f"Handle '{changes['handle']}' already in use. Please provide a new handle."
        return {"product": None, "shop": call.shop, "userErrors": [user_error(["handle"], message)]}
    return {"product": product, "shop": call.shop, "userErrors": []}


def delete_product(root, call: Call, arguments: dict) -> dict:
    product_id = number_of(arguments["input"]["id"], "Product")
    if not arguments["synchronous"]:
        raise NotSimulatedError("The simulator deletes products synchronously")
    answer = {"deletedProductId": None, "productDeleteOperation": None, "shop": call.shop}
    if product_id not in call.shop.products:
        return {**answer, "userErrors": [user_error(["id"], "Product does not exist")]}
    merchant.delete_product(call.shop, call.simulator.clock, product_id)
    return {**answer, "deletedProductId": arguments["input"]["id"], "userErrors": []}


def update_variants(root, call: Call, arguments: dict) -> dict:
    """All or nothing: every variant is looked up before the first is changed."""
    if arguments.get("media") or arguments.get("allowPartialUpdates"):
        raise NotSimulatedError("The simulator updates variants all or nothing and without media")
    shop = call.shop
    product = shop.products.get(number_of(arguments["productId"], "Product"))
    answer = {"product": product, "productVariants": None}
    if product is None:
        return {**answer, "userErrors": [user_error(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")]}
    rows, errors = [], []
    for index, given in enumerate(arguments["variants"]):
        if not given.get("id"):
            errors.append(
                user_error(
                    ["variants", index, "id"], "Product variant is missing ID attribute", "PRODUCT_VARIANT_ID_MISSING"
                )
            )
            continue
        variant_id = number_of(given["id"], "ProductVariant")
        if variant_id not in product.variant_ids:
            message = "Product variant does not exist"
            errors.append(user_error(["variants", index, "id"], message, "PRODUCT_VARIANT_DOES_NOT_EXIST"))
            continue
        changes = _translated(given, VARIANT_INPUT, ("id", "inventoryItem"))
        changes |= _translated(given.get("inventoryItem") or {}, {"sku": "sku", "tracked": "tracked"}, ())
        rows.append((variant_id, changes))
    if errors:
        return {**answer, "userErrors": errors}
    changed = [
        merchant.change_variant(shop, call.simulator.clock, variant_id, **changes) for variant_id, changes in rows
    ]
    return {"product": product, "productVariants": changed, "userErrors": []}


RESOLVERS = {
    "Mutation.productUpdate": update_product,
    "Mutation.productDelete": delete_product,
    "Mutation.productVariantsBulkUpdate": update_variants,
}
