"""Runs read their products by bulk queries, and compare what both stores hold now all the same."""

import pytest

from stores.models import ProductLink
from stores.shopify import bulk, gids
from stores.shopify.errors import BulkFailed
from stores.shopify.products import bulk_heads, bulk_products, product_records
from syncing.catalogue.bulk import following, reading_ahead
from syncing.connections.product_matching import match_product
from syncing.models import CatalogueRunItem
from tests.support.catalogue.bulk import BulkRun, FirstSync, Repricing, act_after, read_ahead


@pytest.fixture(autouse=True)
def however_few(monkeypatch):
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)
    read_ahead(monkeypatch)


@pytest.fixture
def after_read(monkeypatch):
    """Have something happen right after a store was read in bulk, once."""
    return act_after(monkeypatch, reading_ahead, "read_products_in_bulk")


@pytest.fixture
def pages(monkeypatch):
    """Products that were read by pages."""
    found = []
    read = product_records.read_products
    monkeypatch.setattr(
        product_records, "read_products", lambda client, asked: found.extend(asked) or read(client, asked)
    )
    return found


def bulk_queries(prepared: BulkRun) -> int:
    """How many were begun in both stores."""
    return sum(place.count("bulkOperationRunQuery") for place in (prepared.room.source, prepared.room.destination))


def test_a_first_sync_reads_both_stores_in_bulk_alone(showroom, settings, pages):
    prepared = FirstSync(showroom(), settings, 5)
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 5}, 0)
    assert (pages, bulk_queries(prepared)) == ([], 6)  # what is there, what was made, what it became: two files each
    assert prepared.is_whole()
    before = prepared.room.writes
    assert prepared.run("all").counts == {"equal": 5}
    assert prepared.room.writes == before


def test_what_was_carried_since_is_read_once_more(showroom, settings, after_read):
    prepared = Repricing(showroom(), settings)
    room = prepared.room

    def change_and_carry() -> None:
        room.reprice(prepared.gids[0], "100.00")
        room.carry(prepared.gids[0])

    after_read[room.source.domain] = change_and_carry
    run = prepared.run("all")
    assert (run.state, run.failed) == ("finished", 0)
    assert prepared.prices() == ["150.00", "15.00", "15.00", "15.00"]
    assert prepared.single_writes == 1


def test_what_is_edited_there_since_is_not_written_over(showroom, settings, after_read):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    room.set(edited="keep")
    for gid in prepared.gids:
        room.change(gid, vendor="Acme")
    partners = [room.link(gid).destination_gid for gid in prepared.gids]
    after_read[room.destination.domain] = lambda: room.reprice(partners[0], "11.00", room.destination)
    run = prepared.run("all")
    assert (run.state, run.failed) == ("finished", 0)
    assert prepared.prices() == ["11.00", "15.00", "15.00", "15.00"]
    assert {room.there(handle).vendor for handle in prepared.handles} == {"Acme"}


def test_a_line_is_not_sent_to_what_was_edited_there_since(showroom, settings, after_read):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    room.set(edited="keep")
    partner = room.link(prepared.gids[0]).destination_gid

    def edit() -> None:
        room.world.tick(5)
        room.reprice(partner, "11.00", room.destination)

    after_read[room.destination.domain] = edit
    run = prepared.run()
    assert (run.state, run.failed) == ("finished", 0)
    assert prepared.prices() == ["11.00", "15.00", "15.00", "15.00"]


def test_where_instants_are_not_read_in_bulk_pages_are(showroom, settings, monkeypatch):
    prepared = Repricing(showroom(), settings)
    monkeypatch.setattr(following, "MANY_COUNT", 4)
    asked = []

    def fail(client, product_gids):
        asked.append(len(product_gids))
        raise BulkFailed("It took too long.")

    monkeypatch.setattr(bulk_heads, "read_instants", fail)
    assert prepared.run().state == "finished"
    assert (prepared.prices(), prepared.lines_sent, asked) == (["15.00"] * 4, 4, [4])


def test_what_is_compared_and_found_equal_is_read_in_bulk_alone(showroom, settings, pages):
    prepared = Repricing(showroom(), settings)
    prepared.room.set(price_percent=0)
    ProductLink.objects.update(fingerprint="")
    pages.clear()
    assert prepared.run("all").counts == {"equal": 4}
    assert (pages, bulk_queries(prepared)) == ([], 4)


@pytest.mark.parametrize(
    "misfortune", ["fails", "lost start", "never arrives", "dead link", "too many", "too long", "lacks a line"]
)
def test_where_a_bulk_read_does_not_come_about_pages_are_read(showroom, settings, monkeypatch, pages, misfortune):
    prepared = FirstSync(showroom(), settings)
    room = prepared.room
    source, knobs = room.source, room.source.shop.knobs
    if misfortune == "fails":
        room.sim.bulk.fail_next(source.shop, "TIMEOUT", after_lines=3)
    elif misfortune == "lost start":
        source.fault("lost_answer", match="bulkOperationRunQuery")
    elif misfortune == "never arrives":
        source.fault("refuse_before", match="bulkOperationRunQuery")
    elif misfortune == "dead link":
        knobs.bulk_link_seconds = 0.0
    elif misfortune == "too many":
        knobs.bulk_delay_seconds = 3600.0
        for _ in range(5):
            bulk.start(room.client(source), bulk.BULK_VARIANTS)
    elif misfortune == "too long":
        knobs.bulk_delay_seconds = 3600.0
        monkeypatch.setitem(bulk_products.read_products_in_bulk.__kwdefaults__, "longest_wait", 0.0)
    else:
        knobs.bulk_loses = '"sku":"Lamp 1-S"'
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 4}, 0)
    assert prepared.is_whole()
    if misfortune != "lost start":  # which is found, or not, as fast as Shopify is
        assert set(prepared.gids) <= set(pages)


def test_what_no_file_holds_is_asked_for_before_it_counts_as_deleted(showroom, settings):
    prepared = Repricing(showroom(), settings)
    room = prepared.room
    room.source.shop.knobs.bulk_leaves_out = '"title":"Lamp 1"'
    room.delete(prepared.gids[2])
    run = prepared.run("all")
    assert run.state == "finished"
    outcomes = dict(CatalogueRunItem.objects.filter(run=run).values_list("source_gid", "action"))
    assert outcomes[prepared.gids[1]] == "update"
    assert room.link(prepared.gids[1]).state == "linked"
    assert room.link(prepared.gids[2]).state == "unlinked"


def test_a_few_among_many_are_read_by_pages(showroom, monkeypatch):
    monkeypatch.setattr(reading_ahead, "ALIKE_COUNT", 1)
    room = showroom()
    made = [room.add(f"Lamp {number}") for number in range(14)]
    for gid in made:
        match_product(room.source.store, gid)
    room.sim.reset_counters()
    few = made[::13]
    client, store = room.client(room.source), room.source.store
    reading = reading_ahead.ReadingAhead(client, store, lambda _: few, lambda _: {}, lambda: False)
    assert [record.gid for record in reading.products(few)] == few
    assert (room.source.count("nodes"), room.source.count("bulkOperationRunQuery")) == (1, 0)
    fifth = made[::5]  # as what one of five operations made at the same time
    reading = reading_ahead.ReadingAhead(client, store, lambda _: fifth, lambda _: {}, lambda: False)
    assert [record.gid for record in reading.products(fifth)] == fifth
    assert (room.source.count("nodes"), room.source.count("bulkOperationRunQuery")) == (1, 2)
    reading = reading_ahead.ReadingAhead(client, store, lambda _: made, lambda _: {}, lambda: False)
    assert [record.gid for record in reading.products(made)] == made
    assert (room.source.count("nodes"), room.source.count("bulkOperationRunQuery")) == (1, 4)
    assert reading.is_old(made[0])
    assert [record.gid for record in reading.products(made[:1])] == made[:1]  # each is used once
    assert (room.source.count("nodes"), reading.is_old(made[0])) == (2, False)


class ManyProducts(FirstSync):
    """Put on the shelf without a word to anybody."""

    def add(self, title, **fields):
        shop, at = self.room.source.shop, self.room.sim.clock.whole_seconds()
        with shop.lock:
            product = shop.add_product(title, at=at, option_names=["Size"])
            for size in ("S", "M"):
                shop.add_variant(product, at=at, sku=f"{title}-{size}", option_values=[size], price="10.00")
        return gids.gid("Product", product.id)


def test_what_a_first_sync_takes_from_shopify_does_not_grow_with_its_products(showroom, settings, monkeypatch, pages):
    monkeypatch.setattr(reading_ahead, "LEAST_PRODUCTS", 51)
    monkeypatch.setattr(reading_ahead, "ALIKE_COUNT", 12)
    prepared = ManyProducts(showroom(), settings, 120, least=100)
    run = prepared.run()
    assert (run.state, run.counts, run.failed) == ("finished", {"create": 120}, 0)
    assert (pages, bulk_queries(prepared)) == ([], 6)
    spent = [place.shop.counters.points - place.count("bulkOperation") for place in prepared.room.world.places]
    assert spent == [74, 97]  # the heads of 120 products, the levels once, what starts operations; a look is a point
    assert sum(place.count("nodes") for place in prepared.room.world.places) == 2  # levels, of the stock engine
