"""The global switch, and the banners that every page shows while something is paused."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.messages import ERROR, WARNING, get_messages
from django.contrib.messages.storage.base import Message
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.decorators import display

from stores.models import SyncSwitch
from syncing.connections.pausing import resume
from tiposync.console.home import attention
from tiposync.console.kit import markup
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import ReadOnlyPage
from tiposync.console.kit.reach import may_act_on
from tiposync.console.stores import pausing
from tiposync.console.times import time_zones

CHANGE, STOP = "stores.change_syncswitch", "syncing.stop_everything"
BUTTON = "Pause all syncing"


class BannerAndMessages:
    """A page's messages, with a banner before them for each thing that is paused."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _all(self) -> list[Message]:
        shown = [Message(ERROR if is_all else WARNING, words) for is_all, words in pausing.banners()]
        return shown + list(get_messages(self._request))

    def __iter__(self) -> Iterator[Message]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every page of the console gets (UNFOLD's GLOBAL_CALLBACK)."""
    if not request.user.is_authenticated:
        return {}
    found = {"messages": BannerAndMessages(request), "attention": attention.of(request)}
    return found | {"time_zone": time_zones.current_name()}


@admin.register(SyncSwitch)
class SyncSwitchAdmin(ReadOnlyPage):
    """The one row; its list leads straight to it."""

    operations = ("stop", "resume")
    panel_template = "admin/stores/syncswitch/stop.html"
    fieldsets = [
        (
            "Pause all syncing",
            {
                "fields": ["shown_state", "reason", "paused_by", "paused_until", "changed_at"],
                "description": "While it is paused, webhooks are recorded but nothing is read from or written to any "
                "store.",
            },
        )
    ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:stores_syncswitch_change", args=[SyncSwitch.load().pk]))

    def panel(self, request: HttpRequest, row: SyncSwitch) -> dict[str, Any]:
        may_stop = request.user.has_perm(STOP) and may_act_on(row) and not row.is_stopped
        return {
            "stop_url": self.do_url(row, "stop") if may_stop else "",
            "explanation": pausing.PAUSE_WORDS[SyncSwitch],
            "pause": pausing.form_context(request),
        }

    @display(description="State")
    def shown_state(self, switch: SyncSwitch) -> str:
        return markup.pill(markup.BAD, "Paused") if switch.is_stopped else markup.pill(markup.GOOD, "On")

    @operation(BUTTON, "", permission=STOP, offered=lambda switch: not switch.is_stopped, is_inline=True)
    def stop(self, request: HttpRequest, switch: SyncSwitch) -> str | HttpResponse:
        try:
            words = pausing.begin(request, switch)
        except ValueError as error:
            url, back = self.do_url(switch, "stop"), reverse("admin:stores_syncswitch_change", args=[switch.pk])
            context = self.admin_site.each_context(request) | {"title": BUTTON, "url": url, "back": back}
            more = {"button": BUTTON, "tone": "danger"}
            return pausing.ask(request, context | more, pausing.PAUSE_WORDS[SyncSwitch], f"Nothing is paused: {error}")
        return f"{words} Work in progress ends with the write it is at."

    @operation(
        "Resume all syncing",
        "Syncing goes on. Every started connection is compared with Shopify first, then synced.",
        permission=CHANGE,
        tone="primary",
        offered=lambda switch: switch.is_stopped,
    )
    def resume(self, request: HttpRequest, switch: SyncSwitch) -> str:
        return f"Syncing is on. Connections being compared first: {resume(switch) or 0}."
