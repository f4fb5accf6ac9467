"""Quantities on sale that nobody vouches for any more: which they are, and what an operator says of them."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from stores.models import ENDING_TWO_WAY, Connection, Strategy
from syncing.models import StockHold, StockLink


class NotToBeSet(ValueError):
    """Some of these cannot be set to 0; the message says why."""


def find() -> QuerySet[StockLink]:
    """Pairs that have ended, or stand although their source has none of it, with something on sale."""
    ended = StockLink.objects.exclude(ending="").exclude(~Q(ending=Connection.Ending.LEAVE), is_sure=False)
    kept = StockLink.objects.filter(
        keeps_destination=True, ending="", source_level__is_active=False, source_level__available=0
    )
    # Each by its own index, both are few: an OR of the two would look at every pair.
    found = ended.order_by().values("pk").union(kept.order_by().values("pk"))
    return StockLink.objects.filter(pk__in=found, destination_level__available__gt=0, destination_level__is_active=True)


def set_to_zero(links: Collection[StockLink]) -> set[int]:
    """Have these set to 0 by the connection's next run, guarded as ever; return the connections.

    Raises NotToBeSet, having changed nothing, where one is still in step or belongs to a two-way connection.
    """
    for link in links:
        own = link.connection
        if Strategy.TWO_WAY in (own.strategy, own.aligned_strategy) or own.aligned_strategy == ENDING_TWO_WAY:
            raise NotToBeSet(f"{own} is two-way: set the quantity in the store.")
        if not link.ending and not link.keeps_destination:
            raise NotToBeSet(f"{link} is still synced.")
    with transaction.atomic():
        rows = StockLink.objects.filter(pk__in=[link.pk for link in links]).order_by("pk")
        locked = list(rows.select_for_update(of=("self",)).values_list("pk", "connection_id"))
        rows = StockLink.objects.filter(pk__in=[pk for pk, _ in locked])
        mark = {"dirty_sequence": F("dirty_sequence") + 1, "dirty_at": Now(), "keeps_destination": False}
        rows.exclude(ending="").update(ending=Connection.Ending.ZERO, is_sure=True, **mark)
        rows.filter(ending="").update(source_baseline=None, destination_baseline=None, **mark)
    return {connection_id for _, connection_id in locked}


def give_up(links: Collection[StockLink]) -> int:
    """The store looks after these itself: what has ended is forgotten; how many that were. The ledger stays."""
    with transaction.atomic():
        rows = StockLink.objects.filter(pk__in=[link.pk for link in links]).exclude(ending="")
        ended = [link.pk for link in rows.order_by("pk").select_for_update(of=("self",))]
        StockHold.objects.filter(link__in=ended).delete()
        StockLink.objects.filter(pk__in=ended).delete()
    return len(ended)
