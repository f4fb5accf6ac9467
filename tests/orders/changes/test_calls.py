"""What a later change costs at Shopify, call by call: four, its echoes included, where Shopify lets it.

The same counts with real workers: `python -m tests.benchmarks.order_changes`.
"""

from collections.abc import Callable

import pytest

from tests.support.orders.changes import copied
from tests.support.orders.trade import Trade

STOCK = {"inventorySetQuantities", "inventoryAdjustQuantities", "nodes"}


def add(shop: Trade, order, copy) -> None:
    more = {"variant_id": shop.north.variants[1].id, "quantity": 2, "discount": "1.50"}
    shop.sim.edit_order(shop.north.domain, order, add=[more])


def remove(shop: Trade, order, copy) -> None:
    shop.sim.edit_order(shop.north.domain, order, quantities={order.lines[0].id: 1})


def refund(shop: Trade, order, copy) -> None:
    shop.north.refund(order)


def cancel(shop: Trade, order, copy) -> None:
    shop.sim.cancel(shop.north.domain, order)


def pay(shop: Trade, order, copy) -> None:
    shop.sim.pay_order(shop.north.domain, order)


def pay_part(shop: Trade, order, copy) -> None:
    shop.sim.pay_order(shop.north.domain, order, amount="1.00")


def ship(shop: Trade, order, copy) -> None:
    shop.sim.fulfil(shop.source.domain, copy)


def exchange(shop: Trade, order, copy) -> None:
    shop.sim.exchange(shop.north.domain, order, {order.lines[0].id: 1}, (shop.north.variants[1].id, 1))


def calls(shop: Trade) -> tuple[int, int, int]:
    """Calls about orders: sent, reads in the destination, reads in the source."""
    asked = {
        place.store.role: [entry for entry in place.shop.request_log if not STOCK & set(entry["fields"])]
        for place in (shop.source, shop.north)
    }
    sent = sum(entry["kind"] == "mutation" for entries in asked.values() for entry in entries)
    reads = [sum(entry["kind"] == "query" for entry in asked[role]) for role in ("destination", "source")]
    return sent, *reads


@pytest.mark.parametrize(
    ("act", "paid", "cost"),
    [
        # Our own doings that come back cost nothing. Four calls in all, but for three that Shopify makes dearer:
        (add, True, (4, 2, 1)),  # begun, staged, priced and committed, at a price that only the order itself tells
        (remove, True, (2, 1, 1)),
        (refund, True, (1, 1, 2)),
        (cancel, True, (1, 1, 2)),
        (cancel, False, (2, 1, 3)),  # its units are taken off first: somebody might ship them meanwhile
        (pay, False, (1, 1, 2)),
        (pay_part, False, (1, 1, 2)),
        (ship, True, (1, 2, 1)),
        (exchange, True, (4, 2, 2)),  # a refund, and an edit
    ],
)
def test_a_later_change_costs_at_most_four_calls_where_shopify_lets_it(
    trade, act: Callable, paid: bool, cost: tuple[int, int, int]
):
    shop, order, copy = copied(trade, (0, 3), (2, 1))
    if not paid:
        order = shop.north.order((0, 3), (2, 1), paid=False)
        shop.run()
        copy = shop.copies[-1]
    if act is exchange:
        ship(shop, order, copy)
        shop.run()
    shop.source.shop.knobs.job_seconds = 0.0
    shop.source.shop.knobs.plan = "PLUS"
    for place in (shop.source, shop.north):
        place.shop.request_log.clear()
    act(shop, order, copy)
    shop.run()
    assert calls(shop) == cost
    assert cost[0] <= 4 and (sum(cost) <= 4 or act in (add, exchange) or (act, paid) == (cancel, False))


def test_twenty_webhooks_about_an_order_left_as_it_was_cost_one_read(trade):
    shop, order, copy = copied(trade)
    shop.world.tick(5)
    shop.run()
    for place in (shop.source, shop.north):
        place.shop.request_log.clear()
    for number in range(20):
        shop.sim.change_words(shop.north.domain, order, note=f"Ring {number} times")
    assert len([each for each in shop.sim.deliveries(shop.north.domain) if each.topic == "ORDERS_UPDATED"]) == 20
    shop.run()
    assert calls(shop) == (0, 1, 0)
