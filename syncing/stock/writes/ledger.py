"""The ledger: record an intent with its exact bytes, send it, and write down what became of it.

Two kinds of writes. Two-way changes are carried as deltas (inventoryAdjustQuantities, changeFromQuantity null): they do
not depend on the value they meet, so a lost answer is settled by sending the same bytes under the same key, and a sale
in between is neither lost nor mistaken for our write. One-way values are compare-and-set (inventorySetQuantities with
the value we saw): what does not fit is read and planned anew. The true quantity that an operator sets in a source is
one, too, whichever way stock is synced (syncing.stock.true_quantity).
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from stores.shared.statements import prepared_cursor
from stores.shopify import inventory
from stores.shopify.client import Client
from stores.shopify.errors import ShopifyError
from syncing.models import StockAdjustment, StockBatch, StockLevel, StockLink, StockObservation
from syncing.stock import true_quantity
from syncing.stock.merge import Mirror, Verdict, judge_own_write, latest
from syncing.stock.mirror import levels
from syncing.stock.pairs import Pair, Side

logger = logging.getLogger(__name__)

BATCH_ROWS = inventory.MOST_ROWS
REFUSED = "Shopify refused it:"  # what the reason of a link begins with that waits for this
MOVED = "The level had changed meanwhile."


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One planned change of one level, for one pair."""

    pair: Pair
    side: Side
    store_id: int
    kind: str
    change_to: int
    cause: str
    is_only_write: bool = True
    source_quantity: int | None = None
    group: tuple[Pair, ...] = ()  # one-way: all pairs that are summed into this level
    undoes_id: int | None = None  # the adjustment that this one takes back
    hold_id: int | None = None  # the hold that an operator decided by setting the true quantity

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs that this write is for."""
        return self.group or (self.pair,)

    @property
    def change_from(self) -> int:
        assert self.side.available is not None  # nothing is planned with an unknown level
        return self.side.available


def send(batch: StockBatch, client: Client) -> inventory.Outcome | None:
    """Send the batch's bytes, now or again; the intention to do so is committed first.

    `batch.attempts` afterwards counts the times that it may have taken effect, `batch.first_sent_at` tells the first of
    them. None, and nothing sent, if another run has it in hand or has settled it. Raises what the client raises.
    """
    with prepared_cursor() as cursor:
        cursor.execute(_ABOUT_TO_SEND, {"batch": batch.pk, "attempts": batch.attempts, "now": timezone.now()})
        row = cursor.fetchone()
    if row is None:
        return None
    batch.attempts, batch.first_sent_at = row
    try:
        return inventory.send(client, bytes(batch.body))
    except ShopifyError as error:
        if not error.outcome_unknown:
            _unsend(batch)
        raise


# By Shopify's clock, as a key's age is. Attempts whose instant nobody noted count as made when the batch was.
_ABOUT_TO_SEND = """
    UPDATE syncing_stockbatch batch
    SET attempts = attempts + 1,
        first_sent_at = COALESCE(first_sent_at,
                                 CASE WHEN attempts > 0 THEN batch.created_at ELSE %(now)s - store.clock_difference END)
    FROM stores_store store
    WHERE store.id = batch.store_id AND batch.id = %(batch)s AND batch.state = 'pending'
      AND batch.attempts = %(attempts)s
    RETURNING batch.attempts, batch.first_sent_at
"""


def _unsend(batch: StockBatch) -> None:
    """It was refused before it was executed: as if never sent. Unless somebody sent it meanwhile: then it may be."""
    left = batch.attempts - 1
    fields = {"attempts": left} if left else {"attempts": 0, "first_sent_at": None}
    if StockBatch.objects.filter(pk=batch.pk, attempts=batch.attempts).update(**fields):
        batch.attempts = left
        batch.first_sent_at = batch.first_sent_at if left else None


def apply(
    batch: StockBatch, adjustments: Sequence[StockAdjustment], at: datetime | None, message: str = ""
) -> set[int]:
    """The batch had taken effect by `at` (Shopify's clock; None: nobody knows). One transaction for all of it.

    Rows applied, baselines moved by what was carried, the mirror set to the written value, links that share the level
    marked. Returns the connections of marked links.
    """
    with transaction.atomic():
        if not _close_applied(batch, adjustments, message):
            return set()  # another run settled it
        doubtful = _write_own(batch, adjustments, at)
        if batch.kind == StockBatch.Kind.ADJUST:
            move_baselines(adjustments)
        if any(row.is_undo for row in adjustments):  # then all of the batch are
            keep_undone(batch.kind, adjustments)
            return levels.mark_dirty([row.level_id for row in adjustments])
        true_quantity.start_from_seen(adjustments)
        links = _settle_links(batch, adjustments, doubtful)
        return levels.mark_dirty([row.level_id for row in adjustments], except_links=links)


def close(batch: StockBatch, state: str, message: str) -> bool:
    """Write down how a pending batch ended; False where another run has done so. In the caller's transaction."""
    now = timezone.now()
    pending = StockBatch.objects.filter(pk=batch.pk, state=StockBatch.State.PENDING)
    if not pending.update(state=state, answered_at=now, message=message):
        return False
    batch.state, batch.answered_at, batch.message = state, now, message
    return True


def _close_applied(batch: StockBatch, adjustments: Sequence[StockAdjustment], message: str) -> bool:
    """As `close`, of a batch that took effect, and of its rows: one statement, for nearly every batch ends so."""
    now = timezone.now()
    with prepared_cursor() as cursor:
        cursor.execute(
            _CLOSE_APPLIED,
            {"batch": batch.pk, "rows": [row.pk for row in adjustments], "now": now, "message": message},
        )
        (is_closed,) = cursor.fetchone()
    if is_closed:
        batch.state, batch.answered_at, batch.message = StockBatch.State.APPLIED, now, message
    return is_closed


_CLOSE_APPLIED = """
    WITH closed AS (
        UPDATE syncing_stockbatch SET state = 'applied', answered_at = %(now)s, message = %(message)s
        WHERE id = %(batch)s AND state = 'pending' RETURNING id
    ), applied AS (
        UPDATE syncing_stockadjustment row SET state = 'applied', settled_at = %(now)s, reason = %(message)s
        FROM closed WHERE row.id = ANY(%(rows)s::bigint[])
    )
    SELECT EXISTS (SELECT FROM closed)
"""


def _write_own(batch: StockBatch, adjustments: Sequence[StockAdjustment], at: datetime | None) -> set[int]:
    """Put what we wrote into the mirror; return the levels that somebody else changed at the same time."""
    by_level = {row.level_id: row for row in adjustments}
    touched, doubtful, observations = levels.lock_levels(list(by_level)), set(), []
    for level in touched:
        row = by_level[level.pk]
        mirror = Mirror(level.available, level.as_of, level.is_doubtful, level.version)
        verdict = judge_own_write(mirror, row.change_from, row.from_as_of, at)
        if at is None and batch.kind == StockBatch.Kind.ADJUST:
            verdict = Verdict.DOUBT  # "nothing changed" is a strange answer to a delta: look before planning on
        if verdict is Verdict.ACCEPT:
            observations.append(_own_observation(level, row.change_to, at))
            level.available, level.as_of = row.change_to, latest(at, level.as_of)
        elif verdict is Verdict.DOUBT:
            levels.doubt_level(level, at)  # no value that travelled from before our write may end this
            doubtful.add(level.pk)
    levels.write_mirror(touched, observations)
    return doubtful


def _own_observation(level: StockLevel, available: int, at: datetime | None) -> StockObservation:
    origin = StockObservation.Origin.WRITE
    return StockObservation(level=level, previous=level.available, available=available, as_of=at, origin=origin)


def move_baselines(adjustments: Iterable[StockAdjustment]) -> None:
    """A carried delta moves both baselines of its link: the change is now known to both sides.

    One that takes a delta back moves only the baseline of the side it was written to: the other side keeps its change,
    and it is not carried again.
    """
    rows = sorted((row.link_id, row.delta, row.level_id if row.is_undo else 0) for row in adjustments if row.link_id)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    with prepared_cursor() as cursor:
        cursor.execute("SELECT 1 FROM syncing_stocklink WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [columns[0]])
        cursor.execute(
            """
            UPDATE syncing_stocklink link
            SET source_baseline = source_baseline + moved.source,
                destination_baseline = destination_baseline + moved.destination
            FROM (SELECT own.id,
                         coalesce(sum(delta) FILTER (WHERE side IN (0, source_level_id)), 0) AS source,
                         coalesce(sum(delta) FILTER (WHERE side IN (0, destination_level_id)), 0) AS destination
                  FROM unnest(%s::bigint[], %s::int[], %s::bigint[]) AS row (id, delta, side)
                  JOIN syncing_stocklink own ON own.id = row.id GROUP BY own.id) moved
            WHERE link.id = moved.id AND source_baseline IS NOT NULL
            """,
            columns,
        )


def keep_undone(kind: str, adjustments: Iterable[StockAdjustment]) -> None:
    """One-way: a destination whose write was taken back keeps its value until the source changes."""
    if kind != StockBatch.Kind.SET:
        return
    for row in sorted(adjustments, key=lambda row: row.level_id):
        summed = StockLink.objects.filter(connection=row.connection_id, destination_level=row.level_id)
        locked = summed.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True)
        StockLink.objects.filter(pk__in=list(locked)).update(
            source_baseline=row.source_quantity, destination_baseline=row.change_to, keeps_destination=True
        )


def _settle_links(batch: StockBatch, adjustments: Sequence[StockAdjustment], doubtful: set[int]) -> list[int]:
    """Settle the links for which this write was all that was planned; return them. The others are planned again."""
    done = [row for row in adjustments if row.is_only_write and row.level_id not in doubtful]
    if batch.kind == StockBatch.Kind.SET:
        done = [row for row in done if row.source_quantity is not None]
    is_set = batch.kind == StockBatch.Kind.SET
    rows = sorted(
        (row.link_id, row.taken_sequence, row.source_quantity or 0, row.change_to)
        for row in done
        if row.link_id is not None
    )
    with prepared_cursor() as cursor:
        cursor.execute(
            """
            UPDATE syncing_stocklink link
            SET settled_sequence = GREATEST(settled_sequence, done.sequence), state = 'in_step', reason = '',
                reconciliation_id = CASE WHEN dirty_sequence > done.sequence THEN reconciliation_id END,
                source_baseline = CASE WHEN %s THEN done.source ELSE source_baseline END,
                destination_baseline = CASE WHEN %s THEN done.written ELSE destination_baseline END,
                keeps_destination = false, changed_at = now()
            FROM (SELECT target.id, row.sequence, row.source, row.written
                  FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[]) AS row (id, sequence, source, written)
                  JOIN syncing_stocklink target ON target.id = row.id ORDER BY target.id FOR UPDATE OF target) done
            WHERE link.id = done.id
            """,
            [is_set, is_set, *([row[i] for row in rows] for i in range(4))],
        )
    return [row[0] for row in rows]


def refuse(batch: StockBatch, adjustments: Sequence[StockAdjustment], outcome: inventory.Outcome) -> None:
    """The batch surely changed nothing: stale rows are read first, bad ones wait, the rest goes again."""
    stale = inventory.stale_rows(outcome)
    bad: dict[int, str] = {}
    for error in outcome.user_errors:
        index = inventory.row_index(error)
        if index is not None and index not in stale:
            bad[index] = f"{REFUSED} {error.message}"
    if not stale and not bad:  # it speaks of the whole call
        words = "; ".join(error.message for error in outcome.user_errors)
        bad = dict.fromkeys(range(len(adjustments)), f"{REFUSED} {words}")
    message = "; ".join(sorted({error.message for error in outcome.user_errors}))
    with transaction.atomic():
        if not close(batch, StockBatch.State.REFUSED, message):
            return
        # Levels before links, each in the order of their ids, as everywhere.
        levels.doubt([adjustments[i].level_id for i in {*stale, *bad}], outcome.answered_at)
        others = [row for i, row in enumerate(adjustments) if i not in stale and i not in bad]
        end(others, StockAdjustment.State.STALE, "Another row of the same batch was refused: planned again.")
        end([adjustments[i] for i in stale], StockAdjustment.State.STALE, MOVED)
        for index in sorted(bad, key=lambda i: adjustments[i].link_id or 0):
            _fail_row(adjustments[index], bad[index])


def withdraw(
    batch: StockBatch, adjustments: Sequence[StockAdjustment], reason: str, *, is_doubtful: bool = False
) -> None:
    """The batch was never sent, and will not be: its run finds it closed when it is about to.

    `is_doubtful`: the values that it was planned from are not believed any more, either.
    """
    with transaction.atomic():
        unsent = StockBatch.objects.filter(pk=batch.pk, state=StockBatch.State.PENDING, attempts=0)
        if unsent.update(state=StockBatch.State.REFUSED, answered_at=timezone.now(), message=reason):
            levels.doubt([row.level_id for row in adjustments] if is_doubtful else [])
            end(adjustments, StockAdjustment.State.STALE, reason)


def cancel(
    batch: StockBatch, adjustments: Sequence[StockAdjustment], reason: str, answered_at: datetime | None
) -> None:
    """The batch surely changed nothing; its levels are read before the next plan."""
    with transaction.atomic():
        if close(batch, StockBatch.State.REFUSED, reason):
            levels.doubt([row.level_id for row in adjustments], answered_at)
            end(adjustments, StockAdjustment.State.STALE, reason)


def _fail_row(row: StockAdjustment, reason: str) -> None:
    """Shopify refuses this row for what it is: its link waits until something about it changes."""
    end([row], StockAdjustment.State.FAILED, reason)
    if row.link_id and not row.hold_id:
        StockLink.objects.filter(pk=row.link_id).update(
            state=StockLink.State.SKIPPED, reason=reason[:255], settled_sequence=row.taken_sequence
        )
        # Whatever is summed into the level with it is refused with it. Left dirty, it would be sent again for ever.
        StockLink.objects.filter(connection=row.connection_id, destination_level=row.level_id).exclude(
            pk=row.link_id
        ).update(state=StockLink.State.SKIPPED, reason=reason[:255], settled_sequence=F("dirty_sequence"))


def end(rows: Sequence[StockAdjustment], state: str, reason: str) -> None:
    """Write down how these rows ended, other than by the answer that they took effect."""
    reason = reason[:500]
    StockAdjustment.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=state, reason=reason, settled_at=timezone.now()
    )
    if state == StockAdjustment.State.APPLIED:
        true_quantity.start_from_seen(rows)
    else:
        true_quantity.ask_again(rows, reason)
