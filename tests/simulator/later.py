"""What Shopify does later: jobs, product operations (row 30). Done when the clock has got there and somebody looks."""

from __future__ import annotations

import heapq
import itertools
import threading
import uuid
from collections.abc import Callable

from .catalog_state import Job
from .clock import Clock
from .state import Shop


class Later:
    """Work that is due at a moment of the simulator's clock; every request of a shop first does what is due there."""

    def __init__(self, clock: Clock, shops: dict[str, Shop]):
        self.clock = clock
        self._shops = shops
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        clock.on_advance(self.catch_up_everywhere)

    def schedule(self, shop: Shop, act: Callable[[], None], seconds: float | None = None) -> None:
        """At once when there is no delay; the shop's lock is held. `seconds`: the shop's job_seconds."""
        seconds = shop.knobs.job_seconds if seconds is None else seconds
        if seconds <= 0:
            act()
            return
        heapq.heappush(shop.catalog.later, (self.clock.seconds() + seconds, next(self._numbers), act))
        if not self.clock.is_frozen:
            timer = threading.Timer(seconds + 0.01, self.catch_up, [shop])
            timer.daemon = True
            timer.start()

    def job(self, shop: Shop, act: Callable[[], None]) -> dict:
        """A job as the answer of a mutation shows it: not done yet, however fast it is (row 30)."""
        job = Job(str(uuid.UUID(int=shop.random.getrandbits(128), version=4)))
        shop.catalog.jobs[job.id] = job

        def run() -> None:
            if not shop.knobs.job_fails:
                act()
            job.done = True

        self.schedule(shop, run)
        return {"id": f"gid://shopify/Job/{job.id}", "done": False}

    def catch_up(self, shop: Shop) -> None:
        """Does what is due. Nothing after stop()."""
        while shop.catalog.later and not self._stopped.is_set():
            with shop.lock:
                waiting = shop.catalog.later
                if not waiting or waiting[0][0] > self.clock.seconds():
                    return
                heapq.heappop(waiting)[2]()

    def catch_up_everywhere(self) -> None:
        for shop in list(self._shops.values()):
            self.catch_up(shop)

    def stop(self) -> None:
        self._stopped.set()
