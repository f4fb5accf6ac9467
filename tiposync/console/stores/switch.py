"""The global switch, and the banner that every page shows while it is off."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.messages import ERROR, get_messages
from django.contrib.messages.storage.base import Message
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from unfold.decorators import display

from stores.models import Connection, SyncSwitch
from syncing.queue import enqueue
from tiposync.console.kit import markup
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import ReadOnlyPage

CHANGE = "stores.change_syncswitch"


class BannerAndMessages:
    """A page's messages, with a banner before them while everything is stopped."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _all(self) -> list[Message]:
        switch = SyncSwitch.objects.filter(is_stopped=True).first()
        return ([Message(ERROR, banner(switch))] if switch else []) + list(get_messages(self._request))

    def __iter__(self) -> Iterator[Message]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def banner(switch: SyncSwitch) -> str:
    """What every page says while the switch is off."""
    return format_html(
        'All syncing is stopped{}: webhooks are recorded, nothing is read or written. <a href="{}"><b>{}</b></a>',
        f" ({switch.reason})" if switch.reason else "",
        reverse("admin:stores_syncswitch_change", args=[switch.pk]),
        "Look at the switch",
    )


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every page of the console gets (UNFOLD's GLOBAL_CALLBACK)."""
    return {"messages": BannerAndMessages(request)} if request.user.is_authenticated else {}


@admin.register(SyncSwitch)
class SyncSwitchAdmin(ReadOnlyPage):
    """The one row; its list leads straight to it."""

    operations = ("stop", "resume")
    fieldsets = [
        (
            "Global switch",
            {
                "fields": ["shown_state", "reason", "changed_at"],
                "description": "While stopped, webhooks are recorded but nothing is read from or written to any store.",
            },
        )
    ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:stores_syncswitch_change", args=[SyncSwitch.load().pk]))

    @display(description="State")
    def shown_state(self, switch: SyncSwitch) -> str:
        return markup.pill(markup.BAD, "Stopped") if switch.is_stopped else markup.pill(markup.GOOD, "On")

    @operation(
        "Stop everything",
        "From now on nothing is read from or written to any store. Webhooks are still recorded, so nothing is lost.",
        permission=CHANGE,
        tone="danger",
        offered=lambda switch: not switch.is_stopped,
    )
    def stop(self, request: HttpRequest, switch: SyncSwitch) -> str:
        switch.is_stopped, switch.reason = True, f"by {request.user.get_username()}"
        switch.save()
        return "All syncing is stopped. Work in progress ends with the write it is at."

    @operation(
        "Resume everything",
        "Syncing goes on. Every started connection is compared with Shopify first, then brought in step.",
        permission=CHANGE,
        tone="primary",
        offered=lambda switch: switch.is_stopped,
    )
    def resume(self, request: HttpRequest, switch: SyncSwitch) -> str:
        switch.is_stopped, switch.reason = False, ""
        switch.save()
        started = Connection.objects.filter(state=Connection.State.RUNNING)
        count = 0
        for connection in started.select_related("source", "destination"):
            enqueue.reconcile(connection, trigger="resume")
            count += 1
        enqueue.process_events()
        return f"Syncing is on. Connections being compared first: {count}."
