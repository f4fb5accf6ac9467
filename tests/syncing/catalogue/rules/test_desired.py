"""What is written to Shopify in one case or another, to the letter."""

from dataclasses import replace
from decimal import Decimal

import pytest

from stores.models import CatalogueField, FieldPolicy
from stores.shopify.metafields.records import MetafieldRecord
from stores.shopify.products.product_records import MediaRecord, OptionRecord
from syncing.catalogue.rules import fields
from syncing.catalogue.rules.desired import build, watched_values
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Field
from syncing.catalogue.rules.pricing import UP, PriceRule
from tests.support.catalogue.goods import goods, image, policy, variant

LOCATION = "gid://shopify/Location/1"
VIDEO = MediaRecord("gid://shopify/Video/5", "VIDEO", "", "READY")


def shirts(number: int = 1, *rows: tuple[str, str], **more):
    rows = rows or (("S", "Red"), ("M", "Red"))
    return goods(*(variant(number * 100 + place, *values) for place, values in enumerate(rows)), number=number, **more)


def kinds(desired) -> list[str]:
    return [conflict.kind for conflict in desired.conflicts]


def test_the_rows_and_the_rules_speak_the_same_words():
    assert CatalogueField.values == [str(name) for name in Field]
    assert FieldPolicy.values == [SYNC, CREATE_ONLY, IGNORE]


def test_a_new_product_is_sent_whole_and_with_its_first_stock():
    source = goods(
        variant(1, barcode="400", compare_at_price=Decimal("12"), cost=Decimal("4"), weight=Decimal("0.5")),
        tags=("b", "A"),
        description_html="<p onclick='x()'>Hi</p><script>1</script>",
        media=(image(1, "front"), VIDEO),
        metafields=(MetafieldRecord("custom", "care", "single_line_text_field", "wash"),),
    )
    how = policy(
        price_rule=PriceRule(Decimal(10), rounding=UP, ending=Decimal("0.99")),
        namespaces=frozenset({"custom"}),
        publication_gids=("gid://shopify/Publication/1",),
    )
    desired = build(source, None, how, stock={"gid://shopify/ProductVariant/1": [(LOCATION, 7)]})
    assert desired.product == {
        "handle": "shirt",
        "title": "Shirt",
        "descriptionHtml": "<p onclick='x()'>Hi</p><script>1</script>",
        "status": "ACTIVE",
        "vendor": "Acme",
        "productType": "",
        "category": None,
        "seo": {"title": "", "description": ""},
        "tags": ["A", "b"],
        "files": [{"originalSource": source.media[0].url, "alt": "front", "contentType": "IMAGE"}],
        "metafields": [
            {"namespace": "custom", "key": "care", "type": "single_line_text_field", "value": "wash"},
        ],
        "productOptions": [{"name": "Title", "position": 1, "values": [{"name": "Default Title"}]}],
        "variants": [
            {
                "barcode": "400",
                "price": "11.99",
                "compareAtPrice": "13.99",
                "taxable": True,
                "inventoryPolicy": "DENY",
                "sku": "SKU-1",
                "inventoryItem": {
                    "cost": "4.00",
                    "tracked": False,
                    "measurement": {"weight": {"value": 0.5, "unit": "KILOGRAMS"}},
                    "requiresShipping": True,
                    "countryCodeOfOrigin": None,
                    "harmonizedSystemCode": None,
                },
                "inventoryQuantities": [{"locationId": LOCATION, "name": "available", "quantity": 7}],
                "optionValues": [{"optionName": "Title", "name": "Default Title"}],
            }
        ],
    }
    assert desired.file_urls == (source.media[0].url,)
    assert desired.publish == ("gid://shopify/Publication/1",)
    assert "Left out: 1 video." in desired.notes[0]


def test_an_ignored_field_is_not_even_set_at_creation():
    how = policy(fields={Field.STATUS: IGNORE, Field.PRICE: IGNORE, Field.VENDOR: CREATE_ONLY})
    desired = build(goods(), None, how)
    assert "status" not in desired.product
    assert "price" not in desired.product["variants"][0]
    assert desired.product["vendor"] == "Acme"


def test_a_changed_price_is_the_only_thing_written():
    source, present = shirts(), shirts(2)
    source = replace(
        source, variants=(source.variants[0], replace(source.variants[1], sku="SKU-201", price=Decimal(11)))
    )
    present = replace(present, variants=(replace(present.variants[0], sku="SKU-100"), present.variants[1]))
    desired = build(source, present, policy())
    assert desired.product == {}
    assert desired.variants == [{"id": "gid://shopify/ProductVariant/201", "price": "11.00"}]
    (difference,) = desired.differences
    assert difference.as_row() == {
        "field": "price",
        "subject": "M / Red",
        "wanted": "11.00",
        "current": "10.00",
        "policy": "sync",
        "action": "write",
    }


def test_a_variant_that_is_new_in_the_source_comes_with_all_the_others_so_that_none_is_lost():
    source, present = shirts(1, ("S", "Red"), ("M", "Red"), ("L", "Red")), shirts(2)
    desired = build(source, present, policy(), stock={"gid://shopify/ProductVariant/102": [(LOCATION, 3)]})
    rows = desired.product["variants"]
    assert [row.get("id", "new") for row in rows] == [
        "gid://shopify/ProductVariant/200",
        "gid://shopify/ProductVariant/201",
        "new",
    ]
    assert [len(row.get("inventoryQuantities", [])) for row in rows] == [0, 0, 1]
    assert [option["name"] for option in desired.product["productOptions"]] == ["Size", "Colour"]
    assert desired.variants == []


def test_a_variant_that_the_source_has_lost_is_left_out_of_the_complete_list_if_it_may_go():
    assert build(shirts(1, ("S", "Red")), shirts(2), policy()).product == {}
    desired = build(shirts(1, ("S", "Red")), shirts(2), policy(), removable={"gid://shopify/ProductVariant/201"})
    assert [row["id"] for row in desired.product["variants"]] == ["gid://shopify/ProductVariant/200"]


@pytest.mark.parametrize("word", [CREATE_ONLY, IGNORE])
def test_variants_of_the_destination_alone_survive_when_options_are_not_synced(word):
    source = shirts(1, ("S", "Red"), ("XL", "Red"))
    desired = build(source, shirts(2), policy(fields={Field.OPTIONS: word}))
    assert "variants" not in desired.product
    assert {row["id"] for row in desired.variants} <= {"gid://shopify/ProductVariant/200"}
    assert desired.notes == ["1 variants have no partner in the destination: XL / Red."]


def test_a_renamed_option_keeps_its_identity_and_its_variants():
    source = goods(*(variant(100 + n, size, names=("Größe",)) for n, size in enumerate("SM")))
    present = goods(*(variant(200 + n, size, names=("Size",)) for n, size in enumerate("SM")), number=2)
    desired = build(source, present, policy())
    (option,) = desired.product["productOptions"]
    assert (option["id"], option["name"]) == (present.options[0].gid, "Größe")
    assert [row["id"] for row in desired.product["variants"]] == [each.gid for each in present.variants]


def test_links_decide_which_variant_is_which_whatever_their_options_say():
    source, present = shirts(), shirts(2)
    linked = {source.variants[0].gid: present.variants[1].gid, source.variants[1].gid: present.variants[0].gid}
    desired = build(source, present, policy(fields={Field.OPTIONS: IGNORE, Field.SKU: SYNC}), linked=linked)
    assert {row["id"]: row["inventoryItem"]["sku"] for row in desired.variants} == {
        present.variants[1].gid: "SKU-100",
        present.variants[0].gid: "SKU-101",
    }


def test_a_variant_that_is_linked_elsewhere_is_not_paired_by_its_options():
    source, present = shirts(), shirts(2)
    elsewhere = {source.variants[0].gid: "gid://shopify/ProductVariant/999"}
    desired = build(source, present, policy(fields={Field.OPTIONS: IGNORE}), linked=elsewhere)
    assert [row["id"] for row in desired.variants] == [present.variants[1].gid]


def test_products_without_one_variant_in_common_are_a_conflict_and_nothing_of_them_is_replaced():
    source = shirts(1, ("S", "Red"), ("M", "Red"), title="New title")
    present = goods(variant(200, "1", names=("Set",)), variant(201, "2", names=("Set",)), number=2)
    desired = build(source, present, policy())
    assert kinds(desired) == ["option_mismatch"]
    assert not desired.is_blocked
    assert desired.product == {"title": "New title"}
    assert desired.variants == []


def test_options_from_a_metafield_of_the_destination_are_a_conflict_only_when_they_differ():
    present = shirts(2)
    linked = replace(
        present, options=(present.options[0], OptionRecord("gid://shopify/ProductOption/9", "Colour", ("Red",), True))
    )
    assert kinds(build(shirts(), linked, policy())) == []
    desired = build(shirts(1, ("S", "Red"), ("L", "Red")), linked, policy())
    assert kinds(desired) == ["linked_option"]
    assert "variants" not in desired.product


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (goods(is_gift_card=True), "gift_card"),
        (goods(variant(1, requires_components=True)), "bundle"),
        (goods(*(variant(n, str(n), names=("Size",)) for n in range(2049))), "too_many_variants"),
    ],
)
def test_what_cannot_be_created_says_so(source, kind):
    desired = build(source, None, policy())
    assert kinds(desired) == [kind]
    assert desired.is_blocked


def test_too_many_tags_leave_the_tags_alone_and_the_rest_goes_on():
    source = goods(tags=tuple(f"a{n}" for n in range(200)), title="New")
    present = goods(tags=tuple(f"b{n}" for n in range(200)), number=2, title="Old")
    desired = build(source, present, policy(merges_tags=True))
    assert kinds(desired) == ["too_many_tags"]
    assert desired.product == {"title": "New"}
    assert kinds(build(goods(tags=tuple(f"a{n}" for n in range(300))), None, policy())) == ["too_many_tags"]


def test_tags_differ_only_when_their_letters_do():
    assert build(goods(tags=("Sale", "new")), goods(number=2, tags=("NEW", "sale")), policy()).product == {}


def test_merged_tags_lose_what_the_source_has_lost_and_keep_what_is_the_destinations_own():
    how = policy(merges_tags=True)
    first = build(goods(tags=("Sale", "new")), goods(number=2, tags=("own",)), how)
    assert first.product["tags"] == ["Sale", "new", "own"]
    present = goods(number=2, tags=("Sale", "new", "own"))
    second = build(goods(tags=("new",)), present, how, written=first.written)
    assert second.product["tags"] == ["new", "own"]


def test_additions_to_what_is_merged_are_no_edits_that_must_be_kept():
    how = policy(merges_tags=True, merges_images=True, keeps_edits=True)
    one, two = image(1), image(2)
    files = {one.url: "gid://shopify/MediaImage/901"}
    before = goods(variant(2, sku="SKU-1"), number=2, tags=("a",), media=(image(901),))
    first = build(goods(tags=("a",), media=(one,)), before, how, files=files)
    after = replace(before, tags=("a", "own"), media=(image(901), image(777)))
    second = build(goods(tags=("a", "b"), media=(one, two)), after, how, files=files, written=first.written)
    assert kinds(second) == []
    assert second.product["tags"] == ["a", "b", "own"]
    assert len(second.product["files"]) == 3


def test_an_image_that_is_known_is_sent_by_its_id_and_another_one_by_its_address():
    one, two = image(1, "front"), image(2)
    files = {one.url: "gid://shopify/MediaImage/901"}
    present = goods(number=2, media=(VIDEO, replace(image(901), url="https://cdn/own"), image(777)))
    desired = build(goods(media=(one, two)), present, policy(), files=files)
    assert desired.product["files"] == [
        {"id": "gid://shopify/MediaImage/901", "alt": "front"},
        {"originalSource": two.url, "alt": "", "contentType": "IMAGE"},
        {"id": VIDEO.gid},
    ]
    assert desired.file_urls == (one.url, two.url, "")


def test_images_that_the_source_is_still_processing_take_none_away():
    present = goods(number=2, media=(image(777),))
    desired = build(goods(media=(image(1, status="PROCESSING"),)), present, policy())
    assert desired.is_empty or "files" not in desired.product
    assert desired.awaits_images


def test_an_order_that_changed_is_a_difference():
    one, two = image(1), image(2)
    files = {one.url: "gid://shopify/MediaImage/901", two.url: "gid://shopify/MediaImage/902"}
    present = goods(number=2, media=(image(902), image(901)))
    desired = build(goods(media=(one, two)), present, policy(), files=files)
    assert [row["id"][-3:] for row in desired.product["files"]] == ["901", "902"]


def test_a_variant_takes_its_image_when_that_is_ready_and_not_before():
    source = goods(variant(1, media_gid="gid://shopify/MediaImage/1"), media=(image(1),))
    files = {source.media[0].url: "gid://shopify/MediaImage/901"}
    waiting = goods(variant(2, sku="SKU-1"), number=2, media=(image(901, status="PROCESSING"),))
    desired = build(source, waiting, policy(), files=files)
    assert desired.is_empty and desired.awaits_images
    ready = replace(waiting, media=(image(901),))
    assert build(source, ready, policy(), files=files).variants == [
        {"id": "gid://shopify/ProductVariant/2", "mediaId": "gid://shopify/MediaImage/901"}
    ]
    failed = replace(waiting, media=(image(901, status="FAILED"),))
    assert not build(source, failed, policy(), files=files).awaits_images


def test_a_new_product_gives_its_variants_their_images_at_once():
    source = goods(variant(1, media_gid="gid://shopify/MediaImage/1"), media=(image(1),))
    desired = build(source, None, policy())
    assert desired.product["variants"][0]["file"] == {"originalSource": source.media[0].url}


def test_references_and_other_namespaces_stay_behind_and_it_is_said():
    source = goods(
        metafields=(
            MetafieldRecord("custom", "related", "list.product_reference", '["gid://shopify/Product/1"]'),
            MetafieldRecord("custom", "care", "single_line_text_field", "wash"),
            MetafieldRecord("secret", "x", "single_line_text_field", "y"),
        )
    )
    desired = build(source, goods(number=2), policy(namespaces=frozenset({"custom"})))
    assert [row["key"] for row in desired.metafields] == ["care"]
    assert "custom.related" in desired.notes[0]


def test_a_metafield_goes_when_we_wrote_it_and_stays_when_it_is_the_destinations_own():
    care = MetafieldRecord("custom", "care", "single_line_text_field", "wash")
    own = MetafieldRecord("custom", "own", "single_line_text_field", "keep me")
    how = policy(namespaces=frozenset({"custom"}))
    first = build(goods(metafields=(care,)), goods(number=2, metafields=(own,)), how)
    present = goods(number=2, metafields=(care, own))
    second = build(goods(), present, how, written=first.written)
    assert second.metafields_gone == [{"namespace": "custom", "key": "care"}]
    third = build(goods(), goods(number=2, metafields=(own,)), how, written=second.written)
    assert third.is_empty or third.metafields_gone == []


def test_a_namespace_that_is_no_longer_chosen_is_left_as_it_is():
    care = MetafieldRecord("custom", "care", "single_line_text_field", "wash")
    first = build(goods(metafields=(care,)), goods(number=2), policy(namespaces=frozenset({"custom"})))
    present = goods(variant(2, sku="SKU-1"), number=2, metafields=(care,))
    assert build(goods(), present, policy(namespaces=frozenset({"theme"})), written=first.written).is_empty


def test_json_that_shopify_has_put_into_another_order_is_equal():
    source = goods(metafields=(MetafieldRecord("custom", "size", "json", '{"b": 1, "a": [2]}'),))
    present = goods(number=2, metafields=(MetafieldRecord("custom", "size", "json", '{"a":[2],"b":1}'),))
    assert build(source, present, policy(namespaces=frozenset({"custom"}))).metafields == []


def test_a_rule_that_gives_a_thing_away_is_pointed_out():
    desired = build(goods(), None, policy(price_rule=PriceRule(amount=Decimal(-10))))
    assert desired.product["variants"][0]["price"] == "0.00"
    assert desired.notes == ["The price rule makes it cost nothing."]


def test_a_source_without_a_cost_leaves_the_destinations():
    present = goods(variant(2, sku="SKU-1", cost=Decimal(3)), number=2)
    assert build(goods(), present, policy()).is_empty


def test_a_kept_edit_is_kept_until_the_destination_is_like_the_source_again():
    how = policy(keeps_edits=True)
    present = goods(variant(2, sku="SKU-1"), number=2)
    first = build(goods(title="One"), present, how)
    assert first.product == {"title": "One"}
    edited = replace(present, title="Mine")
    second = build(goods(title="Two"), edited, how, written=first.written)
    assert second.is_empty and kinds(second) == ["edited"]
    assert [row.action for row in second.differences] == ["keep"]
    third = build(goods(title="Mine"), edited, how, written=second.written)
    assert third.is_empty and kinds(third) == []
    fourth = build(goods(title="Three"), edited, how, written=third.written)
    assert fourth.product == {"title": "Three"}


def test_what_was_written_to_another_partner_says_nothing_about_this_one():
    how = policy(keeps_edits=True, fields={Field.OPTIONS: IGNORE})
    source, present = shirts(), shirts(2)
    first = build(source, present, how, linked={source.variants[0].gid: present.variants[0].gid})
    swapped = {source.variants[0].gid: present.variants[1].gid}
    second = build(source, present, how, linked=swapped, written=first.written)
    assert kinds(second) == []


def test_a_title_of_4000_characters_is_carried_and_cut_only_where_it_is_shown():
    desired = build(goods(title="x" * 4000), goods(number=2), policy())
    assert desired.product == {"title": "x" * 4000}
    assert len(desired.differences[0].as_row()["wanted"]) == 2001


def test_money_compares_however_many_zeros_stand_behind_it():
    assert [fields.money_text(Decimal(text)) for text in ("10", "10.0", "10.00", "10.120", "0", "1E+3", "0.923")] == [
        "10.00",
        "10.00",
        "10.00",
        "10.12",
        "0.00",
        "1000.00",
        "0.923",
    ]


@pytest.mark.parametrize(
    ("change", "is_watched"),
    [
        ({"title": "Other"}, True),
        ({"status": "DRAFT"}, False),  # create only here
        ({"handle": "other"}, False),
        ({"media": (image(1),)}, True),
        ({"tags": ("x",)}, True),
    ],
)
def test_only_what_would_be_written_moves_the_fingerprint(change, is_watched):
    how = policy(fields={Field.STATUS: CREATE_ONLY, Field.HANDLE: CREATE_ONLY})
    before, after = watched_values(goods(), how), watched_values(replace(goods(), **change), how)
    assert (before != after) == is_watched
