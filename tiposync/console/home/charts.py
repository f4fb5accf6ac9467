"""The first page's charts: webhooks, changes carried, how long they took, drift; of everything or of one connection."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.db.models.functions import TruncDay, TruncHour
from django.http import HttpRequest
from django.utils import timezone

from stores.models import Connection
from syncing.models import Reconciliation, StockAdjustment, Tally, WebhookEvent
from syncing.monitoring import counters
from tiposync.console.home import svg_chart
from tiposync.console.kit import markup, reach

NEEDED = ("syncing.view_webhookevent", "syncing.view_stockadjustment", "syncing.view_reconciliation")
OF_CONNECTION = [counters.ADJUSTMENTS, counters.LATENCY, counters.DRIFT]
Counts = dict[str, dict[datetime, dict[str, int]]]  # by name, then the beginning of a point, then label
CARRIED = StockAdjustment.State.APPLIED
# What the latency is of: writes that a webhook led to.
CAUSES = ",".join((StockAdjustment.Cause.SOURCE_CHANGED, StockAdjustment.Cause.DESTINATION_CHANGED))


@dataclass(frozen=True)
class Span:
    """What is charted: so many points, each so long, up to the one that now is in."""

    name: str
    label: str
    each: str
    length: timedelta
    count: int
    ticks_every: int

    def points(self) -> list[datetime]:
        """The beginnings of the points, in UTC."""
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        last = now if self.length == timedelta(hours=1) else now.replace(hour=0)
        return [last - self.length * back for back in reversed(range(self.count))]

    def words(self, at: datetime) -> str:
        """A point in full."""
        is_day = self.length == timedelta(days=1)
        return f"{at:%a %d %b}" if is_day else f"{at:%a %d %b, %H:%M} to {at + self.length:%H:%M} UTC"

    def ticks(self, points: list[datetime]) -> list[str]:
        """The words below the plot, at equal distances; the last stands where the plot ends."""
        form = "%d %b" if self.length == timedelta(days=1) else "%H:%M"
        return [f"{at:{form}}" for at in points[:: self.ticks_every]] + ["now"]


SPANS = (
    Span("24h", "24 hours", "hour", timedelta(hours=1), 24, 6),
    Span("30d", "30 days", "day", timedelta(days=1), 30, 6),
)


def charts(request: HttpRequest, connections: Iterable[Connection]) -> dict[str, Any]:
    """The charts as the template draws them, and what can be chosen; nothing for who may not see the rows."""
    if not request.user.has_perms(NEEDED):
        return {}
    by_id = {str(connection.pk): connection for connection in connections}
    chosen = by_id.get(request.GET.get("connection", ""))
    span = next((one for one in SPANS if one.name == request.GET.get("span")), SPANS[0])
    points = span.points()
    counts = _read(chosen, points, span)
    until = counters.counted_until()
    drawing = _Drawing(chosen, span, points, counts, until or points[0])
    return {
        "charts": [drawing.events(), drawing.carried(), drawing.latency(), drawing.drift()],
        "spans": [{"name": one.name, "label": one.label, "is_chosen": one is span} for one in SPANS],
        "span": span,
        "choices": [{"pk": row.pk, "name": str(row), "is_chosen": row is chosen} for row in by_id.values()],
        "chosen": chosen,
        "counted": markup.ago(until),
    }


def _read(chosen: Connection | None, points: list[datetime], span: Span) -> Counts:
    """What was counted since the first point, in one query."""
    rows = Tally.objects.filter(hour__gte=points[0])
    if chosen is None and (limit := reach.current()) is not None:
        own = Q(subject__in=map(counters.of, limit.connections), name__in=OF_CONNECTION)
        rows = rows.filter(own | Q(subject__in=map(counters.of_store, limit.stores), name=counters.EVENTS))
    elif chosen is None:
        rows = rows.filter(
            subject="", name__in=[counters.EVENTS, counters.ADJUSTMENTS, counters.LATENCY, counters.DRIFT]
        )
    else:
        ends = [counters.of_store(chosen.source_id), counters.of_store(chosen.destination_id)]
        own = Q(subject=counters.of(chosen.pk), name__in=OF_CONNECTION)
        rows = rows.filter(own | Q(subject__in=ends, name=counters.EVENTS))
    cut = TruncDay if span.length == timedelta(days=1) else TruncHour
    found: Counts = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for name, at, label, count in (
        rows.annotate(at=cut("hour", tzinfo=UTC)).values_list("name", "at", "label").annotate(Sum("count"))
    ):
        found[name][at][label] += count
    return found


@dataclass(frozen=True)
class _Drawing:
    chosen: Connection | None
    span: Span
    points: list[datetime]
    counts: Counts
    until: datetime

    def events(self) -> dict[str, Any]:
        values = self._sums(counters.EVENTS)
        url = self._rows(WebhookEvent, "received_at")
        words = "of either store" if self.chosen else "of all stores"
        return self._bars("Webhooks", f"that Shopify sent, {words}", values, url, "No webhook arrived.")

    def carried(self) -> dict[str, Any]:
        values = self._sums(counters.ADJUSTMENTS, CARRIED)
        url = self._rows(StockAdjustment, "settled_at", state__exact=CARRIED.value)
        return self._bars("Updates sent", "stock writes that took effect", values, url, "Nothing was sent yet.")

    def drift(self) -> dict[str, Any]:
        values = self._sums(counters.DRIFT)
        url = self._rows(Reconciliation, "finished_at", state__exact="done", differing__gt=0)
        words = "quantities out of sync that reconciliations came upon"
        return self._bars("Drift found", words, values, url, "Every reconciliation found everything synced.")

    def latency(self) -> dict[str, Any]:
        found = [self.counts[counters.LATENCY][at] for at in self.points]
        series = [
            svg_chart.Series("p50", [counters.quantile(counts, 0.5) for counts in found]),
            svg_chart.Series("p95", [counters.quantile(counts, 0.95) for counts in found]),
        ]
        whole: dict[str, int] = defaultdict(int)
        for counts in found:
            for label, count in counts.items():
                whole[label] += count
        url = self._rows(StockAdjustment, "settled_at", state__exact=CARRIED.value, cause__in=CAUSES)
        headlines = [
            {
                "label": name,
                "url": url,
                "words": svg_chart.second_words(counters.quantile(whole, share)),
                "is_worst": worst,
            }
            for name, share, worst in (("p50", 0.5, False), ("p95", 0.95, True))
        ]
        words = "from a webhook's arrival to the write it led to; half took at most p50, 95 of 100 at most p95"
        drawn = self._draw(series, svg_chart.second_words, svg_chart.second_steps, is_line=True)
        return {
            "title": "Latency",
            "explanation": words,
            "headlines": headlines,
            "empty": "Nothing was measured: no webhook led to a write.",
        } | drawn

    def _bars(self, title: str, explanation: str, values: list[int], url: str, empty: str) -> dict[str, Any]:
        drawn = self._draw([svg_chart.Series(title, values)], svg_chart.count_words, svg_chart.count_steps)
        headline = {"label": "", "url": url, "words": svg_chart.count_words(sum(values))}
        return {"title": title, "explanation": explanation, "headlines": [headline], "empty": empty} | drawn

    def _draw(self, series: list[svg_chart.Series], words: Any, steps: Any, *, is_line: bool = False) -> dict[str, Any]:
        points = [self.span.words(at) for at in self.points]
        return svg_chart.draw(series, points, self.span.ticks(self.points), is_line=is_line, words=words, steps=steps)

    def _sums(self, name: str, label: str | None = None) -> list[int]:
        counts = self.counts[name]
        return [counts[at][label] if label is not None else sum(counts[at].values()) for at in self.points]

    def _rows(self, model: Any, instant: str, **filters: Any) -> str:
        """The list of what was counted: no younger than counting has come."""
        own = {"connection": self.chosen.pk} if self.chosen else {}
        span = {f"{instant}__gte": self.points[0], f"{instant}__lte": self.until}
        return markup.list_url(model, **filters, **span, **own)
