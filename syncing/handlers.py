"""The page to open first: what each kind of work does. (What each webhook topic leads to: syncing.webhooks.topics.)"""

import time
from functools import partial

from django.utils import timezone

from orders import notices
from orders.changes import carry
from orders.copies import importing
from stores import selecting
from stores.clients import ask_time, open_client
from stores.linking import linking, suggestions
from stores.models import CatalogueSettings, Connection, Store
from syncing.catalogue.content import comparison
from syncing.catalogue.exclusive import Busy
from syncing.catalogue.products import deletion, single, succession
from syncing.catalogue.runs import plan, worker
from syncing.connections import (
    bulk_writes,
    bursts,
    copied_files,
    copied_orders,
    participation,
    pausing,
    product_matching,
    recent_changes,
    reconciliation,
    rematching,
    resuming,
    stopped_sales,
)
from syncing.models import CatalogueRun, PrivacyRequest, Reconciliation, SyncJob
from syncing.monitoring import alerts
from syncing.queue import enqueue, jobs, watchdog
from syncing.stock import pairs, undo, wiring
from syncing.stock.engine import Run
from syncing.upkeep import privacy, store_check
from syncing.webhooks import inbox, orders, topics

CARRY_SECONDS = 60
LEAVE_SECONDS = 20  # between looks whether a connection can leave the strategy under which it carried orders
AGAIN_SECONDS = 10  # until what passes by itself is tried again, where something else does not
PROCESS_SECONDS = 30
CONTENT_SECONDS = 240
SUGGEST_SECONDS = 15
IMAGE_SECONDS = 60  # until a product is looked at again whose images were not ready


def process_events(job: SyncJob) -> None:
    """Process what Shopify delivered, for a while: in a flood there would be no end to it, and no other work."""
    deadline = time.monotonic() + PROCESS_SECONDS
    must_end, is_urgent = lambda: time.monotonic() > deadline or watchdog.is_stopping(), job.subject == enqueue.URGENT
    if not inbox.process_new(topics.EFFECTS, must_end, only_urgent=is_urgent):
        raise jobs.Later(0, "More webhooks wait.")


def carry_stock(job: SyncJob) -> str | None:
    """Carry a connection's changed stock."""
    connection = _connection_of(job)
    if connection.why_inert():
        return None  # its links stay dirty; resuming reconciles and runs it
    participation.ensure(connection, open_client)
    if connection.carries_orders and connection.aligned_strategy != connection.strategy:
        _prepare_orders(connection, job)
    words = orders.why_orders_must_end_first(connection, open_client)
    if words:
        connection.strategy = connection.aligned_strategy  # of this object: until then the old one is in force
    run = Run(connection, open_client)
    try:
        is_done = run.carry(CARRY_SECONDS, lambda: watchdog.is_stopping() or pausing.is_stopped(connection))
    finally:
        enqueue.carry_stock_of(run.dirtied - {connection.pk})
        bursts.begin(run.in_burst)
        rematching.match_products(run.contradictions)
        if wiring.has_unsure_ends(connection):
            enqueue.match_connection(connection)
        # However long this job waits now for a store in trouble, or for an operator. A connection that is inert by
        # now is not asked for again: such a job would do nothing, and seem to have done what this one failed to do.
        if (run.is_cut_short or run.troubles.hides_passing()) and not pausing.is_stopped(connection):
            enqueue.carry_stock(connection, due_in=0 if run.is_cut_short else AGAIN_SECONDS)
    are_sales_done = stopped_sales.follow(connection, open_client)
    if words:
        raise jobs.Later(LEAVE_SECONDS, words)
    if not (is_done and are_sales_done):
        raise jobs.Later(0, "More waits to be synced.")
    return run.waits_for or None


def _connection_of(job: SyncJob) -> Connection:
    """The connection that a job is about, of a kind of work that is about one."""
    assert job.connection is not None  # syncing.queue.jobs asks for such work with a connection only
    return job.connection


def _store_of(job: SyncJob) -> Store:
    """The store that a job is about, of a kind of work that is about one."""
    assert job.store is not None  # syncing.queue.jobs asks for such work with a store only
    return job.store


def start_connection(job: SyncJob) -> str:
    """Read both catalogues, match, wire, and let the first alignment begin."""
    connection = _connection_of(job)
    if connection.state not in (Connection.State.READY, Connection.State.RUNNING):
        return f"Not started: {connection.get_state_display().lower()}."
    if not connection.mappings.exists():
        raise linking.LinkRefused("No locations are mapped: map at least one, then start the connection again.")
    message = match_connection(job)
    if connection.carries_orders:
        _prepare_orders(connection, job)
    connection.start(ask_time(connection.destination))
    enqueue.carry_stock(connection)
    return f"Started. {message}"


def match_connection(job: SyncJob) -> str:
    """Read both catalogues and match them, in the other connections of both stores, too."""
    connection = _connection_of(job)
    stores, began_at = (connection.source, connection.destination), wiring.ask_clock()
    for store in stores:
        ask_time(store)  # while one does not answer, the other's catalogue is not read again and again in vain
    for store in stores:
        linking.refresh_catalogue(store)
    report = linking.match_connection(connection, suggests=False)
    named = selecting.named_collections(*selecting.in_force(connection))
    selecting.read_collections(connection.source, open_client(connection.source), named)
    selecting.decide(connection)
    Connection.objects.filter(pk=connection.pk).update(linked_at=timezone.now())
    resuming.resume_linked([connection.pk])
    wiring.wire_connection(connection)
    wiring.confirm_ends(connection, began_at)
    for product_gid in succession.confirm_missing(connection, began_at):
        enqueue.sync_product(connection, product_gid)
    pairs.mark_contradicted(connection)
    enqueue.carry_stock_of([connection.pk])
    resuming.resume_connection(connection)
    product_matching.have_partners_suggested(connection)
    product_matching.match_others(connection, stores, is_repeated=job.attempts > 0)
    return str(report)


def suggest_partners(job: SyncJob) -> None:
    """Look for the likely partners of variants without one, for a while: whatever else is due goes first then."""
    deadline, connection = time.monotonic() + SUGGEST_SECONDS, _connection_of(job)
    for last in suggestions.refresh_portions(connection, after=job.arguments.get("after", 0)):
        job.arguments["after"] = last
        job.save(update_fields=["arguments"])
        if time.monotonic() > deadline or watchdog.is_stopping():
            raise jobs.Later(0, "More links wait for suggestions.")


def match_product(job: SyncJob) -> None:
    """Read one product and match it in every connection of its store."""
    product_matching.match_product(_store_of(job), job.arguments["product_gid"])


def reconcile(job: SyncJob) -> str:
    """Compare a connection with what Shopify says now."""
    connection = _connection_of(job)
    if reason := connection.why_inert():
        reconciliation.abandon(connection, reason)
        return f"Nothing compared. {reason}"
    trigger = job.arguments.get("trigger", "schedule")
    report = reconciliation.run(connection, open_client, trigger, is_retry=job.attempts > 0)
    return f"{report.compared} pairs compared, {report.equal} synced, {report.differing} handed to the loop."


def compare_recent(job: SyncJob) -> str | None:
    """Ask a store for the levels that changed lately, and mark what no webhook told of."""
    return recent_changes.compare(_store_of(job), open_client, timezone.now())


def follow_burst(job: SyncJob) -> None:
    """Ask a store whose stock changes time and again for what changed, ahead of its webhooks."""
    if pause := bursts.follow(_store_of(job), open_client, timezone.now()):
        raise jobs.Later(pause, "Its stock still changes.")


def forget(job: SyncJob) -> str:
    """Remove what is kept about a customer, or about all customers of a store."""
    request = PrivacyRequest.objects.select_related("store").filter(pk=job.arguments["request"]).first()
    return privacy.forget(request) if request else "The request is gone, with its store."


def send_alerts(job: SyncJob) -> None:
    """Send the messages about problems that wait."""
    alerts.send_pending()


def undo_run(job: SyncJob) -> str:
    """Take the stock writes of a run back."""
    connection, run_pk = _connection_of(job), job.arguments.get("reconciliation")
    if reason := connection.why_inert():
        return f"Nothing was taken back. {reason}"
    writes = undo.first_alignment_of(connection)
    if run_pk:
        writes = undo.writes_of(Reconciliation.objects.get(pk=run_pk))
    if "after" not in job.arguments:
        job.arguments |= {"after": undo.newest_write()}
        job.save(update_fields=["arguments"])
    report = undo.undo(connection, writes, open_client, job.arguments["after"])
    enqueue.carry_stock_of(report.dirtied | {connection.pk})
    if report.problem:
        raise report.problem
    return str(report)


def import_order(job: SyncJob) -> str:
    """Copy an order of the connection's destination into its source, or see what became of its draft."""
    connection = _connection_of(job)
    if reason := connection.why_inert():
        return f"Not now. {reason}"  # the sweep comes back to it
    order_gid = job.arguments["order_gid"]
    participation.ensure(connection, open_client)
    try:
        return importing.import_order(connection, order_gid, open_client, resuming.move_units)
    finally:  # whatever became of it
        copied_orders.follow_import(connection, order_gid)


def send_notice(job: SyncJob) -> str | None:
    """Send a mail about an order, if one is still due."""
    return notices.send(job.arguments["order_import"])


def update_order(job: SyncJob) -> str:
    """Carry what happened to an order after it was copied to the other side."""
    connection = _connection_of(job)
    if reason := connection.why_inert():
        return f"Not now. {reason}"  # the sweep comes back to it
    order_gid = job.arguments["order_gid"]
    try:
        return carry.carry_updates(connection, order_gid, open_client, resuming.move_units)
    finally:  # whatever became of it
        copied_orders.enqueue_notices(connection, order_gid)


def _prepare_orders(connection: Connection, job: SyncJob) -> None:
    """Have both stores looked at for what orders need: scopes, subscriptions, the definition of our metafield.

    Once for a job, however often it is tried: a good check has what waits tried again, which would go round for ever.
    """
    for store in (connection.source, connection.destination):
        if store.checked_at is None or store.checked_at < job.created_at:
            enqueue.check_store(store)


def check_store(job: SyncJob) -> str:
    """Check a store, repair its webhook subscriptions, and go on with what waited for it."""
    return str(store_check.check_store(_store_of(job), is_pressed=False))


def sync_product(job: SyncJob) -> str | None:
    """Carry one product of the source, or let go of it."""
    connection, product_gid = _connection_of(job), job.arguments["product_gid"]
    settings = CatalogueSettings.objects.filter(connection=connection).first()
    if settings is None:
        return None
    if settings.why_inert():
        CatalogueSettings.objects.filter(pk=settings.pk).update(products_compared_at=None)  # all of it, once it is not
        return None
    try:
        synced = single.sync_product(connection, open_client, product_gid, product_matching.match_product)
    except Busy as busy:
        raise jobs.Later(busy.retry_after, str(busy)) from None
    if synced.must_read:
        enqueue.match_connection(connection)
        return "It is gone from the source. Before it is let go of, the source is read: it may have been made again."
    participation.follow(connection, [product_gid])
    if synced.is_wired:
        enqueue.carry_stock(connection)
    if synced.awaits_images:
        enqueue.sync_product(connection, product_gid, due_in=IMAGE_SECONDS)
    return single.describe(synced.outcome)


def run_catalogue(job: SyncJob) -> str | None:
    """Work at a catalogue run for a while."""
    runs_known = CatalogueRun.objects.select_related("connection__source", "connection__destination")
    run = runs_known.filter(pk=job.arguments["run"]).first()
    if run is None:
        return None
    # Where something was missing, the source was read as a whole. Who was cut short may have told no other connection.
    must_match = job.attempts > 0 or (run.is_under_way and run.cursor != plan.PLANNED)
    follow_others = partial(product_matching.match_others, run.connection, [run.connection.source])
    if not run.is_under_way:
        if must_match:
            follow_others(is_repeated=True)
        return None
    if not run.is_preview and (reason := run.connection.why_inert()):
        return f"Nothing was done. {reason}"  # the sweep goes on with it as soon as it may
    jobs.note_progress(job, run.items.exclude(finished_at=None).count())
    deadline = time.monotonic() + CONTENT_SECONDS

    def must_end() -> bool:
        stops = not run.is_preview and pausing.is_stopped(run.connection)
        return time.monotonic() > deadline or watchdog.is_stopping() or stops

    work = worker.carry_out(run, open_client, product_matching.match_product, must_end)
    if not run.is_preview:
        participation.follow(run.connection)
    if work.is_wired:
        enqueue.carry_stock(run.connection)
    if work.has_gathered:
        enqueue.follow_bulk(run.connection.destination)
    for product_gid in work.awaiting:
        enqueue.sync_product(run.connection, product_gid, due_in=IMAGE_SECONDS)
    if must_match:
        product_matching.have_partners_suggested(run.connection)
        follow_others(is_repeated=job.attempts > 0)
    if work.awaits_bulk:
        return "What is left is written in bulk: it goes on when that has ended."
    if not work.is_over:
        raise jobs.Later(Busy.retry_after if work.busy else 0, "More waits to be done.")
    return str(CatalogueRun.objects.get(pk=run.pk).get_state_display())


def follow_bulk(job: SyncJob) -> None:
    """Start and follow the bulk operations of a store; then their runs go on."""
    bulk_writes.follow(_store_of(job))


def delete_unordered(job: SyncJob) -> str | None:
    """Delete products that were taken off sale a day ago and that nobody ever ordered."""
    if _connection_of(job).why_inert():
        return None  # the sweep comes back to it
    try:
        match = product_matching.match_product
        return deletion.delete_unordered(_connection_of(job), open_client, match, timezone.now())
    except Busy as busy:
        raise jobs.Later(busy.retry_after, str(busy)) from None


def follow_files(job: SyncJob) -> str | None:
    """Copy files that metafields refer to; see what became of these, and of images, that Shopify was still fetching."""
    return copied_files.follow(_store_of(job))


def sync_collection(job: SyncJob) -> str | None:
    """Carry one collection of the source."""
    settings = CatalogueSettings.objects.filter(connection=job.connection).first()
    if settings is None or settings.why_inert():
        return None  # the comparison after a pause finds what has changed
    return comparison.sync_collection(_connection_of(job), open_client, job.arguments["collection_gid"])


def read_collection(job: SyncJob) -> str:
    """Read the products of a collection that decides which of them take part."""
    changed = participation.read_collection(_store_of(job), open_client, job.arguments["collection_gid"])
    return f"{changed} products begin or cease to take part."


def sync_content(job: SyncJob) -> str | None:
    """Look for changed collections, pages, blogs and articles; or compare them all."""
    settings = CatalogueSettings.objects.filter(connection=job.connection).first()
    if settings is None or (reason := settings.why_inert()):
        return f"Nothing was looked at. {reason}" if settings else None
    deadline = time.monotonic() + CONTENT_SECONDS

    def must_end() -> bool:
        return time.monotonic() > deadline or watchdog.is_stopping() or pausing.is_stopped(_connection_of(job))

    try:
        if job.arguments.get("compares"):
            return comparison.compare_content(_connection_of(job), open_client, must_end)
        return comparison.poll_content(_connection_of(job), open_client, must_end=must_end)
    except comparison.Unfinished as unfinished:
        raise jobs.Later(0, str(unfinished)) from None


WORK: jobs.Work = {
    SyncJob.Kind.PROCESS_EVENTS: process_events,
    SyncJob.Kind.CARRY_STOCK: carry_stock,
    SyncJob.Kind.START_CONNECTION: start_connection,
    SyncJob.Kind.MATCH_CONNECTION: match_connection,
    SyncJob.Kind.SUGGEST_PARTNERS: suggest_partners,
    SyncJob.Kind.MATCH_PRODUCT: match_product,
    SyncJob.Kind.RECONCILE: reconcile,
    SyncJob.Kind.COMPARE_RECENT: compare_recent,
    SyncJob.Kind.FOLLOW_BURST: follow_burst,
    SyncJob.Kind.UNDO_RUN: undo_run,
    SyncJob.Kind.CHECK_STORE: check_store,
    SyncJob.Kind.FORGET: forget,
    SyncJob.Kind.SEND_ALERTS: send_alerts,
    SyncJob.Kind.IMPORT_ORDER: import_order,
    SyncJob.Kind.SEND_NOTICE: send_notice,
    SyncJob.Kind.UPDATE_ORDER: update_order,
    SyncJob.Kind.SYNC_PRODUCT: sync_product,
    SyncJob.Kind.RUN_CATALOGUE: run_catalogue,
    SyncJob.Kind.FOLLOW_BULK: follow_bulk,
    SyncJob.Kind.DELETE_UNORDERED: delete_unordered,
    SyncJob.Kind.FOLLOW_FILES: follow_files,
    SyncJob.Kind.SYNC_COLLECTION: sync_collection,
    SyncJob.Kind.SYNC_CONTENT: sync_content,
    SyncJob.Kind.READ_COLLECTION: read_collection,
}
