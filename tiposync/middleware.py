"""What every request passes through: its size and id, what browsers may do with the answer, who asks and proved it."""

import ipaddress
import re
import secrets
from collections.abc import Callable
from contextlib import nullcontext

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
    UnreadablePostError,
)
from django.urls import reverse
from django.utils import timezone

from stores import history
from stores.onboarding import WEBHOOK_PATH
from stores.tracing import traced
from syncing.views import is_too_slow, receive_webhook
from tiposync.console.access import admission
from tiposync.console.access.admission import Admission
from tiposync.console.kit import reach as reaches
from tiposync.console.place import is_of_console
from tiposync.console.times import time_zones

Answer = Callable[[HttpRequest], HttpResponse]
# Alpine, which the console's pages are made with, evaluates its attributes: hence unsafe-eval. No script stands in a
# page itself, so one that gets there through a product's title does not run. Styles do stand in pages.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: https://cdn.shopify.com",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# The largest form: a file of links or rates fits several times. Webhooks have a limit of their own (syncing.views).
MOST_BYTES = 25 * 1024 * 1024
TOO_LARGE_STATUS, TOO_SLOW_STATUS, BROKEN_STATUS = 413, 408, 400
HOUSEHOLD_BITS = 64  # bits of an IPv6 address that belong to the network
NUL = "\x00"
METHODS = ("GET", "HEAD", "POST")
FEATURES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def policy(get_response: Answer) -> Answer:
    """Tells browsers what a page may load, and to keep nothing of the console's pages."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", FEATURES)
        if is_of_console(request):
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return answer


def webhook_door(get_response: Answer) -> Answer:
    """Answers webhooks before what only pages need: sessions, forms, who is signed in. There are far more of them."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path_info != WEBHOOK_PATH:
            return get_response(request)
        request.get_host()  # which refuses a name that is not ours, as CommonMiddleware does
        response = receive_webhook(request)
        response.headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        response.headers["Content-Length"] = str(len(response.content))  # or it would go out in chunks
        return response

    return answer


def trace(get_response: Answer) -> Answer:
    """Every log line of a request carries its id: the one that our proxy gave it, or a new one; the answer tells it."""

    def answer(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        name = given if re.fullmatch(r"[\w-]{8,64}", given) else secrets.token_hex(8)
        with traced(request=name):
            response = get_response(request)
        response.headers["X-Request-ID"] = name
        return response

    return answer


def methods(get_response: Answer) -> Answer:
    """Refuses every method that no page of ours has: Django takes PUT or DELETE for a GET that needs no token."""

    def answer(request: HttpRequest) -> HttpResponse:
        return get_response(request) if request.method in METHODS else HttpResponseNotAllowed(METHODS)

    return answer


def size(get_response: Answer) -> Answer:
    """Refuses an oversized body unread: Django would write the files in it to our disk before it looks who sends them.

    What has no Content-Length counts as empty: Django reads none of it.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > MOST_BYTES:
            return HttpResponse("The body is too large.", status=TOO_LARGE_STATUS, content_type="text/plain")
        return get_response(request)

    return answer


def whole_text(get_response: Answer) -> Answer:
    """Refuses NUL, which no text of PostgreSQL holds, in whatever a page of ours may read."""

    def answer(request: HttpRequest) -> HttpResponse:
        if NUL in request.path_info or _has_nul(request.GET) or any(NUL in text for text in request.COOKIES.values()):
            return HttpResponseBadRequest("The address contains a NUL character.", content_type="text/plain")
        try:
            has_nul = request.method == "POST" and is_of_console(request) and _has_nul(request.POST)
        except UnreadablePostError as error:  # whoever sends it has stopped in the middle, or takes too long
            status = TOO_SLOW_STATUS if is_too_slow(error) else BROKEN_STATUS
            return HttpResponse("The form did not arrive whole.", status=status, content_type="text/plain")
        if has_nul:
            return HttpResponseBadRequest("The form contains a NUL character.", content_type="text/plain")
        return get_response(request)

    return answer


def _has_nul(data: QueryDict) -> bool:
    return any(NUL in name or any(NUL in text for text in texts) for name, texts in data.lists())


def second_factor(get_response: Answer) -> Answer:
    """Ends a session that stands no longer, and leads who has no second factor to set one up where it is required.

    So a session that somebody else opened with the password alone ends when its owner sets two-factor sign-in up.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if not is_of_console(request) or not request.user.is_authenticated:
            return get_response(request)
        how = admission.of(request)
        if how is Admission.OUT:
            logout(request)
            return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse("admin:index"))
        if how is Admission.TO_SET_UP and not admission.is_way_in(request):
            return HttpResponseRedirect(reverse("two_factor"))
        return get_response(request)

    return answer


def author(get_response: Answer) -> Answer:
    """Changes made while a form is taken in are those of the user who sent it."""

    def answer(request: HttpRequest) -> HttpResponse:
        is_change = request.method == "POST" and is_of_console(request)
        user = request.user.get_username() if is_change and request.user.is_authenticated else ""
        with history.authored_by(user) if user else nullcontext():
            return get_response(request)

    return answer


def reach(get_response: Answer) -> Answer:
    """Whoever is limited to some stores sees those only, whatever a page asks the database for."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not is_of_console(request) or not request.user.is_authenticated:
            return get_response(request)
        with reaches.limited_to(reaches.of(request.user)):
            return get_response(request)

    return answer


def time_zone(get_response: Answer) -> Answer:
    """The console shows and takes times in the zone of whoever asks; before a sign-in, in the installation's."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not is_of_console(request):
            return get_response(request)
        with timezone.override(time_zones.of(request.user)):
            return get_response(request)

    return answer


def client_address(request: HttpRequest) -> str:
    """The address of who asks: what our own proxy saw, if there is one (AXES_CLIENT_IP_CALLABLE).

    The last entry of X-Forwarded-For is the proxy's; those before it are whatever the visitor claims. Of an IPv6
    address it is the network: a household has 2**64 of them, and could try from another one each time.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    address = forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")
    if address.startswith("[") or address.count(":") == 1:  # some proxies add the port
        address = address[1:].partition("]")[0] if address.startswith("[") else address.partition(":")[0]
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return request.META.get("REMOTE_ADDR", "")  # such as "unknown", which some proxies write
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, HOUSEHOLD_BITS), strict=False).network_address)
