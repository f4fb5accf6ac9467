"""The minute's sweep: duties one after the other, each in its own fence, that have done whatever is due.

A wake-up that was lost, a worker that died, an operator's decision, time that went by: the rows show it. What watches
comes first, so that it tells of everything behind it. Rows are fenced within a duty, too.
"""

import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection as db
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone

from orders import due, notices
from orders.copies import late_links
from orders.models import OrderImport
from stores.ages import over, within
from stores.linking import linking
from stores.models import CatalogueFile, CatalogueSettings, Connection, ProductLink, ResourceLink, Store, SyncSwitch
from syncing import fence
from syncing.catalogue import referred_files, referring, spared
from syncing.catalogue.content import comparison
from syncing.catalogue.products import deletion, waiting
from syncing.catalogue.products.writes import on_sale
from syncing.catalogue.runs import lifecycle
from syncing.connections import bulk_writes, disconnecting, pausing, recent_changes, resuming
from syncing.models import CatalogueRun, StockBatch, StockLink, SyncJob, WebhookEvent
from syncing.monitoring import alerts, counters, row_counts
from syncing.queue import enqueue, heartbeats, jobs
from syncing.upkeep import retention, texts

logger = logging.getLogger(__name__)

SWEEP_ORDERS = 1000  # imports that one sweep enqueues at most
STATEMENT_SECONDS = 60  # a duty that waits for somebody's lock has failed: it must not keep the others waiting
PAUSE = timedelta(minutes=10)  # what failed is tried again after this, not every minute


def sweep() -> list[str]:
    """Do every duty, whatever becomes of those before it; return the names of those that failed.

    Each beats a heartbeat of its own when it is done: what /readyz, the alerts and /metrics look at.
    """
    failing_before, _limited["session"] = _failing(), None
    failed = [name for name, work in DUTIES.items() if not _is_done(name, work)]
    if set(failed) != failing_before and heartbeats.ALERTS not in failed:
        _is_done(heartbeats.ALERTS, DUTIES[heartbeats.ALERTS])  # told, or ended, now rather than in a minute
    heartbeats.beat(heartbeats.SWEEP)
    _execute("RESET statement_timeout")
    _limited["session"] = None
    return failed


def _is_done(name: str, work: Callable[[], object]) -> bool:
    try:
        _limit_statements()
        work()
        heartbeats.beat(name)
    except Exception as error:  # the one place that turns any outcome of a duty into a row
        logger.exception("“%s”, a duty of the minute's sweep, failed; the others go on", name)
        fence.renew_session()
        _note_failure(name, error)
        return False
    return True


def _limit_statements() -> None:
    """Once in a session: a duty may have left the one of the duties before it, as a fence does."""
    if db.connection is None or db.connection is not _limited["session"]:
        _execute(f"SET statement_timeout = '{STATEMENT_SECONDS * 1000:.0f}ms'")
        _limited["session"] = db.connection


_limited: dict[str, object] = {"session": None}  # the session whose statements are limited now


def _execute(sql: str) -> None:
    with db.cursor() as cursor:
        cursor.execute(sql)


def _note_failure(name: str, error: Exception) -> None:
    try:
        heartbeats.note_failure(name, error)
    except DatabaseFailure:
        logger.exception("That “%s” failed cannot be noted", name)
        fence.renew_session()


def _failing() -> set[str]:
    try:
        return heartbeats.failing()
    except DatabaseFailure:
        fence.renew_session()
        return set()


def _process_webhooks() -> None:
    if WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).exists():
        enqueue.process_events()


def _carry_stock() -> None:
    """Connections with pairs that wait to be carried, or with a write that is not settled."""
    dirty = StockLink.objects.filter(connection=OuterRef("pk"), dirty_sequence__gt=F("settled_sequence"))
    pending = StockBatch.objects.filter(connection=OuterRef("pk"), state=StockBatch.State.PENDING)

    def carry(connection: Connection) -> None:
        if not connection.why_inert() and not _failed_lately(connection, SyncJob.Kind.CARRY_STOCK):
            enqueue.carry_stock(connection)

    fence.each(_running().filter(Exists(dirty) | Exists(pending)), carry, _name)


def _reconcile() -> None:
    """Connections that were not compared with Shopify for RECONCILE_MINUTES."""
    is_due = Q(reconciled_at=None) | over(
        "reconciled_at", timedelta(minutes=settings.RECONCILE_MINUTES), timezone.now()
    )

    def reconcile(connection: Connection) -> None:
        if not connection.why_inert() and not _failed_lately(connection, SyncJob.Kind.RECONCILE):
            enqueue.reconcile(connection, trigger="schedule")

    fence.each(_running().filter(is_due), reconcile, _name)


def _compare_recent() -> None:
    """Stores that were not asked for what changed lately for RECENT_CHANGES_MINUTES."""
    fence.each(recent_changes.due_stores(timezone.now()), enqueue.compare_recent, _name)


def _match_connections() -> None:
    """The connection whose catalogues were not read and matched for longest, if that is a day.

    What no webhook told of is found then. One at a time: each takes a worker for minutes where catalogues are large.
    """
    matching = SyncJob.objects.filter(kind=SyncJob.Kind.MATCH_CONNECTION)
    if matching.filter(Q(state=SyncJob.State.RUNNING) | Q(state=SyncJob.State.QUEUED, attempts=0)).exists():
        return
    # One that waits for a store in trouble keeps no other from its turn.
    waiting = matching.filter(state=SyncJob.State.QUEUED).values("connection")
    for connection in linking.find_unmatched(timezone.now()).exclude(pk__in=waiting):
        if not connection.why_inert() and not _failed_lately(connection, SyncJob.Kind.MATCH_CONNECTION):
            enqueue.match_connection(connection)
            return


def _copy_orders() -> None:
    """Orders whose copy can go on, and those whose products were linked late."""
    late_links.hold_linked_late(_alive(), resuming.move_units)
    imports = _not_failed_lately(due.unfinished(_alive()), SyncJob.Kind.IMPORT_ORDER)
    fence.each(imports, lambda order: enqueue.import_order(order.connection, order.order_gid), _name)


def _update_orders() -> None:
    """Copied orders with a later change that was not carried yet."""
    imports = _not_failed_lately(due.unfinished_updates(_alive()), SyncJob.Kind.UPDATE_ORDER)
    fence.each(imports, lambda order: enqueue.update_order(order.connection, order.order_gid), _name)


def _send_notices() -> None:
    """Orders of which a mail tells."""
    lately = within("finished_at", PAUSE, timezone.now())
    failed = SyncJob.objects.filter(lately, kind=SyncJob.Kind.SEND_NOTICE, state=SyncJob.State.FAILED)
    mute = failed.exclude(connection=None).values("connection")
    untold = due.untold(_alive()).exclude(connection__in=mute).select_related("connection")

    def send(order_import: OrderImport) -> None:
        if notices.decide(order_import):
            enqueue.send_notice(order_import.pk, order_import.connection)

    fence.each(untold[:SWEEP_ORDERS], send, _name)


def _end_connections() -> None:
    """Connections that were disconnected, once all is done."""
    fence.each(disconnecting.disconnecting(), disconnecting.finish, _name)


def _begin_runs() -> None:
    """Catalogues that are due to be carried, or compared."""
    now = timezone.now()

    def begin(row: CatalogueSettings) -> None:
        if kind := lifecycle.due_kind(row, now):
            with contextlib.suppress(lifecycle.RunRefused):  # somebody started another one just now
                lifecycle.start(row.connection, kind)

    fence.each(lifecycle.find_startable(now), begin, _name)


def _continue_runs() -> None:
    """Runs over catalogues that are under way."""

    def go_on(run: CatalogueRun) -> None:
        is_free = run.is_preview or not run.connection.why_inert()
        if is_free and not _failed_lately(run.connection, SyncJob.Kind.RUN_CATALOGUE):
            enqueue.run_catalogue(run)

    fence.each(lifecycle.unfinished(), go_on, _name)


def _retry_products() -> None:
    """Products that waited for another day or for the partner of another, or failed for what may have passed.

    And those that are to go, now that the source for which they had been left has them no more.
    """

    def retry(link: ProductLink) -> None:
        settings = CatalogueSettings.objects.filter(connection=link.connection_id).first()
        if settings is not None and not settings.why_inert():
            enqueue.sync_product(link.connection, link.source_gid, due_in=0)

    def let_go(link: ProductLink) -> None:
        if not _failed_lately(link.connection, SyncJob.Kind.SYNC_PRODUCT):
            retry(link)

    fence.each([*waiting.find_due(timezone.now()), *referring.find_ready()], retry, _name)
    fence.each(spared.find_due(timezone.now()), let_go, _name)


def _delete_unordered() -> None:
    """Products that were taken off sale a day ago."""

    def delete(connection: Connection) -> None:
        if not connection.why_inert() and not _failed_lately(connection, SyncJob.Kind.DELETE_UNORDERED):
            enqueue.delete_unordered(connection)

    fence.each(deletion.find_due(timezone.now()), delete, _name)


def _follow_images() -> None:
    """Stores for which Shopify was still fetching images, or which are to get files."""
    fetching = CatalogueFile.objects.filter(state=CatalogueFile.State.PROCESSING).values("store")
    due = [store.pk for store in referred_files.destinations_due()]
    fence.each(Store.objects.filter(Q(pk__in=fetching) | Q(pk__in=due)), enqueue.follow_files, _name)


def _put_on_sale() -> None:
    """Products whose instant has come, on channels that Shopify could not tell it."""

    def sync(link: ProductLink) -> None:
        if not link.connection.catalogue.why_inert():
            enqueue.sync_product(link.connection, link.source_gid)

    fence.each(on_sale.find_due(timezone.now()), sync, _name)


def _sync_content() -> None:
    """Catalogues whose collections, pages, blogs and articles are due to be looked at."""
    now = timezone.now()

    def enqueue_due(row: CatalogueSettings) -> None:
        if comparison.is_due(row, now) and not _failed_lately(row.connection, SyncJob.Kind.SYNC_CONTENT):
            enqueue.sync_content(row.connection, compares=comparison.must_compare(row))

    fence.each(comparison.find_followed(), enqueue_due, _name)
    fence.each(referring.find_ready_content(), _sync_ready, _name)


def _sync_ready(link: ResourceLink) -> None:
    """What something refers to has a partner now."""
    settings = CatalogueSettings.objects.filter(connection=link.connection_id).first()
    if settings is None or settings.why_inert() or _failed_lately(link.connection, SyncJob.Kind.SYNC_CONTENT):
        return
    if link.kind == ResourceLink.Kind.COLLECTION:
        enqueue.sync_collection(link.connection, link.source_gid)
    else:
        enqueue.sync_content(link.connection)


def _check_stores() -> None:
    """Stores that were not checked for a day."""
    stores = Store.objects.filter(over("checked_at", timedelta(days=1), timezone.now()), is_paused=False)
    stores = stores.exclude(auth=Store.Auth.INSTALLED, refresh_token="", access_token="")  # it waits for “Connect”
    fence.each(stores, enqueue.check_store, _name)


# The heartbeat's name, and what is done; in this order.
DUTIES: dict[str, Callable[[], object]] = {
    heartbeats.ALERTS: alerts.watch,
    heartbeats.JOBS: jobs.sweep,
    heartbeats.PAUSES: pausing.resume_due,
    heartbeats.WEBHOOKS: _process_webhooks,
    heartbeats.STOCK: _carry_stock,
    heartbeats.RECONCILIATIONS: _reconcile,
    heartbeats.RECENT_CHANGES: _compare_recent,
    heartbeats.MATCHING: _match_connections,
    heartbeats.ENDINGS: _end_connections,
    heartbeats.ORDER_COPIES: _copy_orders,
    heartbeats.ORDER_CHANGES: _update_orders,
    heartbeats.ORDER_MAILS: _send_notices,
    heartbeats.CATALOGUE_STARTS: _begin_runs,
    heartbeats.CATALOGUE_RUNS: _continue_runs,
    heartbeats.BULK_WRITES: bulk_writes.go_on,
    heartbeats.WAITING_PRODUCTS: _retry_products,
    heartbeats.DELETIONS: _delete_unordered,
    heartbeats.IMAGES: _follow_images,
    heartbeats.PUBLICATIONS: _put_on_sale,
    heartbeats.CONTENT: _sync_content,
    heartbeats.STORE_CHECKS: _check_stores,
    heartbeats.COUNTERS: counters.count_new,
    heartbeats.ROW_COUNTS: row_counts.count_due,
    heartbeats.SEARCHED_TEXTS: texts.renew,
    heartbeats.RETENTION: retention.prune,
}


def _running() -> QuerySet[Connection]:
    return Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")


def _alive() -> list[int]:
    is_stopped = SyncSwitch.objects.filter(is_stopped=True).exists()
    return [connection.pk for connection in _running() if not connection.why_inert(is_stopped)]


def _failed_lately(connection: Connection, kind: str) -> bool:
    """A problem that waits for an operator is tried again every ten minutes, not every minute."""
    lately = within("finished_at", PAUSE, timezone.now())
    return connection.jobs.filter(lately, kind=kind, state=SyncJob.State.FAILED).exists()


def _not_failed_lately(imports: QuerySet[OrderImport], kind: str) -> QuerySet[OrderImport]:
    """Without those whose work of this kind failed within ten minutes; at most SWEEP_ORDERS."""
    lately = within("finished_at", PAUSE, timezone.now())
    failed = SyncJob.objects.filter(lately, kind=kind, state=SyncJob.State.FAILED)
    same = failed.alias(order_gid=KT("arguments__order_gid")).filter(
        connection=OuterRef("connection"), order_gid=OuterRef("order_gid")
    )
    return imports.exclude(Exists(same)).select_related("connection")[:SWEEP_ORDERS]


def _name(row: Model) -> str:
    return f"{row._meta.verbose_name} {row.pk}"
