"""The figures of /metrics in Prometheus' text format, read from the database: all processes and machines together.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Count
from django.utils import timezone

from orders.models import OrderImport
from stores.models import Connection, Store, SyncSwitch
from syncing.models import Alert, CatalogueRun, Heartbeat, StockHold, StockLink, SyncJob, tally
from syncing.monitoring import counters, service_status
from syncing.monitoring.connection_status import WAITING
from syncing.queue import heartbeats

Sample = tuple[dict[str, str], float]


def render() -> str:
    """The whole page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    now, queue = timezone.now(), service_status.read_queue()
    yield from _gauge("events_waiting", "Webhooks that wait to be processed.", queue["waiting_events"])
    oldest = _age(now, queue["oldest_event_at"])
    yield from _gauge("event_age_seconds", "Age of the oldest webhook that waits.", oldest)
    yield from _gauge("queue_depth", "Jobs that are due and wait for a worker.", queue["due_jobs"])
    yield from _gauge("workers", "Workers whose machine showed a sign of life lately.", queue["workers"])
    yield from _metric("jobs", "gauge", "Jobs by kind and state.", _jobs())
    yield from _metric("heartbeat_age_seconds", "gauge", "Since scheduled work last happened.", _beats(now))
    yield from _metric("duty_failures_total", "counter", "Failures of each duty of the sweep.", _duty_failures())
    yield from _metric("alerts_open", "gauge", "Problems that are open.", _alerts())
    held = StockHold.objects.filter(state=StockHold.State.OPEN).count()
    yield from _gauge("holds_open", "Plans that wait for a decision.", held)
    runs = CatalogueRun.objects.filter(state=CatalogueRun.State.HELD).count()
    yield from _gauge("runs_held", "Sync runs that wait for a decision.", runs)
    yield from _metric("orders", "gauge", "Orders by the state of their copy.", _orders())
    dirty = StockLink.objects.filter(WAITING).count()
    yield from _gauge("stock_waiting", "Pairs of levels that wait to be synced.", dirty)
    yield from _gauge("stopped", "1 while all syncing is paused.", SyncSwitch.objects.filter(is_stopped=True).count())
    yield from _metric("api_points_available", "gauge", "Points of Shopify's cost bucket as of now.", _buckets())
    yield from _metric("reconciliation_age_seconds", "gauge", "Since the last full comparison.", _reconciled(now))
    yield from _metric("events_total", "counter", "Webhooks received by topic.", _totals(counters.EVENTS, "topic"))
    outcomes = _totals(counters.ADJUSTMENTS, "outcome")
    yield from _metric("adjustments_total", "counter", "Stock writes by outcome.", outcomes)
    differing, compared = counters.totals(counters.DRIFT).get("", (0, 0))
    yield from _metric("drift_total", "counter", "Pairs found out of sync by reconciliations.", [({}, differing)])
    yield from _metric("compared_total", "counter", "Pairs compared by reconciliations.", [({}, compared)])
    yield from _latency()


def _metric(name: str, kind: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP tiposync_{name} {words}\n# TYPE tiposync_{name} {kind}\n"
    for labels, value in samples:
        yield f"tiposync_{name}{_labels(labels)} {value:.15g}\n"


def _gauge(name: str, words: str, value: float) -> Iterator[str]:
    return _metric(name, "gauge", words, [({}, value)])


def _labels(labels: dict[str, str]) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    inside = ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())
    return f"{{{inside}}}" if inside else ""


def _age(now: datetime, at: datetime | None) -> float:
    return max(0.0, (now - at).total_seconds()) if at else 0


def _jobs() -> Iterator[Sample]:
    rows = SyncJob.objects.order_by("kind", "state").values_list("kind", "state").annotate(n=Count("pk"))
    return (({"kind": kind, "state": state}, count) for kind, state, count in rows)


def _orders() -> Iterator[Sample]:
    counts = dict(OrderImport.objects.order_by().values_list("state").annotate(n=Count("pk")))
    return (({"state": state}, counts.get(state, 0)) for state in OrderImport.State.values)


def _beats(now: datetime) -> Iterator[Sample]:
    """Of what is scheduled, all of it: what never happened is as old as can be."""
    known = dict(Heartbeat.objects.values_list("name", "beat_at"))
    return (({"name": name}, _age(now, known.get(name, tally.FOR_EVER))) for name in heartbeats.scheduled())


def _duty_failures() -> Iterator[Sample]:
    known = dict(Heartbeat.objects.values_list("name", "failure_count"))
    return (({"name": name}, known.get(name, 0)) for name in heartbeats.DUTIES)


def _alerts() -> Iterator[Sample]:
    counts = dict(Alert.objects.filter(resolved_at=None).order_by().values_list("kind").annotate(n=Count("pk")))
    return (({"kind": kind}, counts.get(kind, 0)) for kind in Alert.Kind.values)


def _buckets() -> Iterator[Sample]:
    return (({"store": one.store.domain}, one.available) for one in service_status.budgets(Store.objects.all()))


def _reconciled(now: datetime) -> Iterator[Sample]:
    rows = Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")
    return (
        ({"source": row.source.domain, "destination": row.destination.domain}, _age(now, row.reconciled_at or now))
        for row in rows
    )


def _totals(name: str, label: str) -> Iterator[Sample]:
    return (({label: value}, count) for value, (count, _) in sorted(counters.totals(name).items()))


def _latency() -> Iterator[str]:
    """A histogram: each bucket counts what took at most so long."""
    counted = counters.totals(counters.LATENCY)
    yield "# HELP tiposync_latency_seconds From a webhook's arrival to the write it led to.\n"
    yield "# TYPE tiposync_latency_seconds histogram\n"
    running = 0
    for end in (*(f"{bucket:g}" for bucket in counters.BUCKETS), "+Inf"):
        running += counted.get(end, (0, 0))[0]
        yield f'tiposync_latency_seconds_bucket{{le="{end}"}} {running}\n'
    yield f"tiposync_latency_seconds_sum {sum(total for _, total in counted.values()):.15g}\n"
    yield f"tiposync_latency_seconds_count {running}\n"
