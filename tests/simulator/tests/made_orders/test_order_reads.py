"""Rows 6, 13, 14 and 45 of tests/simulator/README.md: what reads of orders show, find, hide and round."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.tests.conftest import DOMAIN, Api, Small

DAY = 86_400
LINES = """query Lines($id: ID!) { order(id: $id) { lineItems(first: 10) { nodes {
  title quantity currentQuantity unfulfilledQuantity nonFulfillableQuantity isGiftCard requiresShipping taxable
  variant { id inventoryItem { sku tracked } } lineItemGroup { title quantity }
  originalUnitPriceSet { shopMoney { amount } presentmentMoney { amount currencyCode } }
  discountedUnitPriceSet { shopMoney { amount } }
  discountedUnitPriceAfterAllDiscountsSet { shopMoney { amount } }
  discountedTotalSet(withCodeDiscounts: true) { shopMoney { amount } } totalDiscountSet { shopMoney { amount } }
  discountAllocations { allocatedAmountSet { shopMoney { amount } } discountApplication {
    index targetSelection value { ... on PricingPercentageValue { percentage } ... on MoneyV2 { amount } }
    ... on DiscountCodeApplication { code } ... on AutomaticDiscountApplication { title } } }
  taxLines { title rate ratePercentage priceSet { shopMoney { amount } } }
  duties { price { shopMoney { amount } } harmonizedSystemCode } customAttributes { key value } } } } }"""
FIND = "query Find($query: String) { orders(first: 20, query: $query, sortKey: CREATED_AT) { nodes { name } } }"
SUMS = """query Sums($id: ID!) { order(id: $id) {
  totalPriceSet { shopMoney { amount } presentmentMoney { amount currencyCode } }
  currentTotalPriceSet { shopMoney { amount } } subtotalPriceSet { shopMoney { amount } }
  totalTaxSet { shopMoney { amount } } totalShippingPriceSet { shopMoney { amount } }
  totalDiscountsSet { shopMoney { amount } } totalTipReceivedSet { shopMoney { amount } }
  currentTotalDutiesSet { shopMoney { amount } } totalOutstandingSet { shopMoney { amount } }
  shippingLines(first: 5) { nodes { title discountedPriceSet { shopMoney { amount } } } }
  discountCodes transactions(first: 5) { kind status amountSet { shopMoney { amount } } } } }"""


def lines(api: Api, order) -> list[dict]:
    return api.data(LINES, {"id": gid("Order", order.id)})["order"]["lineItems"]["nodes"]


def sums(api: Api, order) -> dict:
    found = api.data(SUMS, {"id": gid("Order", order.id)})["order"]
    return {name: value["shopMoney"]["amount"] for name, value in found.items() if name.endswith("Set") and value}


def names(api: Api, query: str | None) -> list[str]:
    return [node["name"] for node in api.data(FIND, {"query": query})["orders"]["nodes"]]


def amount(bag: dict) -> str:
    return bag["shopMoney"]["amount"]


def test_unit_prices_after_discounts_are_rounded_and_the_allocations_are_exact(api: Api, small: Small):
    rows = [{"variant_id": small.mug.id, "quantity": 3, "discount": "1.00", "discount_title": "Sale"}]
    order = small.sim.place_order(DOMAIN, rows, discount={"code": "FIVE", "amount": "5.00"})
    [line] = lines(api, order)
    assert amount(line["originalUnitPriceSet"]) == "10.0"
    assert amount(line["discountedUnitPriceSet"]) == "9.67"  # 29.00 over 3
    assert amount(line["discountedUnitPriceAfterAllDiscountsSet"]) == "8.0"
    assert (amount(line["discountedTotalSet"]), amount(line["totalDiscountSet"])) == ("29.0", "1.0")
    own, whole = line["discountAllocations"]
    assert (own["discountApplication"]["title"], own["discountApplication"]["targetSelection"]) == ("Sale", "EXPLICIT")
    assert (whole["discountApplication"]["code"], whole["discountApplication"]["value"]) == ("FIVE", {"amount": "5.0"})
    assert (amount(own["allocatedAmountSet"]), amount(whole["allocatedAmountSet"])) == ("1.0", "5.0")


def test_a_discount_that_does_not_divide_evenly_leaves_no_cent_behind(api: Api, small: Small):
    rows = [{"title": name, "price": "3.33"} for name in "abc"]
    order = small.sim.place_order(DOMAIN, rows, discount={"code": "ONE", "amount": "1.00"})
    parts = [amount(line["discountAllocations"][0]["allocatedAmountSet"]) for line in lines(api, order)]
    assert parts == ["0.33", "0.33", "0.34"]
    assert sums(api, order)["totalPriceSet"] == "8.99"


@pytest.mark.parametrize(("included", "tax", "total"), [(False, "5.13", "32.13"), (True, "4.31", "27.0")])
def test_taxes_are_of_what_is_left_after_discounts(api: Api, small: Small, included, tax, total):
    order = small.sim.place_order(
        DOMAIN,
        [(small.mug.id, 3)],
        discount={"code": "TEN", "percentage": 10},
        tax_rate="0.19",
        taxes_included=included,
    )
    found = sums(api, order)
    assert (found["totalTaxSet"], found["totalPriceSet"], found["totalDiscountsSet"]) == (tax, total, "3.0")
    assert lines(api, order)[0]["taxLines"][0]["ratePercentage"] == 19.0


def test_tips_duties_gift_cards_bundles_and_custom_lines_look_as_they_do_at_shopify(api: Api, small: Small):
    rows = [
        {"variant_id": small.shirt.id, "bundle": "Summer set", "duty": "1.50"},
        {"title": "Card", "price": "25", "gift_card": True, "requires_shipping": False},
        {"tip": True, "price": "2.00"},
        {"title": "Engraving", "price": "3.00", "properties": {"Text": "A & B"}},
    ]
    order = small.sim.place_order(DOMAIN, rows, tax_rate="0.19", shipping={"title": "Post", "price": "5"})
    bundled, card, tip, custom = lines(api, order)
    assert bundled["lineItemGroup"] == {"title": "Summer set", "quantity": 1}
    assert bundled["duties"][0]["price"] == {"shopMoney": {"amount": "1.5"}}
    assert bundled["variant"]["inventoryItem"] == {"sku": "SHIRT-S", "tracked": True}
    assert (card["isGiftCard"], card["variant"], card["taxLines"]) == (True, None, [])
    assert (tip["title"], tip["requiresShipping"], tip["taxable"], tip["nonFulfillableQuantity"]) == (
        "Tip",
        False,
        False,
        1,
    )
    assert custom["customAttributes"] == [{"key": "Text", "value": "A & B"}]
    found = sums(api, order)
    assert (found["totalTipReceivedSet"], found["currentTotalDutiesSet"]) == ("2.0", "1.5")
    assert found["totalPriceSet"] == "49.92"  # 38 + 5 + 19 % of 18 + 1.50 + 2


def test_a_buyer_can_pay_in_another_currency_without_cents(api: Api, small: Small):
    rows = [{"title": "Hat", "price": "9.99", "quantity": 3}]
    order = small.sim.place_order(DOMAIN, rows, presentment_currency="JPY", presentment_rate="163.7")
    [line] = lines(api, order)
    assert line["originalUnitPriceSet"]["presentmentMoney"] == {"amount": "1635.0", "currencyCode": "JPY"}
    found = api.data(SUMS, {"id": gid("Order", order.id)})["order"]["totalPriceSet"]
    assert found == {
        "shopMoney": {"amount": "29.97"},
        "presentmentMoney": {"amount": "4905.0", "currencyCode": "JPY"},
    }


def test_current_figures_follow_refunds_and_edits_and_the_first_ones_stay(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.shirt.id, 2), (small.mug.id, 1)])
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "CANCEL"}
    small.sim.refund(DOMAIN, order, [row], money="10.00")
    found = sums(api, order)
    assert (found["totalPriceSet"], found["currentTotalPriceSet"]) == ("30.0", "20.0")
    assert found["totalOutstandingSet"] == "0.0"
    line = lines(api, order)[0]
    assert (line["quantity"], line["currentQuantity"], line["unfulfilledQuantity"]) == (2, 1, 1)
    small.sim.edit_order(DOMAIN, order, quantities={order.lines[0].id: 0})
    assert sums(api, order)["currentTotalPriceSet"] == "10.0"


def test_a_deleted_variant_is_null_and_its_texts_stay(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)])
    small.shop.remove_product(small.shop.products[small.mug.product_id])
    [line] = lines(api, order)
    assert (line["variant"], line["title"]) == (None, "Mug")


# Row 6


def test_without_the_scope_orders_older_than_60_days_do_not_exist(api: Api, small: Small):
    now = small.sim.clock.seconds()
    old = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], created_at=now - 60 * DAY)
    small.sim.place_order(DOMAIN, [(small.mug.id, 1)], created_at=now - 60 * DAY + 60)
    document = "query R($id: ID!) { order(id: $id) { name } ordersCount { count } }"
    assert api.data(document, {"id": gid("Order", old.id)})["ordersCount"]["count"] == 2
    small.sim.set_scopes(DOMAIN, ["read_orders", "write_orders"])
    found = api.data(document, {"id": gid("Order", old.id)})
    assert (found["order"], found["ordersCount"]["count"], names(api, None)) == (None, 1, ["#1002"])


# Rows 13 and 14


def test_orders_are_found_by_what_they_hold(api: Api, small: Small):
    first = {"tags": ["vip"], "email": "a@example.com", "source_identifier": "gid://x/1", "test": True}
    small.sim.place_order(DOMAIN, [(small.mug.id, 1)], **first)
    small.sim.place_order(DOMAIN, [(small.mug.id, 1)], paid=False)
    small.sim.cancel(DOMAIN, small.sim.buy(DOMAIN, small.mug.id))
    queries = {
        "tag:vip": ["#1001"],
        "email:a@example.com": ["#1001"],
        "source_identifier:'gid://x/1'": ["#1001"],
        "test:true": ["#1001"],
        "name:1002": ["#1002"],
        'name:"#1002"': ["#1002"],
        "financial_status:pending": ["#1002"],
        "status:open": ["#1001", "#1002"],
        "status:cancelled": ["#1003"],
        "fulfillment_status:unfulfilled NOT tag:vip": ["#1002", "#1003"],
        "created_at:>='2020-01-01T00:00:00Z' test:false": ["#1002", "#1003"],
    }
    assert {query: names(api, query) for query in queries} == queries


def test_an_unknown_key_is_ignored_and_everything_comes_back_with_a_warning(api: Api, small: Small):
    small.sim.buy(DOMAIN, small.mug.id)
    answer = api(FIND, {"query": "sourceidentifier:'none'"})
    assert len(answer["data"]["orders"]["nodes"]) == 1
    [warning] = answer["extensions"]["search"]
    assert warning["warnings"][0]["field"] == "sourceidentifier"
    assert api.send(FIND, {"query": "risk_level:high"}).status_code == 501


def test_updated_orders_come_in_the_order_of_their_updates(api: Api, small: Small):
    orders = [small.sim.buy(DOMAIN, small.mug.id) for _ in range(3)]
    for seconds, order in ((10, orders[2]), (10, orders[0])):
        small.sim.clock.advance(seconds)
        small.sim.fulfil(DOMAIN, order)
    since = "query { orders(first: 5, sortKey: UPDATED_AT, query: \"updated_at:>='%s'\") { nodes { name } } }"
    at = small.sim.clock.now().replace(microsecond=0)
    found = api.data(since % at.isoformat())["orders"]["nodes"]
    assert found == [{"name": "#1001"}]
    everything = api.data("query { orders(first: 5, sortKey: UPDATED_AT) { nodes { name } } }")["orders"]["nodes"]
    assert [node["name"] for node in everything] == ["#1002", "#1003", "#1001"]


# Row 45


def test_without_approval_people_are_null(api: Api, small: Small):
    document = """query P($id: ID!) { order(id: $id) {
      email phone customer { id } shippingAddress { city } billingAddress { city } name } }"""
    people = {"email": "a@example.com", "first_name": "Ann", "phone": "+4930123456"}
    order = small.sim.place_order(
        DOMAIN, [(small.mug.id, 1)], customer=people, shipping_address={"city": "Bath"}, phone="+4930123456"
    )
    found = api.data(document, {"id": gid("Order", order.id)})["order"]
    assert (found["email"], found["shippingAddress"]) == ("a@example.com", {"city": "Bath"})
    small.shop.knobs.protected_data = False
    found = api.data(document, {"id": gid("Order", order.id)})["order"]
    assert found == {
        **dict.fromkeys(["email", "phone", "customer", "shippingAddress", "billingAddress"]),
        "name": "#1001",
    }
    assert api.codes("query { customers(first: 1) { nodes { id } } }") == ["ACCESS_DENIED"]


def test_customers_are_found_by_mail_in_any_case(api: Api, small: Small):
    small.sim.place_order(DOMAIN, [(small.mug.id, 1)], customer={"email": "ann@example.com", "last_name": "Lee"})
    document = """query C { customerByIdentifier(identifier: {emailAddress: "ANN@example.com"}) {
      displayName numberOfOrders defaultEmailAddress { emailAddress } } }"""
    assert api.data(document)["customerByIdentifier"] == {
        "displayName": "Lee",
        "numberOfOrders": "1",
        "defaultEmailAddress": {"emailAddress": "ann@example.com"},
    }


def test_a_checkout_does_not_fail_for_a_phone_of_somebody_else(api: Api, small: Small):
    for email in ("ann@example.com", "bob@example.com"):
        order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], customer={"email": email, "phone": "+4930123456"})
    assert [row.phone for row in small.shop.customers.values()] == ["+4930123456", None]
    assert (order.phone, order.email) == ("+4930123456", "bob@example.com")


def test_a_customer_needs_his_own_scope(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], customer={"email": "a@example.com"})
    small.sim.set_scopes(DOMAIN, ["read_orders"])
    answer = api("query R($id: ID!) { order(id: $id) { name customer { id } } }", {"id": gid("Order", order.id)})
    assert answer["data"]["order"] == {"name": "#1001", "customer": None}
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_nodes_know_orders_and_what_belongs_to_them(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)])
    small.sim.fulfil(DOMAIN, order)
    ids = [gid("Order", order.id), gid("Fulfillment", order.fulfillments[0].id), gid("Order", 1)]
    document = "query N($ids: [ID!]!) { nodes(ids: $ids) { id ... on Order { name } ... on Fulfillment { status } } }"
    found = api.data(document, {"ids": ids})["nodes"]
    assert found == [{"id": ids[0], "name": "#1001"}, {"id": ids[1], "status": "SUCCESS"}, None]


def test_what_is_not_simulated_fails_loudly(api: Api, small: Small):
    order = small.sim.place_order(DOMAIN, [(small.mug.id, 1)])
    document = "query R($id: ID!) { order(id: $id) { lineItems(first: 1) { nodes { product { onlineStoreUrl } } } } }"
    assert api.send(document, {"id": gid("Order", order.id)}).status_code == 501
