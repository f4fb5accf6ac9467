"""The columns of the list of connections, counted in two queries or a few, however many are on its page."""

from datetime import datetime
from typing import Any, Protocol

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.views import ChangeList

from orders.models import OrderImport
from stores.linking import suggestions
from stores.models import Connection, Store, VariantLink
from syncing.models import StockHold, StockLink, SyncJob
from syncing.monitoring import row_counts
from syncing.monitoring.connection_status import count_waiting
from tiposync.console.kit import markup
from tiposync.console.kit.pages import FirstPageList, Page


def connection_pill(connection: Connection) -> str:
    """A connection's state: approved is not yet well, as it is for a store."""
    is_ready = connection.state == Connection.State.READY
    return markup.state_pill(connection, tone=markup.BUSY if is_ready else "")


def _link(url: str, count: int, words: str = "") -> str:
    return markup.anchor(url, f"{count}{words}") if count else markup.NOTHING


def _count(rows: QuerySet) -> Coalesce:
    counted = rows.filter(connection=OuterRef("pk")).order_by().values("connection").annotate(n=Count("*"))
    return Coalesce(Subquery(counted.values("n")), 0)


class CountedConnection(Protocol):
    """What the list counts of a connection; `counted_at`: when its pairs were, if not now."""

    pk: int
    pair_count: int
    out_count: int
    held_count: int
    doubtful_count: int
    order_count: int
    failed_count: int
    counted_at: datetime | None


class CountedList(FirstPageList):
    """Counts the pairs of the connections that are on the page, and of no others."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        ids = [connection.pk for connection in self.result_list]
        pairs, waiting = row_counts.count_states(StockLink, ids), count_waiting(ids)
        for connection in self.result_list:
            states = pairs.by_state.get(connection.pk, {})
            connection.pair_count = sum(states.values()) - states.get(StockLink.State.SKIPPED, 0)
            connection.out_count = sum(states.get(state, 0) for state in row_counts.WATCHED[StockLink])
            connection.out_count += waiting[connection.pk][0] if connection.pk in waiting else 0
            connection.counted_at = pairs.counted_at.get(connection.pk)


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

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CountedList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                held_count=_count(StockHold.objects.filter(state=StockHold.State.OPEN)),
                doubtful_count=_count(VariantLink.objects.filter(state__in=suggestions.OPEN)),
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
        at = connection.counted_at
        as_of = f"As of {timezone.localtime(at):%H:%M}" if at else ""
        return markup.pill(markup.GOOD, f"{connection.pair_count} synced", as_of)

    @display(description="Needs review")
    def shown_held(self, connection: CountedConnection) -> str:
        return _link(markup.list_url(StockHold, state__exact="open", connection=connection.pk), connection.held_count)

    @display(description="Unmatched")
    def shown_unmatched(self, connection: CountedConnection) -> str:
        return _link(markup.list_url(VariantLink, doubt="open", connection=connection.pk), connection.doubtful_count)

    @display(description="Orders")
    def shown_orders(self, connection: CountedConnection) -> str:
        url = markup.list_url(OrderImport, standing="unfinished", connection=connection.pk)
        return _link(url, connection.order_count, " open")

    @display(description="Failed")
    def shown_failed(self, connection: CountedConnection) -> str:
        return _link(markup.list_url(SyncJob, state__exact="failed", connection=connection.pk), connection.failed_count)

    @display(description="Reconciled", ordering="reconciled_at")
    def shown_reconciled(self, connection: Connection) -> str:
        return markup.ago(connection.reconciled_at)
