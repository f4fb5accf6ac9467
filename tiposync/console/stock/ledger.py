"""The ledger of stock writes and the mutations that carried them: read-only, for good."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from stores.models import Store
from syncing.models import StockAdjustment, StockBatch, StockLink
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.exporting import ExportedList
from tiposync.console.kit.filters import ConnectionFilter, StoreFilter
from tiposync.console.kit.item_search import SearchedByItem
from tiposync.console.kit.pages import ReadOnlyPage, is_list_page
from tiposync.console.kit.paginator import EndlessPaginator
from tiposync.console.times.date_range import DateRangeFilter


def item_of(link: StockLink | None) -> str:
    """The variant of a stock link, leading to its timeline."""
    if link is None:
        return markup.NOTHING
    url = reverse("admin:syncing_timeline", args=[link.variant_link_id])
    return markup.anchor(url, link.variant_link.source_variant)


@admin.register(StockAdjustment)
class StockAdjustmentAdmin(SearchedByItem, ExportedList):
    """Adjustments, newest first."""

    intro = (
        "Every stock write this service intended, with its cause, what stood there before, and what became of it. "
        "Nothing here is ever changed or removed."
    )
    empty_title = "Nothing has been written yet"
    empty_text = (
        "The first line appears when a started connection finds a difference, or when stock changes in a store."
    )
    empty_link = ("Go to connections", "stores_connection_changelist")
    paginator = EndlessPaginator
    list_display = [
        "shown_created",
        "item",
        "where",
        "shown_change",
        "shown_cause",
        "shown_state",
        "shown_batch",
        "shown_arrow",
    ]
    more_lookups = ("settled_at__gte", "settled_at__lte", "cause__in", "reconciliation", "batch")
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("cause", ChoicesDropdownFilter),
        ConnectionFilter,
        ("batch__store", StoreFilter),
        ("created_at", DateRangeFilter),
    ]
    list_filter_submit = True
    is_walked = True
    item_paths = {
        Store.Role.SOURCE: "link__variant_link__source_variant",
        Store.Role.DESTINATION: "link__variant_link__destination_variant",
    }
    search_help_text = "Search by title, SKU, barcode or handle, or the id of an inventory item"
    list_select_related = [
        "level__location__store",
        "link__variant_link__source_variant",
        "link__variant_link__destination_variant",
        "batch",
    ]
    fieldsets = [
        ("Change", {"fields": ["item", "where", "shown_arrow", "shown_change", "from_as_of", "source_quantity"]}),
        ("Why", {"fields": ["shown_cause", "shown_connection", "shown_reconciliation"]}),
        ("What became of it", {"fields": ["shown_state", "reason", "created_at", "settled_at", "shown_batch"]}),
    ]

    @display(description="When", ordering="id")
    def shown_created(self, adjustment: StockAdjustment) -> str:
        return markup.exact(adjustment.created_at)

    @display(description="Item")
    def item(self, adjustment: StockAdjustment) -> str:
        return item_of(adjustment.link)

    @display(description="Store and location")
    def where(self, adjustment: StockAdjustment) -> str:
        location = adjustment.level.location
        return markup.two_lines(location.store, location.name)

    @display(description="In Shopify")
    def shown_arrow(self, adjustment: StockAdjustment) -> str:
        if adjustment.link is None:
            return markup.NOTHING
        match, store = adjustment.link.variant_link, adjustment.level.location.store
        variant = match.source_variant if store.is_source else match.destination_variant
        return in_shopify.variant_arrow(store, variant) or markup.NOTHING

    @display(description="Change")
    def shown_change(self, adjustment: StockAdjustment) -> str:
        return markup.change(adjustment.change_from, adjustment.change_to)

    @display(description="Cause")
    def shown_cause(self, adjustment: StockAdjustment) -> str:
        return adjustment.get_cause_display()

    @display(description="Outcome")
    def shown_state(self, adjustment: StockAdjustment) -> str:
        return markup.state_pill(adjustment, title=adjustment.reason)

    @display(description="Batch")
    def shown_batch(self, adjustment: StockAdjustment) -> str:
        return markup.page_of(adjustment.batch, f"Batch {adjustment.batch_id}")

    @display(description="Connection")
    def shown_connection(self, adjustment: StockAdjustment) -> str:
        return markup.page_of(adjustment.connection)

    @display(description="Reconciliation")
    def shown_reconciliation(self, adjustment: StockAdjustment) -> str:
        return markup.page_of(adjustment.reconciliation)


@admin.register(StockBatch)
class StockBatchAdmin(ReadOnlyPage):
    """Mutations, newest first."""

    intro = (
        "Each row is one mutation sent to one store: up to 250 changes, recorded with its exact bytes before it was "
        "sent and repeated under the same key if its answer was lost, so that it takes effect once."
    )
    empty_title = "No mutation has been sent yet"
    empty_text = "The first one is recorded when a started connection has a stock change to write."
    empty_link = ("Go to connections", "stores_connection_changelist")
    paginator = EndlessPaginator
    list_display = ["shown_name", "store", "connection", "shown_kind", "shown_state", "attempts", "shown_created"]
    list_filter = [("state", ChoicesDropdownFilter), ("store", StoreFilter), ConnectionFilter]
    list_filter_submit = True
    search_fields = ["=id", "=key"]
    search_help_text = "Search by number or idempotency key"
    list_select_related = ["store", "connection__source", "connection__destination"]
    fieldsets = [
        ("Mutation", {"fields": ["key", "about", "shown_connection", "shown_kind"]}),
        (
            "What became of it",
            {"fields": ["shown_state", "message", "attempts", "created_at", "first_sent_at", "answered_at"]},
        ),
        ("Changes and content", {"fields": ["shown_adjustments", "shown_body"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockBatch]:
        rows = super().get_queryset(request)
        return rows.defer("body") if is_list_page(request) else rows

    @display(description="Batch", ordering="id")
    def shown_name(self, batch: StockBatch) -> str:
        return f"Batch {batch.pk}"

    @display(description="Store")
    def about(self, batch: StockBatch) -> str:
        return markup.page_of(batch.store)

    @display(description="Connection")
    def shown_connection(self, batch: StockBatch) -> str:
        return markup.page_of(batch.connection)

    @display(description="Kind")
    def shown_kind(self, batch: StockBatch) -> str:
        return batch.get_kind_display()

    @display(description="State")
    def shown_state(self, batch: StockBatch) -> str:
        return markup.state_pill(batch, title=batch.message)

    @display(description="Recorded", ordering="id")
    def shown_created(self, batch: StockBatch) -> str:
        return markup.ago(batch.created_at)

    @display(description="What it changed")
    def shown_adjustments(self, batch: StockBatch) -> str:
        count = batch.adjustments.count()
        return markup.anchor(markup.list_url(StockAdjustment, batch=batch.pk), f"{count} in the inventory history")

    @display(description="Body")
    def shown_body(self, batch: StockBatch) -> str:
        if not batch.body:
            return "Removed by age."
        text = bytes(batch.body).decode(errors="replace")
        try:
            return markup.folded("Show what was sent", markup.pretty_json(json.loads(text)))
        except ValueError:
            return markup.folded("Show what was sent", text)
