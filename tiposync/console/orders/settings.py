"""How a connection carries orders, on the page of the connection; only the choices that its strategy knows."""

from typing import Any

from django.db.models import TextField
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminTextareaWidget

from orders import decisions
from orders.models import OrderImport, OrderSettings
from stores.models import Connection, Strategy
from stores.shopify import errors
from syncing.queue import enqueue

VIEW, CHANGE = "stores.view_connection", "stores.change_connection"
MOST_ROWS = 5000


class OrderSettingsInline(StackedInline):
    """The one row of a connection's order settings. Who may change the connection may change it."""

    model = OrderSettings
    extra = max_num = 1
    can_delete = False
    hide_title = True
    formfield_overrides = {TextField: {"widget": UnfoldAdminTextareaWidget({"rows": 3})}}
    verbose_name = verbose_name_plural = "orders: how an order of the destination becomes one of the source"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(CHANGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE)

    has_add_permission = has_change_permission

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> list[tuple[str, dict[str, Any]]]:
        """`obj` is the connection as it is saved: a new strategy shows its own choices once it is."""
        is_draft = obj is not None and obj.strategy == Strategy.DRAFT_ORDER
        real = ["payment_status", "inventory_behaviour", "follows_place", "name_pattern"]
        both = ["fulfils_counter_sales", "unlinked", "shows_unlinked", "currency_rate"]
        own = ["sends_invoice", "reserve_days"] if is_draft else real
        return [
            ("The copy", {"fields": ["when", "review_hours", *own, *both]}),
            ("Several sources of one destination", {"fields": ["is_main", "shares_charges"]}),
            ("Who and what", {"fields": ["contact", "contact_email", "carries_tags", "carries_company"]}),
            (
                "Order updates",
                {
                    "fields": [
                        "carries_fulfilments",
                        "notifies_customers",
                        "carries_cancellations",
                        "restocks",
                        "carries_refunds",
                        "copy_changes",
                        "refunds_customer",
                    ]
                },
            ),
            (
                "Mails to the source's staff",
                {
                    "fields": [
                        "notice_addresses",
                        "notifies_new",
                        "notifies_partial",
                        "notifies_failed",
                        "notifies_needs_shop",
                    ]
                },
            ),
        ]


def resume_orders(connection: Connection) -> int:
    """After a change of the settings: consider again what waited, and what failed for want of one; how many."""
    rows = OrderImport.objects.filter(connection=connection)
    waiting = rows.filter(state=OrderImport.State.WAITING)
    failed = rows.filter(state=OrderImport.State.FAILED, failure=errors.MISCONFIGURED)
    count = 0
    for row in (waiting | failed).order_by("id")[:MOST_ROWS]:
        if decisions.import_again(row):
            enqueue.import_order(connection, row.order_gid)
            count += 1
    return count
