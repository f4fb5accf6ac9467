"""Decisions about matches, each of which can be taken back for a while: their pages, and the button of toasts."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE as CHANGED
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from stores.linking import decisions
from stores.models import Connection, DecidedMatch, MatchDecision, VariantLink
from syncing.stock import ends
from tiposync.console.kit import markup
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import Undoable, Warned, operation
from tiposync.console.kit.pages import ReadOnlyPage, signed_in
from tiposync.console.kit.reach import within
from tiposync.console.stores import ending
from tiposync.console.stores.connection_summary import follow_up

CHANGE, MANAGES = "stores.change_variantlink", "stores.change_connection"
TOAST = "undo-"
SHOWN_ROWS = 500


def announce(request: HttpRequest, decision: MatchDecision | None, words: str) -> None:
    """Say what was decided, with an Undo button beside it."""
    messages.success(request, words, extra_tags=f"{TOAST}{decision.pk}" if decision else "")


def undoable(decision: MatchDecision | None, words: str) -> str:
    """The same, as the outcome of an operation on the page of a match."""
    outcome = Undoable(words)
    outcome.tags = f"{TOAST}{decision.pk}" if decision else ""
    return outcome


def may_undo(request: HttpRequest, decision: MatchDecision) -> bool:
    """Whether whoever asks may take it back: who decided, and managers."""
    user = request.user
    return user.has_perm(CHANGE) and (decision.made_by_id == user.pk or user.has_perm(MANAGES))


def rows_of(decision: MatchDecision) -> QuerySet[DecidedMatch]:
    """The matches of a decision that whoever asks sees."""
    return within(DecidedMatch.objects.filter(decision=decision))


@admin.register(MatchDecision)
class MatchDecisionAdmin(ReadOnlyPage):
    """Decisions, the newest first."""

    intro = (
        "What was decided about matches, newest first. For a day whoever decided, or a "
        "manager, can take a decision back: exactly those matches that nobody changed since."
    )
    empty_title = "Nothing has been decided yet"
    empty_text = "Each match that somebody links or ignores, alone or with many others, appears here."
    empty_link = ("Go to variant matching", "stores_variantlink_changelist")
    operate_permission = CHANGE
    list_display = ["shown_made", "kind", "made_by", "shown_count", "shown_state"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["made_by", "undone_by"]
    operations = ("undo",)
    panel_template = "admin/stores/matchdecision/rows.html"
    fieldsets = [("Decision", {"fields": ["kind", "made_by", "made_at", "shown_state"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MatchDecision]:
        return super().get_queryset(request).annotate(match_count=Count("rows"))

    def offered(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        return super().offered(request, row) if may_undo(request, row) else []

    def panel(self, request: HttpRequest, row: MatchDecision) -> dict[str, Any]:
        related = ("link__source_variant__store", "link__connection", "before_partner", "after_partner")
        shown = list(rows_of(row).select_related(*related).order_by("pk")[: SHOWN_ROWS + 1])
        return {"rows": [_row(one) for one in shown[:SHOWN_ROWS]], "is_cut": len(shown) > SHOWN_ROWS}

    @display(description="When", ordering="made_at")
    def shown_made(self, decision: MatchDecision) -> str:
        return markup.ago(decision.made_at)

    @display(description="Matches")
    def shown_count(self, decision: Any) -> str:
        return f"{decision.match_count:,}"

    @display(description="Undo")
    def shown_state(self, decision: MatchDecision) -> str:
        if decision.undone_at:
            who = decision.undone_by or "a user"
            return format_html("Taken back by {}, {}", who, markup.exact(decision.undone_at))
        until = markup.exact(decision.made_at + decisions.UNDO_WITHIN)
        is_open = decisions.can_be_undone(decision)
        return format_html("Possible until {}", until) if is_open else "Too old to be taken back"

    @operation(
        "Undo",
        "Takes back what nobody changed since, match by match; what it leaves alone is said. Where something would no "
        "longer be synced you are asked first what becomes of what is on sale.",
        permission=CHANGE,
        offered=decisions.can_be_undone,
    )
    def undo(self, request: HttpRequest, decision: MatchDecision) -> str | HttpResponse:
        if not may_undo(request, decision):
            raise PermissionDenied
        good, _ = decisions.unchanged(rows_of(decision).filter(undone_at=None, left_reason=""))
        if (question := self._ask_what_becomes(request, [row.link for row in good])) is not None:
            return question
        done = decisions.undo(decision, rows_of(decision), signed_in(request))
        for connection in {link.connection for link in done.links}:
            follow_up(connection)
        ending.carry_out(request, Q(variant_link__in=done.links))
        _log(request, done.links, f"Taken back: {decision}.")
        words = f"Taken back: {len(done.links):,}."
        if not done.left:
            return words
        link, reason = done.left[0]
        return Warned(f"{words} Left alone: {len(done.left):,}. {link.source_variant}: {reason}")

    def _ask_what_becomes(self, request: HttpRequest, links: list[VariantLink]) -> TemplateResponse | None:
        running = [link for link in links if link.connection.state == Connection.State.RUNNING]
        ended = [link for link in running if link.state == VariantLink.State.LINKED]
        context = self.admin_site.each_context(request) | {
            "title": "Undo: what becomes of what is on sale?",
            "heading": "What is on sale",
            "back": reverse("admin:stores_variantlink_changelist"),
        }
        must_leave = all(ends.must_leave(link.connection) for link in ended)
        return ending.ask(request, context, Q(variant_link__in=ended), must_leave=must_leave, button="Undo")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo_view)
        return [path("undo/", view, name="stores_matchdecision_undo"), *super().get_urls()]

    def undo_view(self, request: HttpRequest) -> HttpResponse:
        """The Undo button of a toast: as that of the decision's page, and back to where it was pressed."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        number = row_number(request.POST.get("decision", "").removeprefix(TOAST))
        decision = self.get_queryset(request).filter(pk=number).first() if number is not None else None
        if decision is None:
            messages.warning(request, "That decision is not there any more.")
            return HttpResponseRedirect(reverse("admin:stores_variantlink_changelist"))
        answer = self.do_view(request, str(decision.pk), "undo")
        if isinstance(answer, TemplateResponse):
            return answer
        wanted = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
        return HttpResponseRedirect(wanted if is_ours else reverse("admin:stores_variantlink_changelist"))


def _row(one: DecidedMatch) -> dict[str, Any]:
    before = markup.joined([one.get_before_state_display(), one.before_partner or ""], ": ")
    after = markup.joined([one.get_after_state_display(), one.after_partner or ""], ": ")
    state = "Taken back" if one.undone_at else f"Left alone: {one.left_reason}" if one.left_reason else ""
    return {
        "variant": one.link.source_variant,
        "url": reverse("admin:stores_variantlink_change", args=[one.link_id]),
        "connection": one.link.connection,
        "before": before,
        "after": after,
        "state": state,
    }


def _log(request: HttpRequest, links: list[VariantLink], words: str) -> None:
    if links:
        rows = VariantLink.objects.filter(pk__in=[link.pk for link in links]).select_related("source_variant")
        LogEntry.objects.log_actions(
            signed_in(request).pk, rows.select_related("destination_variant"), CHANGED, change_message=words
        )
