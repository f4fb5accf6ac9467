"""Rows 9 and 10 of tests/simulator/README.md: what goes wrong on purpose, and what has happened by then."""

from __future__ import annotations

import pytest
import requests

from tests.simulator.tests.conftest import ADJUST, DOMAIN, Api, Small, adjust_input

READ_SHOP = "{ shop { name } }"


def sell_one(small: Small, key: str = "k") -> dict:
    row = small.row(small.mug, small.here, delta=-1, changeFromQuantity=None)
    return {"input": adjust_input(row), "key": key}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_answers_are_html_and_nothing_was_executed(api: Api, small: Small, status):
    small.sim.fault(DOMAIN, "http", status=status)
    answer = api.send(ADJUST, sell_one(small))
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert small.available(small.mug) == 5


@pytest.mark.parametrize("status", [402, 403, 423, 430])
def test_4xx_answers_carry_errors_as_a_string(api: Api, small: Small, status):
    small.sim.fault(DOMAIN, "http", status=status)
    answer = api.send(READ_SHOP)
    assert answer.status_code == status
    assert isinstance(answer.json()["errors"], str)
    assert api.data(READ_SHOP)


def test_429_comes_with_a_float_in_retry_after(api: Api, small: Small):
    small.sim.fault(DOMAIN, "rate_limited")
    answer = api.send(READ_SHOP)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2.0")


def test_a_planned_throttle_answers_200_and_executes_nothing(api: Api, small: Small):
    small.sim.fault(DOMAIN, "throttled", match="any_mutation", count=2)
    assert api.data(READ_SHOP)
    for _ in range(2):
        assert api.codes(ADJUST, sell_one(small)) == ["THROTTLED"]
    assert small.available(small.mug) == 5
    assert api.data(ADJUST, sell_one(small))
    assert small.available(small.mug) == 4


def test_a_refused_connection_executed_nothing(api: Api, small: Small):
    small.sim.fault(DOMAIN, "refuse_before")
    with pytest.raises(requests.ConnectionError):
        api.send(ADJUST, sell_one(small))
    assert small.available(small.mug) == 5


def test_a_lost_answer_was_committed_and_the_connection_is_cut(api: Api, small: Small):
    small.sim.fault(DOMAIN, "lost_answer", match="inventoryAdjustQuantities")
    with pytest.raises(requests.ConnectionError):
        api.send(ADJUST, sell_one(small))
    assert small.available(small.mug) == 4
    payload = api.data(ADJUST, sell_one(small))["inventoryAdjustQuantities"]
    assert payload["userErrors"] == []
    assert payload["inventoryAdjustmentGroup"]["id"]
    assert small.available(small.mug) == 4


def test_a_lost_answer_may_look_like_a_502_or_an_internal_error(api: Api, small: Small):
    small.sim.fault(DOMAIN, "lost_answer", how="html")
    assert api.send(ADJUST, sell_one(small, "a")).status_code == 502
    small.sim.fault(DOMAIN, "lost_answer", how="internal_error")
    answer = api(ADJUST, sell_one(small, "b"))
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert answer["errors"][0]["extensions"]["requestId"] in answer["errors"][0]["message"]
    assert "data" not in answer
    assert small.available(small.mug) == 3


def test_an_internal_error_before_looks_the_same_and_did_nothing(api: Api, small: Small):
    small.sim.fault(DOMAIN, "internal_error_before")
    assert api.codes(ADJUST, sell_one(small)) == ["INTERNAL_SERVER_ERROR"]
    assert small.available(small.mug) == 5


def test_a_refusal_with_a_code_stands_beside_data_that_is_null_or_takes_its_place(api: Api, small: Small):
    small.sim.fault(DOMAIN, "refused_field", code="RESOURCE_LOCKED")
    answer = api(ADJUST, sell_one(small))
    assert answer["data"] == {"inventoryAdjustQuantities": None}
    assert [(one["extensions"]["code"], one["path"]) for one in answer["errors"]] == [
        ("RESOURCE_LOCKED", ["inventoryAdjustQuantities"])
    ]
    small.sim.fault(DOMAIN, "rejected_document", code="INVALID_VARIABLE")
    assert "data" not in api(ADJUST, sell_one(small))
    assert small.available(small.mug) == 5


def test_a_request_whose_answer_was_lost_may_be_executed_late(api: Api, small: Small):
    small.sim.fault(DOMAIN, "late_execution", match="inventoryAdjustQuantities", seconds=60)
    with pytest.raises(requests.ConnectionError):
        api.send(ADJUST, sell_one(small))
    small.sim.clock.advance(59)
    assert small.available(small.mug) == 5
    small.sim.clock.advance(1)
    assert small.available(small.mug) == 4


def test_a_slow_answer_keeps_the_client_waiting_after_the_commit(api: Api, small: Small):
    small.sim.fault(DOMAIN, "slow_answer", seconds=1.0)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{api.url}/{DOMAIN}/admin/api/2026-10/graphql.json",
            json={"query": ADJUST, "variables": sell_one(small)},
            headers={"X-Shopify-Access-Token": api.token},
            timeout=0.3,
        )
    assert small.available(small.mug) == 4


def test_a_customer_can_buy_between_the_comparison_and_the_next_read(api: Api, small: Small):
    def buy(shop, name, arguments):
        small.sim.on_before_execute.clear()
        small.sim.buy(DOMAIN, small.mug.id, 1)

    small.sim.on_before_execute.append(buy)
    row = small.row(small.mug, small.here, delta=-1, changeFromQuantity=5)
    payload = api.data(ADJUST, {"input": adjust_input(row), "key": "k"})["inventoryAdjustQuantities"]
    assert payload["userErrors"][0]["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert small.available(small.mug) == 4


def test_a_hook_after_the_commit_sees_the_new_value(api: Api, small: Small):
    seen = []
    small.sim.on_after_commit.append(lambda shop, name, arguments: seen.append((name, small.available(small.mug))))
    api.data(READ_SHOP)
    api.data(ADJUST, sell_one(small))
    assert seen == [("inventoryAdjustQuantities", 4)]


def test_faults_can_skip_repeat_and_be_drawn_by_the_same_dice_each_time(api: Api, small: Small):
    small.sim.fault(DOMAIN, "http", status=503, skip=1, count=2)
    assert [api.send(READ_SHOP).status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    draws = []
    for _ in range(2):
        small.shop.random.seed(7)
        fault = small.sim.fault(DOMAIN, "http", status=503, probability=0.5, count=None)
        draws.append([api.send(READ_SHOP).status_code for _ in range(12)])
        small.sim.faults(small.shop).remove(fault)
    assert draws[0] == draws[1]
    assert set(draws[0]) == {200, 503}


def test_the_token_endpoint_has_faults_of_its_own(api: Api, small: Small):
    small.sim.fault(DOMAIN, "http", match="oauth", status=503)
    form = {"client_id": "tiposync", "client_secret": "shpss_simulator_secret", "grant_type": "client_credentials"}
    address = f"{api.url}/{DOMAIN}/admin/oauth/access_token"
    assert api.data(READ_SHOP)
    assert requests.post(address, data=form, timeout=10).status_code == 503
    assert requests.post(address, data=form, timeout=10).json()["access_token"]


def test_the_log_and_the_counters_name_the_fault(api: Api, small: Small):
    small.sim.fault(DOMAIN, "http", status=503)
    api.send(READ_SHOP)
    assert (small.shop.request_log[-1]["fault"], small.shop.request_log[-1]["status"]) == ("http", 503)
    assert small.shop.counters.faults == {"http": 1}


def test_an_unknown_fault_is_refused(small: Small):
    with pytest.raises(ValueError, match="unknown fault"):
        small.sim.fault(DOMAIN, "gremlins")
