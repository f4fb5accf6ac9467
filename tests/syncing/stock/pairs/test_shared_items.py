"""Several variants of one inventory item (combined listings): one pair, one sum, or doubt; never a unit too many."""

from argparse import Namespace
from importlib import import_module

import pytest
from django.db import connection as db
from django.db import transaction

from stores.linking import linking
from stores.models import Variant, VariantLink
from stores.shopify import gids
from syncing.models import StockAdjustment, StockBatch, StockHold, StockLevel, StockLink, SyncJob
from syncing.stock import wiring
from tests.orders.test_reserved_units import stop_copying
from tests.simulator.events import merchant as people

merging = import_module("syncing.migrations.0009_pairs_once")
STORES = [("source", "source"), ("north", "destination"), ("south", "destination")]


def share(place, number, with_number):
    """Variant `number` gives its inventory item up for the other's, in Shopify and in our row of it."""
    people.share_item(place.shop, place.sim.clock, place.variants[number].id, place.variants[with_number].id)
    gid = gids.gid("ProductVariant", place.variants[number].id)
    item_gid = gids.gid("InventoryItem", place.item(number))
    Variant.objects.filter(store=place.store, gid=gid).update(item_gid=item_gid)


@pytest.fixture
def listing(world):
    """Builds a source and north, of which those named share the item of their variants 0 and 1; 20 of everything."""

    def build(strategy, *sharing, stock=20, **fields):
        for name, role in (("source", "source"), ("north", "destination")):
            place = world.add_store(name, role, stock=stock)
            if name in sharing:
                share(place, 1, 0)
            place.lose_webhooks()
        world.connect(*world.places, strategy, **fields)
        world.work()
        world.sim.reset_counters()
        return world

    return build


def held(world):
    return [[place.available(number) for number in (0, 2)] for place in world.places]


def reasons(world):
    rows = StockLink.objects.filter(connection=world.connections[0]).order_by("pk")
    return [(row.state, row.reason) for row in rows]


def failed_jobs():
    return [job.message for job in SyncJob.objects.filter(kind="carry_stock").exclude(failure="")]


@pytest.mark.parametrize("sharing", ["source", "north"])
def test_two_way_a_shared_item_is_in_doubt_and_everything_else_goes_on(listing, sharing):
    world = listing("two_way", sharing)
    source, north = world.places
    other = north if sharing == "source" else source
    for number in (0, 1, 2):
        other.buy(number, 5)
    world.follow()
    world.reconcile()
    assert [place.available(2) for place in world.places] == [15, 15]
    assert failed_jobs() == []
    assert [other.available(number) for number in (0, 1)] == [15, 15]  # what nobody can divide is left alone, and said
    assert [state for state, _ in reasons(world)] == ["skipped", "skipped", "in_step"]
    assert all("ambiguous" in reason for _, reason in reasons(world)[:2])


def test_two_way_an_item_that_is_shared_in_both_is_one_pair(listing):
    world = listing("two_way", "source", "north")
    source, north = world.places
    north.buy(0, 5)
    north.buy(1, 2)
    source.buy(1, 1)
    world.follow()
    world.reconcile()
    assert held(world) == [[12, 20], [12, 20]]
    assert [state for state, _ in reasons(world)] == ["in_step"] * 2


def test_one_way_an_item_that_is_shared_in_both_is_counted_once(listing):
    world = listing("one_way", "source", "north")
    source, _ = world.places
    assert held(world) == [[20, 20], [20, 20]]
    source.buy(1, 3)
    world.follow()
    world.reconcile()
    assert held(world) == [[17, 20], [17, 20]]
    assert StockLink.objects.count() == 2


def test_one_way_an_item_that_is_shared_in_the_source_is_offered_by_each_of_its_partners(listing):
    world = listing("one_way", "source")
    source, north = world.places
    source.buy(1, 3)
    world.follow()
    assert [north.available(number) for number in range(3)] == [17, 17, 20]


def test_one_way_an_item_of_the_destination_that_two_of_the_source_want_to_set_is_in_doubt(listing):
    world = listing("one_way", "north")
    source, north = world.places
    for number in range(3):
        source.buy(number, 5)
    world.follow()
    world.reconcile()
    assert [north.available(0), north.available(2)] == [20, 15]
    assert [state for state, _ in reasons(world)] == ["skipped", "skipped", "in_step"]
    # One of the two is left out: nothing is in doubt any more, without waiting for a comparison.
    linking.ignore(world.connections[0].links.order_by("pk")[1])
    wiring.wire_connection(world.connections[0])
    world.carry()
    assert north.available(0) == 15


def test_two_sources_that_want_to_set_one_shared_item_do_not_take_turns(world):
    first, second = world.add_store("source", "source"), world.add_store("south", "source", stock=7)
    north = world.add_store("north", "destination")
    share(north, 1, 0)
    for source, number in ((first, 0), (second, 1)):
        connection = world.connect(source, north, "one_way", state="ready")
        mine = source.store.variants.order_by("pk")[number]
        partner = north.store.variants.order_by("pk")[number]
        VariantLink.objects.create(
            connection=connection, source_variant=mine, destination_variant=partner, state="linked"
        )
        connection.start()
        wiring.wire_connection(connection)
    for _ in range(3):
        world.reconcile()
    assert north.available(0) == 20
    assert not StockAdjustment.objects.exists()
    assert {link.state for link in StockLink.objects.all()} == {"skipped"}


def test_another_variant_of_the_item_takes_the_pair_over_with_what_was_not_carried_yet(listing):
    world = listing("two_way", "source", "north")
    _, north = world.places
    north.buy(1, 4)
    world.deliver()  # noted, not carried yet
    linking.ignore(world.connections[0].links.order_by("pk")[0])
    wiring.wire_connection(world.connections[0])
    world.work()
    assert held(world) == [[16, 20], [16, 20]]
    linking.ignore(world.connections[0].links.order_by("pk")[1])
    wiring.wire_connection(world.connections[0])
    north.buy(1, 4)
    world.follow()
    assert held(world) == [[16, 20], [12, 20]]


def test_units_held_back_count_whichever_variant_of_the_item_was_sold(world):
    source, north, south = (world.add_store(name, role) for name, role in STORES)
    for place in (source, north, south):
        share(place, 1, 0)
        place.lose_webhooks()
    world.connect(source, north, "order")
    world.connect(source, south, "one_way")
    world.work()
    stop_copying(Namespace(source=source))
    north.order((1, 6))
    world.follow()
    assert [place.available(0) for place in world.places] == [20, 14, 14]


def test_a_level_that_cannot_be_named_keeps_no_other_from_being_written(pair):
    world = pair("one_way")
    source, north = world.places
    gid = gids.gid("InventoryItem", north.item(0))
    StockLevel.objects.filter(item_gid=gid).update(item_gid="gid://shopify/InventoryItem/none")
    for number in range(3):
        source.buy(number, 5)
    world.deliver(source)
    world.work()
    assert [north.available(number) for number in range(3)] == [20, 15, 15]
    assert failed_jobs() == []
    state, reason = reasons(world)[0]
    assert state == "skipped"
    assert "cannot be written" in reason


def test_links_of_one_pair_that_an_older_release_made_become_one(listing):
    world = listing("two_way", "source", "north")
    link = StockLink.objects.order_by("pk").first()
    other = world.connections[0].links.exclude(stock_links=link).order_by("pk").first()
    with db.cursor() as cursor:
        cursor.execute("ALTER TABLE syncing_stocklink DROP CONSTRAINT pair_of_levels_once")
    try:
        link.pk, link.variant_link = None, other
        link.save()
        world.places[0].buy(0, 1)
        batch = StockBatch.objects.create(store=world.places[0].store, kind="adjust", body=b"")
        row = StockAdjustment.objects.create(
            batch=batch, link=link, level=link.source_level, change_from=1, change_to=2, cause="alignment"
        )
        StockHold.objects.create(link=link, connection=link.connection, kind="guard", reason="held", adjustment=row)
        with transaction.atomic(), db.cursor() as cursor:
            for statement in merging.ONE_OF_EACH:
                cursor.execute(statement)
    finally:
        with db.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE syncing_stocklink ADD CONSTRAINT pair_of_levels_once"
                " UNIQUE (connection_id, source_level_id, destination_level_id)"
            )
    first = StockLink.objects.order_by("pk").first()
    assert StockLink.objects.count() == 2
    assert StockAdjustment.objects.get().link == first
    assert not StockHold.objects.exists()
    world.follow()
    assert held(world) == [[19, 20], [19, 20]]


def test_matching_a_product_does_not_wire_the_connection_again_for_a_variant_that_shares_its_pair(listing):
    world = listing("one_way", "source", "north")
    assert not wiring.has_unwired(world.connections[0])
    StockLink.objects.all().delete()
    assert wiring.has_unwired(world.connections[0])
