"""Row 26 of tests/simulator/README.md: what orders do to available, committed and on_hand."""

from __future__ import annotations

import pytest

from tests.simulator.events.storefront import OutOfStockError
from tests.simulator.tests.conftest import DOMAIN, Small


def figures(small: Small, variant=None, place: int | None = None) -> tuple[int, int, int]:
    level = small.shop.levels[(variant or small.mug).item_id, place or small.here]
    return level.available, level.committed, level.on_hand


def test_a_sale_commits_and_its_fulfilment_ships(small: Small):
    order = small.sim.buy(DOMAIN, small.mug.id, 2)
    assert figures(small) == (3, 2, 5)
    small.sim.fulfil(DOMAIN, order)
    assert figures(small) == (3, 0, 3)


@pytest.mark.parametrize(("restock", "expected"), [(True, (5, 0, 5)), (False, (3, 0, 3))])
def test_a_cancelled_order_goes_back_or_is_written_off(small: Small, restock, expected):
    order = small.sim.buy(DOMAIN, small.mug.id, 2)
    small.sim.cancel(DOMAIN, order, restock=restock)
    assert figures(small) == expected
    with pytest.raises(ValueError, match="already been canceled"):
        small.sim.cancel(DOMAIN, order)


def test_a_shipped_order_is_cancelled_only_where_nothing_was_paid_and_then_all_of_it_comes_back(small: Small):
    for paid in (True, False):
        order = small.sim.place_order(DOMAIN, [(small.mug.id, 2)], paid=paid)
        small.sim.fulfil(DOMAIN, order, {order.lines[0].id: 1})
        if paid:
            with pytest.raises(ValueError, match="outstanding fulfillments"):
                small.sim.cancel(DOMAIN, order)
        else:
            small.sim.cancel(DOMAIN, order)
    assert figures(small) == (3, 1, 4)


@pytest.mark.parametrize(
    ("shipped", "kind", "expected"),
    [
        (False, "CANCEL", (4, 1, 5)),
        (False, "NO_RESTOCK", (3, 1, 4)),
        (True, "RETURN", (4, 0, 4)),
        (True, "NO_RESTOCK", (3, 0, 3)),
    ],
)
def test_a_refunded_unit_moves_by_its_restock_type(small: Small, shipped, kind, expected):
    order = small.sim.buy(DOMAIN, small.mug.id, 2)
    if shipped:
        small.sim.fulfil(DOMAIN, order)
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": kind}
    small.sim.refund(DOMAIN, order, [row])
    assert figures(small) == expected


def test_a_return_can_go_to_another_location_and_not_twice(small: Small):
    order = small.sim.buy(DOMAIN, small.mug.id, 1)
    small.sim.fulfil(DOMAIN, order)
    row = {"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "RETURN", "location_id": small.there}
    small.sim.refund(DOMAIN, order, [row])
    assert (figures(small), figures(small, place=small.there)) == ((4, 0, 4), (1, 0, 1))
    with pytest.raises(ValueError, match="at most 0"):
        small.sim.refund(DOMAIN, order, [row])


def test_the_order_takes_from_the_location_that_has_the_stock(small: Small):
    small.sim.set(DOMAIN, small.shirt.item_id, small.here, 1)
    order = small.sim.buy(DOMAIN, small.shirt.id, 3)
    assert order.lines[0].location_id == small.there
    small.shop.knobs.routing = "default"
    with pytest.raises(OutOfStockError):
        small.sim.buy(DOMAIN, small.shirt.id, 3)


def test_a_location_can_be_named(small: Small):
    small.sim.buy(DOMAIN, small.shirt.id, 1, location_id=small.there)
    assert figures(small, small.shirt, small.there) == (3, 1, 4)


def test_overselling_needs_the_policy_or_force(small: Small):
    with pytest.raises(OutOfStockError):
        small.sim.buy(DOMAIN, small.mug.id, 6)
    small.sim.buy(DOMAIN, small.mug.id, 6, force=True)
    assert figures(small) == (-1, 6, 5)
    small.mug.inventory_policy = "CONTINUE"
    small.sim.buy(DOMAIN, small.mug.id, 2)
    assert small.available(small.mug) + small.available(small.mug, small.there) == -3


def test_a_refused_line_leaves_the_whole_order_undone(small: Small):
    with pytest.raises(OutOfStockError):
        small.sim.buy_lines(DOMAIN, [(small.shirt.id, 1), (small.mug.id, 4), (small.mug.id, 4)])
    assert small.sim.changes(DOMAIN) == []
    assert small.shop.orders == {}


def test_an_untracked_item_and_a_bypassed_order_claim_nothing(small: Small):
    small.sim.buy(DOMAIN, small.gift.id, 3)
    small.sim.buy(DOMAIN, small.mug.id, 3, bypass=True)
    assert small.sim.changes(DOMAIN) == []
    assert figures(small) == (5, 0, 5)


def test_the_changes_add_up_to_every_level(small: Small):
    order = small.sim.buy_lines(DOMAIN, [(small.shirt.id, 2), (small.mug.id, 1)])
    small.sim.fulfil(DOMAIN, order)
    small.sim.adjust(DOMAIN, small.mug.item_id, small.here, 10)
    small.sim.set(DOMAIN, small.shirt.item_id, small.there, 1)
    small.sim.cancel(DOMAIN, small.sim.buy(DOMAIN, small.mug.id, 4))
    for (item_id, place), level in small.shop.levels.items():
        moved = sum(change.delta for change in small.sim.changes(DOMAIN, item_id, place))
        assert level.available == level.opening + moved
    causes = [change.cause for change in small.sim.changes(DOMAIN, small.mug.item_id)]
    assert causes == ["buy", "restock", "buy", "cancel"]
