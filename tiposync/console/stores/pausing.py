"""Pausing at the console: what the form asks (why, and until when), and what every page says while it lasts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from stores.models import Connection, Store, SyncSwitch
from syncing.connections import pausing
from syncing.connections.pausing import Pausable
from tiposync.console.kit import markup
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import Page
from tiposync.console.kit.reach import may_act_on, within
from tiposync.console.times import time_zones

OPERATE = "syncing.operate_connection"
OPEN, HOUR, TOMORROW, CHOSEN = "open", "hour", "tomorrow", "chosen"
MOST_SHOWN_ROWS = 3  # of stores, and of connections, on every page


def until_of(choice: str, chosen: str) -> datetime | None:
    """The instant that somebody chose, where they are; None for no end. Raises ValueError with words."""
    if choice == HOUR:
        return timezone.now() + timedelta(hours=1)
    if choice == TOMORROW:
        return pausing.tomorrow_morning(timezone.get_current_timezone())
    if choice != CHOSEN and not chosen:  # a time that was entered counts, whether its choice was pressed or not
        return None
    try:
        return datetime.fromisoformat(chosen).replace(tzinfo=timezone.get_current_timezone())
    except ValueError:
        raise ValueError("enter the date and the time until when.") from None


def begin(request: HttpRequest, row: Pausable) -> str:
    """Pause as the form says; what is told of it. Raises ValueError with words."""
    given = request.POST
    until = until_of(given.get("until", OPEN), given.get("at", ""))
    pausing.pause(row, request.user.get_username(), given.get("reason", ""), until)
    return f"{pausing.name_of(row)} is paused. {pausing.end_words(row)}"


def form_context(request: HttpRequest) -> dict[str, Any]:
    """What admin/console/pause_fields.html draws: what was entered before it was refused, or the beginning."""
    given, zone = request.POST, time_zones.current_name()
    return {
        "reason": given.get("reason", ""),
        "choices": (
            (OPEN, "Until somebody resumes it", ""),
            (HOUR, "For 1 hour", ""),
            (TOMORROW, f"Until tomorrow, {pausing.MORNING:%H:%M}", zone),
            (CHOSEN, "Until", zone),
        ),
        "chosen": given.get("until", OPEN),
        "at": given.get("at", ""),
        "longest": pausing.LONGEST_DAYS,
    }


def ask(request: HttpRequest, context: dict[str, Any], explanation: str, problem: str = "") -> TemplateResponse:
    """The page that asks for a reason and an end. `context` has the site's, a title, `url`, `button` and `back`."""
    more = {"explanation": explanation, "problem": problem, "pause": form_context(request)}
    return TemplateResponse(request, "admin/console/pause.html", context | more)


def banner(row: Pausable) -> SafeString:
    """What every page says of a pause: what, by whom, why, until when, and how long that is."""
    reason = pausing.reason_of(row)
    effect = " Webhooks are recorded, nothing is read or written." if isinstance(row, SyncSwitch) else ""
    return format_html(
        '{} is paused{}{}.{} {} <a href="{}"><b>Look at it</b></a>',
        pausing.name_of(row),
        f" by {row.paused_by}" if row.paused_by else "",
        f": {reason}" if reason else "",
        effect,
        _time_left(row),
        reverse(f"admin:stores_{row._meta.model_name}_change", args=[row.pk]),
    )


def _time_left(row: Pausable) -> SafeString | str:
    now = timezone.now()
    if row.paused_until is None:
        if row.paused_at is None or now - row.paused_at < timedelta(minutes=1):
            return pausing.end_words(row)
        return f"It has been for {timesince(row.paused_at, now, depth=1)}, and stays so until somebody resumes it."
    left = f"in {timesince(now, row.paused_until)}" if row.paused_until > now else "within a minute"
    return format_html(
        'It resumes by itself at {}, <time datetime="{}" data-until>{}</time>.',
        pausing.words_of_instant(row.paused_until),
        row.paused_until.isoformat(),
        left,
    )


def banners() -> list[tuple[bool, SafeString]]:
    """(whether it is all syncing, words) of what is paused and this user sees."""
    stores = within(Store.objects.filter(is_paused=True))
    connections = within(Connection.objects.filter(is_paused=True).select_related("source", "destination"))
    found = [(True, banner(row)) for row in SyncSwitch.objects.filter(is_stopped=True)]
    return found + [(False, words) for words in (*_first(stores, "stores"), *_first(connections, "connections"))]


def _first(rows: QuerySet, what: str) -> Iterator[SafeString]:
    """Banners of the first of these, and a way to the others."""
    found = list(rows[: MOST_SHOWN_ROWS + 1])
    yield from map(banner, found[:MOST_SHOWN_ROWS])
    if len(found) > MOST_SHOWN_ROWS:
        url = markup.list_url(rows.model, is_paused__exact=1)
        yield format_html('More {} are paused. <a href="{}"><b>All paused {}</b></a>', what, url, what)


PAUSE_WORDS: dict[type, str] = {
    Store: "Nothing is read from or written to this store while it is paused. Webhooks are still recorded.",
    Connection: "Nothing travels along this connection while it is paused. Changes meanwhile are found when it is "
    "resumed.",
    SyncSwitch: "While all syncing is paused, nothing is read from or written to any store. Webhooks are still "
    "recorded, so nothing is lost.",
}


def can_pause(row: Pausable) -> bool:
    """Whether there is something to pause, and this user sees all that is concerned."""
    if not may_act_on(row):
        return False
    return not row.is_paused and (not isinstance(row, Connection) or row.state == Connection.State.RUNNING)


class PausingPage(Page):
    """Gives the pages of stores and connections the button that pauses them; each resumes with one of its own."""

    @operation(
        "Pause …",
        lambda row: f"{PAUSE_WORDS[type(row)]} Asks why, and until when.",
        permission=OPERATE,
        offered=can_pause,
        is_page=True,
    )
    def pause(self, request: HttpRequest, row: Pausable) -> HttpResponse:
        return self._ask_why(request, row)

    @operation("Pause", "", permission=OPERATE, offered=can_pause, is_inline=True)
    def pause_now(self, request: HttpRequest, row: Pausable) -> str | HttpResponse:
        try:
            return begin(request, row)
        except ValueError as error:
            return self._ask_why(request, row, f"Nothing is paused: {error}")

    def _ask_why(self, request: HttpRequest, row: Pausable, problem: str = "") -> TemplateResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"Pause {row}",
            "url": self._with_list(request, self.do_url(row, "pause_now")),
            "button": "Pause",
            "back": self._with_list(request, reverse(f"admin:stores_{row._meta.model_name}_change", args=[row.pk])),
        }
        return ask(request, context, PAUSE_WORDS[type(row)], problem)
