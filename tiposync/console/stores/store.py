"""Stores: their credentials, their check, their locations, and pausing them."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from stores.clients import open_for_person
from stores.models import Location, Store
from stores.models.fields import LOST_KEY
from stores.shopify.content import collections
from syncing.connections import pausing
from syncing.queue import enqueue
from syncing.upkeep import store_check
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.filters import StoreAttentionFilter
from tiposync.console.kit.live_lists import live_list
from tiposync.console.kit.operations import Warned, operation
from tiposync.console.kit.pages import Fieldset, Fieldsets
from tiposync.console.kit.removal import Removal, stores_removed
from tiposync.console.stores import connecting
from tiposync.console.stores.connection_summary import follow_up
from tiposync.console.stores.pausing import PausingPage
from tiposync.console.stores.selecting import SEEN, SHARED, ask, effects_of_sharing, has_followers
from tiposync.console.stores.setup_guide import app_lines, first_steps, is_working, next_step
from tiposync.console.stores.store_form import SECRETS, StoreForm, stores_with_app

CHANGE, CREDENTIALS = "stores.change_store", "stores.enter_credentials"
ACCESS = {"domain", "auth", "same_app_as", "client_id", "client_secret", "access_token"}
# Of an app: worth nothing with another one.
TOKENS = {"access_token": "", "refresh_token": "", "refresh_expires_at": None}
TOKENS |= {"token_obtained_at": None, "token_expires_at": None}


def _without(names: Iterable[str], fieldset: Fieldset) -> Fieldset:
    title, options = fieldset
    return title, options | {"fields": [name for name in options["fields"] if name not in names]}


class LocationInline(TabularInline):
    """A store's locations, as Shopify has them."""

    model = Location
    fields = readonly_fields = ["shown_name", "shown_state", "gid"]
    extra = 0
    hide_title = True
    can_delete = False
    verbose_name_plural = "locations (read from Shopify by “Check store”)"

    @display(description="Location")
    def shown_name(self, location: Location) -> str:
        return location.name

    @display(description="State")
    def shown_state(self, location: Location) -> str:
        words = markup.pill(markup.GOOD, "active") if location.is_active else markup.pill(markup.QUIET, "inactive")
        return markup.joined([words, "fulfilment service" if location.is_fulfillment_service else ""])

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Store)
class StoreAdmin(PausingPage):
    """Stores, sources first."""

    intro = "A source store controls; destination stores follow. Connect them under “Connections”."
    empty_title = "No stores yet"
    empty_text = (
        "Add your source store first, with the credentials of its Dev Dashboard app, then press “Check store” on its "
        "page. Then add a destination store the same way, and connect the two."
    )
    empty_link = ("Add a store", "stores_store_add")
    form = StoreForm
    inlines = [LocationInline]
    list_display = [
        "shown_name",
        "shown_role",
        "shown_status",
        "currency",
        "shown_paused",
        "shown_checked",
        "shown_arrow",
    ]
    list_filter = [
        StoreAttentionFilter,
        ("role", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("is_paused", BooleanRadioFilter),
    ]
    list_filter_submit = True
    search_fields = ["name", "domain"]
    search_help_text = "Search by name or domain"
    operations = (
        *("connect", "check_store", "pause", "pause_now", "resume", "forget_previous_secret"),
        *("shared_collections", "share_collections"),
    )
    panel_template = "admin/stores/store/report.html"
    add_panel_template = "admin/stores/store/credentials.html"
    readonly_fields = ["shown_admin", "shown_status", "currency", "shown_scopes", "shown_expiry", "shown_clock"]
    conditional_fields = {
        "same_app_as": "auth != 'static_token'",
        "client_id": "auth != 'static_token'",
        "access_token": "auth == 'static_token'",
        "acceptance": "role == 'source'",
        "default_strategy": "role == 'source'",
        "shares_products": "role == 'source'",
        "share_tags": "role == 'source' && shares_products",
        "share_collection_gids": "role == 'source' && shares_products",
        "shares_collections": "role == 'source'",
        "shared_collection_gids": "role == 'source' && shares_collections == 'chosen'",
    }
    store_fieldset: Fieldset = ("Store", {"fields": ["domain", "name", "role"]})
    new_connections_fieldset: Fieldset = (
        "New connections from this store",
        {"fields": ["acceptance", "default_strategy"], "classes": ["console-conditional"]},
    )
    add_fieldsets: Fieldsets = [
        store_fieldset,
        (
            "Credentials",
            {
                "fields": ["auth", "same_app_as", "client_id", "client_secret", "access_token"],
                "description": "Kept encrypted and never shown again.",
            },
        ),
        new_connections_fieldset,
    ]
    fieldsets: ClassVar[Fieldsets] = [
        store_fieldset,
        (
            "Credentials",
            {
                "fields": [
                    *("auth", "same_app_as", "client_id", "client_secret", "previous_client_secret", "access_token"),
                ],
                "description": "Kept encrypted and never shown again. A secret left blank stays as it is.",
            },
        ),
        new_connections_fieldset,
    ]
    sharing_fieldset: Fieldset = (
        "What it shares with its destinations",
        {
            "fields": [*SHARED, "shares_collections", "shared_collection_gids"],
            "classes": ["console-conditional"],
            "description": "Product sync narrows this down further. What is not shared is not synced, stock included.",
        },
    )
    known_fieldset: Fieldset = (
        "What Shopify says",
        {"fields": ["shown_admin", "shown_status", "currency", "shown_scopes", "shown_expiry", "shown_clock"]},
    )

    def get_fieldsets(self, request: HttpRequest, obj: Store | None = None) -> Fieldsets:
        closed = [] if stores_with_app(obj).exists() else ["same_app_as"]
        if not obj:
            return [_without(closed, fieldset) for fieldset in self.add_fieldsets]
        last = [self.sharing_fieldset, self.known_fieldset] if obj.is_source else [self.known_fieldset]
        if self.has_change_permission(request, obj) and request.user.has_perm(CREDENTIALS):
            return [*(_without(closed, fieldset) for fieldset in self.fieldsets), *last]
        # Django shows a viewer the values of all fields: those of the secrets are left out, also for who may change
        # the rest.
        return [*(_without([*SECRETS, "same_app_as"], fieldset) for fieldset in self.fieldsets), *last]

    def get_form(self, request: HttpRequest, obj: Store | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        for name, address in (
            ("shared_collection_gids", "shared_collections"),
            ("share_collection_gids", "share_collections"),
        ):
            if obj and name in form.base_fields:
                form.base_fields[name].widget.url = self.do_url(obj, address)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        # Whoever could change the domain could have the credentials sent to a store of their own.
        closed = [] if not obj or request.user.has_perm(CREDENTIALS) else ["domain", "auth", "client_id"]
        return [*self.readonly_fields, *closed]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        has_source = Store.objects.filter(role=Store.Role.SOURCE).exists()
        role = Store.Role.DESTINATION if has_source else Store.Role.SOURCE
        return {"role": role} | super().get_changeform_initial_data(request)

    def get_inlines(self, request: HttpRequest, obj: Store | None) -> list:
        return self.inlines if obj else []

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Removal:
        return stores_removed(objs, request)

    def is_busy(self, row: Store) -> bool:
        return is_working(Q(store=row))

    def panel(self, request: HttpRequest, row: Store) -> dict[str, Any]:
        alerts = []
        if not row.is_connected:
            words = "Not connected yet: press “Connect”. It leads to Shopify, where the app is installed, and back."
            alerts.append({"tone": markup.WARN, "text": words})
        elif row.status == Store.Status.DISCONNECTED:
            alerts.append({"tone": markup.BAD, "text": f"Disconnected: {row.status_reason}"})
        elif row.status == Store.Status.ATTENTION:
            alerts.append({"tone": markup.WARN, "text": row.status_reason})
        if row.is_paused:
            alerts.append({"tone": markup.WARN, "text": "Paused: nothing is read from or written to this store."})
        return {
            "alerts": [] if self.is_busy(row) else alerts,  # of a check that is being made anew
            "checked": markup.ago(row.checked_at),
            "findings": row.check_report or [],
            "next": next_step(first_steps(request.user)),
            "is_connected": row.is_connected,
            "is_ready": row.status == Store.Status.READY and row.is_readable,
        }

    def add_panel(self, request: HttpRequest) -> dict[str, Any]:
        return {"lines": app_lines()}

    def response_add(self, request: HttpRequest, obj: Store, post_url_continue: str | None = None) -> HttpResponse:
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        what_next = "It is being checked now: see below." if obj.is_connected else "Press “Connect” to install the app."
        messages.success(request, f"{obj} was added. {what_next}")
        return HttpResponseRedirect(reverse("admin:stores_store_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Store) -> HttpResponse:
        answer = super().response_change(request, obj)
        if not is_working(Q(store=obj)):
            return answer
        # What was corrected may be right now, or not yet: the page shows the new check as soon as it is done.
        messages.info(request, "It is being checked with what you entered: see below.")
        return HttpResponseRedirect(reverse("admin:stores_store_change", args=[obj.pk]))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and SEEN not in request.POST:
            row = self.get_object(request, object_id)
            if row and row.is_source and self.has_change_permission(request, row):
                form = self.get_form(request, row, change=True)(request.POST, instance=row)
                stored = self.get_object(request, object_id)  # the form has changed the other
                if form.is_valid() and set(form.changed_data) & set(SHARED) and stored and has_followers(stored):
                    context = self.admin_site.each_context(request) | {"title": f"What ends: {stored}"}
                    back = reverse("admin:stores_store_change", args=[stored.pk])
                    return ask(request, context, back, lambda: effects_of_sharing(stored, row, open_for_person))
        return super().change_view(request, object_id, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        if change:
            # Only what the form shows: workers write the same row (token, bucket, status) at any moment.
            fields = {*form.cleaned_data} - (set() if "access_token" in form.changed_data else {"access_token"})
            if form.initial.get("client_id") != obj.client_id and "access_token" not in form.changed_data:
                for name, nothing in TOKENS.items():
                    setattr(obj, name, nothing)
                fields |= {*TOKENS}
            obj.save(update_fields=fields & {field.name for field in obj._meta.concrete_fields})
        else:
            super().save_model(request, obj, form, change)
        if obj.is_connected and (not change or set(form.changed_data) & ACCESS):
            enqueue.check_store(obj)
        if change and set(form.changed_data) & set(SHARED):
            for connection in obj.as_source.select_related("source", "destination"):
                follow_up(connection)

    @display(description="Store", ordering="name")
    def shown_name(self, store: Store) -> str:
        return markup.two_lines(store, store.domain if store.name else "")

    @display(description="Role", ordering="role")
    def shown_role(self, store: Store) -> str:
        return markup.pill(markup.BUSY if store.is_source else markup.QUIET, store.get_role_display())

    @display(description="Status", ordering="status")
    def shown_status(self, store: Store) -> str:
        if not store.is_readable:  # whatever was found when it was checked
            pill = markup.pill(markup.BAD, Store.Status.DISCONNECTED.label)
            return markup.joined([pill, markup.wrapped(LOST_KEY)])
        reason = markup.wrapped(store.status_reason) if store.status_reason else ""
        return markup.joined([markup.state_pill(store, "status"), reason])

    @display(description="Paused", ordering="is_paused")
    def shown_paused(self, store: Store) -> str:
        return markup.pill(markup.WARN, "Paused") if store.is_paused else markup.NOTHING

    @display(description="Last check", ordering="checked_at")
    def shown_checked(self, store: Store) -> str:
        return markup.ago(store.checked_at)

    @display(description="In Shopify")
    def shown_arrow(self, store: Store) -> str:
        return in_shopify.arrow(store)

    @display(description="Its admin")
    def shown_admin(self, store: Store) -> str:
        return markup.outside(store.page_in_shopify(), store.domain)

    @display(description="Scopes granted")
    def shown_scopes(self, store: Store) -> str:
        return ", ".join(store.scopes) or "not known yet: press “Check store”"

    @display(description="Token")
    def shown_expiry(self, store: Store) -> str:
        if store.auth == Store.Auth.STATIC_TOKEN:
            return "fixed: it does not expire"
        if not store.is_connected:
            return "none yet: press “Connect”"
        words = ["renewed by itself; the present one ends", markup.ago(store.token_expires_at, "– none yet")]
        if store.refresh_expires_at:
            words += ["– unless nothing is asked of the store until", markup.ago(store.refresh_expires_at)]
        return markup.joined(words)

    @display(description="Its clock")
    def shown_clock(self, store: Store) -> str:
        if store.answered_at is None:
            return "not known yet: press “Check store”"
        seconds = store.clock_difference.total_seconds()
        side = "ahead of it" if seconds > 0 else "behind it"
        words = f"ours was {abs(seconds):,.0f} seconds {side} at its last answer,"
        return markup.joined([words, markup.exact(store.answered_at)])

    @operation(
        "Connect", connecting.explain, permission=connecting.CHANGE, tone="primary", offered=connecting.may_connect
    )
    def connect(self, request: HttpRequest, store: Store) -> HttpResponse:
        return connecting.lead_to_shopify(request, store)

    @operation(
        "Check store",
        "Asks Shopify whether the credentials, scopes and API version are right, reads currency and locations, and "
        "repairs the webhook subscriptions. Work that waited for this store goes on.",
        permission="syncing.operate_connection",
        tone="primary",
        offered=lambda store: store.is_connected,
    )
    def check_store(self, request: HttpRequest, store: Store) -> str:
        report = store_check.check_store(store)
        store.refresh_from_db()
        if report.ok:
            return f"{store} is ready: everything is in place. What waited for it goes on."
        return Warned(f"{store}: {store.get_status_display().lower()}. The report below says what to do.")

    @operation(
        "Resume",
        "Ends the pause. The store's started connections are compared with Shopify first, then synced.",
        permission=CHANGE,
        tone="primary",
        offered=lambda store: store.is_paused,
    )
    def resume(self, request: HttpRequest, store: Store) -> str:
        count = pausing.resume(store) or 0
        return f"{store} is resumed. Connections being compared first: {count}."

    @operation(
        "Forget the previous secret",
        "Ends a rotation: from now on only webhooks signed with the current client secret are accepted.",
        permission=CREDENTIALS,
        offered=lambda store: bool(store.previous_client_secret),
    )
    def forget_previous_secret(self, request: HttpRequest, store: Store) -> str:
        Store.objects.filter(pk=store.pk).update(previous_client_secret="")
        return "Forgotten: only the current secret counts."

    @operation("Collections", "", permission=CHANGE, is_page=True, is_inline=True)
    def shared_collections(self, request: HttpRequest, store: Store) -> HttpResponse:
        return _collections(request, store, "shared_collection_gids")

    @operation("Collections", "", permission=CHANGE, is_page=True, is_inline=True)
    def share_collections(self, request: HttpRequest, store: Store) -> HttpResponse:
        return _collections(request, store, "share_collection_gids")


def _collections(request: HttpRequest, store: Store, name: str) -> HttpResponse:
    client = open_for_person(store)
    heads = ((head.gid, head.title) for head in collections.iter_heads(client))
    return live_list(request, name, getattr(store, name), lambda: heads)
