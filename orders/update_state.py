"""The rows of later changes: what is about to be sent is committed first, then what became of it."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from orders.models import OrderUpdate
from stores.shopify import errors

State = OrderUpdate.State
OPEN = (State.PLANNED, State.SENT)


class UpdateRefused(Exception):
    """A change that cannot be carried as things stand; an operator has to do it by hand, the words say what."""

    failure = errors.REJECTED


def begin(update: OrderUpdate, body: dict[str, Any], key: UUID | None = None) -> bool:
    """Commit that this is about to be sent; False if another worker has this change in hand."""
    fields = {
        "state": State.SENT,
        "attempts": update.attempts + 1,
        "sent_at": timezone.now(),
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


def try_again(update: OrderUpdate) -> bool:
    """Have a failed change looked at afresh; False if it is in another state. The caller then has it carried."""
    failed = OrderUpdate.objects.filter(pk=update.pk, state=State.FAILED)
    return bool(failed.update(state=State.PLANNED, reason="", failure="", changed_at=timezone.now()))
