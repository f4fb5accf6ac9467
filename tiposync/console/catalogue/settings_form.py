"""The form of a catalogue: a table of fields to read at a glance, lists of texts, and choices read from the stores."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from unfold.widgets import UnfoldAdminTextareaWidget

from stores.models import CatalogueField, CatalogueSettings, FieldPolicy
from stores.shopify import gids

PRICE_FIELDS = (
    "price_percent",
    "price_amount",
    "rate_kind",
    "fixed_rate",
    "rounding",
    "rounding_step",
    "rounding_ending",
)


class FieldTable(forms.Widget):
    """One row per field of a product, and a radio button per policy. A value is field -> policy."""

    template_name = "admin/stores/cataloguesettings/field_table.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = value if isinstance(value, dict) else {}
        rows = [
            {
                "label": field.label,
                "name": f"{name}-{field.value}",
                "choices": [
                    {
                        "value": policy.value,
                        "label": policy.label.partition(":")[0],
                        "is_chosen": chosen.get(field.value) == policy.value,
                        "is_offered": (field, policy) != (CatalogueField.TITLE, FieldPolicy.IGNORE),
                    }
                    for policy in FieldPolicy
                ],
            }
            for field in CatalogueField
        ]
        policies = [dict(zip(("short", "rest"), policy.label.split(": ", 1), strict=True)) for policy in FieldPolicy]
        return {"widget": {"name": name, "rows": rows, "policies": policies}}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, str]:
        return {field.value: data.get(f"{name}-{field.value}", "") for field in CatalogueField}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(f"{name}-{field.value}" in data for field in CatalogueField)


class JSONTextsField(forms.Field):
    """What the three fields below share: a column of JSON has arguments for its own form field."""

    def __init__(self, *args: Any, encoder: Any = None, decoder: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or self.to_python(None)) != self.to_python(data)


class FieldTableField(JSONTextsField):
    """The table as it is stored; the model says what is wrong with it."""

    widget = FieldTable

    def to_python(self, value: Any) -> dict[str, str]:
        return value or {}


class TextListField(JSONTextsField):
    """Several texts, one in a line or separated by commas; each once, whatever its case."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        lines = value if isinstance(value, list) else str(value or "").replace(",", "\n").splitlines()
        texts = (line.replace("\x00", "").strip() for line in lines)
        found: dict[str, str] = {}
        for text in filter(None, texts):
            found.setdefault(text.casefold(), text)
        return list(found.values())


class LiveList(forms.Widget):
    """Boxes to tick that the page fetches from `url` once it is open: a store that does not answer delays nothing.

    Until then, and if that fails, what is chosen travels in hidden inputs.
    """

    template_name = "admin/console/live_list.html"

    def __init__(self, url: str = "", attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.url = url

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return {"widget": {"name": name, "chosen": list(value or []), "url": self.url}}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return data.getlist(name) if isinstance(data, MultiValueDict) else list(data.get(name) or [])

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False  # none ticked is an answer


class LiveListField(JSONTextsField):
    """Ids of things of a store, of the type `kind`."""

    widget = LiveList
    kind = ""

    def to_python(self, value: Any) -> list[str]:
        return list(dict.fromkeys(value or []))

    def validate(self, value: list[str]) -> None:
        super().validate(value)
        try:
            gids.require(value, self.kind)
        except gids.GidError as error:
            raise ValidationError(str(error)) from None


class ChannelsField(LiveListField):
    """Sales channels."""

    kind = "Publication"


class CollectionsField(LiveListField):
    """Collections."""

    kind = "Collection"


class CatalogueForm(forms.ModelForm):
    """A catalogue's choices. The admin page gives the two live lists their addresses."""

    class Meta:
        model = CatalogueSettings
        fields = "__all__"  # the page's fieldsets choose
        field_classes = {
            "field_policies": FieldTableField,
            "metafield_namespaces": TextListField,
            "publication_gids": ChannelsField,
            "collection_gids": CollectionsField,
        }
        widgets = {
            "field_policies": FieldTable(),
            "metafield_namespaces": UnfoldAdminTextareaWidget({"rows": 3}),
            "publication_gids": LiveList(),
            "collection_gids": LiveList(),
        }
        labels = {"field_policies": "What follows, field by field"}
        help_texts = {
            "metafield_namespaces": "One in a line, for example custom. None: no metafields.",
            "collection_gids": "Collections of the source that follow.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "field_policies" in self.fields:  # a stored table may be older than one of the fields
            table = {field.value: str(self.instance.policy_of(field.value)) for field in CatalogueField}
            self.initial["field_policies"] = table
        for name in (
            "visibility",
            "own_variants",
            "metaobject_mode",
        ):  # a page that was open before the upgrade does not send them
            if name in self.fields:
                self.fields[name].required = False
        for name, value in self.initial.items():
            if isinstance(value, Decimal) and name in self.fields:  # 1, not 1.00000000
                self.initial[name] = Decimal(f"{value.normalize():f}")


class PriceRuleForm(forms.ModelForm):
    """A price rule as it stands in an address: for the example and the preview, never saved."""

    class Meta:
        model = CatalogueSettings
        fields = PRICE_FIELDS
