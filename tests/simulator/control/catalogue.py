"""The control API's looks at the catalogue, and what people do to it in a shop's admin."""

from __future__ import annotations

from tests.simulator.control.looks import number, numbers
from tests.simulator.events.catalogue import hands as hands
from tests.simulator.events.catalogue.collection_members import member_ids
from tests.simulator.events.catalogue.files import file_gid, status_of, url_of
from tests.simulator.events.catalogue.metafields import fields_of
from tests.simulator.mutations.publications import listed_at
from tests.simulator.state.catalogue import Article, Blog, Collection, ContentPage, File
from tests.simulator.state.gids import gid
from tests.simulator.state.shop import Product, Shop

# Looks


def describe_product(sim, shop: Shop, product: Product) -> dict:
    """Everything about a product but its stock."""
    return {
        "id": product.id,
        "gid": gid("Product", product.id),
        "title": product.title,
        "handle": product.handle,
        "status": product.status,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "description_html": product.description_html,
        "tags": product.tags,
        "category": product.category,
        "seo": {"title": product.seo_title, "description": product.seo_description},
        "template_suffix": product.template_suffix,
        "options": product.option_names,
        "images": [_describe_file(sim, shop, shop.catalog.files[one]) for one in product.file_ids],
        "channels": _channels(shop, product),
        "metafields": _describe_metafields(shop, "Product", product.id),
        "variants": [_describe_variant(shop, variant_id) for variant_id in product.variant_ids],
        "updated_at": product.updated_at,
    }


def _describe_variant(shop: Shop, variant_id: int) -> dict:
    variant = shop.variants[variant_id]
    item = shop.items[variant.item_id]
    return {
        "variant_id": variant.id,
        "title": variant.title,
        "options": variant.option_values,
        "sku": item.sku,
        "barcode": variant.barcode,
        "price": variant.price,
        "compare_at_price": variant.compare_at_price,
        "cost": item.unit_cost,
        "weight": [item.weight, item.weight_unit],
        "taxable": variant.taxable,
        "tracked": item.tracked,
        "file_id": variant.file_id,
        "metafields": _describe_metafields(shop, "ProductVariant", variant.id),
    }


def _describe_file(sim, shop: Shop, file: File) -> dict:
    status = status_of(shop, file, sim.clock.seconds())
    return {"id": file.id, "gid": file_gid(file), "alt": file.alt, "status": status, "url": url_of(shop, file)}


def _describe_metafields(shop: Shop, kind: str, owner_id: int) -> list[list[str]]:
    return [[row.namespace, row.key, row.type, row.value] for row in fields_of(shop, (kind, owner_id)).values()]


def _channels(shop: Shop, thing: Product | Collection) -> list[str]:
    return [row.name for row in shop.catalog.publications.values() if listed_at(shop, row, thing) is not None]


def list_products(sim, domain: str, limit: int = 100, after: object = 0, title: str | None = None) -> list[dict]:
    """In the order of their ids, after the id given; with a title only those."""
    shop, start = sim.shops[domain], number(after)
    with shop.lock:
        rows = (row for row in shop.rows_by_id("products") if row.id > start and title in (None, row.title))
        return [describe_product(sim, shop, row) for row, _ in zip(rows, range(int(limit)), strict=False)]


def read_product(sim, domain: str, product_id: object = None, handle: str | None = None) -> dict | None:
    shop = sim.shops[domain]
    with shop.lock:
        found = shop.products.get(shop.handles.get(handle, 0) if handle else number(product_id))
        return None if found is None else describe_product(sim, shop, found)


def list_collections(sim, domain: str) -> list[dict]:
    shop = sim.shops[domain]
    with shop.lock:
        return [describe_collection(shop, row) for row in shop.catalog.collections.values()]


def describe_collection(shop: Shop, row: Collection) -> dict:
    return {
        "id": row.id,
        "gid": gid("Collection", row.id),
        "title": row.title,
        "handle": row.handle,
        "description_html": row.description_html,
        "sort_order": row.sort_order,
        "products": member_ids(shop, row),
        "conditions": [{one.name: one.given} for source in row.sources for one in source.conditions],
        "channels": _channels(shop, row),
        "updated_at": row.updated_at,
    }


def list_content(sim, domain: str) -> dict[str, list[dict]]:
    """Pages, blogs and articles."""
    shop = sim.shops[domain]
    with shop.lock:
        return {
            table: [describe_content(row) for row in getattr(shop.catalog, table).values()]
            for table in ("pages", "blogs", "articles")
        }


def describe_content(row: ContentPage | Blog | Article) -> dict:
    names = ("id", "blog_id", "title", "handle", "body", "summary", "tags", "author", "published_at", "updated_at")
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


# Moves


def add_image(
    sim, domain: str, product_id: object, filename: str, alt: str = "", variant_ids: list | None = None
) -> dict:
    """An image drawn from its filename."""
    shop = sim.shops[domain]
    wanted = numbers(variant_ids) if variant_ids else []
    file = hands.add_image(shop, sim.clock, number(product_id), filename, alt=alt, variant_ids=wanted)
    return _describe_file(sim, shop, file)


def remove_image(sim, domain: str, product_id: object, file_id: object) -> dict:
    hands.remove_image(sim.shops[domain], sim.clock, number(product_id), number(file_id))
    return {}


def order_images(sim, domain: str, product_id: object, file_ids: list) -> dict:
    hands.order_images(sim.shops[domain], sim.clock, number(product_id), numbers(file_ids))
    return {}


def describe_image(sim, domain: str, file_id: object, alt: str) -> dict:
    hands.describe_image(sim.shops[domain], sim.clock, number(file_id), alt)
    return {}


def publish(
    sim, domain: str, product_id: object = None, collection_id: object = None, channel: str = "Online Store"
) -> dict:
    shop = sim.shops[domain]
    hands.publish(shop, sim.clock, _listed(shop, product_id, collection_id), channel)
    return {}


def unpublish(
    sim, domain: str, product_id: object = None, collection_id: object = None, channel: str = "Online Store"
) -> dict:
    shop = sim.shops[domain]
    hands.unpublish(shop, sim.clock, _listed(shop, product_id, collection_id), channel)
    return {}


def _listed(shop: Shop, product_id: object, collection_id: object) -> Product | Collection:
    if product_id is not None:
        return shop.products[number(product_id)]
    return shop.catalog.collections[number(collection_id)]


def set_metafield(
    sim, domain: str, kind: str, owner_id: object, namespace: str, key: str, type: str, value: str
) -> dict:
    """`kind` is Product, ProductVariant, Collection, Page, Blog or Article."""
    hands.set_metafield(sim.shops[domain], sim.clock, kind, number(owner_id), namespace, key, type, value)
    return {}


def define_metafield(sim, domain: str, kind: str, namespace: str, key: str, type: str, **validations) -> dict:
    """`validations`: choices (a JSON text), min, max, scale_min, scale_max."""
    hands.define_metafield(sim.shops[domain], sim.clock, kind, namespace, key, type, validations)
    return {}


def add_collection(sim, domain: str, title: str, products: list | None = None, **given) -> dict:
    """conditions, match, published, description_html, sort_order, …"""
    shop = sim.shops[domain]
    picked = numbers(products) if products else []
    return describe_collection(shop, hands.add_collection(shop, sim.clock, title, products=picked, **given))


def change_collection(sim, domain: str, collection_id: object, **changes) -> dict:
    shop = sim.shops[domain]
    if "products" in changes:
        changes["products"] = numbers(changes["products"]) if changes["products"] else []
    return describe_collection(shop, hands.change_collection(shop, sim.clock, number(collection_id), **changes))


def delete_collection(sim, domain: str, collection_id: object) -> dict:
    hands.delete_collection(sim.shops[domain], number(collection_id))
    return {}


def add_page(sim, domain: str, title: str, **given) -> dict:
    return describe_content(hands.add_page(sim.shops[domain], sim.clock, title, **given))


def add_blog(sim, domain: str, title: str, **given) -> dict:
    return describe_content(hands.add_blog(sim.shops[domain], sim.clock, title, **given))


def add_article(sim, domain: str, blog_id: object, title: str, **given) -> dict:
    return describe_content(hands.add_article(sim.shops[domain], sim.clock, number(blog_id), title, **given))


def change_content(sim, domain: str, kind: str, id: object, **changes) -> dict:
    """`kind` is page, blog or article."""
    return describe_content(hands.change_content(sim.shops[domain], sim.clock, kind, number(id), **changes))


def delete_content(sim, domain: str, kind: str, id: object) -> dict:
    hands.delete_content(sim.shops[domain], kind, number(id))
    return {}


GET = {
    "products": list_products,
    "read_product": read_product,
    "collections": list_collections,
    "content": list_content,
}
POST = {
    "add_image": add_image,
    "remove_image": remove_image,
    "order_images": order_images,
    "describe_image": describe_image,
    "publish": publish,
    "unpublish": unpublish,
    "set_metafield": set_metafield,
    "define_metafield": define_metafield,
    "add_collection": add_collection,
    "change_collection": change_collection,
    "delete_collection": delete_collection,
    "add_page": add_page,
    "add_blog": add_blog,
    "add_article": add_article,
    "change_content": change_content,
    "delete_content": delete_content,
}
