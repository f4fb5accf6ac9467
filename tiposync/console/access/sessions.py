"""Sign-ins that are open: what is noted of each, the page of one's own, and ending them.

They are Django's sessions, which are read one by one: their user stands inside. There are as many as people signed in
within SESSION_HOURS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.dateparse import parse_datetime

from tiposync.console.access import sign_in_log
from tiposync.console.kit.pages import signed_in

NOTED = "sign_in"  # in the session: when, from where, with what


@dataclass(frozen=True)
class Open:
    """A sign-in that is open. `handle` names it on a page: its key would open it."""

    key: str
    handle: str
    began_at: datetime | None
    ends_at: datetime
    address: str
    browser: str
    is_this: bool


@receiver(user_logged_in)
def _begin(sender: object, request: HttpRequest, user: Any, **kwargs: object) -> None:
    request.session[NOTED] = {
        "at": timezone.now().isoformat(),
        "address": sign_in_log.address_of(request),
        "browser": sign_in_log.shown(request.headers.get("User-Agent")),
    }


def list_open(user: User, this: str | None = None) -> list[Open]:
    """The open sign-ins of a user, the newest first; `this` is the key of the one that asks."""
    found = [_read(session, data, this) for session, data in _of(user)]
    return sorted(found, key=lambda each: (each.is_this, each.began_at or timezone.now()), reverse=True)


def end(user: User, but: str | None = None, handle: str = "") -> int:
    """End a user's sign-ins: all but one, or the one with this handle; how many were ended."""
    keys = [
        session.session_key
        for session, _ in _of(user)
        if session.session_key != but and (not handle or constant_time_compare(_handle(session), handle))
    ]
    Session.objects.filter(pk__in=keys).delete()
    return len(keys)


def _of(user: User) -> Iterator[tuple[Session, dict[str, Any]]]:
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        data = session.get_decoded()
        if data.get(SESSION_KEY) == str(user.pk):
            yield session, data


def _handle(session: Session) -> str:
    return salted_hmac(__name__, session.session_key, algorithm="sha256").hexdigest()[:32]


def _read(session: Session, data: dict[str, Any], this: str | None) -> Open:
    noted = data.get(NOTED) or {}  # none, of a sign-in by an earlier release
    return Open(
        session.session_key,
        _handle(session),
        parse_datetime(noted.get("at") or ""),
        session.expire_date,
        noted.get("address") or "unknown",
        noted.get("browser") or "unknown",
        session.session_key == this,
    )


def page(request: HttpRequest) -> HttpResponse:
    """One's own open sign-ins; a button ends one, another all but this."""
    user = signed_in(request)
    if request.method == "POST":
        handle, is_all = request.POST.get("handle", ""), request.POST.get("wish") == "end others"
        count = end(user, but=request.session.session_key, handle=handle) if handle or is_all else 0
        if count:
            sign_in_log.note(request, user.get_username(), f"ended {count} of their other sign-ins")
        words = f"Signed out elsewhere: {count}." if count else "Nothing to sign out: the list shows how it is."
        messages.success(request, words)
        return HttpResponseRedirect(reverse("sessions"))
    context = admin.site.each_context(request) | {
        "title": "Where you are signed in",
        "rows": list_open(user, request.session.session_key),
    }
    return TemplateResponse(request, "admin/console/sessions.html", context)
