"""The rows of later changes: what is about to be sent is committed first, then what became of it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from orders.copies.importing import RetryLater
from orders.models import OrderImport, OrderUpdate
from stores.shopify import errors

State = OrderUpdate.State
OPEN = (State.PLANNED, State.SENT)
# A request of ours may be under way for half a minute: until then it may still be executed.
LATE_SECONDS = 60
PAUSE_SECONDS = 10  # between looks


class UpdateRefused(Exception):
    """A change that cannot be carried as things stand; an operator has to do it by hand, the words say what."""

    failure = errors.REJECTED


def begin(update: OrderUpdate, body: dict[str, Any], key: UUID | None = None, *, as_of: datetime | None = None) -> bool:
    """Commit that this is about to be sent; False if another worker has this change in hand.

    `as_of` is Shopify's clock a moment ago, where an answer told it.
    """
    fields = {
        "state": State.SENT,
        "attempts": update.attempts + 1,
        "sent_at": timezone.now(),
        "sent_as_of": as_of,
        "look_up_until": None,
        "body": body,
        "key": key,
        "reason": "",
        "failure": "",
        "changed_at": timezone.now(),
    }
    mine = OrderUpdate.objects.filter(pk=update.pk, attempts=update.attempts, state__in=OPEN)
    if not mine.update(**fields):
        return False
    for name, value in fields.items():
        setattr(update, name, value)
    return True


def wait_for_late(update: OrderUpdate, as_of: datetime | None, words: str) -> None:
    """Raises RetryLater, with these words, while what was sent without an answer may still be executed.

    `as_of` is Shopify's clock before the state was read that the caller goes by. Counted from the first look on, since
    our worker may have slept before it sent; our own clock may leap, and counts nothing.
    """
    if as_of is None:
        raise RetryLater(f"{words} No answer tells Shopify's time, so nobody knows for how long.", LATE_SECONDS)
    if update.look_up_until is None:
        update.look_up_until = as_of + timedelta(seconds=LATE_SECONDS)
        update.save(update_fields=["look_up_until", "changed_at"])
    left = (update.look_up_until - as_of).total_seconds()
    if left > 0:
        raise RetryLater(words, min(left, PAUSE_SECONDS))


def note(update: OrderUpdate, body: dict[str, Any]) -> None:
    """Keep what is known so far, while the change is still under way."""
    update.body = body
    update.save(update_fields=["body", "changed_at"])


def unsend(update: OrderUpdate) -> None:
    """What was sent had no effect, and never will have: it is to be planned anew."""
    update.state, update.body, update.key = State.PLANNED, {}, None
    update.save(update_fields=["state", "body", "key", "changed_at"])


def confirm(update: OrderUpdate, reason: str, result_gid: str = "") -> str:
    """It is done; `result_gid` is what it made on the other side."""
    update.result_gid = result_gid or update.result_gid
    update.confirmed_at = timezone.now()
    return _end(update, State.CONFIRMED, reason)


def skip(update: OrderUpdate, reason: str) -> str:
    """There is nothing to do."""
    return _end(update, State.SKIPPED, reason)


def fail(update: OrderUpdate, reason: str, failure: str) -> None:
    """It cannot be done; `failure` is the kind of problem."""
    _end(update, State.FAILED, reason, failure)


def _end(update: OrderUpdate, state: str, reason: str, failure: str = "") -> str:
    """End a change with what came of it, unless it changed once more meanwhile: then it is looked at again."""
    with transaction.atomic():
        noted_at = OrderUpdate.objects.select_for_update().values_list("origin_at", flat=True).get(pk=update.pk)
        if noted_at != update.origin_at:
            state, reason, failure = State.PLANNED, "It changed meanwhile: it is looked at again.", ""
        update.state, update.reason, update.failure = state, reason, failure
        update.save(update_fields=["state", "reason", "failure", "result_gid", "confirmed_at", "changed_at"])
    return reason


def plan_again(row: OrderImport, kind: str, origin_gids: Collection[str]) -> bool:
    """Have what ended be looked at once more, since more is known of what it concerns; False if there is nothing."""
    over = row.updates.filter(kind=kind, origin_gid__in=origin_gids, state__in=(State.CONFIRMED, State.SKIPPED))
    return bool(over.update(state=State.PLANNED, reason="", changed_at=timezone.now()))


def try_again(update: OrderUpdate) -> bool:
    """Have a change that failed, or that the shop was told of, looked at afresh; False if it is in another state.

    The caller then has it carried.
    """
    failed = OrderUpdate.objects.filter(pk=update.pk, state__in=(State.FAILED, State.NEEDS_SHOP))
    failed = failed.exclude(kind=OrderUpdate.Kind.COPY_CHANGED)
    return bool(failed.update(state=State.PLANNED, reason="", failure="", changed_at=timezone.now()))
