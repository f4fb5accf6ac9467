"""Order edits by an app (row 67): a session, its steps, and what the commit does to lines, stock, money and webhooks.

https://shopify.dev/docs/apps/build/orders-fulfillment/order-management-apps/edit-orders
"""

from __future__ import annotations

import pytest

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import Order
from tests.simulator.tests.conftest import DOMAIN, Api, Small
from tests.simulator.tests.orders.editing import Editor


@pytest.fixture
def order(small: Small) -> Order:
    """Three shirts and one mug at 10.00, paid, 19 % tax on top."""
    lines = [(small.shirt.id, 3), (small.mug.id, 1)]
    return small.sim.place_order(DOMAIN, lines, email="a@example.com", tax_rate="0.19")


@pytest.fixture
def editor(api: Api, order: Order) -> Editor:
    return Editor(api, order)


def stock(small: Small) -> tuple[int, int]:
    """(available, committed) of the shirt here."""
    level = small.shop.levels[small.shirt.item_id, small.here]
    return level.available, level.committed


def test_nothing_happens_before_the_commit(small: Small, order: Order, editor: Editor):
    editor.begin()
    editor.set_quantity(order.lines[0], 1, restock=True)
    editor.add_variant(small.gift.id, 2)
    assert (stock(small), len(order.lines), order.lines[0].current_quantity) == ((7, 3), 2, 3)
    calculated = editor.read()
    assert calculated["subtotalLineItemsQuantity"] == 4
    assert [row["quantity"] for row in calculated["lineItems"]["nodes"]] == [1, 1]
    assert calculated["addedLineItems"]["nodes"][0]["quantity"] == 2
    assert [row["__typename"] for row in calculated["stagedChanges"]["nodes"]] == [
        "OrderStagedChangeDecrementItem",
        "OrderStagedChangeAddVariant",
    ]


@pytest.mark.parametrize(("restock", "expected"), [(True, (9, 1)), (False, (7, 1))])
def test_units_that_are_taken_off_go_back_to_stock_or_are_written_off(small, order, editor, restock, expected):
    editor.begin()
    editor.set_quantity(order.lines[0], 1, restock=restock)
    assert editor.commit()["successMessages"] == ["Order updated"]
    line = order.lines[0]
    assert (line.quantity, line.current_quantity, line.unfulfilled) == (3, 1, 1)
    assert stock(small) == expected


def test_restocked_units_go_to_the_location_that_is_named(small: Small, order: Order, editor: Editor):
    editor.begin()
    editor.set_quantity(order.lines[0], 2, restock=True, locationId=gid("Location", small.there))
    editor.commit()
    assert stock(small) == (7, 2)
    assert small.available(small.shirt, small.there) == 5


def test_a_line_that_is_removed_stays_with_none(order: Order, editor: Editor):
    editor.begin()
    editor.set_quantity(order.lines[1], 0, restock=True)
    after = editor.commit()["order"]
    assert [(row["quantity"], row["currentQuantity"]) for row in after["lineItems"]["nodes"]] == [(3, 3), (1, 0)]
    assert after["currentTotalPriceSet"]["shopMoney"]["amount"] == "35.7"
    assert after["totalPriceSet"]["shopMoney"]["amount"] == "47.6"  # what was ordered stays what it was
    assert after["totalOutstandingSet"]["shopMoney"]["amount"] == "-11.9"
    assert [row["priceSet"]["shopMoney"]["amount"] for row in after["currentTaxLines"]] == ["5.7"]


def test_an_added_variant_takes_its_units_and_ships_by_an_order_of_its_own(small: Small, order: Order, editor: Editor):
    editor.begin()
    editor.add_variant(small.mug.id, 2, allow_duplicates=True)
    after = editor.commit()["order"]
    added = order.lines[2]
    assert (added.quantity, added.variant_id, added.location_id) == (2, small.mug.id, small.here)
    assert small.available(small.mug) == 2  # 5 less 1 less 2
    assert [row["status"] for row in after["fulfillmentOrders"]["nodes"]] == ["OPEN", "OPEN"]
    lines = after["fulfillmentOrders"]["nodes"][1]["lineItems"]["nodes"]
    assert [(row["totalQuantity"], row["remainingQuantity"]) for row in lines] == [(2, 2)]
    assert after["displayFinancialStatus"] == "PARTIALLY_PAID"
    assert after["totalOutstandingSet"]["shopMoney"]["amount"] == "20.0"  # no taxes of its own without the knob


def test_shopify_taxes_what_is_added_where_the_store_does(small: Small, order: Order, editor: Editor):
    small.shop.knobs.edit_tax_rate = "0.07"
    editor.begin()
    editor.add_variant(small.gift.id, 1)
    editor.commit()
    assert f"{order.lines[2].tax_lines[0].price.shop}" == "0.70"


@pytest.mark.parametrize("splits", [False, True])
def test_further_units_of_a_line_are_on_it_or_on_another_one(small: Small, order: Order, editor: Editor, splits: bool):
    """Which one it is, is not known: a knob."""
    small.shop.knobs.edits_split_lines = splits
    editor.begin()
    editor.set_quantity(order.lines[0], 5)
    after = editor.commit()["order"]
    shirts = [line for line in order.lines if line.variant_id == small.shirt.id]
    assert [line.quantity for line in shirts] == ([3, 2] if splits else [5])
    assert stock(small) == (5, 5)
    assert after["currentTotalPriceSet"]["shopMoney"]["amount"] == "71.4"
    assert after["totalOutstandingSet"]["shopMoney"]["amount"] == "23.8"


def test_a_custom_item_costs_and_needs_no_stock(small: Small, order: Order, editor: Editor):
    editor.begin()
    editor.add_custom_item("Gift wrap", 2, "3.00", "EUR")
    after = editor.commit()["order"]
    assert (order.lines[2].title, order.lines[2].variant_id, order.lines[2].requires_shipping) == (
        "Gift wrap",
        None,
        False,
    )
    assert len(after["fulfillmentOrders"]["nodes"]) == 1
    assert after["totalOutstandingSet"]["shopMoney"]["amount"] == "6.0"


def test_a_line_discount_is_given_for_each_unit(small: Small, order: Order, editor: Editor):
    editor.begin()
    line = editor.add_variant(small.gift.id, 2)["calculatedLineItem"]
    answer = editor.add_discount(line["id"], {"description": "As sold", "fixedValue": money("4.00")})
    assert answer["calculatedLineItem"]["discountedUnitPriceSet"]["shopMoney"]["amount"] == "6.0"
    [allocation] = answer["calculatedLineItem"]["calculatedDiscountAllocations"]
    assert allocation["allocatedAmountSet"]["shopMoney"]["amount"] == "8.0"
    after = editor.commit()["order"]
    assert after["totalOutstandingSet"]["shopMoney"]["amount"] == "12.0"
    assert f"{order.lines[2].discounts[0].amount.shop}" == "8.00"


def test_a_discount_in_per_cent_can_be_taken_back(order: Order, editor: Editor):
    editor.begin()
    line = f"gid://shopify/CalculatedLineItem/{order.lines[0].id}"
    answer = editor.add_discount(line, {"description": "Ten", "percentValue": 10})
    assert answer["calculatedLineItem"]["hasStagedLineItemDiscount"] is True
    [allocation] = answer["calculatedLineItem"]["calculatedDiscountAllocations"]
    assert allocation["allocatedAmountSet"]["shopMoney"]["amount"] == "3.0"
    removed = editor.remove_discount(allocation["discountApplication"]["id"])
    assert removed["calculatedOrder"]["totalPriceSet"]["shopMoney"]["amount"] == "47.6"
    again = editor.remove_discount(allocation["discountApplication"]["id"], refused=True)
    assert again["userErrors"][0]["code"] == "INVALID"


def money(amount: str, currency: str = "EUR") -> dict:
    return {"amount": amount, "currencyCode": currency}


def test_an_edit_tells_orders_edited_and_orders_updated(small: Small, order: Order, editor: Editor, receiver):
    for topic in ("ORDERS_EDITED", "ORDERS_UPDATED", "INVENTORY_LEVELS_UPDATE"):
        small.sim.subscribe(DOMAIN, topic, receiver.url)
    small.shop.knobs.manual_deliveries = True
    editor.begin()
    editor.set_quantity(order.lines[0], 2, restock=True)
    line = editor.add_variant(small.gift.id, 1)["calculatedLineItem"]
    editor.add_discount(line["id"], {"description": "As sold", "fixedValue": money("4.00")})
    editor.commit(staffNote="By hand")
    small.sim.pump(DOMAIN)
    assert receiver.topics() == ["inventory_levels/update", "orders/edited", "orders/updated"]
    [body] = receiver.bodies("orders/edited")
    edit = body["order_edit"]
    assert (edit["staff_note"], edit["notify_customer"], edit["app_id"], edit["user_id"]) == (
        "By hand",
        False,
        4242,
        None,
    )
    assert edit["line_items"] == {
        "additions": [{"id": order.lines[2].id, "delta": 1}],
        "removals": [{"id": order.lines[0].id, "delta": 1}],
    }
    assert edit["discounts"]["line_item"]["additions"][0]["amount"] == "4.00"
    assert receiver.bodies("orders/updated")[0]["line_items"][0]["current_quantity"] == 2


def test_the_stock_that_an_edit_moves_is_the_apps(small: Small, order: Order, editor: Editor):
    editor.begin()
    editor.set_quantity(order.lines[0], 2, restock=True)
    editor.commit()
    last = small.sim.changes(DOMAIN, small.shirt.item_id)[-1]
    assert (last.delta, last.cause, last.reference) == (1, "api:tiposync", f"order:{order.id}")


def test_the_customer_is_told_only_when_it_is_asked_for(small: Small, order: Order, editor: Editor):
    editor.begin()
    editor.set_quantity(order.lines[0], 2)
    editor.commit()
    assert small.shop.mails == []
    order.closed_at = 1
    editor.begin()
    editor.add_variant(small.gift.id, 3)
    words = editor.commit(notifyCustomer=True)["successMessages"]
    assert words == ["Order updated", "Order unarchived", "Invoice sent"]
    assert [mail["kind"] for mail in small.shop.mails] == ["invoice"]
    assert order.closed_at is None


@pytest.mark.parametrize(("currency", "price"), [("presentment", "3.00"), ("shop", "2.00")])
def test_amounts_of_an_edit_are_in_one_of_the_orders_currencies(small: Small, api: Api, currency: str, price: str):
    """Which one is not known: a knob."""
    small.shop.knobs.edit_currency = currency
    foreign = small.sim.place_order(DOMAIN, [(small.mug.id, 1)], presentment_currency="USD", presentment_rate="1.5")
    editor = Editor(api, foreign)
    editor.begin()
    names = {"presentment": ("USD", "EUR"), "shop": ("EUR", "USD")}[currency]
    refused = editor.add_custom_item("Wrap", 1, price, names[1], refused=True)
    assert refused["userErrors"] == [{"field": ["price", "amount"], "message": f"Currency must be {names[0]}."}]
    editor.add_custom_item("Wrap", 1, price, names[0])
    editor.commit()
    added = foreign.lines[1].price
    assert (f"{added.shop}", f"{added.presentment}") == ("2.00", "3.00")
