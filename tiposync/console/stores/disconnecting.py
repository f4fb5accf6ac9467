"""Disconnecting on a connection's page: one action that asks about products, quantities and open orders."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from orders.models import OrderImport
from orders.open_orders import open_orders
from stores.models import CatalogueSettings, Connection
from syncing.connections import disconnecting
from syncing.stock import ends
from tiposync.console.kit import markup
from tiposync.console.kit.operations import operation
from tiposync.console.stores.connection_asking import AskingConnection
from tiposync.console.stores.ending import choices_for

CHANGE = "stores.change_connection"
LISTED_ORDERS = 20
State = Connection.State


def _may_be_ended(connection: Connection) -> bool:
    """Also once more while it is being disconnected, where nothing travels any more: then it ends with what is done."""
    is_waiting = bool(connection.disconnecting_at) and not connection.why_inert()
    return connection.state not in (State.ENDED, State.REMOVED) and not is_waiting


def _is_ended(connection: Connection) -> bool:
    return connection.state == State.ENDED


class EndingConnection(AskingConnection):
    """The buttons that end a connection, and begin it again."""

    @operation(
        "Disconnect …",
        "Asks what becomes of its products, of what is on sale and of its open orders, and says how many these are. "
        "Then it ends; its rows stay, and it can be connected again.",
        permission=CHANGE,
        offered=_may_be_ended,
        is_page=True,
    )
    def disconnect(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        catalogue = CatalogueSettings.objects.filter(connection=connection).first()
        found = open_orders(connection.pk)
        context = self.admin_site.each_context(request) | {
            "title": f"Disconnect {connection}",
            "connection": connection,
            "counts": disconnecting.count(connection),
            "unlinks": CatalogueSettings.Unlink.choices,
            "unlink": catalogue.unlink if catalogue else CatalogueSettings.Unlink.NOTHING,
            "quantities": choices_for(ends.must_leave(connection)),
            "orders": [markup.page_of(row, str(row)) for row in found.select_related("connection")[:LISTED_ORDERS]],
            "all_orders": markup.list_url(OrderImport, connection=connection.pk),
            "back": reverse("admin:stores_connection_change", args=[connection.pk]),
            "url": self.do_url(connection, "disconnect_now"),
        }
        return TemplateResponse(request, "admin/stores/connection/disconnect.html", context)

    @operation("Disconnect now", "", permission=CHANGE, offered=_may_be_ended, is_inline=True)
    def disconnect_now(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        words = disconnecting.begin(
            connection,
            request.POST.get("unlink", CatalogueSettings.Unlink.NOTHING),
            request.POST.get("quantities", ""),
            waits_for_orders=request.POST.get("orders") != "stop",
            by=request.user,
        )
        messages.success(request, words)
        return HttpResponseRedirect(reverse("admin:stores_connection_change", args=[connection.pk]))

    @operation(
        "Connect again",
        "It can then be matched, previewed and started, like a new one. Orders that it has imported stay known; orders "
        "placed before the new start are not imported.",
        permission=CHANGE,
        tone="primary",
        offered=_is_ended,
    )
    def connect_again(self, request: HttpRequest, connection: Connection) -> str:
        disconnecting.connect_again(connection)
        return "Connected again. Next: match, preview, start."
