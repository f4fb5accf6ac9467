"""What an operator decides about a hold. Every decision is safe to press twice: the first one counts."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from syncing.models import StockAdjustment, StockHold, StockLink
from syncing.stock import ledger


class HoldResolved(Exception):
    """The hold is no longer open, or is not of the kind that this decision is for."""


def release(hold: StockHold, user: AbstractBaseUser | None = None) -> None:
    """Let the plan through: exactly this one, if it is still what the next run would do."""
    with transaction.atomic():
        link = _resolve(hold, StockHold.Kind.GUARD, StockHold.State.RELEASED, user)
        _mark(link)


def discard(hold: StockHold, user: AbstractBaseUser | None = None) -> None:
    """Leave both sides as they are: the difference seen now is not carried, later changes are."""
    with transaction.atomic():
        link = _resolve(hold, StockHold.Kind.GUARD, StockHold.State.DISCARDED, user)
        # The plan's own values, not now's: what changed since it was made is still to be carried.
        link.source_baseline, link.destination_baseline = hold.source_from, hold.destination_from
        link.keeps_destination = not link.connection.is_two_way
        if link.keeps_destination:  # several source locations may be summed into this level
            StockLink.objects.filter(connection=link.connection_id, destination_level=link.destination_level_id).update(
                source_baseline=hold.source_from, destination_baseline=hold.destination_from, keeps_destination=True
            )
        _mark(link)


def confirm_applied(hold: StockHold, user: AbstractBaseUser | None = None) -> None:
    """The write of unknown outcome took effect: what it carried is known to both sides."""
    with transaction.atomic():
        link = _resolve(hold, StockHold.Kind.OUTCOME, StockHold.State.RELEASED, user)
        row = _settle_row(hold, StockAdjustment.State.APPLIED, f"{user or 'An operator'} saw that it took effect.")
        ledger.move_baselines([row])
        link.refresh_from_db()
        _mark(link)


def confirm_not_applied(hold: StockHold, user: AbstractBaseUser | None = None) -> None:
    """The write of unknown outcome did not take effect: it is planned again."""
    with transaction.atomic():
        link = _resolve(hold, StockHold.Kind.OUTCOME, StockHold.State.DISCARDED, user)
        _settle_row(hold, StockAdjustment.State.STALE, f"{user or 'An operator'} saw that it did not take effect.")
        _mark(link)


def _resolve(hold: StockHold, kind: str, state: str, user: AbstractBaseUser | None) -> StockLink:
    link = StockLink.objects.select_for_update(of=("self",)).select_related("connection").get(pk=hold.link_id)
    resolved = StockHold.objects.filter(pk=hold.pk, kind=kind, state=StockHold.State.OPEN).update(
        state=state, resolved_at=timezone.now(), resolved_by=user
    )
    if not resolved:
        raise HoldResolved("This hold was resolved already, or its values have changed: reload the page.")
    hold.refresh_from_db()
    return link


def _settle_row(hold: StockHold, state: str, reason: str) -> StockAdjustment:
    row = hold.adjustment
    row.state, row.reason, row.settled_at = state, reason, timezone.now()
    row.save(update_fields=["state", "reason", "settled_at"])
    return row


def _mark(link: StockLink) -> None:
    link.state, link.reason = StockLink.State.PENDING, ""
    link.dirty_sequence += 1
    link.dirty_at = timezone.now()
    link.save()
