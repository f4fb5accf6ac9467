"""Products that no longer follow and were left in the destination for something else, which has them no more, either.

Whoever has one last may have no product sync that could take it off sale: a link that ended, a connection that was
stopped. So it is asked of the rows, whatever it was that ended. Then it goes as was chosen for the one that left it.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from stores.models import CatalogueSettings, Connection, ProductLink, SyncMode, Variant
from syncing.catalogue.products import unlinking
from syncing.models import CatalogueRun, CatalogueRunItem, StockLink

PRODUCTS_AT_ONCE = 250

_OF_PARTNER = (OuterRef("destination_id"), OuterRef("destination_gid"))
_CARRIES = Q(
    connection__state=Connection.State.RUNNING,
    connection__disconnecting_at=None,
    connection__catalogue__started_at__isnull=False,
) & ~Q(connection__catalogue__product_mode=SyncMode.OFF)
_HELD = CatalogueRunItem.objects.filter(
    run__connection=OuterRef("connection"),
    run__state=CatalogueRun.State.HELD,
    source_gid=OuterRef("source_gid"),
    outcome=CatalogueRunItem.Outcome.HELD,
)
# Its source is being read, for it may have been made again (syncing.catalogue.products.succession).
_IS_LOOKED_FOR = Q(missing_at__isnull=False, is_surely_missing=False)
# A pair of one of its variants has ended, but both catalogues were not read since: what was deleted may have been made
# again, and be linked in a moment. Its quantity waits for the same (syncing.stock.wiring.confirm_ends).
_VARIANTS = Variant.objects.filter(
    store=OuterRef(OuterRef("destination_id")), product_gid=OuterRef(OuterRef("destination_gid"))
)
_UNSURE = StockLink.objects.filter(
    destination_level__store=OuterRef("destination_id"),
    destination_level__item_gid__in=_VARIANTS.values("item_gid"),
    connection__state=Connection.State.RUNNING,
    connection__disconnecting_at=None,
    is_sure=False,
).exclude(ending="")


def spared() -> QuerySet[ProductLink]:
    """Links of what does not follow and was left for something else."""
    done = ProductLink.Done.SPARED
    return ProductLink.objects.filter(state=ProductLink.State.UNLINKED, unlink_done=done).exclude(destination_gid="")


def _free() -> QuerySet[ProductLink]:
    """Those that nothing else has any more, surely."""
    follow = unlinking.others_that_follow(OuterRef("pk"), *_OF_PARTNER)
    own = (OuterRef("connection"), OuterRef("source_gid"))
    stocked = unlinking.variants_of_others(*own, *_OF_PARTNER)
    return spared().exclude(Exists(follow)).exclude(Exists(stocked)).exclude(Exists(_UNSURE))


def find_due(now: datetime) -> list[ProductLink]:
    """Those of connections that can do to them what was chosen; at most PRODUCTS_AT_ONCE.

    Not what waits for an operator's decision, or was refused within an hour.
    """
    due = _free().filter(_CARRIES).exclude(Exists(_HELD)).exclude(_IS_LOOKED_FOR).exclude(retry_at__gt=now)
    rows = due.select_related("connection__source", "connection__destination")
    return list(rows.order_by("unlinked_at", "pk")[:PRODUCTS_AT_ONCE])


def find_left() -> QuerySet[ProductLink]:
    """Those that are there still, and that nobody can, or was able to, do anything to: a person must.

    Their connection has ended, or has no product sync any more, or Shopify refused it.
    """
    there = Variant.objects.filter(
        store=OuterRef("destination_id"), product_gid=OuterRef("destination_gid"), gone_at=None
    )
    removes = ~Q(connection__catalogue__unlink=CatalogueSettings.Unlink.NOTHING)
    return _free().filter(Exists(there), removes).exclude(_CARRIES, retry_at=None)


def keep(link: ProductLink, by: str) -> bool:
    """An operator decided: its partner stays as it is; False where something was done about it meanwhile."""
    words = f"Kept as it is by {by}."
    return bool(spared().filter(pk=link.pk).update(unlink_done=ProductLink.Done.LEFT, retry_at=None, reason=words))
