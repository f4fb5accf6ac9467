"""REST bodies of products: their first variants in full, options, images (shopify.md 4.6)."""

from __future__ import annotations

from tests.simulator.events.catalogue.files import CONTENT_TYPES, file_gid, image_size, status_of, url_of
from tests.simulator.reads.shop import inventory_quantity
from tests.simulator.state import taxonomy
from tests.simulator.state.catalogue import File
from tests.simulator.state.clock import iso_offset
from tests.simulator.state.gids import gid
from tests.simulator.state.options import option_id, options_of
from tests.simulator.state.shop import Product, Shop, Variant

FULL_VARIANTS = 100


def _variant_body(shop: Shop, variant: Variant) -> dict:
    quantity = inventory_quantity(shop, variant)
    options = [*variant.option_values, None, None, None]
    return {
        "admin_graphql_api_id": gid("ProductVariant", variant.id),
        "barcode": variant.barcode,
        "compare_at_price": variant.compare_at_price,
        "created_at": iso_offset(variant.created_at),
        "id": variant.id,
        "inventory_policy": variant.inventory_policy.lower(),
        "position": variant.position,
        "price": variant.price,
        "product_id": variant.product_id,
        "sku": shop.items[variant.item_id].sku,
        "taxable": variant.taxable,
        "title": variant.title,
        "updated_at": iso_offset(variant.updated_at),
        "option1": options[0],
        "option2": options[1],
        "option3": options[2],
        "image_id": variant.file_id,
        "inventory_item_id": variant.item_id,
        "inventory_quantity": quantity,
        "old_inventory_quantity": quantity,
    }


def product_body(shop: Shop, product_id: int) -> dict | None:
    """The first 100 variants in full, the ids of all of them newest first."""
    product: Product | None = shop.products.get(product_id)
    if product is None:
        return None
    variants = [shop.variants[variant_id] for variant_id in product.variant_ids]
    newest = sorted(variants, key=lambda row: -row.updated_at)
    images = _image_bodies(shop, product, variants)
    return {
        "admin_graphql_api_id": gid("Product", product.id),
        "body_html": product.description_html,
        "created_at": iso_offset(product.created_at),
        "handle": product.handle,
        "id": product.id,
        "product_type": product.product_type,
        "published_at": None if product.published_at is None else iso_offset(product.published_at),
        "template_suffix": product.template_suffix,
        "title": product.title,
        "updated_at": iso_offset(product.updated_at),
        "vendor": product.vendor,
        "status": product.status.lower(),
        "published_scope": "global",
        "tags": ", ".join(sorted(product.tags, key=str.casefold)),
        "variants": [_variant_body(shop, variant) for variant in variants[:FULL_VARIANTS]],
        "options": [_option_body(shop, product, place) for place in range(len(product.option_names))],
        "images": images,
        "image": images[0] if images else None,
        "media": _media_bodies(shop, product, images),
        "variant_gids": [
            {"admin_graphql_api_id": gid("ProductVariant", row.id), "updated_at": iso_offset(row.updated_at)}
            for row in newest
        ],
        "has_variants_that_requires_components": any(row.requires_components for row in variants),
        "category": _category_body(product.category),
    }


def _option_body(shop: Shop, product: Product, place: int) -> dict:
    option = options_of(shop, product)[place]
    return {
        "name": option.name,
        "id": option_id(shop, product, place),
        "product_id": product.id,
        "position": place + 1,
        "values": [value.name for value in option.values if value.has_variants],
    }


def _category_body(category: str | None) -> dict | None:
    found = taxonomy.describe(category)
    if found is None:
        return None
    return {"admin_graphql_api_id": found["id"], "full_name": found["fullName"], "name": found["name"]}


def _image_bodies(shop: Shop, product: Product, variants: list[Variant]) -> list[dict]:
    """Images that are ready; those that are not have no address yet."""
    found = []
    for place, file_id in enumerate(product.file_ids):
        file = shop.catalog.files[file_id]
        # Asked of the state as the clock had it last: a body is built without one.
        if type(file) is not File or status_of(shop, file, max(file.updated_at, product.updated_at)) != "READY":
            continue
        width, height = image_size(file)
        found.append(
            {
                "admin_graphql_api_id": gid("MediaImage", file.id),
                "alt": file.alt or None,
                "created_at": iso_offset(file.created_at),
                "height": height,
                "id": file.id,
                "position": place + 1,
                "product_id": product.id,
                "src": url_of(shop, file),
                "updated_at": iso_offset(file.updated_at),
                "variant_ids": [row.id for row in variants if row.file_id == file.id],
                "width": width,
            }
        )
    return found


def _media_bodies(shop: Shop, product: Product, images: list[dict]) -> list[dict]:
    """Images, and what moves, in the product's order."""
    bodies = {image["id"]: _media_body(product, image) for image in images}
    for place, file_id in enumerate(product.file_ids):
        file = shop.catalog.files[file_id]
        if file.is_moving:
            at = iso_offset(file.updated_at)
            image = {"admin_graphql_api_id": file_gid(file), "created_at": iso_offset(file.created_at), "id": file.id}
            image |= {"position": place + 1, "updated_at": at, "alt": file.alt, "height": 1, "width": 1}
            body = _media_body(product, image | {"src": url_of(shop, file)})
            bodies[file.id] = body | {"media_content_type": CONTENT_TYPES[type(file)]}
    return [bodies[file_id] for file_id in product.file_ids if file_id in bodies]


def _media_body(product: Product, image: dict) -> dict:
    shown = {name: image[name] for name in ("admin_graphql_api_id", "created_at", "id", "position", "updated_at")}
    preview = {"height": image["height"], "src": image["src"], "status": "READY", "width": image["width"]}
    return {
        **shown,
        "alt": image["alt"] or "",
        "media_content_type": "IMAGE",
        "preview_image": preview,
        "product_id": product.id,
        "status": "READY",
        "variant_ids": [],
    }
