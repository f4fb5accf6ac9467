"""Reports of reconciliations: what was compared, and what came of it."""

from typing import Protocol

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from syncing.models import Reconciliation, StockAdjustment, StockHold
from syncing.queue import enqueue
from syncing.stock import undo
from tiposync.console.kit import markup
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import ReadOnlyPage
from tiposync.console.stock.undo import QUEUED, UNDO, undo_page


def _has_writes(report: Reconciliation) -> bool:
    return undo.writes_of(report).exists()


def _count(rows: QuerySet) -> Coalesce:
    counted = rows.filter(reconciliation=OuterRef("pk")).order_by().values("reconciliation").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


# What asked for a comparison, by the word that is stored.
TRIGGERS = {
    "schedule": "Hourly",
    "operator": "A user",
    "start": "Initial sync",
    "resume": "End of a pause",
    Reconciliation.CORRECTION: "Correct now",
}


class CountedReport(Protocol):
    """What the list counts of a reconciliation."""

    pk: int
    corrected_count: int
    held_count: int


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyPage):
    """Reports, newest first."""

    intro = (
        "A reconciliation compares every linked quantity of a connection with what Shopify says now. What differs is "
        "corrected by the same careful loop that syncs every change."
    )
    empty_title = "No reconciliation has run yet"
    empty_text = "Every started connection is reconciled on a schedule; “Reconcile” on its page starts one now."
    empty_link = ("Go to connections", "stores_connection_changelist")
    list_display = [
        "shown_started",
        "connection",
        "shown_state",
        "compared",
        "equal",
        "differing",
        "corrected",
        "held",
        "skipped_count",
        "shown_trigger",
    ]
    operations = ("preview_undo", "take_back")
    more_lookups = ("finished_at__gte", "finished_at__lte", "differing__gt")
    list_filter = [("state", ChoicesDropdownFilter), ConnectionFilter]
    list_filter_submit = True
    list_select_related = ["connection__source", "connection__destination"]
    fieldsets = [
        ("Report", {"fields": ["about", "shown_state", "message", "shown_trigger", "started_at", "finished_at"]}),
        (
            "What it found",
            {"fields": ["levels_read", "compared", "equal", "differing", "corrected", "held", "shown_skipped"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        applied = StockAdjustment.objects.filter(state=StockAdjustment.State.APPLIED)
        counts = {"corrected_count": _count(applied), "held_count": _count(StockHold.objects.all())}
        return super().get_queryset(request).annotate(**counts)

    @display(description="Started", ordering="started_at")
    def shown_started(self, report: Reconciliation) -> str:
        return markup.ago(report.started_at)

    @display(description="Connection")
    def about(self, report: Reconciliation) -> str:
        return markup.page_of(report.connection)

    @display(description="State", ordering="state")
    def shown_state(self, report: Reconciliation) -> str:
        return markup.state_pill(report, title=report.message)

    @display(description="Corrected")
    def corrected(self, report: CountedReport) -> str:
        url = markup.list_url(StockAdjustment, reconciliation=report.pk, state__exact="applied")
        return markup.anchor(url, report.corrected_count) if report.corrected_count else "0"

    @display(description="Needs review")
    def held(self, report: CountedReport) -> str:
        url = markup.list_url(StockHold, reconciliation=report.pk)
        return markup.anchor(url, report.held_count) if report.held_count else "0"

    @display(description="Started by", ordering="trigger")
    def shown_trigger(self, report: Reconciliation) -> str:
        return TRIGGERS.get(report.trigger, report.trigger)

    @display(description="Skipped")
    def skipped_count(self, report: Reconciliation) -> int:
        return sum(report.skipped.values())

    @display(description="Skipped, and why")
    def shown_skipped(self, report: Reconciliation) -> str:
        return (
            markup.joined([f"{count} × {reason}" for reason, count in report.skipped.items()], "; ") or markup.NOTHING
        )

    @operation(
        "Undo …",
        "Shows what would become of each quantity that this comparison corrected. Writes nothing yet.",
        permission=UNDO,
        offered=_has_writes,
        is_page=True,
    )
    def preview_undo(self, request: HttpRequest, report: Reconciliation) -> HttpResponseBase:
        context = self.admin_site.each_context(request) | {
            "title": f"Undo: {report}",
            "back": reverse("admin:syncing_reconciliation_change", args=[report.pk]),
            "undo": self.do_url(report, "take_back"),
        }
        return undo_page(request, context, report.connection, undo.writes_of(report))

    @operation("Take it back", "", permission=UNDO, offered=_has_writes, is_inline=True)
    def take_back(self, request: HttpRequest, report: Reconciliation) -> str:
        enqueue.undo_run(report)
        return QUEUED
