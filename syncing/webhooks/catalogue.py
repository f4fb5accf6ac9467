"""What webhooks of products lead to in catalogues: a source's product is carried, a destination's edit is looked at."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import DateTimeField, Value
from django.db.models.functions import Greatest
from django.utils.dateparse import parse_datetime

from stores.models import Connection, ProductLink, Store, SyncMode
from stores.shopify import gids
from syncing.catalogue.rules.webhook_digest import digest_of, is_only_stock, is_same_content
from syncing.models import BulkLine
from syncing.queue import enqueue

Payloads = Sequence[dict]
# Between our last call and the time we note, and between Shopify's clock and ours.
ECHO_SECONDS = timedelta(seconds=5)


def follow_products(store: Store, payloads: Payloads) -> list[str]:
    """products/create and update. Returns a reason for each, '' where the store follows or controls no catalogue."""
    return _carry(store, payloads) if store.is_source else _check_edits(store, payloads)


def _followers(store: Store) -> list[Connection]:
    """Connections along which this source's catalogue travels; where only stock does, sharing still decides."""
    return list(Connection.objects.filter(source=store, catalogue__started_at__isnull=False).order_by("pk"))


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
        digest, count = digest_of(payload), 0
        for connection in connections:
            link = links[product_gid].get(connection.pk)
            if link is None or not is_only_stock(link.heard, digest):
                enqueue.sync_product(connection, product_gid)
                count += 1
            if link and link.heard != digest:
                link.heard = digest
                ProductLink.objects.filter(pk=link.pk).update(heard=digest)
        reasons.append("It is synced." if count else "Nothing but its stock has changed.")
    return reasons


def _check_edits(store: Store, payloads: Payloads) -> list[str]:
    product_gids = [gids.gid("Product", payload["id"]) for payload in payloads]
    rows = ProductLink.objects.filter(
        destination=store, destination_gid__in=product_gids, state=ProductLink.State.LINKED
    )
    rows = rows.filter(connection__catalogue__started_at__isnull=False).exclude(
        connection__catalogue__product_mode=SyncMode.OFF
    )
    links = {link.destination_gid: link for link in rows.select_related("connection")}
    lines = BulkLine.objects.filter(connection__destination=store, destination_gid__in=links, state=BulkLine.State.OPEN)
    written = {line.destination_gid: line for line in lines} if links else {}
    return [
        _check_edit(links[gid], payload, written.get(gid)) if gid in links else ""
        for gid, payload in zip(product_gids, payloads, strict=True)
    ]


def _check_edit(link: ProductLink, payload: dict, line: BulkLine | None) -> str:
    digest, before = digest_of(payload), link.heard_there
    link.heard_there = digest
    rows, updated_at = ProductLink.objects.filter(pk=link.pk), _instant_of(payload)
    is_same = is_same_content(before, digest)
    if (
        line is not None and updated_at is not None and not is_same
    ):  # whether that was we is known once the line has its result
        rows.update(heard_there=digest)
        BulkLine.objects.filter(pk=line.pk).update(
            changed_there_at=Greatest("changed_there_at", Value(updated_at, DateTimeField()))
        )
        return "A bulk operation is at it: it is compared when that has ended."
    if is_same or _is_echo(link, updated_at):
        rows.update(heard_there=digest)
        return "Nothing that follows the source was edited."
    rows.update(heard_there=digest, fingerprint="")  # so that the destination is read
    enqueue.sync_product(link.connection, link.source_gid)
    return "It is compared with the source."


def _instant_of(payload: dict) -> datetime | None:
    updated_at = parse_datetime(str(payload.get("updated_at")))
    return None if updated_at is None or updated_at.tzinfo is None else updated_at


def _is_echo(link: ProductLink, updated_at: datetime | None) -> bool:
    if updated_at is None or link.synced_at is None:
        return False
    return updated_at <= link.synced_at + ECHO_SECONDS


def forget_products(store: Store, payloads: Payloads) -> None:
    """products/delete: what followed is let go of; what a destination deleted may be made again."""
    product_gids = [gids.gid("Product", payload["id"]) for payload in payloads]
    if store.is_source:
        for connection in _followers(store):
            for product_gid in product_gids:
                enqueue.sync_product(connection, product_gid)
        return
    links = ProductLink.objects.filter(destination=store, destination_gid__in=product_gids)
    for link in links.filter(state=ProductLink.State.LINKED).select_related("connection"):
        ProductLink.objects.filter(pk=link.pk).update(fingerprint="")
        enqueue.sync_product(link.connection, link.source_gid)
