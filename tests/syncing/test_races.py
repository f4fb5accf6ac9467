"""What an adversary would try: work that never ends, stale truths, deaths and decisions at the worst moment."""

import json
import threading
import time

import pytest
from django.db import connection as db
from django.db import transaction

from stores.models import Connection, LocationMapping, VariantLink
from syncing import handlers, views
from syncing.models import StockHold, StockLevel, StockLink, SyncJob, WebhookEvent
from syncing.queue import jobs
from syncing.stock import holds, wiring
from syncing.stock.mirror import levels
from syncing.webhooks import inbox, stores, topics
from tests.support.thoroughness import effects

ADJUST = "inventoryAdjustQuantities"


def levels_of(world, number=0, at=0):
    return [place.available(number, at) for place in world.places]


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """A run that makes no progress would otherwise go on for a minute each time."""
    monkeypatch.setattr(handlers, "CARRY_SECONDS", 2)


def build_sum(world, stock=20, **fields):
    """Two rooms of the source are summed into one of the destination."""
    source = world.add_store("source", "source", stock=stock, locations=2)
    north = world.add_store("north", "destination", stock=2 * stock)
    mapped = [(source.location_ids[0], north.location_ids[0]), (source.location_ids[1], north.location_ids[0])]
    world.connect(source, north, "one_way", mapped=mapped, **fields)
    world.work()
    world.mark()
    return source, north


def test_a_sum_that_is_held_is_looked_at_once_and_not_for_ever(world):
    source, north = build_sum(world, stock=600, guard_move=100)
    source.set(0, 100, at=1)
    world.follow()
    assert north.available() == 1200
    assert StockHold.objects.filter(state="open").count() == 1
    assert (source.reads, north.reads) == (2, 1)


def test_a_sum_that_shopify_refuses_is_set_aside_whole(world):
    source, north = build_sum(world)
    north.variants[0].requires_components = True
    source.buy(0, 1, at=1)
    world.follow()
    assert north.writes == 1
    assert world.unsettled() == []


def test_discarding_the_hold_of_a_sum_leaves_both_sides(world):
    source, north = build_sum(world, stock=600, guard_move=100)
    source.set(0, 100, at=1)
    world.follow()
    holds.discard(StockHold.objects.get(state="open"))
    world.carry()
    assert north.available() == 1200
    assert not StockHold.objects.filter(state="open").exists()
    source.buy(0, 1, at=0)
    world.follow()
    assert StockHold.objects.filter(state="open").count() == 1  # the sum moved again


def test_a_mapping_that_comes_back_is_aligned_with_live_values(pair):
    world = pair()
    source, north = world.places
    (connection,) = world.connections
    mapping = connection.mappings.get()
    fields = {"source_location": mapping.source_location, "destination_location": mapping.destination_location}
    mapping.delete()
    north.set(0, 7)
    world.tick()
    for place in world.places:
        place.lose_webhooks()
    LocationMapping.objects.create(connection=connection, **fields)
    wiring.wire_connection(connection)
    world.carry()
    world.reconcile()
    assert levels_of(world) == [20, 20]


def test_a_change_of_strategy_aligns_with_live_values(pair):
    world = pair("one_way", drift="report")
    source, north = world.places
    north.set(0, 7)
    north.lose_webhooks()
    world.tick()
    Connection.objects.update(strategy="two_way")
    world.carry()
    world.reconcile()
    assert levels_of(world) == [20, 20]


def test_a_webhook_of_yesterday_is_not_what_an_alignment_starts_from(world):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=9)
    north.set(0, 9)
    north.set(0, 8)
    world.tick(5)
    late = north.waiting()
    world.sim.serialise(north.domain)
    north.set(0, 7)
    world.connect(source, north, "two_way")
    SyncJob.objects.all().delete()
    world.sim.pump(north.domain, [one.number for one in late])
    north.lose_webhooks()
    world.carry()
    world.reconcile()
    assert levels_of(world) == [20, 20]


def test_an_absurd_quantity_is_skipped_while_the_rest_goes(world):
    source, north = build_sum(world)
    source.set(0, 999_999_999, at=0)
    source.set(0, 999_999_999, at=1)
    source.set(1, 25, at=0)
    Connection.objects.update(guard_move=2_000_000_000)
    world.follow()
    assert north.available(1) == 45
    assert north.available(0) == 40


def test_a_variant_with_a_ledger_can_be_linked_anew(pair):
    world = pair()
    source, north = world.places
    source.buy(0, 1)
    source.buy(1, 1)
    world.follow()
    VariantLink.objects.filter(pk=StockLink.objects.order_by("pk")[0].variant_link_id).update(state="ignored")
    wiring.wire_connection(world.connections[0])
    source.buy(0, 1)
    world.follow()
    assert levels_of(world) == [18, 19]


def test_a_product_event_survives_the_death_of_its_worker(pair):
    world = pair()
    store = world.places[0].store
    body = json.dumps({"id": world.places[0].variants[0].product_id, "title": "Another", "variants": []})
    for effect in effects():
        SyncJob.objects.all().delete()
        store.events.all().delete()
        inbox.record(store.pk, f"w{effect}", "products/update", body, "", None, "2026-10")
        with world.worker_that_dies(effect) as death:
            inbox.process_new(topics.EFFECTS)
        event = store.events.get()
        is_due = SyncJob.objects.filter(kind=SyncJob.Kind.MATCH_PRODUCT).exists()
        assert event.state == "new" or is_due, effect
        if not death.is_over:
            break
    assert effect > 1


def test_webhooks_that_never_cease_leave_time_for_other_work(pair, monkeypatch):
    world = pair()
    seen, store_id = [], world.places[0].store.pk

    def following(topic):
        def effect(store, payloads):
            seen.append(topic)
            assert len(seen) < 200, "it never ends"
            inbox.record(store_id, f"e{len(seen)}", topic, "{}", "", None, "2026-10")
            return ["Seen."] * len(payloads)

        return effect

    for topic in ("x/y", "x/z"):  # while one is processed, the other waits
        inbox.record(store_id, topic, topic, "{}", "", None, "2026-10")
    monkeypatch.setattr(topics, "EFFECTS", {topic: following(topic) for topic in ("x/y", "x/z")})
    monkeypatch.setattr(handlers, "PROCESS_SECONDS", 0.2)
    with pytest.raises(jobs.Later):
        handlers.process_events(SyncJob(kind=SyncJob.Kind.PROCESS_EVENTS))
    assert len(seen) > 1


def test_what_arrives_while_the_last_webhook_is_processed_has_a_job_of_its_own(pair, monkeypatch):
    world = pair()
    store_id = world.places[0].store.pk

    def effect(store, payloads):
        inbox.record(store_id, "late", "x/z", "{}", "", None, "2026-10")
        return ["Seen."] * len(payloads)

    monkeypatch.setattr(topics, "EFFECTS", {"x/y": effect})
    inbox.record(store_id, "early", "x/y", "{}", "", None, "2026-10")
    assert jobs.run_due({SyncJob.Kind.PROCESS_EVENTS: handlers.process_events}, 5) == 2
    assert not WebhookEvent.objects.filter(state="new").exists()


def test_a_release_that_was_never_used_does_not_let_a_later_fall_through(pair):
    world = pair(stock=60)
    source, north = world.places
    source.set(0, 0)
    world.follow()
    holds.release(StockHold.objects.get(state="open"))
    source.set(0, 55)
    world.follow()
    source.set(0, 60)
    world.follow()
    assert levels_of(world) == [60, 60]
    source.set(0, 0)
    world.follow()
    assert levels_of(world) == [0, 60]
    assert StockHold.objects.filter(state="open").count() == 1


def test_pausing_stops_a_run_in_the_middle(pair, monkeypatch):
    world = pair(items=6)
    source, north = world.places
    monkeypatch.setattr("syncing.stock.engine.LOT_ROWS", 2)
    for number in range(6):
        source.buy(number, 1)
    world.deliver()
    world.meanwhile(ADJUST, lambda: Connection.objects.update(is_paused=True))
    world.work()
    assert north.writes == 1


def blocked_workers():
    with db.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


def processing():
    try:
        inbox.process_new(topics.EFFECTS)
    finally:
        db.close()


def test_webhooks_of_two_stores_never_wait_for_a_level_with_a_link_in_hand(pair):
    """A run locks levels, then their links: who locks a level after a link waits for it in a circle."""
    world = pair()
    source, north = world.places
    source.buy(0, 1)
    north.buy(0, 1)
    world.deliver()
    link = StockLink.objects.order_by("pk")[0]
    with transaction.atomic():
        levels.lock_levels([link.destination_level_id])
        worker = threading.Thread(target=processing)
        worker.start()
        wait_until(blocked_workers)
        StockLink.objects.select_for_update(nowait=True).get(pk=link.pk)  # raises if the worker has it
    worker.join(20)
    world.work()
    world.follow()
    assert levels_of(world) == [18, 18]


def test_levels_that_were_disconnected_are_locked_in_one_order(pair):
    world = pair()
    north = world.places[1]
    first, second = StockLevel.objects.filter(store=north.store).order_by("pk")[:2]
    items = [int(level.item_gid.rsplit("/", 1)[1]) for level in (second, first)]
    payloads = [{"inventory_item_id": item, "location_id": north.location_ids[0]} for item in items]
    with transaction.atomic():
        levels.lock_levels([first.pk])
        worker = threading.Thread(target=disconnecting, args=(north.store, payloads))
        worker.start()
        wait_until(blocked_workers)
        StockLevel.objects.select_for_update(nowait=True).get(pk=second.pk)  # raises if the worker has it
    worker.join(20)
    assert StockLevel.objects.filter(store=north.store, is_doubtful=True).count() == 2


def disconnecting(store, payloads):
    try:
        with transaction.atomic():
            stores.doubt_levels(store, payloads)
    finally:
        db.close()


def test_a_store_is_remembered_once_however_its_domain_is_spelt(pair):
    world = pair()
    domain = world.places[0].domain
    for name in (domain, domain.upper(), domain.title()):
        assert views._find_store(name)[0] == world.places[0].store.pk
    assert len(views._stores) == 1
