"""What the destination did to products that follow: found by comparing, whatever no webhook told of.

A run lists the destination's products beside the source's. One whose `updatedAt` is not the one at which
it was last found to be as it should is read and compared; sales move that instant, too, so what was sold is read once a
run and costs no write. What no instant is known to tell of (channels, metafields) is found within a week: each is read
anew so often, not all on one day.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from stores.ages import is_over
from stores.models import Connection, ProductLink
from stores.shopify.products.product_heads import ProductHead
from syncing.catalogue.portions import portions

READ_ANEW = timedelta(days=7)
SPREAD_DAYS = 4  # of them: what was first synced on one day is read anew on as many


def find_edits(connection: Connection, listed: Iterable[ProductHead]) -> int:
    """Have every product read that may have changed there: its fingerprint is emptied. Returns how many.

    `listed` are all products of the destination. Nothing else is written, so that a preview may look, too. Raises
    ShopifyError.
    """
    seen: set[int] = set()
    count = 0
    for heads in portions(listed):
        count += _find_among(connection, heads, seen)
    rows = _following(connection).values_list("pk", flat=True)
    return count + _empty(pk for pk in rows.iterator() if pk not in seen)  # gone there, or a list that lags


def _following(connection: Connection) -> QuerySet[ProductLink]:
    return connection.product_links.filter(state=ProductLink.State.LINKED).exclude(fingerprint="")


def _find_among(connection: Connection, heads: list[ProductHead], seen: set[int]) -> int:
    changed_at = {head.gid: head.updated_at for head in heads}
    now = timezone.now()
    rows = _following(connection).filter(destination_gid__in=changed_at)
    found = list(rows.values_list("pk", "destination_gid", "destination_updated_at", "compared_there_at"))
    seen.update(pk for pk, *_ in found)
    return _empty(pk for pk, gid, at, compared in found if at != changed_at[gid] or _is_old(pk, compared, now))


def _is_old(pk: int, compared_at: datetime | None, now: datetime) -> bool:
    return compared_at is None or is_over(compared_at, READ_ANEW - timedelta(days=pk % SPREAD_DAYS), now)


def _empty(pks: Iterable[int]) -> int:
    count = 0
    for portion in portions(pks):
        count += ProductLink.objects.filter(pk__in=portion).update(fingerprint="")
    return count
