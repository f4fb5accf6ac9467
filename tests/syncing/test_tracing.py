"""One id from the webhook to the write, in the logs of the product at work."""

import io
import json
import logging

import pytest

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
