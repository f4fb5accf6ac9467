"""What all list pages of the console have in common: a sentence of what they show, and an empty state with a way on."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from unfold.admin import ModelAdmin

from stores.admin.operations import OperatedMixin


class Page(OperatedMixin, ModelAdmin):
    """A model's pages. `intro` stands above its list; `empty_text` and `empty_link` where there is nothing yet."""

    intro = ""
    empty_title = "Nothing here yet"
    empty_text = ""
    empty_link: tuple[str, str] | None = None  # label, name of a console page
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/console/change_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"intro": self.intro, "empty_title": self.empty_title, "empty_text": self.empty_text}
        if self.empty_link:
            label, name = self.empty_link
            context["empty_link"] = {"label": label, "url": reverse(f"admin:{name}")}
        return super().changelist_view(request, context | (extra_context or {}))


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
