"""What came of a run's items, and its numbers."""

from collections import Counter
from typing import Any

from django.db.models import Count
from django.utils import timezone

from syncing.catalogue.outcome import Outcome
from syncing.catalogue.rules.fields import PRICE_FIELDS
from syncing.models import CatalogueRun, CatalogueRunItem

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome


def save_outcome(run: CatalogueRun, outcome: Outcome) -> None:
    """Write down what became of one thing."""
    rows = list(outcome.differences)
    action, result = outcome.action, outcome.outcome
    if run.kind == CatalogueRun.Kind.PRICES and run.is_preview and action == Action.UPDATE:
        rows = [row for row in rows if row["field"] in PRICE_FIELDS]  # old and new prices, and nothing else
        action, result = (action, result) if rows else (Action.EQUAL, Result.DONE)
    run.items.filter(source_gid=outcome.source_gid).update(
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
