"""Two-way, a pair that ends: what either side sold before, and nobody had carried yet, reaches the other one first."""

import pytest
from django.utils import timezone

from stores.linking import linking
from stores.models import LocationMapping
from syncing.models import StockHold, StockLink
from syncing.monitoring import data_problems
from syncing.stock import wiring
from tests.syncing.stock.pairs.test_none_there import held, rooms  # noqa: F401

SOLD = pytest.mark.parametrize("is_told", [True, False])


def sell(world, is_told):
    """Both stores sell of item 0, each in its first room; no work was done since."""
    source, north = world.places
    north.buy(0, 3)
    source.buy(0, 2)
    if is_told:
        world.deliver()


def work(world):
    world.carry()
    world.follow()


def choose_another_partner(world):
    first, second, _ = world.connections[0].links.order_by("pk")
    partner = second.destination_variant
    linking.ignore(second)
    linking.set_partner(first, partner)
    wiring.wire_connection(world.connections[0])


def unmap(world):
    LocationMapping.objects.order_by("pk").first().delete()
    wiring.wire_connection(world.connections[0])


@SOLD
def test_what_was_sold_before_it_ends_is_carried_and_nothing_later(rooms, is_told):  # noqa: F811
    world = rooms("two_way")
    source, north = world.places
    sell(world, is_told)
    unmap(world)
    work(world)
    assert held(world) == [[15, 20], [15, 20]]
    sell(world, is_told=True)
    world.follow()
    world.reconcile()
    assert held(world) == [[13, 20], [12, 20]]
    assert StockLink.objects.exclude(ending="").order_by("pk").first().reason.startswith("no longer synced")


@SOLD
def test_what_begins_in_its_place_waits_for_it(rooms, is_told):  # noqa: F811
    world = rooms("two_way", items=1)
    (connection,) = world.connections
    rows = [(row.source_location, row.destination_location) for row in connection.mappings.order_by("pk")]
    sell(world, is_told)
    connection.mappings.all().delete()
    for (ours, _), (_, theirs) in zip(rows, reversed(rows), strict=True):
        LocationMapping.objects.create(connection=connection, source_location=ours, destination_location=theirs)
    wiring.wire_connection(connection)
    work(world)
    assert held(world) == [[15, 20], [20, 15]]
    assert not StockLink.objects.exclude(ending="").exists()


def test_a_last_change_that_looks_destructive_is_held(rooms):  # noqa: F811
    world = rooms("two_way", items=1, stock=80)
    _, north = world.places
    north.set(0, 0)
    unmap(world)
    work(world)
    assert held(world) == [[80, 80], [0, 80]]
    assert StockHold.objects.get(state="open").source_to == 0
    world.resolve_holds()
    work(world)
    assert held(world) == [[0, 80], [0, 80]]


def test_a_store_that_does_not_answer_keeps_its_last_sale_until_it_does(rooms):  # noqa: F811
    world = rooms("two_way", items=1)
    source, north = world.places
    sell(world, is_told=False)
    north.fault("http", match="any", status=503, count=None)
    unmap(world)
    world.carry(tries=2)
    assert source.available() == 18
    world.calm()
    work(world)
    assert held(world) == [[15, 20], [15, 20]]


def test_one_way_a_sum_is_another_one_as_soon_as_one_of_its_locations_is_not_mapped_any_more(world):
    source, north = world.add_store("source", "source", locations=2), world.add_store("north", "destination")
    world.connect(source, north, "one_way", mapped=[(room, north.location_ids[0]) for room in source.location_ids])
    world.work()
    assert north.available() == 40
    unmap(world)
    world.carry()
    assert north.available() == 20


@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
def test_another_partner_is_in_step_at_once_and_the_one_before_is_left_and_told(pair, strategy):
    world = pair(strategy, ending="zero")
    source, north = world.places
    north.set(1, 7)
    north.lose_webhooks()
    choose_another_partner(world)
    work(world)
    assert [north.available(number) for number in range(3)] == [20, 20, 20]
    (problem,) = data_problems.unvouched_stock(timezone.now())
    assert problem.message.startswith("1 ")
    source.buy(0, 1)
    work(world)
    assert [north.available(number) for number in range(3)] == [20, 19, 20]
    world.reconcile()
    work(world)
    assert [north.available(number) for number in range(3)] == [20, 19, 20]


@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
def test_partners_may_be_chosen_again_and_again(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    first, second, _ = world.connections[0].links.order_by("pk")
    one, other = first.destination_variant, second.destination_variant
    linking.ignore(second)
    for number, partner in enumerate((other, one, other)):
        linking.set_partner(first, partner)
        wiring.wire_connection(world.connections[0])
        source.buy(0, 1)
        work(world)
        assert north.available(partner == other) == source.available() == 19 - number
    (mapping,) = world.connections[0].mappings.all()
    places = {"source_location": mapping.source_location, "destination_location": mapping.destination_location}
    mapping.delete()
    wiring.wire_connection(world.connections[0])
    work(world)
    LocationMapping.objects.create(connection=world.connections[0], **places)
    wiring.wire_connection(world.connections[0])
    source.buy(0, 1)
    work(world)
    assert north.available(1) == source.available() == 16
