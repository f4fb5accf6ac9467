"""Filters of the console's lists that need one query however many connections there are."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from stores.models import Connection


class ConnectionFilter(DropdownFilter):
    """By the listed model's `connection`."""

    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Connection.objects.select_related("source", "destination")
        return [(str(row.pk), str(row)) for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(connection=self.value()) if (self.value() or "").isdigit() else queryset


class ExactFilter(DropdownFilter):
    """A few named conditions: subclasses give `conditions`, (value, words, filter keywords) each."""

    conditions: tuple[tuple[str, str, dict[str, Any]], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, words, _ in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = [keywords for value, _, keywords in self.conditions if value == self.value()]
        return queryset.filter(**wanted[0]) if wanted else queryset
