"""Signing in: name, password and, for those who set it up, a code; and what somebody reads who is locked out."""

import logging
from typing import Any

from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django_otp import user_has_device, verify_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from tiposync.console.access import sign_in_log

TOO_MANY_REQUESTS_STATUS = 429
LONGEST_NAME = User._meta.get_field("username").max_length
CODE = {"autocomplete": "one-time-code", "inputmode": "text", "class": " ".join(BASE_INPUT_CLASSES)}


class SignInForm(AuthenticationForm):
    """Asks for a code, too; it is needed only where the user has set up two-factor sign-in."""

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=20,
        widget=forms.TextInput(CODE),
        help_text="Only if you use two-factor sign-in: from your authenticator, or a recovery code.",
    )

    @property
    def is_first(self) -> bool:
        """Whether nobody can sign in yet: the page then says how the first account is made."""
        return not User.objects.exists()

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username", "")
        if self.request is not None and _tries_from(self.request) >= settings.SIGN_IN_TRIES_PER_ADDRESS:
            sign_in_log.note(self.request, name, "is refused: too many failures from there", logging.WARNING)
            raise ValidationError("Too many failed sign-ins came from your address. Try again in some minutes.")
        if LONGEST_NAME is not None and len(name) > LONGEST_NAME:  # nobody's; and no column of axes would hold it
            raise self.get_invalid_login_error()
        data = super().clean()
        user = self.get_user()
        if user is not None and user_has_device(user):
            code = data.get("code", "").replace(" ", "")
            if not code:
                sign_in_log.note(self.request, name, "gave the password and no code", logging.WARNING)
                raise ValidationError("Enter the code of your authenticator, too.")
            device = accepting(user, code)
            if device is None:
                sign_in_log.note(self.request, name, "gave the password and a wrong code", logging.WARNING)
                raise ValidationError("This code does not fit, or too many were tried: wait a little and try the next.")
            user.otp_device = device  # which django_otp notes in the session
        return data


# Not in the settings: unfold would import this while it makes the very site that our pages register with.
admin.site.login_form, admin.site.login_template = SignInForm, "admin/console/sign_in.html"


def _tries_from(request: HttpRequest) -> int:
    """How often signing in failed lately from the address of this request, whatever the names."""
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    rows = AccessAttempt.objects.filter(ip_address=get_client_ip_address(request), attempt_time__gt=since)
    return rows.aggregate(count=Sum("failures_since_start"))["count"] or 0


def accepting(user: User, code: str) -> Device | None:
    """Which of the user's confirmed devices accepts a code. Each accepts it once, and fewer and fewer tries."""
    if not code.isprintable() or len(code) > 20:
        return None
    # Six digits come from an authenticator. Trying a code on both kinds would throttle the one it is not for.
    kind: type[Device] = TOTPDevice if code.isascii() and code.isdigit() and len(code) == 6 else StaticDevice
    devices = kind.objects.devices_for_user(user, confirmed=True)
    found = (verify_token(user, device.persistent_id, code.lower()) for device in devices)
    return next(filter(None, found), None)


def locked_out(request: HttpRequest, original: HttpResponse | None, credentials: dict | None) -> HttpResponse:
    """The page of somebody who tried too often (AXES_LOCKOUT_CALLABLE)."""
    minutes = round(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    context = admin.site.each_context(request) | {"title": "Too many attempts", "minutes": minutes}
    page = TemplateResponse(request, "admin/console/locked_out.html", context, status=TOO_MANY_REQUESTS_STATUS)
    return page.render()
