"""Bulk operations behave as shopify.md 5 and row 44 say, over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import jsonschema
import pytest
import requests

from tests.simulator.bulk import lines, operations
from tests.simulator.bulk.operations import finish_body
from tests.simulator.bulk.rules import MAX_BYTES, refusals
from tests.simulator.documents.prune_schema import OFFICIAL
from tests.simulator.events import merchant
from tests.simulator.simulation import Simulator
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import BulkOperation, Shop

RUN = """
mutation Run($query: String!, $group: Boolean = false) {
  bulkOperationRunQuery(query: $query, groupObjects: $group) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
"""
LOOK = """
query Look($id: ID!) {
  bulkOperation(id: $id) {
    id status type errorCode objectCount rootObjectCount fileSize url partialDataUrl createdAt completedAt
  }
}
"""
CANCEL = """
mutation Cancel($id: ID!) {
  bulkOperationCancel(id: $id) { bulkOperation { id status } userErrors { field message } }
}
"""
LEVELS = """
{
  inventoryItems {
    edges { node { id sku
      inventoryLevels { edges { node { id location { id } quantities(names: ["available"]) { name quantity } } } }
    } }
  }
}
"""
ITEMS = "{ inventoryItems { edges { node { id } } } }"


class Api:
    """One store of a frozen simulator, with a few calls of the product."""

    def __init__(self, sim: Simulator, shop: Shop):
        self.sim = sim
        self.shop = shop
        self.domain = shop.domain
        self.places = [shop.add_location(name, at=sim.clock.whole_seconds()) for name in ("Store", "Cellar")]

    def stock_up(self, products: int, variants: int = 2) -> None:
        at = self.sim.clock.whole_seconds()
        for number in range(products):
            product = self.shop.add_product(f"Thing {number}", at=at)
            for place in range(variants):
                stock = {self.places[0].id: number, self.places[1].id: place}
                values = [f"V{place}"]
                self.shop.add_variant(product, at=at, sku=f"S-{number}-{place}", stock=stock, option_values=values)

    def call(self, document: str, **variables) -> dict:
        answer = requests.post(
            f"{self.sim.base_url}/{self.domain}/admin/api/2026-10/graphql.json",
            json={"query": document, "variables": variables},
            headers={"X-Shopify-Access-Token": self.sim.static_token(self.domain)},
            timeout=10,
        ).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def run(self, query: str, **how) -> dict:
        return self.call(RUN, query=query, **how)["bulkOperationRunQuery"]

    def start(self, query: str, **how) -> str:
        payload = self.run(query, **how)
        assert payload["userErrors"] == []
        return payload["bulkOperation"]["id"]

    def look(self, gid: str) -> dict:
        return self.call(LOOK, id=gid)["bulkOperation"]

    def wait_for(self, gid: str, *statuses: str) -> dict:
        """Poll until the operation has one of the statuses; the clock stands still meanwhile."""
        for _ in range(1000):
            found = self.look(gid)
            if found["status"] in statuses:
                return found
            time.sleep(0.005)
        raise AssertionError(f"still {found['status']}")

    def lines(self, url: str) -> list[dict]:
        answer = requests.get(url, timeout=10)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def result(self, query: str, **how) -> list[dict]:
        return self.lines(self.wait_for(self.start(query, **how), "COMPLETED")["url"])

    def refusal(self, query: str) -> str:
        payload = self.run(query)
        assert payload["bulkOperation"] is None
        problem = payload["userErrors"][0]
        assert (problem["code"], problem["field"]) == ("INVALID", ["query"])
        return problem["message"]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(Clock(frozen_at=1_795_000_000)) as simulator:
        simulator.serve()
        yield simulator


@pytest.fixture
def api(sim) -> Api:
    shop = sim.add_shop(f"bulk-{len(sim.shops)}.myshopify.com")
    shop.knobs.bucket_size = 1_000_000
    return Api(sim, shop)


def test_every_item_and_every_level_is_a_line_and_levels_name_their_item(api):
    api.stock_up(60)
    lines = api.result(LEVELS)
    items = {line["id"]: line for line in lines if "__parentId" not in line}
    levels = [line for line in lines if "__parentId" in line]
    assert len(items) == 120
    assert len(levels) == 240
    assert {level["__parentId"] for level in levels} == items.keys()
    found = {(items[level["__parentId"]]["sku"], level["location"]["id"]): level["quantities"] for level in levels}
    place = f"gid://shopify/Location/{api.places[0].id}"
    assert found["S-7-1", place] == [{"name": "available", "quantity": 7}]


def test_children_need_not_follow_their_parent_unless_objects_are_grouped(api):
    api.stock_up(100)

    def in_order(lines: list[dict]) -> bool:
        parent = None
        for line in lines:
            parent = line["id"] if "__parentId" not in line else parent
            if line.get("__parentId", parent) != parent:
                return False
        return True

    assert not in_order(api.result(LEVELS))
    assert in_order(api.result(LEVELS, group=True))


def test_counts_are_strings_and_match_the_file(api):
    api.stock_up(10)
    done = api.wait_for(api.start(LEVELS), "COMPLETED")
    assert (done["objectCount"], done["rootObjectCount"]) == ("60", "20")
    assert done["fileSize"] == str(len(requests.get(done["url"], timeout=10).content))
    assert done["errorCode"] is None
    assert done["partialDataUrl"] is None


def test_without_rows_there_is_no_url(api):
    done = api.wait_for(api.start(ITEMS), "COMPLETED")
    assert (done["url"], done["fileSize"], done["objectCount"]) == (None, None, "0")


def test_plain_nested_objects_stay_inline_and_their_children_belong_to_the_node_above(api):
    api.stock_up(1, variants=1)
    query = """{ productVariants { edges { node { id product { title }
        inventoryItem { sku inventoryLevels { edges { node { id } } } } } } } }"""
    variant, *levels = sorted(api.result(query), key=lambda line: "__parentId" in line)
    assert variant["product"] == {"title": "Thing 0"}
    assert variant["inventoryItem"] == {"sku": "S-0-0"}
    assert [level["__parentId"] for level in levels] == [variant["id"]] * 2


def test_a_connection_below_one_object_writes_its_nodes_as_roots(api):
    api.stock_up(3)
    place = f"gid://shopify/Location/{api.places[1].id}"
    lines = api.result(f'{{ location(id: "{place}") {{ id inventoryLevels {{ edges {{ node {{ id }} }} }} }} }}')
    assert len(lines) == 6
    assert all("__parentId" not in line for line in lines)


def test_a_shop_goes_on_selling_between_two_lines_of_one_location(api, monkeypatch):
    api.stock_up(10)
    last, write = max(api.shop.variants), operations.write_chunk
    monkeypatch.setattr(lines, "CHUNK_LINES", 4)

    def write_and_delete(file, chunk, tally, knobs) -> None:
        with api.shop.lock:
            if last in api.shop.variants:
                merchant.delete_variant(api.shop, api.sim.clock, last)
        write(file, chunk, tally, knobs)

    monkeypatch.setattr(operations, "write_chunk", write_and_delete)
    found = api.result("{ locations { edges { node { id inventoryLevels { edges { node { id } } } } } } }", group=True)
    assert len(found) == 2 + 2 * 19


def test_arguments_that_limit_a_page_are_ignored_and_filters_are_not(api):
    api.stock_up(5)
    assert len(api.result("{ inventoryItems(first: 1) { edges { node { id } } } }")) == 10
    assert len(api.result('{ inventoryItems(query: "sku:S-3-1") { edges { node { sku } } } }')) == 1


def test_an_operation_runs_until_its_delay_is_over(api):
    api.stock_up(1)
    api.shop.knobs.bulk_delay_seconds = 60
    started = api.run(LEVELS)["bulkOperation"]
    assert started["status"] == "CREATED"
    running = api.wait_for(started["id"], "RUNNING")
    assert running["url"] is None
    assert running["completedAt"] is None
    api.sim.clock.advance(61)
    assert api.wait_for(started["id"], "COMPLETED")["url"]


def test_a_link_dies_after_half_an_hour_and_looking_again_gives_a_fresh_one(api):
    api.stock_up(1)
    gid = api.start(LEVELS)
    first = api.wait_for(gid, "COMPLETED")["url"]
    api.sim.clock.advance(1799)
    assert requests.get(first, timeout=10).status_code == 200
    api.sim.clock.advance(1)
    assert requests.get(first, timeout=10).status_code == 403
    assert len(api.lines(api.look(gid)["url"])) == 6


def test_a_result_expires_after_seven_days(api):
    api.stock_up(1)
    gid = api.start(LEVELS)
    api.wait_for(gid, "COMPLETED")
    api.sim.clock.advance(7 * 86_400)
    assert (api.look(gid)["status"], api.look(gid)["url"]) == ("EXPIRED", None)


def test_five_run_at_once_and_the_sixth_is_refused_with_the_ids_of_the_others(api):
    api.shop.knobs.bulk_delay_seconds = 60
    running = [api.start(ITEMS) for _ in range(5)]
    problem = api.run(ITEMS)["userErrors"][0]
    assert (problem["code"], problem["field"]) == ("OPERATION_IN_PROGRESS", None)
    assert problem["message"].startswith("A bulk query operation for this app and shop is already in progress: ")
    assert all(gid in problem["message"] for gid in running)
    api.sim.clock.advance(60)
    api.wait_for(running[0], "COMPLETED")
    assert api.start(ITEMS)


def test_a_cancelled_operation_ends_as_cancelled_without_a_file(api):
    api.stock_up(1)
    api.shop.knobs.bulk_delay_seconds = 60
    gid = api.start(ITEMS)
    assert api.call(CANCEL, id=gid)["bulkOperationCancel"]["bulkOperation"]["status"] == "CANCELING"
    assert api.wait_for(gid, "CANCELED")["url"] is None
    again = api.call(CANCEL, id=gid)["bulkOperationCancel"]["userErrors"]
    assert again == [{"field": None, "message": "A bulk operation cannot be canceled when it is canceled"}]
    nobody = api.call(CANCEL, id="gid://shopify/BulkOperation/1")["bulkOperationCancel"]
    assert nobody == {
        "bulkOperation": None,
        "userErrors": [{"field": ["id"], "message": "Bulk operation does not exist"}],
    }


def test_a_failed_operation_has_a_code_and_the_data_read_so_far(api):
    api.stock_up(10)
    api.sim.bulk.fail_next(api.shop, "TIMEOUT", after_lines=3)
    gid = api.start(LEVELS)
    failed = api.wait_for(gid, "FAILED")
    assert (failed["errorCode"], failed["url"]) == ("TIMEOUT", None)
    assert len(api.lines(failed["partialDataUrl"])) == 3
    assert api.wait_for(api.start(LEVELS), "COMPLETED")["objectCount"] == "60"


def test_a_missing_scope_fails_the_operation(api):
    api.stock_up(1)
    api.sim.set_scopes(api.domain, ["read_products"])
    assert api.wait_for(api.start(LEVELS), "FAILED")["errorCode"] == "ACCESS_DENIED"


def test_operations_are_found_by_status_and_type(api):
    api.stock_up(1)
    done = api.start(ITEMS)
    api.wait_for(done, "COMPLETED")
    api.shop.knobs.bulk_delay_seconds = 60
    running = api.start(ITEMS)
    api.wait_for(running, "RUNNING")
    query = 'query Find { bulkOperations(first: 5, query: "status:running operation_type:query") { nodes { id } } }'
    assert api.call(query)["bulkOperations"]["nodes"] == [{"id": running}]
    assert api.call("query Now { currentBulkOperation { id } }")["currentBulkOperation"] == {"id": running}


def test_subscribers_hear_of_the_end_with_the_gid_and_no_link(api):
    api.stock_up(1)
    api.sim.set_manual(api.domain, True)
    api.sim.subscribe(api.domain, "BULK_OPERATIONS_FINISH", "http://127.0.0.1:1/hook")
    gid = api.start(ITEMS)
    api.wait_for(gid, "COMPLETED")
    api.sim.serialise(api.domain)
    [delivery] = api.sim.deliveries(api.domain)
    body = json.loads(delivery.body)
    assert body["admin_graphql_api_id"] == gid
    assert (body["status"], body["type"], body["error_code"]) == ("completed", "query", None)
    assert "url" not in body


def test_the_body_of_the_finish_webhook_is_what_shopify_sends():
    path = OFFICIAL.parent / "webhooks" / "bulk_operations" / "finish.schema.json"
    if not path.exists():
        pytest.skip("the webhook schemas are not here: ../shared/shopify/webhooks is expected")
    operation = BulkOperation(5, "QUERY", ITEMS, 1_795_000_000, status="FAILED", completed_at=1_795_000_060)
    operation.error_code = "ACCESS_DENIED"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(finish_body(operation), schema, format_checker=jsonschema.FormatChecker())


def of(connection: str, inner: str = "id") -> str:
    """A connection with its edges and nodes."""
    return f"{connection} {{ edges {{ node {{ {inner} }} }} }}"


SIX = " ".join(of(f"a{number}: products") for number in range(6))
DEEP = of(
    "products", "id " + of("variants", "id inventoryItem { id " + of("inventoryLevels", "id item { id X }") + " }")
)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ shop { id } }", "Bulk queries must contain at least one connection."),
        (f"{{ {SIX} }}", "cannot contain more than 5 connections"),
        (f"{{ {DEEP.replace('X', of('variants'))} }}", "nesting depth greater than 2"),
        ("{ inventoryItems { nodes { id } } }", "not by `nodes`. Connection fields: inventoryItems."),
        (f"{{ {of('products', 'title ' + of('variants'))} }}", "Connection fields without 'id': products."),
        (f"{{ {of('products', 'number: id ' + of('variants'))} }}", "Connection fields without 'id': products."),
        (f'{{ node(id: "gid://shopify/Product/1") {{ id }} {of("products")} }}', "top level `node`"),
        (f"{{ {of('orders', 'id refunds { id ' + of('refundLineItems') + ' }')} }}", "within a list field"),
        ("mutation M { inventoryDeactivate(inventoryLevelId: 1) { userErrors { message } } }", "must be a query"),
        ("query A { shop { id } } query B { shop { id } }", "exactly one operation"),
        (f"{{ {of('products', 'nonsense')} }}", "Invalid bulk query: Field 'nonsense' doesn't exist on type"),
        ("{ products {", "Invalid bulk query: "),
    ],
)
def test_a_query_that_shopify_refuses_is_refused(api, query, message):
    assert message in api.refusal(query)
    assert api.shop.bulk_operations == {}


def test_a_query_that_is_too_long_is_refused(api):
    assert "longer than 65535 bytes" in api.refusal(ITEMS + "#" * MAX_BYTES)


def test_two_levels_of_nesting_and_fragments_are_fine(api):
    query = f"""query Two {{ {of("products", "...Whole")} }}
    fragment Whole on Product {{ id {of("variants", "id " + of("metafields"))} }}"""
    document = api.sim.library.document(query)
    assert refusals(document, api.sim.schema) == []
