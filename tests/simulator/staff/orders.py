"""Staff delete an order, or change the words that stand on it; the webhooks tell."""

from __future__ import annotations

from tests.simulator.events.catalogue import metafields
from tests.simulator.events.order_moves import begin
from tests.simulator.events.order_stock import open_entries, restock, take_open_units
from tests.simulator.events.touch import touch
from tests.simulator.state.clock import Clock
from tests.simulator.state.orders import Order
from tests.simulator.state.shop import Shop

WORDS = ("note", "tags", "po_number", "email", "phone", "note_attributes", "name")


def change_words(shop: Shop, clock: Clock, order: Order, **words) -> None:
    """What says something and moves nothing: orders/updated comes all the same. Raises KeyError for another field."""
    with shop.lock:
        for name, value in words.items():
            if name not in WORDS:
                raise KeyError(f"staff change {', '.join(WORDS)}; not {name}")
            setattr(order, name, [tuple(pair) for pair in value] if name == "note_attributes" else value)
        touch(shop, clock.whole_seconds(), order)


def why_not_deleted(order: Order) -> str:
    """Orders of the online store that were really paid stay (help.shopify.com/manual/orders/cancel-delete-order)."""
    paid_online = any(row.status == "SUCCESS" and row.gateway == "bogus" for row in order.transactions)
    is_kept = order.client_id is None and paid_online and not order.test and order.cancelled_at is None
    return "Order can't be deleted" if is_kept else ""


def delete_order(shop: Shop, clock: Clock, order: Order, *, cause: str = "delete") -> None:
    """The order and all that hangs on it is gone. Raises ValueError for one that may not go.

    Its open units are committed no longer. Whether they go back on sale is not known: a knob.
    """
    with shop.lock:
        if problem := why_not_deleted(order):
            raise ValueError(problem)
        action = begin(shop, clock, order, cause)
        for line in order.lines:
            for place, units in take_open_units(action, order, line, line.unfulfilled, open_entries(order, line)):
                if shop.knobs.deletes_restock:
                    restock(action, line, units, place)
        for table in (shop.refunds, shop.fulfillments, shop.fulfillment_orders, shop.edit_sessions):
            for number in [number for number, row in table.items() if row.order_id == order.id]:
                del table[number]
        del shop.orders[order.id]
        metafields.forget(shop, ("Order", order.id))
        action.tell("ORDERS_DELETE", (order.id,))
        action.close()
