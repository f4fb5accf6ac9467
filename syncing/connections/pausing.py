"""Pauses of a connection, of a store, and of all syncing: begun with a reason, ended by somebody or by the clock.

What was missed is found when a pause ends, however it ends: the connections concerned are compared with Shopify first.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import Exists
from django.utils import timezone

from stores.models import Connection, Store, SyncSwitch
from syncing import fence
from syncing.queue import enqueue
from syncing.upkeep.store_check import started_connections

Pausable: TypeAlias = Connection | Store | SyncSwitch
# A pause that ends later than this was mistyped; nobody is reminded of one that has an end.
LONGEST_DAYS = 92
REMINDED_AFTER = timedelta(days=1)  # and every day from then on
MORNING = time(9)
MOST_REASON_CHARACTERS, MOST_NAME_CHARACTERS = 255, 150


def pause(row: Pausable, by: str, reason: str = "", until: datetime | None = None) -> None:
    """Begin a pause of this, or change the one that there is. Raises ValueError as check_end does."""
    check_end(until)
    flag, words = _columns(row)
    changes: dict[str, Any] = {flag: True, words: " ".join(reason.split())[:MOST_REASON_CHARACTERS]}
    changes |= {"paused_at": timezone.now(), "paused_by": by[:MOST_NAME_CHARACTERS], "paused_until": until}
    _update(row, **changes)
    row.refresh_from_db()


def check_end(until: datetime | None) -> None:
    """Raise ValueError, with words, for an instant that makes no sense as the end of a pause."""
    now = timezone.now()
    if until is not None and until <= now:
        raise ValueError("that time has passed. Choose a later one.")
    if until is not None and until > now + timedelta(days=LONGEST_DAYS):
        raise ValueError(f"a pause with an end lasts {LONGEST_DAYS} days at most. Choose an earlier time, or no end.")


def tomorrow_morning(zone: tzinfo) -> datetime:
    """The beginning of tomorrow's work there."""
    return datetime.combine(timezone.now().astimezone(zone).date() + timedelta(days=1), MORNING, zone)


def resume(row: Pausable, due_by: datetime | None = None) -> int | None:
    """End a pause, and have what was missed found. How many connections are compared; None where there was no pause.

    `due_by`: only if it was to end by then; somebody may have changed it since it was looked at.
    """
    flag, words = _columns(row)
    with transaction.atomic():
        limits = {flag: True} | ({"paused_until__lte": due_by} if due_by else {})
        changes = {flag: False, words: "", "paused_at": None, "paused_by": "", "paused_until": None}
        if not _update(row, limits, **changes):
            return None
        connections = _concerned(row)
        for connection in connections:
            enqueue.reconcile(connection, trigger="resume")
        if not isinstance(row, Connection):
            enqueue.process_events()
    row.refresh_from_db()
    return len(connections)


def is_stopped(connection: Connection) -> bool:
    """Whether somebody paused it, or stopped all syncing, since its run began."""
    rows = Connection.objects.select_related("source", "destination").order_by().only(*_DECIDES_WHETHER_IT_RUNS)
    switch = Exists(SyncSwitch.objects.filter(is_stopped=True))
    now = rows.annotate(is_all_stopped=switch).filter(pk=connection.pk).first()
    return now is None or bool(now.why_inert(now.is_all_stopped))


_DECIDES_WHETHER_IT_RUNS = ["state", "is_paused"] + [
    f"{store}__{name}" for store in ("source", "destination") for name in ("is_paused", "status", "status_reason")
]


def resume_due() -> None:
    """End the pauses whose instant has come; one that fails keeps no other from its end."""
    now = timezone.now()
    due = [row for row in find_paused() if row.paused_until and row.paused_until <= now]
    fence.each(due, lambda row: resume(row, due_by=now), name_of)


def find_paused() -> Iterator[Pausable]:
    """All that is paused: all syncing first, then stores, then connections."""
    yield from SyncSwitch.objects.filter(is_stopped=True)
    yield from Store.objects.filter(is_paused=True)
    yield from Connection.objects.filter(is_paused=True).select_related("source", "destination")


def name_of(row: Pausable) -> str:
    """What is paused, as the beginning of a sentence."""
    if isinstance(row, SyncSwitch):
        return "All syncing"
    return f"The {'store' if isinstance(row, Store) else 'connection'} {row}"


def reason_of(row: Pausable) -> str:
    """Why it is paused; '' where nobody said."""
    return str(getattr(row, _columns(row)[1]))


def end_words(row: Pausable) -> str:
    """When a pause ends, in a sentence."""
    if row.paused_until is None:
        return "It stays paused until somebody resumes it."
    return f"It resumes by itself at {words_of_instant(row.paused_until)}."


def words_of_instant(at: datetime) -> str:
    """An instant to the minute, where whoever asks is."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M} {timezone.get_current_timezone_name()}"


def _columns(row: Pausable) -> tuple[str, str]:
    """The columns that say that it is paused, and why."""
    return ("is_stopped", "reason") if isinstance(row, SyncSwitch) else ("is_paused", "pause_reason")


def _update(row: Pausable, limits: dict[str, Any] | None = None, **changes: Any) -> int:
    if isinstance(row, SyncSwitch):
        changes["changed_at"] = timezone.now()
    return type(row)._default_manager.filter(pk=row.pk, **(limits or {})).update(**changes)


def _concerned(row: Pausable) -> list[Connection]:
    """The started connections along which something may travel again."""
    if isinstance(row, Store):
        return started_connections(row)
    started = Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")
    return list(started.filter(pk=row.pk) if isinstance(row, Connection) else started)
