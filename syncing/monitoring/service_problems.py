"""What is wrong right now, read from the rows: one Problem for each thing that somebody should know of."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q
from django.utils import timezone

from stores.models import Connection
from stores.redaction import redact
from syncing.models import (
    AlertChannel,
    AlertMessage,
    Heartbeat,
    PrivacyRequest,
    Reconciliation,
    SyncJob,
    WebhookEvent,
)
from syncing.monitoring import data_problems as carried
from syncing.monitoring.connection_status import STUCK_AFTER
from syncing.monitoring.problem import ENDS, MOST_PROBLEMS, NEWS, Kind, Problem, list_of, page_of
from syncing.queue import heartbeats

logger = logging.getLogger(__name__)

RESTART_IS_NEWS = timedelta(hours=1)
FEW_TRIES = 3  # a channel that fails once or twice may be well a minute later


def find() -> list[Problem]:
    """Everything that is wrong now; one problem more for each finder that fails."""
    found, failed = find_problems()
    return found + failed


def find_problems() -> tuple[list[Problem], list[Problem]]:
    """What is wrong now, and a problem for each finder that failed: what that one would have found is not known."""
    try:
        with transaction.atomic():
            return [problem for finder in FINDERS for problem in finder(timezone.now())], []
    except Exception:  # whichever it was: they are asked once more, each in a savepoint of its own
        logger.warning("What is wrong could not be looked at; each problem is looked for by itself", exc_info=True)
        return _find_guarded()


def _find_guarded() -> tuple[list[Problem], list[Problem]]:
    found: list[Problem] = []
    failed: list[Problem] = []
    for finder in FINDERS:
        try:
            with transaction.atomic():
                found += finder(timezone.now())
        except Exception as error:
            logger.exception("%s failed; what else is wrong is told", finder.__name__)
            name = f"alerts: {finder.__name__.strip('_').replace('_', ' ')}"
            words = f"“{name}” cannot be looked at; the log says why. {redact(f'{type(error).__name__}: {error}')}"
            failed.append(Problem(Kind.HEARTBEAT_MISSED, name, words))
    return found, failed


def missed_heartbeats(now: datetime) -> Iterator[Problem]:
    """Scheduled work that fails, or did not happen for too long: one problem for each."""
    failing = (
        Heartbeat.objects.filter(name__in=heartbeats.scheduled(), failed_at__isnull=False)
        .order_by("pk")
        .in_bulk(field_name="name")
    )
    for row in failing.values():
        words = (
            f"“{name_of_duty(row.name)}” has failed since {row.failed_at:%Y-%m-%d %H:%M} UTC; the log says where. "
            f"{row.reason}"
        )
        yield Problem(Kind.HEARTBEAT_MISSED, row.name, words)
    for name, at in heartbeats.find_overdue(now).items():
        if name not in failing:
            yield Problem(Kind.HEARTBEAT_MISSED, name, words_of_overdue(name, at))


def name_of_duty(name: str) -> str:
    """A heartbeat's name in the console's words."""
    return name.replace("catalogue", "product sync")


def words_of_overdue(name: str, at: datetime) -> str:
    """What to say of scheduled work that did not happen since then."""
    if name == heartbeats.QUEUE:
        return f"No worker has shown a sign of life since {at:%Y-%m-%d %H:%M:%S} UTC. Is one running?"
    return f"“{name_of_duty(name)}” should happen every minute and did not since {at:%Y-%m-%d %H:%M} UTC."


def _restarts(now: datetime) -> Iterator[Problem]:
    at = Heartbeat.objects.filter(name=heartbeats.RESTARTED).values_list("beat_at", flat=True).first()
    if at and now - at < RESTART_IS_NEWS:
        yield Problem(
            Kind.WORKERS_RESTARTED,
            heartbeats.RESTARTED,
            f"A cluster of workers no longer worked and was restarted, last at {at:%H:%M} UTC. Its log tells why.",
        )


def waiting_events(now: datetime) -> Iterator[Problem]:
    """Webhooks that nobody processes."""
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).order_by("pk")
    at = waiting.values_list("received_at", flat=True).first()
    if at and now - at > STUCK_AFTER:
        words = f"Webhooks have waited since {at:%Y-%m-%d %H:%M} UTC."
        yield Problem(Kind.EVENTS_WAIT, "events", words, list_of("syncing_webhookevent") + "?state__exact=new")


def _waiting_work(now: datetime) -> Iterator[Problem]:
    waiting = SyncJob.objects.filter(state=SyncJob.State.QUEUED, due_at__lt=now - STUCK_AFTER).order_by("due_at")
    at = waiting.values_list("due_at", flat=True).first()
    if at:
        words = f"Work has been due since {at:%Y-%m-%d %H:%M} UTC and nobody does it."
        yield Problem(Kind.WORK_WAITS, "work", words, list_of("syncing_syncjob") + "?state__exact=queued")


def _failed_events(now: datetime) -> Iterator[Problem]:
    """Webhooks that cannot be processed, one problem for each topic: a thousand of them have one reason."""
    failed = WebhookEvent.objects.filter(state=WebhookEvent.State.FAILED, received_at__gt=now - NEWS)
    for topic, count, newest in failed.values_list("topic").annotate(n=Count("pk"), newest=Max("pk")).order_by("topic"):
        reason = WebhookEvent.objects.values_list("reason", flat=True).get(pk=newest)
        words = f"{count} of {topic} since yesterday. {reason}"
        yield Problem(Kind.EVENT_FAILED, topic, words, page_of("syncing_webhookevent", newest))


def _silent_stores(now: datetime) -> Iterator[Problem]:
    """Connections of which a comparison found changes, although no webhook had come since the one before it.

    Where the destination's own changes are only reported, differences stand for ever and prove nothing.
    """
    done = Reconciliation.objects.filter(state=Reconciliation.State.DONE).exclude(trigger=Reconciliation.CORRECTION)
    newest = done.filter(connection=OuterRef("connection")).order_by("-pk").values("pk")[:1]
    rows = done.filter(pk=newest, finished_at__gt=now - NEWS).filter(Q(differing__gt=0) | Q(orders_found__gt=0))
    running = rows.filter(connection__state=Connection.State.RUNNING, connection__drift=Connection.Drift.CORRECT)
    for report in running.select_related(*ENDS).order_by("pk")[:MOST_PROBLEMS]:
        connection = report.connection
        before = done.filter(connection=connection, pk__lt=report.pk).order_by("-pk").first()
        if before is None or connection.why_inert():
            continue
        stores = (connection.source_id, connection.destination_id)
        arrived = WebhookEvent.objects.filter(store__in=stores, received_at__gt=before.started_at)
        if not arrived.exists():
            words = (
                f"{connection}: the last comparison found changes, but no webhook has come since "
                f"{before.started_at:%Y-%m-%d %H:%M} UTC. Does {settings.PUBLIC_URL} lead here? Check both stores."
            )
            path = page_of("stores_connection", connection.pk)
            yield Problem(Kind.WEBHOOKS_SILENT, f"connection {connection.pk}", words, path, connection_id=connection.pk)


def _failed_channels(now: datetime) -> Iterator[Problem]:
    """Channels whose messages do not get out: the other channels tell of it."""
    recent = AlertMessage.objects.filter(channel=OuterRef("pk"), created_at__gt=now - NEWS).exclude(
        purpose=AlertMessage.Purpose.TEST
    )
    pending = recent.filter(state=AlertMessage.State.PENDING, attempts__gte=FEW_TRIES)
    for channel in AlertChannel.objects.filter(Exists(pending), is_active=True).order_by("pk")[:MOST_PROBLEMS]:
        unsent = channel.messages.filter(state=AlertMessage.State.PENDING).exclude(error="").first()
        error = unsent.error if unsent else ""
        path = page_of("syncing_alertchannel", channel.pk)
        yield Problem(Kind.CHANNEL_FAILED, f"channel {channel.pk}", f"“{channel}” cannot be reached. {error}", path)


def _privacy(now: datetime) -> Iterator[Problem]:
    for request in PrivacyRequest.objects.filter(state=PrivacyRequest.State.OPEN).select_related("store")[
        :MOST_PROBLEMS
    ]:
        yield Problem(
            Kind.PRIVACY,
            f"request {request.pk}",
            f"{request} must be done by {request.due_at:%Y-%m-%d}.",
            page_of("syncing_privacyrequest", request.pk),
            store_id=request.store_id,
        )


def _overdue(now: datetime) -> Iterator[Problem]:
    limit = now - timedelta(minutes=2 * settings.RECONCILE_MINUTES)
    running = Connection.objects.filter(state=Connection.State.RUNNING).filter(
        Q(reconciled_at__lt=limit) | Q(reconciled_at=None, started_at__lt=limit)
    )
    for connection in running.select_related("source", "destination").order_by(F("reconciled_at").asc())[
        :MOST_PROBLEMS
    ]:
        if not connection.why_inert():
            yield Problem(
                Kind.OVERDUE,
                f"connection {connection.pk}",
                f"{connection} was last compared with Shopify {_since(connection.reconciled_at)}.",
                page_of("stores_connection", connection.pk),
                connection_id=connection.pk,
            )


def _since(at: datetime | None) -> str:
    return f"at {at:%Y-%m-%d %H:%M} UTC" if at else "never"


# Whoever adds a feature that can go wrong in its own way adds its finder here.
FINDERS: tuple[Callable[[datetime], Iterator[Problem]], ...] = (
    missed_heartbeats,
    _restarts,
    waiting_events,
    _waiting_work,
    _failed_events,
    _silent_stores,
    _failed_channels,
    carried.stores,
    carried.still_paused,
    carried.clocks,
    carried.troubled_stores,
    carried.oversold,
    carried.held,
    carried.failed_jobs,
    carried.tried_jobs,
    carried.failed_orders,
    carried.orders_that_need_the_shop,
    carried.lost_orders,
    carried.waiting_orders,
    carried.held_runs,
    carried.refused_stock,
    carried.unvouched_stock,
    carried.left_on_sale,
    carried.refused_sales,
    carried.catalogue,
    carried.failed_images,
    _privacy,
    _overdue,
)
