"""Orders that live on: the calls that one later change costs, and a burst of webhooks about an order left as it was.

`python -m tests.benchmarks.order_changes --orders 50`

Each kind of change happens to so many copied orders at once; then one worker does all that follows, our own echoes
included, until nothing is told any more. Counted are the calls about orders; those about stock stand in the burst's
table. "Sent" is what changes something; Shopify needs four calls for an edit with prices (begin, stage, price, commit).
"""

import argparse
import subprocess
from collections.abc import Callable
from functools import partial

from tests.benchmarks.staging.scene import NORTH, SOURCE, Scene
from tests.benchmarks.staging.table import print_table
from tests.simulator.state.orders import Order

HEADER = ["later change", "orders", "sent each (aim ≤ 4)", "original read each", "copy read each", "calls each"]
BURST = ["", "orders", "webhooks each", "calls each (aim ≤ 1)"]
STOCK = ("inventorySetQuantities", "inventoryAdjustQuantities", "nodes", "inventoryItems")
BURST_WEBHOOKS = 20


class Hands:
    """What people do to an original of North or to its copy in the source."""

    def __init__(self, scene: Scene) -> None:
        self.sim = scene.simulator
        self.variants = list(self.sim.shops[NORTH].variants)

    def place(self, *, paid: bool = True) -> Order:
        """Three units of one thing and one of another."""
        lines = [(self.variants[0], 3), (self.variants[1], 1)]
        return self.sim.place_order(NORTH, lines, force=True, shipping="4.90", tax_rate="0.19", paid=paid)

    def copy_of(self, order: Order) -> Order:
        copies = list(self.sim.shops[SOURCE].orders.values())
        return next(copy for copy in copies if copy.source_identifier == f"{NORTH}/{order.id}")

    def add(self, order: Order) -> None:
        self.sim.edit_order(NORTH, order, add=[{"variant_id": self.variants[2], "quantity": 2, "discount": "1.50"}])

    def remove(self, order: Order) -> None:
        self.sim.edit_order(NORTH, order, quantities={order.lines[0].id: 1})

    def refund(self, order: Order) -> None:
        self.sim.refund(NORTH, order, [{"line_item_id": order.lines[0].id, "quantity": 1, "restock_type": "CANCEL"}])

    def cancel(self, order: Order) -> None:
        self.sim.cancel(NORTH, order)

    def pay(self, order: Order, amount: str | None = None) -> None:
        self.sim.pay_order(NORTH, order, amount=amount)

    def ship(self, order: Order) -> None:
        self.sim.fulfil(SOURCE, self.copy_of(order))

    def exchange(self, order: Order) -> None:
        self.sim.exchange(NORTH, order, {order.lines[0].id: 1}, (self.variants[2], 1))

    def touch(self, order: Order) -> None:
        """It is written anew as it was: orders/updated, again and again."""
        for number in range(BURST_WEBHOOKS):
            self.sim.change_words(NORTH, order, note=f"Ring {number} times")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=10, help="orders for each kind of change (default 10)")
    options = parser.parse_args()
    with Scene(3, "order") as scene:
        scene.set_restore_rate(1e6)
        for shop in scene.simulator.shops.values():
            shop.knobs.job_seconds, shop.knobs.plan = 0.0, "PLUS"
        changes = Changes(scene, options.orders)
        rows = changes.measure()
        burst = changes.measure_burst()
        changes.end()
    print_table("(k) Orders that live on: the calls of one later change", HEADER, rows)
    print_table("(k) Orders that live on: a burst of webhooks about an order left as it was", BURST, [burst])


class Changes:
    """One measurement: all orders first, then one kind of change after the other."""

    def __init__(self, scene: Scene, count: int) -> None:
        self.scene, self.count, self.hands = scene, count, Hands(scene)
        hands = self.hands
        self.kinds: dict[str, tuple[bool, Callable[[Order], None]]] = {
            "an edit adds units, discounted": (True, hands.add),
            "an edit takes units off": (True, hands.remove),
            "a refund": (True, hands.refund),
            "a cancellation of what was paid": (True, hands.cancel),
            "a cancellation of what was not": (False, hands.cancel),
            "a payment": (False, hands.pay),
            "a part of a payment": (False, partial(hands.pay, amount="1.00")),
            "a shipment": (True, hands.ship),
            "an exchange of what was shipped": (True, hands.exchange),
        }
        scene.wait_until_settled()
        self.orders = {words: [hands.place(paid=paid) for _ in range(count)] for words, (paid, _) in self.kinds.items()}
        scene.wait_until_settled(60 + count)
        for order in self.orders["an exchange of what was shipped"]:
            hands.ship(order)
        scene.wait_until_settled(60 + count)
        scene.stop_workers()
        self.carrier = scene.stage.talk("-m", "tests.benchmarks.staging.carrier", "on-demand")

    def end(self) -> None:
        """The carrier ends with its input."""
        assert self.carrier.stdin is not None
        self.carrier.stdin.close()
        self.carrier.wait(30)

    def measure(self) -> list[list[object]]:
        """A row for each kind of change."""
        rows = []
        for words, (_, act) in self.kinds.items():
            self._do(act, self.orders[words])
            sent, originals, copies = (count / self.count for count in self._calls())
            rows.append([words, self.count, sent, originals, copies, sent + originals + copies])
        return rows

    def measure_burst(self) -> list[object]:
        """Orders that a shipment has changed before, and nothing changes now."""
        self._do(self.hands.touch, self.orders["a shipment"])
        calls = sum(self._calls()) / self.count
        return ["orders/updated, nothing changed", self.count, BURST_WEBHOOKS, calls]

    def _do(self, act: Callable[[Order], None], orders: list[Order]) -> None:
        shops = self.scene.simulator.shops.values()
        self._hold(True)
        for shop in shops:
            shop.request_log.clear()
        for order in orders:
            act(order)
        for _ in range(20):
            if not any(self.scene.simulator.deliveries(shop.domain) for shop in shops):
                return
            # What is told arrives at once, as a burst; what our own calls tell arrives as the next one.
            self._hold(False)
            self.scene.wait_for("webhooks recorded", self._is_told, 60 + self.count)
            self._hold(True)
            self._carry()
        raise RuntimeError("The stores answer each other for ever.")

    def _is_told(self) -> bool:
        return self.scene.simulator.courier.wait_idle(0.5)

    def _hold(self, is_held: bool) -> None:
        for domain in (SOURCE, NORTH):
            self.scene.simulator.set_manual(domain, is_held)

    def _carry(self) -> None:
        pipe: subprocess.Popen[str] = self.carrier
        assert pipe.stdin is not None and pipe.stdout is not None
        print("go", file=pipe.stdin, flush=True)
        if pipe.stdout.readline().strip() != "done":
            raise RuntimeError("The carrier has ended.")

    def _calls(self) -> tuple[int, int, int]:
        """Sent; originals read; copies read, among them what became of a cancellation."""
        asked = {
            domain: [entry for entry in shop.request_log if not set(entry["fields"]) & set(STOCK)]
            for domain, shop in self.scene.simulator.shops.items()
        }
        sent = sum(entry["kind"] == "mutation" for entries in asked.values() for entry in entries)
        reads = [sum(entry["kind"] == "query" for entry in asked[domain]) for domain in (NORTH, SOURCE)]
        return sent, *reads


if __name__ == "__main__":
    main()
