"""What came of a run's items, and its numbers."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Count
from django.utils import timezone

from stores.shared.many import update_rows
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.rules.fields import PRICE_FIELDS
from syncing.models import CatalogueRun, CatalogueRunItem

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome


# What an outcome says of an item.
SAID = ("destination_gid", "title", "action", "outcome", "reason", "failure", "differences", "finished_at")


def save_outcome(run: CatalogueRun, outcome: Outcome) -> None:
    """Write down what became of one thing."""
    save_outcomes(run, [outcome])


def save_outcomes(run: CatalogueRun, outcomes: Sequence[Outcome]) -> None:
    """Write down what became of things, by one statement."""
    update_rows([_item_of(run, outcome) for outcome in outcomes], SAID, key=("run", "source_gid"))


def _item_of(run: CatalogueRun, outcome: Outcome) -> CatalogueRunItem:
    rows = list(outcome.differences)
    action, result = outcome.action, outcome.outcome
    if run.kind == CatalogueRun.Kind.PRICES and run.is_preview and action == Action.UPDATE:
        rows = [row for row in rows if row["field"] in PRICE_FIELDS]  # old and new prices, and nothing else
        action, result = (action, result) if rows else (Action.EQUAL, Result.DONE)
    return CatalogueRunItem(
        run=run,
        source_gid=outcome.source_gid,
        destination_gid=outcome.destination_gid,
        title=outcome.title,
        action=action,
        outcome=result,
        reason=outcome.reason,
        failure=outcome.failure,
        differences=rows,
        finished_at=None if result == Result.HELD else timezone.now(),
    )


def numbers_of(run: CatalogueRun) -> dict[str, Any]:
    """How far it is, as its columns."""
    counts: Counter[str] = Counter()
    total = open_count = failed = 0
    groups = run.items.order_by().values_list("action", "outcome")
    for action, outcome, count, ended in groups.annotate(Count("pk"), Count("finished_at")):
        total += count
        open_count += count - ended if outcome in (Result.PLANNED, Result.HELD) else 0
        if outcome == Result.FAILED:
            failed += count  # once: nothing was done to it, not even on purpose
        else:
            counts[action] += count
    return {"total": total, "done": total - open_count, "failed": failed, "counts": counts}
