"""Why a quantity is what it is, in the words and steps of the rules that made it: "why is this number 7?"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from stores.models import Connection
from syncing.models import StockLink
from syncing.stock import planning
from syncing.stock.merge import Rule, offer
from syncing.stock.pairs import Pair, must_be_read, source_total

AS_IT_IS = Rule()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the reckoning and where it stands after it."""

    words: str
    quantity: int | None
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps from what the stores have to what they should have, and what follows from it."""

    steps: list[Step]
    conclusion: str


def explain(connection: Connection, group: Sequence[Pair], places: dict[int, str]) -> Explanation:
    """Explain the pairs that feed one destination level, as they stand; writes nothing and asks nobody.

    `places` names the location of each level by the level's id.
    """
    reasons = {planning.skip_reason(pair): None for pair in group}
    reasons.pop("", None)
    if reasons:
        return Explanation([], f"It is not synced: {'; '.join(reasons)}.")
    steps = _carried(group[0], places) if connection.is_two_way else _offered(connection, group, places)
    if any(must_be_read(pair) for pair in group):
        return Explanation(steps, "One of these values is doubtful: it is read live before anything is written.")
    return Explanation(steps, _conclude(connection, group, places))


def _offered(connection: Connection, group: Sequence[Pair], places: dict[int, str]) -> list[Step]:
    steps = [Step(f"{places[pair.source.level_id]} has{_not_there(pair)}", pair.source.available) for pair in group]
    pending, total = group[0].pending_quantity, source_total(group)
    if len(group) > 1:
        steps.append(Step("Together", total + pending))
    if pending:
        steps.append(Step(f"Less {pending} reserved for orders that are not imported yet", total))
    rule = planning.rule_of(connection)
    if total <= 0 and rule != AS_IT_IS:
        steps.append(Step("Nothing is left to keep back: shown as it is", total))
    elif total > 0:
        steps += _ruled(total, rule)
    steps.append(Step(f"So {places[group[0].destination.level_id]} should show", offer(total, rule), is_result=True))
    return steps


def _not_there(pair: Pair) -> str:
    return "" if pair.source.is_active else " none: not stocked there, or closed"


def _ruled(total: int, rule: Rule) -> list[Step]:
    steps = []
    if rule.percentage != AS_IT_IS.percentage:
        share = Rule(percentage=rule.percentage)
        steps.append(Step(f"{rule.percentage} % of it, rounded down", offer(total, share)))
    if rule.safety_buffer:
        buffered = Rule(rule.safety_buffer, None, rule.percentage)
        steps.append(Step(f"Less the safety buffer of {rule.safety_buffer}", offer(total, buffered)))
    if rule.cap_quantity is not None:
        steps.append(Step(f"At most {rule.cap_quantity}", offer(total, rule)))
    return steps


def _carried(pair: Pair, places: dict[int, str]) -> list[Step]:
    steps = []
    for side, baseline in ((pair.source, pair.source_baseline), (pair.destination, pair.destination_baseline)):
        where = places[side.level_id]
        if baseline is None:
            steps.append(Step(f"{where} has, and was never synced before", side.available))
        else:
            change = side.quantity - baseline
            words = f"{change:+d} since they were last synced at {baseline}" if change else "as when last synced"
            steps.append(Step(f"{where} has ({words})", side.available))
    return steps


def _conclude(connection: Connection, group: Sequence[Pair], places: dict[int, str]) -> str:
    """What the next run would do, by asking the rules of the run itself."""
    found = planning.plan(connection, group)
    if found.writes:
        words = [f"{places[row.side.level_id]} from {row.change_from} to {row.change_to}" for row in found.writes]
        return f"The next run takes {' and '.join(words)}, unless it needs review or something stops it."
    settled = next((row for row in found.settled if row.reason), None)
    if settled is None:
        return "Both stores are as they should be."
    if settled.state == StockLink.State.DRIFTED:
        return f"{settled.reason[0].upper()}{settled.reason[1:]}. {_next_check(connection)}"
    return f"No change is needed: {settled.reason}."


def _next_check(connection: Connection) -> str:
    """What becomes of a quantity that was changed in the destination."""
    if connection.drift != Connection.Drift.CORRECT:
        return "It stays so: this connection only reports such changes."
    if connection.reconciled_at is None:
        return "Corrected at the next check."
    left = connection.reconciled_at + timedelta(minutes=settings.RECONCILE_MINUTES) - timezone.now()
    minutes = max(1, round(left.total_seconds() / 60))
    return f"Corrected at the next check, in {minutes} minute{'s' if minutes != 1 else ''}."
