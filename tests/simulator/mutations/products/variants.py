"""productVariantsBulkUpdate, productVariantsBulkCreate and productVariantsBulkDelete (shopify.md 8.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.deletion import delete_variant
from tests.simulator.events.catalogue.files import find_file
from tests.simulator.mutations.products.stock import MOST_ROWS, stock_new
from tests.simulator.mutations.products.variant_cap import take_new_variants
from tests.simulator.mutations.products.variant_fields import complaints, put_fields
from tests.simulator.reads.shop import number_of
from tests.simulator.state.options import DEFAULT_VALUE, Option, is_default, options_of
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import NotSimulatedError, user_error

HANDLED = ("optionValues", "mediaId", "metafields", "inventoryQuantities")
GONE = "Product does not exist"


@dataclass(slots=True)
class Row:
    """One entry of `variants`; `error` says why it cannot be."""

    index: int
    given: dict
    variant: Variant | None = None
    values: list[str] = field(default_factory=list)
    fields: list[metafields.Wanted] = field(default_factory=list)
    error: dict | None = None

    def refuse(self, path: list, message: str, code: str) -> None:
        if self.error is None:
            self.error = user_error(["variants", self.index, *path], message, code)


def update_variants(root, call: Call, arguments: dict) -> dict:
    """All or nothing, unless partial updates are allowed: then the good ones are done and the bad ones listed."""
    shop = call.shop
    product = shop.products.get(number_of(arguments["productId"], "Product"))
    answer = {"product": product, "productVariants": None}
    if product is None:
        return {**answer, "userErrors": [user_error(["productId"], GONE, "PRODUCT_DOES_NOT_EXIST")]}
    _no_media(arguments)
    rows = [_read_update(call, product, index, given) for index, given in enumerate(arguments["variants"])]
    _refuse_doubles(shop, product, rows, "VARIANT_ALREADY_EXISTS")
    errors = [row.error for row in rows if row.error]
    if errors and not arguments["allowPartialUpdates"]:
        return {**answer, "userErrors": errors}
    good = [row for row in rows if not row.error]
    changed = [_put(call, product, row) for row in good]
    if good:
        product.updated_at = call.now
        items = [
            ("INVENTORY_ITEMS_UPDATE", (row.variant.item_id,))
            for row, moved in zip(good, changed, strict=True)
            if moved
        ]
        shop.publish([("PRODUCTS_UPDATE", (product.id,)), *items])
    return {**answer, "productVariants": [row.variant for row in good], "userErrors": errors}


def _no_media(arguments: dict) -> None:
    if arguments.get("media"):
        raise NotSimulatedError("The simulator changes variants without new media")


def _read_update(call: Call, product: Product, index: int, given: dict) -> Row:
    row, shop = Row(index, given), call.shop
    if not given.get("id"):
        row.refuse(["id"], "Product variant is missing ID attribute", "PRODUCT_VARIANT_ID_MISSING")
        return row
    number = number_of(given["id"], "ProductVariant")
    if number not in product.variant_ids:
        row.refuse(["id"], "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST")
        return row
    row.variant = shop.variants[number]
    row.values = list(row.variant.option_values)
    if given.get("inventoryQuantities") is not None:
        message = "Inventory quantities can only be provided during create."
        row.refuse(["inventoryQuantities"], message, "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE")
    if row.variant.refuses_policy and given.get("inventoryPolicy") not in (None, row.variant.inventory_policy):
        row.refuse(["inventoryPolicy"], "Inventory policy cannot be changed.", "INVALID_INPUT")
    _read_common(shop, product, row)
    return row


def _read_common(shop: Shop, product: Product, row: Row) -> None:
    for path, message in complaints(row.given, HANDLED):
        negative = "greater than or equal to 0" in message and path[0] in ("price", "compareAtPrice")
        row.refuse(path, message, "NEGATIVE_PRICE_VALUE" if negative else "INVALID_INPUT")
    options = options_of(shop, product)
    for place, value in enumerate(row.given.get("optionValues") or []):
        _choose(row, options, place, value)
    media = row.given.get("mediaId")
    file = find_file(shop, media) if media else None
    if media and (file is None or file.id not in product.file_ids):
        row.refuse(["mediaId"], "Media does not exist on the product", "MUST_BE_FOR_THIS_PRODUCT")
    owner = ("ProductVariant", row.variant.id if row.variant else 0)
    row.fields, problems = metafields.check_all(shop, owner, row.given.get("metafields"))
    for path, message, _ in problems:
        row.refuse(["metafields", *path], message, "INVALID_INPUT")


def _choose(row: Row, options: list[Option], place: int, given: dict) -> None:
    """Puts one option value into the row; a name that is new becomes a new value of the option."""
    number = number_of(given["optionId"], "ProductOption") if given.get("optionId") else None
    option = next((one for one in options if one.id == number or one.name == given.get("optionName")), None)
    path = ["optionValues", place]
    if option is None:
        return row.refuse(path, "Option does not exist", "OPTION_DOES_NOT_EXIST")
    name = given.get("name")
    if given.get("id"):
        value_id = number_of(given["id"], "ProductOptionValue")
        name = next((value.name for value in option.values if value.id == value_id), None)
        if name is None:
            return row.refuse([*path, "id"], "Option value does not exist", "OPTION_VALUE_DOES_NOT_EXIST")
    if not name or len(name) > 255:
        return row.refuse([*path, "name"], "Option value name is blank or too long", "OPTION_VALUE_NAME_TOO_LONG")
    row.values[option.position - 1] = name
    return None


def _refuse_doubles(shop: Shop, product: Product, rows: list[Row], code: str) -> None:
    moved = {row.variant.id for row in rows if row.variant}
    taken = {tuple(shop.variants[one].option_values) for one in product.variant_ids if one not in moved}
    for row in rows:
        if row.error:
            continue
        if tuple(row.values) in taken:
            title = " / ".join(row.values)
            message = f"The variant '{title}' already exists. Please change at least one option value."
            row.refuse([], message, code)
        taken.add(tuple(row.values))


def _put(call: Call, product: Product, row: Row) -> bool:
    """Answers whether the inventory item changed."""
    shop, variant = call.shop, row.variant
    if row.values != variant.option_values:
        variant.option_values, variant.title = row.values, " / ".join(row.values)
    moved = put_fields(shop, variant, row.given, call.now)
    variant.updated_at = call.now
    if "mediaId" in row.given:
        variant.file_id = find_file(shop, row.given["mediaId"]).id if row.given["mediaId"] else None
    metafields.put_all(shop, ("ProductVariant", variant.id), row.fields, call.now)
    return moved


def create_variants(root, call: Call, arguments: dict) -> dict:
    shop = call.shop
    product = shop.products.get(number_of(arguments["productId"], "Product"))
    answer = {"product": product, "productVariants": None}
    if product is None:
        return {**answer, "userErrors": [user_error(["productId"], GONE, "PRODUCT_DOES_NOT_EXIST")]}
    _no_media(arguments)
    standalone = _standalone(shop, product, arguments["strategy"])
    rows = [_read_create(shop, product, index, given) for index, given in enumerate(arguments["variants"])]
    _refuse_doubles(shop, product, rows, "VARIANT_ALREADY_EXISTS_CHANGE_OPTION_VALUE")
    errors = [row.error for row in rows if row.error] + _limits(product, rows)
    if errors:
        return {**answer, "userErrors": errors}
    take_new_variants(shop, call.simulator.clock.seconds(), len(rows))
    events: list[tuple[str, tuple]] = []
    if standalone is not None:
        delete_variant(shop, standalone)
        events.append(("INVENTORY_ITEMS_DELETE", (standalone.item_id,)))
    for row in rows:
        events += _create(call, product, row)
    product.updated_at = call.now
    shop.publish([("PRODUCTS_UPDATE", (product.id,)), *events])
    return {**answer, "productVariants": [row.variant for row in rows], "userErrors": []}


def _standalone(shop: Shop, product: Product, strategy: str) -> Variant | None:
    """The only variant, which the first real ones replace unless the strategy keeps it."""
    if len(product.variant_ids) != 1 or strategy == "PRESERVE_STANDALONE_VARIANT":
        return None
    variant = shop.variants[product.variant_ids[0]]
    only_default = is_default(product) or variant.option_values == [DEFAULT_VALUE]
    return variant if only_default or strategy == "REMOVE_STANDALONE_VARIANT" else None


def _read_create(shop: Shop, product: Product, index: int, given: dict) -> Row:
    row = Row(index, given, values=[""] * len(product.option_names))
    if given.get("id"):
        row.refuse(["id"], "Id cannot be given on create", "NO_KEY_ON_CREATE")
    for place, quantity in enumerate(given.get("inventoryQuantities") or []):
        if number_of(quantity["locationId"], "Location") not in shop.locations:
            message = "Quantity could not be set. The location was not found."
            row.refuse(["inventoryQuantities", place], message, "TRACKED_VARIANT_LOCATION_NOT_FOUND")
    _read_common(shop, product, row)
    if row.error and row.error["code"] == "OPTION_DOES_NOT_EXIST":
        row.error["code"] = "OPTION_VALUES_FOR_NUMBER_OF_UNKNOWN_OPTIONS"
    if "" in row.values:
        missing = product.option_names[row.values.index("")]
        row.refuse([], f"You need to add option values for {missing}", "NEED_TO_ADD_OPTION_VALUES")
    return row


def _limits(product: Product, rows: list[Row]) -> list[dict]:
    if len(product.variant_ids) + len(rows) > 2048:
        return [user_error(["variants"], "Number of product variants exceeds shop limit.", "SUBSCRIPTION_VIOLATION")]
    counted = sum(len(row.given.get("inventoryQuantities") or []) for row in rows)
    if counted > MOST_ROWS:
        message = f"Inventory quantity input exceeds the limit of {MOST_ROWS}."
        return [user_error(["variants"], message, "INVENTORY_QUANTITIES_LIMIT_EXCEEDED")]
    return []


def _create(call: Call, product: Product, row: Row) -> list[tuple[str, tuple]]:
    shop, quantities = call.shop, row.given.get("inventoryQuantities")
    wanted = [{"locationId": one["locationId"], "quantity": one["availableQuantity"]} for one in quantities or []]
    stock = stock_new(shop, {"inventoryQuantities": wanted})
    row.variant = shop.add_variant(
        product, at=call.now, stock=stock, option_values=row.values, price="0.00", tracked=False
    )
    _put(call, product, row)
    item_id = row.variant.item_id
    return [("INVENTORY_ITEMS_CREATE", (item_id,)), *(("INVENTORY_LEVELS_CONNECT", (item_id, one)) for one in stock)]


def delete_variants(root, call: Call, arguments: dict) -> dict:
    shop = call.shop
    product = shop.products.get(number_of(arguments["productId"], "Product"))
    if product is None:
        return {"product": None, "userErrors": [user_error(["productId"], GONE, "PRODUCT_DOES_NOT_EXIST")]}
    numbers = [number_of(text, "ProductVariant") for text in arguments["variantsIds"]]
    if any(number not in product.variant_ids for number in numbers):
        code = "AT_LEAST_ONE_VARIANT_DOES_NOT_BELONG_TO_THE_PRODUCT"
        errors = [user_error(["variantsIds"], "At least one variant does not belong to the product", code)]
        return {"product": None, "userErrors": errors}
    if len(set(numbers)) == len(product.variant_ids):
        errors = [user_error(["variantsIds"], "Cannot delete the last variant", "CANNOT_DELETE_LAST_VARIANT")]
        return {"product": None, "userErrors": errors}
    items = [shop.variants[number].item_id for number in dict.fromkeys(numbers)]
    for number in dict.fromkeys(numbers):
        delete_variant(shop, shop.variants[number])
    product.updated_at = call.now
    shop.publish([*(("INVENTORY_ITEMS_DELETE", (item_id,)) for item_id in items), ("PRODUCTS_UPDATE", (product.id,))])
    return {"product": product, "userErrors": []}


RESOLVERS = {
    "Mutation.productVariantsBulkUpdate": update_variants,
    "Mutation.productVariantsBulkCreate": create_variants,
    "Mutation.productVariantsBulkDelete": delete_variants,
}
