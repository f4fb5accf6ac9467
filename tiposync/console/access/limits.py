"""The part of a user's page that limits them to some stores; what that means is decided in console/kit/reach.py."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from unfold.forms import UserChangeForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanSwitchWidget

from stores.models import Store, StoreLimit

LIMITED, STORES = "is_limited", "limited_to"
FIELDSET = (
    "Stores",
    {
        "fields": [LIMITED, STORES],
        "description": (
            "Whoever is limited sees what belongs to these stores, and connections of which both ends are among them. "
            "A store is acted on only by who sees all that is connected with it. Users, alert channels, privacy "
            "requests, files of links, currency rates and “Pause all syncing” are for those who see all stores."
        ),
    },
)


class UserForm(UserChangeForm):
    """A user with the stores that they are limited to."""

    is_limited = forms.BooleanField(
        label="Limited to some stores",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Without this, all stores are seen.",
    )
    limited_to = forms.ModelMultipleChoiceField(
        Store.objects.all(), label="These stores", required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = StoreLimit.objects.filter(user=self.instance.pk).first()
        self.initial |= {LIMITED: limit is not None, STORES: list(limit.stores.all()) if limit else []}

    def clean(self) -> dict[str, Any]:
        """A limit says what it means: no stores without it, and none for superusers, who could lift it."""
        data = super().clean() or self.cleaned_data
        if data.get(STORES) and not data.get(LIMITED):
            self.add_error(LIMITED, "Stores are chosen: turn this on, or choose none.")
        is_superuser = data.get("is_superuser", self.instance.is_superuser)
        if data.get(LIMITED) and is_superuser:
            self.add_error(LIMITED, "A superuser sees all stores. Give a role instead.")
        return data


def save(user: User, data: dict[str, Any]) -> None:
    """Make the limit what the form says. A form without it, such as one that only shows the user, changes nothing."""
    if LIMITED not in data:
        return
    if not data[LIMITED]:
        StoreLimit.objects.filter(user=user).delete()
        return
    limit, _ = StoreLimit.objects.get_or_create(user=user)
    limit.stores.set(data[STORES])


def words(user: User) -> str:
    """The stores that a user sees."""
    limit = getattr(user, "store_limit", None)
    return "all" if limit is None or user.is_superuser else ", ".join(map(str, limit.stores.all())) or "none"
