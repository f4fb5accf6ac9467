"""Record: the intent of a write with its exact bytes, committed before anything is sent."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection as db
from django.db import transaction
from django.utils import timezone

from stores.models import Connection
from stores.shopify import inventory
from syncing.models import StockAdjustment, StockBatch, StockLink
from syncing.stock.writes.ledger import BATCH_ROWS, MOVED, Write

logger = logging.getLogger(__name__)

# Shopify refuses a batch of compare-and-set rows as a whole. Levels that sell all the time go in small ones of their
# own for a while: among 250 rows one of them would be stale every time, and none of the 250 would ever be written.
RESTLESS_ROWS = 10
RESTLESS_TIME = timedelta(minutes=1)


Recorded = list[tuple[StockBatch, list[StockAdjustment]]]


def record(connection: Connection, writes: Sequence[Write]) -> list[StockBatch]:
    """As `record_rows`: the batches alone."""
    return [batch for batch, _ in record_rows(connection, writes)]


def record_rows(connection: Connection, writes: Sequence[Write]) -> Recorded:
    """Commit the intent: batches of at most 250 rows for one store and kind, their bytes, and a pending row for each.

    A row that Shopify would not take is left out and its link says so; it keeps no other from being written. Raises
    IntegrityError, having recorded nothing, if a level has got a pending write meanwhile (another connection of the
    same store plans it, too).
    """
    restless = _restless_levels(connection) if len(writes) > 1 else set()  # a single one keeps no other waiting
    groups: dict[tuple[int, str, int], list[Write]] = defaultdict(list)
    for write in writes:
        size = RESTLESS_ROWS if write.side.level_id in restless else BATCH_ROWS
        groups[write.store_id, write.kind, size].append(write)
    batches: list[tuple[StockBatch, list[Write]]] = []
    recorded: Recorded = []
    for (store_id, kind, size), rows in groups.items():
        for start in range(0, len(rows), size):
            chunk, batch = _batch_of_good(connection, store_id, kind, rows[start : start + size])
            if batch is not None:
                batches.append((batch, chunk))
    with transaction.atomic(savepoint=False):
        StockBatch.objects.bulk_create(batch for batch, _ in batches)
        recorded += [(batch, [_adjustment(batch, write) for write in chunk]) for batch, chunk in batches]
        StockAdjustment.objects.bulk_create(row for _, rows in recorded for row in rows)
    if recorded and logger.isEnabledFor(logging.INFO):
        _log_causes([batch for batch, _ in recorded])
    return recorded


def _log_causes(batches: Sequence[StockBatch]) -> None:
    """One line per batch with the webhooks that led to it: the newest one about each level's partner."""
    with db.cursor() as cursor:
        cursor.execute(
            """
            SELECT adjustment.batch_id, array_agg(DISTINCT event.webhook_id)
            FROM syncing_stockadjustment adjustment
            JOIN syncing_stocklink link ON link.id = adjustment.link_id
            JOIN LATERAL (
                SELECT event_id FROM syncing_stockobservation seen
                WHERE seen.level_id = CASE WHEN link.source_level_id = adjustment.level_id
                                           THEN link.destination_level_id ELSE link.source_level_id END
                ORDER BY seen.id DESC LIMIT 1
            ) newest ON true
            JOIN syncing_webhookevent event ON event.id = newest.event_id
            WHERE adjustment.batch_id = ANY(%s) GROUP BY 1
            """,
            [[batch.pk for batch in batches]],
        )
        causes = dict(cursor.fetchall())
    for batch in batches:
        fields = {"batch": batch.pk, "key": str(batch.key), "store_id": batch.store_id}
        logger.info("Stock write recorded", extra=fields | {"correlation": causes.get(batch.pk, [])})


def _restless_levels(connection: Connection) -> set[int]:
    """Levels whose last writes were refused because somebody changed them at the same time."""
    lately = StockAdjustment.objects.filter(
        connection=connection, created_at__gte=timezone.now() - RESTLESS_TIME, state="stale", reason=MOVED
    )
    return set(lately.values_list("level_id", flat=True))


def _batch_of_good(
    connection: Connection, store_id: int, kind: str, writes: list[Write]
) -> tuple[list[Write], StockBatch | None]:
    """A batch of these writes without those that cannot be sent, which are skipped; None where none is left."""
    try:
        return writes, _batch(connection, store_id, kind, writes)
    except ValueError:
        good: dict[int, Write] = {}
        for write in writes:
            try:
                if write.side.level_id in good:
                    raise ValueError("another write of this run names the same item and location")
                _batch(connection, store_id, kind, [write])
                good[write.side.level_id] = write
            except ValueError as error:
                logger.warning("%s: a level cannot be written: %s", connection, error)
                _skip(write, f"cannot be written: {error}")
        chunk = list(good.values())
        return chunk, _batch(connection, store_id, kind, chunk) if chunk else None


def _skip(write: Write, reason: str) -> None:
    sequences = {pair.link_id: pair.sequence for pair in write.pairs}
    for link in StockLink.objects.filter(pk__in=sequences).order_by("pk").select_for_update(of=("self",)):
        link.state, link.reason = StockLink.State.SKIPPED, reason[:255]
        link.settled_sequence = max(link.settled_sequence, sequences[link.pk])
        link.save(update_fields=["state", "reason", "settled_sequence", "changed_at"])


def _batch(connection: Connection, store_id: int, kind: str, writes: Sequence[Write]) -> StockBatch:
    key = uuid.uuid4()
    uri = f"gid://tiposync/StockBatch/{key}"
    if kind == StockBatch.Kind.ADJUST:
        changes = [inventory.Change(w.side.item_gid, w.side.location_gid, w.change_to - w.change_from) for w in writes]
        body = inventory.adjust_body(changes, str(key), uri)
    else:
        rows = [inventory.SetRow(w.side.item_gid, w.side.location_gid, w.change_to, w.change_from) for w in writes]
        body = inventory.set_body(rows, str(key), uri)
    return StockBatch(key=key, store_id=store_id, connection=connection, kind=kind, body=body)


def _adjustment(batch: StockBatch, write: Write) -> StockAdjustment:
    return StockAdjustment(
        batch=batch,
        connection_id=batch.connection_id,
        link_id=write.pair.link_id,
        level_id=write.side.level_id,
        change_from=write.change_from,
        change_to=write.change_to,
        from_as_of=write.side.as_of,
        source_quantity=write.source_quantity,
        taken_sequence=write.pair.sequence,
        is_only_write=write.is_only_write,
        cause=write.cause,
        reconciliation_id=write.pair.reconciliation_id,
        undoes_id=write.undoes_id,
        hold_id=write.hold_id,
    )
