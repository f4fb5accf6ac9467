"""One store of the cast: Shopify's side of it, our row, and what people do there; and the simulator it lives in."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from django.test import Client as Browser

from stores.models import Store
from stores.shopify.client import Client
from tests.simulator import Clock, Simulator
from tests.simulator.events import merchant as people
from tests.simulator.state.shop import Change, Order, Shop, Variant
from tests.simulator.wire.courier import Courier
from tests.simulator.wire.webhooks import Delivery

OURS = "api:tiposync"
TOPICS = ("INVENTORY_LEVELS_UPDATE", "INVENTORY_LEVELS_CONNECT", "INVENTORY_LEVELS_DISCONNECT")
WRITES = ("inventorySetQuantities", "inventoryAdjustQuantities")


def is_our_write(change: Change) -> bool:
    """Whether a stock write of ours did it; a copy that took its units is the sale itself, once more."""
    return change.cause == OURS and not (change.reference or "").startswith(("order:", "draft:"))


class StillClock(Clock):
    """Stands still where a test puts it; each test begins at the time of this machine.

    `apart_seconds`: how far the product's clock is ahead of this one. It may change at any time, in either direction.
    """

    def __init__(self) -> None:
        super().__init__(frozen_at=time.time())
        self.apart_seconds = 0.0

    def begin(self) -> None:
        with self._lock:
            self._frozen_at, self._offset, self.apart_seconds = time.time(), 0.0, 0.0

    def product_now(self) -> datetime:
        """The product's own time, which goes on, and leaps with this clock: for django.utils.timezone.now."""
        return datetime.now(UTC) + timedelta(seconds=self._offset + self.apart_seconds)


class Doorbell(Courier):
    """Delivers webhooks to the product in this process in place of a socket."""

    def _send(self, delivery: Delivery) -> int | str:
        path = urlsplit(delivery.uri).path
        headers = delivery.headers()
        kind = headers.pop("Content-Type")
        return Browser().post(path, data=delivery.body, content_type=kind, headers=headers).status_code


def put_ahead(sim: Simulator, **span: float) -> None:
    """Put the product's clock ahead of Shopify's, or behind it, from here on: `put_ahead(sim, minutes=-10)`."""
    sim.clock.apart_seconds = timedelta(**span).total_seconds()


def open_stage() -> Simulator:
    """A simulator that serves, and rings this process when it has webhooks to deliver."""
    sim = Simulator(StillClock())
    sim.courier = sim.webhooks.courier = Doorbell(sim.clock)
    sim.serve()
    return sim


@dataclass(eq=False)
class Place:
    """One store: Shopify's side of it, our row, and what people do there. Items and locations are counted from 0."""

    sim: Simulator
    store: Store
    shop: Shop
    location_ids: list[int] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)

    @property
    def domain(self) -> str:
        return self.store.domain

    def item(self, number: int) -> int:
        return self.variants[number].item_id

    def available(self, number: int = 0, at: int = 0) -> int:
        return self.sim.available(self.domain, self.item(number), self.location_ids[at])

    def buy(self, number: int = 0, quantity: int = 1, at: int = 0) -> Order:
        where = self.location_ids[at]
        return self.sim.buy(self.domain, self.variants[number].id, quantity, location_id=where, force=True)

    def order(self, *lines: tuple[int, int], **details) -> Order:
        """Somebody buys (item, units) lines; `details` as order_build tells. No line: one unit of item 0."""
        rows = [(self.variants[number].id, units) for number, units in lines or [(0, 1)]]
        return self.sim.place_order(self.domain, rows, force=True, **details)

    def restock(self, number: int = 0, quantity: int = 1, at: int = 0) -> None:
        self.sim.adjust(self.domain, self.item(number), self.location_ids[at], quantity)

    def set(self, number: int = 0, quantity: int = 0, at: int = 0) -> None:
        self.sim.set(self.domain, self.item(number), self.location_ids[at], quantity)

    def refund(self, order: Order, kind: str = "CANCEL", quantity: int = 1) -> None:
        row = {"line_item_id": order.lines[0].id, "quantity": quantity, "restock_type": kind}
        self.sim.refund(self.domain, order, [row])

    def leave(self, number: int = 0, at: int = 0) -> None:
        """The item is no longer stocked at the location."""
        people.deactivate(self.shop, self.sim.clock, self.item(number), self.location_ids[at])

    def fault(self, kind: str, **fields) -> None:
        self.sim.fault(self.domain, kind, **fields)

    def waiting(self, topic: str = TOPICS[0]) -> list[Delivery]:
        """Stock webhooks that were not delivered yet, the oldest first."""
        return [delivery for delivery in self.sim.deliveries(self.domain) if delivery.topic == topic]

    def lose_webhooks(self) -> None:
        self.sim.drop(self.domain, self.sim.deliveries(self.domain))

    def count(self, *fields: str) -> int:
        """How often these root fields were executed."""
        return sum(self.shop.counters.operations[name] for name in fields)

    def operations(self, except_for: Collection[str] = ()) -> dict[str, int]:
        """How often each root field was executed since the counters were reset."""
        return {name: count for name, count in self.shop.counters.operations.items() if name not in except_for}

    @property
    def writes(self) -> int:
        return self.count(*WRITES)

    @property
    def reads(self) -> int:
        return self.count("nodes", "inventoryItem", "inventoryItems", "productVariants")

    def changes(self, number: int, at: int = 0) -> list[Change]:
        return self.sim.changes(self.domain, self.item(number), self.location_ids[at])


def impatient_client(sim: Simulator) -> type[Client]:
    """Clients whose waiting moves the simulator's clock in place of ours."""
    return partial(Client, sleep=sim.clock.advance)
