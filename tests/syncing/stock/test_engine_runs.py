"""What the runs of the stock loop cost, and what becomes of those that are interrupted or overtaken."""

import math

import pytest
from django.db import connection as db
from django_q.models import OrmQ

from stores.models import Connection, Variant, VariantLink
from syncing import handlers
from syncing.models import StockAdjustment, StockLevel, StockLink
from syncing.queue import enqueue, jobs
from syncing.stock import wiring
from tests.support.places import OURS
from tests.support.thoroughness import effects

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


# What it costs


@pytest.mark.parametrize("destinations", [1, 2])
def test_who_processed_a_webhook_goes_on_to_carry_it_and_wakes_others_for_the_other_connections_only(
    pair, destinations
):
    world = pair("one_way", destinations=destinations)
    world.places[0].buy(0, 1)
    OrmQ.objects.all().delete()
    world.deliver(world.places[0])
    assert OrmQ.objects.count() == 1
    OrmQ.objects.all().delete()
    jobs.run_due(handlers.WORK, 60)
    assert all(place.available(0) == 19 for place in world.places)
    assert OrmQ.objects.count() == destinations - 1


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
@pytest.mark.parametrize("changes", [1, 250, 251])
def test_n_changes_cost_a_mutation_for_each_250_of_them_and_not_one_read(pair, strategy, changes):
    world = pair(strategy, items=changes)
    source, north = world.places
    world.tick()
    for number in range(changes):
        source.buy(number, 1)
    world.deliver()
    world.work()
    assert north.writes == math.ceil(changes / 250)
    world.follow()
    assert all(levels_of(world, number) == [19, 19] for number in range(changes))
    assert north.writes == math.ceil(changes / 250)
    assert source.writes == source.reads == north.reads == 0


def test_one_way_an_item_that_sells_all_the_time_does_not_keep_the_others_from_being_written(pair):
    world = pair("one_way")
    source, north = world.places
    for number in range(3):
        source.restock(number, 10)
    world.deliver()
    world.meanwhile(SET, lambda: north.buy(0), times=100)
    jobs.run_due(handlers.WORK, 5)
    assert [north.available(number) for number in (1, 2)] == [30, 30]
    assert StockAdjustment.objects.filter(level__item_gid__endswith=f"/{north.item(1)}").count() == 2


def test_the_echo_of_our_own_write_costs_nothing(pair):
    world = pair()
    source, north = world.places
    source.buy(0, 1)
    world.deliver(source)
    world.work()
    requests = [place.shop.counters.requests for place in world.places]
    world.deliver(north)
    assert world.work() == 1  # the events are looked at, and that is all
    assert [place.shop.counters.requests for place in world.places] == requests


# Interruptions


@pytest.mark.parametrize(("strategy", "destinations"), [("two_way", 2), ("one_way", 1)])
def test_wherever_a_worker_dies_the_next_one_ends_at_the_same_quantities(pair, strategy, destinations):
    """Before each effect of a run: whatever comes between two leaves nothing behind."""
    world = pair(strategy, destinations=destinations)
    for effect in effects():
        world.begin_again()
        source, north = world.places[:2]
        source.buy(0, 3)
        north.buy(1, 2)
        world.deliver()
        with world.worker_that_dies(effect) as death:
            world.work()
        world.work()
        world.follow()
        if world.unsettled():  # a mark was made, and the job that goes with it was not
            world.carry()
            world.follow()
        source_quantity = 18 if strategy == "two_way" else 20
        assert levels_of(world, 0) == [17, 17, 17][: len(world.places)], effect
        assert levels_of(world, 1) == [source_quantity, 18, source_quantity][: len(world.places)], effect
        assert len([change for change in north.changes(0) if change.cause == OURS]) == 1, effect
        if not death.is_over:  # it came to its end before that statement
            break
    assert 10 < effect < 190


def test_another_connection_that_writes_the_same_level_at_the_same_time_counts_every_change_once(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    north.buy(0, 3)
    world.deliver(north)

    def other_worker():
        south.buy(0, 4)
        world.deliver(south)
        enqueue.carry_stock(world.connections[1])
        world.work()

    world.meanwhile(ADJUST, other_worker)
    world.work()
    world.follow()
    assert levels_of(world) == [13, 13, 13]
    assert StockAdjustment.objects.filter(state="pending").count() == 0


def test_a_change_of_strategy_aligns_anew_wherever_the_worker_dies(pair):
    """What the destination sold by itself is overwritten, as the source wins; it never becomes the source's sale."""
    world = pair("one_way")
    (connection,) = world.connections
    for effect in effects():
        Connection.objects.update(strategy="one_way", aligned_strategy="one_way")
        world.begin_again()
        source, north = world.places
        north.buy(0, 3)
        world.follow()
        assert levels_of(world) == [20, 17]
        Connection.objects.update(strategy="two_way")
        enqueue.carry_stock(connection)
        with world.worker_that_dies(effect) as death:
            world.work()
        world.carry()
        world.follow()
        assert levels_of(world) == [20, 20], effect
        if not death.is_over:
            break
    north.buy(0, 1)
    world.follow()
    assert levels_of(world) == [19, 19]


def link_many(world, connection, count):
    """Variants of both stores, linked by the dozen as no catalogue is read."""
    sides = [
        Variant.objects.bulk_create(
            Variant(store=place.store, gid=f"{name}/{n}", item_gid=f"item/{name}/{n}", seen_at=world.sim.clock.now())
            for n in range(count)
        )
        for name, place in zip("sd", world.places, strict=True)
    ]
    VariantLink.objects.bulk_create(
        VariantLink(connection=connection, source_variant=one, destination_variant=other, state="linked")
        for one, other in zip(*sides, strict=True)
    )


def test_wiring_a_large_catalogue_does_not_hang_on_what_the_statistics_say(world):
    """They said of tables with room for thousands that nothing was in them, as after many rows were removed."""
    source, north = (world.add_store(name, role, 1) for name, role in (("source", "source"), ("north", "destination")))
    connection = world.connect(source, north, "one_way", state="ready")
    link_many(world, connection, 3_000)
    wiring.wire_connection(connection)
    StockLink.objects.all().delete()
    StockLevel.objects.all().delete()
    VariantLink.objects.all().delete()
    Variant.objects.all().delete()
    with db.cursor() as cursor:
        for model in (StockLink, StockLevel, VariantLink, Variant):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    link_many(world, connection, 3_000)
    with db.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20s'")
        try:
            assert wiring.wire_connection(connection) == 3_000
        finally:
            cursor.execute("RESET statement_timeout")
