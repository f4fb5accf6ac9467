"""How log lines look: one JSON object each, or a line for people; both without secrets. And Sentry, where it is set up.

`correlation` is the id of a webhook, as Shopify names it: the lines of its arrival, of its processing and of the write
that it led to carry it.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sentry_sdk
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.types import Event

from stores import tracing
from stores.redaction import HIDDEN, SECRET_NAMES, redact

# What every record has; anything else was given as `extra`.
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

UNAVAILABLE_STATUS = 503
READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction, which is none of Django's OperationalErrors
SIGN_INS = "tiposync.console.access.sign_in_log"


def is_database_away(error: BaseException | None) -> bool:
    """Whether that is trouble of the database's which passes: it is away, full or read-only."""
    is_read_only = getattr(getattr(error, "__cause__", None), "sqlstate", None) == READ_ONLY
    return isinstance(error, OperationalError | InterfaceError) or is_read_only


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a record carries besides its message: the work at hand, and what was given as `extra`."""
    # Django hands over whole requests; they would hide the id of the request, and say too much.
    given = {
        name: value
        for name, value in vars(record).items()
        if name not in STANDARD and not isinstance(value, HttpRequest)
    }
    return tracing.current() | given


class Sparing(logging.Filter):
    """Of what anybody on the internet can provoke: lets `most` lines of a kind through in a minute, counts the rest.

    Else whoever sends forged webhooks, wrong hosts or unknown paths would fill the log, and hide what matters in it. So
    would each request while the database is away: of those one a minute of a kind has its traceback.
    """

    SOURCES = ("django.request", "django.security", "axes", "syncing.views", SIGN_INS)

    def __init__(self, most: int = 20, seconds: float = 60, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._seconds, self._clock = most, seconds, clock
        self._seen: dict[tuple, tuple[float, int]] = {}  # kind: when its minute began, how many came since
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 0)
        error = record.exc_info[0] if record.exc_info else None
        is_database = record.exc_info is not None and is_database_away(record.exc_info[1])
        if error and is_database and not self._is_in_time(("traceback", record.name, error), 1)[0]:
            record.exc_info, record.exc_text = None, None
            record.msg, record.args = f"{record.getMessage()} ({error.__name__}, as told with its traceback)", None
        is_provoked = record.name.startswith(self.SOURCES) and (status < 500 or status == UNAVAILABLE_STATUS)
        if record.levelno < logging.WARNING or not (is_provoked or is_database):
            return True
        # A lock-out is not hidden by a thousand failures, nor one trouble of the database by another.
        what = record.msg if record.name == SIGN_INS else error if is_database else None
        passes, left_out = self._is_in_time((record.name, record.levelno, status, what), self._most)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it were left out)", None
        return passes

    def _is_in_time(self, kind: tuple, most: int) -> tuple[bool, int]:
        """Whether another of this kind may pass in this minute; and how many could not in the last one."""
        now, left_out = self._clock(), 0
        with self._lock:
            began, count = self._seen.get(kind, (now, 0))
            if now - began >= self._seconds:
                left_out, began, count = max(0, count - most), now, 0
            self._seen[kind] = (began, count + 1)
        return count < most, left_out


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, what belongs to the work at hand, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        } | fields_of(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # Its texts, not the line: whatever is taken for a secret, it stays JSON.
        return json.dumps(without_secrets(line), default=_shown, ensure_ascii=False)


def _shown(value: object) -> str:
    return redact(str(value))


class LineFormatter(logging.Formatter):
    """For people: the line, then what belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        rest = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        first, _, traceback = super().format(record).partition("\n")
        return redact(f"{first} [{rest}]" if rest else first) + (f"\n{redact(traceback)}" if traceback else "")


def start_sentry(dsn: str, environment: str) -> None:
    """Report errors to Sentry: without the values of variables, headers, bodies or people, which hold secrets."""
    ignore_logger("django.security.DisallowedHost")  # somebody's scan, no error of ours
    ignore_logger(SIGN_INS)  # names and addresses of people
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_event_without_secrets,
        before_breadcrumb=without_secrets,
        traces_sample_rate=0.0,
    )


def _event_without_secrets(event: Event, hint: dict[str, Any]) -> Event | None:
    cleaned: Event = without_secrets(event, hint)
    return cleaned


def without_secrets(event: Any, hint: object = None) -> Any:
    """What goes to Sentry, each text of it redacted."""
    return _redacted(event)


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {
            key: HIDDEN if str(key).lower() in SECRET_NAMES and inner else _redacted(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return value
