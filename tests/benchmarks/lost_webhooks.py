"""Changes of which no webhook tells: how long until the other store has them, and what finding them costs.

`python -m tests.benchmarks.lost_webhooks --minutes 12 --changes 40`

Every webhook is lost, also those about our own writes. What is left is the look at what changed lately, every
RECENT_CHANGES_MINUTES; the full comparison of each hour does not come meanwhile. Looks cost points of both stores; what
the writes cost that they lead to is told apart.
"""

import argparse
import random
import time
from collections.abc import Sequence

from tests.benchmarks.staging.scene import NORTH, OURS, SOURCE, STANDARD_RATE, Scene, Shopify
from tests.benchmarks.staging.table import percentile, print_table

WRITE_POINTS = 10
HEADER = ["", "changes", "p50 s", "longest s (aim ≤ 300)"]
COST_HEADER = ["store", "seconds", "looks", "points of looks", "of its budget % (aim ≤ 1)", "points of writes"]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2, help="how long changes are made (default 2)")
    parser.add_argument("--changes", type=int, default=10, help="how many, evenly spread (default 10)")
    parser.add_argument("--every", type=int, default=1, help="RECENT_CHANGES_MINUTES (default 1, the product's is 5)")
    parser.add_argument("--two-way", action="store_true", help="two-way, and every second change in the destination")
    options = parser.parse_args()
    strategy = "two_way" if options.two_way else "one_way"
    with Scene(options.changes, strategy, RECENT_CHANGES_MINUTES=str(options.every)) as scene:
        scene.stop_webhooks()
        shopify, began = Shopify(scene), time.monotonic()
        changes = _change(scene, [SOURCE, NORTH] if options.two_way else [SOURCE], options)
        # Two looks later, and the sweeps that begin them.
        scene.wait_for("the last changes in the other store", lambda: not scene.differing(), 120 + 120 * options.every)
        scene.wait_until_settled()
        _sit_out(began, 60 * options.every)
        seconds = time.monotonic() - began
        costs = [_cost(shopify, domain, seconds) for domain in (SOURCE, NORTH)]
        times = [_seconds_until_there(scene, *change) for change in changes]
    words = f"{strategy.replace('_', '-')}, asked every {options.every} min"
    print_table("(p) Changes whose webhooks are lost", HEADER, [_row(words, times)])
    print_table("(p) What finding them costs", COST_HEADER, costs)


def _change(scene: Scene, domains: Sequence[str], options: argparse.Namespace) -> list[tuple[str, int, float]]:
    """One change after the other, each of another item: domain, number, instant."""
    changes, began = [], time.monotonic()
    for number in range(options.changes):
        time.sleep(max(0.0, began + 60 * options.minutes * number / options.changes - time.monotonic()))
        domain = domains[number % len(domains)]
        changes.append((domain, number, scene.add(domain, number, random.choice((-7, -3, -1, 2, 5)))))
    return changes


def _sit_out(began: float, length: float) -> None:
    """Wait for the end of the interval between two looks that is under way, so that as many are paid as counted."""
    time.sleep(length - (time.monotonic() - began) % length)


def _cost(shopify: Shopify, domain: str, seconds: float) -> list[object]:
    counters = shopify.scene.simulator.shops[domain].counters
    writes = sum(count for name, count in counters.operations.items() if "Quantities" in name)
    points = counters.points - WRITE_POINTS * writes
    looks = counters.operations.get("location", 0)
    return [domain, seconds, looks, points, 100 * points / (STANDARD_RATE * seconds), WRITE_POINTS * writes]


def _seconds_until_there(scene: Scene, domain: str, number: int, at: float) -> float:
    other = NORTH if domain == SOURCE else SOURCE
    rows = scene.simulator.changes(other, scene.items[other][number])
    return min(row.at for row in rows if row.cause == OURS and row.at >= at) - at


def _row(words: str, times: Sequence[float]) -> list[object]:
    return [words, len(times), percentile(times, 50), max(times)]


if __name__ == "__main__":
    main()
