"""The form of a connection and the rows that map its locations: what cannot be is said where it was entered."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet

from stores.models import Connection, Location, LocationMapping, Store
from stores.models.connection import refuse_shared_locations
from tiposync.console.kit.reach import within
from tiposync.console.stores.selecting import FIELD_CLASSES, HELP_TEXTS, WIDGETS, find_products

DEFAULT_OF_SOURCE = "The default of the source that is chosen above"
MOST_SOURCE_ROWS = 20


def of_only_source() -> dict[str, Any]:
    """What a new connection begins with: the only source there is, and its strategy; else that of the one chosen."""
    sources = list(within(Store.objects.filter(role=Store.Role.SOURCE))[:2])
    if len(sources) == 1:
        return {"source": sources[0].pk, "strategy": sources[0].default_strategy}
    return {"strategy": ""}


class ConnectionForm(forms.ModelForm):
    """A new connection takes the default strategy of the source that is chosen in it, unless another is chosen."""

    class Meta:
        model = Connection
        fields = "__all__"  # the page's fieldsets choose
        field_classes = FIELD_CLASSES
        widgets = WIDGETS
        help_texts = HELP_TEXTS | {
            "source": "The store that controls: one with the role source.",
            "destination": "The store that follows: one with the role destination.",
            "strategy": "One-way: the destination's quantity becomes the source's. Two-way: a change in either store "
            "reaches the other as the same change, so sales in both at once both count. With draft order or order, "
            "stock goes one-way, and what is sold in the destination becomes a draft or an order of the source.",
            "alignment": "What happens to quantities that differ when the connection is started. Preview it first.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = {"source": Store.Role.SOURCE, "destination": Store.Role.DESTINATION}
        for name, role in roles.items():
            if name in self.fields:
                # Django's way of naming the choices of a field that a form has made already.
                vars(self.fields[name])["label_from_instance"] = lambda store, role=role: (
                    str(store) if store.role == role else f"{store} (is a {store.get_role_display().lower()})"
                )
        if "ending" in self.fields:  # hidden where it means nothing
            self.fields["ending"].required = False
        if self.instance.pk is None and "strategy" in self.fields:
            self._offer_default(self.fields["strategy"])

    def _offer_default(self, field: Any) -> None:
        field.required = False
        field.choices = [("", DEFAULT_OF_SOURCE), *(pair for pair in field.choices if pair[0])]
        sources = within(Store.objects.filter(role=Store.Role.SOURCE)).order_by("name", "domain")[:MOST_SOURCE_ROWS]
        defaults = [
            f"{source}: {source.get_default_strategy_display().partition(':')[0].lower()}" for source in sources
        ]
        if defaults:
            # A help text is put into the page as it is: a store's name is somebody else's.
            field.help_text = format_html("{} Defaults of the sources: {}.", field.help_text, "; ".join(defaults))

    def clean(self) -> dict[str, Any]:
        """Two stores that were connected before take up the row that knows their orders."""
        data = super().clean() or self.cleaned_data
        if self.instance.pk is None and data.get("source") and data.get("destination"):
            known = Connection.objects.filter(source=data["source"], destination=data["destination"])
            if (removed := known.filter(state=Connection.State.REMOVED).first()) is not None:
                self.instance = removed
        return data

    def clean_selected_product_gids(self) -> list[str]:
        """Handles and numbers become ids."""
        return find_products(self.instance.source, self.cleaned_data["selected_product_gids"])

    def clean_ending(self) -> str:
        """What is not sent stays as it is."""
        return self.cleaned_data["ending"] or self.instance.ending

    def clean_strategy(self) -> str:
        """What is not chosen is the default of the source, whichever was shown when the page was opened."""
        chosen, source = self.cleaned_data["strategy"], self.cleaned_data.get("source")
        if chosen or self.instance.pk is not None:
            return chosen
        return source.default_strategy if source else Connection.Strategy.ONE_WAY


class MappingFormSet(PaginationInlineFormSet):
    """Rows are checked together, against the strategy that is being saved with them."""

    def _construct_form(self, i: int, **kwargs: Any) -> forms.ModelForm:
        form = super()._construct_form(i, **kwargs)
        form.instance.connection = self.instance
        return form

    def clean(self) -> None:
        super().clean()
        if any(self.errors) or not self.instance.is_two_way:
            return
        kept = [form.instance for form in self.forms if self._counts(form)]
        refuse_shared_locations(kept)

    def _counts(self, form: forms.ModelForm) -> bool:
        is_deleted = self.can_delete and self._should_delete_form(form)
        return not is_deleted and bool(form.instance.source_location_id and form.instance.destination_location_id)


class MappingForm(forms.ModelForm):
    """One row: two locations that belong together."""

    class Meta:
        model = LocationMapping
        fields = ["source_location", "destination_location"]

    def _post_clean(self) -> None:
        try:
            super()._post_clean()  # type: ignore[misc]  # Django's hook; the stubs lack it
        except ValidationError as error:  # raised by fields of the row that are not on this form
            self.add_error(None, error)


class MappingInline(TabularInline):
    """Which source location shows at which destination location."""

    model = LocationMapping
    form = MappingForm
    formset = MappingFormSet
    extra = 1
    hide_title = True
    verbose_name = "location mapping"
    verbose_name_plural = "location mapping: stock of the left location shows at the right one"

    def get_formset(self, request: HttpRequest, obj: Connection | None = None, **kwargs: Any) -> Any:
        # formfield_for_foreignkey sees nothing but the request
        request.mapped_connection = obj  # type: ignore[attr-defined]  # a note of ours
        return super().get_formset(request, obj, **kwargs)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        connection = getattr(request, "mapped_connection", None)
        sides = {"source_location": "source_id", "destination_location": "destination_id"}
        if connection and db_field.name in sides:
            store_id = getattr(connection, sides[db_field.name])
            kwargs["queryset"] = Location.objects.filter(store=store_id).select_related("store")
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name in sides:
            field.label_from_instance = _location_label
            field.widget.attrs["aria-label"] = str(db_field.verbose_name).capitalize()
            field.choices = list(field.choices)  # once for all rows; what comes back is still looked up
            field.widget.can_add_related = field.widget.can_change_related = False
            field.widget.can_view_related = field.widget.can_delete_related = False
        return field


def _location_label(location: Location) -> str:
    notes = [] if location.is_active else ["inactive"]
    notes += ["fulfilment service"] if location.is_fulfillment_service else []
    return f"{location.name} ({', '.join(notes)})" if notes else location.name
