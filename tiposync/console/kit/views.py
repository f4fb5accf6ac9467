"""The views of a list: tabs that each show certain rows, with how many there are, and the filters that are on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib.admin.options import IS_FACETS_VAR, IS_POPUP_VAR
from django.contrib.admin.views.main import (
    ALL_VAR,
    ERROR_FLAG,
    ORDER_VAR,
    PAGE_VAR,
    SEARCH_VAR,
)
from django.core.exceptions import EmptyResultSet
from django.db import connection as db
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

LARGEST_COUNT = 999
NO_FILTERS = {ALL_VAR, ERROR_FLAG, IS_FACETS_VAR, IS_POPUP_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR}


@dataclass(frozen=True)
class View:
    """A tab: its words, the query of its address, and the rows that this query shows, if they are counted.

    `cause` is what the page of all that needs attention calls these rows, `next_step` what a person does about one.
    """

    label: str
    query: str = ""
    rows: Callable[[], Q] | None = None
    cause: str = ""
    next_step: str = ""


def count_each(found: Sequence[QuerySet]) -> list[int]:
    """How many rows there are of each, in one query; of none more than LARGEST_COUNT and one are counted."""
    parts: list[str] = []
    arguments: list[Any] = []
    for rows in found:
        try:
            statement, own = rows.order_by().values("pk")[: LARGEST_COUNT + 1].query.sql_with_params()
        except EmptyResultSet:
            parts.append("0")
        else:
            parts.append(f"(SELECT count(*) FROM ({statement}) AS part)")
            arguments += own
    if not arguments and all(part == "0" for part in parts):
        return [0] * len(parts)
    with db.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), arguments)
        return list(cursor.fetchone())


def count_words(count: int) -> str:
    """A number as a badge shows it: beyond LARGEST_COUNT it helps nobody, and would be counted on every page."""
    return f"{LARGEST_COUNT}+" if count > LARGEST_COUNT else str(count)


def tabs(request: HttpRequest, views: Sequence[View], rows: QuerySet) -> list[dict[str, Any]]:
    """The tabs as the page draws them; `rows` are all that this user sees."""
    counted = [view for view in views if view.rows]
    counts = dict(zip(counted, count_each([rows.filter(view.rows()) for view in counted if view.rows]), strict=True))
    asked = {name: value for name, value in request.GET.items() if name not in NO_FILTERS and value}
    return [
        {
            "label": view.label,
            "url": f"?{view.query}",
            "is_active": dict(parse_qsl(view.query)) == asked,
            "badge": count_words(counts[view]) if counts.get(view) else "",
        }
        for view in views
    ]


def chips(request: HttpRequest, changes: ChangeList) -> list[dict[str, str]]:
    """The filters that are on, in words, each with the address of the list without it."""
    left = {name: values for name, values in request.GET.lists() if name not in NO_FILTERS and any(values)}
    found = []
    for spec in changes.filter_specs:
        names = [name for name in (spec.expected_parameters() or []) if name in left]
        if names:
            values = [_value(spec, value) for name in names for value in left.pop(name)]
            words = getattr(spec, "words", "") or ", ".join(values)
            found.append(_chip(request, names, f"{str(spec.title).capitalize()}: {words}"))
    for name, values in left.items():
        label = name.replace("__", " ").replace("_", " ").removesuffix(" exact").capitalize()
        found.append(_chip(request, [name], f"{label}: {', '.join(values)}"))
    return found


def _value(spec: Any, value: str) -> str:
    """What the filter calls one of its values."""
    field = getattr(spec, "field", None)
    known = [*(getattr(spec, "lookup_choices", None) or ()), *(getattr(field, "flatchoices", None) or ())]
    known += [("1", "Yes"), ("0", "No")] if not known else []
    return next((str(label) for each, label in known if str(each) == value), value)


def _chip(request: HttpRequest, names: list[str], words: str) -> dict[str, str]:
    query = [(name, value) for name, values in request.GET.lists() for value in values]
    rest = [(name, value) for name, value in query if name not in (*names, PAGE_VAR, ERROR_FLAG)]
    return {"words": words, "url": f"?{urlencode(rest)}"}
