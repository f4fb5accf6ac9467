"""The queue's broker: wake-ups are rows, and PostgreSQL tells whoever waits that there is a new one.

https://www.postgresql.org/docs/current/sql-notify.html: a notification is delivered at the commit, and one channel's
like ones of a transaction are one. It is a hint, never the truth: rows are looked at as well, seldom while
notifications are seen to arrive, often while they are not.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db import connection as db
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from stores.shared.statements import prepared_cursor
from syncing.queue.watchdog import PulsedBroker, WakeUps, package

logger = logging.getLogger(__name__)

CHANNEL = "tiposync_queue"
WAKE = "syncing.tasks.wake"  # the wake-up that says no more than “run what is due”
LISTENING_SECONDS = 5.0  # between looks at the rows while notifications arrive: what a lost one costs
LONGEST_WAIT_SECONDS = 0.2  # a cluster that is asked to stop waits for the end of one waiting
MISSED_SECONDS = 1.0  # a row that old, of which nobody told, will not be told of
# Between two wake-ups: whoever was woken runs all that comes meanwhile, so that a dense stream is processed in lots.
PACE_SECONDS = 0.05
AWAY_SECONDS = 1.0  # between tries while the database is away
LATE_SECONDS = 0.01  # a row that was told of before its time is looked for this much after it
MOST_WAITING_ROWS = 64  # of like wake-ups: more than there are workers, so one more wakes nobody


class Attention:
    """When the rows are looked at. Instants and lengths in seconds, on the monotonic clock.

    Notifications are relied on once one has arrived, until a row is found that nobody told of: behind a pooler that
    lends sessions by the transaction none ever arrive (docs/operating.md).
    """

    def __init__(self, poll_seconds: float) -> None:
        """`poll_seconds` lie between two looks where notifications do not arrive."""
        self.poll_seconds = poll_seconds
        self.is_notified = False  # whether notifications are seen to arrive
        self._polls_at_once = True
        self._alarms: list[float] = []  # when rows will be there that were told of before their time
        self._next_poll_at = self._paced_until = 0.0

    def is_due(self, now: float) -> bool:
        """Whether to look at the rows now."""
        return now >= self._paced_until and (self._polls_at_once or now >= self._next())

    def seconds_to_wait(self, now: float) -> float:
        """How long to wait for a notification before asking `is_due` again."""
        until = self._paced_until if self._polls_at_once else max(self._next(), self._paced_until)
        return max(0.0, min(until - now, LONGEST_WAIT_SECONDS))

    def _next(self) -> float:
        return min([self._next_poll_at, *self._alarms])

    def note_notified(self, due_at: float | None = None) -> None:
        """A notification arrived: there is something, perhaps more than one; or there will be at `due_at`."""
        self.is_notified = True
        if due_at is None:
            self._polls_at_once = True
        elif len(self._alarms) < MOST_WAITING_ROWS:
            self._alarms.append(due_at)

    def note_found(self, waited_seconds: float, now: float) -> None:
        """A row was found that had waited so long; others may be behind it, and come in their turn."""
        self._paced_until = now + PACE_SECONDS
        if not self._polls_at_once and waited_seconds > MISSED_SECONDS:
            self.is_notified = False
        self._polls_at_once = True

    def note_empty(self, now: float) -> None:
        """There was no row."""
        self._polls_at_once = False
        self._alarms = [at for at in self._alarms if at > now]
        self._next_poll_at = now + (
            max(self.poll_seconds, LISTENING_SECONDS) if self.is_notified else self.poll_seconds
        )

    def note_away(self, now: float) -> None:
        """The database could not be asked: who listened there does not any more."""
        self.is_notified = self._polls_at_once = False
        self._next_poll_at = now + AWAY_SECONDS


class NotifiedBroker(PulsedBroker):
    """Rows in the database, each announced at its commit; with the beats of its watchdog."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key)
        self._begin()

    def __setstate__(self, state: tuple) -> None:
        super().__setstate__(state)
        self._begin()

    def _begin(self) -> None:
        self.attention = Attention(settings.Q_CLUSTER["poll"])
        self._session: object = None  # the one that listens
        self._was_away = False

    @staticmethod
    def get_connection(list_key: str | None = None) -> object:
        """The rows. No session is closed here, however old: a job that enqueues another holds locks in its own."""
        return OrmQ.objects.using(settings.Q_CLUSTER["orm"])

    def enqueue(self, task: str) -> int:
        """Add a wake-up and announce it, in the transaction that is open, if one is; its id."""
        return _add(self.list_key, task)

    def dequeue(self) -> WakeUps | None:
        """The next wake-up; None after waiting a moment for one."""
        if beat := self._beat():
            return beat
        try:
            found = self._poll() if self.attention.is_due(time.monotonic()) else None
            if not found:
                self._wait()
            self._was_away = False
            return found
        except (DatabaseError, InterfaceError) as error:  # away, full or read-only
            self._bear(error)
            return None

    def _poll(self) -> WakeUps | None:
        self._listen()
        with prepared_cursor() as cursor:
            cursor.execute(_CLAIM, [self.list_key, settings.Q_CLUSTER["retry"], self.list_key, MOST_WAITING_ROWS])
            row = cursor.fetchone()
        if row is None:
            self.attention.note_empty(time.monotonic())
            return None
        pk, payload, waited_seconds, has_many = row
        self.attention.note_found(waited_seconds, time.monotonic())
        if has_many:
            drop_superfluous(self.list_key)
        return [(pk, payload)]

    def _listen(self) -> None:
        """Before a look, so that nothing falls between them."""
        db.ensure_connection()
        if db.connection is self._session:
            return
        with db.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._session = db.connection

    def _wait(self) -> None:
        seconds = self.attention.seconds_to_wait(time.monotonic())
        if self._session is None:
            time.sleep(seconds)
            return
        with db.wrap_database_errors:
            for notification in db.connection.notifies(timeout=seconds, stop_after=1):
                self.attention.note_notified(_due_at(notification.payload))

    def _bear(self, error: Exception) -> None:
        """The database is away, or cut us off: try again soon, with another session."""
        if not self._was_away:
            logger.warning("The queue cannot be asked: %s", error)
        self._was_away, self._session = True, None
        db.close()
        self.attention.note_away(time.monotonic())
        time.sleep(self.attention.seconds_to_wait(time.monotonic()))


# Sessions of an earlier release, which still take from the same rows, look for them by the same column.
_ENQUEUE = """
    WITH wake_up AS (INSERT INTO django_q_ormq (key, payload, lock) VALUES (%s, %s, now()) RETURNING id)
    SELECT id, pg_notify(%s, '') FROM wake_up
"""
# One statement claims: of several clusters that were told of one row, the others find nothing.
_CLAIM = """
    WITH oldest AS (
        SELECT id, lock FROM django_q_ormq WHERE key = %s AND lock <= now() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE django_q_ormq row SET lock = now() + make_interval(secs => %s) FROM oldest WHERE row.id = oldest.id
    RETURNING row.id, row.payload, extract(epoch FROM now() - oldest.lock)::float,
              EXISTS (SELECT 1 FROM django_q_ormq WHERE key = %s AND lock <= now() OFFSET %s)
"""


def ring() -> None:
    """Wake a worker, to run what is due; at the commit, if a transaction is open."""
    _add(settings.Q_CLUSTER["name"], package("wake"))  # without the queue's own making of a task, ten times as long


def _due_at(payload: str) -> float | None:
    """When the row will be there that a notification tells of, on the monotonic clock; None: now."""
    try:
        return time.monotonic() + float(payload) + LATE_SECONDS if payload else None
    except ValueError:
        return None  # of another release: look


def ringing(statement: str, parameters: Sequence[Any], due_in: float = 0) -> tuple[str, list[Any]]:
    """A statement that rings in `due_in` seconds, once for each row that `statement` returns; and its parameters."""
    sql = f"""
        WITH cause AS ({statement}), wake_up AS (
            INSERT INTO django_q_ormq (key, payload, lock) SELECT %s, %s, now() + make_interval(secs => %s) FROM cause
            RETURNING id
        )
        SELECT pg_notify(%s, %s) FROM wake_up
    """
    says = f"{due_in:g}" if due_in else ""
    return sql, [*parameters, settings.Q_CLUSTER["name"], package("wake"), float(due_in), CHANNEL, says]


def _add(list_key: str, payload: str) -> int:
    with db.cursor() as cursor:
        cursor.execute(_ENQUEUE, [list_key or settings.Q_CLUSTER["name"], payload, CHANNEL])
        return cursor.fetchone()[0]


def drop_superfluous(list_key: str) -> int:
    """Remove of the wake-ups that only ring those beyond MOST_WAITING_ROWS; how many.

    A worker that is woken looks at all that is due: whatever a committed wake-up is about, the ones that stay find.
    """
    with transaction.atomic(), db.cursor() as cursor:
        cursor.execute(
            "SELECT id, payload FROM django_q_ormq WHERE key = %s AND lock <= now() ORDER BY id OFFSET %s LIMIT 5000"
            " FOR UPDATE SKIP LOCKED",
            [list_key, MOST_WAITING_ROWS],
        )
        more = [pk for pk, payload in cursor.fetchall() if _only_rings(payload)]
        cursor.execute("DELETE FROM django_q_ormq WHERE id = ANY(%s)", [more])
    return len(more)


def _only_rings(payload: str) -> bool:
    try:
        return SignedPackage.loads(payload)["func"] == WAKE
    except Exception:  # whatever it is: the queue itself says so, and drops it
        return False


def receives_notifications(seconds: float = 1.0) -> bool:
    """Whether a notification reaches another session within so long; behind a pooler of transactions it does not."""
    listener, sender = db.copy(), db.copy()
    try:
        with listener.cursor() as receiving, sender.cursor() as sending:
            receiving.execute(f"LISTEN {CHANNEL}_check")
            sending.execute(f"NOTIFY {CHANNEL}_check")
        return any(True for _ in listener.connection.notifies(timeout=seconds, stop_after=1))
    finally:
        listener.close()
        sender.close()
