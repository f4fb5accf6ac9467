"""How a connection stands, in numbers: for the console and for `sync_status`."""

from datetime import datetime

from django.db.models import Count, F, Min, Q

from orders.models import OrderImport, OrderUpdate
from stores.models import Connection, VariantLink
from syncing.models import StockBatch, StockHold, StockLink, SyncJob, WebhookEvent


def connection_status(connection: Connection) -> dict:
    """Counts and instants of one connection; JSON-ready but for the instants, which are aware datetimes or None."""
    stock = _count_stock(connection)
    out_of_step = stock["dirty"] + stock["held"] + stock["drifted"]
    pending = StockBatch.objects.filter(connection=connection, state=StockBatch.State.PENDING).count()
    inert = connection.why_inert()
    return {
        "connection": f"{connection.source.domain}:{connection.destination.domain}",
        "strategy": connection.strategy,
        "state": connection.state,
        "inert_reason": inert,
        "is_in_step": not inert and not out_of_step and not pending,
        "pairs": stock["pairs"],
        "in_step": stock["pairs"] - out_of_step - stock["skipped"],
        "out_of_step": out_of_step,
        "held": StockHold.objects.filter(connection=connection, state=StockHold.State.OPEN).count(),
        "drifted": stock["drifted"],
        "skipped": stock["skipped"],
        "oversold": stock["oversold"],
        "oldest_waiting_at": stock["oldest_waiting"],
        "pending_batches": pending,
        "links": _count_links(connection),
        "carries_orders": connection.carries_orders,
        "orders": _count_orders(connection),
        "failed_jobs": connection.jobs.filter(state=SyncJob.State.FAILED).count(),
        "reconciled_at": connection.reconciled_at,
        "last_reconciliation": _describe_last(connection),
        "oldest_event_at": oldest_event_at(connection),
    }


def _count_stock(connection: Connection) -> dict:
    is_dirty = Q(dirty_sequence__gt=F("settled_sequence"))
    return StockLink.objects.filter(connection=connection).aggregate(
        pairs=Count("pk"),
        # Each pair counts once: a held, drifted or skipped one that is looked at again is still that.
        dirty=Count("pk", filter=is_dirty & ~Q(state__in=["held", "drifted", "skipped"])),
        held=Count("pk", filter=Q(state=StockLink.State.HELD)),
        drifted=Count("pk", filter=Q(state=StockLink.State.DRIFTED)),
        skipped=Count("pk", filter=Q(state=StockLink.State.SKIPPED)),
        oversold=Count("pk", filter=Q(source_level__available__lt=0) | Q(destination_level__available__lt=0)),
        oldest_waiting=Min("dirty_at", filter=is_dirty),
    )


def _count_links(connection: Connection) -> dict[str, int]:
    rows = VariantLink.objects.filter(connection=connection).order_by().values_list("state").annotate(n=Count("pk"))
    return dict.fromkeys(VariantLink.State.values, 0) | dict(rows)


def _count_orders(connection: Connection) -> dict:
    """Orders without a copy, by what they wait for, and later changes that failed. `oldest_at`: since when."""
    waiting = Q(state=OrderImport.State.WAITING)
    unfinished = OrderImport.objects.filter(connection=connection, state__in=OrderImport.UNFINISHED)
    counts = unfinished.aggregate(
        unfinished=Count("pk"),
        waiting_for_links=Count("pk", filter=waiting & Q(waits_for=OrderImport.WaitsFor.LINKS)),
        waiting_for_payment=Count("pk", filter=waiting & Q(waits_for=OrderImport.WaitsFor.PAYMENT)),
        failed=Count("pk", filter=Q(state=OrderImport.State.FAILED)),
        oldest_at=Min("created_at"),
    )
    failed = OrderUpdate.objects.filter(order_import__connection=connection, state=OrderUpdate.State.FAILED)
    return counts | {"failed_changes": failed.count()}


def _describe_last(connection: Connection) -> dict | None:
    last = connection.reconciliations.first()
    return last and {
        "state": last.state,
        "compared": last.compared,
        "equal": last.equal,
        "differing": last.differing,
        "corrected": last.count_corrected(),
        "held": last.count_held(),
        "skipped": last.skipped,
    }


def oldest_event_at(connection: Connection) -> datetime | None:
    """When the oldest unprocessed webhook of either store arrived."""
    stores = [connection.source_id, connection.destination_id]
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW, store__in=stores)
    return waiting.order_by("pk").values_list("received_at", flat=True).first()
