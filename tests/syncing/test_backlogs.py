"""More to carry than one run has time for, with a store in trouble beside it: what can be carried goes on at once."""

import contextlib
from itertools import count

from stores.clients import open_client
from stores.models import Connection
from stores.shopify.errors import ShopifyError
from syncing import handlers
from syncing.models import StockAdjustment, SyncJob
from syncing.queue import jobs
from syncing.stock.engine import Run
from syncing.stock.writes import delivery
from tests.syncing.stock.test_store_in_trouble import let_minutes_pass


def carry_one_round(world):
    rounds = count()
    handlers.process_events(SyncJob(kind="process_events"))
    connection = Connection.objects.select_related("source", "destination").get(pk=world.connections[0].pk)
    Run(connection, open_client).carry(60, lambda: next(rounds) > 0)


def test_a_slow_store_whose_item_sells_all_the_time_keeps_no_sale_of_its_own_from_the_other(pair, monkeypatch):
    world = pair()
    deliver_to = delivery._deliver_to

    def deliver_slowly(*arguments):
        try:
            return deliver_to(*arguments)
        finally:
            monkeypatch.setattr(delivery, "PLAN_SECONDS", -1.0)  # it took longer than a plan lives

    monkeypatch.setattr(delivery, "_deliver_to", deliver_slowly)
    source, north = world.places
    north.buy(1, 2)
    for _ in range(4):
        source.buy(0)
        world.deliver()
        monkeypatch.setattr(delivery, "PLAN_SECONDS", 60.0)
        carry_one_round(world)
    assert source.available(1) == 18
    assert north.available(0) <= 18


def test_what_a_run_had_no_time_for_waits_for_no_store_in_trouble(pair, monkeypatch):
    world = pair()
    source, north = world.places
    source.buy(0)
    world.deliver()
    north.fault("lost_answer", match="inventoryAdjustQuantities")
    with contextlib.suppress(ShopifyError):
        carry_one_round(world)
    north.fault("http", match="any", status=503, count=None)
    north.buy(1, 2)
    world.deliver()
    handlers.process_events(SyncJob(kind="process_events"))
    SyncJob.objects.all().delete()
    monkeypatch.setattr(handlers, "CARRY_SECONDS", 0)
    with contextlib.suppress(ShopifyError, jobs.Later):
        handlers.carry_stock(SyncJob(kind="carry_stock", connection=world.connections[0]))
    assert SyncJob.objects.filter(kind="carry_stock", state="queued").exists()


def test_a_passing_fault_of_one_store_is_over_when_it_is_although_the_other_needs_an_operator(pair):
    world = pair()
    source, north = world.places
    north.fault("http", match="any", status=403, count=None)
    source.fault("http", match="inventoryAdjustQuantities", status=502)
    source.buy(0)
    north.buy(1, 2)
    let_minutes_pass(world, 2)
    assert source.available(1) == 18
    assert not StockAdjustment.objects.filter(state="pending", batch__store=source.store).exists()
