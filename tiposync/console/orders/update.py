"""Later changes: what happened to an order or to its copy, and whether the other side knows."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from orders.changes.decisions import can_carry_back
from orders.changes.steps.state import try_again
from orders.models import OrderUpdate
from syncing.queue import enqueue
from tiposync.console.kit import markup
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import ReadOnlyPage
from tiposync.console.orders import deciding
from tiposync.console.orders.filters import OrderConnectionFilter
from tiposync.console.orders.summary import copy_of, order_arrows, original_of, update_pill

CHANGE = "orders.change_orderupdate"
MOST_ROWS = 1000


def _can_be_tried(update: OrderUpdate) -> bool:
    needs_shop = update.state == OrderUpdate.State.NEEDS_SHOP and update.kind != OrderUpdate.Kind.COPY_CHANGED
    return update.state == OrderUpdate.State.FAILED or needs_shop


@admin.register(OrderUpdate)
class OrderUpdateAdmin(ReadOnlyPage):
    """Later changes, newest first."""

    intro = (
        "Shipments made in the source go back to the destination; cancellations and refunds in the destination go to "
        "the copy, and so do edits, exchanges and payments. What staff change in a copy is told here, its units are "
        "reserved until somebody decides. Each happens once, however often Shopify tells of it."
    )
    empty_title = "Nothing happened to an imported order yet"
    empty_text = (
        "Rows appear when the copy of an order is shipped, or its original is cancelled, refunded or edited. What is "
        "synced is chosen on the page of the connection, under “Orders”."
    )
    empty_link = ("Go to orders", "orders_orderimport_changelist")
    operate_permission = CHANGE
    list_display = ["shown_kind", "shown_order", "shown_state", "shown_reason", "shown_at", "shown_arrows"]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter), OrderConnectionFilter]
    list_filter_submit = True
    search_fields = ["order_import__order_name", "order_import__copy_name", "=origin_gid", "=result_gid"]
    search_help_text = "Search by the name of the order or of its copy, or Shopify's id of the change"
    list_select_related = ["order_import__connection__source", "order_import__connection__destination"]
    actions = ["try_selected_again"]
    operations = ("try_again", "done_by_hand", "carry_back")
    fieldsets = [
        ("Change", {"fields": ["kind", "about", "shown_original", "shown_copy", "shown_state", "reason"]}),
        ("When", {"fields": ["origin_at", "created_at", "sent_at", "confirmed_at"]}),
        ("For developers", {"fields": ["origin_gid", "result_gid", "key", "attempts", "shown_failure"]}),
    ]

    @display(description="Change", ordering="kind")
    def shown_kind(self, update: OrderUpdate) -> str:
        return update.get_kind_display()

    @display(description="Order", ordering="order_import__order_name")
    def shown_order(self, update: OrderUpdate) -> str:
        order_import = update.order_import
        return markup.two_lines(markup.page_of(order_import, order_import.order_name), order_import.connection)

    @display(description="State", ordering="state")
    def shown_state(self, update: OrderUpdate) -> str:
        return update_pill(update)

    @display(description="Result")
    def shown_reason(self, update: OrderUpdate) -> str:
        return markup.wrapped(update.reason)

    @display(description="Happened", ordering="origin_at")
    def shown_at(self, update: OrderUpdate) -> str:
        return markup.ago(update.origin_at or update.created_at)

    @display(description="In Shopify")
    def shown_arrows(self, update: OrderUpdate) -> str:
        return order_arrows(update.order_import)

    @display(description="Order")
    def about(self, update: OrderUpdate) -> str:
        return markup.page_of(update.order_import)

    @display(description="Original")
    def shown_original(self, update: OrderUpdate) -> str:
        return original_of(update.order_import)

    @display(description="Copy")
    def shown_copy(self, update: OrderUpdate) -> str:
        return copy_of(update.order_import)

    @display(description="Kind of problem")
    def shown_failure(self, update: OrderUpdate) -> str:
        return markup.pill(markup.BAD, update.failure) if update.failure else markup.NOTHING

    @operation(
        "Try again",
        "Sends this update to the other side now. What may have been done before is looked for first.",
        permission=CHANGE,
        tone="primary",
        offered=_can_be_tried,
    )
    def try_again(self, request: HttpRequest, update: OrderUpdate) -> str:
        if not _plan_again(update):
            raise ValueError("it was taken up meanwhile.")
        return "It is synced within seconds if a worker is up; reload to see the result."

    @operation(
        "Done by hand",
        "What both contain now is right: somebody has seen to it. Nothing of it is reserved any longer; what "
        "either of them gains or loses from now on is synced, or told, as ever.",
        permission=CHANGE,
        offered=lambda update: update.state == OrderUpdate.State.NEEDS_SHOP,
    )
    def done_by_hand(self, request: HttpRequest, update: OrderUpdate) -> str:
        return deciding.done_by_hand(update.order_import, request.user.get_username())

    @operation(
        "Apply to the original",
        "What staff took off the copy is taken off the original, too, this once, as far as it is not shipped there. No "
        "money moves, nobody is mailed.",
        permission=CHANGE,
        offered=lambda update: (
            update.kind == OrderUpdate.Kind.COPY_CHANGED
            and update.state == OrderUpdate.State.NEEDS_SHOP
            and can_carry_back(update.order_import)
        ),
    )
    def carry_back(self, request: HttpRequest, update: OrderUpdate) -> str:
        return deciding.carry_back(update.order_import, request.user.get_username())

    @action(description="Try again: those that failed", permissions=["operate"])
    def try_selected_again(self, request: HttpRequest, queryset: QuerySet[OrderUpdate]) -> None:
        failed = queryset.filter(state=OrderUpdate.State.FAILED).select_related("order_import__connection")
        count = 0
        for update in failed.order_by("id")[:MOST_ROWS]:
            if _plan_again(update):
                self.log_change(request, update, "Try again.")
                count += 1
        messages.success(request, f"Being synced again: {count}.")


def _plan_again(update: OrderUpdate) -> bool:
    if not try_again(update):
        return False
    enqueue.update_order(update.order_import.connection, update.order_import.order_gid)
    return True
