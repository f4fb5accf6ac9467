"""Correct now: what somebody changed in a destination becomes again what it should be, whatever the drift setting says.

It marks, as a comparison does; the stock loop writes, through its guard. The report of it tells what it led to, and is
what an undo takes back.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils import timezone

from stores.clients import OpenClient
from stores.models import Connection
from syncing.connections import reconciliation
from syncing.models import Reconciliation, StockLevel, StockLink
from syncing.queue import enqueue
from syncing.stock.mirror.reading import read_levels
from syncing.stock.mirror.troubles import Troubles


def correct(links: Iterable[StockLink], clients: OpenClient) -> list[StockLink]:
    """Have those of these pairs corrected that were changed in the destination; these.

    Their levels are read live first, and orders that nobody told us of are looked for: what such a one sold is no
    drift. Raises ValueError for a connection along which nothing travels, and what a store answers.
    """
    drifted = StockLink.objects.filter(pk__in=[link.pk for link in links], state=StockLink.State.DRIFTED)
    rows = drifted.select_related("connection__source", "connection__destination", "variant_link__source_variant")
    by_connection: dict[Connection, list[StockLink]] = defaultdict(list)
    for link in rows.order_by("pk"):
        by_connection[link.connection].append(link)
    for connection in by_connection:
        if reason := connection.why_inert():
            raise ValueError(f"nothing is corrected now. {reason}")
    done: list[StockLink] = []
    for connection, own in by_connection.items():
        _correct(connection, own, clients)
        done += own
    return done


def _correct(connection: Connection, links: Sequence[StockLink], clients: OpenClient) -> None:
    report = Reconciliation(connection=connection, trigger=Reconciliation.CORRECTION)
    # What is summed into one level is corrected together.
    places = [link.destination_level_id for link in links]
    together = StockLink.objects.filter(connection=connection, destination_level__in=places)
    is_theirs = Q(pk__in=together.values("source_level")) | Q(pk__in=places)
    levels, troubles = list(StockLevel.objects.filter(is_theirs).order_by("location_id", "pk")), Troubles()
    enqueue.carry_stock_of(read_levels(levels, clients, troubles))
    if troubles.errors:
        troubles.raise_worst()
    reconciliation.discover_orders(connection, clients, report)
    pks = list(together.order_by("pk").values_list("pk", flat=True))
    report.levels_read, report.compared, report.differing = len(levels), len(pks), len(pks)
    report.state, report.finished_at = Reconciliation.State.DONE, timezone.now()
    report.save()
    reconciliation.mark(pks, report)
    enqueue.carry_stock(connection)
