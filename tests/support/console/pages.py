"""Every address of the console's lists: with each choice of each filter, each column to sort by, searches and dates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from unfold.contrib.filters.admin import FieldTextFilter

from tiposync.console.times.date_range import DateRangeFilter

FAR_PAGE = 100


def registered() -> dict[str, admin.ModelAdmin]:
    """The console's pages by their model's label, "app.model"."""
    return {f"{model._meta.app_label}.{model._meta.model_name}": page for model, page in admin.site._registry.items()}


def list_url(label: str) -> str:
    """The address of the list of "app.model"."""
    return f"/admin/{label.replace('.', '/')}/"


def row_url(row: Model) -> str:
    """The address of a row's page."""
    return f"{list_url(f'{row._meta.app_label}.{row._meta.model_name}')}{row.pk}/change/"


@dataclass(frozen=True)
class Case:
    """What a person can ask of a list: by a `means` ("plain", a filter's parameter, "search", "sort" …) and words."""

    means: str
    words: str
    query: str = ""


def list_cases(client: Client, label: str, terms: tuple[str, ...]) -> list[Case]:
    """Everything that can be asked of a list, the plain one first; nothing of a page that leads somewhere else."""
    answer = client.get(list_url(label))
    context = getattr(answer, "context_data", None)
    if answer.status_code != 200 or not context or "cl" not in context:
        return []
    listed: ChangeList = context["cl"]
    cases = [Case("plain", "first page")]
    for spec in listed.filter_specs:
        cases += [Case(name, f"{name} = {value}", f"?{name}={value}") for name, value in _choices(spec)]
    if listed.search_fields:
        cases += [Case("search", f"search “{term}”", f"?q={quote_plus(term)}") for term in terms]
    for number, name in _sortable(listed):
        cases += [Case("sort", f"by {name}", f"?o={number}"), Case("sort", f"by {name}, backwards", f"?o=-{number}")]
    far = min(FAR_PAGE, listed.paginator.num_pages)
    return [*cases, *_dates(listed), *([Case("page", f"page {far}", f"?p={far}")] if far > 1 else [])]


def _choices(spec: Any) -> Iterator[tuple[str, Any]]:
    """(parameter, value) of each choice of a filter."""
    if isinstance(spec, FieldTextFilter):
        yield spec.lookup_kwarg, "stock"
    elif isinstance(spec, DateRangeFilter):
        yield f"{spec.parameter_name}_from_0", f"{timezone.now():%Y-%m-%d}"
    elif isinstance(spec, admin.SimpleListFilter):
        yield from ((spec.parameter_name, value) for value, _ in spec.lookup_choices)
    elif isinstance(spec, admin.BooleanFieldListFilter):
        yield from ((spec.lookup_kwarg, value) for value in "10")
    elif isinstance(spec, admin.ChoicesFieldListFilter):
        yield from ((spec.lookup_kwarg, value) for value, _ in spec.field.flatchoices)
    elif isinstance(spec, admin.RelatedFieldListFilter):
        yield from ((spec.lookup_kwarg, value) for value, _ in spec.lookup_choices)
    else:
        raise TypeError(f"Tell here which choices {type(spec).__name__} offers.")


def _sortable(listed: ChangeList) -> list[tuple[int, str]]:
    return [
        (number, str(name)) for number, name in enumerate(listed.list_display) if listed.get_ordering_field(str(name))
    ]


def _dates(listed: ChangeList) -> Iterator[Case]:
    if field := listed.date_hierarchy:
        newest = listed.model.objects.order_by(f"-{field}").values_list(field, flat=True).first()
        if newest:
            month = f"?{field}__year={newest.year}&{field}__month={newest.month}"
            yield Case("date", "one month", month)
            yield Case("date", "one day", f"{month}&{field}__day={newest.day}")
