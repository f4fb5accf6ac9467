"""Every change of the configuration with its author: read-only."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter
from unfold.decorators import display

from stores.history import WATCHED
from stores.models import ConfigurationChange
from tiposync.console.kit import markup
from tiposync.console.kit.filters import DropdownFilter
from tiposync.console.kit.pages import ReadOnlyPage

TONES = {"insert": markup.GOOD, "update": markup.BUSY, "delete": markup.BAD}
FIELDS_IN_LIST = 4


def label_of(table: str) -> str:
    """What people call a table's rows."""
    model = _model_of(table)
    return str(model._meta.verbose_name).capitalize() if model else table.replace("_", " ").capitalize()


def _model_of(table: str) -> Any:
    return next((model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table), None)


class TableFilter(DropdownFilter):
    """By what was changed."""

    title = "what"
    parameter_name = "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(watched.table, label_of(watched.table)) for watched in WATCHED]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(table=self.value()) if self.value() else queryset


@admin.register(ConfigurationChange)
class ConfigurationChangeAdmin(ReadOnlyPage):
    """Changes, newest first."""

    intro = (
        "Who changed which setting of a store, a connection, its orders or product sync, an alert or a user, and when. "
        "The database writes it, so changes by commands are here, too. Secrets are never shown: only that they changed."
    )
    empty_title = "Nothing has been changed yet"
    empty_text = "Lines appear when somebody adds or changes a store, a connection, or another setting."
    date_hierarchy = "at"
    list_display = ["shown_at", "shown_author", "shown_kind", "what", "shown_fields"]
    list_filter = [TableFilter, ("kind", ChoicesDropdownFilter), ("author", FieldTextFilter)]
    list_filter_submit = True
    search_fields = ["row_name", "author", "=row_id"]
    search_help_text = "Search by name, author or number"
    fieldsets = [(None, {"fields": ["shown_at", "shown_author", "shown_kind", "what", "all_fields"]})]

    @display(description="When", ordering="at")
    def shown_at(self, change: ConfigurationChange) -> str:
        return markup.exact(change.at)

    @display(description="Who", ordering="author")
    def shown_author(self, change: ConfigurationChange) -> str:
        return change.author or markup.two_lines("Background worker", change.program)

    @display(description="What happened", ordering="kind")
    def shown_kind(self, change: ConfigurationChange) -> str:
        return markup.pill(TONES[change.kind], change.get_kind_display())

    @display(description="Row", ordering="table")
    def what(self, change: ConfigurationChange) -> str:
        name = change.row_name or f"{label_of(change.table)} {change.row_id}"
        model = _model_of(change.table)
        try:
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[change.row_id])
        except (NoReverseMatch, AttributeError):
            return markup.two_lines(name, label_of(change.table))
        return markup.two_lines(markup.anchor(url, name), label_of(change.table))

    @display(description="What changed")
    def shown_fields(self, change: ConfigurationChange) -> str:
        lines = list(_lines(change))
        more = f" and {len(lines) - FIELDS_IN_LIST} more" if len(lines) > FIELDS_IN_LIST else ""
        return markup.wrapped("; ".join(lines[:FIELDS_IN_LIST]) + more)

    @display(description="What changed")
    def all_fields(self, change: ConfigurationChange) -> str:
        return markup.preformatted("\n".join(_lines(change)))


def _lines(change: ConfigurationChange) -> list[str]:
    fields = _fields_of(change.table)
    lines = []
    for name, (before, after) in sorted(change.fields.items()):
        label, choices = fields.get(name, (name.replace("_", " "), {}))
        if choices:
            before, after = (choices.get(value, value) if _is_plain(value) else value for value in (before, after))
        lines.append(f"{label}: {_words(change, before, after)}")
    return lines


def _fields_of(table: str) -> dict[str, tuple[str, dict[Any, Any]]]:
    """By column: what people call it, and its choices in words."""
    model = _model_of(table)
    fields = model._meta.concrete_fields if model else ()
    return {field.column: (str(field.verbose_name), dict(field.flatchoices)) for field in fields}


def _words(change: ConfigurationChange, before: Any, after: Any) -> str:
    if change.kind == ConfigurationChange.Kind.INSERT:
        return _word(after)
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in sorted(before | after) if before.get(key) != after.get(key)]
        return ", ".join(f"{key} {_word(before.get(key))} → {_word(after.get(key))}" for key in keys)
    return f"{_word(before)} → {_word(after)}" if change.kind == ConfigurationChange.Kind.UPDATE else _word(before)


def _word(value: Any) -> str:
    return (
        {None: "nothing", "": "empty", True: "yes", False: "no"}.get(value, str(value))
        if _is_plain(value)
        else str(value)
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool)
