"""Webhooks of somebody else: forged, altered, sent again, under another topic or for another store; and floods of them.

The body is signed, the headers are not (shopify.md 4.4); stores of one organisation share an app and thus its secret.
"""

import base64
import hashlib
import hmac
import io
import json
import logging

import pytest
from axes.middleware import AxesMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import OrderImport, OrderUpdate
from stores.models import Store, VariantLink
from syncing import handlers, views
from syncing.models import PrivacyRequest, StockBatch, StockLevel, StockLink, SyncJob, WebhookEvent
from syncing.queue import jobs
from syncing.webhooks import inbox, topics
from tests.simulator.state.shop import CLIENT_SECRET
from tests.support.console.rows import SECRET, make_event, make_rows
from tiposync.logs import Sparing

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/webhooks/shopify/"
LEVEL = {"inventory_item_id": 1, "location_id": 1, "available": 3, "updated_at": "2026-11-21T12:00:00Z"}
ADA = {"id": 706405506930370084, "email": "ada@example.com"}


def sign(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def send(body: bytes, domain: str, topic: str = "inventory_levels/update", *, secret: str = SECRET, **headers):
    """Deliver a body signed with the secret; `headers` replace or add some."""
    given = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": domain,
        "X-Shopify-Webhook-Id": f"{topic} {domain} {hashlib.sha256(body).hexdigest()[:16]}",
        "X-Shopify-Hmac-Sha256": sign(body, secret),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().post(PATH, body, content_type="application/json", headers=given)


def work() -> None:
    while jobs.run_due(handlers.WORK, 5):
        pass


@pytest.fixture
def rows():
    return make_rows()


# One body, another topic or another store


def truth(world) -> list:
    """What Shopify has in all stores, and what we know of it, as far as a stranger's webhook must not change it."""
    at_shopify = [
        [(level.item_id, level.location_id, level.available) for level in place.shop.levels.values()]
        + [(order.id, order.cancelled_at is not None) for order in place.shop.orders.values()]
        + [(variant.id, variant.position) for variant in place.shop.variants.values()]
        for place in world.places
    ]
    ours = [
        *Store.objects.order_by("pk").values_list("pk", "status", "is_paused"),
        *VariantLink.objects.order_by("pk").values_list("pk", "state", "destination_variant_id"),
        *StockLink.objects.order_by("pk").values_list("pk", "state", "source_baseline", "destination_baseline"),
        *StockLevel.objects.order_by("pk").values_list("pk", "available", "is_active"),
        *OrderImport.objects.filter(state="confirmed").order_by("pk").values_list("pk", "copy_gid"),
        StockBatch.objects.count(),
        PrivacyRequest.objects.count(),
    ]
    return at_shopify + ours


def test_a_signed_body_sent_again_under_every_topic_and_for_every_store_changes_nothing(trade):
    shop = trade("order")
    world = shop.world
    bought = shop.north.order((0, 2), (1, 1))
    shop.source.restock(2, 3)
    shop.run()
    shop.north.refund(bought, quantity=1)
    shop.run()
    bodies = {event.topic: event.body.encode() for event in WebhookEvent.objects.order_by("pk")}
    assert {"inventory_levels/update", "orders/create", "refunds/create"} <= set(bodies)
    for place in world.places:
        about = {"id": 1, "name": "Any", "myshopify_domain": place.domain, "domain": place.domain}
        bodies[f"shop/update of {place.domain}"] = json.dumps(about).encode()
    product = shop.source.shop.products[next(iter(shop.source.shop.products))]
    bodies["products/delete"] = json.dumps({"id": product.id}).encode()
    before, count = truth(world), 0
    for body in bodies.values():
        for place in world.places:
            for topic in (*topics.EFFECTS, "inventory_levels/update", "nobody/knows"):
                answer = send(body, place.domain, topic, secret=CLIENT_SECRET)
                assert answer.status_code == 200
                count += 1
    world.work()
    world.carry_orders()
    world.follow()
    assert count > 400
    assert not WebhookEvent.objects.filter(state="new").exists()
    assert not SyncJob.objects.filter(failure="bug").exists()
    assert truth(world) == before
    assert not OrderUpdate.objects.filter(kind="cancellation", state="confirmed").exists()


@pytest.mark.parametrize("topic", ["shop/redact", "customers/redact", "customers/data_request"])
def test_a_customers_question_cannot_be_turned_into_forgetting_nor_one_store_into_another(rows, topic):
    make_event(rows.source, "order-1", topic="orders/create", body=json.dumps({"id": 5, "customer": ADA}))
    about = {"shop_id": 1, "shop_domain": rows.source.domain}
    asked = {
        "shop/redact": about,
        "customers/redact": about | {"customer": ADA, "orders_to_redact": []},
        "customers/data_request": about | {"customer": ADA, "orders_requested": [], "data_request": {"id": 1}},
    }
    for written, payload in asked.items():
        for store in (rows.source, rows.destination):
            if (written, store) != (topic, rows.source):
                send(json.dumps(payload).encode(), store.domain, topic)
    work()
    assert not PrivacyRequest.objects.exists()
    assert "ada@example.com" in WebhookEvent.objects.get(webhook_id="order-1").body
    refused = WebhookEvent.objects.filter(topic=topic)
    assert set(refused.values_list("state", flat=True)) == {"failed"}
    send(json.dumps(asked[topic]).encode(), rows.source.domain, topic, X_Shopify_Webhook_Id="the right one")
    work()
    assert PrivacyRequest.objects.get().store == rows.source


def test_a_changed_shop_cannot_be_sent_again_as_an_uninstalled_app(pair):
    """Both have the same body; what counts is what Shopify says when it is asked."""
    world = pair()
    source, _ = world.places
    body = json.dumps({"id": 1, "name": "Any", "myshopify_domain": source.domain}).encode()
    assert send(body, source.domain, "app/uninstalled", secret=CLIENT_SECRET).status_code == 200
    inbox.process_new(topics.EFFECTS)
    assert WebhookEvent.objects.get(topic="app/uninstalled").state == "done"
    for step in (lambda: None, world.work):
        step()
        source.store.refresh_from_db()
        assert source.store.status == Store.Status.READY
    world.sim.uninstall(source.domain)
    again = {"X_Shopify_Webhook_Id": "the true one"}
    send(body, source.domain, "app/uninstalled", secret=CLIENT_SECRET, **again)
    world.work()
    source.store.refresh_from_db()
    assert source.store.status == Store.Status.DISCONNECTED


# Forged


def test_the_secret_of_one_store_signs_nothing_for_another(rows):
    Store.objects.filter(pk=rows.destination.pk).update(client_secret="")
    rows.destination.client_secret = "shpss_another_secret"
    rows.destination.save()
    body = json.dumps(LEVEL).encode()
    assert send(body, rows.destination.domain, secret=SECRET).status_code == 401
    assert send(body, rows.source.domain, secret="shpss_another_secret").status_code == 401
    assert not WebhookEvent.objects.exists()


def test_a_store_without_a_secret_takes_in_no_webhook(rows):
    Store.objects.update(client_secret="", previous_client_secret="")
    assert send(json.dumps(LEVEL).encode(), rows.source.domain, secret="").status_code == 401


@pytest.mark.parametrize("name", ["X-Shopify-Hmac-Sha256", "x-shopify-hmac-sha256"])
@pytest.mark.parametrize("change", [str.lower, str.swapcase, lambda text: text[::-1], lambda text: f"{text}, {text}"])
def test_a_signature_that_is_almost_right_is_wrong(rows, name, change):
    body = json.dumps(LEVEL).encode()
    wrong = change(sign(body, SECRET))
    assert send(body, rows.source.domain, **{name: wrong}).status_code == 401


@pytest.mark.parametrize("domain", ["MAIN.myshopify.com", " main.myshopify.com ", "main.myshopify.com"])
def test_a_domain_is_one_store_however_it_is_spelt(rows, domain):
    assert send(json.dumps(LEVEL).encode(), domain).status_code == 200
    assert len(views._stores) == 1


@pytest.mark.parametrize(
    "domain",
    ["", "main.myshopify.com.evil.example", "evil.example/main.myshopify.com", "main", "*", "' OR 1=1", "x" * 9000],
)
def test_a_domain_that_is_no_store_of_ours_is_unknown_and_is_not_remembered(rows, domain):
    assert send(json.dumps(LEVEL).encode(), domain).status_code == 401
    assert not views._stores


# Sent again


def test_the_same_delivery_again_is_stored_once_whatever_the_other_headers_say(rows):
    body = json.dumps(LEVEL).encode()
    for topic in ("inventory_levels/update", "orders/create"):
        assert send(body, rows.source.domain, topic, X_Shopify_Webhook_Id="w-1").status_code == 200
    assert WebhookEvent.objects.get().topic == "inventory_levels/update"


def test_the_same_body_under_a_hundred_ids_is_worked_on_and_writes_nothing(pair):
    world = pair()
    source, north = world.places
    source.buy(0, 5)
    world.follow()
    body = WebhookEvent.objects.filter(topic="inventory_levels/update").first().body.encode()
    source.buy(0, 1)
    world.follow()
    before, written = truth(world), source.writes + north.writes
    for number in range(100):
        answer = send(body, source.domain, secret=CLIENT_SECRET, X_Shopify_Webhook_Id=f"again-{number}")
        assert answer.status_code == 200
    world.work()
    assert (truth(world), source.writes + north.writes) == (before, written)
    assert not SyncJob.objects.filter(state="failed").exists()


@pytest.mark.parametrize(
    "at", ["1999-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "soon", "", "x" * 5000]
)
def test_when_a_delivery_claims_to_be_from_counts_for_nothing(rows, at):
    assert send(json.dumps(LEVEL).encode(), rows.source.domain, X_Shopify_Triggered_At=at).status_code == 200
    assert WebhookEvent.objects.get().state == "new"


# Strange bodies, signed


STRANGE = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a huge number": b'{"inventory_item_id": ' + b"9" * 100_000 + b"}",
    "a large id": json.dumps(LEVEL | {"inventory_item_id": 10**40, "id": 10**40}).encode(),
    "an infinite id": b'{"inventory_item_id": 1e999, "id": NaN, "available": Infinity}',
    "a negative id": json.dumps(LEVEL | {"id": -1, "inventory_item_id": -1}).encode(),
    "beyond the calendar": json.dumps(LEVEL | {"updated_at": "9999-12-31T23:59:59-14:00"}).encode(),
    "not UTF-8": b'{"inventory_item_id": "\xff\xfe"}',
    "half of a pair": b'{"title": "\\ud800", "id": "\\ud800"}',
    "a NUL": b'{"id": 1, "title": "\\u0000", "handle": "\\u0000"}',
    "no object": b"[1, 2, 3]",
    "nothing": b"",
    "null": b"null",
    "lists": b'{"id": [1], "variants": {"a": 1}, "order_id": {}, "line_items": 7, "customer": [], "order_edit": []}',
    "another kind": b'{"id": "1; DROP TABLE", "order_id": true, "created_at": 5, "customer": "x"}',
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_body_under_any_topic_is_set_aside_with_words_and_the_next_one_is_processed(rows, name):
    for topic in (*topics.EFFECTS, "inventory_levels/update"):
        if topic not in ("locations/update", "shop/update", "app/uninstalled"):  # whose bodies nobody reads
            assert send(STRANGE[name], rows.source.domain, topic).status_code == 200
    good = send(json.dumps(LEVEL).encode(), rows.source.domain)
    assert good.status_code == 200
    while SyncJob.objects.filter(kind="process_events", state="queued").exists():
        jobs.run_due({SyncJob.Kind.PROCESS_EVENTS: handlers.process_events}, 1)
    assert not WebhookEvent.objects.filter(state="new").exists()
    assert not SyncJob.objects.filter(state="failed", failure="bug", kind="process_events").exists()
    refused = WebhookEvent.objects.filter(state="failed")
    assert all("not what Shopify documents" in event.reason for event in refused), [event.reason for event in refused]
    assert WebhookEvent.objects.filter(body=json.dumps(LEVEL)).get().state == "ignored"


def test_of_a_name_given_twice_the_signed_bytes_are_kept_and_one_value_is_used(rows):
    body = json.dumps(LEVEL).replace("{", '{"available": 9, "inventory_item_id": 2, ').encode()
    assert send(body, rows.source.domain).status_code == 200
    assert WebhookEvent.objects.get().body == body.decode()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_the_content_type_decides_nothing(rows, kind):
    body = json.dumps(LEVEL).encode()
    headers = {
        "X-Shopify-Topic": "inventory_levels/update",
        "X-Shopify-Shop-Domain": rows.source.domain,
        "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Hmac-Sha256": sign(body, SECRET),
    }
    assert Client().generic("POST", PATH, body, content_type=kind, headers=headers).status_code == 200
    assert WebhookEvent.objects.get().body == body.decode()


# Floods


def test_a_flood_of_forged_webhooks_fills_neither_the_database_nor_the_log(rows):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Sparing(most=20))
    logging.getLogger().addHandler(handler)
    try:
        send(b"{}", rows.source.domain, secret="guessed")  # which has the store remembered
        with CaptureQueriesContext(db) as queries:
            for number in range(200):
                answer = send(b"{}", rows.source.domain, secret="guessed", X_Shopify_Webhook_Id=f"w-{number}")
                assert answer.status_code == 401
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(queries) <= 1  # should five seconds have passed
    assert not WebhookEvent.objects.exists() and not SyncJob.objects.exists()
    assert 0 < len(stream.getvalue().splitlines()) <= 2 * 20  # ours, and Django's for the status


def test_what_was_left_out_of_the_log_is_counted_and_errors_are_never_left_out():
    now = [0.0]
    sparing = Sparing(most=3, seconds=60, clock=lambda: now[0])

    def written(name: str, level: int, **extra) -> str | None:
        record = logging.LogRecord(name, level, "", 0, "said %s", ("so",), None)
        vars(record).update(extra)
        return record.getMessage() if sparing.filter(record) else None

    assert [written("syncing.views", logging.WARNING) for _ in range(5)] == ["said so"] * 3 + [None] * 2
    assert written("django.request", logging.WARNING, status_code=404) == "said so"  # another kind
    now[0] = 61
    assert written("syncing.views", logging.WARNING) == "said so (2 more like it were left out)"
    for _ in range(10):
        assert written("django.request", logging.ERROR, status_code=500) == "said so"
        assert written("syncing.queue.jobs", logging.WARNING) == "said so"
        assert written("syncing.views", logging.INFO) == "said so"
    assert [written("django.security.DisallowedHost", logging.ERROR) for _ in range(4)][-1] is None


# What pages pass through, and webhooks do not


def test_a_webhook_under_a_name_that_is_not_ours_is_refused_as_a_page_is(rows, settings):
    settings.ALLOWED_HOSTS = ["sync.example.com"]
    for path in (PATH, "/admin/login/"):
        assert (
            Client().post(path, b"", content_type="application/json", headers={"Host": "evil.example"}).status_code
            == 400
        )
    assert not WebhookEvent.objects.exists()
    answer = send(json.dumps(LEVEL).encode(), rows.source.domain, Host="sync.example.com")
    assert answer.status_code == 200


def test_a_webhook_passes_nothing_that_only_pages_need_and_its_answer_has_the_headers_of_theirs(rows, monkeypatch):
    def refuse(*_):
        raise AssertionError("a webhook came here")

    monkeypatch.setattr(SessionMiddleware, "process_request", refuse)
    monkeypatch.setattr(AxesMiddleware, "__call__", refuse)
    answer = send(json.dumps(LEVEL).encode(), rows.source.domain)
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(answer.content))
    for name in ("X-Frame-Options", "Content-Security-Policy", "Permissions-Policy", "X-Request-ID"):
        assert answer.headers[name], name
