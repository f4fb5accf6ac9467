"""What is wrong with what is carried (stores, stock, orders, catalogues), read from the rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Count, Exists, Max, OuterRef, Q
from django.urls import reverse

from orders import intake
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.models import CatalogueFile, Connection, FileLink, ProductLink, ResourceLink, Store, StoreTrouble
from syncing.catalogue import spared
from syncing.connections import pausing, stopped_sales
from syncing.models import CatalogueRun, HoldCause, StockHold, StockLevel, StockLink, SyncJob
from syncing.monitoring import reviews
from syncing.monitoring.problem import ENDS, MOST_PROBLEMS, NEWS, Kind, Problem, list_of, page_of
from syncing.queue.jobs import MAX_ATTEMPTS
from syncing.stock import unvouched
from syncing.stock.writes.ledger import REFUSED

CLOCKS_APART = timedelta(seconds=60)
LONG_WAIT = timedelta(hours=1)
TROUBLE = timedelta(minutes=15)  # a store that fails for less is nothing to tell of


def stores(now: datetime) -> Iterator[Problem]:
    kinds: dict[str, str] = {
        Store.Status.DISCONNECTED: Kind.STORE_DISCONNECTED,
        Store.Status.ATTENTION: Kind.STORE_ATTENTION,
    }
    for store in Store.objects.filter(status__in=kinds, is_paused=False)[:MOST_PROBLEMS]:
        words = f"{store}: {store.status_reason or store.get_status_display()}{_words_below(store)}"
        path = page_of("stores_store", store.pk)
        yield Problem(kinds[store.status], f"store {store.pk}", words, path, store_id=store.pk)


# Stores that are told of: what failed for their refusal hangs below them, and is no problem of its own.
_IN_TROUBLE = Store.objects.filter(
    status__in=(Store.Status.DISCONNECTED, Store.Status.ATTENTION), is_paused=False
).values("pk")
_OF_TROUBLED_ENDS = Q(connection__source__in=_IN_TROUBLE) | Q(connection__destination__in=_IN_TROUBLE)
REFUSED_JOBS = Q(failure=SyncJob.Failure.MISCONFIGURED) & (Q(store__in=_IN_TROUBLE) | _OF_TROUBLED_ENDS)
REFUSED_ORDERS = Q(failure=SyncJob.Failure.MISCONFIGURED) & _OF_TROUBLED_ENDS


def _words_below(store: Store) -> str:
    """How much failed because of a store, in words; '' for nothing."""
    ends = Q(connection__source=store) | Q(connection__destination=store)
    failed = Q(failure=SyncJob.Failure.MISCONFIGURED, state="failed")
    jobs = SyncJob.objects.filter(failed & (ends | Q(store=store))).count()
    orders = OrderImport.objects.filter(failed & ends).count()
    counts = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((jobs, "failed job"), (orders, "order"))]
    shown = [words for words, count in zip(counts, (jobs, orders), strict=True) if count]
    return f" Below it: {', '.join(shown)}, tried again after a good check." if shown else ""


def _among(model: type[SyncJob] | type[OrderImport], condition: Q) -> Q:
    """Rows that meet a condition, to be left out: of one whose connection is unknown nothing is."""
    return Q(pk__in=model._default_manager.filter(condition, state="failed").values("pk"))


def still_paused(now: datetime) -> Iterator[Problem]:
    """What was paused a day ago or earlier, and does not resume by itself: it may have been forgotten."""
    for row in islice(pausing.find_paused(), MOST_PROBLEMS):
        if row.paused_until is not None or (row.paused_at and now - row.paused_at < pausing.REMINDED_AFTER):
            continue
        since = f" since {row.paused_at:%Y-%m-%d %H:%M} UTC" if row.paused_at else ""
        by = f" by {row.paused_by}" if row.paused_by else ""
        reason = f" ({pausing.reason_of(row)})" if pausing.reason_of(row) else ""
        words = f"{pausing.name_of(row)} has been paused{by}{since}{reason}. It stays paused until somebody resumes it."
        name, path = row._meta.model_name, page_of(f"stores_{row._meta.model_name}", row.pk)
        ids = {f"{name}_id": row.pk} if name in ("store", "connection") else {}
        yield Problem(Kind.PAUSED, f"{name} {row.pk}", words, path, **ids)


def clocks(now: datetime) -> Iterator[Problem]:
    """Stores whose clock and ours were apart at their last answer."""
    apart = Q(clock_difference__gt=CLOCKS_APART) | Q(clock_difference__lt=-CLOCKS_APART)
    for store in Store.objects.filter(apart, is_paused=False)[:MOST_PROBLEMS]:
        words = f"{words_of_clock(store)} Have the machines of tiposync set by NTP."
        yield Problem(Kind.CLOCK, f"store {store.pk}", words, page_of("stores_store", store.pk), store_id=store.pk)


def words_of_clock(store: Store) -> str:
    """How our clock stood to a store's at its last answer, in words."""
    seconds = store.clock_difference.total_seconds()
    side = "ahead of" if seconds > 0 else "behind"
    return f"Our clock is {abs(seconds):,.0f} seconds {side} that of {store}."


def troubled_stores(now: datetime) -> Iterator[Problem]:
    """Stores that have been slow or failing for a while: what needs them waits, all else goes on."""
    rows = StoreTrouble.objects.filter(failed_since__lt=now - TROUBLE, failed_calls__gt=1, store__is_paused=False)
    for store_id in sorted(set(rows.values_list("store", flat=True))):
        worst = rows.filter(store=store_id).select_related("store").order_by("failed_since").first()
        if worst is None:  # it has ended since
            continue
        words = (
            f"{worst.store} has not answered as it should since {worst.failed_since:%Y-%m-%d %H:%M} UTC. What needs it "
            f"waits and is tried again and again; all else goes on. {worst.said}"
        )
        path = page_of("stores_store", store_id)
        yield Problem(Kind.STORE_ATTENTION, f"answers of store {store_id}", words, path, store_id=store_id)


def oversold(now: datetime) -> Iterator[Problem]:
    # Levels first: they are few, and joining all links with all levels every minute would cost more.
    below = list(StockLevel.objects.filter(available__lt=0).order_by("pk").values_list("pk", flat=True)[:MOST_PROBLEMS])
    links = StockLink.objects.filter(Q(source_level__in=below) | Q(destination_level__in=below)).order_by("pk")
    for link in links.select_related(
        "variant_link__source_variant", "connection__source", "connection__destination", "source_level",
        "destination_level"
    )[:MOST_PROBLEMS]:  # fmt: skip
        numbers = [n for n in (link.source_level.available, link.destination_level.available) if n is not None]
        yield Problem(
            Kind.OVERSOLD,
            f"link {link.variant_link_id}",
            f"{link.variant_link.source_variant} stands at {min(numbers)} ({link.connection}).",
            reverse("admin:syncing_timeline", args=[link.variant_link_id]),
            connection_id=link.connection_id,
        )


def held(now: datetime) -> Iterator[Problem]:
    """One problem for each cause: an import can make thousands of reviews in twenty connections."""
    causes = HoldCause.objects.filter(reviews.open_causes()).select_related("store").order_by("pk")[:MOST_PROBLEMS]
    found = reviews.summarize(causes)
    for cause in causes:
        summary = found[cause.pk]
        only = StockHold.objects.filter(cause=cause, state=StockHold.State.OPEN).order_by("pk").first()
        if only is None:
            continue  # decided a moment ago
        is_one = summary.open_count == 1
        where = f" in {summary.connection_count} connections" if summary.connection_count > 1 else ""
        detail = f" {only.link.variant_link.source_variant} ({only.connection}): {only.reason}" if is_one else ""
        yield Problem(
            Kind.HELD,
            f"{reviews.SUBJECT}{cause.pk}",
            f"{reviews.words_of(cause, summary)}{where}.{detail}",
            page_of("syncing_holdcause", cause.pk),
            store_id=cause.store_id,
            connection_id=only.connection_id if summary.connection_count == 1 else None,
        )


def failed_jobs(now: datetime) -> Iterator[Problem]:
    """Each on its own, but for mails about orders: a mail server that is away is one problem, however many wait."""
    failed = SyncJob.objects.filter(state=SyncJob.State.FAILED).exclude(_among(SyncJob, REFUSED_JOBS)).order_by("pk")
    mails = failed.filter(kind=SyncJob.Kind.SEND_NOTICE)
    failed = failed.exclude(kind=SyncJob.Kind.SEND_NOTICE)
    # The channel that does not work is a problem of its own (syncing.monitoring.service_problems).
    failed = failed.exclude(kind=SyncJob.Kind.SEND_ALERTS, failure=SyncJob.Failure.GAVE_UP)
    for connection_id, count, newest in (
        mails.values_list("connection").annotate(n=Count("pk"), newest=Max("pk")).order_by()
    ):
        job = SyncJob.objects.select_related(*ENDS).get(pk=newest)
        yield Problem(
            Kind.JOB_FAILED,
            f"{job.kind} connection {connection_id}",
            f"{count} mails about orders were not sent ({job.connection}): {job.message}",
            list_of("syncing_syncjob") + f"?kind__exact={job.kind}&state__exact=failed",
            connection_id=connection_id,
        )
    for job in failed.select_related(*ENDS, "store")[:MOST_PROBLEMS]:
        yield Problem(
            Kind.JOB_FAILED,
            f"{job.kind} {job.subject}",
            f"{job.get_kind_display()} ({job.connection or job.store or 'all'}): {job.message}",
            page_of("syncing_syncjob", job.pk),
            store_id=job.store_id,
            connection_id=job.connection_id,
        )


def tried_jobs(now: datetime) -> Iterator[Problem]:
    """Work that has failed so often that somebody should know, for what passes by itself: it goes on, slowly.

    What a store in trouble keeps waiting is told once, at the store.
    """
    troubled = StoreTrouble.objects.filter(failed_calls__gt=1).values("store")
    tried = SyncJob.objects.filter(state__in=(SyncJob.State.QUEUED, SyncJob.State.RUNNING), attempts__gte=MAX_ATTEMPTS)
    ends = Q(store__in=troubled) | Q(connection__source__in=troubled) | Q(connection__destination__in=troubled)
    for job in tried.exclude(pk__in=tried.filter(ends)).select_related(*ENDS, "store").order_by("pk")[:MOST_PROBLEMS]:
        yield Problem(
            Kind.JOB_FAILED,
            f"{job.kind} {job.subject}",
            f"{job.get_kind_display()} ({job.connection or job.store or 'all'}) was tried {MAX_ATTEMPTS} times "
            f"and goes on: {job.message}",
            page_of("syncing_syncjob", job.pk),
            store_id=job.store_id,
            connection_id=job.connection_id,
        )


def failed_orders(now: datetime) -> Iterator[Problem]:
    """Copies that failed, and changes of orders that could not be carried over."""
    failed = OrderImport.objects.filter(state=OrderImport.State.FAILED).exclude(_among(OrderImport, REFUSED_ORDERS))
    for row in failed.select_related(*ENDS)[:MOST_PROBLEMS]:
        path = page_of("orders_orderimport", row.pk)
        words = f"{row} was not imported: {row.reason}"
        yield Problem(Kind.ORDER_FAILED, f"import {row.pk}", words, path, connection_id=row.connection_id)
    updates = OrderUpdate.objects.filter(state=OrderUpdate.State.FAILED)
    for update in updates.select_related(*(f"order_import__{end}" for end in ENDS))[:MOST_PROBLEMS]:
        order = update.order_import
        path = page_of("orders_orderupdate", update.pk)
        words = f"{update.get_kind_display()} ({order}): {update.reason}"
        yield Problem(Kind.ORDER_FAILED, f"update {update.pk}", words, path, connection_id=order.connection_id)


def orders_that_need_the_shop(now: datetime) -> Iterator[Problem]:
    """Copies that staff changed, and units that could not be added to a copy: held back until somebody decides."""
    updates = OrderUpdate.objects.filter(state=OrderUpdate.State.NEEDS_SHOP).order_by("pk")
    for update in updates.select_related(*(f"order_import__{end}" for end in ENDS))[:MOST_PROBLEMS]:
        order = update.order_import
        path = page_of("orders_orderupdate", update.pk)
        words = f"{order}, imported as {order.copy_name}: {update.reason}"
        yield Problem(Kind.ORDER_NEEDS_SHOP, f"update {update.pk}", words, path, connection_id=order.connection_id)


def held_runs(now: datetime) -> Iterator[Problem]:
    """Runs over a catalogue that would remove too much."""
    held = CatalogueRun.objects.filter(state=CatalogueRun.State.HELD).order_by("pk")
    for run in held.select_related(*ENDS)[:MOST_PROBLEMS]:
        path = page_of("syncing_cataloguerun", run.pk)
        yield Problem(
            Kind.HELD,
            f"connection {run.connection_id}, {run.subject}",
            f"{run}: {run.hold_reason}",
            path,
            connection_id=run.connection_id,
        )


def catalogue(now: datetime) -> Iterator[Problem]:
    """What does not follow, one problem for each connection: a wrong setting concerns thousands of products."""
    for model, what in ((ProductLink, "products"), (ResourceLink, "collections, pages, blogs or articles")):
        ill = model.objects.filter(state__in=(model.State.CONFLICT, model.State.FAILED), connection__is_paused=False)
        counts = dict(ill.order_by().values_list("connection").annotate(n=Count("pk")))
        rows = Connection.objects.filter(pk__in=counts).select_related("source", "destination").order_by("pk")
        for connection in rows[:MOST_PROBLEMS]:
            yield Problem(
                Kind.CATALOGUE,
                f"{model._meta.model_name} {connection.pk}",
                f"{counts[connection.pk]} {what} do not follow ({connection}).",
                list_of(f"stores_{model._meta.model_name}") + f"?attention=open&connection={connection.pk}",
                connection_id=connection.pk,
            )


def lost_orders(now: datetime) -> Iterator[Problem]:
    """Orders of which no copy was made, because their products had been deleted or unlinked meanwhile."""
    lost = OrderImport.objects.filter(state=OrderImport.State.SKIPPED, changed_at__gt=now - NEWS).exclude(failure="")
    for row in lost.select_related(*ENDS).order_by("pk")[:MOST_PROBLEMS]:
        path = page_of("orders_orderimport", row.pk)
        words = f"{row} was not imported, although its products followed the source: {row.reason}"
        yield Problem(Kind.ORDER_FAILED, f"import {row.pk}", words, path, connection_id=row.connection_id)


def waiting_orders(now: datetime) -> Iterator[Problem]:
    """Orders that wait for an operator, or should have been copied long ago.

    Waiting for payment is no problem until Shopify will soon not show the order any more.
    """
    State = OrderImport.State
    doubtful = OrderImportLine.objects.filter(order_import=OuterRef("pk"), is_doubtful=True)
    is_long = Q(changed_at__lt=now - LONG_WAIT) | Q(Exists(doubtful))
    held_up = Q(state=State.WAITING, waits_for=OrderImport.WaitsFor.LINKS) & is_long
    held_up |= Q(late_links=OrderImport.LateLinks.LINKED)
    late = Q(state__in=(State.PLANNED, State.SENT), created_at__lt=now - LONG_WAIT)
    running = Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")
    alive = [connection.pk for connection in running if not connection.why_inert()]
    waits_for = (OrderImport.WaitsFor.PAYMENT, OrderImport.WaitsFor.REVIEW)
    ages = Q(state=State.WAITING, waits_for__in=waits_for, placed_at__lt=now - intake.SOON_UNREADABLE)
    found = OrderImport.objects.filter(held_up | late | ages, connection__in=alive)
    rows = found.select_related(*ENDS).order_by("pk")
    for row in rows[:MOST_PROBLEMS]:
        path = page_of("orders_orderimport", row.pk)
        words = f"{row} has waited since {row.created_at:%Y-%m-%d %H:%M} UTC. {row.reason}".strip()
        if row.waits_for in waits_for:
            awaited = row.get_waits_for_display().lower()
            words = f"{row} still waits for {awaited}, and Shopify shows an order to us for 60 days only."
        if row.late_links == OrderImport.LateLinks.LINKED:
            words = f"Products of {row} that were missing in the source are linked by now: decide what becomes of it."
        yield Problem(Kind.ORDER_WAITS, f"import {row.pk}", words, path, connection_id=row.connection_id)


def refused_stock(now: datetime) -> Iterator[Problem]:
    """Items that Shopify takes no quantity for, one problem for each connection."""
    refused = StockLink.objects.filter(state=StockLink.State.SKIPPED, reason__startswith=REFUSED)
    counts = dict(refused.order_by().values_list("connection").annotate(n=Count("pk")))
    rows = Connection.objects.filter(pk__in=counts, is_paused=False).select_related("source", "destination")
    for connection in rows.order_by("pk")[:MOST_PROBLEMS]:
        reason = refused.filter(connection=connection).order_by("pk").values_list("reason", flat=True)[0]
        yield Problem(
            Kind.STOCK_REFUSED,
            f"connection {connection.pk}",
            f"{counts[connection.pk]} items are not synced any more ({connection}). {reason}",
            list_of("syncing_stocklink") + f"?state__exact=skipped&connection__id__exact={connection.pk}",
            connection_id=connection.pk,
        )


def unvouched_stock(now: datetime) -> Iterator[Problem]:
    """Items on sale with a quantity that nobody vouches for, one problem for each connection."""
    on_sale = unvouched.find()
    counts = dict(on_sale.order_by().values_list("connection").annotate(n=Count("destination_level", distinct=True)))
    for connection in Connection.objects.filter(pk__in=counts).select_related("source", "destination").order_by("pk"):
        yield Problem(
            Kind.STOCK_UNVOUCHED,
            f"connection {connection.pk}",
            f"{counts[connection.pk]} items are on sale in {connection.destination} with a quantity that nobody "
            f"vouches for: the source does not sync them any more ({connection}). Set them to 0, or say that "
            "the store looks after them.",
            list_of("syncing_stocklink") + f"?stock=unvouched&connection={connection.pk}",
            connection_id=connection.pk,
        )


def left_on_sale(now: datetime) -> Iterator[Problem]:
    """Products that were left for another source, which has them no more, and that no product sync takes off sale."""
    counts = dict(spared.find_left().order_by().values_list("connection").annotate(n=Count("pk")))
    for connection in Connection.objects.filter(pk__in=counts).select_related("source", "destination").order_by("pk"):
        yield Problem(
            Kind.STOCK_UNVOUCHED,
            f"products of connection {connection.pk}",
            f"{counts[connection.pk]} products were left in {connection.destination} for another source, which has "
            f"them no more either, and {connection} does not take them off sale: its product sync is off or has ended, "
            "or Shopify refused. Start it again, or unpublish them in the store and press “Keep as it is”.",
            list_of("stores_productlink") + f"?attention=left&connection={connection.pk}",
            connection_id=connection.pk,
        )


def refused_sales(now: datetime) -> Iterator[Problem]:
    """Items whose store refuses to stop selling them, or to sell them again, when they are out of stock."""
    refused = stopped_sales.refused()
    counts = dict(refused.order_by().values_list("connection").annotate(n=Count("destination_level", distinct=True)))
    for connection in Connection.objects.filter(pk__in=counts).select_related("source", "destination").order_by("pk"):
        rows = refused.filter(connection=connection).order_by("pk")
        reason = rows.values_list("variant_link__destination_variant__sale_reason", flat=True)[0]
        store = connection.destination
        yield Problem(
            Kind.SALE_REFUSED,
            f"connection {connection.pk}",
            f"{counts[connection.pk]} items are sold, or not sold, when out of stock as before: {store} "
            f"refuses to change that ({connection}). It is tried again every hour. Change it in the store, or say "
            f"that it is left to the store. {reason}",
            list_of("syncing_stocklink") + f"?stock=sale_refused&connection={connection.pk}",
            connection_id=connection.pk,
        )


def failed_images(now: datetime) -> Iterator[Problem]:
    """Images that Shopify could not fetch, and files that could not be copied, one problem for each store."""
    failed = CatalogueFile.objects.filter(state=CatalogueFile.State.FAILED, checked_at__gt=now - NEWS)
    counts = dict(failed.order_by().values_list("store").annotate(n=Count("pk")))
    for store in Store.objects.filter(pk__in=counts).order_by("pk")[:MOST_PROBLEMS]:
        row = failed.filter(store=store).latest("checked_at")
        words = f"{counts[store.pk]} images could not be fetched ({store}): {row.source_url}: {row.reason}"
        path = page_of("stores_store", store.pk)
        yield Problem(Kind.CATALOGUE, f"images {store.pk}", words[:1000], path, store_id=store.pk)
    uncopied = FileLink.objects.filter(state=FileLink.State.FAILED, checked_at__gt=now - NEWS)
    counts = dict(uncopied.order_by().values_list("destination").annotate(n=Count("pk")))
    for store in Store.objects.filter(pk__in=counts).order_by("pk")[:MOST_PROBLEMS]:
        file = uncopied.filter(destination=store).latest("checked_at")
        words = (
            f"{counts[store.pk]} videos, or files that metafields refer to, could not be copied ({store}): "
            f"{file.source_gid}: {file.reason}"
        )
        path = page_of("stores_store", store.pk)
        yield Problem(Kind.CATALOGUE, f"files {store.pk}", words[:1000], path, store_id=store.pk)
