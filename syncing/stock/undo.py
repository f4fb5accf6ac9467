"""Undo: take a run's stock writes back, as one action. What changed since is left alone, and listed.

Two-way, the change is taken back as a delta, and only on the side it was written to: the difference that the run had
carried stands again between both stores and is not carried anew. One-way, the destination is set to what it was
(compare-and-set) and keeps that until the source changes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Max, Q, QuerySet

from stores.clients import OpenClient
from stores.models import Connection
from syncing.models import Reconciliation, StockAdjustment, StockBatch, StockLevel
from syncing.stock import pairs
from syncing.stock.mirror.reading import read_levels
from syncing.stock.mirror.troubles import Troubles
from syncing.stock.pairs import Pair, Side
from syncing.stock.writes.delivery import deliver
from syncing.stock.writes.ledger import Write
from syncing.stock.writes.settle import settle_pending

Cause, State = StockAdjustment.Cause, StockAdjustment.State
CHUNK_ROWS = 250
ROUNDS = 3  # how often a level is read and tried that somebody changes, or writes to, at the same time
TAKEN_BACK = "It was taken back before."


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
    """How many levels were taken back and left alone, the connections that must run next, and what went wrong.

    A level that waits for a store in trouble is neither: `problem` says why, and doing it again goes on with it.
    """

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
    for start in range(0, len(by_level), CHUNK_ROWS):
        yield from _steps(connection, by_level[start : start + CHUNK_ROWS])


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
            reason = TAKEN_BACK
        elif pair is None or not (pair.is_linked or pair.ending):
            reason = "The items are no longer linked."
        elif last.level_id in pending:
            reason = "Something else is being written there."
        elif _side(pair, last).available != last.change_to or not _side(pair, last).is_active:
            reason = f"It has changed since: the run left {last.change_to} there."
        else:
            reason = ""
        now = last.level.available
        yield Step(rows, now, now if reason else becomes, reason, pair)


def _side(pair: Pair, row: StockAdjustment) -> Side:
    return pair.source if row.level_id == pair.source.level_id else pair.destination


def newest_write() -> int:
    """Up to which row of the ledger everything was written before now."""
    return StockAdjustment.objects.aggregate(newest=Max("pk"))["newest"] or 0


def undo(
    connection: Connection, writes: QuerySet[StockAdjustment], clients: OpenClient, after: int | None = None
) -> Report:
    """Take these writes back wherever nobody changed the level since; reads every level live first.

    What a store said that could not be asked is in the report: doing it again settles what was sent to it and not
    answered, and goes on with the rest. `after`: `newest_write` at the first try; what an
    earlier try took back is none that was left alone.
    """
    after = newest_write() if after is None else after
    report, troubles = Report(), Troubles()
    dirtied = settle_pending(connection, clients, troubles)  # what an earlier try sent, too
    for round_number in range(ROUNDS + 1):
        wanted = _count(connection, writes, troubles, after, report)
        if round_number == ROUNDS or not wanted:
            report.left += len(wanted)
            break
        for start in range(0, len(wanted), CHUNK_ROWS):
            some = StockLevel.objects.filter(pk__in=wanted[start : start + CHUNK_ROWS])
            dirtied |= read_levels(some, clients, troubles)
        # Store by store: one that is slow to answer must not make the others' writes old, nor be taken for a refusal.
        for store_id in writes.order_by().values_list("batch__store", flat=True).distinct():
            dirtied |= _send(connection, writes.filter(batch__store=store_id), clients, troubles)
    report.dirtied = frozenset(dirtied)
    if troubles.errors:
        report.problem = troubles.worst()
    return report


def _waits(step: Step, troubles: Troubles) -> bool:
    """Whether a level cannot be taken back just now for what its store said."""
    return step.last.level_id in troubles.unread_level_ids or not troubles.can_write(step.last.batch.store_id)


def _count(
    connection: Connection, writes: QuerySet[StockAdjustment], troubles: Troubles, after: int, report: Report
) -> list[int]:
    """Put into the report how many levels are taken back and left alone by now; the levels that can be taken back."""
    ours = StockAdjustment.objects.filter(connection=connection, cause=Cause.UNDONE, pk__gt=after)
    undone = set(ours.filter(state=State.APPLIED).values_list("level_id", flat=True))
    waiting = set(ours.filter(state=State.PENDING).values_list("level_id", flat=True))
    report.undone, report.left, wanted = 0, 0, []
    for step in steps(connection, writes):
        if step.reason == TAKEN_BACK and step.last.level_id in undone:
            report.undone += 1
        elif step.reason:
            report.left += step.last.level_id not in waiting
        elif not _waits(step, troubles):
            wanted.append(step.last.level_id)
    return wanted


def _send(
    connection: Connection, writes: QuerySet[StockAdjustment], clients: OpenClient, troubles: Troubles
) -> set[int]:
    """Take back what can be, of writes to one store; the connections whose links became dirty."""
    dirtied: set[int] = set()
    planned = [step for step in steps(connection, writes) if not step.reason and not _waits(step, troubles)]
    for start in range(0, len(planned), CHUNK_ROWS):
        some = [_write(connection, step) for step in planned[start : start + CHUNK_ROWS]]
        dirtied |= deliver(connection, some, clients, troubles)[1]
    return dirtied


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
