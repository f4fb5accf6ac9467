"""Whether a destination goes on selling what is out of stock after its link has ended."""

import pytest
from django.utils import timezone

from stores.clients import open_client
from stores.models import Connection, Variant
from stores.shopify import gids
from syncing.connections import disconnecting, stopped_sales
from syncing.models import StockAdjustment, StockLink
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from syncing.stock import undo, unvouched
from tests.simulator.events import merchant as people
from tests.syncing.stock.pairs.test_ends import delete, ending, held, make_again

__all__ = ["ending"]


def told():
    return [problem.message for problem in data_problems.refused_sales(timezone.now())]


def an_hour_later():
    Variant.objects.exclude(sale_tried_at=None).update(sale_tried_at=timezone.now() - stopped_sales.PAUSE * 1.1)


@pytest.fixture
def refusing(ending):
    """A source and a destination that goes on selling everything, with a variant whose policy cannot be changed."""

    def build(*numbers, **fields):
        world = ending(ending="deny", identifier="sku", **fields)
        north = world.places[1]
        for number in range(3):
            north.variants[number].inventory_policy = "CONTINUE"
        for number in numbers:
            north.variants[number].refuses_policy = True
        return world

    return build


def policies(place):
    return [variant.inventory_policy for variant in place.variants]


def test_what_is_to_sell_no_more_is_denied_when_out_of_stock_and_sold_so_again_when_it_is_back(ending):
    world = ending(ending="deny", identifier="sku")
    source, north = world.places
    for number in (0, 1):
        north.variants[number].inventory_policy = "CONTINUE"
    for number in (0, 2):
        delete(world, number)
    world.work()
    assert held(world)[1] == 0
    assert policies(north) == ["DENY", "CONTINUE", "DENY"]
    for number in (0, 2):
        product = make_again(world, number, stock=7)
        enqueue.match_product(source.store, product)
    world.work()
    assert [north.available(number) for number in range(3)] == [7, 20, 7]
    assert policies(north) == ["CONTINUE", "CONTINUE", "DENY"]


def test_a_worker_that_dies_as_it_stops_a_sale_still_knows_what_to_give_back(ending):
    world = ending(ending="deny", identifier="sku")
    source, north = world.places
    north.variants[0].inventory_policy = "CONTINUE"
    delete(world)
    with world.worker_that_dies() as countdown:
        world.meanwhile("productVariantsBulkUpdate", countdown.now, after=True)
        world.work()
    assert policies(north)[0] == "DENY"
    world.carry()
    enqueue.match_product(source.store, make_again(world, stock=7))
    world.work()
    assert policies(north)[0] == "CONTINUE"


def test_taken_back_it_is_sold_so_again(ending):
    world = ending(ending="deny")
    _, north = world.places
    north.variants[0].inventory_policy = "CONTINUE"
    delete(world)
    world.work()
    assert (north.available(), policies(north)[0]) == (0, "DENY")
    writes = StockAdjustment.objects.filter(cause="ended")
    undo.undo(world.connections[0], writes, open_client)
    world.carry()
    assert (north.available(), policies(north)[0]) == (20, "CONTINUE")


def test_what_a_store_refuses_to_stop_is_told_and_tried_again_until_it_comes_true(refusing):
    world = refusing(0)
    north = world.places[1]
    for number in (0, 1):
        delete(world, number)
    world.work()
    assert policies(north) == ["CONTINUE", "DENY", "CONTINUE"]
    (words,) = told()
    assert words.startswith("1 items are sold") and "Inventory policy cannot be changed." in words
    world.sim.reset_counters()
    world.reconcile()  # not again and again
    assert north.shop.counters.operations["productVariantsBulkUpdate"] == 0
    an_hour_later()
    world.reconcile()
    assert north.shop.counters.operations["productVariantsBulkUpdate"] == 1
    assert len(told()) == 1
    north.variants[0].refuses_policy = False
    an_hour_later()
    world.reconcile()
    assert policies(north) == ["DENY", "DENY", "CONTINUE"]
    assert told() == []


def test_one_that_is_refused_keeps_none_of_its_product_on_sale(refusing):
    world = refusing(1)
    north = world.places[1]
    product = north.shop.products[north.variants[0].product_id]
    other = north.variants[1]
    north.shop.products[other.product_id].variant_ids.remove(other.id)
    product.variant_ids.append(other.id)
    other.product_id, other.option_values = product.id, ["Large"]
    Variant.objects.filter(gid=gids.gid("ProductVariant", other.id)).update(product_gid=gids.gid("Product", product.id))
    for number in (0, 1):
        delete(world, number)
    world.work()
    assert policies(north) == ["DENY", "CONTINUE", "CONTINUE"]
    assert len(told()) == 1


def test_one_that_is_deleted_meanwhile_is_no_refusal_that_anybody_is_told_of_for_long(refusing):
    world = refusing()
    north = world.places[1]
    delete(world)
    product_id = north.variants[0].product_id
    world.meanwhile("productVariantsBulkUpdate", lambda: people.delete_product(north.shop, world.sim.clock, product_id))
    world.work()
    enqueue.match_product(north.store, gids.gid("Product", product_id))
    world.work()
    assert told() == []


def test_set_by_hand_it_is_told_no_more_and_stays_so(refusing):
    world = refusing(0)
    source, north = world.places
    delete(world)
    world.work()
    north.variants[0].inventory_policy = "DENY"
    an_hour_later()
    world.reconcile()
    assert told() == []
    enqueue.match_product(source.store, make_again(world, stock=7))
    world.work()
    assert (held(world)[1], policies(north)[0]) == (7, "DENY")


def test_what_comes_back_before_it_was_stopped_is_told_no_more(refusing):
    world = refusing(0)
    source, north = world.places
    delete(world)
    world.work()
    enqueue.match_product(source.store, make_again(world, stock=7))
    world.work()
    an_hour_later()
    world.reconcile()
    assert (held(world)[1], policies(north)[0], told()) == (7, "CONTINUE", [])
    assert Variant.objects.exclude(sale="").count() == 0


def test_what_a_store_refuses_to_sell_again_is_told_too(refusing):
    world = refusing()
    source, north = world.places
    delete(world)
    world.work()
    north.variants[0].refuses_policy = True
    enqueue.match_product(source.store, make_again(world, stock=7))
    world.work()
    assert policies(north)[0] == "DENY"
    assert len(told()) == 1
    north.variants[0].refuses_policy = False
    an_hour_later()
    world.reconcile()
    assert (policies(north)[0], told()) == ("CONTINUE", [])


@pytest.mark.parametrize("decision", ["left", "forgotten", "tried again"])
def test_an_operator_decides_otherwise(refusing, decision):
    world = refusing(0)
    north = world.places[1]
    delete(world)
    world.work()
    links = list(stopped_sales.refused())
    if decision == "left":
        assert stopped_sales.leave_to_store(links) == 1
    elif decision == "forgotten":
        assert unvouched.give_up(links) == 1
    else:
        north.variants[0].refuses_policy = False
        assert stopped_sales.try_again(links) == {world.connections[0].pk}
    an_hour_later()
    world.reconcile()
    assert told() == []
    assert policies(north)[0] == ("DENY" if decision == "tried again" else "CONTINUE")


def test_a_connection_is_not_disconnected_before_its_sales_are_stopped_or_left_to_the_store(refusing):
    world = refusing(0)
    north = world.places[1]
    connection = world.connections[0]
    disconnecting.begin(connection, "nothing", "deny", waits_for_orders=False)
    world.work()
    world.resolve_holds()
    world.carry()
    assert policies(north) == ["CONTINUE", "DENY", "DENY"]
    world.sweep()
    connection.refresh_from_db()
    assert connection.state == Connection.State.RUNNING
    assert "refuses to change that" in disconnecting.what_is_left(connection)
    stopped_sales.leave_to_store(list(StockLink.objects.all()))
    world.sweep()
    connection.refresh_from_db()
    assert (connection.state, told()) == (Connection.State.ENDED, [])


def test_a_worker_that_dies_before_it_stops_sales_leaves_a_connection_that_is_not_ended(refusing):
    world = refusing()
    north = world.places[1]
    disconnecting.begin(world.connections[0], "nothing", "deny", waits_for_orders=False)
    with world.worker_that_dies() as countdown:
        world.meanwhile("productVariantsBulkUpdate", countdown.now)
        world.work()
    assert [north.available(number) for number in range(3)] == [0] * 3
    assert "CONTINUE" in policies(north)
    disconnecting.finish(Connection.objects.get())
    assert Connection.objects.get().state == Connection.State.RUNNING
    world.sweep()
    world.sweep()
    assert policies(north) == ["DENY"] * 3
    assert Connection.objects.get().state == Connection.State.ENDED


def test_more_than_one_reading_holds_are_all_stopped(refusing, monkeypatch):
    monkeypatch.setattr(stopped_sales.selling, "VARIANTS_PER_READ", 1)
    world = refusing()
    for number in range(3):
        delete(world, number)
    world.work()
    world.resolve_holds()
    world.carry()
    assert policies(world.places[1]) == ["DENY"] * 3
