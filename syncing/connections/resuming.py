"""What waited for something that is there now: it is enqueued again, as the rows show it."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from orders import due
from orders.copies import late_links
from orders.reserved_units import Returned
from stores.models import CatalogueSettings, Connection, ProductLink, Store, SyncMode, Variant, VariantLink
from syncing.queue import enqueue
from syncing.stock import reserved_units

MOST_PRODUCTS = 100  # products that are looked at one by one; above it a comparison reads them in batches


def move_units(
    source_variant_ids: Collection[int], moved_at: datetime | None, returned: Returned | None = None
) -> None:
    """Have stock planned again with the units that are held back now (orders.reserved_units.MoveUnits)."""
    if returned is not None:
        reserved_units.units_came_back(returned.connection_id, returned.units)
    if source_variant_ids:
        enqueue.carry_stock_of(reserved_units.units_moved(source_variant_ids, moved_at))


def resume_linked(connection_ids: Collection[int]) -> None:
    """Have orders imported that waited for a link which is there now, and others held back that a person decides on.

    Called before the new links' stock is carried: what was sold of it is not offered for a moment.
    """
    late_links.hold_linked_late(connection_ids, move_units)
    for row in due.linked_since(connection_ids).select_related("connection"):
        enqueue.import_order(row.connection, row.order_gid)


def resume_matched(store: Store, product_gid: str) -> None:
    """Have products carried that waited for a partner, after this product of a source or a destination was matched.

    Webhooks of two stores come in any order, so a product may be looked at before its partner is known. What waits is
    found in the rows, not in what matching has just changed: a job that is repeated after a crash finds it again.
    """
    if store.is_source:
        rows = _waiting(Connection.objects.filter(source=store)).filter(_is_matched(), source_gid=product_gid)
    else:
        followed = (
            _linked()
            .filter(connection__destination=store, destination_variant__product_gid=product_gid)
            .values_list("source_variant__product_gid", flat=True)
        )
        rows = _waiting(Connection.objects.filter(destination=store)).filter(
            source_gid__in={*followed, *_of_same_handle(store, product_gid)}
        )
    for link in rows.select_related("connection"):
        enqueue.sync_product(link.connection, link.source_gid)


def resume_connection(connection: Connection, product_gid: str | None = None) -> None:
    """The same after whole catalogues were matched again, or an operator linked variants (of one source's product)."""
    rows = _waiting(Connection.objects.filter(pk=connection.pk)).filter(_is_matched())
    if product_gid:
        rows = rows.filter(source_gid=product_gid)
    links = list(rows.select_related("connection")[: MOST_PRODUCTS + 1])
    if len(links) > MOST_PRODUCTS:  # one comparison of all, which the sweep begins
        CatalogueSettings.objects.filter(connection=connection).update(products_compared_at=None)
        return
    for link in links:
        enqueue.sync_product(link.connection, link.source_gid)


def _waiting(connections: QuerySet[Connection]) -> QuerySet[ProductLink]:
    started = connections.filter(catalogue__started_at__isnull=False).exclude(catalogue__product_mode=SyncMode.OFF)
    return ProductLink.objects.filter(
        connection__in=started, state__in=(ProductLink.State.UNMATCHED, ProductLink.State.CONFLICT)
    )


def _linked() -> QuerySet[VariantLink]:
    return VariantLink.objects.filter(state=VariantLink.State.LINKED).order_by()


def _is_matched() -> Exists:
    rows = _linked().filter(connection=OuterRef("connection"), source_variant__product_gid=OuterRef("source_gid"))
    return Exists(rows)


def _of_same_handle(store: Store, product_gid: str) -> QuerySet[Variant, str]:
    """Products of sources with the handle of a destination's product, also of one that is gone: now it is free."""
    handles = Variant.objects.filter(store=store, product_gid=product_gid).exclude(handle_key="").values("handle_key")
    sources = Connection.objects.filter(destination=store).values("source")
    same = Variant.objects.filter(store__in=sources, gone_at=None, handle_key__in=handles).order_by()
    return same.values_list("product_gid", flat=True)
