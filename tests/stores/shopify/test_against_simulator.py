"""The wire against a whole simulated Shopify, over real HTTP."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import requests

from stores.shopify import bulk, errors, gids, inventory, shops, webhooks
from stores.shopify.auth import StaticToken, fetch_token
from stores.shopify.client import Client
from stores.shopify.inventory import Change, LevelReading, SetRow
from stores.shopify.products import products
from stores.shopify.throttle import LocalBucket
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.stores.shopify.wire import DOMAIN, VERSION, Renewing, Store

URI = "gid://tiposync/StockBatch/1"
LOST = ("close", "html", "internal_error")
SET = "inventorySetQuantities"


@pytest.fixture
def store() -> Iterator[Store]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        yield Store(simulator, simulator.serve())


def set_body(store: Store, *rows: SetRow, key: str = "key-1") -> bytes:
    return inventory.set_body(rows, key, URI)


# Reading


def test_levels_are_read_as_they_are(store):
    readings = inventory.read_levels(store.client, store.location_gid, [*store.items, gids.gid("InventoryItem", 404)])
    assert [reading.available for reading in readings] == [5, -2, None, 20, None]
    assert [reading.tracked for reading in readings] == [True, True, False, True, False]
    assert [reading.exists for reading in readings] == [True, True, True, True, False]
    elsewhere = inventory.read_levels(store.client, store.other_gid, store.items)
    assert [reading.available for reading in elsewhere] == [None, 7, None, None]
    assert [reading.is_active for reading in elsewhere] == [False, True, False, False]


def test_a_reading_is_as_old_as_its_level(store):
    (before,) = inventory.read_levels(store.client, store.location_gid, store.items[:1])
    store.simulator.set(DOMAIN, store.variants[0].item_id, store.here, 9)
    (after,) = inventory.read_levels(store.client, store.location_gid, store.items[:1])
    assert (after.as_of - before.as_of).total_seconds() == 3600
    assert after.as_of.timestamp() == 1_795_000_000


def test_more_than_250_variants_of_one_product_are_read(store):
    at = store.simulator.clock.whole_seconds()
    big = store.shop.add_product("Big", at=at)
    made = [store.shop.add_variant(big, at=at, sku=f"B-{number}", stock={store.here: number}) for number in range(300)]
    records = products.read_product(store.client, gids.gid("Product", big.id))
    assert [record.sku for record in records] == [f"B-{number}" for number in range(300)]
    assert {record.variant_count for record in records} == {300}
    items = [gids.gid("InventoryItem", variant.item_id) for variant in made]
    assert [one.available for one in inventory.read_levels(store.client, store.location_gid, items)] == list(range(300))
    everything = list(products.iter_variants(store.client))
    assert len(everything) == 304
    assert all(gids.number(one.gid) < gids.number(other.gid) for one, other in pairwise(everything))
    assert products.read_product(store.client, gids.gid("Product", 404)) is None


def test_the_store_tells_who_it_is(store):
    shop = shops.read_shop(store.client)
    assert (shop.domain, shop.name, shop.currency) == (DOMAIN, "North", "EUR")
    assert shops.missing_scopes(shops.read_scopes(store.client), ["stock"]) == ()
    assert VERSION in shops.supported_versions(store.client)
    store.shop.locations[store.there].is_active = False
    assert [(place.gid, place.is_active) for place in shops.read_locations(store.client)] == [
        (store.location_gid, True),
        (store.other_gid, False),
    ]


# Writing


def test_deltas_are_added(store):
    changes = [Change(store.items[0], store.location_gid, -2), Change(store.items[1], store.other_gid, 3)]
    outcome = inventory.send(store.client, inventory.adjust_body(changes, "key-1", URI))
    assert outcome.succeeded
    assert outcome.created_at.timestamp() == 1_795_000_000
    assert (store.available(0), store.available(1, store.there)) == (3, 10)


def test_quantities_are_set_when_the_comparison_holds(store):
    outcome = inventory.send(store.client, set_body(store, store.set_row(0, 15, 5), store.set_row(3, 21, 20)))
    assert (outcome.succeeded, outcome.is_noop) == (True, False)
    assert (store.available(0), store.available(3)) == (15, 21)


def test_a_stock_write_costs_ten_points(store):
    inventory.send(store.client, set_body(store, store.set_row(0, 15, 5)))
    assert store.shop.counters.points == 10


def test_a_write_that_changes_nothing_is_success(store):
    outcome = inventory.send(store.client, set_body(store, store.set_row(0, 5, 5)))
    assert (outcome.succeeded, outcome.is_noop, outcome.created_at) == (True, True, None)


def test_one_stale_row_refuses_all_and_is_named(store):
    rows = store.set_row(0, 15, 5), store.set_row(1, 0, 99), store.set_row(3, 21, 19)
    outcome = inventory.send(store.client, set_body(store, *rows))
    assert not outcome.succeeded
    assert inventory.stale_rows(outcome) == {1, 2}
    assert [store.available(number) for number in (0, 1, 3)] == [5, -2, 20]


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_is_unknown_and_the_same_bytes_never_take_effect_twice(store, how):
    body = inventory.adjust_body([Change(store.items[0], store.location_gid, -2)], "key-1", URI)
    store.simulator.fault(DOMAIN, "lost_answer", match="any_mutation", how=how)
    with pytest.raises(errors.ShopifyError) as caught:
        inventory.send(store.client, body)
    assert (caught.value.failure, caught.value.outcome_unknown) == (errors.TRANSIENT, True)
    assert store.calls("inventoryAdjustQuantities") == 1
    assert inventory.send(store.client, body).succeeded
    assert store.available(0) == 3


@pytest.mark.parametrize(("mode", "stale"), [("docs", set()), ("live", {0})])
def test_a_replayed_set_answers_as_the_docs_say_or_as_a_live_store_did(store, mode, stale):
    store.shop.knobs.replay_mode = mode
    store.simulator.fault(DOMAIN, "lost_answer", match=SET)
    body = set_body(store, store.set_row(0, 15, 5))
    with pytest.raises(errors.AnswerLost):
        inventory.send(store.client, body)
    assert inventory.stale_rows(inventory.send(store.client, body)) == stale
    assert store.available(0) == 15


@pytest.mark.parametrize("kind", ["refuse_before", "http", "internal_error_before"])
def test_a_write_that_failed_before_it_was_executed_is_unknown_too(store, kind):
    store.simulator.fault(DOMAIN, kind, match="any_mutation")
    body = set_body(store, store.set_row(0, 15, 5))
    with pytest.raises(errors.ShopifyError) as caught:
        inventory.send(store.client, body)
    assert caught.value.outcome_unknown is True
    assert store.available(0) == 5
    assert inventory.send(store.client, body).succeeded
    assert store.available(0) == 15


@pytest.mark.parametrize("kind", ["refuse_before", "http", "internal_error_before", "rate_limited", "throttled"])
def test_a_read_survives_three_failures(store, kind):
    store.simulator.fault(DOMAIN, kind, match="any_query", count=3)
    assert store.client.execute("query Name { shop { myshopifyDomain } }", cost=1) == {
        "shop": {"myshopifyDomain": DOMAIN}
    }


@pytest.mark.parametrize("kind", ["refuse_before", "http", "internal_error_before", "rate_limited", "throttled"])
def test_a_read_of_levels_survives_one_failure(store, kind):
    store.simulator.fault(DOMAIN, kind, match="any_query")
    (reading,) = inventory.read_levels(store.client, store.location_gid, store.items[:1])
    assert reading.available == 5


@pytest.mark.parametrize("kind", ["rate_limited", "throttled"])
def test_a_throttled_write_was_not_executed_and_goes_out_again(store, kind):
    store.simulator.fault(DOMAIN, kind, match="any_mutation", count=2)
    assert inventory.send(store.client, set_body(store, store.set_row(0, 15, 5))).succeeded
    assert store.available(0) == 15


def test_the_same_key_with_other_rows_is_told(store):
    inventory.send(store.client, set_body(store, store.set_row(0, 15, 5)))
    outcome = inventory.send(store.client, set_body(store, store.set_row(0, 16, 15)))
    assert [error.code for error in outcome.user_errors] == [inventory.IDEMPOTENCY_KEY_PARAMETER_MISMATCH]


def test_an_unknown_item_names_its_row(store):
    unknown = SetRow(gids.gid("InventoryItem", 404), store.location_gid, 1, 1)
    outcome = inventory.send(store.client, set_body(store, store.set_row(0, 15, 5), unknown))
    assert [(inventory.row_index(error), error.code) for error in outcome.user_errors] == [
        (1, "INVALID_INVENTORY_ITEM")
    ]


def test_an_item_is_activated_and_its_quantity_survives(store):
    # Since 2026-10 a write where the item is not stocked lands on an inactive level.
    inventory.send(store.client, inventory.adjust_body([Change(store.items[0], store.other_gid, 4)], "key-1", URI))
    (hidden,) = inventory.read_levels(store.client, store.other_gid, store.items[:1])
    assert (hidden.available, hidden.is_active) == (4, False)
    inventory.activate(store.client, store.items[0], store.other_gid, "key-2")
    inventory.activate(store.client, store.items[0], store.other_gid, "key-3")
    (shown,) = inventory.read_levels(store.client, store.other_gid, store.items[:1])
    assert (shown.available, shown.is_active) == (4, True)


# Points, tokens, scopes, versions


def test_an_empty_bucket_is_waited_for(store):
    store.simulator.set_points(DOMAIN, 0)
    before = store.simulator.clock.seconds()
    assert inventory.send(store.client, set_body(store, store.set_row(0, 15, 5))).succeeded
    assert 0.1 <= store.simulator.clock.seconds() - before < 5
    assert store.shop.counters.throttled == 1


def test_a_client_that_has_learned_is_not_throttled_again(store):
    bodies = [set_body(store, store.set_row(0, 6 + turn, 5 + turn), key=f"key-{turn}") for turn in range(300)]
    assert all(inventory.send(store.client, body).succeeded for body in bodies)
    assert store.shop.counters.throttled == 0
    # 2,000 points less the tenth for people, then 100 a second: 3,000 take 12 s.
    assert store.simulator.clock.seconds() - 1_795_000_000 == pytest.approx(12, abs=1)


def test_an_expired_token_is_renewed_in_the_middle_of_a_write(store):
    tokens = Renewing(store.base_url)
    asking = store.open(tokens=tokens)
    assert shops.read_shop(asking).domain == DOMAIN
    store.simulator.expire_tokens(DOMAIN)
    assert inventory.send(asking, set_body(store, store.set_row(0, 15, 5))).succeeded
    assert tokens.asked == 2


def test_an_uninstalled_app_is_told_to_be_installed(store):
    asking = store.open(tokens=Renewing(store.base_url))
    shops.read_shop(asking)
    store.simulator.uninstall(DOMAIN)
    with pytest.raises(errors.InvalidCredentials, match="install it on the store"):
        shops.read_shop(asking)
    with pytest.raises(errors.Unauthorized):
        shops.read_shop(store.client)


def test_wrong_credentials_and_unknown_stores_are_told_apart(store):
    session = requests.Session()
    with pytest.raises(errors.InvalidCredentials) as caught:
        fetch_token(store.base_url, "tiposync", "wrong", session)
    assert caught.value.reason == "invalid_client"
    nowhere = Client(f"{store.base_url}x", VERSION, StaticToken("shpat_x"), LocalBucket())
    with pytest.raises(errors.StoreNotFound):
        shops.read_shop(nowhere)


def test_a_missing_scope_is_named(store):
    store.simulator.set_scopes(DOMAIN, {"read_products"})
    with pytest.raises(errors.AccessDenied) as caught:
        inventory.read_levels(store.client, store.location_gid, store.items[:1])
    assert "read_inventory" in caught.value.missing_scopes


def test_a_version_that_fell_forward_is_named(store):
    store.shop.knobs.pretend_version = "2027-01"
    with pytest.raises(errors.WrongVersion) as caught:
        shops.read_shop(store.client)
    assert caught.value.served == "2027-01"


# Subscriptions


def test_subscriptions_are_made_kept_and_made_again(store):
    uri = "http://127.0.0.1:9/webhooks/shopify/"
    first = webhooks.repair_subscriptions(store.client, uri)
    assert (first.created, first.present) == (webhooks.TOPICS, ())
    second = webhooks.repair_subscriptions(store.client, uri)
    assert (second.created, second.present, second.removed) == ((), webhooks.TOPICS, ())
    lost = next(one for one in webhooks.list_subscriptions(store.client) if one.topic == "SHOP_UPDATE")
    webhooks.delete_subscription(store.client, lost.gid)
    webhooks.delete_subscription(store.client, lost.gid)
    webhooks.create_subscription(store.client, "PRODUCTS_UPDATE", "http://127.0.0.1:9/elsewhere/")
    third = webhooks.repair_subscriptions(store.client, uri)
    assert (third.created, [one.topic for one in third.elsewhere]) == (("SHOP_UPDATE",), ["PRODUCTS_UPDATE"])


def test_a_repair_whose_answer_was_lost_is_whole_after_the_next(store):
    uri = "http://127.0.0.1:9/webhooks/shopify/"
    store.simulator.fault(DOMAIN, "lost_answer", match="webhookSubscriptionCreate", skip=3)
    with pytest.raises(errors.AnswerLost):
        webhooks.repair_subscriptions(store.client, uri)
    webhooks.repair_subscriptions(store.client, uri)
    assert sorted(one.topic for one in webhooks.list_subscriptions(store.client)) == sorted(webhooks.TOPICS)


def test_a_second_subscription_of_the_same_address_is_known_as_taken(store):
    webhooks.create_subscription(store.client, "SHOP_UPDATE", "http://127.0.0.1:9/hook/")
    with pytest.raises(errors.UserErrors) as caught:
        webhooks.create_subscription(store.client, "SHOP_UPDATE", "http://127.0.0.1:9/hook/")
    assert webhooks.is_already_taken(caught.value)


# Bulk operations


def by_place(readings: list[LevelReading]) -> dict[tuple[str, str], LevelReading]:
    return {(reading.location_gid, reading.item_gid): reading for reading in readings}


def test_a_bulk_file_says_the_same_as_reading_level_by_level(store):
    in_bulk = by_place(list(bulk.bulk_levels(store.client, poll_seconds=0.01)))
    live = [
        reading
        for place in (store.location_gid, store.other_gid)
        for reading in inventory.read_levels(store.client, place, store.items)
        if reading.as_of is not None
    ]
    assert in_bulk == by_place(live)


def test_a_bulk_file_of_variants_says_the_same_as_the_pages(store):
    in_bulk = list(bulk.bulk_variants(store.client, poll_seconds=0.01))
    assert sorted(in_bulk, key=lambda one: gids.number(one.gid)) == list(products.iter_variants(store.client))


def test_a_running_operation_is_found_and_a_sixth_has_to_wait(store):
    store.shop.knobs.bulk_delay_seconds = 60
    first = bulk.start(store.client, bulk.BULK_LEVELS)
    assert bulk.find_running(store.client, bulk.BULK_LEVELS).gid == first
    assert bulk.find_running(store.client, bulk.BULK_VARIANTS) is None
    for _ in range(4):
        bulk.start(store.client, bulk.BULK_VARIANTS)
    with pytest.raises(errors.TooManyBulkOperations):
        bulk.start(store.client, bulk.BULK_VARIANTS)


def test_an_address_that_died_is_replaced_by_polling_again(store):
    gid = bulk.start(store.client, bulk.BULK_LEVELS)
    old = bulk.wait(store.client, gid, poll_seconds=0.01).url
    store.simulator.clock.advance(store.shop.knobs.bulk_link_seconds + 1)
    with pytest.raises(errors.BulkLinkExpired):
        list(bulk.stream(old))
    state = bulk.poll(store.client, gid)
    assert len(list(bulk.stream(state.url))) == state.object_count


@pytest.mark.parametrize("how", LOST)
def test_a_lost_start_does_not_start_a_second_operation(store, how):
    store.shop.knobs.bulk_delay_seconds = 5
    store.simulator.fault(DOMAIN, "lost_answer", match="bulkOperationRunQuery", how=how)
    assert len(list(bulk.bulk_variants(store.client, sleep=store.naps))) == 4
    assert store.calls("bulkOperationRunQuery") == 1


def test_an_operation_that_fails_is_told(store):
    store.simulator.bulk.fail_next(store.shop, "TIMEOUT", after_lines=2)
    with pytest.raises(errors.BulkFailed) as caught:
        list(bulk.bulk_variants(store.client, poll_seconds=0.01))
    assert caught.value.error_code == "TIMEOUT"
