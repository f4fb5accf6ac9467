"""What a cause of holds comes to: how many items in how many connections, since when, in words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from syncing.models import Alert, HoldCause, StockHold

OPEN = Q(state=StockHold.State.OPEN)


@dataclass(frozen=True, slots=True)
class Summary:
    """Of a cause: what is open, or all that there was once nothing is open; `decided_count` are the others.

    The instants are by Shopify's clock: when the levels of the source, and those of the destination, got their values.
    """

    item_count: int = 0
    connection_count: int = 0
    open_count: int = 0
    decided_count: int = 0
    changed_at: datetime | None = None
    last_changed_at: datetime | None = None
    destination_changed_at: datetime | None = None


def open_causes() -> Q:
    """The causes of which something is open."""
    # By a subquery that begins with what is open, which is little.
    return Q(pk__in=StockHold.objects.filter(OPEN, cause__isnull=False).values("cause"))


def words_of(cause: HoldCause, summary: Summary) -> str:
    """“Main store: 300 items fell to 0”."""
    plural = "" if summary.item_count == 1 else "s"
    return f"{cause.store}: {summary.item_count:,} item{plural} {cause.get_change_display()}"


def summarize(causes: Collection[HoldCause], holds: QuerySet[StockHold] | None = None) -> dict[int, Summary]:
    """By cause; `holds` are those that whoever asks sees. Two queries however many causes there are."""
    own = (StockHold.objects.all() if holds is None else holds).filter(cause__in=[cause.pk for cause in causes])
    rows = own.order_by().values("cause")
    found: dict[int, dict[str, Any]] = {row["cause"]: dict(row) for row in rows.filter(OPEN).annotate(**_counts())}
    counted = {row["cause"]: row["n"] for row in rows.exclude(OPEN).annotate(n=Count("pk"))}
    decided = [pk for pk in counted if pk not in found]
    if decided:
        ended = rows.filter(cause__in=decided).annotate(**_counts())
        found |= {row["cause"]: {**row, "open_count": 0} for row in ended}
    return {
        cause.pk: Summary(
            decided_count=counted.get(cause.pk, 0),
            **{name: value for name, value in found.get(cause.pk, {}).items() if name != "cause"},
        )
        for cause in causes
    }


def _counts() -> dict[str, Any]:
    from_store, from_destination = "link__source_level__as_of", "link__destination_level__as_of"
    return {
        "item_count": Count("link__variant_link__source_variant", distinct=True),
        "connection_count": Count("connection", distinct=True),
        "open_count": Count("pk"),
        "changed_at": Min(from_store),
        "last_changed_at": Max(from_store),
        "destination_changed_at": Min(from_destination),
    }


SUBJECT = "reviews "


def stores_of(alert: Alert) -> set[int]:
    """The stores that an alert about a cause concerns besides the one it names: both ends of each connection."""
    number = alert.subject.removeprefix(SUBJECT)
    if alert.kind != Alert.Kind.HELD or number == alert.subject or not number.isdecimal():
        return set()
    ends = StockHold.objects.filter(OPEN, cause=int(number))
    pairs = ends.order_by().values_list("connection__source", "connection__destination").distinct()
    return {pk for pair in pairs for pk in pair}
