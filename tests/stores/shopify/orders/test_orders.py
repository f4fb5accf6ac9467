"""Orders on the wire."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from stores.shopify.errors import ObjectNotFound, QueryRejected, UnexpectedAnswer, UserError, UserErrors
from stores.shopify.gids import GidError
from stores.shopify.orders import order_lists, orders
from stores.shopify.orders.order_records import (
    Address,
    CustomerRecord,
    DiscountShare,
    Money,
    MoneyPair,
    OrderLine,
    ShippingRecord,
    TaxRecord,
)
from tests.stores.shopify.wire import answer, client, problem, refuse, sent

pytestmark = pytest.mark.usefixtures("wire")

ORDER = "gid://shopify/Order/1"
DRAFT = "gid://shopify/DraftOrder/3"
AT = "2026-11-20T10:00:00Z"
INSTANT = datetime(2026, 11, 20, 10, tzinfo=UTC)
LONG_AGO = INSTANT - timedelta(days=30)


def bag(amount, shown=None):
    return {
        "shopMoney": {"amount": amount, "currencyCode": "EUR"},
        "presentmentMoney": {"amount": shown or amount, "currencyCode": "USD" if shown else "EUR"},
    }


def pair(amount, shown=None):
    return MoneyPair(Money(Decimal(amount), "EUR"), Money(Decimal(shown or amount), "USD" if shown else "EUR"))


def line_node(number, **parts):
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "title": "Shirt",
        "variantTitle": "Blue",
        "sku": "S-1",
        "vendor": "Acme",
        "quantity": 3,
        "currentQuantity": 2,
        "requiresShipping": True,
        "taxable": True,
        "isGiftCard": False,
        "variant": {"id": "gid://shopify/ProductVariant/7"},
        "product": {"id": "gid://shopify/Product/8"},
        "lineItemGroup": {"title": "Set"},
        "customAttributes": [{"key": "Engraving", "value": "A"}, {"key": "Empty", "value": None}],
        "originalUnitPriceSet": bag("10.0", "11.5"),
        "discountAllocations": [
            {"allocatedAmountSet": bag("1.0", "1.15"), "discountApplication": {"code": "SUMMER"}},
            {"allocatedAmountSet": bag("2.0", "2.3"), "discountApplication": {"title": "Volume"}},
        ],
        "taxLines": [{"title": "VAT", "rate": 0.19, "channelLiable": None, "priceSet": bag("5.13", "5.9")}],
    } | parts


def page(nodes, end=None):
    return {"nodes": nodes, "pageInfo": {"hasNextPage": bool(end), "endCursor": end}}


def summary_node(**parts):
    return {
        "id": ORDER,
        "name": "#1001",
        "createdAt": AT,
        "updatedAt": AT,
        "cancelledAt": None,
        "test": False,
        "tags": ["a", "b"],
        "app": {"id": "gid://shopify/App/5"},
        "sourceIdentifier": None,
        "metafield": None,
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "refunds": [],
        "fulfillments": [],
        "edited": False,
    } | parts


def order_node(lines, end=None, **parts):
    address = dict.fromkeys(("company", "address2", "phone", "provinceCode"))
    address |= {"firstName": "Ada", "lastName": "Lovelace", "address1": "1 Main St", "city": "London", "zip": "N1"}
    return (
        summary_node()
        | {
            "processedAt": "2026-11-20T11:00:00+02:00",
            "edited": False,
            "currencyCode": "EUR",
            "presentmentCurrencyCode": "USD",
            "taxesIncluded": True,
            "totalPriceSet": bag("30.0", "34.5"),
            "totalReceivedSet": bag("30.0", "34.5"),
            "email": "ada@example.com",
            "phone": None,
            "note": None,
            "customAttributes": [{"key": "Gift", "value": "yes"}],
            "discountCodes": ["SUMMER"],
            "lineItems": page(lines, end),
            "shippingLines": {
                "nodes": [
                    {
                        "title": "Post",
                        "code": None,
                        "discountedPriceSet": bag("3.0", "3.45"),
                        "originalPriceSet": bag("5.0", "5.75"),
                        "taxLines": [],
                    }
                ]
            },
            "billingAddress": None,
            "shippingAddress": address | {"countryCodeV2": "GB"},
            "customer": {
                "id": "gid://shopify/Customer/2",
                "firstName": "Ada",
                "lastName": None,
                "defaultEmailAddress": {"emailAddress": "ada@example.com"},
                "defaultPhoneNumber": None,
            },
        }
        | parts
    )


def created_node(number=9, total="12.0", **parts):
    return {
        "id": f"gid://shopify/Order/{number}",
        "name": "#9",
        "createdAt": AT,
        "totalPriceSet": {"shopMoney": {"amount": total, "currencyCode": "EUR"}},
    } | parts


def test_an_order_is_read_whole_in_one_call():
    answer({"order": order_node([line_node(1)])})
    record = orders.read_order(client(), ORDER)
    assert len(sent()) == 1
    assert record.lines == (
        OrderLine(
            gid="gid://shopify/LineItem/1",
            title="Shirt",
            variant_title="Blue",
            sku="S-1",
            vendor="Acme",
            variant_gid="gid://shopify/ProductVariant/7",
            product_gid="gid://shopify/Product/8",
            quantity=3,
            current_quantity=2,
            unit_price=pair("10", "11.5"),
            discounts=(DiscountShare("SUMMER", pair("1", "1.15")), DiscountShare("Volume", pair("2", "2.3"))),
            taxes=(TaxRecord("VAT", Decimal("0.19"), pair("5.13", "5.9"), None),),
            properties=(("Engraving", "A"), ("Empty", "")),
            bundle_title="Set",
        ),
    )
    assert record.shipping == (ShippingRecord("Post", "", pair("3", "3.45"), pair("5", "5.75")),)
    assert record.shipping_address == Address("Ada", "Lovelace", "", "1 Main St", "", "London", "N1", "", "GB", "")
    assert record.billing_address is None
    assert record.customer == CustomerRecord("gid://shopify/Customer/2", "Ada", "", "ada@example.com", "")
    assert record.processed_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert (record.total, record.taxes_included, record.discount_codes) == (pair("30", "34.5"), True, ("SUMMER",))
    assert (record.note, record.phone, record.attributes) == ("", "", (("Gift", "yes"),))


def test_a_line_without_a_product_has_none():
    answer({"order": order_node([line_node(1, variant=None, product=None, lineItemGroup=None, sku=None)])})
    (line,) = orders.read_order(client(), ORDER).lines
    assert (line.variant_gid, line.product_gid, line.sku, line.bundle_title) == (None, None, "", "")


def test_protected_data_that_is_withheld_is_none():
    answer({"order": order_node([line_node(1)], customer=None, shippingAddress=None, email=None)})
    record = orders.read_order(client(), ORDER)
    assert (record.customer, record.shipping_address, record.email) == (None, None, "")


def test_our_own_copy_is_told_by_its_metafield_and_app():
    answer({"order": order_node([line_node(1)], metafield={"value": "n/1"}, app=None)})
    record = orders.read_order(client(), ORDER)
    assert (record.custom_id, record.app_gid) == ("n/1", "")
    assert sent()[0]["variables"] == {"id": ORDER, "namespace": "$app:sync", "key": "source_order"}


def test_more_than_250_lines_are_read_page_by_page():
    answer({"order": order_node([line_node(n) for n in range(1, 251)], "c")})
    answer({"order": {"lineItems": page([line_node(n) for n in range(251, 501)], "d")}})
    answer({"order": {"lineItems": page([line_node(501)])}})
    record = orders.read_order(client(), ORDER)
    assert [line.gid for line in record.lines] == [f"gid://shopify/LineItem/{n}" for n in range(1, 502)]
    assert [body["variables"]["after"] for body in sent()[1:]] == ["c", "d"]


def test_an_order_that_is_gone_is_not_found():
    answer({"order": None})
    with pytest.raises(ObjectNotFound, match="no order"):
        orders.read_order(client(), ORDER)


def test_an_order_that_vanishes_between_two_pages_is_not_half_read():
    answer({"order": order_node([line_node(1)], "c")})
    answer({"order": None})
    with pytest.raises(ObjectNotFound, match="vanished"):
        orders.read_order(client(), ORDER)


def test_a_malformed_id_never_reaches_the_wire(wire):
    with pytest.raises(GidError):
        orders.read_order(client(), "gid://shopify/DraftOrder/3")
    assert len(wire.calls) == 0


def test_a_copy_is_found_by_its_custom_id():
    answer({"orderByIdentifier": created_node()})
    found = orders.find_by_custom_id(client(), "n/1")
    assert (found.gid, found.name, found.total) == ("gid://shopify/Order/9", "#9", Money(Decimal(12), "EUR"))
    assert sent()[0]["variables"]["identifier"] == {
        "customId": {"namespace": "$app:sync", "key": "source_order", "value": "n/1"}
    }


def test_no_copy_is_none_and_a_missing_definition_is_told():
    answer({"orderByIdentifier": None})
    assert orders.find_by_custom_id(client(), "n/1") is None
    answer({"orderByIdentifier": None}, errors=[problem("NOT_FOUND", "Metafield definition of type 'id' is required")])
    with pytest.raises(ObjectNotFound, match="definition"):
        orders.find_by_custom_id(client(), "n/1")


def newest_node(number: int, at: str = AT, identifier: str = "", custom_id: str = "") -> dict:
    metafield = {"value": custom_id} if custom_id else None
    return created_node(number, createdAt=at, sourceIdentifier=identifier, metafield=metafield)


def test_a_walk_of_the_newest_believes_only_exact_matches():
    answer({"orders": page([newest_node(9, identifier="n/12"), newest_node(8, identifier="n/1")])})
    assert orders.find_among_newest(client(), "n/1", LONG_AGO).gid == "gid://shopify/Order/8"
    answer({"orders": page([newest_node(9, identifier="n/12")])})
    assert orders.find_among_newest(client(), "n/1", LONG_AGO) is None


def test_a_walk_of_the_newest_goes_by_our_metafield_too_and_takes_the_oldest():
    answer({"orders": page([newest_node(9, custom_id="n/1"), newest_node(8, identifier="n/1")])})
    assert orders.find_among_newest(client(), "n/1", LONG_AGO).gid == "gid://shopify/Order/8"
    assert "query" not in sent()[0]["variables"]


def test_a_walk_of_the_newest_ends_at_what_is_older_than_asked_for_but_not_at_the_first_such():
    before, since = "2026-11-19T08:00:00Z", datetime(2026, 11, 20, tzinfo=UTC)
    nodes = [newest_node(99, before), newest_node(98), *(newest_node(90 - i, before) for i in range(30))]
    answer({"orders": page(nodes, "c")})
    assert orders.find_among_newest(client(), "n/1", since) is None
    assert len(sent()) == 1


def test_search_values_are_quoted():
    assert orders.quote("O'Hara \\ Co") == "'O\\'Hara \\\\ Co'"


def test_a_filter_that_shopify_ignored_is_an_error():
    answer({"orders": {"nodes": []}}, search=[{"path": ["orders"], "warnings": [{"message": "Invalid search field"}]}])
    with pytest.raises(QueryRejected, match="Invalid search field"):
        list(order_lists.iter_orders_updated(client(), LONG_AGO))


def test_changed_orders_are_listed_since_an_instant():
    answer({"orders": page([summary_node()], "c")})
    happened = {"refunds": [{"id": "gid://shopify/Refund/8", "createdAt": AT}]}
    happened["fulfillments"] = [{"id": "gid://shopify/Fulfillment/4", "updatedAt": AT}]
    more = summary_node(id="gid://shopify/Order/2", cancelledAt=AT, metafield={"value": "x/1"}, **happened)
    answer({"orders": page([more])})
    since = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    first, second = order_lists.iter_orders_updated(client(), since)
    assert (first.gid, first.cancelled_at, first.tags, first.custom_id) == (ORDER, None, ("a", "b"), "")
    assert (second.cancelled_at, second.custom_id) == (INSTANT, "x/1")
    assert second.refunds == (("gid://shopify/Refund/8", INSTANT),)
    assert second.shipments == (("gid://shopify/Fulfillment/4", INSTANT),)
    assert sent()[0]["variables"]["query"] == "updated_at:>='2026-11-20T10:00:00Z'"
    assert sent()[1]["variables"]["after"] == "c"


def test_a_created_order_is_told_with_its_total():
    answer({"orderCreate": {"order": created_node(total="12.0"), "userErrors": []}})
    made = orders.create_order(client(), {"name": "N-1"}, {"sendReceipt": False})
    assert made == orders.CreatedOrder("gid://shopify/Order/9", "#9", Money(Decimal("12.00"), "EUR"), INSTANT)
    assert sent()[0]["variables"] == {"order": {"name": "N-1"}, "options": {"sendReceipt": False}}


def test_a_refused_order_says_why():
    listed = [{"code": "INVENTORY_CLAIM_FAILED", "field": ["order", "lineItems", 0], "message": "Unable to claim"}]
    answer({"orderCreate": {"order": None, "userErrors": listed}})
    with pytest.raises(UserErrors, match="Unable to claim") as caught:
        orders.create_order(client(), {}, {})
    assert orders.stock_was_missing(caught.value)
    assert not caught.value.outcome_unknown


def test_a_lost_answer_is_never_followed_by_a_second_order():
    refuse(502, "<html>")
    with pytest.raises(Exception, match="internal fault") as caught:
        orders.create_order(client(), {}, {})
    assert caught.value.outcome_unknown
    assert len(sent()) == 1


def test_an_answer_without_a_payload_leaves_the_outcome_open():
    answer({"orderCreate": None})
    with pytest.raises(UnexpectedAnswer) as caught:
        orders.create_order(client(), {}, {})
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("error", "phone", "custom_id"),
    [
        (UserError("INVALID", ("order", "customer", "toUpsert", "phone"), "has already been taken"), True, False),
        (UserError("INVALID", ("order",), "Phone is invalid"), True, False),
        (UserError("INVALID", ("order", "metafields", 0, "value"), "Value has already been taken"), False, True),
        (UserError("TAKEN", ("order", "metafields"), "No."), False, True),
        (UserError("INVALID", ("order", "metafields"), "Value can't be blank"), False, False),
        (UserError("INVALID", ("order", "lineItems"), "has already been taken"), False, False),
    ],
)
def test_what_shopify_objects_to_is_recognised(error, phone, custom_id):
    refused = UserErrors(errors=[error])
    assert orders.phone_was_refused(refused) is phone
    assert orders.custom_id_was_taken(refused) is custom_id


def definition(name):
    return {"metafieldDefinitions": {"nodes": [{"id": "gid://shopify/MetafieldDefinition/1", "type": {"name": name}}]}}


def test_the_definition_of_the_custom_id_is_made_once():
    answer({"metafieldDefinitions": {"nodes": []}})
    answer({"metafieldDefinitionCreate": {"createdDefinition": {"id": "gid://x"}, "userErrors": []}})
    assert orders.ensure_definition(client()) is True
    asked = sent()[1]["variables"]["definition"]
    assert (asked["namespace"], asked["key"], asked["type"], asked["ownerType"]) == (
        "$app:sync",
        "source_order",
        "id",
        "ORDER",
    )
    answer(definition("id"))
    assert orders.ensure_definition(client()) is False


def test_a_definition_that_somebody_makes_meanwhile_is_fine():
    answer({"metafieldDefinitions": {"nodes": []}})
    listed = [{"code": "TAKEN", "field": ["definition", "key"], "message": "Key is in use"}]
    answer({"metafieldDefinitionCreate": {"createdDefinition": None, "userErrors": listed}})
    assert orders.ensure_definition(client()) is False


def test_a_definition_of_another_type_or_a_refusal_is_told():
    answer(definition("single_line_text_field"))
    with pytest.raises(UserErrors, match="single_line_text_field, not id"):
        orders.ensure_definition(client())
    answer({"metafieldDefinitions": {"nodes": []}})
    listed = [{"code": "RESOURCE_TYPE_LIMIT_EXCEEDED", "field": None, "message": "Too many"}]
    answer({"metafieldDefinitionCreate": {"createdDefinition": None, "userErrors": listed}})
    with pytest.raises(UserErrors, match="Too many"):
        orders.ensure_definition(client())
