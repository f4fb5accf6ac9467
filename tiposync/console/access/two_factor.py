"""A user's own page for two-factor sign-in: set it up with an authenticator, get recovery codes, turn it off."""

import logging
import time

import django_otp
import segno
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django_otp.models import Device
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from tiposync.console.access import password, sessions, sign_in_log
from tiposync.console.access.admission import is_set_up
from tiposync.console.access.sign_in import accepting
from tiposync.console.kit.pages import signed_in

CODE_DIGITS = 6  # digits of a code
RECOVERY_CODES = 10
# In the session: the key of an authenticator that waits for its first code, and until when. No other session sees it,
# so that nobody binds an authenticator to a key that somebody else has read.
PENDING = "pending_authenticator"
PENDING_SECONDS = 15 * 60
UNFITTING = "This code does not fit, or too many were tried: wait a little and try the next."


def page(request: HttpRequest) -> HttpResponse:
    """Show how it stands, or do what a button of it says."""
    if request.method == "POST":
        return _do(request)
    return _show(request)


def _show(request: HttpRequest, codes: list[str] | None = None) -> HttpResponse:
    is_on, key = is_set_up(signed_in(request)), _pending_key(request)
    context = admin.site.each_context(request) | {
        "title": "Two-factor sign-in",
        "is_on": is_on,
        "is_required": settings.TWO_FACTOR == "required",
        "codes": codes,
        "codes_left": StaticToken.objects.filter(device__user=request.user).count(),
    }
    if not is_on and key:
        address = TOTPDevice(user=signed_in(request), name="authenticator", key=key).config_url
        # Drawn by us from an address of ours: nothing in it was typed by anybody.
        context["picture"] = mark_safe(segno.make(address).svg_inline(scale=4, light="#fff"))
        context["secret"] = _in_groups(address)
    return TemplateResponse(request, "admin/console/two_factor.html", context)


def _pending_key(request: HttpRequest) -> str:
    """The key that waits in this session; '' if none does, or for too long."""
    pending = request.session.get(PENDING) or {}
    return pending.get("key", "") if pending.get("until", 0) > time.time() else ""


def _in_groups(address: str) -> str:
    secret = address.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _do(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    code, wish = request.POST.get("code", "").replace(" ", ""), request.POST.get("wish", "")
    if wish == "begin":
        _begin(request, user)
    elif wish == "set up":
        return _set_up(request, user, code)
    elif (device := accepting(user, code)) is None:
        sign_in_log.note(request, user.get_username(), "gave a wrong code", logging.WARNING)
        messages.error(request, UNFITTING)
    elif wish == "turn off":
        disable(user, request)
        messages.success(request, "Two-factor sign-in is off.")
    elif wish == "new codes":
        return _show(request, _renew_codes(request, user, device))
    return HttpResponseRedirect(reverse("two_factor"))


def _begin(request: HttpRequest, user: User) -> None:
    """Make a key for this session, if whoever uses it knows the password: a session that was left open is no proof."""
    if not password.fits(request, user, request.POST.get("password", "")):
        messages.error(request, "This is not your password.")
    elif not is_set_up(user):
        request.session[PENDING] = {"key": default_key(), "until": time.time() + PENDING_SECONDS}


def _set_up(request: HttpRequest, user: User, code: str) -> HttpResponse:
    """Bind the authenticator to its user with its first code; all other sign-ins of the user end."""
    device = _fitting(user, _pending_key(request), code)
    if device is None:
        messages.error(request, "This code does not fit. Is the clock of your phone right? Try the next one.")
        return HttpResponseRedirect(reverse("two_factor"))
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two sessions at once bind one
        if is_set_up(user):
            return HttpResponseRedirect(reverse("two_factor"))
        TOTPDevice.objects.filter(user=user).delete()  # one that an earlier release prepared
        device.save()
        codes = _make_codes(user)
    del request.session[PENDING]
    request.session.cycle_key()
    django_otp.login(request, device)
    sessions.end(user, but=request.session.session_key)
    sign_in_log.note(request, user.get_username(), "turned two-factor sign-in on")
    messages.success(request, "Two-factor sign-in is on. Keep the recovery codes below in a safe place.")
    return _show(request, codes)


def _fitting(user: User, key: str, code: str) -> TOTPDevice | None:
    """The authenticator with this key, not stored yet, if it shows this code now; the code is used up."""
    if not (key and code.isascii() and code.isdigit() and len(code) == CODE_DIGITS):
        return None
    device = TOTPDevice(user=user, name="authenticator", key=key, confirmed=True)
    shown = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    shown.time = time.time()
    if not shown.verify(int(code), device.tolerance):
        return None
    device.last_t, device.drift = shown.t(), shown.drift
    return device


def _renew_codes(request: HttpRequest, user: User, device: Device) -> list[str]:
    """New recovery codes. Sessions that the old ones opened end, but for this one, which has just proved itself."""
    codes = _make_codes(user)
    if isinstance(device, StaticDevice):
        device = StaticDevice.objects.get(user=user)
    django_otp.login(request, device)
    sign_in_log.note(request, user.get_username(), "made new recovery codes")
    return codes


@transaction.atomic
def _make_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    device.token_set.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def disable(user: User, request: HttpRequest) -> None:
    """Forget a user's authenticator and recovery codes: a password is enough again. All other sign-ins end."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
    is_own = user.pk == request.user.pk
    if is_own:  # whoever sets it up again starts anew
        request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
    sessions.end(user, but=request.session.session_key if is_own else None)
    who = "" if is_own else f" by {sign_in_log.shown(request.user.get_username())}"
    sign_in_log.note(request, user.get_username(), f"has two-factor sign-in turned off{who}")
