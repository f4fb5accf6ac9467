"""When a link ends: what becomes of the quantity that its destination still offers, and who is told."""

import pytest
from django.utils import timezone

from stores.clients import open_client
from stores.linking import linking
from stores.models import Connection, Variant
from stores.shopify import gids
from stores.variants import key_of
from syncing.models import StockAdjustment, StockHold, StockLink
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from syncing.stock import undo, unvouched, wiring
from tests.simulator.events import merchant as people


def told(world):
    return [problem.message for problem in data_problems.unvouched_stock(timezone.now())]


def held(world, number=0):
    return [place.available(number) for place in world.places]


@pytest.fixture
def ending(pair):
    """Builds a source and destinations in step, whose variants' rows have the identifiers that Shopify tells."""

    def build(strategy="one_way", **fields):
        world = pair(strategy, **fields)
        for variant in Variant.objects.all():
            Variant.objects.filter(pk=variant.pk).update(sku_key=key_of(variant.sku), handle_key=key_of(variant.handle))
        return world

    return build


def delete(world, number=0):
    """The source deletes a product, and tells."""
    source = world.places[0]
    people.delete_product(source.shop, world.sim.clock, source.variants[number].product_id)
    enqueue.match_product(source.store, gids.gid("Product", source.variants[number].product_id))


def make_again(world, number=0, stock=20):
    """The source imports it again: other ids, the same SKU."""
    source = world.places[0]
    product = people.add_product(source.shop, world.sim.clock, f"Product {number}")
    fields = {"sku": f"SKU-{number}", "stock": dict.fromkeys(source.location_ids, stock)}
    source.variants[number] = people.add_variant(source.shop, world.sim.clock, product.id, **fields)
    return gids.gid("Product", product.id)


def test_what_was_deleted_in_the_source_is_offered_no_more(ending):
    world = ending()
    source, north = world.places
    delete(world)
    world.work()
    assert north.available() == 0
    row = StockAdjustment.objects.get()
    assert (row.change_from, row.change_to, row.cause) == (20, 0, StockAdjustment.Cause.ENDED)
    assert told(world) == []
    assert [north.available(number) for number in (1, 2)] == [20, 20]
    north.restock(0, 3)  # somebody puts it on sale again: that is put right, as any drift of what has ended
    world.follow()
    world.reconcile()
    assert north.available() == 0


@pytest.mark.parametrize("strategy", ["one_way", "two_way"])
def test_left_it_stands_and_one_alert_names_the_number(ending, strategy):
    world = ending(strategy, ending="leave")
    _, north = world.places
    for number in (0, 1):
        delete(world, number)
    world.work()
    world.reconcile()
    assert [north.available(number) for number in range(3)] == [20, 20, 20]
    (words,) = told(world)
    assert words.startswith("2 items are on sale in North with a quantity that nobody vouches for")
    north.buy(0, 20)
    world.follow()
    assert told(world)[0].startswith("1 items")


def test_two_way_nothing_is_ever_set_to_0(ending):
    world = ending("two_way", ending="zero")
    delete(world)
    world.work()
    world.reconcile()
    assert world.places[1].available() == 20
    assert len(told(world)) == 1


@pytest.mark.parametrize("how", ["ignored", "cleared"])
def test_what_an_operator_ends_is_left_and_told(ending, how):
    world = ending(ending="zero")
    link = world.connections[0].links.order_by("pk").first()
    Variant.objects.filter(pk=link.destination_variant_id).update(sku_key="another")  # matching finds it no more
    linking.ignore(link) if how == "ignored" else linking.clear(link)
    wiring.wire_connection(world.connections[0])
    world.carry()
    assert held(world) == [20, 20]
    assert len(told(world)) == 1


def test_what_is_not_shared_any_more_ends_by_the_connections_choice(ending):
    world = ending()
    source, north = world.places
    source.store.shares_products = False
    source.store.save()
    world.reconcile()
    assert [north.available(number) for number in range(3)] == [0, 0, 0]
    source.store.shares_products = True
    source.store.save()
    world.reconcile()
    assert [north.available(number) for number in range(3)] == [20, 20, 20]


def test_many_that_end_at_once_are_held(ending):
    world = ending(items=12)
    _, north = world.places
    for number in range(12):
        delete(world, number)
    world.work()
    assert [north.available(number) for number in range(12)] == [20] * 12
    assert StockHold.objects.filter(state="open").count() == 12
    world.resolve_holds()
    world.carry()
    assert [north.available(number) for number in range(12)] == [0] * 12


@pytest.mark.parametrize("order", ["made again first", "deleted first"])
def test_what_is_deleted_and_made_again_never_leaves_the_shop(ending, order):
    world = ending(identifier="sku")
    source, north = world.places
    if order == "made again first":
        old = source.variants[0].product_id
        enqueue.match_product(source.store, make_again(world, stock=15))
        world.work()
        people.delete_product(source.shop, world.sim.clock, old)
        enqueue.match_product(source.store, gids.gid("Product", old))
    else:
        delete(world)
        make_again(world, stock=15)  # nobody tells of it: whoever is about to let go looks first
    world.work()
    assert held(world) == [15, 15]
    assert [(row.change_from, row.change_to) for row in StockAdjustment.objects.all()] == [(20, 15)]
    assert not StockLink.objects.exclude(ending="").exists()
    assert told(world) == []


def test_a_store_that_does_not_answer_ends_nothing(ending):
    world = ending()
    source, north = world.places
    source.fault("internal_error_before", match="productVariants", count=None)
    delete(world)
    for _ in range(3):
        world.work(tries=2)
    assert north.available() == 20
    world.sim.faults(source.shop).clear()
    world.work(tries=9)
    assert north.available() == 0


def test_an_end_can_be_taken_back_and_stays_so(ending):
    world = ending()
    _, north = world.places
    delete(world)
    world.reconcile()
    assert north.available() == 0
    report = undo.undo(world.connections[0], StockAdjustment.objects.filter(cause="ended"), open_client)
    assert report.undone == 1
    world.reconcile()
    assert north.available() == 20
    assert len(told(world)) == 1


def test_an_operator_has_what_was_left_set_to_0(ending):
    world = ending(ending="leave")
    _, north = world.places
    delete(world)
    world.work()
    unvouched.set_to_zero(list(unvouched.find()))
    world.carry()
    assert north.available() == 0
    assert told(world) == []


def test_an_operator_says_that_the_store_looks_after_it(ending):
    world = ending(ending="leave")
    _, north = world.places
    delete(world)
    world.work()
    assert unvouched.give_up(list(unvouched.find())) == 1
    world.reconcile()
    assert north.available() == 20
    assert told(world) == []


def test_what_is_in_step_or_two_way_cannot_be_set_to_0(ending):
    ending()
    with pytest.raises(unvouched.NotToBeSet, match="still synced"):
        unvouched.set_to_zero(list(StockLink.objects.all()))
    Connection.objects.update(strategy="two_way")
    with pytest.raises(unvouched.NotToBeSet, match="two-way"):
        unvouched.set_to_zero(list(StockLink.objects.all()))
    assert unvouched.give_up(list(StockLink.objects.all())) == 0


def test_what_comes_back_is_brought_in_step_again(ending):
    world = ending()
    source, north = world.places
    link = world.connections[0].links.order_by("pk").first()
    partner = link.destination_variant
    linking.ignore(link)
    wiring.wire_connection(world.connections[0])
    source.buy(0, 5)
    world.follow()
    assert held(world) == [15, 20]
    linking.set_partner(link, partner)
    wiring.wire_connection(world.connections[0])
    world.carry()
    assert held(world) == [15, 15]


def test_what_an_upgrade_left_on_sale_of_an_item_that_the_source_does_not_stock_is_told_and_can_be_set_to_0(ending):
    world = ending()
    source, north = world.places
    first = StockLink.objects.order_by("pk").first()
    StockLink.objects.filter(pk=first.pk).update(keeps_destination=True, source_baseline=0, destination_baseline=20)
    source.leave(0)
    world.follow()
    assert held(world) == [20, 20]
    assert told(world)[0].startswith("1 items")
    unvouched.set_to_zero(list(unvouched.find()))
    world.carry()
    assert north.available() == 0
    assert told(world) == []


def test_a_partner_that_is_deleted_in_the_destination_leaves_nothing_to_tell(ending):
    world = ending(ending="leave")
    _, north = world.places
    delete(world)
    world.work()
    assert len(told(world)) == 1
    people.delete_product(north.shop, world.sim.clock, north.variants[0].product_id)
    enqueue.match_product(north.store, gids.gid("Product", north.variants[0].product_id))
    world.work()
    world.reconcile()
    assert told(world) == []
    assert not StockLink.objects.exclude(ending="").exists()
