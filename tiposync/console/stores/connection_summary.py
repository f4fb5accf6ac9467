"""What a connection's page tells besides its form, and what follows from changing it."""

from orders.models import OrderImport, OrderUpdate
from stores import selecting
from stores.models import Connection, VariantLink
from syncing.connections import disconnecting, participation, resuming
from syncing.models import Reconciliation, StockHold, StockLink, SyncJob, WebhookEvent
from syncing.queue import enqueue
from syncing.stock import wiring
from tiposync.console.kit import markup


def follow_up(connection: Connection, product_gid: str | None = None) -> None:
    """Have a started connection's stock links follow what an operator just changed, and carry what that means."""
    if connection.state == Connection.State.RUNNING:
        if product_gid is None:
            participation.follow(connection)
        resuming.resume_linked([connection.pk])
        wiring.wire_connection(connection, *([product_gid] if product_gid else []))
        enqueue.carry_stock(connection)
        resuming.resume_connection(connection, product_gid)


def ignored_words(connection: Connection) -> str:
    """What a connection's page says while its selection decides about its catalogue alone; '' if it decides."""
    if not connection.ignores_selection:
        return ""
    wanted, share = selecting.selection_of(connection), selecting.share_of(connection.source)
    ending = len(selecting.preview(connection, wanted, share).ending)
    return (
        f"Stock and orders still go on for products that this connection's selection, or its source's sharing, leaves "
        f"out: {ending}, as far as they were read. Press “Apply the selection …” to end that; until then nothing ends."
    )


def ending_words(connection: Connection) -> str:
    """What a connection's page says while it is being disconnected; '' if it is not."""
    if not connection.disconnecting_at or connection.state != Connection.State.RUNNING:
        return ""
    left = disconnecting.what_is_left(connection) or "It ends within a minute."
    return f"It is being disconnected. {left}"


def unmapped_locations(connection: Connection) -> dict[str, list[str]]:
    """Active locations of both stores that this connection leaves alone, by name."""
    mapped = {pk for row in connection.mappings.all() for pk in (row.source_location_id, row.destination_location_id)}
    return {
        side: [place.name for place in store.locations.filter(is_active=True) if place.pk not in mapped]
        for side, store in (("source", connection.source), ("destination", connection.destination))
    }


def panel_urls(connection: Connection) -> dict[str, str]:
    """Lists that the figures of a connection lead to."""
    own = {"connection": connection.pk}
    return {
        "in_step": markup.list_url(StockLink, stock="in", **own),
        "out": markup.list_url(StockLink, stock="out", **own),
        "waiting": markup.list_url(StockLink, stock="waiting", **own),
        "oversold": markup.list_url(StockLink, stock="oversold", **own),
        "skipped": markup.list_url(StockLink, state__exact="skipped", **own),
        "held": markup.list_url(StockHold, state__exact="open", **own),
        "linked": markup.list_url(VariantLink, state__exact="linked", **own),
        "unmatched": markup.list_url(VariantLink, state__exact="unmatched", **own),
        "ambiguous": markup.list_url(VariantLink, state__exact="ambiguous", **own),
        "orders": markup.list_url(OrderImport, standing="unfinished", **own),
        "orders_for_links": markup.list_url(OrderImport, standing="links", **own),
        "orders_for_review": markup.list_url(OrderImport, standing="review", **own),
        "orders_need_shop": markup.list_url(OrderImport, standing="shop", **own),
        "orders_failed": markup.list_url(OrderImport, state__exact="failed", **own),
        "changes_failed": markup.list_url(OrderUpdate, state__exact="failed", **own),
        "failed": markup.list_url(SyncJob, state__exact="failed", **own),
        "due": markup.list_url(SyncJob, due="now", **own),
        "events": markup.list_url(WebhookEvent, state__exact="new", o=6, **own),
        "reconciliations": markup.list_url(Reconciliation, **own),
    }
