"""Runs over a catalogue: how far each is, what it found, what came of it, and the buttons that steer it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from syncing.catalogue.runs import lifecycle
from syncing.models import BulkOperation, CatalogueRun, CatalogueRunItem
from syncing.queue import enqueue
from tiposync.console.catalogue import run_lines
from tiposync.console.catalogue.summary import page_of_catalogue
from tiposync.console.kit import markup
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.operations import REFUSALS, operation
from tiposync.console.kit.pages import ReadOnlyPage
from tiposync.console.kit.previews import SORT, asked_sort

VIEW, CHANGE, RELEASE = "syncing.view_cataloguerun", "syncing.change_cataloguerun", "stores.release_catalogue_run"
START = "stores.change_cataloguesettings"  # who may start a catalogue
State = CatalogueRun.State
Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
NOT_FAILED = [result.value for result in Result if result != Result.FAILED]  # what failed is counted by itself
ASKED_AGAIN = (
    "Everything else goes on meanwhile: the next run takes its place and asks again about what is still to go."
)
WORKING = (State.PLANNING, State.RUNNING)


def run_pill(run: CatalogueRun) -> str:
    """A run's state; one that works is not done."""
    return markup.state_pill(
        run, tone=markup.BUSY if run.state in WORKING else "", title=run.hold_reason or run.message
    )


def what_is_left(run: CatalogueRun) -> str:
    """Rate and time left in words, '' when nobody can tell."""
    parts = [f"{rate:.1f} per second"] if (rate := run.rate()) and run.state in WORKING else []
    parts += [f"{left} left"] if (left := run.time_left()) and run.state in WORKING else []
    return ", ".join(parts)


def _has_failed_ones(run: CatalogueRun) -> bool:
    return not run.is_preview and not run.is_under_way and run.failed > 0


@admin.register(CatalogueRun)
class CatalogueRunAdmin(ReadOnlyPage):
    """Runs, newest first."""

    intro = (
        "A run looks at all products of a connection (or at its collections and content) and syncs what differs. It "
        "goes on by itself after a crash or a restart. A preview only lists what it would do."
    )
    empty_title = "No run yet"
    empty_text = "Open a product sync and press “Preview”, then “Start product sync”."
    empty_link = ("Go to product sync", "stores_cataloguesettings_changelist")
    operate_permission = CHANGE
    refusals = (*REFUSALS, lifecycle.RunRefused)
    list_display = [
        "shown_what",
        "shown_state",
        "shown_progress",
        "shown_counts",
        "shown_failed",
        "shown_by",
        "shown_begun",
    ]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("is_preview", BooleanRadioFilter),
        ConnectionFilter,
    ]
    list_filter_submit = True
    list_select_related = ["connection__source", "connection__destination", "requested_by", "released_by"]
    operations = ("release", "discard", "pause", "resume", "cancel", "retry", "run_for_real", "lines")
    panel_template = "admin/syncing/cataloguerun/summary.html"
    fieldsets = [
        ("Run", {"fields": ["kind", "is_preview", "about", "shown_by", "retried", "message"]}),
        ("When", {"fields": ["created_at", "shown_finished", "is_released", "released_by", "released_at"]}),
    ]

    def panel(self, request: HttpRequest, row: CatalogueRun) -> dict[str, Any]:
        lines = run_lines.table_of(row, asked_sort(request))
        return {
            "alerts": [{"tone": markup.BAD, "text": f"{row.hold_reason} {ASKED_AGAIN}"}]
            if row.state == State.HELD
            else [],
            "run": row,
            "state": run_pill(row),
            "is_working": row.state in WORKING,
            "words": markup.progress_words(row.done, row.total, row.failed),
            "left": what_is_left(row),
            "counts": [_count(row, action, row.counts[action]) for action in run_lines.ORDER if row.counts.get(action)],
            "operations": [_bulk(operation) for operation in row.bulk_operations.order_by("pk")],
            "lines": lines,
            "file_url": f"{self.do_url(row, 'lines')}?{urlencode({SORT: lines.sort})}",
            "items_url": markup.list_url(CatalogueRunItem, run=row.pk),
            "failed_url": markup.list_url(CatalogueRunItem, run=row.pk, outcome__exact=Result.FAILED.value),
            "catalogue": page_of_catalogue(row.connection_id),
        }

    @display(description="Run", ordering="kind")
    def shown_what(self, run: CatalogueRun) -> str:
        preview = markup.pill(markup.QUIET, "preview") if run.is_preview else ""
        return markup.two_lines(markup.joined([run.get_kind_display(), preview]), run.connection)

    @display(description="State", ordering="state")
    def shown_state(self, run: CatalogueRun) -> str:
        return run_pill(run)

    @display(description="Progress")
    def shown_progress(self, run: CatalogueRun) -> str:
        return markup.two_lines(markup.progress_words(run.done, run.total, 0) or markup.NOTHING, what_is_left(run))

    @display(description="Found")
    def shown_counts(self, run: CatalogueRun) -> str:
        parts = [f"{count:,} × {Action(action).label.lower()}" for action, count in sorted(run.counts.items()) if count]
        return markup.wrapped(", ".join(parts))

    @display(description="Failed", ordering="failed")
    def shown_failed(self, run: CatalogueRun) -> str:
        url = markup.list_url(CatalogueRunItem, run=run.pk, outcome__exact=Result.FAILED.value)
        return markup.anchor(url, run.failed) if run.failed else markup.NOTHING

    @display(description="Started by", ordering="requested_by")
    def shown_by(self, run: CatalogueRun) -> str:
        return str(run.requested_by or "Automatic")

    @display(description="Started", ordering="created_at")
    def shown_begun(self, run: CatalogueRun) -> str:
        return markup.ago(run.created_at)

    @display(description="Finished")
    def shown_finished(self, run: CatalogueRun) -> str:
        return markup.ago(run.finished_at, markup.NOTHING)

    @display(description="Connection")
    def about(self, run: CatalogueRun) -> str:
        return markup.page_of(run.connection)

    @operation("Export to CSV", "", permission=VIEW, is_page=True, is_inline=True)
    def lines(self, request: HttpRequest, run: CatalogueRun) -> HttpResponseBase:
        return run_lines.table_of(run, asked_sort(request)).write(run_lines.all_of(run, asked_sort(request)))

    @operation(
        "Release",
        lambda run: f"Lets it remove as much as it found. {run.hold_reason}",
        permission=RELEASE,
        tone="danger",
        offered=lambda run: run.state == State.HELD,
    )
    def release(self, request: HttpRequest, run: CatalogueRun) -> str:
        lifecycle.release(run, request.user)
        enqueue.run_catalogue(run)
        return "Released: the workers go on with it."

    @operation(
        "Discard",
        "Removes nothing: those that would go stay in the destination as they are, and the products no longer follow.",
        permission=RELEASE,
        tone="primary",
        offered=lambda run: run.state == State.HELD,
    )
    def discard(self, request: HttpRequest, run: CatalogueRun) -> str:
        lifecycle.discard(run, request.user.get_username())
        return "Discarded: nothing was removed."

    @operation(
        "Pause",
        "Ends what is in hand, bulk operations that have begun among it, and waits until it is resumed.",
        permission=CHANGE,
        offered=lambda run: run.state in WORKING,
    )
    def pause(self, request: HttpRequest, run: CatalogueRun) -> str:
        lifecycle.pause(run)
        return "Paused. It goes on where it stopped when it is resumed."

    @operation(
        "Resume",
        "Goes on where it stopped.",
        permission=CHANGE,
        tone="primary",
        offered=lambda run: run.state == State.PAUSED,
    )
    def resume(self, request: HttpRequest, run: CatalogueRun) -> str:
        lifecycle.resume(run)
        enqueue.run_catalogue(run)
        return "It goes on."

    @operation(
        "Cancel",
        "Ends it, and its bulk operations with it. What is done stays done; what is left is looked at by the next run.",
        permission=CHANGE,
        offered=lambda run: run.is_under_way,
    )
    def cancel(self, request: HttpRequest, run: CatalogueRun) -> str:
        lifecycle.cancel(run)
        return "Cancelled. What it had done stays."

    @operation(
        "Run the failed ones again",
        lambda run: f"Looks at the {run.failed:,} that failed once more, in a run of their own.",
        permission=CHANGE,
        tone="primary",
        offered=_has_failed_ones,
    )
    def retry(self, request: HttpRequest, run: CatalogueRun) -> HttpResponse:
        return self._begin(lifecycle.retry(run, request.user))

    @operation(
        "Do it",
        "Begins a run that does what this preview lists, as far as nothing has changed since.",
        permission=START,
        tone="primary",
        offered=lambda run: run.is_preview and run.state == State.FINISHED,
    )
    def run_for_real(self, request: HttpRequest, run: CatalogueRun) -> HttpResponse:
        return self._begin(lifecycle.start(run.connection, run.kind, by=request.user))

    def _begin(self, run: CatalogueRun) -> HttpResponse:
        enqueue.run_catalogue(run)
        return HttpResponseRedirect(reverse("admin:syncing_cataloguerun_change", args=[run.pk]))


def _bulk(operation: BulkOperation) -> dict[str, Any]:
    is_open = operation.state in BulkOperation.OPEN
    tone = markup.BUSY if is_open else ""
    return {
        "what": operation.get_kind_display(),
        "state": markup.state_pill(operation, tone=tone, title=operation.message),
        "started": markup.ago(operation.started_at, markup.NOTHING),
        "total": operation.total,
        "progress": operation.progress if is_open else operation.done + operation.failed,
        "done": operation.done,
        "failed": operation.failed,
        "message": operation.message,
    }


def _count(run: CatalogueRun, action: str, count: int) -> dict[str, Any]:
    url = markup.list_url(CatalogueRunItem, run=run.pk, action__exact=action, outcome__in=",".join(NOT_FAILED))
    return {"label": Action(action).label.lower(), "count": count, "url": url, "is_grave": action in run_lines.REMOVALS}
