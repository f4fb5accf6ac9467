"""A deadline for the whole of a request's body: whoever sends it drop by drop would hold a thread for hours."""

import contextlib
import socket
import time
from collections.abc import Callable
from threading import Timer


class TimedBody:
    """A body that is read to its end within so many seconds of its first read, or not at all.

    One read waits for many bytes, so a limit for each of them limits nothing: a timer closes the sender's half of the
    connection, which ends the read. The answer still goes out.
    """

    def __init__(self, body: "TimedBody", connection: socket.socket, seconds: float) -> None:
        self._body, self._connection, self._seconds = body, connection, seconds
        self._until: float | None = None
        self._is_late = False

    def read(self, *size: int) -> bytes:
        """As a file's. Raises TimeoutError."""
        return self._in_time(self._body.read, *size)

    def readline(self, *size: int) -> bytes:
        """As a file's. Raises TimeoutError."""
        return self._in_time(self._body.readline, *size)

    def _in_time(self, read: Callable[..., bytes], *size: int) -> bytes:
        self._until = self._until or time.monotonic() + self._seconds
        timer = Timer(max(0.0, self._until - time.monotonic()), self._end)
        timer.daemon = True
        timer.start()
        try:
            found = read(*size)
        finally:
            timer.cancel()
        if self._is_late:
            raise TimeoutError(f"the body did not arrive within {self._seconds} seconds")
        return found

    def _end(self) -> None:
        self._is_late = True
        with contextlib.suppress(OSError):  # it is gone already
            self._connection.shutdown(socket.SHUT_RD)
