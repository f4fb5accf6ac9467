"""What all pages of the console have in common: a sentence above a list, a way on where it is empty, hiding fields."""

import copy
import json
import re
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from tiposync.console.kit.list_views import VIEWS
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import OperatedMixin
from tiposync.console.kit.paginator import ListPaginator
from tiposync.console.kit.reach import may_act_on, within
from tiposync.console.kit.views import chips, tabs
from tiposync.console.times.date_range import PARTS, DateRangeFilter, quick_links

# A titled group of fields on a page of a row, and all of them. (Django's type of them is known to the stubs only.)
Fieldset = tuple[Any, Any]
Fieldsets = list[Fieldset]
DATE_LOOKUPS = ("year", "month", "day", "gte", "lt")
DROPPED = (PAGE_VAR, ERROR_FLAG)  # of an address, where a list is asked for other rows
FILTER_LOOKUPS = ("exact", "id__exact", "isnull", "icontains")  # by the kinds of filters that there are


def listed_rows(page: ModelAdmin, request: HttpRequest) -> QuerySet[Any]:
    """The rows of a list as it is filtered, searched and sorted, of all its pages, for a button above it.

    Raises Http404 where it cannot be: the list itself leads to all of its rows then, and has no such address.
    """
    try:
        return page.get_changelist_instance(request).get_queryset(request)
    except IncorrectLookupParameters:
        raise Http404("The list cannot be filtered so: go back to it, and clear its filters.") from None


def csv_answer(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """A CSV file of this name, whose lines are sent while they are made."""
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


class FirstPageList(ChangeList):
    """A list that has only one page gets that from the paginator, too."""

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            return super().get_filters(request)
        # A filter that the list does not offer; a date that is none, of which Django catches a part.
        except (DisallowedModelAdminLookup, ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(str(error)) from error

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list
        self.result_count = self.paginator.shown_count(len(self.result_list))

    @property
    def counted_words(self) -> str:
        """How many rows there are, for the page's title; '' where nobody counts them."""
        if not self.paginator.is_counted:
            return ""
        return f"{self.result_count} {'result' if self.result_count == 1 else 'results'}"

    @property
    def is_narrowed(self) -> bool:
        """Whether "Show all" would show more."""
        return bool(self.query or self.has_active_filters)


class Page(OperatedMixin, ModelAdmin):
    """A model's pages. `intro` stands above its list; `empty_text` and `empty_link` where there is nothing yet."""

    intro = ""
    empty_title = "Nothing here yet"
    empty_text = ""
    empty_link: tuple[str, str] | None = None  # label, name of a console page
    # What addresses of this list may ask for besides its filters: what links of the console ask for.
    more_lookups: tuple[str, ...] = ()
    list_fullwidth = True
    list_per_page = 50
    paginator = ListPaginator
    show_full_result_count = False
    change_list_template = "admin/console/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """The rows that this user sees, with what `list_select_related` names: the page of a row shows that, too."""
        rows, names = within(super().get_queryset(request)), self.list_select_related
        return rows.select_related(*names) if isinstance(names, list | tuple) and names else rows

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **_seen(db_field, kwargs))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **_seen(db_field, kwargs))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_act_on(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_act_on(obj))

    def get_paginator(self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any) -> Paginator:
        """The list's pages, see tiposync.console.kit.paginator."""
        is_list = queryset.model is self.model  # the history of a row is cut into pages, too
        whole = self.get_queryset(request) if is_list else queryset
        is_searched = is_list and bool(request.GET.get(SEARCH_VAR, "").strip())
        return self.paginator(queryset, *args, **kwargs, whole=whole, is_searched=is_searched)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return FirstPageList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the list offers: a query of anything else tells of columns that nobody is shown, or takes long."""
        offered = {*self.more_lookups, *(f"{self.date_hierarchy}__{part}" for part in DATE_LOOKUPS)}
        for each in self.get_list_filter(request):
            if isinstance(each, type):  # a filter with a name of its own, else one by a field
                name = str(getattr(each, "parameter_name", ""))
            else:
                name = str(each[0] if isinstance(each, tuple) else each)
                if isinstance(each, tuple) and issubclass(each[1], DateRangeFilter):
                    offered |= {f"{name}_{part}" for part in PARTS}
            offered |= {name, *(f"{name}__{how}" for how in FILTER_LOOKUPS)}
        return lookup in offered

    def response_action(self, request: HttpRequest, queryset: QuerySet, *args: Any) -> HttpResponse | None:
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(row_number(number) is not None for number in chosen):
            return super().response_action(request, queryset, *args)
        messages.warning(request, "Nothing was done: something else than rows of this list was chosen.")
        return None  # Django shows the list again

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context: dict[str, Any] = {"intro": self.intro, "empty_title": self.empty_title, "empty_text": self.empty_text}
        if self.empty_link:
            label, name = self.empty_link
            context["empty_link"] = {"label": label, "url": reverse(f"admin:{name}")}
        if ERROR_FLAG in request.GET:
            messages.warning(request, "This list cannot be filtered so: here is all of it.")
        answer = super().changelist_view(request, context | (extra_context or {}))
        shown = getattr(answer, "context_data", None) or {}
        if query := list_query(request):
            for button in shown.get("actions_list") or ():
                _narrow(button, query)
        if "cl" in shown:
            views = VIEWS.get(self.model._meta.label_lower, ())
            shown["views"] = tabs(request, views, within(self.model._default_manager.all()))
            is_view = any(tab["is_active"] for tab in shown["views"])  # its tab says what is shown
            shown["chips"] = [] if is_view else chips(request, shown["cl"])
            ranges = [spec for spec in shown["cl"].filter_specs if isinstance(spec, DateRangeFilter)]
            shown["quick_days"] = [
                link for spec in ranges for link in quick_links(request.GET, spec.parameter_name, drops=DROPPED)
            ]
        return answer

    def render_change_form(self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any) -> HttpResponse:
        form, row = context["adminform"], kwargs.get("obj")
        closed = {str(name) for name in form.readonly_fields}
        if row is not None and closed and getattr(self, "conditional_fields", None):
            form.model_admin = copy.copy(self)  # this request's alone: what is closed depends on who looks
            form.model_admin.conditional_fields = {
                name: settled(condition, row, closed) for name, condition in self.conditional_fields.items()
            }
        return super().render_change_form(request, context, *args, **kwargs)


def _seen(db_field: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a form's field with those rows to choose from that this user sees."""
    rows = given.get("queryset", db_field.remote_field.model._default_manager.all())
    return {**given, "queryset": within(rows)}


def list_query(request: HttpRequest) -> str:
    """What a list is filtered by, searched for and sorted by, as an address has it; not which page of it is open."""
    query = request.GET.copy()
    for name in DROPPED:
        query.pop(name, None)
    return query.urlencode()


def _narrow(button: dict[str, Any], query: str) -> None:
    """Have a button above a list, and those folded into it, ask for the rows that the list shows."""
    if button.get("path"):
        button["path"] += f"?{query}"
    for folded in button.get("items") or ():
        _narrow(folded, query)


def is_list_page(request: HttpRequest) -> bool:
    """Whether the request is for the list of a model's rows."""
    match = request.resolver_match
    return match is not None and (match.url_name or "").endswith("_changelist")


def signed_in(request: HttpRequest) -> User:
    """Who asks. Nobody else comes to a page of the console, which Django cannot tell by the request's type."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def settled(condition: str, row: Model, closed: set[str]) -> str:
    """A condition for the browser with the values of fields that are no inputs on this page in place of their names."""

    def value_of(word: re.Match) -> str:
        return json.dumps(getattr(row, word[0])) if word[0] in closed else word[0]

    return re.sub(r"'[^']*'|\w+", value_of, condition)


class ReadOnlyPage(Page):
    """Rows that the engine writes and a person only reads (and may act on with buttons)."""

    operate_permission = ""
    actions_on_top = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this user may use the actions of the list, which carry `permissions=["operate"]`."""
        return bool(self.operate_permission) and request.user.has_perm(self.operate_permission)
