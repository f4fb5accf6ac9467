"""The queue's broker in Redis, where BROKER_URL names one. A wake-up that is lost costs time, never work.

Redis knows nothing of our transactions, so a wake-up leaves after the commit. One that does not arrive (Redis away,
restarted, full; a worker killed with it in hand) is made good by the sweep, since the rows say what is due. While Redis
is away each cluster sweeps by itself, twice a minute and oftener. Schedules stand in PostgreSQL either way.
"""

import contextlib
import functools
import logging
import os
import time

import redis
from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django_q.brokers import Broker
from redis.backoff import NoBackoff
from redis.retry import Retry

from syncing import pulse

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1  # a pusher waits this long for a wake-up; also how late it hears of a stop
PATIENCE_SECONDS = 1  # whoever rings waits no longer: Shopify gives a webhook 5 seconds in all
PAUSE_SECONDS = 5  # after a failure nothing is tried for so long: not every request waits for a dead Redis
# The last two: options of the address that the client does not know.
FAILURES = (redis.RedisError, OSError, TypeError, ValueError)
MOST_WAITING = 1000  # wake-ups are all alike; without workers no more than this many pile up


class Line:
    """What this process knows of the way to Redis. Instants on the monotonic clock."""

    def __init__(self) -> None:
        self.closed_until = 0.0
        self.is_away = False

    def fail(self, error: Exception) -> None:
        """Redis did not answer, or not well: said once, noted for /readyz and the alerts each time."""
        self.closed_until = time.monotonic() + PAUSE_SECONDS
        if not self.is_away:
            logger.error("Redis cannot be used, work starts late, with the next sweep: %s", error)
        self.is_away = True
        with contextlib.suppress(DatabaseError):
            pulse.beat(pulse.REDIS_AWAY)

    def succeed(self) -> None:
        """Redis answered."""
        if self.is_away:
            logger.warning("Redis can be used again.")
        self.is_away = False


line = Line()


@functools.cache
def _client(url: str, process_id: int, answer_seconds: float) -> redis.Redis:
    # One for each process and purpose, with its pool of connections; the queue would open a new one for each wake-up.
    return redis.Redis.from_url(
        url,
        protocol=2,  # spoken by every Redis and Valkey
        socket_connect_timeout=PATIENCE_SECONDS,
        socket_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 1),  # at once, for a connection that Redis closed meanwhile
    )


class RedisBroker(pulse.Pulsed, Broker):
    """Wake-ups wait in a list; whoever takes one has it alone, and nothing is acknowledged."""

    def enqueue(self, task: str) -> None:
        """Send a signed package after the commit of the transaction at hand, at once outside of one. Never fails."""
        transaction.on_commit(lambda: self._push(task))

    def _push(self, task: str) -> None:
        if time.monotonic() < line.closed_until:
            return
        try:
            with self._redis(PATIENCE_SECONDS).pipeline(transaction=False) as together:
                together.rpush(self._list, task).ltrim(self._list, -MOST_WAITING, -1).execute()
        except FAILURES as error:
            line.fail(error)
        else:
            line.succeed()

    def dequeue(self) -> pulse.WakeUps | None:
        """The next wake-up; None when none came for a second."""
        if beat := self.pulse(is_sweep=line.is_away):
            return beat
        try:
            taken = self._redis(WAIT_SECONDS + PATIENCE_SECONDS).blpop([self._list], WAIT_SECONDS)
        except FAILURES as error:
            close_old_connections()  # this process asks the database for nothing else
            line.fail(error)
            time.sleep(WAIT_SECONDS)
            return None
        line.succeed()
        return [(None, taken[1])] if taken else None

    def ping(self) -> bool:
        """Whether Redis answers. The cluster starts either way."""
        try:
            return bool(self._redis(PATIENCE_SECONDS).ping())
        except FAILURES:
            return False

    def queue_size(self) -> int:
        """How many wake-ups wait. Raises redis.RedisError."""
        return self._redis(PATIENCE_SECONDS).llen(self._list)

    @property
    def _list(self) -> str:
        return f"{self.list_key}:wake-ups"

    def _redis(self, answer_seconds: float) -> redis.Redis:
        return _client(settings.BROKER_URL, os.getpid(), answer_seconds)
