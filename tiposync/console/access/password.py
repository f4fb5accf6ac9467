"""The password once more: asked of somebody who is signed in already, and tried no more often than at the sign-in."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from unfold.forms import AdminOwnPasswordChangeForm

from tiposync.console.access import sign_in_log


def fits(request: HttpRequest, user: User, password: str) -> bool:
    """Whether it is the user's. Counted with failed sign-ins: after too many the answer is the page of a lock-out."""
    found = authenticate(request, username=user.get_username(), password=password)
    return found is not None and found.pk == user.pk


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Asks for the old password, too."""

    def __init__(self, *args: Any, asked_by: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = asked_by

    def clean_old_password(self) -> str:
        given = self.cleaned_data["old_password"]
        if not fits(self._request, self.user, given):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return given

    def save(self, commit: bool = True) -> User:
        sign_in_log.note(self._request, self.user.get_username(), "changed their password")
        return super().save(commit)


def change(request: HttpRequest) -> HttpResponseBase:
    """The page that changes one's own password, as Django's, but for the tries."""
    view = PasswordChangeView.as_view(
        form_class=partial(OwnPasswordForm, asked_by=request),
        success_url=reverse_lazy("admin:password_change_done"),
        template_name="registration/password_change_form.html",
        extra_context=admin.site.each_context(request),
    )
    return view(request)
