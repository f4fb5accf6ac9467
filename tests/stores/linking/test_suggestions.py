"""Suggestions from the database: what is found, what is kept on the links, and that no search is a scan."""

import pytest
from django.db import connection as db
from hypothesis import given
from hypothesis import strategies as st

from stores.linking import linking, suggestions
from stores.models import Variant, VariantLink
from stores.models.variant import LOOSE, PUNCTUATION, TITLE_WORDS, loosen_identifier
from tests.support.console.rows import make_link, make_rows, make_variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    return make_rows()


def suggested(link):
    return [(one.variant.product_title, one.score) for one in suggestions.suggest([link])[link.pk]]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"sku": "A-01"}, {"sku": "a01"}),
        ({"barcode": "00400"}, {"barcode": "400"}),
        ({"sku": "400"}, {"barcode": "0400"}),
        ({"handle": "mug"}, {"handle": "mug"}),
    ],
)
def test_partners_are_found_by_each_identifier_and_its_spellings(rows, mine, theirs):
    source = make_variant(rows.source, "Eins", **mine)
    link = VariantLink.objects.create(connection=rows.connection, source_variant=source)
    make_variant(rows.destination, "Uno", **theirs)
    assert [title for title, _ in suggested(link)] == ["Uno"]


def test_no_title_is_searched_for_by_going_through_the_shop_for_each_of_its_variants(rows, monkeypatch):
    """However wrong the statistics are: right after a first read they still say that there is nothing."""
    with db.cursor() as cursor:
        cursor.execute("ANALYZE stores_variant, stores_variantlink")
    shop = [make_variant(rows.destination, f"Mug {number}", "") for number in range(150)]
    links = [make_link(rows.connection, f"Mug {number}", "", is_linked=False) for number in range(5)]
    Variant.objects.filter(store=rows.source).update(title="Large")

    plans = []
    monkeypatch.setattr(suggestions, "_rows", lambda sql, parameters: plans.append(ran_by(sql, parameters)) or [])
    suggestions.suggest(links)
    read = [rows_read(plan) for plan in plans]
    assert max(read) >= 3 * 5 and max(read) <= 4 * 5 * (len(shop) + 5), read


def ran_by(sql, parameters):
    with db.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
        return cursor.fetchone()[0][0]["Plan"]


def rows_read(plan):
    """How many variants a plan took into its hands, those that it dropped again among them."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    below = sum(rows_read(one) for one in plan.get("Plans", ()))
    return below + (own if plan.get("Relation Name") == "stores_variant" else 0)


@pytest.mark.parametrize("title", ["Mug blue large", "LARGE, blue mug!", "Large mug", "Large blue enamel mug"])
def test_partners_are_found_by_their_words(rows, title):
    link = make_link(rows.connection, "Large blue mug", "X", is_linked=False)
    make_variant(rows.destination, title)
    make_variant(rows.destination, "Something else")
    assert [found for found, _ in suggested(link)] == [title]


def test_what_is_linked_gone_or_elsewhere_is_no_suggestion(rows):
    link = make_link(rows.connection, "Another", "SOCK-1", is_linked=False)
    make_variant(rows.destination, "Gone", "SOCK-1", gone_at="2026-01-01T00:00Z")
    make_variant(rows.source, "Of the source", "SOCK-1")
    assert suggested(link) == []


def test_the_best_is_kept_and_forgotten_when_it_gets_a_link(rows):
    first, second = (make_link(rows.connection, "Lamp", "LAMP", is_linked=False) for _ in (1, 2))
    lamp = make_variant(rows.destination, "Lamp", "LAMP")
    suggestions.refresh(rows.connection)
    kept = VariantLink.objects.values_list("suggested_variant", "suggested_score", "suggested_reason")
    assert list(kept.filter(state="unmatched")) == [(lamp.pk, 98, "Same SKU, same title")] * 2
    linking.set_partner(first, lamp)
    assert set(kept) == {(None, None, "")}
    suggestions.refresh(rows.connection)
    second.refresh_from_db()
    assert second.suggested_score is None


def test_what_fits_no_longer_is_dropped_and_what_still_does_is_not_written_again(rows, monkeypatch):
    monkeypatch.setattr(suggestions, "PORTION_ROWS", 2)
    links = [
        make_link(rows.connection, title, title, is_linked=False) for title in ("Lamp", "Mug", "Bowl", "Sock", "Jar")
    ]
    partners = [make_variant(rows.destination, link.source_variant.sku, link.source_variant.sku) for link in links]
    suggestions.refresh(rows.connection)
    Variant.objects.filter(pk=partners[2].pk).update(product_title="Chair", sku_key="chair")
    kept = []
    keep = suggestions._keep
    monkeypatch.setattr(suggestions, "_keep", lambda found, known: kept.append(found) or keep(found, known))
    with db.execute_wrapper(writes := Writes()):
        suggestions.refresh(rows.connection)
    assert [len(found) for found in kept] == [2, 2, 1]
    assert writes.parameters == [{"links": [links[2].pk], "variants": [None], "scores": [None], "reasons": [""]}]
    now = rows.connection.links.filter(state="unmatched").order_by("pk").values_list("suggested_variant", flat=True)
    assert list(now) == [*(one.pk for one in partners[:2]), None, *(one.pk for one in partners[3:])]


class Writes:
    """What was kept on links."""

    def __init__(self):
        self.parameters = []

    def __call__(self, execute, sql, parameters, many, context):
        if sql == suggestions._KEEP:
            self.parameters.append(parameters)
        return execute(sql, parameters, many, context)


def test_a_suggestion_is_kept_for_links_that_matching_leaves_open(rows):
    rows.connection.identifier = "barcode"
    rows.connection.save()
    source = make_variant(rows.source, "Cup", "CUP-1", barcode="1")
    make_variant(rows.destination, "Cup", "cup 1", barcode="2")
    linking.match_connection(rows.connection)
    link = VariantLink.objects.get(source_variant=source)
    assert (link.state, link.suggested_variant.sku) == ("unmatched", "cup 1")
    assert "but another barcode" in link.suggested_reason


def test_a_barcode_that_thousands_have_brings_a_few(rows):
    link = make_link(rows.connection, "Mug", "M", is_linked=False)
    Variant.objects.filter(pk=link.source_variant_id).update(barcode_key="4006")
    for number in range(suggestions.KEY_ROWS + 5):
        make_variant(rows.destination, f"Thing {number}", barcode="4006")
    with db.execute_wrapper(counting := Counting()):
        assert len(suggested(VariantLink.objects.select_related("source_variant").get(pk=link.pk))) == 10
    assert counting.count < 12


class Counting:
    count = 0

    def __call__(self, execute, sql, parameters, many, context):
        self.count += 1
        return execute(sql, parameters, many, context)


def plan_of(sql, *parameters):
    with db.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", parameters)
        return " ".join(line for (line,) in cursor.fetchall())


def test_identifiers_and_titles_are_looked_up_by_their_indexes(rows):
    for number in range(200):
        make_variant(rows.destination, f"Mug {number}", f"MUG-{number}", barcode=f"40{number}")
    with db.cursor() as cursor:
        cursor.execute("ANALYZE stores_variant")
    for name in ("sku", "barcode"):
        column = f"d.{name}_key"
        sql = f"SELECT 1 FROM stores_variant d WHERE d.store_id = %s AND {LOOSE.format(column=column)} = %s"
        assert f"variant_loose_{name}" in plan_of(f"{sql} AND {column} <> ''", rows.destination.pk, "a1")
    words = TITLE_WORDS.format(table="d")
    sql = f"SELECT 1 FROM stores_variant d WHERE {words} @@ plainto_tsquery('simple', %s)"
    assert "variant_title_words" in plan_of(sql, "lamp")


@given(st.text(alphabet="aZ0é" + PUNCTUATION, max_size=12))
def test_the_database_loosens_identifiers_as_we_do(text):
    with db.cursor() as cursor:
        cursor.execute(f"SELECT {LOOSE.format(column='%s::text')}", [text])
        assert cursor.fetchone()[0] == loosen_identifier(text)
