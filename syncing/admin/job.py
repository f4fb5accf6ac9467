"""Every piece of work as a row: what, for which connection, how it ended, and "Run again"."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from stores.admin import look
from stores.admin.filters import ConnectionFilter
from stores.admin.operations import operation
from stores.admin.pages import ReadOnlyPage
from syncing import jobs
from syncing.models import SyncJob


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
class SyncJobAdmin(ReadOnlyPage):
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
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("failure", ChoicesDropdownFilter),
        DueFilter,
        ConnectionFilter,
        ("store", RelatedDropdownFilter),
    ]
    list_filter_submit = True
    search_fields = ["subject", "message"]
    search_help_text = "Search by subject or message"
    list_select_related = ["connection__source", "connection__destination", "store"]
    actions = ["run_selected_again"]
    operations = ("run_again",)
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

    @display(description="Work", ordering="kind")
    def what(self, job: SyncJob) -> str:
        return look.two_lines(job.get_kind_display(), job.connection or job.store or job.subject)

    @display(description="About")
    def about(self, job: SyncJob) -> str:
        return look.page_of(job.connection or job.store, None) if job.connection or job.store else job.subject

    @display(description="State", ordering="state")
    def shown_state(self, job: SyncJob) -> str:
        return look.state_pill(job, tone=look.BUSY if job.state == SyncJob.State.RUNNING else "")

    @display(description="Why it failed", ordering="failure")
    def shown_failure(self, job: SyncJob) -> str:
        # One that failed at first keeps its reason; what has been done since is no failure.
        has_failed = job.failure and job.state != SyncJob.State.SUCCEEDED
        return look.pill(look.BAD, job.get_failure_display()) if has_failed else look.NOTHING

    @display(description="Message")
    def shown_message(self, job: SyncJob) -> str:
        return look.wrapped(job.message)

    @display(description="Failed tries", ordering="attempts")
    def shown_tries(self, job: SyncJob) -> str:
        return str(job.attempts) if job.attempts else look.NOTHING

    @display(description="Due", ordering="due_at")
    def shown_due(self, job: SyncJob) -> str:
        return look.ago(job.due_at) if job.state == SyncJob.State.QUEUED else look.NOTHING

    @display(description="Finished", ordering="finished_at")
    def shown_finished(self, job: SyncJob) -> str:
        return look.ago(job.finished_at, look.NOTHING)

    @display(description="Arguments")
    def shown_arguments(self, job: SyncJob) -> str:
        return look.preformatted(look.pretty_json(job.arguments)) if job.arguments else look.NOTHING

    @display(description="Traceback")
    def shown_traceback(self, job: SyncJob) -> str:
        return look.folded("Show the traceback", job.traceback)

    @operation(
        "Run again",
        "Puts this work at the front of the queue now, whatever became of it before. Nothing is written twice.",
        permission="syncing.change_syncjob",
        tone="primary",
        offered=lambda job: job.state != SyncJob.State.RUNNING,
    )
    def run_again(self, request: HttpRequest, job: SyncJob) -> str:
        jobs.run_again(job)
        return "Queued again. It runs within seconds if a worker is up; its outcome appears on the jobs page."

    @action(description="Run again: put the selected work at the front of the queue", permissions=["operate"])
    def run_selected_again(self, request: HttpRequest, queryset: QuerySet[SyncJob]) -> None:
        waiting = queryset.exclude(state=SyncJob.State.RUNNING).select_related("connection", "store")
        count = 0
        for job in waiting:
            jobs.run_again(job)
            self.log_change(request, job, "Run again.")
            count += 1
        messages.success(request, f"Queued again: {count}. Jobs that run right now were left alone.")
