"""One store of many in trouble: how fast the changes of a source reach all the others.

`python -m tests.benchmarks.one_store_down --destinations 20 --items 60 --seconds 60`

Two worker processes, as installed by default on a small machine. A change of the source every `--pause` seconds is
to reach each destination; the last destination is well, down (503), throttled (429, Retry-After 120), out of points,
slow (each answer after 30 s) or unreadable (503 to every query). What is measured is the others.
"""

import argparse
import time
from collections.abc import Callable

from tests.benchmarks.scale import STOP, Fan
from tests.benchmarks.staging.scene import OURS
from tests.benchmarks.staging.table import percentile, print_table

HEADER = ["the last store", "changes", "arrived at the others", "p50 s", "p99 s", "longest s", "its calls"]


def _drain(fan: Fan, domain: str) -> None:
    knobs = fan.simulator.shops[domain].knobs
    knobs.bucket_size, knobs.restore_rate = 20, 0.1


def _fault(kind: str, **fields: object) -> Callable[[Fan, str], None]:
    return lambda fan, domain: fan.simulator.fault(domain, kind, count=None, **fields)


STATES: dict[str, Callable[[Fan, str], None]] = {
    "well": lambda fan, domain: None,
    "down": _fault("http", match="any", status=503),
    "throttled": _fault("rate_limited", match="any", retry_after="120"),
    "out of points": _drain,
    "slow": _fault("slow", match="any", seconds=30.0),
    "unreadable": _fault("http", match="any_query", status=503),
}
DOUBT = """
    UPDATE syncing_stocklevel SET is_doubtful = true
    WHERE store_id = (SELECT id FROM stores_store WHERE domain = %s) AND mod(id, 2) = 0
"""
WELL = "DELETE FROM stores_storetrouble"
FILL = "UPDATE stores_store SET bucket_available = bucket_maximum"


def measure(fan: Fan, name: str, first: int, options: argparse.Namespace) -> list[object]:
    """Change items of the source one after the other; a row of the table."""
    source, last = fan.domains[0], fan.domains[-1]
    others, made = fan.domains[1:-1], []
    STATES[name](fan, last)
    if name == "unreadable":
        fan.stage.query(DOUBT, [last])
    fan.simulator.shops[last].counters.requests = 0
    for number in range(first, first + round(options.seconds / options.pause)):
        item = fan.items[source][number % options.items]
        made.append((number, fan.simulator.clock.seconds()))
        fan.simulator.adjust(source, item, fan.places[source], -1)
        time.sleep(options.pause)
    time.sleep(options.patience)
    waits = []
    for domain in others:
        book = {}
        for change in fan.simulator.changes(domain):
            if change.cause == OURS and change.at >= made[0][1]:
                book.setdefault(change.item_id, []).append(change.at)
        for number, at in made:
            arrived = [when for when in book.get(fan.items[domain][number % options.items], ()) if when >= at]
            waits += [arrived[0] - at] if arrived else []
    calls = fan.simulator.shops[last].counters.requests
    share = f"{len(waits)} of {len(made) * len(others)}"
    return [name, len(made), share, percentile(waits, 50), percentile(waits, 99), max(waits, default=0.0), calls]


def recover(fan: Fan) -> None:
    """The last store is well again, and nobody remembers that it was not."""
    last = fan.domains[-1]
    fan.simulator.faults(fan.simulator.shops[last]).clear()
    knobs = fan.simulator.shops[last].knobs
    knobs.restore_rate, knobs.bucket_size = 1e6, 2e7
    fan.stage.query(WELL)
    fan.stage.query(FILL)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--destinations", type=int, default=6, help="how many stores follow (default 6)")
    parser.add_argument("--items", type=int, default=60, help="items in each store (default 60)")
    parser.add_argument("--seconds", type=float, default=15, help="how long changes are made for (default 15)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two changes (default 0.5)")
    parser.add_argument("--patience", type=float, default=5, help="seconds to wait for the last of them (default 5)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--states", nargs="*", default=list(STATES), choices=list(STATES))
    options = parser.parse_args()
    rows: list[list[object]] = []
    fan = Fan(options.destinations, options.items, 0.05, workers=options.workers)
    try:
        with fan.stage:
            fan.install()
            fan.stage.query(STOP)
            fan.stage.start_worker()
            fan.stage.run("-m", "tests.benchmarks.staging.fan_out", "go")
            for number, name in enumerate(options.states):
                rows.append(measure(fan, name, number * 1000, options))
                recover(fan)
    finally:
        fan.simulator.stop()
    words = f"(f) One store of {options.destinations} in trouble, {options.workers} worker processes: the others"
    print_table(words, HEADER, rows)


if __name__ == "__main__":
    main()
