"""What leaves the house by accident: error pages, the error tracker, commands; and that few modules ask anybody.

tests/security/test_secrets.py searches all logs, pages and dumps after the product has worked.
"""

import ast
import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection as db

from stores.models import Store
from tests.security import site
from tests.support.console.rows import SECRET, make_rows

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "shpat_0123456789abcdef"
# The modules that make requests of their own, and to whom.
ASKING = {
    "stores/shopify/client.py": "a store's GraphQL endpoint",
    "stores/shopify/auth.py": "a store's token endpoint",
    "stores/shopify/bulk.py": "the file of a bulk result",
    "stores/shopify/products/staged_uploads.py": "a video at Shopify; the place that Shopify names for what is sent",
    "syncing/monitoring/channels.py": "the webhook of an alert channel",
    "syncing/monitoring/doctor.py": "PUBLIC_URL, our own address",
}
VERBS = {"get", "post", "put", "patch", "delete", "head", "options", "request", "urlopen", "urlretrieve"}
REPORT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "tiposync.settings"
import django, logging, sentry_sdk
django.setup()
from django.contrib.auth.models import User
from django.test import RequestFactory, Client
from tiposync.logs import start_sentry
start_sentry(os.environ["TRACKER"], "tests")
def work():
    secret, person = "local-variable-secret", "anna-in-a-variable"
    raise ValueError("it said SHPAT and https://user:pass-in-url@host/x".replace("SHPAT", os.environ["TOKEN"]))
try:
    work()
except ValueError:
    logging.getLogger("syncing.queue.jobs").exception("failed with %s", os.environ["TOKEN"])
headers = {"SERVER_NAME": "sync.example.com", "HTTP_AUTHORIZATION": "Bearer in-a-header-1"}
client = Client(raise_request_exception=False, **headers)
client.cookies["__Host-sessionid"] = "session-of-somebody"
client.post("/admin/login/?next=/admin/", {"username": "anna-in-a-form", "password": "pass-in-a-form"}, secure=True)
client.get("/admin/login/", secure=True, SERVER_NAME="scanned.example")
sentry_sdk.flush(10)
"""


class Tracker(BaseHTTPRequestHandler):
    """Takes in what is sent to Sentry."""

    received: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_packed = self.headers.get("Content-Encoding") == "gzip"
        Tracker.received.append((gzip.decompress(body) if is_packed else body).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def tracker() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tracker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_address[1]}/1"
    server.shutdown()
    server.server_close()


def test_what_reaches_sentry_holds_no_secret_no_person_and_no_values_of_variables(tracker):
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgres://dbuser:pass-of-the-database@127.0.0.1:9/none",
        "SECRET_KEY": "s" * 50,
        "CREDENTIAL_KEYS": "key-of-all-credentials-0123456789",
        "PUBLIC_URL": "https://sync.example.com",
        "ALLOWED_HOSTS": "sync.example.com",
        "TRACKER": tracker,
        "TOKEN": TOKEN,
    }
    command = [sys.executable, "-c", REPORT]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    sent = "\n".join(Tracker.received)
    assert "ValueError" in sent and "OperationalError" in sent  # both errors arrived
    assert "scanned.example" not in sent  # somebody's scan is no error of ours
    hidden = [TOKEN, "pass-in-url", "local-variable-secret", "anna-in", "in-a-header-1", "session-of-somebody"]
    hidden += ["pass-in-a-form", "pass-of-the-database", "key-of-all-credentials", "s" * 50]
    assert [word for word in hidden if word in sent] == []
    assert [word for word in hidden if word in done.stdout + done.stderr] == []


@pytest.mark.django_db(transaction=True)
def test_a_page_that_fails_shows_neither_what_failed_nor_what_is_stored(settings):
    """As when CREDENTIAL_KEYS was lost: every page that reads a store breaks."""
    settings.DEBUG = False
    rows = make_rows()
    client = site.superuser()
    client.raise_request_exception = False
    with db.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM stores_store")
        stored = [value for (value,) in cursor.fetchall()]
    settings.CREDENTIAL_KEYS = ["another-key-than-the-one-that-encrypted"]
    for url in ("/admin/stores/store/", f"/admin/stores/connection/{rows.connection.pk}/change/"):
        answer = client.get(url)
        page = answer.content.decode()
        assert answer.status_code in (200, 500)
        assert SECRET not in page and "Traceback" not in page and not any(value in page for value in stored)


@pytest.mark.django_db(transaction=True)
def test_no_column_that_holds_a_secret_is_readable_in_the_database():
    Store.objects.create(
        domain="a.myshopify.com",
        role="source",
        auth="static_token",
        access_token=TOKEN,
        client_secret="shpss_current_one",
        previous_client_secret="shpss_previous_one",
    )
    with db.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text FROM stores_store t")
        row = cursor.fetchone()[0]
    assert not any(word in row for word in (TOKEN, "shpss_"))
    assert row.count("gAAAA") == 3  # as Fernet's tokens begin


@pytest.mark.django_db(transaction=True)
def test_the_commands_that_tell_how_it_stands_tell_no_secret(capsys):
    make_rows()
    Store.objects.update(status_reason="said shpat_0123456789abcdef")
    for command in (("sync_status",), ("sync_status", "--json")):
        call_command(*command)
    assert SECRET not in capsys.readouterr().out


def test_only_these_modules_ask_anybody_and_each_request_has_a_time_limit_and_follows_no_redirect():
    found = {}
    for app in ("stores", "orders", "syncing", "tiposync"):
        for path in (ROOT / app).rglob("*.py"):
            calls = [call for call in ast.walk(ast.parse(path.read_text())) if _is_request(call)]
            for call in calls:
                given = {word.arg: ast.unparse(word.value) for word in call.keywords}
                assert "timeout" in given, f"{path}:{call.lineno} waits for ever"
                assert given.get("allow_redirects") == "False", f"{path}:{call.lineno} goes where it is sent"
                assert "verify" not in given, f"{path}:{call.lineno}"
            if calls:
                found[str(path.relative_to(ROOT))] = len(calls)
    assert set(found) == set(ASKING)


def _is_request(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in VERBS:
        return False
    whom = ast.unparse(node.func.value)
    if whom in ("request.session", "self.request.session"):  # Django's, of a visitor
        return False
    return whom == "requests" or "session" in whom.split("(")[0].split(".")[-1].lower() or "new_session" in whom
