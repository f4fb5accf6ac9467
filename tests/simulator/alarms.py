"""What happens by itself at a moment of the simulator's clock: jobs end, reservations of drafts run out."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from .clock import Clock

LONGEST_NAP_SECONDS = 0.25


class Alarms:
    """Calls at their time: at once when the clock is advanced past it, else by one thread that watches the clock."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        clock.on_advance(self.ring)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """`seconds` since 1970. A moment that is past rings with the next look at the clock."""
        with self._changed:
            heapq.heappush(self._waiting, (seconds, next(self._order), action))
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._watch, name="alarms", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def ring(self) -> None:
        """Runs everything that is due, oldest first, in this thread."""
        while True:
            with self._changed:
                if not self._waiting or self._waiting[0][0] > self.clock.seconds():
                    return
                action = heapq.heappop(self._waiting)[2]
            action()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _watch(self) -> None:
        while not self._stopped:
            with self._changed:
                left = self._waiting[0][0] - self.clock.seconds() if self._waiting else LONGEST_NAP_SECONDS
                if left > 0:
                    self._changed.wait(min(left, LONGEST_NAP_SECONDS))
            if not self._stopped:
                self.ring()
