"""Resolvers of the shop, the app, nodes, products and variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.simulator.documents.call import Call
from tests.simulator.edits.session import living_session
from tests.simulator.reads.paging import Page, page_of
from tests.simulator.reads.searching.keys import search_for
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid, level_gid, parse_gid
from tests.simulator.state.orders import CancelJob, Order
from tests.simulator.state.shop import Level, Product, Shop, Variant
from tests.simulator.wire.problems import FieldError

SIXTY_DAYS = 60 * 86_400

VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
CANDIDATE = "2027-01"
PLANS = {"BASIC": "Basic", "GROW": "Grow", "ADVANCED": "Advanced", "PLUS": "Plus", "DEVELOPMENT": "Development"}

TABLES = {
    "Product": "products",
    "ProductVariant": "variants",
    "InventoryItem": "items",
    "Location": "locations",
    "WebhookSubscription": "subscriptions",
    "InventoryAdjustmentGroup": "adjustment_groups",
    "BulkOperation": "bulk_operations",
    "Order": "orders",
    "DraftOrder": "drafts",
    "Customer": "customers",
    "Refund": "refunds",
    "Fulfillment": "fulfillments",
    "FulfillmentOrder": "fulfillment_orders",
    "MetafieldDefinition": "metafield_definitions",
}
CATALOG_TABLES = {
    "MediaImage": "files",
    "ExternalVideo": "files",
    "Video": "files",
    "Model3d": "files",
    "GenericFile": "files",
    "Publication": "publications",
    "Collection": "collections",
    "Page": "pages",
    "Blog": "blogs",
    "Article": "articles",
    "Metaobject": "metaobjects",
    "MetaobjectDefinition": "metaobject_definitions",
    "ProductSetOperation": "operations",
    "ProductDeleteOperation": "operations",
}


def number_of(text: str, kind: str) -> int:
    """The number of a gid that has to be of this kind. Raises FieldError (row 24)."""
    try:
        found, number, _ = parse_gid(text)
    except ValueError:  # a job's
        raise FieldError(f"Invalid id: {text}", "RESOURCE_NOT_FOUND") from None
    if found != kind:
        raise FieldError(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    return number


def find_level(call: Call, text: str) -> Level | None:
    """The level of a gid, whose number belongs to the location and whose query string names the item."""
    kind, number, parameters = parse_gid(text)
    item = parameters.get("inventory_item_id", "")
    if kind != "InventoryLevel" or not (item.isascii() and item.isdigit()):
        raise FieldError(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
    shop = call.shop
    location = next((place for place in shop.locations.values() if place.level_number == number), None)
    return shop.levels.get((int(item), location.id)) if location else None


def shown_order(order: Order | None, call: Call) -> Order | None:
    """Without read_all_orders only the orders of the last 60 days exist (shopify.md 7.4)."""
    if order is None or "read_all_orders" in call.scopes or order.created_at > call.now - SIXTY_DAYS:
        return order
    return None


def find_node(call: Call, text: str) -> object | None:
    """Any object by its gid; None for one that is gone or never was. Raises FieldError for a kind without nodes."""
    try:
        kind, number, _ = parse_gid(text)
    except ValueError as problem:
        raise FieldError(str(problem), "RESOURCE_NOT_FOUND") from None
    if kind == "InventoryLevel":
        return find_level(call, text)
    if kind == "Shop":
        return call.shop if number == call.shop.id else None
    if kind == "CalculatedOrder":
        return living_session(call.shop, number, call.simulator.clock.seconds())
    if kind == "Return":
        returns = (row for order in call.shop.orders.values() for row in order.returns)
        return next((row for row in returns if row.id == number), None)
    if kind == "Order":
        return shown_order(call.shop.orders.get(number), call)
    if kind in TABLES:
        return getattr(call.shop, TABLES[kind]).get(number)
    if kind == "OrderCancelJobResult":
        jobs = (job for job in call.shop.jobs.values() if isinstance(job, CancelJob))
        return next((job for job in jobs if int(job.id[:8], 16) == number), None)
    if kind in CATALOG_TABLES:
        found = getattr(call.shop.catalog, CATALOG_TABLES[kind]).get(number)
        return found if call.simulator.compiler.type_names.get(type(found)) == kind else None
    if kind == "CollectionConditionsSource":
        sources = (source for found in call.shop.catalog.collections.values() for source in found.sources)
        return next((source for source in sources if source.id == number), None)
    if kind in call.simulator.node_kinds:
        return None
    raise FieldError(f"Invalid global id '{text}'", "RESOURCE_NOT_FOUND")


def by_id(kind: str):
    """A resolver of a root field that takes an id: None when it is gone or never was."""
    return lambda root, call, arguments: getattr(call.shop, TABLES[kind]).get(number_of(arguments["id"], kind))


def catalog_by_id(kind: str):
    """The same for the tables of the catalogue."""
    return lambda root, call, arguments: getattr(call.shop.catalog, CATALOG_TABLES[kind]).get(
        number_of(arguments["id"], kind)
    )


# Connections


def _sorted_rows(shop: Shop, table: str, value) -> tuple[list, object]:
    """Rows of a table by a value, then by id; the value has to be text or a number."""

    def key(row):
        return (value(row), row.id)

    return sorted(getattr(shop, table).values(), key=key), key


def id_key(row) -> tuple:
    return (row.id,)


def products(root, call: Call, arguments: dict) -> Page:
    shop = call.shop
    values = {
        "UPDATED_AT": lambda row: row.updated_at,
        "CREATED_AT": lambda row: row.created_at,
        "PUBLISHED_AT": lambda row: row.published_at or 0,
        "TITLE": lambda row: row.title.casefold(),
        "VENDOR": lambda row: row.vendor.casefold(),
        "PRODUCT_TYPE": lambda row: row.product_type.casefold(),
        "INVENTORY_TOTAL": lambda row: total_inventory(row, call, {}),
    }
    accept = search_for(call, "products", arguments.get("query"))
    value = values.get(arguments["sortKey"])
    rows, key = _sorted_rows(shop, "products", value) if value else (shop.rows_by_id("products"), id_key)
    return page_of(call, arguments, rows, key, accept)


def product_variants(root, call: Call, arguments: dict) -> Page:
    shop = call.shop
    values = {
        "SKU": lambda row: (shop.items[row.item_id].sku or "").casefold(),
        "TITLE": lambda row: row.title.casefold(),
        "NAME": lambda row: display_name(row, call, {}).casefold(),
        "FULL_TITLE": lambda row: display_name(row, call, {}).casefold(),
        "POSITION": lambda row: row.position,
        "INVENTORY_QUANTITY": lambda row: inventory_quantity(shop, row),
    }
    accept = search_for(call, "variants", arguments.get("query"))
    value = values.get(arguments["sortKey"])
    rows, key = _sorted_rows(shop, "variants", value) if value else (shop.rows_by_id("variants"), id_key)
    return page_of(call, arguments, rows, key, accept)


def variants_of_product(product: Product, call: Call, arguments: dict) -> Page:
    rows = [call.shop.variants[variant_id] for variant_id in product.variant_ids]

    def position(row):
        return (row.position, row.id)

    if arguments["sortKey"] == "ID":
        rows.sort(key=id_key)
        return page_of(call, arguments, rows, id_key, None)
    rows.sort(key=position)
    return page_of(call, arguments, rows, position, None)


def count_of(table: str):
    def resolve(root, call: Call, arguments: dict) -> dict:
        accept = search_for(call, table, arguments.get("query"))
        return count_rows(getattr(call.shop, table).values(), accept, arguments.get("limit"))

    return resolve


def count_rows(rows: Iterable, accept: Callable[[object], bool] | None, limit: int | None) -> dict:
    """Shopify's Count: up to `limit` it is exact."""
    counted = sum(1 for row in rows if accept is None or accept(row))
    capped = limit is not None and counted > limit
    return {"count": limit if capped else counted, "precision": "AT_LEAST" if capped else "EXACT"}


def exact_count(number: int) -> dict:
    return {"count": number, "precision": "EXACT"}


# Products and variants


def inventory_quantity(shop: Shop, variant: Variant) -> int:
    """Available over the active levels only (row 35)."""
    return sum(level.available for level in shop.levels_of(variant.item_id) if level.is_active)


def current_total(shop: Shop, product: Product) -> int:
    variants = (shop.variants[variant_id] for variant_id in product.variant_ids)
    return sum(inventory_quantity(shop, variant) for variant in variants if shop.items[variant.item_id].tracked)


def total_inventory(product: Product, call: Call, arguments: dict) -> int:
    """Lags behind by the shop's knob (row 35)."""
    lagging = call.shop.lagging_totals.get(product.id)
    if lagging and call.simulator.clock.seconds() < lagging[1]:
        return lagging[0]
    return current_total(call.shop, product)


def display_name(variant: Variant, call: Call, arguments: dict) -> str:
    title = call.shop.products[variant.product_id].title
    return title if variant.title == "Default Title" else f"{title} - {variant.title}"


def selected_options(variant: Variant, call: Call, arguments: dict) -> list[dict]:
    names = call.shop.products[variant.product_id].option_names
    return [{"name": name, "value": value} for name, value in zip(names, variant.option_values, strict=False)]


def available_for_sale(variant: Variant, call: Call, arguments: dict) -> bool:
    tracked = call.shop.items[variant.item_id].tracked
    return not tracked or variant.inventory_policy == "CONTINUE" or inventory_quantity(call.shop, variant) > 0


def _out_of_stock(product: Product, call: Call, arguments: dict) -> bool:
    rows = [call.shop.variants[variant_id] for variant_id in product.variant_ids]
    return any(inventory_quantity(call.shop, row) <= 0 for row in rows if call.shop.items[row.item_id].tracked)


def _any_variant(accept):
    return lambda product, call, arguments: any(
        accept(call.shop, call.shop.variants[variant_id]) for variant_id in product.variant_ids
    )


# The shop and the app


def access_scopes(app, call: Call, arguments: dict) -> list[dict]:
    return [{"handle": scope, "description": scope.replace("_", " ").capitalize()} for scope in sorted(app.scopes)]


def _app(app, call: Call, arguments: dict) -> dict:
    return {
        "id": gid("App", 4242),
        "apiKey": app.client_id,
        "handle": app.client_id,
        "title": app.client_id.capitalize(),
        "embedded": False,
        "developerName": None,
        "webhookApiVersion": app.webhook_version,
    }


def public_api_versions(root, call: Call, arguments: dict) -> list[dict]:
    listed = [{"handle": name, "displayName": name, "supported": True} for name in VERSIONS]
    listed.append({"handle": CANDIDATE, "displayName": f"{CANDIDATE} (Release candidate)", "supported": False})
    return [*listed, {"handle": "unstable", "displayName": "unstable", "supported": False}]


def _shop_plan(shop: Shop, call: Call, arguments: dict) -> dict:
    name = PLANS.get(shop.knobs.plan, shop.knobs.plan.capitalize())
    return {
        "displayName": name,
        "publicDisplayName": name,
        "partnerDevelopment": shop.knobs.plan == "DEVELOPMENT",
        "shopifyPlus": shop.knobs.plan == "PLUS",
    }


def attribute(name: str):
    return lambda thing, call, arguments: getattr(thing, name)


def instant(name: str):
    """A DateTime, or null."""

    def resolve(thing, call, arguments):
        seconds = getattr(thing, name)
        return None if seconds is None else iso_utc(seconds)

    return resolve


def identity(kind: str) -> dict:
    return {
        f"{kind}.id": lambda thing, call, arguments: gid(kind, thing.id),
        f"{kind}.legacyResourceId": lambda thing, call, arguments: str(thing.id),
        f"{kind}.createdAt": instant("created_at"),
        f"{kind}.updatedAt": instant("updated_at"),
    }


def level_id(level: Level, call: Call, arguments: dict) -> str:
    return level_gid(call.shop.locations[level.location_id].level_number, level.item_id)


RESOLVERS = {
    "QueryRoot.shop": lambda root, call, arguments: call.shop,
    "QueryRoot.currentAppInstallation": lambda root, call, arguments: call.app,
    "QueryRoot.publicApiVersions": public_api_versions,
    "QueryRoot.node": lambda root, call, arguments: find_node(call, arguments["id"]),
    "QueryRoot.nodes": lambda root, call, arguments: [find_node(call, text) for text in arguments["ids"]],
    "QueryRoot.product": by_id("Product"),
    "QueryRoot.products": products,
    "QueryRoot.productsCount": count_of("products"),
    "QueryRoot.productVariant": by_id("ProductVariant"),
    "QueryRoot.productVariants": product_variants,
    "QueryRoot.productVariantsCount": count_of("variants"),
    **identity("Shop"),
    "Shop.name": attribute("name"),
    "Shop.myshopifyDomain": attribute("domain"),
    "Shop.email": attribute("email"),
    "Shop.contactEmail": attribute("email"),
    "Shop.currencyCode": attribute("currency"),
    "Shop.enabledPresentmentCurrencies": lambda shop, call, arguments: [shop.currency],
    "Shop.ianaTimezone": attribute("timezone"),
    "Shop.taxesIncluded": lambda shop, call, arguments: True,
    "Shop.updatedAt": instant("created_at"),
    "Shop.url": lambda shop, call, arguments: f"https://{shop.domain}",
    "Shop.weightUnit": lambda shop, call, arguments: "KILOGRAMS",
    "Shop.plan": _shop_plan,
    "AppInstallation.id": lambda app, call, arguments: gid("AppInstallation", call.shop.id),
    "AppInstallation.accessScopes": access_scopes,
    "AppInstallation.app": _app,
    **identity("Product"),
    "Product.title": attribute("title"),
    "Product.handle": attribute("handle"),
    "Product.status": attribute("status"),
    "Product.vendor": attribute("vendor"),
    "Product.productType": attribute("product_type"),
    "Product.tags": lambda product, call, arguments: sorted(product.tags, key=lambda tag: (tag.casefold(), tag)),
    "Product.templateSuffix": attribute("template_suffix"),
    "Product.descriptionHtml": attribute("description_html"),
    "Product.publishedAt": instant("published_at"),
    "Product.hasOutOfStockVariants": _out_of_stock,
    "Product.hasVariantsThatRequiresComponents": _any_variant(lambda shop, row: row.requires_components),
    "Product.tracksInventory": _any_variant(lambda shop, row: shop.items[row.item_id].tracked),
    "Product.totalInventory": total_inventory,
    "Product.variants": variants_of_product,
    "Product.variantsCount": lambda product, call, arguments: exact_count(len(product.variant_ids)),
    **identity("ProductVariant"),
    "ProductVariant.title": attribute("title"),
    "ProductVariant.displayName": display_name,
    "ProductVariant.sku": lambda variant, call, arguments: call.shop.items[variant.item_id].sku,
    "ProductVariant.barcode": attribute("barcode"),
    "ProductVariant.price": attribute("price"),
    "ProductVariant.compareAtPrice": attribute("compare_at_price"),
    "ProductVariant.position": attribute("position"),
    "ProductVariant.taxable": attribute("taxable"),
    "ProductVariant.inventoryPolicy": attribute("inventory_policy"),
    "ProductVariant.requiresComponents": attribute("requires_components"),
    "ProductVariant.inventoryQuantity": lambda variant, call, arguments: inventory_quantity(call.shop, variant),
    "ProductVariant.sellableOnlineQuantity": lambda variant, call, arguments: inventory_quantity(call.shop, variant),
    "ProductVariant.availableForSale": available_for_sale,
    "ProductVariant.selectedOptions": selected_options,
    "ProductVariant.inventoryItem": lambda variant, call, arguments: call.shop.items[variant.item_id],
    "ProductVariant.product": lambda variant, call, arguments: call.shop.products[variant.product_id],
}
