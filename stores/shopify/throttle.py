"""The cost bucket of one app in one store: pure arithmetic, no sleeping, and a copy of it for one process; its gate.

Shopify restores points at a steady rate up to a maximum and takes the requested cost before it executes a document
(https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits). Sizes and rates differ per plan and may be lowered
for a while, so every answer's throttleStatus replaces what is believed here.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

# Shares left to people and other jobs that use the same app (shopify.md 2.3).
KEEP_SHARE = 0.1
# Believed until the first answer tells better: the smallest pair reported by developers (shopify.md 2.1).
FIRST_MAXIMUM_POINTS = 1000.0
FIRST_POINTS_PER_SECOND = 50.0


@dataclass(frozen=True)
class BucketState:
    """Points: at most `maximum`, `available` at the instant `at` (epoch seconds), `restore_rate` points per second.

    `available` may be below zero: reservations that have been promised and must wait for restored points.
    """

    maximum: float
    available: float
    restore_rate: float
    at: float


def first_state(now: float) -> BucketState:
    """What to believe about a store that has not answered yet."""
    return BucketState(FIRST_MAXIMUM_POINTS, FIRST_MAXIMUM_POINTS, FIRST_POINTS_PER_SECOND, now)


def available_at(state: BucketState, now: float) -> float:
    """Points at `now`. A clock that went backwards restores nothing."""
    elapsed = max(0.0, now - state.at)
    return min(state.maximum, state.available + elapsed * state.restore_rate)


def reserve(state: BucketState, cost: float, now: float, keep: float = KEEP_SHARE) -> tuple[BucketState, float]:
    """Take `cost` points and say how many seconds to wait before sending, leaving the share `keep` untouched.

    The points are taken at once, below zero if need be, so that callers who come at the same time queue up behind each
    other instead of all waiting for the same points. A cost that never fits above the kept share may use it.
    """
    available = available_at(state, now)
    floor = min(keep * state.maximum, state.maximum - cost)
    left = available - cost
    wait = max(0.0, (floor - left) / state.restore_rate) if state.restore_rate > 0 else 0.0
    return replace(state, available=left, at=max(now, state.at)), wait


def observe(
    state: BucketState, throttle_status: Mapping[str, Any] | None, now: float, in_flight: float = 0.0
) -> BucketState:
    """Believe Shopify's `throttleStatus`; `in_flight` points are reserved by requests it has not counted yet.

    A missing or unusable status leaves the state as it is. Numbers may be floats (shopify.md 2.1).
    """
    numbers = _numbers(throttle_status)
    if numbers is None:
        return state
    maximum, available, restore_rate = numbers
    return BucketState(maximum, available - in_flight, restore_rate, max(now, state.at))


def give_back(state: BucketState, points: float, now: float) -> BucketState:
    """Return points that were reserved and not spent."""
    return replace(state, available=min(state.maximum, available_at(state, now) + points), at=max(now, state.at))


def seconds_until(throttle_status: Mapping[str, Any] | None, cost: float) -> float | None:
    """Seconds until a refused `cost` fits, by Shopify's own numbers; None when it gave none."""
    numbers = _numbers(throttle_status)
    if numbers is None:
        return None
    _, available, restore_rate = numbers
    return max(0.0, (cost - available) / restore_rate)


def _numbers(throttle_status: Mapping[str, Any] | None) -> tuple[float, float, float] | None:
    if throttle_status is None:
        return None
    try:
        maximum = float(throttle_status["maximumAvailable"])
        available = float(throttle_status["currentlyAvailable"])
        restore_rate = float(throttle_status["restoreRate"])
    except (KeyError, TypeError, ValueError):
        return None
    if maximum <= 0 or restore_rate <= 0:
        return None
    return maximum, available, restore_rate


class Bucket(Protocol):
    """Where the workers of one store agree on its points. Each `acquire` is followed by exactly one `report`."""

    def acquire(self, cost: float) -> float:
        """Reserve `cost` points; returns the seconds to wait before sending. Never sleeps."""
        ...

    def report(self, throttle_status: Mapping[str, Any] | None, requested: float, actual: float | None) -> None:
        """The request ended. `requested` is what `acquire` was asked for; `actual` what Shopify charged.

        `actual` is 0 for a request that was not executed and None when nobody knows (then assume it was spent).
        """
        ...


class LocalBucket:
    """A Bucket for one process, safe for its threads. `clock` gives epoch seconds."""

    def __init__(
        self, state: BucketState | None = None, clock: Callable[[], float] = time.time, keep: float = KEEP_SHARE
    ) -> None:
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._in_flight = 0.0
        self._state = state or first_state(clock())

    @property
    def state(self) -> BucketState:
        """What is believed now."""
        return self._state

    def acquire(self, cost: float) -> float:
        """See Bucket.acquire."""
        with self._lock:
            self._state, wait = reserve(self._state, cost, self._clock(), self._keep)
            self._in_flight += cost
            return wait

    def report(self, throttle_status: Mapping[str, Any] | None, requested: float, actual: float | None) -> None:
        """See Bucket.report."""
        with self._lock:
            now = self._clock()
            self._in_flight = max(0.0, self._in_flight - requested)
            believed = observe(self._state, throttle_status, now, self._in_flight)
            if believed is self._state and actual is not None:
                believed = give_back(self._state, requested - actual, now)
            self._state = believed


@dataclass(frozen=True, slots=True)
class Spent:
    """How a request ended, as Bucket.report is told it."""

    throttle_status: Mapping[str, Any] | None
    requested: float
    actual: float | None


class Gate:
    """One that anybody may pass. Each `enter` that does not raise is followed by exactly one `leave`.

    A store's points are taken and given back through it: a gate that knows where they are kept asks for both at once.
    """

    def check(self, is_write: bool, bucket: Bucket) -> float:
        """Raises StoreRests where `enter` would; else the seconds until there are points. Takes none."""
        return bucket.acquire(0)

    def enter(self, is_write: bool, bucket: Bucket, cost: float) -> tuple[bool, float]:
        """Before a call: whether the store was in trouble lately (then ask it once), and seconds to wait for points.

        Raises StoreRests, and has taken no points then.
        """
        return False, bucket.acquire(cost)

    def leave(
        self, is_write: bool, seconds: float, error: BaseException | None, bucket: Bucket, spent: Spent | None
    ) -> None:
        """The call ended: how long it held its worker for the store's sake, and the error, if it ended with one.

        `spent`: its last request, if the bucket has not been told of that yet.
        """
        if spent:
            bucket.report(spent.throttle_status, spent.requested, spent.actual)
