"""Who or what changed a store's quantities: what our own rows tell, and where Shopify says the rest.

Shopify tells apps when a level changed, never by whom: a webhook names nobody, and what adjusts quantities is found by
its own id only, which nobody outside knows (docs/shopify.md). The store's admin does say it, item by item.
"""

from django.db.models import Count, F, QuerySet

from stores.models import Connection, Store
from syncing.models import HoldCause, StockAdjustment, StockHold, StockObservation

ORIGINS: dict[str, str] = {
    StockObservation.Origin.WEBHOOK: "a webhook of Shopify",
    StockObservation.Origin.LIVE: "a live read",
    StockObservation.Origin.BULK: "a reconciliation",
    StockObservation.Origin.RECENT: "the comparison of recent changes",
}
UNKNOWN_WORDS = (
    "Shopify tells apps when a quantity changed, not who changed it. The inventory history of an item in Shopify (the "
    "↗ beside its name) names the app or the staff member, and the reason."
)


def level_path(cause: HoldCause) -> str:
    """From a hold to the level that changed: of the source, unless a destination changed by itself."""
    return "link__source_level" if cause.store.role == Store.Role.SOURCE else "link__destination_level"


def words_of(cause: HoldCause, holds: QuerySet[StockHold]) -> list[str]:
    """What is known, a sentence each; three queries however many items there are."""
    path = level_path(cause)
    levels = holds.order_by().values(path)
    # The last of our own writes there, where the level still has what it wrote.
    own = StockAdjustment.objects.filter(
        level__in=levels, state=StockAdjustment.State.APPLIED, change_to=F("level__available")
    )
    own = own.filter(settled_at__gte=F("level__as_of"), created_at__lte=cause.newest_at)
    found = list(own.order_by().values("connection", "cause").annotate(n=Count("level", distinct=True)).order_by("-n"))
    names = Connection.objects.select_related("source", "destination").in_bulk([row["connection"] for row in found])
    labels = dict(StockAdjustment.Cause.choices)
    said = [
        f"tiposync itself wrote {row['n']:,} of these quantities: {names.get(row['connection'], 'a connection')}, "
        f"{labels[row['cause']][:1].lower()}{labels[row['cause']][1:]}."
        for row in found
    ]
    return [*said, _noticed(levels), *([] if said else [UNKNOWN_WORDS])]


def _noticed(levels: QuerySet) -> str:
    newest = StockObservation.objects.filter(level__in=levels, available=F("level__available"))
    newest = newest.filter(as_of=F("level__as_of")).exclude(origin=StockObservation.Origin.WRITE)
    counted = newest.order_by().values("origin").annotate(n=Count("level", distinct=True)).order_by("-n")
    words = [f"{ORIGINS[row['origin']]} ({row['n']:,})" for row in counted if row["origin"] in ORIGINS]
    return f"Noticed by {', '.join(words)}." if words else ""
