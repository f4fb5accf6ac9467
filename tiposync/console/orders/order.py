"""Orders: what became of each, why, and what to do; the buttons that take one up again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, Model, Q, QuerySet, When, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from orders import decisions, entered_by_hand, review
from orders.changes.decisions import can_carry_back, needs_shop
from orders.copies import late_links
from orders.models import OrderImport
from stores.clients import open_for_person
from syncing.queue import enqueue
from tiposync.console.kit import markup
from tiposync.console.kit.exporting import ExportedList
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import operation
from tiposync.console.orders import deciding
from tiposync.console.orders.filters import LINKED_LATE, ProgressFilter
from tiposync.console.orders.summary import (
    copy_of,
    order_panel,
    orders_with_number,
    original_of,
    state_pills,
    what_is_asked,
    what_is_missing,
    with_left_out,
)
from tiposync.console.times.date_range import AnyDateRangeFilter

CHANGE = "orders.change_orderimport"
State = OrderImport.State
DraftStatus = OrderImport.DraftStatus
QUEUED = "It is taken up within seconds if a worker is up; reload to see the result."
MOST_ROWS = 1000


def _is_open_draft(row: OrderImport) -> bool:
    is_over = row.draft_status in (DraftStatus.COMPLETED, DraftStatus.DELETED)
    return row.state == State.CONFIRMED and row.is_draft and not is_over


@admin.register(OrderImport)
class OrderImportAdmin(ExportedList):
    """Orders of destinations, newest first."""

    intro = (
        "Each order of a destination whose connection imports orders, and its copy in the source. There is exactly one "
        "copy of each: importing again is safe at any time. The units of an order that is not imported are reserved "
        "from what the source offers."
    )
    empty_title = "No orders yet"
    empty_text = (
        "Orders appear when a destination sells something and its connection has the strategy “Order” or “Draft "
        "order”. Orders placed before the connection was started are left alone."
    )
    empty_link = ("Go to connections", "stores_connection_changelist")
    operate_permission = CHANGE
    list_display = [
        "shown_order",
        "shown_state",
        "shown_reason",
        "shown_original",
        "shown_copy",
        "shown_placed",
        "shown_waiting",
    ]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ProgressFilter,
        ConnectionFilter,
        ("placed_at", AnyDateRangeFilter),
    ]
    list_filter_submit = True
    search_fields = ["order_name", "copy_name", "=order_gid", "=copy_gid", "=copy_order_gid"]
    search_help_text = "Search by name (#1001) or Shopify's number, of the order or of its copy"
    list_select_related = ["connection__source", "connection__destination"]
    actions = ["copy_selected", "import_selected_again"]
    operations = (
        "preview",
        "copy_reviewed",
        "never_copy",
        "import_again",
        "send_again",
        "look_at_draft",
        "done_by_hand",
        "carry_back",
        "entered_by_hand",
        "not_ours",
        "give_up",
    )
    panel_template = "admin/orders/orderimport/summary.html"
    fieldsets = [
        ("Order", {"fields": ["about", "shown_placed", "created_at", "changed_at", "order_gid"]}),
        (
            "Copy",
            {"fields": ["copy_gid", "copy_order_gid", "shown_draft", "shown_reserved", "confirmed_at"]},
        ),
        ("How it was sent", {"fields": ["attempts", "sent_at", "looks", "look_up_until", "shown_failure"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderImport]:
        return with_left_out(super().get_queryset(request))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Shopify's number of an order, as its admin has it in the address, is searched as what it stands for."""
        rows, has_duplicates = super().get_search_results(request, queryset, search_term)
        if (number := row_number(search_term.strip())) is not None:
            rows = rows | queryset.filter(orders_with_number(number))
        return rows, has_duplicates

    def offered(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        """As for any row; its later changes are read once for the buttons and for all that the page tells."""
        prefetch_related_objects([row], "updates")
        return super().offered(request, row)

    def panel(self, request: HttpRequest, row: OrderImport) -> dict[str, Any]:
        can_link = request.user.has_perm(CHANGE) and entered_by_hand.can_link(row)
        url = self._with_list(request, self.do_url(row, "entered_by_hand")) if can_link else ""
        return order_panel(row) | {"entered_url": url}

    @display(description="Order", ordering="order_name")
    def shown_order(self, row: OrderImport) -> str:
        return markup.two_lines(row.order_name or row.order_gid.rsplit("/", 1)[-1], row.connection)

    @display(description="State", ordering="state")
    def shown_state(self, row: OrderImport) -> str:
        return state_pills(row)

    @display(description="Why")
    def shown_reason(self, row: OrderImport) -> str:
        said = [what_is_asked(row), row.reason, *row.notes.splitlines()]
        return markup.wrapped(" ".join(filter(None, said)) or what_is_missing(row))

    @display(description="Original", ordering="original_total")
    def shown_original(self, row: OrderImport) -> str:
        return original_of(row)

    @display(description="Copy", ordering="copy_total")
    def shown_copy(self, row: OrderImport) -> str:
        return copy_of(row)

    @display(description="Placed", ordering="placed_at")
    def shown_placed(self, row: OrderImport) -> str:
        return markup.ago(row.placed_at, markup.NOTHING)

    @display(
        description="Waiting since",
        ordering=Case(When(state__in=OrderImport.UNFINISHED, then="created_at")),
    )
    def shown_waiting(self, row: OrderImport) -> str:
        return markup.ago(row.created_at) if row.state in OrderImport.UNFINISHED else markup.NOTHING

    @display(description="Connection")
    def about(self, row: OrderImport) -> str:
        return markup.page_of(row.connection)

    @display(description="Draft")
    def shown_draft(self, row: OrderImport) -> str:
        return row.get_draft_status_display() or ("Yes" if row.is_draft else "No: a real order")

    @display(description="Its stock is reserved until")
    def shown_reserved(self, row: OrderImport) -> str:
        return markup.ago(row.reserved_until, markup.NOTHING)

    @display(description="Kind of problem")
    def shown_failure(self, row: OrderImport) -> str:
        return markup.pill(markup.BAD, row.failure) if row.failure else markup.NOTHING

    @operation(
        "Preview",
        "Reads the order now and shows what its copy would contain and cost, and who ordered. Nothing is sent or kept.",
        permission=CHANGE,
        offered=deciding.waits_for_review,
        is_page=True,
    )
    def preview(self, request: HttpRequest, row: OrderImport) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"Preview: {row}",
            "preview": review.preview(row, open_for_person),
            "source": row.connection.source,
            "back": self._with_list(request, reverse("admin:orders_orderimport_change", args=[row.pk])),
            "copy": self._with_list(request, self.do_url(row, "copy_reviewed")),
            "never": self._with_list(request, self.do_url(row, "never_copy")),
        }
        return TemplateResponse(request, "admin/orders/orderimport/preview.html", context)

    @operation(
        "Import",
        "You have reviewed it: its copy is made in the source.",
        permission=CHANGE,
        tone="primary",
        offered=deciding.waits_for_review,
    )
    def copy_reviewed(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.copy_reviewed(row)

    @operation(
        "Never",
        "You have reviewed it: no copy is made, and its units are no longer reserved. It can be imported again later.",
        permission=CHANGE,
        tone="danger",
        offered=deciding.waits_for_review,
    )
    def never_copy(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.never_copy(row, request.user.get_username())

    @operation(
        "Import again",
        "Reads the order and its links afresh and makes the copy, if that is possible now, or adds to it what was "
        "linked since. What may have been sent before is looked for first, so there is never a second copy.",
        permission=CHANGE,
        tone="primary",
        offered=deciding.can_import_again,
    )
    def import_again(self, request: HttpRequest, row: OrderImport) -> str:
        deciding.import_again(row)
        return QUEUED

    @operation(
        "Send again",
        "Looks for the copy in the source once more. Only if it is not there, the order is sent again at once, without "
        "waiting any longer.",
        permission=CHANGE,
        tone="primary",
        offered=lambda row: row.state == State.SENT,
    )
    def send_again(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.send_again(row)

    @operation(
        "Look at the draft",
        "Asks Shopify what became of the draft: still open, completed or deleted. Also happens by itself.",
        permission=CHANGE,
        offered=_is_open_draft,
    )
    def look_at_draft(self, request: HttpRequest, row: OrderImport) -> str:
        enqueue.import_order(row.connection, row.order_gid)
        return "The draft is looked at. Reload in a few seconds."

    @operation(
        "Done by hand",
        "What both contain now is right: somebody has seen to it. Nothing of it is reserved any longer; what either of "
        "them gains or loses from now on is synced, or told, as ever.",
        permission=CHANGE,
        offered=needs_shop,
    )
    def done_by_hand(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.done_by_hand(row, request.user.get_username())

    @operation(
        "Apply to the original",
        "What staff took off the copy is taken off the original, too, this once, as far as it is not shipped there: by "
        "a refund of units that moves no money and mails nobody. Restocked as the connection's choice says.",
        permission=CHANGE,
        offered=can_carry_back,
    )
    def carry_back(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.carry_back(row, request.user.get_username())

    @operation(
        "Entered by hand",
        "",  # the panel says it, beside its field
        permission=CHANGE,
        offered=entered_by_hand.can_link,
        is_inline=True,
    )
    def entered_by_hand(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.link_entered(row, request.POST.get("entered_as", ""), request.user.get_username())

    @operation(
        "Not ours",
        "What is missing of it in the source is not the source's to deliver, or somebody entered it by hand: nothing "
        "more of it is imported, and its units are no longer reserved.",
        permission=CHANGE,
        offered=late_links.is_undecided,
    )
    def not_ours(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.not_ours(row, request.user.get_username())

    @operation(
        "Give up",
        "No copy is made: you entered the order in the source by hand, or do not want it there. Its units are no "
        "longer reserved. It can be imported again later.",
        permission=CHANGE,
        tone="danger",
        offered=deciding.can_give_up,
    )
    def give_up(self, request: HttpRequest, row: OrderImport) -> str:
        return deciding.give_up(row, request.user.get_username())

    @action(description="Copy: those that wait for their review", permissions=["operate"])
    def copy_selected(self, request: HttpRequest, queryset: QuerySet[OrderImport]) -> None:
        waiting = queryset.filter(state=State.WAITING, waits_for=OrderImport.WaitsFor.REVIEW)
        count = 0
        for row in waiting.select_related("connection__source", "connection__destination").order_by("id")[:MOST_ROWS]:
            if decisions.copy_reviewed(row):
                enqueue.import_order(row.connection, row.order_gid)
                self.log_change(request, row, "Copy.")
                count += 1
        messages.success(request, f"Being imported: {count}. What does not wait for its review was left alone.")

    @action(description="Import again: those that failed, wait or were skipped", permissions=["operate"])
    def import_selected_again(self, request: HttpRequest, queryset: QuerySet[OrderImport]) -> None:
        again = queryset.filter(Q(state__in=deciding.AGAIN) | LINKED_LATE).select_related(
            "connection__source", "connection__destination"
        )
        count = 0
        for row in again.order_by("id")[:MOST_ROWS]:
            if decisions.import_again(row):
                enqueue.import_order(row.connection, row.order_gid)
                self.log_change(request, row, "Import again.")
                count += 1
        messages.success(request, f"Being imported again: {count}. Imported ones and those under way were left alone.")
