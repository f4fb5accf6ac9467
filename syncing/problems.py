"""What is wrong right now, read from the rows: one Problem for each thing that somebody should know of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F, Q
from django.utils import timezone

from orders.models import OrderImport, OrderUpdate
from stores.models import Connection, ProductLink, ResourceLink, Store
from syncing import pulse
from syncing.models import (
    Alert,
    CatalogueRun,
    Heartbeat,
    PrivacyRequest,
    StockHold,
    StockLevel,
    StockLink,
    SyncJob,
    WebhookEvent,
)

Kind = Alert.Kind
# Of one kind: more are told when these have ended. A thousand of them are one problem, not a thousand.
MOST = 200
LONGEST_WAIT = timedelta(minutes=5)
RESTART_IS_NEWS = timedelta(hours=1)


@dataclass(frozen=True)
class Problem:
    """A problem: (kind, subject) tells it from all others; `path` is the console's page about it."""

    kind: str
    subject: str
    message: str
    path: str = ""
    store_id: int | None = None
    connection_id: int | None = None


def find() -> list[Problem]:
    """Everything that is wrong now."""
    return [problem for finder in FINDERS for problem in finder(timezone.now())]


def missed_heartbeats(now: datetime) -> Iterator[Problem]:
    """Scheduled work that did not happen for too long. Before anything has ever run there is nothing to miss."""
    beats = dict(Heartbeat.objects.values_list("name", "beat_at"))
    for name, limit in pulse.scheduled().items():
        at = beats.get(name) or beats.get(pulse.INSTALLED)
        if at and now - at > limit:
            words = f"“{name}” should run every {_words(limit / 2)} and did not since {at:%Y-%m-%d %H:%M} UTC."
            if name == pulse.QUEUE:
                words = f"No worker has shown a sign of life since {at:%Y-%m-%d %H:%M:%S} UTC. Is one running?"
            yield Problem(Kind.HEARTBEAT_MISSED, name, words)


def _restarts(now: datetime) -> Iterator[Problem]:
    at = Heartbeat.objects.filter(name=pulse.RESTARTED).values_list("beat_at", flat=True).first()
    if at and now - at < RESTART_IS_NEWS:
        yield Problem(
            Kind.WORKERS_RESTARTED,
            pulse.RESTARTED,
            f"A cluster of workers no longer worked and was restarted, last at {at:%H:%M} UTC. Its log tells why.",
        )


def waiting_events(now: datetime) -> Iterator[Problem]:
    """Webhooks that nobody processes."""
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).order_by("pk")
    at = waiting.values_list("received_at", flat=True).first()
    if at and now - at > LONGEST_WAIT:
        words = f"Webhooks have waited since {at:%Y-%m-%d %H:%M} UTC."
        yield Problem(Kind.EVENTS_WAIT, "events", words, "/admin/syncing/webhookevent/?state__exact=new")


def _waiting_work(now: datetime) -> Iterator[Problem]:
    waiting = SyncJob.objects.filter(state=SyncJob.State.QUEUED, due_at__lt=now - LONGEST_WAIT).order_by("due_at")
    at = waiting.values_list("due_at", flat=True).first()
    if at:
        words = f"Work has been due since {at:%Y-%m-%d %H:%M} UTC and nobody does it."
        yield Problem(Kind.WORK_WAITS, "work", words, "/admin/syncing/syncjob/?state__exact=queued")


def _stores(now: datetime) -> Iterator[Problem]:
    kinds = {Store.Status.DISCONNECTED: Kind.STORE_DISCONNECTED, Store.Status.ATTENTION: Kind.STORE_ATTENTION}
    for store in Store.objects.filter(status__in=kinds, is_paused=False)[:MOST]:
        words = f"{store}: {store.status_reason or store.get_status_display()}"
        path = f"/admin/stores/store/{store.pk}/change/"
        yield Problem(kinds[store.status], f"store {store.pk}", words, path, store_id=store.pk)


def _oversold(now: datetime) -> Iterator[Problem]:
    # Levels first: they are few, and joining all links with all levels every minute would cost more.
    below = list(StockLevel.objects.filter(available__lt=0).order_by("pk").values_list("pk", flat=True)[:MOST])
    links = StockLink.objects.filter(Q(source_level__in=below) | Q(destination_level__in=below)).order_by("pk")
    for link in links.select_related(
        "variant_link__source_variant", "connection__source", "connection__destination", "source_level",
        "destination_level"
    )[:MOST]:  # fmt: skip
        numbers = [n for n in (link.source_level.available, link.destination_level.available) if n is not None]
        yield Problem(
            Kind.OVERSOLD,
            f"link {link.variant_link_id}",
            f"{link.variant_link.source_variant} stands at {min(numbers)} ({link.connection}).",
            f"/admin/syncing/stocklink/timeline/{link.variant_link_id}/",
            connection_id=link.connection_id,
        )


def _held(now: datetime) -> Iterator[Problem]:
    holds = StockHold.objects.filter(state=StockHold.State.OPEN).order_by("pk")
    for hold in holds.select_related(
        "link__variant_link__source_variant", "connection__source", "connection__destination"
    )[:MOST]:
        yield Problem(
            Kind.HELD,
            f"hold {hold.pk}",
            f"{hold.link.variant_link.source_variant} ({hold.connection}): {hold.reason}",
            f"/admin/syncing/stockhold/{hold.pk}/change/",
            connection_id=hold.connection_id,
        )


def _failed_jobs(now: datetime) -> Iterator[Problem]:
    failed = SyncJob.objects.filter(state=SyncJob.State.FAILED).order_by("pk")
    for job in failed.select_related("connection__source", "connection__destination", "store")[:MOST]:
        yield Problem(
            Kind.JOB_FAILED,
            f"{job.kind} {job.subject}",
            f"{job.get_kind_display()} ({job.connection or job.store or 'all'}): {job.message}",
            f"/admin/syncing/syncjob/{job.pk}/change/",
            store_id=job.store_id,
            connection_id=job.connection_id,
        )


def _failed_orders(now: datetime) -> Iterator[Problem]:
    """Copies that failed, and changes of orders that could not be carried over."""
    ends = ("connection__source", "connection__destination")
    for row in OrderImport.objects.filter(state=OrderImport.State.FAILED).select_related(*ends)[:MOST]:
        path = f"/admin/orders/orderimport/{row.pk}/change/"
        words = f"{row} was not copied: {row.reason}"
        yield Problem(Kind.ORDER_FAILED, f"import {row.pk}", words, path, connection_id=row.connection_id)
    updates = OrderUpdate.objects.filter(state=OrderUpdate.State.FAILED)
    for row in updates.select_related(*(f"order_import__{end}" for end in ends))[:MOST]:
        order = row.order_import
        path = f"/admin/orders/orderupdate/{row.pk}/change/"
        words = f"{row.get_kind_display()} ({order}): {row.reason}"
        yield Problem(Kind.ORDER_FAILED, f"update {row.pk}", words, path, connection_id=order.connection_id)


def _held_runs(now: datetime) -> Iterator[Problem]:
    """Runs over a catalogue that would remove too much."""
    held = CatalogueRun.objects.filter(state=CatalogueRun.State.HELD).order_by("pk")
    for run in held.select_related("connection__source", "connection__destination")[:MOST]:
        path = f"/admin/syncing/cataloguerun/{run.pk}/change/"
        yield Problem(
            Kind.HELD,
            f"connection {run.connection_id}, {run.subject}",
            f"{run}: {run.hold_reason}",
            path,
            connection_id=run.connection_id,
        )


def _catalogue(now: datetime) -> Iterator[Problem]:
    """What does not follow, one problem for each connection: a wrong setting concerns thousands of products."""
    for model, what in ((ProductLink, "products"), (ResourceLink, "collections, pages, blogs or articles")):
        ill = model.objects.filter(state__in=(model.State.CONFLICT, model.State.FAILED), connection__is_paused=False)
        counts = dict(ill.order_by().values_list("connection").annotate(n=Count("pk")))
        rows = Connection.objects.filter(pk__in=counts).select_related("source", "destination").order_by("pk")
        for connection in rows[:MOST]:
            yield Problem(
                Kind.CATALOGUE,
                f"{model._meta.model_name} {connection.pk}",
                f"{counts[connection.pk]} {what} do not follow ({connection}).",
                f"/admin/stores/{model._meta.model_name}/?attention=open&connection={connection.pk}",
                connection_id=connection.pk,
            )


def _privacy(now: datetime) -> Iterator[Problem]:
    for request in PrivacyRequest.objects.filter(state=PrivacyRequest.State.OPEN).select_related("store")[:MOST]:
        yield Problem(
            Kind.PRIVACY,
            f"request {request.pk}",
            f"{request} must be done by {request.due_at:%Y-%m-%d}.",
            f"/admin/syncing/privacyrequest/{request.pk}/change/",
            store_id=request.store_id,
        )


def _overdue(now: datetime) -> Iterator[Problem]:
    limit = now - timedelta(minutes=2 * settings.RECONCILE_MINUTES)
    running = Connection.objects.filter(state=Connection.State.RUNNING).filter(
        Q(reconciled_at__lt=limit) | Q(reconciled_at=None, started_at__lt=limit)
    )
    for connection in running.select_related("source", "destination").order_by(F("reconciled_at").asc())[:MOST]:
        if not connection.why_inert():
            yield Problem(
                Kind.OVERDUE,
                f"connection {connection.pk}",
                f"{connection} was last compared with Shopify {_since(connection.reconciled_at)}.",
                f"/admin/stores/connection/{connection.pk}/change/",
                connection_id=connection.pk,
            )


def _since(at: datetime | None) -> str:
    return f"at {at:%Y-%m-%d %H:%M} UTC" if at else "never"


def _words(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"


# Whoever adds a feature that can go wrong in its own way adds its finder here.
FINDERS: tuple[Callable[[datetime], Iterator[Problem]], ...] = (
    missed_heartbeats,
    _restarts,
    waiting_events,
    _waiting_work,
    _stores,
    _oversold,
    _held,
    _failed_jobs,
    _failed_orders,
    _held_runs,
    _catalogue,
    _privacy,
    _overdue,
)
