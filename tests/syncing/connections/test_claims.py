"""What an ended connection holds: nothing; and what it has again when it is connected again."""

import pytest
from django.utils import timezone

from stores.linking import linking
from stores.linking.claims import RELEASED
from stores.models import Connection, SyncSwitch, Variant, VariantLink
from stores.shopify import gids
from stores.variants import key_of
from syncing.connections import disconnecting
from syncing.models import StockLink, SyncJob
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from tests.simulator.events import merchant as people

State = Connection.State


@pytest.fixture
def two(world):
    """Two sources with the same goods for one destination: the first has all partners, the second wants them."""
    first = world.add_store("first", "source", 3, 20)
    second = world.add_store("second", "source", 3, 30)
    north = world.add_store("north", "destination", 3, 20)
    for variant in Variant.objects.all():
        Variant.objects.filter(pk=variant.pk).update(sku_key=key_of(variant.sku))
    world.connect(first, north, "one_way", identifier="sku")
    late = world.connect(second, north, "one_way", identifier="sku", state="ready")
    world.work()
    linking.match_connection(late)
    late.start()
    world.work()
    return world


def fresh(world, number=0):
    return Connection.objects.select_related("source", "destination").get(pk=world.connections[number].pk)


def states(world, number):
    return list(fresh(world, number).links.order_by("source_variant").values_list("state", flat=True))


def end(world, number=0, quantities="leave"):
    disconnecting.begin(fresh(world, number), "nothing", quantities, waits_for_orders=False)
    world.work()
    world.resolve_holds()
    world.carry()
    world.sweep()
    assert fresh(world, number).state == State.ENDED


def connect_again(world, number=0):
    disconnecting.connect_again(fresh(world, number))
    enqueue.start_connection(fresh(world, number))
    world.work()


def told():
    return [problem.message for problem in data_problems.unvouched_stock(timezone.now())]


def test_what_an_ended_connection_had_is_another_ones_at_once(two):
    north = two.places[2]
    assert states(two, 1) == ["ambiguous"] * 3
    end(two)
    two.work()
    assert states(two, 1) == ["linked"] * 3
    assert set(fresh(two).links.values_list("state", "reason")) == {("gone", RELEASED)}
    two.carry()
    two.resolve_holds()
    two.carry()
    assert [north.available(number) for number in range(3)] == [30, 30, 30]
    assert told() == []  # somebody vouches for them again


def test_connected_again_what_was_taken_meanwhile_is_ambiguous_and_says_why(two):
    first, second, north = two.places
    end(two)
    two.work()
    two.resolve_holds()
    two.carry()
    product = second.variants[2].product_id
    people.delete_product(second.shop, two.sim.clock, product)
    enqueue.match_product(second.store, gids.gid("Product", product))
    two.work()
    assert states(two, 1) == ["linked", "linked", "gone"]
    disconnecting.connect_again(fresh(two))
    assert states(two, 0) == ["ambiguous", "ambiguous", "linked"]
    link = fresh(two).links.order_by("source_variant").first()
    assert link.reason == "Its partner is already linked to Product 0 [SKU-0] of Second."
    assert [variant.sku for variant in link.candidates.all()] == ["SKU-0"]
    enqueue.start_connection(fresh(two))
    two.work()
    two.resolve_holds()
    two.carry()
    assert states(two, 0) == ["ambiguous", "ambiguous", "linked"]
    assert states(two, 1) == ["linked", "linked", "gone"]
    assert [north.available(number) for number in range(3)] == [30, 30, 20]
    first.buy(0, 5)
    two.follow()
    two.reconcile()
    assert north.available(0) == 30


def test_connected_again_with_nothing_taken_all_is_as_before_whatever_an_operator_linked(pair):
    world = pair("one_way")
    link = fresh(world).links.order_by("pk").first()
    linking.set_partner(link, link.destination_variant, by="Ada")
    before = set(fresh(world).links.values_list("pk", "destination_variant", "is_manual"))
    end(world)
    assert not VariantLink.objects.filter(state="linked").exists()
    enqueue.match_product(world.places[0].store, gids.gid("Product", world.places[0].variants[0].product_id))
    world.work()
    assert not VariantLink.objects.filter(state="linked").exists()
    connect_again(world)
    assert set(fresh(world).links.values_list("pk", "destination_variant", "is_manual")) == before
    assert states(world, 0) == ["linked"] * 3
    world.places[0].buy(0, 5)
    world.follow()
    assert world.places[1].available() == 15


def test_what_was_deleted_meanwhile_is_gone_for_that_reason(pair):
    world = pair("one_way", identifier="sku")
    _, north = world.places
    end(world)
    product = north.variants[0].product_id
    people.delete_product(north.shop, world.sim.clock, product)
    enqueue.match_product(north.store, gids.gid("Product", product))
    world.work()
    disconnecting.connect_again(fresh(world))
    assert fresh(world).links.order_by("pk").first().reason == "Its partner was deleted in the destination."


def test_an_ended_connection_is_not_matched_and_nothing_is_linked_by_hand_in_it(pair):
    world = pair("one_way", identifier="sku")
    end(world)
    link = fresh(world).links.order_by("pk").first()
    with pytest.raises(linking.LinkRefused, match="connect it again first"):
        linking.set_partner(link, link.destination_variant)
    linking.match_connection(fresh(world))
    assert not VariantLink.objects.filter(state="linked").exists()


def test_only_those_who_want_something_of_it_are_matched_again(two):
    late = fresh(two, 1)
    late.links.all().delete()
    SyncJob.objects.all().delete()
    end(two)
    assert not SyncJob.objects.filter(kind="match_connection", connection=late).exists()


def test_disconnected_while_nothing_travels_what_is_left_on_sale_is_told_too(pair):
    world = pair("one_way", ending="zero")
    SyncSwitch.objects.create(pk=1, is_stopped=True)
    disconnecting.begin(fresh(world), "nothing", "leave", waits_for_orders=False)
    assert fresh(world).state == State.ENDED
    (words,) = told()
    assert words.startswith("3 items are on sale in North")
    assert set(StockLink.objects.values_list("ending", flat=True)) == {"leave"}
