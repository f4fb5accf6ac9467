"""What webhooks of products lead to in catalogues: a source's product is carried, a destination's edit is looked at."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.dateparse import parse_datetime

from stores.models import CatalogueSettings, Connection, ProductLink, Store, SyncMode, Variant, VariantLink
from stores.shopify import gids
from syncing import jobs
from syncing.catalog.hearing import heard_of, is_only_stock, is_same_content

Payloads = Sequence[dict]
# Between our last call and the time we note, and between Shopify's clock and ours.
ECHO_SECONDS = timedelta(seconds=5)
MOST_SINGLY = 100  # products that are looked at one by one; above it a comparison reads them in batches


def follow_products(store: Store, payloads: Payloads) -> list[str]:
    """products/create and update. Returns a reason for each, '' where the store follows or controls no catalogue."""
    return _carry(store, payloads) if store.is_source else _look_at_edits(store, payloads)


def _followers(store: Store) -> list[Connection]:
    """Connections along which this source's catalogue travels; where only stock does, sharing still decides."""
    return list(Connection.objects.filter(source=store, catalogue__started_at__isnull=False))


def _carry(store: Store, payloads: Payloads) -> list[str]:
    connections = _followers(store)
    if not connections:
        return [""] * len(payloads)
    product_gids = [gids.gid("Product", payload["id"]) for payload in payloads]
    links: dict[str, dict[int, ProductLink]] = defaultdict(dict)
    for known in ProductLink.objects.filter(connection__in=connections, source_gid__in=product_gids):
        links[known.source_gid][known.connection_id] = known
    reasons = []
    for product_gid, payload in zip(product_gids, payloads, strict=True):
        heard, count = heard_of(payload), 0
        for connection in connections:
            link = links[product_gid].get(connection.pk)
            if link is None or not is_only_stock(link.heard, heard):
                jobs.sync_product(connection, product_gid)
                count += 1
            if link and link.heard != heard:
                link.heard = heard
                ProductLink.objects.filter(pk=link.pk).update(heard=heard)
        reasons.append("It is carried." if count else "Nothing but its stock has changed.")
    return reasons


def _look_at_edits(store: Store, payloads: Payloads) -> list[str]:
    product_gids = [gids.gid("Product", payload["id"]) for payload in payloads]
    rows = ProductLink.objects.filter(
        destination=store, destination_gid__in=product_gids, state=ProductLink.State.LINKED
    )
    rows = rows.filter(connection__catalogue__started_at__isnull=False).exclude(
        connection__catalogue__product_mode=SyncMode.OFF
    )
    links = {link.destination_gid: link for link in rows.select_related("connection")}
    return [
        _look_at_edit(links[gid], payload) if gid in links else ""
        for gid, payload in zip(product_gids, payloads, strict=True)
    ]


def _look_at_edit(link: ProductLink, payload: dict) -> str:
    heard, before = heard_of(payload), link.heard_there
    link.heard_there = heard
    rows = ProductLink.objects.filter(pk=link.pk)
    if is_same_content(before, heard) or _is_echo(link, parse_datetime(str(payload.get("updated_at")))):
        rows.update(heard_there=heard)
        return "Nothing that follows the source was edited."
    rows.update(heard_there=heard, fingerprint="")  # so that the destination is read
    jobs.sync_product(link.connection, link.source_gid)
    return "It is compared with the source."


def _is_echo(link: ProductLink, updated_at: datetime | None) -> bool:
    if updated_at is None or updated_at.tzinfo is None or link.synced_at is None:
        return False
    return updated_at <= link.synced_at + ECHO_SECONDS


def forget_products(store: Store, payloads: Payloads) -> None:
    """products/delete: what followed is let go of; what a destination deleted may be made again."""
    product_gids = [gids.gid("Product", payload["id"]) for payload in payloads]
    if store.is_source:
        for connection in _followers(store):
            for product_gid in product_gids:
                jobs.sync_product(connection, product_gid)
        return
    links = ProductLink.objects.filter(destination=store, destination_gid__in=product_gids)
    for link in links.filter(state=ProductLink.State.LINKED).select_related("connection"):
        ProductLink.objects.filter(pk=link.pk).update(fingerprint="")
        jobs.sync_product(link.connection, link.source_gid)


# --- What waited for a partner ------------------------------------------------------------------------------------


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
        jobs.sync_product(link.connection, link.source_gid)


def resume_connection(connection: Connection, product_gid: str | None = None) -> None:
    """The same after whole catalogues were matched again, or an operator linked variants (of one source's product)."""
    rows = _waiting(Connection.objects.filter(pk=connection.pk)).filter(_is_matched())
    if product_gid:
        rows = rows.filter(source_gid=product_gid)
    links = list(rows.select_related("connection")[: MOST_SINGLY + 1])
    if len(links) > MOST_SINGLY:  # one comparison of all, which the sweep begins
        CatalogueSettings.objects.filter(connection=connection).update(products_compared_at=None)
        return
    for link in links:
        jobs.sync_product(link.connection, link.source_gid)


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
