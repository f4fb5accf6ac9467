"""The first page: what to do next while nothing is started, the whole service, every connection, the stores, charts."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from stores.models import Connection, Store, VariantLink
from syncing.models import Cluster, StockAdjustment, StockHold, StockLink, SyncJob, WebhookEvent
from syncing.monitoring import service_status
from syncing.monitoring.connection_status import connection_statuses, needs_attention
from tiposync.console.home.charts import charts
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.reach import within
from tiposync.console.stores.connection_list import connection_pill
from tiposync.console.stores.connection_summary import panel_urls
from tiposync.console.stores.setup_guide import first_steps, is_working

# So many cards and stores are open; the others are folded away, those that want nothing last.
CARD_ROWS, STORE_ROWS = 12, 8
WHOLE = ("stores.view_store", "syncing.view_syncjob", "syncing.view_webhookevent", "syncing.view_cluster")
STOCK = ("syncing.view_stocklink", "syncing.view_stockhold", "stores.view_variantlink")

admin.site.index_template = "admin/syncing/dashboard.html"


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows (UNFOLD's DASHBOARD_CALLBACK); nothing that this user may not see."""
    user = request.user
    was_working = is_working()  # asked before: what ends while the steps are read is fetched once more
    steps = first_steps(user)
    context |= {"title": "Dashboard", "steps": steps, "is_busy": was_working or is_working()}
    if not user.has_perm("stores.view_connection"):
        return context | {"steps": [], "is_blind": True}
    connections = list(within(Connection.objects.select_related("source", "destination")))
    statuses = connection_statuses(connections)
    cards = sorted((card(row, statuses[row.pk]) for row in connections), key=lambda each: each["rank"])
    context |= {"cards": cards[:CARD_ROWS], "more_cards": cards[CARD_ROWS:]}
    if user.has_perms(WHOLE):
        queue = service_status.read_queue(within(SyncJob.objects.all()), within(service_status.waiting_events()))
        context["counts"] = [*_counts(queue), *(_sums(statuses.values()) if user.has_perms(STOCK) else [])]
        context["other_failed"] = queue["failed_general_jobs"]
        context["other_failed_url"] = markup.list_url(SyncJob, state__exact="failed", connection__isnull=True)
        stores = _stores()
        context |= {"stores": stores[:STORE_ROWS], "more_stores": stores[STORE_ROWS:]}
    return context | charts(request, connections)


def _counts(queue: dict[str, Any]) -> list[dict[str, Any]]:
    """The workers and what waits for them."""
    is_late = queue["oldest_event_at"] and queue["oldest_event_at"] < service_status.late_since()
    sign = markup.ago(queue["heartbeat_at"], "never seen")
    return [
        _count(
            "workers alive",
            queue["workers"],
            markup.list_url(Cluster, alive="yes"),
            not queue["workers"],
            markup.joined(["last sign", sign]),
        ),
        _count("jobs running", queue["running_jobs"], markup.list_url(SyncJob, state__exact="running")),
        _count(
            "jobs waiting",
            queue["due_jobs"],
            markup.list_url(SyncJob, due="now"),
            note=_since(queue["oldest_due_at"]),
        ),
        _count(
            "webhooks waiting",
            queue["waiting_events"],
            markup.list_url(WebhookEvent, state__exact="new", o=6),
            is_late,
            _since(queue["oldest_event_at"]),
        ),
        _count(
            "failed jobs", queue["failed_jobs"], markup.list_url(SyncJob, state__exact="failed"), queue["failed_jobs"]
        ),
    ]


def _sums(statuses: Any) -> list[dict[str, Any]]:
    """Over all connections: what is out of step, held, and without a partner."""
    statuses = list(statuses)
    out, held = (sum(status[name] for status in statuses) for name in ("out_of_step", "held"))
    unmatched, ambiguous = (sum(status["links"][name] for status in statuses) for name in ("unmatched", "ambiguous"))
    return [
        _count("out of sync", out, markup.list_url(StockLink, stock="out"), out),
        _count("needs review", held, markup.list_url(StockHold, state__exact="open"), held),
        _count("unmatched", unmatched, markup.list_url(VariantLink, state__exact="unmatched"), unmatched),
        _count("ambiguous", ambiguous, markup.list_url(VariantLink, state__exact="ambiguous"), ambiguous),
    ]


def _count(label: str, count: int, url: str, is_attention: Any = False, note: Any = "") -> dict[str, Any]:
    return {"label": label, "count": count, "url": url, "is_attention": bool(is_attention), "note": note}


def _since(at: Any) -> Any:
    return markup.joined(["oldest", markup.ago(at)]) if at else ""


def _stores() -> list[dict[str, Any]]:
    """The stores with what Shopify lets us ask of each; those with a problem first, then the most used up."""
    waiting = service_status.waiting_events_by_store()
    budgets = service_status.budgets(within(Store.objects.all()))
    budgets.sort(key=lambda one: (one.store.status == Store.Status.READY, one.percent, str(one.store)))
    return [
        {
            "budget": budget,
            "url": reverse("admin:stores_store_change", args=[budget.store.pk]),
            "arrow": in_shopify.arrow(budget.store),
            "status": markup.state_pill(budget.store, "status", budget.store.status_reason),
            "words": _budget_words(budget),
            "is_low": budget.percent < 20,
            "waiting": waiting.get(budget.store.pk, 0),
            "events_url": markup.list_url(WebhookEvent, state__exact="new", store__id__exact=budget.store.pk),
        }
        for budget in budgets
    ]


def _budget_words(budget: service_status.Budget) -> str:
    if budget.seen_at is None:
        return "nothing asked yet"
    words = (
        f"{max(0, budget.available):,.0f} of {budget.maximum:,.0f} points, {budget.restore_rate:,.0f} more per second"
    )
    return f"{words}; {-budget.available:,.0f} already promised" if budget.available < 0 else words


def card(connection: Connection, status: dict[str, Any]) -> dict[str, Any]:
    """One connection as the dashboard shows it; `rank` sorts those first that want somebody."""
    urls, wants = panel_urls(connection), needs_attention(status)
    last = status["last_reconciliation"]
    if last:
        own = {"reconciliation": last["number"]}
        urls["report"] = reverse("admin:syncing_reconciliation_change", args=[last["number"]])
        urls["corrected"] = markup.list_url(StockAdjustment, state__exact="applied", **own)
        urls["report_held"] = markup.list_url(StockHold, **own)
    calm = 2 if status["is_in_step"] else 1
    return {
        "connection": connection,
        "url": reverse("admin:stores_connection_change", args=[connection.pk]),
        "strategy": markup.state_pill(connection, "strategy"),
        "label": _label(connection, status),
        "wants": [{"url": urls[name], "words": words} for name, words in wants],
        "status": status,
        "urls": urls,
        "oldest_event": markup.ago(status["oldest_event_at"], "none waiting"),
        "oldest_waiting": markup.ago(status["oldest_waiting_at"], "none waiting"),
        "oldest_order": markup.ago(status["orders"]["oldest_at"], markup.NOTHING),
        "reconciled": markup.ago(connection.reconciled_at),
        "rank": (0 if wants else calm, str(connection)),
    }


def _label(connection: Connection, status: dict[str, Any]) -> str:
    stores = (connection.source, connection.destination)
    if connection.state != Connection.State.RUNNING:
        return connection_pill(connection)
    for state, words in ((Store.Status.DISCONNECTED, "Disconnected"), (Store.Status.ATTENTION, "Store has a problem")):
        if bad := [store for store in stores if store.status == state and not store.is_paused]:
            return markup.pill(markup.BAD, words, status["inert_reason"] or bad[0].status_reason)
    if status["inert_reason"]:
        return markup.pill(markup.WARN, "Paused", status["inert_reason"])
    if status["is_in_step"]:
        return markup.pill(markup.GOOD, "Synced")
    if status["out_of_step"]:
        count = status["out_of_step"]
        return markup.pill(markup.WARN, f"Out of sync: {count:,} item{'s' if count != 1 else ''}")
    return markup.pill(markup.BUSY, "Being written", "A write was sent and its answer is not known yet")
