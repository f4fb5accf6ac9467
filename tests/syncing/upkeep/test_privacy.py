"""Shopify's compliance webhooks: accepted like any other, done in time, and thoroughly."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders import privacy as forgetting
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from syncing import handlers
from syncing.models import (
    Alert,
    AlertChannel,
    AlertMessage,
    PrivacyRequest,
    StockAdjustment,
    SyncJob,
    WebhookEvent,
)
from syncing.monitoring import alerts, service_problems
from syncing.queue import jobs
from syncing.upkeep import privacy, retention
from tests.support.console.orders import make_failed, make_line, make_update
from tests.support.console.press import page_of, press
from tests.support.console.rows import SECRET, make_adjustment, make_event, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

ADA = {"id": 706405506930370084, "email": "ada@example.com", "phone": "+1 555 0100"}
ORDER = {"id": 820982911946154508, "email": ADA["email"], "customer": ADA, "line_items": []}
OTHERS = {"id": 5, "email": "bob@example.com", "customer": {"id": 6}}


@pytest.fixture
def rows():
    rows = make_rows()
    make_event(rows.source, "order-1", topic="orders/create", body=json.dumps(ORDER))
    make_event(rows.source, "refund-1", topic="refunds/create", body=json.dumps({"order_id": ORDER["id"]}))
    make_event(rows.source, "order-2", topic="orders/create", body=json.dumps(OTHERS))
    make_event(rows.destination, "order-1", topic="orders/create", body=json.dumps(ORDER))
    return rows


def deliver(client, store, topic: str, payload: dict, secret: str = SECRET) -> int:
    body = json.dumps(payload).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": store.domain,
        "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Webhook-Id": topic,
    }
    answer = client.post("/webhooks/shopify/", body, content_type="application/json", headers=headers)
    while jobs.run_due(handlers.WORK, 5):
        pass
    return answer.status_code


def bodies(store) -> str:
    return "\n".join(WebhookEvent.objects.filter(store=store).values_list("body", flat=True))


def test_forgetting_a_customer_removes_every_word_of_them_in_that_store_and_of_nobody_else(client, rows):
    payload = {"shop_domain": rows.source.domain, "customer": ADA, "orders_to_redact": [ORDER["id"]]}
    assert deliver(client, rows.source, "customers/redact", payload) == 200
    left = bodies(rows.source)
    assert "ada@" not in left and "0100" not in left and str(ADA["id"]) not in left and str(ORDER["id"]) not in left
    assert "bob@example.com" in left
    assert "ada@" in bodies(rows.destination)  # that store asks itself
    request = PrivacyRequest.objects.get()
    assert (request.state, request.done_at is not None) == ("done", True)
    assert "3 stored webhooks" in request.outcome  # an order, a refund, and the request's own


def test_forgetting_a_store_removes_all_its_customers_and_keeps_the_ledger(client, rows):
    make_adjustment(rows.stock_link, 7, 5)
    assert deliver(client, rows.source, "shop/redact", {"shop_domain": rows.source.domain}) == 200
    assert "@example.com" not in bodies(rows.source)
    assert "ada@" in bodies(rows.destination)
    assert StockAdjustment.objects.count() == 1


@pytest.fixture
def order_rows(rows):
    """Orders of the destination, copied into the source; the first one, to be forgotten, shipped with a tracking."""
    gid = f"gid://shopify/Order/{ORDER['id']}"
    ours = make_failed(rows.connection, order_gid=gid, reason="Shopify refused it: ada@example.com is invalid.")
    shipped = {"tracking": ["DHL", ["JD01-ada"], []], "sent": None, "done": {"gid://shopify/Fulfillment/1": {}}}
    change = make_update(ours, kind="fulfilment", state="confirmed", body=shipped, reason="JD01-ada was synced.")
    return ours, change, make_failed(rows.connection, 1002, reason="bob@example.com is invalid.")


@pytest.mark.parametrize("whose", ["destination", "source"])
def test_forgetting_a_customer_removes_the_words_and_the_tracking_of_their_orders(client, rows, order_rows, whose):
    ours, change, another = order_rows
    OrderImport.objects.filter(pk=ours.pk).update(copy_order_gid="gid://shopify/Order/77")
    store, number = (rows.destination, ORDER["id"]) if whose == "destination" else (rows.source, 77)
    deliver(
        client,
        store,
        "customers/redact",
        {"shop_domain": store.domain, "customer": {"id": 1234567890}, "orders_to_redact": [number]},
    )
    for row in (ours, change, another):
        row.refresh_from_db()
    assert "ada" not in f"{ours.reason} {change.reason} {change.body}"
    assert change.body == {"sent": None, "done": {"gid://shopify/Fulfillment/1": {}}}
    assert (ours.state, another.reason) == ("failed", "bob@example.com is invalid.")
    assert "tracking of 1 orders" in PrivacyRequest.objects.get().outcome


def test_forgetting_reaches_the_words_of_jobs_alerts_messages_and_custom_lines(client, rows, order_rows):
    ours, change, another = order_rows
    make_line(ours, "Engraving for ada", variant_gid="", state="custom")
    make_job(ours.connection, kind="import_order", message="ada@ is invalid", arguments={"order_gid": ours.order_gid})
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com")
    alerts.watch()
    alerts.send_pending()
    kept = {"orders": OrderImportLine, "jobs": SyncJob, "alerts": Alert, "messages": AlertMessage}
    before = {name for name, model in kept.items() if "ada" in str(list(model.objects.values()))}
    assert before == set(kept)
    payload = {"customer": {"id": 77}, "orders_to_redact": [ORDER["id"]], "shop_domain": rows.destination.domain}
    assert deliver(client, rows.destination, "customers/redact", payload) == 200
    assert [name for name, model in kept.items() if "ada" in str(list(model.objects.values()))] == []


def test_a_change_that_is_under_way_keeps_what_it_sends(order_rows):
    ours, change, _ = order_rows
    OrderUpdate.objects.filter(pk=change.pk).update(state="sent")
    forgetting.forget(forgetting.orders_of(ours.connection.destination, [ORDER["id"]]))
    change.refresh_from_db()
    assert change.body["tracking"] == ["DHL", ["JD01-ada"], []]


def test_an_export_tells_of_the_customers_orders_and_of_no_others(client, rows, order_rows):
    payload = {"customer": ADA, "orders_requested": [ORDER["id"]], "data_request": {"id": 9}}
    payload["shop_domain"] = rows.destination.domain
    deliver(client, rows.destination, "customers/data_request", payload)
    told = json.dumps(privacy.export(PrivacyRequest.objects.get()))
    assert "JD01-ada" in told and "ada@example.com is invalid" in told and "bob@" not in told


def test_a_question_waits_for_an_operator_who_exports_and_answers(client, admin_client, rows):
    payload = {"customer": ADA, "orders_requested": [ORDER["id"]], "data_request": {"id": 9999}}
    payload["shop_domain"] = rows.source.domain
    assert deliver(client, rows.source, "customers/data_request", payload) == 200
    request = PrivacyRequest.objects.get()
    assert (request.reference, request.order_ids, request.state) == ("9999", [ORDER["id"]], "open")
    assert timedelta(days=29) < request.due_at - timezone.now() <= timedelta(days=30)
    assert "privacy" in {problem.kind for problem in service_problems.find()}
    exported = admin_client.get(f"/admin/syncing/privacyrequest/{request.pk}/do/export/")
    kept = json.loads(exported.content)["kept"]
    assert {row["topic"] for row in kept} == {"orders/create", "refunds/create", "customers/data_request"}
    assert "bob@" not in exported.content.decode()
    assert "Noted as answered" in press(admin_client, page_of(request), "Answered")
    assert "privacy" not in {problem.kind for problem in service_problems.find()}


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
def test_a_forged_request_is_refused_with_401(client, rows, topic):
    assert deliver(client, rows.source, topic, {"customer": ADA}, secret="another") == 401
    assert not PrivacyRequest.objects.exists()
    assert "ada@" in bodies(rows.source)


def test_a_request_about_somebody_nothing_is_kept_of_is_done(client, rows):
    payload = {"shop_domain": rows.destination.domain, "customer": {"id": 12345678901}, "orders_to_redact": []}
    assert deliver(client, rows.destination, "customers/redact", payload) == 200
    assert PrivacyRequest.objects.get().state == "done"
    assert SyncJob.objects.get(kind=SyncJob.Kind.FORGET).state == "succeeded"


def test_personal_data_goes_by_age_and_requests_stay(client, rows, settings):
    request = PrivacyRequest.objects.create(store=rows.source, kind="data", due_at=timezone.now())
    old = timezone.now() - timedelta(days=settings.RETENTION_DAYS, minutes=1)
    WebhookEvent.objects.filter(webhook_id="order-1").update(received_at=old)
    PrivacyRequest.objects.update(received_at=old)
    retention.prune()
    assert "ada@" not in bodies(rows.source) + bodies(rows.destination)
    assert "bob@" in bodies(rows.source)
    assert PrivacyRequest.objects.get() == request


def test_pruning_takes_a_batch_at_a_time(rows, settings, monkeypatch):
    monkeypatch.setattr(retention, "BATCH_ROWS", 3)
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=99))
    assert WebhookEvent.objects.count() == 4
    retention.prune()
    assert WebhookEvent.objects.count() == 1
    retention.prune()
    assert not WebhookEvent.objects.exists()
