"""Filters of the console's lists that need one query however many connections there are."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from stores.models import Connection
from tiposync.console.kit.numbers import row_number


class ConnectionFilter(DropdownFilter):
    """By the listed model's `connection`."""

    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Connection.objects.select_related("source", "destination")
        return [(str(row.pk), str(row)) for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        number = row_number(self.value())
        return queryset if number is None else queryset.filter(connection=number)


class DayFilter(TextFilter):
    """By the day on which a row was made; `field` is the column."""

    title = "day"
    parameter_name = "day"
    field = "created_at"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value():
            return queryset
        try:
            began = datetime.strptime(self.value().strip(), "%Y-%m-%d").replace(tzinfo=UTC)
            ended = began + timedelta(days=1)
        except (ValueError, OverflowError):
            messages.warning(request, f"“{self.value()}” is no day. Write it like {timezone.now():%Y-%m-%d}.")
            return queryset
        of_day = {f"{self.field}__gte": began, f"{self.field}__lt": ended}
        # The rows of a day lie beside each other: named by the first and the last of them they are found at once. (With
        # a count, else the database would look for the first one from the first of the table on.)
        rows = queryset.model.objects.filter(**of_day)
        span = rows.aggregate(first=Min("pk"), last=Max("pk"), count=Count("pk"))
        return queryset.filter(**of_day, pk__gte=span["first"] or 0, pk__lte=span["last"] or 0)


class ExactFilter(DropdownFilter):
    """A few named conditions: subclasses give `conditions`, (value, words, filter keywords) each."""

    conditions: tuple[tuple[str, str, dict[str, Any]], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, words, _ in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = [keywords for value, _, keywords in self.conditions if value == self.value()]
        return queryset.filter(**wanted[0]) if wanted else queryset
