"""What a change of something's words does beside it: its updatedAt moves, and its webhook is told, if it has one."""

from __future__ import annotations

from tests.simulator.state.catalogue import Collection
from tests.simulator.state.orders import Customer, Draft, Order
from tests.simulator.state.shop import Product, Shop, Variant

TOPICS = {
    Product: "PRODUCTS_UPDATE",
    Collection: "COLLECTIONS_UPDATE",
    Order: "ORDERS_UPDATED",
    Draft: "DRAFT_ORDERS_UPDATE",
    Customer: "CUSTOMERS_UPDATE",
}


def touch(shop: Shop, now: int, *things: object) -> None:
    """The shop's lock is held. A variant moves its product; each webhook is told once."""
    events: dict[tuple[str, tuple], bool] = {}
    for thing in things:
        thing.updated_at = now
        if isinstance(thing, Variant):
            thing = shop.products[thing.product_id]
            thing.updated_at = now
        if type(thing) in TOPICS:
            events[TOPICS[type(thing)], (thing.id,)] = True
    shop.publish(list(events))
