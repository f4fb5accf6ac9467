"""Readings of levels that contradict what our rows say of the variants: their products must be matched again.

A webhook that was lost says nothing, but every reading tells whether the item exists and is tracked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection as db

from stores.shopify.inventory import LevelReading


@dataclass(slots=True)
class Contradictions:
    """The products, by (store, gid), whose variants are not what our rows say; `has_vanished`: some are not there."""

    products: set[tuple[int, str]] = field(default_factory=set)
    has_vanished: bool = False

    def note(self, store_id: int, readings: Sequence[LevelReading]) -> None:
        """Compare readings of a store with its variants; one query for all of them."""
        columns = zip(*((row.item_gid, row.exists, row.tracked) for row in readings), strict=True)
        items, exist, tracked = [list(column) for column in columns] or [[], [], []]
        with db.cursor() as cursor:
            cursor.execute(_CONTRADICTED, [items, exist, tracked, store_id])
            for product_gid, is_there in cursor.fetchall():
                self.products.add((store_id, product_gid))
                self.has_vanished |= not is_there


# Several variants may share an item: a deleted one is no contradiction while another one lives.
_CONTRADICTED = """
    SELECT DISTINCT variant.product_gid, seen.is_there
    FROM unnest(%s::text[], %s::bool[], %s::bool[]) AS seen (item_gid, is_there, is_tracked)
    JOIN stores_variant variant ON variant.store_id = %s AND variant.item_gid = seen.item_gid
    WHERE CASE
        WHEN variant.gone_at IS NULL THEN NOT seen.is_there OR variant.is_tracked <> seen.is_tracked
        ELSE seen.is_there AND NOT EXISTS (
            SELECT 1 FROM stores_variant other
            WHERE other.store_id = variant.store_id AND other.item_gid = variant.item_gid AND other.gone_at IS NULL)
    END
"""
