"""The demo's orders that live on: an edit, a payment, a copy that staff cancel, and one order of two sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.simulator import Simulator
from tests.simulator.state.order_money import financial_status, grand_total
from tests.simulator.state.orders import Order

if TYPE_CHECKING:
    from tests.demo import Demo

SOURCE, STUDIO, EAST = (f"{name}-store.myshopify.com" for name in ("source", "studio", "east"))
PRINT = "STUDIO-PRINT"  # what the second source sells, and East


class LivingOrders:
    """Each step must come true. `say` prints a line."""

    def __init__(self, demo: Demo, sim: Simulator, say) -> None:
        self.demo, self.sim, self.say = demo, sim, say

    def variant(self, domain: str, sku: str) -> int:
        shop = self.sim.shop(domain)
        return next(item.variant_id for item in shop.items.values() if item.sku == sku)

    def copy_of(self, original: Order, source: str = SOURCE) -> Order | None:
        orders = list(self.sim.shop(source).orders.values())
        return next((order for order in orders if order.source_identifier == f"{EAST}/{original.id}"), None)

    def place(self, lines: list[tuple[str, int]], **details) -> Order:
        rows = [(self.variant(EAST, sku), units) for sku, units in lines]
        return self.sim.place_order(EAST, rows, **details)

    def wait_for_copy(self, original: Order, source: str = SOURCE) -> Order:
        self.demo.wait_for("the copy", lambda: self.copy_of(original, source))
        copy = self.copy_of(original, source)
        assert copy is not None
        return copy

    def now(self, order: Order, source: str = EAST) -> Order:
        """The order as it is: an edit puts another object into its place."""
        return self.sim.shop(source).orders[order.id]

    def run(self) -> None:
        """All four, one after the other."""
        self.say("\nOrders live on, East store → Source store")
        original = self.place([("DEMO-TWO-WAY", 1)], paid=False)
        copy = self.wait_for_copy(original)
        self._edit(original, copy)
        self._pay(original, copy)
        self._cancel_the_copy(copy)
        self._order_of_two_sources()

    def _edit(self, original: Order, copy: Order) -> None:
        more = {"variant_id": self.variant(EAST, "DEMO-ONE-WAY"), "quantity": 2, "discount": "1.00"}
        self.sim.edit_order(EAST, original, add=[more])
        seconds = self.demo.wait_for("the edit", lambda: units_of(self.now(copy, SOURCE)) == 3, 60)
        self.say(
            f"  East adds 2 of DEMO-ONE-WAY to {original.name}; {copy.name} holds them, too, after {seconds:.1f} s"
        )

    def _pay(self, original: Order, copy: Order) -> None:
        before = financial_status(self.now(copy, SOURCE))
        self.sim.pay_order(EAST, self.now(original))
        seconds = self.demo.wait_for("the payment", lambda: financial_status(self.now(copy, SOURCE)) == "PAID")
        self.say(f"  its customer pays: {copy.name} was {before}, and is PAID after {seconds:.1f} s")

    def _cancel_the_copy(self, copy: Order) -> None:
        self.sim.cancel(SOURCE, self.now(copy, SOURCE))
        self.demo.wait_for("what is told", self._told)
        (row,) = self._told()
        told = json.loads(self.demo.manage("orders", "show", row["name"], "--connection", row["connection"], "--json"))
        words = next(step["words"] for step in told["steps"] if step["state"] == "needs_shop")
        self.say(
            f"  Source cancels {copy.name}, although East has sold it. Nobody is offered its units; staff are told:"
        )
        self.say(f"    “{words}”")

    def _told(self) -> list[dict]:
        return json.loads(self.demo.manage("orders", "list", "--needs-shop", "--json"))["orders"]

    def _order_of_two_sources(self) -> None:
        original = self.place([("DEMO-TWO-WAY", 1), (PRINT, 2)], shipping="4.90")
        copies = [self.wait_for_copy(original, source) for source in (SOURCE, STUDIO)]
        self.say(f"  {original.name} of East, {_price(original)}, holds goods of two sources; each gets its part:")
        for source, copy in zip((SOURCE, STUDIO), copies, strict=True):
            titles = ", ".join(f"{line.quantity} × {line.title}" for line in copy.lines)
            self.say(f"    {source.split('-')[0]:<8}{copy.name}, {_price(copy)}: {titles}")


def units_of(order: Order) -> int:
    """What is left of all its lines."""
    return sum(line.current_quantity for line in order.lines)


def _price(order: Order) -> str:
    return f"{grand_total(order).shop} {order.currency}"
