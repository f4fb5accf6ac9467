"""The storefront: how an order comes to be, from a bare purchase to one with discounts, shipping, taxes, addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.simulator.events.order_build import Builder
from tests.simulator.events.order_moves import fulfil
from tests.simulator.events.order_stock import OutOfStockError, Router, claim, open_fulfillment_orders
from tests.simulator.events.stock import StockAction
from tests.simulator.state.clock import Clock
from tests.simulator.state.money import Exchange
from tests.simulator.state.order_money import financial_status, grand_total
from tests.simulator.state.orders import Order, Transaction
from tests.simulator.state.shop import Shop

__all__ = ["OutOfStockError", "buy", "place_order"]


def buy(
    shop: Shop,
    clock: Clock,
    lines: Iterable[tuple[int, int]],
    *,
    location_id: int | None = None,
    force: bool = False,
    bypass: bool = False,
    cause: str = "buy",
) -> Order:
    """An order over [(variant id, quantity)]: available down, committed up, at the location that has the stock.

    `force` oversells whatever the policy says (point of sale, a race); `bypass` claims nothing. Raises OutOfStockError,
    KeyError for an unknown variant, ValueError for a quantity below 1. All lines or none.
    """
    return place_order(shop, clock, lines, location_id=location_id, force=force, bypass=bypass, cause=cause)


def place_order(
    shop: Shop,
    clock: Clock,
    lines: Iterable[Any],
    *,
    location_id: int | None = None,
    force: bool = False,
    bypass: bool = False,
    cause: str = "buy",
    paid: bool | str | None = True,
    currency: str | None = None,
    presentment_currency: str | None = None,
    presentment_rate: object = 1,
    created_at: float | None = None,
    handed_over: bool = False,
    **details,
) -> Order:
    """An order as a buyer places it; order_build.Builder says what lines and `details` may hold.

    `currency`: the order's own where an app entered it in another one than the shop's (row 49). `paid` None: neither a
    payment nor a status (row 55); "authorized": the payment is held, not taken (row 56). `presentment_rate`: units of
    the presentment currency for one of the order's. `created_at` (seconds since 1970) backdates it. `handed_over`: the
    goods left with the buyer. Raises what buy raises, KeyError for an unknown detail.
    """
    with shop.lock:
        exchange = Exchange.between(currency or shop.currency, presentment_currency, presentment_rate)
        now = clock.whole_seconds()
        builder = Builder(shop, now, exchange)
        order = builder.order(details, int(created_at or now))
        router = Router(shop, location_id=location_id or order.counter_id, force=force)
        for line in builder.lines(lines):
            if line.variant_id is not None and not bypass:
                line.location_id = router.choose(shop.variants[line.variant_id], line.quantity)
            order.lines.append(line)
        if not order.lines:
            raise ValueError("an order has at least one line")
        builder.add_extras(order, details)
        _pay(shop, order, now, paid)
        register(shop, order)
        action = StockAction(shop, clock.seconds(), cause, f"order:{order.id}")
        for line in order.lines:
            claim(action, line)
        tell_created(action, order)
        action.close()
        if handed_over:
            fulfil(shop, clock, order)
        return order


def register(shop: Shop, order: Order) -> None:
    """Gives the order its number and name and puts it among the shop's orders."""
    order.number = shop.last_numbers["Order"] = shop.last_numbers["Order"] + 1
    order.name = order.name or f"#{order.number}"
    shop.orders[order.id] = order
    open_fulfillment_orders(shop, order, order.lines, order.created_at)


def tell_created(action: StockAction, order: Order) -> None:
    """orders/create, and orders/paid at once when nothing is owed: the two race each other."""
    for line in order.lines:
        if line.item_id in action.shop.items:
            action.sell(line.item_id)
    action.tell("ORDERS_CREATE", (order.id,))
    if financial_status(order) == "PAID":
        action.tell("ORDERS_PAID", (order.id,))


def _pay(shop: Shop, order: Order, now: int, paid: bool | str | None) -> None:
    total = grand_total(order)
    order.is_without_status = paid is None
    if paid is not None and (total or not paid):
        status = "SUCCESS" if paid else "PENDING"
        kind = "AUTHORIZATION" if paid == "authorized" else "SALE"
        row = Transaction(shop.next_id(), order.id, kind, status, "bogus", total, now, now, order.test)
        order.transactions.append(row)
