"""Units that were sold in a destination while the source's order does not exist yet: whose plans they change."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from stores.models import Connection, Variant
from syncing.models import StockLevel, StockLink
from syncing.stock import levels


def units_moved(source_variant_ids: Collection[int], taken_at: datetime | None = None) -> set[int]:
    """Have everything planned again that shows these source variants; return the connections.

    Call it in the transaction that changed their pending units. `taken_at` (Shopify's clock): the source itself gave
    the units then, so the values we have of it are too high by them, and none is used before a live read.
    """
    items = Variant.objects.filter(pk__in=source_variant_ids).values_list("store_id", "item_gid")
    by_store: dict[int, set[str]] = {}
    for store_id, item_gid in items:
        by_store.setdefault(store_id, set()).add(item_gid)
    concerned: list[int] = []
    for store_id, item_gids in by_store.items():
        rows = StockLevel.objects.filter(store_id=store_id, item_gid__in=item_gids)
        concerned += rows.values_list("pk", flat=True)
    with transaction.atomic():
        if taken_at:
            levels.doubt(sorted(concerned), taken_at)
        connections = levels.mark_dirty(sorted(concerned))
        _expect_change(concerned)
        return connections


def _expect_change(source_level_ids: Collection[int]) -> None:
    """Have a one-way destination's own change count as the source's: the units are what it sold.

    The source may get as many as the copy takes before anybody plans: its quantity is the old one then, and the sale
    alone would look like drift, which waits for the next reconciliation. The links are locked by their marks.
    """
    links = StockLink.objects.filter(source_level__in=source_level_ids, keeps_destination=False)
    links.exclude(connection__strategy=Connection.Strategy.TWO_WAY).update(destination_baseline=None)
