"""Whatever is wrong is said where the operator looks; nothing is lost, nothing half written, and the rest goes on."""

import pytest
from django.core.exceptions import ValidationError

from stores.models import Connection, Location, LocationMapping, Store
from syncing.models import StockBatch, StockLink, SyncJob, WebhookEvent
from syncing.monitoring.connection_status import connection_status
from syncing.queue import enqueue, jobs
from tests.support.places import TOPICS

CHECK, CARRY, START = SyncJob.Kind.CHECK_STORE, SyncJob.Kind.CARRY_STOCK, SyncJob.Kind.START_CONNECTION


def levels_of(world, number=0):
    return [place.available(number) for place in world.places]


def check(world, store):
    """What Check store says of it, as {name: (ok, message)}."""
    enqueue.check_store(store)
    world.work()
    store.refresh_from_db()
    return {row["name"]: (row["ok"], row["message"]) for row in store.check_report}


def failed_job(connection, kind=CARRY):
    return SyncJob.objects.get(connection=connection, kind=kind, state=SyncJob.State.FAILED)


def test_a_domain_that_shopify_does_not_know_is_told_by_the_check_and_the_store_is_disconnected(world):
    store = Store.objects.create(
        domain="typo-store.myshopify.com", role="source", auth="static_token", access_token="shpat_x", client_secret="s"
    )
    findings = check(world, store)
    (finding,) = [message for ok, message in findings.values() if not ok]
    assert "typo-store.myshopify.com" in finding
    assert store.status == Store.Status.DISCONNECTED
    assert finding in store.status_reason


@pytest.mark.parametrize("domain", ["shop.example.com", "https://north-store.myshopify.com", "north store", ""])
def test_what_is_no_permanent_domain_is_refused_with_an_example(domain):
    with pytest.raises(ValidationError) as refused:
        Store(domain=domain, role="source", auth="static_token", access_token="x").clean_fields()
    words = str(refused.value.message_dict["domain"])
    assert "my-store.myshopify.com" in words or not domain


def test_another_name_of_a_store_is_told_with_its_permanent_one(world):
    source = world.add_store("source", "source")
    world.sim.shops["alias-store.myshopify.com"] = source.shop
    source.store.domain = "alias-store.myshopify.com"
    source.store.save()
    ok, message = check(world, source.store)["Reachable"]
    assert not ok
    assert "source-store.myshopify.com answers under alias-store.myshopify.com" in message


def test_a_revoked_token_disconnects_the_store_with_words_and_nothing_is_lost(pair):
    world = pair(destinations=2)
    source, north, south = world.places
    world.sim.revoke_tokens(north.domain)
    source.buy(0, 4)
    north.buy(0, 1)
    world.follow()
    assert levels_of(world) == [15, 19, 15]  # the webhook of north is signed with the secret, which still holds
    north.store.refresh_from_db()
    assert north.store.status == Store.Status.DISCONNECTED
    assert "token" in north.store.status_reason.lower()
    assert "disconnected" in connection_status(world.connections[0])["inert_reason"]
    assert failed_job(world.connections[0]).failure == SyncJob.Failure.MISCONFIGURED
    source.buy(0, 2)
    north.lose_webhooks()
    world.follow()
    assert levels_of(world) == [13, 19, 13]
    world.sim.install(north.domain)
    assert all(ok for ok, _ in check(world, north.store).values())
    world.reconcile()
    world.follow()
    assert levels_of(world) == [13, 13, 13]
    assert not SyncJob.objects.filter(state="failed").exists()


@pytest.mark.parametrize("scope", ["write_inventory", "read_inventory"])
def test_a_missing_scope_is_named_in_the_job_and_in_the_check(pair, scope):
    world = pair(destinations=2)
    source, north, south = world.places
    missing = {scope, "write_inventory"}  # to write implies to read
    scopes = north.shop.apps["tiposync"].scopes
    world.sim.set_scopes(north.domain, scopes - missing)
    if scope == "read_inventory":
        enqueue.reconcile(world.connections[0])
    source.buy(0, 4)
    world.follow()
    assert levels_of(world) == [16, 20, 16]
    job = failed_job(world.connections[0])
    assert job.failure == SyncJob.Failure.MISCONFIGURED
    assert scope in job.message or "write_inventory" in job.message
    ok, message = check(world, north.store)["Scopes"]
    assert not ok
    assert scope in message
    assert north.store.status == Store.Status.ATTENTION
    world.sim.set_scopes(north.domain, scopes | missing)
    jobs.run_again(job)
    world.work()
    assert levels_of(world) == [16, 16, 16]
    assert StockBatch.objects.filter(state="pending").count() == 0


def test_a_destination_cannot_be_used_as_a_source_nor_the_other_way_round(world):
    source, north = world.add_store("source", "source", 1), world.add_store("north", "destination", 1)
    with pytest.raises(ValidationError, match="is a destination: it cannot control another store"):
        Connection(source=north.store, destination=north.store).clean()
    with pytest.raises(ValidationError, match="is a source: it cannot follow another store"):
        Connection(source=source.store, destination=source.store).clean()


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_location_mapped_twice_is_refused_in_two_way_with_words(world, side):
    source, north = (
        world.add_store(name, role, locations=2) for name, role in (("source", "source"), ("north", "destination"))
    )
    connection = world.connect(source, north, mapped=[(source.location_ids[0], north.location_ids[0])])
    ours, theirs = (list(Location.objects.filter(store=place.store).order_by("pk")) for place in (source, north))
    pair = (ours[0], theirs[1]) if side == "source" else (ours[1], theirs[0])
    mapping = LocationMapping(connection=connection, source_location=pair[0], destination_location=pair[1])
    with pytest.raises(ValidationError, match="one is mapped twice"):
        mapping.full_clean()
    mapping.destination_location = ours[1]
    with pytest.raises(ValidationError, match="not a location of North"):
        mapping.full_clean()


def test_starting_without_a_mapped_location_says_what_to_do_and_syncs_nothing(world):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=3)
    connection = world.connect(source, north, mapped=[], state="ready")
    enqueue.start_connection(connection)
    world.work()
    assert "map at least one" in failed_job(connection, START).message
    connection.refresh_from_db()
    assert connection.state == Connection.State.READY
    assert levels_of(world) == [20, 3]


def test_a_connection_that_waits_for_approval_does_not_start(world):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=3)
    connection = world.connect(source, north, state="ready")
    Connection.objects.update(state="pending")
    enqueue.start_connection(connection)
    world.work()
    assert SyncJob.objects.get(kind=START).message == "Not started: waits for approval."
    assert levels_of(world) == [20, 3]


def test_malformed_oversized_and_unknown_deliveries_are_refused_while_good_ones_are_carried(pair, settings, client):
    world = pair()
    source, north = world.places
    settings.WEBHOOK_MAX_BYTES = 10_000
    source.buy(0, 3)
    (one,) = source.waiting()
    one.build()
    good, headers = one.body, one.headers()

    def post(body=good, **changes):
        return client.post(
            "/webhooks/shopify/", data=body, content_type="application/json", headers=headers | changes
        ).status_code

    headers.pop("Content-Type")
    assert post(b"x" * 10_001) == 413
    assert post(good.replace(b"17", b"71")) == 401
    assert post(**{"X-Shopify-Hmac-Sha256": ""}) == 401
    assert post(**{"X-Shopify-Shop-Domain": "stranger.myshopify.com"}) == 401
    assert not WebhookEvent.objects.exists()
    world.follow()
    assert levels_of(world) == [17, 17]


def test_a_webhook_about_something_unknown_is_kept_with_a_reason(pair):
    world = pair()
    source, north = world.places
    product = source.shop.add_product("New", at=world.sim.clock.whole_seconds())
    new = source.shop.add_variant(product, at=0, sku="NEW", stock={source.location_ids[0]: 5})
    world.sim.buy(source.domain, new.id, 1)
    source.buy(0, 1)
    world.follow()
    assert set(WebhookEvent.objects.filter(store=source.store).values_list("state", "reason")) == {
        ("ignored", "This item at this location is not linked."),
        ("done", ""),
    }
    assert levels_of(world) == [19, 19]


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_store_that_answers_html_is_told_and_the_others_go_on(pair, strategy, status):
    world = pair(strategy, destinations=2)
    source, north, south = world.places
    north.fault("http", status=status, html=True, count=None)
    source.buy(0, 4)
    world.follow()
    assert levels_of(world) == [16, 20, 16]
    job = SyncJob.objects.get(connection=world.connections[0], kind=CARRY)
    assert "north-store.myshopify.com" in job.message
    assert "<" not in job.message
    world.sim.faults(north.shop).clear()
    jobs.run_again(job)
    world.settle()
    assert levels_of(world) == [16, 16, 16]
    assert [change.delta for change in north.changes(0)] == [-4]


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_a_version_that_fell_forward_is_told_by_job_and_check_and_no_write_is_doubled(pair, strategy):
    world = pair(strategy, destinations=2)
    source, north, south = world.places
    north.shop.knobs.pretend_version = "2027-01"
    source.buy(0, 4)
    world.follow()
    assert levels_of(world) == [16, 16, 16]  # it was written, by a version that we do not speak
    job = failed_job(world.connections[0])
    assert job.failure == SyncJob.Failure.MISCONFIGURED
    assert "2026-10" in job.message
    assert "2027-01 answered" in job.message
    ok, message = check(world, north.store)["API version"]
    assert (ok, "SHOPIFY_API_VERSION" in message) == (False, True)
    north.shop.knobs.pretend_version = None
    jobs.run_again(job)
    world.settle()
    assert levels_of(world) == [16, 16, 16]
    assert [change.delta for change in north.changes(0)] == [-4]
    assert not StockLink.objects.exclude(state="in_step").exists()


def test_the_check_repairs_subscriptions_that_somebody_removed(pair, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    world = pair()
    source, north = world.places
    source.shop.subscriptions.clear()
    ok, message = check(world, source.store)["Webhook subscriptions"]
    assert ok
    assert "were missing and are made again" in message
    assert set(TOPICS) <= {subscription.topic for subscription in source.shop.subscriptions.values()}
