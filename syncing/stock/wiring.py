"""Wiring: which linked variants and mapped locations have a stock link, and which no longer do."""

from datetime import datetime

from django.db import connection as db
from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from orders.copies import made_again
from stores import selecting
from stores.models import Connection, ProductLink, VariantLink
from syncing.models import StockAdjustment, StockHold, StockLink
from syncing.stock import ends, reserved_units


def wire_connection(connection: Connection, *product_gids: str) -> int:
    """Have a stock link, with its two levels, for every linked variant and location mapping; return how many are new.

    Two links between the same two levels are one pair: several variants may stand for one inventory item. It is the
    first one's, and another one's when that goes.

    Links whose variant is no longer linked, got another partner, or is not shared, go; what they wrote stays in the
    ledger. With `product_gids`: only the links of those products, and those are planned again.
    """
    parameters = {"connection": connection.pk, "products": list(product_gids) or None}
    with transaction.atomic(), db.cursor() as cursor:
        # One wiring at a time: two could otherwise remove and add each other's links.
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        if moved := made_again.follow_sources(connection.source_id):
            reserved_units.units_moved(moved)
        selecting.decide(connection, product_gids)
        if not product_gids:
            # The levels and links that this adds are in no statistics yet: taken for a handful, 5,000 of them were
            # joined row by row, which took the square of that.
            cursor.execute("SET LOCAL enable_nestloop = off")
        for side in ("source", "destination"):
            cursor.execute(_ADD_LEVELS.format(side=side), parameters)
        cursor.execute(_SUCCEED, parameters)
        _unwire(cursor, parameters)
        cursor.execute(_ADD_LINKS, parameters)
        added = cursor.rowcount
        _drop(cursor, _TAKEN_OVER, parameters)
        if product_gids:
            cursor.execute(_MARK_PRODUCT, parameters)
        cursor.execute("SET LOCAL enable_nestloop = on")
        return added


def plan_again(connection: Connection) -> None:
    """Have all of a connection's pairs planned once more: what its rules make of the same quantities has changed."""
    with db.cursor() as cursor:
        cursor.execute(_MARK_PRODUCT, {"connection": connection.pk, "products": None})


def _unwire(cursor: CursorWrapper, parameters: dict) -> None:
    _revive(cursor, parameters)
    _revive_by_others(cursor, parameters)
    cursor.execute(_TO_UNWIRE, parameters)
    if not (gone := [link_id for (link_id,) in cursor.fetchall()]):
        return
    cursor.execute(_HEIRS, {"gone": gone})
    heirs = dict(cursor.fetchall())
    gone = [link_id for link_id in gone if link_id not in heirs]
    cursor.execute(ends.END, {"gone": gone})
    ended = {link_id for (link_id,) in cursor.fetchall()}
    gone = [link_id for link_id in gone if link_id not in ended]
    cursor.execute(_MARK_RIVALS, {"gone": gone})
    _delete(cursor, gone)
    _revive(cursor, parameters)  # where a partner of before was chosen again, its mapping is free by now
    cursor.execute(_HAND_OVER, [list(heirs), list(heirs.values())])


def _revive(cursor: CursorWrapper, parameters: dict) -> None:
    """What has ended and is linked, mapped and selected again."""
    for sql in (ends.FREE_MAPPINGS, _MAP_AGAIN, _REVIVE):
        cursor.execute(sql, parameters)


def _revive_by_others(cursor: CursorWrapper, parameters: dict) -> None:
    """What has ended, and another variant of the same two items is linked now."""
    cursor.execute(
        "SELECT id FROM syncing_stocklink WHERE connection_id = %(connection)s AND ending <> '' ORDER BY id FOR UPDATE",
        parameters,
    )
    if ended := [link_id for (link_id,) in cursor.fetchall()]:
        cursor.execute(_HEIRS, {"gone": ended})
        heirs = dict(cursor.fetchall())
        cursor.execute(_HAND_OVER, [list(heirs), list(heirs.values())])
        cursor.execute(_REVIVE, parameters)


def _drop(cursor: CursorWrapper, sql: str, parameters: dict) -> None:
    cursor.execute(sql, parameters)
    if gone := [link_id for (link_id,) in cursor.fetchall()]:
        cursor.execute(_MARK_RIVALS, {"gone": gone})
        _delete(cursor, gone)


def _delete(cursor: CursorWrapper, gone: list[int]) -> None:
    if not gone:
        return
    StockAdjustment.objects.filter(link__in=gone).update(link=None)  # the ledger stays
    StockHold.objects.filter(link__in=gone).delete()
    cursor.execute("DELETE FROM syncing_stocklink WHERE id = ANY(%s)", [gone])


_SCOPE = """
      AND (%(products)s::text[] IS NULL OR pair.id IN (
           SELECT own.id FROM stores_variantlink own
           JOIN stores_variant variant ON variant.id IN (own.source_variant_id, own.destination_variant_id)
           WHERE own.connection_id = %(connection)s AND variant.product_gid = ANY(%(products)s::text[])))
"""
# What takes no part is not synced, stock included (stores.selecting); nor is what the catalogue has let go of because
# it was deleted, or the catalogue ended. Of a connection that is being disconnected nothing is (its orders go on).
_IS_LEFT_OUT = """
    (pair.left_out <> ''
     OR EXISTS (SELECT 1 FROM stores_connection ending
                WHERE ending.id = pair.connection_id AND ending.disconnecting_at IS NOT NULL)
     OR EXISTS (SELECT 1 FROM stores_productlink product
                JOIN stores_variant variant ON variant.product_gid = product.source_gid
                WHERE product.connection_id = pair.connection_id AND product.state = 'unlinked'
                  AND product.departure NOT IN ('not_shared', 'not_selected', 'excluded')
                  AND variant.id = pair.source_variant_id))
"""
_MARK_PRODUCT = (
    """
    UPDATE syncing_stocklink link SET dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM (SELECT target.id FROM syncing_stocklink target
          JOIN stores_variantlink pair ON pair.id = target.variant_link_id
          WHERE target.connection_id = %(connection)s"""
    + _SCOPE
    + "ORDER BY target.id FOR UPDATE OF target) own WHERE link.id = own.id"
)

# A variant that was made again has another inventory item: the pair goes on with its level, and what was carried last
# still counts (stores.linking.succession). What has surely ended may have been set to 0 since: it is aligned anew.
# Whose item is another one is found first: with all that stays the planner joins each pair with each level.
_SUCCEED = (
    """
    WITH moved AS MATERIALIZED (
    SELECT own.id, own.connection_id, own.destination_level_id, source.store_id, source.item_gid,
           old.item_gid AS old_item_gid, old.location_id, own.is_sure AND own.ending NOT IN ('', 'leave') AS is_over
    FROM syncing_stocklink own
    JOIN stores_variantlink pair ON pair.id = own.variant_link_id AND pair.state = 'linked'
    JOIN stores_variant source ON source.id = pair.source_variant_id
    JOIN stores_variant destination ON destination.id = pair.destination_variant_id
    JOIN stores_locationmapping mapping ON mapping.id = own.mapping_id
    JOIN syncing_stocklevel old ON old.id = own.source_level_id
    JOIN syncing_stocklevel there ON there.id = own.destination_level_id
    WHERE own.connection_id = %(connection)s AND old.item_gid <> source.item_gid
      AND old.location_id = mapping.source_location_id AND there.item_gid = destination.item_gid AND NOT """
    + _IS_LEFT_OUT
    + _SCOPE
    + """
    ORDER BY own.id FOR UPDATE OF own)
    UPDATE syncing_stocklink link
    SET source_level_id = level.id,
        state = CASE WHEN new.is_over THEN 'new' WHEN link.ending <> '' THEN 'in_step' ELSE link.state END,
        source_baseline = CASE WHEN new.is_over THEN NULL ELSE link.source_baseline END,
        destination_baseline = CASE WHEN new.is_over THEN NULL ELSE link.destination_baseline END,
        ending = '', ended_at = NULL, is_sure = false, reason = '',
        dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM moved new
    JOIN syncing_stocklevel level ON level.item_gid = new.item_gid AND level.location_id = new.location_id
    WHERE link.id = new.id
      AND NOT EXISTS (SELECT 1 FROM stores_variant former
                      WHERE former.store_id = new.store_id AND former.item_gid = new.old_item_gid
                        AND former.gone_at IS NULL)
      AND NOT EXISTS (SELECT 1 FROM syncing_stocklink other
                      WHERE other.connection_id = new.connection_id AND other.source_level_id = level.id
                        AND other.destination_level_id = new.destination_level_id)"""
)


_TO_UNWIRE = (
    """
    SELECT link.id
    FROM syncing_stocklink link
    JOIN stores_variantlink pair ON pair.id = link.variant_link_id
    JOIN syncing_stocklevel source ON source.id = link.source_level_id
    JOIN syncing_stocklevel destination ON destination.id = link.destination_level_id
    LEFT JOIN stores_locationmapping mapping ON mapping.id = link.mapping_id
    WHERE link.connection_id = %(connection)s
      AND link.ending = ''
      AND (pair.state <> 'linked' OR mapping.id IS NULL
           OR """
    + _IS_LEFT_OUT
    + """
           OR source.location_id <> mapping.source_location_id
           OR destination.location_id <> mapping.destination_location_id
           OR source.item_gid <> (SELECT item_gid FROM stores_variant WHERE id = pair.source_variant_id)
           OR destination.item_gid <> (SELECT item_gid FROM stores_variant WHERE id = pair.destination_variant_id))
"""
    + _SCOPE
    + "ORDER BY link.id FOR UPDATE OF link"
)
# The locations of what has ended are mapped to each other again: of several that one link had, the last one's, if it is
# of the items that are linked now.
_MAP_AGAIN = """
    UPDATE syncing_stocklink link SET mapping_id = again.mapping
    FROM (
    SELECT DISTINCT ON (ended.variant_link_id, mapping.id) ended.id, mapping.id AS mapping
    FROM syncing_stocklink ended
    JOIN syncing_stocklevel source ON source.id = ended.source_level_id
    JOIN syncing_stocklevel destination ON destination.id = ended.destination_level_id
    JOIN stores_locationmapping mapping
      ON mapping.connection_id = ended.connection_id AND mapping.source_location_id = source.location_id
     AND mapping.destination_location_id = destination.location_id
    JOIN stores_variantlink pair ON pair.id = ended.variant_link_id
    JOIN stores_variant ours ON ours.id = pair.source_variant_id
    LEFT JOIN stores_variant theirs ON theirs.id = pair.destination_variant_id AND pair.state = 'linked'
    WHERE ended.connection_id = %(connection)s AND ended.ending <> '' AND ended.mapping_id IS NULL
      AND (theirs.id IS NULL OR (ours.item_gid = source.item_gid AND theirs.item_gid = destination.item_gid))
      AND NOT EXISTS (SELECT 1 FROM syncing_stocklink other
                      WHERE other.variant_link_id = ended.variant_link_id AND other.mapping_id = mapping.id)
    ORDER BY ended.variant_link_id, mapping.id, ended.id DESC) again
    WHERE link.id = again.id
"""
# What has ended and is linked and selected again is aligned anew.
_REVIVE = (
    """
    UPDATE syncing_stocklink link
    SET ending = '', ended_at = NULL, is_sure = false, state = 'new', reason = '', keeps_destination = false,
        source_baseline = NULL, destination_baseline = NULL,
        dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM stores_variantlink pair
    WHERE link.connection_id = %(connection)s AND link.ending <> '' AND pair.id = link.variant_link_id
      AND link.mapping_id IS NOT NULL AND pair.state = 'linked' AND NOT """
    + _IS_LEFT_OUT
    + _SCOPE
)
# Somebody else keeps the level of what has ended in step, or there is nothing left that could be on sale.
_TAKEN_OVER = (
    """
    SELECT ended.id FROM syncing_stocklink ended
    WHERE ended.ending <> '' AND ended.connection_id IN (
              SELECT other.id FROM stores_connection other JOIN stores_connection own
              ON own.id = %(connection)s AND other.destination_id = own.destination_id)
      AND (EXISTS (SELECT 1 FROM syncing_stocklink heir
                   WHERE heir.destination_level_id = ended.destination_level_id AND heir.ending = '')
           OR (NOT EXISTS (SELECT 1 FROM syncing_stocklevel level JOIN stores_variant variant
                           ON variant.store_id = level.store_id AND variant.item_gid = level.item_gid
                           WHERE level.id = ended.destination_level_id AND variant.gone_at IS NULL)
               AND NOT """
    + ends.IS_FINISHING.replace("link.", "ended.")
    + """))
    ORDER BY ended.id FOR UPDATE OF ended
"""
)


def confirm_ends(connection: Connection, before: datetime) -> None:
    """Both catalogues were read since `before`: what ended until then, and was not made again, has surely ended."""
    StockLink.objects.filter(connection=connection, is_sure=False, ended_at__lt=before).exclude(ending="").update(
        is_sure=True, dirty_sequence=F("dirty_sequence") + 1, dirty_at=Now()
    )


def ask_clock() -> datetime:
    """The database's clock, by which ends are noted."""
    with db.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def has_unsure_ends(connection: Connection) -> bool:
    """Whether something is to be set to 0 as soon as the catalogues were read."""
    zeroed = (Connection.Ending.ZERO, Connection.Ending.DENY)
    return StockLink.objects.filter(connection=connection, ending__in=zeroed, is_sure=False).exists()


# Another variant of the same two items takes the pair over as it is: its baselines know what was not carried yet.
_HEIRS = (
    """
    SELECT own.id, min(pair.id)
    FROM syncing_stocklink own
    JOIN stores_locationmapping mapping ON mapping.id = own.mapping_id
    JOIN syncing_stocklevel source_level ON source_level.id = own.source_level_id
    JOIN syncing_stocklevel destination_level ON destination_level.id = own.destination_level_id
    JOIN stores_variant source
      ON source.store_id = source_level.store_id AND source.item_gid = source_level.item_gid
    JOIN stores_variant destination
      ON destination.store_id = destination_level.store_id AND destination.item_gid = destination_level.item_gid
    JOIN stores_variantlink pair
      ON pair.connection_id = own.connection_id AND pair.source_variant_id = source.id
     AND pair.destination_variant_id = destination.id
    WHERE own.id = ANY(%(gone)s) AND pair.state = 'linked' AND pair.id <> own.variant_link_id
      AND source_level.location_id = mapping.source_location_id
      AND destination_level.location_id = mapping.destination_location_id AND NOT """
    + _IS_LEFT_OUT
    + "GROUP BY own.id ORDER BY own.id"
)
_HAND_OVER = """
    UPDATE syncing_stocklink link
    SET variant_link_id = heir.pair, dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[]) AS heir (id, pair) WHERE link.id = heir.id
"""
# What wanted to set a level beside a pair that goes was in doubt because of it, perhaps, and is no more; and what was
# summed with it into one level has another sum.
_MARK_RIVALS = """
    UPDATE syncing_stocklink link SET dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM (SELECT rival.id FROM syncing_stocklink rival
          WHERE rival.id NOT IN (SELECT unnest(%(gone)s::bigint[]))
            AND (rival.destination_level_id IN (SELECT own.destination_level_id FROM syncing_stocklink own
                                                WHERE own.id = ANY(%(gone)s))
                 OR (rival.state = 'skipped' AND EXISTS (SELECT 1 FROM syncing_stocklink own
                        WHERE own.id = ANY(%(gone)s) AND own.connection_id = rival.connection_id
                          AND own.source_level_id = rival.source_level_id)))
          ORDER BY rival.id FOR UPDATE OF rival) own
    WHERE link.id = own.id
"""
_ADD_LEVELS = (
    """
    INSERT INTO syncing_stocklevel (store_id, location_id, item_gid, is_active, is_doubtful, version)
    SELECT DISTINCT variant.store_id, mapping.{side}_location_id, variant.item_gid, true, true, 0
    FROM stores_variantlink pair
    JOIN stores_variant variant ON variant.id = pair.{side}_variant_id
    JOIN stores_locationmapping mapping ON mapping.connection_id = pair.connection_id
    WHERE pair.connection_id = %(connection)s AND pair.state = 'linked' AND NOT """
    + _IS_LEFT_OUT
    + _SCOPE
    + "ORDER BY 3, 2 ON CONFLICT (location_id, item_gid) DO NOTHING"
)
_ADD_LINKS = (
    """
    INSERT INTO syncing_stocklink (connection_id, variant_link_id, mapping_id, source_level_id, destination_level_id,
                                   keeps_destination, dirty_sequence, settled_sequence, dirty_at, state, reason,
                                   changed_at)
    SELECT connection_id, pair_id, mapping_id, source_id, destination_id, false, 1, 0, now(), 'new', '', now()
    FROM (
    SELECT DISTINCT ON (source_level.id, destination_level.id) pair.connection_id, pair.id AS pair_id,
           mapping.id AS mapping_id, source_level.id AS source_id, destination_level.id AS destination_id
    FROM stores_variantlink pair
    JOIN stores_locationmapping mapping ON mapping.connection_id = pair.connection_id
    JOIN stores_variant source ON source.id = pair.source_variant_id
    JOIN stores_variant destination ON destination.id = pair.destination_variant_id
    JOIN syncing_stocklevel source_level
      ON source_level.location_id = mapping.source_location_id AND source_level.item_gid = source.item_gid
    JOIN syncing_stocklevel destination_level
      ON destination_level.location_id = mapping.destination_location_id
     AND destination_level.item_gid = destination.item_gid
    WHERE pair.connection_id = %(connection)s AND pair.state = 'linked' AND NOT """
    + _IS_LEFT_OUT
    + _SCOPE
    + """
      AND NOT EXISTS (SELECT 1 FROM syncing_stocklink other
                      WHERE other.connection_id = pair.connection_id AND other.source_level_id = source_level.id
                        AND other.destination_level_id = destination_level.id)
      -- Another pair still carries what was sold while one of the two was kept in step with another level.
      AND NOT EXISTS (SELECT 1 FROM syncing_stocklink link
                      WHERE link.connection_id = pair.connection_id AND link.source_level_id = source_level.id AND """
    + ends.IS_FINISHING
    + """)
      AND NOT EXISTS (SELECT 1 FROM syncing_stocklink link
                      WHERE link.connection_id = pair.connection_id
                        AND link.destination_level_id = destination_level.id AND """
    + ends.IS_FINISHING
    + """)
    ORDER BY source_level.id, destination_level.id, pair.id) wanted
    ORDER BY pair_id, mapping_id ON CONFLICT (variant_link_id, mapping_id) DO NOTHING"""
)


_OF_SAME_ITEMS = StockLink.objects.filter(
    connection=OuterRef("connection"),
    source_level__item_gid=OuterRef("source_variant__item_gid"),
    source_level__store=OuterRef("source_variant__store"),
    destination_level__item_gid=OuterRef("destination_variant__item_gid"),
)


def _of_former_items(connection: Connection) -> QuerySet[StockLink]:
    """Pairs whose variant was made again since they were wired."""
    linked = StockLink.objects.filter(connection=connection, variant_link__state=VariantLink.State.LINKED)
    return linked.exclude(source_level__item_gid=F("variant_link__source_variant__item_gid"))


def has_unwired(connection: Connection) -> bool:
    """Whether a linked variant has no stock link although locations are mapped, or one of an item it had before."""
    if connection.disconnecting_at or not connection.mappings.exists():
        return False
    if _of_former_items(connection).exists():
        return True
    reason = ProductLink.UnlinkReason
    left_out = connection.product_links.filter(state=ProductLink.State.UNLINKED)
    left_out = left_out.exclude(departure__in=(reason.NOT_SHARED, reason.NOT_SELECTED, reason.EXCLUDED))
    linked = VariantLink.objects.filter(connection=connection, state=VariantLink.State.LINKED, stock_links=None)
    linked = linked.filter(left_out="")
    linked = linked.exclude(Exists(_OF_SAME_ITEMS))
    return linked.exclude(source_variant__product_gid__in=left_out.values("source_gid")).exists()
