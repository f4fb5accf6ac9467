"""Units that the source ships while, or after, the original loses them by a refund: nothing says so by itself."""

import pytest

from orders.changes import decisions
from orders.models import OrderUpdate
from syncing.connections import resuming
from tests.support.orders.changes import LOST, Kind, State, copied, settle, shipped, update


def told(shop) -> list[OrderUpdate]:
    return [each for each in OrderUpdate.objects.order_by("pk") if each.origin_gid.endswith("#shipped")]


def units(order) -> int:
    """What its parcels hold."""
    return sum(count for lines, _ in shipped(order) for count in lines.values())


def ship(shop, copy, count: int | None = None) -> None:
    shop.world.tick(5)
    shop.sim.fulfil(shop.source.domain, copy, {copy.lines[0].id: count} if count else None)


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("kind", ["NO_RESTOCK", "CANCEL"])
@pytest.mark.parametrize("is_refunded_first", [False, True])
def test_it_needs_the_shop_once(trade, kind, is_lost, is_refunded_first):
    shop, order, copy = copied(trade, (0, 4))
    for is_refund in (True, False) if is_refunded_first else (False, True):
        if is_refund:
            shop.world.tick(5)
            shop.north.refund(order, kind, 1)
        else:
            ship(shop, copy)
    if is_lost:
        shop.north.lose_webhooks()
        shop.source.lose_webhooks()
        shop.world.reconcile()
    shop.run()
    settle(shop)
    assert (units(order), units(copy), copy.lines[0].current_quantity) == (3, 4, 3)
    assert shop.stock() == (16, 16, 16), "what is shipped is not back in stock, whatever the refund said"
    (row,) = told(shop)
    assert row.state == State.NEEDS_SHOP
    assert row.reason.startswith("1 × “Product 0” refunded in North")
    assert "shipped there already" not in update(Kind.FULFILMENT).reason
    assert OrderUpdate.objects.filter(state=State.NEEDS_SHOP).count() == 1


@pytest.mark.parametrize("choice", ["carries_refunds", "carries_fulfilments"])
@pytest.mark.parametrize("is_refunded_first", [False, True])
def test_it_is_told_also_where_the_other_half_is_not_synced(trade, choice, is_refunded_first):
    """Without refunds the copy goes on holding what the original has lost, and ships it any time later."""
    shop, order, copy = copied(trade, (0, 3), **{choice: False})
    if is_refunded_first:
        shop.north.refund(order, "NO_RESTOCK", 1)
        if choice == "carries_refunds":
            shop.run()
            settle(shop)
            assert not told(shop)
        ship(shop, copy)
    else:
        ship(shop, copy)
        shop.run()
        settle(shop)
        if choice == "carries_refunds":
            assert units(order) == 3
            return
        shop.north.refund(order, "NO_RESTOCK", 1)
    shop.run()
    settle(shop)
    assert [row.state for row in told(shop)] == [State.NEEDS_SHOP]


def test_what_both_lost_or_both_shipped_is_not_told(trade):
    shop, order, copy = copied(trade, (0, 4))
    shop.north.refund(order, "NO_RESTOCK", 1)
    ship(shop, copy, 3)
    shop.run()
    settle(shop)
    assert not told(shop), "the copy has lost one that was not shipped"
    shop.north.refund(order, "NO_RESTOCK", 1)
    shop.run()
    settle(shop)
    assert not told(shop), "that one was shipped on both sides"
    assert (units(order), units(copy)) == (3, 3)


def test_what_somebody_decided_is_not_told_again(trade):
    shop, order, copy = copied(trade, (0, 4))
    shop.north.refund(order, "NO_RESTOCK", 1)
    ship(shop, copy, 4)
    shop.run()
    settle(shop)
    assert decisions.decide_done(shop.row(order), resuming.move_units, "Done by hand, says Ada.")
    shop.source.lose_webhooks()
    shop.world.let_pass(hours=2)
    shop.world.reconcile()
    shop.sim.edit_order(shop.north.domain, order, add=[(shop.north.variants[1].id, 2)])
    shop.run()
    settle(shop)
    assert [row.state for row in told(shop)] == [State.CONFIRMED]


def test_two_shipments_and_one_by_the_destination_itself(trade):
    shop, order, copy = copied(trade, (0, 4))
    shop.sim.fulfil(shop.north.domain, order, {order.lines[0].id: 2})
    ship(shop, copy, 2)
    ship(shop, copy, 2)
    shop.run()
    settle(shop)
    assert not told(shop)
    assert units(order) == 4


@pytest.mark.parametrize("how", LOST)
def test_a_lost_answer_of_the_refund_changes_nothing_of_it(trade, how):
    shop, order, copy = copied(trade, (0, 2))
    shop.north.refund(order, "NO_RESTOCK", 1)
    ship(shop, copy)
    shop.source.fault("lost_answer", match="refundCreate", how=how)
    shop.run()
    settle(shop)
    assert [row.state for row in told(shop)] == [State.NEEDS_SHOP]
    assert len(copy.refunds) == 1


def test_what_came_back_into_the_source_is_not_told(trade):
    shop, order, copy = copied(trade, (0, 2))
    ship(shop, copy)
    shop.run()
    settle(shop)
    shop.north.refund(order, "RETURN", 1)
    shop.run()
    settle(shop)
    assert not told(shop)
