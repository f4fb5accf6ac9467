"""The client: what it sends, what it tries again, and what it makes of every kind of answer."""

import json
import logging
from datetime import UTC, datetime

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, NewConnectionError

from stores.shopify import errors
from stores.shopify.auth import StaticToken
from stores.shopify.client import encode_body, is_read, operation_name
from stores.shopify.throttle import LocalBucket
from tests.stores.shopify.wire import (
    BASE_URL,
    ENDPOINT,
    FULL,
    READ,
    TOKEN,
    VERSION,
    WRITE,
    Naps,
    RecordingBucket,
    RecordingGate,
    RenewableToken,
    answer,
    client,
    points,
    problem,
    refuse,
    sent,
)

pytestmark = pytest.mark.usefixtures("wire")


def test_a_query_returns_its_data(wire):
    answer({"shop": {"name": "North"}})
    assert client().execute(READ, {"a": None}, cost=1) == {"shop": {"name": "North"}}
    request = wire.calls[0].request
    assert request.headers["X-Shopify-Access-Token"] == TOKEN
    assert request.headers["Content-Type"] == "application/json"
    assert sent() == [{"query": READ, "variables": {"a": None}, "operationName": "ReadName"}]


def test_the_same_request_is_always_the_same_bytes():
    one = encode_body(READ, {"b": 1, "a": {"d": None, "c": [2, 1]}})
    assert one == encode_body(READ, {"a": {"c": [2, 1], "d": None}, "b": 1})
    assert b'"d":null' in one


def test_raw_bytes_go_out_untouched(wire):
    answer({"touch": {"ok": True}})
    body = b'{ "variables": {"z":null},   "query": "mutation T { touch { ok } }" }'
    client().execute_raw_body(body, cost=10)
    assert wire.calls[0].request.body == body


@pytest.mark.parametrize("document", [READ, "{ shop { name } }", "\n # says why\n query Q { shop { id } }"])
def test_queries_are_reads(document):
    assert is_read(document)


@pytest.mark.parametrize("document", [WRITE, "# query\nmutation M { x }", "fragment F on Shop { id }", "queryish"])
def test_anything_else_is_a_write(document):
    assert not is_read(document)


def test_operations_are_named():
    assert (operation_name(WRITE), operation_name("{ shop { id } }")) == ("TouchSomething", "")


def test_the_real_cost_of_a_document_is_learned(wire):
    bucket = RecordingBucket()
    asking = client(bucket=bucket)
    answer({"shop": {}}, cost=points(requested=35, actual=30))
    answer({"shop": {}}, cost=points(requested=35, actual=30))
    asking.execute(READ, cost=3)
    asking.execute(READ, cost=3)
    assert bucket.acquired == [3, 35]
    assert bucket.reported == [(FULL, 3, 30), (FULL, 35, 30)]


def test_it_waits_as_long_as_the_bucket_says(wire):
    naps = Naps()
    empty = {"maximumAvailable": 2000, "currentlyAvailable": 100, "restoreRate": 100}
    asking = client(naps, bucket=LocalBucket(clock=lambda: 1000))
    answer({"shop": {}}, cost=points(status=empty))
    answer({"shop": {}})
    asking.execute(READ, cost=10)
    asking.execute(READ, cost=10)
    assert naps == [pytest.approx(1.1)]


@pytest.mark.parametrize("document", [READ, WRITE])
def test_a_throttled_request_is_sent_again_after_the_wait_that_shopifys_numbers_give(wire, document):
    naps, bucket = Naps(), RecordingBucket()
    empty = {"maximumAvailable": 2000, "currentlyAvailable": 0, "restoreRate": 100}
    answer(errors=[problem("THROTTLED", "Throttled")], cost=points(requested=50, actual=None, status=empty))
    answer({"touch": {}})
    client(naps, bucket=bucket).execute(document, cost=10)
    assert 0.5 <= naps[0] <= 0.7
    assert bucket.reported[0] == (empty, 10, 0.0)
    assert sent()[0] == sent()[1]


def test_a_store_that_stays_throttled_is_given_up_for_now(wire):
    for _ in range(3):
        answer(errors=[problem("THROTTLED")], cost=points(actual=None, status=None))
    with pytest.raises(errors.Throttled) as caught:
        client(throttle_attempts=3).execute(WRITE, cost=10)
    assert len(wire.calls) == 3
    assert caught.value.failure == errors.TRANSIENT
    assert caught.value.outcome_unknown is False


def test_status_429_waits_for_the_float_that_shopify_names(wire):
    naps = Naps()
    refuse(429, **{"Retry-After": "2.5"})
    answer({"shop": {}})
    client(naps).execute(READ, cost=1)
    assert 2.5 <= naps[0] <= 3.2


def test_a_worker_does_not_sleep_through_a_day_long_limit(wire):
    refuse(429, **{"Retry-After": "86400"})
    naps = Naps()
    with pytest.raises(errors.Throttled) as caught:
        client(naps).execute(WRITE, cost=10)
    assert caught.value.retry_after == 86400
    assert (naps, len(wire.calls)) == ([], 1)


@pytest.mark.parametrize("document", [READ, WRITE])
def test_a_401_renews_the_token_once_and_sends_the_same_again(wire, document):
    tokens = RenewableToken()
    refuse(401, '{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}')
    answer({"touch": {}})
    client(tokens=tokens).execute(document, cost=10)
    assert tokens.rejected == ["old-token"]
    assert [call.request.headers["X-Shopify-Access-Token"] for call in wire.calls] == ["old-token", "new-token"]


def test_a_second_401_is_final(wire):
    refuse(401)
    refuse(401)
    with pytest.raises(errors.Unauthorized) as caught:
        client(tokens=RenewableToken()).execute(READ, cost=1)
    assert caught.value.failure == errors.MISCONFIGURED
    assert len(wire.calls) == 2


def test_a_static_token_that_is_refused_says_what_to_do(wire):
    refuse(401)
    with pytest.raises(errors.Unauthorized, match="Paste the current Admin API access token"):
        client().execute(READ, cost=1)


def _broken(kind=requests.ConnectionError):
    responses.add(responses.POST, ENDPOINT, body=kind("Remote end closed connection without response"))


def _refused_connection():
    reason = NewConnectionError(None, "refused")
    responses.add(responses.POST, ENDPOINT, body=requests.ConnectionError(MaxRetryError(None, ENDPOINT, reason)))


FAULTS = {
    "broken": _broken,
    "read time-out": lambda: _broken(requests.ReadTimeout),
    "502 with HTML": lambda: refuse(502, "<html>Bad gateway</html>"),
    "540": lambda: refuse(540),
    "internal": lambda: answer(None, errors=[problem("INTERNAL_SERVER_ERROR", "Request ID: 1-2")]),
    "HTML with 200": lambda: responses.add(responses.POST, ENDPOINT, body="<html>", content_type="text/html"),
    "no data": lambda: responses.add(responses.POST, ENDPOINT, json={"data": None}),
    "unknown error with data": lambda: answer({"touch": None}, errors=[problem("SOMETHING_NEW")]),
    "unknown error without data": lambda: answer(errors=[problem("SOMETHING_NEW")]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_query_is_tried_again_after_a_transient_failure(wire, fault):
    naps = Naps()
    FAULTS[fault]()
    FAULTS[fault]()
    answer({"shop": {"name": "North"}})
    assert client(naps).execute(READ, cost=1) == {"shop": {"name": "North"}}
    assert len(naps) == 2
    assert 0 < naps[0] <= naps[1]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_query_that_keeps_failing_is_given_up_after_four_attempts(wire, fault):
    for _ in range(5):
        FAULTS[fault]()
    with pytest.raises(errors.ShopifyError) as caught:
        client().execute(READ, cost=1)
    assert caught.value.failure == errors.TRANSIENT
    assert caught.value.outcome_unknown is False
    assert len(wire.calls) == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_is_sent_once_and_its_outcome_is_unknown(wire, fault):
    FAULTS[fault]()
    answer({"touch": {"ok": True}})
    with pytest.raises(errors.ShopifyError) as caught:
        client().execute_raw_body(encode_body(WRITE), cost=10)
    assert caught.value.failure == errors.TRANSIENT
    assert caught.value.outcome_unknown is True
    assert len(wire.calls) == 1


def test_a_write_that_never_left_is_known_not_to_have_happened(wire):
    _refused_connection()
    with pytest.raises(errors.Unreachable) as caught:
        client().execute(WRITE, cost=10)
    assert caught.value.outcome_unknown is False


def test_a_lost_answer_releases_its_reservation(wire):
    bucket = RecordingBucket()
    _broken()
    with pytest.raises(errors.AnswerLost):
        client(bucket=bucket).execute(WRITE, cost=10)
    assert bucket.reported == [(None, 10, None)]


def _page(numbers, end=None):
    answer({"shop": {"things": {"nodes": numbers, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}}})


def test_pages_are_followed_to_the_end(wire):
    _page([1, 2], "c2")
    _page([3], "c3")
    _page([])
    assert list(client().pages(READ, {"x": 5}, ("shop", "things"), cost=3)) == [1, 2, 3]
    assert [body["variables"] for body in sent()] == [{"x": 5, "after": after} for after in (None, "c2", "c3")]


def test_an_object_that_is_gone_has_no_pages(wire):
    answer({"shop": None})
    assert list(client().pages(READ, None, ("shop", "things"), cost=3)) == []


def test_a_cursor_that_does_not_move_ends_in_an_error_and_not_in_a_circle(wire):
    _page([1], "c1")
    _page([1], "c1")
    with pytest.raises(errors.UnexpectedAnswer):
        list(client().pages(READ, None, ("shop", "things"), cost=3))


def test_each_request_leaves_one_line_without_headers_or_body(wire, caplog):
    caplog.set_level(logging.INFO, logger="stores.shopify")
    answer({"touch": {}})
    client().execute(WRITE, {"secret": "variable-text"}, cost=10)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "north-store.myshopify.com TouchSomething cost=10" in line
    assert "request=req-1" in line
    assert TOKEN not in line
    assert "variable-text" not in line


@pytest.mark.parametrize("fault", FAULTS)
def test_no_failure_tells_the_token(wire, fault, caplog):
    caplog.set_level(logging.DEBUG)
    FAULTS[fault]()
    with pytest.raises(errors.ShopifyError) as caught:
        client().execute(WRITE, cost=10)
    assert TOKEN not in str(caught.value) + repr(caught.value) + caplog.text


def test_a_token_that_no_header_can_carry_is_refused_without_being_shown():
    with pytest.raises(errors.InvalidCredentials) as caught:
        StaticToken("shpat_secret\nX-Evil: 1")
    assert "shpat_secret" not in str(caught.value)


def test_a_renewed_token_that_no_header_can_carry_is_not_shown(wire):
    tokens = RenewableToken()
    tokens.current = "shpat_secret wrong\n"
    with pytest.raises(errors.InvalidCredentials) as caught:
        client(tokens=tokens).execute(READ, cost=1)
    assert "shpat_secret" not in str(caught.value)


def test_the_address_is_built_from_a_base_with_a_path(wire):
    responses.add(
        responses.POST, "http://127.0.0.1:9/a.myshopify.com/admin/api/2026-10/graphql.json", json={"data": {}}
    )
    asking = type(client())("http://127.0.0.1:9/a.myshopify.com/", VERSION, StaticToken(TOKEN), LocalBucket())
    asking.execute(READ, cost=1)
    assert asking.domain == "a.myshopify.com"
    assert json.loads(wire.calls[0].request.body)["query"] == READ
    assert client().domain == BASE_URL.removeprefix("https://")


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"Date": "Sat, 28 Nov 2026 16:00:05 GMT"}, datetime(2026, 11, 28, 16, 0, 5, tzinfo=UTC)),
        ({"Date": "yesterday"}, None),
        ({}, None),
    ],
)
def test_what_time_it_is_for_shopify_is_what_its_last_answer_says(told, known):
    responses.add(responses.POST, ENDPOINT, json={"data": {}}, headers={"X-Shopify-API-Version": VERSION} | told)
    asked = client()
    asked.execute("{ shop { name } }", cost=1)
    assert asked.answered_at == known


def test_a_worker_sleeps_no_longer_than_its_patience_in_one_call(wire):
    naps = Naps()
    for _ in range(8):
        refuse(429, **{"Retry-After": "2.0"})
    with pytest.raises(errors.Throttled) as caught:
        client(naps, patience=5).execute(WRITE, cost=10)
    assert (len(naps), sum(naps) <= 5) == (2, True)
    assert caught.value.retry_after == 2


def test_an_empty_bucket_is_told_and_not_slept_through_and_its_points_are_given_back(wire):
    naps, bucket = Naps(), RecordingBucket()
    bucket.report({"maximumAvailable": 2000, "currentlyAvailable": 0, "restoreRate": 10}, 0, 0)
    with pytest.raises(errors.Throttled) as caught:
        client(naps, bucket=bucket, patience=5).execute(WRITE, cost=10)
    assert 20 < caught.value.retry_after < 22
    assert (naps, len(wire.calls), bucket.reported[-1]) == ([], 0, (None, 10, 0.0))


def test_who_has_read_some_pages_waits_for_the_next_one(wire):
    naps = Naps()
    _page([1, 2], "c2")
    refuse(429, **{"Retry-After": "20.0"})
    _page([3])
    assert list(client(naps, patience=5).pages(READ, {}, ("shop", "things"), cost=3)) == [1, 2, 3]
    assert naps[0] >= 20


def test_the_gate_hears_how_each_call_ended_and_of_no_call_twice(wire):
    gate = RecordingGate()
    asking = client(gate=gate)
    answer({"shop": {}})
    asking.execute(READ, cost=1)
    refuse(502)
    answer({"shop": {}})
    asking.execute(READ, cost=1)
    refuse(502)
    with pytest.raises(errors.ServerError):
        asking.execute(WRITE, cost=1)
    assert gate.left == [(False, type(None)), (False, type(None)), (True, errors.ServerError)]


def test_a_store_that_was_in_trouble_is_asked_once(wire):
    for _ in range(3):
        refuse(502)
    with pytest.raises(errors.ServerError):
        client(gate=RecordingGate(is_probe=True)).execute(READ, cost=1)
    assert len(wire.calls) == 1
