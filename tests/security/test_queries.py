"""What somebody may ask a list for, and what asking does: nothing of a secret, nothing to the log, no error."""

import json
import logging

import pytest
from django.core.exceptions import FieldError
from django.db.models import Q

from stores import redaction
from stores.models import Store
from stores.roles import ADMINISTRATOR, MANAGER, SUPPORT, VIEWER
from tests.support.console.people import member_of
from tests.support.console.press import look_at, page_of
from tests.support.console.rows import SECRET, make_event, make_rows
from tiposync.logs import JsonFormatter

pytestmark = pytest.mark.django_db(transaction=True)
STORES = "/admin/stores/store/"
SECRETS = ("client_secret", "previous_client_secret", "access_token")
UNOFFERED = [f"{name}{how}" for name in SECRETS for how in ("", "__startswith", "__regex", "__isnull", "__gt")]
UNOFFERED += ["status_reason__regex", "locations__gid__contains", "domain__iregex", "nothing", "pk__in", "id"]


@pytest.mark.parametrize("method", ["filter", "exclude", "get"])
def test_nothing_is_found_by_what_is_encrypted(method):
    make_rows()
    for name in SECRETS:
        for how in ("", "__exact", "__in", "__startswith", "__regex", "__gt", "__icontains"):
            with pytest.raises(FieldError, match="cannot be searched"):
                getattr(Store.objects, method)(**{f"{name}{how}": ["a-word"] if how == "__in" else "a-word"})
    assert Store.objects.filter(~Q(client_secret=""), access_token="", previous_client_secret__isnull=False).exists()


def test_a_list_takes_the_filters_that_it_offers_and_says_so_of_others():
    make_rows()
    client = member_of(VIEWER)
    assert client.get(STORES, {"role__exact": "source"}).status_code == 200
    for name in UNOFFERED:
        answer = client.get(STORES, {name: "a-word-of-mine"}, follow=True)
        assert answer.redirect_chain == [(f"{STORES}?e=1", 302)], name
        assert "cannot be filtered so" in answer.content.decode()


def test_two_hundred_words_of_a_viewer_leave_the_log_as_it_was(monkeypatch):
    """Each was taken for a secret once: keys of a line's JSON among them, and every line was searched for all."""
    make_rows()
    client, known = member_of(VIEWER), dict(redaction._known)
    for number in range(200):
        client.get(STORES, {"client_secret": f'"message": "{number}', "previous_client_secret__gt": "process_id"})
    assert redaction._known.keys() - known.keys() == set()


def test_a_line_is_json_whatever_is_known_for_a_secret(monkeypatch):
    monkeypatch.setattr(redaction, "_known", {})
    for word in ('": "INFO', '"message"', "correlation", "process", "shpat_"):
        redaction.know(word)
    record = logging.LogRecord("orders.intake", logging.INFO, __file__, 1, 'say ": "INFO of %s', (SECRET,), None)
    given = {"client_secret": "abcdef", "deep": [{"password": "tiny", "said": "correlation"}], "odd": {1, 2}}
    vars(record).update(given | {"correlation": ["a", "correlation"]})
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == f"say {redaction.HIDDEN} of {redaction.HIDDEN}" and line["level"] == "INFO"
    assert line["client_secret"] == line["deep"][0]["password"] == redaction.HIDDEN
    assert line["correlation"] == ["a", redaction.HIDDEN] and "abcdef" not in str(line)


def test_what_is_saved_or_read_is_known_and_hidden(monkeypatch):
    monkeypatch.setattr(redaction, "_known", {})
    rows = make_rows()
    Store.objects.filter(pk=rows.source.pk).update(previous_client_secret="another-word-of-8")
    assert {SECRET, "another-word-of-8"} <= set(redaction._known)
    redaction._known.clear()
    Store.objects.get(pk=rows.source.pk)
    assert {SECRET, "another-word-of-8"} <= set(redaction._known)


@pytest.mark.parametrize(
    ("role", "is_read"), [(VIEWER, False), (SUPPORT, False), (MANAGER, True), (ADMINISTRATOR, True)]
)
def test_what_webhooks_tell_of_customers_is_read_and_found_by_those_who_may(role, is_read):
    rows, client = make_rows(), member_of(role)
    about = make_event(rows.source, "o", topic="orders/create", body='{"email": "quill@example.org"}')
    other = make_event(rows.source, "p", topic="products/update", body='{"title": "quill of a goose"}')
    page = look_at(client, page_of(about))
    assert ("quill@example.org" in page) == is_read and ("It tells of a customer" in page) != is_read
    assert "quill of a goose" in look_at(client, page_of(other))
    listed = look_at(client, "/admin/syncing/webhookevent/?q=quill")
    assert page_of(other) in listed and (page_of(about) in listed) == is_read
