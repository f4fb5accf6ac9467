"""Log lines: what they carry, that one id leads from a webhook to the write, and that no secret is in them."""

import json
import logging

import pytest

from stores.redaction import HIDDEN, know, redact
from stores.tracing import traced
from tiposync.logs import JsonFormatter, LineFormatter, without_secrets

TOKEN = "shpat_0123456789abcdef"


def line(formatter: logging.Formatter, message: str, *arguments: object, **extra: object) -> str:
    record = logging.LogRecord("syncing.queue.jobs", logging.INFO, __file__, 1, message, arguments, None)
    vars(record).update(extra)
    return formatter.format(record)


def test_a_line_is_one_object_with_what_belongs_to_the_work_at_hand():
    with traced(job=7, kind="carry_stock"), traced(connection=3):
        found = json.loads(line(JsonFormatter(), "%s rows\nand more", 5, batch=9))
    assert found["message"] == "5 rows\nand more"
    assert {"job": 7, "kind": "carry_stock", "connection": 3, "batch": 9}.items() <= found.items()
    assert found["at"].endswith("+00:00") and found["level"] == "INFO"
    assert "job" not in json.loads(line(JsonFormatter(), "later"))


def test_a_line_for_people_names_it_too():
    with traced(job=7):
        assert line(LineFormatter("{message}", style="{"), "done") == "done [job=7]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {TOKEN} refused", f"token {HIDDEN} refused"),
        ("shpss_abcdef012345", HIDDEN),
        ("postgres://user:pass-word@db/x", f"postgres://{HIDDEN}@db/x"),
        ("Authorization: Bearer abcdefgh.ijkl", f"Authorization: Bearer {HIDDEN}"),
        ('{"client_secret": "abcdef"}', f'{{"client_secret": "{HIDDEN}"}}'),
        ("access_token=abcdef&x=1", f"access_token={HIDDEN}&x=1"),
        ("https://example.com/a:b", "https://example.com/a:b"),
        ("Its password must be changed.", "Its password must be changed."),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text, expected):
    assert redact(text) == expected


def test_a_known_secret_is_hidden_wherever_it_stands_also_in_a_traceback():
    know("no-pattern-fits-this-one")
    try:
        raise ValueError("no-pattern-fits-this-one")
    except ValueError as error:
        caught = (ValueError, error, error.__traceback__)
    for formatter in (JsonFormatter(), LineFormatter("{message}", style="{")):
        text = line(formatter, "failed", exc_info=caught, url="https://x/no-pattern-fits-this-one")
        assert "no-pattern-fits-this-one" not in text
        assert "Traceback" in text


def test_nothing_secret_goes_to_sentry():
    event = {"exception": {"values": [{"value": f"said {TOKEN}"}]}, "tags": ("a", TOKEN), "n": 1}
    assert TOKEN not in json.dumps(without_secrets(event, None))
    assert without_secrets(event, None)["n"] == 1


@pytest.mark.django_db
def test_a_request_keeps_the_id_of_the_proxy_and_never_one_that_could_forge_a_line(client):
    assert client.get("/healthz", headers={"X-Request-ID": "abc-12345678"}).headers["X-Request-ID"] == "abc-12345678"
    forged = client.get("/healthz", headers={"X-Request-ID": 'x"} {"level": "ERROR"}'})
    assert len(forged.headers["X-Request-ID"]) == 16
