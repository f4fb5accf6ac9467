"""`add_store`: what it checks, keeps and refuses."""

import io
import time
from types import SimpleNamespace

import pytest

from stores import installing
from stores.models import Store
from tests.simulator.simulation import Simulator
from tests.stores.test_installing import CLIENT, connect
from tests.stores.test_installing import SECRET as FOREIGN_SECRET
from tests.support.fixtures import NORTH, SOURCE
from tests.tiposync.console.management.test_commands import SECRET, refusal, run


def test_a_store_is_added_checked_and_told(sim: Simulator, db):
    said = run("add_store", "source-store", "--role", "source", "--client-id", "tiposync", "--client-secret", SECRET)
    assert f"{SOURCE} was added as a source." in said and "Everything is in place." in said
    assert SECRET not in said
    store = Store.objects.get()
    assert (store.domain, store.status, store.client_secret) == (SOURCE, "ready", SECRET)


def test_adding_it_again_changes_only_what_is_given(sim: Simulator, source_store):
    said = run("add_store", SOURCE, "--name", "Head office")
    assert "was updated as a source" in said
    store = Store.objects.get()
    assert (store.name, store.client_id, store.client_secret) == ("Head office", "tiposync", SECRET)


def test_a_fixed_token_comes_from_the_environment(sim: Simulator, db, monkeypatch):
    monkeypatch.setenv("TIPOSYNC_TOKEN", sim.static_token(NORTH))
    monkeypatch.setenv("TIPOSYNC_WEBHOOK_SECRET", SECRET)
    run("add_store", f"https://{NORTH}/admin", "--role", "destination")
    store = Store.objects.get()
    assert (store.auth, store.access_token, store.client_secret) == ("static_token", sim.static_token(NORTH), SECRET)


def test_a_secret_comes_from_standard_input(sim: Simulator, db, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    run("add_store", SOURCE, "--role", "source", "--client-id", "tiposync", "--client-secret", "-")
    assert Store.objects.get().client_secret == SECRET


def test_a_new_secret_keeps_the_old_one_beside_it(source_store):
    run("add_store", SOURCE, "--client-secret", "shpss_new", "--no-check")
    source_store.refresh_from_db()
    assert source_store.webhook_secrets() == ["shpss_new", SECRET]


def test_another_app_starts_without_the_token_of_the_first(sim: Simulator, source_store):
    run("add_store", SOURCE)
    run("add_store", SOURCE, "--client-id", "other", "--client-secret", "shpss_other", "--no-check")
    source_store.refresh_from_db()
    assert (source_store.access_token, source_store.token_expires_at) == ("", None)


def test_what_needs_attention_is_told_with_an_exit_code_of_its_own(sim: Simulator, db):
    error = refusal("add_store", SOURCE, "--role", "source", "--client-id", "tiposync", "--client-secret", "wrong")
    assert error.returncode == 3 and "Stored, but not everything is in place" in str(error)
    assert Store.objects.get().status == Store.Status.DISCONNECTED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shop.example.com", "--role", "source", "--token", "shpat_x"), "permanent name"),
        (("a-store", "--token", "shpat_x"), "--role source or --role destination"),
        (("a-store", "--role", "source"), "client id"),
        (("a-store", "--role", "source", "--client-id", "x"), "client secret"),
        (("a-store", "--role", "source", "--token", "shpat_x", "--client-id", "x"), "not both"),
    ],
)
def test_what_cannot_be_a_store_is_refused_and_nothing_is_stored(db, arguments, words):
    error = refusal("add_store", *arguments, "--no-check")
    assert words in str(error) and error.returncode == 1
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "source-store",
        " Source-Store.myshopify.com ",
        "https://source-store.myshopify.com/admin",
        "admin.shopify.com/store/source-store",
        "https://admin.shopify.com/store/source-store/products?selectedView=all",
    ],
)
def test_an_address_pasted_from_the_browser_is_understood(db, text):
    run("add_store", text, "--role", "source", "--client-id", "x", "--client-secret", "s", "--no-check")
    assert Store.objects.get().domain == SOURCE


@pytest.mark.parametrize("text", ["https://[", "admin.shopify.com", "admin.shopify.com/store/", "www.shop.example.com"])
def test_an_address_that_names_no_store_is_refused(db, text):
    error = refusal("add_store", text, "--role", "source", "--client-id", "x", "--client-secret", "s", "--no-check")
    assert "permanent name" in str(error) and not Store.objects.exists()


def test_install_prints_where_to_go_on_and_the_store_waits(source_store):
    said = run("add_store", NORTH, "--role", "destination", "--same-app-as", SOURCE, "--install")
    store = Store.objects.get(domain=NORTH)
    assert (store.auth, store.client_id, store.client_secret) == ("installed", "tiposync", SECRET)
    assert f"Open https://sync.example.com/admin/stores/store/{store.pk}/change/" in said
    assert "Redirect URL of the app: https://sync.example.com/shopify/connected/" in said and SECRET not in said
    assert "press “Connect”" in run("add_store", NORTH)  # still to be done


def test_install_waits_until_somebody_has_connected_it_and_checks(sim: Simulator, source_store, settings, monkeypatch):
    sim.add_app(NORTH, CLIENT, FOREIGN_SECRET, [installing.redirect_url()])

    def meanwhile(seconds: float) -> None:
        connect(Store.objects.get(domain=NORTH))

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=meanwhile)
    monkeypatch.setattr("tiposync.console.management.commands.add_store.time", clock)
    app = ("--client-id", CLIENT, "--client-secret", FOREIGN_SECRET)
    said = run("add_store", NORTH, "--role", "destination", *app, "--install", "--wait", "1")
    assert "Waiting for it, 1 minutes at most" in said and "Everything is in place." in said


def test_install_that_nobody_finishes_is_told_with_an_exit_code_of_its_own(source_store):
    error = refusal(
        "add_store", NORTH, "--role", "destination", "--same-app-as", SOURCE, "--install", "--wait", "0.001"
    )
    assert error.returncode == 3 and "nobody has connected it yet" in str(error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--token", "shpat_x"), "needs the app's --client-id"), (("--same-app-as", NORTH), "has no app")],
)
def test_install_without_an_app_is_refused(north_store, arguments, words):
    error = refusal("add_store", "new-store", "--role", "source", *arguments, "--install")
    assert words in str(error) and Store.objects.count() == 1
