"""An edit of an original whose copy is an open draft: an untouched draft is set anew, a touched one is told of."""

import pytest

from orders.models import OrderImportLine, OrderUpdate
from tests.support.orders.changes import LOST, State, copied, settle


def drafted(trade, *lines, **choices):
    shop, order, _ = copied(trade, *lines, strategy="draft_order", **choices)
    (draft,) = shop.drafts
    return shop, order, draft


def units(draft):
    return [(line.title, line.quantity) for line in draft.lines]


def edit(shop, order, quantities=None, add=()):
    wanted = {order.lines[index].id: count for index, count in (quantities or {}).items()}
    shop.sim.edit_order(
        shop.north.domain, order, quantities=wanted, add=[(shop.north.variants[number].id, n) for number, n in add]
    )


def owed():
    return sum(OrderImportLine.objects.values_list("owed_quantity", flat=True))


@pytest.mark.parametrize("reserve_days", [7, 0])
@pytest.mark.parametrize("is_lost", [False, True])
def test_an_untouched_draft_gains_and_loses_what_its_original_does(trade, reserve_days, is_lost):
    shop, order, draft = drafted(trade, (0, 3), reserve_days=reserve_days)
    shop.world.tick(5)
    edit(shop, order, {0: 1}, [(1, 2)])
    if is_lost:
        shop.north.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    assert units(draft) == [("Product 0", 1), ("Product 1", 2)]
    assert [shop.stock(number)[1:] for number in (0, 1)] == [(19, 19), (18, 18)]
    assert owed() == 0
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    assert [shop.stock(number) for number in (0, 1)] == [(19, 19, 19), (18, 18, 18)]
    assert [line.current_quantity for line in made.lines] == [1, 2]


def test_a_draft_that_staff_changed_needs_shop_and_what_was_added_stays_held_back(trade):
    shop, order, draft = drafted(trade, (0, 3))
    draft.lines[0].quantity = 4
    edit(shop, order, add=[(1, 2)])
    shop.run()
    settle(shop)
    assert units(draft) == [("Product 0", 4)]
    (row,) = OrderUpdate.objects.all()
    assert row.state == State.NEEDS_SHOP
    assert "2 × “Product 1”" in row.reason
    assert shop.stock(1) == (20, 18, 18)


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_sets_it_anew_once(trade, how):
    shop, order, draft = drafted(trade, (0, 3))
    shop.source.fault("lost_answer", match="draftOrderUpdate", how=how)
    edit(shop, order, add=[(1, 2)])
    shop.run()
    settle(shop)
    assert units(draft) == [("Product 0", 3), ("Product 1", 2)]
    assert owed() == 0
    assert shop.stock(1) == (18, 18, 18)


def test_what_is_added_to_the_order_of_a_completed_draft_is_in_it(trade):
    shop, order, draft = drafted(trade, (0, 3))
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    edit(shop, order, add=[(1, 2)])
    shop.run()
    assert [line.current_quantity for line in made.lines] == [3, 2]
    assert shop.stock(1) == (18, 18, 18)


@pytest.mark.parametrize(("kind", "fields"), [("lost_answer", {"how": "close"}), ("late_execution", {"seconds": 3})])
def test_a_draft_that_is_completed_while_the_answer_to_an_edit_is_lost_becomes_an_order_with_its_units(
    trade, kind, fields
):
    shop, order, draft = drafted(trade, (0, 2))
    shop.source.fault(kind, match="draftOrderUpdate", **fields)
    edit(shop, order, add=[(1, 2)])
    shop.world.deliver()
    shop.world.work(tries=1)
    made = shop.sim.complete_draft(shop.source.domain, draft)
    shop.run()
    settle(shop)
    assert [(line.title, line.current_quantity) for line in made.lines] == [("Product 0", 2), ("Product 1", 2)]
    assert [shop.stock(number) for number in (0, 1)] == [(18, 18, 18), (18, 18, 18)]
    assert set(shop.row(order).lines.values_list("state", "owed_quantity")) == {("carried", 0)}


def test_the_first_line_without_stock_that_an_edit_adds_to_an_original_is_in_its_draft(trade):
    shop, order, draft = drafted(trade, (0, 2), unlinked="custom")
    shop.sim.edit_order(shop.north.domain, order, add=[{"title": "Wrap", "quantity": 3, "price": "2.00"}])
    shop.run()
    settle(shop)
    assert units(draft) == [("Product 0", 2), ("Wrap", 3)]
