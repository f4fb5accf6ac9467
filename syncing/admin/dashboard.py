"""The first page: a card per connection, and what to do next while nothing is started."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from stores.admin import look
from stores.admin.connection_list import connection_pill
from stores.admin.connection_standing import panel_urls
from stores.admin.steps import first_steps
from stores.models import Connection
from syncing.models import SyncJob
from syncing.status import connection_status

CARDS = 100

admin.site.index_template = "admin/syncing/dashboard.html"


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows (UNFOLD's DASHBOARD_CALLBACK); nothing that this user may not see."""
    context["title"] = "Dashboard"
    context["steps"] = first_steps(request.user)
    context["is_busy"] = any(step.is_busy for step in context["steps"])
    if not request.user.has_perm("stores.view_connection"):
        return context | {"steps": [], "cards": [], "is_blind": True}
    rows = Connection.objects.select_related("source", "destination")[:CARDS]
    context["cards"] = [card(connection) for connection in rows]
    general = SyncJob.objects.filter(state=SyncJob.State.FAILED, connection=None)
    context["other_failed"] = general.count() if request.user.has_perm("syncing.view_syncjob") else 0
    context["failed_url"] = look.list_url(SyncJob, state__exact="failed")
    return context


def card(connection: Connection) -> dict[str, Any]:
    """One connection as the dashboard shows it."""
    status = connection_status(connection)
    return {
        "connection": connection,
        "url": reverse("admin:stores_connection_change", args=[connection.pk]),
        "strategy": look.state_pill(connection, "strategy"),
        "label": _label(connection, status),
        "status": status,
        "urls": panel_urls(connection),
        "oldest_event": look.ago(status["oldest_event_at"], "none waiting"),
        "oldest_waiting": look.ago(status["oldest_waiting_at"], "none waiting"),
        "oldest_order": look.ago(status["orders"]["oldest_at"], look.NOTHING),
        "reconciled": look.ago(connection.reconciled_at),
    }


def _label(connection: Connection, status: dict[str, Any]) -> str:
    if connection.state != Connection.State.RUNNING:
        return connection_pill(connection)
    if status["inert_reason"]:
        return look.pill(look.WARN, "Not syncing", status["inert_reason"])
    if status["is_in_step"]:
        return look.pill(look.GOOD, "In step")
    return look.pill(look.WARN, "Out of step")
