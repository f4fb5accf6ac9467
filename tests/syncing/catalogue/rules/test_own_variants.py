"""Issue 14, cases 11 and 16: nothing of the destination goes unnamed, and what we wrote is known."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.shopify.metafields.records import MetafieldRecord
from syncing.catalogue.products.remarks import conflicts_of, remarks_of, rows_of
from syncing.catalogue.rules.desired import build, watched_values
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Field
from tests.support.catalogue.goods import goods, image, policies, policy, products, variant
from tests.support.catalogue.shelf import Shelf

OWN = "gid://shopify/ProductVariant/209"


def sizes(number: int, *names: str, option: str = "Size", **more):
    rows = (variant(number * 100 + place, name, names=(option,), sku=name) for place, name in enumerate(names))
    return goods(*rows, number=number, **more)


def with_own(*names: str, own: str = "XL", **more):
    present = sizes(2, *names, **more)
    extra = replace(variant(209, own, names=(present.options[0].name,), sku="OWN"), quantity=9)
    option = replace(present.options[0], values=(*names, own))
    return replace(present, variants=(*present.variants, extra), options=(option,))


@pytest.mark.parametrize("keeps_edits", [False, True])
def test_a_variant_of_the_destinations_own_stays_and_is_no_difference(keeps_edits):
    how = policy(keeps_edits=keeps_edits)
    first = build(sizes(1, "S", "M"), with_own("S", "M"), how)
    assert (first.is_empty, first.differences) == (True, [])
    assert first.notes == ["1 variant is the destination's own, and kept: XL."]
    second = build(sizes(1, "S", "M", title="New"), with_own("S", "M"), how, written=first.written)
    assert second.product == {"title": "New"}


def test_what_is_written_as_a_whole_names_the_destinations_own_variant_and_its_value():
    desired = build(sizes(1, "S", "M", option="Größe"), with_own("S"), policy())
    assert [row.get("id", "new")[-3:] for row in desired.product["variants"]] == ["200", "new", "209"]
    assert desired.product["variants"][-1] == {
        "id": OWN,
        "optionValues": [{"optionName": "Größe", "name": "XL"}],
    }
    (option,) = desired.product["productOptions"]
    assert [value["name"] for value in option["values"]] == ["S", "M", "XL"]
    assert desired.removes == []


def test_one_that_may_go_is_named_with_what_is_left_of_it():
    present = with_own("S", "M")
    desired = build(sizes(1, "S", "M"), present, policy(), removable={OWN})
    assert desired.removed_variants == {OWN: "XL (OWN, 9 units)"}
    assert remarks_of(desired) == "Removes XL (OWN, 9 units)."
    rows = [row for row in rows_of(desired) if row["action"] == "remove"]
    assert [(row["field"], row["subject"]) for row in rows] == [("options", "XL (OWN, 9 units)")]
    assert len(desired.product["variants"]) == 2


@pytest.mark.parametrize("has_own", [False, True])
def test_a_variant_of_ours_that_left_the_source_and_stays_is_no_edit_of_somebody(has_own):
    """The source loses M and gives S another name at once; M is taken off by hand in the second destination."""
    present = with_own("S", "M") if has_own else sizes(2, "S", "M")
    source, later = sizes(1, "S", "M"), sizes(1, "Small")
    pairs = {ours.gid: theirs.gid for ours, theirs in zip(source.variants, present.variants, strict=False)}
    how = {"policy": policy(keeps_edits=True), "written": build(source, present, policy(), linked=pairs).written}
    how["linked"] = {gid: pairs[gid] for gid in (later.variants[0].gid,)}
    edited = replace(present, variants=tuple(each for each in present.variants if each.title != "M"))
    found = [build(later, each, **how).differences for each in (present, edited)]
    assert [[each.action for each in rows if each.field == "options"] for rows in found] == [["write"], ["keep"]]


@pytest.mark.parametrize(
    ("source", "present", "words"),
    [
        (goods(variant(100, sku="S")), with_own("S"), "would not fit: XL"),
        (goods(variant(100, "S", "Red", sku="S")), with_own("S"), "would not fit: XL"),
        (sizes(1, "XL", "M"), with_own("S", "M"), "variant XL that is not linked"),
    ],
)
def test_own_variants_that_do_not_fit_are_a_conflict_and_lose_nothing(source, present, words):
    linked = {source.variants[0].gid: present.variants[0].gid}
    desired = build(source, present, policy(), linked=linked)
    assert "variants" not in desired.product
    assert words in conflicts_of(desired)


def test_an_own_value_is_spelled_as_the_source_does():
    source = goods(variant(100, "S", "Red"), variant(101, "XL", "Red"))
    present = goods(variant(200, "S", "Red"), variant(209, "xl", "Blue"), number=2)
    desired = build(source, present, policy())
    assert desired.product["variants"][-1]["optionValues"][0] == {"optionName": "Size", "name": "XL"}
    assert [value["name"] for value in desired.product["productOptions"][0]["values"]] == ["S", "XL"]


def test_images_and_values_that_go_are_named():
    present = with_own("S", "M", media=(image(777, "own"),))
    option = replace(present.options[0], values=(*present.options[0].values, "XXL"))
    may_go = {OWN, "gid://shopify/ProductVariant/201"}
    desired = build(sizes(1, "S"), replace(present, options=(option,)), policy(), removable=may_go)
    assert desired.removes == [
        "the image 777.png (own)",
        "M (M)",
        "XL (OWN, 9 units)",
        "the unused value XXL of Size",
    ]


@given(products(), products(number=2), policies, st.booleans(), st.booleans(), st.data())
def test_nothing_of_the_destination_goes_that_was_not_named(source, present, how, keeps, changes, data):
    how = replace(how, keeps_edits=keeps)
    shelf, removable = Shelf(), data.draw(st.sets(st.sampled_from([each.gid for each in present.variants])))
    written = None
    if changes:
        first = build(source, present, how, files=dict(shelf.files))
        present, written = shelf.apply(present, first), json.loads(json.dumps(first.written))
        source = data.draw(products())
    desired = build(source, present, how, files=dict(shelf.files), written=written, removable=removable)
    made = shelf.apply(present, desired)
    gone = {each.gid for each in present.variants} - {each.gid for each in made.variants}
    assert gone == set(desired.removed_variants) and gone <= removable
    images = {each.gid for each in present.media} - {each.gid for each in made.media}
    named = [row for row in desired.differences if row.action == "remove"]
    assert len([row for row in named if row.field == Field.IMAGES]) == len(images)
    assert len([row for row in named if row.field == Field.OPTIONS]) >= len(gone)
    fields = {(row.namespace, row.key) for row in present.metafields} - {(r.namespace, r.key) for r in made.metafields}
    told = {row.subject for row in desired.differences if row.field == Field.METAFIELDS and row.action == "write"}
    assert {".".join(field) for field in fields} <= told


@pytest.mark.parametrize(
    ("word", "there", "edits", "written"),
    [
        (IGNORE, "20", False, None),
        (IGNORE, "12", False, "15.00"),
        (CREATE_ONLY, "20", False, None),
        (SYNC, "20", False, "15.00"),
        (SYNC, "20", True, None),  # an edited price that is kept
    ],
)
def test_compare_at_is_judged_against_the_price_that_will_stand(word, there, edits, written):
    how = policy(fields={Field.PRICE: word}, keeps_edits=True)
    source = goods(variant(1, price=Decimal(10), compare_at_price=Decimal(15)))
    present = goods(variant(2, sku="SKU-1", price=Decimal(there)), number=2)
    agreed = replace(present, variants=(replace(present.variants[0], price=Decimal(9)),))
    memory = build(goods(variant(1, price=Decimal(9))), agreed, how).written
    desired = build(source, present, how, written=memory if edits else None)
    stands = desired.variants[0].get("price", there) if desired.variants else there
    sent = desired.variants[0].get("compareAtPrice") if desired.variants else None
    assert sent == written
    assert sent is None or Decimal(sent) > Decimal(stands)


def test_another_compare_at_price_is_looked_at_beside_a_price_that_does_not_follow():
    how = policy(fields={Field.PRICE: IGNORE})
    before = goods(variant(1, price=Decimal(20), compare_at_price=Decimal(15)))
    after = goods(variant(1, price=Decimal(20), compare_at_price=Decimal(18)))
    assert watched_values(before, how) != watched_values(after, how)


EDITS = {
    Field.DESCRIPTION: ({"description_html": "ours"}, {"description_html": "edited"}, {"description_html": "newer"}),
    Field.TAGS: ({"tags": ("ours",)}, {"tags": ("edited",)}, {"tags": ("newer",)}),
    Field.VENDOR: ({"vendor": "ours"}, {"vendor": "edited"}, {"vendor": "newer"}),
    Field.STATUS: ({"status": "DRAFT"}, {"status": "ARCHIVED"}, {"status": "ACTIVE"}),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("word", [CREATE_ONLY, IGNORE])
@pytest.mark.parametrize("is_created", [True, False])
def test_an_edit_is_kept_when_a_policy_changes_in_between(name, word, is_created):
    ours, edited, newer = EDITS[name]
    keep = policy(keeps_edits=True)
    source = goods(**ours)
    there = goods(variant(2, sku="SKU-1"), number=2, **ours)
    first = build(source, None if is_created else there, keep)
    there = replace(there, **edited)
    other = policy(keeps_edits=True, fields={name: word})
    between = build(source, there, other, written=first.written)
    between = build(replace(source, title="Another"), there, other, written=between.written)
    last = build(replace(source, **newer), there, keep, written=between.written)
    assert [row.action for row in last.differences if row.field == name] == ["keep"]


def test_an_edited_price_and_a_metafield_are_kept_when_a_policy_changes_in_between():
    names = {Field.PRICE: CREATE_ONLY, Field.METAFIELDS: IGNORE}
    keep, other = (policy(keeps_edits=True, namespaces=frozenset({"custom"}), fields=f) for f in ({}, names))

    def care(text: str):
        return (MetafieldRecord("custom", "care", "single_line_text_field", text),)

    source = goods(variant(1), metafields=care("wash"))
    there = goods(variant(2, sku="SKU-1"), number=2, metafields=care("wash"))
    first = build(source, there, keep)
    edited = replace(there, variants=(replace(there.variants[0], price=Decimal(99)),), metafields=care("dry"))
    between = build(source, edited, other, written=first.written)
    newer = goods(variant(1, price=Decimal(11)), metafields=care("iron"))
    last = build(newer, edited, keep, written=between.written)
    assert sorted((row.field, row.action) for row in last.differences) == [("metafields", "keep"), ("price", "keep")]
    assert last.is_empty
