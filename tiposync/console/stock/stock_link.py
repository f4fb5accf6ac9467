"""The pairs of levels that are kept in step: which are, which are not, and why."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from stores.models import Store
from syncing.connections import stopped_sales
from syncing.models import StockLevel, StockLink
from syncing.monitoring import connection_status
from syncing.queue import enqueue
from syncing.stock import unvouched
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.item_search import SearchedByItem
from tiposync.console.kit.pages import ReadOnlyPage
from tiposync.console.stock.correcting import correct_now
from tiposync.console.stock.timeline import correct_view, read_live_view, timeline_view

MOST_ROWS = 1000


class StockFilter(DropdownFilter):
    """The conditions an operator looks for that are no state."""

    title = "stock"
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("in", "Synced"),
            ("out", "Out of sync: waiting, to be reviewed, or changed in the destination"),
            ("oversold", "Oversold: below zero on either side"),
            ("waiting", "Waiting to be synced"),
            ("doubtful", "Doubtful: read live before it is used"),
            ("absent", "Not stocked on either side"),
            ("unvouched", "On sale, and nobody vouches for it"),
            ("sale_refused", "Store refuses to change whether it sells when out of stock"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockLink]) -> QuerySet[StockLink]:
        if self.value() == "unvouched":
            return queryset.filter(pk__in=unvouched.find().values("pk"))
        if self.value() == "sale_refused":
            return queryset.filter(pk__in=stopped_sales.refused().values("pk"))
        if self.value() == "oversold":
            return queryset.filter(pk__in=connection_status.oversold().values("pk"))
        conditions = {
            "in": connection_status.IN_STEP,
            "out": connection_status.OUT_OF_STEP,
            "waiting": connection_status.WAITING,
            "doubtful": _with_levels(is_doubtful=True),
            "absent": _with_levels(is_active=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


def _with_levels(**wanted: Any) -> Q:
    # The levels first: they are few, and joining each link with both of its own would take longer.
    levels = StockLevel.objects.filter(**wanted).values("pk")
    return Q(source_level__in=levels) | Q(destination_level__in=levels)


@admin.register(StockLink)
class StockLinkAdmin(SearchedByItem, ReadOnlyPage):
    """Pairs of levels; each leads to the timeline of its item."""

    intro = (
        "One row per linked variant and mapped location: the two levels that are synced. "
        "Open an item to see why a number is what it is."
    )
    empty_title = "No stock is synced yet"
    empty_text = (
        "Rows appear when a connection has linked variants and mapped locations and is started. "
        "Open a connection: its page says which step comes next."
    )
    empty_link = ("Go to connections", "stores_connection_changelist")
    list_display = [
        "item",
        "locations",
        "shown_state",
        "source_now",
        "destination_now",
        "shown_reason",
        "shown_changed",
    ]
    list_filter = [("state", ChoicesDropdownFilter), StockFilter, ConnectionFilter]
    list_filter_submit = True
    operate_permission = "syncing.resolve_hold"
    actions = ["correct_now", "set_to_zero", "give_up", "try_sale_again", "leave_sale"]
    ordering = ["-changed_at"]
    is_walked = True
    item_paths = {
        Store.Role.SOURCE: "variant_link__source_variant",
        Store.Role.DESTINATION: "variant_link__destination_variant",
    }
    list_select_related = [
        "connection__source",
        "connection__destination",
        "variant_link__source_variant",
        "variant_link__destination_variant",
        "mapping__source_location",
        "mapping__destination_location",
        "source_level",
        "destination_level",
    ]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("timeline/<int:link_id>/", wrap(timeline_view), name="syncing_timeline"),
            path("timeline/<int:link_id>/read/", wrap(read_live_view), name="syncing_timeline_read"),
            path("timeline/<int:link_id>/correct/", wrap(correct_view), name="syncing_timeline_correct"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """A pair's page is the timeline of its item."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pair = self.get_object(request, unquote(object_id))
        if pair is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return redirect("admin:syncing_timeline", pair.variant_link_id)

    @action(description="Correct now: what was changed in the destination", permissions=["operate"])
    def correct_now(self, request: HttpRequest, queryset: QuerySet[StockLink]) -> None:
        correct_now(request, queryset.filter(state=StockLink.State.DRIFTED)[:MOST_ROWS])

    @action(description="Set to 0 in the destination: what is no longer synced", permissions=["operate"])
    def set_to_zero(self, request: HttpRequest, queryset: QuerySet[StockLink]) -> None:
        links = list(queryset.filter(pk__in=unvouched.find().values("pk"))[:MOST_ROWS])
        try:
            connection_ids = unvouched.set_to_zero(links)
        except unvouched.NotToBeSet as refusal:
            messages.error(request, str(refusal))
            return
        enqueue.carry_stock_of(connection_ids)
        for link in links:
            self.log_change(request, link.variant_link, "Set to 0: no longer synced.")
        messages.success(request, f"Being set to 0: {len(links)}. The guard looks at it, as at any fall to 0.")

    @action(description="Leave to the store: what is no longer synced is forgotten here", permissions=["operate"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[StockLink]) -> None:
        links = list(queryset.exclude(ending="")[:MOST_ROWS])
        for link in links:
            self.log_change(request, link.variant_link, "The store looks after its quantity itself.")
        messages.success(request, f"Left to the store: {unvouched.give_up(links)}. Their quantities stand.")

    @action(description="Try again what its store refused: selling when out of stock", permissions=["operate"])
    def try_sale_again(self, request: HttpRequest, queryset: QuerySet[StockLink]) -> None:
        connection_ids = stopped_sales.try_again(list(queryset[:MOST_ROWS]))
        if not connection_ids:
            messages.warning(request, "Nothing to try again: no store refuses to change how these are sold.")
            return
        enqueue.carry_stock_of(connection_ids)
        messages.success(request, "Being tried again.")

    @action(description="Leave to the store whether it sells these when out of stock", permissions=["operate"])
    def leave_sale(self, request: HttpRequest, queryset: QuerySet[StockLink]) -> None:
        links = list(queryset.filter(pk__in=stopped_sales.refused().values("pk"))[:MOST_ROWS])
        for link in links:
            self.log_change(request, link.variant_link, "Whether it is sold when out of stock is left to its store.")
        messages.success(request, f"Left to the store: {stopped_sales.leave_to_store(links)}.")

    @display(description="Item", ordering="variant_link__source_variant__product_title")
    def item(self, link: StockLink) -> str:
        return markup.two_lines(link.variant_link.source_variant, link.connection)

    @display(description="Locations")
    def locations(self, link: StockLink) -> str:
        return link.where

    @display(description="State", ordering="state")
    def shown_state(self, link: StockLink) -> str:
        return markup.state_pill(link)

    @display(description="Source", ordering="source_level__available")
    def source_now(self, link: StockLink) -> str:
        arrow = in_shopify.variant_arrow(link.connection.source, link.variant_link.source_variant)
        return markup.joined([markup.quantity(link.source_level.available), arrow])

    @display(description="Destination", ordering="destination_level__available")
    def destination_now(self, link: StockLink) -> str:
        arrow = in_shopify.variant_arrow(link.connection.destination, link.variant_link.destination_variant)
        return markup.joined([markup.quantity(link.destination_level.available), arrow])

    @display(description="Why")
    def shown_reason(self, link: StockLink) -> str:
        variant = link.variant_link.destination_variant
        return markup.wrapped(" ".join(filter(None, (link.reason, variant.sale_reason if variant else ""))))

    @display(description="Changed", ordering="changed_at")
    def shown_changed(self, link: StockLink) -> str:
        return markup.ago(link.changed_at)
