"""Orders: how many one worker copies a second, beside the calls that needs; and how long from placing to the copy.

`python -m tests.benchmarks.orders --orders 300 --idle 40`

For the pace, all orders are placed and their webhooks recorded while no worker runs; then one does all that follows,
stock included. The floor is the same number of orders read and created one after the other by a loop that keeps no
rows: two calls each. Latency is read from the simulator's own book, to the microsecond, with workers running.
"""

import argparse
import json
import random
import time

from tests.benchmarks.staging.scene import NORTH, SOURCE, Scene, Shopify
from tests.benchmarks.staging.table import percentile, print_table, ratio

CALLS = ("order", "orders", "orderCreate", "orderByIdentifier")
PACE = ["", "orders", "seconds", "orders/s", "of them HTTP s", "calls per order (aim ≤ 2)", "beside the floor's pace"]
LATENCY = ["", "orders", "p50 s", "p95 s", "p99 s"]
LINES = 3
COPY_CALLS = 2.0


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=50, help="orders copied by one worker (default 50)")
    parser.add_argument("--idle", type=int, default=10, help="orders placed one at a time (default 10)")
    options = parser.parse_args()
    with Scene(50, "order") as scene:
        scene.set_restore_rate(1e6)  # Shopify's limit is another matter: here our own pace is asked for
        latency = [_latency(scene) for _ in range(options.idle)]
        pace = _measure_pace(scene, options.orders)
    print_table("(e) Orders: the pace of one worker", PACE, pace)
    percents = [percentile(latency, percent) for percent in (50, 95, 99)]
    print_table("(e) Orders: from placing to the copy", LATENCY, [["one at a time", len(latency), *percents]])


def _place(scene: Scene) -> int:
    """Somebody orders a few things; the order's id."""
    variants = list(scene.simulator.shops[NORTH].variants)
    lines = [(variant, random.randint(1, 3)) for variant in random.sample(variants, LINES)]
    return scene.simulator.place_order(NORTH, lines, force=True, shipping="4.90", tax_rate="0.19").id


def _copy_of(scene: Scene, order_id: int) -> int | None:
    """The id of an order's copy, once it is there."""
    copies = list(scene.simulator.shops[SOURCE].orders.values())
    name = f"{NORTH}/{order_id}"
    return next((copy.id for copy in reversed(copies) if copy.source_identifier == name), None)


def _latency(scene: Scene) -> float:
    """Seconds from placing an order in a quiet moment until its units left the source."""
    scene.wait_until_settled()
    time.sleep(random.uniform(0.2, 0.6))  # the queue looks some times a second: meet it at any moment
    order_id = _place(scene)
    scene.wait_for("the copy", lambda: _copy_of(scene, order_id), 30)
    return _booked_at(scene, SOURCE, _copy_of(scene, order_id)) - _booked_at(scene, NORTH, order_id)


def _booked_at(scene: Scene, domain: str, order_id: int | None) -> float:
    changes = scene.simulator.shops[domain].changes
    return next(change.at for change in reversed(changes) if change.reference == f"order:{order_id}")


def _measure_pace(scene: Scene, count: int) -> list[list[object]]:
    scene.wait_until_settled()
    scene.stop_workers()
    scene.simulator.set_manual(SOURCE, True)  # nothing is told of the copies: here only copying takes time
    for _ in range(count):
        _place(scene)
    scene.wait_for("webhooks recorded", lambda: scene.simulator.courier.wait_idle(0.5), 60 + count)
    scene.stage.run("-m", "tests.benchmarks.staging.carrier", "events")
    scene.simulator.reset_counters()
    worker = json.loads(scene.stage.run("-m", "tests.benchmarks.staging.carrier", "orders"))
    calls = _calls(scene) / count
    missing = scene.stage.query("SELECT count(*) FROM orders_orderimport WHERE state <> 'confirmed'")[0][0]
    if missing:
        raise RuntimeError(f"{missing} orders were not copied.")
    floor, bare = _measure_floor(scene)
    rows = [
        ["one worker, all that follows", count, worker["seconds"], count / worker["seconds"], worker["http"], calls]
    ]
    rows += [["the calls alone (floor)", bare, floor["seconds"], bare / floor["seconds"], floor["http"], COPY_CALLS]]
    return [[*row, ratio(row[3], rows[-1][3])] for row in rows]


def _measure_floor(scene: Scene) -> tuple[dict, int]:
    """The same orders once more, as if nobody had copied them."""
    for shop in scene.simulator.shops.values():
        shop.knobs.unique_custom_ids = False
    shopify = Shopify(scene)
    told = json.loads(scene.stage.run("-m", "tests.benchmarks.staging.carrier", "bare-orders"))
    assert shopify.operations("orderCreate") == int(told["told"])
    return told, int(told["told"])


def _calls(scene: Scene) -> int:
    """Calls about orders; those about stock are counted by the burst."""
    shops = scene.simulator.shops.values()
    return sum(shop.counters.operations[name] for shop in shops for name in CALLS)


if __name__ == "__main__":
    main()
