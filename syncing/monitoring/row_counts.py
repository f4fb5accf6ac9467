"""How many rows of each state a connection has: exact where they are few, else as the sweep counted them last.

What somebody must act on is always counted now.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from stores.ages import is_over
from stores.models import VariantLink
from syncing.models import RowCount, StockLink

Counted = type[StockLink] | type[VariantLink]

# Of so many rows each is counted for a page, of all connections together: about 15 ms of each table.
MOST_LIVE_ROWS = 100_000
KEPT_FOR = timedelta(minutes=5)  # counting a million of each table takes a third of a second
# What waits for somebody, by table.
WATCHED: dict[Counted, tuple[str, ...]] = {
    StockLink: (StockLink.State.HELD, StockLink.State.DRIFTED),
    VariantLink: (VariantLink.State.UNMATCHED, VariantLink.State.AMBIGUOUS),
}


@dataclass(frozen=True)
class Counts:
    """By connection: how many rows it has in each state, and when that was, where it was not now."""

    by_state: Mapping[int, Mapping[str, int]]
    counted_at: Mapping[int, datetime]


def count_states(table: Counted, ids: Collection[int], *, is_exact: bool = False) -> Counts:
    """How many rows of each state these connections have; `is_exact`: now, however many they are."""
    kept, counted_at = ({}, {}) if is_exact else _kept_of_large(table, ids)
    counts: dict[int, dict[str, int]] = defaultdict(dict, kept)
    few = [pk for pk in ids if pk not in kept]
    rows = list(_by_state(table, few)) if few else []
    if kept:
        rows += _by_state(table, kept, WATCHED[table])
    for pk, state, count in rows:
        counts[pk][state] = count
    return Counts(counts, counted_at)


def _by_state(table: Counted, ids: Iterable[int], states: Iterable[str] | None = None) -> Iterable[tuple]:
    """From the index alone: to count ids would read every row."""
    wanted = {} if states is None else {"state__in": states}
    rows = table._default_manager.filter(connection__in=ids, **wanted).order_by()
    return rows.values_list("connection", "state").annotate(n=Count("*"))


def _kept_of_large(table: Counted, ids: Collection[int]) -> tuple[dict[int, dict[str, int]], dict[int, datetime]]:
    """What was counted last of the connections that have too many rows to count now: the largest ones."""
    kept: dict[int, dict[str, int]] = defaultdict(dict)
    counted_at: dict[int, datetime] = {}
    known = RowCount.objects.filter(table=table._meta.db_table, connection__in=ids).exclude(state__in=WATCHED[table])
    for pk, state, count, at in known.values_list("connection", "state", "count", "counted_at"):
        kept[pk][state], counted_at[pk] = count, at
    live = 0
    for pk in sorted(kept, key=lambda pk: sum(kept[pk].values())):
        live += sum(kept[pk].values())
        if live <= MOST_LIVE_ROWS:
            del kept[pk], counted_at[pk]
    return kept, counted_at


def count_due() -> None:
    """Count every connection's rows, if that was not done for KEPT_FOR; called every minute."""
    now = timezone.now()
    last = RowCount.objects.order_by("-counted_at").values_list("counted_at", flat=True).first()
    if last is not None and not is_over(last, KEPT_FOR, now):
        return
    rows = [
        RowCount(connection_id=pk, table=table._meta.db_table, state=state, count=count, counted_at=now)
        for table in WATCHED
        for pk, state, count in table._default_manager.order_by()
        .values_list("connection", "state")
        .annotate(n=Count("*"))
    ]
    with transaction.atomic():
        RowCount.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["connection", "table", "state"],
            update_fields=["count", "counted_at"],
        )
        RowCount.objects.exclude(counted_at=now).delete()  # states that no row is in any more
