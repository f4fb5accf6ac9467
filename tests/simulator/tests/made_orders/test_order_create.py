"""Rows 14, 27 and 28 of tests/simulator/README.md: orderCreate refuses what Shopify refuses and keeps what it keeps."""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Small

CREATE = """mutation Create($order: OrderCreateOrderInput!, $options: OrderCreateOptionsInput) {
  orderCreate(order: $order, options: $options) {
    order { id name tags email createdAt processedAt displayFinancialStatus displayFulfillmentStatus sourceIdentifier
      app { id } customer { id email phone } totalPriceSet { shopMoney { amount currencyCode } }
      totalTaxSet { shopMoney { amount } } totalDiscountsSet { shopMoney { amount } }
      lineItems(first: 10) { nodes { title sku quantity variantTitle requiresShipping taxable variant { id }
        originalUnitPriceSet { shopMoney { amount } } taxLines { title rate } customAttributes { key value } } } }
    userErrors { code field message }
  }
}"""
BY_CUSTOM_ID = """query Find($value: String!) {
  orderByIdentifier(identifier: {customId: {namespace: "$app:sync", key: "source_order", value: $value}}) { id }
}"""
DEFINE = """mutation Define($definition: MetafieldDefinitionInput!) {
  metafieldDefinitionCreate(definition: $definition) {
    createdDefinition { id namespace key type { name } } userErrors { code field message } } }"""
DEFINITION = {"name": "Original", "namespace": "$app:sync", "key": "source_order", "type": "id", "ownerType": "ORDER"}


def money(amount: str, currency: str = "EUR") -> dict:
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


def line(small: Small, quantity: int = 1, **values) -> dict:
    return {"variantId": gid("ProductVariant", small.mug.id), "quantity": quantity, "requiresShipping": True, **values}


def create(api: Api, behaviour: str | None = None, **order) -> dict:
    options = {"inventoryBehaviour": behaviour} if behaviour else None
    return api.data(CREATE, {"order": order, "options": options})["orderCreate"]


def refusals(api: Api, behaviour: str | None = None, **order) -> list[tuple]:
    payload = create(api, behaviour, **order)
    assert payload["order"] is None
    return [(error["code"], error["field"], error["message"]) for error in payload["userErrors"]]


def made(small: Small) -> list[Order]:
    return list(small.shop.orders.values())


def figures(small: Small) -> tuple[int, int]:
    level = small.shop.levels[small.mug.item_id, small.here]
    return level.available, level.committed


def test_the_same_order_twice_makes_two_orders_whatever_the_key(api: Api, small: Small):
    keyed = CREATE.replace("options: $options)", 'options: $options) @idempotent(key: "one")')
    for _ in range(2):
        assert api.data(keyed, {"order": {"lineItems": [line(small)]}})["orderCreate"]["userErrors"] == []
    assert len(made(small)) == 2


def test_prices_tags_and_attributes_come_back_as_shopify_writes_them(api: Api, small: Small):
    row = line(small, 2, priceSet=money("12.00"), properties=[{"name": "Original price", "value": "15.00"}])
    order = create(api, lineItems=[row], tags=["b", "a", "b"], sourceIdentifier="gid://1")["order"]
    assert order["tags"] == ["a", "b"]
    assert order["totalPriceSet"]["shopMoney"] == {"amount": "24.0", "currencyCode": "EUR"}
    [read] = order["lineItems"]["nodes"]
    assert read["originalUnitPriceSet"]["shopMoney"]["amount"] == "12.0"
    assert read["customAttributes"] == [{"key": "Original price", "value": "15.00"}]
    assert order["app"]["id"] == gid("App", 4242)


def test_the_defaults_are_shopifys_traps(api: Api, small: Small):
    order = create(api, lineItems=[{"variantId": gid("ProductVariant", small.mug.id), "quantity": 1}])["order"]
    [read] = order["lineItems"]["nodes"]
    assert (read["requiresShipping"], read["taxable"]) == (False, True)
    assert order["displayFulfillmentStatus"] == "FULFILLMENT_NOT_REQUIRED"
    assert order["totalPriceSet"]["shopMoney"]["amount"] == "10.0"  # the variant's price
    assert figures(small) == (5, 0)  # BYPASS
    assert small.shop.fulfillment_orders == {}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"lineItems": []}, [("INVALID", ["order", "lineItems"], "Line items must have at least one line item")]),
        ({}, [("INVALID", ["order", "lineItems"], "Line items must have at least one line item")]),
        (
            {"lineItems": [{"variantId": gid("ProductVariant", 7), "quantity": 1}]},
            [
                ("INVALID", ["order", "lineItems"], "Order Line items is invalid"),
                ("INVALID", ["order", "lineItems"], "Line items Name can't be blank"),
                ("INVALID", ["order", "lineItems"], "Line items Title can't be blank"),
            ],
        ),
        (
            {"lineItems": [{"title": "Hat", "quantity": 0, "priceSet": money("1")}]},
            [("INVALID", ["order", "lineItems", 0, "quantity"], "Quantity must be greater than 0")],
        ),
        (
            {"lineItems": [{"title": "Hat", "quantity": 1, "priceSet": money("1", "USD")}]},
            [("INVALID", ["order", "lineItems", 0, "priceSet", "shopMoney", "currencyCode"], "Currency must be EUR")],
        ),
        (
            {
                "lineItems": [{"title": "Hat", "quantity": 1, "priceSet": money("1")}],
                "customerId": gid("Customer", 1),
                "customer": {"toUpsert": {"email": "a@example.com"}},
            },
            [
                (
                    "REDUNDANT_CUSTOMER_FIELDS",
                    ["order", "customerId"],
                    "Customer and customerId can't both be specified",
                )
            ],
        ),
        (
            {
                "lineItems": [
                    {
                        "title": "Hat",
                        "quantity": 1,
                        "priceSet": money("1"),
                        "taxLines": [{"title": "VAT", "rate": ""}],
                    }
                ]
            },
            [
                (
                    "TAX_LINE_RATE_MISSING",
                    ["order", "lineItems", 0, "taxLines", 0, "rate"],
                    "Tax line rate can't be blank",
                )
            ],
        ),
        (
            {"lineItems": [{"title": "Hat", "quantity": 1, "priceSet": money("1"), "fulfillmentService": "moon"}]},
            [
                (
                    "FULFILLMENT_SERVICE_INVALID",
                    ["order", "lineItems", 0, "fulfillmentService"],
                    "Fulfillment service is invalid",
                )
            ],
        ),
    ],
)
def test_what_shopify_refuses_is_refused_with_its_place(api: Api, small: Small, order, expected):
    assert refusals(api, **order) == expected
    assert made(small) == []


def test_presentment_money_needs_its_currency(api: Api, small: Small):
    both = {**money("1.00"), "presentmentMoney": {"amount": "160", "currencyCode": "JPY"}}
    row = {"title": "Hat", "quantity": 2, "priceSet": both}
    assert refusals(api, lineItems=[row])[0][1] == ["order", "presentmentCurrency"]
    create(api, lineItems=[row], presentmentCurrency="JPY")
    [order] = made(small)
    assert (order.presentment_currency, order.lines[0].price.presentment) == ("JPY", 160)
    assert refusals(api, lineItems=[{**row, "priceSet": money("1.00")}], presentmentCurrency="JPY")
    wrong = refusals(api, lineItems=[row], presentmentCurrency="JPY", currency="USD")
    assert wrong[0][1] == ["order", "lineItems", 0, "priceSet", "shopMoney", "currencyCode"]


def test_taxes_stand_on_the_order_or_on_lines_but_not_on_both(api: Api, small: Small):
    tax = {"title": "VAT", "rate": "0.19", "priceSet": money("1.90")}
    row = line(small, 1, taxLines=[tax])
    assert create(api, lineItems=[row])["order"]["totalPriceSet"]["shopMoney"]["amount"] == "11.9"
    assert refusals(api, lineItems=[row], taxLines=[tax])[0][1] == ["order", "taxLines"]
    order = create(api, lineItems=[line(small), line(small, 1, taxable=False)], taxLines=[tax])["order"]
    assert [bool(read["taxLines"]) for read in order["lineItems"]["nodes"]] == [True, False]
    assert create(api, lineItems=[row], taxesIncluded=True)["order"]["totalPriceSet"]["shopMoney"]["amount"] == "10.0"


def test_one_discount_code_and_no_more(api: Api, small: Small):
    fixed = {"itemFixedDiscountCode": {"code": "OFF", "amountSet": money("3.00")}}
    order = create(api, lineItems=[line(small, 2)], discountCode=fixed)["order"]
    assert order["totalDiscountsSet"]["shopMoney"]["amount"] == "3.0"
    two = {**fixed, "itemPercentageDiscountCode": {"code": "TEN", "percentage": 10}}
    assert refusals(api, lineItems=[line(small)], discountCode=two)[0][1] == ["order", "discountCode"]


def test_a_given_financial_status_stays_although_nothing_was_paid(api: Api, small: Small):
    order = create(api, lineItems=[line(small)], financialStatus="PAID")["order"]
    assert order["displayFinancialStatus"] == "PAID"
    sale = {"kind": "SALE", "status": "SUCCESS", "gateway": "bogus", "amountSet": money("4.00")}
    order = create(api, lineItems=[line(small)], transactions=[sale])["order"]
    assert order["displayFinancialStatus"] == "PARTIALLY_PAID"
    assert create(api, lineItems=[line(small)])["order"]["displayFinancialStatus"] is None


# Stock


def test_stock_goes_down_only_when_asked(api: Api, small: Small):
    create(api, "DECREMENT_IGNORING_POLICY", lineItems=[line(small, 2)])
    assert figures(small) == (3, 2)
    create(api, "DECREMENT_IGNORING_POLICY", lineItems=[line(small, 5)])
    assert figures(small) == (-2, 7)
    assert {change.cause for change in small.sim.changes(DOMAIN)} == {"api:tiposync"}


def test_obeying_the_policy_can_fail_and_then_changes_nothing(api: Api, small: Small):
    rows = [line(small, 3), line(small, 3)]
    [(code, field, _)] = refusals(api, "DECREMENT_OBEYING_POLICY", lineItems=rows, email="new@example.com")
    assert (code, field) == ("INVENTORY_CLAIM_FAILED", ["order", "lineItems", 1, "quantity"])
    assert (figures(small), made(small), small.shop.customers) == ((5, 0), [], {})
    small.mug.inventory_policy = "CONTINUE"
    create(api, "DECREMENT_OBEYING_POLICY", lineItems=rows)
    assert sum(level.available for level in small.shop.levels_of(small.mug.item_id)) == -1


def test_units_come_from_the_location_that_has_them(api: Api, small: Small):
    small.sim.set(DOMAIN, small.shirt.item_id, small.here, 0)
    row = {"variantId": gid("ProductVariant", small.shirt.id), "quantity": 2}
    create(api, "DECREMENT_OBEYING_POLICY", lineItems=[row])
    assert made(small)[0].lines[0].location_id == small.there


# Customers


def test_a_customer_is_upserted_by_his_mail(api: Api, small: Small):
    address = {"firstName": "Ann", "address1": "1 High St", "city": "Bath", "countryCode": "GB"}
    for _ in range(2):
        upsert = {"toUpsert": {"email": "ann@example.com", "phone": "+441225000000", "lastName": "Lee"}}
        create(api, lineItems=[line(small)], customer=upsert, shippingAddress=address)
    [customer] = small.shop.customers.values()
    assert (customer.email, customer.default_address.city, customer.last_name) == ("ann@example.com", "Bath", "Lee")
    assert {order.customer_id for order in made(small)} == {customer.id}


def test_a_phone_belongs_to_one_customer_only(api: Api, small: Small):
    create(api, lineItems=[line(small)], customer={"toUpsert": {"email": "a@example.com", "phone": "+49 30 123456"}})
    other = {"toUpsert": {"email": "b@example.com", "phone": "+4930123456"}}
    expected = ("INVALID", ["order", "customer", "toUpsert", "phone"], "Phone has already been taken")
    assert refusals(api, lineItems=[line(small)], customer=other) == [expected]
    assert len(small.shop.customers) == 1


def test_an_unknown_customer_cannot_be_associated(api: Api, small: Small):
    for wanted in ({"id": gid("Customer", 5)}, {"email": "nobody@example.com"}):
        [(_, field, message)] = refusals(api, lineItems=[line(small)], customer={"toAssociate": wanted})
        assert (field, message) == (["order", "customer", "toAssociate"], "Customer does not exist")


def test_a_blank_address_is_refused(api: Api, small: Small):
    [(_, field, _)] = refusals(api, lineItems=[line(small)], shippingAddress={"city": " ", "zip": ""})
    assert field == ["order", "shippingAddress"]


# Time


def test_a_future_processed_at_becomes_now_and_used_to_be_an_error(api: Api, small: Small):
    given = {"lineItems": [line(small)], "processedAt": "2099-01-01T00:00:00Z"}
    order = create(api, **given)["order"]
    assert order["processedAt"] == order["createdAt"]
    past = create(api, **{**given, "processedAt": "2020-01-01T00:00:00Z"})["order"]
    assert past["processedAt"] == "2020-01-01T00:00:00Z"
    api.version = "2026-04"
    assert refusals(api, **given)[0][0] == "PROCESSED_AT_INVALID"


def test_a_development_store_takes_five_orders_a_minute(api: Api, small: Small):
    small.shop.knobs.orders_per_minute = 5
    for _ in range(5):
        create(api, lineItems=[line(small)])
    assert refusals(api, lineItems=[line(small)]) == [(None, None, "Too many attempts. Please try again later.")]
    small.sim.clock.advance(61)
    create(api, lineItems=[line(small)])
    assert len(made(small)) == 6


# Custom ids


def define(api: Api, **changes) -> dict:
    return api.data(DEFINE, {"definition": {**DEFINITION, **changes}})["metafieldDefinitionCreate"]


def with_id(small: Small, value: str, **changes) -> dict:
    row = {"namespace": "$app:sync", "key": "source_order", "type": "id", "value": value, **changes}
    return {"lineItems": [line(small)], "metafields": [row]}


def test_without_a_definition_there_are_no_custom_ids(api: Api, small: Small):
    answer = api(BY_CUSTOM_ID, {"value": "1"})
    assert answer["errors"][0]["message"] == "Metafield definition of type 'id' is required when using custom ids."
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert refusals(api, **with_id(small, "1"))[0][1] == ["order", "metafields", 0, "type"]


def test_an_order_is_found_by_its_custom_id_at_once(api: Api, small: Small):
    small.shop.knobs.search_lag_seconds = 60
    assert define(api)["createdDefinition"]["namespace"] == "app--4242--sync"
    assert api.data(BY_CUSTOM_ID, {"value": "1"})["orderByIdentifier"] is None
    order = create(api, **with_id(small, "1"), sourceIdentifier="one")["order"]
    assert api.data(BY_CUSTOM_ID, {"value": "1"})["orderByIdentifier"] == {"id": order["id"]}
    search = "query { orders(first: 5, query: \"source_identifier:'one'\") { nodes { id } } }"
    assert api.data(search)["orders"]["nodes"] == []
    small.sim.clock.advance(60)
    assert api.data(search)["orders"]["nodes"] == [{"id": order["id"]}]


def test_a_custom_id_is_taken_once_unless_the_store_does_not_mind(api: Api, small: Small):
    define(api)
    create(api, **with_id(small, "1"))
    [(code, field, _)] = refusals(api, **with_id(small, "1"))
    assert (code, field) == ("INVALID", ["order", "metafields", 0, "value"])
    small.shop.knobs.unique_custom_ids = False
    create(api, **with_id(small, "1"))
    assert len(made(small)) == 2


def test_a_definition_cannot_be_made_twice(api: Api, small: Small):
    define(api)
    assert define(api)["userErrors"][0]["code"] == "TAKEN"
    assert refusals(api, **with_id(small, "1", type="single_line_text_field"))[0][1][-1] == "type"


# Faults and what is not simulated


@pytest.mark.parametrize("match", ["any_mutation", "orderCreate"])
def test_the_answer_can_be_lost_although_the_order_was_made(api: Api, small: Small, match):
    small.sim.fault(DOMAIN, "lost_answer", match=match, how="html")
    assert api.send(CREATE, {"order": {"lineItems": [line(small)]}}).status_code == 502
    assert len(made(small)) == 1


def test_a_request_can_be_refused_before_anything_happens(api: Api, small: Small):
    small.sim.fault(DOMAIN, "internal_error_before", match="orderCreate")
    assert api.codes(CREATE, {"order": {"lineItems": [line(small)]}}) == ["INTERNAL_SERVER_ERROR"]
    assert made(small) == []


@pytest.mark.parametrize("given", [{"sourceName": "youtube"}, {"companyLocationId": gid("CompanyLocation", 1)}])
def test_what_is_not_simulated_says_so(api: Api, small: Small, given):
    answer = api.send(CREATE, {"order": {"lineItems": [line(small)], **given}})
    assert answer.status_code == 501
    assert made(small) == []


def test_creating_needs_its_scope(api: Api, small: Small):
    small.sim.set_scopes(DOMAIN, ["read_orders"])
    assert api.codes(CREATE, {"order": {"lineItems": [line(small)]}})[0] == "ACCESS_DENIED"
    assert made(small) == []
