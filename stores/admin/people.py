"""Users and groups in the console's looks; the queue's own tables are left out, our job rows are the record."""

import django_q.admin  # noqa: F401  registers what is taken out below
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from stores.admin.pages import Page

for model in [row for row in admin.site._registry if row._meta.app_label == "django_q"]:
    admin.site.unregister(model)
admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, Page):
    """Who may sign in, and what they may do."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    intro = "Who may sign in. Give people a group rather than single permissions; superusers may do everything."


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, Page):
    """Sets of permissions."""

    intro = "A group is a set of permissions, such as: viewer, support agent, manager, administrator."
    empty_title = "No groups yet"
    empty_text = (
        "Suggested: viewer (all “can view”), support agent (also change jobs, events and links, resolve holds), "
        "manager (also change connections and stores). Then put users into them."
    )
    empty_link = ("Add a group", "auth_group_add")
