"""Undo: take a run's stock writes back, as one action. What changed since is left alone, and listed.

Two-way, the change is taken back as a delta, and only on the side it was written to: the difference that the run had
carried stands again between both stores and is not carried anew. One-way, the destination is set to what it was
(compare-and-set) and keeps that until the source changes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Q, QuerySet

from stores.clients import OpenClient
from stores.models import Connection
from syncing.models import Reconciliation, StockAdjustment, StockBatch, StockLevel
from syncing.stock import pairs
from syncing.stock.mirror.reading import read_levels
from syncing.stock.mirror.troubles import Troubles
from syncing.stock.pairs import Pair, Side
from syncing.stock.writes.delivery import deliver
from syncing.stock.writes.ledger import Write

Cause, State = StockAdjustment.Cause, StockAdjustment.State
CHUNK = 250


@dataclass(frozen=True, slots=True)
class Step:
    """What a run made of one level, and whether that can be taken back.

    `rows` are its writes, the oldest first; `now` is the mirror's value, `becomes` what it would be. `reason` tells why
    it is left alone ('' if it is taken back).
    """

    rows: tuple[StockAdjustment, ...]
    now: int | None
    becomes: int | None
    reason: str
    pair: Pair | None = None

    @property
    def last(self) -> StockAdjustment:
        return self.rows[-1]


@dataclass(slots=True)
class Report:
    """How many levels were taken back and left alone, the connections that must run next, and what went wrong."""

    undone: int = 0
    left: int = 0
    dirtied: frozenset[int] = frozenset()
    problem: Exception | None = None

    def __str__(self) -> str:
        return f"Levels taken back: {self.undone}; left alone: {self.left}."


def writes_of(run: Reconciliation) -> QuerySet[StockAdjustment]:
    """What a reconciliation led to and took effect."""
    return StockAdjustment.objects.filter(reconciliation=run, state=State.APPLIED).exclude(cause=Cause.UNDONE)


def first_alignment_of(connection: Connection) -> QuerySet[StockAdjustment]:
    """What the alignment of a connection wrote and took effect."""
    return StockAdjustment.objects.filter(connection=connection, state=State.APPLIED, cause=Cause.ALIGNMENT)


def steps(connection: Connection, writes: QuerySet[StockAdjustment]) -> Iterator[Step]:
    """What would become of each level that these writes changed, by the mirror. Reads nothing from Shopify."""
    rows = writes.order_by("level_id", "pk").select_related("level__location__store").iterator(chunk_size=2000)
    by_level = [tuple(group) for _, group in groupby(rows, key=lambda row: row.level_id)]
    for start in range(0, len(by_level), CHUNK):
        yield from _steps(connection, by_level[start : start + CHUNK])


def _steps(connection: Connection, by_level: Sequence[tuple[StockAdjustment, ...]]) -> Iterator[Step]:
    ids = [rows[-1].level_id for rows in by_level]
    loaded = pairs.load(Q(connection=connection) & (Q(source_level__in=ids) | Q(destination_level__in=ids)))
    own = {pair.link_id: pair for pair in loaded}
    recent = StockAdjustment.objects.filter(level__in=ids, undoes__isnull=False)
    undone = set(recent.filter(state__in=[State.PENDING, State.APPLIED]).values_list("undoes_id", flat=True))
    pending = set(StockAdjustment.objects.filter(level__in=ids, state=State.PENDING).values_list("level_id", flat=True))
    for rows in by_level:
        last = rows[-1]
        pair = own.get(last.link_id) if last.link_id is not None else None
        becomes = last.change_to - sum(row.delta for row in rows)
        if undone.intersection(row.pk for row in rows):
            reason = "It was taken back before."
        elif pair is None or not pair.is_linked:
            reason = "The items are no longer linked."
        elif last.level_id in pending:
            reason = "Something else is being written there."
        elif _side(pair, last).available != last.change_to:
            reason = f"It has changed since: the run left {last.change_to} there."
        else:
            reason = ""
        now = last.level.available
        yield Step(rows, now, now if reason else becomes, reason, pair)


def _side(pair: Pair, row: StockAdjustment) -> Side:
    return pair.source if row.level_id == pair.source.level_id else pair.destination


def undo(connection: Connection, writes: QuerySet[StockAdjustment], clients: OpenClient) -> Report:
    """Take these writes back wherever nobody changed the level since; reads every level live first.

    What a store said that could not be asked is in the report: what was sent to it and not answered is settled by the
    connection's next run, and doing it again goes on with the rest.
    """
    report, dirtied, troubles = Report(), set(), Troubles()
    wanted = [step.last.level_id for step in steps(connection, writes) if not step.reason]
    for start in range(0, len(wanted), CHUNK):
        dirtied |= read_levels(StockLevel.objects.filter(pk__in=wanted[start : start + CHUNK]), clients, troubles)
    planned = []
    for step in steps(connection, writes):
        if step.last.level_id in troubles.unread_level_ids and not step.reason:
            continue  # the error is raised at the end: pressing it again goes on with this one
        report.left += bool(step.reason)
        if not step.reason:
            planned.append(_write(connection, step))
    for start in range(0, len(planned), CHUNK):
        batches, marked = deliver(connection, planned[start : start + CHUNK], clients, troubles)
        dirtied |= marked
        rows = StockAdjustment.objects.filter(batch__in=batches)
        count = rows.filter(state=State.APPLIED).count()
        report.undone += count
        report.left += len(planned[start : start + CHUNK]) - count
    report.dirtied = frozenset(dirtied)
    if troubles.errors:
        report.problem = troubles.worst()
    return report


def _write(connection: Connection, step: Step) -> Write:
    pair, becomes, is_two_way = step.pair, step.becomes, connection.is_two_way
    assert pair is not None and becomes is not None  # what lacks either has a reason to be left alone
    side = _side(pair, step.last)
    summed = pairs.load(Q(connection=connection, destination_level_id=pair.destination.level_id))
    total = None if is_two_way else sum(each.source.available or 0 for each in summed) - summed[0].pending_quantity
    return Write(
        pair,
        side,
        step.last.batch.store_id,
        StockBatch.Kind.ADJUST if is_two_way else StockBatch.Kind.SET,
        becomes,
        Cause.UNDONE,
        source_quantity=total,
        undoes_id=step.last.pk,
    )
