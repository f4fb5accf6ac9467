"""Shopify's instants: ISO 8601 text to aware UTC and back."""

from datetime import UTC, datetime


def parse_instant(text: str) -> datetime:
    """Aware UTC of an ISO 8601 text such as `2026-11-21T04:38:00Z`; nanoseconds are cut to microseconds.

    Raises ValueError for text that is no instant or has no time zone: guessing a zone would reorder events.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"An instant without a time zone: {text[:40]!r}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"An instant beyond the calendar: {text[:40]!r}") from None


def instant_or_none(text: object) -> datetime | None:
    """Like `parse_instant`, with None for what is missing or unreadable."""
    if not isinstance(text, str):
        return None
    try:
        return parse_instant(text)
    except ValueError:
        return None
