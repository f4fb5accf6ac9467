"""Fills a simulator with the demo: one source and two destinations that sell the same goods, each in its own way."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from tests.simulator.demo.csv_file import CsvProduct
from tests.simulator.demo.goods import ProductSpec, VariantSpec, products
from tests.simulator.demo.seed_catalogue import dress_source, fill_from_csv
from tests.simulator.events.customers import upsert_customer
from tests.simulator.state.shop import Location, Shop

DAY_SECONDS = 86_400
# The first one shops everywhere with the same phone and another e-mail: the phone belongs to somebody else already.
CUSTOMERS = (
    ("Ada", "Moreno", "ada@{}.example", "+49301234567"),
    ("Björn", "O'Neil", "bjoern@example.org", None),
)


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """`rate` is units of the store's currency for one US dollar."""

    domain: str
    name: str
    currency: str
    rate: float
    timezone: str
    locations: tuple[str, ...]


STORES = (
    StoreSpec(
        "source-store.myshopify.com",
        "Source store",
        "USD",
        1.0,
        "America/New_York",
        ("Main warehouse", "Shop Boston", "Returns"),
    ),
    StoreSpec(
        "north-store.myshopify.com",
        "North store",
        "EUR",
        0.92,
        "Europe/Berlin",
        ("Main Warehouse", "Shop Bremen", "Outlet"),
    ),
    StoreSpec(
        "south-store.myshopify.com",
        "South store",
        "GBP",
        0.79,
        "Europe/London",
        ("Warehouse South", "Returns", "Shop Bath"),
    ),
)


def seed_demo(sim: Any, variants: int | None = None, seed: int = 1) -> list[Shop]:
    """Add the three demo stores to a simulator and return them, source first.

    `variants` is the number of variants of the source (100,000 of them in each of three stores: about 15 s); None is
    the demo's own size, a little over 300. Same arguments, same stores: ids, stock and all. Everything is dated one
    day before the simulator's clock.
    """
    at = sim.clock.whole_seconds() - DAY_SECONDS
    shops = []
    for number, spec in enumerate(STORES):
        shop = build_store(spec, number, at=at, variants=variants, seed=seed)
        sim.shops[shop.domain] = shop
        shops.append(shop)
    dress_source(shops[0], at)
    return shops


def seed_csv(sim: Any, catalog: list[CsvProduct]) -> list[Shop]:
    """Add the three demo stores: the source sells what a CSV says, the destinations have locations and nothing else."""
    at = sim.clock.whole_seconds() - DAY_SECONDS
    shops = []
    for number, spec in enumerate(STORES):
        shop = empty_store(spec, at=at)
        if not number:
            fill_from_csv(shop, catalog, at)
        sim.shops[shop.domain] = shop
        shops.append(shop)
    return shops


def empty_store(spec: StoreSpec, *, at: int) -> Shop:
    """A store with its locations."""
    shop = Shop(spec.domain, created_at=at, name=spec.name, currency=spec.currency, timezone=spec.timezone)
    for place, name in enumerate(spec.locations):
        shop.add_location(name, at=at, is_primary=not place)
    return shop


def build_store(spec: StoreSpec, number: int, *, at: int, variants: int | None = None, seed: int = 1) -> Shop:
    """Build store `number` (0 is the source), created at `at` (seconds since 1970)."""
    shop = empty_store(spec, at=at)
    locations = list(shop.locations.values())
    for product in products(number, variants, seed):
        add_product(shop, product, locations, spec.rate, at)
    for first_name, last_name, email, phone in CUSTOMERS:
        given = {"first_name": first_name, "last_name": last_name, "email": email.format(shop.name.split()[0].lower())}
        upsert_customer(shop, at, **given, phone=phone)
    return shop


def add_product(shop: Shop, spec: ProductSpec, locations: list[Location], rate: float, at: int) -> None:
    """Add one product with its variants and levels to a shop; prices are converted from US dollars."""
    product = shop.add_product(
        spec.title,
        at=at,
        handle=spec.handle,
        status=spec.status,
        product_type=spec.product_type,
        vendor=spec.vendor,
        tags=sorted(spec.tags),
        option_names=spec.option_names,
    )
    for variant in spec.variants:
        add_variant(shop, product, variant, locations, rate, at)


def add_variant(shop: Shop, product: Any, spec: VariantSpec, locations: list[Location], rate: float, at: int) -> None:
    """Add one variant; repeated texts are interned, because big stores hold hundreds of thousands of them."""
    stock = {place.id: units for place, units in zip(locations, spec.stock, strict=True) if units is not None}
    variant = shop.add_variant(
        product,
        at=at,
        sku=spec.sku,
        barcode=spec.barcode,
        tracked=spec.tracked,
        stock=stock,
        title=sys.intern(" / ".join(spec.options)),
        option_values=[sys.intern(value) for value in spec.options],
        price=sys.intern(f"{spec.price * rate:.2f}"),
        inventory_policy=spec.inventory_policy,
        requires_components=spec.requires_components,
    )
    shop.items[variant.item_id].requires_shipping = spec.requires_shipping
