"""What the demo stores sell: the same goods everywhere, with the mess of real catalogues. Pure and deterministic.

The first `MESSY_PRODUCTS` products and `ODDITIES` differ from store to store; everything after them (big stores) is
clean and equal in all stores, so that a benchmark knows how many variants can be linked and how far apart they are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

MESSY_PRODUCTS = 90
LOCATIONS = 3
NAMES = ("Mug", "Blanket", "Lamp", "Notebook", "Backpack", "Kettle", "Cushion", "Candle", "Apron", "Bottle", "Clock")
STYLES = ("Oak", "Linen", "Copper", "Slate", "Wool", "Cork", "Amber", "Nordic", "Café", "Ærø", "Black & White")
SIZES = ("XS", "S", "M", "L", "XL", "XXL")
COLOURS = ("Red", "Green", "Blue", 'Natural 12"', "Grey")
VENDORS = ("Tiposync Goods", "Müller & Söhne", "O'Hara <Studio>", "Acme")


@dataclass(slots=True)
class VariantSpec:
    """`stock` is one entry per location in the store's order; None is a location where it is not stocked."""

    sku: str | None
    barcode: str | None
    options: list[str]
    price: float
    stock: list[int | None]
    tracked: bool = True
    inventory_policy: str = "DENY"
    requires_components: bool = False
    requires_shipping: bool = True


@dataclass(slots=True)
class ProductSpec:
    title: str
    handle: str
    option_names: list[str]
    variants: list[VariantSpec]
    status: str = "ACTIVE"
    product_type: str = ""
    vendor: str = VENDORS[0]
    tags: list[str] = field(default_factory=list)


def products(store: int, variants: int | None, seed: int) -> Iterator[ProductSpec]:
    """Yield what store number `store` (0 is the source) sells.

    `variants` is the number of variants of the source; None is the demo's own size. Destinations have a few less
    and a few more, because some are missing and some are their own.
    """
    yield from demo_products()
    yield from oddities(store)
    budget = variants - ODDITY_VARIANTS if variants is not None else None
    index = 0
    while index < MESSY_PRODUCTS if budget is None else budget > 0:
        product = ordinary(index, seed)
        if budget is not None:
            del product.variants[budget:]
            budget -= len(product.variants)
        if index < MESSY_PRODUCTS:
            product = as_kept(product, index, store, seed)
        if product is not None:
            yield product
        index += 1


def demo_products() -> list[ProductSpec]:
    """The two products of the guides' scenarios: one figure at the first location, 0 at the second, no third."""
    return [
        single("Demo one-way", "DEMO-ONE-WAY", [20, 0, None], barcode="4000000000017", price=20),
        single("Demo two-way", "DEMO-TWO-WAY", [50, 0, None], barcode="4000000000024", price=50),
    ]


def single(title: str, sku: str | None, stock: list[int | None], **changes) -> ProductSpec:
    """A product without options, which Shopify keeps as the option Title with the value Default Title."""
    product = {key: changes.pop(key) for key in ("status", "product_type", "vendor", "handle") if key in changes}
    values = {"barcode": None, "price": 12.5, "options": ["Default Title"], **changes}
    variant = VariantSpec(sku=sku, stock=stock, **values)
    handle = product.pop("handle", "-".join(title.lower().split()))
    return ProductSpec(title, handle, ["Title"], [variant], **product)


def oddities(store: int) -> list[ProductSpec]:
    """One product for each thing that breaks naive matching or syncing. The same number of variants in each store."""
    renamed = "winter-scarf" if store == 0 else f"scarf-winter-{store}"
    card = "Gift card" if store == 1 else "Digital gift card"
    spelled = ("MiXeD-Case-1", "mixed-case-1", "  MIXED-CASE-1 ")[store]
    return [
        single("Winter scarf", "SCARF-1", [14, 3, 0], handle=renamed, barcode="4000000001014"),
        single("Spelled differently", spelled, [9, 1, None], barcode="4000000001021"),
        single("No SKU at all", None, [5, 5, 5], barcode="4000000001038"),
        single("Blank SKU", "   ", [6, 0, 0]),
        single("Neither SKU nor barcode", None, [3, None, None]),
        single("Twin A", "TWIN-SKU", [4, 4, None], barcode="4000000001045"),
        single("Twin B", "TWIN-SKU", [8, 0, None], barcode="4000000001052"),
        single("Shared barcode A", "SHARED-BAR-A", [2, 2, 2], barcode="4000000001069"),
        single("Shared barcode B", "SHARED-BAR-B", [7, 0, 0], barcode="4000000001069"),
        single("Oversold stool", "STOOL-1", [-7, 0, None], inventory_policy="CONTINUE", barcode="4000000001076"),
        single("Untracked service", "SERVICE-1", [0, 0, 0], tracked=False, requires_shipping=False),
        single(card, "GIFT-25", [0, None, None], tracked=False, requires_shipping=False, product_type="Gift Cards"),
        single("Archived teapot", "TEAPOT-OLD", [1, 0, None], status="ARCHIVED", barcode="4000000001083"),
        single("Draft teapot", "TEAPOT-NEW", [0, 0, None], status="DRAFT", barcode="4000000001090"),
        single("Tea set (bundle)", "TEA-SET", [0, None, None], requires_components=True, price=49),
        single("Tea set: pot", "TEA-POT", [11, 2, None], barcode="4000000001106"),
        single("Tea set: cup", "TEA-CUP", [48, 12, None], barcode="4000000001113"),
        single("Only at the third location", f"THIRD-{store}", [None, None, 10]),
        single('<b>Bold</b> "quoted" & odd', "ODD'S-<1>", [2, 1, 0], barcode="4000000001120"),
    ]


ODDITY_VARIANTS = len(demo_products()) + len(oddities(0))


def ordinary(index: int, seed: int) -> ProductSpec:
    """Product number `index` as the source keeps it and, beyond the messy part, as every store keeps it."""
    draw = random.Random(seed * 1_000_003 + index)
    name, style = NAMES[index % len(NAMES)], STYLES[index // len(NAMES) % len(STYLES)]
    names, options = options_of(index)
    price = draw.randrange(500, 20_000) / 100
    specs = []
    for position, values in enumerate(options):
        number = index * 10 + position
        barcode = f"40{number:010d}0" if number % 3 else None
        spec = VariantSpec(f"{name[:3].upper()}-{number:07d}", barcode, values, price, stock_of(draw, number))
        specs.append(spec)
    title = f"{style} {name} {index}"
    handle = "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in title.lower()).split())
    return ProductSpec(title, handle, names, specs, vendor=VENDORS[index % len(VENDORS)], product_type=name)


def options_of(index: int) -> tuple[list[str], list[list[str]]]:
    """Option names and the option values of each variant: one, three, six or ten variants."""
    shape = index % 5
    if shape == 0:
        return ["Title"], [["Default Title"]]
    if shape == 1:
        return ["Colour"], [[colour] for colour in COLOURS[:3]]
    if shape == 2:
        return ["Size"], [[size] for size in SIZES]
    return ["Size", "Colour"], [[size, colour] for size in SIZES[1:3] for colour in COLOURS]


def stock_of(draw: random.Random, number: int) -> list[int | None]:
    """Available at each location; now and then nothing, less than nothing, or not stocked."""
    stock: list[int | None] = [draw.randrange(0, 120), draw.randrange(0, 40), draw.choice([0, 0, 5])]
    if number % 7 == 2:
        stock[2] = None
    if number % 19 == 3:
        stock[0] = None
    if number % 31 == 5:
        stock[1] = -draw.randrange(1, 5)
    return stock


def as_kept(product: ProductSpec, index: int, store: int, seed: int) -> ProductSpec | None:
    """The product as the people of one store keep it, or None where the store does not sell it."""
    draw = random.Random(f"{seed}:{index}:{store}")
    if store == 2 and index % 17 == 8:
        return None
    if store and index % 11 == 2 + store:
        product.handle = f"{product.handle}-{('north', 'south')[store - 1]}"
    if store == 1 and index % 9 == 4 and len(product.variants) > 1:
        product.variants.pop()
    if store == 2 and index % 10 == 2:
        product.variants.append(VariantSpec(f"SOUTH-{index}", None, ["One size"], 9.0, [4, 0, None]))
    for position, spec in enumerate(product.variants):
        number = index * 10 + position
        soil(product, position, number)
        if store:
            spec.sku = respelled(spec.sku, number, store)
            spec.stock = [None if units is None else draw.randrange(0, 60) for units in spec.stock]
            if number % 29 == 4:
                spec.stock[1] = None
    return product


def soil(product: ProductSpec, position: int, number: int) -> None:
    """What went wrong when the goods were typed in, the same in every store."""
    spec = product.variants[position]
    if number % 37 == 12:
        spec.sku = None
    elif number % 41 == 13:
        spec.sku = ""
    elif position and number % 23 == 14:
        spec.sku = product.variants[position - 1].sku
    if position and number % 26 == 15:
        spec.barcode = product.variants[position - 1].barcode
    if number % 53 == 16:
        spec.tracked = False
    if number % 20 == 11:
        spec.inventory_policy = "CONTINUE"


def respelled(sku: str | None, number: int, store: int) -> str | None:
    """A SKU as a destination typed it: now and then in lower case or with blanks around."""
    if sku and store == 1 and number % 13 == 7:
        return sku.lower()
    if sku and store == 2 and number % 14 == 11:
        return f" {sku} "
    return sku
