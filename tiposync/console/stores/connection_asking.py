"""What a connection's page asks before something ends: another selection, or a mapping that goes."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from stores import selecting
from stores.clients import open_for_person
from stores.models import Connection
from stores.shopify.content import collections
from syncing.connections import participation
from syncing.queue import enqueue
from syncing.stock import ends, wiring
from tiposync.console.kit.live_lists import live_list
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import operation
from tiposync.console.stores.connection_list import ConnectionColumns
from tiposync.console.stores.ending import CHOICE, choices_for
from tiposync.console.stores.selecting import SEEN, SELECTED, ask, effect_of

CHANGE = "stores.change_connection"
MAPPINGS = "mappings"  # the prefix of the inline rows


def _ignores_selection(connection: Connection) -> bool:
    return connection.ignores_selection


def removed_mappings(connection: Connection, data: Any) -> list[int]:
    """Our ids of the mappings that a posted form removes, or gives other locations."""
    stored = {row.pk: (row.source_location_id, row.destination_location_id) for row in connection.mappings.all()}
    found = []
    for number in range(min(row_number(data.get(f"{MAPPINGS}-TOTAL_FORMS")) or 0, 1000)):
        own = {name: data.get(f"{MAPPINGS}-{number}-{name}") for name in ("id", "DELETE")}
        pair = [
            row_number(data.get(f"{MAPPINGS}-{number}-{side}")) for side in ("source_location", "destination_location")
        ]
        pk = row_number(own["id"])
        if pk in stored and (own["DELETE"] or tuple(pair) != stored[pk]):
            found.append(pk)
    return found


class AskingConnection(ConnectionColumns):
    """Asks before links end, with their number, and what becomes of what is on sale."""

    def get_form(self, request: HttpRequest, obj: Connection | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj and "selected_collection_gids" in form.base_fields:
            form.base_fields["selected_collection_gids"].widget.url = self.do_url(obj, "collections")
        return form

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and SEEN not in request.POST:
            row = self.get_object(request, object_id)
            if row and self._must_ask(request, row) and (response := self._ask(request, row, object_id)) is not None:
                return response
        request.asked_at = wiring.ask_clock()  # type: ignore[attr-defined]  # a note of ours
        return super().change_view(request, object_id, *args, **kwargs)

    def _must_ask(self, request: HttpRequest, row: Connection) -> bool:
        return row.state == Connection.State.RUNNING and self.has_change_permission(request, row)

    def _ask(self, request: HttpRequest, row: Connection, object_id: str) -> HttpResponse | None:
        form = self.get_form(request, row, change=True)(request.POST, instance=row)
        stored = self.get_object(request, object_id)  # the form changes the other
        if stored is None or not form.is_valid():
            return None
        removed = ends.count_on_sale(Q(connection=stored.pk, mapping__in=removed_mappings(stored, request.POST)))
        is_other = bool(set(form.changed_data) & set(SELECTED)) and not stored.ignores_selection
        if not is_other and not removed.items:
            return None
        wanted, share = selecting.selection_of(row), selecting.share_of(stored.source)
        more: dict[str, Any] = {}
        if removed.items:
            more["removed"] = (
                f"Without these locations {removed.items} items are no longer synced: they are on sale in "
                f"{stored.destination} with {removed.units} units. What becomes of these quantities?"
            )
            more["choices"] = choices_for(ends.must_leave(stored))
        context = self.admin_site.each_context(request) | {"title": f"What ends: {stored}"}
        back = reverse("admin:stores_connection_change", args=[stored.pk])
        found = (lambda: [effect_of(stored, wanted, share, open_for_person)]) if is_other else (list)
        return ask(request, context, back, found, more)

    @operation("Collections", "", permission=CHANGE, is_page=True, is_inline=True)
    def collections(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        client = open_for_person(connection.source)
        heads = ((head.gid, head.title) for head in collections.iter_heads(client))
        return live_list(request, "selected_collection_gids", connection.selected_collection_gids, lambda: heads)

    @operation(
        "Apply the selection …",
        "Stock and orders of this connection still go on for products that its selection, or its source's sharing, "
        "leaves out. Shows how many would end; nothing ends before you confirm it.",
        permission=CHANGE,
        offered=_ignores_selection,
        is_page=True,
    )
    def ask_to_apply(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        wanted, share = selecting.selection_of(connection), selecting.share_of(connection.source)
        context = self.admin_site.each_context(request) | {
            "title": f"Apply the selection: {connection}",
            "effects": [effect_of(connection, wanted, share, open_for_person)],
            "posted": [],
            "action": self.do_url(connection, "apply_selection"),
            "back": reverse("admin:stores_connection_change", args=[connection.pk]),
            "button": "Apply it now",
        }
        return TemplateResponse(request, "admin/stores/connection/selection.html", context)

    @operation("Apply the selection", "", permission=CHANGE, offered=_ignores_selection, is_inline=True)
    def apply_selection(self, request: HttpRequest, connection: Connection) -> str:
        apply_selection(connection)
        return "Applied: it decides about stock and orders now, as about products."

    def finish_ends(self, request: HttpRequest, connection: Connection) -> None:
        """Have what ended by this form be what was chosen on the page that asked."""
        choice = request.POST.get(CHOICE, "")
        if SEEN in request.POST and choice in Connection.Ending.values:
            lost = Q(connection=connection, mapping__isnull=True, ended_at__gte=vars(request)["asked_at"])
            if connection_ids := ends.choose(lost, choice):
                enqueue.carry_stock_of(connection_ids)
                messages.info(request, "What was chosen for the quantities is being done, guarded as ever.")


def apply_selection(connection: Connection) -> None:
    """Somebody confirmed it: from now on the selection decides about stock and orders, too."""
    Connection.objects.filter(pk=connection.pk).update(ignores_selection=False)
    connection.ignores_selection = False
    if connection.state == Connection.State.RUNNING:
        participation.follow(connection)
        enqueue.carry_stock(connection)
