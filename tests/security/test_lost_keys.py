"""CREDENTIAL_KEYS lost: all else stays readable, nothing is sent with what cannot be read, new credentials cure."""

import copy
import pickle

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection as db

from stores import clients
from stores.models import Store
from stores.models.fields import Unreadable, usable
from stores.shopify.errors import InvalidCredentials
from syncing import views
from syncing.models import AlertChannel, AlertMessage
from syncing.monitoring import channels
from tests.security import site
from tests.support.console.press import list_of, page_of
from tests.support.console.rows import SECRET
from tests.tiposync.console.access.test_roles import label_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows(settings):
    """A row of everything; then the key is another one, as if the old one were lost."""
    made = site.make_site()
    made["syncing.alertchannel"].url = "https://hooks.example.com/x"
    made["syncing.alertchannel"].save()
    settings.DEBUG, settings.CREDENTIAL_KEYS = False, ["another-key-than-the-one-that-encrypted"]
    return made


def stored(store: Store) -> str:
    with db.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM stores_store WHERE id = %s", [store.pk])
        return cursor.fetchone()[0]


def test_every_list_and_every_rows_page_is_there(rows):
    client = site.superuser()
    urls = [list_of(label_of(model).replace(".", "_")) for model in admin.site._registry]
    urls += [page_of(rows[label_of(model)]) for model in admin.site._registry] + ["/admin/"]
    broken = {url: answer.status_code for url in urls if (answer := client.get(url, follow=True)).status_code != 200}
    assert not broken
    page = client.get(page_of(rows["stores.store"])).content.decode()
    assert "Disconnected" in page and "cannot be decrypted" in page and SECRET not in page
    assert stored(rows["stores.store"]) not in page


def test_a_secret_that_cannot_be_read_is_kept_but_never_used(rows, settings):
    store, before = Store.objects.get(pk=rows["stores.store"].pk), stored(rows["stores.store"])
    assert isinstance(store.client_secret, Unreadable) and not store.is_readable
    for each in (copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        each.name = "Renamed"
        each.save()
    assert stored(store) == before
    with pytest.raises(ImproperlyConfigured, match="its key is missing"):
        usable(store.client_secret)
    with pytest.raises(ImproperlyConfigured):
        store.webhook_secrets()
    with pytest.raises(InvalidCredentials, match="its key is missing"):
        clients.open_client(store)
    store.refresh_from_db()
    assert store.status == Store.Status.DISCONNECTED and "its key is missing" in store.status_reason
    channel = AlertChannel.objects.get()
    channel.kind = "webhook"
    with pytest.raises(channels.MessageNotSent, match="its key is missing"):
        channels.send(AlertMessage(channel=channel, title="t", text="t"))


def test_a_webhook_is_sent_again_until_the_key_is_back(rows, client):
    views._stores.clear()
    headers = {"X-Shopify-Shop-Domain": "main.myshopify.com", "X-Shopify-Hmac-Sha256": "A" * 43 + "="}
    answer = client.post("/webhooks/shopify/", b"{}", content_type="application/json", headers=headers)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert "text/plain" in answer.headers["Content-Type"]


@pytest.mark.parametrize("way", ["form", "command"])
def test_new_credentials_repair_it(rows, way):
    store = rows["stores.store"]
    if way == "form":
        form = {"domain": store.domain, "name": "", "role": "source", "auth": "client_credentials", "client_id": "app"}
        form |= {"client_secret": "a-new-secret", "acceptance": "auto", "default_strategy": "one_way"}
        form |= {
            "shares_products": "on",
            "shares_collections": "all",
            "locations-TOTAL_FORMS": 0,
            "locations-INITIAL_FORMS": 0,
        }
        assert site.superuser().post(page_of(store), form).status_code == 302
    else:
        call_command("add_store", store.domain, "--client-secret", "a-new-secret", "--no-check")
    found = Store.objects.get(pk=store.pk)
    assert found.webhook_secrets() == ["a-new-secret"] and found.is_readable
    clients.open_client(found)
