"""The four roles of the console as groups: which permissions each has. Groups of an operator's own are left alone."""

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

VIEWER, SUPPORT, MANAGER, ADMINISTRATOR = "Viewer", "Support agent", "Manager", "Administrator"
OURS = ("stores", "orders", "syncing")
# What support agents may do besides looking: models whose rows they change (that is: operate), and single permissions.
OPERATED = (
    *("variantlink", "productlink", "resourcelink", "syncjob", "webhookevent", "orderimport", "orderupdate"),
    "cataloguerun",
)
SUPPORT_ALSO = ("resolve_hold", "release_catalogue_run", "operate_connection", "stop_everything")
# What only administrators touch: "change" of a store without `enter_credentials` shows none of its credentials.
ADMINISTRATORS_ONLY = ("add_store", "delete_store", "enter_credentials")
MANAGERS_ONLY = ("view_configurationchange",)  # it names people
PEOPLE = ("user", "group")


def upsert() -> None:
    """Make the four groups have exactly the permissions declared here. Safe to repeat; part of each release."""
    for label in (*OURS, "auth"):
        # Usually made after all migrations; the roles are made by one of them.
        create_permissions(apps.get_app_config(label), verbosity=0)
    for name, permissions in declared().items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(permissions)


def declared() -> dict[str, list[Permission]]:
    """Role to permissions. Each role has those of the one before it."""
    ours = list(Permission.objects.filter(content_type__app_label__in=OURS))
    views = [one for one in ours if one.codename.startswith("view_") and one.codename not in MANAGERS_ONLY]
    operates = [one for one in ours if is_operation(one.codename)]
    manages = [one for one in ours if one.codename not in ADMINISTRATORS_ONLY]
    people = Q(content_type__app_label="auth", content_type__model__in=PEOPLE)
    return {
        VIEWER: views,
        SUPPORT: _union(views, operates),
        MANAGER: manages,
        ADMINISTRATOR: _union(ours, Permission.objects.filter(people)),
    }


def is_operation(codename: str) -> bool:
    """Whether a support agent has this permission."""
    return codename in SUPPORT_ALSO or codename in {f"change_{model}" for model in OPERATED}


def _union(*parts: Iterable[Permission]) -> list[Permission]:
    return list({permission.pk: permission for part in parts for permission in part}.values())
