"""Check store, and what follows when all is well again: what failed or waits because of the store goes on at once."""

from django.db.models import Q

from orders.changes.steps import state
from orders.models import OrderImport, OrderUpdate
from stores import onboarding
from stores.models import Connection, Store
from syncing.models import StockLevel, SyncJob
from syncing.queue import enqueue, jobs
from syncing.stock.mirror import levels

# What the operator may just have put right. A bug is not; what Shopify rejected would be rejected again.
_CURABLE = (SyncJob.Failure.MISCONFIGURED, SyncJob.Failure.TRANSIENT, SyncJob.Failure.GAVE_UP)


def check_store(store: Store, *, is_pressed: bool = True) -> onboarding.CheckReport:
    """Check a store as onboarding.check_store does; if all is in place now, have its waiting work done.

    A store that was not ready may have lost webhooks, for instance with its subscriptions when the app was
    uninstalled: its started connections are compared with Shopify. What passes by itself is looked at again by a job;
    in a job (not `is_pressed`) it is raised.
    """
    was_ready = Store.objects.filter(pk=store.pk, status=Store.Status.READY).exists()
    open_before = _open_locations(store)
    report = onboarding.check_store(store, is_pressed=is_pressed)
    _doubt_levels(store, open_before ^ _open_locations(store))
    if report.is_passing:
        enqueue.check_store(store)  # else what has passed long since would be told until somebody checks again
    if report.ok:
        _go_on(store, is_recovered=not was_ready)
    return report


def _open_locations(store: Store) -> set[int]:
    return set(store.locations.filter(is_active=True).values_list("pk", flat=True))


def _doubt_levels(store: Store, location_ids: set[int]) -> None:
    """What is stocked at locations that were closed, or opened: a source has none there, a destination moved it."""
    known = StockLevel.objects.filter(location__in=location_ids).order_by("pk").values_list("pk", flat=True)
    if level_ids := list(known):
        levels.doubt(level_ids)
        enqueue.carry_stock_of(levels.mark_dirty(level_ids))


def started_connections(store: Store) -> list[Connection]:
    """The started connections of a store, in either role."""
    rows = Connection.objects.filter(Q(source=store) | Q(destination=store), state=Connection.State.RUNNING)
    return list(rows.select_related("source", "destination"))


def _go_on(store: Store, *, is_recovered: bool) -> None:
    connections = started_connections(store)
    if is_recovered:
        for connection in connections:
            enqueue.reconcile(connection, trigger="resume")
    hindered = Q(state=SyncJob.State.FAILED, failure__in=_CURABLE) | Q(state=SyncJob.State.QUEUED, attempts__gt=0)
    concerned = Q(connection__in=connections) | Q(store=store)
    waiting = SyncJob.objects.filter(hindered & concerned).exclude(kind=SyncJob.Kind.CHECK_STORE)
    for job in waiting.select_related("connection", "store"):
        jobs.run_again(job)
    _try_orders_again(connections)


def _try_orders_again(connections: list[Connection]) -> None:
    """Orders, and updates of orders, that failed for a refusal, whatever became of their jobs."""
    refused = {"state": "failed", "failure": SyncJob.Failure.MISCONFIGURED}
    for order in OrderImport.objects.filter(connection__in=connections, **refused).select_related("connection"):
        enqueue.import_order(order.connection, order.order_gid)
    updates = OrderUpdate.objects.filter(order_import__connection__in=connections, **refused)
    for update in updates.select_related("order_import__connection"):
        if state.try_again(update):
            enqueue.update_order(update.order_import.connection, update.order_import.order_gid)
