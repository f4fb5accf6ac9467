"""The columns of the list of connections, all counted in one query."""

from typing import Protocol

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from unfold.decorators import display

from orders.models import OrderImport
from stores.models import Connection, Store, VariantLink
from syncing.models import StockHold, StockLink, SyncJob
from syncing.monitoring.connection_status import OUT_OF_STEP
from tiposync.console.kit import markup
from tiposync.console.kit.pages import Page


def _count(rows: QuerySet) -> Coalesce:
    counted = rows.filter(connection=OuterRef("pk")).order_by().values("connection").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


def connection_pill(connection: Connection) -> str:
    """A connection's state: approved is not yet well, as it is for a store."""
    is_ready = connection.state == Connection.State.READY
    return markup.state_pill(connection, tone=markup.BUSY if is_ready else "")


class CountedConnection(Protocol):
    """What the list counts of a connection."""

    pk: int
    pair_count: int
    out_count: int
    held_count: int
    doubtful_count: int
    order_count: int
    failed_count: int


class ConnectionColumns(Page):
    """How each connection stands, for the list."""

    list_display = [
        "shown_name",
        "shown_strategy",
        "shown_state",
        "shown_step",
        "shown_held",
        "shown_unmatched",
        "shown_orders",
        "shown_failed",
        "shown_reconciled",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        doubtful = [VariantLink.State.UNMATCHED, VariantLink.State.AMBIGUOUS]
        return (
            super()
            .get_queryset(request)
            .annotate(
                pair_count=_count(StockLink.objects.exclude(state="skipped")),
                out_count=_count(StockLink.objects.filter(OUT_OF_STEP)),
                held_count=_count(StockHold.objects.filter(state=StockHold.State.OPEN)),
                doubtful_count=_count(VariantLink.objects.filter(state__in=doubtful)),
                order_count=_count(OrderImport.objects.filter(state__in=OrderImport.UNFINISHED)),
                failed_count=_count(SyncJob.objects.filter(state=SyncJob.State.FAILED)),
            )
        )

    @display(description="Connection", ordering="source__name")
    def shown_name(self, connection: Connection) -> str:
        return str(connection)

    @display(description="Strategy", ordering="strategy")
    def shown_strategy(self, connection: Connection) -> str:
        return markup.state_pill(connection, "strategy")

    @display(description="State", ordering="state")
    def shown_state(self, connection: Connection) -> str:
        stores = (connection.source, connection.destination)
        is_paused = connection.is_paused or any(store.is_paused for store in stores)
        lost = [store for store in stores if store.status == Store.Status.DISCONNECTED]
        return markup.joined(
            [
                connection_pill(connection),
                markup.pill(markup.WARN, "Paused") if is_paused else "",
                *(markup.pill(markup.BAD, f"{store} is disconnected", store.status_reason) for store in lost),
            ]
        )

    @display(description="Inventory")
    def shown_step(self, connection: CountedConnection) -> str:
        if not connection.pair_count:
            return markup.NOTHING
        if connection.out_count:
            of_all = f"{connection.out_count} of {connection.pair_count}"
            return markup.pill(markup.WARN, f"{connection.out_count} out of sync", of_all)
        return markup.pill(markup.GOOD, f"{connection.pair_count} synced")

    @display(description="Needs review")
    def shown_held(self, connection: CountedConnection) -> str:
        url = markup.list_url(StockHold, state__exact="open", connection=connection.pk)
        return markup.anchor(url, connection.held_count) if connection.held_count else markup.NOTHING

    @display(description="Unmatched")
    def shown_unmatched(self, connection: CountedConnection) -> str:
        url = markup.list_url(VariantLink, doubt="open", connection=connection.pk)
        return markup.anchor(url, connection.doubtful_count) if connection.doubtful_count else markup.NOTHING

    @display(description="Orders")
    def shown_orders(self, connection: CountedConnection) -> str:
        url = markup.list_url(OrderImport, standing="unfinished", connection=connection.pk)
        return markup.anchor(url, f"{connection.order_count} open") if connection.order_count else markup.NOTHING

    @display(description="Failed")
    def shown_failed(self, connection: CountedConnection) -> str:
        url = markup.list_url(SyncJob, state__exact="failed", connection=connection.pk)
        return markup.anchor(url, connection.failed_count) if connection.failed_count else markup.NOTHING

    @display(description="Reconciled", ordering="reconciled_at")
    def shown_reconciled(self, connection: Connection) -> str:
        return markup.ago(connection.reconciled_at)
