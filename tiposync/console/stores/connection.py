"""Connections: what travels between two stores, how it is set up step by step, and how it stands."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from orders import due
from orders.models import OrderSettings
from stores.clients import open_for_person
from stores.linking import linking
from stores.models import CatalogueSettings, Connection, LocationMapping
from syncing.connections import disconnecting, pausing
from syncing.monitoring.connection_status import connection_status
from syncing.queue import enqueue
from syncing.stock import realigning, undo, wiring
from tiposync.console.catalogue.summary import page_of_catalogue
from tiposync.console.kit import markup
from tiposync.console.kit.filters import StoreFilter
from tiposync.console.kit.operations import operation
from tiposync.console.kit.removal import Removal, connections_removed
from tiposync.console.orders.settings import OrderSettingsInline, resume_orders
from tiposync.console.stock.previewing import preview_page
from tiposync.console.stock.undo import QUEUED, UNDO, undo_page
from tiposync.console.stores.connection_form import ConnectionForm, MappingInline, of_only_source
from tiposync.console.stores.connection_summary import (
    ending_words,
    follow_up,
    ignored_words,
    panel_urls,
    unmapped_locations,
)
from tiposync.console.stores.disconnecting import EndingConnection
from tiposync.console.stores.pausing import PausingPage
from tiposync.console.stores.selecting import SELECTED
from tiposync.console.stores.setup_guide import PREVIEWED, is_working, next_steps

CHANGE_CATALOGUE = "stores.change_cataloguesettings"
CHANGE, APPROVE, OPERATE = "stores.change_connection", "stores.approve_connection", "syncing.operate_connection"
JUST_STARTED = timedelta(minutes=2)  # whoever has just started it sees its numbers move
RULES = {"safety_buffer", "cap_quantity", "percentage"}  # what a one-way destination shows of the source's quantities
ONE_WAY = "strategy != 'two_way'"  # a condition for the browser: fields that mean nothing otherwise are hidden
State = Connection.State


def _is_approved(connection: Connection) -> bool:
    return connection.state in (State.READY, State.RUNNING)


def _has_catalogue(connection: Connection) -> bool:
    return bool(page_of_catalogue(connection.pk))


def _what_start_does(connection: Connection) -> str:
    words = "Reads the products of both stores, matches them, and begins to sync the mapped locations. "
    if connection.alignment == Connection.Alignment.KEEP_BOTH:
        return words + "Quantities that differ now stay as they are; changes made from now on are synced."
    return words + "Where quantities differ now, the destination takes the source's. Preview it first."


def _was_aligned(connection: Connection) -> bool:
    return undo.first_alignment_of(connection).exists()


@admin.register(Connection)
class ConnectionAdmin(EndingConnection, PausingPage):
    """Connections, by source and destination."""

    intro = "A connection syncs one source store to one destination store. Nothing travels before it is started."
    empty_title = "No connections yet"
    empty_text = (
        "Connect a source store to a destination store. You need one store of each role, both checked. "
        "Nothing is written to either store before you press “Start”."
    )
    empty_link = ("Add a connection", "stores_connection_add")
    form = ConnectionForm
    inlines = [MappingInline]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("strategy", ChoicesDropdownFilter),
        ("is_paused", BooleanRadioFilter),
        ("source", StoreFilter),
    ]
    list_filter_submit = True
    list_select_related = ["source", "destination"]
    search_fields = ["source__name", "source__domain", "destination__name", "destination__domain"]
    search_help_text = "Search by store"
    operations = (
        "approve",
        "reject",
        "propose",
        "match",
        "preview",
        "start",
        "reconcile",
        "pause",
        "pause_now",
        "resume",
        "preview_undo",
        "take_back",
        "open_catalogue",
        "add_catalogue",
        "ask_to_apply",
        "apply_selection",
        "collections",
        "disconnect",
        "disconnect_now",
        "connect_again",
    )
    panel_template = "admin/stores/connection/summary.html"
    conditional_fields = dict.fromkeys(("drift", "ending", "safety_buffer", "cap_quantity", "percentage"), ONE_WAY)
    add_fieldsets = [
        ("Stores", {"fields": ["source", "destination"]}),
        ("What travels", {"fields": ["strategy", "identifier", "alignment", "ending"]}),
    ]
    fieldsets = [
        ("Stores", {"fields": ["source", "destination"]}),
        ("What travels", {"fields": ["strategy", "identifier", "alignment", "drift", "ending", "activates_items"]}),
        (
            "Which products take part",
            {
                "fields": list(SELECTED),
                "description": "In stock, orders and products alike, of what the source shares. Each of these that is "
                "not empty must be true of a product. Saving shows first what begins and what ends.",
            },
        ),
        (
            "Rules",
            {
                "fields": ["safety_buffer", "cap_quantity", "percentage"],
                "classes": ["console-conditional"],
                "description": "One-way only: how the destination's quantity is computed from the source's.",
            },
        ),
        (
            "Guards",
            {
                "fields": ["guard_zero_from", "guard_move", "guard_zero_share", "guard_zero_minimum"],
                "description": "A change beyond these limits is read again live; if it still is unusually large, it "
                "waits for a decision under “Needs review”.",
            },
        ),
    ]

    def get_inlines(self, request: HttpRequest, obj: Connection | None) -> list:
        if not obj:
            return []
        return [*self.inlines, OrderSettingsInline] if obj.carries_orders else self.inlines

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:
        return ["source", "destination"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return of_only_source() | super().get_changeform_initial_data(request)

    def is_busy(self, row: Connection) -> bool:
        if is_working(Q(connection=row) | Q(store=row.source_id) | Q(store=row.destination_id)):
            return True
        if row.state != State.RUNNING or row.started_at is None:
            return False
        return row.started_at > row.destination.now() - JUST_STARTED

    def panel(self, request: HttpRequest, row: Connection) -> dict[str, Any]:
        reason = row.why_inert()
        steps = next_steps(row, lambda: {button["name"]: button for button in self.offered(request, row)})
        tone = markup.BAD if "disconnected" in reason else markup.WARN
        said = [{"tone": tone, "text": reason}, {"tone": markup.WARN, "text": ignored_words(row)}]
        said += [{"tone": markup.WARN, "text": ending_words(row)}]
        said += [{"tone": markup.BUSY, "text": realigning.describe_waiting(row)}]
        said += [{"tone": markup.BUSY, "text": due.report_left_over(row)}]
        return {
            "alerts": [each for each in said if each["text"]],
            "status": connection_status(row),
            "steps": steps,
            "unmapped": unmapped_locations(row),
            "urls": panel_urls(row),
            "reconciled": markup.ago(row.reconciled_at),
            "matched": markup.ago(row.linked_at),
            "admins": [markup.outside(store.page_in_shopify(), store) for store in (row.source, row.destination)],
        }

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        if not change:
            if obj.pk is not None:  # these two were connected before, and their orders are known still
                disconnecting.connect_again(obj)
                obj.refresh_from_db(fields=["started_at"])
            obj.state = obj.first_state()
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            obj.save(update_fields=form.changed_data)  # workers write the same row: only what was changed here

    def save_related(self, request: HttpRequest, form: Any, formsets: list, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change:
            return
        connection = form.instance
        if "identifier" in form.changed_data and _is_approved(connection):
            enqueue.match_connection(connection)
            messages.info(request, "The products are matched again by the new identifier; links that stand stay.")
        if "strategy" in form.changed_data and (words := due.report_left_over(connection)):
            messages.info(request, words)
        if form.changed_data or any(formset.has_changed() for formset in formsets):
            if RULES & set(form.changed_data):
                wiring.plan_again(connection)
            follow_up(connection)
            self.finish_ends(request, connection)
        if any(formset.model is OrderSettings and formset.has_changed() for formset in formsets):
            resume_orders(connection)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).exclude(state=State.REMOVED)

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        disconnecting.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for connection in queryset:
            disconnecting.remove(connection)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Removal:
        return connections_removed(objs, request)

    def response_add(self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None) -> HttpResponse:
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"{obj} was added. Its page shows the steps until it can be started.")
        return HttpResponseRedirect(reverse("admin:stores_connection_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Connection) -> HttpResponse:
        if not obj.carries_orders or OrderSettings.objects.filter(connection=obj).exists():
            return super().response_change(request, obj)
        messages.info(request, "Choose at the bottom of this page how its orders become orders of the source.")
        return HttpResponseRedirect(reverse("admin:stores_connection_change", args=[obj.pk]))

    @operation(
        "Approve",
        "Accepts this connection. Nothing travels yet: it can then be matched, previewed and started.",
        permission=APPROVE,
        tone="primary",
        offered=lambda connection: connection.state in (State.PENDING, State.REJECTED),
    )
    def approve(self, request: HttpRequest, connection: Connection) -> str:
        Connection.objects.filter(pk=connection.pk).update(state=State.READY)
        return "Approved. Next: map its locations, match, preview, start."

    @operation(
        "Reject",
        "Refuses this connection: it cannot be started. It can be approved later.",
        permission=APPROVE,
        tone="danger",
        offered=lambda connection: connection.state == State.PENDING,
    )
    def reject(self, request: HttpRequest, connection: Connection) -> str:
        Connection.objects.filter(pk=connection.pk).update(state=State.REJECTED)
        return "Rejected: it cannot be started."

    @operation(
        "Match by name",
        "Maps unmapped locations that have the same name in both stores. You can change the rows at the bottom.",
        permission=CHANGE,
        offered=lambda connection: bool(linking.propose_mappings(connection)),
    )
    def propose(self, request: HttpRequest, connection: Connection) -> str:
        rows = [
            LocationMapping(connection=connection, source_location=source, destination_location=destination)
            for source, destination in linking.propose_mappings(connection)
        ]
        LocationMapping.objects.bulk_create(rows, ignore_conflicts=True)
        follow_up(connection)
        return f"Mapped: {', '.join(str(row) for row in rows)}."

    @operation(
        "Match now",
        "Reads the products of both stores and looks for partners of all variants that have "
        "none. Links that stand are left alone.",
        permission=OPERATE,
        offered=_is_approved,
    )
    def match(self, request: HttpRequest, connection: Connection) -> str:
        enqueue.match_connection(connection)
        return "Matching is queued. What it found appears here, and what is doubtful under “Variant matching”."

    @operation(
        "Preview",
        "Reads both stores live and shows every quantity that would change. Writes nothing.",
        permission=OPERATE,
        offered=_is_approved,
        is_page=True,
    )
    def preview(self, request: HttpRequest, connection: Connection) -> HttpResponseBase:
        def note(changes: int, rows: int) -> None:
            if connection.state == State.READY and rows:
                self.log_change(request, connection, f"{PREVIEWED}: {changes} of {rows} rows would change.")

        context = self.admin_site.each_context(request) | {
            "title": f"Preview: {connection}",
            "back": reverse("admin:stores_connection_change", args=[connection.pk]),
            "start": self.do_url(connection, "start") if connection.state == State.READY else "",
            "start_words": _what_start_does(connection),
        }
        return preview_page(request, connection, context, open_for_person, note)

    @operation(
        "Start",
        _what_start_does,
        permission=CHANGE,
        tone="primary",
        offered=lambda connection: connection.state == State.READY,
    )
    def start(self, request: HttpRequest, connection: Connection) -> str:
        if not connection.mappings.exists():
            raise ValueError("no locations are mapped yet. Map at least one source location to a destination location.")
        enqueue.start_connection(connection)
        return "Starting is queued: this page shows how it gets on."

    @operation(
        "Reconcile",
        "Compares every linked quantity with what Shopify says now; what differs is corrected. Also runs by itself.",
        permission=OPERATE,
        offered=lambda connection: connection.state == State.RUNNING,
    )
    def reconcile(self, request: HttpRequest, connection: Connection) -> str:
        if reason := connection.why_inert():
            raise ValueError(f"nothing is compared now. {reason} It is compared by itself as soon as that ends.")
        enqueue.reconcile(connection)
        return "Reconciliation is queued. Its report appears under “Reconciliations”."

    @operation(
        "Resume",
        "Ends the pause: the connection is compared with Shopify first, then synced.",
        permission=CHANGE,
        tone="primary",
        offered=lambda connection: connection.is_paused,
    )
    def resume(self, request: HttpRequest, connection: Connection) -> str:
        pausing.resume(connection)
        return "Resumed: it is being compared with Shopify first."

    @operation(
        "Undo initial sync …",
        "Shows what would become of each quantity that the initial sync wrote. Writes nothing yet.",
        permission=UNDO,
        offered=_was_aligned,
        is_page=True,
    )
    def preview_undo(self, request: HttpRequest, connection: Connection) -> HttpResponseBase:
        context = self.admin_site.each_context(request) | {
            "title": f"Undo the initial sync: {connection}",
            "back": reverse("admin:stores_connection_change", args=[connection.pk]),
            "undo": self.do_url(connection, "take_back"),
        }
        return undo_page(request, context, connection, undo.first_alignment_of(connection))

    @operation("Take it back", "", permission=UNDO, offered=_was_aligned, is_inline=True)
    def take_back(self, request: HttpRequest, connection: Connection) -> str:
        enqueue.undo_alignment(connection)
        return QUEUED

    @operation(
        "Product sync",
        "Which products, prices, collections, pages, blogs and articles follow, how, and how that stands.",
        permission="stores.view_cataloguesettings",
        offered=_has_catalogue,
        is_page=True,
    )
    def open_catalogue(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        return HttpResponseRedirect(page_of_catalogue(connection.pk))

    @operation(
        "Set up product sync",
        "Opens the page where you choose which products, prices, collections and content follow besides stock. Nothing "
        "of them travels before you start it there.",
        permission=CHANGE_CATALOGUE,
        offered=lambda connection: not _has_catalogue(connection),
    )
    def add_catalogue(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        CatalogueSettings.objects.get_or_create(connection=connection)
        return HttpResponseRedirect(page_of_catalogue(connection.pk))
