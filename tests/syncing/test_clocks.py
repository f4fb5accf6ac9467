"""Our clock and Shopify's differ, and ours leaps: no unit is lost for it, nothing spins, nothing waits for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.clients import open_client
from stores.models import Variant
from stores.shopify import gids
from syncing import jobs
from syncing.models import StockBatch, StockHold, StockLink
from syncing.stock import engine, holds
from tests.places import put_ahead
from tests.simulator import merchant


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_released_hold_is_not_held_again_because_our_clock_was_set_back(pair, strategy):
    world = pair(strategy, stock=60)
    source = world.places[0]
    source.buy(0, 1)
    world.follow()  # a write of 59, by a clock that is an hour ahead of what comes next
    put_ahead(world.sim, hours=-1)
    world.tick()
    source.set(0, 0)
    world.follow()
    (hold,) = StockHold.objects.filter(state="open")
    holds.release(hold)
    for _ in range(5):
        world.carry()
        world.tick(60)
    assert not StockHold.objects.filter(state="open").exists()
    assert levels_of(world) == [0, 0]


def test_a_release_from_before_a_later_write_counts_no_more_whatever_our_clock_says(pair):
    world = pair("one_way", stock=60)
    source = world.places[0]
    source.set(0, 0)
    world.follow()
    holds.release(StockHold.objects.get(state="open"))
    world.carry()
    put_ahead(world.sim, hours=-1)
    world.tick()
    source.set(0, 60)
    world.follow()
    assert levels_of(world) == [60, 60]
    world.tick()
    source.set(0, 0)
    world.follow()
    assert levels_of(world) == [0, 60], "the operator let another fall to 0 through than this one"


def test_a_variant_that_is_read_again_is_believed_although_our_clock_was_set_back(pair):
    world = pair()
    source = world.places[0]
    product_gid = gids.gid("Product", source.variants[0].product_id)
    jobs.match_product(source.store, product_gid)
    world.work()
    put_ahead(world.sim, hours=-1)
    world.tick()
    merchant.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=False)
    jobs.match_product(source.store, product_gid)
    world.work()
    assert not Variant.objects.get(gid=gids.gid("ProductVariant", source.variants[0].id)).is_tracked
    merchant.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=True)
    jobs.match(world.connections[0])
    world.work()
    assert Variant.objects.get(gid=gids.gid("ProductVariant", source.variants[0].id)).is_tracked


def test_a_run_waits_for_company_no_longer_than_it_should_although_the_clocks_were_set_back(
    pair, settings, monkeypatch
):
    world = pair()
    later = timezone.now() + timedelta(hours=1)
    link = StockLink.objects.first()
    StockLink.objects.filter(pk=link.pk).update(dirty_at=later, dirty_sequence=link.dirty_sequence + 1)
    StockBatch.objects.create(
        store=world.places[1].store, connection=world.connections[0], kind="set", body=b"", state="applied",
        first_sent_at=later,
    )  # fmt: skip
    settings.STOCK_LINGER_SECONDS = 0.2
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        assert len(pauses) < 100, "it waits for ever"
        clock[0] += seconds

    clock = [1000.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(engine.time, "sleep", sleep)
    run = engine.Run(world.connections[0], open_client)
    assert run._wait_for_company() == 1
    assert sum(pauses) <= 0.25
