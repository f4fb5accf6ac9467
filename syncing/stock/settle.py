"""Settle: find out what became of writes whose answer did not come, without ever guessing."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from stores.models import Connection, Location, Store
from stores.shopify import inventory
from stores.shopify.client import Client
from stores.shopify.errors import ServerError
from syncing.models import StockAdjustment, StockBatch, StockHold, StockLevel, StockLink
from syncing.stock import ledger, levels

logger = logging.getLogger(__name__)

# Shopify forgets a key 24 h after its first request (facts.md 3.3); an hour of safety for two clocks.
KEY_LIFE = timedelta(hours=23)
CLOCKS_APART = timedelta(minutes=1)  # ours and Shopify's may differ by this much
BUSY = {inventory.IDEMPOTENCY_CONCURRENT_REQUEST, "SERVICE_UNAVAILABLE"}

Clients = Callable[[Store], Client]


def settle_pending(connection: Connection, clients: Clients) -> Iterator[set[int]]:
    """Settle every batch of this connection that is pending; after each, the connections whose links became dirty.

    Raises what the client raises: then the batch stays pending, and nothing is planned for its levels.
    """
    pending = StockBatch.objects.filter(connection=connection, state=StockBatch.State.PENDING).select_related("store")
    for batch in pending.order_by("pk"):
        yield settle(batch, clients(batch.store))


def settle_left_behind(level_ids: Collection[int], clients: Clients) -> set[int]:
    """Settle what connections that are inert now, or were removed, left pending on these levels.

    Other connections share the levels, and must not wait until somebody resumes them. What was sent is found out by
    sending it again; what was not is withdrawn. Returns the connections whose links became dirty; raises as
    settle_pending does.
    """
    dirtied: set[int] = set()
    pending = StockBatch.objects.filter(state=StockBatch.State.PENDING, adjustments__level__in=level_ids).distinct()
    for batch in pending.select_related("store", "connection__source", "connection__destination").order_by("pk"):
        if batch.connection and not batch.connection.why_inert():
            continue  # its own run does it
        if batch.attempts:
            dirtied |= settle(batch, clients(batch.store))
        else:
            rows = list(batch.adjustments.order_by("pk"))
            ledger.withdraw(batch, rows, "Never sent: its connection was stopped before.")
    return dirtied


def settle(batch: StockBatch, client: Client) -> set[int]:
    """Send the batch (again, if it was sent before) and write down what became of it."""
    rows = list(batch.adjustments.order_by("pk"))
    if batch.attempts and timezone.now() - batch.first_sent_at > KEY_LIFE:
        return _settle_by_evidence(batch, rows, client, "its idempotency key has expired")
    is_replay = batch.attempts > 0
    outcome = ledger.send(batch, client)
    if outcome is None:
        return set()
    if outcome.succeeded:
        return ledger.apply(batch, rows, outcome.done_at)
    codes = {error.code for error in outcome.user_errors}
    if codes & BUSY:
        raise ServerError(f"{batch.store}: Shopify is still busy with this write; it is asked again.")
    logger.info("%s: refused with %s (attempt %d)", batch, sorted(map(str, codes)), batch.attempts)
    if is_replay or inventory.IDEMPOTENCY_KEY_PARAMETER_MISMATCH in codes:
        # An error on a replay does not say what the first try did (facts.md 3.3).
        words = "; ".join(sorted({error.message for error in outcome.user_errors}))
        return _settle_by_evidence(batch, rows, client, f"the repeated request was answered: {words}")
    if inventory.IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED in codes:
        ledger.cancel(batch, rows, "Shopify says that an earlier try failed.", outcome.answered_at)
    else:
        ledger.refuse(batch, rows, outcome)
    return levels.waiting_connections([row.level_id for row in rows])  # they wait for these levels to be settled


def _settle_by_evidence(batch: StockBatch, rows: Sequence[StockAdjustment], client: Client, why: str) -> set[int]:
    """Read the levels live and decide row by row; what cannot be proved is held with both explanations."""
    dirtied = _read(rows, client)
    now = {level.pk: level for level in StockLevel.objects.filter(pk__in=[row.level_id for row in rows])}
    is_set = batch.kind == StockBatch.Kind.SET
    applied = [row for row in rows if is_set and now[row.level_id].available == row.change_to]
    untouched = [row for row in rows if row not in applied and (is_set or _is_untouched(row, now[row.level_id], batch))]
    unknown = [row for row in rows if row not in applied and row not in untouched]
    with transaction.atomic():
        closed = StockBatch.objects.filter(pk=batch.pk, state=StockBatch.State.PENDING).update(
            state=StockBatch.State.UNKNOWN if unknown else StockBatch.State.APPLIED if applied else "refused",
            answered_at=timezone.now(),
            message=f"Settled by reading the levels: {why}.",
        )
        if not closed:
            return dirtied
        ledger.end(
            applied, StockAdjustment.State.APPLIED, "Read live: the level is at the value that was to be written."
        )
        ledger.keep_undone(batch.kind, [row for row in applied if row.is_undo])
        ledger.end(untouched, StockAdjustment.State.STALE, "Read live: it did not take effect. Planned again.")
        ledger.end(unknown, StockAdjustment.State.UNKNOWN, f"Outcome unknown: {why}.")
        for row in sorted(unknown, key=lambda row: row.link_id or 0):
            _hold(row, now[row.level_id], why)
    return dirtied


def _read(rows: Sequence[StockAdjustment], client: Client) -> set[int]:
    dirtied: set[int] = set()
    asked = list(StockLevel.objects.filter(pk__in=[row.level_id for row in rows]))
    locations = Location.objects.in_bulk({level.location_id for level in asked})
    for location in locations.values():
        here = [level for level in asked if level.location_id == location.pk]
        dirtied |= levels.observe_live(here, client, location)
    return dirtied


def _is_untouched(row: StockAdjustment, level: StockLevel, batch: StockBatch) -> bool:
    """Proof that nothing was written: the value and Shopify's time stamp are those the write started from.

    Time stamps have whole seconds, so that stamp must be older than the write: within one second the level could have
    been written and changed back by somebody.
    """
    is_as_before = level.available == row.change_from and level.as_of == row.from_as_of and not level.is_doubtful
    return is_as_before and level.as_of is not None and level.as_of < batch.first_sent_at - CLOCKS_APART


def _hold(row: StockAdjustment, level: StockLevel, why: str) -> None:
    link = StockLink.objects.filter(pk=row.link_id).select_for_update(of=("self",)).first()
    if link is None:
        return  # the pair was unlinked meanwhile: nothing more will be carried for it
    if_applied, if_not = (_difference(level.available, then) for then in (row.change_to, row.change_from))
    reason = (
        f"A write of {row.delta:+d} units ({row.change_from} → {row.change_to}) was sent and {why}. The level is "
        f"{level.available} now. If the write took effect, others changed the level by {if_applied} since; if not, by "
        f"{if_not}. "
        f"The inventory history of the item in Shopify tells which: look for reference {row.batch.key}."
    )
    StockHold.objects.filter(link=link, state=StockHold.State.OPEN).update(
        state=StockHold.State.SUPERSEDED, resolved_at=timezone.now()
    )
    StockHold.objects.create(
        link=link,
        connection_id=link.connection_id,
        kind=StockHold.Kind.OUTCOME,
        reason=reason,
        adjustment=row,
        reconciliation_id=row.reconciliation_id,
    )
    link.state, link.reason = StockLink.State.HELD, "The outcome of a write is unknown."
    link.save(update_fields=["state", "reason", "changed_at"])


def _difference(now: int | None, then: int) -> str:
    return "an unknown number" if now is None else f"{now - then:+d}"
