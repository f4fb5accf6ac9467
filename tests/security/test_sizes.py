"""Bodies that are too large, lie about their length, or come without one: refused before anything is read."""

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory

from tests.security import site
from tiposync import middleware
from tiposync.wsgi import SILENT_SECONDS, application

pytestmark = pytest.mark.django_db(transaction=True)


class Unreadable:
    """A body that nobody may touch."""

    def read(self, *size: int) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def ask(client, length: str, path: str = "/admin/login/"):
    kind = "multipart/form-data; boundary=x"
    return client.generic("POST", path, content_type=kind, CONTENT_LENGTH=length, **{"wsgi.input": Unreadable()})


@pytest.mark.parametrize("path", ["/admin/login/", "/webhooks/shopify/", "/healthz", "/admin/stores/store/add/"])
@pytest.mark.parametrize("length", [str(middleware.MOST_BYTES + 1), "9" * 30, "-1", "1e9", "0x10", "٣", "5 "])
def test_an_oversized_or_unreadable_length_is_refused_unread(client, path, length):
    answer = ask(client, length, path)
    assert answer.status_code == 413
    assert answer.headers["X-Request-ID"]


def test_a_form_within_the_limit_is_taken_in(client):
    assert client.post("/admin/login/", {"username": "x" * 1000, "password": "y"}).status_code == 200


def test_a_body_without_a_length_counts_as_empty_and_a_webhook_s_is_refused_with_the_reason(client):
    """Chunked, as gunicorn passes it on: Django reads what Content-Length says, and nothing without it."""
    request = WSGIRequest(
        {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"x" * 9)}
    )
    assert request.body == b""
    answer = client.generic("POST", "/webhooks/shopify/", b"", HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 411 and b"Content-Length" in answer.content


class Silent:
    """The connection of somebody who sent a part of a body and then nothing more."""

    seconds: float | None = None

    def settimeout(self, seconds: float) -> None:
        self.seconds = seconds

    def shutdown(self, how: int) -> None:
        raise AssertionError("it was not waited for as long as may be")

    def read(self, *size: int) -> bytes:
        assert self.seconds, "it would be waited for for ever"
        raise TimeoutError

    readline = read


@pytest.mark.parametrize("path", ["/webhooks/shopify/", "/admin/login/"])
def test_who_stops_sending_in_the_middle_of_a_body_is_cut_off_and_told(path):
    connection, told = Silent(), []
    environ = RequestFactory().post(path, b"x", content_type="application/x-www-form-urlencoded").environ
    environ |= {"CONTENT_LENGTH": "100", "gunicorn.socket": connection, "wsgi.input": connection}
    environ |= {"HTTP_X_SHOPIFY_HMAC_SHA256": "A" * 43 + "="}
    application(environ, lambda status, headers: told.append(status))
    assert told[0].startswith("408"), told
    assert connection.seconds == SILENT_SECONDS


def test_a_file_beyond_what_a_table_of_rates_needs_is_refused_with_words():
    client = site.superuser()
    file = SimpleUploadedFile("rates.csv", b"date,from,to,rate\n" + b"2026-01-01,EUR,SEK,1\n" * 100_000)
    answer = client.post("/admin/stores/currencyrate/import/", {"file": file})
    assert answer.status_code == 200 and b"too large" in answer.content


def test_a_form_of_more_fields_than_any_page_has_is_refused():
    client = site.superuser()
    fields = {f"f{number}": "x" for number in range(1500)}
    assert client.post("/admin/stores/store/add/", fields).status_code == 400
