"""A deadline for the whole of a request's body: whoever sends it drop by drop would hold a thread for hours."""

import contextlib
import socket
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

POLL_SECONDS = 0.25  # how much later than its deadline a body may be cut off


class TimedBody:
    """A body that is read to its end within so many seconds of its first read, or not at all.

    One read waits for many bytes, so a limit for each of them limits nothing: at the deadline the sender's half of the
    connection is closed, which ends the read. The answer still goes out.
    """

    def __init__(self, body: "TimedBody", connection: socket.socket, seconds: float) -> None:
        self._body, self._connection, self._seconds = body, connection, seconds
        self.until: float | None = None  # on the monotonic clock
        self._is_late = False

    def read(self, *size: int) -> bytes:
        """As a file's. Raises TimeoutError."""
        return self._in_time(self._body.read, *size)

    def readline(self, *size: int) -> bytes:
        """As a file's. Raises TimeoutError."""
        return self._in_time(self._body.readline, *size)

    def _in_time(self, read: Callable[..., bytes], *size: int) -> bytes:
        self.until = self.until or time.monotonic() + self._seconds
        _watch.add(self)
        try:
            found = read(*size)
        finally:
            _watch.remove(self)
        if self._is_late:
            raise TimeoutError(f"the body did not arrive within {self._seconds} seconds")
        return found

    def end(self) -> None:
        """Have it end here: what reads it now raises TimeoutError."""
        self._is_late = True
        with contextlib.suppress(OSError):  # it is gone already
            self._connection.shutdown(socket.SHUT_RD)


class _Watch:
    """One thread of the process looks after all bodies that are being read: a timer for each cost more than the read.

    It sleeps while there are none.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._bodies: set[TimedBody] = set()
        self._has_some = Event()
        self._thread: Thread | None = None

    def add(self, body: TimedBody) -> None:
        with self._lock:
            self._bodies.add(body)
            if not self._has_some.is_set():
                self._has_some.set()
            if self._thread is None or not self._thread.is_alive():  # the first; or the process is a fork
                self._thread = Thread(target=self._run, name="bodies", daemon=True)
                self._thread.start()

    def remove(self, body: TimedBody) -> None:
        with self._lock:
            self._bodies.discard(body)

    def _run(self) -> None:
        while True:
            self._has_some.wait()
            time.sleep(POLL_SECONDS)
            now = time.monotonic()
            with self._lock:
                for body in [body for body in self._bodies if body.until and body.until <= now]:
                    body.end()
                    self._bodies.discard(body)
                if not self._bodies:
                    self._has_some.clear()


_watch = _Watch()
