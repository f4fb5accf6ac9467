"""Deciding many reviews of a list: the page that shows each with its values and a tick, and what the button does."""

from itertools import islice
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse

from stores.models import Connection
from syncing.models import StockHold
from syncing.queue import enqueue
from syncing.stock import holds
from tiposync.console.kit import markup
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.pages import list_query, signed_in
from tiposync.console.kit.reach import within

MOST_ROWS = 500
TICK = "review-"
DECISIONS = {"release": (holds.release_all, "Released"), "discard": (holds.discard_all, "Discarded")}
WHAT_IT_DOES = {
    "release": "Lets exactly these plans through. What has changed by then is planned afresh.",
    "discard": "Leaves all stores as they are: differences seen now are never synced, changes made from now on are.",
}
_RELATED = ("link__variant_link__source_variant", "connection__source", "connection__destination")


def ask(request: HttpRequest, context: dict[str, Any], chosen: QuerySet[StockHold], name: str) -> HttpResponse:
    """The page that lists what would be released or discarded. Nothing happens before its button is pressed."""
    wanted = chosen.filter(state=StockHold.State.OPEN, kind=StockHold.Kind.GUARD).select_related(*_RELATED)
    found = list(islice(wanted.order_by("pk"), MOST_ROWS + 1))
    shown = found[:MOST_ROWS]
    context |= {
        "title": f"{name.capitalize()} reviews",
        "name": name,
        "rows": [_row(hold) for hold in shown],
        "connection_count": len({hold.connection_id for hold in shown}),
        "left": 0 if len(found) > MOST_ROWS else chosen.count() - len(found),
        "is_cut": len(found) > MOST_ROWS,
        "limit": MOST_ROWS,
        "what_it_does": WHAT_IT_DOES[name],
        "button": f"{name.capitalize()} the ticked ones",
        "decide": reverse("admin:syncing_stockhold_decide"),
        "list": list_query(request),
        "back": _list_of(list_query(request)),
    }
    return TemplateResponse(request, "admin/syncing/stockhold/decide.html", context)


def _row(hold: StockHold) -> dict[str, Any]:
    return {
        "tick": f"{TICK}{hold.pk}",
        "url": reverse("admin:syncing_stockhold_change", args=[hold.pk]),
        "item": hold.link.variant_link.source_variant,
        "connection": hold.connection,
        "source": markup.change(hold.source_from, hold.source_to),
        "destination": markup.change(hold.destination_from, hold.destination_to),
    }


def _list_of(query: str) -> str:
    return reverse("admin:syncing_stockhold_changelist") + (f"?{QueryDict(query).urlencode()}" if query else "")


def decide(request: HttpRequest, permission: str) -> HttpResponse:
    """Release or discard the ticked reviews: those that are still open, each with the plan that was shown."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    back = HttpResponseRedirect(_list_of(request.POST.get("list", "")))
    ticked = [row_number(name.removeprefix(TICK)) for name in request.POST if name.startswith(TICK)][:MOST_ROWS]
    pks = [pk for pk in ticked if pk is not None]
    if not pks or request.POST.get("decision") not in DECISIONS:
        messages.warning(request, "Nothing was ticked, and nothing was changed.")
        return back
    decide_all, word = DECISIONS[request.POST["decision"]]
    decided = decide_all(within(StockHold.objects.filter(pk__in=pks)), signed_in(request))
    follow_up(request, decided, f"{word}.")
    messages.success(request, f"{word}: {len(decided):,}.")
    if left := len(pks) - len(decided):
        words = "Somebody else decided them, or their values changed, since the page was shown."
        messages.warning(request, f"Left alone: {left:,}. {words}")
    return back


def follow_up(request: HttpRequest, decided: set[int], words: str) -> None:
    """Have the connections go on, and leave a line in the history of each review, by one statement."""
    rows = StockHold.objects.filter(pk__in=decided)
    for connection in Connection.objects.filter(pk__in=rows.values("connection")):
        enqueue.carry_stock(connection)
    kind, user = ContentType.objects.get_for_model(StockHold), signed_in(request).pk
    LogEntry.objects.bulk_create(
        (
            LogEntry(
                user_id=user,
                content_type=kind,
                object_id=str(pk),
                object_repr=f"Review {pk}",
                action_flag=CHANGE,
                change_message=words,
            )
            for pk in sorted(decided)
        ),
        batch_size=1000,
    )
