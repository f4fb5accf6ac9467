"""From pairs as read to the writes they need, and to the state an operator sees of those that need none."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stores.models import Connection
from stores.shared.statements import prepared_cursor
from stores.shopify.inventory import LARGEST_QUANTITY
from syncing.models import StockAdjustment, StockBatch, StockLink
from syncing.stock.ends import NOT_LINKED
from syncing.stock.merge import OneWayStep, Rule, TwoWayPlan, first_baselines, offer, plan_one_way, plan_two_way
from syncing.stock.pairs import Pair, source_total
from syncing.stock.writes.ledger import Write

Cause = StockAdjustment.Cause
State = StockLink.State
ENDED = "no longer synced"
NOT_AT_SOURCE = "not stocked at the source location"
NOT_STOCKED = "not stocked at the destination location"
AMBIGUOUS = "ambiguous: several variants share this inventory item, and links with other items want to set it as well"


@dataclass(slots=True)
class Settled:
    """A pair that needs no write now: what its row becomes."""

    pair: Pair
    state: str
    reason: str = ""
    source_baseline: int | None = None
    destination_baseline: int | None = None
    keeps_destination: bool = False


@dataclass(slots=True)
class Plan:
    """What to write, what is settled without, and which pairs got their first baselines."""

    writes: list[Write] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    aligned: list[Pair] = field(default_factory=list)


def plan(connection: Connection, taken: Sequence[Pair]) -> Plan:
    """Plan every pair. A pair that cannot be synced is skipped and says why; missing data is never 0."""
    result, ready = Plan(), []
    _plan_ended(connection, [pair for pair in taken if pair.ending], result)
    for pair in (pair for pair in taken if not pair.ending):
        reason = skip_reason(pair)
        if reason and not _has_moved_units(connection, pair, reason):
            result.settled.append(_unchanged(pair, State.SKIPPED, reason))
        else:
            ready.append(pair)
    if connection.is_two_way:
        for pair in ready:
            _plan_two_way(connection, pair, result)
    else:
        for group in _by_destination(ready):
            _plan_one_way(connection, group, result)
    return result


def _plan_ended(connection: Connection, ended: Sequence[Pair], result: Plan) -> None:
    """What becomes of quantities that nobody vouches for any more: left, and said, or set to 0.

    Two-way, what either side changed by before it ended is carried first: a sale of which no webhook had come yet.
    """
    left = [pair for pair in ended if not (connection.is_two_way and _plan_last_change(connection, pair, result))]
    for group in _by_destination(left):
        first = group[0]
        reason = _why_left(connection, first)
        if reason:
            result.settled += [_unchanged(pair, State.SKIPPED, reason) for pair in group]
        else:  # not the only write: it is looked at once more, and says how it ended
            result.writes.append(
                Write(
                    first,
                    first.destination,
                    connection.destination_id,
                    StockBatch.Kind.SET,
                    0,
                    Cause.ENDED,
                    is_only_write=False,
                    group=tuple(group),
                )
            )


def _plan_last_change(connection: Connection, pair: Pair, result: Plan) -> bool:
    """Whether a pair that has ended has still something to carry, which is planned; not where nobody can tell.

    A destination that does not stock it any more has its last word, and is written to no more.
    """
    is_known = all(side.available is not None and not side.skip_reason for side in pair.sides())
    last = Plan()
    if pair.is_finishing and is_known and pair.source.is_active:
        _plan_two_way(connection, pair, last)
    # Not the only write: it is looked at once more, and says how it ended.
    result.writes += [replace(write, is_only_write=False) for write in last.writes]
    return bool(last.writes)


def _why_left(connection: Connection, pair: Pair) -> str:
    """Why nothing is written for a pair that has ended, in words; '' if its destination is to be set to 0."""
    quantity = pair.destination.available
    if quantity is None or not pair.destination.is_active:
        return ENDED
    if quantity <= 0:
        return f"{ENDED}: nothing of it is on sale"
    if connection.is_two_way or pair.keeps_destination or pair.ending == Connection.Ending.LEAVE:
        return f"{ENDED}: its quantity stands, and nobody vouches for it"
    return "" if pair.is_sure else f"{ENDED}: set to 0 once the products were read and nothing took its place"


def skip_reason(pair: Pair) -> str:
    """Why this pair cannot be synced now, in words; '' if it can."""
    if pair.ending:
        return "the link has ended"
    if not pair.is_linked:
        return NOT_LINKED
    if pair.is_ambiguous:
        return AMBIGUOUS
    for side in pair.sides():
        if side.skip_reason:
            return side.skip_reason
    if not pair.source.is_active and (pair.source.available is None or not pair.destination.is_active):
        return NOT_AT_SOURCE
    if not pair.destination.is_active:
        return NOT_STOCKED
    for name, side in (("source", pair.source), ("destination", pair.destination)):
        if side.available is None:
            return f"the {name} gives no quantity for it (deleted or not tracked)"
    return ""


def _has_moved_units(connection: Connection, pair: Pair, reason: str) -> bool:
    """Whether a two-way destination that stocks none of it any more was counted before: what it moved still travels.

    A location that closes gives its units to another one, whose gain travels as well: without the loss, they would be
    twice in the source.
    """
    is_counted = pair.is_aligned and pair.destination.available is not None
    return reason == NOT_STOCKED and connection.is_two_way and is_counted


def _unchanged(pair: Pair, state: str, reason: str = "") -> Settled:
    return Settled(pair, state, reason, pair.source_baseline, pair.destination_baseline, pair.keeps_destination)


def _plan_two_way(connection: Connection, pair: Pair, result: Plan) -> None:
    # What a copy has still to take from the source is a change of the destination that is on its way already.
    source, destination = pair.source.quantity - pair.pending_quantity, pair.destination.quantity
    is_alignment = not pair.is_aligned
    if is_alignment:
        wins = connection.alignment == Connection.Alignment.SOURCE_WINS
        pair.source_baseline, pair.destination_baseline = first_baselines(source, destination, wins)
        result.aligned.append(pair)
    step = plan_two_way(*pair.baselines, source, destination)
    # Nothing is written to where nothing is stocked.
    waits = step.source_delta if not pair.source.is_active else 0
    waits_there = step.destination_delta if not pair.destination.is_active else 0
    step = TwoWayPlan(step.source_delta - waits, step.destination_delta - waits_there)
    if waits and not step.destination_delta:
        result.settled.append(_unchanged(pair, State.SKIPPED, _WAITS_FOR_SOURCE.format(waits)))
        return
    if not pair.destination.is_active and not step.source_delta:
        result.settled.append(_unchanged(pair, State.SKIPPED, NOT_STOCKED))
        return
    if not step.source_delta and not step.destination_delta:
        words = _STILL_TO_COPY.format(pair.pending_quantity) if pair.pending_quantity else _none_there([pair])
        result.settled.append(_unchanged(pair, State.IN_STEP, words))
        return
    if _is_absurd(step.source_delta, step.destination_delta, source + step.source_delta):
        result.settled.append(_unchanged(pair, State.SKIPPED, _ABSURD))
        return
    deltas = [
        (pair.source, connection.source_id, step.source_delta, Cause.DESTINATION_CHANGED),
        (pair.destination, connection.destination_id, step.destination_delta, Cause.SOURCE_CHANGED),
    ]
    needed = [row for row in deltas if row[2]]
    for side, store_id, delta, usual in needed:
        cause = Cause.ALIGNMENT if is_alignment else _cause(pair, usual)
        # Where nothing is stocked it is planned once more, and says so.
        is_all = len(needed) == 1 and pair.source.is_active and pair.destination.is_active
        result.writes.append(Write(pair, side, store_id, StockBatch.Kind.ADJUST, side.quantity + delta, cause, is_all))


def _is_absurd(*quantities: int) -> bool:
    """Whether Shopify would not take one of these; one such item must not stop the others."""
    return any(abs(quantity) > LARGEST_QUANTITY for quantity in quantities)


def _cause(pair: Pair, cause: str) -> str:
    if pair.reconciliation_id:
        return Cause.RECONCILIATION
    return Cause.ORDERS if pair.pending_quantity else cause


def _by_destination(ready: Iterable[Pair]) -> Iterable[list[Pair]]:
    groups: dict[int, list[Pair]] = defaultdict(list)
    for pair in ready:
        groups[pair.destination.level_id].append(pair)
    return groups.values()


def _plan_one_way(connection: Connection, group: Sequence[Pair], result: Plan) -> None:
    first, destination = group[0], group[0].destination.quantity
    total = source_total(group)
    target = offer(total, rule_of(connection))
    if _is_absurd(total, target):
        result.settled += [_unchanged(pair, State.SKIPPED, _ABSURD) for pair in group]
        return
    if not first.is_aligned and connection.alignment == Connection.Alignment.KEEP_BOTH:
        result.settled += [_kept(pair, total, destination) for pair in group]
        return
    step = plan_one_way(
        total,
        target,
        destination,
        source_baseline=first.source_baseline,
        destination_baseline=first.destination_baseline,
        keeps_destination=first.keeps_destination,
        corrects_drift=first.is_to_be_corrected
        or (bool(first.reconciliation_id) and connection.drift == Connection.Drift.CORRECT),
    )
    if step is OneWayStep.WRITE:
        result.writes.append(_set_destination(connection, group, total, target))
    elif step is OneWayStep.IN_STEP:
        words = _HELD_BACK.format(first.pending_quantity) if first.pending_quantity else _none_there(group)
        result.settled += [Settled(pair, State.IN_STEP, words, total, target) for pair in group]
    elif step is OneWayStep.KEEP:
        result.settled += [_unchanged(pair, State.IN_STEP, KEPT) for pair in group]
    else:
        words = f"was changed in the destination: shows {destination}, should be {target}"
        result.settled += [_unchanged(pair, State.DRIFTED, words) for pair in group]


def _set_destination(connection: Connection, group: Sequence[Pair], total: int, target: int) -> Write:
    first = group[0]
    return Write(
        first,
        first.destination,
        connection.destination_id,
        StockBatch.Kind.SET,
        target,
        _cause(first, Cause.SOURCE_CHANGED) if first.is_aligned else Cause.ALIGNMENT,
        is_only_write=all(pair.source.is_active for pair in group),  # else it is planned once more, and says so
        source_quantity=total if len(group) == 1 else None,
        group=tuple(group),
    )


_ABSURD = f"would need a quantity beyond {LARGEST_QUANTITY:,}, which Shopify does not take"
_HELD_BACK = "{} reserved for orders that are not imported yet"
_STILL_TO_COPY = "{} sold in the destination before it was two-way: a copy of the order takes them from the source"
_WAITS_FOR_SOURCE = "not stocked at the source location: a change of {:+d} in the destination waits"
NONE_THERE = "not stocked at the source location, or that is closed: counts as 0"
KEPT = "keeps the destination's own value until the source changes"


def _none_there(group: Sequence[Pair]) -> str:
    return "" if all(pair.source.is_active for pair in group) else NONE_THERE


def _kept(pair: Pair, total: int, destination: int) -> Settled:
    return Settled(pair, State.IN_STEP, KEPT, total, destination, keeps_destination=True)


def rule_of(connection: Connection) -> Rule:
    """The connection's one-way rule."""
    return Rule(connection.safety_buffer, connection.cap_quantity, connection.percentage)


def save(plan: Plan) -> None:
    """Commit first baselines and settled pairs. A mark that arrived since they were taken survives."""
    in_step = {row.pair.link_id for row in plan.settled}
    moving = [pair for pair in plan.aligned if pair.link_id not in in_step]
    _save_rows([Settled(p, State.PENDING, "", p.source_baseline, p.destination_baseline) for p in moving], False)
    _save_rows(plan.settled, True)


def _save_rows(rows: Sequence[Settled], settles: bool) -> None:
    if not rows:
        return
    columns: list[list[Any]] = [
        [row.pair.link_id for row in rows],
        [row.pair.sequence if settles else 0 for row in rows],
        [row.state for row in rows],
        [row.reason[:255] for row in rows],
        [row.source_baseline for row in rows],
        [row.destination_baseline for row in rows],
        [row.keeps_destination for row in rows],
    ]
    with prepared_cursor() as cursor:
        cursor.execute(_SAVE, columns)


# Rows are locked in the order of their ids before they are updated, as everywhere. Baselines are written only where
# there were none, or where nothing marked the link since it was taken: an operator's decision of a moment ago stands.
_SAVE = """
    UPDATE syncing_stocklink link
    SET settled_sequence = GREATEST(settled_sequence, new.sequence), state = new.state, reason = new.reason,
        source_baseline = CASE WHEN is_ours THEN new.source_baseline ELSE link.source_baseline END,
        destination_baseline = CASE WHEN is_ours THEN new.destination_baseline ELSE link.destination_baseline END,
        keeps_destination = CASE WHEN is_ours THEN new.keeps ELSE link.keeps_destination END,
        changed_at = now(),
        reconciliation_id = CASE WHEN dirty_sequence > new.sequence THEN reconciliation_id END
    FROM (SELECT row.*, (target.source_baseline IS NULL OR target.dirty_sequence = row.sequence) AS is_ours
          FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::int[], %s::bool[])
               AS row (id, sequence, state, reason, source_baseline, destination_baseline, keeps)
          JOIN syncing_stocklink target ON target.id = row.id ORDER BY row.id FOR UPDATE OF target) new
    WHERE link.id = new.id
"""
