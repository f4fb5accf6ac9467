"""The minutes of a long play."""

from unittest.mock import patch

from syncing import sweep
from syncing.queue import heartbeats

# They only look, count or tidy, and take half of a sweep's time.
WATCHING = (heartbeats.ALERTS, heartbeats.COUNTERS, heartbeats.RETENTION)
WATCHED_EVERY = 5


def sweep_minute(number: int) -> list[str]:
    """The sweep of the minute of this number, from 0: one of many. Every fifth does all, the others what moves goods.

    Where what is watched is the subject, call `sweep.sweep`.
    """
    if number % WATCHED_EVERY == 0:
        return sweep.sweep()
    with patch.dict(sweep.DUTIES, dict.fromkeys(WATCHING, lambda: None)):
        return sweep.sweep()
