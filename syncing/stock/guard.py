"""Put a plan before the guards: what looks destructive is verified live, and if it still does, held for an operator."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.db import connection as db
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from stores.models import Connection
from syncing.models import StockAdjustment, StockHold, StockLink
from syncing.stock import planning
from syncing.stock.guard_limits import Limits, drops_to_zero, suspect_change, suspect_run
from syncing.stock.merge import offer
from syncing.stock.pairs import Pair, source_total
from syncing.stock.planning import Plan
from syncing.stock.writes import hold_causes
from syncing.stock.writes.ledger import Write

Verify = Callable[[Sequence[Pair]], list[Pair]]
Values = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan that an operator let through, and why: a released hold, or a true quantity that was set."""

    values: Values
    cause: str
    hold_id: int | None = None


class Guard:
    """The guards of one run over a connection; it remembers how many items the run took to 0, or held on the way."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.limits = Limits(
            connection.guard_zero_from,
            connection.guard_move,
            connection.guard_zero_share,
            connection.guard_zero_minimum,
        )
        self.dropped = 0
        self.held_drops: set[int] = set()  # links whose fall to 0 an earlier round of this run held
        self.held_now = 0

    def check(self, plan: Plan, taken: Sequence[Pair], verify: Verify) -> list[Write]:
        """The writes of a plan that may be sent. The others were read again, planned again, and perhaps held."""
        self.held_now = 0
        decided = self._decided(taken)
        passed, suspicious = self._sort(plan.writes, decided)
        if suspicious:
            again = planning.plan(self.connection, verify(_pairs_of(suspicious)))
            planning.save(again)
            plan.settled += again.settled
            confirmed, doubted = self._sort(again.writes, decided)
            self._hold(doubted)
            passed += confirmed
        done = [*(pair for write in passed for pair in write.pairs), *(row.pair for row in plan.settled)]
        self._supersede({pair.link_id for pair in done if pair.has_holds})
        self.dropped += sum(drops_to_zero(write.change_from, write.change_to) for write in passed)
        return passed

    def _sort(self, writes: Sequence[Write], decided: dict[int, Decided]) -> tuple[list[Write], dict[Write, str]]:
        """Writes that may go, and those that look destructive with the reason. A pair's two writes go together."""
        by_pair: dict[int, list[Write]] = defaultdict(list)
        for write in writes:
            by_pair[write.pair.link_id].append(write)
        run_reason = self._suspect_run(writes)
        passed: list[Write] = []
        suspicious: dict[Write, str] = {}
        for link_id, pair_writes in by_pair.items():
            word = decided.get(link_id)
            if word and word.values == values_of(pair_writes):
                passed += [replace(write, cause=word.cause, hold_id=word.hold_id) for write in pair_writes]
            elif not (reason := self._suspect(pair_writes, run_reason)):
                passed += pair_writes
            else:
                suspicious |= dict.fromkeys(pair_writes, reason)
        return passed, suspicious

    def _suspect(self, writes: Sequence[Write], run_reason: str) -> str:
        for write in writes:
            is_alignment = write.cause == StockAdjustment.Cause.ALIGNMENT
            if reason := suspect_change(write.change_from, write.change_to, self.limits, is_alignment=is_alignment):
                return reason
            if run_reason and drops_to_zero(write.change_from, write.change_to):
                return run_reason
        return ""

    def _suspect_run(self, writes: Sequence[Write]) -> str:
        changes = [(write.change_from, write.change_to) for write in writes]
        planned = sum(drops_to_zero(*change) for change in changes)
        if planned < 1:
            return ""
        item_count, waiting = self._count()
        # A mass drop arrives in many rounds: what still waits counts from the first of them, and what was held, which
        # waits no longer, to the last.
        held = len(self.held_drops - {write.pair.link_id for write in writes})
        before = max(self.dropped, self.dropped + waiting - planned) + held
        return suspect_run(changes, item_count, self.limits, before)

    def _count(self) -> tuple[int, int]:
        """The connection's items, and how many of them wait with one side at 0 and the other above."""
        with db.cursor() as cursor:
            cursor.execute(_COUNT, [self.connection.is_two_way, self.connection.pk])
            return cursor.fetchone()

    def _decided(self, taken: Sequence[Pair]) -> dict[int, Decided]:
        """What an operator let through for these links and was not written yet."""
        pairs_by_link = {pair.link_id: pair for pair in taken if pair.has_holds}
        if not pairs_by_link:
            return {}
        # Any write since then ends it: the same values some day later are another question. A write that changed
        # nothing, perhaps because another row of its batch was refused, does not; nor does the one that set the source
        # to its true quantity, which the destination is to follow.
        written = StockAdjustment.objects.filter(link=OuterRef("link"), pk__gt=OuterRef("last_adjustment_id"))
        used = written.exclude(state=StockAdjustment.State.STALE).exclude(
            hold=OuterRef("pk"), level=OuterRef("link__source_level")
        )
        is_decided = Q(kind=StockHold.Kind.GUARD, state=StockHold.State.RELEASED) | Q(state=StockHold.State.SET_TRUE)
        holds = StockHold.objects.filter(is_decided, link__in=list(pairs_by_link)).exclude(Exists(used))
        return {hold.link_id: self._word(hold, pairs_by_link[hold.link_id]) for hold in holds.order_by("pk")}

    def _word(self, hold: StockHold, pair: Pair) -> Decided:
        if hold.state == StockHold.State.RELEASED:
            values = (hold.source_from, hold.source_to, hold.destination_from, hold.destination_to)
            return Decided(values, StockAdjustment.Cause.RELEASED)
        assert hold.true_quantity is not None  # kept with the state SET_TRUE, the other one that is looked for
        total = hold.true_quantity - pair.pending_quantity
        target = total if self.connection.is_two_way else offer(total, planning.rule_of(self.connection))
        values = (total, total, hold.destination_seen_quantity, target)
        return Decided(values, StockAdjustment.Cause.SET_TRUE, hold.pk)

    def _hold(self, suspicious: dict[Write, str]) -> None:
        by_pair: dict[int, list[Write]] = defaultdict(list)
        for write in suspicious:
            by_pair[write.pair.link_id].append(write)
            if drops_to_zero(write.change_from, write.change_to):
                self.held_drops.add(write.pair.link_id)
        for writes in by_pair.values():
            hold_pair(self.connection, writes, suspicious[writes[0]])
            self.held_now += 1

    def _supersede(self, link_ids: set[int]) -> None:
        """What passes now, or needs nothing any more, is no longer held."""
        if not link_ids:
            return
        StockHold.objects.filter(link__in=link_ids, kind=StockHold.Kind.GUARD, state=StockHold.State.OPEN).update(
            state=StockHold.State.SUPERSEDED, resolved_at=timezone.now()
        )


_COUNT = """
    SELECT count(*),
           count(*) FILTER (WHERE link.dirty_sequence > link.settled_sequence
                            AND ((source.available <= 0 AND destination.available > 0)
                                 OR (%s AND destination.available <= 0 AND source.available > 0)))
    FROM syncing_stocklink link
    JOIN syncing_stocklevel source ON source.id = link.source_level_id
    JOIN syncing_stocklevel destination ON destination.id = link.destination_level_id
    WHERE link.connection_id = %s AND link.state <> 'skipped'
"""


def hold_pair(connection: Connection, writes: Sequence[Write], reason: str) -> None:
    """Hold the writes of one pair until an operator decides or the values change.

    All pairs that are summed into the same level wait with it: one left dirty would be planned again for ever.
    """
    pair = writes[0].pair
    values = values_of(writes)
    fields = dict(zip(("source_from", "source_to", "destination_from", "destination_to"), values, strict=True))
    sequences = {one.link_id: one.sequence for one in writes[0].pairs}
    with transaction.atomic():
        links = StockLink.objects.filter(pk__in=sequences).order_by("pk").select_for_update(of=("self",))
        locked = {link.pk: link for link in links}
        if pair.link_id not in locked:
            return  # unlinked a moment ago
        link = locked[pair.link_id]
        is_held = link.holds.filter(state=StockHold.State.OPEN, kind=StockHold.Kind.GUARD, **fields).exists()
        if not is_held:
            link.holds.filter(state=StockHold.State.OPEN).update(
                state=StockHold.State.SUPERSEDED, resolved_at=timezone.now()
            )
            hold = StockHold(
                link=link,
                connection=connection,
                kind=StockHold.Kind.GUARD,
                reason=f"Read live and still suspicious: {reason}.",
                reconciliation_id=pair.reconciliation_id,
                **fields,
            )
            is_start = any(write.cause == StockAdjustment.Cause.ALIGNMENT for write in writes)
            hold_causes.save(hold, is_start=is_start)
        for waiting in locked.values():
            waiting.state, waiting.reason = StockLink.State.HELD, reason[:255]
            waiting.settled_sequence = max(waiting.settled_sequence, sequences[waiting.pk])
            waiting.save(update_fields=["state", "reason", "settled_sequence", "changed_at"])


def values_of(writes: Sequence[Write]) -> Values:
    """A pair's plan as (source from, source to, destination from, destination to)."""
    pair = writes[0].pair
    source_from = None if pair.ending and not pair.is_finishing else source_total(writes[0].pairs)
    to = {write.side.level_id: write.change_to for write in writes}
    return (
        source_from,
        to.get(pair.source.level_id, source_from),
        pair.destination.available,
        to.get(pair.destination.level_id, pair.destination.available),
    )


def _pairs_of(writes: dict[Write, str]) -> list[Pair]:
    return list({write.pair.link_id: write.pair for write in writes}.values())
