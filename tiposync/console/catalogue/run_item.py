"""What a run planned or did for one thing: its outcome, why, and the fields that differ side by side."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from stores.models import ProductLink, ResourceLink
from syncing.models import CatalogueRun, CatalogueRunItem
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.differences import difference_rows
from tiposync.console.kit.item_search import SearchedByText
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.pages import ReadOnlyPage, is_list_page
from tiposync.console.kit.reach import within

RUNS_LISTED = 50


class RunFilter(DropdownFilter):
    """By the run; the newest are offered."""

    title = "run"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        runs = within(CatalogueRun.objects.select_related("connection__source", "connection__destination"))
        rows = list(runs[:RUNS_LISTED])
        return [(str(row.pk), str(row)) for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        number = row_number(self.value())
        return queryset if number is None else queryset.filter(run=number)


def _arrows(item: CatalogueRunItem) -> str:
    """Links to the thing in both stores, as far as it is there and the admin has a page of it."""
    return in_shopify.both_ends(item.run.connection, item.source_gid, item.destination_gid, item.title or "it")


@admin.register(CatalogueRunItem)
class CatalogueRunItemAdmin(SearchedByText, ReadOnlyPage):
    """Items of runs, in their order."""

    intro = "What sync runs planned and did, thing by thing."
    empty_title = "Nothing yet"
    empty_text = "Sync runs fill this list."
    empty_link = ("Go to runs", "syncing_cataloguerun_changelist")
    list_display = ["shown_title", "shown_action", "shown_outcome", "shown_reason", "shown_run", "shown_arrows"]
    more_lookups = ("outcome__in",)
    list_filter = [
        RunFilter,
        ("action", ChoicesDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        ("failure", ChoicesDropdownFilter),
    ]
    list_filter_submit = True
    ordering = ["-run_id", "id"]  # by `run` it would be in the order of runs, which is the newest first, backwards
    list_select_related = ["run__connection__source", "run__connection__destination"]
    search_fields = ["title", "source_gid__exact", "destination_gid__exact", "reason"]
    search_help_text = "Search by title, reason or Shopify's id"
    panel_template = "admin/syncing/cataloguerunitem/summary.html"
    fieldsets = [("Ids", {"fields": ["source_gid", "destination_gid", "created_at", "finished_at"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CatalogueRunItem]:
        rows = super().get_queryset(request)
        # A list of fifty needs no whole descriptions.
        return rows.defer("differences") if is_list_page(request) else rows

    def panel(self, request: HttpRequest, row: CatalogueRunItem) -> dict[str, Any]:
        own = {"connection": row.run.connection_id, "source_gid": row.source_gid}
        link = ProductLink.objects.filter(**own).first() or ResourceLink.objects.filter(**own).first()
        return {
            "run": markup.page_of(row.run),
            "is_preview": row.run.is_preview,
            "action": row.get_action_display(),
            "outcome": markup.state_pill(row, "outcome"),
            "failure": markup.pill(markup.BAD, row.get_failure_display()) if row.failure else "",
            "reason": row.reason,
            "link": markup.page_of(link, "Status now") if link else "",
            "arrows": _arrows(row),
            "rows": difference_rows(row.differences, is_preview=row.outcome != CatalogueRunItem.Outcome.DONE),
        }

    @display(description="What", ordering="title")
    def shown_title(self, item: CatalogueRunItem) -> str:
        return markup.wrapped(item.title or item.source_gid)

    @display(description="Action", ordering="action")
    def shown_action(self, item: CatalogueRunItem) -> str:
        return item.get_action_display()

    @display(description="Outcome", ordering="outcome")
    def shown_outcome(self, item: CatalogueRunItem) -> str:
        return markup.state_pill(item, "outcome")

    @display(description="Why")
    def shown_reason(self, item: CatalogueRunItem) -> str:
        return markup.wrapped(item.reason)

    @display(description="Run", ordering="run_id")
    def shown_run(self, item: CatalogueRunItem) -> str:
        return markup.page_of(item.run)

    @display(description="In Shopify")
    def shown_arrows(self, item: CatalogueRunItem) -> str:
        return _arrows(item) or markup.NOTHING
