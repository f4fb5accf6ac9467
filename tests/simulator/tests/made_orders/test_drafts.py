"""Row 29 of tests/simulator/README.md: drafts touch no stock unless reserved, expire, become an order once."""

from __future__ import annotations

import pytest

from tests.simulator.events.customers import upsert_customer
from tests.simulator.state.clock import iso_utc
from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Draft
from tests.simulator.tests.conftest import DOMAIN, Api, Receiver, Small

FIELDS = """id name status tags ready note2 reserveInventoryUntil order { id name displayFinancialStatus }
  totalPriceSet { shopMoney { amount } } totalDiscountsSet { shopMoney { amount } } customAttributes { key value }
  lineItems(first: 10) { nodes { title sku quantity custom priceOverride { amount }
    originalUnitPriceSet { shopMoney { amount } } } }"""
CREATE = f"""mutation Create($input: DraftOrderInput!) {{
  draftOrderCreate(input: $input) {{ draftOrder {{ {FIELDS} }} userErrors {{ field message }} }} }}"""
UPDATE = f"""mutation Update($id: ID!, $input: DraftOrderInput!) {{
  draftOrderUpdate(id: $id, input: $input) {{ draftOrder {{ {FIELDS} }} userErrors {{ field message }} }} }}"""
COMPLETE = f"""mutation Complete($id: ID!) {{
  draftOrderComplete(id: $id) {{ draftOrder {{ {FIELDS} }} userErrors {{ field message }} }} }}"""
DELETE = """mutation Delete($input: DraftOrderDeleteInput!) {
  draftOrderDelete(input: $input) { deletedId userErrors { field message } } }"""
INVOICE = """mutation Send($id: ID!) {
  draftOrderInvoiceSend(id: $id) { draftOrder { status invoiceSentAt } userErrors { field message } } }"""
HOUR = 3600


def line(small: Small, quantity: int = 1, **values) -> dict:
    return {"variantId": gid("ProductVariant", small.mug.id), "quantity": quantity, **values}


def euros(amount: str) -> dict:
    return {"amount": amount, "currencyCode": "EUR"}


def create(api: Api, **given) -> dict:
    payload = api.data(CREATE, {"input": given})["draftOrderCreate"]
    assert payload["userErrors"] == []
    return payload["draftOrder"]


def refusals(api: Api, **given) -> list[tuple]:
    payload = api.data(CREATE, {"input": given})["draftOrderCreate"]
    assert payload["draftOrder"] is None
    return [(error["field"], error["message"]) for error in payload["userErrors"]]


def reserved_for(small: Small, seconds: int) -> str:
    return iso_utc(small.sim.clock.seconds() + seconds)


def figures(small: Small) -> tuple[int, int, int, int]:
    level = small.shop.levels[small.mug.item_id, small.here]
    return level.available, level.reserved, level.committed, level.on_hand


def only_draft(small: Small) -> Draft:
    [draft] = small.shop.drafts.values()
    return draft


def test_a_draft_takes_no_stock(api: Api, small: Small):
    create(api, lineItems=[line(small, 3)])
    assert figures(small) == (5, 0, 0, 5)


def test_a_variant_keeps_its_own_title_sku_and_price_unless_overridden(api: Api, small: Small):
    rows = [
        line(small, 2, title="Cup", sku="OTHER", originalUnitPriceWithCurrency=euros("1.00")),
        line(small, 1, priceOverride=euros("7.50")),
        {"title": "Engraving", "quantity": 1, "originalUnitPriceWithCurrency": euros("2.00"), "sku": "ENG"},
    ]
    draft = create(api, lineItems=rows, tags=["b", "a"], customAttributes=[{"key": "k", "value": "v"}], note="n")
    nodes = draft["lineItems"]["nodes"]
    assert [(node["title"], node["sku"], node["custom"]) for node in nodes] == [
        ("Mug", "MUG", False),
        ("Mug", "MUG", False),
        ("Engraving", "ENG", True),
    ]
    assert [node["originalUnitPriceSet"]["shopMoney"]["amount"] for node in nodes] == ["10.0", "7.5", "2.0"]
    assert nodes[1]["priceOverride"] == {"amount": "7.5"}
    assert draft["totalPriceSet"]["shopMoney"]["amount"] == "29.5"
    assert (draft["tags"], draft["note2"], draft["status"], draft["ready"]) == (["a", "b"], "n", "OPEN", True)


def test_discounts_work_on_lines_and_on_the_whole(api: Api, small: Small):
    off = {"value": 1.0, "valueType": "FIXED_AMOUNT", "title": "One each"}
    ten = {"value": 10.0, "valueType": "PERCENTAGE", "title": "Ten"}
    draft = create(api, lineItems=[line(small, 2, appliedDiscount=off)], appliedDiscount=ten)
    assert draft["totalDiscountsSet"]["shopMoney"]["amount"] == "3.8"
    assert draft["totalPriceSet"]["shopMoney"]["amount"] == "16.2"


def test_a_draft_is_taxed_unless_it_is_exempt(api: Api, small: Small):
    small.shop.knobs.draft_tax_rate = "0.19"
    assert create(api, lineItems=[line(small)])["totalPriceSet"]["shopMoney"]["amount"] == "11.9"
    assert create(api, lineItems=[line(small)], taxExempt=True)["totalPriceSet"]["shopMoney"]["amount"] == "10.0"


@pytest.mark.parametrize(("known", "finds", "total"), [(None, True, "11.9"), (True, True, "10.0"),
                                                      (False, True, "11.9"), (False, False, "10.0")])  # fmt: skip
def test_an_e_mail_brings_its_customer_whose_tax_setting_counts(api: Api, small: Small, known, finds, total):
    small.shop.knobs.draft_tax_rate, small.shop.knobs.drafts_find_customers = "0.19", finds
    if known is not None:
        upsert_customer(small.shop, small.sim.clock.whole_seconds(), email="a@example.com", tax_exempt=known)
    draft = create(api, lineItems=[line(small)], taxExempt=True, email="A@example.com")
    assert draft["totalPriceSet"]["shopMoney"]["amount"] == total
    assert len(small.shop.customers) == 1
    assert (next(iter(small.shop.drafts.values())).customer_id is not None) is finds


@pytest.mark.parametrize(("is_exempt", "total"), [(True, "10.0"), (False, "11.9")])
def test_a_customers_own_tax_setting_counts_in_place_of_the_drafts(api: Api, small: Small, is_exempt, total):
    small.shop.knobs.draft_tax_rate = "0.19"
    customer = upsert_customer(small.shop, small.sim.clock.whole_seconds(), email="a@example.com", tax_exempt=is_exempt)
    entity = {"customerId": gid("Customer", customer.id)}
    draft = create(api, lineItems=[line(small)], taxExempt=not is_exempt, purchasingEntity=entity)
    assert draft["totalPriceSet"]["shopMoney"]["amount"] == total


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, ["lineItems"]),
        ({"lineItems": [{"quantity": 1}]}, ["lineItems", "0", "title"]),
        ({"lineItems": [{"title": "Hat", "quantity": 1}]}, ["lineItems", "0", "originalUnitPriceWithCurrency"]),
        ({"lineItems": [{"variantId": gid("ProductVariant", 7), "quantity": 1}]}, ["lineItems", "0", "variantId"]),
        ({"tags": ["x" * 41]}, ["tags"]),
        ({"tags": [str(number) for number in range(250)] + ["one more"]}, None),
        ({"presentmentCurrencyCode": "USD"}, ["presentmentCurrencyCode"]),
        ({"email": "nobody"}, ["email"]),
        ({"reserveInventoryUntil": "2020-01-01T00:00:00Z"}, ["reserveInventoryUntil"]),
        ({"purchasingEntity": {"customerId": gid("Customer", 3)}}, ["purchasingEntity", "customerId"]),
    ],
)
def test_bad_drafts_are_refused_without_a_code(api: Api, small: Small, given, field):
    given = {"lineItems": [line(small)], **given} if given and "lineItems" not in given else given
    if field is None:
        assert api.codes(CREATE, {"input": given}) == ["MAX_INPUT_SIZE_EXCEEDED"]
    else:
        assert refusals(api, **given)[0][0] == field
    assert small.shop.drafts == {}
    coded = CREATE.replace("field message", "code message")
    assert api(coded, {"input": given})["errors"][0]["extensions"]["code"] == "undefinedField"


def test_a_draft_holds_499_lines_and_no_more(api: Api, small: Small):
    create(api, lineItems=[line(small)] * 499)
    assert api.codes(CREATE, {"input": {"lineItems": [line(small)] * 500}}) == ["MAX_INPUT_SIZE_EXCEEDED"]
    assert len(small.shop.drafts) == 1


def test_a_draft_is_ready_when_its_totals_are_computed(api: Api, small: Small):
    small.shop.knobs.draft_ready_seconds = 5
    draft = create(api, lineItems=[line(small)])
    document = "query R($id: ID!) { draftOrder(id: $id) { ready } }"
    assert (draft["ready"], api.data(document, {"id": draft["id"]})["draftOrder"]["ready"]) == (False, False)
    small.sim.clock.advance(5)
    assert api.data(document, {"id": draft["id"]})["draftOrder"]["ready"] is True


# Reservation


def test_a_reservation_moves_units_and_runs_out_with_the_clock(api: Api, small: Small):
    create(api, lineItems=[line(small, 3)], reserveInventoryUntil=reserved_for(small, HOUR))
    assert figures(small) == (2, 3, 0, 5)
    small.sim.clock.advance(HOUR - 1)
    assert figures(small) == (2, 3, 0, 5)
    small.sim.clock.advance(1)
    assert figures(small) == (5, 0, 0, 5)
    assert only_draft(small).reserve_until is None
    assert [change.cause for change in small.sim.changes(DOMAIN)] == ["api:tiposync", "reservation"]


def test_a_longer_reservation_replaces_the_first_one(api: Api, small: Small):
    draft = create(api, lineItems=[line(small, 3)], reserveInventoryUntil=reserved_for(small, HOUR))
    given = {"lineItems": [line(small, 1)], "reserveInventoryUntil": reserved_for(small, 2 * HOUR)}
    api.data(UPDATE, {"id": draft["id"], "input": given})
    assert figures(small) == (4, 1, 0, 5)
    small.sim.clock.advance(HOUR)
    assert figures(small) == (4, 1, 0, 5)
    small.sim.clock.advance(HOUR)
    assert figures(small) == (5, 0, 0, 5)


def test_an_update_keeps_what_it_does_not_name(api: Api, small: Small):
    draft = create(api, lineItems=[line(small, 3)], tags=["a"], note="keep")
    changed = api.data(UPDATE, {"id": draft["id"], "input": {"tags": ["b"]}})["draftOrderUpdate"]["draftOrder"]
    assert (changed["tags"], changed["note2"], changed["lineItems"]) == (["b"], "keep", draft["lineItems"])


def test_deleting_a_draft_gives_its_units_back(api: Api, small: Small):
    draft = create(api, lineItems=[line(small, 3)], reserveInventoryUntil=reserved_for(small, HOUR))
    assert api.data(DELETE, {"input": {"id": draft["id"]}})["draftOrderDelete"]["deletedId"] == draft["id"]
    assert figures(small) == (5, 0, 0, 5)
    again = api.data(DELETE, {"input": {"id": draft["id"]}})["draftOrderDelete"]
    assert (again["deletedId"], again["userErrors"][0]["message"]) == (None, "Draft order does not exist")
    small.sim.clock.advance(2 * HOUR)
    assert figures(small) == (5, 0, 0, 5)


# Completing


@pytest.mark.parametrize("reserved", [True, False])
def test_completing_claims_each_unit_once(api: Api, small: Small, reserved):
    until = {"reserveInventoryUntil": reserved_for(small, HOUR)} if reserved else {}
    draft = create(api, lineItems=[line(small, 3)], **until)
    done = api.data(COMPLETE, {"id": draft["id"]})["draftOrderComplete"]["draftOrder"]
    assert (done["status"], done["order"]["displayFinancialStatus"]) == ("COMPLETED", "PAID")
    assert figures(small) == (2, 0, 3, 5)
    small.sim.clock.advance(2 * HOUR)
    assert figures(small) == (2, 0, 3, 5)
    [order] = small.shop.orders.values()
    small.sim.cancel(DOMAIN, order)
    assert figures(small) == (5, 0, 0, 5)


def test_a_reservation_that_ran_out_is_claimed_anew(api: Api, small: Small):
    create(api, lineItems=[line(small, 3)], reserveInventoryUntil=reserved_for(small, HOUR))
    small.sim.clock.advance(HOUR)
    order = small.sim.complete_draft(DOMAIN, only_draft(small), paid=False)
    assert figures(small) == (2, 0, 3, 5)
    assert (order.tags, order.transactions) == ([], [])


def test_a_second_completion_is_refused(api: Api, small: Small):
    draft = create(api, lineItems=[line(small)])
    api.data(COMPLETE, {"id": draft["id"]})
    again = api.data(COMPLETE, {"id": draft["id"]})["draftOrderComplete"]
    assert again["userErrors"] == [{"field": None, "message": "This order has been paid"}]
    assert len(small.shop.orders) == 1
    with pytest.raises(ValueError, match="can't be deleted"):
        small.sim.delete_draft(DOMAIN, only_draft(small))


def test_the_order_has_what_the_draft_had(api: Api, small: Small):
    rows = [line(small, 2, priceOverride=euros("7.50"))]
    address = {"firstName": "Ann", "address1": "1 High St", "city": "Bath", "countryCode": "GB"}
    create(api, lineItems=rows, tags=["From: north"], email="a@example.com", shippingAddress=address)
    order = small.sim.complete_draft(DOMAIN, only_draft(small))
    assert (order.tags, order.email, order.shipping_address.city) == (["From: north"], "a@example.com", "Bath")
    assert (str(order.lines[0].price.shop), order.lines[0].id) != ("10.00", only_draft(small).lines[0].id)


# Mail, search, webhooks, faults


def test_each_invoice_is_a_mail(api: Api, small: Small):
    draft = create(api, lineItems=[line(small)], email="a@example.com")
    for _ in range(2):
        sent = api.data(INVOICE, {"id": draft["id"]})["draftOrderInvoiceSend"]["draftOrder"]
        assert sent["status"] == "INVOICE_SENT"
    assert [mail["to"] for mail in small.shop.mails] == ["a@example.com"] * 2
    nobody = create(api, lineItems=[line(small)])
    errors = api.data(INVOICE, {"id": nobody["id"]})["draftOrderInvoiceSend"]["userErrors"]
    assert errors == [{"field": None, "message": "To can't be blank"}]


def test_search_finds_a_draft_by_its_tag_after_a_while(api: Api, small: Small):
    small.shop.knobs.search_lag_seconds = 30
    draft = create(api, lineItems=[line(small)], tags=["From: north"])
    search = "query { draftOrders(first: 5, query: \"tag:'From: north' status:open\") { nodes { id } } }"
    assert api.data(search)["draftOrders"]["nodes"] == []
    read = api.data("query R($id: ID!) { draftOrder(id: $id) { id } }", {"id": draft["id"]})
    assert read["draftOrder"] == {"id": draft["id"]}
    small.sim.clock.advance(30)
    assert api.data(search)["draftOrders"]["nodes"] == [{"id": draft["id"]}]


def test_a_drafts_life_is_told(api: Api, small: Small, receiver: Receiver):
    small.sim.set_manual(DOMAIN, True)
    for topic in ("DRAFT_ORDERS_CREATE", "DRAFT_ORDERS_UPDATE", "DRAFT_ORDERS_DELETE", "ORDERS_CREATE"):
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    create(api, lineItems=[line(small)], email="a@example.com")
    first = only_draft(small)
    small.sim.complete_draft(DOMAIN, first)
    other = create(api, lineItems=[line(small)])
    api.data(DELETE, {"input": {"id": other["id"]}})
    small.sim.serialise(DOMAIN)
    small.sim.pump(DOMAIN)
    assert receiver.topics() == [
        "draft_orders/create",
        "orders/create",
        "draft_orders/update",
        "draft_orders/delete",
    ]
    body = receiver.bodies("draft_orders/update")[0]
    assert (body["status"], body["order_id"]) == ("completed", first.order_id)
    assert receiver.bodies("draft_orders/delete") == [{"id": int(other["id"].rpartition("/")[2])}]


def test_twice_makes_two_drafts_also_when_the_first_answer_was_lost(api: Api, small: Small):
    small.sim.fault(DOMAIN, "lost_answer", match="draftOrderCreate", how="internal_error")
    assert api.codes(CREATE, {"input": {"lineItems": [line(small)]}}) == ["INTERNAL_SERVER_ERROR"]
    create(api, lineItems=[line(small)])
    assert len(small.shop.drafts) == 2
