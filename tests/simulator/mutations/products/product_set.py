"""productSet: checks everything, then does it (shopify.md 8.1, row 32). Lists replace; what is left out stays."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.collection_members import put_into_collections
from tests.simulator.events.stock import StockAction
from tests.simulator.mutations import publications
from tests.simulator.mutations.products.fields import as_handle, check_fields, put_fields
from tests.simulator.mutations.products.files import FilesReader
from tests.simulator.mutations.products.option_input import OptionReader, Row
from tests.simulator.mutations.products.stock import check_quantities, stock_new, stock_present
from tests.simulator.mutations.products.variant_cap import take_new_variants
from tests.simulator.mutations.products.variant_fields import complaints
from tests.simulator.mutations.products.variant_fields import put_fields as put_variant_fields
from tests.simulator.reads.shop import number_of
from tests.simulator.state import taxonomy
from tests.simulator.state.catalogue import Collection, ProductOperation
from tests.simulator.state.gids import gid
from tests.simulator.state.options import put_options
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import FieldError, user_error

HANDLED = ("id", "productOptions", "variants", "files", "metafields", "collections")
OF_VARIANT = ("optionValues", "position", "inventoryQuantities", "file", "metafields")
BUSY = "Another operation on this product is still in progress. Please try again later."


class Refused(Exception):
    """Nothing is done: `errors` are the user errors."""

    def __init__(self, errors: list[dict]):
        super().__init__(errors[0]["message"])
        self.errors = errors


def set_product(root, call: Call, arguments: dict) -> dict:
    answer = {"product": None, "productSetOperation": None, "userErrors": []}
    shop, given = call.shop, dict(arguments["input"])
    taxonomy.require(given.get("category"))
    try:
        product = identify(call, arguments.get("identifier"), given)
        if product is not None and product.id in shop.catalog.busy_products:
            raise Refused([user_error(None, BUSY, "GENERIC_ERROR")])
        if not arguments["synchronous"]:
            return {**answer, "productSetOperation": _start(call, product, given)}
        return {**answer, "product": Setting(call.simulator, shop, product, given, cause_of(call)).run()}
    except Refused as problem:
        return {**answer, "userErrors": problem.errors}


def cause_of(call: Call) -> str:
    """What changes of stock are booked under."""
    return f"api:{call.app.client_id}"


def identify(call: Call, identifier: dict | None, given: dict) -> Product | None:
    """The product that is meant, None for a new one; completes the input's handle. Raises Refused."""
    shop, identifier = call.shop, {name: value for name, value in (identifier or {}).items() if value}
    if identifier and given.get("id"):
        message = "The id field is not allowed if identifier is provided."
        raise Refused([user_error(["input", "id"], message, "ID_NOT_ALLOWED")])
    if "handle" in identifier:
        handle = as_handle(identifier["handle"])
        if as_handle(given.get("handle") or handle) != handle:
            message = "The identifier value does not match the value of the corresponding field in the input."
            raise Refused([user_error(["input", "handle"], message, "INPUT_MISMATCH")])
        given["handle"] = handle
        return shop.products.get(shop.handles.get(handle, 0))
    if "customId" in identifier:
        return _by_custom_id(shop, identifier["customId"], given)
    text = identifier.get("id") or given.get("id")
    if not text:
        return None
    product = shop.products.get(number_of(text, "Product"))
    if product is None:
        path = ["identifier", "id"] if identifier else ["input", "id"]
        raise Refused([user_error(path, "Product does not exist", "PRODUCT_DOES_NOT_EXIST")])
    return product


def _by_custom_id(shop: Shop, wanted: dict, given: dict) -> Product | None:
    found = metafields.find_by_custom_id(shop, "Product", wanted)
    name = (metafields.spelled_out(wanted.get("namespace")), wanted["key"], wanted["value"])
    rows = given.get("metafields") or []
    if name not in [(metafields.spelled_out(row.get("namespace")), row.get("key"), row.get("value")) for row in rows]:
        message = "The input argument `metafields` (if present) must contain the `customId` value."
        raise Refused([user_error(["input", "metafields"], message, "METAFIELD_MISMATCH")])
    return found


def _start(call: Call, product: Product | None, given: dict) -> ProductOperation:
    """An operation in the background; what is wrong stands in it when it is complete."""
    shop, sim, cause = call.shop, call.simulator, cause_of(call)
    operation = ProductOperation(shop.next_id(), call.now, product_id=product.id if product else None)
    shop.catalog.operations[operation.id] = operation
    if product is not None:
        shop.catalog.busy_products.add(product.id)

    def run() -> None:
        shop.catalog.busy_products.discard(operation.product_id)
        operation.status = "COMPLETE"
        try:
            if shop.knobs.job_error is not None:
                raise Refused([user_error(None, shop.knobs.job_error, "JOB_ERROR")])
            if product is not None and product.id not in shop.products:
                raise Refused([user_error(None, "Product does not exist", "PRODUCT_DOES_NOT_EXIST")])
            operation.product_id = Setting(sim, shop, product, given, cause).run().id
        except Refused as problem:
            operation.user_errors = problem.errors
        except FieldError as problem:
            operation.user_errors = [user_error(None, problem.message, problem.extensions["code"])]

    sim.later.schedule(shop, run)
    # What the mutation answers was true when it began.
    return ProductOperation(operation.id, operation.created_at, product_id=product.id if product else None)


class Setting:
    """One productSet on its way: `run` checks, and changes only when nothing is wrong."""

    def __init__(self, sim, shop: Shop, product: Product | None, given: dict, cause: str):
        self.sim = sim
        self.shop = shop
        self.product = product
        self.given = given
        self.cause = cause
        self.at = sim.clock.seconds()
        self.now = int(self.at)
        self.options = OptionReader(shop, product, ["input"])
        self.files = FilesReader(sim, shop, product, given)
        self.rows: list[Row] | None = None
        self.fields: list[metafields.Wanted] | None = None
        self.variant_fields: dict[int, list[metafields.Wanted]] = {}
        self.collections: list[Collection] | None = None
        self.is_new = product is None
        self.events: list[tuple[str, tuple]] = []

    def run(self) -> Product:
        """Raises Refused."""
        errors = [*check_fields(self.shop, self.product, self.given, ["input"], HANDLED), *self.check_lists()]
        if errors:
            raise Refused(errors)
        take_new_variants(self.shop, self.at, sum(1 for row in self.rows or [] if row.variant is None))
        return self.apply()

    # Looking

    def check_lists(self) -> list[dict]:
        self._read_options_and_variants()
        errors = [*self.options.errors, *self.files.check(), *self._check_collections()]
        owner = ("Product", self.product.id if self.product else 0)
        if self.given.get("metafields") is not None:
            self.fields = self._check_metafields(owner, self.given["metafields"], ["input", "metafields"], errors)
        for row in self.rows or []:
            errors += self._check_row(row)
        errors += check_quantities(self.shop, self.given.get("variants") or [])
        return errors

    def _read_options_and_variants(self) -> None:
        """Both or neither: Shopify refuses one without the other (shopify.md 8.1)."""
        options, variants = self.given.get("productOptions"), self.given.get("variants")
        if options is None and variants is None:
            if self.is_new:
                self.options.default_options()
                self.rows = [Row(0, {}, ["Default Title"])]
        elif not options:
            message = "Product options input is required when updating variants"
            self.options.complain(["productOptions"], message, "PRODUCT_OPTIONS_INPUT_MISSING")
        elif not variants:
            message = "Variants input is required when updating product options"
            self.options.complain(["variants"], message, "VARIANTS_INPUT_MISSING")
        else:
            self.options.read_options(options)
            if not self.options.errors:
                self.rows = self.options.read_rows(variants)

    def _check_row(self, row: Row) -> list[dict]:
        path = ["input", "variants", row.index]
        errors = [
            user_error([*path, *below], message, "INVALID_VARIANT")
            for below, message in complaints(row.given, OF_VARIANT)
        ]
        if row.given.get("metafields") is not None:
            owner = ("ProductVariant", row.variant.id if row.variant else 0)
            wanted = self._check_metafields(owner, row.given["metafields"], [*path, "metafields"], errors)
            self.variant_fields[row.index] = wanted
        return errors

    def _check_metafields(self, owner, given: list[dict], path: list, errors: list[dict]) -> list[metafields.Wanted]:
        wanted, problems = metafields.check_all(self.shop, owner, given)
        errors += [user_error([*path, *below], message, "INVALID_METAFIELD") for below, message, _ in problems]
        return wanted

    def _check_collections(self) -> list[dict]:
        if self.given.get("collections") is None:
            return []
        numbers = [number_of(text, "Collection") for text in self.given["collections"]]
        self.collections = [found for one in numbers if (found := self.shop.catalog.collections.get(one))]
        if len(self.collections) == len(numbers):
            return []
        return [user_error(["input", "collections"], "Collection does not exist", "INVALID_INPUT")]

    # Doing

    def apply(self) -> Product:
        shop = self.shop
        if self.product is None:
            self.product = self._make()
        else:
            put_fields(shop, self.product, self.given)
        product = self.product
        self.files.apply(product, self.at)
        if self.rows is not None:
            self._put_variants(product)
        if self.fields is not None:
            metafields.replace_all(shop, ("Product", product.id), self.fields, self.now)
        collections = (
            [] if self.collections is None else put_into_collections(shop, product, self.collections, self.now)
        )
        product.updated_at = self.now
        topic = "PRODUCTS_CREATE" if self.is_new else "PRODUCTS_UPDATE"
        shop.publish([(topic, (product.id,)), *self.events, *(("COLLECTIONS_UPDATE", (one,)) for one in collections)])
        return product

    def _make(self) -> Product:
        """New products are unpublished, ACTIVE unless the input says otherwise, and of the shop's own vendor."""
        given = {name: value for name, value in self.given.items() if name != "handle"}
        product = self.shop.add_product(
            given["title"],
            at=self.now,
            handle=self.given.get("handle") or "",
            published_at=None,
            vendor=self.shop.name,
            is_gift_card=bool(given.get("giftCard")),
        )
        put_fields(self.shop, product, given)
        publications.list_automatically(self.shop, product, self.now)
        return product

    def _put_variants(self, product: Product) -> None:
        shop = self.shop
        wanted = [
            (option.option.id if option.option else None, option.name, option.values) for option in self.options.wanted
        ]
        kept = {row.variant.id for row in self.rows if row.variant}
        for variant_id in [one for one in product.variant_ids if one not in kept]:
            variant = shop.variants[variant_id]
            shop.remove_variant(variant)
            metafields.forget(shop, ("ProductVariant", variant_id))
            self.events.append(("INVENTORY_ITEMS_DELETE", (variant.item_id,)))
        put_options(shop, product, wanted)
        action = StockAction(shop, self.at, self.cause, gid("Product", product.id))
        ordered = sorted(self.rows, key=lambda row: (row.given.get("position") or row.index + 1, row.index))
        made = [self._put_variant(product, row, place, action) for place, row in enumerate(ordered, 1)]
        product.variant_ids = [variant.id for variant in made]
        action.close()

    def _put_variant(self, product: Product, row: Row, place: int, action: StockAction) -> Variant:
        shop, variant, given = self.shop, row.variant, row.given
        if variant is None:
            stock = stock_new(shop, given)
            fields = {"option_values": row.values, "price": "0.00", "tracked": False, "position": place}
            variant = shop.add_variant(product, at=self.now, stock=stock, **fields)
            put_variant_fields(shop, variant, given, self.now)
            self.events.append(("INVENTORY_ITEMS_CREATE", (variant.item_id,)))
            self.events += [("INVENTORY_LEVELS_CONNECT", (variant.item_id, one)) for one in stock]
        else:
            if (variant.option_values, variant.position) != (row.values, place):
                variant.option_values, variant.position, variant.updated_at = row.values, place, self.now
                variant.title = " / ".join(row.values)
            if put_variant_fields(shop, variant, given, self.now):
                self.events.append(("INVENTORY_ITEMS_UPDATE", (variant.item_id,)))
            stock_present(action, variant, given)
        if "file" in given:
            variant.file_id = self.files.of_variant(given["file"])
        if row.index in self.variant_fields:
            metafields.replace_all(shop, ("ProductVariant", variant.id), self.variant_fields[row.index], self.now)
        return variant


def operation(root, call: Call, arguments: dict) -> ProductOperation | None:
    """productOperation(id): of either kind."""
    for kind in ("ProductSetOperation", "ProductDeleteOperation"):
        if f"/{kind}/" in arguments["id"]:
            found = call.shop.catalog.operations.get(number_of(arguments["id"], kind))
            return found if found is not None and found.kind == kind else None
    return None


def _status(row: ProductOperation, call: Call, arguments: dict) -> str:
    """CREATED when it was asked for, ACTIVE when somebody looks before it is complete."""
    if row.status == "CREATED" and call.shop.catalog.operations.get(row.id) is row:
        return "ACTIVE"
    return row.status


RESOLVERS = {
    "Mutation.productSet": set_product,
    "QueryRoot.productOperation": operation,
    **{
        f"{kind}.{name}": resolve
        for kind in ("ProductSetOperation", "ProductDeleteOperation")
        for name, resolve in (
            ("id", lambda row, call, arguments: gid(row.kind, row.id)),
            ("status", _status),
            ("product", lambda row, call, arguments: call.shop.products.get(row.product_id)),
            ("userErrors", lambda row, call, arguments: row.user_errors),
        )
    },
    "ProductDeleteOperation.deletedProductId": lambda row, call, arguments: (
        gid("Product", row.deleted_id) if row.deleted_id else None
    ),
}
