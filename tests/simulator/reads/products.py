"""Resolvers of what a product has beyond its stock: options, SEO, category, collections, prices, jobs."""

from __future__ import annotations

from decimal import Decimal

from tests.simulator.documents.call import Call
from tests.simulator.reads.shop import attribute
from tests.simulator.state import taxonomy
from tests.simulator.state.catalogue import Job
from tests.simulator.state.gids import gid
from tests.simulator.state.options import is_default, options_of
from tests.simulator.state.shop import Product
from tests.simulator.wire.problems import FieldError


def options(product: Product, call: Call, arguments: dict) -> list:
    return options_of(call.shop, product)[: arguments.get("first") or 3]


def seo(thing, call: Call, arguments: dict) -> dict:
    return {"title": thing.seo_title, "description": thing.seo_description}


def price_range(product: Product, call: Call, arguments: dict) -> dict:
    prices = [Decimal(call.shop.variants[variant_id].price) for variant_id in product.variant_ids] or [Decimal(0)]
    shown = {"currencyCode": call.shop.currency}
    return {
        "minVariantPrice": {"amount": str(min(prices)), **shown},
        "maxVariantPrice": {"amount": str(max(prices)), **shown},
    }


def job(root, call: Call, arguments: dict) -> Job | None:
    """A job by its id, which is a UUID (row 30)."""
    start = "gid://shopify/Job/"
    if not arguments["id"].startswith(start):
        raise FieldError(f"Invalid id: {arguments['id']}", "RESOURCE_NOT_FOUND")
    return call.shop.jobs.get(arguments["id"].removeprefix(start))


RESOLVERS = {
    "QueryRoot.job": job,
    "Product.options": options,
    "Product.seo": seo,
    "Product.category": lambda product, call, arguments: taxonomy.describe(product.category),
    "Product.priceRangeV2": price_range,
    "Product.isGiftCard": attribute("is_gift_card"),
    "Product.requiresSellingPlan": attribute("requires_selling_plan"),
    "Product.hasOnlyDefaultVariant": lambda product, call, arguments: is_default(product),
    "ProductVariant.taxCode": attribute("tax_code"),
    "ProductOption.id": lambda option, call, arguments: gid("ProductOption", option.id),
    "ProductOption.name": attribute("name"),
    "ProductOption.position": attribute("position"),
    "ProductOption.linkedMetafield": lambda option, call, arguments: None,
    "ProductOption.values": lambda option, call, arguments: [v.name for v in option.values if v.has_variants],
    "ProductOption.optionValues": attribute("values"),
    "ProductOptionValue.id": lambda value, call, arguments: gid("ProductOptionValue", value.id),
    "ProductOptionValue.name": attribute("name"),
    "ProductOptionValue.hasVariants": attribute("has_variants"),
    "ProductOptionValue.linkedMetafieldValue": lambda value, call, arguments: None,
    "Job.id": lambda row, call, arguments: row["id"] if isinstance(row, dict) else f"gid://shopify/Job/{row.id}",
    "Job.done": lambda row, call, arguments: row["done"] if isinstance(row, dict) else row.done,
}
