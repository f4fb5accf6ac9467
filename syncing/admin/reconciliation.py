"""Reports of reconciliations: what was compared, and what came of it."""

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from stores.admin import look
from stores.admin.filters import ConnectionFilter
from stores.admin.pages import ReadOnlyPage
from syncing.models import Reconciliation, StockAdjustment, StockHold


def _count(rows: QuerySet) -> Coalesce:
    counted = rows.filter(reconciliation=OuterRef("pk")).order_by().values("reconciliation").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyPage):
    """Reports, newest first."""

    intro = (
        "A reconciliation compares every linked quantity of a connection with what Shopify says now. What differs is "
        "corrected by the same careful loop that carries every change."
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
        "trigger",
    ]
    list_filter = [("state", ChoicesDropdownFilter), ConnectionFilter]
    list_filter_submit = True
    list_select_related = ["connection__source", "connection__destination"]
    fieldsets = [
        ("Report", {"fields": ["about", "shown_state", "message", "trigger", "started_at", "finished_at"]}),
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
        return look.ago(report.started_at)

    @display(description="Connection")
    def about(self, report: Reconciliation) -> str:
        return look.page_of(report.connection)

    @display(description="State", ordering="state")
    def shown_state(self, report: Reconciliation) -> str:
        return look.state_pill(report, title=report.message)

    @display(description="Corrected")
    def corrected(self, report: Reconciliation) -> str:
        url = look.list_url(StockAdjustment, reconciliation=report.pk)
        return look.anchor(url, report.corrected_count) if report.corrected_count else "0"

    @display(description="Held")
    def held(self, report: Reconciliation) -> str:
        url = look.list_url(StockHold, reconciliation=report.pk)
        return look.anchor(url, report.held_count) if report.held_count else "0"

    @display(description="Skipped")
    def skipped_count(self, report: Reconciliation) -> int:
        return sum(report.skipped.values())

    @display(description="Skipped, and why")
    def shown_skipped(self, report: Reconciliation) -> str:
        return look.joined([f"{count} × {reason}" for reason, count in report.skipped.items()], "; ") or look.NOTHING
