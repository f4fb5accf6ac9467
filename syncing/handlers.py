"""The page to open first: what each webhook topic leads to, and what each kind of work does."""

import time
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone

from orders import due, importing, notices, updates
from orders.models import OrderImport
from stores import linking
from stores.clients import open_client
from stores.models import Connection, Store
from syncing import (
    alerts,
    effects,
    jobs,
    order_effects,
    privacy,
    pulse,
    reconciliation,
    recovery,
    retention,
    tallies,
    webhooks,
)
from syncing.models import PrivacyRequest, Reconciliation, StockBatch, StockLink, SyncJob, WebhookEvent
from syncing.stock import pairs, undo
from syncing.stock.engine import Run

CARRY_SECONDS = 60
PROCESS_SECONDS = 30
SWEEP_ORDERS = 1000  # imports that one sweep enqueues at most

EFFECTS: dict[str, webhooks.Effect] = {
    # inventory_levels/update itself is a value, taken into the mirror by webhooks.process_new
    "inventory_levels/connect": effects.doubt_levels,
    "inventory_levels/disconnect": effects.doubt_levels,
    "inventory_items/update": effects.follow_items,
    "inventory_items/delete": effects.follow_items,
    "products/create": effects.follow_products,
    "products/update": effects.follow_products,
    "products/delete": effects.forget_products,
    "locations/create": effects.check_store,
    "locations/update": effects.check_store,
    "locations/delete": effects.check_store,
    "locations/activate": effects.check_store,
    "locations/deactivate": effects.check_store,
    "shop/update": effects.check_store,
    "app/scopes_update": effects.check_store,
    "app/uninstalled": effects.lose_store,
    # Shopify's compliance webhooks, subscribed in the app's settings, not by us
    "customers/data_request": privacy.take_data_requests,
    "customers/redact": privacy.forget_customers,
    "shop/redact": privacy.forget_store,
    "bulk_operations/finish": effects.finish_bulk,
    "orders/create": order_effects.follow_orders,
    "orders/paid": order_effects.follow_orders,
    "orders/updated": order_effects.follow_orders,
    "orders/cancelled": order_effects.cancel_orders,
    "orders/edited": order_effects.follow_edits,
    "refunds/create": order_effects.follow_refunds,
    "fulfillments/create": order_effects.follow_fulfilments,
    "fulfillments/update": order_effects.follow_fulfilments,
    "draft_orders/update": order_effects.follow_drafts,
    "draft_orders/delete": order_effects.follow_drafts,
}


def process_events(job: SyncJob) -> None:
    """Process what Shopify delivered, for a while: in a flood there would be no end to it, and no other work."""
    deadline = time.monotonic() + PROCESS_SECONDS
    if not webhooks.process_new(EFFECTS, lambda: time.monotonic() > deadline or pulse.is_stopping()):
        raise jobs.Later(0, "More webhooks wait.")


def carry_stock(job: SyncJob) -> None:
    """Carry a connection's changed stock."""
    connection = job.connection
    if connection.why_inert():
        return  # its links stay dirty; resuming reconciles and runs it
    if connection.carries_orders and connection.aligned_strategy != connection.strategy:
        _prepare_orders(connection)
    run = Run(connection, open_client)
    try:
        is_done = run.carry(CARRY_SECONDS, lambda: pulse.is_stopping() or _is_stopped(connection))
    finally:
        jobs.carry_all(run.dirtied - {connection.pk})
    if not is_done:
        raise jobs.Later(0, "More waits to be carried.")


def _is_stopped(connection: Connection) -> bool:
    """Whether somebody paused it, or stopped all syncing, since its run began."""
    now = Connection.objects.select_related("source", "destination").filter(pk=connection.pk).first()
    return now is None or bool(now.why_inert())


def start_connection(job: SyncJob) -> str:
    """Read both catalogues, match, wire, and let the first alignment begin."""
    connection = job.connection
    if connection.state in (Connection.State.PENDING, Connection.State.REJECTED):
        return f"Not started: {connection.get_state_display().lower()}."
    if not connection.mappings.exists():
        raise linking.LinkRefused("No locations are mapped: map at least one, then start the connection again.")
    message = match_connection(job)
    if connection.carries_orders:
        _prepare_orders(connection)
    connection.start()
    jobs.carry(connection)
    return f"Started. {message}"


def match_connection(job: SyncJob) -> str:
    """Read both catalogues and match them."""
    connection = job.connection
    for store in (connection.source, connection.destination):
        linking.refresh_catalogue(store)
    report = linking.match_connection(connection)
    Connection.objects.filter(pk=connection.pk).update(linked_at=timezone.now())
    pairs.wire_connection(connection)
    jobs.carry_all([connection.pk])
    order_effects.resume_linked([connection.pk])
    return str(report)


def match_product(job: SyncJob) -> None:
    """Read one product and match it in every connection of its store."""
    product_gid = job.arguments["product_gid"]
    touched = linking.match_product(job.store, product_gid)
    for connection in Connection.objects.filter(pk__in=touched):
        pairs.wire_connection(connection, product_gid)
        if pairs.has_unwired(connection):  # a vanished duplicate lets variants of other products match
            pairs.wire_connection(connection)
    jobs.carry_all(touched)
    order_effects.resume_linked(touched)


def reconcile(job: SyncJob) -> str:
    """Compare a connection with what Shopify says now."""
    connection = job.connection
    if reason := connection.why_inert():
        reconciliation.abandon(connection, reason)
        return f"Nothing compared. {reason}"
    report = reconciliation.run(connection, open_client, job.arguments.get("trigger", "schedule"))
    return f"{report.compared} pairs compared, {report.equal} in step, {report.differing} handed to the loop."


def forget(job: SyncJob) -> str:
    """Remove what is kept about a customer, or about all customers of a store."""
    request = PrivacyRequest.objects.select_related("store").filter(pk=job.arguments["request"]).first()
    return privacy.forget(request) if request else "The request is gone, with its store."


def send_alerts(job: SyncJob) -> None:
    """Send the messages about problems that wait."""
    alerts.send_pending()


def undo_run(job: SyncJob) -> str:
    """Take the stock writes of a run back."""
    connection, run_pk = job.connection, job.arguments.get("reconciliation")
    if reason := connection.why_inert():
        return f"Nothing was taken back. {reason}"
    writes = undo.first_alignment_of(connection)
    if run_pk:
        writes = undo.writes_of(Reconciliation.objects.get(pk=run_pk))
    report = undo.undo(connection, writes, open_client)
    jobs.carry_all(report.dirtied | {connection.pk})
    return str(report)


def import_order(job: SyncJob) -> str:
    """Copy an order of the connection's destination into its source, or see what became of its draft."""
    connection = job.connection
    if reason := connection.why_inert():
        return f"Not now. {reason}"  # the sweep comes back to it
    order_gid = job.arguments["order_gid"]
    try:
        return importing.import_order(connection, order_gid, open_client, order_effects.move_units)
    finally:  # whatever became of it
        _follow_import(connection, order_gid)


def _follow_import(connection: Connection, order_gid: str) -> None:
    """Have what happened to an order while it was being copied carried, and told who wants to be told."""
    if due.unfinished_updates([connection.pk]).filter(order_gid=order_gid).exists():
        jobs.update_order(connection, order_gid)
    for order_import in due.untold([connection.pk]).filter(order_gid=order_gid):
        if notices.decide(order_import):
            jobs.send_notice(order_import.pk, connection)


def send_notice(job: SyncJob) -> str | None:
    """Send a mail about an order, if one is still due."""
    return notices.send(job.arguments["order_import"])


def update_order(job: SyncJob) -> str:
    """Carry what happened to an order after it was copied to the other side."""
    connection = job.connection
    if reason := connection.why_inert():
        return f"Not now. {reason}"  # the sweep comes back to it
    return updates.carry_updates(connection, job.arguments["order_gid"], open_client, order_effects.move_units)


def _prepare_orders(connection: Connection) -> None:
    """Have both stores looked at for what orders need: scopes, subscriptions, the definition of our metafield."""
    for store in (connection.source, connection.destination):
        jobs.check(store)


def check_store(job: SyncJob) -> str:
    """Check a store, repair its webhook subscriptions, and go on with what waited for it."""
    return str(recovery.check_store(job.store))


WORK: jobs.Work = {
    SyncJob.Kind.PROCESS_EVENTS: process_events,
    SyncJob.Kind.CARRY_STOCK: carry_stock,
    SyncJob.Kind.START_CONNECTION: start_connection,
    SyncJob.Kind.MATCH_CONNECTION: match_connection,
    SyncJob.Kind.MATCH_PRODUCT: match_product,
    SyncJob.Kind.RECONCILE: reconcile,
    SyncJob.Kind.UNDO_RUN: undo_run,
    SyncJob.Kind.CHECK_STORE: check_store,
    SyncJob.Kind.FORGET: forget,
    SyncJob.Kind.SEND_ALERTS: send_alerts,
    SyncJob.Kind.IMPORT_ORDER: import_order,
    SyncJob.Kind.SEND_NOTICE: send_notice,
    SyncJob.Kind.UPDATE_ORDER: update_order,
}


def sweep() -> None:
    """Every minute: enqueue whatever is due, whether or not a wake-up for it was lost."""
    jobs.sweep()
    if WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).exists():
        jobs.process_events()
    running = Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")
    for connection in _with_waiting_stock(running):
        jobs.carry(connection)
    due = timezone.now() - timedelta(minutes=settings.RECONCILE_MINUTES)
    for connection in running.filter(Q(reconciled_at=None) | Q(reconciled_at__lt=due)):
        if not connection.why_inert() and not _failed_lately(connection, SyncJob.Kind.RECONCILE):
            jobs.reconcile(connection, trigger="schedule")
    for store in Store.objects.filter(is_paused=False, checked_at__lt=timezone.now() - timedelta(days=1)):
        jobs.check(store)
    tallies.count_new()
    _sweep_orders(running)
    retention.prune()
    pulse.beat(pulse.RETENTION)
    alerts.watch()
    pulse.beat(pulse.SWEEP)


def _sweep_orders(running: QuerySet[Connection]) -> None:
    """Orders that can go on, whatever became of the wake-up for them. One that failed waits ten minutes."""
    alive = [connection.pk for connection in running if not connection.why_inert()]
    for order_import in _not_failed_lately(due.unfinished(alive), SyncJob.Kind.IMPORT_ORDER):
        jobs.import_order(order_import.connection, order_import.order_gid)
    for order_import in _not_failed_lately(due.unfinished_updates(alive), SyncJob.Kind.UPDATE_ORDER):
        jobs.update_order(order_import.connection, order_import.order_gid)
    mute = {connection.pk for connection in running if _failed_lately(connection, SyncJob.Kind.SEND_NOTICE)}
    for order_import in due.untold(set(alive) - mute).select_related("connection")[:SWEEP_ORDERS]:
        if notices.decide(order_import):
            jobs.send_notice(order_import.pk, order_import.connection)


def _not_failed_lately(imports: QuerySet[OrderImport], kind: str) -> Iterable[OrderImport]:
    since = timezone.now() - timedelta(minutes=10)
    failed = SyncJob.objects.filter(kind=kind, state=SyncJob.State.FAILED, finished_at__gt=since)
    same = failed.alias(order_gid=KT("arguments__order_gid")).filter(
        connection=OuterRef("connection"), order_gid=OuterRef("order_gid")
    )
    return imports.exclude(Exists(same)).select_related("connection")[:SWEEP_ORDERS]


def _with_waiting_stock(running: QuerySet[Connection]) -> list[Connection]:
    dirty = StockLink.objects.filter(connection=OuterRef("pk"), dirty_sequence__gt=F("settled_sequence"))
    pending = StockBatch.objects.filter(connection=OuterRef("pk"), state=StockBatch.State.PENDING)
    waiting = running.filter(Exists(dirty) | Exists(pending))
    return [
        connection
        for connection in waiting
        if not connection.why_inert() and not _failed_lately(connection, SyncJob.Kind.CARRY_STOCK)
    ]


def _failed_lately(connection: Connection, kind: str) -> bool:
    """A problem that waits for an operator is tried again every ten minutes, not every minute."""
    since = timezone.now() - timedelta(minutes=10)
    return connection.jobs.filter(kind=kind, state=SyncJob.State.FAILED, finished_at__gt=since).exists()
