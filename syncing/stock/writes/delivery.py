"""Deliver: record the writes of a plan store by store, send them at once, and withdraw what was not sent after all."""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from stores.clients import OpenClient
from stores.models import Connection, Store
from stores.shopify.errors import OutOfPoints, StoreRests
from syncing.models import StockBatch
from syncing.stock.mirror.troubles import Troubles
from syncing.stock.writes import claims, ledger, recording
from syncing.stock.writes.ledger import Write
from syncing.stock.writes.settle import send_one

logger = logging.getLogger(__name__)

# What was planned longer ago is planned anew before it is sent: a slow store must not make other writes old.
PLAN_SECONDS = 5.0
NOT_SENT = "Not sent: the run ended before."


def deliver(
    connection: Connection, writes: Sequence[Write], clients: OpenClient, troubles: Troubles
) -> tuple[list[StockBatch], set[int]]:
    """Record and send these writes; the batches, and the connections whose links became dirty.

    Nothing is recorded for a store before the turn of that store, and what could not be sent is withdrawn: a row that
    nobody is about to send keeps no level from being written. What a store says stands in `troubles`.
    """
    by_store: dict[int, list[Write]] = defaultdict(list)
    for write in writes:
        by_store[write.store_id].append(write)
    delivered: list[StockBatch] = []
    dirtied: set[int] = set()
    began = time.monotonic()
    # The one that was written to last comes last: were it slow, what it sells meanwhile would keep it first for ever.
    last = _last_written(connection) if len(by_store) > 1 else None
    for store_id in sorted(by_store, key=lambda store_id: store_id == last):
        rows = by_store[store_id]
        if time.monotonic() - began > PLAN_SECONDS:
            break
        if troubles.can_write(store_id):
            batches, marked = _deliver_to(connection, rows, clients, troubles)
            delivered += batches
            dirtied |= marked
    return delivered, dirtied


def _store_of(connection: Connection, store_id: int) -> Store:
    """The row of a store, as it was when the run began: whether it may be asked, its gate tells."""
    known = {store.pk: store for store in (connection.source, connection.destination)}
    return known.get(store_id) or Store.objects.get(pk=store_id)


def _last_written(connection: Connection) -> int | None:
    last = StockBatch.objects.filter(connection=connection).order_by("-pk").values_list("store_id", flat=True)
    return last.first()


def _deliver_to(
    connection: Connection, writes: Sequence[Write], clients: OpenClient, troubles: Troubles
) -> tuple[list[StockBatch], set[int]]:
    recorded: recording.Recorded = []
    dirtied: set[int] = set()
    store = _store_of(connection, writes[0].store_id)
    try:
        clients(store).check_gate(is_write=True)
    except (StoreRests, OutOfPoints) as error:
        troubles.note_write(store.pk, error)
        return [], dirtied
    try:
        try:
            with transaction.atomic():
                recorded += recording.record_rows(connection, writes)
                for batch, _ in recorded:  # before anybody can see it: who gets the lock knows that it was left behind
                    claims.claim(batch.pk)
                    batch.store = store
        except IntegrityError:
            # Another connection of the same store got a pending write on one of these levels a moment ago. Nothing
            # was recorded; its apply marks our links, and the next round leaves that level out.
            logger.info("%s: a level is being written by another connection; planned again", connection)
            return [], dirtied
        for batch, rows in recorded:
            if troubles.can_write(store.pk):
                dirtied |= send_one(batch, clients, troubles, rows)
        return [batch for batch, _ in recorded], dirtied
    finally:
        for batch, rows in recorded:
            if not batch.attempts:
                ledger.withdraw(batch, rows, NOT_SENT)
            claims.release(batch.pk)
