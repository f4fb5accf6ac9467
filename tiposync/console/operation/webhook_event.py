"""What Shopify sent: every delivery as it came, what became of it, and "Replay"."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from stores.models import Connection, Store
from stores.shopify.webhooks import HEADER_TOPICS
from syncing.models import WebhookEvent
from syncing.upkeep.concerned import ABOUT_PEOPLE, is_about_people
from syncing.webhooks import inbox
from syncing.webhooks.topics import EFFECTS
from tiposync.console.kit import markup
from tiposync.console.kit.exporting import ExportedList
from tiposync.console.kit.filters import ConnectionFilter, StoreFilter
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import Fieldsets, is_list_page
from tiposync.console.kit.paginator import EndlessPaginator
from tiposync.console.kit.reach import within
from tiposync.console.times.date_range import DateRangeFilter

READ_BODIES = "syncing.read_bodies"
CLOSED = "It tells of a customer. A manager or an administrator may read it."
NEWEST_EVENTS = 2_000


class TopicFilter(DropdownFilter):
    """By the topic, of those that Shopify may send us."""

    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(topic, topic) for topic in sorted({*EFFECTS, *HEADER_TOPICS})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        return queryset.filter(topic=self.value()) if self.value() else queryset


class EitherStoreFilter(ConnectionFilter):
    """By a connection: what came from either of its stores."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        number = row_number(self.value())
        if number is None:
            return queryset
        ends = within(Connection.objects.filter(pk=number)).values_list("source", "destination")
        return queryset.filter(store__in=[store for pair in ends for store in pair])


@admin.register(WebhookEvent)
class WebhookEventAdmin(ExportedList):
    """Deliveries, newest first."""

    intro = (
        "Everything Shopify sent, stored once as it came. Replaying is safe: a webhook only tells where to look, and "
        "an old value never overrides a newer one."
    )
    empty_title = "No webhooks yet"
    empty_text = (
        "Shopify sends one when stock or a product changes. If nothing arrives, open the store and press "
        "“Check store”: it shows where Shopify sends webhooks and repairs the subscriptions."
    )
    empty_link = ("Go to stores", "stores_store_changelist")
    operate_permission = "syncing.change_webhookevent"
    paginator = EndlessPaginator
    list_display = ["shown_topic", "shown_store", "shown_state", "shown_reason", "shown_triggered", "shown_received"]
    more_lookups = ("received_at__gte", "received_at__lte")
    list_filter = [
        ("state", ChoicesDropdownFilter),
        TopicFilter,
        ("store", StoreFilter),
        EitherStoreFilter,
        ("received_at", DateRangeFilter),
    ]
    list_filter_submit = True
    search_fields = ["webhook_id"]
    search_help_text = f"Search by webhook id; the newest {NEWEST_EVENTS:,} also by event id or text of the body"
    list_select_related = ["store"]
    actions = ["replay_selected"]
    operations = ("replay",)
    fieldsets = [
        ("Delivery", {"fields": ["topic", "about", "shown_state", "shown_reason"]}),
        ("When", {"fields": ["triggered_at", "received_at", "processed_at"]}),
        ("Identity", {"fields": ["webhook_id", "event_id", "api_version"]}),
        ("Content", {"fields": ["shown_body"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        # Bodies can be megabytes: a list of fifty does not need them.
        rows = super().get_queryset(request)
        return rows.defer("body") if is_list_page(request) else rows

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Bodies are not indexed: text is looked for in the newest ones."""
        if not (term := search_term.strip()):
            return queryset, False
        # Named stores let the index of delivery_stored_once find the id.
        stores = list(Store.objects.values_list("pk", flat=True))
        if delivered := list(
            WebhookEvent.objects.filter(store__in=stores, webhook_id=term).values_list("pk", flat=True)
        ):
            return queryset.filter(pk__in=delivered), False
        newest = WebhookEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        in_body = Q(body__icontains=term)
        if not request.user.has_perm(READ_BODIES):
            in_body &= ~ABOUT_PEOPLE  # what may not be read may not be guessed either
        return queryset.filter(in_body | Q(event_id=term), pk__gt=newest - NEWEST_EVENTS), False

    def get_fieldsets(self, request: HttpRequest, obj: WebhookEvent | None = None) -> Fieldsets:
        """Without the body for who may not read it."""
        shown = super().get_fieldsets(request, obj)
        if obj is None or not is_about_people(obj.topic) or request.user.has_perm(READ_BODIES):
            return list(shown)
        return [*shown[:-1], ("Content", {"fields": ["closed_body"]})]

    @display(description="Body")
    def closed_body(self, event: WebhookEvent) -> str:
        return CLOSED

    @display(description="Topic")
    def shown_topic(self, event: WebhookEvent) -> str:
        return event.topic

    @display(description="Store")
    def shown_store(self, event: WebhookEvent) -> str:
        return str(event.store)

    @display(description="Store")
    def about(self, event: WebhookEvent) -> str:
        return markup.page_of(event.store)

    @display(description="State")
    def shown_state(self, event: WebhookEvent) -> str:
        return markup.state_pill(event)

    @display(description="Result")
    def shown_reason(self, event: WebhookEvent) -> str:
        return markup.wrapped(event.reason)

    @display(description="Happened")
    def shown_triggered(self, event: WebhookEvent) -> str:
        return markup.ago(event.triggered_at, markup.NOTHING)

    @display(description="Received", ordering="received_at")
    def shown_received(self, event: WebhookEvent) -> str:
        return markup.ago(event.received_at)

    @display(description="Body")
    def shown_body(self, event: WebhookEvent) -> str:
        try:
            return markup.preformatted(markup.pretty_json(json.loads(event.body)))
        except ValueError:
            return markup.preformatted(event.body)

    @operation(
        "Replay",
        "Processes this delivery once more, as if it had just arrived. Safe: what is already known changes nothing.",
        permission="syncing.change_webhookevent",
        tone="primary",
    )
    def replay(self, request: HttpRequest, event: WebhookEvent) -> str:
        inbox.replay(event)
        return "Waiting to be processed again. Reload in a few seconds to see the result."

    @action(description="Replay: process the selected deliveries once more", permissions=["operate"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        count = 0
        for event in queryset.order_by("id").iterator():
            inbox.replay(event)
            self.log_change(request, event, "Replay.")
            count += 1
        messages.success(request, f"Waiting to be processed again: {count}.")
