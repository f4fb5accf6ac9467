"""What an operator decides about a hold, or about all of one cause. Safe to press twice: the first decision counts."""

from collections.abc import Collection

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db import connection as db
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from stores.shopify.inventory import LARGEST_QUANTITY
from syncing.models import StockAdjustment, StockBatch, StockHold, StockLevel, StockLink
from syncing.stock import pairs, true_quantity
from syncing.stock.mirror import levels
from syncing.stock.writes import ledger, recording


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


def release_all(holds: QuerySet[StockHold], user: AbstractBaseUser | None = None) -> set[int]:
    """Release those of these that are still open and were held by a guard; which they were."""
    return _decide_all(holds, StockHold.State.RELEASED, user)


def discard_all(holds: QuerySet[StockHold], user: AbstractBaseUser | None = None) -> set[int]:
    """Discard those of these that are still open and were held by a guard; which they were."""
    return _decide_all(holds, StockHold.State.DISCARDED, user)


def _decide_all(holds: QuerySet[StockHold], state: str, user: AbstractBaseUser | None) -> set[int]:
    """One connection after the other, each at once: thousands of holds are a few statements."""
    open_ones = holds.filter(kind=StockHold.Kind.GUARD, state=StockHold.State.OPEN).order_by()
    by_connection: dict[int, list[int]] = {}
    for pk, connection_id in open_ones.values_list("pk", "connection"):
        by_connection.setdefault(connection_id, []).append(pk)
    decided: set[int] = set()
    for _, pks in sorted(by_connection.items()):
        with transaction.atomic():
            decided |= _decide_of_connection(pks, state, user)
    return decided


def _decide_of_connection(pks: Collection[int], state: str, user: AbstractBaseUser | None) -> set[int]:
    own = StockHold.objects.filter(pk__in=pks)
    # Where several source locations are summed into one level, all of their pairs: discarding concerns them together.
    levels_of_own = own.values("link__connection", "link__destination_level")
    pairs = [(row["link__connection"], row["link__destination_level"]) for row in levels_of_own]
    of_levels = {"connection__in": {one for one, _ in pairs}, "destination_level__in": {level for _, level in pairs}}
    links = StockLink.objects.filter(**of_levels).order_by("pk").select_for_update(of=("self",))
    list(links.values_list("pk", flat=True))
    user_id = None if user is None else user.pk
    with db.cursor() as cursor:
        cursor.execute(_RESOLVE_ALL, [state, user_id, list(pks)])
        decided = [pk for (pk,) in cursor.fetchall()]
        if state == StockHold.State.DISCARDED:
            cursor.execute(_KEEP_ALL, [decided])
        cursor.execute(_MARK_ALL, [decided])
    return set(decided)


_RESOLVE_ALL = """
    UPDATE syncing_stockhold hold
    SET state = %s, resolved_at = now(), resolved_by_id = %s,
        last_adjustment_id = (SELECT coalesce(max(id), 0) FROM syncing_stockadjustment WHERE link_id = hold.link_id)
    WHERE id = ANY(%s) AND state = 'open' AND kind = 'guard'
    RETURNING id
"""
# As `discard` says it.
_KEEP_ALL = """
    UPDATE syncing_stocklink link
    SET source_baseline = hold.source_from, destination_baseline = hold.destination_from,
        keeps_destination = connection.strategy <> 'two_way'
    FROM syncing_stockhold hold
    JOIN syncing_stocklink own ON own.id = hold.link_id
    JOIN stores_connection connection ON connection.id = own.connection_id
    WHERE hold.id = ANY(%s) AND link.connection_id = own.connection_id
      AND (link.id = own.id
           OR connection.strategy <> 'two_way' AND link.destination_level_id = own.destination_level_id)
"""
_MARK_ALL = """
    UPDATE syncing_stocklink link
    SET state = 'pending', reason = '', dirty_sequence = dirty_sequence + 1, dirty_at = now(), changed_at = now()
    FROM syncing_stockhold hold
    WHERE hold.id = ANY(%s) AND link.id = hold.link_id
"""


def confirm_applied(hold: StockHold, user: AbstractBaseUser | None = None) -> None:
    """The write of unknown outcome took effect: what it carried is known to both sides."""
    with transaction.atomic():
        link = _resolve(hold, StockHold.Kind.OUTCOME, StockHold.State.RELEASED, user)
        row = _settle_row(hold, StockAdjustment.State.APPLIED, f"{user or 'A user'} saw that it took effect.")
        ledger.move_baselines([row])
        link.refresh_from_db()
        _mark(link)


def confirm_not_applied(hold: StockHold, user: AbstractBaseUser | None = None) -> None:
    """The write of unknown outcome did not take effect: it is planned again."""
    with transaction.atomic():
        link = _resolve(hold, StockHold.Kind.OUTCOME, StockHold.State.DISCARDED, user)
        _settle_row(hold, StockAdjustment.State.STALE, f"{user or 'A user'} saw that it did not take effect.")
        _mark(link)


def set_true(hold: StockHold, quantity: int, seen: tuple[int, int], user: AbstractBaseUser | None = None) -> None:
    """Both sides shall have what an operator counted; `seen` is what the source and the destination had to their eyes.

    The write to the source is recorded here and sent by the connection's run, as a compare-and-set from what was seen;
    the destination follows as it follows any change of the source, without being held again. What is sold meanwhile is
    carried like any other change. A write that finds another value in the source opens the hold again.
    Raises ValueError, having changed nothing, when a side is no longer as seen; HoldResolved as its like do.
    """
    if abs(quantity) > LARGEST_QUANTITY:
        raise ValueError(f"Shopify takes no quantity beyond {LARGEST_QUANTITY:,}.")
    with transaction.atomic():
        link = StockLink.objects.select_related("connection").get(pk=hold.link_id)
        if reason := link.connection.why_inert():
            raise ValueError(f"Nothing can be set now. {reason}")
        # Levels before links, as everywhere: from here on neither side's value moves under us.
        locked = {row.pk: row for row in levels.lock_levels([link.source_level_id, link.destination_level_id])}
        source, destination = locked[link.source_level_id], locked[link.destination_level_id]
        _refuse_unless_seen(link, (source, destination), seen)
        link = _resolve(hold, hold.kind, StockHold.State.SET_TRUE, user)
        hold.true_quantity, (hold.source_seen_quantity, hold.destination_seen_quantity) = quantity, seen
        hold.save(update_fields=["true_quantity", "source_seen_quantity", "destination_seen_quantity"])
        if hold.adjustment and hold.kind == StockHold.Kind.OUTCOME:
            words = f"{user or 'A user'} set the true quantity instead of telling its outcome."
            _settle_row(hold, StockAdjustment.State.UNKNOWN, words)
        _mark(link)
        if source.available == quantity:
            true_quantity.start_pair(hold)
        else:
            _record(hold, link, quantity)


def _refuse_unless_seen(link: StockLink, sides: tuple[StockLevel, StockLevel], seen: tuple[int, int]) -> None:
    for name, level, quantity in zip(("source", "destination"), sides, seen, strict=True):
        if level.available is None or level.is_doubtful:
            raise ValueError(f"What the {name} has is not known for sure: press “Read live” first.")
        if level.available != quantity:
            raise ValueError(
                f"The {name} has {level.available} now, not {quantity} any more. Count again, or set anew."
            )
    if not link.connection.is_two_way:
        group = StockLink.objects.filter(connection=link.connection_id, destination_level=link.destination_level_id)
        if group.count() > 1:
            raise ValueError("Several source locations are summed into this level: set each of them in Shopify.")
    if StockAdjustment.objects.filter(level__in=sides, state=StockAdjustment.State.PENDING).exists():
        raise ValueError(_BUSY)


_BUSY = "Something else is being written there at this moment: try again in a few seconds."


def _record(hold: StockHold, link: StockLink, quantity: int) -> None:
    """Commit the intent to set the source; the connection's run sends it."""
    (pair,) = pairs.load(Q(pk=link.pk))
    store_id, kind, cause = link.connection.source_id, StockBatch.Kind.SET, StockAdjustment.Cause.SET_TRUE
    write = ledger.Write(pair, pair.source, store_id, kind, quantity, cause, is_only_write=False, hold_id=hold.pk)
    try:
        recording.record(link.connection, [write])
    except IntegrityError:  # another connection of the same source planned a write a moment ago
        raise ValueError(_BUSY) from None


def _resolve(hold: StockHold, kind: str, state: str, user: AbstractBaseUser | None) -> StockLink:
    link = StockLink.objects.select_for_update(of=("self",)).select_related("connection").get(pk=hold.link_id)
    resolved = StockHold.objects.filter(pk=hold.pk, kind=kind, state=StockHold.State.OPEN).update(
        state=state,
        resolved_at=timezone.now(),
        resolved_by=user,
        last_adjustment_id=link.adjustments.aggregate(newest=Coalesce(Max("pk"), 0))["newest"],
    )
    if not resolved:
        raise HoldResolved("This review was decided already, or its values have changed: reload the page.")
    hold.refresh_from_db()
    return link


def _settle_row(hold: StockHold, state: str, reason: str) -> StockAdjustment:
    row = hold.adjustment
    assert row is not None  # a hold about an outcome is about a write
    row.state, row.reason, row.settled_at = state, reason, timezone.now()
    row.save(update_fields=["state", "reason", "settled_at"])
    return row


def _mark(link: StockLink) -> None:
    link.state, link.reason = StockLink.State.PENDING, ""
    link.dirty_sequence += 1
    link.dirty_at = timezone.now()
    link.save()  # all of it: `_resolve` has locked it, and read it then
