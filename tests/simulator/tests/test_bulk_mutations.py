"""Bulk mutations behave as shopify.md 5 and row 78 say, over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.simulator.tests.test_bulk import CANCEL, Api

STAGE = """
mutation Stage($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } } userErrors { field message }
  }
}
"""
RUN = """
mutation Run($mutation: String!, $path: String!, $client: String) {
  bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path, clientIdentifier: $client) {
    bulkOperation { id status } userErrors { code field message }
  }
}
"""
RENAME = """
mutation Rename($product: ProductUpdateInput!) {
  productUpdate(product: $product) { product { id title } userErrors { field message } }
}
"""


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.005)
    raise AssertionError("it never came")


class Lines(Api):
    """One store, with bulk mutations."""

    def upload(self, content: bytes, mime: str = "text/jsonl") -> str:
        row = {"filename": "lines.jsonl", "mimeType": mime, "resource": "BULK_MUTATION_VARIABLES", "httpMethod": "POST"}
        payload = self.call(STAGE, input=[row])["stagedUploadsCreate"]
        assert payload["userErrors"] == []
        [target] = payload["stagedTargets"]
        fields = {row["name"]: row["value"] for row in target["parameters"]}
        assert target["resourceUrl"] is None
        sent = requests.post(target["url"], data=fields, files={"file": ("lines.jsonl", content)}, timeout=5)
        assert sent.status_code == 201
        return fields["key"]

    def upload_rows(self, rows: list[dict]) -> str:
        return self.upload("".join(json.dumps(row) + "\n" for row in rows).encode())

    def rename_all(self, count: int) -> list[dict]:
        self.stock_up(count, variants=1)
        gids = [f"gid://shopify/Product/{number}" for number in self.shop.products]
        return [{"product": {"id": gid, "title": f"New {place}"}} for place, gid in enumerate(gids)]

    def begin(self, mutation: str, path: str) -> dict:
        return self.call(RUN, mutation=mutation, path=path, client="tiposync-0123")["bulkOperationRunMutation"]

    def carry_out(self, rows: list[dict], mutation: str = RENAME) -> str:
        payload = self.begin(mutation, self.upload_rows(rows))
        assert payload["userErrors"] == []
        gid: str = payload["bulkOperation"]["id"]
        return gid

    def titles(self) -> list[str]:
        return [product.title for product in self.shop.products.values()]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        simulator.serve()
        yield simulator


@pytest.fixture
def api(sim) -> Lines:
    return Lines(sim, sim.add_shop(f"lines-{len(sim.shops)}.myshopify.com"))


def test_each_line_is_a_mutation_and_the_result_names_its_number(api):
    done = api.wait_for(api.carry_out(api.rename_all(3)), "COMPLETED")
    lines = api.lines(done["url"])
    assert (done["type"], done["objectCount"]) == ("MUTATION", "3")
    assert [line["__lineNumber"] for line in lines] == [0, 1, 2]
    assert [line["data"]["productUpdate"]["product"]["title"] for line in lines] == api.titles()
    assert api.titles() == ["New 0", "New 1", "New 2"]


def test_lines_spend_no_points(api):
    rows = api.rename_all(30)
    before = api.shop.counters.points
    api.wait_for(api.carry_out(rows), "COMPLETED")
    assert api.shop.counters.bulk_lines["productUpdate"] == 30
    assert api.shop.counters.operations["productUpdate"] == 0
    assert api.shop.counters.points - before < 40


def test_a_line_that_is_refused_costs_no_other_and_the_operation_completes(api):
    rows = api.rename_all(3)
    rows[1]["product"]["title"] = ""
    lines = api.lines(api.wait_for(api.carry_out(rows), "COMPLETED")["url"])
    problems = [line["data"]["productUpdate"]["userErrors"] for line in lines]
    assert [bool(listed) for listed in problems] == [False, True, False]
    assert api.titles() == ["New 0", "Thing 1", "New 2"]


def test_variables_that_do_not_fit_are_an_error_of_their_line_alone(api):
    rows = api.rename_all(2)
    rows[0] = {"product": {"nonsense": 1}}
    lines = api.lines(api.wait_for(api.carry_out(rows), "COMPLETED")["url"])
    assert lines[0]["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"
    assert api.titles() == ["Thing 0", "New 1"]


def test_a_line_takes_its_time(api):
    rows = api.rename_all(3)
    api.shop.knobs.bulk_line_seconds = 10
    gid = api.carry_out(rows)
    api.wait_for(gid, "RUNNING")
    assert api.titles()[2] == "Thing 2"
    api.sim.clock.advance(30)
    api.wait_for(gid, "COMPLETED")
    assert api.titles()[2] == "New 2"


def test_a_failed_operation_has_done_what_its_partial_data_tells(api):
    rows = api.rename_all(4)
    api.shop.knobs.bulk_fails = "TIMEOUT:2"
    failed = api.wait_for(api.carry_out(rows), "FAILED")
    assert (failed["errorCode"], failed["url"]) == ("TIMEOUT", None)
    assert [line["__lineNumber"] for line in api.lines(failed["partialDataUrl"])] == [0, 1]
    assert api.titles() == ["New 0", "New 1", "Thing 2", "Thing 3"]


def test_a_cancelled_one_stops_between_two_lines_and_tells_what_it_did(api):
    rows = api.rename_all(3)
    api.shop.knobs.bulk_line_seconds = 10
    gid = api.carry_out(rows)
    api.sim.clock.advance(11)
    wait_until(lambda: api.titles()[1] == "New 1")
    api.call(CANCEL, id=gid)
    cancelled = api.wait_for(gid, "CANCELED")
    assert len(api.lines(cancelled["partialDataUrl"])) == 2
    assert api.titles() == ["New 0", "New 1", "Thing 2"]


@pytest.mark.parametrize(
    ("kind", "how", "results", "is_done"),
    [
        ("refuse_before", "close", 2, False),
        ("lost_answer", "close", 2, True),
        ("lost_answer", "internal_error", 3, True),
        ("internal_error_before", "close", 3, False),
    ],
)
def test_a_line_may_be_done_or_not_without_a_result(api, kind, how, results, is_done):
    rows = api.rename_all(3)
    api.sim.fault(api.domain, kind, match="bulk_line", how=how, naming=rows[1]["product"]["id"])
    lines = api.lines(api.wait_for(api.carry_out(rows), "COMPLETED")["url"])
    assert len(lines) == results
    assert api.titles() == ["New 0", "New 1" if is_done else "Thing 1", "New 2"]


def test_the_first_line_may_be_number_one(api):
    rows = api.rename_all(2)
    api.shop.knobs.bulk_first_line = 1
    lines = api.lines(api.wait_for(api.carry_out(rows), "COMPLETED")["url"])
    assert [line["__lineNumber"] for line in lines] == [1, 2]


def test_five_mutations_run_at_once_beside_five_queries(api):
    path = api.upload_rows(api.rename_all(1))
    api.shop.knobs.bulk_delay_seconds = 60
    running = [api.begin(RENAME, path)["bulkOperation"]["id"] for _ in range(5)]
    [problem] = api.begin(RENAME, path)["userErrors"]
    assert problem["code"] == "OPERATION_IN_PROGRESS"
    assert problem["message"].startswith("A bulk mutation operation for this app and shop is already in progress: ")
    assert api.start("{ inventoryItems { edges { node { id } } } }")
    api.sim.clock.advance(60)
    api.wait_for(running[0], "COMPLETED")


def test_a_lost_start_is_found_by_the_name_of_its_mutation(api):
    rows = api.rename_all(1)
    path = api.upload_rows(rows)
    api.sim.fault(api.domain, "lost_answer", match="bulkOperationRunMutation")
    named = RENAME.replace("Rename", "Rename_0123456789")
    with pytest.raises(requests.ConnectionError):
        api.begin(named, path)
    found = api.call("query L { bulkOperations(first: 5, reverse: true) { nodes { id type query status } } }")
    assert [row["query"] for row in found["bulkOperations"]["nodes"]] == [named]
    api.wait_for(found["bulkOperations"]["nodes"][0]["id"], "COMPLETED")


QUERY = "query Q { shop { id } }"
INNER = "mutation M { bulkOperationCancel(id: 1) { userErrors { message } } }"
TWO = """mutation M($product: ProductUpdateInput!) { productUpdate(product: $product) { product {
  variants(first: 1) { nodes { id } } media(first: 1) { nodes { id } } } userErrors { message } } }"""


@pytest.mark.parametrize(
    ("mutation", "message"),
    [
        (QUERY, "exactly one mutation"),
        (INNER, "can't run bulk operations"),
        (TWO, "more than 1 connection"),
        ("mutation M { nonsense }", "Failed to parse the mutation"),
    ],
)
def test_what_cannot_run_in_bulk_is_refused(api, mutation, message):
    [problem] = api.begin(mutation, api.upload_rows(api.rename_all(1)))["userErrors"]
    assert (problem["code"], problem["field"]) == ("INVALID_MUTATION", ["mutation"])
    assert message in problem["message"]


def test_a_file_must_be_there_be_lines_and_not_be_too_large(api):
    [problem] = api.begin(RENAME, "tmp/1/bulk/nothing/lines.jsonl")["userErrors"]
    assert problem["code"] == "NO_SUCH_FILE"
    [problem] = api.begin(RENAME, api.upload(b"no lines"))["userErrors"]
    assert problem["message"] == "Unexpected file structure - expected JSONL"
    api.shop.knobs.bulk_file_bytes = 10
    [problem] = api.begin(RENAME, api.upload_rows(api.rename_all(1)))["userErrors"]
    assert problem["code"] == "INVALID_STAGED_UPLOAD_FILE"
    api.shop.knobs.bulk_refuses = "LIMIT_REACHED"
    assert api.begin(RENAME, "")["userErrors"][0]["code"] == "LIMIT_REACHED"


def test_a_place_for_lines_is_for_lines_alone(api):
    row = {"filename": "l", "mimeType": "text/plain", "resource": "BULK_MUTATION_VARIABLES", "httpMethod": "POST"}
    [problem] = api.call(STAGE, input=[row])["stagedUploadsCreate"]["userErrors"]
    assert problem["field"][2] == "mimeType"
