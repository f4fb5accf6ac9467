"""For any source, policy and destination: the destination becomes what the policy says, and nothing else is touched."""

import json
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from stores.shopify.products.product_records import ProductRecord, ProductVariantRecord
from syncing.catalogue.rules import pricing
from syncing.catalogue.rules.desired import Desired, build, watched_values
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Field, Policy, handle_from
from syncing.catalogue.rules.fingerprint import fingerprint
from syncing.catalogue.rules.parts import variant_metafields
from tests.support.catalogue.goods import policies, products
from tests.support.catalogue.shelf import Shelf

SIMPLE = {
    Field.TITLE: ("title",),
    Field.HANDLE: ("handle",),
    Field.DESCRIPTION: ("description_html",),
    Field.STATUS: ("status",),
    Field.VENDOR: ("vendor",),
    Field.TYPE: ("product_type",),
    Field.CATEGORY: ("category_gid",),
    Field.SEO: ("seo_title", "seo_description"),
}
OF_VARIANTS = {
    Field.SKU: ("sku",),
    Field.BARCODE: ("barcode",),
    Field.TAX: ("taxable",),
    Field.TRACKING: ("tracked",),
    Field.INVENTORY_POLICY: ("inventory_policy",),
    Field.PRICE: ("price",),
    Field.COMPARE_AT_PRICE: ("compare_at_price",),
    Field.COST: ("cost",),
    Field.VARIANT_METAFIELDS: ("metafields",),
    Field.WEIGHT: ("weight", "weight_unit", "requires_shipping", "country_of_origin", "harmonized_system_code"),
}


def send(
    shelf: Shelf,
    source: ProductRecord,
    present: ProductRecord | None,
    policy: Policy,
    written: dict | None = None,
    linked: dict[str, str] | None = None,
) -> tuple[ProductRecord, Desired]:
    """Build and apply; what is remembered goes through JSON, as it does in the database."""
    desired = build(source, present, policy, files=dict(shelf.files), written=written, linked=linked)
    desired.written = json.loads(json.dumps(desired.written))
    made = shelf.apply(present, desired)
    if desired.is_incomplete:
        rest = Desired(is_new=False, written=desired.written)
        variant_metafields.complete(source, made, policy, linked or {}, rest)
        made = shelf.apply(made, rest)
    return made, desired


def check_variant(source: ProductVariantRecord, made: ProductVariantRecord, policy: Policy, chosen: set[Field]) -> None:
    for name in (Field.SKU, Field.BARCODE, Field.TAX, Field.TRACKING, Field.INVENTORY_POLICY):
        if name in chosen:
            (column,) = OF_VARIANTS[name]
            assert getattr(made, column) == getattr(source, column)
    price = pricing.price(source.price, policy.price_rule, policy.rate, policy.currency)
    if Field.PRICE in chosen:
        assert made.price == price
    if Field.COMPARE_AT_PRICE in chosen:
        price = made.price  # what stands there, also where the source's does not follow
        wanted = pricing.compare_at(source.compare_at_price, price, policy.price_rule, policy.rate, policy.currency)
        assert made.compare_at_price == wanted
    if Field.VARIANT_METAFIELDS in chosen:
        wanted = [row for row in source.metafields if row.namespace in policy.namespaces]
        assert {row for row in wanted if row.type != "product_reference"} <= set(made.metafields)
    if Field.COST in chosen and source.cost is not None:
        assert made.cost == pricing.cost(source.cost, policy.rate, policy.currency)
    if Field.WEIGHT in chosen:
        assert (made.weight or 0) == (source.weight or 0)
        assert made.weight_unit == source.weight_unit or not source.weight
        assert (made.requires_shipping, made.country_of_origin) == (source.requires_shipping, source.country_of_origin)


def check_product(source: ProductRecord, made: ProductRecord, policy: Policy, chosen: set[Field]) -> None:
    for name in SIMPLE.keys() & chosen:
        for column in SIMPLE[name]:
            assert getattr(made, column) == getattr(source, column)
    tags = {tag.casefold() for tag in source.tags}
    if Field.TAGS in chosen:
        assert tags <= {tag.casefold() for tag in made.tags}
        assert policy.merges_tags or len(tags) == len(made.tags)
    if Field.IMAGES in chosen:
        wanted = [media.alt for media in source.media if media.kind == "IMAGE" and media.status == "READY"]
        shown = [media.alt for media in made.media if media.kind == "IMAGE"]
        assert shown[: len(wanted)] == wanted
        assert policy.merges_images or len(shown) == len(wanted)
    if Field.METAFIELDS in chosen:
        present = {(row.namespace, row.key): row for row in made.metafields}
        for row in source.metafields:
            if row.namespace in policy.namespaces and row.type != "product_reference":
                assert present[row.namespace, row.key] == row
    if Field.PUBLISHING in chosen:
        assert set(policy.publication_gids) <= set(made.publication_gids)


@given(products(), policies)
def test_a_product_that_is_created_is_what_the_policy_says(source, policy):
    made, desired = send(Shelf(), source, None, policy)
    chosen = {name for name in Field if policy.of(name) != IGNORE}
    check_product(source, made, policy, chosen)
    assert made.handle == (source.handle if Field.HANDLE in chosen else handle_from(source.title) or source.handle)
    assert [variant.options for variant in made.variants] == [variant.options for variant in source.variants]
    for ours, theirs in zip(source.variants, made.variants, strict=True):
        check_variant(ours, theirs, policy, chosen)
    assert desired.differences == []
    assert not made.metafields or Field.METAFIELDS in chosen


@given(products(), policies)
def test_a_product_that_was_just_created_needs_nothing_more(source, policy):
    shelf = Shelf()
    made, first = send(shelf, source, None, policy)
    again = build(source, made, policy, files=shelf.files, written=first.written)
    assert again.is_empty
    assert all(difference.action == "leave" for difference in again.differences)


@given(products(), products(number=2), policies)
def test_a_product_that_was_there_becomes_what_the_policy_says(source, present, policy):
    shelf = Shelf()
    made, first = send(shelf, source, present, policy)
    chosen = {name for name in Field if policy.of(name) == SYNC}
    check_product(source, made, policy, chosen)
    is_mismatch = any(conflict.kind == "option_mismatch" for conflict in first.conflicts)
    assert {variant.gid for variant in present.variants} <= {variant.gid for variant in made.variants}
    if Field.OPTIONS in chosen and not is_mismatch:
        assert {variant.options for variant in made.variants} >= {variant.options for variant in source.variants}
        partners = {variant.options: variant for variant in made.variants}
        for ours in source.variants:
            check_variant(ours, partners[ours.options], policy, chosen)


@given(products(), products(number=2), policies)
def test_what_the_policy_does_not_sync_stays_as_it_is(source, present, policy):
    made, first = send(Shelf(), source, present, policy)
    left = {name for name in Field if policy.of(name) != SYNC}
    for name in SIMPLE.keys() & left:
        for column in SIMPLE[name]:
            assert getattr(made, column) == getattr(present, column)
    if Field.TAGS in left:
        assert made.tags == present.tags
    if Field.IMAGES in left:
        assert [media.gid for media in made.media] == [media.gid for media in present.media]
    if Field.METAFIELDS in left:
        assert made.metafields == present.metafields
    if Field.PUBLISHING in left:
        assert made.publication_gids == present.publication_gids
    if Field.OPTIONS in left:
        assert made.options == present.options
        assert [variant.gid for variant in made.variants] == [variant.gid for variant in present.variants]
    after = {variant.gid: variant for variant in made.variants}
    for before in present.variants:
        if before.gid in after:
            for name in OF_VARIANTS.keys() & left:
                for column in OF_VARIANTS[name]:
                    assert getattr(after[before.gid], column) == getattr(before, column)
    assert made.handle == (source.handle if policy.of(Field.HANDLE) == SYNC else present.handle)
    assert set(present.publication_gids) <= set(made.publication_gids)


@given(products(), products(number=2), policies)
def test_what_the_destination_has_of_its_own_survives(source, present, policy):
    made, _ = send(Shelf(), source, present, policy)
    assert [m.gid for m in made.media if m.kind == "VIDEO"] == [m.gid for m in present.media if m.kind == "VIDEO"]
    if policy.merges_tags:
        assert {tag.casefold() for tag in present.tags} <= {tag.casefold() for tag in made.tags}
    if policy.merges_images:
        assert {media.gid for media in present.media} <= {media.gid for media in made.media}
    ours = {(row.namespace, row.key) for row in source.metafields if row.namespace in policy.namespaces}
    kept = [row for row in present.metafields if (row.namespace, row.key) not in ours]
    assert [row for row in kept if row not in made.metafields] == []


@given(products(), products(number=2), policies)
def test_a_second_build_finds_nothing_to_write(source, present, policy):
    shelf = Shelf()
    made, first = send(shelf, source, present, policy)
    settled, second = send(shelf, source, made, policy, first.written)
    assert second.is_empty or first.awaits_images  # variants take images only once those are ready
    third = build(source, settled, policy, files=shelf.files, written=second.written)
    assert third.is_empty


@given(products(), products(), policies, st.booleans())
def test_after_a_change_of_the_source_the_next_run_brings_it(before, after, policy, keeps):
    policy = replace(policy, keeps_edits=keeps)
    shelf = Shelf()
    made, first = send(shelf, before, None, policy)
    linked = {ours.gid: theirs.gid for ours, theirs in zip(before.variants, made.variants, strict=True)}
    made, second = send(shelf, after, made, policy, first.written, linked)
    chosen = {name for name in Field if policy.of(name) == SYNC}
    check_product(after, made, policy, chosen)
    assert all(difference.action != "keep" for difference in second.differences)  # nobody edited anything
    stale = {tag.casefold() for tag in before.tags} - {tag.casefold() for tag in after.tags}
    if Field.TAGS in chosen:  # merged, too: ours that left the source go
        assert not stale & {tag.casefold() for tag in made.tags}
    if Field.IMAGES in chosen:
        shown = [media for media in made.media if media.kind == "IMAGE"]
        assert len(shown) == sum(media.kind == "IMAGE" and media.status == "READY" for media in after.media)


@given(products(), products(), policies)
def test_an_edit_in_the_destination_is_kept_when_the_operator_wants_that(before, after, policy):
    policy = replace(policy, keeps_edits=True, fields=policy.fields | {Field.TITLE: SYNC, Field.PRICE: SYNC})
    shelf = Shelf()
    made, first = send(shelf, before, None, policy)
    dearer = made.variants[0].price + 1
    edited = replace(
        made, title="Edited by hand", variants=(replace(made.variants[0], price=dearer), *made.variants[1:])
    )
    kept, second = send(shelf, after, edited, policy, first.written)
    assert kept.title == "Edited by hand"
    survivor = next((variant for variant in kept.variants if variant.gid == made.variants[0].gid), None)
    if survivor and edited.variants[0].gid in {variant.gid for variant in kept.variants}:
        wanted = build(after, kept, policy, files=shelf.files, written=second.written)
        assert wanted.is_empty or second.awaits_images
    assert any(conflict.kind == "edited" and "title" in conflict.reason for conflict in second.conflicts)


@given(products(), policies)
def test_an_edit_in_the_destination_is_overwritten_by_default(source, policy):
    policy = replace(policy, fields=policy.fields | {Field.TITLE: SYNC})
    shelf = Shelf()
    made, first = send(shelf, source, None, policy)
    healed, second = send(shelf, source, replace(made, title="Edited by hand"), policy, first.written)
    assert healed.title == source.title
    assert [(row.field, row.action) for row in second.differences if row.field == "title"] == [("title", "write")]


@given(products(), products(), policies)
def test_an_equal_fingerprint_means_that_there_is_nothing_to_write(one, other, policy):
    assume(one != other)
    shelf = Shelf()
    made, first = send(shelf, one, None, policy)
    same = fingerprint(watched_values(one, policy)) == fingerprint(watched_values(other, policy))
    assert not same or build(other, made, policy, files=shelf.files, written=first.written).is_empty


@given(products(), policies)
def test_stock_and_views_of_the_source_do_not_change_the_fingerprint(source, policy):
    touched = replace(source, updated_at=None, publication_gids=("gid://shopify/Publication/77",))
    assert fingerprint(watched_values(source, policy)) == fingerprint(watched_values(touched, policy))


@given(products(), products(number=2), policies)
def test_nothing_is_compared_by_anything_that_json_cannot_hold(source, present, policy):
    desired = build(source, present, policy)
    rows = [difference.as_row() for difference in desired.differences]
    assert json.loads(json.dumps([rows, desired.product, desired.variants, desired.written]))
    assert all(row["policy"] in (SYNC, CREATE_ONLY, IGNORE) for row in rows)
