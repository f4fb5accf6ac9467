"""What many threads of a process ask for, and one call does for all of them that asked before it began."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock


class Paced:
    """Where threads are in company, calls of one thing begin so many seconds apart, each for all that asked before.

    The first call after a pause begins at once. Of those that ask within the pace one waits for its end and calls; the
    others go on without waiting. So each call begins after all that it is for, and none is left out; but where a call
    fails, only the thread that makes it is told: this is for what a sweep would find to be due, too. Who is alone
    waits for nobody.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._present_count = 0  # threads in company
        self._begun_at: dict[Hashable, float] = {}  # by key, on the monotonic clock
        self._awaited: set[Hashable] = set()  # keys whose next call a thread has in hand, and has not begun

    @contextmanager
    def company(self) -> Iterator[None]:
        """While a thread does something after which it will ask."""
        with self._lock:
            self._present_count += 1
        try:
            yield
        finally:
            with self._lock:
                self._present_count -= 1

    def run(self, key: Hashable, call: Callable[[], None]) -> None:
        """Have `call` begin after now, in this thread or in the one that has it in hand. Raises what it raises here."""
        with self._lock:
            if key in self._awaited:
                return
            self._awaited.add(key)
            due_at = self._begun_at.get(key, 0.0) + self._seconds if self._present_count > 1 else 0.0
        try:
            if (rest := due_at - time.monotonic()) > 0:
                time.sleep(rest)
        finally:
            with self._lock:
                self._awaited.discard(key)
                self._begun_at[key] = time.monotonic()
        call()
