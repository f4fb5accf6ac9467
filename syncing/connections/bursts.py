"""Ask a store ahead of its webhooks while its stock changes time and again: they leave a second or so after a change.

Each look is one query for what changed since the last, and what it finds goes out in one batch; so half of the changes
are there sooner than their webhooks could have told, for fewer points and less work than webhooks one by one. Meanwhile
these are taken in lots, for they say little that is new. Where looks find nothing, because nothing changes any more or
the store's search lags behind its webhooks, they end, and after a while in vain are tried ever less often.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from stores.ages import is_over
from stores.clients import OpenClient
from stores.models import Connection, Store
from stores.shared.buckets import share_left
from stores.shopify import inventory, shops
from stores.shopify.client import Client
from stores.shopify.errors import ShopifyError
from syncing.connections import recent_changes
from syncing.connections.recent_changes import Observed
from syncing.models import StockBurst, SyncJob
from syncing.queue import enqueue

logger = logging.getLogger(__name__)

EMPTY_READS = 2  # in a row, after which a burst is over
MARGIN = timedelta(seconds=1)  # asked for twice: Shopify tells instants by the second
FORGOTTEN = timedelta(seconds=10)  # without a look: another burst
MOST_ROWS = 100  # changed since the last look: of so many, webhooks tell in lots, and batches fill by themselves
LEAST_SHARE = 0.5  # of the store's bucket: what is less is left to those who cannot wait
LONGEST_REST = timedelta(minutes=10)  # after bursts in vain
FORGIVEN = timedelta(hours=1)  # after which those do not count


def begin(store_ids: Iterable[int]) -> None:
    """Have these stores asked ahead of their webhooks, where that is wanted."""
    if settings.BURST_READ_SECONDS and store_ids:
        for store in Store.objects.filter(pk__in=set(store_ids)).order_by("pk"):
            enqueue.follow_burst(store)


def follow(store: Store, clients: OpenClient, now: datetime) -> float:
    """Look once; in how many seconds to look again, 0: not. What cannot be read now, its webhooks tell."""
    burst, _ = StockBurst.objects.get_or_create(store=store)
    if burst.looked_at is None or burst.until_at is None or is_over(burst.looked_at, FORGOTTEN, now):
        if _rests(burst, now):
            return 0
        burst.until_at, burst.empty_reads, burst.has_found = None, 0, False
    pause = settings.BURST_READ_SECONDS
    goes_on = pause and share_left([store.pk]) >= LEAST_SHARE and _read(burst, clients)
    if not goes_on or burst.empty_reads >= EMPTY_READS:
        pause, burst.until_at = 0, None
    if not pause and not burst.has_found:
        burst.vain_bursts = min(burst.vain_bursts + 1, 30)
    burst.looked_at = now
    burst.save(update_fields=["until_at", "looked_at", "empty_reads", "has_found", "vain_bursts"])
    _have_patience(store, timedelta(seconds=2 * pause))
    return pause


def _rests(burst: StockBurst, now: datetime) -> bool:
    if burst.looked_at is None or not burst.vain_bursts or is_over(burst.looked_at, FORGIVEN, now):
        burst.vain_bursts = 0
        return False
    return not is_over(burst.looked_at, min(timedelta(seconds=4**burst.vain_bursts), LONGEST_REST), now)


def _read(burst: StockBurst, clients: OpenClient) -> bool:
    """Observe what changed since the last look, and have it carried; whether looks are of use here."""
    store, client = burst.store, clients(burst.store)
    try:
        since = burst.until_at or shops.ask_time(client)
        if since is None:
            return False
        found, is_whole = _observe_changes(store, client, since - MARGIN)
    except ShopifyError as error:
        logger.info("%s is not asked ahead of its webhooks: %s", store, error)
        return False
    burst.until_at = client.answered_at
    burst.empty_reads = 0 if found.count else burst.empty_reads + 1
    if found.count:
        burst.has_found, burst.vain_bursts = True, 0
    enqueue.carry_stock_of(found.connection_ids | _waiting(store), goes_on=True)
    return is_whole and burst.until_at is not None


def _observe_changes(store: Store, client: Client, since: datetime) -> tuple[Observed, bool]:
    """What changed in the mapped locations, and whether that was few enough to be asked for."""
    count, connection_ids, is_whole = 0, set[int](), True
    for location in recent_changes.mapped_locations(store):
        page = list(islice(inventory.iter_changed_levels(client, location.gid, since), MOST_ROWS))
        observed = recent_changes.observe_page(location, page)
        count, connection_ids = count + observed.count, connection_ids | observed.connection_ids
        is_whole = is_whole and len(page) < MOST_ROWS
    return Observed(count, connection_ids), is_whole


def _waiting(store: Store) -> set[int]:
    """The connections whose stock waits for this look (enqueue.carry_announced_stock_of)."""
    theirs = Q(connection__source=store) | Q(connection__destination=store)
    soon = Now() + timedelta(seconds=settings.BURST_READ_SECONDS)
    jobs = SyncJob.objects.filter(theirs, kind=SyncJob.Kind.CARRY_STOCK, state=SyncJob.State.QUEUED)
    waiting = jobs.filter(attempts=0, due_at__gt=Now(), due_at__lte=soon)
    return {pk for pk in waiting.values_list("connection", flat=True) if pk is not None}


def _have_patience(store: Store, length: timedelta) -> None:
    """For so long, take webhooks about stock in lots: those of the store, and of the stores that it is carried to."""
    running = Connection.objects.filter(Q(source=store) | Q(destination=store), state=Connection.State.RUNNING)
    ends = sorted({store.pk, *(pk for pair in running.values_list("source", "destination") for pk in pair)})
    StockBurst.objects.bulk_create([StockBurst(store_id=pk) for pk in ends], ignore_conflicts=True)
    StockBurst.objects.filter(pk__in=ends).update(patient_until=Now() + length)
