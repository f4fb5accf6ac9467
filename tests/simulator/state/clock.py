"""The simulator's clock: the wall clock plus what tests have advanced it by, or frozen altogether."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """`frozen_at` (seconds since 1970) stops it: then only `advance` moves it."""

    def __init__(self, frozen_at: float | None = None):
        self._frozen_at = frozen_at
        self._offset = 0.0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_frozen(self) -> bool:
        return self._frozen_at is not None

    def seconds(self) -> float:
        base = time.time() if self._frozen_at is None else self._frozen_at
        return base + self._offset

    def whole_seconds(self) -> int:
        """What goes on the wire: Shopify's timestamps have a granularity of one second (row 36)."""
        return int(self.seconds())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward and wakes whoever waits for a moment (webhook retries, bulk operations)."""
        if seconds < 0:
            raise ValueError("a clock only moves forward")
        with self._lock:
            self._offset += seconds
        for listener in list(self._listeners):
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)


def iso_utc(seconds: float) -> str:
    """GraphQL's DateTime: 2026-11-21T04:13:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def iso_offset(seconds: float) -> str:
    """The form of webhook bodies: an offset in place of the Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def iso_nanoseconds(seconds: float) -> str:
    """X-Shopify-Triggered-At carries nanoseconds (shopify.md 4.4)."""
    fraction = int((seconds % 1) * 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction:09d}Z"
