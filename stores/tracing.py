"""What belongs to every log line of the work at hand: the request, the job; and no secret."""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

_fields: contextvars.ContextVar[dict[str, object]] = contextvars.ContextVar("log_fields", default={})  # noqa: B039


@contextmanager
def traced(**fields: object) -> Iterator[None]:
    """Log lines inside carry these fields besides those around them."""
    token = _fields.set(_fields.get() | fields)
    try:
        yield
    finally:
        _fields.reset(token)


def current() -> dict[str, object]:
    """The fields that a log line written now carries."""
    return _fields.get()
