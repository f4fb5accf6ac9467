"""Filters of the console's lists that need one query however many connections there are."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from stores.models import Connection, Store
from syncing.models import StockHold
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.reach import within


class ConnectionFilter(DropdownFilter):
    """By the listed model's `connection`."""

    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = within(Connection.objects.select_related("source", "destination"))
        return [(str(row.pk), str(row)) for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        number = row_number(self.value())
        return queryset if number is None else queryset.filter(connection=number)


class StoreFilter(RelatedDropdownFilter):
    """By a key to a store."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(store.pk, str(store)) for store in within(Store.objects.all())]


class ExactFilter(DropdownFilter):
    """A few named conditions: subclasses give `conditions`, (value, words, filter keywords) each."""

    conditions: tuple[tuple[str, str, dict[str, Any]], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, words, _ in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = [keywords for value, _, keywords in self.conditions if value == self.value()]
        return queryset.filter(**wanted[0]) if wanted else queryset


class StoreAttentionFilter(ExactFilter):
    """Stores with a problem; one that is paused waits for nobody."""

    title = "attention"
    parameter_name = "attention"
    conditions = (
        (
            "open",
            "Needs attention",
            {"status__in": (Store.Status.ATTENTION, Store.Status.DISCONNECTED), "is_paused": False},
        ),
    )


def open_causes() -> Q:
    """The causes of reviews of which something waits that whoever asks sees."""
    # By a subquery that begins with what is open, which is little.
    return Q(pk__in=within(StockHold.objects.filter(state=StockHold.State.OPEN, cause__isnull=False)).values("cause"))


class OpenReviewsFilter(DropdownFilter):
    """Causes of reviews by whether something waits for a decision."""

    title = "status"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Needs review"), ("no", "Decided")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(open_causes() if self.value() == "yes" else ~open_causes())
