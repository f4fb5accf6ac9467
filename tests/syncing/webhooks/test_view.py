"""Where webhooks arrive: who is let in, and that nothing is stored twice or answered before it is safe."""

import base64
import hashlib
import hmac
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stores.models import Store
from syncing.models import SyncJob, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "shpss_current"
BODY = json.dumps(
    {"inventory_item_id": 1, "location_id": 2, "available": 3, "updated_at": "2026-11-21T12:00:00Z"}
).encode()


@pytest.fixture
def store():
    return Store.objects.create(
        domain="source-store.myshopify.com", role="source", client_id="id", client_secret=SECRET
    )


def sign(body, secret=SECRET):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def post(client, body=BODY, **changes):
    headers = {
        "X-Shopify-Topic": "inventory_levels/update",
        "X-Shopify-Shop-Domain": "source-store.myshopify.com",
        "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Hmac-Sha256": sign(body),
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: value for name, value in headers.items() if value is not None}
    return client.post("/webhooks/shopify/", data=body, content_type="application/json", headers=headers)


def test_a_signed_delivery_is_stored_and_work_is_enqueued(client, store):
    assert post(client).status_code == 200
    event = WebhookEvent.objects.get()
    assert (event.store, event.topic, event.body) == (store, "inventory_levels/update", BODY.decode())
    assert SyncJob.objects.get().kind == SyncJob.Kind.PROCESS_EVENTS


def test_a_delivery_that_is_repeated_is_stored_once_and_answered_well(client, store):
    assert [post(client).status_code for _ in range(3)] == [200, 200, 200]
    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize("signature", [None, "", "not base64 !", base64.b64encode(b"short").decode()])
def test_a_missing_or_malformed_signature_is_refused_before_any_database_work(client, store, signature):
    with CaptureQueriesContext(connection) as queries:
        assert post(client, X_Shopify_Hmac_Sha256=signature).status_code == 401
    assert len(queries) == 0


def test_a_wrong_signature_is_refused(client, store):
    assert post(client, X_Shopify_Hmac_Sha256=sign(BODY, "guessed")).status_code == 401
    assert not WebhookEvent.objects.exists()


def test_a_body_changed_by_one_byte_is_refused(client, store):
    assert post(client, BODY + b" ", X_Shopify_Hmac_Sha256=sign(BODY)).status_code == 401


def test_an_unknown_store_is_answered_like_a_wrong_signature(client, store):
    assert post(client, X_Shopify_Shop_Domain="stranger.myshopify.com").status_code == 401


def test_both_secrets_are_accepted_during_a_rotation(client, store):
    store.client_secret, store.previous_client_secret = "shpss_new", SECRET
    store.save()
    assert post(client).status_code == 200
    assert post(client, X_Shopify_Hmac_Sha256=sign(BODY, "shpss_new"), X_Shopify_Webhook_Id="w-2").status_code == 200


def test_an_oversized_body_is_refused_unread(client, store, settings):
    settings.WEBHOOK_MAX_BYTES = 100
    assert post(client, b"x" * 101).status_code == 413
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("header", ["X_Shopify_Webhook_Id", "X_Shopify_Topic"])
def test_a_delivery_without_id_or_topic_is_refused_with_words(client, store, header):
    answer = post(client, **{header: None})
    assert answer.status_code == 400
    assert b"missing" in answer.content


def test_only_post_is_answered(client, store):
    assert client.get("/webhooks/shopify/").status_code == 405


def test_a_signed_body_that_is_no_json_is_kept_for_a_person_to_see(client, store):
    assert post(client, b"\x00\xff not json").status_code == 200
    assert WebhookEvent.objects.get().body.startswith("\N{REPLACEMENT CHARACTER}")
