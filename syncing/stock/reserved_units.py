"""Units that were sold in a destination while the source's order does not exist yet: whose plans they change."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection as db
from django.db import transaction

from stores.models import ENDING_TWO_WAY, Connection, Variant
from syncing.models import StockLevel, StockLink
from syncing.stock.mirror import levels


def units_moved(source_variant_ids: Collection[int], moved_at: datetime | None = None) -> set[int]:
    """Have everything planned again that shows these source variants; return the connections.

    Call it in the transaction that changed their pending units. `moved_at` (Shopify's clock): the source itself gave
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
        if moved_at:
            levels.doubt(sorted(concerned), moved_at)
        connections = levels.mark_dirty(sorted(concerned))
        _expect_change(concerned)
        return connections


def _expect_change(source_level_ids: Collection[int]) -> None:
    """Have a one-way destination's own change count as the source's: the units are what it sold.

    The source may get as many as the copy takes before anybody plans: its quantity is the old one then, and the sale
    alone would look like drift, which waits for the next reconciliation. The links are locked by their marks.
    """
    links = StockLink.objects.filter(source_level__in=source_level_ids, keeps_destination=False)
    two_way = (Connection.Strategy.TWO_WAY, ENDING_TWO_WAY)
    links.exclude(connection__aligned_strategy__in=two_way).update(destination_baseline=None)


def units_came_back(connection_id: int, units: Mapping[int, int]) -> None:
    """Units of source variants are no longer owed by an order, since its original does not hold them any more.

    Two-way: whatever the destination put back of them is a change of its own, and travels as one. So the source, which
    never lost them, is taken to have lost them as the destination did: both baselines move, and the two cancel out.
    Likewise, below 0, what an order that still waits for its copy has gained: the copy takes it, not the change.
    """
    with transaction.atomic(), db.cursor() as cursor:
        for variant_id, quantity in sorted(units.items()):
            cursor.execute(_CAME_BACK, [quantity, quantity, connection_id, variant_id])


_CAME_BACK = """
    UPDATE syncing_stocklink link
    SET source_baseline = source_baseline + %s, destination_baseline = destination_baseline + %s,
        dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM (SELECT one.id FROM syncing_stocklink one
          JOIN syncing_stocklevel level ON level.id = one.source_level_id
          JOIN stores_variant variant ON variant.store_id = level.store_id AND variant.item_gid = level.item_gid
          JOIN stores_connection own ON own.id = one.connection_id
          WHERE one.connection_id = %s AND variant.id = %s
            AND own.aligned_strategy IN ('two_way', 'two_way_end') AND one.source_baseline IS NOT NULL
          ORDER BY one.id LIMIT 1 FOR UPDATE OF one) first
    WHERE link.id = first.id
"""
