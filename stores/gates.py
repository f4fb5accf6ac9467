"""The gate before each store: one in trouble is asked by one worker at a time, and rests in between.

A call to a store that is down, slow or throttled takes its worker with it, for half a minute and more. Workers are
few, stores may be many: a single store in trouble would hold them all. So each call passes this gate:

- While a store is well, any number of workers pass. One whose call waits for an answer longer than BUSY_SECONDS keeps
  the others out until it has come.
- A failed or very slow call makes the store rest: twice as long each time, three times as long as the call took (so a
  store has at most a quarter of a worker's time), or as long as Shopify says (Retry-After). Whoever
  comes meanwhile is turned away at once with StoreRests: the job runner does its work later, and never gives it up
  for that. Nobody sleeps in a worker for longer than PATIENCE_SECONDS.
- After the rest the first to come tries once. When it is answered in time, the store is well again.
- A check that an operator presses waits for no rest (CheckGate), and its answer counts as any call's does. A page that
  somebody waits for passes beside the gate (client.for_a_person): opening a page notes nothing.

Reads and writes are told apart where only one of the two fails. All is one row of the database, changed by single
statements: a worker that dies leaves nothing behind, for the gate sees that its session has ended.
"""

import logging
from datetime import timedelta
from typing import Any

from django.utils import timezone

from stores.models import Store, StoreTrouble
from stores.shared.buckets import IS_STORE, SIZES, SIZES_NOW, StoreBucket
from stores.shared.statements import prepared_cursor
from stores.shopify.errors import (
    MISCONFIGURED,
    TRANSIENT,
    AnswerLost,
    OutOfPoints,
    ShopifyError,
    SlowDown,
    StoreRests,
    Throttled,
    Unreachable,
)
from stores.shopify.throttle import Bucket, Gate, Spent

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0  # how long a call may sleep for want of points, all its waits together
BUSY_SECONDS = 3.0
SLOW_SECONDS = 10.0
REST_FACTOR = 3  # rests this many times as long as a slow call took
LONGEST_REST_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 60.0  # between tries of a store that fails at once

_OF_THE_WHOLE_STORE = (SlowDown, Unreachable, AnswerLost)


class StoreGate(Gate):
    """The gate of one store (throttle.Gate). With a StoreBucket, passing it and taking points are one statement."""

    def __init__(self, store: Store) -> None:
        self._store_pk, self._name = store.pk, str(store)

    def check(self, is_write: bool, bucket: Bucket) -> float:
        """See Gate.check."""
        sizes = SIZES_NOW if isinstance(bucket, StoreBucket) else "1"
        row = self._ask(f"SELECT {sizes} FROM stores_storetrouble {_WITH_STORE} {_IS_OPEN}", is_write)
        if row is None:
            self._refuse(is_write)
        elif isinstance(bucket, StoreBucket):
            return bucket.waited_for(row)
        return bucket.acquire(0)

    def enter(self, is_write: bool, bucket: Bucket, cost: float) -> tuple[bool, float]:
        """See Gate.enter."""
        if isinstance(bucket, StoreBucket):
            reserving, parameters = bucket.reserving(cost)
            # The store's row only once the gate's is locked, in whatever statement.
            statement = f"""
                WITH entered AS ({_ENTER}), taken AS ({reserving} FROM entered {IS_STORE} {SIZES})
                SELECT * FROM entered LEFT JOIN taken ON true
            """
            if found := self._ask(statement, is_write, parameters):
                failed_calls, *sizes = found
                return failed_calls > 1, bucket.taken(cost, tuple(sizes))
        elif found := self._ask(_ENTER, is_write):
            return found[0] > 1, bucket.acquire(cost)
        self._refuse(is_write)
        if Store.objects.filter(pk=self._store_pk).exists():  # else it was removed: the call fails in its own words
            rows = [StoreTrouble(store_id=self._store_pk, is_write=way) for way in (False, True)]
            StoreTrouble.objects.bulk_create(rows, ignore_conflicts=True)
        return False, bucket.acquire(cost)

    def _ask(self, statement: str, is_write: bool, more: dict[str, Any] | None = None) -> tuple | None:
        now = timezone.now()
        parameters: dict[str, Any] = {
            "store": self._store_pk,
            "is_write": is_write,
            "now": now,
            "fresh": now - timedelta(seconds=BUSY_SECONDS),
            "longest": now + timedelta(seconds=LONGEST_REST_SECONDS),
            "oldest": now - timedelta(seconds=LONGEST_REST_SECONDS),
        }
        with prepared_cursor() as cursor:
            cursor.execute(statement, parameters | (more or {}))
            return cursor.fetchone()

    def _refuse(self, is_write: bool) -> None:
        """Raise StoreRests, unless nobody has ever asked the store."""
        known = StoreTrouble.objects.filter(store=self._store_pk, is_write=is_write).first()
        if known is not None:
            raise self._resting(known)

    def _resting(self, known: StoreTrouble) -> StoreRests:
        left = (known.rests_until - timezone.now()).total_seconds() if known.rests_until else 0.0
        if left <= 0:
            return StoreRests(f"{self._name} has not answered another request yet.", retry_after=BUSY_SECONDS)
        return StoreRests(f"{self._name} is asked again in {left:.0f} s. {known.said}".strip(), retry_after=left)

    def leave(
        self, is_write: bool, seconds: float, error: BaseException | None, bucket: Bucket, spent: Spent | None
    ) -> None:
        """See Gate.leave."""
        if isinstance(error, ShopifyError):
            error.refused_by = self._store_pk
        statement, parameters = self._leaving(is_write, seconds, error)
        reported = None
        if spent and isinstance(bucket, StoreBucket):
            reported = bucket.reporting(spent.throttle_status, spent.requested, spent.actual)
        elif spent:
            bucket.report(spent.throttle_status, spent.requested, spent.actual)
        if reported:
            reporting, more = reported
            # Here, too, the gate's row is locked before the store's: the condition is looked at first.
            statement = f"""
                WITH gone AS ({statement} RETURNING 1)
                {reporting} {IS_STORE} AND (SELECT count(*) FROM gone) >= 0
            """
            parameters |= more
        with prepared_cursor() as cursor:
            cursor.execute(statement, parameters)

    def _leaving(self, is_write: bool, seconds: float, error: BaseException | None) -> tuple[str, dict[str, Any]]:
        """The statement that writes down how a call ended, and its parameters."""
        is_slow = seconds >= SLOW_SECONDS
        parameters: dict[str, Any] = {"store": self._store_pk, "is_write": is_write}
        if isinstance(error, OutOfPoints):
            return _ENDED, parameters  # nobody was asked; whoever comes next knows the bucket as well
        if isinstance(error, ShopifyError) and error.is_of_request and not is_slow:
            return _ENDED, parameters  # a bad item among good ones is found by asking on, which a rest would end
        if isinstance(error, ShopifyError) and error.failure == TRANSIENT or (is_slow and error is None):
            rest = REST_FACTOR * seconds if is_slow or isinstance(error, Throttled) else 0.0
            if isinstance(error, SlowDown):
                rest = max(rest, error.retry_after)
            return _FAILED, parameters | {
                "now": timezone.now(),
                "rest": float(min(rest, LONGEST_REST_SECONDS)),
                "longest": LONGEST_REST_SECONDS,
                "pause": LONGEST_PAUSE_SECONDS,
                "is_whole": isinstance(error, _OF_THE_WHOLE_STORE),
                "said": str(error) if error else f"Its last answer took {seconds:.0f} s.",
            }
        return _ANSWERED if error is None or isinstance(error, ShopifyError) else _ENDED, parameters


def note_refusal(error: Exception) -> None:
    """Have a store need attention for whose refusal work has failed: unpaid, locked, gone, or without a scope.

    Written down once, at the store. What was tolerated fails no work, and does not come here. A good check ends it
    (syncing.upkeep.store_check).
    """
    if not isinstance(error, ShopifyError) or error.refused_by is None or error.failure != MISCONFIGURED:
        return
    ready = Store.objects.filter(pk=error.refused_by, status=Store.Status.READY)
    if ready.update(status=Store.Status.ATTENTION, status_reason=str(error)):
        logger.error("Store %s needs attention: %s", error.refused_by, error)


class CheckGate(StoreGate):
    """The gate for a check that an operator presses: it asks whatever the others wait for; all hear what came of it.

    Who has just mended a store would otherwise be told that it is unwell, and the others would go on waiting. The
    checks that workers do by themselves wait as all their work does.
    """

    def check(self, is_write: bool, bucket: Bucket) -> float:
        """See Gate.check."""
        return bucket.acquire(0)

    def enter(self, is_write: bool, bucket: Bucket, cost: float) -> tuple[bool, float]:
        """See Gate.enter."""
        trouble = StoreTrouble.objects.filter(store=self._store_pk, is_write=is_write, failed_calls__gt=1)
        return trouble.exists(), bucket.acquire(cost)


# Whose call is the oldest without an answer: nobody's, ours, or that of a worker that has died. PostgreSQL gives the
# number of a session that ended to another one, after a restart soon: to one that began later than the call, and may
# live for ever. (The function is what pg_stat_activity asks, for one session and without its joins: each call does.)
# No call lasts as long as the longest rest.
_IS_FREE = """
    (call_began_at IS NULL OR call_backend = pg_backend_pid() OR call_began_at < %(oldest)s
     OR NOT EXISTS (SELECT FROM pg_stat_get_activity(COALESCE(call_backend, 0))
                    WHERE backend_start < call_began_at + interval '1 minute'))
"""
_WITH_STORE = "JOIN stores_store ON stores_store.id = store_id"
_IS_OPEN = f"""
    WHERE store_id = %(store)s AND is_write = %(is_write)s
      -- A rest that ends later than any lasts was noted before our clock was set back.
      AND (rests_until IS NULL OR rests_until <= %(now)s OR rests_until > %(longest)s)
      AND ((failed_calls < 2 AND call_began_at > %(fresh)s) OR {_IS_FREE})
"""
_ENTER = f"""
    UPDATE stores_storetrouble
    SET call_began_at = CASE WHEN {_IS_FREE} THEN %(now)s ELSE call_began_at END,
        call_backend = CASE WHEN {_IS_FREE} THEN pg_backend_pid() ELSE call_backend END
    {_IS_OPEN}
    RETURNING failed_calls
"""
_ANSWERED = """
    UPDATE stores_storetrouble
    SET failed_calls = 0, failed_since = NULL, rests_until = NULL, said = '',
        call_began_at = CASE WHEN call_backend = pg_backend_pid() THEN NULL ELSE call_began_at END
    WHERE store_id = %(store)s AND is_write = %(is_write)s
      AND (failed_calls > 0 OR call_backend = pg_backend_pid())
"""
_ENDED = """
    UPDATE stores_storetrouble SET call_began_at = NULL
    WHERE store_id = %(store)s AND is_write = %(is_write)s AND call_backend = pg_backend_pid()
"""
_FAILED = """
    UPDATE stores_storetrouble
    SET failed_calls = failed_calls + 1, failed_since = COALESCE(failed_since, %(now)s), said = %(said)s,
        call_began_at = CASE WHEN call_backend = pg_backend_pid() THEN NULL ELSE call_began_at END,
        rests_until = GREATEST(
            CASE WHEN rests_until < %(now)s + make_interval(secs => %(longest)s) THEN rests_until END,
            %(now)s + make_interval(secs => GREATEST(
                %(rest)s, CASE WHEN failed_calls > 0 THEN LEAST(%(pause)s, power(2, LEAST(failed_calls, 10))) ELSE 0 END
            )))
    -- Both rows, where it is the whole store's fault: in one order, or two who find out at once wait in a circle.
    WHERE id = ANY(ARRAY(SELECT id FROM stores_storetrouble
                         WHERE store_id = %(store)s AND (is_write = %(is_write)s OR %(is_whole)s)
                         ORDER BY id FOR UPDATE))
"""
