"""What an order and its copy are at Shopify, each read once for one comparison; one that is gone holds nothing."""

import time
from dataclasses import dataclass, replace
from datetime import datetime

from orders import intake
from orders.changes import signs
from orders.copies.importing import CLOCKS_APART
from orders.models import OrderImport, OrderUpdate
from stores.clients import OpenClient
from stores.models import Store
from stores.shopify import errors
from stores.shopify.client import Client
from stores.shopify.orders.order_progress import OrderProgress, read_progress

DELETED = "#deleted"  # after the gid of an original, in the row of its cancellation: it was deleted


@dataclass(slots=True)
class Reading:
    """An order as it was read; `as_of` is the instant from which on a change of it is not known."""

    order: OrderProgress
    as_of: datetime | None
    answered_at: datetime | None


class Readings:
    """What was read of one copied order so far. Both readers raise what the client raises."""

    row: OrderImport
    clients: OpenClient
    original: Reading | None
    copy: Reading | None

    def read_original(self) -> OrderProgress:
        """The original, read once; one that is deleted holds nothing and counts as cancelled."""
        if self.original is None:
            self.original = read_original(self.row, self.clients)
        return self.original.order

    def read_copy(self) -> OrderProgress:
        """The copy, read once; one that is deleted holds nothing, and of a draft that is known already."""
        row = self.row
        if self.copy is None and row.has_deleted_draft:
            gone = OrderProgress(row.copy_gid, row.copy_name, None, "", (), (), (), ())
            self.copy = Reading(gone, None, self.clients(row.connection.source).answered_at)
        if self.copy is None:
            source = row.connection.source
            self.copy = _read(self.clients(source), source, row.copy_order_gid, row.copy_name, row.confirmed_at)
        return self.copy.order

    def forget(self) -> None:
        """What was read is old."""
        self.original = self.copy = None


def read_original(row: OrderImport, clients: OpenClient) -> Reading:
    """The original now. One that is deleted counts as cancelled, at the moment in which nothing was found."""
    destination = row.connection.destination
    reading = _read(clients(destination), destination, row.order_gid, row.order_name, row.placed_at)
    if is_gone(reading.order):
        reading.order = replace(reading.order, cancelled_at=reading.answered_at or destination.now())
    return reading


def is_gone(order: OrderProgress) -> bool:
    """Whether it was not there any more when it was read."""
    return order.updated_at is None


def note_cancellation(row: OrderImport, original: OrderProgress) -> None:
    """Have a row for the cancellation of an original, or for its deletion. A cancelled one is often deleted later."""
    if not is_gone(original):
        intake.note_update(row, OrderUpdate.Kind.CANCELLATION, row.order_gid, original.cancelled_at)
    elif not row.updates.filter(kind=OrderUpdate.Kind.CANCELLATION).exists():
        intake.note_update(row, OrderUpdate.Kind.CANCELLATION, row.order_gid + DELETED, original.cancelled_at)


def is_deletion(update: OrderUpdate) -> bool:
    """Whether it stands for an original that was deleted."""
    return update.origin_gid.endswith(DELETED)


def _read(client: Client, store: Store, gid: str, name: str, made_at: datetime | None) -> Reading:
    """Raises ObjectNotFound only where nothing tells that an order which is not shown was deleted."""
    began = time.monotonic()
    try:
        order = read_progress(client, gid)
    except errors.ObjectNotFound:
        if not must_be_visible(store, made_at):
            raise
        return Reading(OrderProgress(gid, name, None, "", (), (), (), ()), None, client.answered_at)
    seconds = time.monotonic() - began
    return Reading(order, signs.known_until(order.updated_at, client.answered_at, seconds), client.answered_at)


def is_restored(row: OrderImport) -> bool:
    """Whether the database may have been restored after an order was last compared, so that our doings are unknown.

    The restore is by our clock, the comparison by Shopify's.
    """
    restored_at, compared = row.connection.restored_at, row.copy_compared_as_of
    return bool(restored_at and (compared is None or compared < restored_at + CLOCKS_APART))


def must_be_visible(store: Store, made_at: datetime | None) -> bool:
    """Whether Shopify would show an order if it were there: it hides orders after 60 days (shopify.md 7.4)."""
    return made_at is not None and made_at > store.now() - intake.OLDEST / 2
