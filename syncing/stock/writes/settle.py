"""Settle: find out what became of writes whose answer did not come, without ever guessing."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from stores.clients import OpenClient
from stores.models import Connection
from stores.shopify import inventory, shops
from stores.shopify.client import Client
from stores.shopify.errors import ServerError, ShopifyError, StoreRests
from syncing.models import StockAdjustment, StockBatch, StockHold, StockLevel, StockLink
from syncing.stock.mirror import levels
from syncing.stock.mirror.reading import read_levels
from syncing.stock.mirror.troubles import Troubles
from syncing.stock.writes import claims, hold_causes, ledger

logger = logging.getLogger(__name__)

# Shopify forgets a key 24 h after its first request (shopify.md 3.3); an hour of safety for two clocks.
KEY_LIFE = timedelta(hours=23)
CLOCKS_APART = timedelta(minutes=1)  # ours and Shopify's may differ by this much
# What was recorded longer ago is never sent for the first time: its numbers are old.
FIRST_SENT_WITHIN = timedelta(hours=1)
STOPPED = "Never sent: its connection was stopped before."
LEFT = "Never sent: its worker was stopped before. Planned again."
BUSY = {inventory.IDEMPOTENCY_CONCURRENT_REQUEST, "SERVICE_UNAVAILABLE"}


def settle_pending(connection: Connection, clients: OpenClient, troubles: Troubles) -> set[int]:
    """Settle every batch of this connection that is pending; the connections whose links became dirty.

    What cannot be settled stays pending, and nothing is planned for its levels; `troubles` tells why.
    """
    own = StockBatch.objects.filter(connection=connection, state=StockBatch.State.PENDING)
    return _settle_all(own, clients, troubles)


def settle_left_behind(level_ids: Collection[int], clients: OpenClient, troubles: Troubles) -> set[int]:
    """Settle whatever is pending on these levels and nobody has in hand, whichever connection left it behind.

    Its own connection may be paused, removed, or kept by a store that this one does without; whoever shares the levels
    must not wait for it. The connections whose links became dirty.
    """
    pending = StockBatch.objects.filter(state=StockBatch.State.PENDING, adjustments__level__in=level_ids).distinct()
    return _settle_all(pending, clients, troubles)


def _settle_all(batches: QuerySet[StockBatch], clients: OpenClient, troubles: Troubles) -> set[int]:
    dirtied: set[int] = set()
    for batch in batches.select_related("store", "connection__source", "connection__destination").order_by("pk"):
        with claims.claimed(batch.pk) as is_ours:
            if is_ours:  # else its own run has it in hand just now
                dirtied |= _settle_claimed(batch, clients, troubles)
    return dirtied


def _settle_claimed(batch: StockBatch, clients: OpenClient, troubles: Troubles) -> set[int]:
    """What was sent is found out by sending it again; what was not is withdrawn: its worker died, or was stopped.

    What an operator asked for (a true quantity, an undo) is no plan of a run: it is sent, while its connection runs.
    """
    batch.refresh_from_db(fields=["state", "attempts", "first_sent_at"])
    if batch.state != StockBatch.State.PENDING:
        return set()
    if not batch.attempts:
        rows = list(batch.adjustments.order_by("pk"))
        is_stopped = batch.connection is None or bool(batch.connection.why_inert())
        if is_stopped or not any(row.hold_id or row.is_undo for row in rows):
            ledger.withdraw(batch, rows, STOPPED if is_stopped else LEFT)
            return levels.waiting_connections([row.level_id for row in rows])
    return send_one(batch, clients, troubles) if troubles.can_write(batch.store_id) else set()


def send_one(
    batch: StockBatch, clients: OpenClient, troubles: Troubles, recorded: Sequence[StockAdjustment] | None = None
) -> set[int]:
    """Send a batch, now or again, and write down what became of it; the connections whose links became dirty.

    `recorded`: the rows of one that the caller has just recorded and has in hand: nobody else can have touched it.
    What goes wrong is of this batch or of this store, and stands in `troubles`: the others go on.
    """
    try:
        client = clients(batch.store)
        dirtied = settle(batch, client) if recorded is None else _settle(batch, recorded, client)
    except DatabaseError:
        raise
    except Exception as error:
        troubles.note_write(batch.store_id, error)
        return getattr(error, "dirtied", set())
    troubles.note_written(batch.store_id)
    return dirtied


def settle(batch: StockBatch, client: Client) -> set[int]:
    """Send the batch (again, if it was sent before) and write down what became of it.

    Does nothing where another sender has it in hand, or has settled it. Raises what the client raises.
    """
    with claims.claimed(batch.pk) as is_ours:
        if not is_ours:
            return set()
        batch.refresh_from_db(fields=["state", "attempts", "first_sent_at"])
        if batch.state != StockBatch.State.PENDING:
            return set()
        return _settle(batch, list(batch.adjustments.order_by("pk")), client)


def _settle(batch: StockBatch, rows: Sequence[StockAdjustment], client: Client) -> set[int]:
    if batch.attempts and not _has_key(batch, client):
        return _settle_by_evidence(batch, rows, client, "its idempotency key has expired")
    if not batch.attempts and not is_within(batch.created_at, FIRST_SENT_WITHIN, timezone.now()):
        # A database that says "never sent" so late was restored, perhaps: it may have been sent after the backup.
        ledger.withdraw(batch, rows, "Not sent in time: planned again from live values.", is_doubtful=True)
        return levels.waiting_connections([row.level_id for row in rows])
    is_replay = batch.attempts > 0
    outcome = ledger.send(batch, client)
    if outcome is None:
        return set()
    if outcome.succeeded:
        if outcome.is_noop and any(row.delta for row in rows):
            return _settle_nothing_changed(batch, rows, client)
        return ledger.apply(batch, rows, outcome.done_at)
    codes = {error.code for error in outcome.user_errors}
    if codes & BUSY:
        raise ServerError(f"{batch.store}: Shopify is still busy with this write; it is asked again.")
    logger.info("%s: refused with %s (attempt %d)", batch, sorted(map(str, codes)), batch.attempts)
    if is_replay or inventory.IDEMPOTENCY_KEY_PARAMETER_MISMATCH in codes:
        # An error on a replay does not say what the first try did (shopify.md 3.3).
        words = "; ".join(sorted({error.message for error in outcome.user_errors}))
        return _settle_by_evidence(batch, rows, client, f"the repeated request was answered: {words}")
    if inventory.IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED in codes:
        ledger.cancel(batch, rows, "Shopify says that an earlier try failed.", outcome.answered_at)
    else:
        ledger.refuse(batch, rows, outcome)
    return levels.waiting_connections([row.level_id for row in rows])  # they wait for these levels to be settled


def sent_at(batch: StockBatch) -> datetime:
    """Since when a batch that was ever sent may have taken effect: at the latest since it was made."""
    return batch.first_sent_at or batch.created_at


def _has_key(batch: StockBatch, client: Client) -> bool:
    """Whether Shopify surely still knows the key of a batch that was sent: by its own clock, if it tells that.

    Ours may have been set back since. It was sent before now, whatever was noted: by a clock that was ahead, perhaps.
    Raises what the client raises where nobody tells the time: an answer that refuses us does.
    """
    try:
        now = shops.ask_time(client)
    except StoreRests:
        raise  # nobody was asked
    except ShopifyError:
        now = client.answered_at
        if now is None:
            raise
    if now is None:
        batch.store.refresh_from_db(fields=["clock_difference"])
        return is_within(sent_at(batch), KEY_LIFE, batch.store.now())
    if sent_at(batch) > now:
        batch.first_sent_at = now
        StockBatch.objects.filter(pk=batch.pk, state=StockBatch.State.PENDING).update(first_sent_at=now)
    return is_within(sent_at(batch), KEY_LIFE, now)


def is_within(since: datetime, age: timedelta, now: datetime) -> bool:
    """Whether it is not longer ago than that. What lies ahead of us was noted before a clock was set back: no."""
    return -CLOCKS_APART <= now - since <= age


class NothingChanged(ServerError):
    """Shopify says that a write changed nothing, though it was to change something, and the levels say so, too.

    It is planned again, and not at once: the next try may be answered the same. `dirtied` are the connections whose
    links became dirty.
    """

    def __init__(self, message: str, dirtied: set[int]) -> None:
        super().__init__(message)
        self.dirtied = dirtied


def _settle_nothing_changed(batch: StockBatch, rows: Sequence[StockAdjustment], client: Client) -> set[int]:
    """No adjustment group and no error, for a change that is none of 0: nobody can tell what became of it."""
    dirtied = _settle_by_evidence(batch, rows, client, "Shopify answered that it changed nothing")
    if batch.adjustments.filter(state=StockAdjustment.State.STALE).exists():
        raise NothingChanged(f"{batch.store}: Shopify answers that a stock write changed nothing.", dirtied)
    return dirtied


def _settle_by_evidence(batch: StockBatch, rows: Sequence[StockAdjustment], client: Client, why: str) -> set[int]:
    """Read the levels live and decide row by row; what cannot be proved is held with both explanations.

    One that alone cannot be read keeps the others from nothing: a delta is held, a value to be set is planned anew once
    it can be read. Raises what the client raises where more than single ones cannot be.
    """
    dirtied, unread = _read(rows, client)
    now = {level.pk: level for level in StockLevel.objects.filter(pk__in=[row.level_id for row in rows])}
    for level_id in unread:
        now[level_id].available, now[level_id].is_doubtful = None, True
    is_set = batch.kind == StockBatch.Kind.SET
    applied = [row for row in rows if is_set and now[row.level_id].available == row.change_to]
    again = [row for row in rows if is_set and row.level_id in unread]
    others = [row for row in rows if row not in applied and row not in again]
    untouched = [row for row in others if is_set or _is_untouched(row, now[row.level_id], batch)]
    unknown = [row for row in others if row not in untouched]
    state = StockBatch.State.UNKNOWN if unknown else StockBatch.State.APPLIED if applied else StockBatch.State.REFUSED
    with transaction.atomic():
        if not ledger.close(batch, state, f"Settled by reading the levels: {why}."):
            return dirtied
        ledger.end(
            applied, StockAdjustment.State.APPLIED, "Read live: the level is at the value that was to be written."
        )
        ledger.keep_undone(batch.kind, [row for row in applied if row.is_undo])
        ledger.end(untouched, StockAdjustment.State.STALE, "Read live: it did not take effect. Planned again.")
        ledger.end(again, StockAdjustment.State.STALE, "The level cannot be read: planned again once it can be.")
        levels.doubt([row.level_id for row in again])
        ledger.end(unknown, StockAdjustment.State.UNKNOWN, f"Outcome unknown: {why}.")
        for row in sorted(unknown, key=lambda row: row.link_id or 0):
            _hold(row, now[row.level_id], why)
    return dirtied | levels.waiting_connections([row.level_id for row in rows])


def _read(rows: Sequence[StockAdjustment], client: Client) -> tuple[set[int], set[int]]:
    """Read the levels of these rows; the connections whose links became dirty, and the levels that cannot be read."""
    asked = list(StockLevel.objects.filter(pk__in=[row.level_id for row in rows]))
    troubles = Troubles()
    dirtied = read_levels(asked, lambda store: client, troubles)
    unread = troubles.unread_level_ids
    if len(unread) == len(asked) or any(not troubles.can_read(level.store_id) for level in asked):
        troubles.raise_worst()
    return dirtied, unread


def _is_untouched(row: StockAdjustment, level: StockLevel, batch: StockBatch) -> bool:
    """Proof that nothing was written: the value and Shopify's time stamp are those the write started from.

    Time stamps have whole seconds, so that stamp must be older than the write: within one second the level could have
    been written and changed back by somebody.
    """
    is_as_before = level.available == row.change_from and level.as_of == row.from_as_of and not level.is_doubtful
    return is_as_before and level.as_of is not None and level.as_of < sent_at(batch) - CLOCKS_APART


def _hold(row: StockAdjustment, level: StockLevel, why: str) -> None:
    links = StockLink.objects.select_for_update(of=("self",))
    link = links.filter(pk=row.link_id).first() if row.link_id is not None else None
    if link is None:
        return  # the pair was unlinked meanwhile: nothing more will be carried for it
    if_applied, if_not = (_difference(level.available, then) for then in (row.change_to, row.change_from))
    now = "cannot be read" if level.available is None else f"is {level.available}"
    reason = (
        f"A write of {row.delta:+d} units ({row.change_from} → {row.change_to}) was sent and {why}. The level {now} "
        f"now. If the write took effect, others changed the level by {if_applied} since; if not, by "
        f"{if_not}. "
        f"The inventory history of the item in Shopify tells which: look for reference {row.batch.key}."
    )
    StockHold.objects.filter(link=link, state=StockHold.State.OPEN).update(
        state=StockHold.State.SUPERSEDED, resolved_at=timezone.now()
    )
    hold = StockHold(
        link=link,
        connection_id=link.connection_id,
        kind=StockHold.Kind.OUTCOME,
        reason=reason,
        adjustment=row,
        reconciliation_id=row.reconciliation_id,
    )
    hold_causes.save(hold)
    link.state, link.reason = StockLink.State.HELD, "The outcome of a write is unknown."
    link.save(update_fields=["state", "reason", "changed_at"])


def _difference(now: int | None, then: int) -> str:
    return "an unknown number" if now is None else f"{now - then:+d}"
