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
from time import monotonic

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from stores.ages import is_over, within
from stores.clients import OpenClient
from stores.models import Store
from stores.shared.buckets import share_left
from stores.shopify import inventory, shops
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
LEAST_AHEAD_SHARE = 0.2  # of what changed of late: so webhooks leave half a second after a change, or more
LEAST_SHARE = 0.5  # of the store's bucket: what is less is left to those who cannot wait
SLOW_SECONDS = 2.0  # at a store that answers more slowly, its webhooks are waited for
REST_FACTOR = 3  # a pause lasts for so many times the look before it: a store has a quarter of a worker at most
STORE_COUNT_PER_WORKER = 2  # followed at a time: so looks have half of the workers' time at most
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
        if _rests(burst, now) or _are_many(store, now):
            return 0
        burst.until_at, burst.empty_reads, burst.has_found = None, 0, False
    began = monotonic()
    is_asked = bool(settings.BURST_READ_SECONDS) and share_left([store.pk]) >= LEAST_SHARE
    goes_on = is_asked and _read(burst, store, clients) and burst.empty_reads < EMPTY_READS
    took = monotonic() - began
    if (is_slow := took > SLOW_SECONDS) or (is_asked and not goes_on and not burst.has_found):
        burst.vain_bursts = min(burst.vain_bursts + 1, 30)
    elif burst.has_found:
        burst.vain_bursts = 0
    pause = max(settings.BURST_READ_SECONDS, REST_FACTOR * took) if goes_on and not is_slow else 0.0
    return pause if _save(burst, store, now, pause) else 0.0


def _save(burst: StockBurst, store: Store, now: datetime, pause: float) -> bool:
    """Write down that a look is over, and when the next comes; False where the store was removed meanwhile."""
    names = ("empty_reads", "has_found", "vain_bursts")
    changes = {name: getattr(burst, name) for name in names} | {"looked_at": now}
    row = StockBurst.objects.filter(store=store)
    if not row.update(until_at=burst.until_at if pause else None, **changes):
        return False
    if burst.has_found:
        _have_patience(store, timedelta(seconds=2 * pause))
    return True


def _rests(burst: StockBurst, now: datetime) -> bool:
    if burst.looked_at is None or not burst.vain_bursts or is_over(burst.looked_at, FORGIVEN, now):
        burst.vain_bursts = 0
        return False
    return not is_over(burst.looked_at, min(timedelta(seconds=4**burst.vain_bursts), LONGEST_REST), now)


def _are_many(store: Store, now: datetime) -> bool:
    """Whether as many other stores are followed as the workers have time for: this one's webhooks are waited for."""
    others = StockBurst.objects.filter(within("looked_at", FORGOTTEN, now), until_at__isnull=False).exclude(store=store)
    return others.count() >= STORE_COUNT_PER_WORKER * settings.Q_CLUSTER["workers"]


def _read(burst: StockBurst, store: Store, clients: OpenClient) -> bool:
    """Observe what changed since the last look, and have it carried; whether looks are of use here."""
    found: list[Observed] = []
    goes_on = False
    try:
        goes_on = _observe_changes(burst, store, clients, found)
    except ShopifyError as error:
        logger.info("%s is not asked ahead of its webhooks: %s", store, error)
    finally:
        # Whatever became of the rest: of what the mirror knows by now, webhooks say nothing new any more.
        connection_ids = {pk for one in found for pk in one.connection_ids}
        enqueue.carry_stock_of(connection_ids | _waiting(store), goes_on=True)
    is_new = _is_ahead(found) if not burst.has_found else any(one.count for one in found)
    burst.empty_reads, burst.has_found = 0 if is_new else burst.empty_reads + 1, burst.has_found or is_new
    return goes_on


def _is_ahead(found: list[Observed]) -> bool:
    """Whether looks know enough that webhooks have not told: where these come at once, waiting for looks costs time.

    Only the looks before the first of use can tell: from then on webhooks are taken in lots, after a look.
    """
    new_count = sum(one.count for one in found)
    return new_count > 0 and new_count >= LEAST_AHEAD_SHARE * sum(one.read_count for one in found)


def _observe_changes(burst: StockBurst, store: Store, clients: OpenClient, found: list[Observed]) -> bool:
    """Add what changed in the mapped locations to `found`; whether that was all, and few enough to be asked for.

    A location that alone cannot be read is left to its webhooks.
    """
    if not (locations := recent_changes.mapped_locations(store)):
        return False
    client, began = clients(store), monotonic()
    if (since := burst.until_at or shops.ask_time(client)) is None:
        return False
    until, is_whole = None, True
    for place, location in enumerate(locations):
        if place and (monotonic() - began > SLOW_SECONDS or share_left([store.pk]) < LEAST_SHARE):
            return False
        try:
            levels = inventory.iter_changed_levels(client, location.gid, since - MARGIN, attempts=2)
            page = list(islice(levels, MOST_ROWS))
        except ShopifyError as error:
            if not error.is_of_request:
                raise
            logger.info("%s is not asked ahead of its webhooks: %s", location, error)
            continue
        # Of the first: what changes there while others are read, the next look sees.
        until = until or client.answered_at
        found.append(recent_changes.observe_page(location, page))
        is_whole = is_whole and len(page) < MOST_ROWS
    burst.until_at = until
    return is_whole and until is not None


def _waiting(store: Store) -> set[int]:
    """The connections whose stock waits for this look (enqueue.carry_stock_of)."""
    theirs = Q(connection__source=store) | Q(connection__destination=store)
    soon = Now() + timedelta(seconds=settings.BURST_READ_SECONDS)
    jobs = SyncJob.objects.filter(theirs, kind=SyncJob.Kind.CARRY_STOCK, state=SyncJob.State.QUEUED)
    waiting = jobs.filter(attempts=0, due_at__gt=Now(), due_at__lte=soon)
    return {pk for pk in waiting.values_list("connection", flat=True) if pk is not None}


def _have_patience(store: Store, length: timedelta) -> None:
    """For so long, take webhooks about stock in lots: those of the store, and of the stores that it is carried to."""
    carrying = list(recent_changes.carrying(store))
    ends = sorted({store.pk, *(pk for pair in carrying for pk in (pair.source_id, pair.destination_id))})
    # One statement that locks them in this order: two looks that share stores do not wait for each other in a circle.
    StockBurst.objects.bulk_create(
        [StockBurst(store_id=pk, patient_until=Now() + length) for pk in ends],
        update_conflicts=True,
        unique_fields=["store"],
        update_fields=["patient_until"],
    )
