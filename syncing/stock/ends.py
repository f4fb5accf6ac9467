"""Pairs that end: how they do (for wiring), how many items it concerns, and what becomes of what is on sale."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from stores.models import ENDING_TWO_WAY, Connection, Strategy
from syncing.models import StockLink

NOT_LINKED = "the variants are not linked"  # StockLink.reason

Ending = Connection.Ending

# What was in step and is no longer kept so has ended: the row stays, for somebody has to see to what is on sale. What
# an operator decided (ignore, clear, leave out, another partner or mapping) leaves it, until they choose;
# what nobody decided goes by the connection's choice. It is sure at once but where a variant was deleted. A variant of
# the destination that is gone sells nothing. A mapping that means other locations now is free for another pair.
# Two-way, where the connection or a mapping ends, it is pending until what either side changed by before is carried
# (`Pair.is_finishing`); so is what a variant that is gone was last known to have sold. Variants that do not belong
# together any more, or are left out, exchange nothing from now on.
_WAS_TWO_WAY = "own.aligned_strategy IN ('two_way', 'two_way_end')"
_HAS_LAST_SALE = f"""
    ({_WAS_TWO_WAY} AND level.available <> link.destination_baseline
     AND (link.state <> 'skipped' OR link.reason = '{NOT_LINKED}'))"""
END = f"""
    UPDATE syncing_stocklink link
    SET ending = CASE WHEN own.strategy = 'two_way' OR own.aligned_strategy IN ('two_way', 'two_way_end')
                           OR pair.state NOT IN ('linked', 'gone') OR is_unmapped OR has_other_partner
                           OR EXISTS (SELECT 1 FROM stores_productlink product
                                      WHERE product.connection_id = own.id AND product.excluded_by <> ''
                                        AND product.source_gid = source.product_gid)
                      THEN 'leave' ELSE own.ending END,
        mapping_id = CASE WHEN is_unmapped THEN NULL ELSE link.mapping_id END,
        is_sure = source.gone_at IS NULL, ended_at = clock_timestamp(), keeps_destination = false,
        state = CASE WHEN destination.gone_at IS NOT NULL
                          OR ({_WAS_TWO_WAY} AND link.state <> 'skipped'
                              AND (is_unmapped OR own.disconnecting_at IS NOT NULL)) THEN 'pending' ELSE 'skipped' END,
        dirty_sequence = dirty_sequence + 1, dirty_at = clock_timestamp()
    FROM stores_variantlink pair, stores_connection own, stores_variant source, stores_variant destination,
         syncing_stocklevel level,
         (SELECT mapped.id, partner.item_gid <> there.item_gid AS has_other_partner, NOT EXISTS (
              SELECT 1 FROM stores_locationmapping mapping
              WHERE mapping.id = mapped.mapping_id AND mapping.source_location_id = here.location_id
                AND mapping.destination_location_id = there.location_id) AS is_unmapped
          FROM syncing_stocklink mapped
          JOIN syncing_stocklevel here ON here.id = mapped.source_level_id
          JOIN syncing_stocklevel there ON there.id = mapped.destination_level_id
          JOIN stores_variantlink now ON now.id = mapped.variant_link_id
          LEFT JOIN stores_variant partner ON partner.id = now.destination_variant_id AND now.state = 'linked'
          WHERE mapped.id = ANY(%(gone)s)) place
    WHERE place.id = link.id AND pair.id = link.variant_link_id AND own.id = link.connection_id
      AND source.id = pair.source_variant_id AND level.id = link.destination_level_id
      AND link.source_baseline IS NOT NULL
      AND destination.store_id = level.store_id AND destination.item_gid = level.item_gid
      AND (destination.gone_at IS NULL OR {_HAS_LAST_SALE})
    RETURNING link.id
"""
# As `Pair.is_finishing`: what has ended two-way and was not carried to its end yet.
IS_FINISHING = """
    (link.ending = 'leave' AND link.state IN ('pending', 'held') AND link.source_baseline IS NOT NULL)"""
# The link of what has ended is one of other items by now: its mapping is free for their pair.
FREE_MAPPINGS = """
    UPDATE syncing_stocklink link SET mapping_id = NULL
    FROM stores_variantlink pair, stores_variant source, stores_variant destination, syncing_stocklevel here,
         syncing_stocklevel there
    WHERE link.connection_id = %(connection)s AND link.ending <> '' AND link.mapping_id IS NOT NULL
      AND pair.id = link.variant_link_id AND pair.state = 'linked' AND source.id = pair.source_variant_id
      AND destination.id = pair.destination_variant_id AND here.id = link.source_level_id
      AND there.id = link.destination_level_id
      AND (source.item_gid <> here.item_gid OR destination.item_gid <> there.item_gid)
"""


@dataclass(frozen=True, slots=True)
class OnSale:
    """How many pairs are kept in step now and offer something in the destination, and how many units that is."""

    items: int
    units: int


def of_products(connection: Connection, product_gids: Collection[str]) -> Q:
    """The pairs of these products of the source."""
    return Q(connection=connection, variant_link__source_variant__product_gid__in=list(product_gids))


def count_on_sale(which: Q) -> OnSale:
    """What would stand on sale with nobody to vouch for it if these pairs ended now."""
    rows = StockLink.objects.filter(which, ending="", source_baseline__isnull=False)
    levels = rows.filter(destination_level__available__gt=0, destination_level__is_active=True)
    # Several source locations may feed one level: it is on sale once.
    counted = levels.order_by().values("destination_level", "destination_level__available").distinct()
    units = [row["destination_level__available"] or 0 for row in counted]
    return OnSale(len(units), sum(units))


def must_leave(connection: Connection) -> bool:
    """Whether nothing but leaving quantities as they are is possible: where changes were, or are, carried both ways."""
    both_ways = (Strategy.TWO_WAY, ENDING_TWO_WAY)
    return connection.strategy == Strategy.TWO_WAY or connection.aligned_strategy in both_ways


def choose(which: Q, choice: str) -> set[int]:
    """Have what an operator just ended be what they chose; the connections that must run. Two-way, all is left."""
    if choice not in Ending.values:
        raise ValueError(f"Choose what becomes of the quantities: {', '.join(Ending.values)}.")
    rows: QuerySet[StockLink] = StockLink.objects.filter(which).exclude(ending="").select_related("connection")
    pks = [row.pk for row in rows.order_by("pk") if not must_leave(row.connection)]
    ended = StockLink.objects.filter(pk__in=pks).exclude(ending=choice)
    connection_ids = set(ended.values_list("connection_id", flat=True))
    ended.update(ending=choice, is_sure=True, dirty_sequence=F("dirty_sequence") + 1, dirty_at=Now())
    return connection_ids
