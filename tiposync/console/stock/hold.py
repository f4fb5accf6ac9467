"""Plans that wait for an operator: the evidence on one page, and the decision as a button."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from stores.linking import csv_file
from stores.models import Store, Variant
from syncing.models import StockHold, StockLink
from syncing.queue import enqueue
from syncing.stock import holds
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.item_search import SearchedByItem
from tiposync.console.kit.operations import REFUSALS, operation
from tiposync.console.kit.pages import ReadOnlyPage, csv_answer, listed_rows, signed_in
from tiposync.console.stock import deciding, hold_file
from tiposync.console.stock.read_live import read_live

RESOLVE = "syncing.resolve_hold"


def _is_open_guard(hold: StockHold) -> bool:
    return hold.state == StockHold.State.OPEN and hold.kind == StockHold.Kind.GUARD


def _is_open_outcome(hold: StockHold) -> bool:
    return hold.state == StockHold.State.OPEN and hold.kind == StockHold.Kind.OUTCOME


def _can_set_true(hold: StockHold) -> bool:
    link = hold.link
    levels = (link.source_level, link.destination_level)
    return hold.state == StockHold.State.OPEN and all(level.available is not None for level in levels)


def _what_release_does(hold: StockHold) -> str:
    return f"Lets exactly this plan through: {_plan_words(hold)}. If the values changed meanwhile it is planned afresh."


def _what_discard_does(hold: StockHold) -> str:
    return "Leaves both stores as they are: the difference seen now is never synced, changes made from now on are."


def _plan_words(hold: StockHold) -> str:
    sides = (("source", hold.source_from, hold.source_to), ("destination", hold.destination_from, hold.destination_to))
    words = [f"{name} {before} → {after}" for name, before, after in sides if before != after]
    return ", ".join(words) or "no change"


@admin.register(StockHold)
class StockHoldAdmin(SearchedByItem, ReadOnlyPage):
    """Holds, the open ones first."""

    intro = (
        "A change that is unusually large, or a write whose fate nobody can tell, waits here. "
        "Nothing else happens to the item until somebody decides."
    )
    empty_title = "Nothing needs review"
    empty_text = (
        "A change needs review when it is unusually large even after a live read. "
        "The limits are set per connection, under “Guards”."
    )
    empty_link = ("Go to connections", "stores_connection_changelist")
    operate_permission = RESOLVE
    refusals = (*REFUSALS, holds.HoldResolved)
    list_display = [
        "item",
        "shown_kind",
        "shown_state",
        "source_plan",
        "destination_plan",
        "shown_reason",
        "shown_since",
    ]
    more_lookups = ("reconciliation", "cause", "link__variant_link__source_variant")
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter), ConnectionFilter]
    list_filter_submit = True
    ordering = [Case(When(state=StockHold.State.OPEN, then=0), default=1), "-id"]
    item_paths = {Store.Role.SOURCE: "link__variant_link__source_variant"}
    list_select_related = [
        "link__variant_link__source_variant",
        "link__variant_link__destination_variant",
        "connection__source",
        "connection__destination",
    ]
    actions = ["release_selected", "discard_selected"]
    actions_list = ["export_reviews"]
    operations = ("release", "discard", "confirm_applied", "confirm_not_applied", "set_true", "read_live")
    panel_template = "admin/syncing/stockhold/evidence.html"
    fieldsets = [
        (
            "Review",
            {
                "fields": [
                    *("shown_kind", "shown_state", "shown_reason", "about"),
                    *("shown_cause", "shown_reconciliation"),
                ]
            },
        ),
        ("Decision", {"fields": ["created_at", "resolved_at", "resolved_by", "shown_true_quantity"]}),
    ]

    def panel(self, request: HttpRequest, row: StockHold) -> dict[str, Any]:
        link = _with_levels(row)
        variants = (link.variant_link.source_variant, link.variant_link.destination_variant)
        return {
            "item": link.variant_link.source_variant,
            "timeline": reverse("admin:syncing_timeline", args=[link.variant_link_id]),
            "sides": [
                _evidence("Source", link.source_level, row.source_from, row.source_to, variants[0]),
                _evidence("Destination", link.destination_level, row.destination_from, row.destination_to, variants[1]),
            ],
            "adjustment": markup.page_of(row.adjustment) if row.adjustment else "",
            "set_true_url": self.do_url(row, "set_true")
            if request.user.has_perm(RESOLVE) and _can_set_true(row)
            else "",
        }

    @display(description="Item")
    def item(self, hold: StockHold) -> str:
        return markup.two_lines(hold.link.variant_link.source_variant, hold.connection)

    @display(description="Connection")
    def about(self, hold: StockHold) -> str:
        return markup.page_of(hold.connection)

    @display(description="Kind", ordering="kind")
    def shown_kind(self, hold: StockHold) -> str:
        return hold.get_kind_display()

    @display(description="State", ordering="state")
    def shown_state(self, hold: StockHold) -> str:
        return markup.state_pill(hold)

    @display(description="Source")
    def source_plan(self, hold: StockHold) -> str:
        arrow = in_shopify.variant_arrow(hold.connection.source, hold.link.variant_link.source_variant)
        return markup.joined([markup.change(hold.source_from, hold.source_to), arrow])

    @display(description="Destination")
    def destination_plan(self, hold: StockHold) -> str:
        arrow = in_shopify.variant_arrow(hold.connection.destination, hold.link.variant_link.destination_variant)
        return markup.joined([markup.change(hold.destination_from, hold.destination_to), arrow])

    @display(description="Why")
    def shown_reason(self, hold: StockHold) -> str:
        return markup.wrapped(hold.reason)

    @display(description="Since", ordering="created_at")
    def shown_since(self, hold: StockHold) -> str:
        return markup.ago(hold.created_at)

    @display(description="Together with")
    def shown_cause(self, hold: StockHold) -> str:
        return markup.page_of(hold.cause)

    @display(description="Reconciliation")
    def shown_reconciliation(self, hold: StockHold) -> str:
        return markup.page_of(hold.reconciliation)

    @display(description="True quantity")
    def shown_true_quantity(self, hold: StockHold) -> str:
        if hold.true_quantity is None:
            return markup.NOTHING
        seen = f"when the source had {hold.source_seen_quantity}, the destination {hold.destination_seen_quantity}"
        written = [markup.page_of(row) for row in hold.writes.order_by("pk")[:10]]
        return markup.joined([hold.true_quantity, seen, *written], " · ")

    @action(description="Export to CSV", url_path="export", permissions=["view"], icon="download")
    def export_reviews(self, request: HttpRequest) -> StreamingHttpResponse:
        """The reviews of the list as it is filtered and searched."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = listed_rows(self, request).order_by("connection", "pk")
        return csv_answer(csv_file.write_lines(hold_file.rows_of(rows), hold_file.COLUMNS), "reviews")

    @operation("Release", _what_release_does, permission=RESOLVE, tone="primary", offered=_is_open_guard)
    def release(self, request: HttpRequest, hold: StockHold) -> str:
        holds.release(hold, signed_in(request))
        enqueue.carry_stock(hold.connection)
        return "Released: the plan goes out with the next run, within seconds."

    @operation("Discard", _what_discard_does, permission=RESOLVE, offered=_is_open_guard)
    def discard(self, request: HttpRequest, hold: StockHold) -> str:
        holds.discard(hold, signed_in(request))
        enqueue.carry_stock(hold.connection)
        return "Discarded: both stores keep their values; changes made from now on are synced."

    @operation(
        "It took effect",
        "You looked in the store's admin (its inventory history) and the change is there: it is booked as written.",
        permission=RESOLVE,
        tone="primary",
        offered=_is_open_outcome,
    )
    def confirm_applied(self, request: HttpRequest, hold: StockHold) -> str:
        holds.confirm_applied(hold, signed_in(request))
        enqueue.carry_stock(hold.connection)
        return "Booked as written; the item is synced again."

    @operation(
        "It did not take effect",
        "You looked in the store's admin (its inventory history) and the change is not there: it is planned again.",
        permission=RESOLVE,
        offered=_is_open_outcome,
    )
    def confirm_not_applied(self, request: HttpRequest, hold: StockHold) -> str:
        holds.confirm_not_applied(hold, signed_in(request))
        enqueue.carry_stock(hold.connection)
        return "Booked as not written; the change is planned again within seconds."

    @operation(
        "Set true quantity",
        "Writes what you counted to both sides.",
        permission=RESOLVE,
        is_inline=True,
        offered=_can_set_true,
    )
    def set_true(self, request: HttpRequest, hold: StockHold) -> str:
        fields = ("quantity", "source", "destination")
        quantity, source, destination = (_whole(request.POST.get(name, "")) for name in fields)
        read_live([_with_levels(hold)])
        holds.set_true(hold, quantity, (source, destination), signed_in(request))
        enqueue.carry_stock(hold.connection)
        return f"Set to {quantity}: it is written to the source and synced to the destination within seconds."

    @operation(
        "Read live",
        "Asks Shopify for both levels now and shows them above. Decides nothing.",
        permission=RESOLVE,
        offered=lambda hold: hold.state == StockHold.State.OPEN,
    )
    def read_live(self, request: HttpRequest, hold: StockHold) -> str:
        read_live([_with_levels(hold)])
        return "Both levels are as Shopify has them now."

    @action(description="Release: let the selected plans through …", permissions=["operate"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[StockHold]) -> HttpResponse:
        """Shows what would be released; a person says so on the page that follows."""
        return deciding.ask(request, self.admin_site.each_context(request), queryset, "release")

    @action(description="Discard: leave both stores of the selected plans as they are …", permissions=["operate"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[StockHold]) -> HttpResponse:
        """Shows what would be discarded; a person says so on the page that follows."""
        return deciding.ask(request, self.admin_site.each_context(request), queryset, "discard")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide_view)
        return [path("decide/", view, name="syncing_stockhold_decide"), *super().get_urls()]

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """Decide what was ticked on the page of release_selected or discard_selected."""
        return deciding.decide(request, RESOLVE)


def _whole(text: str) -> int:
    """A whole number as typed. Raises ValueError with words."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("Enter the quantity as a whole number.") from None


def _with_levels(hold: StockHold) -> StockLink:
    rows = StockLink.objects.select_related(
        *("variant_link__source_variant", "variant_link__destination_variant"),
        *("variant_link__connection__source", "variant_link__connection__destination"),
        *("source_level__location__store", "destination_level__location__store"),
    )
    return rows.get(pk=hold.link_id)


def _evidence(
    name: str, level: Any, planned_from: int | None, planned_to: int | None, variant: Variant | None
) -> dict[str, Any]:
    return {
        "name": name,
        "field": name.lower(),
        "where": f"{level.location.store}, {level.location.name}",
        "arrow": in_shopify.variant_arrow(level.location.store, variant),
        "plan": markup.change(planned_from, planned_to),
        "now": markup.quantity(level.available),
        "available": level.available,
        "as_of": markup.exact(level.as_of),
        "is_doubtful": level.is_doubtful,
        "has_moved": level.available is not None and planned_from is not None and level.available != planned_from,
    }
