"""How log lines look: one JSON object each, or a line for people; both without secrets. And Sentry, where it is set up.

`correlation` is the id of a webhook, as Shopify names it: the lines of its arrival, of its processing and of the write
that it led to carry it.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import sentry_sdk
from django.http import HttpRequest

from stores import tracing
from stores.redaction import redact

# What every record has; anything else was given as `extra`.
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a record carries besides its message: the work at hand, and what was given as `extra`."""
    # Django hands over whole requests; they would hide the id of the request, and say too much.
    given = {
        name: value
        for name, value in vars(record).items()
        if name not in STANDARD and not isinstance(value, HttpRequest)
    }
    return tracing.current() | given


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, what belongs to the work at hand, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "process": record.process,
        } | fields_of(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, default=str, ensure_ascii=False))


class LineFormatter(logging.Formatter):
    """For people: the line, then what belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        rest = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        first, _, traceback = super().format(record).partition("\n")
        return redact(f"{first} [{rest}]" if rest else first) + (f"\n{redact(traceback)}" if traceback else "")


def start_sentry(dsn: str, environment: str) -> None:
    """Report errors to Sentry: without the values of variables, headers, bodies or people, which hold secrets."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=without_secrets,
        before_breadcrumb=without_secrets,
        traces_sample_rate=0.0,
    )


def without_secrets(event: dict[str, Any], hint: object = None) -> dict[str, Any]:
    """What goes to Sentry, each text of it redacted."""
    return _redacted(event)


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return value
