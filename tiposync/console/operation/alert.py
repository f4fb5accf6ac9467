"""Alerts: what is wrong now and was before, whom to tell, and whether that worked."""

from typing import Any, Protocol

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from syncing.models import Alert, AlertChannel, AlertMessage
from syncing.monitoring import alerts
from syncing.monitoring.channels import MessageNotSent
from tiposync.console.kit import markup
from tiposync.console.kit.filters import ExactFilter
from tiposync.console.kit.list_views import OWN_ALERTS
from tiposync.console.kit.operations import REFUSALS, operation
from tiposync.console.kit.pages import Page, ReadOnlyPage
from tiposync.console.stores.store_form import SecretInput

MESSAGES_SHOWN = 10
CHANGE = "syncing.change_alertchannel"


class ListedChannel(Protocol):
    """What the list reads of a channel."""

    last_messages: list[AlertMessage]


class OpenFilter(ExactFilter):
    """Whether it has ended."""

    title = "open"
    parameter_name = "open"
    conditions = (
        ("yes", "Open", {"resolved_at__isnull": True}),
        ("no", "Ended", {"resolved_at__isnull": False}),
        ("own", "Open, about tiposync itself", OWN_ALERTS),
    )


@admin.register(Alert)
class AlertAdmin(ReadOnlyPage):
    """Problems, newest first."""

    intro = "One line per problem, from when it appeared to when it ended. Lines end by themselves when it is solved."
    empty_title = "Nothing is wrong"
    empty_text = "Problems appear here by themselves, and are told to the channels below “Alert channels”."
    empty_link = ("Go to alert channels", "syncing_alertchannel_changelist")
    list_display = ["shown_kind", "shown_message", "shown_open", "shown_opened", "shown_page"]
    list_filter = [OpenFilter, ("kind", ChoicesDropdownFilter)]
    list_filter_submit = True
    search_fields = ["message"]
    search_help_text = "Search by text"
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "shown_kind",
                    "shown_message",
                    "shown_page",
                    "opened_at",
                    "seen_at",
                    "resolved_at",
                    "recipients",
                ]
            },
        )
    ]

    @display(description="Problem", ordering="kind")
    def shown_kind(self, alert: Alert) -> str:
        return alert.get_kind_display()

    @display(description="What")
    def shown_message(self, alert: Alert) -> str:
        return markup.wrapped(alert.message)

    @display(description="State", ordering="resolved_at")
    def shown_open(self, alert: Alert) -> str:
        return markup.pill(markup.QUIET, "ended") if alert.resolved_at else markup.pill(markup.BAD, "open")

    @display(description="Since", ordering="opened_at")
    def shown_opened(self, alert: Alert) -> str:
        return markup.ago(alert.opened_at)

    @display(description="Page")
    def shown_page(self, alert: Alert) -> str:
        return markup.anchor(alert.path, "Look at it") if alert.path else markup.NOTHING

    @display(description="Told to")
    def recipients(self, alert: Alert) -> str:
        names = alert.messages.order_by().values_list("channel__name", flat=True).distinct()
        return ", ".join(names) or "nobody yet"


class ChannelForm(forms.ModelForm):
    """The webhook's address goes in and never comes out; left blank it stays."""

    class Meta:
        model = AlertChannel
        fields = "__all__"  # the page's fieldsets choose
        widgets = {"url": SecretInput()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["url"] = ""

    def clean_url(self) -> str:
        return self.cleaned_data["url"].strip() or self.instance.url


@admin.register(AlertChannel)
class AlertChannelAdmin(Page):
    """Whom to tell."""

    form = ChannelForm
    intro = (
        "Whom to tell about problems: one message when a problem appears, not one per event, and a daily digest of "
        "what is open."
    )
    empty_title = "Nobody is told yet"
    empty_text = "Add an e-mail address or the webhook of a chat. Until then problems only show under “Alerts”."
    empty_link = ("Add a channel", "syncing_alertchannel_add")
    list_display = ["name", "kind", "is_active", "sends_at_once", "sends_digest", "shown_last"]
    filter_horizontal = ["stores"]
    operations = ("send_test",)
    refusals = (*REFUSALS, MessageNotSent)
    panel_template = "admin/syncing/alertchannel/messages.html"
    conditional_fields = {"addresses": "kind == 'email'", "url": "kind == 'webhook'"}
    fieldsets = [
        (None, {"fields": ["name", "kind", "addresses", "url", "is_active"]}),
        ("What it is told", {"fields": ["sends_at_once", "sends_digest", "stores"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: AlertChannel | None = None) -> list:
        if obj is None or self.has_change_permission(request, obj):
            return list(self.fieldsets)
        # Django shows a viewer the values of all fields: the webhook's address is left out.
        return [(None, {"fields": ["name", "kind", "addresses", "is_active"]}), self.fieldsets[1]]

    def panel(self, request: HttpRequest, row: AlertChannel) -> dict[str, Any]:
        return {"messages": [_shown(message) for message in row.messages.all()[:MESSAGES_SHOWN]]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChannel]:
        newest = AlertMessage.objects.order_by("channel_id", "-id").distinct("channel_id")
        return super().get_queryset(request).prefetch_related(Prefetch("messages", newest, to_attr="last_messages"))

    @display(description="Last message")
    def shown_last(self, channel: ListedChannel) -> str:
        return _shown(channel.last_messages[0])["state"] if channel.last_messages else markup.NOTHING

    @operation(
        "Send a test message",
        "Sends one message now and says whether that worked.",
        permission=CHANGE,
        tone="primary",
    )
    def send_test(self, request: HttpRequest, channel: AlertChannel) -> str:
        alerts.send_test(channel)
        return "Sent. Look whether it arrived."


def _shown(message: AlertMessage) -> dict[str, Any]:
    tones: dict[str, str] = {AlertMessage.State.SENT: markup.GOOD, AlertMessage.State.FAILED: markup.BAD}
    return {
        "title": message.title,
        "purpose": message.get_purpose_display(),
        "state": markup.pill(tones.get(message.state, markup.BUSY), message.get_state_display(), message.error),
        "error": message.error,
        "at": markup.ago(message.sent_at or message.created_at),
    }
