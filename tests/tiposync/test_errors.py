"""What a browser shows where no page of the console can be: words, the way back, and a name for the log."""

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import InternalError, OperationalError, transaction
from django.db import connection as db
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    client.raise_request_exception = False
    return client


def words_of(answer) -> str:
    page = answer.content.decode()
    assert '<a href="/admin/">' in page and "<h1>" in page
    return page


@pytest.mark.parametrize("path", ["/nowhere", "/admin/nowhere/"])
def test_an_address_that_leads_nowhere_says_so(boss, path):
    answer = boss.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in words_of(answer)


def test_who_may_not_do_something_is_told_whom_to_ask(client):
    client.force_login(User.objects.create_user("viewer", is_staff=True))
    answer = client.get("/admin/stores/store/")
    assert answer.status_code == 403
    assert "An administrator can give you another role" in words_of(answer)


def test_a_form_that_is_out_of_date_says_what_to_do():
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert "load the page again" in " ".join(words_of(answer).split())


def test_a_page_that_breaks_names_the_request_as_the_log_does(boss, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("a-detail-of-the-inside")

    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", broken)
    answer = boss.get("/admin/stores/store/", headers={"X-Request-ID": "proxy-named-this"})
    assert answer.status_code == 500
    assert "<code>proxy-named-this</code>" in words_of(answer)
    assert "a-detail-of-the-inside" not in answer.content.decode()
    assert "a-detail-of-the-inside" in caplog.text


def test_a_request_that_cannot_be_read_says_so(client, settings):
    settings.ALLOWED_HOSTS = ["ours.example"]
    answer = client.get("/admin/", headers={"Host": "theirs.example"})
    assert answer.status_code == 400
    assert "cannot be read" in words_of(answer)


def run_slowly(*_: object) -> None:
    with transaction.atomic(), db.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 20")
        cursor.execute("SELECT pg_sleep(5)")


def be_away(*_: object) -> None:
    raise OperationalError("connection refused for the-password-of-the-database")


def be_full(*_: object) -> None:
    raise OperationalError("could not extend file: No space left on device") from psycopg.errors.DiskFull()


def be_read_only(*_: object) -> None:
    raise InternalError("cannot execute INSERT in a read-only transaction") from psycopg.errors.ReadOnlySqlTransaction()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (run_slowly, "took too long"),
        (be_away, "does not answer"),
        (be_full, "away, full or"),
        (be_read_only, "or read-only"),
    ],
)
def test_trouble_of_the_database_is_no_error_of_ours_and_passes(boss, monkeypatch, trouble, words):
    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", trouble)
    answer = boss.get("/admin/stores/store/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert words in words_of(answer) and "password" not in answer.content.decode()
