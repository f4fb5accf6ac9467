"""Delivers webhooks over HTTP with a few threads: 1 s to connect, 5 s in all, retries on the simulator's clock."""

from __future__ import annotations

import heapq
import http.client
import itertools
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from tests.simulator.state.clock import Clock
from tests.simulator.wire.webhooks import RETRY_GAPS, Delivery

CONNECT_SECONDS = 1.0
TOTAL_SECONDS = 5.0
LONGEST_NAP_SECONDS = 0.5


class Courier:
    """A queue ordered by due time, and `workers` threads that keep their connections open."""

    def __init__(self, clock: Clock, workers: int = 8):
        self.clock = clock
        self._queue: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._busy = 0
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._workers = workers
        self._lines = threading.local()  # open connections of each thread
        clock.on_advance(self._wake)

    def take(self, deliveries: list[Delivery]) -> None:
        if not deliveries:
            return
        with self._changed:
            self._start()
            for delivery in deliveries:
                self._push(delivery)
            self._changed.notify(min(len(deliveries), self._workers))

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=TOTAL_SECONDS + 1)

    def pending(self) -> list[Delivery]:
        with self._changed:
            return [delivery for _, _, delivery in sorted(self._queue, key=lambda entry: entry[:2])]

    def wait_idle(self, timeout: float = 10.0) -> bool:
        """Until nothing is due and nothing is on the wire; False when that took longer (real seconds)."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self._changed:
                due = self._queue and self._queue[0][0] <= self.clock.seconds()
                if not due and not self._busy:
                    return True
            time.sleep(0.005)
        return False

    def _start(self) -> None:
        while len(self._threads) < self._workers and not self._stopped:
            thread = threading.Thread(target=self._work, name=f"courier-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _push(self, delivery: Delivery) -> None:
        at = delivery.due_at if delivery.body is not None else delivery.serialise_at
        heapq.heappush(self._queue, (at, next(self._order), delivery))

    def _work(self) -> None:
        while True:
            delivery = self._next()
            if delivery is None:
                return
            try:
                self._handle(delivery)
            finally:
                with self._changed:
                    self._busy -= 1

    def _next(self) -> Delivery | None:
        with self._changed:
            while not self._stopped:
                now = self.clock.seconds()
                if self._queue and self._queue[0][0] <= now:
                    self._busy += 1
                    return self._pick(now)
                nap = LONGEST_NAP_SECONDS
                if self._queue:
                    nap = min(nap, max(0.001, self._queue[0][0] - now))
                self._changed.wait(nap)
            return None

    def _pick(self, now: float) -> Delivery:
        """The next one; with a shuffle window any of the next ones that are due (row 38)."""
        entry = heapq.heappop(self._queue)
        shop = entry[2].shop
        window = shop.knobs.shuffle_window
        if window < 2:
            return entry[2]
        drawn = [entry]
        while len(drawn) < window and self._queue and self._queue[0][0] <= now:
            drawn.append(heapq.heappop(self._queue))
        chosen = drawn.pop(shop.random.randrange(len(drawn)))
        for other in drawn:
            heapq.heappush(self._queue, other)
        return chosen[2]

    def _handle(self, delivery: Delivery) -> None:
        if delivery.body is None:
            if not delivery.build():
                return
            delivery.due_at = self.clock.seconds() + delivery.deliver_after
        if delivery.due_at > self.clock.seconds():
            with self._changed:
                self._push(delivery)
            return
        self.attempt(delivery)
        if delivery.state == "pending":
            with self._changed:
                self._push(delivery)

    def attempt(self, delivery: Delivery) -> None:
        """Sends it once. Afterwards its state is delivered, abandoned, or pending with a later due_at."""
        if not delivery.build():
            return
        shop, started = delivery.shop, time.monotonic()
        delivery.attempts += 1
        status = self._send(delivery)
        delivery.last_status = status
        good = isinstance(status, int) and 200 <= status < 300
        with shop.lock:
            shop.counters.webhooks[delivery.topic] += 1
            shop.counters.deliveries["delivered" if good else "failed"] += 1
            if good:
                delivery.state = "delivered"
            else:
                self._after_failure(delivery)
            shop.webhook_log.append(
                {
                    "at": self.clock.now().isoformat(),
                    "topic": delivery.topic,
                    "subject": list(delivery.subject),
                    "webhook_id": delivery.webhook_id,
                    "uri": delivery.uri,
                    "attempt": delivery.attempts,
                    "status": status,
                    "state": delivery.state,
                    "duplicate": delivery.duplicate,
                    "milliseconds": round((time.monotonic() - started) * 1000, 2),
                }
            )

    def _after_failure(self, delivery: Delivery) -> None:
        """8 retries over 4 hours; then the shop-specific subscription is deleted (shopify.md 4.1)."""
        if delivery.attempts <= len(RETRY_GAPS):
            delivery.due_at = self.clock.seconds() + RETRY_GAPS[delivery.attempts - 1]
            return
        delivery.state = "abandoned"
        delivery.shop.counters.deliveries["abandoned"] += 1
        delivery.shop.subscriptions.pop(delivery.subscription.id, None)

    # The wire

    def _send(self, delivery: Delivery) -> int | str:
        """The HTTP status, or what went wrong."""
        address = urlsplit(delivery.uri)
        path = address.path or "/"
        if address.query:
            path += f"?{address.query}"
        headers = delivery.headers()
        place = (address.scheme, address.hostname or "", address.port)
        started = time.monotonic()
        for fresh in (False, True):
            reused = not fresh and place in self._open()
            try:
                line = self._line(place, fresh)
                status, closing = _exchange(line, path, delivery.body, headers, started)
                if closing:
                    self._hang_up(place)
            except (OSError, http.client.HTTPException) as problem:
                self._hang_up(place)
                if reused:  # an idle connection that the receiver had closed: that is no failed try
                    continue
                return type(problem).__name__
            return status if time.monotonic() - started <= TOTAL_SECONDS else "timeout"
        return "unreachable"

    def _open(self) -> dict:
        if not hasattr(self._lines, "open"):
            self._lines.open = {}
        return self._lines.open

    def _line(self, place: tuple, fresh: bool) -> http.client.HTTPConnection:
        if not fresh and place in self._open():
            return self._open()[place]
        scheme, host, port = place
        if scheme == "https":
            line = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        else:
            line = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        line.connect()
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open()[place] = line
        return line

    def _hang_up(self, place: tuple) -> None:
        line = self._open().pop(place, None)
        if line is not None:
            line.close()


def _exchange(line: http.client.HTTPConnection, path: str, body, headers, started: float) -> tuple[int, bool]:
    """(status, whether the receiver closes the connection)."""
    line.sock.settimeout(max(0.01, TOTAL_SECONDS - (time.monotonic() - started)))
    line.request("POST", path, body=body, headers=headers)
    answer = line.getresponse()
    answer.read()
    return answer.status, answer.will_close
