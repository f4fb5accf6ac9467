"""What a delivery leads to: a value in the mirror, doubt, work, or words that say why nothing."""

import json
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest
from django.db import connection as db
from django.db.models.functions import Now

from stores.models import Store, Variant
from syncing import handlers
from syncing.models import StockLevel, StockLink, StockObservation, SyncJob, WebhookEvent
from syncing.queue import jobs
from syncing.stock import planning
from syncing.webhooks import inbox
from tests.simulator.events import merchant as people
from tests.support.world import ADDRESS


def mirror(place, number=0):
    return StockLevel.objects.get(store=place.store, item_gid__endswith=f"/{place.item(number)}")


def tell(world, place, topic, payload, webhook_id="w-1"):
    """A delivery that the simulator knows nothing of."""
    body = payload if isinstance(payload, str) else json.dumps(payload)
    inbox.record(place.store.pk, webhook_id, topic, body, "e-1", world.sim.clock.now(), "2026-10")
    world.work()
    return WebhookEvent.objects.get(webhook_id=webhook_id)


def stock_body(world, place, available, seconds=0, number=0, **changes):
    at = datetime.fromtimestamp(world.sim.clock.whole_seconds() + seconds, UTC)
    return {
        "inventory_item_id": place.item(number),
        "location_id": place.location_ids[0],
        "available": available,
        "updated_at": at.isoformat(),
        **changes,
    }


def test_a_newer_value_is_taken_without_a_read_and_noted(pair):
    world = pair()
    source, north = world.places
    world.tick()
    north.shop.levels[north.item(0), north.location_ids[0]].available = 18
    event = tell(world, north, "inventory_levels/update", stock_body(world, north, 18))
    assert event.state == "done"
    assert mirror(north).available == 18
    assert north.reads == 0
    seen = StockObservation.objects.filter(level=mirror(north), origin="webhook").get()
    assert (seen.previous, seen.available, seen.event) == (20, 18, event)
    assert source.available() == 18


def product_body(place, number=0):
    variant = Variant.objects.get(store=place.store, item_gid__endswith=f"/{place.item(number)}")
    return {"id": int(variant.product_gid.rpartition("/")[2]), "variants": []}


def test_webhooks_of_products_wait_for_company_and_those_of_stock_do_not_wait_for_them(pair, settings):
    settings.WEBHOOK_PATIENCE_SECONDS = 9  # less than a worker waits for other jobs
    world = pair()
    source, north = world.places
    world.tick()
    work = dict.fromkeys(handlers.WORK, lambda job: None) | {SyncJob.Kind.PROCESS_EVENTS: handlers.process_events}
    for number in range(2):
        body = json.dumps(product_body(source))
        inbox.record(source.store.pk, f"p-{number}", "products/update", body, "e", world.sim.clock.now(), "2026-10")
    assert jobs.run_due(work, 5) == 0
    body = json.dumps(stock_body(world, source, 12))
    inbox.record(source.store.pk, "s-1", "inventory_levels/update", body, "e", world.sim.clock.now(), "2026-10")
    assert jobs.run_due(work, 5) == 2  # it, and what it leads to
    assert mirror(source).available == 12
    states = dict(WebhookEvent.objects.values_list("webhook_id", "state"))
    assert (states["s-1"], states["p-0"], states["p-1"]) == ("done", "new", "new")
    SyncJob.objects.update(due_at=Now())
    assert jobs.run_due(work, 5) == 2  # one job for both, and one that it asks for
    assert not WebhookEvent.objects.filter(state="new").exists()


def test_a_webhook_is_recorded_though_the_session_was_cut_since_the_last_one(pair):
    world = pair()
    source = world.places[0].store
    fields = {"topic": "shop/update", "body": "{}", "event_id": "e", "triggered_at": None, "version": "2026-10"}
    deliver = partial(inbox.record, source.pk, **fields)
    assert deliver(webhook_id="w-1")
    cut_off()
    assert deliver(webhook_id="w-2")
    assert not deliver(webhook_id="w-2")
    assert WebhookEvent.objects.filter(webhook_id__startswith="w-").count() == 2


def cut_off():
    """End our session of the database, as a restart of it does."""
    parameters = {key: db.get_connection_params()[key] for key in ("dbname", "host", "user")}
    with psycopg.connect(**parameters, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [db.connection.info.backend_pid])


@pytest.mark.parametrize("seconds", [0, -1, -3600])
def test_an_older_or_equally_old_value_that_differs_proves_nothing_and_is_looked_up(pair, seconds):
    world = pair()
    source, north = world.places
    world.tick()
    north.restock(0, 1)
    world.follow()
    written = source.writes + north.writes
    tell(world, north, "inventory_levels/update", stock_body(world, north, 3, seconds))
    assert north.reads == 1
    assert (mirror(north).available, mirror(north).is_doubtful) == (21, False)
    assert [place.available() for place in world.places] == [21, 21]
    assert source.writes + north.writes == written


def test_an_older_value_that_is_the_same_costs_nothing(pair):
    world = pair()
    source, north = world.places
    tell(world, north, "inventory_levels/update", stock_body(world, north, 20, -3600))
    assert source.reads == north.reads == 0


def test_a_delivery_repeated_under_its_id_is_processed_once(pair):
    world = pair()
    source, _ = world.places
    source.buy(0, 1)
    (one,) = source.waiting()
    world.sim.pump(source.domain, [one, one, one])
    world.work()
    assert WebhookEvent.objects.filter(store=source.store).count() == 1


def test_a_value_of_null_is_never_taken_for_0(pair):
    world = pair()
    source, north = world.places
    world.tick()
    tell(world, source, "inventory_levels/update", stock_body(world, source, None))
    assert mirror(source).available is None
    assert north.available() == 20
    assert StockLink.objects.order_by("pk").first().state == "skipped"


def test_an_item_that_is_not_linked_is_ignored_with_a_reason(pair):
    world = pair()
    source, _ = world.places
    body = stock_body(world, source, 3, inventory_item_id=2**60 + 1)
    event = tell(world, source, "inventory_levels/update", body)
    assert (event.state, event.reason) == ("ignored", "This item at this location is not linked.")


@pytest.mark.parametrize(
    "body",
    [
        "\ufffd not json",
        "[]",
        "null",
        "{}",
        '{"inventory_item_id": 1, "location_id": 2, "available": 3}',
        '{"inventory_item_id": 1, "location_id": 2, "available": "3", "updated_at": "2026-11-21T12:00:00Z"}',
        '{"inventory_item_id": 1, "location_id": 2, "available": true, "updated_at": "2026-11-21T12:00:00Z"}',
        '{"inventory_item_id": 1, "location_id": 2, "available": 2.5, "updated_at": "2026-11-21T12:00:00Z"}',
        '{"inventory_item_id": -1, "location_id": 2, "available": 3, "updated_at": "2026-11-21T12:00:00Z"}',
        '{"inventory_item_id": 1, "location_id": 2, "available": 3, "updated_at": "yesterday"}',
        '{"inventory_item_id": 1, "location_id": 2, "available": 3, "updated_at": "2026-11-21T12:00:00"}',
        '{"inventory_item_id": 1, "location_id": 2, "available": 3, "updated_at": 5}',
        '{"inventory_item_id": 1, "location_id": 2, "available": 99999999999, "updated_at": "2026-11-21T12:00:00Z"}',
        "[" * 100_000,
    ],
)
def test_a_malformed_body_is_shown_as_failed_and_the_others_go_on(pair, body):
    world = pair()
    source, north = world.places
    source.buy(0, 2)
    world.deliver()
    inbox.record(source.store.pk, "w-bad", "inventory_levels/update", body, "", None, "2026-10")
    source.buy(1, 3)
    world.follow()
    event = WebhookEvent.objects.get(webhook_id="w-bad")
    assert event.state == "failed"
    assert event.reason.startswith("The body is not what Shopify documents for inventory_levels/update")
    assert (north.available(0), north.available(1)) == (18, 17)


@pytest.mark.parametrize("topic", ["products/update", "inventory_items/update", "inventory_levels/connect"])
def test_a_malformed_body_of_another_topic_spoils_none_of_its_like(pair, topic):
    world = pair()
    source, _ = world.places
    good = {
        "products/update": {"id": source.variants[0].product_id, "variants": []},
        "inventory_items/update": {"id": source.item(0), "sku": "SKU-0", "tracked": True},
        "inventory_levels/connect": {"inventory_item_id": source.item(0), "location_id": source.location_ids[0]},
    }[topic]
    inbox.record(source.store.pk, "w-bad", topic, '{"id": "?"}', "", None, "2026-10")
    assert tell(world, source, topic, good, "w-good").state == "done"
    assert WebhookEvent.objects.get(webhook_id="w-bad").state == "failed"


def test_an_event_that_meets_a_bug_of_ours_stops_none_of_its_like_and_leaves_nothing_half_done(pair):
    world = pair()
    store = world.places[0].store

    def rename_and_stumble(of, payloads):
        for payload in payloads:
            Store.objects.filter(pk=of.pk).update(name=f"after {payload['id']}")
            assert payload["id"] != 2
        return ["Renamed."] * len(payloads)

    for number in (1, 2):
        inbox.record(store.pk, f"w-{number}", "shop/update", json.dumps({"id": number}), "", None, "2026-10")
    inbox.process_new({"shop/update": rename_and_stumble})
    good, bad = WebhookEvent.objects.filter(topic="shop/update").order_by("pk")
    assert (good.state, bad.state) == ("done", "failed")
    assert bad.reason == "It cannot be processed, a bug of ours: AssertionError. The log tells more."
    assert Store.objects.get(pk=store.pk).name == "after 1"


def test_a_topic_that_nothing_follows_is_ignored(pair):
    world = pair()
    assert tell(world, world.places[0], "customers/create", {"id": 1}).state == "ignored"


def test_a_level_that_comes_or_goes_is_read_live(pair):
    world = pair()
    source, north = world.places
    source.leave(0)
    world.follow()
    assert not mirror(source).is_active
    link = StockLink.objects.order_by("pk").first()
    assert (link.state, link.reason) == ("in_step", planning.NONE_THERE)
    assert north.available() == 0
    people.activate(source.shop, world.sim.clock, source.item(0), source.location_ids[0])
    source.buy(0, 1)
    world.follow()
    assert [place.available() for place in world.places] == [19, 19]


def test_stock_that_moves_a_product_leads_to_no_matching_but_a_new_sku_does(pair):
    world = pair()
    source, _ = world.places
    world.sim.subscribe(source.domain, "PRODUCTS_UPDATE", ADDRESS)
    world.sim.subscribe(source.domain, "INVENTORY_ITEMS_UPDATE", ADDRESS)
    Variant.objects.update(title="Default Title", options=[["Title", "Default Title"]])
    source.buy(0, 1)
    world.follow()
    assert source.count("product") == 0
    people.change_variant(source.shop, world.sim.clock, source.variants[0].id, sku="SKU-NEW")
    world.follow()
    assert source.count("product") >= 1
    assert Variant.objects.get(gid__endswith=f"/{source.variants[0].id}").sku == "SKU-NEW"
    link = StockLink.objects.order_by("pk").first()
    assert link.variant_link.state == "linked"  # once linked, a pair stays linked by id


def test_an_item_that_is_no_longer_tracked_is_skipped_with_a_reason(pair):
    world = pair()
    source, _ = world.places
    world.sim.subscribe(source.domain, "INVENTORY_ITEMS_UPDATE", ADDRESS)
    people.change_inventory_item(source.shop, world.sim.clock, source.item(0), tracked=False)
    world.follow()
    link = StockLink.objects.order_by("pk").first()
    assert (link.state, link.reason) == ("skipped", "inventory is not tracked in the source")


def test_an_uninstalled_app_disconnects_the_store_with_words_and_the_rest_goes_on(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    world.sim.subscribe(north.domain, "APP_UNINSTALLED", ADDRESS)
    world.sim.uninstall(north.domain)
    world.follow()
    north.store.refresh_from_db()
    assert north.store.status == Store.Status.DISCONNECTED
    assert "the app was uninstalled" in north.store.status_reason
    source.buy(0, 5)
    world.follow()
    assert [place.available() for place in world.places] == [15, 20, 15]
    assert not SyncJob.objects.filter(state="failed").exists()


def test_an_event_may_be_replayed_at_any_time(pair):
    world = pair()
    source, north = world.places
    source.buy(0, 5)
    world.follow()
    north.buy(0, 1)
    world.follow()
    written = source.writes + north.writes
    for event in WebhookEvent.objects.all():
        inbox.replay(event)
    world.work()
    assert [place.available() for place in world.places] == [14, 14]
    assert source.writes + north.writes == written
    assert not WebhookEvent.objects.filter(state="new").exists()
