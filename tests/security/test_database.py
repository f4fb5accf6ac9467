"""What the database may do to us, and we to it: limits of time, a log without customers, and its absence."""

import base64
import hashlib
import hmac
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import responses
import yaml
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db import connection as db

from syncing import views
from syncing.monitoring import doctor
from tests.support.console.rows import make_rows
from tests.tiposync.test_settings import ROOT
from tiposync import logs

pytestmark = pytest.mark.django_db(transaction=True)

ASK = """
import os, sys
sys.argv = ["manage.py", *{argv}]
{begin}
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute("SHOW " + name)
        print(cursor.fetchone()[0], end=" ")
"""
WEB = "import tiposync.wsgi"
MANAGE = """
import runpy, django.core.management as management
management.execute_from_command_line = lambda argv: None
runpy.run_path("manage.py", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("begin", "argv", "expected"),
    [(WEB, [], "15s 15s 1min"), (MANAGE, ["work"], "5min 5min 20min"), (MANAGE, ["migrate"], "0 0 0")],
)
def test_a_statement_ends_in_time_of_the_web_of_workers_and_never_of_a_migration(settings, begin, argv, expected):
    environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "DATABASE_URL": settings.DATABASE_URL}
    command = [sys.executable, "-c", ASK.format(begin=begin, argv=argv)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == expected, done.stderr


@pytest.fixture
def server_log() -> Path:
    with db.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        path = Path(cursor.fetchone()[0]) / "log"
    if not path.is_file():
        pytest.skip("the server's log is not here")
    return path


@pytest.mark.parametrize("is_set", [False, True])
def test_the_servers_log_holds_no_body_once_it_is_set_as_compose_does(server_log, is_set):
    command = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["database"]["command"]
    chosen = [word.split("=") for word in command if "=" in word]
    assert {name for name, _ in chosen} == set(doctor.PRIVATE_LOG)
    word, before = f"quill-{is_set}@example.org", server_log.stat().st_size
    with db.cursor() as cursor:
        for name, value in chosen if is_set else []:
            cursor.execute(f"SET {name} = {value}")
        with pytest.raises(DatabaseError):
            sql = "INSERT INTO syncing_webhookevent (store_id, topic, body) VALUES (NULL, 'orders/create', %s)"
            cursor.execute(sql, [json.dumps({"email": word})])
        for name, _ in chosen:
            cursor.execute(f"RESET {name}")
    with server_log.open() as written:
        written.seek(before)
        text = written.read()
    assert "violates not-null constraint" in text
    assert (word in text) != is_set


def test_the_doctor_says_what_a_server_writes_of_customers():
    def found() -> doctor.Finding:
        (one,) = doctor._database_log()
        return one

    with db.cursor() as cursor:
        assert found().grade == doctor.WARNING and "log_min_error_statement = panic" in found().advice
        for name, values in doctor.PRIVATE_LOG.items():
            cursor.execute(f"SET {name} = {values[0]}")
        assert found().grade == doctor.GOOD
        cursor.execute("SET log_min_duration_statement = 0")
        assert "log_min_duration_statement" in found().words
        for name in (*doctor.PRIVATE_LOG, "log_min_duration_statement"):
            cursor.execute(f"RESET {name}")


def away(execute, sql, params, many, context):
    raise OperationalError("server closed the connection unexpectedly")


def full(execute, sql, params, many, context):
    if sql.lstrip().upper().startswith(("INSERT", "UPDATE")):
        raise OperationalError("could not extend file: No space left on device")
    return execute(sql, params, many, context)


@pytest.mark.parametrize("trouble", [away, full])
@responses.activate
def test_probes_and_webhooks_answer_503_in_plain_words_while_the_database_is_away_or_full(client, trouble):
    rows = make_rows()
    views._stores.clear()
    body = b'{"id": 1}'
    headers = {"X-Shopify-Shop-Domain": rows.source.domain, "X-Shopify-Topic": "orders/create"}
    headers |= {"X-Shopify-Webhook-Id": "1", "X-Shopify-Hmac-Sha256": signed(rows.source, body)}
    client.raise_request_exception = False
    with db.execute_wrapper(trouble):
        ready = client.get("/readyz")
        answer = client.post("/webhooks/shopify/", body, content_type="application/json", headers=headers)
        assert client.get("/healthz").status_code == 200
    assert ready.status_code == 503 and ready.json()["problems"]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert answer.headers["Content-Type"].startswith("text/plain") and "Send it again" in answer.content.decode()
    again = client.post("/webhooks/shopify/", body, content_type="application/json", headers=headers)
    assert again.status_code == 200


def signed(store, body: bytes) -> str:
    return base64.b64encode(hmac.new(store.client_secret.encode(), body, hashlib.sha256).digest()).decode()


def test_the_log_has_one_traceback_a_minute_of_a_kind_while_the_database_is_away():
    now = [0.0]
    sparing, formatter = logs.Sparing(clock=lambda: now[0]), logs.JsonFormatter()

    def written(error: Exception, times: int) -> list[str]:
        lines = []
        for _ in range(times):
            record = logging.LogRecord("django.request", logging.ERROR, "", 1, "Broke: %s", ("/x",), None)
            record.exc_info, record.status_code = (type(error), error, None), 500
            lines += [formatter.format(record)] if sparing.filter(record) else []
        return lines

    for error in (OperationalError("away"), InterfaceError("closed")):
        found = written(error, 200)
        assert len(found) == 20
        assert sum('traceback":' in line for line in found) == 1
    assert len(written(ValueError("a bug"), 200)) == 200
    now[0] = 61
    (first, *_) = found = written(OperationalError("away"), 5)
    assert "traceback" in first and "180 more like it were left out" in first and len(found) == 5


@pytest.fixture
def read_only():
    with db.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        yield
        cursor.execute("SET default_transaction_read_only = off")


def test_a_read_only_database_is_said_by_probe_and_doctor(client, read_only):
    ready = client.get("/readyz")
    assert ready.status_code == 503 and "is read-only" in ready.json()["problems"][0]
    found = [finding for finding in doctor._database() if finding.grade == doctor.WRONG]
    assert [finding.words for finding in found] == ["it is read-only"] and "primary" in found[0].advice


def test_the_doctor_says_what_to_do_when_the_disk_of_the_database_is_full():
    def fill(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise OperationalError("could not extend file") from psycopg.errors.DiskFull()
        return execute(sql, params, many, context)

    with db.execute_wrapper(fill):
        found = [finding for finding in doctor._database() if finding.grade == doctor.WRONG]
    assert [finding.words for finding in found] == ["its disk is full"] and "Make room" in found[0].advice
