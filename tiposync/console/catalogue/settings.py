"""A connection's catalogue: what follows of the source's products, prices, collections and content, and how."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from stores import selecting, selection
from stores.clients import open_for_person
from stores.models import CatalogueField, CatalogueSettings, FieldPolicy, SyncMode
from stores.shopify.content import collections
from stores.shopify.products import publications
from syncing.catalogue.content import comparison
from syncing.catalogue.policy import NoRate
from syncing.catalogue.runs import lifecycle
from syncing.models import CatalogueRun
from syncing.queue import enqueue
from tiposync.console.catalogue import prices
from tiposync.console.catalogue.settings_form import PRICE_FIELDS, CatalogueForm
from tiposync.console.catalogue.summary import summarise
from tiposync.console.kit import markup
from tiposync.console.kit.filters import ConnectionFilter
from tiposync.console.kit.live_lists import live_list
from tiposync.console.kit.operations import REFUSALS, operation, refusal_words
from tiposync.console.kit.pages import Fieldsets, Page
from tiposync.console.kit.previews import asked_sort, entered, wants_file

CHANGE = "stores.change_cataloguesettings"
Kind = CatalogueRun.Kind
SEEN = "_prices_seen"
REFUSED = (*REFUSALS, lifecycle.RunRefused, NoRate)
ROUNDED = "rounding != 'none'"


def _is_started(settings: CatalogueSettings) -> bool:
    return settings.started_at is not None


def _has_content(settings: CatalogueSettings) -> bool:
    switches = (settings.syncs_pages, settings.syncs_blogs, settings.syncs_articles)
    modes = (settings.collection_mode, settings.metaobject_mode)
    return any(switches) or any(mode != SyncMode.OFF for mode in modes)


def _carries_content(settings: CatalogueSettings) -> bool:
    return _is_started(settings) and _has_content(settings)


@admin.register(CatalogueSettings)
class CatalogueAdmin(Page):
    """Catalogues, one per connection."""

    intro = (
        "What of a source's products and content a destination follows besides stock: products and their prices, "
        "collections, pages, blogs and articles. Always from the source to the destination."
    )
    empty_title = "No product sync is set up yet"
    empty_text = "Open a connection and press “Set up product sync”. Nothing is written before you start it."
    empty_link = ("Go to connections", "stores_connection_changelist")
    form = CatalogueForm
    refusals = REFUSED
    list_display = ["shown_connection", "shown_mode", "shown_selection", "shown_prices", "shown_content", "shown_state"]
    list_filter = [("product_mode", ChoicesDropdownFilter), ConnectionFilter]
    list_filter_submit = True
    list_select_related = ["connection__source", "connection__destination"]
    search_fields = ["connection__source__name", "connection__destination__name", "connection__destination__domain"]
    search_help_text = "Search by store"
    panel_template = "admin/stores/cataloguesettings/summary.html"
    operations = (
        "start",
        "preview",
        "sync_all",
        "preview_prices",
        "sync_content",
        "preview_content",
        "end",
        "end_now",
        "channels",
        "collections",
        "example",
        "prices",
    )
    readonly_fields = ["shown_example", "shown_policies"]
    conditional_fields = {
        "fixed_rate": "rate_kind == 'fixed'",
        "rounding_step": ROUNDED,
        "rounding_ending": ROUNDED,
        "syncs_metaobject_types": "metaobject_mode != 'off'",
        "collection_selection": "collection_mode != 'off'",
        "collection_gids": "collection_mode != 'off' && collection_selection == 'chosen'",
    }
    fieldsets: ClassVar[Fieldsets] = [
        ("Products", {"fields": ["product_mode"]}),
        (
            "Fields",
            {
                "fields": [
                    "field_policies",
                    "tags_merging",
                    "images_merging",
                    "syncs_videos",
                    "metafield_namespaces",
                    "syncs_content_metafields",
                    "edited",
                ],
                "description": "A field that is ignored is never touched. “Create only” sets it once.",
            },
        ),
        ("Sales channels of the destination", {"fields": ["publication_gids", "visibility"]}),
        (
            "Prices",
            {
                "fields": [*PRICE_FIELDS, "shown_example"],
                "description": "Percent, then the fixed amount, then the currency rate, then rounding. The compare-at "
                "price follows the same rule. Another rule shows what it would change before it is saved.",
            },
        ),
        (
            "When a product or variant no longer follows",
            {
                "fields": ["unlink", "own_variants", "guard_share", "guard_products", "guard_minimum"],
                "description": "A run that would remove more than these limits waits for a decision.",
            },
        ),
        ("Collections", {"fields": ["collection_mode", "collection_selection", "collection_gids"]}),
        ("Metaobjects", {"fields": ["metaobject_mode", "syncs_metaobject_types"]}),
        ("Pages, blogs, articles", {"fields": ["syncs_pages", "syncs_blogs", "syncs_articles", "poll_minutes"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the connection's page makes the one row that it may have

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # ended by its own button, which asks what becomes of the products

    def get_fieldsets(self, request: HttpRequest, obj: CatalogueSettings | None = None) -> Fieldsets:
        if self.has_change_permission(request, obj):
            return self.fieldsets
        swapped = {"field_policies": "shown_policies"}
        return [
            (title, options | {"fields": [swapped.get(name, name) for name in options["fields"]]})
            for title, options in self.fieldsets
        ]

    def get_form(
        self, request: HttpRequest, obj: CatalogueSettings | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        for name, address in (("publication_gids", "channels"), ("collection_gids", "collections")):
            if obj and name in form.base_fields:
                form.base_fields[name].widget.url = self.do_url(obj, address)
        return form

    def panel(self, request: HttpRequest, row: CatalogueSettings) -> dict[str, Any]:
        return summarise(row)

    def save_model(self, request: HttpRequest, obj: CatalogueSettings, form: Any, change: bool) -> None:
        if form.changed_data:
            obj.save(update_fields=[*form.changed_data, "changed_at"])  # workers write cursors to the same row
            if _is_started(obj):
                messages.info(request, "What this changes for products that follow is synced by itself, in a minute.")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and SEEN not in request.POST:
            row = self.get_object(request, object_id)
            if row and _is_started(row) and self.has_change_permission(request, row):
                form = self.get_form(request, row, change=True)(request.POST, instance=row)
                stored = self.get_object(request, object_id)  # the form has changed the other
                if form.is_valid() and set(form.changed_data) & set(PRICE_FIELDS) and stored:
                    return self._ask_about_prices(request, stored)
        return super().change_view(request, object_id, *args, **kwargs)

    def _ask_about_prices(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponseBase:
        """Old and new prices, before a changed rule is saved; what was entered travels along."""
        changed, _ = prices.proposed(row, request.POST)
        return self._prices_page(request, row, changed)

    def _prices_page(
        self, request: HttpRequest, row: CatalogueSettings, changed: CatalogueSettings
    ) -> HttpResponseBase:
        context = self.admin_site.each_context(request) | {
            "title": f"New prices: {row.connection}",
            "back": reverse("admin:stores_cataloguesettings_change", args=[row.pk]),
        }
        try:
            context |= prices.preview(row, changed, request.GET.get("after", ""), asked_sort(request))
        except REFUSED as error:
            context["problem"] = refusal_words(error)
        else:
            if wants_file(request):
                return context["preview"].write()
        if request.method == "POST":  # nothing is saved yet: what was entered travels along
            context["posted"] = [*(pair for pair in entered(request) if pair[0] != SEEN), (SEEN, "1")]
            if "preview" in context:
                context["preview"].form, context["preview"].form_url = "entered", self.do_url(row, "prices")
        if cursor := context.get("cursor"):
            context["next"] = f"{self.do_url(row, 'prices')}?{prices.rule_query(changed, after=cursor)}"
        return TemplateResponse(request, "admin/stores/cataloguesettings/prices.html", context)

    @display(description="Connection", ordering="connection")
    def shown_connection(self, row: CatalogueSettings) -> str:
        return str(row.connection)

    @display(description="Products", ordering="product_mode")
    def shown_mode(self, row: CatalogueSettings) -> str:
        return row.get_product_mode_display().partition(":")[0]

    @display(description="Which")
    def shown_selection(self, row: CatalogueSettings) -> str:
        return markup.wrapped(selection.describe(selecting.selection_of(row.connection)))

    @display(description="Prices")
    def shown_prices(self, row: CatalogueSettings) -> str:
        parts = [f"{row.price_percent.normalize():+f} %"] if row.price_percent else []
        parts += [f"{row.price_amount.normalize():+f}"] if row.price_amount else []
        is_table = row.rate_kind == row.RateKind.TABLE
        parts += ["rate table"] if is_table else [f"× {row.fixed_rate.normalize():f}"] if row.fixed_rate != 1 else []
        parts += [f"rounded ({row.get_rounding_display().lower()})"] if row.rounding != row.Rounding.NONE else []
        return ", ".join(parts) or "as in the source"

    @display(description="Also")
    def shown_content(self, row: CatalogueSettings) -> str:
        switches = {"collections": row.collection_mode != SyncMode.OFF, "pages": row.syncs_pages}
        switches |= {"blogs": row.syncs_blogs or row.syncs_articles, "articles": row.syncs_articles}
        switches |= {"metaobjects": row.metaobject_mode != SyncMode.OFF}
        return ", ".join(name for name, is_on in switches.items() if is_on) or markup.NOTHING

    @display(description="State", ordering="started_at")
    def shown_state(self, row: CatalogueSettings) -> str:
        if not row.started_at:
            return markup.pill(markup.BUSY, "Not started")
        reason = row.connection.why_inert()
        return markup.pill(markup.WARN, "Not syncing", reason) if reason else markup.pill(markup.GOOD, "Follows")

    @display(description="Example")
    def shown_example(self, row: CatalogueSettings) -> str:
        return markup.fetched(self.do_url(row, "example"), "#cataloguesettings_form", PRICE_FIELDS)

    @display(description="What follows, field by field")
    def shown_policies(self, row: CatalogueSettings) -> str:
        named = [(policy, [f.label for f in CatalogueField if row.policy_of(f) == policy]) for policy in FieldPolicy]
        return "; ".join(f"{policy.label.partition(':')[0]}: {', '.join(names)}" for policy, names in named if names)

    # Buttons

    def _begin(self, request: HttpRequest, row: CatalogueSettings, kind: str, is_preview: bool = False) -> HttpResponse:
        run = lifecycle.start(row.connection, kind, is_preview=is_preview, by=request.user)
        enqueue.run_catalogue(run)
        words = "Nothing is written; the list fills below." if is_preview else "The workers are at it; watch it below."
        messages.success(request, words)
        return HttpResponseRedirect(reverse("admin:syncing_cataloguerun_change", args=[run.pk]))

    @operation(
        "Start product sync",
        "Reads all products that the source shares, and creates, updates and links them as chosen below. From then on "
        "every change follows. Preview it first.",
        permission=CHANGE,
        tone="primary",
        offered=lambda row: not _is_started(row),
    )
    def start(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        response = self._begin(request, row, Kind.FIRST)
        if _has_content(row):
            enqueue.sync_content(row.connection, compares=True)
        return response

    @operation(
        "Preview",
        "Lists what would be created, updated, unpublished, deleted or skipped, and why. Writes nothing.",
        permission=CHANGE,
    )
    def preview(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        return self._begin(request, row, Kind.ALL if _is_started(row) else Kind.FIRST, is_preview=True)

    @operation(
        "Sync all",
        "Looks at every product now. What is unchanged costs no call. Also happens by itself once a day.",
        permission=CHANGE,
        offered=_is_started,
    )
    def sync_all(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        return self._begin(request, row, Kind.ALL)

    @operation(
        "Preview prices",
        "Lists the prices of the destination that the saved rule would change: old and new. Writes nothing.",
        permission=CHANGE,
    )
    def preview_prices(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        return self._begin(request, row, Kind.PRICES, is_preview=True)

    @operation(
        "Sync content now",
        "Compares all collections, pages, blogs and articles that follow now, and syncs what differs.",
        permission=CHANGE,
        offered=_carries_content,
    )
    def sync_content(self, request: HttpRequest, row: CatalogueSettings) -> str:
        if reason := row.why_inert():
            raise ValueError(f"nothing travels now. {reason}")
        enqueue.sync_content(row.connection, compares=True)
        return "Queued: it is looked at within seconds. “Jobs” shows the result."

    @operation(
        "Preview content",
        "Lists what would happen to collections, pages, blogs and articles. Writes nothing.",
        permission=CHANGE,
        offered=_has_content,
    )
    def preview_content(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        return self._begin(request, row, Kind.CONTENT, is_preview=True)

    @operation(
        "End product sync …",
        "Asks what becomes of the products in the destination, and says how many are concerned. Stock goes on.",
        permission=CHANGE,
        offered=_is_started,
        is_page=True,
    )
    def end(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"End the product sync of {row.connection}",
            "count": lifecycle.count_followers(row.connection),
            "contents": comparison.followers(row.connection).count(),
            "destination": row.connection.destination,
            "choices": CatalogueSettings.Unlink.choices,
            "chosen": row.unlink,
            "back": reverse("admin:stores_cataloguesettings_change", args=[row.pk]),
            "url": self.do_url(row, "end_now"),
        }
        return TemplateResponse(request, "admin/stores/cataloguesettings/end.html", context)

    @operation("End it now", "", permission=CHANGE, offered=_is_started, is_inline=True)
    def end_now(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        run = lifecycle.disconnect(row.connection, request.POST.get("unlink", ""), by=request.user)
        enqueue.run_catalogue(run)
        messages.success(request, "Product sync is being ended; watch it below.")
        return HttpResponseRedirect(reverse("admin:syncing_cataloguerun_change", args=[run.pk]))

    # What the page fetches once it is open

    @operation("Sales channels", "", permission=CHANGE, is_page=True, is_inline=True)
    def channels(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        def read() -> Iterable[tuple[str, str]]:
            client = open_for_person(row.connection.destination)
            return [(channel.gid, channel.name) for channel in publications.list_publications(client)]

        return self._list(request, row, "publication_gids", read)

    @operation("Collections", "", permission=CHANGE, is_page=True, is_inline=True)
    def collections(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        def read() -> Iterable[tuple[str, str]]:
            client = open_for_person(row.connection.source)
            return ((head.gid, head.title) for head in collections.iter_heads(client))

        return self._list(request, row, "collection_gids", read)

    def _list(
        self, request: HttpRequest, row: CatalogueSettings, name: str, read: Callable[[], Iterable[tuple[str, str]]]
    ) -> HttpResponse:
        return live_list(request, name, getattr(row, name), read)

    @operation("Example", "", permission="stores.view_cataloguesettings", is_page=True, is_inline=True)
    def example(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponse:
        changed, problems = prices.proposed(row, request.GET)
        context: dict[str, Any] = {"problems": problems}
        if not problems:
            try:
                context |= prices.example(changed)
            except REFUSED as error:
                context["problems"] = [refusal_words(error)]
        query = prices.rule_query(changed) if not problems else ""
        context["all_url"] = f"{self.do_url(row, 'prices')}?{query}" if query else ""
        return TemplateResponse(request, "admin/stores/cataloguesettings/example.html", context)

    @operation("Prices", "", permission="stores.view_cataloguesettings", is_page=True, is_inline=True)
    def prices(self, request: HttpRequest, row: CatalogueSettings) -> HttpResponseBase:
        changed, problems = prices.proposed(row, request.POST or request.GET)
        if problems:
            raise ValueError(" ".join(problems))
        return self._prices_page(request, row, changed)
