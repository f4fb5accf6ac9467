"""What browsers are made to do: forms of other sites, foreign frames, cookies, sessions, and where a sign-in leads."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.security import site
from tests.tiposync.console.access.test_sign_in import LOGIN, PASSWORD, ada, is_in, quick_hashes, sign_in

__all__ = ["ada", "quick_hashes"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "PYTHONDONTWRITEBYTECODE": "1",
    "DATABASE_URL": "postgres://nobody@nowhere/none",
    "SECRET_KEY": "A-long-random-text-0123456789-abcdefghijklmnopqrstuvwxyz",
    "CREDENTIAL_KEYS": "Another-long-random-text-0123456789-abcdefghijklmn",
    "PUBLIC_URL": "https://sync.example.com",
    "ALLOWED_HOSTS": "sync.example.com",
    "DEBUG": "false",
}
# Asks the production settings for pages, most of which need no database.
ASK = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "tiposync.settings"
import django
django.setup()
from django.conf import settings
from django.test import Client
def ask(path, **options):
    answer = Client(raise_request_exception=False).get(path, SERVER_NAME="sync.example.com", **options)
    flags = ("secure", "httponly", "samesite", "domain", "path")
    cookies = {name: [cookie[flag] for flag in flags] for name, cookie in answer.cookies.items()}
    return [answer.status_code, dict(answer.headers), cookies, answer.content.decode()]
print(json.dumps({
    "http": ask("/admin/login/"),
    "probe": ask("/healthz"),
    "https": ask("/admin/login/", secure=True),
    "lost": ask("/nowhere", secure=True),
    "broken": ask("/admin/", secure=True, HTTP_COOKIE=f"{settings.SESSION_COOKIE_NAME}=a-key-of-somebody"),
    "away": ask("/readyz", secure=True),
    "metrics": ask("/metrics", secure=True),
    "settings": {name: getattr(settings, name) for name in (
        "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_NAME",
        "SESSION_COOKIE_AGE", "SESSION_EXPIRE_AT_BROWSER_CLOSE", "SESSION_ENGINE", "SESSION_SERIALIZER")},
}))
"""


def test_no_form_is_taken_in_without_its_token_at_any_address():
    rows = site.make_site()
    client = site.superuser()
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = client.cookies
    before = site.state_of_database()
    for address in site.addresses(rows):
        answer = browser.post(address.url, {"_save": "1", "post": "yes", "next": "/admin/"})
        # Shopify has no token of ours: its webhooks are signed. The probes take no POST, the root only redirects.
        expected = {"/webhooks/shopify/": 401}.get(address.url, 403)
        assert answer.status_code == expected, f"{address}: {answer.status_code}"
    assert not site.changed_since(before)


def test_a_token_of_another_browser_does_not_help(ada):
    other, browser = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    other.get(LOGIN)
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": other.cookies["csrftoken"].value}
    assert browser.post(LOGIN, form).status_code == 403


def test_a_form_sent_by_another_site_is_refused_even_with_the_right_token(ada):
    browser = Client(enforce_csrf_checks=True)
    browser.get(LOGIN)
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    assert browser.post(LOGIN, form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert browser.post(LOGIN, form).status_code == 302


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/", "///evil.example", "https:evil.example", "javascript:alert(1)"]
    + [
        "/\\evil.example",
        "\thttps://evil.example",
        "https://testserver@evil.example/",
        "https://testserver.evil.example",
    ],
)
def test_a_sign_in_leads_to_no_other_site(ada, wanted):
    for client, url in ((Client(), f"{LOGIN}?next={wanted}"), (Client(), LOGIN)):
        form = {"username": "ada", "password": PASSWORD, "next": wanted}
        answer = client.post(url, form)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/admin/"), answer.headers["Location"]


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_a_button_leads_to_no_other_site(wanted):
    rows = site.make_site()
    connection = rows["stores.connection"]
    answer = site.superuser().post(f"/admin/stores/connection/{connection.pk}/do/pause_now/", {"next": wanted})
    assert answer.headers["Location"] == f"/admin/stores/connection/{connection.pk}/change/"


def test_every_page_tells_browsers_what_it_may_load_and_that_nobody_may_frame_it():
    rows = site.make_site()
    for client in (site.superuser(), Client()):
        for address in site.addresses(rows):
            headers = client.get(address.url).headers
            assert "default-src 'self'" in headers["Content-Security-Policy"], address
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], address
            assert headers["X-Frame-Options"] == "DENY", address
            assert headers["X-Content-Type-Options"] == "nosniff", address
            # The way back from Shopify has a code in its address: nobody hears of that.
            has_secret = address.url == reverse("connected")
            assert headers["Referrer-Policy"] == ("no-referrer" if has_secret else "same-origin"), address
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", address
            if address.url.startswith("/admin/"):
                assert "no-store" in headers["Cache-Control"], address


def ask_production(**changes: str) -> dict:
    """What a deployment answers, in a process of its own with the settings of one."""
    environment = PRODUCTION | changes
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def production():
    """A deployment whose database is away."""
    return ask_production()


def test_in_production_http_is_sent_to_https_but_for_the_probes(production):
    status, headers, _, _ = production["http"]
    assert (status, headers["Location"]) == (301, "https://sync.example.com/admin/login/")
    assert production["probe"][0] == 200


def test_in_production_browsers_insist_on_https_for_a_year(production):
    assert production["https"][1]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


def test_in_production_cookies_travel_to_this_host_only_over_https_only_and_no_script_reads_them(product_env):
    production = ask_production(DATABASE_URL=product_env["DATABASE_URL"])
    assert production["https"][2] == {"__Host-csrftoken": [True, True, "Lax", "", "/"]}
    assert production["settings"] == {
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "SESSION_COOKIE_AGE": 12 * 3600,
        "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
        "SESSION_ENGINE": "django.contrib.sessions.backends.db",
        "SESSION_SERIALIZER": "django.contrib.sessions.serializers.JSONSerializer",
    }


@pytest.mark.parametrize("page", ["lost", "broken", "away"])
def test_in_production_a_page_that_fails_tells_nothing_of_the_inside(production, page):
    status, _, _, content = production[page]
    assert status == {"lost": 404, "broken": 503, "away": 503}[page]
    for word in ("Traceback", "settings", "psycopg", "nowhere/none", "urlpatterns", "/tiposync/", "DEBUG"):
        assert word not in content


def test_in_production_there_are_no_metrics_without_a_token(production):
    assert production["metrics"][0] == 404


def test_signing_in_begins_a_new_session(ada, client):
    session = client.session  # as an attacker would plant it
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = planted = session.session_key
    sign_in(client)
    assert client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_signing_out_ends_the_session_for_whoever_has_its_cookie(ada, client):
    sign_in(client)
    copied = Client()
    copied.cookies["sessionid"] = client.cookies["sessionid"].value
    assert is_in(copied)
    client.post("/admin/logout/")
    assert not is_in(copied)


def test_a_new_password_ends_all_other_sessions(ada, client):
    elsewhere = Client()
    sign_in(client)
    sign_in(elsewhere)
    new = "another-horse-battery"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert is_in(client) and not is_in(elsewhere)


def test_who_is_no_longer_active_is_out_at_once(ada, client):
    sign_in(client)
    ada.is_active = False
    ada.save()
    assert not is_in(client)


def test_a_session_ends_after_so_many_hours_though_it_is_used(ada, client, settings):
    sign_in(client)
    client.get("/admin/")
    left = Session.objects.get().expire_date - timezone.now()
    assert timedelta(hours=11) < left <= timedelta(seconds=settings.SESSION_COOKIE_AGE)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_in(client)
