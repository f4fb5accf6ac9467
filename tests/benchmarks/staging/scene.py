"""Two simulated stores that sell the same goods, and the product, installed on a stage, that keeps them in step.

The simulator lives in the benchmark's own process, which does nothing else: its processor time is the simulator's.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import psutil

from tests.benchmarks.staging.stage import Stage, tree_seconds
from tests.simulator import Simulator
from tests.simulator.state.shop import CLIENT_SECRET, Shop

SOURCE, NORTH = "source-store.myshopify.com", "north-store.myshopify.com"
PLACE = "Warehouse"
QUANTITY = 100
OURS = "api:tiposync"  # the cause of what the product writes, as the simulator books it
STANDARD_RATE = 100.0  # points that a Standard store's bucket gets back each second (shopify.md 2.3)
WRITES_PER_SECOND = 2_500  # 100 points a second, 10 for a mutation of 250 rows
BATCH_ROWS = 250
# A first alignment reads each pair live, 250 for 36 points of each store: of more than this it is not waited for, but
# put into the rows, once both stores were read, matched and wired.
MOST_ALIGNED = 200_000
IN_STEP = (
    "UPDATE syncing_stocklevel SET available = %(units)s, as_of = now() - interval '1 hour', is_active = true,"
    " is_doubtful = false WHERE available IS NULL",
    "UPDATE syncing_stocklink SET source_baseline = %(units)s, destination_baseline = %(units)s, state = 'in_step',"
    " settled_sequence = dirty_sequence WHERE state = 'new'",
)


class Scene:
    """`variants` items at one location of each store; `items[domain][n]` is the item id of number n in that store.

    `first` is what it took from connecting the stores until all was in step (of more than MOST_ALIGNED: until all was
    read, matched and wired): seconds, processor seconds of workers, database and simulator, and points.
    """

    def __init__(self, variants: int, strategy: str, **environment: str) -> None:
        self.simulator = Simulator()
        self.variants = variants
        self.strategy = strategy
        self.items: dict[str, list[int]] = {}
        self.places: dict[str, int] = {}
        self.first: list[float] = []
        for domain in (SOURCE, NORTH):
            self._stock(self.simulator.add_shop(domain))
        url = self.simulator.serve()
        self.stage = Stage(SHOPIFY_BASE_URL=url + "/{domain}", **environment)

    def _stock(self, shop: Shop) -> None:
        at = self.simulator.clock.whole_seconds() - 3600
        place = shop.add_location(PLACE, at=at, is_primary=True).id
        self.places[shop.domain] = place
        self.items[shop.domain] = [
            shop.add_variant(
                shop.add_product(f"Item {n}", at=at), at=at, sku=f"SKU-{n:06d}", stock={place: QUANTITY}
            ).item_id
            for n in range(self.variants)
        ]

    def __enter__(self) -> "Scene":
        try:
            self.stage.__enter__()
        except BaseException:
            self.simulator.stop()
            raise
        try:
            self._connect()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stage.__exit__(kind, error, trace)
        self.simulator.stop()

    def _connect(self) -> None:
        """Install the product as an operator would, with Shopify's limit out of the way, and let both stores align."""
        self.set_restore_rate(1e6)
        self.stage.start_web()
        for domain, role in ((SOURCE, "source"), (NORTH, "destination")):
            credentials = ("--client-id", "tiposync", "--client-secret", CLIENT_SECRET)
            self.stage.run("manage.py", "add_store", domain, "--role", role, *credentials)
        self.worker = self.stage.start_worker()
        shopify, before, began = Shopify(self), self._seconds(), time.monotonic()
        self.stage.run(
            "manage.py", "connect_stores", SOURCE, NORTH, "--strategy", self.strategy, "--map-by-name", "--start"
        )
        is_large = self.variants > MOST_ALIGNED
        self.wait_for(
            "all wired, or aligned", self._is_wired if is_large else self._is_aligned, 60 + self.variants / 50
        )
        spent = [after - start for after, start in zip(self._seconds(), before, strict=True)]
        self.first = [time.monotonic() - began, *spent, shopify.cpu_seconds(), shopify.count("points")]
        for statement in IN_STEP if is_large else ():
            self.stage.query(statement, {"units": QUANTITY})
        # All was read a moment ago: the hourly comparison need not come in the middle of a measurement.
        self.stage.query("UPDATE stores_connection SET reconciled_at = now()")
        self.wait_until_settled()
        self.set_restore_rate(STANDARD_RATE)

    def _seconds(self) -> list[float]:
        """Processor seconds so far of workers and of the database."""
        return [tree_seconds(psutil.Process(pid)) for pid in (self.worker.pid, self.stage.postmaster_pid())]

    def stop_workers(self) -> None:
        """From now on only a carrier carries."""
        self.stage.stop(self.worker)

    def _is_aligned(self) -> bool:
        rows = self.stage.query("SELECT count(*) FROM syncing_stocklink WHERE state = 'in_step'")
        time.sleep(self.variants / 500_000)  # counting must not be what takes the database's time
        return rows[0][0] == self.variants

    def _is_wired(self) -> bool:
        time.sleep(1)
        return bool(self.stage.query("SELECT 1 FROM stores_connection WHERE state = 'running'"))

    def set_restore_rate(self, points: float) -> None:
        """What each store gives per second; with more than the standard rate its bucket is as much bigger."""
        for shop in self.simulator.shops.values():
            shop.knobs.restore_rate = points
            shop.knobs.bucket_size = 20 * points

    def wait_for(self, words: str, is_so: Any, seconds: float) -> None:
        """Ask again and again whether it is so; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"After {seconds:.0f} s still not: {words}. {self._standing()}")
            time.sleep(0.05)

    def _standing(self) -> str:
        links = self.stage.query("SELECT state, reason, count(*) FROM syncing_stocklink GROUP BY 1, 2")
        jobs = self.stage.query("SELECT kind, state, message FROM syncing_syncjob LIMIT 5")
        return f"Links: {links}; jobs: {jobs}"

    def wait_until_settled(self, seconds: float = 0) -> None:
        """Until no webhook is under way or waits, no link is dirty and no job is due. At most so long; 0: by size."""
        seconds = seconds or 60 + self.variants / 1000
        self.wait_for("webhooks delivered", lambda: self.simulator.courier.wait_idle(0.5), seconds)
        self.wait_for("nothing waits", lambda: self.stage.query(_SETTLED)[0][0], seconds)

    def item_numbers(self, domain: str) -> dict[int, int]:
        """Item id of a store: its number."""
        return {item: number for number, item in enumerate(self.items[domain])}

    def add(self, domain: str, number: int, delta: int) -> float:
        """Somebody changes a quantity by hand; the simulator's clock."""
        self.simulator.adjust(domain, self.items[domain][number], self.places[domain], delta)
        return self.simulator.shops[domain].changes[-1].at

    def set_all(self, domain: str, numbers: Sequence[int], quantity: int) -> None:
        """Set many at once: each a change of its own, with webhooks of its own."""
        place = self.places[domain]
        self.simulator.set_many(domain, [(self.items[domain][number], place, quantity) for number in numbers])

    def differing(self) -> int:
        """Numbers whose quantity is not the same in both stores."""
        stock = [self.quantities(domain) for domain in (SOURCE, NORTH)]
        return sum(mine != other for mine, other in zip(*stock, strict=True))

    def quantities(self, domain: str) -> list[int]:
        """Available quantities by number."""
        levels, place = self.simulator.shops[domain].levels, self.places[domain]
        return [levels[item, place].available for item in self.items[domain]]

    def stop_webhooks(self) -> None:
        """From now on nothing is told."""
        for shop in self.simulator.shops.values():
            shop.subscriptions.clear()


_SETTLED = """
    SELECT NOT EXISTS (SELECT 1 FROM syncing_webhookevent WHERE state = 'new')
       AND NOT EXISTS (SELECT 1 FROM syncing_stocklink WHERE dirty_sequence > settled_sequence)
       AND NOT EXISTS (SELECT 1 FROM syncing_stockbatch WHERE state = 'pending')
       AND NOT EXISTS (SELECT 1 FROM syncing_syncjob WHERE state IN ('queued', 'running'))
"""


class Shopify:
    """What the simulated stores did and took since this was made."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.cpu = time.process_time()
        scene.simulator.reset_counters()

    def operations(self, words: str) -> int:
        """Executed calls of root fields whose name contains `words`."""
        return sum(
            count
            for shop in self.scene.simulator.shops.values()
            for name, count in shop.counters.operations.items()
            if words in name
        )

    def count(self, name: str) -> float:
        """Sum of a counter over the stores: requests, throttled, points, own_seconds."""
        return sum(getattr(shop.counters, name) for shop in self.scene.simulator.shops.values())

    def cpu_seconds(self) -> float:
        """Processor time of the simulator: answers, and webhooks."""
        return time.process_time() - self.cpu
