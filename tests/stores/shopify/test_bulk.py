"""Bulk operations: starting, following, and reading their files."""

import json
from datetime import UTC, datetime

import pytest
import requests

from stores.shopify import bulk, errors
from stores.shopify.inventory import LevelReading
from tests.stores.shopify.products.test_products import node
from tests.stores.shopify.wire import Naps, answer, client, refuse, sent

pytestmark = pytest.mark.usefixtures("wire")

GID = "gid://shopify/BulkOperation/7"
FILE = "https://storage.example/bulk.jsonl?Signature=very-secret"
QUERY = "query All { locations { edges { node { id } } } }"


def operation(status="COMPLETED", **parts):
    return {
        "id": GID,
        "status": status,
        "errorCode": None,
        "objectCount": "0",
        "rootObjectCount": "0",
        "fileSize": None,
        "url": None,
        "partialDataUrl": None,
        "query": QUERY,
    } | parts


def started(gid=GID, *problems):
    operation = {"id": gid, "status": "CREATED"} if gid else None
    answer({"bulkOperationRunQuery": {"bulkOperation": operation, "userErrors": list(problems)}})


def polled(status="COMPLETED", **parts):
    answer({"bulkOperation": operation(status, **parts)})


def file_of(wire, *lines, end="\n"):
    body = "\n".join(json.dumps(line) for line in lines) + end
    wire.add("GET", FILE, body=body.encode())


def test_a_bulk_query_is_started():
    started()
    assert bulk.start(client(), QUERY) == GID
    assert sent()[0]["variables"] == {"query": QUERY}


@pytest.mark.parametrize("code", ["OPERATION_IN_PROGRESS", "LIMIT_REACHED"])
def test_a_full_house_is_transient(code):
    started(None, {"code": code, "field": None, "message": "already in progress"})
    with pytest.raises(errors.TooManyBulkOperations) as caught:
        bulk.start(client(), QUERY)
    assert caught.value.failure == errors.TRANSIENT


def test_a_query_that_shopify_refuses_is_a_rejection():
    started(None, {"code": "INVALID", "field": ["query"], "message": "Bulk queries must contain a connection."})
    with pytest.raises(errors.UserErrors, match="must contain a connection"):
        bulk.start(client(), QUERY)


def test_counts_come_as_text_and_are_read_as_numbers():
    polled(objectCount="43", rootObjectCount="12", fileSize="90071992547409930", url=FILE)
    state = bulk.poll(client(), GID)
    assert (state.object_count, state.root_object_count, state.file_size) == (43, 12, 90071992547409930)
    assert (state.status, state.url, state.is_under_way) == ("COMPLETED", FILE, False)


def test_an_operation_that_shopify_forgot_is_not_found():
    answer({"bulkOperation": None})
    with pytest.raises(errors.ObjectNotFound):
        bulk.poll(client(), GID)


def test_a_running_operation_is_found_by_its_text_whatever_its_blanks():
    other = operation("RUNNING", id="gid://shopify/BulkOperation/9", query="query Other { x }")
    done = operation("COMPLETED", id="gid://shopify/BulkOperation/8")
    ours = operation("RUNNING", query="query All {\n  locations { edges { node { id } } }\n}")
    older = operation("CREATED", id="gid://shopify/BulkOperation/6")
    answer({"bulkOperations": {"nodes": [other, done, older, ours]}})
    assert bulk.find_running(client(), QUERY).gid == GID


def test_no_running_operation_is_none():
    answer({"bulkOperations": {"nodes": [operation("COMPLETED"), operation("CANCELING")]}})
    assert bulk.find_running(client(), QUERY) is None


def test_a_file_is_read_line_by_line(wire):
    file_of(wire, {"id": 1}, {"id": 2, "title": "ä\nb"}, {"id": 3}, end="")
    assert [line["id"] for line in bulk.stream(FILE)] == [1, 2, 3]
    assert "X-Shopify-Access-Token" not in wire.calls[0].request.headers


def test_lines_longer_than_a_chunk_are_read_whole(wire):
    long = {"text": "x" * 200_000}
    file_of(wire, long, {"id": 2}, long)
    assert list(bulk.stream(FILE)) == [long, {"id": 2}, long]


def test_a_file_that_breaks_off_is_not_taken_for_whole(wire):
    wire.add("GET", FILE, body=b'{"id": 1}\n{"id": 2, "ti')
    lines = bulk.stream(FILE)
    assert next(lines) == {"id": 1}
    with pytest.raises(errors.AnswerLost):
        next(lines)


@pytest.mark.parametrize(
    ("status", "kind"), [(403, errors.BulkLinkExpired), (404, errors.BulkLinkExpired), (503, errors.ServerError)]
)
def test_a_dead_address_tells_no_signature(wire, status, kind):
    wire.add("GET", FILE, body="<Error/>", status=status)
    with pytest.raises(kind) as caught:
        list(bulk.stream(FILE))
    assert caught.value.failure == errors.TRANSIENT
    assert "very-secret" not in str(caught.value)


def test_a_broken_download_tells_no_signature(wire):
    wire.add("GET", FILE, body=requests.ConnectionError(f"Max retries exceeded with url: {FILE}"))
    with pytest.raises(errors.AnswerLost) as caught:
        list(bulk.stream(FILE))
    assert "very-secret" not in str(caught.value)


def test_a_run_waits_with_growing_pauses_and_streams(wire):
    naps = Naps()
    started()
    polled("CREATED")
    polled("RUNNING")
    polled(objectCount="2", url=FILE)
    file_of(wire, {"id": 1}, {"id": 2})
    assert list(bulk.run(client(), QUERY, sleep=naps)) == [{"id": 1}, {"id": 2}]
    assert naps == [1.0, 1.5]


def test_a_run_without_rows_has_no_address_and_is_fine():
    started()
    polled()
    assert list(bulk.run(client(), QUERY)) == []


def test_a_run_whose_file_lacks_lines_fails_at_the_end(wire):
    started()
    polled(objectCount="3", url=FILE)
    file_of(wire, {"id": 1}, {"id": 2})
    with pytest.raises(errors.BulkFailed, match="2 of 3"):
        list(bulk.run(client(), QUERY))


@pytest.mark.parametrize(("status", "code"), [("FAILED", "TIMEOUT"), ("CANCELED", None), ("EXPIRED", None)])
def test_an_operation_that_ends_without_a_result_fails(status, code):
    polled(status, errorCode=code)
    with pytest.raises(errors.BulkFailed) as caught:
        bulk.wait(client(), GID)
    assert caught.value.error_code == (code or status)


def test_waiting_has_an_end():
    for _ in range(4):
        polled("RUNNING")
    naps = Naps()
    with pytest.raises(errors.BulkFailed) as caught:
        bulk.wait(client(), GID, sleep=naps, poll_seconds=1, longest_wait=4)
    assert caught.value.error_code == "STILL_RUNNING"
    assert sum(naps) >= 4


def test_a_lost_answer_to_the_start_finds_the_operation_instead_of_starting_another(wire):
    refuse(502, "<html>")
    answer({"bulkOperations": {"nodes": [operation("RUNNING")]}})
    polled(objectCount="1", url=FILE)
    file_of(wire, {"id": 1})
    assert list(bulk.run(client(), QUERY)) == [{"id": 1}]


def test_a_lost_answer_that_started_nothing_is_raised():
    refuse(502, "<html>")
    answer({"bulkOperations": {"nodes": []}})
    with pytest.raises(errors.ServerError):
        list(bulk.run(client(), QUERY))


LEVEL_LINE = {
    "id": "gid://shopify/InventoryLevel/9?inventory_item_id=1",
    "isActive": True,
    "updatedAt": "2026-11-21T12:00:00Z",
    "item": {"id": "gid://shopify/InventoryItem/1", "tracked": True},
    "quantities": [{"name": "available", "quantity": 4, "updatedAt": "2026-11-21T12:00:00Z"}],
    "__parentId": "gid://shopify/Location/9",
}


def test_a_line_of_a_level_needs_no_other_line():
    assert bulk.level_reading_from_line(LEVEL_LINE) == LevelReading(
        "gid://shopify/InventoryItem/1",
        "gid://shopify/Location/9",
        4,
        datetime(2026, 11, 21, 12, tzinfo=UTC),
        is_active=True,
        tracked=True,
        exists=True,
    )
    assert bulk.level_reading_from_line({"id": "gid://shopify/Location/9"}) is None


def test_levels_and_variants_of_a_whole_store_are_read(wire):
    for lines in ([{"id": "gid://shopify/Location/9"}, LEVEL_LINE], [node(1), node(2)]):
        started()
        polled(objectCount="2", url=FILE)
        file_of(wire, *lines)
    assert [reading.available for reading in bulk.bulk_levels(client())] == [4]
    assert [record.sku for record in bulk.bulk_variants(client())] == ["SKU-1", "SKU-2"]
