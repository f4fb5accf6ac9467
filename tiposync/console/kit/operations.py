"""Buttons on the page of a row: each says beforehand what it will do, is a POST, and leaves a line in the history."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from stores.shopify.errors import ShopifyError
from tiposync.console.kit.reach import may_act_on

# What a feature raises with words for the operator; anything else is a bug and shall look like one.
REFUSALS = (ValueError, ValidationError, ShopifyError, ImproperlyConfigured)


class Warned(str):
    """The outcome of an operation that was done but found something wrong: shown as a warning, not as a success."""


class Undoable(str):
    """The outcome of an operation that can be taken back: `tags` name the decision, for the button of its message."""

    tags: str = ""


@dataclass(frozen=True)
class Operation:
    """A button: its label, what it will do in a sentence (or a function of the row), who may press it, and when."""

    label: str
    explanation: str | Callable[[Any], str]
    permission: str
    tone: str = "default"
    offered: Callable[[Any], bool] = lambda row: True
    is_page: bool = False
    is_inline: bool = False


def operation(label: str, explanation: str | Callable[[Any], str], *, permission: str, **options: Any) -> Callable:
    """Make a method `(self, request, row) -> words | response | None` of a page a button of its rows.

    `offered(row)` tells whether the button applies now; `is_page` makes it a link to a page that only shows something;
    `is_inline` keeps it out of the list of buttons, for a template that draws it itself.
    """

    def decorate(method: Callable) -> Callable:
        vars(method)["operation"] = Operation(label, explanation, permission, **options)
        return method

    return decorate


def refusal_words(error: Exception) -> str:
    """What a feature said when it refused."""
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def _may_press(request: HttpRequest, row: Model, button: Operation) -> bool:
    return request.user.has_perm(button.permission) and (button.is_page or may_act_on(row))


class OperatedMixin(admin.ModelAdmin):
    """Gives a ModelAdmin buttons: `operations` names its methods that carry one, in the order of the page."""

    operations: tuple[str, ...] = ()
    refusals: tuple[type[Exception], ...] = REFUSALS
    panel_template = ""
    add_panel_template = ""
    change_form_outer_before_template = "admin/console/panel.html"

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        view = self.admin_site.admin_view(self.do_view)
        return [path("<path:object_id>/do/<slug:name>/", view, name=name), *super().get_urls()]

    def do_url(self, row: Model, name: str) -> str:
        """The address that does the operation `name` to a row."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_do", args=[row.pk, name])

    def offered(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        """The buttons of a row for this user, as the template draws them."""
        buttons = []
        for name in self.operations:
            button: Operation = getattr(self, name).operation
            if button.is_inline or not _may_press(request, row, button) or not button.offered(row):
                continue
            explanation = button.explanation(row) if callable(button.explanation) else button.explanation
            buttons.append(
                {
                    "name": name,
                    "label": button.label,
                    "explanation": explanation,
                    "tone": button.tone,
                    "is_page": button.is_page,
                    "url": self._with_list(request, self.do_url(row, name)),
                }
            )
        return buttons

    def is_busy(self, row: Any) -> bool:
        """Whether workers are at this row now: its page is fetched again until they are done."""
        return False

    def panel(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the top of a row's page tells besides its buttons: names for its `panel_template`."""
        return {}

    def add_panel(self, request: HttpRequest) -> dict[str, Any]:
        """What the page that adds a row tells above its form: names for its `add_panel_template`."""
        return {}

    def render_change_form(self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any) -> HttpResponse:
        row = kwargs.get("obj")
        if row is not None and row.pk:
            # Work that ends while the page is drawn may show nowhere on it: a row from before, jobs from after. So the
            # row is read after it was asked, and what was busy before or after is fetched once more.
            was_busy = self.is_busy(row)
            row = self.get_queryset(request).filter(pk=row.pk).first() or row
            context["operations"] = self.offered(request, row)
            context["panel_template"] = self.panel_template
            context["panel"] = self.panel(request, row)
            context["is_busy"] = self.is_busy(row) or was_busy
        else:
            context["panel_template"] = self.add_panel_template
            context["panel"] = self.add_panel(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def do_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Do one operation to one row; what a feature refuses is shown in its own words."""
        if not self.has_view_permission(request):
            raise PermissionDenied  # before it is told which rows exist
        row = self.get_object(request, unquote(object_id))
        if row is None or name not in self.operations:
            # Django's own answer; the stubs lack it.
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        method = getattr(self, name)
        button: Operation = method.operation
        if not (self.has_view_permission(request, row) and _may_press(request, row, button)):
            raise PermissionDenied
        if not button.is_page and request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not button.offered(row):
            messages.warning(request, f"“{button.label}” does not apply any more: the page shows the status now.")
            return self._back(request, row)
        try:
            outcome = method(request, row)
        except self.refusals as error:
            messages.error(request, f"{button.label}: {refusal_words(error)}")
            return self._back(request, row)
        return self._respond(request, row, button, outcome)

    def _respond(self, request: HttpRequest, row: Model, button: Operation, outcome: Any) -> HttpResponse:
        if button.is_page:
            return outcome
        if isinstance(outcome, TemplateResponse):  # it asks first: nothing was done yet
            return outcome
        if isinstance(outcome, HttpResponse):
            self.log_change(request, row, f"{button.label}.")
            return outcome
        self.log_change(request, row, f"{button.label}: {outcome}" if outcome else f"{button.label}.")
        add_message = messages.warning if isinstance(outcome, Warned) else messages.success
        tags = outcome.tags if isinstance(outcome, Undoable) else ""
        add_message(request, outcome or f"{button.label}: done.", extra_tags=tags)
        return self._back(request, row)

    def _back(self, request: HttpRequest, row: Model) -> HttpResponseRedirect:
        wanted = request.POST.get("next", "")
        if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
            return HttpResponseRedirect(wanted)
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(self._with_list(request, reverse(name, args=[row.pk])))

    def _with_list(self, request: HttpRequest, url: str) -> str:
        """The address with the filters of the list that the page was opened from: the way back leads to those rows."""
        filters = request.GET.get("_changelist_filters", "")
        return f"{url}?{urlencode({'_changelist_filters': filters})}" if filters else url
