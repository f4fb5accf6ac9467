"""Conditions of orders that an operator looks for and that are no state."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from orders.models import OrderImport, OrderUpdate
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.numbers import row_number

State, WaitsFor, DraftStatus = OrderImport.State, OrderImport.WaitsFor, OrderImport.DraftStatus

# Somebody has to do something, or nothing will ever happen.
LINKED_LATE = Q(late_links=OrderImport.LateLinks.LINKED)
WAITS_FOR_STAFF = Q(state=State.WAITING, waits_for__in=(WaitsFor.LINKS, WaitsFor.REVIEW))
UNFINISHED = Q(state__in=OrderImport.UNFINISHED)


def needs_attention() -> Q:
    """Orders that failed, wait for somebody, or whose later changes do: few, and each kind of them has an index."""
    kinds = (Q(state=State.FAILED), WAITS_FOR_STAFF, LINKED_LATE)
    orders = [OrderImport.objects.filter(kind).order_by().values("pk") for kind in kinds]
    states = (OrderUpdate.State.FAILED, OrderUpdate.State.NEEDS_SHOP)
    changes = [OrderUpdate.objects.filter(state=state).order_by().values("order_import") for state in states]
    return Q(pk__in=orders[0].union(*orders[1:], *changes))  # an OR of them would look at every order


def condition_of(name: str) -> Q:
    """The orders that a choice of the filter names; all of them where it is none."""
    conditions = {
        "attention": needs_attention(),
        "unfinished": UNFINISHED,
        "payment": Q(state=State.WAITING, waits_for=WaitsFor.PAYMENT),
        "review": Q(state=State.WAITING, waits_for=WaitsFor.REVIEW),
        "links": Q(state=State.WAITING, waits_for=WaitsFor.LINKS) | Q(late_links=OrderImport.LateLinks.WANTED),
        "linked": LINKED_LATE,
        "partial": Q(state=State.CONFIRMED, is_partial=True),
        "drafts": Q(state=State.CONFIRMED, draft_status__in=[DraftStatus.OPEN, DraftStatus.INVOICE_SENT]),
        "changes": _with_changes(OrderUpdate.State.FAILED),
        "shop": _with_changes(OrderUpdate.State.NEEDS_SHOP),
    }
    return conditions.get(name, Q())


class ProgressFilter(DropdownFilter):
    """What wants attention, or is not over yet."""

    title = "status"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("attention", "Needs attention: failed, waits for links or review, or needs the shop"),
            ("unfinished", "No copy yet"),
            ("payment", "Waits for its payment"),
            ("review", "Waits for review"),
            ("links", "Waits for links"),
            ("linked", "Linked since: to be decided"),
            ("partial", "Imported in part"),
            ("drafts", "Drafts not completed yet"),
            ("changes", "An order update failed"),
            ("shop", "Needs the shop"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderImport]) -> QuerySet[OrderImport]:
        return queryset.filter(condition_of(self.value() or ""))


def _with_changes(state: str) -> Q:
    return Q(pk__in=OrderUpdate.objects.filter(state=state).values("order_import"))


class OrderConnectionFilter(ConnectionFilter):
    """By the connection of a later change's order."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderUpdate]) -> QuerySet[OrderUpdate]:
        number = row_number(self.value())
        return queryset if number is None else queryset.filter(order_import__connection=number)
