"""One page per linked item: why its numbers are what they are, every cause in order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import CharField, F, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from orders.models import OrderImportLine
from stores.models import Connection, VariantLink
from syncing.models import StockAdjustment, StockHold, StockLink, StockObservation
from syncing.stock import pairs
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.operations import REFUSALS, refusal_words
from tiposync.console.kit.reach import within
from tiposync.console.orders.summary import state_pills
from tiposync.console.stock.correcting import CORRECT, correct_now, is_correctable
from tiposync.console.stock.item import describe
from tiposync.console.stock.read_live import Reading, ask_live, problems_of
from tiposync.console.times import time_zones
from tiposync.console.times.date_range import DateRange, NoRange, RangeForm, quick_links, read_range

PAGE_ROWS = 50
RANGE = "at"  # in the address: the days that are shown
LINKED_ROWS = (
    *("source_level__location__store", "destination_level__location__store", "connection"),
    *("mapping__source_location", "mapping__destination_location"),
)


@dataclass(frozen=True)
class Entry:
    """One line of the timeline: when, which kind of thing, where, what changed, by whom or what, and what it led to."""

    at: datetime
    kind: str
    tone: str
    where: str
    changed: Any
    cause: Any
    outcome: Any = ""


@dataclass(frozen=True)
class Scope:
    """What one item's timeline draws from."""

    link: VariantLink
    stock_links: list[StockLink]

    @property
    def level_ids(self) -> list[int]:
        return [pk for link in self.stock_links for pk in (link.source_level_id, link.destination_level_id)]

    @property
    def hold_ids(self) -> QuerySet:
        return StockHold.objects.filter(link__in=[link.pk for link in self.stock_links]).values_list("pk", flat=True)


def timeline_view(request: HttpRequest, link_id: int) -> HttpResponse:
    """The page: both levels of every mapped pair as the mirror has them, why, and what happened, newest first."""
    scope = _scope(request, link_id)
    try:
        shown = read_range(request.GET, RANGE)
    except NoRange as error:
        messages.warning(request, str(error))
        shown = DateRange()
    page = Paginator(_keys(scope, shown), PAGE_ROWS).get_page(request.GET.get("page"))
    context = admin.site.each_context(request) | {
        "title": f"Timeline: {scope.link.source_variant}",
        "link": scope.link,
        "source_arrow": in_shopify.variant_arrow(scope.link.connection.source, scope.link.source_variant),
        "partner_arrow": in_shopify.variant_arrow(scope.link.connection.destination, scope.link.destination_variant),
        "item": describe(scope.link, scope.stock_links),
        "entries": _entries(page.object_list),
        "page_obj": page,
        "quick_days": quick_links(request.GET, RANGE, drops=("page",)),
        "range": shown.words,
        "range_form": RangeForm(RANGE, data=request.GET),
        "range_query": urlencode([(name, value) for name, value in request.GET.items() if name.startswith(RANGE)]),
        "links": {
            "link": reverse("admin:stores_variantlink_change", args=[scope.link.pk]),
            "connection": reverse("admin:stores_connection_change", args=[scope.link.connection_id]),
            "read": reverse("admin:syncing_timeline_read", args=[scope.link.pk]),
            "correct": reverse("admin:syncing_timeline_correct", args=[scope.link.pk]),
        },
        "can_correct": request.user.has_perm(CORRECT) and is_correctable(scope.stock_links),
        "can_read": request.user.has_perm("stores.change_variantlink") and bool(scope.stock_links),
    }
    return TemplateResponse(request, "admin/syncing/timeline.html", context)


def read_live_view(request: HttpRequest, link_id: int) -> HttpResponse:
    """Ask Shopify for the levels of an item now, then show its page again."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    scope = _scope(request, link_id)
    if not request.user.has_perm("stores.change_variantlink"):
        raise PermissionDenied
    try:
        readings = ask_live(scope.stock_links)
    except REFUSALS as error:
        messages.error(request, f"Read live: {refusal_words(error)}")
    else:
        _report_readings(request, readings)
    return redirect("admin:syncing_timeline", link_id)


def correct_view(request: HttpRequest, link_id: int) -> HttpResponse:
    """Have the item corrected where it was changed in the destination, then show its page again."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    correct_now(request, _scope(request, link_id).stock_links)
    return redirect("admin:syncing_timeline", link_id)


def _report_readings(request: HttpRequest, readings: list[Reading]) -> None:
    if read := [reading for reading in readings if not reading.problem]:
        differs = any(reading.level.available != reading.before for reading in read)
        after = " What differs is being synced." if differs else " All as known here."
        words = "; ".join(reading.words for reading in read)
        at = f"{timezone.localtime():%H:%M:%S}"
        messages.success(request, f"Shopify says, at {at} ({time_zones.current_name()}): {words}.{after}")
    for problem in problems_of(readings):
        messages.error(request, f"Could not be read. {problem}")


def _scope(request: HttpRequest, link_id: int) -> Scope:
    if not request.user.has_perms(["stores.view_variantlink", "syncing.view_stocklink"]):
        raise PermissionDenied
    variants = ("source_variant__store", "destination_variant__store", "connection__source", "connection__destination")
    link = get_object_or_404(within(VariantLink.objects.select_related(*variants)), pk=link_id)
    rows = within(pairs.links_of(link)).select_related(*LINKED_ROWS).order_by("pk")
    return Scope(link, list(rows))


def _keys(scope: Scope, shown: DateRange) -> QuerySet:
    """(instant, kind, id) of everything that concerns the item, newest first, from all the tables it is kept in."""
    key = partial(_key, shown)
    observations = within(StockObservation.objects.filter(level__in=scope.level_ids))
    adjustments = within(StockAdjustment.objects.filter(level__in=scope.level_ids))
    holds = StockHold.objects.filter(link__in=[link.pk for link in scope.stock_links])
    parts = [
        key(adjustments, "adjustment", "created_at"),
        key(holds, "hold", "created_at"),
        key(holds.filter(resolved_at__isnull=False), "review decided", "resolved_at"),
        key(_log(scope), "operator", "action_time"),
        key(_ordered(scope), "ordered", "order_import__created_at"),
        key(_ordered(scope).filter(_IN_COPY), "copied", "order_import__confirmed_at"),
    ]
    return (
        key(observations, "observation", "created_at")
        .union(*parts, all=True)
        .order_by("-entry_at", "entry_kind", "-entry_key")
    )


def _key(shown: DateRange, rows: QuerySet, kind: str, instant: str) -> QuerySet:
    rows = (
        rows.filter(shown.condition(instant))
        .order_by()
        .annotate(entry_at=F(instant), entry_kind=Value(kind, CharField()), entry_key=F("pk"))
    )
    return rows.values_list("entry_at", "entry_kind", "entry_key")


_IN_COPY = Q(order_import__confirmed_at__isnull=False, state=OrderImportLine.State.CARRIED)


def _ordered(scope: Scope) -> QuerySet[OrderImportLine]:
    # Sold in any destination of the source: the units of each are held back from all of them.
    return OrderImportLine.objects.filter(source_variant=scope.link.source_variant_id)


def _log(scope: Scope) -> QuerySet[LogEntry]:
    types = ContentType.objects.get_for_models(VariantLink, StockHold, Connection)
    return LogEntry.objects.filter(
        Q(content_type=types[VariantLink], object_id=str(scope.link.pk))
        | Q(content_type=types[StockHold], object_id__in=[str(pk) for pk in scope.hold_ids])
        | Q(content_type=types[Connection], object_id=str(scope.link.connection_id))
    )


def _entries(keys: Iterable[tuple[datetime, str, int]]) -> list[Entry]:
    keys = list(keys)
    wanted: dict[str, set[int]] = {}
    for _, kind, pk in keys:
        wanted.setdefault(_TABLES.get(kind, kind), set()).add(pk)
    found = {table: _ROWS[table]().in_bulk(pks) for table, pks in wanted.items()}
    return [_DRAW[kind](at, found[_TABLES.get(kind, kind)][pk]) for at, kind, pk in keys]


# Kinds of entries that are drawn from a row of another.
_TABLES = {"review decided": "hold", "copied": "ordered"}


_ROWS: dict[str, Callable[[], QuerySet[Any]]] = {
    "observation": lambda: StockObservation.objects.select_related("level__location__store", "event"),
    "adjustment": lambda: StockAdjustment.objects.select_related(
        "level__location__store", "batch", "connection__source", "connection__destination", "reconciliation"
    ),
    "hold": lambda: StockHold.objects.select_related(
        "resolved_by", "link__mapping__source_location", "link__mapping__destination_location"
    ),
    "ordered": lambda: OrderImportLine.objects.select_related(
        "order_import__connection__source", "order_import__connection__destination"
    ),
    "operator": lambda: LogEntry.objects.select_related("user", "content_type"),
}


def _where(level: Any) -> str:
    return f"{level.location.store}, {level.location.name}"


def _draw_observation(at: datetime, row: StockObservation) -> Entry:
    cause = row.get_origin_display()
    if row.event:
        cause = markup.page_of(row.event, f"Webhook {row.event.topic}")
    outcome = markup.joined(["Changed in Shopify:", markup.exact(row.as_of)])
    if row.is_doubtful:
        outcome = markup.joined([outcome, "It proved nothing by itself: the level was read live before use."], ". ")
    return Entry(
        at, "Seen", markup.QUIET, _where(row.level), markup.change(row.previous, row.available), cause, outcome
    )


def _draw_adjustment(at: datetime, row: StockAdjustment) -> Entry:
    cause = row.get_cause_display()
    if row.reconciliation:
        cause = markup.page_of(row.reconciliation, cause)
    connection = row.connection or "a removed connection"
    outcome = markup.joined(
        [markup.state_pill(row), row.reason, markup.page_of(row.batch, f"batch {row.batch_id}"), f"for {connection}"]
    )
    changed = markup.change(row.change_from, row.change_to)
    return Entry(at, "Written", markup.BUSY, _where(row.level), changed, cause, outcome)


def _draw_hold(at: datetime, row: StockHold) -> Entry:
    outcome = markup.page_of(row, "Look at the review")
    return Entry(at, "Needs review", markup.WARN, row.link.where, _planned(row), row.reason, outcome)


def _draw_resolved(at: datetime, row: StockHold) -> Entry:
    who = row.resolved_by.get_username() if row.resolved_by else "the engine"
    cause = markup.joined([markup.state_pill(row), f"by {who}"])
    return Entry(at, "Review decided", markup.GOOD, row.link.where, _planned(row), cause, markup.page_of(row, "Review"))


def _draw_ordered(at: datetime, row: OrderImportLine) -> Entry:
    order_import = row.order_import
    units = "units reserved: their order is not imported yet" if row.is_pending else ""
    outcome = markup.joined([state_pills(order_import), order_import.reason, units])
    destination = str(order_import.connection.destination)
    return Entry(
        at,
        "Ordered",
        markup.BUSY,
        destination,
        _units(row),
        markup.page_of(order_import, f"Order {order_import.order_name}"),
        outcome,
    )


def _draw_copied(at: datetime, row: OrderImportLine) -> Entry:
    copy = row.order_import
    outcome = markup.joined([row.get_state_display(), row.reason], ". ")
    cause = markup.page_of(copy, f"{copy.copy_name}, the copy of {copy.order_name}")
    return Entry(at, "Imported", markup.GOOD, str(copy.connection.source), _units(row), cause, outcome)


def _units(row: OrderImportLine) -> str:
    return f"{row.quantity} sold"


def _planned(row: StockHold) -> Any:
    sides = (("source", row.source_from, row.source_to), ("destination", row.destination_from, row.destination_to))
    words = [markup.joined([name, markup.change(before, after)]) for name, before, after in sides if before != after]
    return markup.joined(words, ", ")


def _draw_operator(at: datetime, row: LogEntry) -> Entry:
    kind = row.content_type
    is_shared = kind is None or kind.model_class() is Connection
    subject = row.object_repr if kind is None or is_shared else f"This {kind.name.split()[-1]}"
    return Entry(at, "User", markup.GOOD, subject, "", row.user.get_username(), row.get_change_message())


_DRAW: dict[str, Callable[[datetime, Any], Entry]] = {
    "observation": _draw_observation,
    "adjustment": _draw_adjustment,
    "hold": _draw_hold,
    "review decided": _draw_resolved,
    "operator": _draw_operator,
    "ordered": _draw_ordered,
    "copied": _draw_copied,
}
