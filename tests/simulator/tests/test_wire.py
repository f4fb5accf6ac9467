"""Rows 1 to 5, 7, 8, 11 of tests/simulator/README.md: schema, versions, tokens, scopes, cost, throttling, lists."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.simulator.documents.cost import size
from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import ADJUST, DOMAIN, Api, Small, adjust_input

READ_SHOP = "{ shop { name } }"
ITEM, PLACE = '"gid://shopify/InventoryItem/1"', '"gid://shopify/Location/1"'
QUANTITIES = 'quantities(names: ["available", "on_hand"]) { name quantity }'


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        ("{ shop { nope } }", "undefinedField", "Field 'nope' doesn't exist on type 'Shop'"),
        ("{ shop(a: 1) { name } }", "argumentNotAccepted", "Field 'shop' doesn't accept argument 'a'"),
        ("{ product { id } }", "missingRequiredArguments", "Field 'product' is missing required arguments: id"),
        ("query Q($x: Int) { shop { name } }", "variableNotUsed", "$x is declared"),
        ("{ products(first: 1, sortKey: NOPE) { nodes { id } } }", "argumentLiteralsIncompatible", "NOPE"),
        ("{ shop { name @foo } }", "undefinedDirective", "Directive @foo is not defined"),
        ("{ shop { plan } }", "selectionMismatch", "Field must have selections"),
        (
            'mutation { inventoryDeactivate(inventoryLevelId: "gid://shopify/InventoryLevel/1") {userErrors {code}} }',
            "undefinedField",
            "Field 'code' doesn't exist on type 'UserError'",
        ),
        ("{ shop { name", None, "syntax error"),
    ],
)
def test_a_document_that_the_schema_refuses_gets_shopifys_error_and_no_data(api: Api, document, code, words):
    answer = api(document)
    assert "data" not in answer
    assert answer["errors"][0].get("extensions", {}).get("code") == code
    assert words in answer["errors"][0]["message"]


def test_a_wrong_variable_names_its_problems_and_gives_no_data(api: Api, small: Small):
    row = small.row(small.mug, small.here, delta="many", changeFromQuantity=None, compareQuantity=1)
    answer = api(ADJUST, {"input": adjust_input(row), "key": "k"})
    assert "data" not in answer
    problems = answer["errors"][0]["extensions"]["problems"]
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"
    assert {"path": ["changes", 0, "delta"], "explanation": 'Could not coerce value "many" to Int'} in problems
    assert ["changes", 0, "compareQuantity"] in [problem["path"] for problem in problems]


def test_a_field_that_is_not_simulated_fails_loudly(api: Api, capsys):
    answer = api.send("{ products(first: 1) { nodes { onlineStoreUrl } } }")
    assert answer.status_code == 501
    assert "Not simulated" in answer.json()["errors"]
    assert "Product.onlineStoreUrl" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "served"), [("2024-01", "2026-01"), ("2026-07", "2026-07"), ("2026-10", "2026-10")])
def test_an_old_version_falls_forward_to_the_oldest_supported_one(api: Api, asked, served):
    api.version = asked
    answer = api.send(READ_SHOP)
    assert answer.status_code == 200
    assert answer.headers["X-Shopify-API-Version"] == served


def test_the_version_header_stands_on_errors_too_and_can_pretend(api: Api, small: Small):
    small.shop.knobs.pretend_version = "2026-04"
    assert api.send("{ nope }").headers["X-Shopify-API-Version"] == "2026-04"
    small.shop.knobs.pretend_version = None
    api.version = "yesterday"
    assert api.send(READ_SHOP).status_code == 404


def test_a_bad_expired_or_revoked_token_gets_401_with_errors_as_a_string(api: Api, small: Small):
    token = client_credentials(api).json()["access_token"]
    assert Api(api.url, token).data(READ_SHOP)
    small.sim.clock.advance(86_399)
    for bad in (token, "shpat_nonsense", ""):
        answer = Api(api.url, bad).send(READ_SHOP)
        assert answer.status_code == 401
        assert isinstance(answer.json()["errors"], str)
    small.sim.revoke_tokens(DOMAIN)
    assert api.send(READ_SHOP).status_code == 401


def test_uninstalling_kills_the_token_and_its_subscriptions_at_once(api: Api, small: Small):
    small.sim.subscribe(DOMAIN, "PRODUCTS_UPDATE", "http://127.0.0.1:1/x")
    small.sim.uninstall(DOMAIN)
    assert api.send(READ_SHOP).status_code == 401
    assert small.shop.subscriptions == {}
    small.sim.install(DOMAIN)
    assert api.data(READ_SHOP)


def client_credentials(api: Api, **changes) -> requests.Response:
    form = {"client_id": "tiposync", "client_secret": "shpss_simulator_secret", "grant_type": "client_credentials"}
    return requests.post(f"{api.url}/{DOMAIN}/admin/oauth/access_token", json=form | changes, timeout=10)


def test_client_credentials_give_a_token_for_a_day(api: Api):
    granted = client_credentials(api).json()
    assert granted["expires_in"] == 86_399
    assert "write_inventory" in granted["scope"].split(",")


def test_the_three_refusals_of_client_credentials_are_http_400(api: Api, small: Small):
    app = small.shop.apps["tiposync"]
    assert client_credentials(api, client_secret="wrong").json()["error"] == "invalid_client"
    app.installed = False
    assert client_credentials(api).json()["error"] == "app_not_installed"
    app.permitted = False
    answer = client_credentials(api)
    assert (answer.status_code, answer.json()["error"]) == (400, "shop_not_permitted")


def test_a_missing_scope_nulls_the_field_and_leaves_the_rest(api: Api, small: Small):
    small.sim.set_scopes(DOMAIN, ["read_inventory"])
    item = gid("InventoryItem", small.mug.item_id)
    answer = api(f'{{ product(id: "gid://shopify/Product/1") {{ id }} inventoryItem(id: "{item}") {{ sku }} }}')
    assert answer["data"] == {"product": None, "inventoryItem": {"sku": "MUG"}}
    [error] = answer["errors"]
    assert error["path"] == ["product"]
    assert error["extensions"]["code"] == "ACCESS_DENIED"
    assert "read_products" in error["extensions"]["requiredAccess"]


def test_a_write_scope_includes_reading_and_a_read_scope_does_not_include_writing(api: Api, small: Small):
    item = gid("InventoryItem", small.mug.item_id)
    small.sim.set_scopes(DOMAIN, ["write_inventory"])
    assert api.data(f'{{ inventoryItem(id: "{item}") {{ sku }} }}')
    small.sim.set_scopes(DOMAIN, ["read_inventory"])
    row = small.row(small.mug, small.here, delta=1, changeFromQuantity=None)
    answer = api(ADJUST, {"input": adjust_input(row), "key": "k"})
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert answer["data"] == {"inventoryAdjustQuantities": None}
    assert small.available(small.mug) == 5


def test_a_location_name_needs_read_locations(api: Api, small: Small):
    small.sim.set_scopes(DOMAIN, ["read_inventory"])
    place = gid("Location", small.here)
    assert api.data(f'{{ location(id: "{place}") {{ id }} }}')
    answer = api(f'{{ location(id: "{place}") {{ id name }} }}')
    assert answer["data"] == {"location": None}
    assert answer["errors"][0]["path"] == ["location", "name"]


def test_connections_grow_by_the_logarithm_of_their_size():
    assert [size(n) for n in (0, 1, 3, 5, 10, 20, 50, 100, 200, 250)] == [0, 1, 2, 3, 4, 5, 7, 9, 10, 11]


@pytest.mark.parametrize(
    ("document", "points"),
    [
        (f"{{ inventoryItem(id: {ITEM}) {{ inventoryLevel(locationId: {PLACE}) {{ {QUANTITIES} }} }} }}", 3),
        (
            f"{{ inventoryItems(first: 250) "
            f"{{ nodes {{ inventoryLevel(locationId: {PLACE}) {{ {QUANTITIES} }} }} }} }}",
            35,
        ),
        (f"{{ location {{ inventoryLevels(first: 250) {{ nodes {{ item {{ id }} {QUANTITIES} }} }} }} }}", 36),
        (
            f"{{ inventoryItems(first: 100) {{ nodes {{ inventoryLevels(first: 10) {{ nodes {{ location {{ id }} "
            f"{QUANTITIES} }} }} }} }} }}",
            137,
        ),
        ("{ productVariants(first: 250) { nodes { sku inventoryItem { id } product { id } } } }", 35),
        ("{ locations(first: 250) { nodes { id } } }", 13),
        ("{ productsCount { count } }", 10),
        ("{ shop { name plan { publicDisplayName } } }", 2),
    ],
)
def test_the_requested_cost_follows_the_formula(api: Api, document, points):
    assert api(document)["extensions"]["cost"]["requestedQueryCost"] == points


def test_a_document_above_1000_points_is_refused_before_it_runs(api: Api, small: Small):
    deep = "inventoryLevels(first: 250) { nodes { item { inventoryLevels(first: 250) { nodes { id item { id } } } } } }"
    answer = api(f"{{ inventoryItems(first: 250) {{ nodes {{ {deep} }} }} }}")
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert "data" not in answer
    assert small.shop.counters.points == 0


def test_the_difference_to_the_actual_cost_is_given_back(api: Api):
    cost = api("{ products(first: 250) { nodes { id } } }")["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (13, 4)
    assert cost["throttleStatus"] == {"maximumAvailable": 2000.0, "currentlyAvailable": 1996.0, "restoreRate": 100.0}


def test_a_mutation_costs_ten_also_when_it_fails(api: Api, small: Small):
    row = small.row(small.mug, small.here, delta=1, changeFromQuantity=99)
    answer = api(ADJUST, {"input": adjust_input(row), "key": "k"})
    assert answer["data"]["inventoryAdjustQuantities"]["userErrors"]
    assert answer["extensions"]["cost"]["actualQueryCost"] == 10


def test_an_empty_bucket_answers_200_throttled_executes_nothing_and_refills_with_time(api: Api, small: Small):
    small.sim.set_points(DOMAIN, 9)
    row = small.row(small.mug, small.here, delta=1, changeFromQuantity=None)
    variables = {"input": adjust_input(row), "key": "k"}
    slim = ADJUST.replace("changes { name delta quantityAfterChange }", "")
    response = api.send(slim, variables)
    answer = response.json()
    assert response.status_code == 200
    assert "data" not in answer
    assert answer["errors"][0]["message"] == "Throttled"
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert answer["extensions"]["cost"]["actualQueryCost"] is None
    assert small.available(small.mug) == 5
    small.sim.clock.advance(0.02)
    assert api(slim, variables)["data"]["inventoryAdjustQuantities"]["userErrors"] == []
    assert small.available(small.mug) == 6
    assert small.shop.counters.throttled == 1


def test_a_shrunk_bucket_counts_at_once(api: Api, small: Small):
    small.shop.knobs.bucket_size = 50
    small.shop.knobs.restore_rate = 1
    status = api(READ_SHOP)["extensions"]["cost"]["throttleStatus"]
    assert status == {"maximumAvailable": 50.0, "currentlyAvailable": 49.0, "restoreRate": 1.0}


def test_a_plan_has_its_rate(api: Api, small: Small):
    small.sim.set_plan(DOMAIN, "PLUS")
    answer = api("{ shop { plan { publicDisplayName shopifyPlus } } }")
    assert answer["data"]["shop"]["plan"] == {"publicDisplayName": "Plus", "shopifyPlus": True}
    assert answer["extensions"]["cost"]["throttleStatus"] == {
        "maximumAvailable": 20_000.0,
        "currentlyAvailable": 19_998.0,
        "restoreRate": 1000.0,
    }


def test_more_than_250_rows_are_refused(api: Api, small: Small):
    ids = [gid("InventoryItem", number) for number in range(1, 252)]
    answer = api("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert answer["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"
    assert answer["errors"][0]["message"] == "The input array size of 251 is greater than the maximum allowed of 250."
    rows = [small.row(small.mug, small.here, delta=0, changeFromQuantity=None)] * 251
    assert api.codes(ADJUST, {"input": adjust_input(*rows), "key": "k"}) == ["MAX_INPUT_SIZE_EXCEEDED"]
    assert len(api.data("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids[:250]})["nodes"]) == 250


def test_an_unknown_shop_is_404_and_no_json_is_400(api: Api):
    stranger = Api(api.url, api.token, domain="nobody.myshopify.com").send(READ_SHOP)
    assert (stranger.status_code, stranger.json()) == (404, {"errors": "Not Found"})
    address = f"{api.url}/{DOMAIN}/admin/api/2026-10/graphql.json"
    headers = {"X-Shopify-Access-Token": api.token, "Content-Type": "application/json"}
    assert requests.post(address, data="{not json", headers=headers, timeout=10).status_code == 400
    headers["Content-Type"] = "application/graphql"
    assert requests.post(address, data=READ_SHOP, headers=headers, timeout=10).status_code == 400


def test_the_request_log_shows_name_cost_status_and_time(api: Api, small: Small):
    api("query Named { shop { name } }", operationName="Named")
    entry = small.shop.request_log[-1]
    assert (entry["operation"], entry["fields"], entry["status"], entry["actual_cost"]) == ("Named", ["shop"], 200, 1)
    assert entry["milliseconds"] > 0
    assert small.shop.counters.own_seconds > 0


def test_the_date_header_is_the_simulators_clock(api: Api, small: Small):
    small.sim.clock.advance(86_400)
    told = parsedate_to_datetime(api.send(READ_SHOP).headers["Date"])
    assert int(told.timestamp()) == small.sim.clock.whole_seconds()
