"""One sender at a time for each batch: whoever has a batch in hand holds a lock that dies with its worker.

From before others can see that it was recorded until its fate is written down. Who meets a pending batch and gets the
lock knows that nobody alive is about to send it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from stores.locks import Lock, free, try_acquire


def claim(batch_id: int) -> bool:
    """Take a batch in hand; False if somebody else has it. To be released as often as it was claimed."""
    return try_acquire(Lock.STOCK_BATCH, batch_id)


def release(batch_id: int) -> None:
    """Let go of a batch that was claimed."""
    free(Lock.STOCK_BATCH, batch_id)


@contextmanager
def claimed(batch_id: int) -> Iterator[bool]:
    """Have a batch in hand for a while; yields False where somebody else has it."""
    is_ours = claim(batch_id)
    try:
        yield is_ours
    finally:
        if is_ours:
            release(batch_id)
