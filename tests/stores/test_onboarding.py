"""Check store: every way in which a store may not be in place is told in words, and what can be repaired is."""

import pytest

from orders.models import OrderSettings
from stores import clients, onboarding
from stores.models import CatalogueSettings, Connection, Store
from stores.shopify import webhooks
from tests.simulator.simulation import Simulator
from tests.simulator.state.shop import ALL_SCOPES
from tests.support.fixtures import NORTH, SOURCE, SOUTH

SECRETS = ("shpss_simulator_secret", "shpat_")


def findings(report: onboarding.CheckReport) -> dict[str, tuple[bool, str]]:
    return {finding.name: (finding.ok, finding.message) for finding in report.findings}


def refused(store: Store) -> tuple[str, str]:
    """The status after a check, and the message of the one finding that is not well."""
    report = onboarding.check_store(store)
    (unwell,) = [finding for finding in report.findings if not finding.ok]
    store.refresh_from_db()
    assert (store.status, store.status_reason) == (report.status, f"{unwell.name}: {unwell.message}")
    assert not any(secret in str(store.check_report) for secret in SECRETS)
    return store.status, unwell.message


def test_a_good_store_is_ready_and_everything_about_it_is_kept(source_store):
    report = onboarding.check_store(source_store)
    assert report.ok and str(report) == "Everything is in place."
    store = Store.objects.get(pk=source_store.pk)
    assert (store.status, store.status_reason, store.name, store.currency) == ("ready", "", "Source store", "USD")
    assert store.check_report == report.as_rows()
    assert store.checked_at and "write_inventory" in store.scopes and store.token_expires_at
    assert [place.name for place in store.locations.all()] == ["Main warehouse", "Returns", "Shop Boston"]


def test_missing_subscriptions_are_made_and_a_second_check_leaves_them(sim: Simulator, source_store):
    onboarding.check_store(source_store)
    addresses = {one.uri for one in sim.shop(SOURCE).subscriptions.values()}
    assert addresses == {"https://sync.example.com/webhooks/shopify/"}
    assert len(sim.shop(SOURCE).subscriptions) == len(webhooks.TOPICS)
    ok, message = findings(onboarding.check_store(source_store))["Webhook subscriptions"]
    assert (ok, message) == (True, f"{len(webhooks.TOPICS)} present.")


def test_a_subscription_that_vanished_is_made_again_and_named(sim: Simulator, source_store):
    onboarding.check_store(source_store)
    subscriptions = sim.shop(SOURCE).subscriptions
    lost = next(pk for pk, one in subscriptions.items() if one.topic in ("PRODUCTS_UPDATE", "products/update"))
    del subscriptions[lost]
    ok, message = findings(onboarding.check_store(source_store))["Webhook subscriptions"]
    assert ok and "1 were missing and are made again (products/update)" in message


def test_subscriptions_that_point_elsewhere_are_told_and_left_alone(sim: Simulator, source_store, settings):
    onboarding.check_store(source_store)
    settings.PUBLIC_URL = "https://new.example.com"
    ok, message = findings(onboarding.check_store(source_store))["Webhook subscriptions"]
    assert ok and f"{len(webhooks.TOPICS)} of this app point elsewhere (sync.example.com)" in message
    assert len(sim.shop(SOURCE).subscriptions) == 2 * len(webhooks.TOPICS)


def test_without_a_public_address_the_check_says_to_set_it(source_store, settings):
    settings.PUBLIC_URL = ""
    status, message = refused(source_store)
    assert status == "attention" and "Set PUBLIC_URL" in message


def test_without_a_secret_to_verify_webhooks_the_check_says_so(sim: Simulator, north_store):
    Store.objects.filter(pk=north_store.pk).update(client_secret="")
    north_store.refresh_from_db()
    status, message = refused(north_store)
    assert status == "attention" and "no webhook of this store can be verified" in message


def test_a_missing_scope_is_named(sim: Simulator, north_store):
    sim.set_scopes(NORTH, {"read_products", "write_inventory"})
    report = onboarding.check_store(north_store)
    told = findings(report)
    assert report.status == "attention"
    assert told["Scopes"][0] is False and "Missing: read_locations." in told["Scopes"][1]
    assert told["Locations"][0] is False


def test_a_source_needs_to_be_written_only_once_a_connection_is_two_way(sim: Simulator, source_store, north_store):
    sim.set_scopes(SOURCE, {"read_products", "read_inventory", "read_locations"})
    assert "needed once a connection is two-way" in findings(onboarding.check_store(source_store))["Scopes"][1]
    Connection.objects.create(source=source_store, destination=north_store, strategy="two_way")
    status, message = refused(source_store)
    assert status == "attention" and message.startswith("Missing: write_inventory.")


def test_a_revoked_fixed_token_disconnects_the_store(sim: Simulator, north_store):
    sim.revoke_tokens(NORTH)
    status, message = refused(north_store)
    assert status == "disconnected" and "revoked" in message


def test_an_uninstalled_app_disconnects_the_store_until_it_is_installed_again(sim: Simulator, source_store):
    onboarding.check_store(source_store)
    sim.uninstall(SOURCE)
    status, message = refused(source_store)
    assert status == "disconnected" and "not installed on this store" in message
    sim.install(SOURCE)
    assert onboarding.check_store(source_store).ok
    assert len(sim.shop(SOURCE).subscriptions) == len(webhooks.TOPICS)


def test_a_wrong_secret_says_where_to_look(source_store):
    Store.objects.filter(pk=source_store.pk).update(client_secret="shpss_wrong")
    source_store.refresh_from_db()
    status, message = refused(source_store)
    assert status == "disconnected" and "client secret" in message and "shpss_wrong" not in message


def test_a_domain_that_shopify_does_not_know_says_so(sim: Simulator, db):
    store = Store.objects.create(
        domain="nobody.myshopify.com", role="source", auth="static_token", access_token="shpat_x", client_secret="x"
    )
    status, message = refused(store)
    assert status == "disconnected" and "nobody.myshopify.com" in message


def test_a_domain_that_another_store_answers_under_asks_for_the_permanent_one(sim: Simulator, db):
    sim.shop(SOUTH).domain = "renamed.myshopify.com"
    store = Store.objects.create(
        domain=SOUTH, role="source", auth="static_token", access_token=sim.static_token(SOUTH), client_secret="x"
    )
    status, message = refused(store)
    assert status == "attention" and message.startswith(f"The store renamed.myshopify.com answers under {SOUTH}.")


def test_a_version_that_fell_forward_is_told_as_such(sim: Simulator, north_store, settings):
    settings.SHOPIFY_API_VERSION = "2024-01"
    report = onboarding.check_store(north_store)
    (unwell,) = [finding for finding in report.findings if not finding.ok]
    assert unwell.name == "API version" and "2024-01" in unwell.message and "SHOPIFY_API_VERSION" in unwell.message
    assert report.status == "attention"


def test_a_store_that_answers_html_gets_attention_and_a_store_that_was_disconnected_stays_so(
    sim: Simulator, north_store, monkeypatch
):
    monkeypatch.setattr("stores.shopify.client.FIRST_BACKOFF_SECONDS", 0.001)
    sim.fault(NORTH, "http", status=502, count=4)
    status, message = refused(north_store)
    assert status == "attention" and "check again" in message
    clients.mark_disconnected(north_store.pk, "Revoked.")
    north_store.refresh_from_db()
    sim.fault(NORTH, "http", status=502, count=4)
    assert refused(north_store)[0] == "disconnected"
    assert onboarding.check_store(north_store).ok


def test_a_location_that_is_gone_stays_inactive_and_is_told_where_it_is_mapped(sim, source_store, north_store):
    for store in (source_store, north_store):
        onboarding.refresh_locations(store)
    connection = Connection.objects.create(source=source_store, destination=north_store)
    outlet = north_store.locations.get(name="Outlet")
    connection.mappings.create(source_location=source_store.locations.first(), destination_location=outlet)
    shop = sim.shop(NORTH)
    del shop.locations[int(outlet.gid.rsplit("/", 1)[1])]
    status, message = refused(north_store)
    assert status == "attention" and message.startswith("Outlet is mapped in ")
    outlet.refresh_from_db()
    assert not outlet.is_active


@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_stores_whose_connection_carries_orders_are_told_of_and_asked_for_what_that_needs(
    sim: Simulator, source_store, north_store, strategy
):
    Connection.objects.create(source=source_store, destination=north_store, strategy=strategy)
    for store, expected in ((source_store, webhooks.COPY_TOPICS), (north_store, webhooks.ORDER_TOPICS)):
        report = onboarding.check_store(store)
        assert report.ok, str(report)
        told = {subscription.topic for subscription in sim.shop(store.domain).subscriptions.values()}
        assert set(expected) <= told
        assert not told & ({*webhooks.COPY_TOPICS, *webhooks.ORDER_TOPICS} - set(expected))
    (definition,) = sim.shop(source_store.domain).metafield_definitions.values()
    assert (definition.kind, definition.key, definition.type) == ("Order", "source_order", "id")


@pytest.mark.parametrize(
    ("strategy", "side", "scope"),
    [
        ("order", "source", "write_orders"),
        ("order", "source", "write_customers"),
        ("draft_order", "source", "write_draft_orders"),
        ("order", "destination", "read_orders"),
    ],
)
def test_a_scope_that_orders_need_is_missed_only_where_they_are_carried(
    sim: Simulator, source_store, north_store, strategy, side, scope
):
    store = source_store if side == "source" else north_store
    kind = scope.removeprefix("write_").removeprefix("read_")
    others = {name for name in ALL_SCOPES.split() if not name.endswith(f"_{kind}")}
    granted = others | ({f"read_{kind}"} if scope.startswith("write_") else set())
    sim.set_scopes(store.domain, granted)
    connection = Connection.objects.create(source=source_store, destination=north_store, strategy="one_way")
    assert onboarding.check_store(store).ok
    connection.strategy = strategy
    connection.save()
    assert scope in onboarding.check_store(store).reason


@pytest.mark.parametrize(
    ("strategy", "rooms", "is_named"),
    [("order", 2, True), ("draft_order", 2, True), ("order", 1, False), ("one_way", 2, False)],
)
def test_moving_copies_to_the_location_that_sold_asks_for_its_scope(
    sim: Simulator, source_store, north_store, strategy, rooms, is_named
):
    scope = "write_merchant_managed_fulfillment_orders"
    sim.set_scopes(source_store.domain, set(ALL_SCOPES.split()) - {scope})
    connection = Connection.objects.create(source=source_store, destination=north_store, strategy=strategy)
    for store in (source_store, north_store):
        onboarding.refresh_locations(store)
    for place in north_store.locations.order_by("pk")[:rooms]:
        connection.mappings.create(source_location=source_store.locations.first(), destination_location=place)
    assert connection.mappings.count() == rooms
    report = onboarding.check_store(source_store)
    assert report.ok, str(report)
    assert (scope in " ".join(each.message for each in report.findings)) is is_named


@pytest.mark.parametrize(("copy_changes", "is_named"), [("carry", True), ("report", False)])
def test_carrying_back_what_staff_take_off_copies_asks_the_destination_for_its_scope(
    sim: Simulator, source_store, north_store, copy_changes, is_named
):
    sim.set_scopes(north_store.domain, set(ALL_SCOPES.split()) - {"write_orders"} | {"read_orders"})
    connection = Connection.objects.create(source=source_store, destination=north_store, strategy="order")
    OrderSettings.objects.create(connection=connection, copy_changes=copy_changes)
    ok, message = findings(onboarding.check_store(north_store))["Scopes"]
    assert ok and ("write_orders is not granted: what staff take off a copy" in message) is is_named
    # What a destination always needs is no note.
    sim.set_scopes(north_store.domain, set(ALL_SCOPES.split()) - {onboarding.MOVES})
    ok, message = findings(onboarding.check_store(north_store))["Scopes"]
    assert not ok and f"Missing: {onboarding.MOVES}." in message


def test_a_store_into_which_a_catalogue_follows_needs_to_be_written_to(sim: Simulator, source_store, north_store):
    connection = Connection.objects.create(source=source_store, destination=north_store)
    stock = {"read_products", "write_inventory", "read_locations"}
    for domain in (SOURCE, NORTH):
        sim.set_scopes(domain, stock)
    assert findings(onboarding.check_store(north_store))["Scopes"][0]
    CatalogueSettings.objects.create(connection=connection, product_mode="create_update", syncs_pages=True)
    _, message = findings(onboarding.check_store(north_store))["Scopes"]
    assert "Missing: write_content, write_files, write_products, write_publications." in message
    _, message = findings(onboarding.check_store(source_store))["Scopes"]
    assert "Missing: read_content, read_publications." in message
    CatalogueSettings.objects.update(syncs_pages=False, metaobject_mode="update_only", syncs_metaobject_types=True)
    _, message = findings(onboarding.check_store(north_store))["Scopes"]
    assert "write_files, write_metaobject_definitions, write_metaobjects, write_products" in message
    _, message = findings(onboarding.check_store(source_store))["Scopes"]
    assert "Missing: read_metaobject_definitions, read_metaobjects, read_publications." in message


@pytest.mark.parametrize("auth", [Store.Auth.CLIENT_CREDENTIALS, Store.Auth.STATIC_TOKEN])
def test_a_store_that_changed_its_name_is_told_and_nothing_follows_it_by_itself(sim: Simulator, source_store, auth):
    onboarding.check_store(source_store)
    source_store.auth, source_store.access_token = auth, sim.static_token(SOURCE)
    source_store.save()
    clients.forget_client(source_store)
    shop = sim.rename_shop(SOURCE, "renamed.myshopify.com")
    shop.subscriptions.clear()
    shop.request_log.clear()
    status, message = refused(source_store)
    assert status == Store.Status.DISCONNECTED
    assert "renamed.myshopify.com" in message and "new name" in message
    assert not shop.request_log, "the token went to another address"
    source_store.domain = "renamed.myshopify.com"
    source_store.save()
    report = onboarding.check_store(source_store)
    assert report.ok, str(report)
    assert len(shop.subscriptions) == len(webhooks.TOPICS)


@pytest.mark.parametrize(("role", "granted"), [("source", True), ("source", False), ("destination", False)])
def test_whether_an_app_may_see_customers_is_told_with_what_to_do(
    sim: Simulator, source_store, north_store, role, granted
):
    store = source_store if role == "source" else north_store
    for place in (source_store, north_store):
        sim.shop(place.domain).knobs.protected_data = granted
    assert "Customer data" not in findings(onboarding.check_store(store))  # no connection needs it
    Connection.objects.create(source=source_store, destination=north_store, strategy="order")
    ok, message = findings(onboarding.check_store(store))["Customer data"]
    assert ok is granted
    assert ("Protected customer data access" in message) is not granted


def test_topics_that_shopify_refuses_keep_no_other_from_being_subscribed(sim: Simulator, source_store, north_store):
    sim.shop(NORTH).knobs.protected_data = False
    Connection.objects.create(source=source_store, destination=north_store, strategy="order")
    ok, message = findings(onboarding.check_store(north_store))["Webhook subscriptions"]
    assert not ok and "ORDERS_CREATE" in message and "protected customer data" in message
    told = {subscription.topic for subscription in sim.shop(NORTH).subscriptions.values()}
    assert set(webhooks.TOPICS) <= told
