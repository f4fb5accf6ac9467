"""Dresses the source for the demo: descriptions, images, tags, costs, collections, pages and a blog.

Whatever is made here comes after everything that seed.py makes, so that the ids of stock stay what they are.
"""

from __future__ import annotations

from html import escape
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from tests.simulator.demo.csv_file import CsvProduct, CsvVariant
from tests.simulator.events.catalogue import hands as hands
from tests.simulator.events.catalogue.files import drawn_file
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import price_text
from tests.simulator.state.shop import Location, Product, Shop, Variant
from tests.simulator.state.tags import tidy_tags
from tests.simulator.state.taxonomy import PREFIX

DRESSED_PRODUCTS = 60
CATEGORIES = {"Mug": "hg-11-10", "Lamp": "hg-13", "Clock": "hg-3-13", "Blanket": "hg-15", "Backpack": "lb-1"}
SEASONS = ("summer", "autumn", "winter", "spring")


def dress_source(shop: Shop, at: int) -> None:
    """The first products get texts, images, tags and prices to strike through; the shop gets content."""
    clock = Clock(frozen_at=at)
    for place, product in enumerate(list(shop.products.values())[:DRESSED_PRODUCTS]):
        _dress(shop, product, place, at)
    first = list(shop.products)[:4]
    tagged = {"productTag": {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["summer"]}}
    hands.add_collection(
        shop,
        clock,
        "Favourites",
        products=first,
        description_html="<p>What we like best.</p>",
        sort_order="MANUAL",
        seo_title="Our favourites",
    )
    hands.add_collection(shop, clock, "Summer", conditions=[tagged], description_html="<p>Light things.</p>")
    hands.add_page(shop, clock, "About us", body="<h1>About us</h1><p>We make things that last.</p>")
    hands.add_page(shop, clock, "Shipping", body="<p>Within three days.</p>")
    blog = hands.add_blog(shop, clock, "News")
    hands.add_article(
        shop, clock, blog.id, "We have moved", body="<p>Next door.</p>", tags=["shop"], picture="moved.png"
    )
    hands.add_article(shop, clock, blog.id, "Summer is here", body="<p>At last.</p>", tags=["summer"])


def _dress(shop: Shop, product: Product, place: int, at: int) -> None:
    product.description_html = f"<p>{escape(product.title)}, made to be used every day.</p>"
    product.tags = tidy_tags([*product.tags, SEASONS[place % 4], "handmade" if place % 3 else "import"])
    product.seo_title = f"Buy {product.title}" if place % 5 == 0 else None
    category = CATEGORIES.get(product.product_type)
    product.category = f"{PREFIX}{category}" if category else None
    for number in range(1 + place % 3):
        file = drawn_file(shop, f"{product.handle}-{number + 1}.png", at, f"{product.title}, picture {number + 1}")
        product.file_ids.append(file.id)
    for variant_id in product.variant_ids:
        _price(shop, shop.variants[variant_id], place)


def _price(shop: Shop, variant: Variant, place: int) -> None:
    item = shop.items[variant.item_id]
    item.unit_cost = price_text(f"{float(variant.price) * 0.4:.2f}", shop.currency)
    item.weight, item.weight_unit = 0.25 + place % 4 * 0.5, "KILOGRAMS"
    if place % 4 == 1:
        variant.compare_at_price = price_text(f"{float(variant.price) * 1.25:.2f}", shop.currency)


# Products of a CSV


def fill_from_csv(shop: Shop, products: list[CsvProduct], at: int) -> None:
    """Puts the products of a file into a shop, in stock at its first location. Images are drawn from their names."""
    place = next(iter(shop.locations.values()))
    for spec in products:
        _add(shop, spec, place, at)


def _add(shop: Shop, spec: CsvProduct, place: Location, at: int) -> None:
    product = shop.add_product(
        spec.title,
        at=at,
        handle=spec.handle,
        published_at=at if spec.published else None,
        status=spec.status,
        vendor=spec.vendor or shop.name,
        product_type=spec.product_type,
        description_html=spec.body,
        tags=tidy_tags(spec.tags),
        option_names=spec.option_names,
        is_gift_card=spec.is_gift_card,
        seo_title=spec.seo_title,
        seo_description=spec.seo_description,
    )
    files: dict[str, int] = {}
    for _, address, alt in sorted(spec.images, key=lambda image: image[0]):
        files[address] = drawn_file(shop, _name(address), at, alt).id
    product.file_ids = list(files.values())
    for row in spec.variants:
        variant = _add_variant(shop, product, row, place, at)
        if row.image and row.image not in files:
            files[row.image] = drawn_file(shop, _name(row.image), at).id
            product.file_ids.append(files[row.image])
        variant.file_id = files.get(row.image)


def _name(address: str) -> str:
    return PurePosixPath(unquote(urlsplit(address).path)).name or "image.png"


def _add_variant(shop: Shop, product: Product, row: CsvVariant, place: Location, at: int) -> Variant:
    variant = shop.add_variant(
        product,
        at=at,
        sku=row.sku,
        barcode=row.barcode,
        tracked=row.tracked,
        stock={place.id: row.quantity},
        option_values=row.options,
        price=price_text(row.price, shop.currency),
        compare_at_price=price_text(row.compare_at_price, shop.currency),
        inventory_policy=row.inventory_policy,
        taxable=row.taxable,
        tax_code=row.tax_code,
    )
    item = shop.items[variant.item_id]
    item.requires_shipping = row.requires_shipping
    item.unit_cost = price_text(row.cost, shop.currency)
    item.weight, item.weight_unit = float(row.grams), "GRAMS"
    return variant
