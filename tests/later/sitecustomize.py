"""Loaded by every Python that `make test-later` starts, before anything else: sleeping while the clock is moved.

Debian's libfaketime 0.9.10 leaves the monotonic clock alone (FAKETIME_DONT_FAKE_MONOTONIC), as all time limits need it,
but takes what clock_nanosleep gets for an instant of the clock that it moves: Python's time.sleep fails with EINVAL.
"""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
