"""A skip is never final: with every webhook lost, the comparison or the daily match brings all back into step."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from stores.models import Connection
from stores.shopify import gids
from syncing import sweep
from syncing.models import StockLink
from syncing.queue import enqueue
from tests.simulator.events import merchant as people
from tests.support.places import Place
from tests.support.world import World

BOTH_WAYS_OF_READING = pytest.mark.parametrize("bulk_from", [2, 1000])


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def lose_everything(world):
    for place in world.places:
        place.lose_webhooks()


def compare(world):
    lose_everything(world)
    world.reconcile()
    lose_everything(world)


def a_day_later(world):
    lose_everything(world)
    world.let_pass(25)
    sweep.sweep()
    world.work()
    compare(world)


def link_of(world, number=0):
    gid = gids.gid("ProductVariant", world.places[0].variants[number].id)
    return StockLink.objects.get(variant_link__source_variant__gid=gid)


def match_again(world, place, number=0):
    """What the webhook about a product leads to."""
    enqueue.match_product(place.store, gids.gid("Product", place.variants[number].product_id))
    world.work()


def track(world, place, tracked):
    people.change_inventory_item(place.shop, world.sim.clock, place.item(0), tracked=tracked)


def make_anew(world: World, place: Place, product_id: int, stock: int) -> None:
    """A variant with the SKU of item 0, which was deleted."""
    fields = {"sku": "SKU-0", "stock": dict.fromkeys(place.location_ids, stock)}
    place.variants[0] = people.add_variant(place.shop, world.sim.clock, product_id, **fields)


# --- The reasons: how each comes about, with what it says, and how it ends ----------------------------------------


def untrack_source(world):
    track(world, world.places[0], False)
    match_again(world, world.places[0])
    return lambda: track(world, world.places[0], True)


def untrack_destination(world):
    track(world, world.places[1], False)
    match_again(world, world.places[1])
    return lambda: track(world, world.places[1], True)


def untrack_unseen(world):
    """Its webhook is lost, too: the comparison finds it."""
    track(world, world.places[1], False)
    compare(world)
    return lambda: track(world, world.places[1], True)


def close_location(world):
    """Nothing is stocked there, nor can be."""
    source, north = world.places
    for number in range(len(north.variants)):
        north.leave(number)
    people.change_location(north.shop, world.sim.clock, north.location_ids[0], is_active=False)
    compare(world)
    return lambda: people.change_location(north.shop, world.sim.clock, north.location_ids[0], is_active=True)


def unstock_destination(world):
    """The connection does not stock items: the merchant does."""
    Connection.objects.update(activates_items=False)
    north = world.places[1]
    north.leave(0)
    compare(world)
    return lambda: people.activate(north.shop, world.sim.clock, north.item(0), north.location_ids[0])


def refuse_writes(world):
    """As a bundle does; nobody told us that it became one."""
    source, north = world.places
    north.variants[0].requires_components = True
    source.buy(0, 1)
    world.follow()

    def end():
        north.variants[0].requires_components = False

    return end


def refuse_writes_until_equal(world):
    """When it can be written, there is nothing to write any more."""
    end_refusal = refuse_writes(world)

    def end():
        end_refusal()
        world.places[0].restock(0, 1)

    return end


def become_a_bundle(world):
    north = world.places[1]
    north.variants[0].requires_components = True
    match_again(world, north)

    def end():
        north.variants[0].requires_components = False

    return end


def need_an_absurd_quantity(world):
    source, north = world.places
    Connection.objects.update(guard_move=2_000_000_000, guard_zero_minimum=100)
    for place in (source, north):
        place.set(0, 999_999_999)
        place.lose_webhooks()
    world.reconcile()

    def end():
        for place in (source, north):
            place.set(0, 20)

    return end


@dataclass(frozen=True)
class Case:
    begin: Callable[[World], Callable[[], None]]
    reason: str
    strategy: str = "two_way"
    takes_a_day: bool = False


CASES = [
    Case(untrack_source, "inventory is not tracked in the source"),
    Case(untrack_source, "inventory is not tracked in the source", "one_way"),
    Case(untrack_destination, "inventory is not tracked in the destination"),
    Case(untrack_unseen, "inventory is not tracked in the destination"),
    Case(close_location, "not stocked at the destination location", "one_way"),
    Case(unstock_destination, "not stocked at the destination location"),
    Case(unstock_destination, "not stocked at the destination location", "one_way"),
    Case(refuse_writes, "Shopify refused it:"),
    Case(refuse_writes, "Shopify refused it:", "one_way"),
    Case(refuse_writes_until_equal, "Shopify refused it:"),
    Case(become_a_bundle, "bundle in the destination", takes_a_day=True),
    Case(need_an_absurd_quantity, "would need a quantity beyond"),
]


@BOTH_WAYS_OF_READING
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.begin.__name__}-{case.strategy}")
def test_whatever_is_skipped_is_carried_again_once_its_reason_is_gone(pair, settings, case, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair(case.strategy)
    world.tick(5)
    end = case.begin(world)
    assert link_of(world).state == "skipped"
    assert link_of(world).reason.startswith(case.reason)
    world.tick(5)
    end()
    if case.begin is not refuse_writes_until_equal:
        world.places[0].buy(0, 4)
    (a_day_later if case.takes_a_day else compare)(world)
    assert (link_of(world).state, link_of(world).reason) == ("in_step", "")
    assert levels_of(world) == [world.places[0].available(0)] * 2
    assert world.unsettled() == []


# --- Items that are stocked, or not ------------------------------------------------------------------------------


def test_an_item_that_could_not_be_stocked_once_is_tried_at_each_comparison_and_no_oftener(pair):
    world = pair("one_way")
    source, north = world.places
    north.leave(0)
    people.change_location(north.shop, world.sim.clock, north.location_ids[0], is_active=False)
    compare(world)
    assert link_of(world).reason == "not stocked at the destination location"
    world.sim.reset_counters()
    compare(world)
    assert north.count("inventoryActivate") == 1
    people.change_location(north.shop, world.sim.clock, north.location_ids[0], is_active=True)
    source.buy(0, 4)
    compare(world)
    assert levels_of(world) == [16, 16]
    assert link_of(world).state == "in_step"


@BOTH_WAYS_OF_READING
def test_an_item_that_the_guards_live_look_finds_unstocked_is_stocked_after_the_next_comparison(
    pair, settings, bulk_from
):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair("one_way", stock=600, guard_move=100)
    source, north = world.places
    source.set(0, 100)  # a suspicious move: it is verified live
    world.meanwhile("nodes", lambda: north.leave(0))
    world.deliver(source)
    lose_everything(world)
    world.work()
    assert link_of(world).reason == "not stocked at the destination location"
    Connection.objects.update(guard_move=1000)
    compare(world)
    assert levels_of(world) == [100, 100]
    assert link_of(world).state == "in_step"


# --- Variants that are not what they were ------------------------------------------------------------------------
