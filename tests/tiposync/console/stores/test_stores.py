"""The pages of stores: adding one, its secrets, its check, pausing it."""

import re

import pytest
import responses
from django.contrib.admin.models import LogEntry

from stores.models import Store
from syncing.models import SyncJob
from tests.support.console.press import list_of, look_at, page_of, pause, press
from tests.support.console.rows import SECRET, make_location, make_rows, make_store

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/stores/store/add/"
FORM = {
    "domain": "Main.myshopify.com ",
    "name": "Main",
    "role": "source",
    "auth": "client_credentials",
    "client_id": "app",
    "client_secret": SECRET,
    "acceptance": "auto",
    "default_strategy": "one_way",
    "shares_products": "on",
    "shares_collections": "all",
    "locations-TOTAL_FORMS": 0,
    "locations-INITIAL_FORMS": 0,
}


@pytest.fixture
def store():
    return make_store("Main", "source", access_token="shpat_never_on_a_page")


def change(client, store, **fields):
    form = FORM | {"domain": store.domain, "client_secret": ""} | fields
    response = client.post(page_of(store), form, follow=True)
    store.refresh_from_db()
    return response.content.decode()


def test_without_stores_the_list_says_what_to_do_first(admin_client):
    page = look_at(admin_client, list_of("stores_store"))
    assert "No stores yet" in page
    assert f'href="{ADD}"' in page


def test_a_store_is_added_and_checked_by_itself(admin_client):
    assert 'type="password"' in look_at(admin_client, ADD)
    response = admin_client.post(ADD, FORM, follow=True)
    store = Store.objects.get()
    assert (store.domain, store.client_secret) == ("main.myshopify.com", SECRET), response.content.decode()
    assert SyncJob.objects.get().kind == SyncJob.Kind.CHECK_STORE


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"domain": "example.com"}, "permanent name"),
        ({"client_secret": ""}, "client id and its client secret"),
        ({"auth": "static_token"}, "Admin API token"),
    ],
)
def test_a_wrong_store_is_refused_where_it_was_entered(admin_client, fields, words):
    page = admin_client.post(ADD, FORM | fields).content.decode()
    assert words in page
    assert SECRET not in page
    assert not Store.objects.exists()


def test_a_secret_is_never_on_a_page_nor_in_the_history(admin_client, store):
    page = look_at(admin_client, page_of(store))
    page += change(admin_client, store, name="Renamed") + look_at(admin_client, page_of(store, "history"))
    page += look_at(admin_client, list_of("stores_store"))
    assert SECRET not in page
    assert "shpat_" not in re.sub(r"starts with shpat_", "", page)
    assert "secret" not in LogEntry.objects.latest("pk").get_change_message().lower()


def test_a_blank_secret_keeps_the_one_that_is_stored(admin_client, store):
    assert "One is stored" in look_at(admin_client, page_of(store))
    change(admin_client, store, name="Renamed")
    assert (store.name, store.client_secret, store.access_token) == ("Renamed", SECRET, "shpat_never_on_a_page")
    assert not SyncJob.objects.exists()


def test_a_new_secret_keeps_the_old_one_until_it_is_forgotten(admin_client, store):
    change(admin_client, store, client_secret="shpss_new")
    assert store.webhook_secrets() == ["shpss_new", SECRET]
    assert SyncJob.objects.get().kind == SyncJob.Kind.CHECK_STORE
    press(admin_client, page_of(store), "Forget the previous secret")
    store.refresh_from_db()
    assert store.webhook_secrets() == ["shpss_new"]


def test_a_corrected_store_stays_on_its_page_and_shows_the_check_that_is_made_of_it(admin_client, store):
    Store.objects.update(status="disconnected", status_reason="The secret is wrong.")
    store.refresh_from_db()
    form = FORM | {"domain": store.domain}
    answer = admin_client.post(page_of(store), form | {"client_secret": "shpss_right"})
    assert answer.url == page_of(store)
    page = look_at(admin_client, answer.url)
    assert "Shopify is being asked" in page and "Disconnected: The secret is wrong." not in page
    SyncJob.objects.all().delete()
    assert "Disconnected: The secret is wrong." in look_at(admin_client, page_of(store))
    answer = admin_client.post(page_of(store), form | {"client_secret": "", "name": "Renamed"})
    assert answer.url == list_of("stores_store")


def test_an_app_token_is_not_taken_for_a_fixed_one(admin_client, store):
    page = change(admin_client, store, auth="static_token")
    assert "Admin API token" in page
    assert store.auth == Store.Auth.CLIENT_CREDENTIALS


def test_saving_the_form_leaves_alone_what_a_worker_wrote_meanwhile(admin_client, store, monkeypatch):
    before = Store.clean

    def clean(row):
        before(row)
        Store.objects.filter(pk=row.pk).update(access_token="renewed", bucket_available=3, status="disconnected")

    monkeypatch.setattr(Store, "clean", clean)
    change(admin_client, store, name="Renamed")
    assert (store.name, store.access_token, store.bucket_available) == ("Renamed", "renewed", 3)
    assert store.status == Store.Status.DISCONNECTED


def test_the_role_of_a_connected_store_cannot_be_changed(admin_client):
    rows = make_rows()
    page = change(admin_client, rows.source, role="destination")
    assert "remove them before changing its role" in page
    assert rows.source.role == "source"


@responses.activate
def test_checking_a_store_shows_what_was_found_in_words(admin_client, store):
    Store.objects.filter(pk=store.pk).update(access_token="")
    url = re.compile(r"http://127\.0\.0\.1:9/main\.myshopify\.com/.*")
    responses.add(responses.POST, url, status=400, json={"error": "app_not_installed"})
    page = press(admin_client, page_of(store), "Check store")
    assert "Action needed" in page
    assert "Credentials" in page
    store.refresh_from_db()
    assert store.status == Store.Status.DISCONNECTED
    assert store.status_reason in page.replace("&#x27;", "'")
    assert "Main: disconnected. The report below says what to do." in page
    assert "bg-green-100" not in page  # what is wrong is not told as a success


def test_a_store_is_paused_and_resumed_and_its_connections_are_compared_first(admin_client):
    rows = make_rows()
    pause(admin_client, rows.source)
    rows.source.refresh_from_db()
    assert rows.source.is_paused
    assert "Paused" in look_at(admin_client, list_of("stores_store"))
    press(admin_client, page_of(rows.source), "Resume")
    rows.source.refresh_from_db()
    assert not rows.source.is_paused
    job = SyncJob.objects.get(kind=SyncJob.Kind.RECONCILE)
    assert (job.connection, job.arguments["trigger"]) == (rows.connection, "resume")


def test_locations_are_shown_and_cannot_be_changed(admin_client, store):
    make_location(store, "Warehouse <b>")
    page = look_at(admin_client, page_of(store))
    assert "Warehouse &lt;b&gt;" in page
    assert 'name="locations-0-name"' not in page


def test_a_button_never_works_by_following_a_link(admin_client, store):
    assert admin_client.get(f"/admin/stores/store/{store.pk}/do/pause_now/").status_code == 405
    store.refresh_from_db()
    assert not store.is_paused


def test_what_an_operator_did_is_in_the_history(admin_client, store):
    pause(admin_client, store)
    assert "Pause" in look_at(admin_client, page_of(store, "history"))


def test_what_a_source_shares_is_chosen_on_its_page(admin_client, store):
    page = look_at(admin_client, page_of(store))
    assert f'hx-get="/admin/stores/store/{store.pk}/do/shared_collections/?asked=1"' in page
    collection = "gid://shopify/Collection/1"
    fields = {"share_tags": "summer\nSale, SUMMER", "shares_collections": "chosen"}
    assert "Choose at least one" in change(admin_client, store, **fields)
    change(admin_client, store, **fields, shared_collection_gids=[collection])
    assert (store.share_tags, store.shared_collection_gids) == (["summer", "Sale"], [collection])
    assert (store.shares_products, store.shares_collections) == (True, "chosen")


def test_a_destination_shares_nothing(admin_client):
    store = make_store("North", "destination")
    assert "shares_collections" not in look_at(admin_client, page_of(store))
