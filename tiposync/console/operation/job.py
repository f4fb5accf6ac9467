"""Every piece of work as a row: what, for which connection, how it ended, and "Run again"."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from stores.models import Store
from syncing.models import SyncJob
from syncing.queue import enqueue, jobs
from tiposync.console.kit import markup
from tiposync.console.kit.exporting import ExportedList
from tiposync.console.kit.filters import ConnectionFilter, StoreFilter
from tiposync.console.kit.operations import operation
from tiposync.console.kit.reach import within
from tiposync.console.operation.job_subjects import things_of
from tiposync.console.times.date_range import DateRangeFilter

MOST_ROWS = 1000

WITH_STORES = ("connection__source", "connection__destination", "store")


def check_troubled(asked: Iterable[SyncJob]) -> str:
    """Have the stores of these jobs checked that need attention, and say so: their trouble ends with a good check."""
    stores: dict[int, Store] = {}
    for job in asked:
        connection = job.connection
        named = [job.store, *((connection.source, connection.destination) if connection else ())]
        stores |= {store.pk: store for store in named if store and store.status == Store.Status.ATTENTION}
    for store in stores.values():
        enqueue.check_store(store)
    names = ", ".join(f"“{store}”" for store in stores.values())
    return f" Checked as well, for it needs attention: {names}." if names else ""


class DueFilter(DropdownFilter):
    """What waits for a worker, and what waits for its time."""

    title = "due"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Now: waits for a worker"), ("later", "Later: to be tried again then")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncJob]) -> QuerySet[SyncJob]:
        queued, now = queryset.filter(state=SyncJob.State.QUEUED), timezone.now()
        conditions = {"now": queued.filter(due_at__lte=now), "later": queued.filter(due_at__gt=now)}
        return conditions.get(self.value() or "", queryset)


@admin.register(SyncJob)
class SyncJobAdmin(ExportedList):
    """Jobs, newest first."""

    intro = (
        "Every piece of work. What went well and wrote nothing worth a line is removed; what failed stays until it has "
        "been done. Running anything again is safe at any time: nothing is written twice."
    )
    empty_title = "No jobs waiting, running or failed"
    empty_text = "Jobs appear when a webhook arrives, a connection is started or reconciled, or a store is checked."
    empty_link = ("Go to connections", "stores_connection_changelist")
    operate_permission = "syncing.change_syncjob"
    list_display = [
        "what",
        "shown_state",
        "shown_failure",
        "shown_message",
        "shown_tries",
        "shown_due",
        "shown_finished",
    ]
    more_lookups = ("connection__isnull",)
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("failure", ChoicesDropdownFilter),
        DueFilter,
        ConnectionFilter,
        ("store", StoreFilter),
        ("created_at", DateRangeFilter),
    ]
    list_filter_submit = True
    search_fields = ["subject", "message"]
    search_help_text = "Search by subject or message"
    list_select_related = ["connection__source", "connection__destination", "store"]
    actions = ["run_selected_again"]
    operations = ("run_again",)
    change_list_template = "admin/syncing/syncjob/change_list.html"
    fieldsets = [
        (
            "What it is",
            {"fields": ["kind", "about", "shown_state", "shown_failure", "shown_message"]},
        ),
        (
            "How it went",
            {"fields": ["shown_tries", "shown_due", "created_at", "claimed_at", "finished_at", "worker"]},
        ),
        ("For developers", {"fields": ["shown_arguments", "shown_traceback"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.run_class_view)
        return [path("run-again/", view, name="syncing_syncjob_run_class"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"failures": self._failures() if self.has_operate_permission(request) else []}
        return super().changelist_view(request, context | (extra_context or {}))

    def _failures(self) -> list[dict[str, Any]]:
        """What failed, by the class of reason: how many, since when, and where to look."""
        failed = within(SyncJob.objects.filter(state=SyncJob.State.FAILED)).order_by().values("failure")
        counted = failed.annotate(count=Count("pk"), since=Min("finished_at")).order_by("-count")
        labels = dict(SyncJob.Failure.choices)
        return [
            {
                "failure": row["failure"],
                "label": labels.get(row["failure"], "Failed"),
                "count": row["count"],
                "since": markup.ago(row["since"]),
                "url": markup.list_url(SyncJob, state__exact="failed", failure__exact=row["failure"]),
            }
            for row in counted
        ]

    def run_class_view(self, request: HttpRequest) -> HttpResponse:
        """Run everything again that failed for one class of reason, the oldest first."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        failed = within(SyncJob.objects.filter(state=SyncJob.State.FAILED, failure=request.POST.get("failure", "")))
        taken = list(failed.select_related(*WITH_STORES).order_by("pk")[:MOST_ROWS])
        for job in taken:
            jobs.run_again(job)
            self.log_change(request, job, "Run again, with all that failed for the same reason.")
        rest = failed.count() - len(taken)
        more = f" {rest} more are left: press again." if rest > 0 else ""
        checked = check_troubled(taken)
        messages.success(
            request, f"Queued again: {len(taken)}. Each leaves this list when it has been done.{checked}{more}"
        )
        return HttpResponseRedirect(reverse("admin:syncing_syncjob_changelist"))

    @display(description="Work", ordering="kind")
    def what(self, job: SyncJob) -> str:
        return markup.two_lines(job.get_kind_display(), job.connection or job.store or job.subject)

    @display(description="About")
    def about(self, job: SyncJob) -> str:
        return things_of(job)

    @display(description="State", ordering="state")
    def shown_state(self, job: SyncJob) -> str:
        return markup.state_pill(job, tone=markup.BUSY if job.state == SyncJob.State.RUNNING else "")

    @display(description="Why it failed", ordering="failure")
    def shown_failure(self, job: SyncJob) -> str:
        # One that failed at first keeps its reason; what has been done since is no failure.
        has_failed = job.failure and job.state != SyncJob.State.SUCCEEDED
        return markup.pill(markup.BAD, job.get_failure_display()) if has_failed else markup.NOTHING

    @display(description="Message")
    def shown_message(self, job: SyncJob) -> str:
        return markup.wrapped(job.message)

    @display(description="Failed tries", ordering="attempts")
    def shown_tries(self, job: SyncJob) -> str:
        return str(job.attempts) if job.attempts else markup.NOTHING

    @display(description="Due", ordering="due_at")
    def shown_due(self, job: SyncJob) -> str:
        return markup.ago(job.due_at) if job.state == SyncJob.State.QUEUED else markup.NOTHING

    @display(description="Finished", ordering="finished_at")
    def shown_finished(self, job: SyncJob) -> str:
        return markup.ago(job.finished_at, markup.NOTHING)

    @display(description="Arguments")
    def shown_arguments(self, job: SyncJob) -> str:
        return markup.preformatted(markup.pretty_json(job.arguments)) if job.arguments else markup.NOTHING

    @display(description="Traceback")
    def shown_traceback(self, job: SyncJob) -> str:
        return markup.folded("Show the traceback", job.traceback)

    @operation(
        "Run again",
        "Puts this work at the front of the queue now, whatever became of it before. Nothing is written twice.",
        permission="syncing.change_syncjob",
        tone="primary",
        offered=lambda job: job.state != SyncJob.State.RUNNING,
    )
    def run_again(self, request: HttpRequest, job: SyncJob) -> str:
        jobs.run_again(job)
        return (
            "Queued again. It runs within seconds if a worker is up; its outcome appears on the jobs page."
            f"{check_troubled([job])}"
        )

    @action(description="Run again: put the selected work at the front of the queue", permissions=["operate"])
    def run_selected_again(self, request: HttpRequest, queryset: QuerySet[SyncJob]) -> None:
        waiting = list(queryset.exclude(state=SyncJob.State.RUNNING).select_related(*WITH_STORES))
        for job in waiting:
            jobs.run_again(job)
            self.log_change(request, job, "Run again.")
        messages.success(
            request, f"Queued again: {len(waiting)}. Jobs that run right now were left alone.{check_troubled(waiting)}"
        )
