"""Products, policies and what people do to a destination: examples, and Hypothesis strategies for all kinds of them."""

from dataclasses import replace
from decimal import Decimal
from itertools import product as combinations

from hypothesis import strategies as st

from stores.shopify.metafields.records import MetafieldRecord
from stores.shopify.products.product_records import MediaRecord, OptionRecord, ProductRecord, ProductVariantRecord
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Field, Policy
from syncing.catalogue.rules.pricing import DOWN, NEAREST, NONE, UP, PriceRule

EVERYTHING = dict.fromkeys(Field, SYNC)


def policy(**more) -> Policy:
    """Everything on Sync, but what `fields` says."""
    return Policy(EVERYTHING | more.pop("fields", {}), currency="EUR", **more)


def variant(number: int, *values: str, names: tuple[str, ...] = ("Size", "Colour"), **more) -> ProductVariantRecord:
    options = tuple(zip(names, values, strict=False)) or (("Title", "Default Title"),)
    return ProductVariantRecord(
        f"gid://shopify/ProductVariant/{number}",
        f"gid://shopify/InventoryItem/{number}",
        options,
        number,
        **{"sku": f"SKU-{number}", "price": Decimal("10.00")} | more,
    )


def image(number: int, alt: str = "", status: str = "READY") -> MediaRecord:
    url = f"https://cdn.shopify.com/s/files/1/{number}.png?v=1" if status == "READY" else ""
    return MediaRecord(f"gid://shopify/MediaImage/{number}", "IMAGE", alt, status, url)


def goods(*variants: ProductVariantRecord, number: int = 1, **more) -> ProductRecord:
    """A product with these variants, and its options as they use them."""
    variants = variants or (variant(number),)
    options = tuple(
        OptionRecord(
            f"gid://shopify/ProductOption/{number}{index}",
            name,
            tuple(dict.fromkeys(each.values[index] for each in variants)),
        )
        for index, (name, _) in enumerate(variants[0].options)
    )
    fields = {"handle": "shirt", "title": "Shirt", "vendor": "Acme"} | more
    return ProductRecord(f"gid://shopify/Product/{number}", options=options, variants=tuple(variants), **fields)


words = st.sampled_from(["", "Red", "red", "Blue ", "<script>alert(1)</script>", "☂", "x" * 300])
tags = st.lists(st.sampled_from(["Sale", "sale", "new", "B2B", "winter", "Ω"]), max_size=4).map(
    lambda chosen: tuple(sorted({tag.casefold(): tag for tag in chosen}.values()))
)
amounts = st.decimals("0", "500", places=2)


metafield_lists = st.lists(
    st.builds(
        MetafieldRecord,
        st.sampled_from(["custom", "theme"]),
        st.sampled_from(["care", "fit"]),
        st.sampled_from(["single_line_text_field", "json", "product_reference"]),
        st.sampled_from(['{"a": 1}', "wash", "[1,2]"]),
    ),
    max_size=3,
    unique_by=lambda row: (row.namespace, row.key),
).map(tuple)


@st.composite
def variants_of(draw: st.DrawFn, first: int) -> tuple[ProductVariantRecord, ...]:
    pools = [("S", "M", "L"), ("Red", "Blue"), ("Cotton", "Wool")][: draw(st.integers(0, 3))]
    names = draw(st.sampled_from([("Size", "Colour", "Cloth"), ("Größe", "Farbe", "Stoff")]))[: len(pools)]
    every = list(combinations(*pools))
    chosen = draw(st.lists(st.sampled_from(every), min_size=1, max_size=4, unique=True))
    return tuple(
        variant(
            first + place,
            *values,
            names=names,
            sku=draw(st.sampled_from(["", "A", "B", "a"])),
            barcode=draw(st.sampled_from(["", "400"])),
            price=draw(amounts),
            compare_at_price=draw(st.none() | amounts),
            cost=draw(st.none() | amounts),
            taxable=draw(st.booleans()),
            tracked=draw(st.booleans()),
            inventory_policy=draw(st.sampled_from(["DENY", "CONTINUE"])),
            weight=draw(st.sampled_from([None, Decimal(0), Decimal("0.5"), Decimal("1200")])),
            weight_unit=draw(st.sampled_from(["KILOGRAMS", "GRAMS"])),
            requires_shipping=draw(st.booleans()),
            country_of_origin=draw(st.sampled_from(["", "DE"])),
            metafields=draw(metafield_lists),
        )
        for place, values in enumerate(chosen)
    )


@st.composite
def products(draw: st.DrawFn, number: int = 1) -> ProductRecord:
    """Any product of a store; `number` keeps the ids of two of them apart."""
    first = number * 100
    media = draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.sampled_from(["", "front", "back"]), st.sampled_from(["READY", "FAILED"])),
            max_size=4,
            unique_by=lambda entry: entry[0],
        ).map(lambda entries: tuple(image(first + place, alt, status) for place, alt, status in entries))
    )
    if draw(st.booleans()):
        media += (MediaRecord(f"gid://shopify/Video/{number}", "VIDEO", "", "READY"),)
    shown = [each.gid for each in media if each.kind == "IMAGE" and each.status == "READY"]
    made = goods(
        *draw(variants_of(first)),
        number=number,
        title=draw(st.sampled_from(["Shirt", "Hat", "x" * 300])),
        description_html=draw(words),
        vendor=draw(st.sampled_from(["Acme", "Other"])),
        product_type=draw(words),
        category_gid=draw(st.sampled_from(["", "gid://shopify/TaxonomyCategory/aa-1"])),
        tags=draw(tags),
        status=draw(st.sampled_from(["ACTIVE", "DRAFT", "ARCHIVED", "UNLISTED"])),
        seo_title=draw(words),
        metafields=draw(metafield_lists),
        media=media,
        publication_gids=draw(st.sampled_from([(), ("gid://shopify/Publication/1",)])),
    )
    pictured = tuple(
        replace(each, media_gid=draw(st.sampled_from(["", *shown]))) if shown else each for each in made.variants
    )
    return replace(made, variants=pictured)


policies = st.builds(
    Policy,
    fields=st.fixed_dictionaries({name: st.sampled_from([SYNC, SYNC, CREATE_ONLY, IGNORE]) for name in Field}).map(
        lambda table: table | ({Field.TITLE: SYNC} if table[Field.TITLE] == IGNORE else {})
    ),
    merges_tags=st.booleans(),
    merges_images=st.booleans(),
    keeps_edits=st.just(False),
    namespaces=st.sampled_from([frozenset(), frozenset({"custom"}), frozenset({"custom", "theme"})]),
    publication_gids=st.sampled_from([(), ("gid://shopify/Publication/1", "gid://shopify/Publication/2")]),
    price_rule=st.builds(
        PriceRule,
        st.decimals("-50", "50", places=1),
        st.decimals("-5", "5", places=2),
        st.sampled_from([NONE, NEAREST, UP, DOWN]),
        st.sampled_from([Decimal(1), Decimal(10)]),
        st.sampled_from([Decimal(0), Decimal("0.99")]),
    ),
    rate=st.sampled_from([Decimal(1), Decimal("1.2527036")]),
    currency=st.sampled_from(["EUR", "JPY"]),
)
