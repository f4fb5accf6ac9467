"""One id from the webhook to the write, in the logs of the product at work."""

import io
import json
import logging

import pytest

from tests.support.orders.trade import Trade
from tiposync.logs import JsonFormatter


@pytest.fixture
def log_lines():
    """What the production's formatter writes while the test runs, as objects."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(text) for text in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def test_the_id_of_a_webhook_leads_from_its_arrival_to_the_write_it_led_to(pair, log_lines):
    world = pair("two_way")
    source, _ = world.places
    source.buy()
    (delivery,) = source.waiting()
    name = delivery.headers()["X-Shopify-Webhook-Id"]
    world.follow()
    having = [one for one in log_lines() if name in one.get("correlation", ())]
    assert [one["message"].split()[-1] for one in having] == ["received", "1", "recorded"]
    received, processed, recorded = having
    assert received["request"] and received["store"] == source.domain
    assert processed["job"] and processed["kind"] == "process_events"
    assert recorded["kind"] == "carry_stock" and recorded["batch"]


def test_the_id_of_an_orders_webhook_leads_to_the_job_that_copied_it(world, log_lines):
    shop = Trade.open(world, "order")
    shop.north.order((0, 1))
    (delivery,) = shop.north.waiting("ORDERS_CREATE")
    name = delivery.headers()["X-Shopify-Webhook-Id"]
    shop.run()
    assert len(shop.copies) == 1
    kinds = [one.get("kind") for one in log_lines() if name in one.get("correlation", ())]
    assert kinds[:2] == [None, "process_events"] and "import_order" in kinds


def test_the_id_of_a_products_webhook_leads_to_the_job_that_carried_it(showroom, log_lines):
    room = showroom()
    room.add("Lamp")
    names = {delivery.headers()["X-Shopify-Webhook-Id"] for delivery in room.source.waiting("PRODUCTS_CREATE")}
    room.world.follow()
    room.world.work()
    lines = [one for one in log_lines() if names & set(one.get("correlation", ()))]
    assert "sync_product" in {one.get("kind") for one in lines}
