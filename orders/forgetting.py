"""What rows about orders may tell of a customer, and removing it: words that quote Shopify, and parcels' tracking.

The rows themselves stay: they hold ids, units and sums, and they are why no order is ever carried twice.
"""

from collections.abc import Collection

from django.db.models import F, Func, Q, QuerySet, Value
from django.utils import timezone

from orders.models import OrderImport, OrderUpdate
from stores.models import Store
from stores.shopify import gids

WORDS = "Removed: a customer asked to be forgotten."
TRACKING = "tracking"
# A change that is under way needs what it sends; it is over within minutes.
OVER = (OrderUpdate.State.CONFIRMED, OrderUpdate.State.SKIPPED, OrderUpdate.State.FAILED)


def orders_of(store: Store, numbers: Collection[int] | None) -> QuerySet[OrderImport]:
    """Imports of these orders of a store, originals and copies alike; of all its orders if `numbers` is None."""
    original, copy = Q(connection__destination=store), Q(connection__source=store)
    if numbers is not None:
        named = [gids.gid("Order", number) for number in numbers]
        original, copy = original & Q(order_gid__in=named), copy & Q(copy_order_gid__in=named)
    return OrderImport.objects.filter(original | copy)


def forget(imports: QuerySet[OrderImport]) -> int:
    """Remove the words and the tracking of these; how many imports there are. Safe to repeat."""
    keys = list(imports.values_list("pk", flat=True))
    OrderImport.objects.filter(pk__in=keys).exclude(reason="").update(reason=WORDS, changed_at=timezone.now())
    updates = OrderUpdate.objects.filter(order_import__in=keys, state__in=OVER)
    updates.exclude(reason="").update(reason=WORDS)
    tracked = updates.filter(body__has_key=TRACKING)
    tracked.update(body=Func(F("body"), Value(TRACKING), arg_joiner=" - ", template="(%(expressions)s)"))
    return len(keys)


def told_of(imports: QuerySet[OrderImport]) -> list[dict[str, object]]:
    """What is kept about these: name and id of the order, its words, and the tracking that was carried."""
    return [
        {
            "order": row.order_gid,
            "name": row.order_name,
            "words": [words for words in (row.reason, *(change.reason for change in row.updates.all())) if words],
            "tracking": [change.body[TRACKING] for change in row.updates.all() if change.body.get(TRACKING)],
        }
        for row in imports.order_by("pk").prefetch_related("updates")
    ]
