"""The form of a store: secrets go in and never come out."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from stores.models import Store
from stores.models.fields import Unreadable
from stores.shopify.admin_pages import domain_in
from tiposync.console.catalogue.settings_form import CollectionsField, LiveList, TextListField
from tiposync.console.kit import reach
from tiposync.console.stores.selecting import SECRETS

LOST = "One is stored, but cannot be decrypted: its key is missing from CREDENTIAL_KEYS. Enter it anew."


class SecretInput(forms.PasswordInput):
    """A password input that never carries a value to the page and is not filled in by browsers."""

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES), "autocomplete": "new-password", "spellcheck": "false"})


class DomainField(forms.CharField):
    """A store's domain, also pasted from an address bar."""

    def to_python(self, value: Any) -> str:
        return domain_in(super().to_python(value) or "")


def stores_with_app(but: Store | None = None) -> QuerySet[Store]:
    """The stores whose app another one may have as well."""
    stores = reach.within(Store.objects.exclude(auth=Store.Auth.STATIC_TOKEN).exclude(client_id=""))
    return stores.exclude(pk=but.pk) if but and but.pk else stores


class StoreForm(forms.ModelForm):
    """Blank secrets keep what is stored; a new client secret keeps the old one beside it for the rotation."""

    same_app_as = forms.ModelChoiceField(
        Store.objects.none(),
        required=False,
        empty_label="– another app –",
        help_text="Takes its client id and secret, which are shown to nobody.",
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Store
        fields = "__all__"  # the page's fieldsets choose
        field_classes = {
            "domain": DomainField,
            "share_tags": TextListField,
            "share_collection_gids": CollectionsField,
            "shared_collection_gids": CollectionsField,
        }
        help_texts = {
            "domain": "Its permanent name, like my-store.myshopify.com; or paste the address of its admin.",
            "auth": "A Dev Dashboard app for stores of its own organisation; Install from Shopify for any other store: "
            "save, then press “Connect” on its page. Both renew their token by themselves.",
            "client_id": "Dev Dashboard: your app, Settings, Credentials.",
            "access_token": "The app's Admin API access token; it starts with shpat_.",
            "share_tags": "One in a line. Any of these tags will do, case does not matter. None: all products.",
            "share_collection_gids": "Products in any of these alone are shared. None ticked: in any or none.",
            "shared_collection_gids": "These alone are shared.",
            "acceptance": "Whether a new connection to this source may start at once or waits for an approval.",
        }
        widgets = {name: SecretInput() for name in SECRETS} | {
            "share_tags": UnfoldAdminTextareaWidget({"rows": 3}),
            "share_collection_gids": LiveList(),
            "shared_collection_gids": LiveList(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(choice := self.fields.get("same_app_as"), forms.ModelChoiceField):
            choice.queryset = stores_with_app(self.instance)
        for name in SECRETS:
            if name not in self.fields:  # somebody who may only look
                continue
            field = self.fields[name]
            field.required = False
            # Neither on the page nor in the history: a blank input is no change.
            self.initial[name] = ""
            if self.instance.pk and getattr(self.instance, name):
                stored = getattr(self.instance, name)
                words = LOST if isinstance(stored, Unreadable) else "One is stored; leave this blank to keep it."
                field.help_text = f"{field.help_text} {words}".strip()

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        shares_chosen = data.get("shares_collections") == Store.CollectionSharing.CHOSEN
        if shares_chosen and "shared_collection_gids" in self.fields and not data.get("shared_collection_gids"):
            self.add_error("shared_collection_gids", "Choose at least one, or share all or none.")
        self._copy_app()
        stored, given = self.instance.client_secret, data.get("client_secret")
        if isinstance(stored, Unreadable):
            stored = ""  # no delivery can be proved with it
        if stored and given and given != stored and not data.get("previous_client_secret"):
            data["previous_client_secret"] = stored
        # The token of an app is renewed by itself and worth nothing as a fixed one: it must be pasted.
        keeps_token = self.instance.auth == data.get("auth")
        for name in [name for name in SECRETS if name in self.fields]:
            if not data.get(name) and (name != "access_token" or keeps_token):
                data[name] = getattr(self.instance, name)
        return data

    def _copy_app(self) -> None:
        """The client id and secret of the store that was chosen, instead of typed ones."""
        data, other = self.cleaned_data, self.cleaned_data.get("same_app_as")
        if other is None or data.get("auth") == Store.Auth.STATIC_TOKEN:
            return
        if isinstance(other.client_secret, Unreadable):
            self.add_error("same_app_as", "Its client secret cannot be decrypted: enter that of this store.")
            return
        data["client_id"], data["client_secret"] = other.client_id, other.client_secret
