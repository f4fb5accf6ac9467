"""What was under way when a backup was made: after its restoration nobody can tell what of it was done since."""

from django.db import transaction
from django.utils import timezone

from syncing.models import StockAdjustment, StockBatch, SyncJob
from syncing.stock.writes import ledger

RESTORED = "A backup was restored: whether this was sent after it is not known. Planned again from live values."
UNDO_RESTORED = (
    "A backup was restored: this may have been done after it. Look at the levels, then do it again if need be."
)


def end_pending() -> int:
    """End every pending write without sending it, whatever its row says of having been sent; how many that were.

    The caller has all levels read live and all links aligned anew. A true quantity that was under way is asked for
    again: its hold is open, and says why.
    """
    with transaction.atomic():
        rows = list(StockAdjustment.objects.filter(state=StockAdjustment.State.PENDING).order_by("pk"))
        pending = StockBatch.objects.filter(state=StockBatch.State.PENDING)
        pending.update(state=StockBatch.State.UNKNOWN, answered_at=timezone.now(), message=RESTORED)
        ledger.end(rows, StockAdjustment.State.UNKNOWN, RESTORED)
        return len(rows)


def end_undoing() -> int:
    """End what was asked for and takes stock writes back; how many jobs that were."""
    waiting = SyncJob.objects.filter(
        kind=SyncJob.Kind.UNDO_RUN, state__in=(SyncJob.State.QUEUED, SyncJob.State.RUNNING)
    )
    return waiting.update(
        state=SyncJob.State.FAILED,
        failure=SyncJob.Failure.REJECTED,
        message=UNDO_RESTORED,
        finished_at=timezone.now(),
    )
