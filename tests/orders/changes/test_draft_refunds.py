"""A refund of an order whose copy is an open draft: the draft loses the same units, and costs what is left."""

from decimal import Decimal

import pytest

from orders.models import OrderImport, OrderSettings
from stores import clients
from syncing.webhooks import inbox, topics
from tests.simulator.state.order_money import grand_total
from tests.support.orders.changes import LOST, Kind, State, carry, copied, settle, update
from tests.support.thoroughness import effects


@pytest.fixture
def drafted(trade):
    """A trade with one order of north that is a draft now: (trade, order, draft); `choices` as for `trade`."""

    def build(*lines, **choices):
        shop, order, _ = copied(trade, *lines, strategy="draft_order", **choices)
        return shop, order, shop.drafts[0]

    return build


def units(draft):
    return [line.quantity for line in draft.lines]


def told(draft):
    """Everything in a draft that costs something."""
    return [(line.title, line.quantity, draft.overrides.get(line.id, line.price.shop)) for line in draft.lines]


def refunded(shop, order, quantity=1, line=0):
    row = {"line_item_id": order.lines[line].id, "quantity": quantity, "restock_type": "CANCEL"}
    shop.sim.refund(shop.north.domain, order, [row])


def test_a_refunded_unit_leaves_the_draft_and_is_reserved_no_longer(drafted):
    shop, order, draft = drafted((0, 4))
    assert shop.stock() == (16, 16, 16)
    refunded(shop, order)
    shop.run()
    assert (units(draft), draft.reserved) == ([3], True)
    assert shop.stock() == (17, 17, 17)
    row = update(Kind.REFUND)
    assert (row.state, row.reason) == (State.CONFIRMED, "The same units were taken off the draft.")
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    assert [line.quantity for line in made.lines] == [3]
    assert shop.stock() == (17, 17, 17)


def test_without_a_reservation_the_refunded_unit_is_held_back_no_longer(drafted):
    shop, order, draft = drafted((0, 4), reserve_days=0)
    assert shop.stock() == (20, 16, 16)
    refunded(shop, order)
    shop.run()
    assert units(draft) == [3]
    assert shop.stock() == (20, 17, 17)


def test_the_draft_is_what_a_copy_made_after_the_refund_would_have_been(trade):
    shop = trade("draft_order")
    sold = {"discount": {"code": "FIVE", "amount": "5.00"}, "tax_rate": "0.19", "shipping": "4.90"}
    first = shop.north.order((0, 3), (1, 2), **sold)
    shop.run()
    second = shop.north.order((0, 3), (1, 2), **sold)
    for order in (first, second):
        refunded(shop, order)
    shop.run()
    changed, fresh = shop.drafts
    assert told(changed) == told(fresh)
    assert grand_total(changed) == grand_total(fresh)
    assert grand_total(changed).shop < grand_total(first).shop


def test_a_draft_of_which_nothing_is_left_is_deleted(drafted):
    shop, order, _ = drafted((0, 4))
    refunded(shop, order, 4)
    shop.run()
    assert shop.drafts == []
    assert shop.stock() == (20, 20, 20)
    assert shop.row(order).draft_status == OrderImport.DraftStatus.DELETED
    assert update(Kind.REFUND).reason == "Nothing of it is left: the draft was deleted."


def test_two_refunds_at_once_are_taken_off_together(drafted):
    shop, order, draft = drafted((0, 3), (1, 2))
    refunded(shop, order)
    refunded(shop, order, line=1)
    shop.run()
    assert units(draft) == [2, 1]
    assert shop.source.count("draftOrderUpdate") == 1


@pytest.mark.parametrize("what", ["units", "price", "discount"])
def test_what_people_changed_in_the_draft_is_left_to_them(drafted, what):
    shop, order, draft = drafted((0, 4))
    (line,) = draft.lines
    if what == "units":
        line.quantity = 5
    elif what == "price":
        draft.overrides[line.id] = Decimal("1.00")
    else:
        document = """mutation C($id: ID!, $input: DraftOrderInput!) {
          draftOrderUpdate(id: $id, input: $input) { userErrors { message } } }"""
        own = {"title": "Sorry", "value": 10, "valueType": "PERCENTAGE"}
        row = {"variantId": f"gid://shopify/ProductVariant/{line.variant_id}", "quantity": 4, "appliedDiscount": own}
        row |= {"priceOverride": {"amount": str(draft.overrides[line.id]), "currencyCode": draft.currency}}
        variables = {"id": f"gid://shopify/DraftOrder/{draft.id}", "input": {"lineItems": [row]}}
        clients.open_client(shop.source.store).execute(document, variables, cost=12)
    before = told(draft)
    refunded(shop, order)
    shop.run()
    row = update(Kind.REFUND)
    assert (row.state, row.failure) == (State.FAILED, "rejected")
    assert "Take off by hand: 1 × “Product 0”" in row.reason
    assert told(draft) == before


def test_a_rate_that_was_changed_since_does_not_change_the_prices_of_the_draft(trade):
    shop = trade("draft_order", currency_rate="1.5")
    shop.north.shop.currency = "USD"
    order = shop.north.order((0, 4))
    shop.run()
    price = shop.drafts[0].lines[0].price
    OrderSettings.objects.update(currency_rate="2")
    refunded(shop, order)
    shop.run()
    assert update(Kind.REFUND).state == State.CONFIRMED
    assert [(line.quantity, line.price) for line in shop.drafts[0].lines] == [(3, price)]


def test_a_line_that_is_not_in_the_draft_takes_nothing_off_it(trade):
    shop = trade("draft_order")
    order = shop.sim.place_order(
        shop.north.domain,
        [(shop.north.variants[0].id, 2), {"title": "Engraving", "quantity": 1, "price": "2.00"}],
        force=True,
    )
    shop.run()
    refunded(shop, order, line=1)
    shop.run()
    assert units(shop.drafts[0]) == [2]
    assert update(Kind.REFUND).state == State.SKIPPED


def test_only_lines_without_stock_left_are_left_to_people(trade):
    shop = trade("draft_order", unlinked="custom")
    order = shop.sim.place_order(
        shop.north.domain,
        [(shop.north.variants[0].id, 2), {"title": "Engraving", "quantity": 1, "price": "2.00"}],
        force=True,
    )
    shop.run()
    refunded(shop, order, 1)
    shop.run()
    assert units(shop.drafts[0]) == [1, 1]
    refunded(shop, order, 1)
    shop.run()
    assert units(shop.drafts[0]) == [1, 1]
    failed = shop.row(order).updates.get(state=State.FAILED)
    assert "Only lines without stock" in failed.reason


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("quantity", [1, 4])
def test_a_lost_answer_takes_off_once(drafted, how, quantity):
    shop, order, draft = drafted((0, 4))
    name = "draftOrderUpdate" if quantity == 1 else "draftOrderDelete"
    shop.source.fault("lost_answer", match=name, how=how)
    refunded(shop, order, quantity)
    shop.run()
    assert shop.stock() == (16 + quantity,) * 3
    assert shop.source.count(name) == 1
    assert update(Kind.REFUND).state == State.CONFIRMED
    assert units(draft) == [4 - quantity if quantity == 1 else 4]


def test_a_change_that_never_arrived_is_sent_again_after_a_minute(drafted):
    shop, order, draft = drafted((0, 4))
    shop.source.fault("internal_error_before", match="draftOrderUpdate")
    refunded(shop, order)
    shop.run()
    assert (units(draft), update(Kind.REFUND).state) == ([4], State.SENT)
    settle(shop)
    assert (units(draft), update(Kind.REFUND).state) == ([3], State.CONFIRMED)
    assert shop.stock() == (17, 17, 17)


@pytest.mark.parametrize("quantity", [1, 4])
def test_a_draft_that_is_completed_meanwhile_has_the_units_taken_off_its_order(drafted, quantity):
    shop, order, draft = drafted((0, 4))
    name = "draftOrderUpdate" if quantity == 1 else "draftOrderDelete"
    shop.world.meanwhile(name, lambda: shop.sim.complete_draft(shop.source.domain, draft))
    refunded(shop, order, quantity)
    shop.run()
    settle(shop)
    (made,) = shop.copies
    assert [line.current_quantity for line in made.lines] == [4 - quantity]
    assert shop.stock() == (16 + quantity,) * 3
    assert update(Kind.REFUND).state == State.CONFIRMED


def test_a_worker_that_dies_anywhere_takes_off_once(trade):
    shop = trade("draft_order", reserve_days=0)
    for effect in effects():
        shop.world.begin_again()
        order = shop.north.order((0, 4))
        shop.run()
        refunded(shop, order)
        shop.world.deliver()
        inbox.process_new(topics.EFFECTS)
        with shop.world.worker_that_dies(effect) as countdown:
            carry(shop, order)
        settle(shop)
        (draft,) = shop.drafts
        assert units(draft) == [3], effect
        assert shop.stock() == (20, 17, 17), effect
        assert update(Kind.REFUND).state == State.CONFIRMED, effect
        if not countdown.is_over:
            assert effect > 4
            return
    raise AssertionError("it never lived to the end")
