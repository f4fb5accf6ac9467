"""Undo: take a run's stock writes back, as one action. What changed since is left alone, and listed.

Two-way, the change is taken back as a delta, and only on the side it was written to: the difference that the run had
carried stands again between both stores and is not carried anew. One-way, the destination is set to what it was
(compare-and-set) and keeps that until the source changes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db import IntegrityError
from django.db.models import Q, QuerySet

from stores.models import Connection, Location, Store
from stores.shopify.client import Client
from syncing.models import Reconciliation, StockAdjustment, StockBatch, StockLevel
from syncing.stock import ledger, levels, pairs
from syncing.stock.ledger import Write
from syncing.stock.pairs import Pair, Side
from syncing.stock.settle import settle

Clients = Callable[[Store], Client]
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
    """How many levels were taken back and left alone, and the connections that must run next."""

    undone: int = 0
    left: int = 0
    dirtied: frozenset[int] = frozenset()

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
        last, pair = rows[-1], own.get(rows[-1].link_id)
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


def undo(connection: Connection, writes: QuerySet[StockAdjustment], clients: Clients) -> Report:
    """Take these writes back wherever nobody changed the level since; reads every level live first.

    Raises what the client raises: what was recorded by then is settled by the connection's next run, and pressing it
    again goes on with the rest.
    """
    report, dirtied = Report(), set()
    wanted = [step.last.level_id for step in steps(connection, writes) if not step.reason]
    for start in range(0, len(wanted), CHUNK):
        dirtied |= _read(wanted[start : start + CHUNK], clients)
    planned = []
    for step in steps(connection, writes):
        report.left += bool(step.reason)
        if not step.reason:
            planned.append(_write(connection, step))
    for start in range(0, len(planned), CHUNK):
        chunk = planned[start : start + CHUNK]
        try:
            batches = ledger.record(connection, chunk)
        except IntegrityError:  # a run planned something for one of these levels a moment ago
            report.left += len(chunk)
            continue
        for batch in batches:
            dirtied |= settle(batch, clients(batch.store))
            count = batch.adjustments.filter(state=State.APPLIED).count()
            report.undone += count
            report.left += batch.adjustments.count() - count
    report.dirtied = frozenset(dirtied)
    return report


def _read(level_ids: Iterable[int], clients: Clients) -> set[int]:
    dirtied: set[int] = set()
    asked = list(StockLevel.objects.filter(pk__in=list(level_ids)).order_by("location_id", "pk"))
    for location_id, group in groupby(asked, key=lambda level: level.location_id):
        location = Location.objects.select_related("store").get(pk=location_id)
        dirtied |= levels.observe_live(list(group), clients(location.store), location)
    return dirtied


def _write(connection: Connection, step: Step) -> Write:
    side, is_two_way = _side(step.pair, step.last), connection.is_two_way
    summed = pairs.load(Q(connection=connection, destination_level_id=step.pair.destination.level_id))
    total = None if is_two_way else sum(pair.source.available or 0 for pair in summed) - summed[0].pending_quantity
    return Write(
        step.pair,
        side,
        step.last.batch.store_id,
        StockBatch.Kind.ADJUST if is_two_way else StockBatch.Kind.SET,
        step.becomes,
        Cause.UNDONE,
        source_quantity=total,
        undoes_id=step.last.pk,
    )
