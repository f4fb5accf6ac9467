"""The file of links at the console: taken out as a stream, taken in after a preview that says what each line does."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from stores.linking import csv_file, csv_import
from stores.linking.csv_file import CLEAR, IGNORE, LINK, LinkFileError
from stores.linking.csv_import import NOTHING, Change
from stores.models import VariantLink
from tiposync.console.kit import markup, reach
from tiposync.console.kit.pages import ReadOnlyPage, csv_answer, list_query, listed_rows, signed_in
from tiposync.console.kit.previews import Column, Preview, Row, Total, asked_sort, is_about_table, number, wants_file
from tiposync.console.links.resource import LinkResource, import_links
from tiposync.console.stores.connection_summary import follow_up

TONES = {LINK: markup.GOOD, IGNORE: markup.WARN, CLEAR: markup.WARN, NOTHING: markup.QUIET}
WORDS = {IGNORE: "to be ignored", CLEAR: "decisions to be forgotten", LINK: "to be linked", NOTHING: "left as they are"}
ORDER = tuple(WORDS)  # what takes something away comes first
COLUMNS = (
    Column("line", "Line", is_number=True, draw=number),
    Column("does", "Does", draw=lambda effect: markup.pill(TONES[effect], effect)),
    Column("means", "What that means"),
    Column("connection", "Connection"),
)


class LinkFiles(ReadOnlyPage):
    """Adds the two buttons above the list of links."""

    actions_list = ["export_links", "import_links"]

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may decide one link may decide many, if of all stores."""
        return self.has_operate_permission(request) and reach.current() is None  # a file names links of any store

    @action(description="Export to CSV", url_path="export", permissions=["view"], icon="download")
    def export_links(self, request: HttpRequest) -> StreamingHttpResponse:
        """The links of the list as it is filtered and searched; without filters, all of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        links = listed_rows(self, request).order_by("connection", "pk")
        return csv_answer(csv_file.write_lines(csv_import.export_rows(links)), "links")

    @action(description="Import a CSV file", url_path="import", permissions=["import"], icon="upload_file")
    def import_links(self, request: HttpRequest) -> HttpResponseBase:
        """Asks for a file, shows what each line would do, then does all of it or nothing."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        back = _list_of(request)
        context: dict[str, Any] = {"back": back, "text": "", "title": "Import matches"}
        if request.method == "POST":
            try:
                context["text"] = _text_of(request)
                rows = csv_file.parse_rows(context["text"])
                is_dry_run = "_save" not in request.POST or is_about_table(request)
                found = import_links(rows, request.user, dry_run=is_dry_run)
            except LinkFileError as error:
                context |= _problems(error)
            else:
                if not is_dry_run:
                    return self._done(request, found)
                context |= _preview(found.changes, request)
                if wants_file(request):
                    return context["preview"].write()
        page = self.admin_site.each_context(request) | context
        return TemplateResponse(request, "admin/stores/variantlink/import.html", page)

    def _done(self, request: HttpRequest, found: LinkResource) -> HttpResponse:
        counts = _counts(found.changes)
        sources = [change.found_source.pk for change in found.changes if change.effect != NOTHING]
        touched = VariantLink.objects.filter(connection__in=found.connections, source_variant__in=sources)
        if touched.exists():
            by = signed_in(request).pk
            LogEntry.objects.log_actions(by, touched, CHANGE, change_message="From an imported file.")
        for connection in found.connections:
            follow_up(connection)
        words = ", ".join(f"{counts[effect]} {word}" for effect, word in _DONE.items() if counts[effect])
        messages.success(request, f"Taken from the file: {words or 'nothing to do'}.")
        return HttpResponseRedirect(_list_of(request))


def _list_of(request: HttpRequest) -> str:
    """The list that the button stood above, as it was filtered."""
    query = list_query(request)
    return reverse("admin:stores_variantlink_changelist") + (f"?{query}" if query else "")


_DONE = {LINK: "linked", IGNORE: "ignored", CLEAR: "cleared"}


def _text_of(request: HttpRequest) -> str:
    """The text of the file, or what the preview sent back. Raises LinkFileError."""
    file = request.FILES.get("file")
    if file is None:
        text = request.POST.get("text", "")
        if not text.strip():
            raise LinkFileError(["Choose a file, or paste its lines."])
        return text
    if file.size is not None and file.size > 4 * csv_file.MOST_CHARACTERS:
        raise LinkFileError(
            [f"The file is too large: import at most {csv_file.MOST_CHARACTERS:,} characters at a time."]
        )
    return csv_file.read_text(file.read())


def _problems(error: LinkFileError) -> dict[str, Any]:
    count = len(error.problems)
    return {"problems": error.problems[: csv_file.MOST_PROBLEMS], "more": max(0, count - csv_file.MOST_PROBLEMS)}


def _counts(changes: list[Change]) -> dict[str, int]:
    return {effect: sum(change.effect == effect for change in changes) for effect in ORDER}


def _preview(changes: list[Change], request: HttpRequest) -> dict[str, Any]:
    counts = _counts(changes)
    totals = [Total(counts[effect], words, words) for effect, words in WORDS.items()]
    rows = [
        Row((change.row.line, change.effect, change.words, str(change.connection or "")), ORDER.index(change.effect))
        for change in sorted(changes, key=lambda change: change.row.line)
    ]
    return {
        "preview": Preview(
            "import of matches", COLUMNS, rows, totals, asked_sort(request), "entered", request.get_full_path()
        ),
        "change_count": len(changes) - counts[NOTHING],
        "count": len(changes),
    }
