"""From a change in one store to the new value in the other: p50, p95, p99, one change at a time and many a second.

`python -m tests.benchmarks.latency --idle 40 --seconds 20 --per-second 50`

Both ends are read from the simulator's own book of changes, to the microsecond. In between, our rows tell where the
time goes: until the webhook is recorded (the simulator sends it, our web process stores it), until it is processed
(queue and drain), until the write is recorded (plan, and the linger in a burst), until it took effect there.
"""

import argparse
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.staging.scene import NORTH, OURS, SOURCE, Scene
from tests.benchmarks.staging.table import percentile, print_table

HEADER = ["", "changes", "p50 s (idle aim ≤ 0.5)", "p95 s", "p99 s (idle aim ≤ 2)"]
HEADER += ["p50 recorded", "+ processed", "+ planned", "+ written", "not arrived"]


@dataclass
class Change:
    """One change that somebody made, and what became of it: instants in seconds since 1970."""

    domain: str
    item_id: int
    at: float
    recorded_at: float = 0.0
    processed_at: float = 0.0
    planned_at: float = 0.0
    arrived_at: float = 0.0

    @property
    def steps(self) -> tuple[float, ...]:
        marks = (self.at, self.recorded_at, self.processed_at, self.planned_at, self.arrived_at)
        return tuple(later - earlier for earlier, later in itertools.pairwise(marks))


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idle", type=int, default=20, help="changes made one at a time (default 20)")
    parser.add_argument("--seconds", type=float, default=5, help="how long the load lasts (default 5)")
    parser.add_argument("--per-second", type=float, default=50, help="changes a second under load (default 50)")
    options = parser.parse_args()
    rows = []
    for strategy in ("one_way", "two_way"):
        variants = options.idle + round(options.seconds * options.per_second) + 10
        with Scene(variants, strategy) as scene:
            numbers = iter(range(variants))
            domains = [SOURCE] if strategy == "one_way" else [SOURCE, NORTH]
            for _ in range(5):  # the first ones warm up whatever is opened once
                change_one(scene, domains, next(numbers))
            idle = [change_one(scene, domains, next(numbers)) for _ in range(options.idle)]
            rows.append(_row(f"{strategy}, idle", scene, idle))
            load = _change_many(scene, domains, numbers, options)
            rows.append(_row(f"{strategy}, {options.per_second:g} changes/s", scene, load))
    print_table("(b) From a change to the other store", HEADER, rows)


def change_one(scene: Scene, domains: Sequence[str], number: int) -> Change:
    """Wait for quiet, make a change, wait until it has arrived."""
    scene.wait_until_settled()
    # Longer than STOCK_LINGER_SECONDS, after which the engine takes it for a quiet time; and, as the queue looks some
    # times a second, meet it at any moment between two looks.
    time.sleep(random.uniform(1.2, 1.7))
    change = _make(scene, domains[number % len(domains)], number)
    scene.wait_for("the change in the other store", lambda: scene.differing() == 0, 30)
    scene.wait_until_settled()  # its write is in the other store a moment before it is noted as applied
    return change


def _make(scene: Scene, domain: str, number: int) -> Change:
    return Change(domain, scene.items[domain][number], scene.add(domain, number, random.choice((-7, -3, -1, 2, 5))))


def _change_many(
    scene: Scene, domains: Sequence[str], numbers: Sequence[int], options: argparse.Namespace
) -> list[Change]:
    """Make changes at an even pace, whatever the product does; wait until all have arrived."""
    scene.wait_until_settled()
    changes, started = [], time.monotonic()
    for count in range(round(options.seconds * options.per_second)):
        time.sleep(max(0.0, started + count / options.per_second - time.monotonic()))
        number = next(numbers)
        changes.append(_make(scene, domains[number % len(domains)], number))
    scene.wait_until_settled(120)
    return changes


def _row(words: str, scene: Scene, changes: Sequence[Change]) -> list[object]:
    for change in changes:
        _follow(scene, change)
    arrived = [change for change in changes if change.arrived_at]
    seconds = [change.arrived_at - change.at for change in arrived]
    steps = [percentile([change.steps[step] for change in arrived], 50) for step in range(4)]
    percents = [percentile(seconds, percent) for percent in (50, 95, 99)]
    return [words, len(changes), *percents, *steps, len(changes) - len(arrived)]


def _follow(scene: Scene, change: Change) -> None:
    """Find the change's webhook, write and arrival. Each item is changed once."""
    other = NORTH if change.domain == SOURCE else SOURCE
    item_id = scene.items[other][scene.item_numbers(change.domain)[change.item_id]]
    ours = [row.at for row in scene.simulator.changes(other, item_id) if row.cause == OURS and row.at >= change.at]
    parameters = [f"gid://shopify/InventoryItem/{item_id}", change.at]
    planned = scene.stage.query(_PLANNED, parameters)
    recorded = scene.stage.query(_RECORDED, [change.domain, f'%"inventory_item_id":{change.item_id},%', change.at])
    if ours and planned and recorded:
        change.arrived_at = ours[0]
        change.planned_at = planned[0][0]
        change.recorded_at, change.processed_at = recorded[0]


_PLANNED = """
    SELECT extract(epoch FROM adjustment.created_at)::float
    FROM syncing_stockadjustment adjustment JOIN syncing_stocklevel level ON level.id = adjustment.level_id
    WHERE level.item_gid = %s AND adjustment.created_at >= to_timestamp(%s) AND adjustment.state = 'applied'
    ORDER BY adjustment.id LIMIT 1
"""
_RECORDED = """
    SELECT extract(epoch FROM received_at)::float, extract(epoch FROM processed_at)::float
    FROM syncing_webhookevent event JOIN stores_store store ON store.id = event.store_id
    WHERE store.domain = %s AND topic = 'inventory_levels/update' AND body LIKE %s
      AND received_at >= to_timestamp(%s)
    ORDER BY event.id LIMIT 1
"""


if __name__ == "__main__":
    main()
