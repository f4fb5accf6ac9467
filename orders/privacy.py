"""What rows about orders may tell of a customer, and removing it: on request, and by age.

That is: words that quote Shopify, parcels' tracking, and the titles of custom lines ("Engraving for Anna").

The rows themselves stay: they hold ids, units and sums, and they are why no order is ever carried twice.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.utils import timezone

from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.models import Store
from stores.shopify import gids

WORDS = "Removed: a customer asked to be forgotten."
OLD_WORDS = "Removed by age."
TITLE = "(removed)"
TRACKING = "tracking"
PERSONAL = (TRACKING, "lines")  # parts of what was sent; lines of a draft have the buyer's own properties
# A change that is under way needs what it sends; it is over within minutes.
OVER = (OrderUpdate.State.CONFIRMED, OrderUpdate.State.SKIPPED, OrderUpdate.State.FAILED)

UNDER_WAY = (OrderImport.State.PLANNED, OrderImport.State.WAITING, OrderImport.State.SENT)


def orders_of(store: Store, numbers: Collection[int] | None) -> QuerySet[OrderImport]:
    """Imports of these orders of a store, originals and copies alike; of all its orders if `numbers` is None."""
    original, copy = Q(connection__destination=store), Q(connection__source=store)
    if numbers is not None:
        named = [gids.gid("Order", number) for number in numbers]
        original, copy = original & Q(order_gid__in=named), copy & Q(copy_order_gid__in=named)
    return OrderImport.objects.filter(original | copy)


def forget(imports: QuerySet[OrderImport], words: str = WORDS) -> int:
    """Remove what these tell of customers; how many imports there are. `words` stand in its place. Safe to repeat."""
    keys = list(imports.values_list("pk", flat=True))
    known = OrderImport.objects.filter(pk__in=keys)
    known.exclude(reason="").exclude(reason=words).update(reason=words, changed_at=timezone.now())
    known.exclude(notes="").update(notes="")
    OrderImportLine.objects.filter(order_import__in=keys, variant_gid="").exclude(title="").update(title=TITLE)
    updates = OrderUpdate.objects.filter(order_import__in=keys, state__in=OVER)
    updates.exclude(reason="").update(reason=words)
    for name in PERSONAL:
        tracked = updates.filter(body__has_key=name)
        tracked.update(body=Func(F("body"), Value(name), arg_joiner=" - ", template="(%(expressions)s)"))
    return len(keys)


def forget_old(before: datetime, most: int) -> int:
    """As `forget`, for orders of which nothing was heard since then: at most so many; how many there were."""
    lately = OrderUpdate.objects.filter(order_import=OuterRef("pk")).filter(
        ~Q(state__in=OVER) | Q(changed_at__gte=before)
    )
    old = OrderImport.objects.filter(is_forgotten=False, changed_at__lt=before).exclude(state__in=UNDER_WAY)
    old = old.exclude(Exists(lately))
    keys = list(old.order_by("changed_at").values_list("pk", flat=True)[:most])
    forget(OrderImport.objects.filter(pk__in=keys), OLD_WORDS)
    return OrderImport.objects.filter(pk__in=keys).update(is_forgotten=True)


def list_what_is_kept(imports: QuerySet[OrderImport]) -> list[dict[str, object]]:
    """What is kept about these: name and id of the order, its words and custom lines, the tracking that was carried."""
    return [
        {
            "order": row.order_gid,
            "name": row.order_name,
            "words": [words for words in (row.reason, *(change.reason for change in row.updates.all())) if words],
            "custom_lines": [line.title for line in row.lines.all() if not line.variant_gid and line.title],
            "tracking": [change.body[TRACKING] for change in row.updates.all() if change.body.get(TRACKING)],
        }
        for row in imports.order_by("pk").prefetch_related("updates", "lines")
    ]
