"""Which holds belong together: a hold joins what others of the same store and kind of change began with."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from stores.locks import Lock, acquire_until_commit
from syncing.models import HoldCause, StockHold

# An import of many items arrives in portions, and in twenty connections one after the other: what is held within so
# long of the one before belongs to it. Whoever changes something for hours does it anew after this long.
PAUSE = timedelta(minutes=15)
LONGEST = timedelta(hours=2)


def save(hold: StockHold, *, is_start: bool = False) -> None:
    """Save a new hold with its cause, or give one its cause that has none; `is_start`: its plan begins a connection."""
    with transaction.atomic():
        hold.cause = join(*hold.what_changed(is_start), at=hold.created_at)
        hold.save(update_fields=None if hold._state.adding else ["cause"])


def join(store_id: int, change: str, at: datetime | None = None) -> HoldCause:
    """The cause that something held at this instant, else now, belongs to. Within the transaction that holds it."""
    at = at or timezone.now()
    acquire_until_commit(Lock.HOLD_CAUSES, store_id)  # twenty connections find out at the same time
    recent = HoldCause.objects.filter(store=store_id, change=change)
    recent = recent.filter(newest_at__gt=at - PAUSE, began_at__gt=at - LONGEST, began_at__lte=at)
    cause = recent.order_by("-pk").first()
    if cause is None:
        return HoldCause.objects.create(store_id=store_id, change=change, began_at=at, newest_at=at)
    HoldCause.objects.filter(pk=cause.pk, newest_at__lt=at).update(newest_at=at)
    return cause
