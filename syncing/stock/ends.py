"""Links that end because somebody decides it: how many items that concerns, and what becomes of what is on sale."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from stores.models import ENDING_TWO_WAY, Connection, Strategy
from syncing.models import StockLink

Ending = Connection.Ending


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
