"""Signing in: name, password and, for those who set it up, a code or a security key; what who is locked out reads.

The key is asked for once the password was right, on a page of its own: what waits for it stands in the session.
"""

import logging
import time
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
from django.utils.crypto import constant_time_compare
from django_otp import user_has_device, verify_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from tiposync.console.access import security_keys, sign_in_log

TOO_MANY_REQUESTS_STATUS = 429
LONGEST_NAME = User._meta.get_field("username").max_length
# In the session: who gave the right password and is asked for a security key, and until when.
PENDING = "pending_sign_in"
PENDING_SECONDS = 5 * 60
SECOND_STEP = "second factor"  # what the form of that page wishes
UNFITTING = "This code does not fit, or too many were tried: wait a little and try the next."
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the browser is asked for where a security key may follow, and whether nothing has been tried yet.
        self.key_options: dict[str, Any] = {}
        self.is_asking = False
        self.is_second_step = self.data.get("wish") == SECOND_STEP
        if self.is_second_step:  # the password was given before
            self.fields["username"].required = self.fields["password"].required = False

    @property
    def is_first(self) -> bool:
        """Whether nobody can sign in yet: the page then says how the first account is made."""
        return not User.objects.exists()

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username", "")
        if self.request is not None and _tries_from(self.request) >= settings.SIGN_IN_TRIES_PER_ADDRESS:
            sign_in_log.note(self.request, name, "is refused: too many failures from there", logging.WARNING)
            raise ValidationError("Too many failed sign-ins came from your address. Try again in some minutes.")
        if self.is_second_step:
            return self._clean_second_step()
        if LONGEST_NAME is not None and len(name) > LONGEST_NAME:  # nobody's; and no column of axes would hold it
            raise self.get_invalid_login_error()
        data = super().clean()
        user = self.get_user()
        if user is not None and user_has_device(user):
            code = data.get("code", "").replace(" ", "")
            if not code and security_keys.can_prove(user):
                self._ask_for_key(user)
            user.otp_device = self._accepting(user, code)  # which django_otp notes in the session
        return data

    def _accepting(self, user: User, code: str) -> Device:
        """The device that accepts the code; who gave a wrong one, or none, is told."""
        name = user.get_username()
        if not code:
            sign_in_log.note(self.request, name, "gave the password and no code", logging.WARNING)
            raise ValidationError("Enter the code of your authenticator, too.")
        device = accepting(user, code)
        if device is None:
            sign_in_log.note(self.request, name, "gave the password and a wrong code", logging.WARNING)
            raise ValidationError(UNFITTING)
        return device

    def _ask_for_key(self, user: User) -> None:
        """Remember in the session whose password was right, and show the page that asks for the second factor."""
        self.request.session[PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "password": user.get_session_auth_hash(),  # a digest: who changes the password ends this, too
            "until": time.time() + PENDING_SECONDS,
        }
        self.key_options, self.is_asking = security_keys.options_to_prove(self.request, user), True
        raise ValidationError("Now your security key, or a code.")

    def _clean_second_step(self) -> dict[str, Any]:
        """A security key or a code of somebody whose password was right a moment ago."""
        user = self._pending_user()
        if user is None:
            self.request.session.pop(PENDING, None)
            self.fields["username"].required = self.fields["password"].required = True
            raise ValidationError("That took too long: begin with your name and password again.")
        answer, code = self.data.get("answer", ""), self.cleaned_data.get("code", "").replace(" ", "")
        try:
            device = security_keys.accepting(self.request, user, answer) if answer else self._accepting(user, code)
            if device is None:
                sign_in_log.note(
                    self.request, user.get_username(), "gave the password and no key that fits", logging.WARNING
                )
                raise ValidationError("This key does not fit. Try again, or enter a code.")
        except ValidationError:
            self.key_options = security_keys.options_to_prove(self.request, user)
            raise
        del self.request.session[PENDING]
        self.confirm_login_allowed(user)
        user.otp_device = device  # type: ignore[attr-defined]
        self.user_cache = user
        return self.cleaned_data

    def _pending_user(self) -> User | None:
        """Who is asked for the second factor in this session; None if nobody, for too long, or not any more."""
        pending = self.request.session.get(PENDING) or {}
        if pending.get("until", 0) < time.time():
            return None
        user = User.objects.filter(pk=pending["user"], is_active=True).first()
        if user is None or not constant_time_compare(pending["password"], user.get_session_auth_hash()):
            return None
        user.backend = pending["backend"]
        return user


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
