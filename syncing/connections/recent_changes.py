"""Ask each store every few minutes for the levels that changed lately: a lost webhook costs minutes, not an hour.

It observes and marks as a webhook does; the hourly comparison, which reads everything, stays what nothing escapes: the
search that this asks lags at times, and its share of the store's budget is small.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db.models import Q

from stores.ages import is_over, within
from stores.clients import OpenClient
from stores.models import Connection, Location, LocationMapping, Store, SyncSwitch
from stores.shopify import inventory, shops
from stores.shopify.client import Client
from stores.shopify.errors import ShopifyError
from stores.shopify.inventory import LevelReading
from syncing.models import RecentChanges, StockLevel, StockObservation, SyncJob
from syncing.queue import enqueue
from syncing.stock.mirror import levels
from syncing.stock.mirror.levels import Hint

logger = logging.getLogger(__name__)

BUDGET_SHARE = 0.01  # of what the store's bucket gets back
LAG = timedelta(minutes=2)  # asked for twice: the search has not seen the newest
SWEEP = timedelta(minutes=1)  # who is due before the next sweep is due now
LONGEST = timedelta(hours=1)  # what is older, the hourly comparison has read, or resuming does


def due_stores(now: datetime) -> list[Store]:
    """The stores with mapped locations that are to be asked now; one whose asking failed, after the same pause."""
    if not settings.RECENT_CHANGES_MINUTES:
        return []
    stores = {store.pk: store for connection in carrying() for store in (connection.source, connection.destination)}
    asked = {row.store_id: row for row in RecentChanges.objects.filter(store__in=stores)}
    failed = _failed_lately(now)
    return [
        store
        for pk, store in sorted(stores.items())
        if pk not in failed and (pk not in asked or _is_due(asked[pk], now))
    ]


def _failed_lately(now: datetime) -> set[int]:
    """The stores, by their keys, whose asking failed a moment ago: for want of a scope, it would each minute."""
    pause = timedelta(minutes=settings.RECENT_CHANGES_MINUTES) - timedelta(seconds=1)
    jobs = SyncJob.objects.filter(within("finished_at", pause, now), kind=SyncJob.Kind.COMPARE_RECENT)
    return set(jobs.filter(state=SyncJob.State.FAILED, store__isnull=False).values_list("store", flat=True))


def _is_due(row: RecentChanges, now: datetime) -> bool:
    pause = max(timedelta(minutes=settings.RECENT_CHANGES_MINUTES) - SWEEP, timedelta(seconds=row.pause_seconds))
    return is_over(row.compared_at, pause - timedelta(seconds=1), now)


def carrying(store: Store | None = None) -> Iterator[Connection]:
    """Connections whose stock is carried now: all, or those of a store."""
    is_stopped = SyncSwitch.objects.filter(is_stopped=True).exists()
    running = Connection.objects.filter(state=Connection.State.RUNNING).select_related("source", "destination")
    if store is not None:
        running = running.filter(Q(source=store) | Q(destination=store))
    return (connection for connection in running if not connection.why_inert(is_stopped))


def mapped_locations(store: Store) -> list[Location]:
    """Those of a store that take part in connections whose stock is carried now."""
    mappings = LocationMapping.objects.filter(connection__in=[connection.pk for connection in carrying(store)])
    mapped = Q(pk__in=mappings.values("source_location")) | Q(pk__in=mappings.values("destination_location"))
    return list(Location.objects.filter(mapped, store=store).select_related("store").order_by("pk"))


def compare(store: Store, clients: OpenClient, now: datetime) -> str | None:
    """Observe what changed in a store's mapped locations since it was asked last; in words what was left out, if any.

    Shopify's clock says since when. Raises what the client raises, and is then asked for as a whole again; a location
    that alone cannot be read is left to the hourly comparison.
    """
    if not (locations := mapped_locations(store)):
        return None
    client = clients(store)
    at = shops.ask_time(client)
    if at is None:
        return "Nothing compared: Shopify's answers do not tell the time."
    last = RecentChanges.objects.filter(store=store).first()
    since = max(last.until_at if last else at - timedelta(minutes=settings.RECENT_CHANGES_MINUTES), at - LONGEST)
    budget = Budget(store.bucket_restore_rate)
    failed = [str(location) for location in locations if not _compare(location, client, since - LAG, budget)]
    RecentChanges.objects.update_or_create(
        store=store, defaults={"compared_at": now, "until_at": at, "pause_seconds": budget.pause_seconds}
    )
    if not failed:
        return None
    return f"Left to the next full comparison: {', '.join(failed)}."


class Budget:
    """The points that a store's recent changes may take; they are earned back by a pause."""

    def __init__(self, restore_rate: float) -> None:
        """`restore_rate` is in points per second."""
        self._rate = BUDGET_SHARE * restore_rate
        self.points = 1.0  # asking the time

    @property
    def pause_seconds(self) -> float:
        """How long nothing may be asked, for all this to be no more than the share."""
        return self.points / self._rate if self._rate else LONGEST.total_seconds()

    @property
    def is_used_up(self) -> bool:
        """Whether the pause would last until the next full comparison, which reads everything anyway."""
        return self.pause_seconds >= LONGEST.total_seconds()


def _compare(location: Location, client: Client, since: datetime, budget: Budget) -> bool:
    """Observe what changed at a location; False where not all of it was read."""
    readings = inventory.iter_changed_levels(client, location.gid, since)
    try:
        while not budget.is_used_up:
            page = list(islice(readings, inventory.MOST_ROWS))
            budget.points += inventory.changed_cost(len(page))
            if page:
                enqueue.carry_stock_of(observe_page(location, page).connection_ids)
            if len(page) < inventory.MOST_ROWS:
                return True
    except ShopifyError as error:
        if not error.is_of_request:
            raise
        logger.warning("%s: %s", location, error)
    return False


@dataclass(frozen=True, slots=True)
class Observed:
    """What a page of readings said that the mirror did not: how many levels, and the connections that they concern.

    `read_count` is of all that were read.
    """

    count: int
    connection_ids: set[int]
    read_count: int = 0


def observe_page(location: Location, page: Iterable[LevelReading]) -> Observed:
    """As from a webhook: what differs from the mirror is taken in and marks its links; what agrees is not locked."""
    by_item = {reading.item_gid: reading for reading in page}
    rows = StockLevel.objects.filter(location=location, item_gid__in=by_item)
    differing = []
    for item_gid, *known in rows.values_list("item_gid", "available", "is_active", "is_doubtful"):
        hint = _hint(location.store, by_item[item_gid])
        if hint and known != [hint.available, hint.is_active, False]:
            differing.append(hint)
    if not differing:
        return Observed(0, set(), len(by_item))
    marked = levels.observe_hints(location.store, differing, StockObservation.Origin.RECENT)
    return Observed(len(differing), marked.connection_ids, len(by_item))


def _hint(store: Store, reading: LevelReading) -> Hint | None:
    if reading.as_of is None:
        return None
    available, is_active = levels.believed(reading, store.is_source)
    return Hint(reading.item_gid, reading.location_gid, available, reading.as_of, is_active=is_active)
