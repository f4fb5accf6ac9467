"""What customers asked through Shopify: what is due, what was done, and what is kept about one of them."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from syncing.models import PrivacyRequest
from syncing.upkeep import privacy
from tiposync.console.kit import markup
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import ReadOnlyPage

CHANGE = "syncing.change_privacyrequest"


def _is_question(request: PrivacyRequest) -> bool:
    return request.kind == PrivacyRequest.Kind.DATA and request.state == PrivacyRequest.State.OPEN


@admin.register(PrivacyRequest)
class PrivacyRequestAdmin(ReadOnlyPage):
    """Requests, newest first."""

    intro = (
        "Requests of customers that Shopify passed on. Forgetting is done by itself; what is kept about a customer is "
        "exported here and sent to the customer by the store."
    )
    empty_title = "No requests"
    empty_text = "They come through the compliance webhooks, which are set up in the app's settings at Shopify."
    list_display = ["__str__", "customer_id", "shown_state", "shown_due", "outcome"]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["store"]
    operations = ("export", "finish")
    fieldsets = [
        (None, {"fields": ["store", "kind", "reference", "customer_id", "order_ids"]}),
        ("What became of it", {"fields": ["shown_state", "outcome", "received_at", "due_at", "done_at"]}),
    ]

    @display(description="State", ordering="state")
    def shown_state(self, request: PrivacyRequest) -> str:
        return markup.state_pill(request)

    @display(description="Due", ordering="due_at")
    def shown_due(self, request: PrivacyRequest) -> str:
        return markup.exact(request.due_at)

    @operation(
        "Export",
        "Downloads everything that is kept about this customer here, to be sent to them by the store.",
        permission=CHANGE,
        offered=_is_question,
        is_page=True,
    )
    def export(self, request: HttpRequest, row: PrivacyRequest) -> HttpResponse:
        self.log_change(request, row, "Export.")
        answer = JsonResponse({"kept": privacy.export(row)}, json_dumps_params={"indent": 2, "ensure_ascii": False})
        answer.headers["Content-Disposition"] = f'attachment; filename="customer-{row.customer_id}.json"'
        return answer

    @operation(
        "Answered",
        "Notes that the customer has been answered.",
        permission=CHANGE,
        tone="primary",
        offered=_is_question,
    )
    def finish(self, request: HttpRequest, row: PrivacyRequest) -> str:
        privacy.finish(row, request.user.get_username())
        return "Noted as answered."
