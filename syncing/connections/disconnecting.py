"""Ending a connection as one action: its products, its quantities, its orders; then it is ended, and can begin again.

It goes on running until all of that is done: `Connection.disconnecting_at`. Its rows stay, so that orders stay known.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from orders.models import OrderImport
from orders.open_orders import open_orders
from stores.linking import claims
from stores.models import CatalogueSettings, Connection, LocationMapping, ProductLink, ResourceLink, VariantLink
from syncing.catalogue import unpublished
from syncing.catalogue.content import comparison
from syncing.catalogue.products import deletion
from syncing.catalogue.runs import lifecycle
from syncing.connections import stopped_sales
from syncing.models import CatalogueRun, StockBatch, StockHold, StockLink, SyncJob
from syncing.queue import enqueue
from syncing.stock import ends, pairs, wiring

# What is said where a store could not be asked any more.
LEFT = "Disconnected. What had not been synced by now, and what was to be done in the stores, is left as it is."
State, Ending, Unlink = Connection.State, Connection.Ending, CatalogueSettings.Unlink


class NotToBeEnded(ValueError):
    """It cannot be disconnected so; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What disconnecting concerns."""

    products: int
    contents: int  # collections, pages, blogs, articles, metaobjects
    on_sale: ends.OnSale
    orders: int


def count(connection: Connection) -> Counts:
    """How many products, collections and content follow, how much is on sale, how many orders are open."""
    on_sale = ends.count_on_sale(Q(connection=connection))
    return Counts(*_followers(connection), on_sale, open_orders(connection.pk).count())


def _followers(connection: Connection) -> tuple[int, int]:
    """How many products follow, and how many collections and content."""
    if not CatalogueSettings.objects.filter(connection=connection, started_at__isnull=False).exists():
        return 0, 0
    return lifecycle.count_followers(connection), comparison.followers(connection).count()


def begin(connection: Connection, unlink: str, quantities: str, *, waits_for_orders: bool, by: Any = None) -> str:
    """Disconnect: `unlink` is what becomes of products, `quantities` of what is on sale; what was done, in words.

    Raises NotToBeEnded, lifecycle.RunRefused, having changed nothing.
    """
    if unlink not in Unlink.values or quantities not in Ending.values:
        raise NotToBeEnded("Choose what becomes of the products, and of the quantities.")
    reason, is_asked_again = connection.why_inert(), connection.disconnecting_at is not None
    # A store that never comes back must not keep it from its end: asked for again, it ends with what is done.
    if connection.state == State.ENDED or (is_asked_again and not reason):
        raise NotToBeEnded("It is disconnected already.")
    if reason:
        needs_store = quantities != Ending.LEAVE or (unlink != Unlink.NOTHING and any(_followers(connection)))
        must_wait = needs_store or (waits_for_orders and open_orders(connection.pk))
        if connection.state == State.RUNNING and must_wait and not is_asked_again:
            raise NotToBeEnded(
                f"{reason} Resume it first; or leave products and quantities as they are, and let no order go on."
            )
        _stop_keeping(connection, Ending.LEAVE)
        _give_up_runs(connection)
        end(connection)
        is_left = is_asked_again or (connection.state == State.RUNNING and ends.must_leave(connection))
        return LEFT if is_left else "Disconnected: nothing had to be done in the stores."
    with transaction.atomic():
        if any(_followers(connection)):
            enqueue.run_catalogue(lifecycle.disconnect(connection, unlink, by=by))
        Connection.objects.filter(pk=connection.pk).update(waits_for_orders=waits_for_orders)
        _stop_keeping(connection, quantities)
    enqueue.carry_stock(connection)
    if waits_for_orders and connection.orders_from_at is not None:
        enqueue.reconcile(connection)  # orders from before of which no webhook told
    return "It is being disconnected: products and quantities first, then what its orders still wait for."


def _give_up_runs(connection: Connection) -> None:
    """No run goes on when the connection begins again."""
    runs = CatalogueRun.objects.filter(connection=connection, state__in=CatalogueRun.UNDER_WAY, is_preview=False)
    words = "The connection was disconnected."
    runs.update(state=CatalogueRun.State.CANCELLED, finished_at=timezone.now(), message=words)


def _stop_keeping(connection: Connection, quantities: str) -> None:
    """Have its quantities be kept in step no more, and what is on sale be what was chosen."""
    asked_at = wiring.ask_clock()
    Connection.objects.filter(pk=connection.pk).update(disconnecting_at=connection.destination.now())
    wiring.wire_connection(connection)
    ends.choose(Q(connection=connection, ended_at__gte=asked_at), quantities)


def what_is_left(connection: Connection) -> str:
    """What a connection that is being disconnected still waits for, in words; '' for nothing."""
    runs = CatalogueRun.objects.filter(connection=connection, state__in=CatalogueRun.UNDER_WAY, is_preview=False)
    if runs.exists():
        return "Its products are being let go of."
    if StockHold.objects.filter(connection=connection, state=StockHold.State.OPEN).exists():
        return "Quantities wait for a decision under “Needs review”."
    unanswered = StockBatch.objects.filter(connection=connection, state=StockBatch.State.PENDING)
    if pairs.count_waiting(connection, 1).count or unanswered.exists():
        return "Its quantities are being done."
    if refused := stopped_sales.refused().filter(connection=connection).count():
        what = "1 item is" if refused == 1 else f"{refused} items are"
        return (
            f"{what} sold when out of stock, and the store refuses to change that: try again, or leave it to the "
            "store, under “Inventory”."
        )
    if stopped_sales.to_stop(connection).exists():
        return "What is out of stock is being taken off sale."
    if connection.waits_for_orders and (left := open_orders(connection.pk).count()):
        return f"Orders that are not done yet: {left}."
    if connection.waits_for_orders and connection.orders_from_at is not None and not _was_compared(connection):
        return "Both stores are asked once more for orders from before."
    if deletion.undecided().filter(connection=connection).exists():
        return "Products were taken off sale: a day later those are deleted that nobody ever ordered."
    return ""


def _was_compared(connection: Connection) -> bool:
    """Whether the last comparison that was asked for came to its end."""
    rows = SyncJob.objects.filter(connection=connection, kind=SyncJob.Kind.RECONCILE)
    last = rows.order_by("-pk").values_list("state", flat=True).first()
    return last in (None, SyncJob.State.SUCCEEDED)


def disconnecting() -> QuerySet[Connection]:
    """Connections that are about to end."""
    rows = Connection.objects.filter(state=State.RUNNING, disconnecting_at__isnull=False)
    return rows.select_related("source", "destination")


def finish(connection: Connection) -> None:
    """End it, if nothing is left to do."""
    if not connection.why_inert() and not what_is_left(connection):
        end(connection)


def end(connection: Connection) -> None:
    """It is ended: inert from now on; its rows stay. What it had is free for others, who look for it at once."""
    with transaction.atomic():
        claims.release(connection)  # first: whoever matches has the lock of links before a connection's row
        Connection.objects.filter(pk=connection.pk).update(state=State.ENDED)
        CatalogueSettings.objects.filter(connection=connection).update(started_at=None)
    wanting = VariantLink.objects.filter(connection=OuterRef("pk"), state=VariantLink.State.AMBIGUOUS)
    others = Connection.objects.filter(destination=connection.destination_id, state=State.RUNNING)
    for other in others.filter(Exists(wanting)):
        enqueue.match_connection(other)


def connect_again(connection: Connection) -> None:
    """Let it be matched, previewed and started like a new one; orders that it copied stay known.

    Products that it had let go of are taken up again, and its partners, but for those that are another one's by now.
    """
    with transaction.atomic():
        claims.claim_again(connection)
        _begin_again(connection)


def _begin_again(connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk, state__in=(State.ENDED, State.REMOVED)).update(
        state=connection.first_state(),
        disconnecting_at=None,
        started_at=None,
        carries_orders_since=None,
        aligned_strategy="",
        is_paused=False,
        pause_reason="",
        paused_until=None,
    )
    departed = connection.product_links.filter(departure=ProductLink.UnlinkReason.DISCONNECTED)
    departed.update(departure="", state=ProductLink.State.UNMATCHED)


def remove(connection: Connection) -> None:
    """Delete an ended connection. One that has copied orders leaves no more than these: they stay known.

    So do the channels that it took something from, for whoever follows there next. Connected again, the two stores
    have the same row. Raises NotToBeEnded for one that was not disconnected.
    """
    if connection.state == State.RUNNING:
        raise NotToBeEnded("Disconnect it first: that asks what becomes of products, quantities and orders.")
    has_copies = OrderImport.objects.filter(connection=connection).exists()
    with transaction.atomic():
        unpublished.keep(connection)
        if not has_copies:
            connection.delete()
            return
        Connection.objects.filter(pk=connection.pk).update(state=State.REMOVED)
        StockHold.objects.filter(connection=connection).delete()
        for model in (StockLink, VariantLink, ProductLink, ResourceLink, LocationMapping, CatalogueSettings):
            model.objects.filter(connection=connection).delete()
