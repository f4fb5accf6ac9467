"""How each connection stands, in numbers: for the console and for `sync_status`, however many there are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from orders.models import OrderImport, OrderUpdate
from stores.models import Connection, SyncSwitch, VariantLink
from syncing.models import (
    Reconciliation,
    StockAdjustment,
    StockBatch,
    StockHold,
    StockLevel,
    StockLink,
    SyncJob,
    WebhookEvent,
)
from syncing.monitoring import row_counts

# Work that waits longer than this for no stated reason is stuck.
STUCK_AFTER = timedelta(minutes=5)

_STATE = StockLink.State
WAITING = Q(dirty_sequence__gt=F("settled_sequence"))
# Each pair counts once: a held, drifted or skipped one that is looked at again is still that.
APART = (_STATE.HELD, _STATE.DRIFTED, _STATE.SKIPPED)
OUT_OF_STEP = WAITING & ~Q(state=_STATE.SKIPPED) | Q(state__in=[_STATE.HELD, _STATE.DRIFTED])
IN_STEP = ~WAITING & ~Q(state__in=APART)

Row = dict[str, Any]


def connection_status(connection: Connection) -> Row:
    """Counts and instants of one connection; JSON-ready but for the instants, which are aware datetimes or None."""
    return connection_statuses([connection])[connection.pk]


def connection_statuses(connections: Iterable[Connection], *, is_exact: bool = False) -> dict[int, Row]:
    """The same of several, by id, in a number of queries that does not depend on how many they are.

    Their stores must be loaded (`select_related`). What is synced, skipped or linked is as of `counted_at` where that
    is very much (syncing.monitoring.row_counts); all else, and with `is_exact` that too, is as of now.
    """
    known = {connection.pk: connection for connection in connections}
    ids = list(known)
    is_stopped = SyncSwitch.objects.filter(is_stopped=True).exists()
    pairs = row_counts.count_states(StockLink, ids, is_exact=is_exact)
    links = row_counts.count_states(VariantLink, ids, is_exact=is_exact)
    stock, orders = _count_stock(ids, pairs.by_state), _count_orders(ids)
    holds = _count(StockHold.objects.filter(state=StockHold.State.OPEN), ids)
    batches = _count(StockBatch.objects.filter(state=StockBatch.State.PENDING), ids)
    jobs, last, events = _count_jobs(ids), _describe_last(ids), _oldest_events(known.values())
    statuses = {}
    for pk, connection in known.items():
        inert, pending, quantities = connection.why_inert(is_stopped), batches.get(pk, 0), _quantities(stock[pk])
        statuses[pk] = {
            "connection": f"{connection.source.domain}:{connection.destination.domain}",
            "strategy": connection.strategy,
            "state": connection.state,
            "inert_reason": inert,
            "is_in_step": not inert and not quantities["out_of_step"] and not pending,
            **quantities,
            "held": holds.get(pk, 0),
            "pending_batches": pending,
            "links": dict.fromkeys(VariantLink.State.values, 0) | dict(links.by_state.get(pk, {})),
            "counted_at": pairs.counted_at.get(pk) or links.counted_at.get(pk),
            "carries_orders": connection.carries_orders,
            "orders": orders[pk],
            "failed_jobs": jobs[pk]["failed"],
            "due_jobs": jobs[pk]["due"],
            "reconciled_at": connection.reconciled_at,
            "last_reconciliation": last.get(pk),
            "oldest_event_at": events.get(pk),
        }
    return statuses


def _quantities(counts: Row) -> Row:
    """How many pairs of levels there are, and how they stand."""
    out_of_step = counts["dirty"] + counts["held"] + counts["drifted"]
    return {
        "pairs": counts["pairs"],
        "in_step": max(0, counts["pairs"] - out_of_step - counts["skipped"]),
        "out_of_step": out_of_step,
        "drifted": counts["drifted"],
        "skipped": counts["skipped"],
        "oversold": counts["oversold"],
        "oldest_waiting_at": counts["oldest_waiting"],
    }


def needs_attention(status: Row) -> list[tuple[str, str]]:
    """What somebody should look at: the figure's name among the console's lists, and the problem in words."""
    orders, found = status["orders"], []
    for name, count, words in (
        ("failed", status["failed_jobs"], "failed jobs: {}"),
        ("held", status["held"], "quantities that need review: {}"),
        ("oversold", status["oversold"], "oversold: {}"),
        ("orders_failed", orders["failed"], "orders that could not be imported: {}"),
        ("orders_for_links", orders["waiting_for_links"], "orders that wait for products to be linked: {}"),
        ("orders_for_review", orders["waiting_for_review"], "orders that wait for their review: {}"),
        ("orders_need_shop", orders["needing_shop"], "orders that need the shop: {}"),
        ("changes_failed", orders["failed_changes"], "order updates that failed: {}"),
    ):
        if count:
            found.append((name, words.format(count)))
    if status["inert_reason"]:
        return found
    waiting_at, reconciled_at = status["oldest_waiting_at"], status["reconciled_at"]
    if status["out_of_step"] and is_old(waiting_at, STUCK_AFTER):
        found.append(("out", f"quantities have been out of sync since {waiting_at:%Y-%m-%d %H:%M} UTC"))
    if is_old(reconciled_at, timedelta(minutes=2 * settings.RECONCILE_MINUTES)):
        found.append(("reconciliations", f"last compared with Shopify at {reconciled_at:%Y-%m-%d %H:%M} UTC: overdue"))
    return found


def is_old(at: datetime | None, longest: timedelta) -> bool:
    """Whether an instant is longer ago than that; one that never was is not."""
    return at is not None and timezone.now() - at > longest


def _count(rows: QuerySet, ids: list[int]) -> dict[int, int]:
    rows = rows.filter(connection__in=ids).order_by().values_list("connection").annotate(n=Count("pk"))
    return dict(rows)


def _count_stock(ids: list[int], by_state: Mapping[int, Mapping[str, int]]) -> dict[int, Row]:
    nothing = {"held": 0, "drifted": 0, "skipped": 0, "oversold": 0, "dirty": 0, "oldest_waiting": None}
    counts: dict[int, Row] = {}
    for pk in ids:
        states = by_state.get(pk, {})
        counts[pk] = nothing | {"pairs": sum(states.values())}
        counts[pk] |= {state: states.get(state, 0) for state in APART}
    for pk, (count, oldest) in count_waiting(ids).items():
        counts[pk] |= {"dirty": count, "oldest_waiting": oldest}
    for pk, count in _count(oversold(), ids).items():
        counts[pk]["oversold"] = count
    return counts


def count_waiting(ids: list[int]) -> dict[int, tuple[int, datetime]]:
    """How many pairs of each connection wait and are neither held, drifted nor skipped, and since when any of it waits.

    Of all at once, which is read from the index of what waits; asked one by one, each would be read whole.
    """
    rows = StockLink.objects.filter(WAITING, connection__in=ids).order_by().values_list("connection")
    dirty = Count("pk", filter=~Q(state__in=APART))
    return {pk: (count, oldest) for pk, count, oldest in rows.annotate(n=dirty, oldest=Min("dirty_at"))}


def oversold() -> QuerySet[StockLink]:
    """Pairs that are below zero on either side."""
    # The levels first, by an index of those below zero; an OR of the two sides would look at every pair.
    below = StockLevel.objects.filter(available__lt=0).order_by().values("pk")
    sides = (StockLink.objects.filter(**{f"{side}__in": below}) for side in ("source_level", "destination_level"))
    source, destination = (rows.order_by().values("pk") for rows in sides)
    return StockLink.objects.filter(pk__in=source.union(destination))


def _count_orders(ids: list[int]) -> dict[int, Row]:
    """Orders without a copy, by what they wait for (`oldest_at`: since when); those with later changes that failed, or
    that need the shop."""
    waiting = Q(state=OrderImport.State.WAITING)
    unfinished = OrderImport.objects.filter(connection__in=ids, state__in=OrderImport.UNFINISHED).order_by()
    counts = {
        "unfinished": Count("pk"),
        "waiting_for_links": Count("pk", filter=waiting & Q(waits_for=OrderImport.WaitsFor.LINKS)),
        "waiting_for_payment": Count("pk", filter=waiting & Q(waits_for=OrderImport.WaitsFor.PAYMENT)),
        "waiting_for_review": Count("pk", filter=waiting & Q(waits_for=OrderImport.WaitsFor.REVIEW)),
        "failed": Count("pk", filter=Q(state=OrderImport.State.FAILED)),
        "oldest_at": Min("created_at"),
    }
    nothing = dict.fromkeys(counts, 0) | {"oldest_at": None, "failed_changes": 0, "needing_shop": 0}
    found: dict[int, Row] = {pk: dict(nothing) for pk in ids}
    for pk, *cells in unfinished.values("connection").annotate(**counts).values_list("connection", *counts):
        found[pk] |= dict(zip(counts, cells, strict=True))
    of_state = OrderUpdate.State
    updates = OrderUpdate.objects.filter(
        order_import__connection__in=ids, state__in=(of_state.FAILED, of_state.NEEDS_SHOP)
    ).order_by()
    rows = updates.values_list("order_import__connection").annotate(
        failed=Count("pk", filter=Q(state=of_state.FAILED)),
        needing_shop=Count("order_import", filter=Q(state=of_state.NEEDS_SHOP), distinct=True),
    )
    for pk, failed, needing_shop in rows:
        found[pk] |= {"failed_changes": failed, "needing_shop": needing_shop}
    return found


def _count_jobs(ids: list[int]) -> dict[int, Row]:
    """Jobs that failed, and those that are due and wait for a worker."""
    state, counts = SyncJob.State, {pk: {"failed": 0, "due": 0} for pk in ids}
    jobs = SyncJob.objects.filter(connection__in=ids, state__in=[state.FAILED, state.QUEUED]).order_by()
    is_due = Q(state=state.QUEUED, due_at__lte=timezone.now())
    rows = jobs.values_list("connection").annotate(
        failed=Count("pk", filter=Q(state=state.FAILED)), due=Count("pk", filter=is_due)
    )
    for pk, failed, due in rows:
        counts[pk] = {"failed": failed, "due": due}
    return counts


def _describe_last(ids: list[int]) -> dict[int, Row]:
    """The last reconciliation of each connection that has one."""
    whole = Reconciliation.objects.exclude(trigger=Reconciliation.CORRECTION)
    newest = whole.filter(connection=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    of_each = Connection.objects.filter(pk__in=ids).order_by().values_list("pk", Subquery(newest))
    last = {report: pk for pk, report in of_each if report}
    corrected: dict[int | None, int] = defaultdict(int)
    held: dict[int | None, int] = defaultdict(int)
    applied = StockAdjustment.objects.filter(reconciliation__in=last, state=StockAdjustment.State.APPLIED).order_by()
    corrected |= dict(applied.values_list("reconciliation").annotate(n=Count("pk")))
    holds = StockHold.objects.filter(reconciliation__in=last).order_by()
    held |= dict(holds.values_list("reconciliation").annotate(n=Count("pk")))
    return {
        last[report.pk]: {
            "number": report.pk,
            "state": report.state,
            "compared": report.compared,
            "equal": report.equal,
            "differing": report.differing,
            "corrected": corrected[report.pk],
            "held": held[report.pk],
            "skipped": report.skipped,
        }
        for report in Reconciliation.objects.filter(pk__in=last)
    }


def _oldest_events(connections: Iterable[Connection]) -> dict[int, datetime | None]:
    """When the oldest unprocessed webhook of either store arrived."""
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).order_by()
    by_store = dict(waiting.values_list("store").annotate(at=Min("received_at")))
    found: dict[int, datetime | None] = {}
    for connection in connections:
        instants = [by_store.get(connection.source_id), by_store.get(connection.destination_id)]
        found[connection.pk] = min((at for at in instants if at), default=None)
    return found
