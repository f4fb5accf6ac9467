"""A skip is never final: with every webhook lost, the comparison or the daily match brings all back into step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from stores.clients import open_client
from stores.linking import linking, rows
from stores.models import Connection, ProductLink, Store, VariantLink
from stores.shopify import gids
from stores.shopify.products import products
from syncing import sweep
from syncing.models import StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import wiring
from syncing.stock.mirror import levels
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


def unstock_source(world):
    source = world.places[0]
    source.leave(0)
    compare(world)
    return lambda: people.activate(source.shop, world.sim.clock, source.item(0), source.location_ids[0])


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
    Case(unstock_source, "not stocked at the source location"),
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


@BOTH_WAYS_OF_READING
@pytest.mark.parametrize("in_the_same_product", [True, False])
@pytest.mark.parametrize("side", [0, 1])
def test_a_variant_deleted_and_made_anew_is_linked_again(pair, settings, bulk_from, in_the_same_product, side):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair("one_way")
    source, place = world.places[0], world.places[side]
    old = place.variants[0]
    if in_the_same_product:
        make_anew(world, place, old.product_id, stock=3 if side else 16)
        people.delete_variant(place.shop, world.sim.clock, old.id)
    else:
        people.delete_product(place.shop, world.sim.clock, old.product_id)
        product = people.add_product(place.shop, world.sim.clock, "Product 0", [])
        make_anew(world, place, product.id, stock=3 if side else 16)
    if side:
        source.buy(0, 4)
    compare(world)
    compare(world)
    assert levels_of(world) == [16, 16]
    assert link_of(world).state == "in_step"


def test_a_variant_that_moved_to_another_inventory_item_is_followed(pair):
    world = pair("one_way")
    source, north = world.places
    old, other = north.variants[0], north.variants[1]
    north.shop.items[old.item_id].variant_id = other.id  # the old item lives on
    fields = {"sku": "elsewhere", "stock": dict.fromkeys(north.location_ids, 3)}
    given = people.add_variant(north.shop, world.sim.clock, other.product_id, **fields)
    north.shop.variants[old.id].item_id = given.item_id
    north.shop.items[given.item_id].sku = "SKU-0"
    del north.shop.variants[given.id]
    north.shop.products[other.product_id].variant_ids.remove(given.id)
    north.shop.items[given.item_id].variant_id = old.id
    source.buy(0, 4)
    a_day_later(world)
    assert levels_of(world) == [16, 16]


def test_variants_with_one_sku_are_linked_once_it_is_unambiguous(pair):
    world = pair("one_way")
    source, north = world.places
    people.change_variant(north.shop, world.sim.clock, north.variants[1].id, sku="SKU-0")
    for place, number in ((source, 0), (north, 0), (north, 1)):
        match_again(world, place, number)
    link = VariantLink.objects.get(source_variant__gid=gids.gid("ProductVariant", source.variants[0].id))
    linking.clear(link)
    wiring.wire_connection(world.connections[0])
    link.refresh_from_db()
    assert link.state == "ambiguous"
    people.change_variant(north.shop, world.sim.clock, north.variants[1].id, sku="SKU-1")
    source.buy(0, 4)
    a_day_later(world)
    assert levels_of(world) == [16, 16]


def test_a_variant_that_gets_its_sku_later_is_linked_then(pair):
    world = pair("one_way")
    source, north = world.places
    product = people.add_product(source.shop, world.sim.clock, "New", [{"stock": {source.location_ids[0]: 16}}])
    partner = people.add_product(north.shop, world.sim.clock, "New", [{"stock": {north.location_ids[0]: 3}}])
    for place, made in ((source, product), (north, partner)):
        place.variants.append(place.shop.variants[made.variant_ids[0]])
    a_day_later(world)
    assert levels_of(world, 3) == [16, 3]
    for place in world.places:
        people.change_variant(place.shop, world.sim.clock, place.variants[3].id, sku="late")
    a_day_later(world)
    assert levels_of(world, 3) == [16, 16]


def test_a_product_that_was_left_out_and_is_shared_again_is_carried(pair):
    world = pair("one_way")
    source, north = world.places
    (connection,) = world.connections
    names = [gids.gid("Product", place.variants[0].product_id) for place in world.places]
    left_out = ProductLink.objects.create(
        connection=connection, source_gid=names[0], destination_gid=names[1], state=ProductLink.State.UNLINKED
    )
    source.buy(0, 4)
    compare(world)
    assert levels_of(world) == [16, 20]
    left_out.delete()
    compare(world)
    assert levels_of(world) == [16, 16]


def test_a_store_that_shares_its_products_again_is_carried(pair):
    world = pair("one_way")
    source, north = world.places
    Store.objects.filter(pk=source.store.pk).update(shares_products=False)
    source.buy(0, 4)
    compare(world)
    assert levels_of(world) == [16, 20]
    Store.objects.filter(pk=source.store.pk).update(shares_products=True)
    compare(world)
    assert levels_of(world) == [16, 16]


def test_a_variant_that_was_taken_for_gone_is_back_after_a_day(pair):
    world = pair("one_way")
    source, north = world.places
    gone = north.store.variants.filter(sku="SKU-0")
    gone.update(gone_at=world.sim.clock.now())
    rows.mark_gone(world.connections[0])
    wiring.wire_connection(world.connections[0])
    source.buy(0, 4)
    a_day_later(world)
    assert levels_of(world) == [16, 16]


def test_a_run_has_matched_again_what_its_own_live_look_contradicts(pair):
    world = pair()
    source, north = world.places
    track(world, north, False)
    lose_everything(world)
    link = link_of(world)
    levels.doubt([link.destination_level_id])
    levels.mark_dirty([link.destination_level_id])
    world.carry()
    assert link_of(world).reason == "inventory is not tracked in the destination"
    assert not source.count("productVariants")  # one product, not the catalogues


# --- What it costs ------------------------------------------------------------------------------------------------


@BOTH_WAYS_OF_READING
def test_a_comparison_that_nothing_contradicts_has_nothing_matched(pair, settings, bulk_from):
    settings.BULK_FROM_LEVELS = bulk_from
    world = pair(destinations=2)
    world.places[0].buy(0, 4)
    compare(world)
    assert not SyncJob.objects.filter(kind__in=("match_product", "match_connection")).exists()


def test_each_started_connection_is_matched_once_a_day_and_one_at_a_time(pair):
    world = pair(destinations=3)
    first, second, paused = world.connections
    Connection.objects.filter(pk=paused.pk).update(is_paused=True)

    def matched():
        sweep.sweep()
        return [job.connection_id for job in SyncJob.objects.filter(kind="match_connection").order_by("pk")]

    assert matched() == []
    world.let_pass(25)
    assert matched() == matched() == [first.pk]
    world.work()
    assert matched() == [first.pk, second.pk]
    world.work()
    assert matched() == [first.pk, second.pk]
    Connection.objects.filter(pk=first.pk).update(linked_at=world.sim.clock.now() + timedelta(hours=10))
    assert matched() == [first.pk, second.pk, first.pk]  # the clock was ahead then


def test_a_catalogue_that_lags_behind_its_stock_is_not_asked_without_end(pair, monkeypatch):
    world = pair("one_way")
    north = world.places[1]
    known = {place.domain: list(products.iter_variants(open_client(place.store))) for place in world.places}
    monkeypatch.setattr(products, "iter_variants", lambda client: iter(known[client.domain]))
    monkeypatch.setattr(
        products, "read_product", lambda client, gid: [row for row in known[client.domain] if row.product_gid == gid]
    )
    people.delete_product(north.shop, world.sim.clock, north.variants[0].product_id)
    compare(world)
    assert link_of(world).state == "skipped"
    assert SyncJob.objects.filter(kind__in=("match_product", "match_connection")).count() <= 3
