"""Blocks of texts: whatever is written, by whatever means, a search finds exactly what reading every row would find."""

from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from stores.models import ProductLink, Store, Variant
from syncing import sweep
from syncing.models import CatalogueRun, CatalogueRunItem, ChangedTexts, VariantTexts
from syncing.queue import heartbeats
from syncing.upkeep import texts
from tests.support.console.press import list_of, look_at
from tests.support.console.rows import make_rows, make_store, make_variant
from tiposync.console.kit.item_search import _has_words, variants_with

pytestmark = pytest.mark.django_db(transaction=True)

TITLES = (
    "Große Straße",
    "GROSSE STRASSE",
    "İstanbul ılık",
    "ISTANBUL ILIK",
    "100 % cotton_blend",
    "100 percent cottonXblend",
    "back\\slash 'quoted' \"twice\"",
    "Ärmel ÄRMEL ärmel",
    "Σίσυφος ΣΊΣΥΦΟΣ",
    "日本語 👟",
    "x" * 500 + " the end",
    "",
)
SEARCHES = (
    *(
        "straße",
        "STRASSE",
        "ß",
        "ss",
        "ẞ",
        "istanbul",
        "İstanbul",
        "ılık",
        "ILIK",
        "i",
        "%",
        "0 %",
        "_",
        "cotton_blend",
    ),
    *("\\", "back\\slash", "'", '"twice"', "ÄRMEL", "ärmel", "Σίσυφος", "σίσυφος", "本語", "👟", "x" * 500, "x" * 513),
    *(
        "end the",
        "the cotton",
        "percent 100",
        "nowhere to be found",
        "gid://shopify/InventoryItem/3",
        "product-1",
        "  i  ",
    ),
)


@pytest.fixture
def store() -> Store:
    store = make_store("Main", "source")
    for title in TITLES:
        make_variant(store, title, sku=title[:9], barcode="ẞ%" if title.startswith("x") else "")
    return store


def _found(words: str) -> set[int]:
    return set(variants_with(words).values_list("pk", flat=True))


def _found_one_by_one(words: str) -> set[int]:
    return set(Variant.objects.filter(_has_words(words)).values_list("pk", flat=True))


@pytest.mark.parametrize("is_renewed", [False, True])
def test_a_search_finds_what_reading_every_row_finds(store, is_renewed):
    if is_renewed:
        texts.renew()
    assert ChangedTexts.objects.exists() is not is_renewed
    differing = [words for words in SEARCHES if _found(words) != _found_one_by_one(words)]
    assert not differing
    assert len([words for words in SEARCHES if _found(words)]) > 20


class Anything(TestCase):
    @given(st.lists(st.text(max_size=8), min_size=1, max_size=5), st.text(min_size=1, max_size=4), st.booleans())
    def test_of_any_texts_it_finds_what_reading_every_row_finds(self, titles, words, is_cut_from_a_title):
        store = make_store("Main", "source")
        for title in titles:
            make_variant(store, title.replace("\x00", ""))
        texts.renew()
        words = titles[0][1:4] if is_cut_from_a_title else words
        words = words.replace("\x00", "")
        if words.strip():
            assert _found(words) == _found_one_by_one(words)


def _noted() -> set[tuple[str, int]]:
    return set(ChangedTexts.objects.values_list("table", "block"))


def _block_of(row: Variant) -> tuple[str, int]:
    return ("stores_variant", row.pk // 16)


def test_every_way_of_writing_a_text_notes_its_block(store):
    variants = list(Variant.objects.order_by("pk"))
    texts.renew()
    first, last = variants[0], variants[-1]
    Variant.objects.filter(pk=first.pk).update(sku="NEW-1")
    assert _noted() == {_block_of(first)} and _found("new-1") == {first.pk}
    texts.renew()
    assert not _noted() and _found("new-1") == {first.pk}
    copies = [Variant(store=store, gid=f"gid://new/{n}", sku="BULK", seen_at=first.seen_at) for n in range(40)]
    Variant.objects.bulk_create(copies)
    assert len(_found("bulk")) == 40
    texts.renew()
    again = [Variant(store=store, gid=row.gid, sku="AGAIN", seen_at=first.seen_at) for row in copies]
    Variant.objects.bulk_create(
        again, update_conflicts=True, unique_fields=["store", "gid"], update_fields=["sku", "seen_at"]
    )
    assert len(_found("again")) == 40 and not _found("bulk")
    texts.renew()
    assert len(_found("again")) == 40
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stores_variant SET handle = 'by-hand' WHERE id = %s", [last.pk])
    assert _found("by-hand") == {last.pk}


def test_a_replica_notes_nothing_for_it_is_sent_the_notes_as_well(store):
    texts.renew()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE stores_variant SET barcode = 'copied'")
        cursor.execute("RESET session_replication_role")
    assert not _noted()


def test_a_row_that_is_read_again_without_another_text_notes_nothing(store):
    texts.renew()
    for variant in Variant.objects.all():
        variant.read_number += 1
        variant.save()
    assert not _noted()


def test_of_rows_that_are_gone_no_text_stays(store):
    texts.renew()
    assert "große straße" in "".join(VariantTexts.objects.values_list("texts", flat=True))
    store.delete()
    texts.renew()
    assert not VariantTexts.objects.exists() and not ChangedTexts.objects.exists()


def test_what_is_undone_is_not_found_and_leaves_no_note(store):
    texts.renew()
    with transaction.atomic():
        make_variant(store, "Undone")
        transaction.set_rollback(True)
    assert not _noted() and not _found("undone")


def test_where_more_blocks_may_have_the_words_than_are_read_one_by_one_the_same_is_found(store, monkeypatch):
    monkeypatch.setattr(texts, "MOST_BLOCK_COUNT", 0)
    assert texts.where(Variant, ["straße"]) is None
    assert _found("straße") == _found_one_by_one("straße") != set()


def test_the_sweep_renews_in_portions(store, monkeypatch):
    monkeypatch.setattr(texts, "PORTION_COUNT", 1)
    assert heartbeats.SEARCHED_TEXTS not in sweep.sweep()
    assert VariantTexts.objects.exists() and not ChangedTexts.objects.exists()


def _make_product(rows, title: str, **fields) -> ProductLink:
    number = ProductLink.objects.count() + 100
    own = {"connection": rows.connection, "destination": rows.destination, "title": title}
    return ProductLink.objects.create(source_gid=f"gid://shopify/Product/{number}", **own, **fields)


@pytest.mark.parametrize("is_renewed", [False, True])
@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        *(("straße", True), ("STRASSE", False), ("GROSSE", False), ("große cotton_", True), ('"e straße"', True)),
        *(('"straße große"', False), ("cottonxblend", False), ("%", True), ("50\\", True), ("LAMP", False)),
        *(
            ("gid://shopify/Product/100", True),
            ("gid://shopify/Product/10", False),
            ("GID://shopify/Product/100", False),
        ),
        *(('"\nx"', False), ("e\tcotton", True)),
    ],
)
def test_products_and_lines_of_runs_are_found_as_before(admin_client, words, is_found, is_renewed):
    rows = make_rows()
    _make_product(rows, "Große Straße", handle="50\\%-cotton_blend")
    _make_product(rows, "Green lamp", handle="lamp")
    run = CatalogueRun.objects.create(connection=rows.connection, state="finished")
    own = {"run": run, "source_gid": "gid://shopify/Product/100", "action": "update"}
    CatalogueRunItem.objects.create(**own, title="Große Straße", reason="50\\%-cotton_blend")
    if is_renewed:
        texts.renew()
    for name in ("stores_productlink", "syncing_cataloguerunitem"):
        page = look_at(admin_client, f"{list_of(name)}?{urlencode({'q': words})}")
        assert ("Große Straße" in page) is is_found, name
