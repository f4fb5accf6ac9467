"""Identifiers: letters in other bytes are the same, and what identifies nothing links nobody by itself."""

from importlib import import_module
from unicodedata import normalize

import pytest
from django.apps import apps
from hypothesis import example, given
from hypothesis import strategies as st

from stores.identifiers import normalize_text, why_no_identity
from stores.linking import linking, suggestions
from stores.linking.matching import AMBIGUOUS, BARCODE, HANDLE, MATCHED, SKU, Item, match
from stores.linking.scoring import SURE_SCORE, rank
from stores.models import Variant, VariantLink
from stores.models.variant import normalize_identifier
from stores.variants import key_of
from tests.stores.linking.test_scoring import best, variant
from tests.support.console.rows import make_link, make_rows, make_variant

keys = import_module("stores.migrations.0004_keys_in_one_form")


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("CAFÉ-1", normalize("NFD", "café-1")),
        ("A\u200b-100", "a-100"),
        ("\ufeffA-100", "A-100"),
        ("A-100\u200d", "A-100"),
        ("Ａ－１００", "A-100"),
        ("4006381\u00a0", "4006381"),
        ("\u200e4006381\u200f", "4006381"),
        ("ﬁlter", "FILTER"),
        ("Straße", "STRASSE"),
    ],
)
def test_the_same_letters_in_other_bytes_are_the_same_identifier(mine, theirs):
    assert normalize_identifier(mine) == normalize_identifier(theirs)
    (found,) = match([Item(1, "p", key_of(mine))], [Item(2, "q", key_of(theirs))], SKU)
    assert found.state == MATCHED


@given(st.text(max_size=12))
@example("\u200b \u200b")
@example("ǰ\u0323")
def test_normalising_again_changes_nothing(text):
    assert normalize_text(normalize_text(text)) == normalize_text(text)


def test_options_in_other_bytes_are_the_same_option():
    mine, theirs = (("Größe", "Überlänge"),), ((normalize("NFD", "GRÖSSE"), normalize("NFD", "überlänge")),)
    other = ((theirs[0][0], "M"),)
    found = match([Item(1, "p", "shirt", mine)], [Item(2, "q", "shirt", theirs), Item(3, "q", "shirt", other)], HANDLE)
    assert [row.destination for row in found] == [2]


NOTHING = ["8.90012E+12", "5.06e+12", "5,06E+12", "1E+05", "-1.2e-3", "0000000000000", "0", "0.00", "-", "--", "___"]
NOTHING += ["N/A", "n.a.", "#N/A", "#NV", "#REF!", "#WERT!", "#NAME?", "#VALEUR!", "#DIV/0!", "Err:502", "########"]
NOTHING += ["none", "None", "NULL", "Does not apply", "does-not-apply", "Default", "TBD"]
NOTHING += ["keine", "aucun", "Néant", "ninguno", "nessuno", "nenhum", "geen", "brak", "ingen", "нет", "なし", "无"]
NOTHING += ["123456789012", "1234567890123", "0123456789012", "12345678", "9876543210", "1111111111111", "99999999"]
NOTHING += [
    "TEST",
    "test-123",
    "EAN",
    "EAN-13",
    "Barcode",
    "SKU",
    "xxx",
    "XXXXXXXX",
    "???",
    "Sample",
    "Platzhalter",
    "abc",
]
# Shorter numbers, and those with another end, may be somebody's own; look-alikes of other alphabets are other letters.
SOMETHING = ["1234567", "111111", "1234567890128", "TEST-LAMP", "EAN4006381", "xx", "SKU-1", "\u0410-100"]
SOMETHING += ["1E5", "12E3", "A-100", "4006381333931", "0012", "NA-1", "NONE-SUCH", "#1001", "E+", "Nonesuch", "none2"]


@pytest.mark.parametrize("text", NOTHING)
@pytest.mark.parametrize(("by", "word"), [(SKU, "SKU"), (BARCODE, "barcode")])
def test_what_identifies_nothing_links_nobody_and_says_why(text, by, word):
    (found,) = match([Item(1, "kettle", key_of(text))], [Item(2, "hose", key_of(text))], by)
    assert (found.state, found.destination, found.candidates) == (AMBIGUOUS, None, (2,))
    assert found.reason.startswith(f"Its {word} “") and " identifies nothing: " in found.reason
    (alone,) = match([Item(1, "kettle", key_of(text))], [], by)
    assert (alone.state, alone.reason) == (AMBIGUOUS, found.reason)


@pytest.mark.parametrize("text", SOMETHING)
def test_what_may_identify_something_does(text):
    assert why_no_identity(key_of(text)) == ""
    (found,) = match([Item(1, "p", key_of(text))], [Item(2, "q", key_of(text))], SKU)
    assert found.state == MATCHED


def test_a_handle_is_shopifys_own_and_names_one_product_whatever_it_says():
    (found,) = match([Item(1, "p", "none")], [Item(2, "q", "none")], HANDLE)
    assert found.state == MATCHED


def test_another_sku_costs_forty_points_and_is_said():
    mine = variant(1, "Blue mug", handle="blue-mug", sku="A-100")
    alike = best(mine, variant(2, "Blue mug", handle="blue-mug"))
    other = best(mine, variant(2, "Blue mug", handle="blue-mug", sku="B-200"))
    assert (alike[1], other[1]) == (93, 53)
    assert other[2].endswith("but another SKU")


def test_another_barcode_costs_forty_points_and_is_said():
    mine = variant(1, "Blue mug", handle="blue-mug", sku="A-100", barcode="4006381333931")
    alike = best(mine, variant(2, "Blue mug", handle="blue-mug", sku="A-100"))
    other = best(mine, variant(2, "Blue mug", handle="blue-mug", sku="A-100", barcode="5012345678900"))
    assert alike[1] - other[1] == 40
    assert other[2].endswith("but another barcode")


def test_an_equal_title_is_still_shown_where_the_skus_differ_and_a_similar_one_is_not():
    mine = variant(1, "Large blue mug", sku="A-100")
    assert best(mine, variant(2, "Large blue mug", sku="B-200")) == (2, 30, "Same title, but another SKU")
    assert best(mine, variant(2, "Large blue cup", sku="B-200"))[0] is None


@given(st.sampled_from(["A1", "B2", "", "0a1"]), st.sampled_from(["A1", "B2", ""]), st.sampled_from(["77", "88", ""]))
def test_none_is_sure_whose_identifier_says_otherwise(sku, other_sku, barcode):
    mine = variant(1, "Mug", handle="mug", sku=sku, barcode="77")
    found = rank(mine, [variant(2, "Mug", handle="mug", sku=other_sku, barcode=barcode)])
    speaks_against = (sku and other_sku and sku.lstrip("0").lower() != other_sku.lower()) or barcode == "88"
    assert all(one.score < SURE_SCORE for one in found if speaks_against)


# With rows


@pytest.fixture
def rows(db):
    return make_rows()


def test_a_person_may_link_what_identifies_nothing_and_it_stays_so(rows):
    mine = make_variant(rows.source, "Kettle", sku="N/A")
    other = make_variant(rows.destination, "Bouilloire", sku="n/a")
    linking.match_connection(rows.connection)
    link = rows.connection.links.get(source_variant=mine)
    assert (link.state, list(link.candidates.all())) == ("ambiguous", [other])
    linking.set_partner(link, other)
    linking.match_connection(rows.connection)
    link.refresh_from_db()
    assert (link.state, link.destination_variant) == ("linked", other)


def test_links_that_an_older_release_made_of_it_stand(rows):
    link = make_link(rows.connection, "Kettle", "8.90012E+12")
    linking.match_connection(rows.connection)
    link.refresh_from_db()
    assert link.state == "linked"


def test_what_identifies_nothing_suggests_nobody(rows):
    mine = make_variant(rows.source, "Kettle", sku="N/A", barcode="0000000000000")
    make_variant(rows.destination, "Garden hose", sku="n/a", barcode="0000000000000")
    link = VariantLink.objects.create(connection=rows.connection, source_variant=mine)
    assert suggestions.suggest([link])[link.pk] == []


def test_an_upgrade_brings_the_identifiers_that_are_known_into_the_new_form(rows):
    mine = make_variant(rows.source, "Kaffee", sku="Caf\u00e9\u200b-1")
    plain = make_variant(rows.source, "Tee", sku="TEE-1")
    theirs = make_variant(rows.destination, "Coffee", sku="CAFE\u0301-1")
    for variant_ in (mine, theirs):  # as 0.1.0 had them
        Variant.objects.filter(pk=variant_.pk).update(sku_key=variant_.sku.strip().casefold())
    keys.renew_keys(apps, None)
    linking.match_connection(rows.connection)
    assert rows.connection.links.get(source_variant=mine).destination_variant == theirs
    plain.refresh_from_db()
    assert plain.sku_key == "tee-1"
