"""More worker processes: how fast changes of one source reach many destinations.

`python -m tests.benchmarks.scale --destinations 20 --items 500 --milliseconds 200`

Each change of the source is one write in each destination. An answer of Shopify takes `--milliseconds`; that is what
workers mostly wait for. Simulator, database and workers share this machine's processors.
"""

import argparse
import json
import math
import time
from pathlib import Path

from tests.benchmarks.staging.scene import BATCH_ROWS, OURS
from tests.benchmarks.staging.stage import Stage
from tests.benchmarks.staging.table import print_table, ratio
from tests.simulator import Simulator

HEADER = [
    "worker processes",
    "destinations",
    "writes",
    "seconds",
    "writes/s",
    "ratio to one process",
    "mutations",
    "floor",
]
WAITING = """
    SELECT EXISTS (SELECT 1 FROM syncing_webhookevent WHERE state = 'new')
        OR EXISTS (SELECT 1 FROM syncing_syncjob WHERE state = 'running')
"""
STOP = """
    INSERT INTO stores_syncswitch (id, is_stopped, reason, changed_at) VALUES (1, true, '', now())
    ON CONFLICT (id) DO UPDATE SET is_stopped = true
"""
SECONDS_TO_WAIT = 600


class Fan:
    """One source and many destinations at the simulator, and the product between them."""

    def __init__(self, destinations: int, items: int, answer_seconds: float, workers: int = 1) -> None:
        self.simulator = Simulator()
        self.domains = ["source-store.myshopify.com", *(f"store-{n}.myshopify.com" for n in range(destinations))]
        self.items: dict[str, list[int]] = {}
        self.places: dict[str, int] = {}
        for domain in self.domains:
            self._add(domain, items)
            if domain != self.domains[0]:
                self.simulator.fault(domain, "slow_answer", match="any_mutation", count=None, seconds=answer_seconds)
        self.stage = Stage(SHOPIFY_BASE_URL=self.simulator.serve() + "/{domain}", QUEUE_WORKERS=str(workers))

    def _add(self, domain: str, items: int) -> None:
        shop = self.simulator.add_shop(domain)
        shop.knobs.restore_rate, shop.knobs.bucket_size = 1e6, 2e7  # Shopify's limit is per store: not what is measured
        at = self.simulator.clock.whole_seconds() - 3600
        place = self.places[domain] = shop.add_location("Warehouse", at=at, is_primary=True).id
        self.items[domain] = [
            shop.add_variant(shop.add_product(f"Item {n}", at=at), at=at, sku=f"SKU-{n}", stock={place: 100}).item_id
            for n in range(items)
        ]

    def install(self) -> None:
        """The product's rows, web, and the source's webhooks; the destinations' would only come back as echoes."""
        rows = {
            domain: {
                "token": self.simulator.static_token(domain),
                "location": self.places[domain],
                "items": self.items[domain],
            }
            for domain in self.domains
        }
        path = Path(self.stage.folder) / "shops.json"
        path.write_text(json.dumps(rows))
        self.stage.run("-m", "tests.benchmarks.staging.fan_out", "build", str(path))
        self.stage.start_web()
        url = f"{self.stage.web_url}/webhooks/shopify/"
        self.simulator.subscribe(self.domains[0], "INVENTORY_LEVELS_UPDATE", url)

    def carry(self, processes: int, quantity: int) -> tuple[int, float, int]:
        """Change every item; writes, seconds from the first to the last of them, and mutations."""
        self.stage.query(STOP)
        workers = [self.stage.start_worker() for _ in range(processes)]
        source = self.domains[0]
        self.simulator.set_many(source, [(item, self.places[source], quantity) for item in self.items[source]])
        self._wait(lambda: self.simulator.courier.wait_idle(0.5), "webhooks are delivered")
        self._wait(lambda: not self.stage.query(WAITING)[0][0], "webhooks are processed")
        self.simulator.reset_counters()
        asked_at = self.simulator.clock.seconds()
        self.stage.run("-m", "tests.benchmarks.staging.fan_out", "go")
        self._wait(lambda: self._arrived(quantity), "all is carried")
        made = sorted(
            change.at
            for domain in self.domains[1:]
            for change in self.simulator.changes(domain)
            if change.cause == OURS and change.at >= asked_at
        )
        for worker in workers:
            self.stage.stop(worker)
        mutations = sum(
            count
            for shop in self.simulator.shops.values()
            for name, count in shop.counters.operations.items()
            if "Quantities" in name
        )
        return len(made), made[-1] - made[0], mutations

    def _arrived(self, quantity: int) -> bool:
        return all(
            self.simulator.available(domain, item, self.places[domain]) == quantity
            for domain in self.domains[1:]
            for item in self.items[domain]
        )

    def _wait(self, is_so: object, words: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_WAIT
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Still not so after {SECONDS_TO_WAIT} s: {words}.")
            time.sleep(0.2)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--destinations", type=int, default=4, help="how many stores follow (default 4)")
    parser.add_argument("--items", type=int, default=50, help="items in each store, all of which change (default 50)")
    parser.add_argument("--milliseconds", type=int, default=200, help="how long an answer takes (default 200)")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4], help="worker processes (default 1 2 4)")
    options = parser.parse_args()
    rows: list[list[object]] = []
    fan = Fan(options.destinations, options.items, options.milliseconds / 1000)
    try:
        with fan.stage:
            fan.install()
            for number, processes in enumerate(options.processes):
                writes, seconds, mutations = fan.carry(processes, 90 - number)
                first = rows[0][4] if rows else writes / seconds
                floor = options.destinations * math.ceil(options.items / BATCH_ROWS)
                cells = [writes, seconds, writes / seconds, ratio(writes / seconds, first), mutations, floor]
                rows.append([processes, options.destinations, *cells])
    finally:
        fan.simulator.stop()
    words = f"(e) More worker processes, {options.destinations} destinations, answers after {options.milliseconds} ms"
    print_table(words, HEADER, rows)


if __name__ == "__main__":
    main()
