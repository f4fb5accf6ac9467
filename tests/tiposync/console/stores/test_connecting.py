"""“Connect” on a store's page, Shopify's authorization page, and the way back; for whom, and what never shows."""

import html
import re
from urllib.parse import parse_qsl

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from stores import clients, installing
from stores.models import ConfigurationChange, Store, StoreLimit
from stores.shopify import auth
from syncing.models import SyncJob
from syncing.upkeep import store_check
from tests.security.test_secrets import found, logs, whole_database
from tests.simulator.simulation import Simulator
from tests.stores.test_installing import CLIENT, SECRET, press_install
from tests.support.console.people import give_role
from tests.support.console.press import look_at, page_of
from tests.support.fixtures import NORTH, SOUTH

__all__ = ["logs"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)
HOST = "sync.example.com"


@pytest.fixture
def foreign(sim: Simulator, admin_client, settings) -> Store:
    """North as a store of another organisation; the console is where Shopify leads back to."""
    settings.ALLOWED_HOSTS = [HOST, "testserver"]
    admin_client.defaults["SERVER_NAME"] = HOST
    sim.add_app(NORTH, CLIENT, SECRET, [installing.redirect_url()])
    return Store.objects.create(
        domain=NORTH, role="destination", auth="installed", client_id=CLIENT, client_secret=SECRET
    )


def press(client: Client, store: Store):
    return client.post(reverse("admin:stores_store_do", args=[store.pk, "connect"]), follow=True)


def address_of(client: Client, store: Store) -> str:
    """Where the page after “Connect” goes on to by itself."""
    answer = press(client, store)
    found = re.fullmatch(r"0; url=(.+)", answer.headers["Refresh"])
    assert found and html.escape(found[1]) in answer.content.decode()
    return found[1]


def come_back(client: Client, query: str):
    return client.get(f"{installing.REDIRECT_PATH}?{query}")


def landed(client: Client, query: str) -> str:
    """The page that the way back ends on, checked to be clean."""
    answer = come_back(client, query)
    assert answer.status_code == 302 and "?" not in answer.headers["Location"]
    assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "no-store, private")
    return html.unescape(client.get(answer.headers["Location"], follow=True).content.decode())


def test_the_button_leads_to_shopify_and_back_and_the_store_is_checked(admin_client, foreign):
    assert "Not connected yet" in look_at(admin_client, page_of(foreign))
    page = landed(admin_client, press_install(address_of(admin_client, foreign)))
    assert "Connected from Shopify; granted: read_inventory" in page
    foreign.refresh_from_db()
    assert foreign.is_connected and SyncJob.objects.get().kind == SyncJob.Kind.CHECK_STORE
    assert "Not connected yet" not in look_at(admin_client, page_of(foreign))
    assert store_check.check_store(foreign).ok
    assert "unless nothing is asked of the store until" in look_at(admin_client, page_of(foreign))


def test_who_did_it_is_in_the_history_without_any_secret(admin_client, foreign):
    Store.objects.filter(pk=foreign.pk).update(auth="client_credentials", status_reason=auth.FOREIGN_WORDS)
    query = press_install(address_of(admin_client, foreign))
    landed(admin_client, query)
    foreign.refresh_from_db()
    told = look_at(admin_client, page_of(foreign, "history")) + str(list(LogEntry.objects.values()))
    changes = list(ConfigurationChange.objects.filter(kind="update").values())
    assert "Connect: Connected from Shopify" in told
    assert [(change["author"], change["fields"]) for change in changes][0] == (
        "admin",
        {"auth": ["client_credentials", "installed"]},
    )
    found = dict(parse_qsl(query))
    secrets = (SECRET, foreign.access_token, foreign.refresh_token, found["code"], found["state"], found["hmac"])
    assert not [secret for secret in secrets if secret in told + str(changes)]


def test_shopify_refusing_client_credentials_offers_this_way_with_one_press(sim, admin_client, foreign):
    Store.objects.filter(pk=foreign.pk).update(auth="client_credentials")
    foreign.refresh_from_db()
    assert "/do/connect/" not in look_at(admin_client, page_of(foreign))
    store_check.check_store(foreign)
    assert "For a store of another organisation" in look_at(admin_client, page_of(foreign))
    landed(admin_client, press_install(address_of(admin_client, foreign)))
    foreign.refresh_from_db()
    assert foreign.auth == Store.Auth.INSTALLED and store_check.check_store(foreign).ok


def test_scopes_that_are_missing_are_asked_for_by_the_same_button(sim, admin_client, foreign):
    sim.shop(NORTH).knobs.scopes_granted = "read_products"
    landed(admin_client, press_install(address_of(admin_client, foreign)))
    foreign.refresh_from_db()
    assert not store_check.check_store(foreign).ok
    assert "asks for scopes that are missing" in html.unescape(look_at(admin_client, page_of(foreign)))
    sim.shop(NORTH).knobs.scopes_granted = None
    landed(admin_client, press_install(address_of(admin_client, foreign)))
    foreign.refresh_from_db()
    assert store_check.check_store(foreign).ok


def test_cancelling_is_told_and_changes_nothing(sim, admin_client, foreign):
    sim.shop(NORTH).knobs.cancel_tells = True
    page = landed(admin_client, press_install(address_of(admin_client, foreign), "cancel"))
    assert "was not installed at Shopify: nothing was changed" in page
    assert not Store.objects.get(pk=foreign.pk).is_connected


def test_under_another_address_than_the_public_one_it_says_where_to_go(admin_client, foreign):
    admin_client.defaults["SERVER_NAME"] = "testserver"
    assert "open the console there" in html.unescape(press(admin_client, foreign).content.decode())


@pytest.mark.parametrize(("role", "may"), [("Support agent", False), ("Manager", True), ("Administrator", True)])
def test_only_who_may_change_stores_connects_them(foreign, role, may):
    user = User.objects.create_user("somebody", is_staff=True)
    give_role(user, role)
    client = Client(SERVER_NAME=HOST)
    client.force_login(user)
    assert ("/do/connect/" in look_at(client, page_of(foreign))) is may
    if not may:
        assert press(client, foreign).status_code == 403
        return
    query = press_install(address_of(client, foreign))
    give_role(user, "Support agent")  # the permission is gone before the way back
    assert "may change stores" in landed(client, query)
    assert not Store.objects.get(pk=foreign.pk).is_connected
    give_role(user, role)
    landed(client, query)
    assert Store.objects.get(pk=foreign.pk).is_connected


def test_a_store_takes_the_app_of_another_without_showing_its_secret(sim, admin_client, foreign):
    form = {
        "domain": "https://admin.shopify.com/store/south-store/products?selectedView=all",
        "role": "destination",
        "auth": "installed",
        "same_app_as": foreign.pk,
        "acceptance": "auto",
        "default_strategy": "one_way",
        "shares_collections": "all",
        "shares_products": "on",
    }
    page = admin_client.post("/admin/stores/store/add/", form, follow=True).content.decode()
    store = Store.objects.get(domain=SOUTH)
    assert (store.client_id, store.client_secret, store.auth) == (CLIENT, SECRET, "installed")
    assert "Press “Connect” to install the app" in page and SECRET not in page
    assert not SyncJob.objects.exists()  # there is nothing to check yet


def test_another_app_ends_the_access_of_the_one_before(admin_client, foreign):
    landed(admin_client, press_install(address_of(admin_client, foreign)))
    form = {
        "domain": NORTH,
        "role": "destination",
        "auth": "installed",
        "client_id": "other",
        "client_secret": "shpss_other",
        "acceptance": "auto",
        "default_strategy": "one_way",
        "shares_collections": "all",
        "shares_products": "on",
        "locations-TOTAL_FORMS": 0,
        "locations-INITIAL_FORMS": 0,
    }
    admin_client.post(page_of(foreign), form)
    foreign.refresh_from_db()
    assert (foreign.client_id, foreign.is_connected, foreign.refresh_token) == ("other", False, "")


def test_saving_other_things_leaves_the_access_alone(admin_client, foreign):
    landed(admin_client, press_install(address_of(admin_client, foreign)))
    foreign.refresh_from_db()
    form = {
        "domain": NORTH,
        "name": "Renamed",
        "role": "destination",
        "auth": "installed",
        "client_id": CLIENT,
        "acceptance": "auto",
        "default_strategy": "one_way",
        "shares_collections": "all",
        "shares_products": "on",
        "locations-TOTAL_FORMS": 0,
        "locations-INITIAL_FORMS": 0,
    }
    admin_client.post(page_of(foreign), form)
    row = Store.objects.get(pk=foreign.pk)
    assert (row.name, row.access_token, row.refresh_token) == ("Renamed", foreign.access_token, foreign.refresh_token)


def test_who_is_limited_to_other_stores_neither_connects_it_nor_sees_its_app(foreign):
    user = User.objects.create_user("somebody", is_staff=True)
    give_role(user, "Administrator")
    client = Client(SERVER_NAME=HOST)
    client.force_login(user)
    query = press_install(address_of(client, foreign))
    other = Store.objects.create(domain=SOUTH, role="source", client_id="own", client_secret="own-secret")
    StoreLimit.objects.create(user=user).stores.set([other])
    assert "may change stores" in landed(client, query)
    assert not Store.objects.get(pk=foreign.pk).is_connected
    assert press(client, foreign).request["PATH_INFO"] == "/admin/"
    assert "north-store" not in look_at(client, page_of(other))


def test_no_log_and_no_table_holds_anything_of_an_installation_or_a_renewal(admin_client, foreign, logs):
    """The most talkative log, the libraries' lines too; and every row as a dump of PostgreSQL has it."""
    said = []
    for _ in range(2):  # the second time over a pair of tokens that stands
        query = press_install(address_of(admin_client, foreign))
        landed(admin_client, query)
        said += [value for name, value in parse_qsl(query) if name in ("code", "hmac", "state")]
        foreign.refresh_from_db()
        said += [foreign.access_token, foreign.refresh_token]
    clients.renew_token(foreign)
    come_back(admin_client, query)  # a code that was used, and a state that is over
    assert store_check.check_store(Store.objects.get(pk=foreign.pk)).ok
    foreign.refresh_from_db()
    secrets = [SECRET, *said, foreign.access_token, foreign.refresh_token]
    assert len(set(secrets)) == len(secrets) == 13 and "access_token" in logs.given.getvalue()
    for text in (logs.given.getvalue(), logs.written.getvalue(), whole_database()):
        assert found(text, secrets) == []
