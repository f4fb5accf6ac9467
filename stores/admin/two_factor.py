"""A user's own page for two-factor sign-in: set it up with an authenticator, get recovery codes, turn it off."""

import segno
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from stores import history
from stores.admin.sign_in import fits

RECOVERY_CODES = 10


def page(request: HttpRequest) -> HttpResponse:
    """Show how it stands, or do what a button of it says."""
    if request.method == "POST":
        return _do(request)
    return _show(request)


def _show(request: HttpRequest, codes: list[str] | None = None) -> HttpResponse:
    device = TOTPDevice.objects.filter(user=request.user, confirmed=True).first()
    context = admin.site.each_context(request) | {
        "title": "Two-factor sign-in",
        "is_on": device is not None,
        "codes": codes,
        "codes_left": StaticToken.objects.filter(device__user=request.user).count(),
    }
    if device is None:
        with history.authored_by(request.user.get_username()):
            new = _new_device(request.user)
        # Drawn by us from an address of ours: nothing in it was typed by anybody.
        context["picture"] = mark_safe(segno.make(new.config_url).svg_inline(scale=4, light="#fff"))
        context["secret"] = _in_groups(new)
    return TemplateResponse(request, "admin/console/two_factor.html", context)


def _new_device(user: User) -> TOTPDevice:
    """The authenticator that waits for its first code; one per user, so that a reload does not change the picture."""
    return TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})[0]


def _in_groups(device: TOTPDevice) -> str:
    secret = device.config_url.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _do(request: HttpRequest) -> HttpResponse:
    code, wish = request.POST.get("code", "").replace(" ", ""), request.POST.get("wish", "")
    if wish == "set up":
        return _set_up(request, code)
    if not fits(request.user, code):
        messages.error(request, "This code does not fit, or too many were tried: wait a little and try the next.")
    elif wish == "turn off":
        turn_off(request.user)
        messages.success(request, "Two-factor sign-in is off.")
    elif wish == "new codes":
        return _show(request, _make_codes(request.user))
    return HttpResponseRedirect(reverse("two_factor"))


def _set_up(request: HttpRequest, code: str) -> HttpResponse:
    if TOTPDevice.objects.filter(user=request.user, confirmed=True).exists():
        return HttpResponseRedirect(reverse("two_factor"))
    device = _new_device(request.user)
    if not device.verify_is_allowed()[0] or not device.verify_token(code):
        messages.error(request, "This code does not fit. Is the clock of your phone right? Try the next one.")
        return HttpResponseRedirect(reverse("two_factor"))
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    messages.success(request, "Two-factor sign-in is on. Keep the recovery codes below in a safe place.")
    return _show(request, _make_codes(request.user))


@transaction.atomic
def _make_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    device.token_set.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


@transaction.atomic
def turn_off(user: User) -> None:
    """Forget a user's authenticator and recovery codes: a password is enough again."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
