"""Rows 36 to 42 of tests/simulator/README.md: bodies, transport, headers, echo, shapes, subscriptions."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.simulator import Simulator
from tests.simulator.events.catalogue.conditions import new_condition
from tests.simulator.events.catalogue.files import drawn_file
from tests.simulator.payloads.payloads import BODIES, TOPICS
from tests.simulator.state.catalogue import Collection, Source
from tests.simulator.tests.conftest import ADJUST, DOMAIN, Api, Receiver, Small, adjust_input, sign
from tests.simulator.wire.webhooks import RETRY_GAPS

SHAPES = Path(__file__).resolve().parents[4] / "shared" / "shopify" / "webhooks"
# No schema on file for these, and one that test_bulk looks at.
UNSHAPED = {
    "INVENTORY_ITEMS_CREATE",
    "INVENTORY_ITEMS_DELETE",
    "APP_SCOPES_UPDATE",
    "SHOP_UPDATE",
    "BULK_OPERATIONS_FINISH",
}
# test_order_webhooks looks at these.
OF_ORDERS = (
    "ORDERS_",
    "ORDER_",
    "REFUNDS_",
    "RETURNS_",
    "FULFILLMENT_ORDERS_",
    "FULFILLMENTS_",
    "DRAFT_ORDERS_",
    "CUSTOMERS_",
)
LEVELS, PRODUCTS = "inventory_levels/update", "products/update"


@pytest.fixture
def heard(small: Small, receiver: Receiver) -> Receiver:
    """The receiver hears of levels and products; nothing is sent before pump()."""
    small.sim.set_manual(DOMAIN, True)
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url)
    small.sim.subscribe(DOMAIN, "PRODUCTS_UPDATE", receiver.url)
    return receiver


def settle(sim: Simulator) -> None:
    assert sim.courier.wait_idle(20)


def stock(small: Small, quantity: int) -> None:
    small.sim.set(DOMAIN, small.mug.item_id, small.here, quantity)


# Row 37


def test_two_quick_changes_give_two_bodies_that_both_show_the_last_value(small: Small, heard: Receiver):
    stock(small, 10)
    stock(small, 0)
    small.sim.pump(DOMAIN)
    assert [body["available"] for body in heard.bodies(LEVELS)] == [0, 0]


def test_a_body_can_be_built_at_the_event_itself(small: Small, heard: Receiver):
    small.shop.knobs.serialise_delay_seconds = None
    stock(small, 10)
    stock(small, 0)
    small.sim.pump(DOMAIN)
    assert [body["available"] for body in heard.bodies(LEVELS)] == [10, 0]


def test_a_body_is_built_after_the_serialise_delay_and_may_arrive_much_later(small: Small, receiver: Receiver):
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url)
    small.shop.knobs.serialise_delay_seconds = 2
    small.shop.knobs.deliver_delay_seconds = (960, 960)
    stock(small, 10)
    small.sim.clock.advance(2)
    settle(small.sim)
    stock(small, 3)
    settle(small.sim)
    assert receiver.got == []
    small.sim.clock.advance(960)
    settle(small.sim)
    assert receiver.bodies() == [receiver.bodies()[0]]
    assert receiver.bodies()[0]["available"] == 10


def test_a_retry_brings_the_original_body_to_the_original_address(small: Small, heard: Receiver):
    heard.status = 500
    stock(small, 10)
    small.sim.pump(DOMAIN)
    for subscription in small.shop.subscriptions.values():
        subscription.uri = "http://127.0.0.1:1/moved"
    stock(small, 3)
    heard.status = 200
    small.sim.clock.advance(RETRY_GAPS[0])
    retried = [delivery for delivery in small.sim.deliveries(DOMAIN) if delivery.attempts]
    small.sim.pump(DOMAIN, retried)
    assert [body["available"] for body in heard.bodies(LEVELS)] == [10, 10]
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in heard.got}) == 2


# Row 38


def test_deliveries_can_be_chosen_doubled_dropped_and_reordered(small: Small, heard: Receiver):
    small.shop.knobs.serialise_delay_seconds = None
    for quantity in (990, 2050, 991):
        stock(small, quantity)
    first, second, third = (d for d in small.sim.deliveries(DOMAIN) if d.topic == "INVENTORY_LEVELS_UPDATE")
    small.sim.drop(DOMAIN, [second])
    small.sim.pump(DOMAIN, [third, first, third])
    assert [body["available"] for body in heard.bodies()] == [991, 990, 991]
    ids = [headers["X-Shopify-Webhook-Id"] for headers, _ in heard.got]
    assert ids[0] == ids[2] != ids[1]
    assert small.shop.counters.deliveries["dropped"] == 1


def test_a_delayed_delivery_is_not_due_before_its_time(small: Small, heard: Receiver):
    stock(small, 10)
    small.sim.delay(DOMAIN, small.sim.deliveries(DOMAIN), 960)
    assert small.sim.pump(DOMAIN) == []
    small.sim.clock.advance(960)
    assert {delivery.state for delivery in small.sim.pump(DOMAIN)} == {"delivered"}


def test_duplicates_keep_their_webhook_id_and_drops_never_arrive(small: Small, receiver: Receiver):
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url)
    small.shop.knobs.duplicate_probability = 1.0
    stock(small, 10)
    settle(small.sim)
    ids = [headers["X-Shopify-Webhook-Id"] for headers, _ in receiver.got]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    small.shop.knobs.duplicate_probability = 0.0
    small.shop.knobs.drop_probability = 1.0
    stock(small, 11)
    settle(small.sim)
    assert len(receiver.got) == 2


def test_a_shuffle_window_reorders_and_loses_nothing(small: Small, receiver: Receiver):
    small.sim.courier._workers = 1
    small.shop.knobs.serialise_delay_seconds = None
    small.sim.set_manual(DOMAIN, True)
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url)
    for quantity in range(100, 140):
        stock(small, quantity)
    small.shop.knobs.shuffle_window = 10
    small.sim.set_manual(DOMAIN, False)
    settle(small.sim)
    got = [body["available"] for body in receiver.bodies()]
    assert sorted(got) == list(range(100, 140))
    assert got != sorted(got)


def test_a_burst_is_delivered_whole_over_connections_that_stay_open(small: Small, receiver: Receiver):
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url)
    small.sim.set_many(DOMAIN, [(small.mug.item_id, small.here, 100 + number) for number in range(1000)])
    settle(small.sim)
    assert small.shop.counters.deliveries == {"delivered": 1000}
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in receiver.got}) == 1000


@pytest.mark.parametrize("status", [301, 404, 410, 500])
def test_only_2xx_is_success_and_a_redirect_is_not_followed(small: Small, heard: Receiver, status):
    heard.status = status
    stock(small, 10)
    states = {(delivery.state, delivery.last_status) for delivery in small.sim.pump(DOMAIN)}
    assert states == {("pending", status)}
    assert len(heard.got) == 2


def test_an_address_that_does_not_answer_in_time_is_a_failure(small: Small, heard: Receiver, monkeypatch):
    monkeypatch.setattr("tests.simulator.wire.courier.TOTAL_SECONDS", 0.1)
    heard.seconds = 5
    stock(small, 10)
    [delivery, _] = small.sim.deliveries(DOMAIN)
    small.sim.pump(DOMAIN, [delivery])
    assert (delivery.state, delivery.last_status) == ("pending", "TimeoutError")


def test_after_nine_failures_in_four_hours_the_subscription_is_deleted(small: Small, receiver: Receiver):
    receiver.status = 500
    small.sim.subscribe(DOMAIN, "INVENTORY_LEVELS_UPDATE", receiver.url)
    stock(small, 10)
    settle(small.sim)
    for gap in RETRY_GAPS[:-1]:
        small.sim.clock.advance(gap)
        settle(small.sim)
    assert len(receiver.got) == 8
    assert small.shop.subscriptions
    small.sim.clock.advance(RETRY_GAPS[-1])
    settle(small.sim)
    assert sum(RETRY_GAPS) == 4 * 3600
    assert len(receiver.got) == 9
    assert len({body for _, body in receiver.got}) == 1
    assert small.shop.subscriptions == {}


# Row 39


def test_all_headers_are_there_and_the_signature_covers_the_exact_bytes(small: Small, heard: Receiver):
    stock(small, 10)
    small.sim.pump(DOMAIN)
    for headers, body in heard.got:
        assert headers["X-Shopify-Shop-Domain"] == DOMAIN
        assert headers["X-Shopify-API-Version"] == "2026-10"
        assert headers["X-Shopify-Hmac-Sha256"] == sign(body)
        assert headers["X-Shopify-Triggered-At"].startswith("20") and "." in headers["X-Shopify-Triggered-At"]
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in heard.got}) == 2
    assert len({headers["X-Shopify-Event-Id"] for headers, _ in heard.got}) == 1


def test_during_rotation_the_old_secret_signs_until_it_is_revoked(small: Small, heard: Receiver):
    small.sim.rotate_secret(DOMAIN, "shpss_new")
    stock(small, 10)
    small.sim.pump(DOMAIN)
    assert all(headers["X-Shopify-Hmac-Sha256"] == sign(body) for headers, body in heard.got)
    small.sim.revoke_old_secret(DOMAIN)
    stock(small, 11)
    small.sim.pump(DOMAIN)
    headers, body = heard.got[-1]
    assert headers["X-Shopify-Hmac-Sha256"] == sign(body, "shpss_new")


def test_a_signature_can_be_corrupted_and_the_version_is_the_apps(small: Small, heard: Receiver):
    small.shop.knobs.corrupt_signature = True
    small.shop.apps["tiposync"].webhook_version = "2026-07"
    stock(small, 10)
    small.sim.pump(DOMAIN)
    headers, body = heard.got[0]
    assert headers["X-Shopify-Hmac-Sha256"] != sign(body)
    assert headers["X-Shopify-API-Version"] == "2026-07"


# Row 40


def test_our_own_writes_come_back_as_webhooks(api: Api, small: Small, heard: Receiver):
    rows = [small.row(small.mug, place, delta=1, changeFromQuantity=None) for place in (small.here, small.there)]
    api.data(ADJUST, {"input": adjust_input(*rows), "key": "k"})
    small.sim.pump(DOMAIN)
    assert heard.topics() == [LEVELS, LEVELS, PRODUCTS]


def test_an_edited_item_tells_of_itself_and_of_its_product(api: Api, small: Small, heard: Receiver):
    small.sim.subscribe(DOMAIN, "INVENTORY_ITEMS_UPDATE", heard.url)
    document = """mutation U($id: ID!, $input: InventoryItemInput!) { inventoryItemUpdate(id: $id, input: $input) {
      inventoryItem { sku tracked } userErrors { message } } }"""
    item = small.row(small.mug, small.here)["inventoryItemId"]
    payload = api.data(document, {"id": item, "input": {"sku": "CUP"}})["inventoryItemUpdate"]
    assert payload == {"inventoryItem": {"sku": "CUP", "tracked": True}, "userErrors": []}
    small.sim.pump(DOMAIN)
    assert sorted(heard.topics()) == ["inventory_items/update", PRODUCTS]
    assert heard.bodies("inventory_items/update")[0]["sku"] == "CUP"


def test_nobody_hears_what_nobody_subscribed_to(small: Small, receiver: Receiver):
    small.sim.set_manual(DOMAIN, True)
    small.sim.subscribe(DOMAIN, "PRODUCTS_DELETE", receiver.url)
    stock(small, 10)
    assert small.sim.deliveries(DOMAIN) == []


# Row 41


def subjects(small: Small) -> dict[str, tuple]:
    level, item, shelf = (small.mug.item_id, small.here), (small.mug.item_id,), full_collection(small).id
    found: dict[str, tuple] = {}
    for topic in TOPICS:
        kind = topic.rpartition("_")[0]
        found[topic] = {
            "INVENTORY_LEVELS": level,
            "INVENTORY_ITEMS": item,
            "PRODUCTS": (small.mug.product_id,),
            "LOCATIONS": (small.here,),
            "COLLECTIONS": (shelf,),
        }.get(kind, (small.shop.id,))
    found["APP_SCOPES_UPDATE"] = (small.shop.id, ("read_products",), ("read_inventory",))
    return found


def full_collection(small: Small) -> Collection:
    """With an image, a rule and a channel; the mug has a picture and a category."""
    shop, at = small.shop, small.sim.clock.whole_seconds()
    rule = new_condition(
        shop, {"productTag": {"relation": "TAGGED_WITH", "matchType": "ANY", "values": ["a"]}}, including=True
    )
    found = Collection(7, "Shelf", "shelf", at, at, published_at=at, image=drawn_file(shop, "shelf.png", at))
    found.sources = [Source(8, "Rules", conditions=[rule])]
    shop.catalog.collections[found.id] = found
    shop.products[small.mug.product_id].file_ids = [drawn_file(shop, "mug.png", at, alt="A mug").id]
    shop.products[small.mug.product_id].category = "gid://shopify/TaxonomyCategory/hg-11"
    return found


@pytest.mark.parametrize("topic", [one for one in sorted(set(TOPICS) - UNSHAPED) if not one.startswith(OF_ORDERS)])
def test_bodies_have_shopifys_shape(small: Small, topic):
    path = SHAPES / f"{TOPICS[topic]}.schema.json"
    if not path.exists():
        pytest.skip("the schemas of webhooks are not on this machine")
    body = json.loads(json.dumps(BODIES[topic](small.shop, *subjects(small)[topic])))
    schema = json.loads(path.read_text())
    example = json.loads(path.with_name(path.name.replace("schema", "example")).read_text())
    # Shopify's own example breaks the inferred schema here and there (a product without an image): so may we.
    assert complaints(schema, body) <= complaints(schema, example)


def complaints(schema: dict, body: dict) -> set[tuple]:
    validator = jsonschema.validators.validator_for(schema)(schema)
    return {
        (tuple("*" if isinstance(part, int) else part for part in problem.absolute_path), problem.message)
        for problem in validator.iter_errors(body)
    }


def test_an_untracked_item_has_null_available(small: Small, heard: Receiver):
    small.sim.set(DOMAIN, small.gift.item_id, small.here, 3)
    small.sim.pump(DOMAIN)
    assert heard.bodies(LEVELS)[0]["available"] is None


def test_a_product_body_has_tags_as_one_text_and_only_100_variants_in_full(small: Small, heard: Receiver):
    product = small.shop.products[small.shirt.product_id]
    for number in range(120):
        small.shop.add_variant(product, at=1, sku=f"S-{number}", option_values=[str(number)], stock={small.here: 1})
    small.sim.adjust(DOMAIN, small.shirt.item_id, small.here, 1)
    small.sim.pump(DOMAIN)
    [body] = heard.bodies(PRODUCTS)
    assert body["tags"] == "cotton, summer"
    assert body["status"] == "active"
    assert (len(body["variants"]), len(body["variant_gids"])) == (100, 121)
    assert body["variant_gids"][0]["admin_graphql_api_id"].endswith(f"/{small.shirt.id}")


def test_a_deleted_product_leaves_only_its_id(api: Api, small: Small, heard: Receiver):
    small.sim.subscribe(DOMAIN, "PRODUCTS_DELETE", heard.url)
    document = "mutation D($id: ID!) { productDelete(input: {id: $id}) { deletedProductId userErrors { message } } }"
    api.data(document, {"id": f"gid://shopify/Product/{small.mug.product_id}"})
    small.sim.pump(DOMAIN)
    assert heard.bodies("products/delete") == [{"id": small.mug.product_id}]
    assert small.mug.item_id not in small.shop.items


def test_a_change_of_something_that_is_gone_by_then_is_not_told(small: Small, heard: Receiver):
    stock(small, 10)
    small.shop.remove_product(small.shop.products[small.mug.product_id])
    assert {delivery.state for delivery in small.sim.pump(DOMAIN)} == {"skipped"}
    assert heard.got == []
