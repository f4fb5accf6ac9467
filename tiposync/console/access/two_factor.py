"""A user's own page for two-factor sign-in: authenticator, security keys, recovery codes, turning it off.

Setting it up asks for the password; every later change asks for a code or a security key.
"""

import logging
import time
from typing import Any

import django_otp
import segno
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django_otp.models import Device
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from tiposync.console.access import password, security_keys, sessions, sign_in_log
from tiposync.console.access.admission import is_set_up
from tiposync.console.access.sign_in import UNFITTING, accepting
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.pages import signed_in
from tiposync.console.models import SecurityKey

CODE_DIGITS = 6  # digits of a code
RECOVERY_CODES = 10
# In the session: that something may be added, the key of an authenticator that waits for its first code, and until
# when. No other session sees it, so that nobody binds an authenticator to a key that somebody else has read.
PENDING = "pending_authenticator"
PENDING_SECONDS = 15 * 60


def page(request: HttpRequest) -> HttpResponse:
    """Show how it stands, or do what a button of it says."""
    if request.method == "POST":
        return _do(request)
    return _show(request)


def _show(request: HttpRequest, codes: list[str] | None = None) -> HttpResponse:
    user, pending = signed_in(request), _pending(request)
    authenticator = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    keys = list(security_keys.of(user))
    context = admin.site.each_context(request) | {
        "title": "Two-factor sign-in",
        "is_on": authenticator is not None or bool(keys),
        "is_required": settings.TWO_FACTOR == "required",
        "authenticator": authenticator,
        "keys": keys,
        "is_last": len(keys) + (authenticator is not None) == 1,
        "is_adding": bool(pending),
        "codes": codes,
        "codes_left": StaticToken.objects.filter(device__user=user).count(),
        "has_place": security_keys.place() is not None,
    }
    if pending:
        context |= _what_can_be_added(request, user, "" if authenticator else pending["key"])
    elif keys:
        context["key_options"] = security_keys.options_to_prove(request, user)
    return TemplateResponse(request, "admin/console/two_factor.html", context)


def _what_can_be_added(request: HttpRequest, user: User, key: str) -> dict[str, Any]:
    """The picture of an authenticator's key, if one may be added, and what a browser is asked for a security key."""
    found: dict[str, Any] = {"key_options": security_keys.options_to_register(request, user)}
    if key:
        address = TOTPDevice(user=user, name="authenticator", key=key).config_url
        # Drawn by us from an address of ours: nothing in it was typed by anybody.
        found["picture"] = mark_safe(segno.make(address).svg_inline(scale=4, light="#fff"))
        found["secret"] = _in_groups(address)
    return found


def _pending(request: HttpRequest) -> dict[str, Any]:
    """What may be added in this session; {} if nothing may, or not any more."""
    pending = request.session.get(PENDING) or {}
    return pending if pending.get("until", 0) > time.time() else {}


def _in_groups(address: str) -> str:
    secret = address.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _do(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    code, wish = request.POST.get("code", "").replace(" ", ""), request.POST.get("wish", "")
    if wish == "begin":
        _begin(request, user)
    elif wish == "cancel":
        request.session.pop(PENDING, None)
    elif wish == "set up":
        return _set_up(request, user, code)
    elif wish == "register":
        return _register(request, user)
    elif (device := _proof(request, user, code)) is not None:
        return _change(request, user, wish, device)
    return HttpResponseRedirect(reverse("two_factor"))


def _proof(request: HttpRequest, user: User, code: str) -> Device | None:
    """The device that proves who asks for a change, by a code or as a security key; who has none is told."""
    answer = request.POST.get("answer", "")
    device = security_keys.accepting(request, user, answer) if answer else accepting(user, code)
    if device is None:
        what = "gave a security key that does not fit" if answer else "gave a wrong code"
        sign_in_log.note(request, user.get_username(), what, logging.WARNING)
        messages.error(request, "This key does not fit. Try again, or enter a code." if answer else UNFITTING)
    return device


def _change(request: HttpRequest, user: User, wish: str, device: Device) -> HttpResponse:
    """Do what a button says, for somebody who has just proved who they are with `device`."""
    number = row_number(request.POST.get("remove", ""))
    if wish == "turn off":
        disable(user, request)
        messages.success(request, "Two-factor sign-in is off.")
    elif wish == "new codes":
        return _show(request, _renew_codes(request, user, device))
    elif wish == "add":
        _make_pending(request, is_proved=True)
    elif wish == "remove authenticator":
        _remove(request, user, device, TOTPDevice.objects.filter(user=user).first())
    elif number is not None:
        _remove(request, user, device, SecurityKey.objects.filter(user=user, pk=number).first())
    return HttpResponseRedirect(reverse("two_factor"))


def _begin(request: HttpRequest, user: User) -> None:
    """Let this session add the first device, if whoever uses it knows the password: that it is open is no proof."""
    if not password.fits(request, user, request.POST.get("password", "")):
        messages.error(request, "This is not your password.")
    elif not is_set_up(user):
        _make_pending(request, is_proved=False)


def _make_pending(request: HttpRequest, is_proved: bool) -> None:
    until = time.time() + PENDING_SECONDS
    request.session[PENDING] = {"key": default_key(), "until": until, "is_proved": is_proved}


def _set_up(request: HttpRequest, user: User, code: str) -> HttpResponse:
    """Bind an authenticator to its user with its first code."""
    device = _fitting(user, _pending(request).get("key", ""), code)
    if device is None:
        messages.error(request, "This code does not fit. Is the clock of your phone right? Try the next one.")
        return HttpResponseRedirect(reverse("two_factor"))
    return _bind(request, user, device, "an authenticator")


def _register(request: HttpRequest, user: User) -> HttpResponse:
    """Bind a security key to its user with what it answered."""
    answer, name = request.POST.get("answer", ""), request.POST.get("name", "")
    key = security_keys.registered(request, user, answer, name) if _pending(request) else None
    if key is None:
        messages.error(request, "No key was registered: it answered nothing that fits, or too late. Try again.")
        return HttpResponseRedirect(reverse("two_factor"))
    try:
        return _bind(request, user, key, f"the security key “{key.name}”")
    except IntegrityError:
        messages.error(request, "This key is registered already.")
        return HttpResponseRedirect(reverse("two_factor"))


def _bind(request: HttpRequest, user: User, device: Device, what: str) -> HttpResponse:
    """Store a device that has proved itself. The first one makes recovery codes and ends all other sign-ins."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # of two sessions at once, one is the first
        was_on = is_set_up(user)
        is_refused = was_on and not _pending(request).get("is_proved")
        if isinstance(device, TOTPDevice):
            is_refused = is_refused or TOTPDevice.objects.filter(user=user, confirmed=True).exists()
        if is_refused:
            return HttpResponseRedirect(reverse("two_factor"))
        if isinstance(device, TOTPDevice):
            TOTPDevice.objects.filter(user=user).delete()  # one that an earlier release prepared
        device.save()
        codes = None if was_on else _make_codes(user)
    del request.session[PENDING]
    name = user.get_username()
    if was_on:
        sign_in_log.note(request, name, f"added {what}")
        messages.success(request, f"Added {what}.")
        return HttpResponseRedirect(reverse("two_factor"))
    request.session.cycle_key()
    django_otp.login(request, device)
    sessions.end(user, but=request.session.session_key)
    sign_in_log.note(request, name, f"turned two-factor sign-in on with {what}")
    messages.success(request, "Two-factor sign-in is on. Keep the recovery codes below in a safe place.")
    return _show(request, codes)


def _remove(request: HttpRequest, user: User, proof: Device, gone: Device | None) -> None:
    """Forget one device; sign-ins that it proved end, but for this one. Without the last one two-factor is off."""
    if gone is None:
        messages.error(request, "That is gone already.")
        return
    what = "the authenticator" if isinstance(gone, TOTPDevice) else f"the security key “{gone.name}”"
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        gone_id = gone.persistent_id
        gone.delete()
        still_on = is_set_up(user)
    sign_in_log.note(request, user.get_username(), f"removed {what}")
    if not still_on:
        disable(user, request)
        messages.success(request, f"Removed {what}, the last one: two-factor sign-in is off.")
        return
    if proof.persistent_id == gone_id:
        proof = next(iter(django_otp.devices_for_user(user)))
    django_otp.login(request, proof)
    messages.success(request, f"Removed {what}.")


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
    """Forget a user's authenticator, keys and recovery codes: a password is enough again. All other sign-ins end."""
    with transaction.atomic():
        for kind in (TOTPDevice, SecurityKey, StaticDevice):
            kind.objects.filter(user=user).delete()
    is_own = user.pk == request.user.pk
    if is_own:  # whoever sets it up again starts anew
        request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
    sessions.end(user, but=request.session.session_key if is_own else None)
    who = "" if is_own else f" by {sign_in_log.shown(request.user.get_username())}"
    sign_in_log.note(request, user.get_username(), f"has two-factor sign-in turned off{who}")
