"""The rate table: rates by hand, and from a CSV file with a preview of what it would change."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display

from stores.models import CatalogueSettings, CurrencyRate
from syncing.catalogue.policy import save_rates
from syncing.catalogue.rules.rates import RateRow, RateTableError, parse_rates
from tiposync.console.kit import markup
from tiposync.console.kit.pages import Page
from tiposync.console.kit.previews import (
    CHANGES,
    FALLS,
    STAYS,
    Column,
    Preview,
    Row,
    Total,
    asked_sort,
    is_about_table,
    money,
    wants_file,
)

MOST_CHARACTERS = 2_000_000  # characters, far above what rates.MOST_ROWS need
COLUMNS = (
    *(Column("from", "From"), Column("to", "To"), Column("valid_from", "Valid from")),
    Column("rate", "Rate", is_number=True, draw=money),
    Column("replaces", "Replaces", is_number=True, draw=money),
    Column("does", "Does"),
)
DOES = {CHANGES: "new", STAYS: "as it is", FALLS: "replaces another"}


class PairFilter(DropdownFilter):
    """By the two currencies."""

    title = "currencies"
    parameter_name = "pair"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        pairs = CurrencyRate.objects.order_by("base", "quote").values_list("base", "quote").distinct()
        return [(f"{base}-{quote}", f"{base} → {quote}") for base, quote in pairs]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        base, _, quote = (self.value() or "").partition("-")
        return queryset.filter(base=base, quote=quote) if quote else queryset


class CurrencyRateForm(forms.ModelForm):
    """Currencies in capital letters, however they are typed."""

    class Meta:
        model = CurrencyRate
        fields = ("base", "quote", "rate", "valid_from")

    def clean_base(self) -> str:
        return self.cleaned_data["base"].upper()

    def clean_quote(self) -> str:
        return self.cleaned_data["quote"].upper()


@admin.register(CurrencyRate)
class CurrencyRateAdmin(Page):
    """Rates, by currencies, the newest first."""

    intro = (
        "What one unit of a source's currency is worth in a destination's, from a day on. Product sync whose currency "
        "rate is “Table” take the newest rate that is valid, and make their prices anew by themselves. Orders of "
        "connections without a rate of their own take that of the day on which they were placed."
    )
    empty_title = "No rates yet"
    empty_text = (
        "Each product sync whose currency rate is “Table” needs some, and connections that import orders in another "
        "currency. Enter one, or import a CSV file."
    )
    empty_link = ("Add a rate", "stores_currencyrate_add")
    form = CurrencyRateForm
    fields = ("base", "quote", "rate", "valid_from")
    list_display = ["shown_pair", "shown_rate", "valid_from", "shown_created"]
    list_filter = [PairFilter]
    list_filter_submit = True
    search_fields = ["base", "quote"]
    search_help_text = "Search by currency"
    actions_list = ["import_rates"]

    @display(description="Currencies", ordering="base")
    def shown_pair(self, row: CurrencyRate) -> str:
        return f"{row.base} → {row.quote}"

    @display(description="Rate", ordering="rate")
    def shown_rate(self, row: CurrencyRate) -> str:
        return f"{row.rate.normalize():f}"

    @display(description="Entered", ordering="created_at")
    def shown_created(self, row: CurrencyRate) -> str:
        return markup.ago(row.created_at)

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """A file both adds and replaces."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    @action(description="Import a CSV file", url_path="import", permissions=["import"], icon="upload_file")
    def import_rates(self, request: HttpRequest) -> HttpResponseBase:
        """Asks for a file, shows what it would change, then takes all of it or nothing."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        list_page = reverse("admin:stores_currencyrate_changelist")
        context: dict[str, Any] = {"back": list_page, "text": "", "title": "Import currency rates"}
        if request.method == "POST":
            try:
                context["text"] = _text_of(request)
                rows = parse_rates(context["text"])
            except RateTableError as error:
                context["problems"] = error.problems
            else:
                if "_save" in request.POST and not is_about_table(request):
                    messages.success(request, f"Taken into the rate table: {save_rates(rows)}. {_who_uses(rows)}")
                    return HttpResponseRedirect(list_page)
                context |= {"preview": _preview(rows, request), "count": len(rows)}
                if wants_file(request):
                    return context["preview"].write()
        page = self.admin_site.each_context(request) | context
        return TemplateResponse(request, "admin/stores/currencyrate/import.html", page)


def _text_of(request: HttpRequest) -> str:
    """The text of the file, or what the preview sent back. Raises RateTableError."""
    file = request.FILES.get("file")
    if file is None:
        text = request.POST.get("text", "")
        if not text.strip():
            raise RateTableError(["Choose a file, or paste its lines."])
    elif file.size is not None and file.size > MOST_CHARACTERS:
        raise RateTableError(["The file is too large for a table of rates."])
    else:
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RateTableError(["The file is no UTF-8 text: save it as CSV (UTF-8)."]) from None
    if len(text) > MOST_CHARACTERS:
        raise RateTableError(["That is too long for a table of rates."])
    return text


def _preview(rows: Sequence[RateRow], request: HttpRequest) -> Preview:
    """What each row would do to the table, those that replace a rate first."""
    bases = {row.base for row in rows}
    known = {
        (rate.base, rate.quote, rate.valid_from): rate.rate for rate in CurrencyRate.objects.filter(base__in=bases)
    }
    found = [_row(row, known.get((row.base, row.quote, row.valid_from))) for row in rows]
    ranks = [row.rank for row in found]
    totals = [
        Total(ranks.count(FALLS), "rate is replaced", "rates are replaced"),
        Total(ranks.count(CHANGES), "rate is new", "rates are new"),
        Total(ranks.count(STAYS), "rate is there already", "rates are there already"),
    ]
    return Preview("rates", COLUMNS, found, totals, asked_sort(request), "entered", request.get_full_path())


def _row(row: RateRow, old: Decimal | None) -> Row:
    rank = CHANGES if old is None else STAYS if old == row.rate else FALLS
    replaced = None if old is None or old == row.rate else old.normalize()
    return Row((row.base, row.quote, f"{row.valid_from}", row.rate.normalize(), replaced, DOES[rank]), rank)


def _who_uses(rows: Sequence[RateRow]) -> str:
    pairs = {(row.base, row.quote) for row in rows}
    settings = CatalogueSettings.objects.filter(rate_kind=CatalogueSettings.RateKind.TABLE, started_at__isnull=False)
    stores = settings.values_list("connection__source__currency", "connection__destination__currency")
    count = sum(pair in pairs for pair in stores)
    return (
        f"Product syncs that use these currencies: {count}. Their prices are made anew by themselves." if count else ""
    )
