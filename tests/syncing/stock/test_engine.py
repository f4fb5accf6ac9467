"""What the stock loop does for a connection: both strategies, their rules, and what cannot be synced."""

import pytest

from stores.clients import open_client
from stores.models import Variant
from syncing.models import StockLink
from syncing.monitoring.connection_status import connection_status
from syncing.stock import engine
from tests.simulator.events import merchant as people

SET, ADJUST = "inventorySetQuantities", "inventoryAdjustQuantities"


def levels_of(world, number=0, at=0):
    return [place.available(number, at) for place in world.places]


def link_of(world, number=0, connection=0):
    return StockLink.objects.filter(connection=world.connections[connection]).order_by("pk")[number]


# Two-way


def test_two_way_a_sale_of_5_and_a_restock_of_10_reach_the_other_store(pair):
    world = pair(stock=50)
    source, north = world.places
    north.buy(0, 5)
    world.follow()
    assert levels_of(world) == [45, 45]
    source.restock(0, 10)
    world.follow()
    assert levels_of(world) == [55, 55]


def test_two_way_sales_in_both_stores_at_the_same_moment_both_count(pair):
    world = pair()
    source, north = world.places
    source.buy(0, 3)
    north.buy(0, 4)
    world.follow()
    assert levels_of(world) == [13, 13]


def test_two_way_a_cancelled_order_a_refund_and_a_return_come_back_everywhere(pair):
    world = pair()
    source, north = world.places
    first, second, third = (north.buy(0, 4) for _ in range(3))
    world.follow()
    assert levels_of(world) == [8, 8]
    world.sim.cancel(north.domain, first)
    north.refund(second, "CANCEL", 2)
    world.sim.fulfil(north.domain, third)
    north.refund(third, "RETURN", 1)
    world.follow()
    assert levels_of(world) == [15, 15]


def test_two_way_a_sale_in_one_destination_reaches_the_other_through_the_source_with_one_write_each(pair):
    world = pair(destinations=3)
    source, north, south, west = world.places
    south.buy(0, 6)
    world.follow()
    assert levels_of(world) == [14] * 4
    assert [place.writes for place in world.places] == [1, 1, 0, 1]


def test_two_way_both_stores_selling_the_last_unit_are_shown_as_oversold(pair):
    world = pair(stock=1)
    source, north = world.places
    source.buy(0, 1)
    north.buy(0, 1)
    world.follow()
    assert levels_of(world) == [-1, -1]
    assert connection_status(world.connections[0])["oversold"] == 1


def test_two_way_a_sale_while_the_first_alignment_is_being_written_counts(world):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=7)
    world.connect(source, north, "two_way")
    world.meanwhile(ADJUST, lambda: north.buy(0, 2))
    world.work()
    world.follow()
    assert levels_of(world) == [18, 18]


# One-way


def test_one_way_the_destination_follows_and_its_own_sale_never_touches_the_source(pair):
    world = pair("one_way")
    source, north = world.places
    source.set(0, 15)
    world.follow()
    assert levels_of(world) == [15, 15]
    north.buy(0, 2)
    world.follow()
    assert levels_of(world) == [15, 13]
    link = link_of(world)
    assert (link.state, link.reason) == ("drifted", "was changed in the destination: shows 13, should be 15")
    source.buy(0, 1)
    world.follow()
    assert levels_of(world) == [14, 14]
    assert source.writes == 0


@pytest.mark.parametrize(
    ("fields", "source_quantity", "offered"),
    [
        ({"safety_buffer": 5}, 12, 7),
        ({"safety_buffer": 5}, 3, 0),
        ({"cap_quantity": 10}, 12, 10),
        ({"cap_quantity": 10}, 9, 9),
        ({"percentage": 50}, 7, 3),
        ({"percentage": 50, "safety_buffer": 2, "cap_quantity": 8}, 30, 8),
        ({"percentage": 50, "safety_buffer": 2}, -4, -4),
    ],
)
def test_one_way_the_destination_shows_what_the_rules_leave(pair, fields, source_quantity, offered):
    world = pair("one_way", **fields)
    source, north = world.places
    source.set(0, source_quantity)
    world.follow()
    assert levels_of(world) == [source_quantity, offered]
    assert link_of(world).state == "in_step"


@pytest.mark.parametrize(("drift", "after_reconciliation"), [("correct", 20), ("report", 33)])
def test_one_way_drift_is_corrected_or_reported_by_the_reconciliation_as_chosen(pair, drift, after_reconciliation):
    world = pair("one_way", drift=drift)
    source, north = world.places
    north.set(0, 33)
    world.follow()
    assert north.available() == 33
    world.reconcile()
    assert north.available() == after_reconciliation
    report = world.connections[0].reconciliations.first()
    assert (report.differing, report.count_corrected()) == ((1, 1) if drift == "correct" else (0, 0))
    assert sum(report.skipped.values()) == (0 if drift == "correct" else 1)
    source.set(0, 21)
    world.follow()
    assert levels_of(world) == [21, 21]


def build_sum(world):
    """Two rooms of the source are summed into one of the destination."""
    source = world.add_store("source", "source", locations=2)
    north = world.add_store("north", "destination")
    mapped = [(source.location_ids[0], north.location_ids[0]), (source.location_ids[1], north.location_ids[0])]
    world.connect(source, north, "one_way", mapped=mapped)
    world.work()
    world.mark()
    return source, north


def test_one_way_several_source_locations_are_summed_into_one_destination_location(world):
    source, north = build_sum(world)
    assert north.available() == 40
    source.buy(0, 3, at=0)
    source.restock(0, 10, at=1)
    source.buy(1, 1, at=1)
    world.follow()
    assert [north.available(number) for number in range(3)] == [47, 39, 40]
    assert north.writes <= 2


def test_one_way_a_sum_of_which_one_part_cannot_be_read_is_not_written(world):
    source, north = build_sum(world)
    source.set(0, 5, at=0)
    people.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=False)
    world.reconcile()
    assert north.available() == 40
    assert {link.reason for link in StockLink.objects.filter(state="skipped")} == {
        "inventory is not tracked in the source"
    }
    people.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=True)
    world.reconcile()
    assert north.available() == 25


def test_one_way_one_source_location_feeds_several_destination_locations(world):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=3, locations=2)
    world.connect(source, north, "one_way", mapped=[(source.location_ids[0], place) for place in north.location_ids])
    world.work()
    source.buy(0, 2)
    world.follow()
    assert [north.available(0, at) for at in (0, 1)] == [18, 18]


def test_a_location_that_is_not_mapped_does_not_sync_and_its_webhooks_say_so(world):
    source, north = (
        world.add_store(name, role, locations=2) for name, role in (("source", "source"), ("north", "destination"))
    )
    world.connect(source, north, "two_way", mapped=[(source.location_ids[0], north.location_ids[0])])
    world.work()
    world.mark()
    source.buy(0, 4, at=1)
    world.follow()
    assert levels_of(world, at=1) == [16, 20]
    (event,) = source.store.events.all()
    assert (event.state, event.reason) == ("ignored", "This item at this location is not linked.")


# First alignment


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
@pytest.mark.parametrize(("alignment", "first"), [("source_wins", 20), ("keep_both", 7)])
def test_the_first_alignment_lets_the_source_win_or_keeps_both_as_chosen(world, strategy, alignment, first):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=7)
    world.connect(source, north, strategy, alignment=alignment)
    world.work()
    world.follow()
    assert levels_of(world) == [20, first]
    assert source.writes == 0
    world.reconcile()
    assert levels_of(world) == [20, first]
    source.buy(0, 5)
    world.follow()
    assert levels_of(world) == [15, {"two_way": first - 5, "one_way": 15}[strategy]]


# What cannot be synced says why


@pytest.mark.parametrize("activates", [True, False])
@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_an_item_not_stocked_at_the_destination_is_stocked_there_or_skipped_as_chosen(world, strategy, activates):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination")
    del north.shop.levels[north.item(0), north.location_ids[0]]
    north.shop.items[north.item(0)].level_locations.clear()
    world.connect(source, north, strategy, activates_items=activates)
    world.work()
    world.follow()
    level = north.shop.levels.get((north.item(0), north.location_ids[0]))
    if activates:
        assert (level.available, level.is_active) == (20, True)
    else:
        assert level is None
        assert link_of(world).reason == "not stocked at the destination location"
    assert north.available(1) == 20


def test_items_are_stocked_in_lots_so_that_a_pause_does_not_wait_for_the_last_one(world, monkeypatch):
    monkeypatch.setattr(engine, "ACTIVATIONS", 2)
    source, north = world.add_store("source", "source", items=5), world.add_store("north", "destination", items=5)
    north.shop.levels.clear()
    for variant in north.variants:
        north.shop.items[variant.item_id].level_locations.clear()
    run = engine.Run(world.connect(source, north, "one_way"), open_client)
    asked = iter([False, False, True])  # somebody pauses it after two lots
    assert not run.carry(60, lambda: next(asked))
    assert north.count("inventoryActivate") == 4
    world.follow()
    assert [north.available(number) for number in range(5)] == [20] * 5


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("is_tracked", "inventory is not tracked in the destination"),
        ("is_bundle", "bundle in the destination: its stock is computed from its components"),
    ],
)
def test_untracked_items_and_bundles_are_skipped_and_say_so(world, field, reason):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=3)
    Variant.objects.filter(store=north.store, sku="SKU-0").update(**{field: field == "is_bundle"})
    world.connect(source, north, "two_way")
    world.work()
    assert levels_of(world) == [20, 3]
    assert (link_of(world).state, link_of(world).reason) == ("skipped", reason)
    assert levels_of(world, 1) == [20, 20]


def test_an_item_that_stops_being_tracked_is_no_longer_written_and_nothing_is_taken_for_0(pair):
    world = pair()
    source, north = world.places
    people.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=False)
    source.set(0, 19)  # its webhook carries null
    world.follow()
    assert north.available() == 20
    assert link_of(world).reason == "the source gives no quantity for it (deleted or not tracked)"


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_row_that_shopify_refuses_is_set_aside_while_the_rest_goes(pair, strategy):
    world = pair(strategy, items=5)
    source, north = world.places
    north.variants[2].requires_components = True
    for number in range(5):
        source.buy(number, 1)
    world.follow()
    assert [north.available(number) for number in range(5)] == [19, 19, 20, 19, 19]
    link = link_of(world, 2)
    assert link.state == "skipped"
    assert link.reason.startswith("Shopify refused it:")
    assert world.unsettled() == []
    north.variants[2].requires_components = False
    source.buy(2, 1)
    world.follow()
    assert levels_of(world, 2) == [18, 18]


@pytest.mark.parametrize("refused", ["source", "destination"])
def test_a_sale_in_both_stores_is_carried_both_ways_when_a_neighbour_is_refused_on_one(pair, refused):
    """What one store took does not settle the link: the other write of it went back with its batch."""
    world = pair("two_way", items=3)
    source, north = world.places
    bad, other = (source, north) if refused == "source" else (north, source)
    bad.variants[2].requires_components = True
    other.buy(2, 1)
    source.buy(0, 1)
    north.buy(0, 2)
    world.follow()
    assert levels_of(world, 0) == [17, 17]
    assert link_of(world, 2).state == "skipped"
