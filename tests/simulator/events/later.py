"""What happens by itself at a moment of the clock: jobs and operations end (row 30), reservations run out."""

from __future__ import annotations

import heapq
import itertools
import threading
import uuid
from collections.abc import Callable

from tests.simulator.state.catalogue import Job
from tests.simulator.state.clock import Clock
from tests.simulator.state.shop import Shop

LONGEST_NAP_SECONDS = 0.25


class Later:
    """Work that is due at a moment of the clock, done under its shop's lock.

    When: as soon as the clock is advanced past it; before any request of its shop; else by a thread that watches.
    """

    def __init__(self, clock: Clock, shops: dict[str, Shop]):
        self.clock = clock
        self._shops = shops
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        clock.on_advance(self.catch_up_everywhere)

    def schedule(self, shop: Shop, act: Callable[[], None], seconds: float | None = None) -> None:
        """At once when there is no delay; the shop's lock is held. `seconds`: the shop's job_seconds."""
        seconds = shop.knobs.job_seconds if seconds is None else seconds
        if seconds <= 0:
            act()
            return
        heapq.heappush(shop.later, (self.clock.seconds() + seconds, next(self._numbers), act))
        self._watch_from_now_on()

    def job(self, shop: Shop, act: Callable[[], None]) -> dict:
        """A job as the answer of a mutation shows it: not done yet, however fast it is (row 30)."""
        job = Job(new_job_id(shop))
        shop.jobs[job.id] = job

        def run() -> None:
            if shop.knobs.job_error is None:
                act()
            job.done = True

        self.schedule(shop, run)
        return {"id": f"gid://shopify/Job/{job.id}", "done": False}

    def catch_up(self, shop: Shop) -> None:
        """Does what is due. Nothing after stop()."""
        while shop.later and not self._stopped.is_set():
            with shop.lock:
                if not shop.later or shop.later[0][0] > self.clock.seconds():
                    return
                heapq.heappop(shop.later)[2]()

    def catch_up_everywhere(self) -> None:
        for shop in list(self._shops.values()):
            self.catch_up(shop)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _watch_from_now_on(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped.is_set() and not self.clock.is_frozen:
                self._thread = threading.Thread(target=self._watch, name="later", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(LONGEST_NAP_SECONDS):
            self.catch_up_everywhere()


def new_job_id(shop: Shop) -> str:
    """A UUID: jobs are the one kind of thing whose gid has no number."""
    return str(uuid.UUID(int=shop.random.getrandbits(128), version=4))
