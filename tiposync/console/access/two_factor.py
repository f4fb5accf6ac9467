"""A user's own page for two-factor sign-in: set it up with an authenticator, get recovery codes, turn it off."""

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
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from stores import history
from tiposync.console.access.sign_in import accepting
from tiposync.console.kit.pages import signed_in

RECOVERY_CODES = 10


def is_set_up(user: User) -> bool:
    """Whether the user signs in with a code."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def is_proved(request: HttpRequest) -> bool:
    """Whether a code was given in this session: at the sign-in, or when it was set up. Asks the database nothing."""
    return bool(request.session.get(django_otp.DEVICE_ID_SESSION_KEY))


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
        "is_required": settings.TWO_FACTOR == "required",
        "codes": codes,
        "codes_left": StaticToken.objects.filter(device__user=request.user).count(),
    }
    if device is None:
        with history.authored_by(request.user.get_username()):
            new = _new_device(signed_in(request))
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
    user = signed_in(request)
    if accepting(user, code) is None:
        messages.error(request, "This code does not fit, or too many were tried: wait a little and try the next.")
    elif wish == "turn off":
        disable(user)
        # Whoever sets it up again starts anew.
        request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
        messages.success(request, "Two-factor sign-in is off.")
    elif wish == "new codes":
        return _show(request, _make_codes(user))
    return HttpResponseRedirect(reverse("two_factor"))


def _set_up(request: HttpRequest, code: str) -> HttpResponse:
    user = signed_in(request)
    if is_set_up(user):
        return HttpResponseRedirect(reverse("two_factor"))
    device = _new_device(user)
    if not django_otp.verify_token(user, device.persistent_id, code):
        messages.error(request, "This code does not fit. Is the clock of your phone right? Try the next one.")
        return HttpResponseRedirect(reverse("two_factor"))
    TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
    request.session.cycle_key()
    django_otp.login(request, device)  # other sessions of this user end: they gave no code (middleware.second_factor)
    messages.success(request, "Two-factor sign-in is on. Keep the recovery codes below in a safe place.")
    return _show(request, _make_codes(user))


@transaction.atomic
def _make_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    device.token_set.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


@transaction.atomic
def disable(user: User) -> None:
    """Forget a user's authenticator and recovery codes: a password is enough again."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
