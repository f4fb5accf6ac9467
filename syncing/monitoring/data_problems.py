"""What is wrong with what is carried (stores, stock, orders, catalogues), read from the rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, OuterRef, Q
from django.urls import reverse

from orders import intake
from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.models import CatalogueFile, Connection, ProductLink, ResourceLink, Store, StoreTrouble
from syncing.models import CatalogueRun, StockHold, StockLevel, StockLink, SyncJob
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
        words = f"{store}: {store.status_reason or store.get_status_display()}"
        path = page_of("stores_store", store.pk)
        yield Problem(kinds[store.status], f"store {store.pk}", words, path, store_id=store.pk)


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
    holds = StockHold.objects.filter(state=StockHold.State.OPEN).order_by("pk")
    for hold in holds.select_related(
        "link__variant_link__source_variant", "connection__source", "connection__destination"
    )[:MOST_PROBLEMS]:
        yield Problem(
            Kind.HELD,
            f"hold {hold.pk}",
            f"{hold.link.variant_link.source_variant} ({hold.connection}): {hold.reason}",
            page_of("syncing_stockhold", hold.pk),
            connection_id=hold.connection_id,
        )


def failed_jobs(now: datetime) -> Iterator[Problem]:
    """Each on its own, but for mails about orders: a mail server that is away is one problem, however many wait."""
    failed = SyncJob.objects.filter(state=SyncJob.State.FAILED).order_by("pk")
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
    for row in OrderImport.objects.filter(state=OrderImport.State.FAILED).select_related(*ENDS)[:MOST_PROBLEMS]:
        path = page_of("orders_orderimport", row.pk)
        words = f"{row} was not copied: {row.reason}"
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
        words = f"{order}, copied as {order.copy_name}: {update.reason}"
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
        words = f"{row} was not copied, although its products followed the source: {row.reason}"
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
            f"{counts[connection.pk]} items are not carried any more ({connection}). {reason}",
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
            f"vouches for: the source does not keep them in step any more ({connection}). Set them to 0, or say that "
            "the store looks after them.",
            list_of("syncing_stocklink") + f"?stock=unvouched&connection={connection.pk}",
            connection_id=connection.pk,
        )


def failed_images(now: datetime) -> Iterator[Problem]:
    """Images that Shopify could not fetch, one problem for each store."""
    failed = CatalogueFile.objects.filter(state=CatalogueFile.State.FAILED, checked_at__gt=now - NEWS)
    counts = dict(failed.order_by().values_list("store").annotate(n=Count("pk")))
    for store in Store.objects.filter(pk__in=counts).order_by("pk")[:MOST_PROBLEMS]:
        row = failed.filter(store=store).latest("checked_at")
        words = f"{counts[store.pk]} images could not be fetched ({store}): {row.source_url}: {row.reason}"
        path = page_of("stores_store", store.pk)
        yield Problem(Kind.CATALOGUE, f"images {store.pk}", words[:1000], path, store_id=store.pk)
