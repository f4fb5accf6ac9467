"""Of each kind of work: a worker is killed in its middle, again and again, and in the end it is done once, and whole.

A kind is killed here or where `ELSEWHERE` says; a new one has to be added to either.
"""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import OrderImport, OrderSettings
from stores.models import CatalogueSettings, ChosenCollection, Connection, FileLink, Store, Variant, VariantLink
from stores.shopify import gids
from syncing.models import AlertChannel, AlertMessage, PrivacyRequest, StockBurst, SyncJob, WebhookEvent
from syncing.queue import enqueue, jobs
from tests.simulator.events.catalogue import files, hands
from tests.support.console.orders import make_failed
from tests.support.console.rows import make_event
from tests.support.world import World
from tests.tiposync.test_settings import ROOT

Kind = SyncJob.Kind
# Where workers that die before one effect after the other do this work.
ELSEWHERE = {
    Kind.PROCESS_EVENTS: "tests/syncing/test_races.py",
    Kind.CARRY_STOCK: "tests/syncing/stock/test_engine_runs.py",
    Kind.MATCH_PRODUCT: "tests/syncing/test_races.py",
    Kind.RECONCILE: "tests/syncing/test_races.py",
    Kind.UNDO_RUN: "tests/syncing/stock/test_undo.py",
    Kind.IMPORT_ORDER: "tests/orders/copies/test_lost_orders.py",
    Kind.UPDATE_ORDER: "tests/orders/changes/test_carry.py",
    Kind.SYNC_PRODUCT: "tests/syncing/catalogue/products/test_follower.py",
    Kind.SYNC_COLLECTION: "tests/syncing/catalogue/content/test_collections.py",
    Kind.SYNC_CONTENT: "tests/syncing/catalogue/content/test_pages.py",
    Kind.FOLLOW_BULK: "tests/syncing/catalogue/bulk/test_bulk_killed.py",
    Kind.RUN_CATALOGUE: "tests/syncing/catalogue/runs/test_runs.py",
    Kind.DELETE_UNORDERED: "tests/syncing/catalogue/products/test_deletion.py",
}
# Before which effect a worker is killed: each one a little later than the last.
EFFECTS = (2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 28, 36, 46)
MARK = "ada@example.com"
IsDone = Callable[[], object]


def start_connection(world: World) -> IsDone:
    source = world.add_store("source", "source", 3, 20)
    made = world.connect(source, world.add_store("north", "destination", 3, 12), state="ready")
    enqueue.start_connection(made)

    def is_done() -> bool:
        levels = [[place.available(number) for number in range(3)] for place in world.places]
        made.refresh_from_db()
        links = VariantLink.objects.filter(state="linked").count()
        return (made.state, levels, links) == (Connection.State.RUNNING, [[20] * 3] * 2, 3)

    return is_done


def match_connection(world: World) -> IsDone:
    connection = _pair(world)
    for place in world.places:
        product = place.shop.add_product("Late", at=world.sim.clock.whole_seconds())
        place.shop.add_variant(
            product, at=world.sim.clock.whole_seconds(), sku="LATE", stock={place.location_ids[0]: 5}
        )
    enqueue.match_connection(connection)
    return lambda: VariantLink.objects.filter(state="linked").count() == 4


def suggest_partners(world: World) -> IsDone:
    connection = _pair(world)
    VariantLink.objects.update(state="unmatched", destination_variant=None)
    Variant.objects.filter(store=connection.destination_id).update(sku_key="", barcode_key="")
    enqueue.suggest_partners(connection)
    suggested = VariantLink.objects.exclude(suggested_variant=None)
    return lambda: suggested.count() == 3


def check_store(world: World) -> IsDone:
    connection = _pair(world)
    north = world.places[1]
    north.shop.subscriptions.clear()
    Store.objects.filter(pk=north.store.pk).update(status=Store.Status.ATTENTION)
    enqueue.check_store(connection.destination)

    def is_done() -> bool:
        topics = [each.topic for each in north.shop.subscriptions.values()]
        return len(topics) == len(set(topics)) > 5

    return is_done


def send_notice(world: World) -> IsDone:
    connection = _pair(world)
    OrderSettings.objects.create(connection=connection, notice_addresses="desk@example.com", notifies_failed=True)
    failed = make_failed(connection)
    enqueue.send_notice(failed.pk, connection)
    return lambda: OrderImport.objects.get(pk=failed.pk).noticed_as == "failed"


def read_collection(world: World) -> IsDone:
    connection = _pair(world)
    source = world.places[0]
    chosen = hands.add_collection(source.shop, world.sim.clock, "Chosen", products=[source.variants[0].product_id])
    gid = gids.gid("Collection", chosen.id)
    Connection.objects.filter(pk=connection.pk).update(selected_collection_gids=[gid])
    enqueue.read_collection(source.store, gid, due_in=0)
    held = [gids.gid("Product", source.variants[0].product_id)]
    return lambda: [row.product_gids for row in ChosenCollection.objects.all()] == [held]


def follow_files(world: World) -> IsDone:
    connection = _pair(world)
    CatalogueSettings.objects.create(connection=connection, product_mode="create_update").start()
    shop, at = world.places[0].shop, world.sim.clock.whole_seconds()
    file = gids.gid("MediaImage", files.drawn_file(shop, "front.png", at).id)
    FileLink.objects.create(source=connection.source, destination=connection.destination, source_gid=file)
    enqueue.follow_files(connection.destination)

    def is_done() -> bool:
        # Shopify takes no key for a file: one that was made and not noted stays there, and nothing refers to it.
        return gids.number(FileLink.objects.get().destination_gid) in world.places[1].shop.catalog.files

    return is_done


def send_alerts(world: World) -> IsDone:
    _pair(world)
    channel = AlertChannel.objects.create(name="Desk", addresses="desk@example.com")
    for number in range(3):
        AlertMessage.objects.create(channel=channel, title=f"Problem {number}", text="Held.", created_at=timezone.now())
    jobs.enqueue(Kind.SEND_ALERTS)
    return lambda: set(AlertMessage.objects.values_list("state", flat=True)) == {"sent"}


def forget(world: World) -> IsDone:
    connection = _pair(world)
    ada = {"id": 7, "email": MARK}
    for number in range(3):
        body = json.dumps({"id": number, "customer": ada})
        make_event(connection.destination, f"order-{number}", topic="orders/create", body=body)
    fields = {"kind": "customer", "customer_id": 7, "order_ids": [1], "due_at": timezone.now()}
    request = PrivacyRequest.objects.create(store=connection.destination, **fields)
    jobs.enqueue(Kind.FORGET, f"request {request.pk}", arguments={"request": request.pk})
    return lambda: not WebhookEvent.objects.filter(body__contains=MARK).exists()


def compare_recent(world: World) -> IsDone:
    connection = _pair(world)
    source = world.places[0]
    source.buy(0, 4)
    source.lose_webhooks()
    enqueue.compare_recent(connection.source)
    return lambda: [place.available(0) for place in world.places] == [16, 16]


def follow_burst(world: World) -> IsDone:
    connection = _pair(world)
    source = world.places[0]
    source.buy(0, 4)
    source.lose_webhooks()
    now = world.sim.clock.now()
    StockBurst.objects.create(store=connection.source, looked_at=timezone.now(), until_at=now - timedelta(minutes=1))
    jobs.enqueue(Kind.FOLLOW_BURST, f"store {connection.source_id}", store=connection.source)
    return lambda: [place.available(0) for place in world.places] == [16, 16]


def _pair(world: World) -> Connection:
    source = world.add_store("source", "source", 3, 20)
    connection = world.connect(source, world.add_store("north", "destination", 3, 20))
    world.work()
    world.mark()
    return connection


HERE = {
    Kind.START_CONNECTION: start_connection,
    Kind.MATCH_CONNECTION: match_connection,
    Kind.SUGGEST_PARTNERS: suggest_partners,
    Kind.CHECK_STORE: check_store,
    Kind.SEND_NOTICE: send_notice,
    Kind.READ_COLLECTION: read_collection,
    Kind.FOLLOW_FILES: follow_files,
    Kind.SEND_ALERTS: send_alerts,
    Kind.FORGET: forget,
    Kind.COMPARE_RECENT: compare_recent,
    Kind.FOLLOW_BURST: follow_burst,
}


@pytest.mark.parametrize("kind", HERE, ids=str)
def test_a_worker_that_is_killed_again_and_again_does_its_work_in_the_end(world, settings, kind):
    settings.PUBLIC_URL, settings.MAIL_FROM = "https://sync.example.com", "sync@example.com"
    settings.BURST_READ_SECONDS = 1.0
    is_done = HERE[kind](world)
    deaths = 0
    for effect in EFFECTS:
        with world.worker_that_dies(effect) as death:
            world.work(tries=30)
        deaths += death.is_over and SyncJob.objects.filter(kind=kind, message__contains="died").exists()
        if not death.is_over:
            break
    assert deaths > 1
    world.sweep(tries=30)  # the next minute's, which finds what a wake-up of the dead should have told
    assert is_done()
    assert not SyncJob.objects.filter(state=SyncJob.State.FAILED).exists()


def test_every_kind_of_work_is_killed_somewhere():
    assert set(ELSEWHERE) | set(HERE) == set(Kind)
    for path in ELSEWHERE.values():
        assert "worker_that_dies(" in (ROOT / path).read_text(), path
