"""Users and groups in the console's looks; tables of other packages are left out, our own rows are the record."""

from typing import Any

import django_otp.plugins.otp_static.admin
import django_otp.plugins.otp_totp.admin  # noqa: F401
import django_q.admin  # noqa: F401  the three register what is taken out below
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from stores.roles import ADMINISTRATOR, MANAGER, SUPPORT, VIEWER
from tiposync.console.access import limits, sessions, sign_in_log, two_factor
from tiposync.console.access.admission import has_device
from tiposync.console.kit.operations import operation
from tiposync.console.kit.pages import Page, is_list_page

CHANGE = "auth.change_user"
FOREIGN = ("django_q", "otp_totp", "otp_static", "axes")

for model in [row for row in admin.site._registry if row._meta.app_label in FOREIGN]:
    admin.site.unregister(model)
admin.site.unregister([User, Group])
apps.get_app_config("auth").verbose_name = "Administration"  # as the menu says; Django's own is long and nobody's word


def _attempts(user: User) -> Any:
    return AccessAttempt.objects.filter(username=user.get_username())


def _words_of_sessions(user: User) -> str:
    rows = sessions.list_open(user)
    places = ", ".join(sorted({row.address for row in rows}))
    return f"Ends all sign-ins of this user ({len(rows)}, from {places}); yours goes on. Change the password, too."


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, Page):
    """Who may sign in, and what they may do."""

    form, add_form, change_password_form = limits.UserForm, UserCreationForm, AdminPasswordChangeForm
    intro = (
        f"Who may sign in. Give people a group rather than single permissions: {VIEWER}, {SUPPORT}, {MANAGER} or "
        f"{ADMINISTRATOR}. Superusers may do everything. Whoever is limited to some stores sees those only."
    )
    list_display = ["username", "email", "first_name", "last_name", "is_staff", "shown_stores"]
    operations = ("unlock", "turn_off_two_factor", "end_sessions")
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_within_reach(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows = super().get_queryset(request)
        return rows.prefetch_related("store_limit__stores") if is_list_page(request) else rows

    @display(description="Stores")
    def shown_stores(self, user: User) -> str:
        return limits.words(user)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        own = [limits.FIELDSET] if obj and self.has_change_permission(request, obj) else []
        return [*super().get_fieldsets(request, obj), *own]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        # Who is no superuser makes none, and hands out no permission outside of groups.
        closed = [] if request.user.is_superuser else ["is_superuser", "user_permissions"]
        return [*super().get_readonly_fields(request, obj), *closed]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_staff or not change  # there is nothing but the console to sign in to
        super().save_model(request, obj, form, change)
        if change:
            limits.save(obj, form.cleaned_data)

    @operation(
        "Unlock sign-in",
        "Forgets the failed attempts to sign in with this name: nobody is locked out any more.",
        permission=CHANGE,
        offered=lambda user: _attempts(user).exists(),
    )
    def unlock(self, request: HttpRequest, user: User) -> str:
        _attempts(user).delete()
        by = sign_in_log.shown(request.user.get_username())
        sign_in_log.note(request, user.get_username(), f"is no longer locked out, unlocked by {by}")
        return f"{user} can try again."

    @operation(
        "Turn off two-factor sign-in",
        "For somebody who lost phone and recovery codes: the password alone is enough until they set it up again.",
        permission=CHANGE,
        tone="danger",
        offered=has_device,
    )
    def turn_off_two_factor(self, request: HttpRequest, user: User) -> str:
        if not _is_within_reach(request, user):
            raise ValueError("only a superuser may do that to a superuser.")
        two_factor.disable(user, request)
        return f"{user} signs in with the password alone."

    @operation(
        "Sign out everywhere",
        _words_of_sessions,
        permission=CHANGE,
        tone="danger",
        offered=lambda user: bool(sessions.list_open(user)),
    )
    def end_sessions(self, request: HttpRequest, user: User) -> str:
        if not _is_within_reach(request, user):
            raise ValueError("only a superuser may do that to a superuser.")
        count = sessions.end(user, but=request.session.session_key)
        by = sign_in_log.shown(request.user.get_username())
        sign_in_log.note(request, user.get_username(), f"is signed out of {count} sign-ins by {by}")
        return f"Sign-ins of {user} that were ended: {count}."


def _is_within_reach(request: HttpRequest, user: User | None) -> bool:
    """Whether this user may be changed: a superuser only by one."""
    return user is None or not user.is_superuser or request.user.is_superuser


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, Page):
    """Sets of permissions."""

    intro = (
        f"{VIEWER} looks. {SUPPORT} also runs again, resolves and releases. {MANAGER} also changes connections and the "
        f"settings of stores. {ADMINISTRATOR} also enters credentials and manages users. Each release sets these four "
        "as declared; for other sets of permissions make groups of your own."
    )
    empty_title = "No groups yet"
    empty_text = "Run: python manage.py upsert_roles"
    empty_link = ("Add a group", "auth_group_add")

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser

    has_add_permission = has_change_permission
    has_delete_permission = has_change_permission
