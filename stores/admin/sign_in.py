"""Signing in: name, password and, for those who set it up, a code; and what somebody reads who is locked out."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django_otp import user_has_device, verify_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

TOO_MANY_REQUESTS = 429
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
        data = super().clean()
        user = self.get_user()
        if user is not None and user_has_device(user):
            code = data.get("code", "").replace(" ", "")
            if not code:
                raise ValidationError("Enter the code of your authenticator, too.")
            if not fits(user, code):
                raise ValidationError("This code does not fit, or too many were tried: wait a little and try the next.")
        return data


# Not in the settings: unfold would import this while it makes the very site that our pages register with.
admin.site.login_form, admin.site.login_template = SignInForm, "admin/console/sign_in.html"


def fits(user: User, code: str) -> bool:
    """Whether one of the user's confirmed devices accepts a code. Each accepts it once, and fewer and fewer tries."""
    # Six digits come from an authenticator. Trying a code on both kinds would throttle the one it is not for.
    kind: type[Device] = TOTPDevice if code.isdigit() and len(code) == 6 else StaticDevice
    devices = kind.objects.devices_for_user(user, confirmed=True)
    return any(verify_token(user, device.persistent_id, code.lower()) for device in devices)


def locked_out(request: HttpRequest, original: HttpResponse | None, credentials: dict | None) -> HttpResponse:
    """The page of somebody who tried too often (AXES_LOCKOUT_CALLABLE)."""
    minutes = round(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    context = admin.site.each_context(request) | {"title": "Too many attempts", "minutes": minutes}
    page = TemplateResponse(request, "admin/console/locked_out.html", context, status=TOO_MANY_REQUESTS)
    return page.render()
