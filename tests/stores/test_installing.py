"""Install from Shopify: the way there and back, tokens that are kept in pairs, and their renewal."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from django.db import connection as db
from django.utils import timezone

from stores import clients, installing, onboarding
from stores.models import Store
from stores.shopify import auth, shops
from stores.shopify.client import new_session
from stores.shopify.errors import DeadRefreshToken, InvalidCredentials, ShopifyError, Unauthorized
from tests.simulator.pages.installing import signature
from tests.simulator.simulation import Simulator
from tests.support.fixtures import NORTH, SOUTH

CLIENT, SECRET = "foreign", "shpss_foreign_secret"
SESSION, USER = "session-1", 7


@pytest.fixture
def foreign(sim: Simulator, settings, db) -> Iterator[Store]:
    """North as a store of another organisation, whose app is not installed yet."""
    sim.add_app(NORTH, CLIENT, SECRET, [settings.PUBLIC_URL + installing.REDIRECT_PATH])
    yield Store.objects.create(
        domain=NORTH, role="destination", auth="installed", client_id=CLIENT, client_secret=SECRET
    )


def press_install(address: str, action: str = "install") -> str:
    """What somebody does on Shopify's page; the query that it leads back with."""
    place = urlsplit(address)
    form = dict(parse_qsl(place.query)) | {"action": action}
    answer = requests.post(place._replace(query="").geturl(), form, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return urlsplit(answer.headers["Location"]).query


def come_back(query: str, session: str = SESSION, user: int = USER) -> Store:
    store, found = installing.verify(query)
    installing.finish(store, found, session, user)
    return Store.objects.get(pk=store.pk)


def connect(store: Store) -> Store:
    return come_back(press_install(installing.begin(store, SESSION, USER)))


def signed(**query: str) -> str:
    query = {"timestamp": f"{timezone.now().timestamp():.0f}", "shop": NORTH} | query
    return "&".join(f"{name}={value}" for name, value in {**query, "hmac": signature(query, SECRET)}.items())


def renewed(store: Store) -> Store:
    """As the daily check does it."""
    clients.renew_token(Store.objects.get(pk=store.pk))
    return Store.objects.get(pk=store.pk)


def age(store: Store, share: float) -> None:
    """Have the token behave as if this share of its hour were over."""
    now, life = timezone.now(), timedelta(hours=1)
    Store.objects.filter(pk=store.pk).update(
        token_obtained_at=now - life * share, token_expires_at=now + life * (1 - share)
    )


def tokens_of(store: Store) -> clients.StoreTokens:
    row = Store.objects.get(pk=store.pk)
    return clients.StoreTokens(row, clients.store_url(row), new_session())


def reason(store: Store) -> str:
    return Store.objects.values_list("status_reason", flat=True).get(pk=store.pk)


# --- There and back -----------------------------------------------------------------------------------------------


def test_a_store_of_another_organisation_is_connected_and_found_in_order(sim: Simulator, foreign):
    store = connect(foreign)
    assert store.scopes == sorted({"read_inventory", "read_locations", "read_products", "write_inventory"})
    assert store.refresh_token.startswith("shprt_") and store.refresh_expires_at > timezone.now() + timedelta(days=89)
    report = onboarding.check_store(store)
    assert report.ok, report
    assert "Installed from Shopify" in report.findings[0].message
    assert shops.read_shop(clients.open_client(store)).name == "North store"


def test_its_secrets_are_encrypted_at_rest(foreign):
    store = connect(foreign)
    with db.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(s)::text FROM stores_store s")
        row = cursor.fetchone()[0]
    assert not any(secret in row for secret in (store.refresh_token, store.access_token, SECRET))


def test_before_it_is_installed_it_says_what_to_do_and_asks_shopify_nothing(sim: Simulator, foreign):
    with pytest.raises(Unauthorized, match="Press “Connect”"):
        shops.read_shop(clients.open_client(foreign))
    assert sim.shop(NORTH).counters.requests == 0
    assert Store.objects.get(pk=foreign.pk).status == Store.Status.NEW  # nothing was lost that somebody must hear of
    assert onboarding.check_store(foreign).status == Store.Status.ATTENTION


def test_an_address_asks_for_what_connections_need_and_what_is_granted(sim: Simulator, foreign):
    Store.objects.filter(pk=foreign.pk).update(scopes=["read_returns"])
    foreign.refresh_from_db()
    asked = dict(parse_qsl(urlsplit(installing.begin(foreign, SESSION, USER)).query))
    assert asked["scope"] == "read_inventory,read_locations,read_products,read_returns,write_inventory"
    assert asked["redirect_uri"] == "https://sync.example.com/shopify/connected/"


def test_scopes_that_are_granted_in_part_are_named_and_the_same_button_asks_again(sim: Simulator, foreign):
    sim.shop(NORTH).knobs.scopes_granted = "read_products,read_locations"
    report = onboarding.check_store(connect(foreign))
    (unwell,) = [finding for finding in report.findings if finding.name == "Scopes"]
    assert "read_inventory" in unwell.message and "Press “Connect”" in unwell.message
    sim.shop(NORTH).knobs.scopes_granted = None
    assert onboarding.check_store(connect(foreign)).ok


def test_a_refused_client_credentials_store_is_connected_by_the_same_way(sim: Simulator, foreign):
    Store.objects.filter(pk=foreign.pk).update(auth="client_credentials")
    foreign.refresh_from_db()
    assert auth.FOREIGN_WORDS in onboarding.check_store(foreign).reason
    store = connect(foreign)
    assert store.auth == Store.Auth.INSTALLED
    assert onboarding.check_store(store).ok


def test_cancelling_changes_nothing_and_says_so(sim: Simulator, foreign):
    sim.shop(NORTH).knobs.cancel_tells = True
    query = press_install(installing.begin(foreign, SESSION, USER), "cancel")
    with pytest.raises(installing.NotInstalled, match="was not installed at Shopify"):
        come_back(query)
    foreign.refresh_from_db()
    assert not foreign.is_connected


@pytest.mark.parametrize("encodes", [False, True])
def test_shopify_may_sign_values_as_they_are_or_encoded(sim: Simulator, foreign, encodes):
    sim.shop(NORTH).knobs.callback_encodes = encodes
    assert connect(foreign).is_connected


def test_what_comes_back_counts_once_in_this_session_for_this_user_and_for_ten_minutes(sim: Simulator, foreign):
    query = press_install(installing.begin(foreign, SESSION, USER))
    for session, user in ((SESSION, USER + 1), ("another", USER)):
        with pytest.raises(installing.NotInstalled, match="not begun in this browser"):
            come_back(query, session, user)
    began = timezone.now() - timedelta(minutes=11)
    Store.objects.filter(pk=foreign.pk).update(install_began_at=began)
    with pytest.raises(installing.NotInstalled):
        come_back(query)
    Store.objects.filter(pk=foreign.pk).update(install_began_at=timezone.now())
    assert come_back(query).is_connected
    with pytest.raises(installing.NotInstalled):
        come_back(query)


def test_a_later_press_replaces_the_one_before_it(foreign):
    first = press_install(installing.begin(foreign, SESSION, USER))
    second = press_install(installing.begin(foreign, SESSION, USER))
    with pytest.raises(installing.NotInstalled):
        come_back(first)
    assert come_back(second).is_connected


def test_what_another_store_began_is_not_taken_by_a_store_with_the_same_app(sim: Simulator, foreign, settings):
    sim.add_app(SOUTH, CLIENT, SECRET, [settings.PUBLIC_URL + installing.REDIRECT_PATH])
    south = Store.objects.create(
        domain=SOUTH, role="destination", auth="installed", client_id=CLIENT, client_secret=SECRET
    )
    state = dict(parse_qsl(urlsplit(installing.begin(foreign, SESSION, USER)).query))["state"]
    address = installing.begin(south, SESSION, USER)
    theirs = dict(parse_qsl(urlsplit(address).query))["state"]
    with pytest.raises(installing.NotInstalled):
        come_back(press_install(address.replace(theirs, state)))
    assert not Store.objects.get(pk=south.pk).is_connected


@pytest.mark.parametrize(
    "query",
    [
        "",
        "shop=" + NORTH,
        "code=x&shop=" + NORTH + "&hmac=",
        "code=x&shop=" + NORTH + "&hmac=é",
        "&".join(f"a{number}=1" for number in range(30)),
        "x" * 5000,
    ],
    ids=["empty", "a shop only", "an empty signature", "a signature beyond ASCII", "many values", "long"],
)
def test_what_nobody_signed_is_refused_before_anything_else_is_read(foreign, query):
    with pytest.raises(installing.Forged):
        installing.verify(query)


@pytest.mark.parametrize(
    "values",
    [
        {"shop": "unknown-store.myshopify.com"},
        {"shop": "evil.example.com"},
        {"shop": NORTH + ".evil.example.com"},
        *({"timestamp": text} for text in ("1", "²", "9" * 20, "")),
    ],
)
def test_what_is_signed_for_another_shop_or_moment_is_refused(foreign, values):
    with pytest.raises(installing.Forged):
        installing.verify(signed(code="x", **values))


def test_what_was_changed_after_it_was_signed_is_refused(foreign):
    for query in (signed(code="x", state="s").replace("code=x", "code=y"), signed(code="x", state="s") + "&code=y"):
        with pytest.raises(installing.Forged):
            installing.verify(query)


def test_an_empty_secret_signs_nothing(foreign):
    Store.objects.filter(pk=foreign.pk).update(client_secret="")
    query = {"code": "x", "shop": NORTH, "timestamp": f"{timezone.now().timestamp():.0f}"}
    text = "&".join(f"{name}={value}" for name, value in query.items())
    with pytest.raises(installing.Forged):
        installing.verify(f"{text}&hmac={signature(query, '')}")


def test_without_a_public_address_or_an_app_there_is_no_way_there(foreign, settings):
    settings.PUBLIC_URL = ""
    with pytest.raises(ValueError, match="PUBLIC_URL"):
        installing.begin(foreign, SESSION, USER)
    settings.PUBLIC_URL, foreign.client_secret = "https://sync.example.com", ""
    with pytest.raises(ValueError, match="client secret"):
        installing.begin(foreign, SESSION, USER)


def test_a_lost_answer_to_the_code_is_told_and_another_try_connects(sim: Simulator, foreign):
    query = press_install(installing.begin(foreign, SESSION, USER))
    sim.fault(NORTH, "lost_answer", match="oauth")
    with pytest.raises(installing.NotInstalled, match="Press “Connect”"):
        come_back(query)
    assert connect(foreign).is_connected


@pytest.mark.django_db(transaction=True)
def test_while_a_worker_renews_the_page_waits_a_little_and_says_so(foreign, monkeypatch):
    query = press_install(installing.begin(foreign, SESSION, USER))
    monkeypatch.setattr(installing, "MOST_TRIES", 2)
    held, done = threading.Event(), threading.Event()

    def renew() -> None:
        with clients.renewal(foreign.pk, waits=True):
            held.set()
            done.wait(20)
        db.close()

    worker = threading.Thread(target=renew)
    worker.start()
    held.wait(20)
    with pytest.raises(installing.NotInstalled, match="is renewing"):
        come_back(query)
    done.set()
    worker.join()
    assert connect(foreign).is_connected


def test_a_code_that_somebody_else_used_is_told(sim: Simulator, foreign):
    query = press_install(installing.begin(foreign, SESSION, USER))
    for code in sim.shop(NORTH).codes.values():
        code.used = True
    with pytest.raises(installing.NotInstalled, match="does not take its own code"):
        come_back(query)


# --- Renewal ------------------------------------------------------------------------------------------------------


def test_a_renewal_brings_another_pair_and_keeps_it_whole(foreign):
    before = connect(foreign)
    after = renewed(before)
    assert after.access_token != before.access_token and after.refresh_token != before.refresh_token
    assert after.status == Store.Status.NEW


def test_it_is_renewed_at_four_fifths_of_its_hour_by_the_work_itself(foreign):
    store = connect(foreign)
    age(store, 0.79)
    assert tokens_of(store).token() == store.access_token
    age(store, 0.81)
    assert tokens_of(store).token() != store.access_token


@pytest.mark.parametrize("how", ["close", "html"])
def test_a_renewal_whose_answer_was_lost_is_asked_for_again(sim: Simulator, foreign, how):
    store = connect(foreign)
    sim.fault(NORTH, "lost_answer", match="oauth", how=how)
    with pytest.raises(ShopifyError) as lost:
        renewed(store)
    assert lost.value.failure == "transient" and reason(store) == ""
    assert renewed(store).access_token != store.access_token


def test_a_renewal_in_time_whose_answer_was_lost_stops_no_work(sim: Simulator, foreign):
    store = connect(foreign)
    age(store, 0.9)
    sim.fault(NORTH, "lost_answer", match="oauth")
    client = clients.open_client(Store.objects.get(pk=store.pk))
    assert shops.read_shop(client).name == "North store"  # the token in hand is dead: it asks once more
    assert reason(store) == ""


@pytest.mark.parametrize("refusal", ["invalid_grant", "invalid_request"])
def test_where_the_pair_is_dead_the_store_says_install_again_and_connect_cures_it(sim: Simulator, foreign, refusal):
    store = connect(foreign)
    knobs = sim.shop(NORTH).knobs
    knobs.refresh_rotation, knobs.refused_refresh = "at_once", refusal
    sim.fault(NORTH, "lost_answer", match="oauth")
    with pytest.raises(ShopifyError):
        renewed(store)
    with pytest.raises(DeadRefreshToken, match="install the app again"):
        renewed(store)
    row = Store.objects.get(pk=store.pk)
    assert row.status == Store.Status.DISCONNECTED and "Press “Connect”" in row.status_reason
    assert onboarding.check_store(connect(row)).ok


def test_a_pair_that_another_stored_meanwhile_counts(sim: Simulator, foreign, monkeypatch):
    store = connect(foreign)
    sim.shop(NORTH).knobs.refresh_rotation = "at_once"
    real = auth.refresh_token
    asked: list[str] = []

    def ask(*args, **kwargs):
        asked.append(args[3])
        if len(asked) == 1:  # somebody without our lock was faster
            row = Store.objects.get(pk=store.pk)
            clients.keep_token(row, real(*args, **kwargs))
        return real(*args, **kwargs)

    monkeypatch.setattr(auth, "refresh_token", ask)
    assert renewed(store).status == Store.Status.NEW
    assert len(set(asked)) == 2


def test_a_token_that_another_worker_renewed_is_taken_over(foreign):
    store = connect(foreign)
    one, other = tokens_of(store), tokens_of(store)
    assert one.renew(store.access_token) == other.renew(store.access_token)


def test_uninstalled_and_installed_again(sim: Simulator, foreign):
    store = connect(foreign)
    sim.uninstall(NORTH, CLIENT)
    with pytest.raises(InvalidCredentials):
        shops.read_shop(clients.open_client(store))
    row = Store.objects.get(pk=store.pk)
    assert row.status == Store.Status.DISCONNECTED
    assert onboarding.check_store(connect(row)).ok


def test_after_ninety_idle_days_it_must_be_installed_again(sim: Simulator, foreign):
    store = connect(foreign)
    sim.expire_tokens(NORTH, refresh_too=True)
    with pytest.raises(DeadRefreshToken):
        shops.read_shop(clients.open_client(store))
    assert "install the app again" in reason(store)


def test_a_token_that_does_not_end_works_until_it_is_refused(sim: Simulator, foreign, monkeypatch):
    real = auth._read_token

    def without_end(answer, *args):
        kept = {name: answer[name] for name in ("access_token", "scope")}
        for token in sim.shop(NORTH).tokens.values():
            token.expires_at = None
        return real(kept, *args)

    monkeypatch.setattr(auth, "_read_token", without_end)
    store = connect(foreign)
    assert (store.refresh_token, store.token_expires_at) == ("", None)
    assert onboarding.check_store(store).ok
    sim.uninstall(NORTH, CLIENT)
    with pytest.raises(Unauthorized, match="install the app again"):
        shops.read_shop(clients.open_client(store))


def test_a_store_whose_key_is_lost_is_connected_anew(foreign, settings):
    store = connect(foreign)
    settings.CREDENTIAL_KEYS = ["another-key"]
    row = Store.objects.get(pk=store.pk)
    assert not row.is_readable
    row.client_secret = SECRET
    row.save(update_fields=["client_secret"])
    assert connect(Store.objects.get(pk=store.pk)).is_readable
